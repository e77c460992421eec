//! What an organisation has given and is asked for: the overview, all requests, and what has happened.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{OriginalUri, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use jiff::{Timestamp, ToSpan};
use model::{RequestStatus, SystemUserKind};
use serde::Deserialize;
use store::AuditRecord;
use uuid::Uuid;

use super::asked::{Asked, person_name};
use super::forms::failed;
use super::pages::{Page, show};
use super::parties::{OrganisationRow, may, own_organisation, require, row, vendor_name};
use super::texts::Texts;
use crate::app::App;
use crate::http::extract::{Path, Query};
use crate::http::problem::ApiError;
use crate::login::sessions::LoggedIn;
use crate::read_model::SystemUserEntry;
use crate::resource_registry::builtin::{ACCESS_MANAGEMENT, SYSTEM_USER_OVERVIEW};

/// How many rows a list has on a page.
const PAGE: usize = 50;
/// After how many days without use a system access is said to be unused.
const UNUSED_DAYS: i64 = 180;
/// How many rows a page of what has happened has.
const HISTORY: u16 = 100;

/// Something that was asked, in a list.
pub struct AskedRow {
    /// Where it is answered.
    pub address: String,
    /// What it is shown as.
    pub title: String,
    /// The vendor's name.
    pub vendor: String,
    /// What kind it is, in words.
    pub kind: String,
    /// Where it stands, in words.
    pub state: String,
    /// When it came.
    pub created: Timestamp,
    /// Until when it waits; `None` where it does not.
    pub expires: Option<Timestamp>,
    /// Whether it was forwarded.
    pub forwarded: bool,
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
            kind,
            state: match status {
                RequestStatus::New => t.state_new(),
                RequestStatus::Accepted => t.state_accepted(),
                RequestStatus::Rejected => t.state_rejected(),
                RequestStatus::Timedout => t.state_timed_out(),
            },
            created,
            expires: (status == RequestStatus::New).then_some(expires),
            forwarded: matches!(asked, Asked::Request(request) if request.escalated),
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
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in [("q", q), ("kind", kind), ("sort", sort), ("unused", unused)] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        query.append_pair("page", &number.to_string());
        format!("?{}", query.finish())
    }

    fn is_filtered(&self) -> bool {
        self.count.0 != self.count.1
    }
}

/// Lists an organisation's system accesses and what it is asked for.
pub async fn overview(
    State(app): State<Arc<App>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    session: LoggedIn,
    Path(number): Path<String>,
    Query(query): Query<OverviewQuery>,
) -> Result<Response, Response> {
    let page = Page::of(&app, &headers, &session).at(&uri);
    let organisation = own_organisation(&app, &session, &page, &number)?;
    require(&app, &session, &page, &organisation, (SYSTEM_USER_OVERVIEW, "read"))?;
    let party = organisation.party_uuid;
    let may_create = may(&app, &session, &organisation, ACCESS_MANAGEMENT, "write");
    let pending = if may_create { waiting(&app, &page, party).await.map_err(failed)? } else { vec![] };
    let all = accesses(&app, party, query.new).await.map_err(failed)?;
    let count = all.len();
    let found = sorted(all, &query);
    let last = found.len().div_ceil(PAGE).max(1);
    let number = query.page.unwrap_or(1).clamp(1, last);
    let count = (count, found.len());
    let (for_clients, own) =
        found.into_iter().skip((number - 1) * PAGE).take(PAGE).partition(|row| row.clients.is_some());
    let view = OverviewPage {
        organisation: row(&app, &organisation),
        pending,
        own,
        for_clients,
        count,
        pages: (number, last),
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
    drop(session);
    let now = app.clock.now();
    let changes = changes.into_iter().filter_map(|it| Some((app.model.system_user(it.system_user)?, it)));
    let all = requests.into_iter().map(Asked::Request).chain(changes.map(|(user, it)| Asked::Change(it, user)));
    let open = all.filter(|asked| asked.status_at(now) == RequestStatus::New);
    let mut rows: Vec<_> = open.filter_map(|asked| AskedRow::new(app, page.texts(), &asked, now)).collect();
    rows.sort_by_key(|row| Reverse(row.created));
    Ok(rows)
}

/// The live system accesses of an organisation.
async fn accesses(app: &App, owner: Uuid, new: Option<Uuid>) -> Result<Vec<AccessRow>, ApiError> {
    let uses = app.store.read().await?.uses_of_owner(owner).await?;
    let mut last: HashMap<Uuid, Timestamp> = HashMap::new();
    for noted in uses {
        let known = last.entry(noted.system_user).or_insert(noted.last);
        *known = noted.last.max(*known);
    }
    let long_ago = app.clock.now() - (UNUSED_DAYS * 24).hours();
    let access = |user: Arc<SystemUserEntry>| {
        let system = app.model.system(user.system_internal_id)?;
        let (vendor, used) = (vendor_name(app, &system), last.get(&user.id).copied());
        let found_by = format!("{} {vendor} {} {} {}", user.title, system.vendor, system.id, user.external_ref);
        Some(AccessRow {
            id: user.id,
            title: user.title.clone(),
            vendor,
            created: user.created,
            used,
            unused: used.unwrap_or(user.created) < long_ago,
            is_new: new == Some(user.id),
            clients: (user.kind == SystemUserKind::Agent).then_some(user.clients.len()),
            found_by: found_by.to_lowercase(),
        })
    };
    Ok(app.model.system_users_of(owner).into_iter().filter_map(access).collect())
}

/// Those that are looked for, in the order that is wanted: newest first, unless another is.
fn sorted(mut rows: Vec<AccessRow>, query: &OverviewQuery) -> Vec<AccessRow> {
    let words: Vec<String> = query.q.to_lowercase().split_whitespace().map(str::to_owned).collect();
    rows.retain(|row| {
        let of_kind = match &*query.kind {
            "own" => row.clients.is_none(),
            "clients" => row.clients.is_some(),
            _ => true,
        };
        let found = words.iter().all(|word| row.found_by.contains(word));
        of_kind && found && (query.unused.is_empty() || row.unused)
    });
    match &*query.sort {
        "name" => rows.sort_by_key(|row| row.title.to_lowercase()),
        "used" => rows.sort_by_key(|row| Reverse(row.used)),
        _ => rows.sort_by_key(|row| Reverse(row.created)),
    }
    rows
}

#[derive(Template)]
#[template(path = "requests.html")]
struct RequestsPage {
    page: Page,
    organisation: OrganisationRow,
    rows: Vec<AskedRow>,
}

/// Lists everything that an organisation was asked for, whatever has become of it.
pub async fn requests(
    State(app): State<Arc<App>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    session: LoggedIn,
    Path(number): Path<String>,
) -> Result<Response, Response> {
    let page = Page::of(&app, &headers, &session).at(&uri);
    let organisation = own_organisation(&app, &session, &page, &number)?;
    require(&app, &session, &page, &organisation, (ACCESS_MANAGEMENT, "read"))?;
    let mut reading = app.store.read().await.map_err(failed)?;
    let requests = reading.requests_of_party(organisation.party_uuid).await.map_err(failed)?;
    let changes = reading.change_requests_of_party(organisation.party_uuid, true).await.map_err(failed)?;
    drop(reading);
    let now = app.clock.now();
    let changes =
        changes.into_iter().filter_map(|it| Some(Asked::Change(it.clone(), app.model.system_user(it.system_user)?)));
    let all = requests.into_iter().map(Asked::Request).chain(changes);
    let mut rows: Vec<_> = all.filter_map(|asked| AskedRow::new(&app, page.texts(), &asked, now)).collect();
    rows.sort_by_key(|row| Reverse(row.created));
    Ok(show(StatusCode::OK, &RequestsPage { organisation: row(&app, &organisation), rows, page }))
}

/// Something that has happened.
pub struct HistoryRow {
    /// When.
    pub at: Timestamp,
    /// What, in words.
    pub what: String,
    /// Who did it, in words.
    pub who: String,
}

impl HistoryRow {
    /// A record of the journal in words; `None` for what is of no interest to the customer.
    pub fn new(app: &App, t: &Texts, record: &AuditRecord) -> Option<Self> {
        let client = || {
            let id = record.details.get("client").and_then(|id| id.as_str()).and_then(|id| id.parse().ok());
            let client = id.and_then(|id| app.model.parties().organisation(id));
            client.map_or_else(|| "–".to_owned(), |client| client.name.clone())
        };
        let what = match &*record.event {
            "request.approved" => t.history_approved(),
            "request.rejected" => t.history_rejected(),
            "request.escalated" | "changerequest.escalated" => t.history_forwarded(),
            "changerequest.approved" => t.history_changed(),
            "changerequest.rejected" => t.history_change_rejected(),
            "systemuser.created" => t.history_created(),
            "systemuser.renamed" => {
                t.history_renamed(record.details.get("to").and_then(|to| to.as_str()).unwrap_or_default())
            }
            "systemuser.deleted" => t.history_deleted(),
            "systemuser.deleted_by_vendor" => t.history_deleted_by_vendor(),
            "client.added" => t.history_client_added(client()),
            "client.removed" => t.history_client_removed(client()),
            _ => return None,
        };
        let organisation = || {
            let number = record.actor.strip_prefix("org:").and_then(|number| number.parse().ok());
            number.and_then(|number| app.model.parties().by_number(number)).map(|known| known.name.clone())
        };
        let person = Some(person_name(app, &record.actor)).filter(|name| !name.is_empty());
        let who = person.or_else(organisation).unwrap_or_else(|| t.history_by_system());
        Some(Self { at: record.at, what, who })
    }
}

/// Before when.
#[derive(Debug, Default, Deserialize)]
pub struct HistoryQuery {
    before: Option<i64>,
}

/// A row of what has happened in an organisation, with what it is about.
struct OrganisationHistoryRow {
    row: HistoryRow,
    title: String,
    /// Where it is, if it is there still.
    address: Option<String>,
}

#[derive(Template)]
#[template(path = "history.html")]
struct HistoryPage {
    page: Page,
    organisation: OrganisationRow,
    rows: Vec<OrganisationHistoryRow>,
    /// Where what was before is.
    older: Option<i64>,
}

/// Tells what has happened to an organisation's requests and system accesses, also those that are gone.
pub async fn history(
    State(app): State<Arc<App>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    session: LoggedIn,
    Path(number): Path<String>,
    Query(query): Query<HistoryQuery>,
) -> Result<Response, Response> {
    let page = Page::of(&app, &headers, &session).at(&uri);
    let organisation = own_organisation(&app, &session, &page, &number)?;
    require(&app, &session, &page, &organisation, (ACCESS_MANAGEMENT, "read"))?;
    let before = query.before.and_then(|micros| Timestamp::from_microsecond(micros).ok());
    let before = before.unwrap_or(app.clock.now() + 1.second());
    let mut reading = app.store.read().await.map_err(failed)?;
    let records = reading.audit_of_party(organisation.party_uuid, before, HISTORY).await.map_err(failed)?;
    let older =
        (records.len() == usize::from(HISTORY)).then(|| records.last().map(|last| last.at.as_microsecond())).flatten();
    let rows = records.iter().filter_map(|record| {
        let row = HistoryRow::new(&app, page.texts(), record)?;
        let user = record.subject.parse().ok().and_then(|id| app.model.system_user(id));
        let system = record.details.get("systemId").and_then(|id| id.as_str()).unwrap_or_default();
        let title = user.as_ref().map_or_else(|| system.to_owned(), |user| user.title.clone());
        let live = user.filter(|user| !user.is_deleted);
        let address = live.map(|user| format!("/org/{}/system-access/{}", organisation.org_number, user.id));
        Some(OrganisationHistoryRow { row, title, address })
    });
    let rows = rows.collect();
    Ok(show(StatusCode::OK, &HistoryPage { rows, older, organisation: row(&app, &organisation), page }))
}
