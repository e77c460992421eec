//! The test login provider: an OpenID provider where anybody is whoever they like to be.
//!
//! It speaks what the portal's login client speaks: discovery, code flow with PKCE, signed identity tokens. Instead of
//! asking for secrets it shows the sandbox's people, and a field for a national identity number.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::extract::{OriginalUri, Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use model::NationalId;
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;
use uuid::Uuid;

use super::{LOGIN_CLIENT_ID, info};
use crate::app::App;
use crate::http::extract::Query;
use crate::http::faces::{Face, Faces};
use crate::http::problem::ApiError;
use crate::portal::LOGGED_OUT;
use crate::portal::forms::read_form;
use crate::portal::pages::{Message, Page, Persona};
use crate::vault::Purpose;

/// How long a code is good, in seconds.
const CODE_SECONDS: i64 = 60;
/// How long an identity token is good, in seconds.
const ID_TOKEN_SECONDS: i64 = 120;
/// How many codes are remembered.
const MAX_CODES: usize = 10_000;
/// How many people the page shows.
const MAX_PERSONAS: usize = 100;

/// The issuer, which is below the portal's own address.
pub fn issuer(faces: &Faces) -> String {
    faces.join(Face::Portal, "sandbox/login")
}

/// The routes of the provider.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/sandbox/login/.well-known/openid-configuration", get(configuration))
        .route("/sandbox/login/jwk", get(key_set))
        .route("/sandbox/login/authorize", get(choose).post(chosen))
        .route("/sandbox/login/token", post(token))
        .route("/sandbox/login/end-session", get(end_session))
}

/// Codes that were given out and not yet exchanged.
#[derive(Debug, Default)]
pub struct Codes(Mutex<HashMap<String, Code>>);

#[derive(Debug)]
struct Code {
    national_id: NationalId,
    acr: &'static str,
    nonce: Option<String>,
    challenge: String,
    redirect_uri: String,
    expires: i64,
}

impl Codes {
    fn put(&self, code: String, grant: Code, now: i64) -> bool {
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        codes.retain(|_, grant| grant.expires > now);
        let room = codes.len() < MAX_CODES;
        if room {
            codes.insert(code, grant);
        }
        room
    }

    fn take(&self, code: &str, now: i64) -> Option<Code> {
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        codes.remove(code).filter(|grant| grant.expires > now)
    }
}

async fn configuration(State(app): State<Arc<App>>) -> Response {
    let issuer = issuer(&app.faces);
    let document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwk"),
        "end_session_endpoint": format!("{issuer}/end-session"),
        "frontchannel_logout_supported": true,
        "frontchannel_logout_session_supported": true,
        "response_types_supported": ["code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "acr_values_supported": ["idporten-loa-substantial", "idporten-loa-high"],
        "authorization_response_iss_parameter_supported": true,
    });
    ([(CONTENT_TYPE, "application/json")], document.to_string()).into_response()
}

async fn key_set(State(app): State<Arc<App>>) -> Response {
    match serde_json::to_string(&app.model.test_login_keys().published(app.clock.now())) {
        Ok(keys) => ([(CONTENT_TYPE, "application/json")], keys).into_response(),
        Err(error) => ApiError::Internal(error.to_string()).into_response(),
    }
}

/// What the portal asks for, sealed into the form so that it comes back as it was.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Authorization {
    response_type: String,
    client_id: String,
    redirect_uri: String,
    state: Option<String>,
    nonce: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
}

/// Shows the sandbox's people.
async fn choose(
    State(app): State<Arc<App>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Query(asked): Query<Authorization>,
) -> Result<Response, Response> {
    let page = Page::anonymous(&app, &headers).at(&uri);
    let known = asked.client_id == LOGIN_CLIENT_ID
        && asked.redirect_uri == app.faces.join(Face::Portal, "login/callback")
        && asked.response_type == "code"
        && asked.code_challenge.is_some()
        && asked.code_challenge_method.as_deref() == Some("S256");
    if !known {
        // Never to be redirected: it is not known where to.
        return Err(page.message(Message::LoginFailed));
    }
    show(&app, page, &asked, false).await
}

async fn show(app: &App, page: Page, asked: &Authorization, wrong_number: bool) -> Result<Response, Response> {
    let internal = |error: &dyn std::fmt::Display| ApiError::Internal(error.to_string()).into_response();
    let persons = info::persons(app).await.map_err(|error| internal(&error))?;
    let personas = persons.into_iter().take(MAX_PERSONAS).map(|person| Persona {
        party_uuid: person.party_uuid,
        roles: person.roles.iter().map(|role| persona_role(app, role)).collect(),
        name: person.name,
    });
    let plain = serde_json::to_vec(asked).map_err(|error| internal(&error))?;
    let sealed = app.vault.seal_text(&app.random, Purpose::Login, &plain);
    Ok(page.test_login(personas.collect(), sealed, wrong_number))
}

fn persona_role(app: &App, role: &info::RoleInfo) -> String {
    let organisation = role.org.parse().ok().and_then(|number| app.model.parties().by_number(number));
    format!("{} – {}", role.role, organisation.map_or_else(|| role.org.clone(), |known| known.name.clone()))
}

/// Takes the choice and sends the browser back with a code.
async fn chosen(State(app): State<Arc<App>>, request: Request) -> Result<Response, Response> {
    let page = Page::anonymous(&app, request.headers());
    let form = read_form(&app, request).await?;
    let failed = || page.clone().message(Message::LoginFailed);
    let plain = app.vault.open_text(Purpose::Login, form.get("authorization")).map_err(|_| failed())?;
    let asked: Authorization = serde_json::from_slice(&plain).map_err(|_| failed())?;
    let Some(national_id) = choice(&app, form.get("person"), form.get("pid")).await? else {
        return show(&app, page, &asked, true).await;
    };
    let (code, now) = (app.random.token(), app.clock.seconds());
    let grant = Code {
        national_id,
        acr: if form.get("level") == "3" { "idporten-loa-substantial" } else { "idporten-loa-high" },
        nonce: asked.nonce,
        challenge: asked.code_challenge.unwrap_or_default(),
        redirect_uri: asked.redirect_uri.clone(),
        expires: now + CODE_SECONDS,
    };
    let sandbox = app.sandbox.as_ref().ok_or_else(failed)?;
    if !sandbox.logins.put(code.clone(), grant, now) {
        return Err(page.message(Message::LoginUnavailable));
    }
    let mut url = url::Url::parse(&asked.redirect_uri).map_err(|_| failed())?;
    url.query_pairs_mut().append_pair("code", &code).append_pair("iss", &issuer(&app.faces));
    if let Some(state) = asked.state {
        url.query_pairs_mut().append_pair("state", &state);
    }
    Ok(Redirect::to(url.as_str()).into_response())
}

/// Who was chosen, by a button or by a number.
async fn choice(app: &App, person: &str, pid: &str) -> Result<Option<NationalId>, Response> {
    let Ok(person) = person.parse::<Uuid>() else { return Ok(pid.trim().parse().ok()) };
    let sealed = async { app.store.read().await?.national_id_sealed(person).await };
    let sealed = sealed.await.map_err(|error| ApiError::from(error).into_response())?;
    let opened = sealed.and_then(|sealed| app.vault.open(Purpose::NationalId, &sealed).ok());
    Ok(opened.and_then(|plain| String::from_utf8(plain).ok()).and_then(|text| text.parse().ok()))
}

#[derive(Serialize)]
struct IdToken<'a> {
    iss: String,
    sub: String,
    aud: &'static str,
    exp: i64,
    iat: i64,
    nonce: Option<String>,
    pid: &'a str,
    acr: &'static str,
    sid: String,
}

/// Exchanges a code for an identity token, once.
async fn token(State(app): State<Arc<App>>, request: Request) -> Result<Response, Response> {
    let refused = |error: &str| {
        let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
        (StatusCode::BAD_REQUEST, headers, json!({"error": error}).to_string()).into_response()
    };
    let sandbox = app.sandbox.as_ref().ok_or_else(|| refused("invalid_client"))?;
    let secret = basic_secret(request.headers()).unwrap_or_default();
    if !sandbox.is_login_secret(&secret) {
        return Err(refused("invalid_client"));
    }
    let form = read_form(&app, request).await?;
    let now = app.clock.seconds();
    let grant = sandbox.logins.take(form.get("code"), now).ok_or_else(|| refused("invalid_grant"))?;
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, form.get("code_verifier").as_bytes()));
    if challenge != grant.challenge || form.get("redirect_uri") != grant.redirect_uri {
        return Err(refused("invalid_grant"));
    }
    let id_token = IdToken {
        iss: issuer(&app.faces),
        sub: app.vault.mac(Purpose::Login, grant.national_id.expose().as_bytes()),
        aud: LOGIN_CLIENT_ID,
        exp: now + ID_TOKEN_SECONDS,
        iat: now,
        nonce: grant.nonce,
        pid: grant.national_id.expose(),
        acr: grant.acr,
        sid: app.random.token(),
    };
    let keys = app.model.test_login_keys();
    let signed = keys
        .signing(app.clock.now())
        .and_then(|key| key.sign(&id_token).ok())
        .ok_or_else(|| refused("server_error"))?;
    let body =
        json!({"access_token": app.random.token(), "token_type": "Bearer", "expires_in": 60, "id_token": signed});
    Ok(([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], body.to_string()).into_response())
}

/// Where to go when logged out.
#[derive(Debug, Default, Deserialize)]
struct EndSessionQuery {
    post_logout_redirect_uri: Option<String>,
}

/// Sends the browser back: there is no session here to end. Only to pages of the portal.
async fn end_session(State(app): State<Arc<App>>, Query(query): Query<EndSessionQuery>) -> Response {
    let portal = app.faces.origin(Face::Portal);
    let back = query.post_logout_redirect_uri.and_then(|to| Url::parse(&to).ok());
    let back = back.filter(|to| to.origin().ascii_serialization() == portal);
    Redirect::to(back.as_ref().map_or(LOGGED_OUT, Url::as_str)).into_response()
}

/// The secret of `Authorization: Basic`, if it is the portal's.
fn basic_secret(headers: &HeaderMap) -> Option<String> {
    let encoded = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (client, secret) = decoded.split_once(':')?;
    (client == LOGIN_CLIENT_ID).then(|| secret.to_owned())
}
