//! A system access: what it is, what it may do, what has happened to it; naming it and taking it back.

use std::cmp::Reverse;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Request as HttpRequest, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use http::StatusCode;
use jiff::Timestamp;
use model::problem::SYSTEM_USER_NOT_FOUND;
use model::{Organisation, RegisteredSystem, SystemUserKind};
use serde::Deserialize;
use store::SystemUserUse;
use uuid::Uuid;

use super::asked::person_name;
use super::forms::{failed, own_form};
use super::history::HistoryRow;
use super::overview::{UNUSED_DAYS, clients_without_own, is_unused};
use super::pages::{Message, Page, Visit, show};
use super::parties::{OrganisationRow, answerer, is_related, may, own_organisation, require, row, vendor_name};
use super::rights::RightRow;
use crate::app::App;
use crate::http::extract::{Path, Query};
use crate::http::problem::ApiError;
use crate::login::sessions::LoggedIn;
use crate::read_model::SystemUserEntry;
use crate::resource_registry::builtin::{ACCESS_MANAGEMENT, CLIENT_ADMINISTRATION, SYSTEM_USER_OVERVIEW};
use crate::system_users::rules::{MAX_TITLE, delete, rename};

/// How many entries of the journal are shown; the organisation's history has the others.
const HISTORY: u16 = 50;
/// How many of the newest change requests they are looked for in.
const CHANGES: usize = 20;

/// A system access of an organisation, for a person who may see it.
pub struct Own {
    /// The organisation.
    pub organisation: Arc<Organisation>,
    /// The system user.
    pub user: Arc<SystemUserEntry>,
    /// Its system.
    pub system: Arc<RegisteredSystem>,
}

/// The live system access of an address, if the person may see the organisation's.
pub fn own_access(app: &App, session: &LoggedIn, page: &Page, (number, id): (&str, &str)) -> Result<Own, Response> {
    let organisation = own_organisation(app, session, page, number)?;
    require(app, session, page, &organisation, (SYSTEM_USER_OVERVIEW, "read"))?;
    let find = || {
        let user = app.model.system_user(id.parse().ok()?)?;
        let system = app.model.system(user.system_internal_id)?;
        (!user.is_deleted && user.owner_party == organisation.party_uuid).then_some((user, system))
    };
    let (user, system) = find().ok_or_else(|| page.clone().message(Message::NotFound))?;
    // Who only administers clients sees what concerns them.
    if user.kind == SystemUserKind::Standard {
        require(app, session, page, &organisation, (ACCESS_MANAGEMENT, "read"))?;
    }
    Ok(Own { organisation, user, system })
}

#[derive(Template)]
#[template(path = "details.html")]
struct DetailsPage {
    page: Page,
    organisation: OrganisationRow,
    user: Arc<SystemUserEntry>,
    vendor: String,
    vendor_number: String,
    system: String,
    system_id: String,
    system_gone: bool,
    /// The clients of the system at Maskinporten.
    client_ids: String,
    /// Whether the organisation chose the system without having been asked.
    is_own_choice: bool,
    rights: Vec<RightRow>,
    /// Who made it.
    creator: String,
    uses: Vec<SystemUserUse>,
    now: Timestamp,
    history: Vec<HistoryRow>,
    /// How many clients it acts for, without its owner.
    clients: usize,
    own_organisation: bool,
    may_change: bool,
    may_see_clients: bool,
    /// Whether the name was changed just now.
    renamed: bool,
    /// What was given as a name, and is not one.
    wrong_title: Option<String>,
    max_title: usize,
}

impl DetailsPage {
    fn is_for_clients(&self) -> bool {
        self.user.kind == SystemUserKind::Agent
    }

    fn reference(&self) -> Option<&str> {
        Some(&*self.user.external_ref).filter(|reference| *reference != self.organisation.number)
    }

    fn is_unused(&self) -> bool {
        is_unused(self.last_used(), self.user.created, self.now)
    }

    fn last_used(&self) -> Option<Timestamp> {
        self.uses.iter().map(|noted| noted.last).max()
    }
}

/// What was done just now.
#[derive(Debug, Default, Deserialize)]
pub struct DetailsQuery {
    renamed: Option<String>,
}

/// What is told of what was done just now.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Nothing,
    Renamed,
    WrongName(String),
}

/// Shows a system access.
pub async fn details(
    State(app): State<Arc<App>>,
    Visit { session, page }: Visit,
    Path((number, id)): Path<(String, String)>,
    Query(query): Query<DetailsQuery>,
) -> Result<Response, Response> {
    let own = own_access(&app, &session, &page, (&number, &id))?;
    let told = if query.renamed.is_some() { Told::Renamed } else { Told::Nothing };
    show_details(&app, &session, page, own, told).await
}

async fn show_details(
    app: &App,
    session: &LoggedIn,
    page: Page,
    Own { organisation, user, system }: Own,
    told: Told,
) -> Result<Response, Response> {
    let (renamed, wrong_title) = match told {
        Told::Nothing => (false, None),
        Told::Renamed => (true, None),
        Told::WrongName(title) => (false, Some(title)),
    };
    let status = if wrong_title.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let mut reading = app.store.read().await.map_err(failed)?;
    let uses = reading.uses_of(user.id).await.map_err(failed)?;
    let mut records = reading.latest_audit_of(&user.id.to_string(), HISTORY).await.map_err(failed)?;
    let changes = reading.change_requests_of(user.id).await.map_err(failed)?;
    for request in changes.iter().take(CHANGES) {
        records.extend(reading.latest_audit_of(&request.id.to_string(), HISTORY).await.map_err(failed)?);
    }
    let is_own_choice = reading.is_audited(&user.id.to_string(), "systemuser.created", None).await.map_err(failed)?;
    drop(reading);
    records.sort_by_key(|record| Reverse((record.at, record.id)));
    records.truncate(usize::from(HISTORY));
    if !may(app, session, &organisation, ACCESS_MANAGEMENT, "read") {
        records.clear();
    }
    let history = records.iter().filter_map(|record| HistoryRow::new(app, page.texts(), record)).collect();
    let own_organisation = user.clients.contains_key(&user.owner_party);
    let view = DetailsPage {
        organisation: row(app, &organisation),
        vendor: vendor_name(app, &system),
        vendor_number: system.vendor.grouped(),
        system: system.name.get(page.language()).to_owned(),
        system_id: system.id.to_string(),
        client_ids: system.client_ids.join(", "),
        is_own_choice,
        system_gone: system.is_deleted,
        rights: page.describer(app).given(&user.rights, &user.user.access_packages),
        creator: person_name(app, &format!("person:{}", user.created_by)),
        uses,
        now: app.clock.now(),
        history,
        clients: clients_without_own(&user),
        own_organisation,
        may_change: may(app, session, &organisation, ACCESS_MANAGEMENT, "write"),
        may_see_clients: may(app, session, &organisation, CLIENT_ADMINISTRATION, "read"),
        renamed,
        wrong_title,
        max_title: MAX_TITLE,
        user,
        page,
    };
    Ok(show(status, &view))
}

/// Gives a system access another name.
pub async fn rename_access(
    State(app): State<Arc<App>>,
    session: LoggedIn,
    Path((number, id)): Path<(String, String)>,
    request: HttpRequest,
) -> Result<Response, Response> {
    let (page, form) = own_form(&app, &session, request).await?;
    let own = own_access(&app, &session, &page, (&number, &id))?;
    require(&app, &session, &page, &own.organisation, (ACCESS_MANAGEMENT, "write"))?;
    let answerer = answerer(&session, &own.organisation);
    match rename(&app, &answerer, own.organisation.party_uuid, own.user.id, form.get("title")).await {
        Ok(()) => {
            let address = format!("/org/{}/system-access/{}?renamed=1", own.organisation.org_number, own.user.id);
            Ok(Redirect::to(&address).into_response())
        }
        Err(ApiError::ModelState(_)) => {
            let told = Told::WrongName(form.get("title").to_owned());
            show_details(&app, &session, page, own, told).await
        }
        Err(ApiError::Problem(SYSTEM_USER_NOT_FOUND, _)) => Err(page.message(Message::NotFound)),
        Err(error) => Err(failed(error)),
    }
}

#[derive(Template)]
#[template(path = "revoke.html")]
struct RevokePage {
    page: Page,
    organisation: OrganisationRow,
    user: Arc<SystemUserEntry>,
    vendor: String,
    system: String,
    clients: usize,
}

/// Asks whether a system access shall be taken back, and says what that means.
pub async fn confirm_revoke(
    State(app): State<Arc<App>>,
    Visit { session, page }: Visit,
    Path((number, id)): Path<(String, String)>,
) -> Result<Response, Response> {
    let Own { organisation, user, system } = own_access(&app, &session, &page, (&number, &id))?;
    require(&app, &session, &page, &organisation, (ACCESS_MANAGEMENT, "write"))?;
    let view = RevokePage {
        organisation: row(&app, &organisation),
        vendor: vendor_name(&app, &system),
        system: system.name.get(page.language()).to_owned(),
        clients: clients_without_own(&user),
        user,
        page,
    };
    Ok(show(StatusCode::OK, &view))
}

/// Takes a system access back.
pub async fn revoke(
    State(app): State<Arc<App>>,
    session: LoggedIn,
    Path((number, id)): Path<(String, String)>,
    request: HttpRequest,
) -> Result<Response, Response> {
    let (page, _) = own_form(&app, &session, request).await?;
    let Own { organisation, user, .. } = own_access(&app, &session, &page, (&number, &id))?;
    require(&app, &session, &page, &organisation, (ACCESS_MANAGEMENT, "write"))?;
    let answerer = answerer(&session, &organisation);
    match delete(&app, &answerer, organisation.party_uuid, user.id).await {
        Ok(()) => {}
        Err(ApiError::Problem(SYSTEM_USER_NOT_FOUND, _)) => return Err(page.message(Message::NotFound)),
        Err(error) => return Err(failed(error)),
    }
    Ok(Redirect::to(&format!("/org/{}/system-access?revoked=1", organisation.org_number)).into_response())
}

/// Goes from the address that the public portal has for a system access to ours, where the organisation is in it.
pub async fn by_id(
    State(app): State<Arc<App>>,
    Visit { session, page }: Visit,
    Path(id): Path<String>,
) -> Result<Response, Response> {
    let user = id.parse().ok().and_then(|id: Uuid| app.model.system_user(id)).filter(|user| !user.is_deleted);
    let owner = user.as_ref().and_then(|user| app.model.parties().organisation(user.owner_party));
    let owner = owner.filter(|owner| is_related(&app, &session, owner));
    match (user, owner) {
        (Some(user), Some(owner)) => {
            Ok(Redirect::to(&format!("/org/{}/system-access/{}", owner.org_number, user.id)).into_response())
        }
        _ => Err(page.message(Message::NotFound)),
    }
}
