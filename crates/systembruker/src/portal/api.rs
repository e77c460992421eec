//! The portal over HTTP.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{OriginalUri, Request as HttpRequest, State};
use axum::response::{AppendHeaders, IntoResponse as _, Redirect, Response};
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use jiff::ToSpan;
use model::problem::{REQUEST_NOT_FOUND, REQUEST_NOT_NEW, SYSTEM_USER_NOT_FOUND};
use model::{Answer, Organisation, RegisteredSystem, Request, RequestKind, matches_registered};
use serde::Deserialize;
use url::Url;
use uuid::Uuid;

use super::pages::{
    self, AccessRow, DetailsPage, FrontPage, LANGUAGE_COOKIE, Message, OrganisationRow, OverviewPage, Page,
    ReceiptPage, RequestPage, RequestRow, show,
};
use super::texts::Language;
use crate::access::delegation;
use crate::app::App;
use crate::authorization::rules::{Asked, person_may};
use crate::http::extract::{Path, Query, body};
use crate::http::problem::ApiError;
use crate::login::api::own_page;
use crate::login::sessions::{LoggedIn, cookie, cookie_name};
use crate::read_model::{Party, SystemUserEntry};
use crate::requests::answer::{Answerer, Target, answer, nothing_shown};
use crate::resource_registry::builtin::{ACCESS_MANAGEMENT, SYSTEM_USER_OVERVIEW};
use crate::system_users::rules::delete;
use crate::vault::Purpose;

/// How long a receipt can be looked at after the answer, in minutes.
const RECEIPT_MINUTES: i64 = 60;
/// The most fields and the longest value of a form.
const MAX_FIELDS: usize = 50;

/// A posted form.
#[derive(Debug, Default)]
pub struct Form(HashMap<String, String>);

impl Form {
    /// A field; empty where it is not there.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// What shows that the form is ours.
    pub fn csrf(&self) -> &str {
        self.get("csrf")
    }
}

/// Reads a form.
pub async fn read_form(app: &Arc<App>, request: HttpRequest) -> Result<Form, Response> {
    let bytes = body(request, app).await.map_err(ApiError::into_response)?;
    let fields = url::form_urlencoded::parse(&bytes).into_owned().take(MAX_FIELDS);
    Ok(Form(fields.collect()))
}

fn failed(error: impl Into<ApiError>) -> Response {
    error.into().into_response()
}

fn row(organisation: &Organisation) -> OrganisationRow {
    OrganisationRow {
        name: organisation.name.clone(),
        number: organisation.org_number.to_string(),
        grouped: organisation.org_number.grouped(),
    }
}

/// The vendor's name in the register, or its number where the register does not have it.
fn vendor_name(app: &App, system: &RegisteredSystem) -> String {
    let known = app.model.parties().by_number(system.vendor);
    known.map_or_else(|| system.vendor.grouped(), |vendor| vendor.name.clone())
}

/// Whether the person has any role in the organisation or, for a sub-unit, in its main unit.
fn has_role(app: &App, session: &LoggedIn, organisation: &Organisation) -> bool {
    let parties = app.model.parties();
    let has_role = |unit: &Organisation| !parties.roles(session.person.party_uuid, unit.party_uuid).is_empty();
    has_role(organisation) || parties.main_unit(organisation).is_some_and(|unit| has_role(&unit))
}

fn may(app: &App, session: &LoggedIn, organisation: &Organisation, resource: &str, action: &str) -> bool {
    let asked = Asked { organisation, resource, action };
    person_may(&app.decision_inputs(), session.person.party_uuid, session.level, &asked)
}

/// The organisation of the address, if the person has a role in it.
fn own_organisation(app: &App, session: &LoggedIn, number: &str) -> Option<Arc<Organisation>> {
    let organisation = number.parse().ok().and_then(|number| app.model.parties().by_number(number))?;
    has_role(app, session, &organisation).then_some(organisation)
}

/// Lists the organisations in which the person has a role.
pub async fn front(
    State(app): State<Arc<App>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    session: LoggedIn,
) -> Response {
    let page = Page::of(&app, &headers, &session).at(&uri);
    let parties = app.model.parties();
    let mut organisations: Vec<_> = parties.organisations_of(session.person.party_uuid).collect();
    organisations.sort_by(|a, b| a.name.cmp(&b.name));
    show(StatusCode::OK, &FrontPage { page, organisations: organisations.iter().map(|org| row(org)).collect() })
}

/// Says that the person has logged out.
pub async fn logged_out(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    Page::anonymous(&app, &headers).message(Message::LoggedOut)
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

/// Which request a vendor's link is about. What else is in the link is ignored.
#[derive(Debug, Deserialize)]
pub struct RequestQuery {
    id: Option<String>,
}

/// A request with what belongs to it, for a person with a role at the customer.
struct Shown {
    request: Request,
    organisation: Arc<Organisation>,
    system: Arc<RegisteredSystem>,
}

async fn shown(app: &App, session: &LoggedIn, id: Uuid) -> Result<Option<Shown>, ApiError> {
    let Some(request) = app.store.read().await?.request(id).await? else { return Ok(None) };
    let (Some(organisation), Some(system)) =
        (app.model.parties().organisation(request.party), app.model.system(request.system_internal_id))
    else {
        return Ok(None);
    };
    let visible = request.kind == RequestKind::Standard && has_role(app, session, &organisation);
    Ok(visible.then_some(Shown { request, organisation, system }))
}

/// Shows a request: to answer it, or how it was answered.
pub async fn request(
    State(app): State<Arc<App>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    session: LoggedIn,
    Query(query): Query<RequestQuery>,
) -> Result<Response, Response> {
    let page = Page::of(&app, &headers, &session).at(&uri);
    let Some(id) = query.id else { return Err(page.message(Message::NoId)) };
    let found = match id.parse() {
        Ok(id) => shown(&app, &session, id).await.map_err(failed)?,
        Err(_) => None,
    };
    let Some(Shown { request, organisation, system }) = found else { return Err(page.message(Message::NotFound)) };
    let now = app.clock.now();
    let person = Party::Person(Arc::clone(&session.person));
    let inputs = app.decision_inputs();
    let checks = delegation::check_rights(&inputs, &person, &organisation, &request.rights);
    let party = Party::Organisation(Arc::clone(&organisation));
    let urns = request.access_packages.iter().map(|package| &*package.urn);
    let packages = delegation::check_packages(&inputs, &person, &party, urns);
    let view = RequestPage {
        status: request.status_at(now),
        vendor: vendor_name(&app, &system),
        system: system.name.get(page.language()).to_owned(),
        organisation: organisation.name.clone(),
        rights: pages::asked_rights(&page, checks, packages),
        may_answer: may(&app, &session, &organisation, ACCESS_MANAGEMENT, "write"),
        request,
        page,
    };
    Ok(show(StatusCode::OK, &view))
}

/// Approves a request.
pub async fn approve(
    app: State<Arc<App>>,
    session: LoggedIn,
    id: Path<String>,
    request: HttpRequest,
) -> Result<Response, Response> {
    give_answer(app, session, id, request, Answer::Approve).await
}

/// Rejects a request.
pub async fn reject(
    app: State<Arc<App>>,
    session: LoggedIn,
    id: Path<String>,
    request: HttpRequest,
) -> Result<Response, Response> {
    give_answer(app, session, id, request, Answer::Reject).await
}

async fn give_answer(
    State(app): State<Arc<App>>,
    session: LoggedIn,
    Path(id): Path<String>,
    request: HttpRequest,
    given: Answer,
) -> Result<Response, Response> {
    let page = Page::of(&app, request.headers(), &session);
    let form = read_form(&app, request).await?;
    if !session.is_own_form(&app, form.csrf()) {
        return Err(page.message(Message::ForeignForm));
    }
    let found = match id.parse() {
        Ok(id) => shown(&app, &session, id).await.map_err(failed)?,
        Err(_) => None,
    };
    let Some(shown) = found else { return Err(page.message(Message::NotFound)) };
    if !may(&app, &session, &shown.organisation, ACCESS_MANAGEMENT, "write") {
        return Err(page.message(Message::NoPower));
    }
    let answerer = Answerer { person: session.person.party_uuid, level: session.level, context: session.context() };
    let Request { party, kind, id, .. } = shown.request;
    match answer(&app, &answerer, Target { party, kind, id }, given, nothing_shown).await {
        Ok(_) => {}
        Err(ApiError::Problem(REQUEST_NOT_NEW, _)) => return Err(page.message(Message::Conflict)),
        Err(ApiError::Problem(REQUEST_NOT_FOUND, _)) => return Err(page.message(Message::NotFound)),
        Err(ApiError::Problem(..)) => return Err(page.message(Message::Refused)),
        Err(error) => return Err(failed(error)),
    }
    // The customer came for this answer; the session ends with it.
    let ended = session.end(&app).await.map_err(failed)?;
    let until = (app.clock.now() + RECEIPT_MINUTES.minutes()).as_second();
    let plain = format!("{} {until}", shown.request.id);
    let token = app.vault.seal_text(&app.random, Purpose::Receipt, plain.as_bytes());
    let headers = AppendHeaders([(SET_COOKIE, ended.to_string())]);
    Ok((headers, Redirect::to(&format!("/receipt/{token}"))).into_response())
}

/// Shows what was answered, to whoever has the link, for a while.
pub async fn receipt(
    State(app): State<Arc<App>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Path(token): Path<String>,
) -> Result<Response, Response> {
    let page = Page::anonymous(&app, &headers).at(&uri);
    let id = receipt_id(&app, &token);
    let request = match id {
        Some(id) => app.store.read().await.map_err(failed)?.request(id).await.map_err(failed)?,
        None => None,
    };
    let found = request.and_then(|request| {
        let answered = request.answered?.0;
        let organisation = app.model.parties().organisation(request.party)?;
        let system = app.model.system(request.system_internal_id)?;
        Some((request, answered, organisation, system))
    });
    let Some((request, answered, organisation, system)) = found else { return Err(page.message(Message::NotFound)) };
    let view = ReceiptPage {
        vendor: vendor_name(&app, &system),
        system: system.name.get(page.language()).to_owned(),
        organisation: organisation.name.clone(),
        answered,
        back: way_back(&app, &request, &system),
        request,
        page,
    };
    Ok(show(StatusCode::OK, &view))
}

/// The request of a receipt's link, while the link is good.
fn receipt_id(app: &App, token: &str) -> Option<Uuid> {
    let plain = String::from_utf8(app.vault.open_text(Purpose::Receipt, token).ok()?).ok()?;
    let (id, until) = plain.split_once(' ')?;
    let good = app.clock.seconds() < until.parse().ok()?;
    good.then(|| id.parse().ok()).flatten()
}

/// Where the customer may go on to: what the request says, if the system still has it registered.
fn way_back(app: &App, request: &Request, system: &RegisteredSystem) -> Option<Url> {
    let url = app.redirect_rules().parse(request.redirect_url.as_deref()?).ok()?;
    matches_registered(&url, &system.allowed_redirect_urls).then_some(url)
}

/// What the overview is told by the page that leads to it.
#[derive(Debug, Default, Deserialize)]
pub struct OverviewQuery {
    revoked: Option<String>,
}

/// Lists an organisation's system accesses and open requests.
pub async fn overview(
    State(app): State<Arc<App>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    session: LoggedIn,
    Path(number): Path<String>,
    Query(query): Query<OverviewQuery>,
) -> Result<Response, Response> {
    let page = Page::of(&app, &headers, &session).at(&uri);
    let Some(organisation) = own_organisation(&app, &session, &number) else {
        return Err(page.message(Message::NotFound));
    };
    if !may(&app, &session, &organisation, SYSTEM_USER_OVERVIEW, "read") {
        return Err(page.message(Message::NoPower));
    }
    let now = app.clock.now();
    let open = app.store.read().await.map_err(failed)?.open_requests(organisation.party_uuid).await.map_err(failed)?;
    let open = open.into_iter().filter(|request| request.kind == RequestKind::Standard && now < request.expires);
    let pending = open.filter_map(|request| {
        let system = app.model.system(request.system_internal_id)?;
        let vendor = vendor_name(&app, &system);
        Some(RequestRow { id: request.id, title: request.title, vendor, expires: request.expires })
    });
    let accesses = app.model.system_users_of(organisation.party_uuid).into_iter().filter_map(|user| {
        let system = app.model.system(user.system_internal_id)?;
        let vendor = vendor_name(&app, &system);
        Some(AccessRow { id: user.id, title: user.title.clone(), vendor, created: user.created })
    });
    let view = OverviewPage {
        organisation: row(&organisation),
        pending: pending.collect(),
        accesses: accesses.collect(),
        revoked: query.revoked.is_some(),
        page,
    };
    Ok(show(StatusCode::OK, &view))
}

/// A live system user of an organisation in which the person has a role.
fn own_access(
    app: &App,
    session: &LoggedIn,
    number: &str,
    id: &str,
) -> Option<(Arc<Organisation>, Arc<SystemUserEntry>, Arc<RegisteredSystem>)> {
    let organisation = own_organisation(app, session, number)?;
    let user = app.model.system_user(id.parse().ok()?)?;
    let system = app.model.system(user.system_internal_id)?;
    (!user.is_deleted && user.owner_party == organisation.party_uuid).then_some((organisation, user, system))
}

/// Shows a system access.
pub async fn details(
    app: State<Arc<App>>,
    uri: OriginalUri,
    headers: HeaderMap,
    session: LoggedIn,
    path: Path<(String, String)>,
) -> Result<Response, Response> {
    show_access(&app, &uri, &headers, &session, &path, false)
}

/// Asks whether a system access shall be taken back.
pub async fn confirm_revoke(
    app: State<Arc<App>>,
    uri: OriginalUri,
    headers: HeaderMap,
    session: LoggedIn,
    path: Path<(String, String)>,
) -> Result<Response, Response> {
    show_access(&app, &uri, &headers, &session, &path, true)
}

fn show_access(
    app: &App,
    OriginalUri(uri): &OriginalUri,
    headers: &HeaderMap,
    session: &LoggedIn,
    Path((number, id)): &Path<(String, String)>,
    confirm: bool,
) -> Result<Response, Response> {
    let page = Page::of(app, headers, session).at(uri);
    let Some((organisation, user, system)) = own_access(app, session, number, id) else {
        return Err(page.message(Message::NotFound));
    };
    if !may(app, session, &organisation, SYSTEM_USER_OVERVIEW, "read") {
        return Err(page.message(Message::NoPower));
    }
    let may_revoke = may(app, session, &organisation, ACCESS_MANAGEMENT, "write");
    if confirm && !may_revoke {
        return Err(page.message(Message::NoPower));
    }
    let view = DetailsPage {
        organisation: row(&organisation),
        vendor: vendor_name(app, &system),
        system: system.name.get(page.language()).to_owned(),
        rights: pages::given_rights(&page, &app.model, &user),
        may_revoke,
        confirm,
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
    let page = Page::of(&app, request.headers(), &session);
    let form = read_form(&app, request).await?;
    if !session.is_own_form(&app, form.csrf()) {
        return Err(page.message(Message::ForeignForm));
    }
    let Some((organisation, user, _)) = own_access(&app, &session, &number, &id) else {
        return Err(page.message(Message::NotFound));
    };
    if !may(&app, &session, &organisation, ACCESS_MANAGEMENT, "write") {
        return Err(page.message(Message::NoPower));
    }
    let answerer = Answerer { person: session.person.party_uuid, level: session.level, context: session.context() };
    match delete(&app, &answerer, organisation.party_uuid, user.id).await {
        Ok(()) => {}
        Err(ApiError::Problem(SYSTEM_USER_NOT_FOUND, _)) => return Err(page.message(Message::NotFound)),
        Err(error) => return Err(failed(error)),
    }
    Ok(Redirect::to(&format!("/org/{}/system-access?revoked=1", organisation.org_number)).into_response())
}

/// What a code of the token endpoint means
pub async fn token_error(
    State(app): State<Arc<App>>,
    uri: OriginalUri,
    headers: HeaderMap,
    Path(code): Path<String>,
) -> Response {
    Page::anonymous(&app, &headers).at(&uri).token_error(code)
}
