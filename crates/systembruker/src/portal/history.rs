//! What has happened to an organisation's requests and system accesses, from the audit journal: on a page, and as a file
//! to keep.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::AuditRecord;
use uuid::Uuid;

use super::asked::person_name;
use super::forms::failed;
use super::pages::{Page, Visit, show};
use super::parties::{OrganisationRow, own_organisation, require, row};
use super::texts::Texts;
use crate::app::App;
use crate::http::extract::{Path, Query};
use crate::http::problem::ApiError;
use crate::login::sessions::LoggedIn;
use crate::read_model::SystemUserEntry;
use crate::resource_registry::builtin::ACCESS_MANAGEMENT;

/// How many entries a page has.
const PAGE: u16 = 100;
/// How many entries a file has, the newest.
const EXPORTED: u16 = 10_000;

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
    /// An entry of the journal in words; `None` for what is of no interest to the customer.
    pub fn new(app: &App, t: &Texts, record: &AuditRecord) -> Option<Self> {
        let detail = |name: &str| record.details.get(name).and_then(|text| text.as_str()).unwrap_or_default();
        let client = || {
            let client = detail("client").parse().ok().and_then(|id| app.model.parties().organisation(id));
            client.map_or_else(|| "–".to_owned(), |client| client.name.clone())
        };
        let what = match &*record.event {
            "request.created" => t.history_requested(),
            "request.viewed" | "changerequest.viewed" => t.history_viewed(),
            "request.approved" => t.history_approved(),
            "request.rejected" => t.history_rejected(),
            "request.escalated" | "changerequest.escalated" => t.history_forwarded(),
            "request.reminded" | "changerequest.reminded" => t.history_reminded(),
            "request.escalation_withdrawn" | "changerequest.escalation_withdrawn" => t.history_forward_taken_back(),
            "request.withdrawn" | "changerequest.withdrawn" => t.history_withdrawn(),
            "changerequest.created" => t.history_change_requested(),
            "changerequest.approved" => t.history_changed(),
            "changerequest.rejected" => t.history_change_rejected(),
            "systemuser.created" => t.history_created(),
            "systemuser.renamed" => t.history_renamed(detail("to")),
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

/// After which entry a page begins: `<microseconds>-<id>`.
#[derive(Debug, Default, Deserialize)]
pub struct HistoryQuery {
    after: Option<String>,
}

impl HistoryQuery {
    fn position(&self) -> Option<(Timestamp, Uuid)> {
        let (at, id) = self.after.as_ref()?.split_once('-')?;
        Some((Timestamp::from_microsecond(at.parse().ok()?).ok()?, id.parse().ok()?))
    }
}

/// A row of what has happened in an organisation, with what it is about.
struct OrganisationHistoryRow {
    row: HistoryRow,
    title: String,
    /// Where it is, if it is there still.
    address: Option<String>,
}

impl OrganisationHistoryRow {
    fn new(app: &App, page: &Page, number: &str, record: &AuditRecord) -> Option<Self> {
        let row = HistoryRow::new(app, page.texts(), record)?;
        let user = system_user(app, record);
        let system = record.details.get("systemId").and_then(|id| id.as_str()).unwrap_or_default();
        let title = user.as_ref().map_or_else(|| system.to_owned(), |user| user.user.title.clone());
        let live = user.filter(|user| !user.is_deleted);
        Some(Self { row, title, address: live.map(|user| format!("/org/{number}/system-access/{}", user.id)) })
    }
}

/// The system user that an entry is about, or that a change was asked of.
fn system_user(app: &App, record: &AuditRecord) -> Option<Arc<SystemUserEntry>> {
    let changed = || record.details.get("systemUser").and_then(|id| id.as_str())?.parse().ok();
    let find = |id: Uuid| app.model.system_user(id);
    record.subject.parse().ok().and_then(find).or_else(|| changed().and_then(find))
}

#[derive(Template)]
#[template(path = "history.html")]
struct HistoryPage {
    page: Page,
    organisation: OrganisationRow,
    rows: Vec<OrganisationHistoryRow>,
    /// After which entry the next page begins.
    older: Option<String>,
    exported: usize,
}

/// Tells what has happened to an organisation's requests and system accesses, also those that are gone.
pub async fn history(
    State(app): State<Arc<App>>,
    Visit { session, page }: Visit,
    Path(number): Path<String>,
    Query(query): Query<HistoryQuery>,
) -> Result<Response, Response> {
    let organisation = own_organisation(&app, &session, &page, &number)?;
    require(&app, &session, &page, &organisation, (ACCESS_MANAGEMENT, "read"))?;
    let records = records(&app, organisation.party_uuid, query.position(), PAGE).await.map_err(failed)?;
    let last = records.last().filter(|_| records.len() == usize::from(PAGE));
    let view = HistoryPage {
        older: last.map(|last| format!("{}-{}", last.at.as_microsecond(), last.id.simple())),
        rows: records.iter().filter_map(|it| OrganisationHistoryRow::new(&app, &page, &number, it)).collect(),
        organisation: row(&app, &organisation),
        exported: usize::from(EXPORTED),
        page,
    };
    Ok(show(StatusCode::OK, &view))
}

async fn records(
    app: &App,
    party: Uuid,
    after: Option<(Timestamp, Uuid)>,
    limit: u16,
) -> Result<Vec<AuditRecord>, ApiError> {
    Ok(app.store.read().await?.audit_of_party(party, after, limit).await?)
}

/// An entry of the file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExportedRow {
    time: Timestamp,
    event: String,
    what: String,
    who: String,
    /// The name of the system access, or the system's id.
    about: String,
    /// The request, change request or system access.
    id: String,
}

impl ExportedRow {
    /// The fields as a table has them. One that a spreadsheet would take for a formula is marked as text.
    fn cells(&self) -> [String; 6] {
        let Self { time, event, what, who, about, id } = self;
        [time.to_string(), event.clone(), what.clone(), who.clone(), about.clone(), id.clone()]
            .map(|cell| without_formulas(&cell))
    }
}

/// A cell in which no spreadsheet finds a formula, whichever separator it cuts at.
fn without_formulas(cell: &str) -> String {
    let mut plain = String::with_capacity(cell.len());
    let mut begins = true;
    for character in cell.chars() {
        if begins && matches!(character, '=' | '+' | '-' | '@' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}') {
            plain.push('\'');
        }
        begins = matches!(character, ',' | ';') || (begins && character.is_whitespace()) || character.is_control();
        plain.push(if character.is_control() { ' ' } else { character });
    }
    plain
}

/// What has happened, as a file: the newest entries.
async fn exported(app: &App, page: &Page, session: &LoggedIn, number: &str) -> Result<Vec<ExportedRow>, Response> {
    let organisation = own_organisation(app, session, page, number)?;
    require(app, session, page, &organisation, (ACCESS_MANAGEMENT, "read"))?;
    let records = records(app, organisation.party_uuid, None, EXPORTED).await.map_err(failed)?;
    let exported = |record: AuditRecord| {
        let OrganisationHistoryRow { row: HistoryRow { at, what, who }, title, .. } =
            OrganisationHistoryRow::new(app, page, number, &record)?;
        Some(ExportedRow { time: at, event: record.event, what, who, about: title, id: record.subject })
    };
    Ok(records.into_iter().filter_map(exported).collect())
}

fn file(kind: &'static str, name: &'static str, body: Vec<u8>) -> Response {
    let name = format!("attachment; filename=\"{name}\"");
    ([(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, name)], body).into_response()
}

/// The history as a table (RFC 4180, with a header), which spreadsheets in Norwegian open as it is: with semicolons, and
/// said to be UTF-8 by its first character.
pub async fn csv(
    State(app): State<Arc<App>>,
    Visit { session, page }: Visit,
    Path(number): Path<String>,
) -> Result<Response, Response> {
    let rows = exported(&app, &page, &session, &number).await?;
    let mut table = csv::WriterBuilder::new().delimiter(b';').from_writer("\u{feff}".as_bytes().to_vec());
    let write = || -> Result<Vec<u8>, csv::Error> {
        table.write_record(["time", "event", "what", "who", "about", "id"])?;
        for row in &rows {
            table.write_record(row.cells())?;
        }
        table.into_inner().map_err(|error| error.into_error().into())
    };
    let table = write().map_err(|error| failed(ApiError::Internal(error.to_string())))?;
    Ok(file("text/csv; charset=utf-8", "history.csv", table))
}

/// The history as JSON: a list of objects with `time`, `event`, `what`, `who`, `about` and `id`.
pub async fn json(
    State(app): State<Arc<App>>,
    Visit { session, page }: Visit,
    Path(number): Path<String>,
) -> Result<Response, Response> {
    let rows = exported(&app, &page, &session, &number).await?;
    let rows = serde_json::to_vec(&rows).map_err(|error| failed(ApiError::Internal(error.to_string())))?;
    Ok(file("application/json", "history.json", rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_wherever_it_is_cut() {
        for (cell, plain) in [
            ("Regnskap", "Regnskap"),
            ("a=b - c", "a=b - c"),
            ("=1+1", "'=1+1"),
            (" \u{ff1d}1", " '\u{ff1d}1"),
            ("a,=cmd|'/c calc'!A0,b", "a,'=cmd|'/c calc'!A0,b"),
            ("a; @b", "a; '@b"),
            ("a\n-b\t+c", "a '-b '+c"),
        ] {
            assert_eq!(without_formulas(cell), plain);
        }
    }
}
