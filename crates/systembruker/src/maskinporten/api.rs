//! `/token`, the metadata of RFC 8414, and the key set.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use jiff::Timestamp;
use model::Iso6523;
use serde::Serialize;
use token::access_token::{AccessTokenClaims, Audience, AuthorizationDetail};
use token::grant::Grant;
use token::keys::Algorithm;
use utoipa::ToSchema;

use super::admin::rules::GRANT_TYPES;
use super::diagnosis;
use super::refusal::Refusal;
use super::replay::CannotUse;
use super::rules::{self, Authenticated, GrantRules, Issue};
use crate::app::App;
use crate::http::extract::{Json, Path, body};
use crate::http::faces::Face;
use crate::http::problem::ApiError;

const GRANT_TYPE: &str = GRANT_TYPES[0];
/// How long a grant waits at most to be recorded as used.
const RECORDING_TIME: Duration = Duration::from_secs(10);

/// What a client gets.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenResponse {
    /// A signed JWT.
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds until the token expires.
    expires_in: i64,
    /// The scopes, exactly as the client asked for them.
    scope: String,
}

/// Gets an access token for a signed grant
///
/// A form with `grant_type` and `assertion` (RFC 7523 §2.1). Refusals are those of RFC 6749 §5.2 with a code in
/// `error_uri`.
#[utoipa::path(
    post,
    path = "/token",
    tag = "Maskinporten",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The token", body = TokenResponse),
        (status = 429, description = "The client asks too often; Retry-After says when it may again"),
        (status = 400, description = "The grant is refused; error, error_description and error_uri say why"),
        (status = 403, description = "The scope is not delegated by the consumer"),
        (status = 413, description = "The form is too large"),
        (status = 503, description = "Nothing can be issued right now"),
    )
)]
pub async fn token(State(app): State<Arc<App>>, request: Request) -> Response {
    let assertion = match body(request, &app).await {
        Ok(form) => assertion(&form),
        Err(ApiError::Status(StatusCode::PAYLOAD_TOO_LARGE, _)) => Err(Refusal::FormTooLarge),
        Err(_) => Err(Refusal::Form("The form could not be read to its end.".into())),
    };
    let issued = match assertion {
        Ok(assertion) => issue(&app, assertion.trim()).await,
        Err(refusal) => Err(refusal),
    };
    match issued {
        Ok(response) => ([(CACHE_CONTROL, "no-store")], Json(response)).into_response(),
        Err(refusal) => {
            // The code only: the reasons hold what the client sent.
            tracing::info!(refusal = refusal.name(), "no token");
            refusal.response(app.faces.issuer())
        }
    }
}

/// The assertion of the form. Parameters that are not known are ignored.
fn assertion(form: &[u8]) -> Result<String, Refusal> {
    let (mut grant_type, mut assertion) = (None, None);
    for (name, value) in url::form_urlencoded::parse(form) {
        let slot = match &*name {
            "grant_type" => &mut grant_type,
            "assertion" => &mut assertion,
            _ => continue,
        };
        if slot.replace(value.into_owned()).is_some() {
            return Err(Refusal::Form(format!("The parameter {name} is there more than once.")));
        }
    }
    match grant_type.as_deref() {
        None => return Err(Refusal::Form("The parameter grant_type is missing.".into())),
        Some(GRANT_TYPE) => {}
        Some(_) => return Err(Refusal::GrantType),
    }
    assertion.ok_or_else(|| Refusal::Form("The parameter assertion is missing.".into()))
}

/// Gives a token for an assertion, which has nothing around it.
pub async fn issue(app: &App, assertion: &str) -> Result<TokenResponse, Refusal> {
    if !app.may_answer() {
        return Err(Refusal::Unavailable);
    }
    let now = app.clock.now();
    let certificates = app.tokens.certificates();
    let rules = GrantRules {
        issuer: app.faces.issuer(),
        strictness: app.tokens.strictness,
        certificates: certificates.as_deref(),
    };
    let authenticate = || app.model.consistent(|model| rules::authenticate(model, &rules, assertion, now));
    let (authenticated, mut seen) = authenticate();
    let mut authenticated = authenticated?;
    let key = authenticated.grant.replay_key(assertion);
    // One that was used is not counted, so that nobody uses up a client's share with what the client has sent.
    if app.tokens.replay.was_used(&key) {
        return Err(Refusal::Used);
    }
    app.tokens.count(&authenticated.grant.iss).map_err(|wait| Refusal::TooMany { wait })?;
    use_up(app, &authenticated.grant, key, now).await?;
    loop {
        // A change that forbids this token may have come meanwhile, and may come while it is signed: a key taken away,
        // a system user deleted. Then everything is looked at again.
        if !app.model.unchanged_since(seen) {
            let (again, generation) = authenticate();
            (authenticated, seen) = (again?, generation);
        }
        let (issue, _) = app.model.consistent(|model| rules::authorize(model, &authenticated));
        let (response, system_user) = match issue {
            Ok(issue) => (sign(app, &authenticated, &issue)?, issue.system_user),
            Err(Refusal::NoSystemUser(reason)) => {
                return Err(diagnosis::no_system_user(app, &authenticated.grant, reason).await);
            }
            Err(refusal) => return Err(refusal),
        };
        if !app.may_answer() {
            return Err(Refusal::Unavailable);
        }
        if app.model.unchanged_since(seen) {
            let used = system_user.iter().flat_map(|user| &user.systemuser_id).filter_map(|id| id.parse().ok());
            used.for_each(|id| app.uses.note(id, &authenticated.grant.iss, now));
            return Ok(response);
        }
    }
}

/// Uses the grant up: whatever becomes of it, it is good for no other token.
async fn use_up(app: &App, grant: &Grant, key: [u8; 32], now: Timestamp) -> Result<(), Refusal> {
    app.tokens.replay.use_once(key, grant.iat, grant.exp, now.as_second()).map_err(|error| match error {
        CannotUse::Used => Refusal::Used,
        CannotUse::FromBefore => Refusal::FromBefore,
        CannotUse::Full => Refusal::Unavailable,
    })?;
    let Some(recorder) = &app.grant_recorder else { return Ok(()) };
    match tokio::time::timeout(RECORDING_TIME, recorder.use_once(key, grant.exp)).await {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err(Refusal::Used),
        Ok(Err(_)) | Err(_) => Err(Refusal::Unavailable),
    }
}

fn sign(app: &App, authenticated: &Authenticated, issue: &Issue) -> Result<TokenResponse, Refusal> {
    let grant = &authenticated.grant;
    let keys = app.model.maskinporten_keys();
    let now = app.clock.now();
    let key = keys.signing(now).ok_or(Refusal::Unavailable)?;
    let now = now.as_second();
    let aud = match grant.resource.as_slice() {
        [] => None,
        [one] => Some(Audience::One(one.clone())),
        several => Some(Audience::Many(several.to_vec())),
    };
    let details = issue.system_user.clone().map(AuthorizationDetail::SystemUser);
    let claims = AccessTokenClaims {
        authorization_details: details.into_iter().collect(),
        scope: grant.scope.clone(),
        supplier: issue.delegation.as_ref().map(|(supplier, _)| Iso6523::new(*supplier)),
        iss: app.faces.issuer().to_owned(),
        client_amr: authenticated.method.name().into(),
        token_type: "Bearer".into(),
        exp: now + issue.lifetime,
        delegation_source: issue.delegation.as_ref().map(|(_, source)| source.clone()),
        iat: now,
        client_id: grant.iss.clone(),
        jti: app.random.token(),
        consumer: Iso6523::new(issue.consumer),
        consumer_prefix: issue.consumer_prefix.clone(),
        aud,
        pid: grant.pid.as_ref().map(|pid| pid.expose().to_owned()),
    };
    let access_token = key.sign(&claims).map_err(|_| Refusal::Internal)?;
    // Whole seconds left, of which one has begun.
    let expires_in = (issue.lifetime - 1).max(0);
    Ok(TokenResponse { access_token, token_type: "Bearer", expires_in, scope: claims.scope })
}

/// How long metadata and keys may be kept: much shorter than keys are published before they sign.
const PUBLISHED: &str = "public, max-age=3600";

/// The metadata, exactly the members that the service has.
#[derive(Debug, Serialize, ToSchema)]
pub struct Metadata {
    authorization_details_types_supported: [&'static str; 2],
    grant_types_supported: [&'static str; 1],
    issuer: String,
    jwks_uri: String,
    token_endpoint: String,
    token_endpoint_auth_methods_supported: [&'static str; 1],
    token_endpoint_auth_signing_alg_values_supported: [&'static str; 3],
}

/// Describes the token service (RFC 8414)
#[utoipa::path(
    get,
    path = "/.well-known/oauth-authorization-server",
    tag = "Maskinporten",
    responses((status = 200, description = "The metadata", body = Metadata))
)]
pub async fn metadata(State(app): State<Arc<App>>) -> Response {
    let issuer = app.faces.issuer();
    let metadata = Metadata {
        authorization_details_types_supported: ["urn:altinn:systemuser", "urn:altinn:consent"],
        grant_types_supported: [GRANT_TYPE],
        issuer: issuer.to_owned(),
        jwks_uri: format!("{issuer}jwk"),
        token_endpoint: format!("{issuer}token"),
        token_endpoint_auth_methods_supported: ["private_key_jwt"],
        token_endpoint_auth_signing_alg_values_supported: Algorithm::ALL.map(Algorithm::name),
    };
    ([(CACHE_CONTROL, PUBLISHED)], Json(metadata)).into_response()
}

/// Publishes the keys that tokens are signed with (RFC 7517)
#[utoipa::path(
    get,
    path = "/jwk",
    tag = "Maskinporten",
    responses((status = 200, description = "The key set", body = serde_json::Value))
)]
pub async fn key_set(State(app): State<Arc<App>>) -> Response {
    let keys = app.model.maskinporten_keys();
    ([(CACHE_CONTROL, PUBLISHED)], Json(keys.published(app.clock.now()))).into_response()
}

/// Leads from `error_uri` to the page that says what a code means
///
/// The page is the portal's, where persons choose their language.
#[utoipa::path(
    get,
    path = "/errors/{code}",
    tag = "Maskinporten",
    params(("code" = String, Path, description = "The code: MP-121")),
    responses((status = 303, description = "The page"))
)]
pub async fn error_page(State(app): State<Arc<App>>, Path(code): Path<String>) -> Redirect {
    let code = percent_encoding::utf8_percent_encode(&code, percent_encoding::NON_ALPHANUMERIC).to_string();
    Redirect::to(&app.faces.join(Face::Portal, &format!("help/errors/{}", code.replace("%2D", "-"))))
}
