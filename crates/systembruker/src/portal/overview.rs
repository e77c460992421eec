//! What an organisation has given and is asked for: the overview, and all requests.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use model::{RequestStatus, SystemUserKind};
use serde::Deserialize;
use uuid::Uuid;

use super::asked::{Asked, person_name};
use super::forms::failed;
use super::lists::{Search, paged, query_of};
use super::pages::{Page, Visit, show};
use super::parties::{OrganisationRow, may, own_organisation, require, row, vendor_name};
use super::texts::Texts;
use crate::app::App;
use crate::http::extract::{Path, Query};
use crate::http::problem::ApiError;
use crate::read_model::SystemUserEntry;
use crate::requests::forwarding::Forwarding;
use crate::resource_registry::builtin::{ACCESS_MANAGEMENT, SYSTEM_USER_OVERVIEW};

/// How many rows a list has on a page.
const PAGE: usize = 50;
/// How many requests of a kind the store gives, the newest.
const MAX_LISTED: usize = 1_000;
/// After how many days without use a system access is said to be unused.
pub const UNUSED_DAYS: u16 = 180;

/// Something that was asked, in a list.
pub struct AskedRow {
    /// Where it is answered.
    pub address: String,
    /// What it is shown as.
    pub title: String,
    /// The vendor's name.
    pub vendor: String,
    /// The vendor's reference.
    pub reference: Option<String>,
    /// What kind it is, in words.
    pub kind: String,
    /// Where it stands, in words.
    pub state: String,
    /// When it came.
    pub created: Timestamp,
    /// Until when it waits; `None` where it does not.
    pub expires: Option<Timestamp>,
    /// By whom it is forwarded, and when.
    pub forwarded: Option<(String, Timestamp)>,
}

impl AskedRow {
    fn new(app: &App, t: &Texts, asked: &Asked, now: Timestamp) -> Option<Self> {
        let system = asked.system(app)?;
        let status = asked.status_at(now);
        let (created, expires) = asked.times();
        let kind = match (asked, asked.kind()) {
            (Asked::Change(..), _) => t.kind_change(),
            (Asked::Request(_), SystemUserKind::Standard) => t.kind_standard(),
            (Asked::Request(_), SystemUserKind::Agent) => t.kind_agent(),
        };
        Some(Self {
            address: asked.address(),
            title: asked.title().to_owned(),
            vendor: vendor_name(app, &system),
            reference: asked.reference().map(str::to_owned),
            kind,
            state: match status {
                RequestStatus::New => t.state_new(),
                RequestStatus::Accepted => t.state_accepted(),
                RequestStatus::Rejected => t.state_rejected(),
                RequestStatus::Timedout => t.state_timed_out(),
            },
            created,
            expires: (status == RequestStatus::New).then_some(expires),
            forwarded: None,
        })
    }
}

/// A system access, in a list.
pub struct AccessRow {
    /// The system user.
    pub id: Uuid,
    /// The name shown to the customer.
    pub title: String,
    /// The vendor's name.
    pub vendor: String,
    /// The vendor's reference, unless it is but the organisation's number.
    pub reference: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last used.
    pub used: Option<Timestamp>,
    /// Whether it has not been used for long.
    pub unused: bool,
    /// Whether it was made just now.
    pub is_new: bool,
    /// How many clients it acts for, where it is for clients.
    pub clients: Option<usize>,
    found_by: String,
}

/// What is looked for.
#[derive(Debug, Default, Deserialize)]
pub struct OverviewQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    unused: String,
    page: Option<usize>,
    /// A system access that was made just now.
    new: Option<Uuid>,
    revoked: Option<String>,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    page: Page,
    organisation: OrganisationRow,
    pending: Vec<AskedRow>,
    /// How many wait in all.
    waiting: usize,
    /// Whether the person may see what is not for clients, too.
    sees_all: bool,
    own: Vec<AccessRow>,
    for_clients: Vec<AccessRow>,
    /// How many there are in all, and how many are left by what is looked for.
    count: (usize, usize),
    query: OverviewQuery,
    /// The number of this page, from 1, and of the last.
    pages: (usize, usize),
    may_create: bool,
    revoked: bool,
}

impl OverviewPage {
    /// Where another page of the list is.
    fn at(&self, number: usize) -> String {
        let OverviewQuery { q, kind, sort, unused, .. } = &self.query;
        query_of(&[("q", q), ("kind", kind), ("sort", sort), ("unused", unused)], number)
    }

    fn is_filtered(&self) -> bool {
        self.count.0 != self.count.1
    }
}

/// Lists an organisation's system accesses and what it is asked for.
pub async fn overview(
    State(app): State<Arc<App>>,
    Visit { session, page }: Visit,
    Path(number): Path<String>,
    Query(query): Query<OverviewQuery>,
) -> Result<Response, Response> {
    let organisation = own_organisation(&app, &session, &page, &number)?;
    require(&app, &session, &page, &organisation, (SYSTEM_USER_OVERVIEW, "read"))?;
    let party = organisation.party_uuid;
    let may_create = may(&app, &session, &organisation, ACCESS_MANAGEMENT, "write");
    let mut pending = if may_create { waiting(&app, &page, party).await.map_err(failed)? } else { vec![] };
    let waiting = pending.len();
    pending.truncate(PAGE);
    let mut all = accesses(&app, party, query.new).await.map_err(failed)?;
    // Who only administers clients sees what concerns them.
    let sees_all = may(&app, &session, &organisation, ACCESS_MANAGEMENT, "read");
    all.retain(|row| sees_all || row.clients.is_some());
    let count = all.len();
    let found = paged(sorted(all, &query), query.page, PAGE);
    let (for_clients, own) = found.rows.into_iter().partition(|row| row.clients.is_some());
    let view = OverviewPage {
        organisation: row(&app, &organisation),
        pending,
        waiting,
        sees_all,
        own,
        for_clients,
        count: (count, found.count),
        pages: found.pages,
        may_create,
        revoked: query.revoked.is_some(),
        query,
        page,
    };
    Ok(show(StatusCode::OK, &view))
}

/// What waits for an answer, of every kind, newest first.
async fn waiting(app: &App, page: &Page, party: Uuid) -> Result<Vec<AskedRow>, ApiError> {
    let mut session = app.store.read().await?;
    let requests = session.open_requests(party).await?;
    let changes = session.change_requests_of_party(party, false).await?;
    let now = app.clock.now();
    let changes = changes.into_iter().filter_map(|it| Some((app.model.system_user(it.system_user)?, it)));
    let all = requests.into_iter().map(Asked::Request).chain(changes.map(|(user, it)| Asked::Change(it, user)));
    let open: Vec<_> = all.filter(|asked| asked.status_at(now) == RequestStatus::New).collect();
    let oldest = open.iter().map(|asked| asked.times().0).min().unwrap_or(now);
    let forwarded = Forwarding::find_all(&session.forwardings_of_party(party, oldest).await?);
    drop(session);
    let row = |asked: &Asked| {
        let forwarded = forwarded.get(&asked.id()).map(|it| (person_name(app, &it.by), it.at));
        Some(AskedRow { forwarded, ..AskedRow::new(app, page.texts(), asked, now)? })
    };
    let mut rows: Vec<_> = open.iter().filter_map(row).collect();
    rows.sort_by_key(|row| Reverse(row.created));
    Ok(rows)
}

/// The live system accesses of an organisation.
async fn accesses(app: &App, owner: Uuid, new: Option<Uuid>) -> Result<Vec<AccessRow>, ApiError> {
    let last: HashMap<_, _> = app.store.read().await?.last_uses_of_owner(owner).await?.into_iter().collect();
    let now = app.clock.now();
    let access = |user: Arc<SystemUserEntry>| {
        let system = app.model.system(user.system_internal_id)?;
        let (vendor, used) = (vendor_name(app, &system), last.get(&user.id).copied());
        let found_by = format!("{} {vendor} {} {} {}", user.title, system.vendor, system.id, user.external_ref);
        Some(AccessRow {
            id: user.id,
            title: user.title.clone(),
            vendor,
            reference: Some(user.external_ref.clone()).filter(|it| *it != user.owner.as_str()),
            created: user.created,
            used,
            unused: is_unused(used, user.created, now),
            is_new: new == Some(user.id),
            clients: (user.kind == SystemUserKind::Agent).then(|| clients_without_own(&user)),
            found_by,
        })
    };
    Ok(app.model.system_users_of(owner).into_iter().filter_map(access).collect())
}

/// How many clients a system access acts for, not counting its own organisation.
pub fn clients_without_own(user: &SystemUserEntry) -> usize {
    user.clients.len() - usize::from(user.clients.contains_key(&user.owner_party))
}

/// Whether a system access has not been used for long.
pub fn is_unused(used: Option<Timestamp>, created: Timestamp, now: Timestamp) -> bool {
    let long_ago = now - SignedDuration::from_hours(i64::from(UNUSED_DAYS) * 24);
    used.unwrap_or(created) < long_ago
}

/// Those that are looked for, in the order that is wanted: newest first, unless another is.
fn sorted(mut rows: Vec<AccessRow>, query: &OverviewQuery) -> Vec<AccessRow> {
    let search = Search::new(&query.q);
    rows.retain(|row| {
        let of_kind = match &*query.kind {
            "own" => row.clients.is_none(),
            "clients" => row.clients.is_some(),
            _ => true,
        };
        of_kind && search.is_in(&row.found_by) && (query.unused.is_empty() || row.unused)
    });
    match &*query.sort {
        "name" => rows.sort_by_key(|row| row.title.to_lowercase()),
        "used" => rows.sort_by_key(|row| Reverse(row.used)),
        _ => rows.sort_by_key(|row| Reverse(row.created)),
    }
    rows
}

/// Which page of the list.
#[derive(Debug, Default, Deserialize)]
pub struct RequestsQuery {
    page: Option<usize>,
}

#[derive(Template)]
#[template(path = "requests.html")]
struct RequestsPage {
    page: Page,
    organisation: OrganisationRow,
    rows: Vec<AskedRow>,
    /// The number of this page, from 1, and of the last.
    pages: (usize, usize),
    /// How many are looked at, where there may be more.
    cut: Option<usize>,
}

impl RequestsPage {
    fn at(&self, number: usize) -> String {
        query_of(&[], number)
    }
}

/// Lists everything that an organisation was asked for, whatever has become of it.
pub async fn requests(
    State(app): State<Arc<App>>,
    Visit { session, page }: Visit,
    Path(number): Path<String>,
    Query(query): Query<RequestsQuery>,
) -> Result<Response, Response> {
    let organisation = own_organisation(&app, &session, &page, &number)?;
    require(&app, &session, &page, &organisation, (ACCESS_MANAGEMENT, "read"))?;
    let mut reading = app.store.read().await.map_err(failed)?;
    let requests = reading.requests_of_party(organisation.party_uuid).await.map_err(failed)?;
    let changes = reading.change_requests_of_party(organisation.party_uuid, true).await.map_err(failed)?;
    drop(reading);
    let is_cut = requests.len().max(changes.len()) >= MAX_LISTED;
    let changes = changes.into_iter().filter_map(|it| Some((app.model.system_user(it.system_user)?, it)));
    let all = requests.into_iter().map(Asked::Request).chain(changes.map(|(user, it)| Asked::Change(it, user)));
    let mut all: Vec<_> = all.collect();
    all.sort_by_key(|asked| Reverse(asked.times().0));
    let shown = paged(all, query.page, PAGE);
    let row_of = |asked: &Asked| AskedRow::new(&app, page.texts(), asked, app.clock.now());
    let view = RequestsPage {
        rows: shown.rows.iter().filter_map(row_of).collect(),
        organisation: row(&app, &organisation),
        pages: shown.pages,
        cut: is_cut.then_some(shown.count),
        page,
    };
    Ok(show(StatusCode::OK, &view))
}
