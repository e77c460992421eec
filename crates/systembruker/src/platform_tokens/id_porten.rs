//! Exchanging a person's token of the login provider.

use http::StatusCode;
use model::Iso6523;
use serde_json::{Map, Value, json};
use token::jws::Jws;

use crate::app::App;
use crate::http::caller::platform_issuer;
use crate::http::problem::ApiError;
use crate::login::oidc::{LoginError, level};

/// The claims of the token that the new one does not have.
const LEFT_OUT: [&str; 5] = ["aud", "iss", "at_hash", "sid", "sub"];

/// The claims of the platform's token for a person's access token of the login provider. It ends when that one does.
///
/// # Errors
/// 401 for a token that the provider did not issue, that is not good now, or that names nobody who is known here or no
/// organisation as `consumer`; 403 where
/// it has no scope of the platform; 503 when the provider's keys cannot be fetched.
pub async fn exchanged(app: &App, jws: &Jws<'_>) -> Result<Map<String, Value>, ApiError> {
    let unauthorized = || ApiError::Status(StatusCode::UNAUTHORIZED, None);
    let provider = app.login.as_ref().ok_or_else(unauthorized)?;
    let mut claims = match provider.verified(jws, app.clock.seconds()).await {
        Ok(claims) => claims,
        Err(LoginError::Provider(reason)) => return Err(ApiError::Unavailable(reason)),
        Err(_) => return Err(unauthorized()),
    };
    let scopes = claims.get("scope").and_then(Value::as_str).unwrap_or_default();
    if !scopes.split(' ').any(|scope| scope.starts_with("altinn:")) {
        return Err(ApiError::Bare(StatusCode::FORBIDDEN));
    }
    // Whose client it is. What acts for nobody could be taken for anybody.
    let consumer = claims.get("consumer").and_then(|consumer| serde_json::from_value(consumer.clone()).ok());
    consumer.and_then(|consumer: Iso6523| consumer.org_number()).ok_or_else(unauthorized)?;
    let level = claims.get("acr").and_then(Value::as_str).and_then(level).ok_or_else(unauthorized)?;
    let number = claims.get("pid").and_then(Value::as_str).and_then(|pid| pid.parse().ok()).ok_or_else(unauthorized)?;
    let person = app.model.parties().person_by_hash(&app.vault.lookup_hash(&number)).ok_or_else(unauthorized)?;
    let method = match claims.get("amr") {
        Some(Value::String(method)) => method.clone(),
        Some(Value::Array(methods)) => methods.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        _ => "NotDefined".to_owned(),
    };
    // What the platform says of a caller, only the platform says.
    claims.retain(|name, _| !LEFT_OUT.contains(&&**name) && !name.starts_with("urn:altinn:"));
    let now = app.clock.seconds();
    let own = [
        ("nameid", json!(person.user_id)),
        ("urn:altinn:userid", json!(person.user_id)),
        ("urn:altinn:partyid", json!(person.party_id)),
        ("urn:altinn:party:uuid", json!(person.party_uuid)),
        ("urn:altinn:authenticatemethod", json!(method)),
        ("urn:altinn:authlevel", json!(level)),
        ("iss", json!(platform_issuer(app))),
        ("sid", json!(app.random.uuid())),
        ("iat", json!(now)),
        ("nbf", json!(now)),
    ];
    claims.extend(own.map(|(name, value)| (name.to_owned(), value)));
    Ok(claims)
}
