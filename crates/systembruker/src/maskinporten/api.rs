//! `/token`, the metadata of RFC 8414, and the key set.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use model::{Iso6523, RequestStatus, SystemUserKind};
use serde::Serialize;
use store::{RequestKey, StoreError};
use token::access_token::{AccessTokenClaims, Audience, AuthorizationDetail};
use token::grant::SystemUserRequest;
use token::keys::Algorithm;
use utoipa::ToSchema;

use super::refusal::{NoSystemUser, Refusal};
use super::replay::CannotUse;
use super::rules::{self, Authenticated, Issue};
use crate::access::roles::lineage;
use crate::app::App;
use crate::http::extract::{Json, body};
use crate::http::problem::ApiError;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

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
        (status = 400, description = "The grant is refused; error, error_description and error_uri say why"),
        (status = 403, description = "The scope is not delegated by the consumer"),
        (status = 413, description = "The form is too large"),
        (status = 503, description = "Nothing can be issued right now"),
    )
)]
pub async fn token(State(app): State<Arc<App>>, request: Request) -> Response {
    let assertion = match body(request, &app).await {
        Ok(form) => assertion(&form),
        Err(ApiError::Status(StatusCode::PAYLOAD_TOO_LARGE, _)) => {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        }
        Err(_) => Err(Refusal::Form("The form could not be read to its end.".into())),
    };
    let issued = match assertion {
        Ok(assertion) => issue(&app, &assertion).await,
        Err(refusal) => Err(refusal),
    };
    match issued {
        Ok(response) => ([(CACHE_CONTROL, "no-store")], Json(response)).into_response(),
        Err(refusal) => {
            tracing::info!(?refusal, "no token");
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

async fn issue(app: &App, assertion: &str) -> Result<TokenResponse, Refusal> {
    if !app.may_answer() {
        return Err(Refusal::Unavailable);
    }
    let now = app.clock.now();
    let (authenticated, _) =
        app.model.consistent(|model| rules::authenticate(model, app.faces.issuer(), assertion, now));
    let authenticated = authenticated?;
    let grant = &authenticated.grant;
    app.replay.use_once(grant.replay_key(assertion), grant.iat, grant.exp, now.as_second()).map_err(
        |error| match error {
            CannotUse::Used => Refusal::Used,
            CannotUse::FromBefore => Refusal::FromBefore,
            CannotUse::Full => Refusal::Unavailable,
        },
    )?;
    loop {
        let (issue, generation) = app.model.consistent(|model| rules::authorize(model, &authenticated));
        let issue = match issue {
            Ok(issue) => issue,
            Err(Refusal::NoSystemUser(reason)) => return Err(no_system_user(app, &authenticated, reason).await),
            Err(refusal) => return Err(refusal),
        };
        let response = sign(app, &authenticated, &issue)?;
        // A change that forbids this token may have come while it was signed. Then it does not leave.
        let still = app.model.unchanged_since(generation)
            || app.model.consistent(|model| rules::authorize(model, &authenticated)).0.as_ref() == Ok(&issue);
        if still && app.may_answer() {
            return Ok(response);
        }
        if !app.may_answer() {
            return Err(Refusal::Unavailable);
        }
    }
}

fn sign(app: &App, authenticated: &Authenticated, issue: &Issue) -> Result<TokenResponse, Refusal> {
    let grant = &authenticated.grant;
    let keys = app.model.maskinporten_keys();
    let key = keys.signing().ok_or(Refusal::Unavailable)?;
    let now = app.clock.seconds();
    let aud = match grant.resource.as_slice() {
        [] => None,
        [one] => Some(Audience::One(one.clone())),
        several => Some(Audience::Many(several.to_vec())),
    };
    let details = issue.system_user.clone().map(AuthorizationDetail::SystemUser);
    let claims = AccessTokenClaims {
        authorization_details: details.into_iter().collect(),
        scope: grant.scope.clone(),
        supplier: None,
        iss: app.faces.issuer().to_owned(),
        client_amr: "private_key_jwt".into(),
        token_type: "Bearer".into(),
        exp: now + issue.lifetime,
        delegation_source: None,
        iat: now,
        client_id: grant.iss.clone(),
        jti: app.random.token(),
        consumer: Iso6523::new(issue.consumer),
        aud,
        pid: grant.pid.clone(),
    };
    let access_token = key.sign(&claims).map_err(|_| Refusal::Internal)?;
    // Whole seconds left, of which one has begun.
    let expires_in = (issue.lifetime - 1).max(0);
    Ok(TokenResponse { access_token, token_type: "Bearer", expires_in, scope: claims.scope })
}

/// Says more exactly why there is no system user. Only a client of the system's own vendor gets here with
/// [`NoSystemUser::None`], so that nothing of others' systems is told.
async fn no_system_user(app: &App, authenticated: &Authenticated, reason: NoSystemUser) -> Refusal {
    if reason != NoSystemUser::None {
        return Refusal::NoSystemUser(reason);
    }
    let asked = authenticated.grant.system_user_request().ok().flatten();
    let Some(asked) = asked else { return Refusal::Internal };
    match diagnose(app, &authenticated.grant.iss, &asked).await {
        Ok(reason) => Refusal::NoSystemUser(reason),
        Err(error) => {
            tracing::warn!(%error, "why there is no system user could not be found out");
            Refusal::NoSystemUser(NoSystemUser::None)
        }
    }
}

async fn diagnose(app: &App, client_id: &str, asked: &SystemUserRequest) -> Result<NoSystemUser, StoreError> {
    let parties = app.model.parties();
    let (Some(system), Some(party)) = (app.model.system_of_client(client_id), parties.by_number(asked.owner)) else {
        return Ok(NoSystemUser::None);
    };
    let external_ref = asked.external_ref.clone().unwrap_or_else(|| asked.owner.to_string());
    let mut session = app.store.read().await?;
    for kind in [SystemUserKind::Standard, SystemUserKind::Agent] {
        let key = RequestKey {
            system: system.internal_id,
            party: party.party_uuid,
            external_ref: external_ref.clone(),
            kind,
        };
        let Some(request) = session.latest_request(&key).await? else { continue };
        return Ok(match request.status_at(app.clock.now()) {
            RequestStatus::New => NoSystemUser::RequestWaits,
            RequestStatus::Rejected => NoSystemUser::RequestRejected,
            RequestStatus::Timedout => NoSystemUser::RequestTimedOut,
            RequestStatus::Accepted => NoSystemUser::Deleted,
        });
    }
    if session.had_system_user(system.internal_id, party.party_uuid, &external_ref).await? {
        return Ok(NoSystemUser::Deleted);
    }
    let of_system = |party| {
        let users = app.model.system_users_of(party);
        users.into_iter().filter(|user| user.system_internal_id == system.internal_id).count()
    };
    if of_system(party.party_uuid) > 0 {
        return Ok(NoSystemUser::OtherReference);
    }
    let main_unit = lineage(&parties, &party).into_iter().skip(1).find(|unit| of_system(*unit) > 0);
    let main_unit = main_unit.and_then(|unit| parties.organisation(unit));
    Ok(main_unit.map_or(NoSystemUser::None, |unit| NoSystemUser::MainUnitHasOne { main_unit: unit.org_number }))
}

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
pub async fn metadata(State(app): State<Arc<App>>) -> Json<Metadata> {
    let issuer = app.faces.issuer();
    Json(Metadata {
        authorization_details_types_supported: ["urn:altinn:systemuser", "urn:altinn:consent"],
        grant_types_supported: [GRANT_TYPE],
        issuer: issuer.to_owned(),
        jwks_uri: format!("{issuer}jwk"),
        token_endpoint: format!("{issuer}token"),
        token_endpoint_auth_methods_supported: ["private_key_jwt"],
        token_endpoint_auth_signing_alg_values_supported: Algorithm::ALL.map(Algorithm::name),
    })
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
    match serde_json::to_vec(keys.published()) {
        Ok(body) => {
            ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "public, max-age=3600")], body).into_response()
        }
        Err(error) => ApiError::Internal(error.to_string()).into_response(),
    }
}
