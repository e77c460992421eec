//! The pages around: choosing an organisation, language, logged out, help.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Request as HttpRequest, State};
use axum::response::{AppendHeaders, IntoResponse as _, Redirect, Response};
use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderMap, StatusCode};
use model::Organisation;
use serde::Deserialize;
use serde_json::json;
use url::Url;
use uuid::Uuid;

use super::answers::receipt_of;
use super::forms::{failed, read_form};
use super::lists::{Search, paged};
use super::pages::{LANGUAGE_COOKIE, Message, Page, Visit, show};
use super::parties::{OrganisationRow, may, row};
use super::texts::Language;
use crate::app::App;
use crate::http::cookies::{cookie, cookie_name};
use crate::http::extract::{Json, Path, Query};
use crate::login::addresses::own_page;
use crate::login::sessions::{self, LoggedIn};
use crate::resource_registry::builtin::SYSTEM_USER_OVERVIEW;

/// From how many organisations on there is a field to look for one.
const MANY: usize = 8;
/// How many organisations are looked at beside those in which the person has a role.
const MAX_REACHED: usize = 500;
/// How many organisations are shown.
const MAX_SHOWN: usize = 100;

/// What is looked for.
#[derive(Debug, Default, Deserialize)]
pub struct OrganisationQuery {
    #[serde(default)]
    q: String,
}

#[derive(Template)]
#[template(path = "front.html")]
struct FrontPage {
    page: Page,
    organisations: Vec<OrganisationRow>,
    query: OrganisationQuery,
    /// How many there are in all, and how many are found.
    count: (usize, usize),
    is_cut: bool,
}

impl FrontPage {
    fn has_search(&self) -> bool {
        self.count.0 >= MANY
    }
}

/// Lists the organisations in which the person has a role.
pub async fn front(
    State(app): State<Arc<App>>,
    Visit { session, page }: Visit,
    Query(query): Query<OrganisationQuery>,
) -> Response {
    let parties = app.model.parties();
    let mut all: Vec<_> = parties.organisations_of(session.person.party_uuid).collect();
    all.extend(managed(&app, &session));
    // The sub-units of an organisation are its own too.
    let units: Vec<_> = all.iter().flat_map(|main| parties.sub_units(main.party_uuid).collect::<Vec<_>>()).collect();
    all.extend(units);
    all.sort_by(|a, b| (&a.name, a.org_number).cmp(&(&b.name, b.org_number)));
    all.dedup_by_key(|organisation| organisation.org_number);
    let (search, count) = (Search::new(&query.q), all.len());
    let rows = all.iter().map(|organisation| row(&app, organisation));
    let found = paged(rows.filter(|row| row.is_found(&search)).collect(), None, MAX_SHOWN);
    let (organisations, count, is_cut) = (found.rows, (count, found.count), found.pages.1 > 1);
    show(StatusCode::OK, &FrontPage { page, organisations, query, count, is_cut })
}

/// The organisations whose system accesses the person may see without a role of its own in them: by what they gave it, or
/// by an organisation in which it has a key role.
fn managed(app: &App, session: &LoggedIn) -> Vec<Arc<Organisation>> {
    let (parties, person) = (app.model.parties(), session.person.party_uuid);
    let own: Vec<_> = parties.organisations_of(person).collect();
    let gave = |holder: Uuid| app.model.connections_to(holder).into_iter().map(|entry| entry.connection.giver);
    let through = own.iter().flat_map(|organisation| {
        let reached = parties.organisations_of(organisation.party_uuid).map(|it| it.party_uuid);
        reached.chain(gave(organisation.party_uuid)).collect::<Vec<_>>()
    });
    // Those that gave something to the person itself come first.
    let reached = gave(person).chain(through).take(MAX_REACHED);
    let organisations = reached.collect::<BTreeSet<_>>().into_iter().filter_map(|id| parties.organisation(id));
    organisations.filter(|organisation| may(app, session, organisation, SYSTEM_USER_OVERVIEW, "read")).collect()
}

/// Says that the person has logged out; or shows the receipt, where that came with an answer.
pub async fn logged_out(State(app): State<Arc<App>>, headers: HeaderMap, page: Page) -> Response {
    match receipt_of(&app, &headers) {
        Some(receipt) => Redirect::to(&receipt).into_response(),
        // Who is logged in is not told otherwise.
        None if page.person.is_some() => Redirect::to("/").into_response(),
        None => page.message(Message::LoggedOut),
    }
}

/// Remembers a language, and goes back to the page.
pub async fn choose_language(State(app): State<Arc<App>>, request: HttpRequest) -> Result<Response, Response> {
    let form = read_form(&app, request).await?;
    let goto = own_page(Some(form.get("goto")));
    let Some(language) = Language::from_code(form.get("language")) else {
        return Ok(Redirect::to(&goto).into_response());
    };
    let name = cookie_name(LANGUAGE_COOKIE, &app);
    let mut cookie = cookie(&name, language.code().to_owned(), &app);
    cookie.set_max_age(cookie::time::Duration::days(365));
    Ok((AppendHeaders([(SET_COOKIE, cookie.to_string())]), Redirect::to(&goto)).into_response())
}

/// Keeps the session, for a page whose script asks before it ends, and says how long it lasts now.
pub async fn keep_session(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Response> {
    let found = sessions::find(&app, &headers).await.map_err(failed)?;
    let uncached = [(CACHE_CONTROL, "no-store")];
    Ok(match found {
        Some(session) => {
            let (seconds, can_stay) = session.ends_in(app.clock.now());
            (uncached, Json(json!({"seconds": seconds, "canStay": can_stay}))).into_response()
        }
        None => (StatusCode::UNAUTHORIZED, uncached).into_response(),
    })
}

/// A page of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    Help,
    Privacy,
    Accessibility,
}

#[derive(Template)]
#[template(path = "words.html")]
struct WordsPage {
    page: Page,
    words: Words,
    support: Option<Url>,
    statement: Option<Url>,
}

fn words(app: &App, page: Page, words: Words) -> Response {
    let (support, statement) = (app.portal.support.clone(), app.portal.accessibility_statement.clone());
    show(StatusCode::OK, &WordsPage { page, words, support, statement })
}

/// Help.
pub async fn help(State(app): State<Arc<App>>, page: Page) -> Response {
    words(&app, page, Words::Help)
}

/// What is known of persons, and for how long.
pub async fn privacy(State(app): State<Arc<App>>, page: Page) -> Response {
    words(&app, page, Words::Privacy)
}

/// How accessible the pages are.
pub async fn accessibility(State(app): State<Arc<App>>, page: Page) -> Response {
    words(&app, page, Words::Accessibility)
}

/// What a code of the token endpoint means.
pub async fn token_error(page: Page, Path(code): Path<String>) -> Response {
    page.token_error(code)
}
