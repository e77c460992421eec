//! The keys of a client. They are replaced as a whole; there is no single key to add or remove.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use model::ClientKey;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::clients::{change_active, own_client};
use super::rules::KeyRules;
use super::{AdminError, Body, millis};
use crate::app::App;
use crate::http::caller::Scoped;
use crate::http::caller::scope::{ClientModify, ClientRead};
use crate::http::extract::{Json, Path};

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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    x5c: Vec<String>,
    /// Until when it is accepted, in seconds since 1970.
    exp: i64,
}

impl KeysDto {
    /// The keys as the wire shows them.
    pub fn new(keys: Vec<ClientKey>) -> Self {
        let created = keys.iter().map(|key| key.created).max().map(millis);
        let key = |key: ClientKey| KeyDto {
            kty: "RSA",
            alg: key.alg,
            usage: "sig",
            kid: key.kid,
            e: key.e,
            n: key.n,
            x5c: key.x5c,
            exp: key.expires.as_second(),
        };
        Self { keys: keys.into_iter().map(key).collect(), last_updated: created.clone(), created }
    }
}

/// A key set to be posted: public RSA keys with `kty`, `alg`, `use`, `kid`, `e` and `n`, and `x5c` for a key that is
/// bound to a certificate.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewKeys {
    #[serde(default)]
    keys: Vec<Value>,
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
    own_client(&app, &caller, &client_id)?;
    let keys = app.store.read().await?.client_keys(&client_id).await?;
    Ok(Json(KeysDto::new(keys.into_iter().map(|stored| stored.key).collect())))
}

/// Replaces a client's keys
///
/// A key is accepted for a year. To post it again renews the year.
#[utoipa::path(
    post, path = "/api/v1/clients/{clientId}/jwks", tag = "Maskinporten administration", request_body = NewKeys,
    params(("clientId" = String, Path, description = "The client's id")),
    responses((status = 200, description = "The keys as they are now", body = KeysDto),
        (status = 400, description = "Something is wrong with a key; errors says what"),
        (status = 404, description = "Not one of yours"), (status = 409, description = "The client is deactivated"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks idporten:dcr.write or .modify"),
        (status = 415, description = "The body is not JSON"))
)]
pub async fn replace_keys(
    State(app): State<Arc<App>>,
    caller: Scoped<ClientModify>,
    Path(client_id): Path<String>,
    Body(new): Body<NewKeys>,
) -> Result<Json<KeysDto>, AdminError> {
    let (mut tx, client) = change_active(&app, &caller, &client_id).await?;
    let certificates = app.tokens.certificates();
    let rules = KeyRules { org: client.org, certificates: certificates.as_deref(), now: tx.now() };
    let keys = rules.check(&new.keys).map_err(AdminError::bad)?;
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
        (status = 404, description = "Not one of yours"), (status = 409, description = "The client is deactivated"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks idporten:dcr.write or .modify"),
        (status = 415, description = "The body is not JSON"))
)]
pub async fn replace_keys_with_put(
    app: State<Arc<App>>,
    caller: Scoped<ClientModify>,
    client_id: Path<String>,
    new: Body<NewKeys>,
) -> Result<Json<KeysDto>, AdminError> {
    replace_keys(app, caller, client_id, new).await
}

/// Removes all keys of a client
///
/// It can then authenticate with an enterprise certificate only.
#[utoipa::path(
    delete, path = "/api/v1/clients/{clientId}/jwks", tag = "Maskinporten administration",
    params(("clientId" = String, Path, description = "The client's id")),
    responses((status = 204, description = "Removed"), (status = 404, description = "Not one of yours"),
        (status = 409, description = "The client is deactivated"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks idporten:dcr.write or .modify"))
)]
pub async fn delete_keys(
    State(app): State<Arc<App>>,
    caller: Scoped<ClientModify>,
    Path(client_id): Path<String>,
) -> Result<StatusCode, AdminError> {
    let (mut tx, _) = change_active(&app, &caller, &client_id).await?;
    tx.replace_client_keys(&client_id, &[]).await?;
    app.commit(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
