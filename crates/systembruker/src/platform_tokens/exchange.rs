//! Exchanging a token of another issuer for one of the platform.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use model::{Iso6523, OrgNumber};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use token::jws::Jws;
use utoipa::IntoParams;

use super::id_porten;
use crate::app::App;
use crate::http::caller::{CLOCK_SKEW, platform_issuer};
use crate::http::extract::{Path, Query};
use crate::http::problem::ApiError;

/// How long the platform's tokens live at most, in seconds.
const LIFETIME: i64 = 30 * 60;
/// The claims of the token that the new one does not have.
const LEFT_OUT: [&str; 4] = ["aud", "iss", "client_amr", "sid"];
/// The scopes of owners of services, who get their short name into the token.
const SERVICE_OWNER: &str = "altinn:serviceowner";

/// How to exchange.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExchangeQuery {
    /// Whether Digdir acts as the test department.
    #[serde(default)]
    test: bool,
}

/// Exchanges a token
///
/// The token goes into the header `Authorization`: one of Maskinporten, or a person's access token of the login provider
/// with a scope that begins with `altinn:`.
#[utoipa::path(
    get, path = "/authentication/api/v1/exchange/{tokenProvider}", tag = "Tokens of the platform",
    params(("tokenProvider" = String, Path, description = "maskinporten or id-porten"), ExchangeQuery),
    responses((status = 200, description = "The platform's token", content_type = "text/plain", body = String),
        (status = 400, description = "No such provider, or a parameter cannot be read"), (status = 401, description = "No token, or not a good one of this provider"),
        (status = 403, description = "A person's token without a scope of the platform"),
        (status = 410, description = "Enterprise users are no longer supported"))
)]
pub async fn exchange(
    State(app): State<Arc<App>>,
    Path(provider): Path<String>,
    Query(query): Query<ExchangeQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let unauthorized = || ApiError::Status(StatusCode::UNAUTHORIZED, None);
    let token = bearer(&headers).ok_or_else(unauthorized)?;
    let jws = Jws::parse(token).map_err(|_| unauthorized())?;
    let exchanged = match &*provider.to_ascii_lowercase() {
        "maskinporten" => {
            let claims = maskinporten_claims(&app, &jws).ok_or_else(unauthorized)?;
            if headers.get("x-altinn-enterpriseuser-authentication").is_some_and(|value| !value.is_empty()) {
                let detail = "Enterprise users are no longer supported. Use a system user.".to_owned();
                return Err(ApiError::Status(StatusCode::GONE, Some(detail)));
            }
            exchanged(&app, claims, query.test).ok_or_else(unauthorized)?
        }
        "id-porten" => id_porten::exchanged(&app, &jws).await?,
        // There is no Altinn Studio here whose tokens could be good.
        "altinnstudio" => return Err(unauthorized()),
        _ => {
            let text = format!("The token provider {provider} is not known. Write maskinporten or id-porten.");
            return Err(ApiError::Text(StatusCode::BAD_REQUEST, text));
        }
    };
    let keys = app.model.platform_keys();
    let token = keys.signing(app.clock.now()).and_then(|key| key.sign(&exchanged).ok());
    let token = token.ok_or_else(|| ApiError::Internal("there is no key for the platform's tokens".to_owned()))?;
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "no-store")];
    Ok((headers, token).into_response())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The claims of a token that this installation's Maskinporten issued and that is good now.
fn maskinporten_claims(app: &App, jws: &Jws<'_>) -> Option<Map<String, Value>> {
    let key = app.model.maskinporten_keys().verifying(jws.header().kid.as_deref()?, app.clock.now())?;
    let claims: Map<String, Value> = serde_json::from_slice(jws.verify(&key).ok()?).ok()?;
    let is_issued_here = claims.get("iss")?.as_str()? == app.faces.issuer();
    let is_live = app.clock.seconds() < claims.get("exp")?.as_i64()?.saturating_add(CLOCK_SKEW);
    (is_issued_here && is_live).then_some(claims)
}

/// The claims of the platform's token; `None` where no organisation is named.
fn exchanged(app: &App, mut claims: Map<String, Value>, is_test: bool) -> Option<Map<String, Value>> {
    let consumer: Iso6523 = serde_json::from_value(claims.get("consumer")?.clone()).ok()?;
    let organisation = consumer.org_number()?;
    // What the platform says of a caller, only the platform says.
    claims.retain(|name, _| !LEFT_OUT.contains(&&**name) && !name.starts_with("urn:altinn:"));
    // A list of one has always become the object.
    if let Some(Value::Array(details)) = claims.get_mut("authorization_details")
        && let [_] = details.as_slice()
    {
        let detail = details.pop()?;
        claims.insert("authorization_details".to_owned(), detail);
    }
    let (now, ends) = (app.clock.seconds(), claims.get("exp")?.as_i64()?);
    let scopes = claims.get("scope").and_then(Value::as_str).unwrap_or_default().to_owned();
    let own = [
        ("iss", json!(platform_issuer(app))),
        ("urn:altinn:orgNumber", json!(organisation)),
        ("urn:altinn:authenticatemethod", json!("maskinporten")),
        ("urn:altinn:authlevel", json!(3)),
        ("sid", json!(app.random.uuid())),
        ("iat", json!(now)),
        ("nbf", json!(now)),
        ("exp", json!(ends.min(now + LIFETIME))),
    ];
    claims.extend(own.map(|(name, value)| (name.to_owned(), value)));
    if let Some(code) = owner_code(app, organisation, &scopes, is_test) {
        claims.insert("urn:altinn:org".to_owned(), code.into());
    }
    Some(claims)
}

/// The short name of an owner of services, where it uses a scope of those.
fn owner_code(app: &App, organisation: OrgNumber, scopes: &str, is_test: bool) -> Option<String> {
    let is_for_owners =
        |scope: &str| scope.strip_prefix(SERVICE_OWNER).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if !scopes.split(' ').any(is_for_owners) {
        return None;
    }
    let code = app.model.code_of_owner(organisation);
    let has_code = code != organisation.as_str();
    let is_test_department = is_test && code == "digdir";
    has_code.then(|| if is_test_department { "ttd".to_owned() } else { code.to_lowercase() })
}
