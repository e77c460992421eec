//! Sessions and their cookies.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse as _, Redirect, Response};
use cookie::Cookie;
use http::request::Parts;
use http::{HeaderMap, Method};
use jiff::{Timestamp, ToSpan};
use model::{Organisation, Person};
use store::{ChangeContext, PersonSession, StoreError};

use super::addresses::{login_at, page_of_form};
use super::oidc::Identity;
use crate::app::App;
use crate::http::cookies::{cookie, cookie_name, read_cookie, removal};
use crate::http::problem::ApiError;
use crate::http::request_id;
use crate::portal::pages::Page;
use crate::vault::Purpose;

/// How long a session lasts at most.
const LIFETIME_HOURS: i64 = 12;
/// How long a session lasts without a visit.
pub const IDLE_MINUTES: i64 = 30;
/// What the script finds behind an address when a form was interrupted by a login, to fill it in again.
const RESUMED: &str = "resumed";
/// A visit is written down when the last one is older than this, so that reading pages costs no write.
const TOUCH_MINUTES: i64 = 1;

/// A logged-in person. A page that asks for one sends everybody else to log in and back.
#[derive(Clone)]
pub struct LoggedIn {
    /// The person.
    pub person: Arc<Person>,
    /// How surely we know: 3 (substantial) or 4 (high).
    pub level: i64,
    /// When it ends, whatever is done.
    pub expires: Timestamp,
    id: String,
}

impl fmt::Debug for LoggedIn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { person, level, expires, id: _ } = self;
        formatter
            .debug_struct("LoggedIn")
            .field("person", &person.party_uuid)
            .field("level", level)
            .field("expires", expires)
            .finish_non_exhaustive()
    }
}

impl LoggedIn {
    /// In how many seconds it ends if nothing is done, and whether it would not if something were.
    pub fn ends_in(&self, now: Timestamp) -> (i64, bool) {
        let left = self.expires.as_second() - now.as_second();
        (left.min(IDLE_MINUTES * 60), left > IDLE_MINUTES * 60)
    }

    /// What every form carries, so that only our own pages can post it.
    pub fn csrf_token(&self, app: &App) -> String {
        app.vault.mac(Purpose::Csrf, self.id.as_bytes())
    }

    /// Whether a form carries it.
    pub fn is_own_form(&self, app: &App, token: &str) -> bool {
        let expected = self.csrf_token(app);
        aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_bytes(), token.as_bytes()).is_ok()
    }

    /// How the person stands in the change log and the audit journal.
    pub fn context(&self) -> ChangeContext {
        ChangeContext {
            actor: format!("person:{}", self.person.party_uuid),
            on_behalf_of: None,
            client_id: None,
            request_id: Some(request_id::current()),
        }
    }

    /// The same, where the person acts for an organisation.
    pub fn acting_for(&self, organisation: &Organisation) -> ChangeContext {
        ChangeContext { on_behalf_of: Some(organisation.party_uuid.to_string()), ..self.context() }
    }

    /// The provider's identity token of this session.
    pub async fn id_token(&self, app: &App) -> Option<String> {
        let session = app.store.session(&hash(&self.id)).await.ok()??;
        let plain = app.vault.open(Purpose::IdToken, &session.id_token?).ok()?;
        String::from_utf8(plain).ok()
    }

    /// Ends the session; the cookie that takes it from the browser.
    pub async fn end(&self, app: &App) -> Result<Cookie<'static>, StoreError> {
        app.store.delete_session(&hash(&self.id)).await?;
        Ok(ended(app))
    }
}

impl FromRequestParts<Arc<App>> for LoggedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        match find(app, &parts.headers).await {
            Ok(Some(session)) => {
                let counted = app.limits.count_session(&hash(&session.id), &parts.method, parts.uri.path());
                counted.map_err(|too_often| {
                    let page = Page::of(app, &parts.headers, &session);
                    too_often.page(page.for_request(&parts.method, &parts.uri, &parts.headers))
                })?;
                Ok(session)
            }
            Ok(None) => {
                // A form that was open when the session ended comes back to the page it was on.
                let goto = match parts.method {
                    Method::GET | Method::HEAD => {
                        parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned()
                    }
                    _ => format!("{}#{RESUMED}", page_of_form(&parts.headers)),
                };
                Err(Redirect::to(&login_at(&goto)).into_response())
            }
            Err(error) => Err(ApiError::from(error).into_response()),
        }
    }
}

/// The session that the browser has, if it is live.
pub async fn find(app: &App, headers: &HeaderMap) -> Result<Option<LoggedIn>, StoreError> {
    let Some(id) = read_cookie(headers, &session_cookie_name(app)) else { return Ok(None) };
    let hash = hash(&id);
    let Some(session) = app.store.session(&hash).await? else { return Ok(None) };
    let now = app.clock.now();
    if now >= session.expires || now >= session.last_seen + IDLE_MINUTES.minutes() {
        return Ok(None);
    }
    let Some(person) = app.model.parties().person(session.person) else { return Ok(None) };
    if now >= session.last_seen + TOUCH_MINUTES.minutes() {
        app.store.touch_session(&hash, now).await?;
    }
    Ok(Some(LoggedIn { person, level: session.level, expires: session.expires, id }))
}

/// Begins a session with a new id, in place of the one that the browser had; the cookie that gives it to the browser.
pub async fn begin(
    app: &App,
    headers: &HeaderMap,
    person: &Person,
    identity: &Identity,
) -> Result<Cookie<'static>, StoreError> {
    if let Some(id) = read_cookie(headers, &session_cookie_name(app)) {
        app.store.delete_session(&hash(&id)).await?;
    }
    let id = app.random.token();
    let now = app.clock.now();
    let session = PersonSession {
        person: person.party_uuid,
        level: identity.level,
        created: now,
        last_seen: now,
        expires: now + LIFETIME_HOURS.hours(),
        provider_sid: identity.provider_sid.clone(),
        id_token: Some(app.vault.seal(&app.random, Purpose::IdToken, identity.id_token.as_bytes())),
    };
    app.store.insert_session(&hash(&id), &session).await?;
    Ok(cookie(&session_cookie_name(app), id, app))
}

/// Takes the session's cookie from the browser.
pub fn ended(app: &App) -> Cookie<'static> {
    removal(&session_cookie_name(app), app)
}

/// Removes the sessions that have ended, with the identity tokens that are kept for them.
pub async fn forget_ended(app: &App) -> Result<(), StoreError> {
    let now = app.clock.now();
    app.store.delete_old_sessions(now, now - IDLE_MINUTES.minutes()).await
}

fn hash(id: &str) -> Vec<u8> {
    digest(&SHA256, id.as_bytes()).as_ref().to_vec()
}

fn session_cookie_name(app: &App) -> String {
    cookie_name("session", app)
}
