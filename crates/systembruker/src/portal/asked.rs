//! What a vendor asks of a customer: a system user, one for clients, or a change. The three are shown and answered alike.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use model::{
    AccessPackage, ChangeRequest, DelegatedRight, OrgNumber, Organisation, RegisteredSystem, Request, RequestKind,
    RequestStatus, Right, RightsChange, matches_registered,
};
use serde::Deserialize;
use serde_json::json;
use store::AuditEntry;
use url::Url;
use uuid::Uuid;

use super::forms::{failed, hash_of};
use super::pages::{Message, Page, Visit, show};
use super::parties::{OrganisationRow, is_related, may, names_of_approvers, row, vendor_name};
use super::rights::{Describer, Hindrance, RightRow};
use crate::app::App;
use crate::change_requests::answer::CHANGE_PAGE;
use crate::http::extract::{Path, Query};
use crate::http::problem::ApiError;
use crate::login::addresses::higher_login_at;
use crate::login::sessions::LoggedIn;
use crate::read_model::SystemUserEntry;
use crate::requests::answer::{Target, page_of};
use crate::requests::forwarding::{Forwarded, Forwarding, MAX_MESSAGE, Subject};
use crate::resource_registry::builtin::ACCESS_MANAGEMENT;

/// What a vendor asks.
#[derive(Debug, Clone)]
pub enum Asked {
    /// For a system user, of either kind.
    Request(Request),
    /// For a change of one.
    Change(ChangeRequest, Arc<SystemUserEntry>),
}

impl Asked {
    /// Its id.
    pub fn id(&self) -> Uuid {
        match self {
            Self::Request(request) => request.id,
            Self::Change(request, _) => request.id,
        }
    }

    /// The page on which it is answered: `request`, `agentrequest` or `changerequest`.
    pub fn page(&self) -> &'static str {
        match self {
            Self::Request(request) => page_of(request.kind),
            Self::Change(..) => CHANGE_PAGE,
        }
    }

    /// Where it is answered.
    pub fn address(&self) -> String {
        format!("/{}/{}", self.page(), self.id())
    }

    /// The same, for who came from a page of ours and stays.
    pub fn address_from(&self, inside: bool) -> String {
        if inside { format!("{}?skiplogout=true", self.address()) } else { self.address() }
    }

    /// Where the customer may go on to: what the request says, if the system still has it registered.
    pub fn way_back(&self, app: &App) -> Option<Url> {
        let url = app.redirect_rules().parse(self.redirect_url()?).ok()?;
        matches_registered(&url, &self.system(app)?.allowed_redirect_urls).then_some(url)
    }

    /// Whose system user it is about: for the organisation itself, or for its clients.
    pub fn kind(&self) -> RequestKind {
        match self {
            Self::Request(request) => request.kind,
            Self::Change(_, user) => user.kind,
        }
    }

    /// The organisation that is asked, by party uuid and number.
    pub fn party(&self) -> (Uuid, OrgNumber) {
        match self {
            Self::Request(request) => (request.party, request.party_org),
            Self::Change(request, _) => (request.party, request.party_org),
        }
    }

    /// What would be forwarded.
    pub fn subject(&self) -> Subject {
        match self {
            Self::Request(request) => {
                Subject::Request(Target { party: request.party, kind: request.kind, id: request.id })
            }
            Self::Change(request, _) => Subject::Change { party: request.party, id: request.id },
        }
    }

    fn system_internal_id(&self) -> Uuid {
        match self {
            Self::Request(request) => request.system_internal_id,
            Self::Change(request, _) => request.system_internal_id,
        }
    }

    /// Where it stands.
    pub fn status_at(&self, now: Timestamp) -> RequestStatus {
        match self {
            Self::Request(request) => request.status_at(now),
            Self::Change(request, _) => request.status_at(now),
        }
    }

    /// When and by whom (party uuid) it was answered.
    pub fn answered(&self) -> Option<(Timestamp, Uuid)> {
        match self {
            Self::Request(request) => request.answered,
            Self::Change(request, _) => request.answered,
        }
    }

    /// When it was made, and until when it waits.
    pub fn times(&self) -> (Timestamp, Timestamp) {
        match self {
            Self::Request(request) => (request.created, request.expires),
            Self::Change(request, _) => (request.created, request.expires),
        }
    }

    /// What to show as its name.
    pub fn title(&self) -> &str {
        match self {
            Self::Request(request) => &request.title,
            Self::Change(_, user) => &user.user.title,
        }
    }

    /// The vendor's reference, unless it is but the customer's number.
    pub fn reference(&self) -> Option<&str> {
        let reference = match self {
            Self::Request(request) => &request.external_ref,
            Self::Change(request, _) => &request.external_ref,
        };
        Some(reference.as_str()).filter(|reference| *reference != self.party().1.as_str())
    }

    /// Where the vendor wants the customer to go after the answer.
    pub fn redirect_url(&self) -> Option<&str> {
        match self {
            Self::Request(request) => request.redirect_url.as_deref(),
            Self::Change(request, _) => request.redirect_url.as_deref(),
        }
    }

    /// What would be given.
    pub fn wanted(&self) -> (&[Right], &[AccessPackage]) {
        match self {
            Self::Request(request) => (&request.rights, &request.access_packages),
            Self::Change(request, _) => (&request.change.required_rights, &request.change.required_packages),
        }
    }

    /// The system, deleted or not.
    pub fn system(&self, app: &App) -> Option<Arc<RegisteredSystem>> {
        app.model.system(self.system_internal_id())
    }
}

/// Why there is nothing to show.
#[derive(Debug)]
pub enum NotShown {
    /// There is none, or the person has nothing to do with the organisation.
    Unknown,
    /// The vendor has withdrawn it.
    Withdrawn,
    /// It could not be looked for.
    Failed(ApiError),
}

impl NotShown {
    /// The page that says so.
    pub fn page(self, page: Page) -> Response {
        match self {
            Self::Unknown => page.message(Message::NotFound),
            Self::Withdrawn => page.message(Message::Withdrawn),
            Self::Failed(error) => failed(error),
        }
    }
}

impl<E: Into<ApiError>> From<E> for NotShown {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// What is asked under an id, whatever kind it is, and of which organisation.
pub async fn load(app: &App, id: Uuid) -> Result<(Asked, Arc<Organisation>), NotShown> {
    let mut session = app.store.read().await?;
    let asked = if let Some(request) = session.request(id).await? {
        Asked::Request(request)
    } else {
        let request = session.change_request(id).await?.filter(|request| !request.is_deleted);
        let request = request.ok_or(NotShown::Unknown)?;
        let user = app.model.system_user(request.system_user).ok_or(NotShown::Unknown)?;
        Asked::Change(request, user)
    };
    let organisation = app.model.parties().organisation(asked.party().0).ok_or(NotShown::Unknown)?;
    asked.system(app).ok_or(NotShown::Unknown)?;
    Ok((asked, organisation))
}

/// The same, for a person who has to do with the organisation; else the page that says why there is nothing to show.
pub async fn load_own(
    app: &App,
    session: &LoggedIn,
    page: &Page,
    id: &str,
) -> Result<(Asked, Arc<Organisation>), Response> {
    find_own(app, session, id).await.map_err(|not_shown| not_shown.page(page.clone()))
}

async fn find_own(app: &App, session: &LoggedIn, id: &str) -> Result<(Asked, Arc<Organisation>), NotShown> {
    let id: Uuid = id.trim().parse().map_err(|_| NotShown::Unknown)?;
    match load(app, id).await {
        Ok((asked, organisation)) if is_related(app, session, &organisation) => Ok((asked, organisation)),
        Ok(_) => Err(NotShown::Unknown),
        Err(NotShown::Unknown) => {
            // Who has nothing to do with the organisation does not learn that there was one.
            let mut reading = app.store.read().await?;
            let change = reading.change_request(id).await?.filter(|request| request.is_deleted);
            let party = reading.withdrawn_request_to(id).await?.or(change.map(|request| request.party));
            let organisation = party.and_then(|party| app.model.parties().organisation(party));
            let own = organisation.is_some_and(|organisation| is_related(app, session, &organisation));
            Err(if own { NotShown::Withdrawn } else { NotShown::Unknown })
        }
        Err(error) => Err(error),
    }
}

/// What of a request is described in words: what the person decides about, and what is kept a hash of.
#[derive(Debug)]
pub struct Described {
    /// The vendor's name and number.
    pub vendor: (String, OrgNumber),
    /// The system's name.
    pub system: String,
    /// Whether the system is there still.
    pub system_gone: bool,
    /// What would be given.
    pub added: Vec<RightRow>,
    /// What would be taken.
    pub removed: Vec<RightRow>,
    /// What would stay as it is.
    pub stays: Vec<RightRow>,
}

impl Described {
    /// Describes what is asked of an organisation, as a person is shown it.
    pub fn new(of: Describer<'_>, session: &LoggedIn, organisation: &Arc<Organisation>, asked: &Asked) -> Self {
        let system = asked.system(of.app);
        let (rights, packages) = asked.wanted();
        let wanted = match asked.kind() {
            RequestKind::Standard => of.asked(session, organisation, rights, packages),
            RequestKind::Agent => of.for_clients(packages),
        };
        let (added, removed, stays) = match asked {
            Asked::Request(_) => (wanted, vec![], vec![]),
            Asked::Change(request, user) if request.status_at(of.app.clock.now()) == RequestStatus::New => {
                changed(of, wanted, &request.change, user)
            }
            // What the change has done, or would have, is to be seen no more: it is said what was asked.
            Asked::Change(ChangeRequest { change, .. }, _) => {
                let unwanted = of.named(&change.unwanted_rights, &change.unwanted_packages);
                (wanted, unwanted.into_iter().map(bare).collect(), vec![])
            }
        };
        Self {
            vendor: system.as_ref().map_or_else(
                || (String::new(), organisation.org_number),
                |system| (vendor_name(of.app, system), system.vendor),
            ),
            system: system.as_ref().map(|system| system.name.get(of.language).to_owned()).unwrap_or_default(),
            system_gone: system.is_none_or(|system| system.is_deleted),
            added,
            removed,
            stays,
        }
    }

    /// A hash of all of it, with what the request is called: SHA-256, in hex.
    pub fn hash(&self, language: &str, organisation: &Organisation, asked: &Asked) -> String {
        let Self { vendor, system, system_gone, added, removed, stays } = self;
        hash_of(&json!([
            language,
            asked.page(),
            asked.title(),
            asked.reference(),
            organisation.org_number,
            vendor,
            system,
            system_gone,
            added,
            removed,
            stays
        ]))
    }

    /// Whether anything hinders this person from giving it.
    pub fn is_hindered(&self) -> bool {
        self.system_gone || self.added.iter().any(|right| right.hindrance.is_some())
    }

    fn lacks(&self, is_meant: impl Fn(Hindrance) -> bool) -> bool {
        self.added.iter().any(|right| right.hindrance.is_some_and(&is_meant))
    }
}

/// A right by its name alone.
fn bare(row: RightRow) -> RightRow {
    RightRow { can: String::new(), cannot: String::new(), ..row }
}

/// What a change adds, takes away and leaves. What is both required and unwanted is kept; what is there already is not
/// added, what is not there cannot be taken away.
fn changed(
    of: Describer<'_>,
    wanted: Vec<RightRow>,
    change: &RightsChange,
    user: &SystemUserEntry,
) -> (Vec<RightRow>, Vec<RightRow>, Vec<RightRow>) {
    let is_named = |list: &[Right], right: &DelegatedRight| {
        list.iter().flat_map(Right::resource_ids).any(|resource| resource == right.resource)
    };
    let is_taken =
        |right: &&DelegatedRight| is_named(&change.unwanted_rights, right) && !is_named(&change.required_rights, right);
    let is_package_taken = |package: &&AccessPackage| {
        change.unwanted_packages.contains(package) && !change.required_packages.contains(package)
    };
    let (rights_taken, rights_left): (Vec<_>, Vec<_>) = user.rights.iter().partition(is_taken);
    let (packages_taken, packages_left): (Vec<_>, Vec<_>) =
        user.user.access_packages.iter().partition(is_package_taken);
    let rows = |rights: Vec<&DelegatedRight>, packages: Vec<&AccessPackage>| {
        let rights: Vec<_> = rights.into_iter().cloned().collect();
        of.given(&rights, &packages.into_iter().cloned().collect::<Vec<_>>())
    };
    let mut stays = rows(rights_left, packages_left);
    let is_there = |row: &RightRow| stays.iter().any(|it| it.id == row.id && (row.is_package || it.can == row.can));
    let added: Vec<_> = wanted.into_iter().filter(|row| row.hindrance.is_some() || !is_there(row)).collect();
    stays.retain(|row| added.iter().all(|it| it.id != row.id));
    (added, rows(rights_taken, packages_taken).into_iter().map(bare).collect(), stays)
}

/// That it is forwarded, as it is shown.
struct ForwardedRow {
    /// By whom.
    who: String,
    at: Timestamp,
    message: Option<String>,
    /// Whether those who can answer can be reminded now.
    may_remind: bool,
    /// Whether it is this person who has forwarded it.
    may_take_back: bool,
}

impl ForwardedRow {
    fn new(app: &App, session: &LoggedIn, forwarded: Forwarded) -> Self {
        Self {
            who: person_name(app, &forwarded.by),
            at: forwarded.at,
            may_remind: forwarded.may_remind(app.clock.now()),
            may_take_back: forwarded.is_by(session.person.party_uuid),
            message: forwarded.message,
        }
    }
}

/// The name of one who acts in the records; empty for one who is no person.
pub fn person_name(app: &App, actor: &str) -> String {
    let person = actor.strip_prefix("person:").and_then(|id| id.parse().ok());
    person.and_then(|id| app.model.parties().person(id)).map(|person| person.name.clone()).unwrap_or_default()
}

#[derive(Template)]
#[template(path = "request.html")]
struct RequestPage {
    page: Page,
    asked: Asked,
    status: RequestStatus,
    organisation: OrganisationRow,
    described: Described,
    /// What the hash of the description is.
    shown: String,
    may_answer: bool,
    forwarded: Option<ForwardedRow>,
    /// Who answered.
    answerer: String,
    /// Whether somebody else would have to approve.
    is_for_others: bool,
    /// Those who can approve, with their roles, where this person cannot.
    who_can: Vec<String>,
    /// The way back to the vendor, where there is nothing to do here any more.
    back: Option<Url>,
    /// Whether the vendor has nothing at the organisation yet.
    is_first: bool,
    /// Whether the person came from a page of ours, and stays.
    inside: bool,
    max_message: usize,
}

impl RequestPage {
    fn waits(&self) -> bool {
        self.status == RequestStatus::New
    }

    /// Whether anybody can still give what is asked for.
    fn can_be_given(&self) -> bool {
        self.waits() && !self.described.system_gone
    }

    fn may_approve(&self) -> bool {
        self.waits() && self.may_answer && !self.described.is_hindered()
    }

    fn may_reject(&self) -> bool {
        self.waits() && self.may_answer
    }

    /// Whether somebody else has to answer, or had better.
    fn may_forward(&self) -> bool {
        let by_others = !self.may_answer || self.described.lacks(Hindrance::is_of_power);
        self.can_be_given() && by_others && self.forwarded.is_none()
    }

    fn needs_level(&self) -> bool {
        self.waits() && self.may_answer && self.described.lacks(|it| it == Hindrance::Level)
    }

    fn is_change(&self) -> bool {
        matches!(self.asked, Asked::Change(..))
    }

    fn is_for_clients(&self) -> bool {
        self.asked.kind() == RequestKind::Agent
    }

    /// The system access that a change is about.
    fn access(&self) -> Option<&Arc<SystemUserEntry>> {
        match &self.asked {
            Asked::Change(_, user) => Some(user),
            Asked::Request(_) => None,
        }
    }

    /// Where to log in at a higher level, and come back here.
    fn higher_login(&self) -> String {
        higher_login_at(&self.asked.address_from(self.inside))
    }
}

/// Which request a vendor's link is about. What else is in the link is ignored.
#[derive(Debug, Default, Deserialize)]
pub struct RequestQuery {
    id: Option<String>,
    /// Not empty where the person came from a page of ours.
    skiplogout: Option<String>,
}

/// Shows what is asked, by a vendor's link.
pub async fn by_link(
    state: State<Arc<App>>,
    visit: Visit,
    Query(query): Query<RequestQuery>,
) -> Result<Response, Response> {
    let Some(id) = query.id.clone().filter(|id| !id.is_empty()) else {
        return Err(visit.page.message(Message::NoId));
    };
    by_id(state, visit, Path(id), Query(query)).await
}

/// Shows what is asked: to answer it, or how it was answered.
pub async fn by_id(
    State(app): State<Arc<App>>,
    Visit { session, page }: Visit,
    Path(id): Path<String>,
    Query(query): Query<RequestQuery>,
) -> Result<Response, Response> {
    let (asked, organisation) = load_own(&app, &session, &page, &id).await?;
    let status = asked.status_at(app.clock.now());
    if status == RequestStatus::New {
        note_view(&app, &session, &organisation, &asked).await.map_err(failed)?;
    }
    let of = page.describer(&app);
    let mut described = Described::new(of, &session, &organisation, &asked);
    let may_answer = may(&app, &session, &organisation, ACCESS_MANAGEMENT, "write");
    let can_approve = may_answer && !described.is_hindered();
    let is_for_others = status == RequestStatus::New && !can_approve && !described.system_gone;
    if status != RequestStatus::New {
        // What hinders one from giving it is of no concern any more.
        described.added.iter_mut().for_each(|right| right.hindrance = None);
    }
    let who_can =
        if is_for_others { names_of_approvers(&of, &organisation, asked.kind(), asked.wanted()) } else { vec![] };
    if is_for_others && who_can.is_empty() {
        // Nobody can give all of it: then who can give each.
        of.name_those_who_can(&organisation, &mut described.added, asked.wanted().0);
    }
    let forwarding = forwarding(&app, &asked).await.map_err(failed)?;
    let forwarded = forwarding.current.map(|it| ForwardedRow::new(&app, &session, it));
    let inside = query.skiplogout.is_some_and(|given| !given.is_empty());
    let goes_back = !inside && (status != RequestStatus::New || forwarded.is_some());
    let view = RequestPage {
        status,
        organisation: row(&app, &organisation),
        shown: described.hash(page.language(), &organisation, &asked),
        may_answer,
        forwarded,
        back: asked.way_back(&app).filter(|_| goes_back),
        is_for_others,
        answerer: asked.answered().map(|(_, by)| person_name(&app, &format!("person:{by}"))).unwrap_or_default(),
        who_can,
        is_first: is_first(&app, &organisation, described.vendor.1),
        inside,
        max_message: MAX_MESSAGE,
        described,
        asked,
        page,
    };
    Ok(show(StatusCode::OK, &view))
}

/// How it is forwarded.
async fn forwarding(app: &App, asked: &Asked) -> Result<Forwarding, ApiError> {
    Ok(Forwarding::find(&app.store.read().await?.forwardings_of(&asked.id().to_string()).await?))
}

/// Writes down that a person has seen what is asked: the first time only.
async fn note_view(app: &App, session: &LoggedIn, organisation: &Organisation, asked: &Asked) -> Result<(), ApiError> {
    let event = match asked {
        Asked::Request(_) => "request.viewed",
        Asked::Change(..) => "changerequest.viewed",
    };
    let (context, now) = (session.acting_for(organisation), app.clock.now());
    let (id, party, subject) = (app.random.uuid_at(now), Some(organisation.party_uuid), asked.id().to_string());
    if app.store.read().await?.is_audited(&subject, event, Some(&context.actor)).await? {
        return Ok(());
    }
    let entry = AuditEntry { id, event, party, subject, details: json!({"level": session.level}) };
    Ok(app.store.audit(entry, &context, now).await?)
}

/// Whether the organisation has nothing of the vendor's yet.
fn is_first(app: &App, organisation: &Organisation, vendor: OrgNumber) -> bool {
    let users = app.model.system_users_of(organisation.party_uuid);
    !users.iter().any(|user| app.model.system(user.system_internal_id).is_some_and(|system| system.vendor == vendor))
}
