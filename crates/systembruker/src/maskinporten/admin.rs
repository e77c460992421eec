//! Clients and scopes, as in Digdir's self-service APIs under `/api/v1`.

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use jiff::{Timestamp, ToSpan};
use model::{Client, ClientKey, OrgNumber, Scope, ScopeName, ScopeVisibility};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::StoreError;
use token::keys::{Algorithm, VerifyingKey};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::http::caller::Scoped;
use crate::http::caller::scope::{ClientRead, ClientWrite, ScopeWrite};
use crate::http::extract::{Json, Path, Query};
use crate::http::problem::ApiError;
use crate::read_model::{ClientEntry, ScopeEntry};

/// A key is accepted for a year after it was posted.
const KEY_LIFETIME_HOURS: i64 = 365 * 24;

/// A refusal of the administration: `{"errors":[{"errorMessage":"…"}]}`.
#[derive(Debug)]
pub enum AdminError {
    /// What the caller did wrong, all of it.
    Refused(StatusCode, Vec<String>),
    /// Anything else.
    Other(ApiError),
}

impl AdminError {
    fn bad(messages: Vec<String>) -> Self {
        Self::Refused(StatusCode::BAD_REQUEST, messages)
    }

    fn not_found(what: &str) -> Self {
        Self::Refused(StatusCode::NOT_FOUND, vec![format!("There is no such {what} among yours.")])
    }
}

impl From<ApiError> for AdminError {
    fn from(error: ApiError) -> Self {
        Self::Other(error)
    }
}

impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> Self {
        Self::Other(error.into())
    }
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(status, messages) => {
                let errors: Vec<Value> = messages.into_iter().map(|message| json!({"errorMessage": message})).collect();
                let headers = [(CONTENT_TYPE, "application/json; charset=utf-8")];
                (status, headers, json!({"errors": errors}).to_string()).into_response()
            }
            Self::Other(error) => error.into_response(),
        }
    }
}

/// A client to be made.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewClient {
    integration_type: String,
    client_name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    scopes: Vec<String>,
    token_endpoint_auth_method: Option<String>,
    grant_types: Option<Vec<String>>,
    access_token_lifetime: Option<i64>,
}

/// A client.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClientDto {
    client_id: String,
    client_name: String,
    description: String,
    client_orgno: String,
    integration_type: &'static str,
    application_type: &'static str,
    token_endpoint_auth_method: &'static str,
    grant_types: [&'static str; 1],
    scopes: Vec<String>,
    access_token_lifetime: i64,
    authorization_lifetime: i64,
    active: bool,
    created: String,
    last_updated: String,
}

impl From<&Client> for ClientDto {
    fn from(client: &Client) -> Self {
        Self {
            client_id: client.client_id.clone(),
            client_name: client.name.clone(),
            description: client.description.clone(),
            client_orgno: client.org.to_string(),
            integration_type: "maskinporten",
            application_type: "web",
            token_endpoint_auth_method: "private_key_jwt",
            grant_types: ["urn:ietf:params:oauth:grant-type:jwt-bearer"],
            scopes: client.scopes.clone(),
            access_token_lifetime: client.access_token_lifetime,
            authorization_lifetime: Client::MAX_TOKEN_LIFETIME,
            active: client.active,
            created: millis(client.created),
            last_updated: millis(client.updated),
        }
    }
}

/// `yyyy-MM-dd'T'HH:mm:ss.SSSXXX`, in UTC.
fn millis(time: Timestamp) -> String {
    format!("{time:.3}")
}

impl NewClient {
    /// The client that is asked for, or all that is wrong with it.
    fn check(self, client_id: String, org: OrgNumber, now: Timestamp) -> Result<Client, Vec<String>> {
        let mut errors = Vec::new();
        let mut require = |holds: bool, message: &str| {
            if !holds {
                errors.push(message.to_owned());
            }
        };
        require(self.integration_type == "maskinporten", "integration_type must be maskinporten.");
        let method = self.token_endpoint_auth_method.as_deref();
        require(
            method.is_none_or(|method| method == "private_key_jwt"),
            "token_endpoint_auth_method must be private_key_jwt.",
        );
        let known = ["urn:ietf:params:oauth:grant-type:jwt-bearer", "jwt_bearer_token"];
        let types = self.grant_types.iter().flatten();
        require(
            types.clone().all(|grant| known.contains(&&**grant)),
            "grant_types must be urn:ietf:params:oauth:grant-type:jwt-bearer.",
        );
        let short = |text: &str, most: usize| text.chars().count() <= most;
        require(
            !self.client_name.trim().is_empty() && short(&self.client_name, 255),
            "client_name has 1 to 255 characters.",
        );
        require(short(&self.description, 2_000), "description has at most 2000 characters.");
        require(self.scopes.len() <= Client::MAX_SCOPES, "a client has at most 200 scopes.");
        require(
            self.scopes.iter().all(|scope| scope.parse::<ScopeName>().is_ok()),
            "scopes are written prefix:subscope.",
        );
        let lifetime = self.access_token_lifetime.filter(|lifetime| *lifetime != 0);
        let lifetime = lifetime.unwrap_or(Client::DEFAULT_TOKEN_LIFETIME);
        require((1..=Client::MAX_TOKEN_LIFETIME).contains(&lifetime), "access_token_lifetime is 1 to 7200 seconds.");
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut seen = HashSet::new();
        Ok(Client {
            client_id,
            org,
            name: self.client_name,
            description: self.description,
            scopes: self.scopes.into_iter().filter(|scope| seen.insert(scope.clone())).collect(),
            access_token_lifetime: lifetime,
            active: true,
            created: now,
            updated: now,
        })
    }
}

/// Lists one's clients
#[utoipa::path(
    get, path = "/api/v1/clients", tag = "Maskinporten administration",
    responses((status = 200, description = "Active clients", body = [ClientDto]),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks idporten:dcr.*"))
)]
pub async fn list_clients(
    State(app): State<Arc<App>>,
    caller: Scoped<ClientRead>,
) -> Result<Json<Vec<ClientDto>>, AdminError> {
    let clients = app.model.clients_of(caller.require_org()?);
    Ok(Json(clients.iter().filter(|entry| entry.client.active).map(|entry| (&entry.client).into()).collect()))
}

/// Makes a client
#[utoipa::path(
    post, path = "/api/v1/clients", tag = "Maskinporten administration", request_body = NewClient,
    responses((status = 200, description = "The client, with its id", body = ClientDto),
        (status = 400, description = "Something is wrong with it; errors says what"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks idporten:dcr.write"))
)]
pub async fn create_client(
    State(app): State<Arc<App>>,
    caller: Scoped<ClientWrite>,
    Json(new): Json<NewClient>,
) -> Result<Json<ClientDto>, AdminError> {
    let now = app.clock.now();
    let client = new.check(app.random.uuid().to_string(), caller.require_org()?, now).map_err(AdminError::bad)?;
    let mut tx = app.store.write(caller.context(), now).await?;
    tx.put_client(&client).await?;
    app.commit(tx).await?;
    Ok(Json((&client).into()))
}

fn own_client(app: &App, org: OrgNumber, client_id: &str) -> Result<Arc<ClientEntry>, AdminError> {
    let found = app.model.client(client_id).filter(|entry| entry.client.org == org);
    found.ok_or_else(|| AdminError::not_found("client"))
}

/// Reads a client
#[utoipa::path(
    get, path = "/api/v1/clients/{clientId}", tag = "Maskinporten administration",
    params(("clientId" = String, Path, description = "The client's id")),
    responses((status = 200, description = "The client", body = ClientDto), (status = 404, description = "Not one of yours"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks idporten:dcr.*"))
)]
pub async fn read_client(
    State(app): State<Arc<App>>,
    caller: Scoped<ClientRead>,
    Path(client_id): Path<String>,
) -> Result<Json<ClientDto>, AdminError> {
    let entry = own_client(&app, caller.require_org()?, &client_id)?;
    Ok(Json((&entry.client).into()))
}

/// A client's keys.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeysDto {
    keys: Vec<KeyDto>,
    created: Option<String>,
    last_updated: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct KeyDto {
    kty: &'static str,
    alg: String,
    #[serde(rename = "use")]
    usage: &'static str,
    kid: String,
    e: String,
    n: String,
    /// Until when it is accepted, in seconds since 1970.
    exp: i64,
}

impl KeysDto {
    fn new(keys: Vec<ClientKey>) -> Self {
        let created = keys.iter().map(|key| key.created).max().map(millis);
        let key = |key: ClientKey| KeyDto {
            kty: "RSA",
            alg: key.alg,
            usage: "sig",
            kid: key.kid,
            e: key.e,
            n: key.n,
            exp: key.expires.as_second(),
        };
        Self { keys: keys.into_iter().map(key).collect(), last_updated: created.clone(), created }
    }
}

/// A key set to be posted.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewKeys {
    keys: Vec<Value>,
}

/// Checks a key set; on failure, all that is wrong with it. Private members are refused: they must never be sent.
pub fn check_keys(keys: &[Value], now: Timestamp) -> Result<Vec<ClientKey>, Vec<String>> {
    if keys.is_empty() || keys.len() > Client::MAX_KEYS {
        return Err(vec!["keys has 1 to 5 keys.".into()]);
    }
    let mut errors = Vec::new();
    let mut checked: Vec<ClientKey> = Vec::new();
    for (index, key) in keys.iter().enumerate() {
        match check_key(key, now) {
            Ok(key) if checked.iter().any(|other| other.kid == key.kid) => {
                errors.push(format!("keys[{index}]: the kid is used more than once."));
            }
            Ok(key) => checked.push(key),
            Err(message) => errors.push(format!("keys[{index}]: {message}")),
        }
    }
    if errors.is_empty() { Ok(checked) } else { Err(errors) }
}

fn check_key(key: &Value, now: Timestamp) -> Result<ClientKey, String> {
    const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];
    if PRIVATE.iter().any(|name| key.get(name).is_some()) {
        return Err(
            "it has private members. Send the public key only, and replace this one: it is no longer secret.".into()
        );
    }
    let text = |name: &str| key.get(name).and_then(Value::as_str).ok_or_else(|| format!("{name} is missing."));
    if text("kty")? != "RSA" {
        return Err("kty must be RSA.".into());
    }
    if text("use")? != "sig" {
        return Err("use must be sig.".into());
    }
    let kid = text("kid")?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if kid.is_empty() || kid.len() > 255 || !kid.chars().all(allowed) {
        return Err("kid has 1 to 255 letters, digits and the characters . _ - only.".into());
    }
    let alg = text("alg")?;
    let algorithm = Algorithm::from_name(alg).ok_or("alg must be RS256, RS384 or RS512.")?;
    let (n, e) = (text("n")?, text("e")?);
    VerifyingKey::new(algorithm, n, e).map_err(|error| format!("{error}."))?;
    Ok(ClientKey {
        kid: kid.to_owned(),
        alg: alg.to_owned(),
        n: n.to_owned(),
        e: e.to_owned(),
        expires: now + KEY_LIFETIME_HOURS.hours(),
        created: now,
    })
}

/// Reads a client's keys
#[utoipa::path(
    get, path = "/api/v1/clients/{clientId}/jwks", tag = "Maskinporten administration",
    params(("clientId" = String, Path, description = "The client's id")),
    responses((status = 200, description = "The keys", body = KeysDto), (status = 404, description = "Not one of yours"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks idporten:dcr.*"))
)]
pub async fn read_keys(
    State(app): State<Arc<App>>,
    caller: Scoped<ClientRead>,
    Path(client_id): Path<String>,
) -> Result<Json<KeysDto>, AdminError> {
    own_client(&app, caller.require_org()?, &client_id)?;
    Ok(Json(KeysDto::new(app.store.read().await?.client_keys(&client_id).await?)))
}

/// Replaces a client's keys
#[utoipa::path(
    post, path = "/api/v1/clients/{clientId}/jwks", tag = "Maskinporten administration", request_body = NewKeys,
    params(("clientId" = String, Path, description = "The client's id")),
    responses((status = 200, description = "The keys as they are now", body = KeysDto),
        (status = 400, description = "Something is wrong with a key; errors says what"),
        (status = 404, description = "Not one of yours"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks idporten:dcr.write"))
)]
pub async fn replace_keys(
    State(app): State<Arc<App>>,
    caller: Scoped<ClientWrite>,
    Path(client_id): Path<String>,
    Json(new): Json<NewKeys>,
) -> Result<Json<KeysDto>, AdminError> {
    let entry = own_client(&app, caller.require_org()?, &client_id)?;
    if !entry.client.active {
        return Err(AdminError::Refused(StatusCode::CONFLICT, vec!["The client is deactivated.".into()]));
    }
    let now = app.clock.now();
    let keys = check_keys(&new.keys, now).map_err(AdminError::bad)?;
    let mut tx = app.store.write(caller.context(), now).await?;
    tx.replace_client_keys(&client_id, &keys).await?;
    app.commit(tx).await?;
    Ok(Json(KeysDto::new(keys)))
}

/// Replaces a client's keys, as `POST` does
#[utoipa::path(
    put, path = "/api/v1/clients/{clientId}/jwks", tag = "Maskinporten administration", request_body = NewKeys,
    params(("clientId" = String, Path, description = "The client's id")),
    responses((status = 200, description = "The keys as they are now", body = KeysDto),
        (status = 400, description = "Something is wrong with a key; errors says what"),
        (status = 404, description = "Not one of yours"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks idporten:dcr.write"))
)]
pub async fn replace_keys_with_put(
    app: State<Arc<App>>,
    caller: Scoped<ClientWrite>,
    client_id: Path<String>,
    new: Json<NewKeys>,
) -> Result<Json<KeysDto>, AdminError> {
    replace_keys(app, caller, client_id, new).await
}

/// A scope to be made.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewScope {
    prefix: String,
    subscope: String,
    description: String,
    #[serde(default)]
    visibility: Option<String>,
    #[serde(default)]
    allowed_integration_types: Vec<String>,
    #[serde(default)]
    accessible_for_all: bool,
    #[serde(default)]
    delegation_source: Option<String>,
    #[serde(default)]
    at_max_age: Option<i64>,
}

/// A scope.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScopeDto {
    name: String,
    prefix: String,
    subscope: String,
    description: String,
    visibility: &'static str,
    allowed_integration_types: Vec<String>,
    accessible_for_all: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    delegation_source: Option<String>,
    at_max_age: i64,
    authorization_max_lifetime: i64,
    token_type: &'static str,
    requires_user_consent: bool,
    requires_user_authentication: bool,
    requires_pseudonymous_tokens: bool,
    owner_orgno: String,
    active: bool,
    created: String,
    last_updated: String,
}

impl From<&Scope> for ScopeDto {
    fn from(scope: &Scope) -> Self {
        Self {
            name: scope.name.to_string(),
            prefix: scope.name.prefix().to_owned(),
            subscope: scope.name.subscope().to_owned(),
            description: scope.description.clone(),
            visibility: match scope.visibility {
                ScopeVisibility::Public => "PUBLIC",
                ScopeVisibility::Private => "PRIVATE",
                ScopeVisibility::Internal => "INTERNAL",
            },
            allowed_integration_types: scope.allowed_integration_types.clone(),
            accessible_for_all: scope.accessible_for_all,
            delegation_source: scope.delegation_source.clone(),
            at_max_age: scope.at_max_age,
            authorization_max_lifetime: scope.at_max_age,
            token_type: "SELF_CONTAINED",
            requires_user_consent: false,
            requires_user_authentication: false,
            requires_pseudonymous_tokens: false,
            owner_orgno: scope.owner.to_string(),
            active: scope.active,
            created: millis(scope.created),
            last_updated: millis(scope.updated),
        }
    }
}

impl NewScope {
    fn check(self, owner: OrgNumber, now: Timestamp) -> Result<Scope, Vec<String>> {
        let mut errors = Vec::new();
        let name = format!("{}:{}", self.prefix, self.subscope).parse::<ScopeName>();
        if let Err(error) = &name {
            errors.push(format!("{error}."));
        }
        if self.description.trim().is_empty() || self.description.chars().count() > 2_000 {
            errors.push("description has 1 to 2000 characters.".to_owned());
        }
        let visibility = match self.visibility.as_deref() {
            None | Some("PUBLIC") => ScopeVisibility::Public,
            Some("PRIVATE") => ScopeVisibility::Private,
            Some("INTERNAL") => ScopeVisibility::Internal,
            Some(_) => {
                errors.push("visibility is PUBLIC, PRIVATE or INTERNAL.".to_owned());
                ScopeVisibility::Public
            }
        };
        let at_max_age = self.at_max_age.unwrap_or(0);
        if !(0..=Client::MAX_TOKEN_LIFETIME).contains(&at_max_age) {
            errors.push("at_max_age is 0 to 7200 seconds.".to_owned());
        }
        match name {
            Ok(name) if errors.is_empty() => Ok(Scope {
                name,
                owner,
                description: self.description,
                visibility,
                allowed_integration_types: self.allowed_integration_types,
                accessible_for_all: self.accessible_for_all,
                delegation_source: self.delegation_source.filter(|source| !source.is_empty()),
                at_max_age,
                active: true,
                created: now,
                updated: now,
            }),
            _ => Err(errors),
        }
    }
}

/// Lists one's scopes
#[utoipa::path(
    get, path = "/api/v1/scopes", tag = "Maskinporten administration",
    responses((status = 200, description = "Active scopes of the caller's organisation", body = [ScopeDto]),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks idporten:scopes.write"))
)]
pub async fn list_scopes(
    State(app): State<Arc<App>>,
    caller: Scoped<ScopeWrite>,
) -> Result<Json<Vec<ScopeDto>>, AdminError> {
    let org = caller.require_org()?;
    let scopes = app.model.scopes();
    let own = scopes.iter().filter(|entry| entry.scope.owner == org && entry.scope.active);
    Ok(Json(own.map(|entry| (&entry.scope).into()).collect()))
}

/// Lists the scopes that everybody may see
#[utoipa::path(
    get, path = "/api/v1/scopes/all", tag = "Maskinporten administration",
    responses((status = 200, description = "Active public scopes", body = [ScopeDto]))
)]
pub async fn all_scopes(State(app): State<Arc<App>>) -> Json<Vec<ScopeDto>> {
    let scopes = app.model.scopes();
    let public = scopes.iter().filter(|entry| entry.scope.active && entry.scope.visibility == ScopeVisibility::Public);
    Json(public.map(|entry| (&entry.scope).into()).collect())
}

/// Makes a scope under a prefix of one's own
#[utoipa::path(
    post, path = "/api/v1/scopes", tag = "Maskinporten administration", request_body = NewScope,
    responses((status = 200, description = "The scope", body = ScopeDto),
        (status = 400, description = "Something is wrong with it; errors says what"),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks idporten:scopes.write, or the prefix is not the caller's"),
        (status = 409, description = "There is such a scope, active or not"))
)]
pub async fn create_scope(
    State(app): State<Arc<App>>,
    caller: Scoped<ScopeWrite>,
    Json(new): Json<NewScope>,
) -> Result<Json<ScopeDto>, AdminError> {
    let org = caller.require_org()?;
    if app.model.prefix_owner(&new.prefix) != Some(org) {
        let message = "The prefix does not belong to your organisation.".to_owned();
        return Err(AdminError::Refused(StatusCode::FORBIDDEN, vec![message]));
    }
    let now = app.clock.now();
    let scope = new.check(org, now).map_err(AdminError::bad)?;
    let mut tx = app.store.write(caller.context(), now).await?;
    if tx.scope(scope.name.as_str()).await?.is_some() {
        let message = format!("The scope {} already exists.", scope.name);
        return Err(AdminError::Refused(StatusCode::CONFLICT, vec![message]));
    }
    tx.insert_scope(&scope).await?;
    app.commit(tx).await?;
    Ok(Json((&scope).into()))
}

/// Which scope.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ScopeQuery {
    /// The scope's name.
    scope: String,
}

/// An organisation that may use a scope.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccessDto {
    scope: String,
    state: &'static str,
    consumer_orgno: String,
    owner_orgno: String,
    created: String,
    last_updated: String,
}

impl AccessDto {
    fn new(access: &store::ScopeAccess, owner: OrgNumber, state: &'static str) -> Self {
        Self {
            scope: access.scope.clone(),
            state,
            consumer_orgno: access.consumer.to_string(),
            owner_orgno: owner.to_string(),
            created: millis(access.created),
            last_updated: millis(access.updated),
        }
    }
}

fn own_scope(app: &App, org: OrgNumber, name: &str) -> Result<Arc<ScopeEntry>, AdminError> {
    let found = app.model.scope(name).filter(|entry| entry.scope.owner == org);
    found.ok_or_else(|| AdminError::not_found("scope"))
}

fn consumer(text: &str) -> Result<OrgNumber, AdminError> {
    text.parse().map_err(|error| AdminError::bad(vec![format!("{error}.")]))
}

/// Lists who may use a scope
#[utoipa::path(
    get, path = "/api/v1/scopes/access", tag = "Maskinporten administration", params(ScopeQuery),
    responses((status = 200, description = "The organisations", body = [AccessDto]), (status = 404, description = "Not one of yours"),
        (status = 400, description = "The scope is missing"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks idporten:scopes.write"))
)]
pub async fn list_access(
    State(app): State<Arc<App>>,
    caller: Scoped<ScopeWrite>,
    Query(query): Query<ScopeQuery>,
) -> Result<Json<Vec<AccessDto>>, AdminError> {
    let entry = own_scope(&app, caller.require_org()?, &query.scope)?;
    let access = app.store.read().await?.scope_access(&query.scope).await?;
    Ok(Json(access.iter().map(|access| AccessDto::new(access, entry.scope.owner, "APPROVED")).collect()))
}

/// Lets an organisation use a scope
#[utoipa::path(
    put, path = "/api/v1/scopes/access/{consumer}", tag = "Maskinporten administration", params(ScopeQuery,
        ("consumer" = String, Path, description = "The organisation's number")),
    responses((status = 200, description = "Granted", body = AccessDto), (status = 404, description = "Not one of yours"),
        (status = 400, description = "Not an organisation number"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks idporten:scopes.write"))
)]
pub async fn grant_access(
    State(app): State<Arc<App>>,
    caller: Scoped<ScopeWrite>,
    Path(number): Path<String>,
    Query(query): Query<ScopeQuery>,
) -> Result<Json<AccessDto>, AdminError> {
    change_access(&app, &caller, &number, &query, true).await
}

/// Takes a scope back from an organisation
#[utoipa::path(
    delete, path = "/api/v1/scopes/access/{consumer}", tag = "Maskinporten administration", params(ScopeQuery,
        ("consumer" = String, Path, description = "The organisation's number")),
    responses((status = 200, description = "Taken back", body = AccessDto), (status = 404, description = "Not one of yours, or not granted"),
        (status = 400, description = "Not an organisation number"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks idporten:scopes.write"))
)]
pub async fn revoke_access(
    State(app): State<Arc<App>>,
    caller: Scoped<ScopeWrite>,
    Path(number): Path<String>,
    Query(query): Query<ScopeQuery>,
) -> Result<Json<AccessDto>, AdminError> {
    change_access(&app, &caller, &number, &query, false).await
}

async fn change_access(
    app: &App,
    caller: &Scoped<ScopeWrite>,
    number: &str,
    query: &ScopeQuery,
    grant: bool,
) -> Result<Json<AccessDto>, AdminError> {
    let entry = own_scope(app, caller.require_org()?, &query.scope)?;
    let (scope, consumer) = (&entry.scope, consumer(number)?);
    let mut tx = app.store.write(caller.context(), app.clock.now()).await?;
    if grant {
        tx.grant_scope(&scope.name, consumer).await?;
    }
    let access = tx.scope_access(&query.scope).await?.into_iter().find(|access| access.consumer == consumer);
    let access = access.ok_or_else(|| AdminError::not_found("grant"))?;
    if !grant {
        tx.revoke_scope(&scope.name, consumer).await?;
    }
    app.commit(tx).await?;
    Ok(Json(AccessDto::new(&access, scope.owner, if grant { "APPROVED" } else { "DENIED" })))
}
