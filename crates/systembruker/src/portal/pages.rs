//! What the pages show. Each page is a struct with its template; the words come from [`super::texts`].

use std::sync::Arc;

use askama::Template;
use axum::extract::{FromRequestParts, OriginalUri, Request as HttpRequest, State};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use http::header::{
    ACCEPT, ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use jiff::Timestamp;
use tower_http::csrf::ProtectionError;
use uuid::Uuid;

use super::rights::Describer;
use super::texts::{Language, Texts};
use super::{assets, formats};
use crate::app::App;
use crate::http::cookies::{cookie_name, read_cookie};
use crate::http::problem::ApiError;
use crate::http::request_id;
use crate::login::addresses::{login_at, own_page, page_of_form, page_with_form};
use crate::login::oidc::OidcClient;
use crate::login::sessions::{self, LoggedIn};

/// The cookie that remembers the language.
pub const LANGUAGE_COOKIE: &str = "language";

/// A value, or a reference to one: templates hand over either.
pub trait Given<T> {
    /// The value.
    fn given(self) -> T;
}

impl Given<Self> for Timestamp {
    fn given(self) -> Self {
        self
    }
}

impl Given<Self> for usize {
    fn given(self) -> Self {
        self
    }
}

impl<T: Copy, V: Given<T> + Copy> Given<T> for &V {
    fn given(self) -> T {
        (*self).given()
    }
}

/// What every page has around its content.
#[derive(Debug, Clone)]
pub struct Page {
    pub(super) language: Language,
    /// The page itself, to come back to after choosing a language.
    pub(super) here: String,
    pub(super) person: Option<String>,
    pub(super) csrf: String,
    pub(super) sandbox: bool,
    pub(super) product: String,
    pub(super) has_logo: bool,
    /// In how many seconds the session ends without a visit, and whether a visit would prolong it.
    pub(super) session_ends: (i64, bool),
    /// Where to log in.
    pub(super) login: String,
}

impl Page {
    /// A page for nobody in particular.
    pub fn anonymous(app: &App, headers: &HeaderMap) -> Self {
        let language = chosen_language(headers, &cookie_name(LANGUAGE_COOKIE, app));
        Self {
            language,
            here: "/".into(),
            person: None,
            csrf: String::new(),
            sandbox: app.sandbox.is_some(),
            product: app.portal.product_name.clone(),
            has_logo: app.portal.logo.is_some(),
            session_ends: (0, false),
            login: "/login".into(),
        }
    }

    /// A page for a person.
    pub fn of(app: &App, headers: &HeaderMap, session: &LoggedIn) -> Self {
        let csrf = session.csrf_token(app);
        let session_ends = session.ends_in(app.clock.now());
        Self { person: Some(session.person.name.clone()), csrf, session_ends, ..Self::anonymous(app, headers) }
    }

    /// The page at this address. A link may be in a language of its own (`lang`), until another is chosen.
    #[must_use]
    pub fn at(mut self, uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default();
        let named = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "lang");
        self.language = named.and_then(|(_, code)| Language::from_code(&code)).unwrap_or(self.language);
        let rest: Vec<_> = query.split('&').filter(|part| !part.is_empty() && !part.starts_with("lang=")).collect();
        let rest = if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
        self.here = format!("{}{rest}", uri.path());
        self
    }

    /// The page at this path of ours.
    #[must_use]
    pub fn at_path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.here);
        self
    }

    /// The page of a login that did not succeed: what leads to log in leads to where that would have.
    #[must_use]
    pub fn resuming(self) -> Self {
        Self { login: login_at(&self.here), ..self }
    }

    /// The page that a request leads to: its own address, or for a form the page that it was posted from.
    #[must_use]
    pub fn for_request(self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Self {
        match page_of_form(headers).parse() {
            Ok(form) if *method != Method::GET => self.at(&form),
            _ => self.at(uri),
        }
    }

    /// The page in another language than the one that was chosen.
    #[must_use]
    pub fn in_language(mut self, code: &str) -> Self {
        self.language = Language::from_code(code).unwrap_or(self.language);
        self
    }

    /// Describes rights in the page's language.
    pub fn describer<'a>(&self, app: &'a App) -> Describer<'a> {
        Describer { app, t: self.texts(), language: self.language() }
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
    pub(super) fn languages(&self) -> [(Language, bool); 3] {
        Language::ALL.map(|language| (language, language == self.language))
    }

    pub(super) fn style_sheets(&self) -> [&'static str; 3] {
        assets::style_sheets()
    }

    pub(super) fn script(&self) -> &'static str {
        assets::script()
    }

    /// A day and the time of the day.
    pub fn time(&self, time: impl Given<Timestamp>) -> String {
        let time = time.given();
        self.texts().date_and_time(formats::date(self.language, time), formats::time_of_day(self.language, time))
    }

    /// A number with its digits in groups.
    pub fn number(&self, number: impl Given<usize>) -> String {
        formats::number(self.language, number.given())
    }

    /// A day, as it is written in the language.
    pub fn date(&self, time: impl Given<Timestamp>) -> String {
        formats::date(self.language, time.given())
    }

    /// A page with a heading and a few words.
    pub fn message(self, message: Message) -> Response {
        show(message.status(), &MessagePage::new(self, message, None))
    }

    /// The same, with a link to where it goes on.
    pub fn message_with(self, message: Message, address: String, text: String) -> Response {
        show(message.status(), &MessagePage::new(self, message, Some((address, text))))
    }

    /// The test login's choice of people.
    pub fn test_login(self, personas: Vec<Persona>, authorization: String, wrong_number: bool) -> Response {
        let status = if wrong_number { StatusCode::BAD_REQUEST } else { StatusCode::OK };
        show(status, &TestLoginPage { page: self, personas, authorization, wrong_number })
    }
}

/// A page for whoever asks, logged in or not.
impl FromRequestParts<Arc<App>> for Page {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let found = sessions::find(app, &parts.headers).await.map_err(|error| ApiError::from(error).into_response())?;
        let page = match found {
            Some(session) => Self::of(app, &parts.headers, &session),
            None => Self::anonymous(app, &parts.headers),
        };
        Ok(page.at(&parts.uri))
    }
}

/// A person who looks at a page, and what is around it. Who is not logged in is sent to do that, and comes back.
#[derive(Debug)]
pub struct Visit {
    /// The person's session.
    pub session: LoggedIn,
    /// What is around the page.
    pub page: Page,
}

impl FromRequestParts<Arc<App>> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let session = LoggedIn::from_request_parts(parts, app).await?;
        let page = Page::of(app, &parts.headers, &session).at(&parts.uri);
        Ok(Self { session, page })
    }
}

/// The language chosen before, or the one the browser asks for, or bokmål.
fn chosen_language(headers: &HeaderMap, cookie: &str) -> Language {
    if let Some(language) = read_cookie(headers, cookie).and_then(|code| Language::from_code(&code)) {
        return language;
    }
    let asked = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let wanted = asked.split(',').filter_map(|part| {
        let (tag, weight) = part.split_once(";q=").unwrap_or((part, "1"));
        let language = match tag.trim().split('-').next()?.to_ascii_lowercase().as_str() {
            "no" | "nb" => Language::Nb,
            "nn" => Language::Nn,
            "en" => Language::En,
            _ => return None,
        };
        Some((language, weight.trim().parse::<f32>().ok().filter(|weight| *weight > 0.0)?))
    });
    // Of those that are wanted as much the first.
    let best = wanted.reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map_or(Language::Nb, |(language, _)| language)
}

/// Without the characters that do not show, or turn around what comes after them. Names are others' to choose; they are
/// not to make a page say something else.
fn without_tricks(html: String) -> String {
    let is_trick = |character: char| {
        let is_control = character.is_control() && !matches!(character, '\n' | '\t' | '\r');
        is_control || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if html.contains(is_trick) { html.replace(is_trick, "") } else { html }
}

/// Answers with a page.
pub fn show(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(without_tricks(html))).into_response(),
        Err(error) => ApiError::Internal(error.to_string()).into_response(),
    }
}

/// Gives every answer the headers that pages have: nothing from elsewhere, nothing inline, not framed, not kept. What a
/// handler could only refuse as an API would becomes a page too.
pub async fn secure(State(app): State<Arc<App>>, request: HttpRequest, next: Next) -> Response {
    let is_form = request.method() == Method::POST;
    let page = Page::anonymous(&app, request.headers()).for_request(request.method(), request.uri(), request.headers());
    let response = next.run(request).await;
    let is_problem =
        response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/problem"));
    let is_bare = !response.headers().contains_key(CONTENT_TYPE);
    let retry = response.headers().get(RETRY_AFTER).cloned();
    let mut response = match response.status() {
        _ if response.extensions().get::<ProtectionError>().is_some() => page.message(Message::ForeignForm),
        StatusCode::FORBIDDEN if is_bare => page.message(Message::NoPower),
        _ if !is_problem => response,
        status if status.is_server_error() => page.message(Message::Unavailable),
        StatusCode::PAYLOAD_TOO_LARGE => page.message(Message::TooLarge),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => page.message(Message::NotFound),
        // A link that cannot be read leads nowhere.
        _ if !is_form => page.message(Message::NotFound),
        _ => page.message(Message::ForeignForm),
    };
    if let Some(retry) = retry {
        response.headers_mut().insert(RETRY_AFTER, retry);
    }
    with_headers(&app, response)
}

/// What is at an address that only takes forms, for who opens it: the page that the form was on.
pub async fn other_method(method: Method, OriginalUri(uri): OriginalUri) -> Response {
    let page = page_with_form(uri.path());
    if matches!(method, Method::GET | Method::HEAD) && page != uri.path() {
        return Redirect::to(&own_page(Some(page))).into_response();
    }
    ApiError::Status(StatusCode::METHOD_NOT_ALLOWED, None).into_response()
}

/// What is at an address where nothing is: a page where a person's browser asks, a problem where a program does.
pub async fn unknown_address(
    State(app): State<Arc<App>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Response {
    let mut accepts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    if !accepts.any(|accepted| accepted.contains("text/html")) {
        return ApiError::not_found().into_response();
    }
    let page = match sessions::find(&app, &headers).await {
        Ok(Some(session)) => Page::of(&app, &headers, &session),
        // Also where that cannot be known now.
        _ => Page::anonymous(&app, &headers),
    };
    with_headers(&app, page.at(&uri).message(Message::NotFound))
}

fn with_headers(app: &App, mut response: Response) -> Response {
    // Who logs out is sent on to the provider, which browsers count as where the form goes.
    let provider = app.login.as_ref().map(OidcClient::origins).unwrap_or_default();
    let provider = provider.into_iter().collect::<Vec<_>>().join(" ");
    let policy = format!(
        "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; \
         form-action 'self' {provider}; base-uri 'none'; frame-ancestors 'none'"
    );
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(policy.trim_end()) {
        headers.entry(CONTENT_SECURITY_POLICY).or_insert(policy);
    }
    let mut set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(X_FRAME_OPTIONS, "DENY");
    // To our own pages it is said where one comes from: who has to log in anew comes back there.
    set(REFERRER_POLICY, "same-origin");
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
    /// The vendor has withdrawn the request.
    Withdrawn,
    /// What was shown is not what there is now.
    Changed,
    /// The request has been answered.
    Conflict,
    /// Clients of an earlier job wait.
    JobWaits,
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
    /// More clients than can be handled at once.
    TooMany(usize),
    /// A form has more in it than is read.
    TooLarge,
    /// The browser asks too often.
    TooOften,
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
            Self::NoId | Self::LoginFailed | Self::TooMany(_) => StatusCode::BAD_REQUEST,
            Self::Withdrawn => StatusCode::GONE,
            Self::Conflict | Self::Changed | Self::JobWaits => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooOften => StatusCode::TOO_MANY_REQUESTS,
            Self::LoginUnavailable | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::ForeignForm | Self::Refused | Self::NoPower | Self::UnknownPerson => StatusCode::FORBIDDEN,
        }
    }

    /// Whether it tells of something that whoever helps would want to find in the log.
    fn is_failure(self) -> bool {
        matches!(self, Self::LoginFailed | Self::LoginUnavailable | Self::Unavailable | Self::Refused | Self::TooOften)
    }

    fn title(self, t: &Texts) -> String {
        match self {
            Self::NotFound => t.message_not_found_title(),
            Self::NoId => t.message_no_id_title(),
            Self::ForeignForm => t.message_foreign_form_title(),
            Self::Withdrawn => t.message_withdrawn_title(),
            Self::Changed => t.message_changed_title(),
            Self::JobWaits => t.message_job_waits_title(),
            Self::Conflict => t.message_conflict_title(),
            Self::Refused => t.message_refused_title(),
            Self::NoPower => t.message_no_power_title(),
            Self::LoginFailed => t.message_login_failed_title(),
            Self::UnknownPerson => t.message_unknown_person_title(),
            Self::LoginUnavailable => t.message_login_unavailable_title(),
            Self::TooMany(_) => t.clients_many(),
            Self::TooLarge => t.message_too_large_title(),
            Self::TooOften => t.message_too_often_title(),
            Self::Unavailable => t.message_unavailable_title(),
            Self::LoggedOut => t.logged_out_title(),
        }
    }

    fn text(self, t: &Texts) -> String {
        match self {
            Self::NotFound => t.message_not_found(),
            Self::NoId => t.message_no_id(),
            Self::ForeignForm => t.message_foreign_form(),
            Self::Withdrawn => t.message_withdrawn(),
            Self::Changed => t.message_changed(),
            Self::JobWaits => t.message_job_waits(),
            Self::Conflict => t.message_conflict(),
            Self::Refused => t.message_refused(),
            Self::NoPower => t.message_no_power(),
            Self::LoginFailed => t.message_login_failed(),
            Self::UnknownPerson => t.message_unknown_person(),
            Self::LoginUnavailable => t.message_login_unavailable(),
            Self::TooMany(most) => t.clients_too_many(most.to_string()),
            Self::TooLarge => t.message_too_large(),
            Self::TooOften => t.message_too_often(),
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
    /// A page to go on to, with what its link says.
    next: Option<(String, String)>,
    /// What the log knows it by, where something went wrong.
    reference: Option<String>,
}

impl MessagePage {
    fn new(page: Page, message: Message, next: Option<(String, String)>) -> Self {
        Self { page, message, next, reference: message.is_failure().then(request_id::current) }
    }
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
