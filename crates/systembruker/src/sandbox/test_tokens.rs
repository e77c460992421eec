//! Tokens for tests, without login or grant: what the public test-token generator gives to those who test against the
//! official environments. In sandboxes only, where nobody is who they say anyway.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use model::{Iso6523, NationalId, OrgNumber, Person};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use uuid::Uuid;

use super::seed::DIGDIR;
use crate::app::App;
use crate::http::caller::platform_issuer;
use crate::http::extract::Query;
use crate::http::problem::ApiError;

/// How long a token is good in seconds, unless asked otherwise, and at most.
const LIFETIME: i64 = 1_800;
const MAX_LIFETIME: i64 = 24 * 3_600;

/// Whose token it is.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct PersonalTokenQuery {
    /// The scopes, with spaces between.
    #[serde(default)]
    scopes: String,
    /// The person, by national identity number.
    pid: Option<String>,
    /// The person, by user id.
    user_id: Option<i64>,
    /// The person, by party id.
    party_id: Option<i64>,
    /// The person, by party uuid.
    #[serde(rename = "partyuuid", alias = "partyUuid")]
    party_uuid: Option<Uuid>,
    /// How surely the person is known, 0 to 4.
    #[serde(default = "substantial")]
    auth_lvl: u8,
    /// The organisation whose system the person uses.
    consumer_org_no: Option<String>,
    /// How long the token is good, in seconds.
    #[serde(default = "lifetime")]
    ttl: i64,
}

fn substantial() -> u8 {
    3
}

fn lifetime() -> i64 {
    LIFETIME
}

#[derive(Serialize)]
struct PersonalClaims {
    #[serde(skip_serializing_if = "Option::is_none")]
    nameid: Option<i64>,
    #[serde(rename = "urn:altinn:userid", skip_serializing_if = "Option::is_none")]
    user_id: Option<i64>,
    #[serde(rename = "urn:altinn:partyid", skip_serializing_if = "Option::is_none")]
    party_id: Option<i64>,
    #[serde(rename = "urn:altinn:party:uuid", skip_serializing_if = "Option::is_none")]
    party_uuid: Option<Uuid>,
    #[serde(rename = "urn:altinn:authenticatemethod")]
    authenticate_method: &'static str,
    #[serde(rename = "urn:altinn:authlevel")]
    level: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<String>,
    acr: &'static str,
    scope: String,
    consumer: Iso6523,
    client_amr: &'static str,
    token_type: &'static str,
    client_id: String,
    iss: String,
    actual_iss: &'static str,
    jti: String,
    nbf: i64,
    iat: i64,
    exp: i64,
}

/// The person that a query names; `None` where it names nobody.
fn person(app: &App, query: &PersonalTokenQuery) -> Result<Option<Arc<Person>>, ApiError> {
    let parties = app.model.parties();
    let found = if let Some(pid) = &query.pid {
        let number: NationalId = pid.parse().map_err(|error| ApiError::member("pid", format!("{error}.")))?;
        parties.person_by_hash(&app.vault.lookup_hash(&number))
    } else if let Some(uuid) = query.party_uuid {
        parties.person(uuid)
    } else if let Some(id) = query.user_id {
        parties.person_by_user_id(id)
    } else if let Some(id) = query.party_id {
        parties.by_party_id(id).and_then(|party| parties.person(party.uuid()))
    } else {
        return Ok(None);
    };
    found.map(Some).ok_or_else(|| ApiError::member("pid", "No such person is known here.".to_owned()))
}

/// Gives a token of a person
#[utoipa::path(
    get, path = "/api/GetPersonalToken", tag = "Sandbox", params(PersonalTokenQuery),
    responses((status = 200, description = "The token", content_type = "text/plain", body = String),
        (status = 400, description = "A parameter cannot be read, or no such person is known"))
)]
pub async fn personal_token(
    State(app): State<Arc<App>>,
    Query(query): Query<PersonalTokenQuery>,
) -> Result<Response, ApiError> {
    let person = person(&app, &query)?;
    let consumer = query.consumer_org_no.as_deref().unwrap_or(DIGDIR);
    let consumer: OrgNumber = consumer
        .parse()
        .map_err(|error: model::OrgNumberError| ApiError::member("consumerOrgNo", format!("{error}.")))?;
    let now = app.clock.seconds();
    let claims = PersonalClaims {
        nameid: person.as_ref().map(|person| person.user_id),
        user_id: person.as_ref().map(|person| person.user_id),
        party_id: person.as_ref().map(|person| person.party_id),
        party_uuid: person.as_ref().map(|person| person.party_uuid),
        authenticate_method: "NotDefined",
        level: query.auth_lvl.min(4).to_string(),
        pid: query.pid,
        acr: match query.auth_lvl {
            0..=2 => "idporten-loa-low",
            3 => "idporten-loa-substantial",
            _ => "idporten-loa-high",
        },
        scope: query.scopes,
        consumer: Iso6523::new(consumer),
        client_amr: "virksomhetssertifikat",
        token_type: "Bearer",
        client_id: app.random.uuid().to_string(),
        iss: platform_issuer(&app),
        actual_iss: "systembruker-sandbox",
        jti: app.random.token(),
        nbf: now,
        iat: now,
        exp: now + query.ttl.clamp(1, MAX_LIFETIME),
    };
    let keys = app.model.test_login_keys();
    let token = keys.signing(app.clock.now()).and_then(|key| key.sign(&claims).ok());
    let token = token.ok_or_else(|| ApiError::Internal("there is no key for test tokens".to_owned()))?;
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "no-store")];
    Ok((headers, token).into_response())
}
