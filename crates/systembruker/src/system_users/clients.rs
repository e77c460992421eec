//! Clients of agents' system users over HTTP, for programs of end users.
//!
//! The contract is Altinn's client delegation API (`/authentication/api/v1/enduser/systemuser`). The caller is a person
//! who administers the clients of the organisation that owns the system user.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use model::problem::validation::{AGENT_KIND, AGENT_MISSING, AGENT_UNKNOWN, CLIENT_MISSING};
use model::{Organisation, SystemUserKind};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::agents::{add_client, clients_for_all, clients_given, remove_client};
use super::dto::OwnSystemUserDto;
use super::enduser::listed;
use crate::access::acting::may_act;
use crate::app::App;
use crate::http::caller::scope::{ClientsRead, ClientsWrite};
use crate::http::caller::{Caller, Scoped};
use crate::http::extract::{Json, Query};
use crate::http::paging::Links;
use crate::http::problem::{ApiError, ValidationError};
use crate::read_model::SystemUserEntry;
use crate::resource_registry::builtin::CLIENT_ADMINISTRATION;

/// Which system user, and which client.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AgentQuery {
    /// The system user.
    agent: Option<Uuid>,
    /// The client, by party uuid.
    client: Option<Uuid>,
}

impl AgentQuery {
    /// The system user, and the client where one is needed. What is wrong with either is said at once.
    fn read(&self, app: &App, needs_client: bool) -> Result<(Arc<SystemUserEntry>, Uuid), ApiError> {
        let named = self.agent.and_then(|id| app.model.system_user(id)).filter(|user| !user.is_deleted);
        let user = match named {
            None if self.agent.is_none_or(|agent| agent.is_nil()) => Err(AGENT_MISSING),
            None => Err(AGENT_UNKNOWN),
            Some(user) if user.kind != SystemUserKind::Agent => Err(AGENT_KIND),
            Some(user) => Ok(user),
        };
        let client = self.client.filter(|client| !client.is_nil());
        let client_error = (needs_client && client.is_none()).then_some(CLIENT_MISSING);
        match (user, client_error) {
            (Ok(user), None) => Ok((user, client.unwrap_or_default())),
            (user, client_error) => {
                let errors = user.err().into_iter().chain(client_error).map(ValidationError::from);
                Err(ApiError::Validation(errors.collect()))
            }
        }
    }
}

/// The clients of a system user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientList {
    links: Links,
    system_user_information: SystemUserInformation,
    data: Vec<ClientDto>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SystemUserInformation {
    system_user_id: Uuid,
    system_user_owner_org: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ClientDto {
    client_id: Uuid,
    client_organization_number: String,
    client_organization_name: String,
}

impl ClientList {
    fn new(user: &SystemUserEntry, clients: impl IntoIterator<Item = Arc<Organisation>>) -> Self {
        let client = |client: Arc<Organisation>| ClientDto {
            client_id: client.party_uuid,
            client_organization_number: client.org_number.to_string(),
            client_organization_name: client.name.clone(),
        };
        Self {
            links: Links::default(),
            system_user_information: SystemUserInformation {
                system_user_id: user.id,
                system_user_owner_org: user.owner.to_string(),
            },
            data: clients.into_iter().map(client).collect(),
        }
    }
}

/// Makes sure that the person who calls administers the clients of the system user's owner.
fn check_person(app: &App, caller: &Caller, user: &SystemUserEntry, action: &str) -> Result<(), ApiError> {
    caller.require_person()?;
    let owner = app.model.parties().organisation(user.owner_party).ok_or(ApiError::Bare(StatusCode::FORBIDDEN))?;
    may_act(app, caller, &owner, CLIENT_ADMINISTRATION, action).map(|_| ())
}

/// Lists the clients that a system user could act for: those for whom its owner has all of its packages
#[utoipa::path(
    get, path = "/authentication/api/v1/enduser/systemuser/clients/available", tag = "Clients of system users", params(AgentQuery),
    responses((status = 200, description = "The clients, by organisation number", body = ClientList),
        (status = 400, description = "Not an agent's system user; validationErrors says what"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks altinn:clientdelegations.read, or not a person who administers the clients"))
)]
pub async fn list_available(
    State(app): State<Arc<App>>,
    caller: Scoped<ClientsRead>,
    Query(query): Query<AgentQuery>,
) -> Result<Json<ClientList>, ApiError> {
    let (user, _) = query.read(&app, false)?;
    check_person(&app, &caller, &user, "read")?;
    let clients = clients_for_all(&app, user.owner_party, &user.user.access_packages);
    Ok(Json(ClientList::new(&user, clients.into_iter().map(|(client, _)| client))))
}

/// Lists the clients that a system user acts for
#[utoipa::path(
    get, path = "/authentication/api/v1/enduser/systemuser/clients", tag = "Clients of system users", params(AgentQuery),
    responses((status = 200, description = "The clients, by organisation number", body = ClientList),
        (status = 400, description = "Not an agent's system user; validationErrors says what"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks altinn:clientdelegations.read, or not a person who administers the clients"))
)]
pub async fn list_given(
    State(app): State<Arc<App>>,
    caller: Scoped<ClientsRead>,
    Query(query): Query<AgentQuery>,
) -> Result<Json<ClientList>, ApiError> {
    let (user, _) = query.read(&app, false)?;
    check_person(&app, &caller, &user, "read")?;
    Ok(Json(ClientList::new(&user, clients_given(&app, &user))))
}

/// What was changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct AgentAndClient {
    agent: Uuid,
    client: Uuid,
}

/// Lets a system user act for a client with all of its packages
#[utoipa::path(
    post, path = "/authentication/api/v1/enduser/systemuser/clients", tag = "Clients of system users", params(AgentQuery),
    responses((status = 200, description = "It does now", body = AgentAndClient),
        (status = 400, description = "Not an agent's system user, or not a client (AUTH-00079) or one for whom packages are missing (AUTH-00080)"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks altinn:clientdelegations.write, or not a person who administers the clients"))
)]
pub async fn give(
    State(app): State<Arc<App>>,
    caller: Scoped<ClientsWrite>,
    Query(query): Query<AgentQuery>,
) -> Result<Json<AgentAndClient>, ApiError> {
    let mut tx = app.begin(caller.context()).await?;
    let (user, client) = query.read(&app, true)?;
    check_person(&app, &caller, &user, "write")?;
    add_client(&app, &mut tx, &user, client).await?;
    app.commit(tx).await?;
    Ok(Json(AgentAndClient { agent: user.id, client }))
}

/// Takes a client from a system user
#[utoipa::path(
    delete, path = "/authentication/api/v1/enduser/systemuser/clients", tag = "Clients of system users", params(AgentQuery),
    responses((status = 200, description = "It does not act for the client any more", body = AgentAndClient),
        (status = 400, description = "Not an agent's system user, or no client is named"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks altinn:clientdelegations.write, or not a person who administers the clients"))
)]
pub async fn take(
    State(app): State<Arc<App>>,
    caller: Scoped<ClientsWrite>,
    Query(query): Query<AgentQuery>,
) -> Result<Json<AgentAndClient>, ApiError> {
    let mut tx = app.begin(caller.context()).await?;
    let (user, client) = query.read(&app, true)?;
    check_person(&app, &caller, &user, "write")?;
    // A client that it does not act for any more is as good as taken: who repeats a call has lost the answer.
    remove_client(&app, &mut tx, &user, client).await?;
    app.commit(tx).await?;
    Ok(Json(AgentAndClient { agent: user.id, client }))
}

/// Whose system users.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OwnerQuery {
    /// The organisation's number.
    party: String,
}

/// Lists the agents' system users of an organisation
#[utoipa::path(
    get, path = "/authentication/api/v1/enduser/systemuser/agents", tag = "Clients of system users", params(OwnerQuery),
    responses((status = 200, description = "The system users, newest first", body = [OwnSystemUserDto]),
        (status = 400, description = "The parameter party is missing"), (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks altinn:clientdelegations.read, or not a person who administers the clients"),
        (status = 404, description = "No such organisation"))
)]
pub async fn list_agents(
    State(app): State<Arc<App>>,
    caller: Scoped<ClientsRead>,
    Query(query): Query<OwnerQuery>,
) -> Result<Response, ApiError> {
    let party = query.party.trim().parse().ok().and_then(|number| app.model.parties().by_number(number));
    let Some(party) = party else {
        let body =
            json!({"title": "Party not found", "detail": "There is no organisation with this number.", "status": 404});
        let headers = [(CONTENT_TYPE, "application/problem+json; charset=utf-8")];
        return Ok((StatusCode::NOT_FOUND, headers, body.to_string()).into_response());
    };
    may_act(&app, &caller, &party, CLIENT_ADMINISTRATION, "read")?;
    Ok(Json(listed(&app, party.party_uuid, SystemUserKind::Agent)).into_response())
}
