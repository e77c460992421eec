//! Clients: what an organisation's software authenticates as.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use model::{Client, OrgNumber};
use serde::{Deserialize, Serialize};
use store::Write;
use utoipa::{IntoParams, ToSchema};

use super::rules::{ClientInput, MAX_CLIENTS, new_client};
use super::{AdminError, Body, Query, millis};
use crate::app::App;
use crate::http::caller::Scoped;
use crate::http::caller::scope::{ClientModify, ClientRead, ClientWrite, RequiredScope};
use crate::http::extract::{Json, Path};
use crate::read_model::ClientEntry;

/// The scope with which an organisation manages clients of others.
const SUPPLIER: &str = "idporten:dcr.supplier";

/// A client.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClientDto {
    client_id: String,
    client_name: String,
    description: String,
    client_orgno: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    supplier_orgno: Option<String>,
    integration_type: &'static str,
    application_type: &'static str,
    token_endpoint_auth_method: &'static str,
    grant_types: [&'static str; 1],
    scopes: Vec<String>,
    /// Seconds.
    access_token_lifetime: i64,
    /// Seconds.
    authorization_lifetime: i64,
    active: bool,
    /// Of clients for the login of persons, which there are none of here.
    redirect_uris: [String; 0],
    /// Of clients for the login of persons.
    post_logout_redirect_uris: [String; 0],
    /// Of clients for the login of persons.
    refresh_token_lifetime: i64,
    /// Of clients for the login of persons.
    refresh_token_usage: &'static str,
    /// Of clients for the login of persons.
    sso_disabled: bool,
    /// Sub-clients, which there are none of here.
    onbehalfof: [String; 0],
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
            supplier_orgno: client.supplier.map(|supplier| supplier.to_string()),
            integration_type: "maskinporten",
            application_type: "web",
            token_endpoint_auth_method: "private_key_jwt",
            grant_types: [super::rules::GRANT_TYPES[0]],
            scopes: client.scopes.clone(),
            access_token_lifetime: client.access_token_lifetime,
            authorization_lifetime: Client::MAX_TOKEN_LIFETIME,
            active: client.active,
            redirect_uris: [],
            post_logout_redirect_uris: [],
            refresh_token_lifetime: 0,
            refresh_token_usage: "ONETIME",
            sso_disabled: false,
            onbehalfof: [],
            created: millis(client.created),
            last_updated: millis(client.updated),
        }
    }
}

/// Which clients to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ClientsQuery {
    /// Whether deactivated ones are listed too.
    #[serde(default)]
    inactive: bool,
}

/// Whether the caller administers this client: its own, or as the supplier that made it.
fn administers<S: RequiredScope>(caller: &Scoped<S>, client: &Client) -> bool {
    let Some(org) = caller.org else { return false };
    let as_owner = S::ANY_OF.iter().any(|scope| *scope != SUPPLIER && caller.has_scope(scope));
    let as_supplier = caller.has_scope(SUPPLIER);
    (as_owner && client.org == org) || (as_supplier && client.supplier == Some(org))
}

/// A client that the caller administers.
pub(super) fn own_client<S: RequiredScope>(
    app: &App,
    caller: &Scoped<S>,
    client_id: &str,
) -> Result<Arc<ClientEntry>, AdminError> {
    let found = app.model.client(client_id).filter(|entry| administers(caller, &entry.client));
    found.ok_or_else(|| AdminError::not_found("client"))
}

/// Begins to change a client that the caller administers. It is read again within the change, so that what another has
/// changed meanwhile is not undone.
pub(super) async fn change<S: RequiredScope>(
    app: &App,
    caller: &Scoped<S>,
    client_id: &str,
) -> Result<(Write, Client), AdminError> {
    own_client(app, caller, client_id)?;
    let mut tx = app.store.write(caller.context(), app.clock.now()).await?;
    let client = tx.client(client_id).await?.filter(|client| administers(caller, client));
    Ok((tx, client.ok_or_else(|| AdminError::not_found("client"))?))
}

/// The same, for a client that must not be deactivated.
pub(super) async fn change_active<S: RequiredScope>(
    app: &App,
    caller: &Scoped<S>,
    client_id: &str,
) -> Result<(Write, Client), AdminError> {
    let (tx, client) = change(app, caller, client_id).await?;
    if client.active {
        return Ok((tx, client));
    }
    Err(AdminError::conflict("The client is deactivated and stays so. Make a new one.".into()))
}

/// Lists one's clients
#[utoipa::path(
    get, path = "/api/v1/clients", tag = "Maskinporten administration", params(ClientsQuery),
    responses((status = 200, description = "The clients", body = [ClientDto]), (status = 400, description = "The query is wrong"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks idporten:dcr.*"))
)]
pub async fn list_clients(
    State(app): State<Arc<App>>,
    caller: Scoped<ClientRead>,
    Query(query): Query<ClientsQuery>,
) -> Result<Json<Vec<ClientDto>>, AdminError> {
    caller.require_org()?;
    let shown = |client: &Client| administers(&caller, client) && (client.active || query.inactive);
    let mut clients: Vec<_> = app.model.clients().filter(|entry| shown(&entry.client)).collect();
    clients.sort_by(|a, b| a.client.client_id.cmp(&b.client.client_id));
    Ok(Json(clients.iter().map(|entry| (&entry.client).into()).collect()))
}

/// Makes a client
#[utoipa::path(
    post, path = "/api/v1/clients", tag = "Maskinporten administration", request_body = ClientInput,
    responses((status = 200, description = "The client, with its id", body = ClientDto),
        (status = 400, description = "Something is wrong with it; errors says what"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks idporten:dcr.write, or idporten:dcr.supplier for another organisation's client"),
        (status = 404, description = "It names a client_id that is not one of yours"),
        (status = 409, description = "There is this client, active or not, or there are too many"),
        (status = 415, description = "The body is not JSON"))
)]
pub async fn create_client(
    State(app): State<Arc<App>>,
    caller: Scoped<ClientWrite>,
    Body(input): Body<ClientInput>,
) -> Result<Json<ClientDto>, AdminError> {
    let (org, supplier) = owner(&caller, input.client_orgno.as_deref())?;
    if let Some(id) = &input.client_id {
        own_client(&app, &caller, id)?;
        return Err(AdminError::conflict(format!("The client {id} already exists. Use PUT to change it.")));
    }
    let now = app.clock.now();
    let client = new_client(app.random.uuid().to_string(), org, supplier, now);
    let client = input.apply(client, now).map_err(AdminError::bad)?;
    let tx = app.store.write(caller.context(), now).await?;
    // A supplier's clients count for the supplier, so that it cannot fill up another's share.
    let counted = |client: &Client| client.supplier == supplier && (supplier.is_some() || client.org == org);
    if app.model.clients().filter(|entry| counted(&entry.client)).count() >= MAX_CLIENTS {
        return Err(AdminError::conflict(format!("There are {MAX_CLIENTS} clients already, which is the limit.")));
    }
    save(&app, tx, &client).await
}

/// For whom a client is made, and by which supplier, where that is another.
fn owner(
    caller: &Scoped<ClientWrite>,
    client_orgno: Option<&str>,
) -> Result<(OrgNumber, Option<OrgNumber>), AdminError> {
    let org = caller.require_org()?;
    let given =
        client_orgno.map(|number| number.parse::<OrgNumber>().map_err(|error| vec![format!("client_orgno: {error}.")]));
    let given = given.transpose().map_err(AdminError::bad)?;
    let (owner, supplier) = match given {
        Some(owner) if owner != org => (owner, Some(org)),
        _ => (org, None),
    };
    let needed = if supplier.is_some() { SUPPLIER } else { "idporten:dcr.write" };
    if caller.has_scope(needed) {
        return Ok((owner, supplier));
    }
    Err(AdminError::Refused(StatusCode::FORBIDDEN, vec![format!("That needs the scope {needed}.")]))
}

async fn save(app: &App, mut tx: Write, client: &Client) -> Result<Json<ClientDto>, AdminError> {
    tx.put_client(client).await?;
    app.commit(tx).await?;
    Ok(Json(client.into()))
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
    let entry = own_client(&app, &caller, &client_id)?;
    Ok(Json((&entry.client).into()))
}

/// Changes a client
///
/// The whole client is replaced, except for what only the server sets.
#[utoipa::path(
    put, path = "/api/v1/clients/{clientId}", tag = "Maskinporten administration", request_body = ClientInput,
    params(("clientId" = String, Path, description = "The client's id")),
    responses((status = 200, description = "The client as it is now", body = ClientDto),
        (status = 400, description = "Something is wrong with it; errors says what"),
        (status = 404, description = "Not one of yours"), (status = 409, description = "It is deactivated"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks idporten:dcr.write or .modify"),
        (status = 415, description = "The body is not JSON"))
)]
pub async fn update_client(
    State(app): State<Arc<App>>,
    caller: Scoped<ClientModify>,
    Path(client_id): Path<String>,
    Body(input): Body<ClientInput>,
) -> Result<Json<ClientDto>, AdminError> {
    let (tx, client) = change_active(&app, &caller, &client_id).await?;
    let client = input.apply(client, tx.now()).map_err(AdminError::bad)?;
    save(&app, tx, &client).await
}

/// Deactivates a client
///
/// From when this has answered, it gets no tokens. It is kept, and never becomes active again.
#[utoipa::path(
    delete, path = "/api/v1/clients/{clientId}", tag = "Maskinporten administration",
    params(("clientId" = String, Path, description = "The client's id")),
    responses((status = 204, description = "Deactivated"), (status = 404, description = "Not one of yours"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks idporten:dcr.write"))
)]
pub async fn deactivate_client(
    State(app): State<Arc<App>>,
    caller: Scoped<ClientWrite>,
    Path(client_id): Path<String>,
) -> Result<StatusCode, AdminError> {
    let (tx, client) = change(&app, &caller, &client_id).await?;
    if client.active {
        let client = Client { active: false, updated: tx.now(), ..client };
        save(&app, tx, &client).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
