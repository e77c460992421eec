//! Tokens for tests, without login or grant: what the public test-token generator gives to those who test against the
//! official environments. In sandboxes only, where nobody is who they say anyway.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use model::{Iso6523, NationalId, OrgNumber, Person};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
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
    signed(&app, &claims)
}

fn signed(app: &App, claims: &impl Serialize) -> Result<Response, ApiError> {
    let keys = app.model.platform_keys();
    let token = keys.signing(app.clock.now()).and_then(|key| key.sign(claims).ok());
    let token = token.ok_or_else(|| ApiError::Internal("there is no key for test tokens".to_owned()))?;
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "no-store")];
    Ok((headers, token).into_response())
}

/// What every token has: who issued it, and for how long.
fn times(app: &App, ttl: i64) -> Map<String, Value> {
    let now = app.clock.seconds();
    let claims = [
        ("iss", json!(platform_issuer(app))),
        ("actual_iss", json!("systembruker-sandbox")),
        ("jti", json!(app.random.token())),
        ("nbf", json!(now)),
        ("iat", json!(now)),
        ("exp", json!(now + ttl.clamp(1, MAX_LIFETIME))),
    ];
    claims.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Which organisation's token it is, or which system user's.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct OrganisationTokenQuery {
    /// The scopes, with spaces between.
    #[serde(default)]
    scopes: String,
    /// The organisation, by its short name: `ttd`.
    org: Option<String>,
    /// The organisation, by number.
    org_no: Option<String>,
    /// The one that acts for it, by number.
    supplier_org_no: Option<String>,
    /// The Maskinporten client; one that is made up where it is left out.
    client_id: Option<String>,
    /// The system user.
    system_user_id: Option<Uuid>,
    /// The organisation that owns the system user, by number.
    system_user_org: Option<String>,
    /// How long the token is good, in seconds.
    #[serde(default = "lifetime")]
    ttl: i64,
}

fn number(name: &'static str, text: &str) -> Result<OrgNumber, ApiError> {
    text.trim().parse().map_err(|error: model::OrgNumberError| ApiError::member(name, format!("{error}.")))
}

impl OrganisationTokenQuery {
    /// The organisation: by number, else by short name, else the sandbox's own.
    fn organisation(&self, app: &App) -> Result<OrgNumber, ApiError> {
        if let Some(text) = self.org_no.as_deref().filter(|text| !text.trim().is_empty()) {
            return number("orgNo", text);
        }
        let by_code = self.org.as_deref().and_then(|code| app.model.owner_by_code(code));
        by_code.map_or_else(|| number("orgNo", DIGDIR), Ok)
    }

    /// The claims of a token of this organisation.
    fn claims(&self, app: &App) -> Result<Map<String, Value>, ApiError> {
        let organisation = self.organisation(app)?;
        let client_id = self.client_id.clone().unwrap_or_else(|| app.random.uuid().to_string());
        let mut claims = times(app, self.ttl);
        let own = [
            ("scope", json!(self.scopes)),
            ("token_type", json!("Bearer")),
            ("client_id", json!(client_id)),
            ("consumer", json!(Iso6523::new(organisation))),
            ("urn:altinn:orgNumber", json!(organisation)),
            ("urn:altinn:authenticatemethod", json!("maskinporten")),
            ("urn:altinn:authlevel", json!(3)),
        ];
        claims.extend(own.map(|(name, value)| (name.to_owned(), value)));
        if let Some(code) = self.org.as_deref().filter(|code| !code.is_empty()) {
            claims.insert("urn:altinn:org".to_owned(), json!(code));
        }
        if let Some(supplier) = &self.supplier_org_no {
            let supplier = Iso6523::new(number("supplierOrgNo", supplier)?);
            claims.insert("supplier".to_owned(), json!(supplier));
        }
        Ok(claims)
    }
}

/// Gives a token of an organisation
#[utoipa::path(
    get, path = "/api/GetEnterpriseToken", tag = "Sandbox", params(OrganisationTokenQuery),
    responses((status = 200, description = "The token", content_type = "text/plain", body = String),
        (status = 400, description = "A parameter cannot be read"))
)]
pub async fn enterprise_token(
    State(app): State<Arc<App>>,
    Query(query): Query<OrganisationTokenQuery>,
) -> Result<Response, ApiError> {
    signed(&app, &query.claims(&app)?)
}

/// Gives a token of a system user
#[utoipa::path(
    get, path = "/api/GetSystemUserToken", tag = "Sandbox", params(OrganisationTokenQuery),
    responses((status = 200, description = "The token", content_type = "text/plain", body = String),
        (status = 400, description = "A parameter cannot be read, or no such system user is known"))
)]
pub async fn system_user_token(
    State(app): State<Arc<App>>,
    Query(query): Query<OrganisationTokenQuery>,
) -> Result<Response, ApiError> {
    let unknown = || ApiError::member("systemUserId", "No such system user is known here.");
    let user = query.system_user_id.and_then(|id| app.model.system_user(id)).ok_or_else(unknown)?;
    let system = app.model.system(user.system_internal_id).ok_or_else(unknown)?;
    let owner = query.system_user_org.as_deref().map(|text| number("systemUserOrg", text)).transpose()?;
    let vendor = query.org_no.as_deref().map(|text| number("orgNo", text)).transpose()?;
    let query = OrganisationTokenQuery { org_no: Some(vendor.unwrap_or(system.vendor).to_string()), ..query };
    let mut claims = query.claims(&app)?;
    let owner = Iso6523::new(owner.unwrap_or(user.owner));
    let detail = json!({"type": "urn:altinn:systemuser", "systemuser_id": [user.id], "systemuser_org": owner, "system_id": system.id});
    claims.insert("authorization_details".to_owned(), detail);
    signed(&app, &claims)
}

/// Which component of the platform's token it is.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ComponentTokenQuery {
    /// The component.
    #[serde(default = "some_component")]
    app: String,
    /// How long the token is good, in seconds.
    #[serde(default = "lifetime")]
    ttl: i64,
}

fn some_component() -> String {
    "authentication".to_owned()
}

/// Gives a token of a component of the platform
#[utoipa::path(
    get, path = "/api/GetPlatformAccessToken", tag = "Sandbox", params(ComponentTokenQuery),
    responses((status = 200, description = "The token", content_type = "text/plain", body = String),
        (status = 400, description = "A parameter cannot be read"))
)]
pub async fn component_token(
    State(app): State<Arc<App>>,
    Query(query): Query<ComponentTokenQuery>,
) -> Result<Response, ApiError> {
    let mut claims = times(&app, query.ttl);
    claims.insert("urn:altinn:app".to_owned(), json!(query.app));
    // Whoever reads tokens of the platform wants to know an organisation; that of the sandbox itself.
    claims.insert("consumer".to_owned(), json!(Iso6523::new(number("consumer", DIGDIR)?)));
    signed(&app, &claims)
}
