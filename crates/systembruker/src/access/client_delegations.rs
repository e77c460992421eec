//! Clients and agents over HTTP: for which clients an organisation's system users act, and with which packages.
//!
//! An organisation that is the accountant, auditor or business manager of others, or was given packages by them, passes
//! what it has for a client on to a system user of its own of the agent kind. What rests on a role goes with the role.
//! Whoever changes anything administers the organisation's clients (the policy of `altinn_client_administration`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use model::problem::validation::{CONNECTION_IN_USE, CONNECTION_MISSING, ENTITY_TYPE, PACKAGE_ARGUMENT};
use model::problem::{CONNECTED_PARTY_UNKNOWN, NOT_CONNECTED, PACKAGE_CHECK_FAILED};
use model::{AccessPackage, ClientPackage, SystemUserKind};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::clients::{clients_of, held_for};
use super::compact::{CompactEntity, CompactPackage, CompactRole, Envelope, acted_for, compact_packages};
use super::connections::begin;
use super::metadata::Metadata;
use crate::app::App;
use crate::http::caller::Scoped;
use crate::http::caller::scope::{ClientDelegationRead, ClientDelegationWrite};
use crate::http::extract::{Json, Query};
use crate::http::problem::ApiError;
use crate::read_model::{Party, SystemUserEntry};
use crate::resource_registry::builtin::CLIENT_ADMINISTRATION;

/// The most packages that a call names.
const MAX_NAMED: usize = 500;

/// The routes of clients and agents.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_clients))
        .routes(routes!(list_agents, remove_agent))
        .routes(routes!(list_of_agent, give, take))
        .routes(routes!(list_of_client))
}

/// Which clients and agents.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ClientQuery {
    /// The organisation that is acted for.
    party: Uuid,
    /// The client.
    from: Option<Uuid>,
    /// The system user.
    to: Option<Uuid>,
    /// Only what rests on these roles, with commas between.
    roles: Option<String>,
    /// Whether what was given is taken back too.
    #[serde(default)]
    cascade: bool,
}

/// A client with what one may do for it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClientDto {
    client: CompactEntity,
    access: Vec<AccessDto>,
}

/// A system user with what it may do.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentDto {
    agent: CompactEntity,
    agent_added_at: String,
    access: Vec<AccessDto>,
}

/// Packages and the role that they rest on.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccessDto {
    role: CompactRole,
    packages: Vec<CompactPackage>,
    /// Always empty: single rights are not passed on to agents.
    resources: Vec<String>,
}

fn access(metadata: &Metadata, packages: &BTreeMap<impl AsRef<str>, BTreeSet<String>>) -> Vec<AccessDto> {
    let dto = |(role, urns): (&_, &BTreeSet<String>)| {
        let role: &str = AsRef::as_ref(role);
        let role = metadata.document.roles.iter().find(|known| known.code == role)?;
        let packages = compact_packages(metadata, urns.iter().map(String::as_str));
        Some(AccessDto { role: role.into(), packages, resources: vec![] })
    };
    packages.iter().filter_map(dto).collect()
}

/// What a system user may do for a client, by role.
fn given_to(user: &SystemUserEntry, client: Uuid) -> BTreeMap<String, BTreeSet<String>> {
    let mut by_role: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for given in user.clients.get(&client).into_iter().flat_map(|access| &*access.given) {
        by_role.entry(given.role.clone()).or_default().insert(given.package.urn.clone());
    }
    by_role
}

fn acting(app: &App, caller: &crate::http::caller::Caller, party: Uuid, action: &str) -> Result<Party, ApiError> {
    acted_for(app, caller, party, CLIENT_ADMINISTRATION, action)
}

/// The live system users of the agent kind that an organisation owns.
fn agents(app: &App, owner: Uuid) -> Vec<Arc<SystemUserEntry>> {
    let users = app.model.system_users_of(owner).into_iter();
    users.filter(|user| user.kind == SystemUserKind::Agent).collect()
}

/// Lists the clients of an organisation, with what it has for them
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/enduser/clientdelegations/clients", tag = "Client delegations", params(ClientQuery),
    responses((status = 200, description = "The clients", body = Envelope<ClientDto>), (status = 400, description = "A parameter cannot be read"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers the party's clients"))
)]
pub async fn list_clients(
    State(app): State<Arc<App>>,
    caller: Scoped<ClientDelegationRead>,
    Query(query): Query<ClientQuery>,
) -> Result<Json<Envelope<ClientDto>>, ApiError> {
    let party = acting(&app, &caller, query.party, "read")?.uuid();
    let (parties, metadata) = (app.model.parties(), app.model.metadata());
    let wanted: BTreeSet<&str> = query.roles.iter().flat_map(|list| list.split(',')).map(str::trim).collect();
    let dto = |(client, mut packages): (Uuid, BTreeMap<&'static str, BTreeSet<String>>)| {
        packages.retain(|role, _| wanted.is_empty() || wanted.contains(role));
        let client = CompactEntity::party(&parties, &parties.party(client)?);
        (!packages.is_empty()).then(|| ClientDto { client, access: access(&metadata, &packages) })
    };
    Ok(Json(Envelope::new(clients_of(&app.model, party).into_iter().filter_map(dto).collect())))
}

/// Lists the system users of an organisation that act for its clients
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/enduser/clientdelegations/agents", tag = "Client delegations", params(ClientQuery),
    responses((status = 200, description = "The system users", body = Envelope<AgentDto>), (status = 400, description = "A parameter cannot be read"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers the party's clients"))
)]
pub async fn list_agents(
    State(app): State<Arc<App>>,
    caller: Scoped<ClientDelegationRead>,
    Query(query): Query<ClientQuery>,
) -> Result<Json<Envelope<AgentDto>>, ApiError> {
    let party = acting(&app, &caller, query.party, "read")?.uuid();
    let metadata = app.model.metadata();
    let dto = |user: Arc<SystemUserEntry>| {
        let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for given in user.clients.values().flat_map(|access| &*access.given) {
            all.entry(given.role.clone()).or_default().insert(given.package.urn.clone());
        }
        AgentDto {
            agent: CompactEntity::system_user(&user),
            agent_added_at: user.created.to_string(),
            access: access(&metadata, &all),
        }
    };
    Ok(Json(Envelope::new(agents(&app, party).into_iter().map(dto).collect())))
}

/// Lists the clients that a system user acts for
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/enduser/clientdelegations/agents/accesspackages", tag = "Client delegations", params(ClientQuery),
    responses((status = 200, description = "The clients, with what the system user may do for them", body = Envelope<ClientDto>), (status = 400, description = "No such system user"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers the party's clients"))
)]
pub async fn list_of_agent(
    State(app): State<Arc<App>>,
    caller: Scoped<ClientDelegationRead>,
    Query(query): Query<ClientQuery>,
) -> Result<Json<Envelope<ClientDto>>, ApiError> {
    let party = acting(&app, &caller, query.party, "read")?.uuid();
    let user = agents(&app, party).into_iter().find(|user| Some(user.id) == query.to).ok_or(CONNECTED_PARTY_UNKNOWN)?;
    let (parties, metadata) = (app.model.parties(), app.model.metadata());
    let clients: BTreeSet<&Uuid> = user.clients.keys().collect();
    let dto = |client: &Uuid| {
        let entity = CompactEntity::party(&parties, &parties.party(*client)?);
        Some(ClientDto { client: entity, access: access(&metadata, &given_to(&user, *client)) })
    };
    Ok(Json(Envelope::new(clients.into_iter().filter_map(dto).collect())))
}

/// Lists the system users that act for a client
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/enduser/clientdelegations/clients/accesspackages", tag = "Client delegations", params(ClientQuery),
    responses((status = 200, description = "The system users, with what they may do for the client", body = Envelope<AgentDto>), (status = 400, description = "No client"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers the party's clients"))
)]
pub async fn list_of_client(
    State(app): State<Arc<App>>,
    caller: Scoped<ClientDelegationRead>,
    Query(query): Query<ClientQuery>,
) -> Result<Json<Envelope<AgentDto>>, ApiError> {
    let party = acting(&app, &caller, query.party, "read")?.uuid();
    let client = query.from.ok_or(CONNECTED_PARTY_UNKNOWN)?;
    let metadata = app.model.metadata();
    let users = agents(&app, party).into_iter().filter(|user| user.clients.contains_key(&client));
    let dto = |user: Arc<SystemUserEntry>| AgentDto {
        agent: CompactEntity::system_user(&user),
        agent_added_at: user.created.to_string(),
        access: access(&metadata, &given_to(&user, client)),
    };
    Ok(Json(Envelope::new(users.map(dto).collect())))
}

/// Takes all clients from a system user
#[utoipa::path(
    delete, path = "/accessmanagement/api/v1/enduser/clientdelegations/agents", tag = "Client delegations", params(ClientQuery),
    responses((status = 204, description = "It acts for no client"), (status = 400, description = "No such system user, or it has clients and cascade is not said"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers the party's clients"))
)]
pub async fn remove_agent(
    State(app): State<Arc<App>>,
    caller: Scoped<ClientDelegationWrite>,
    Query(query): Query<ClientQuery>,
) -> Result<StatusCode, ApiError> {
    let party = acting(&app, &caller, query.party, "write")?.uuid();
    let mut tx = begin(&app, &caller, party).await?;
    let user = agents(&app, party).into_iter().find(|user| Some(user.id) == query.to);
    let user = user.ok_or_else(|| ApiError::Validation(vec![CONNECTION_MISSING.into()]))?;
    if !user.clients.is_empty() && !query.cascade {
        return Err(ApiError::Validation(vec![CONNECTION_IN_USE.into()]));
    }
    for client in user.clients.keys() {
        tx.delete_system_user_client(user.id, *client).await?;
    }
    app.audit(&mut tx, "clients.removed", (party, user.id), json!({"clients": user.clients.len()})).await?;
    app.commit(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is given or taken back.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Batch {
    values: Vec<BatchEntry>,
}

/// Packages that rest on a role.
#[derive(Debug, Deserialize, ToSchema)]
struct BatchEntry {
    role: String,
    packages: Vec<String>,
}

/// What came of one package.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DelegationDto {
    role_id: Uuid,
    package_id: Uuid,
    via_id: Uuid,
    from_id: Uuid,
    to_id: Uuid,
    /// Whether anything was changed.
    changed: bool,
}

impl Batch {
    /// The packages, each with the role that it rests on.
    fn named(&self, metadata: &Metadata) -> Result<Vec<(ClientPackage, Uuid, Uuid)>, ApiError> {
        let unknown = || ApiError::Validation(vec![PACKAGE_ARGUMENT.into()]);
        let mut named = Vec::new();
        for BatchEntry { role, packages } in &self.values {
            let role = metadata.role(role).ok_or_else(unknown)?;
            for urn in packages {
                let package = metadata.package(urn).ok_or_else(unknown)?;
                let given = ClientPackage { role: role.code.clone(), package: AccessPackage { urn: package.urn() } };
                named.push((given, role.id, package.id));
            }
        }
        if named.is_empty() || named.len() > MAX_NAMED { Err(unknown()) } else { Ok(named) }
    }
}

/// Gives a system user packages for a client
#[utoipa::path(
    post, path = "/accessmanagement/api/v1/enduser/clientdelegations/agents/accesspackages", tag = "Client delegations", params(ClientQuery), request_body = Batch,
    responses((status = 200, description = "What came of each", body = [DelegationDto]), (status = 400, description = "No such client, system user or package, or the party does not have it for the client"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers the party's clients"),
        (status = 415, description = "The body is not JSON"))
)]
pub async fn give(
    State(app): State<Arc<App>>,
    caller: Scoped<ClientDelegationWrite>,
    Query(query): Query<ClientQuery>,
    Json(batch): Json<Batch>,
) -> Result<Json<Vec<DelegationDto>>, ApiError> {
    let party = acting(&app, &caller, query.party, "write")?.uuid();
    let named = batch.named(&app.model.metadata())?;
    let mut tx = begin(&app, &caller, party).await?;
    let (client, agent) = (query.from.ok_or(CONNECTED_PARTY_UNKNOWN)?, query.to.ok_or(CONNECTED_PARTY_UNKNOWN)?);
    let user = app.model.system_user(agent).filter(|user| !user.is_deleted && user.owner_party == party);
    if user.ok_or(CONNECTED_PARTY_UNKNOWN)?.kind != SystemUserKind::Agent {
        return Err(ApiError::Validation(vec![ENTITY_TYPE.into()]));
    }
    let held = held_for(&app.model, party, client);
    if held.is_empty() {
        return Err(NOT_CONNECTED.into());
    }
    let has = |given: &ClientPackage| held.get(&*given.role).is_some_and(|urns| urns.contains(&given.package.urn));
    if !named.iter().all(|(given, ..)| has(given)) {
        return Err(PACKAGE_CHECK_FAILED.into());
    }
    tx.insert_system_user_client(agent, client).await?;
    let mut outcome = Vec::new();
    for (given, role_id, package_id) in &named {
        let changed = tx.give_client_package(agent, client, given).await?;
        let (role_id, package_id) = (*role_id, *package_id);
        outcome.push(DelegationDto { role_id, package_id, via_id: party, from_id: client, to_id: agent, changed });
    }
    let packages: Vec<_> = named.iter().map(|(given, ..)| given).collect();
    app.audit(&mut tx, "client_packages.given", (client, agent), json!({"packages": packages})).await?;
    app.commit(tx).await?;
    Ok(Json(outcome))
}

/// Takes packages for a client back from a system user
#[utoipa::path(
    delete, path = "/accessmanagement/api/v1/enduser/clientdelegations/agents/accesspackages", tag = "Client delegations", params(ClientQuery), request_body = Batch,
    responses((status = 200, description = "What came of each", body = [DelegationDto]), (status = 400, description = "No such client, system user or package"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers the party's clients"),
        (status = 415, description = "The body is not JSON"))
)]
pub async fn take(
    State(app): State<Arc<App>>,
    caller: Scoped<ClientDelegationWrite>,
    Query(query): Query<ClientQuery>,
    Json(batch): Json<Batch>,
) -> Result<Json<Vec<DelegationDto>>, ApiError> {
    let party = acting(&app, &caller, query.party, "write")?.uuid();
    let named = batch.named(&app.model.metadata())?;
    let (client, agent) = (query.from.ok_or(CONNECTED_PARTY_UNKNOWN)?, query.to.ok_or(CONNECTED_PARTY_UNKNOWN)?);
    let mut tx = begin(&app, &caller, party).await?;
    let user = app.model.system_user(agent).filter(|user| !user.is_deleted && user.owner_party == party);
    user.ok_or(CONNECTED_PARTY_UNKNOWN)?;
    let mut outcome = Vec::new();
    for (taken, role_id, package_id) in &named {
        let changed = tx.take_client_package(agent, client, taken).await?;
        let (role_id, package_id) = (*role_id, *package_id);
        outcome.push(DelegationDto { role_id, package_id, via_id: party, from_id: client, to_id: agent, changed });
    }
    let packages: Vec<_> = named.iter().map(|(taken, ..)| taken).collect();
    app.audit(&mut tx, "client_packages.taken_back", (client, agent), json!({"packages": packages})).await?;
    app.commit(tx).await?;
    Ok(Json(outcome))
}
