//! What the pages show. Each page is a struct with its template; the words come from [`super::texts`].

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request as HttpRequest, State};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use http::header::{
    ACCEPT, ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use model::{Request, RequestStatus, SystemUser};
use url::Url;
use uuid::Uuid;

use super::assets;
use super::texts::{Language, Texts};
use crate::access::delegation::{CannotDelegate, PackageCheck, RightCheck, actions};
use crate::access::metadata::Package;
use crate::app::App;
use crate::http::problem::ApiError;
use crate::login::sessions::{LoggedIn, cookie_name, read_cookie};
use crate::read_model::{ReadModel, ResourceEntry, SystemUserEntry};

/// The cookie that remembers the language.
pub const LANGUAGE_COOKIE: &str = "language";

/// What every page has around its content.
#[derive(Debug, Clone)]
pub struct Page {
    language: Language,
    /// The page itself, to come back to after choosing a language.
    here: String,
    person: Option<String>,
    csrf: String,
    sandbox: bool,
}

impl Page {
    /// A page for nobody in particular.
    pub fn anonymous(app: &App, headers: &HeaderMap) -> Self {
        let language = chosen_language(headers, &cookie_name(LANGUAGE_COOKIE, app));
        Self { language, here: "/".into(), person: None, csrf: String::new(), sandbox: app.sandbox.is_some() }
    }

    /// A page for a person.
    pub fn of(app: &App, headers: &HeaderMap, session: &LoggedIn) -> Self {
        let csrf = session.csrf_token(app);
        Self { person: Some(session.person.name.clone()), csrf, ..Self::anonymous(app, headers) }
    }

    /// The page at this address.
    #[must_use]
    pub fn at(mut self, uri: &Uri) -> Self {
        uri.path_and_query().map_or("/", |path| path.as_str()).clone_into(&mut self.here);
        self
    }

    /// The language's code.
    pub fn language(&self) -> &'static str {
        self.language.code()
    }

    /// The words.
    pub fn texts(&self) -> &'static Texts {
        Texts::of(self.language)
    }

    /// The languages to choose from, each with whether it is this page's.
    fn languages(&self) -> [(Language, bool); 3] {
        Language::ALL.map(|language| (language, language == self.language))
    }

    fn style_sheets(&self) -> [&'static str; 3] {
        assets::style_sheets()
    }

    /// A day, as it is written in the language.
    fn date(&self, time: Timestamp) -> String {
        const NB: [&str; 12] = [
            "januar",
            "februar",
            "mars",
            "april",
            "mai",
            "juni",
            "juli",
            "august",
            "september",
            "oktober",
            "november",
            "desember",
        ];
        const EN: [&str; 12] = [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ];
        // What a day is, is decided where the customer is.
        let zone = TimeZone::get("Europe/Oslo").unwrap_or(TimeZone::UTC);
        let day = time.to_zoned(zone);
        let (names, dot) = if self.language == Language::En { (EN, "") } else { (NB, ".") };
        let month = usize::try_from(day.month() - 1).ok().and_then(|index| names.get(index)).copied();
        format!("{}{dot} {} {}", day.day(), month.unwrap_or_default(), day.year())
    }

    /// A page with a heading and a few words.
    pub fn message(self, message: Message) -> Response {
        let status = message.status();
        show(status, &MessagePage { page: self, message })
    }

    /// The test login's choice of people.
    pub fn test_login(self, personas: Vec<Persona>, authorization: String, wrong_number: bool) -> Response {
        let status = if wrong_number { StatusCode::BAD_REQUEST } else { StatusCode::OK };
        show(status, &TestLoginPage { page: self, personas, authorization, wrong_number })
    }
}

/// The language chosen before, or the one the browser asks for, or bokmål.
fn chosen_language(headers: &HeaderMap, cookie: &str) -> Language {
    if let Some(language) = read_cookie(headers, cookie).and_then(|code| Language::from_code(&code)) {
        return language;
    }
    let asked = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let tags = asked.split(',').map(|tag| tag.split(';').next().unwrap_or_default().trim());
    tags.into_iter()
        .find_map(|tag| match tag.split('-').next()?.to_ascii_lowercase().as_str() {
            "no" | "nb" => Some(Language::Nb),
            "nn" => Some(Language::Nn),
            "en" => Some(Language::En),
            _ => None,
        })
        .unwrap_or(Language::Nb)
}

/// Answers with a page.
pub fn show(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => ApiError::Internal(error.to_string()).into_response(),
    }
}

/// Gives every answer the headers that pages have: nothing from elsewhere, nothing inline, not framed, not kept. What a
/// handler could only refuse as an API would becomes a page too.
pub async fn secure(State(app): State<Arc<App>>, request: HttpRequest, next: Next) -> Response {
    let page = Page::anonymous(&app, request.headers());
    let response = next.run(request).await;
    let is_problem =
        response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/problem"));
    let response = match response.status() {
        _ if !is_problem => response,
        status if status.is_server_error() => page.message(Message::Unavailable),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => page.message(Message::NotFound),
        _ => page.message(Message::ForeignForm),
    };
    with_headers(&app, response)
}

/// What is at an address where nothing is: a page where a person's browser asks, a problem where a program does.
pub async fn unknown_address(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let mut accepts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    if accepts.any(|accepted| accepted.contains("text/html")) {
        with_headers(&app, Page::anonymous(&app, &headers).message(Message::NotFound))
    } else {
        ApiError::not_found().into_response()
    }
}

fn with_headers(app: &App, mut response: Response) -> Response {
    const POLICY: &str = "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(CONTENT_SECURITY_POLICY, POLICY);
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(X_FRAME_OPTIONS, "DENY");
    set(REFERRER_POLICY, "no-referrer");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    set(HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()");
    set(CACHE_CONTROL, "no-store");
    if app.faces.portal_is_https() {
        set(STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// What a message page says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// There is no such page or request, for this person.
    NotFound,
    /// The vendor's link lacks the request's id.
    NoId,
    /// The form is not one of ours, or too old.
    ForeignForm,
    /// The request has been answered.
    Conflict,
    /// The rights cannot be given.
    Refused,
    /// The person may not.
    NoPower,
    /// The login was broken off.
    LoginFailed,
    /// The person is not registered.
    UnknownPerson,
    /// Nobody can log in now.
    LoginUnavailable,
    /// Something fails or is not there right now.
    Unavailable,
    /// The person has logged out.
    LoggedOut,
}

impl Message {
    fn status(self) -> StatusCode {
        match self {
            Self::LoggedOut => StatusCode::OK,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::NoId | Self::LoginFailed => StatusCode::BAD_REQUEST,
            Self::Conflict => StatusCode::CONFLICT,
            Self::LoginUnavailable | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::ForeignForm | Self::Refused | Self::NoPower | Self::UnknownPerson => StatusCode::FORBIDDEN,
        }
    }

    fn title(self, t: &Texts) -> String {
        match self {
            Self::NotFound => t.message_not_found_title(),
            Self::NoId => t.message_no_id_title(),
            Self::ForeignForm => t.message_foreign_form_title(),
            Self::Conflict => t.message_conflict_title(),
            Self::Refused => t.message_refused_title(),
            Self::NoPower => t.message_no_power_title(),
            Self::LoginFailed => t.message_login_failed_title(),
            Self::UnknownPerson => t.message_unknown_person_title(),
            Self::LoginUnavailable => t.message_login_unavailable_title(),
            Self::Unavailable => t.message_unavailable_title(),
            Self::LoggedOut => t.logged_out_title(),
        }
    }

    fn text(self, t: &Texts) -> String {
        match self {
            Self::NotFound => t.message_not_found(),
            Self::NoId => t.message_no_id(),
            Self::ForeignForm => t.message_foreign_form(),
            Self::Conflict => t.message_conflict(),
            Self::Refused => t.message_refused(),
            Self::NoPower => t.message_no_power(),
            Self::LoginFailed => t.message_login_failed(),
            Self::UnknownPerson => t.message_unknown_person(),
            Self::LoginUnavailable => t.message_login_unavailable(),
            Self::Unavailable => t.message_unavailable(),
            Self::LoggedOut => t.logged_out_lead(),
        }
    }
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage {
    page: Page,
    message: Message,
}

#[derive(Template)]
#[template(path = "token_error.html")]
struct TokenErrorPage {
    page: Page,
    code: String,
    text: String,
}

impl Page {
    /// What a code of the token endpoint means, for whoever follows `error_uri`.
    pub fn token_error(self, code: String) -> Response {
        match self.texts().token_error(&code) {
            Some(text) => show(StatusCode::OK, &TokenErrorPage { page: self, code, text }),
            None => self.message(Message::NotFound),
        }
    }
}

/// Somebody whom one can log in as in a sandbox.
#[derive(Debug, Clone)]
pub struct Persona {
    /// The person.
    pub party_uuid: Uuid,
    /// The name.
    pub name: String,
    /// The roles, each with its organisation.
    pub roles: Vec<String>,
}

#[derive(Template)]
#[template(path = "test_login.html")]
struct TestLoginPage {
    page: Page,
    personas: Vec<Persona>,
    authorization: String,
    wrong_number: bool,
}

/// An organisation in a list.
pub struct OrganisationRow {
    /// The name.
    pub name: String,
    /// The number, as its address has it.
    pub number: String,
    /// The number, as people read it.
    pub grouped: String,
}

/// The front page: in which organisations the person has a role.
#[derive(Template)]
#[template(path = "front.html")]
pub struct FrontPage {
    /// What is around it.
    pub page: Page,
    /// The organisations.
    pub organisations: Vec<OrganisationRow>,
}

/// A request in a list.
pub struct RequestRow {
    /// The request.
    pub id: Uuid,
    /// The name shown to the customer.
    pub title: String,
    /// The vendor's name.
    pub vendor: String,
    /// Until when it waits.
    pub expires: Timestamp,
}

/// A system access in a list.
pub struct AccessRow {
    /// The system user.
    pub id: Uuid,
    /// The name shown to the customer.
    pub title: String,
    /// The vendor's name.
    pub vendor: String,
    /// When it was made.
    pub created: Timestamp,
}

/// An organisation's system accesses.
#[derive(Template)]
#[template(path = "overview.html")]
pub struct OverviewPage {
    /// What is around it.
    pub page: Page,
    /// The organisation.
    pub organisation: OrganisationRow,
    /// Requests that wait.
    pub pending: Vec<RequestRow>,
    /// System accesses.
    pub accesses: Vec<AccessRow>,
    /// Whether one was taken back just now.
    pub revoked: bool,
}

/// A right in words.
pub struct RightRow {
    /// The service.
    pub title: String,
    /// What one who has it can do, by its owner.
    pub description: String,
    /// The owner.
    pub owner: String,
    /// What the system could do, in words.
    pub actions: String,
    /// Why the person cannot give it; `None` where it can.
    pub cannot: Option<String>,
}

/// A request, whatever its state.
#[derive(Template)]
#[template(path = "request.html")]
pub struct RequestPage {
    /// What is around it.
    pub page: Page,
    /// The request.
    pub request: Request,
    /// Where it stands now.
    pub status: RequestStatus,
    /// The vendor's name.
    pub vendor: String,
    /// The system's name.
    pub system: String,
    /// The customer's name.
    pub organisation: String,
    /// What it asks for.
    pub rights: Vec<RightRow>,
    /// Whether this person may answer for the customer.
    pub may_answer: bool,
}

impl RequestPage {
    fn waits(&self) -> bool {
        self.status == RequestStatus::New
    }

    fn may_approve(&self) -> bool {
        self.rights.iter().all(|right| right.cannot.is_none())
    }

    fn has_reference(&self) -> bool {
        self.request.external_ref != self.request.party_org.as_str()
    }
}

/// What has been answered.
#[derive(Template)]
#[template(path = "receipt.html")]
pub struct ReceiptPage {
    /// What is around it.
    pub page: Page,
    /// The request.
    pub request: Request,
    /// The vendor's name.
    pub vendor: String,
    /// The system's name.
    pub system: String,
    /// The customer's name.
    pub organisation: String,
    /// When it was answered.
    pub answered: Timestamp,
    /// The way back to the vendor.
    pub back: Option<Url>,
}

impl ReceiptPage {
    fn approved(&self) -> bool {
        self.request.status == RequestStatus::Accepted
    }
}

/// A system access.
#[derive(Template)]
#[template(path = "details.html")]
pub struct DetailsPage {
    /// What is around it.
    pub page: Page,
    /// The organisation.
    pub organisation: OrganisationRow,
    /// The system user.
    pub user: Arc<SystemUserEntry>,
    /// The vendor's name.
    pub vendor: String,
    /// The system's name.
    pub system: String,
    /// What was given.
    pub rights: Vec<RightRow>,
    /// Whether this person may take it back.
    pub may_revoke: bool,
    /// Whether to ask if it shall be taken back.
    pub confirm: bool,
}

/// An action in words.
fn action_text(t: &Texts, action: &str) -> String {
    match action {
        "read" => t.action_read(),
        "write" => t.action_write(),
        "sign" => t.action_sign(),
        "delete" => t.action_delete(),
        other => t.action_other(other),
    }
}

fn action_texts<'a>(t: &Texts, actions: impl Iterator<Item = &'a str>) -> String {
    actions.map(|action| action_text(t, action)).collect::<Vec<_>>().join(", ")
}

fn right_row(page: &Page, entry: &ResourceEntry, actions: String, cannot: Option<String>) -> RightRow {
    let resource = &entry.resource;
    let language = page.language();
    let description = resource.right_description.as_ref().unwrap_or(&resource.description);
    RightRow {
        title: resource.title.get(language).to_owned(),
        description: description.get(language).to_owned(),
        owner: resource.owner_name.get(language).to_owned(),
        actions,
        cannot,
    }
}

/// What a request asks for, and what of it the person can give.
pub fn asked_rights(page: &Page, checks: Vec<RightCheck>, packages: Vec<PackageCheck>) -> Vec<RightRow> {
    let t = page.texts();
    let row = |check: RightCheck| {
        let cannot = match &check.result {
            Ok(_) => None,
            Err(CannotDelegate::MissingAccess(_)) => Some(t.right_cannot_role()),
            Err(CannotDelegate::ResourceNotDelegable | CannotDelegate::IsSchema) => Some(t.right_cannot_resource()),
            Err(CannotDelegate::NotListed) => Some(t.right_not_listed()),
            Err(CannotDelegate::Unknown) => Some(t.right_unknown(&check.resource_id)),
        };
        match &check.resource {
            Some(entry) => {
                let actions = match &check.result {
                    Ok(rights) => action_texts(t, rights.iter().map(|right| &*right.action)),
                    Err(_) => {
                        let all = entry.policy.as_ref().map(|policy| actions(&policy.policy)).unwrap_or_default();
                        action_texts(t, all.iter().map(String::as_str))
                    }
                };
                right_row(page, entry, actions, cannot)
            }
            // Never left out: what cannot be shown cannot be approved.
            None => RightRow {
                title: check.resource_id.clone(),
                description: String::new(),
                owner: String::new(),
                actions: String::new(),
                cannot,
            },
        }
    };
    let of_package = |check: PackageCheck| {
        let cannot = (!check.result).then(|| match &check.package {
            Some(_) => t.right_cannot_role(),
            None => t.right_unknown(&check.urn),
        });
        package_row(page, check.package.as_ref(), &check.urn, cannot)
    };
    checks.into_iter().map(row).chain(packages.into_iter().map(of_package)).collect()
}

fn package_row(page: &Page, package: Option<&Package>, urn: &str, cannot: Option<String>) -> RightRow {
    let language = page.language();
    let name = package.map_or(urn, |package| package.name.get(language));
    let description = package.and_then(|package| package.description.as_ref());
    RightRow {
        title: page.texts().package(name),
        description: description.map_or_else(String::new, |text| text.get(language).to_owned()),
        owner: String::new(),
        actions: String::new(),
        cannot,
    }
}

/// What a system user was given.
pub fn given_rights(page: &Page, model: &ReadModel, user: &SystemUser) -> Vec<RightRow> {
    let t = page.texts();
    let (rights, metadata) = (&user.rights, model.metadata());
    let ids: std::collections::BTreeSet<&str> = rights.iter().map(|right| &*right.resource).collect();
    let row = |id: &str| {
        let of_resource = rights.iter().filter(|right| right.resource == id);
        let actions = action_texts(t, of_resource.map(|right| &*right.action));
        match model.resource(id) {
            Some(entry) => right_row(page, &entry, actions, None),
            None => RightRow {
                title: id.to_owned(),
                description: String::new(),
                owner: String::new(),
                actions,
                cannot: None,
            },
        }
    };
    let packages = user.access_packages.iter();
    let packages = packages.map(|package| package_row(page, metadata.package(&package.urn), &package.urn, None));
    ids.into_iter().map(row).chain(packages).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_chosen_one_or_the_browsers() {
        let language = |name: HeaderName, value: &str| {
            chosen_language(&HeaderMap::from_iter([(name, value.parse().unwrap())]), "language")
        };
        assert_eq!(language(http::header::COOKIE, "a=b; language=nn"), Language::Nn);
        assert_eq!(language(http::header::COOKIE, "language=xx"), Language::Nb);
        assert_eq!(language(ACCEPT_LANGUAGE, "de-DE,en-GB;q=0.8,nn;q=0.5"), Language::En);
        assert_eq!(language(ACCEPT_LANGUAGE, "no"), Language::Nb);
        assert_eq!(chosen_language(&HeaderMap::new(), "language"), Language::Nb);
    }
}
