//! Logging in and out.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{AppendHeaders, IntoResponse as _, Redirect, Response};
use cookie::Cookie;
use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderMap, StatusCode};
use model::Person;
use serde::Deserialize;

use super::addresses::own_page;
use super::oidc::{Attempt, CallbackQuery, Identity, LoginError, OidcClient};
use super::sessions::{self, LoggedIn};
use crate::app::App;
use crate::http::cookies::{cookie, cookie_name, names, read_cookie, removal};
use crate::http::extract::Query;
use crate::http::faces::Face;
use crate::http::problem::ApiError;
use crate::portal::LOGGED_OUT;
use crate::portal::answers::without_receipt;
use crate::portal::forms::read_form;
use crate::portal::pages::{Message, Page};
use crate::vault::Purpose;

/// How long a login may take, in seconds.
const ATTEMPT_SECONDS: i64 = 15 * 60;
/// How many logins a browser may have begun: in several windows, say. With more, the oldest are forgotten.
const MAX_ATTEMPTS: usize = 8;

/// Where to go after the login.
#[derive(Debug, Default, Deserialize)]
pub struct GotoQuery {
    goto: Option<String>,
    /// The level of authentication that is wanted: 4 for more than the usual.
    level: Option<String>,
}

/// A redirect that gives the browser cookies.
fn redirect(to: &str, cookies: impl IntoIterator<Item = Cookie<'static>>) -> Response {
    let cookies = cookies.into_iter().map(|cookie| (SET_COOKIE, cookie.to_string()));
    (AppendHeaders(cookies.collect::<Vec<_>>()), Redirect::to(to)).into_response()
}

/// Sends the browser to the login provider.
pub async fn login(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Query(query): Query<GotoQuery>,
) -> Result<Response, Response> {
    let page = Page::anonymous(&app, &headers).at_path(&own_page(query.goto.as_deref())).resuming();
    let provider = app.login.as_ref().ok_or_else(|| page.clone().message(Message::LoginUnavailable))?;
    let attempt = Attempt {
        state: app.random.token(),
        nonce: app.random.token(),
        verifier: app.random.token(),
        goto: own_page(query.goto.as_deref()),
        level: if query.level.as_deref() == Some("4") { 4 } else { 3 },
        expires: app.clock.seconds() + ATTEMPT_SECONDS,
    };
    let url = provider.authorization_url(&attempt, page.language()).await.map_err(|error| {
        tracing::warn!(%error, "nobody can log in");
        page.clone().message(Message::LoginUnavailable)
    })?;
    let plain = serde_json::to_vec(&attempt).map_err(|error| ApiError::Internal(error.to_string()).into_response())?;
    let sealed = app.vault.seal_text(&app.random, Purpose::Login, &plain);
    let mut own = cookie(&attempt_cookie(&app, &attempt.state), sealed, &app);
    own.set_max_age(cookie::time::Duration::seconds(ATTEMPT_SECONDS));
    // The oldest come first, and what cannot be read before them.
    let mut others = names(&headers, &attempt_cookie(&app, ""));
    let begun = |name: &String| self::attempt(&app, &headers, name).map(|attempt| attempt.expires);
    others.sort_by_cached_key(begun);
    let surplus = (others.len() + 1).saturating_sub(MAX_ATTEMPTS);
    let forgotten = others.iter().take(surplus).map(|name| removal(name, &app));
    Ok(redirect(url.as_str(), forgotten.chain([own])))
}

/// Takes the browser back from the login provider.
pub async fn callback(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Query(query): Query<CallbackQuery>,
) -> Result<Response, Response> {
    let login = attempt_cookie(&app, query.state());
    let attempt = attempt(&app, &headers, &login);
    // What was begun can be begun again, and still leads to the page that it was for.
    let goto = attempt.as_ref().map_or_else(|| own_page(None), |attempt| attempt.goto.clone());
    let page = Page::anonymous(&app, &headers).at_path(&goto).resuming();
    let (person, identity) = match identify(&app, attempt, &query).await {
        Ok((Some(person), identity)) => (person, identity),
        Ok((None, identity)) => return Err(unknown_person(&app, page, &identity).await),
        Err(error) => {
            tracing::info!(%error, "a login failed");
            let unavailable = matches!(error, LoginError::Provider(_) | LoginError::Store(_));
            return Err(page.message(if unavailable { Message::LoginUnavailable } else { Message::LoginFailed }));
        }
    };
    let session = sessions::begin(&app, &headers, &person, &identity).await;
    let session = session.map_err(|error| ApiError::from(error).into_response())?;
    // What somebody answered before is not for who comes now.
    Ok(redirect(&goto, [session, removal(&login, &app), without_receipt(&app)]))
}

/// Says that the person is not registered, and where to log out at the provider, to log in as somebody else.
async fn unknown_person(app: &App, page: Page, identity: &Identity) -> Response {
    let after = app.faces.join(Face::Portal, LOGGED_OUT.trim_start_matches('/'));
    let way_out = match &app.login {
        Some(provider) => provider.logout_url(&identity.id_token, &after).await,
        None => None,
    };
    let text = page.texts().log_out();
    match way_out {
        Some(way_out) => page.message_with(Message::UnknownPerson, way_out.into(), text),
        None => page.message(Message::UnknownPerson),
    }
}

/// The cookie of a login, named by its state.
fn attempt_cookie(app: &App, state: &str) -> String {
    const ENOUGH_TO_TELL_APART: usize = 12;
    cookie_name(&format!("login-{}", state.chars().take(ENOUGH_TO_TELL_APART).collect::<String>()), app)
}

/// The login that the browser has begun.
fn attempt(app: &App, headers: &HeaderMap, cookie: &str) -> Option<Attempt> {
    let sealed = read_cookie(headers, cookie)?;
    let plain = app.vault.open_text(Purpose::Login, &sealed).ok()?;
    serde_json::from_slice(&plain).ok()
}

async fn identify(
    app: &App,
    attempt: Option<Attempt>,
    query: &CallbackQuery,
) -> Result<(Option<Person>, Identity), LoginError> {
    let provider = app.login.as_ref().ok_or(LoginError::State)?;
    let attempt = attempt.ok_or(LoginError::State)?;
    let identity = provider.finish(&attempt, query, app.clock.seconds()).await?;
    let hash = app.vault.lookup_hash(&identity.national_id);
    let find = async { app.store.read().await?.person_by_national_id(&hash).await };
    let person = find.await.map_err(LoginError::Store)?;
    Ok((person, identity))
}

/// Where to send a browser whose session is about to end: to log out at the provider too, and from there to `after`, a
/// page of ours.
pub async fn way_out(app: &App, session: &LoggedIn, after: &str) -> String {
    let (Some(provider), Some(id_token)) = (app.login.as_ref(), session.id_token(app).await) else {
        return after.to_owned();
    };
    let after_all = app.faces.join(Face::Portal, after.trim_start_matches('/'));
    provider.logout_url(&id_token, &after_all).await.map_or_else(|| after.to_owned(), Into::into)
}

/// What the provider says when a session ends there.
#[derive(Debug, Default, Deserialize)]
pub struct FrontChannelQuery {
    iss: Option<String>,
    sid: Option<String>,
}

/// Ends the sessions that began with a session of the provider, which has ended (OpenID Connect Front-Channel Logout
/// 1.0). The provider has browsers load this; no cookie comes along, and none is needed: the provider's id of the session
/// is known to nobody else.
pub async fn front_channel_logout(
    State(app): State<Arc<App>>,
    Query(query): Query<FrontChannelQuery>,
) -> Result<Response, ApiError> {
    let is_issuer = |provider: &&OidcClient| query.iss.as_ref().is_some_and(|iss| provider.is_issuer(iss));
    let provider = app.login.as_ref().filter(is_issuer);
    if let (Some(_), Some(sid)) = (provider, query.sid) {
        app.store.delete_sessions_of_provider(&sid).await?;
    }
    Ok(([(CACHE_CONTROL, "no-store")], StatusCode::NO_CONTENT).into_response())
}

/// Ends the session. Who has none any more is logged out already, and is not to be logged in for it.
pub async fn logout(State(app): State<Arc<App>>, request: Request) -> Result<Response, Response> {
    let headers = request.headers().clone();
    let session = sessions::find(&app, &headers).await.map_err(|error| ApiError::from(error).into_response())?;
    let Some(session) = session else {
        return Ok(redirect(LOGGED_OUT, [sessions::ended(&app), without_receipt(&app)]));
    };
    let form = read_form(&app, request).await?;
    if !session.is_own_form(&app, form.csrf()) {
        return Err(Page::of(&app, &headers, &session).message(Message::ForeignForm));
    }
    let to = way_out(&app, &session, LOGGED_OUT).await;
    let cookie = session.end(&app).await.map_err(|error| ApiError::from(error).into_response())?;
    Ok(redirect(&to, [cookie, without_receipt(&app)]))
}
