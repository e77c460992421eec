//! Answering what a vendor asks: approving, rejecting, forwarding; and the receipt.
//!
//! The form carries a hash of what the page showed. With an approval it is compared with what the page would show now,
//! when nothing can change any more; what differs is not approved. The hash goes into the audit journal with the answer.
//!
//! After an answer the session ends, here and at the login provider, unless the person came from a page of ours. The
//! receipt is then shown to the browser that has answered, for an hour, and to nobody else who gets hold of its address.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request as HttpRequest, State};
use axum::response::{AppendHeaders, IntoResponse as _, Redirect, Response};
use cookie::Cookie;
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use jiff::{Timestamp, ToSpan};
use model::problem::{AGENT_REQUEST_NOT_FOUND, REQUEST_NOT_FOUND, REQUEST_NOT_NEW};
use model::{Answer, ChangeRequest, Organisation, Request, RequestKind, RequestStatus};
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use super::asked::{Asked, Described, load, load_own, person_name};
use super::forms::{Form, failed, own_form};
use super::pages::{Message, Page, show};
use super::parties::{OrganisationRow, answerer, require, row, vendor_name};
use super::rights::{Describer, RightRow};
use crate::app::App;
use crate::change_requests;
use crate::http::cookies::{cookie, cookie_name, read_cookie, removal};
use crate::http::extract::Path;
use crate::http::problem::ApiError;
use crate::login::api::way_out;
use crate::login::sessions::{self, LoggedIn};
use crate::requests::answer::{self, Target};
use crate::requests::forwarding::{self, MAX_MESSAGE};
use crate::resource_registry::builtin::ACCESS_MANAGEMENT;
use crate::vault::Purpose;

/// How long a receipt can be looked at after the answer, in minutes.
const RECEIPT_MINUTES: i64 = 60;
/// The cookie that lets a browser see the receipt.
const RECEIPT_COOKIE: &str = "receipt";
/// After how many seconds the browser goes on to the vendor by itself, where it runs scripts.
const LEAVING_SECONDS: u32 = 5;

/// Approves.
pub async fn approve(
    state: State<Arc<App>>,
    session: LoggedIn,
    id: Path<String>,
    request: HttpRequest,
) -> Result<Response, Response> {
    give(state, session, id, request, Answer::Approve).await
}

/// Rejects.
pub async fn reject(
    state: State<Arc<App>>,
    session: LoggedIn,
    id: Path<String>,
    request: HttpRequest,
) -> Result<Response, Response> {
    give(state, session, id, request, Answer::Reject).await
}

async fn give(
    State(app): State<Arc<App>>,
    session: LoggedIn,
    Path(id): Path<String>,
    request: HttpRequest,
    given: Answer,
) -> Result<Response, Response> {
    let (page, form) = own_form(&app, &session, request).await?;
    let (asked, organisation) = load_own(&app, &session, &page, &id).await?;
    require(&app, &session, &page, &organisation, (ACCESS_MANAGEMENT, "write"))?;
    let written = write(&app, &session, &form, (&asked, &organisation), given).await;
    written.map_err(|error| refused(page, error, asked.address_from(form.has("inside"))))?;
    leave(&app, &session, &asked, form.has("inside")).await
}

/// The page for a refusal, with the way back to the request.
fn refused(page: Page, error: ApiError, address: String) -> Response {
    let message = match error {
        ApiError::Problem(REQUEST_NOT_NEW, _) => Message::Conflict,
        ApiError::Problem(REQUEST_NOT_FOUND | AGENT_REQUEST_NOT_FOUND, _) => Message::Withdrawn,
        ApiError::Status(StatusCode::PRECONDITION_FAILED, _) => Message::Changed,
        ApiError::Problem(..) => Message::Refused,
        error => return failed(error),
    };
    let text = page.texts().see_request();
    page.message_with(message, address, text)
}

/// Writes the answer, with what the page showed.
async fn write(
    app: &App,
    session: &LoggedIn,
    form: &Form,
    (asked, organisation): (&Asked, &Arc<Organisation>),
    given: Answer,
) -> Result<(), ApiError> {
    let answerer = answerer(session, organisation);
    let page = Page::of(app, &HeaderMap::new(), session).in_language(form.get("language"));
    let shown = |now: Asked| -> Result<Value, ApiError> {
        let described = Described::new(page.describer(app), session, organisation, &now);
        let hash = described.hash(page.language(), organisation, &now);
        match given {
            Answer::Approve => form.require_shown(hash, page.language()),
            Answer::Reject => Ok(form.shown_then(&hash, page.language())),
        }
    };
    match asked {
        Asked::Request(request) => {
            let target = Target { party: request.party, kind: request.kind, id: request.id };
            let shown = |now: &Request| shown(Asked::Request(now.clone()));
            answer::answer(app, &answerer, target, given, shown).await.map(drop)
        }
        Asked::Change(request, user) => {
            let shown = |now: &ChangeRequest| {
                let user = app.model.system_user(user.id).unwrap_or_else(|| Arc::clone(user));
                shown(Asked::Change(now.clone(), user))
            };
            change_requests::answer::answer(app, &answerer, request.party, request.id, given, shown).await.map(drop)
        }
    }
}

/// Goes on to the receipt; the session ends unless the person stays inside.
async fn leave(app: &App, session: &LoggedIn, asked: &Asked, inside: bool) -> Result<Response, Response> {
    let until = (app.clock.now() + RECEIPT_MINUTES.minutes()).as_second();
    let plain = format!("{} {until}", asked.id());
    let token = app.vault.seal_text(&app.random, Purpose::Receipt, plain.as_bytes());
    let receipt = cookie(&cookie_name(RECEIPT_COOKIE, app), token.clone(), app).to_string();
    if inside {
        let to = Redirect::to(&format!("/receipt/{token}"));
        return Ok((AppendHeaders([(SET_COOKIE, receipt)]), to).into_response());
    }
    let to = way_out(app, session, super::LOGGED_OUT).await;
    // The answer is written: what fails from here on must not make it look otherwise.
    if let Err(error) = session.end(app).await {
        tracing::warn!(%error, "a session is not ended with the answer; it ends by itself");
    }
    let cookies = AppendHeaders([(SET_COOKIE, sessions::ended(app).to_string()), (SET_COOKIE, receipt)]);
    Ok((cookies, Redirect::to(&to)).into_response())
}

/// The receipt of a browser that has just answered and logged out.
pub fn receipt_of(app: &App, headers: &HeaderMap) -> Option<String> {
    let token = read_cookie(headers, &cookie_name(RECEIPT_COOKIE, app))?;
    receipt_id(app, &token).map(|_| format!("/receipt/{token}"))
}

/// Takes the receipt from the browser: what comes later is another matter.
pub fn without_receipt(app: &App) -> Cookie<'static> {
    removal(&cookie_name(RECEIPT_COOKIE, app), app)
}

/// The request of a receipt's link, while the link is good.
fn receipt_id(app: &App, token: &str) -> Option<Uuid> {
    let plain = String::from_utf8(app.vault.open_text(Purpose::Receipt, token).ok()?).ok()?;
    let (id, until) = plain.split_once(' ')?;
    let good = app.clock.seconds() < until.parse().ok()?;
    good.then(|| id.parse().ok()).flatten()
}

#[derive(Template)]
#[template(path = "receipt.html")]
struct ReceiptPage {
    page: Page,
    asked: Asked,
    vendor: String,
    system: String,
    organisation: OrganisationRow,
    status: RequestStatus,
    /// Who answered.
    answerer: String,
    answered: Timestamp,
    /// What the system was given, and what was taken from it, by name.
    given: String,
    taken: String,
    /// The way back to the vendor.
    back: Option<Url>,
    /// Whether the person is logged in.
    inside: bool,
    seconds: u32,
}

impl ReceiptPage {
    fn approved(&self) -> bool {
        self.status == RequestStatus::Accepted
    }

    fn is_change(&self) -> bool {
        matches!(self.asked, Asked::Change(..))
    }

    fn needs_clients(&self) -> bool {
        self.approved() && self.asked.kind() == RequestKind::Agent && matches!(self.asked, Asked::Request(_))
    }

    /// The system access that came of it.
    fn access(&self) -> String {
        let id = match &self.asked {
            Asked::Request(request) => request.id,
            Asked::Change(_, user) => user.id,
        };
        format!("/org/{}/system-access/{id}", self.organisation.number)
    }

    fn clients(&self) -> String {
        format!("{}/clients", self.access())
    }

    fn leaves(&self) -> bool {
        self.back.is_some() && !self.inside
    }
}

/// Shows what was answered, to the browser that has answered, for a while.
pub async fn receipt(
    State(app): State<Arc<App>>,
    page: Page,
    headers: HeaderMap,
    Path(token): Path<String>,
) -> Result<Response, Response> {
    let is_browsers = read_cookie(&headers, &cookie_name(RECEIPT_COOKIE, &app)).is_some_and(|own| own == token);
    let Some(id) = receipt_id(&app, &token).filter(|_| is_browsers) else {
        return Err(page.message(Message::NotFound));
    };
    let (asked, organisation) = load(&app, id).await.map_err(|not_shown| not_shown.page(page.clone()))?;
    let (Some((answered, by)), Some(system)) = (asked.answered(), asked.system(&app)) else {
        return Err(page.message(Message::NotFound));
    };
    let (given, taken) = given_and_taken(page.describer(&app), &asked);
    let view = ReceiptPage {
        given,
        taken,
        vendor: vendor_name(&app, &system),
        system: system.name.get(page.language()).to_owned(),
        organisation: row(&app, &organisation),
        status: asked.status_at(app.clock.now()),
        answerer: person_name(&app, &format!("person:{by}")),
        answered,
        back: asked.way_back(&app),
        inside: page.person.is_some(),
        seconds: LEAVING_SECONDS,
        asked,
        page,
    };
    Ok(show(StatusCode::OK, &view))
}

/// The names of what was asked for, and of what was to be taken.
fn given_and_taken(of: Describer<'_>, asked: &Asked) -> (String, String) {
    let names = |rows: Vec<RightRow>| rows.iter().map(|row| row.title.to_string()).collect::<Vec<_>>().join(", ");
    let (rights, packages) = asked.wanted();
    let taken = match asked {
        Asked::Request(_) => String::new(),
        Asked::Change(request, _) => {
            names(of.named(&request.change.unwanted_rights, &request.change.unwanted_packages))
        }
    };
    (names(of.named(rights, packages)), taken)
}

/// What is done with the forwarding of something.
#[derive(Debug, Clone, Copy)]
enum Forwarding {
    Forward,
    Remind,
    TakeBack,
}

/// Forwards to those who can answer.
pub async fn forward(
    state: State<Arc<App>>,
    session: LoggedIn,
    id: Path<String>,
    request: HttpRequest,
) -> Result<Response, Response> {
    change_forwarding(state, session, id, request, Forwarding::Forward).await
}

/// Tells those who can answer once more.
pub async fn remind(
    state: State<Arc<App>>,
    session: LoggedIn,
    id: Path<String>,
    request: HttpRequest,
) -> Result<Response, Response> {
    change_forwarding(state, session, id, request, Forwarding::Remind).await
}

/// Takes back what one has forwarded.
pub async fn take_back(
    state: State<Arc<App>>,
    session: LoggedIn,
    id: Path<String>,
    request: HttpRequest,
) -> Result<Response, Response> {
    change_forwarding(state, session, id, request, Forwarding::TakeBack).await
}

async fn change_forwarding(
    State(app): State<Arc<App>>,
    session: LoggedIn,
    Path(id): Path<String>,
    request: HttpRequest,
    what: Forwarding,
) -> Result<Response, Response> {
    let (page, form) = own_form(&app, &session, request).await?;
    let (asked, organisation) = load_own(&app, &session, &page, &id).await?;
    let (context, subject) = (session.acting_for(&organisation), asked.subject());
    let address = asked.address_from(form.has("inside"));
    let done = match what {
        Forwarding::Forward => forwarding::forward(&app, context, subject, message(&form).as_deref()).await,
        Forwarding::Remind => forwarding::remind(&app, context, subject).await,
        Forwarding::TakeBack => forwarding::take_back(&app, context, subject, session.person.party_uuid).await,
    };
    done.map_err(|error| refused(page, error, address.clone()))?;
    Ok(Redirect::to(&address).into_response())
}

/// The message that goes with what is forwarded: a few lines of text.
fn message(form: &Form) -> Option<String> {
    let is_text = |character: &char| !character.is_control() || *character == '\n';
    let message: String = form.get("message").trim().chars().filter(is_text).take(MAX_MESSAGE).collect();
    Some(message).filter(|message| !message.is_empty())
}
