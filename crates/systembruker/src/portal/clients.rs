//! The clients that a system access acts for: found by a search on the server, given and taken one by one or many at
//! once, by a job of the server's that goes on whatever becomes of the browser.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Request as HttpRequest, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use http::StatusCode;
use model::{AccessPackage, Organisation, SystemUserKind};
use serde::Deserialize;
use store::{ClientAction, ClientJobItem, ItemStatus};
use uuid::Uuid;

use super::accesses::{Own, own_access};
use super::forms::{Form, failed, own_form};
use super::lists::{Search, paged, query_of};
use super::pages::{Message, Page, Visit, show};
use super::parties::{OrganisationRow, answerer, may, require, row};
use crate::access::clients::{clients_of, lacking};
use crate::access::delegation::is_for_systems;
use crate::app::App;
use crate::http::extract::{Path, Query};
use crate::http::problem::ApiError;
use crate::login::sessions::LoggedIn;
use crate::read_model::SystemUserEntry;
use crate::resource_registry::builtin::{ACCESS_MANAGEMENT, CLIENT_ADMINISTRATION};
use crate::system_users::agents::{add_self, remove_client};
use crate::system_users::jobs::{MAX_ITEMS, begin};

/// How many clients a page has.
const PAGE: usize = 50;
/// The most clients of a job that is waited for.
const SOME: usize = 200;
/// For how long it is waited for a short job, so that what came of it can be shown at once.
const SHORT: Duration = Duration::from_millis(800);
/// How many items of a job are shown.
const MAX_SHOWN: usize = 500;

/// A client in the list.
struct ClientRow {
    client: OrganisationRow,
    party_uuid: Uuid,
    /// Whether the system access acts for it.
    is_given: bool,
    /// The packages that the organisation lacks for it, by name.
    lacks: Vec<String>,
}

impl ClientRow {
    /// Whether it can be given or taken.
    fn can_change(&self) -> bool {
        self.is_given || self.lacks.is_empty()
    }
}

/// What is looked for.
#[derive(Debug, Default, Deserialize)]
pub struct ClientQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    show: String,
    page: Option<usize>,
    changed: Option<String>,
}

#[derive(Template)]
#[template(path = "clients.html")]
struct ClientsPage {
    page: Page,
    organisation: OrganisationRow,
    user: Arc<SystemUserEntry>,
    packages: Vec<String>,
    clients: Vec<ClientRow>,
    query: ClientQuery,
    /// How many are given, could be given, and lack a package.
    counts: (usize, usize, usize),
    /// How many are found.
    found: usize,
    pages: (usize, usize),
    may_change: bool,
    /// Whether the organisation itself may be among them, and is.
    own: Option<bool>,
    /// How many numbers a form takes.
    max_items: usize,
}

impl ClientsPage {
    /// Whether there is anything on the page that this person can give or take.
    fn has_choice(&self) -> bool {
        self.may_change && self.clients.iter().any(ClientRow::can_change)
    }

    fn address(&self) -> String {
        format!("/org/{}/system-access/{}/clients", self.organisation.number, self.user.id)
    }

    fn at(&self, number: usize) -> String {
        query_of(&[("q", &self.query.q), ("show", &self.query.show)], number)
    }
}

/// A system access for clients, for a person who may see them.
fn agent(app: &App, session: &LoggedIn, page: &Page, address: (&str, &str)) -> Result<Own, Response> {
    let own = own_access(app, session, page, address)?;
    require(app, session, page, &own.organisation, (CLIENT_ADMINISTRATION, "read"))?;
    if own.user.kind == SystemUserKind::Agent { Ok(own) } else { Err(page.clone().message(Message::NotFound)) }
}

fn package_name(app: &App, language: &str, package: &AccessPackage) -> String {
    let metadata = app.model.metadata();
    metadata.package(&package.urn).map_or_else(|| package.urn.clone(), |known| known.name.get(language).to_owned())
}

/// All clients of the organisation, and those that the system access acts for: by name.
fn rows(app: &App, language: &str, user: &SystemUserEntry) -> Vec<ClientRow> {
    let parties = app.model.parties();
    let held = clients_of(&app.model, user.owner_party);
    let ids: BTreeSet<Uuid> =
        held.keys().chain(user.clients.keys()).copied().filter(|id| *id != user.owner_party).collect();
    let none = crate::access::clients::Held::new();
    let client = |id: Uuid| {
        let client = parties.organisation(id)?;
        let missing = lacking(held.get(&id).unwrap_or(&none), &user.user.access_packages);
        let lacks = missing.into_iter().map(|package| package_name(app, language, package)).collect();
        Some(ClientRow { client: row(app, &client), party_uuid: id, is_given: user.clients.contains_key(&id), lacks })
    };
    let mut rows: Vec<_> = ids.into_iter().filter_map(client).collect();
    rows.sort_by(|a, b| (&a.client.name, &a.client.number).cmp(&(&b.client.name, &b.client.number)));
    rows
}

/// Lists the clients.
pub async fn list(
    State(app): State<Arc<App>>,
    Visit { session, page }: Visit,
    Path((number, id)): Path<(String, String)>,
    Query(query): Query<ClientQuery>,
) -> Result<Response, Response> {
    let Own { organisation, user, .. } = agent(&app, &session, &page, (&number, &id))?;
    let language = page.language();
    let all = rows(&app, language, &user);
    let given = all.iter().filter(|row| row.is_given).count();
    let missing = all.iter().filter(|row| !row.is_given && !row.lacks.is_empty()).count();
    let counts = (given, all.len() - given - missing, missing);
    let search = Search::new(&query.q);
    let wanted = |row: &ClientRow| {
        let shown = match &*query.show {
            "added" => row.is_given,
            "available" => !row.is_given && row.lacks.is_empty(),
            "missing" => !row.is_given && !row.lacks.is_empty(),
            _ => true,
        };
        shown && row.client.is_found(&search)
    };
    let found = paged(all.into_iter().filter(wanted).collect(), query.page, PAGE);
    let packages = user.user.access_packages.iter();
    let view = ClientsPage {
        packages: packages.map(|package| package_name(&app, language, package)).collect(),
        clients: found.rows,
        counts,
        found: found.count,
        pages: found.pages,
        may_change: may(&app, &session, &organisation, CLIENT_ADMINISTRATION, "write"),
        own: own_state(&app, &session, &organisation, &user),
        organisation: row(&app, &organisation),
        max_items: MAX_ITEMS,
        user,
        query,
        page,
    };
    Ok(show(StatusCode::OK, &view))
}

/// Whether the organisation itself is among those that are acted for; `None` where this person cannot have that so.
fn own_state(app: &App, session: &LoggedIn, organisation: &Organisation, user: &SystemUserEntry) -> Option<bool> {
    let metadata = app.model.metadata();
    let can_be = user.user.access_packages.iter().all(|package| is_for_systems(&metadata, package));
    let is_there = user.clients.contains_key(&user.owner_party);
    let may = may(app, session, organisation, ACCESS_MANAGEMENT, "write");
    (may && (can_be || is_there)).then_some(is_there)
}

/// What a form wants done: with the clients that are ticked or named, or with all that it can be done with.
fn items(app: &App, form: &Form, user: &SystemUserEntry) -> Vec<(ClientAction, String)> {
    let action = if form.get("action") == "remove" { ClientAction::Remove } else { ClientAction::Add };
    let named: Vec<String> = match form.get("which") {
        "all" => {
            let all = rows(app, "nb", user).into_iter();
            let can = all.filter(|row| match action {
                ClientAction::Add => !row.is_given && row.lacks.is_empty(),
                ClientAction::Remove => row.is_given,
            });
            can.map(|row| row.party_uuid.to_string()).collect()
        }
        "numbers" => {
            let text = form.get("numbers").replace('\u{a0}', " ");
            let mut numbers = Vec::new();
            // A line is a number, with or without spaces; several may be on a line with commas between.
            for part in text.split(['\n', '\r', ',', ';', '\t']) {
                let number: String = part.split_whitespace().collect();
                if !number.is_empty() {
                    numbers.push(number.chars().filter(char::is_ascii_graphic).take(36).collect());
                }
            }
            numbers
        }
        _ => form.all("client").map(|id| id.trim().to_owned()).filter(|id| id.len() <= 36).collect(),
    };
    let mut seen = BTreeSet::new();
    let once = named.into_iter().filter(|client| !client.is_empty() && seen.insert(client.clone()));
    // One more than there may be shows that there are too many.
    once.take(MAX_ITEMS + 1).map(|client| (action, client)).collect()
}

/// Asks whether all clients shall be taken.
#[derive(Template)]
#[template(path = "remove_all.html")]
struct RemoveAllPage {
    page: Page,
    organisation: OrganisationRow,
    user: Arc<SystemUserEntry>,
    count: usize,
    list: String,
}

/// Gives clients, or takes them.
pub async fn change(
    State(app): State<Arc<App>>,
    session: LoggedIn,
    Path((number, id)): Path<(String, String)>,
    request: HttpRequest,
) -> Result<Response, Response> {
    let (page, form) = own_form(&app, &session, request).await?;
    let Own { organisation, user, .. } = agent(&app, &session, &page, (&number, &id))?;
    require(&app, &session, &page, &organisation, (CLIENT_ADMINISTRATION, "write"))?;
    let list = format!("/org/{}/system-access/{}/clients", organisation.org_number, user.id);
    let items = items(&app, &form, &user);
    if items.is_empty() {
        return Ok(Redirect::to(&list).into_response());
    }
    if items.len() > MAX_ITEMS {
        let text = page.texts().to_clients();
        return Err(page.message_with(Message::TooMany(MAX_ITEMS), list, text));
    }
    if form.get("which") == "all" && form.get("action") == "remove" && !form.has("sure") {
        let view = RemoveAllPage { organisation: row(&app, &organisation), count: items.len(), list, user, page };
        return Ok(show(StatusCode::OK, &view));
    }
    let person = (session.person.party_uuid, session.level);
    match begin(&app, session.acting_for(&organisation), &user, person, &items).await {
        Ok((job, _)) => {
            if items.len() <= SOME {
                wait_for(&app, user.id).await;
            }
            Ok(Redirect::to(&format!("{list}/jobs/{}", job.id)).into_response())
        }
        Err(ApiError::Status(StatusCode::CONFLICT, _)) => {
            let text = page.texts().to_clients();
            Err(page.message_with(Message::JobWaits, list, text))
        }
        Err(error) => Err(failed(error)),
    }
}

/// Waits a moment for a job to finish.
async fn wait_for(app: &App, user: Uuid) {
    const LOOK: Duration = Duration::from_millis(40);
    for _ in 0..SHORT.as_millis() / LOOK.as_millis() {
        tokio::time::sleep(LOOK).await;
        let Ok(mut reading) = app.store.read().await else { return };
        if !reading.waiting_clients_of(user).await.is_ok_and(|waiting| waiting > 0) {
            return;
        }
    }
}

/// What came of a client of a job.
struct ItemRow {
    name: String,
    number: String,
    /// Why it could not be done.
    refusal: Option<String>,
}

#[derive(Template)]
#[template(path = "job.html")]
struct JobPage {
    page: Page,
    organisation: OrganisationRow,
    user: Arc<SystemUserEntry>,
    /// How many there are, are done, and were refused.
    total: usize,
    done: usize,
    refused: usize,
    removes: bool,
    failures: Vec<ItemRow>,
    successes: Vec<ItemRow>,
}

impl JobPage {
    fn is_finished(&self) -> bool {
        self.done + self.refused == self.total
    }
}

/// Shows how far a job has come, and what came of it.
pub async fn job(
    State(app): State<Arc<App>>,
    Visit { session, page }: Visit,
    Path((number, id, job)): Path<(String, String, String)>,
) -> Result<Response, Response> {
    let Own { organisation, user, .. } = agent(&app, &session, &page, (&number, &id))?;
    let mut reading = app.store.read().await.map_err(failed)?;
    let job = match job.parse() {
        Ok(job) => reading.client_job(job).await.map_err(failed)?.filter(|job| job.system_user == user.id),
        Err(_) => None,
    };
    let Some(job) = job else { return Err(page.message(Message::NotFound)) };
    let items = reading.client_job_items(job.id).await.map_err(failed)?;
    drop(reading);
    let count = |status| items.iter().filter(|item| item.status == status).count();
    let of = |status| {
        let items = items.iter().filter(move |item| item.status == status).take(MAX_SHOWN);
        items.map(|item| item_row(&app, &page, item)).collect()
    };
    let (failures, successes) = (of(ItemStatus::Refused), of(ItemStatus::Done));
    let view = JobPage {
        total: items.len(),
        done: count(ItemStatus::Done),
        refused: count(ItemStatus::Refused),
        removes: items.first().is_some_and(|item| item.action == ClientAction::Remove),
        failures,
        successes,
        organisation: row(&app, &organisation),
        user,
        page,
    };
    Ok(show(StatusCode::OK, &view))
}

fn item_row(app: &App, page: &Page, item: &ClientJobItem) -> ItemRow {
    let parties = app.model.parties();
    let by_number = || item.client.parse().ok().and_then(|number| parties.by_number(number));
    let client = item.client.parse().ok().and_then(|id| parties.organisation(id)).or_else(by_number);
    let t = page.texts();
    let refusal = item.refusal.as_ref().map(|(code, _)| match &**code {
        "AUTH-00079" => t.job_not_a_client(),
        "AUTH-00080" => t.job_lacks_packages(),
        "AUTH-00031" => t.job_not_there(),
        "AUTH-00044" => t.message_no_power_title(),
        other => t.job_refused(other),
    });
    ItemRow {
        name: client.as_ref().map_or_else(|| item.client.clone(), |client| client.name.clone()),
        number: client.map(|client| client.org_number.grouped()).unwrap_or_default(),
        refusal,
    }
}

/// Lets a system access act for the organisation itself too, or no more.
pub async fn change_own(
    State(app): State<Arc<App>>,
    session: LoggedIn,
    Path((number, id)): Path<(String, String)>,
    request: HttpRequest,
) -> Result<Response, Response> {
    let (page, form) = own_form(&app, &session, request).await?;
    let Own { organisation, user, .. } = agent(&app, &session, &page, (&number, &id))?;
    require(&app, &session, &page, &organisation, (ACCESS_MANAGEMENT, "write"))?;
    match write_own(&app, &session, &organisation, &user, form.get("action") == "remove").await {
        Ok(()) => {
            let list = format!("/org/{}/system-access/{}/clients?changed=1", organisation.org_number, user.id);
            Ok(Redirect::to(&list).into_response())
        }
        Err(ApiError::Problem(..)) => Err(page.message(Message::Refused)),
        Err(error) => Err(failed(error)),
    }
}

async fn write_own(
    app: &App,
    session: &LoggedIn,
    organisation: &Organisation,
    user: &SystemUserEntry,
    remove: bool,
) -> Result<(), ApiError> {
    let answerer = answerer(session, organisation);
    let mut tx = app.begin(answerer.context.clone()).await?;
    answerer.require_power(app, user.owner_party)?;
    if remove {
        remove_client(app, &mut tx, user, user.owner_party).await?;
    } else {
        add_self(app, &mut tx, &answerer, user).await?;
    }
    app.commit(tx).await
}
