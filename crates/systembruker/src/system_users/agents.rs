//! Agents' system users over HTTP, for persons who see to them: which there are, and for which clients they act.
//!
//! Addresses name the organisation twice, by party id and as the *facilitator* or *provider* by party uuid; both must be
//! the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use http::StatusCode;
use model::problem::{
    CLIENT_LACKS_PACKAGES, CLIENT_NOT_REMOVED, CLIENT_UNKNOWN, CLIENTS_FORBIDDEN, DELEGATION_NOT_FOUND, NOT_AGENT,
    PACKAGE_NOT_IN_SYSTEM, PARTY_UNKNOWN, SYSTEM_NOT_FOUND, SYSTEM_USER_NOT_FOUND, SYSTEM_USER_OF_OTHER,
};
use model::{AccessPackage, Organisation, RequestKind, SystemUserKind};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::Write;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::dto::OwnSystemUserDto;
use super::enduser::list_of;
use super::rules::delete;
use crate::access::acting::{
    AccessManagementWrite, Acting, ClientAdministrationRead, ClientAdministrationWrite, OverviewRead,
};
use crate::access::clients::{Held, clients_of, give_client, give_own_organisation, held_for, lacking};
use crate::app::App;
use crate::http::extract::{Json, Path, Query};
use crate::http::problem::ApiError;
use crate::read_model::SystemUserEntry;
use crate::requests::answer::{Answerer, check_delegable_packages};
use crate::requests::rules::{check_packages_of, check_within};

/// Lists the system users of an agent, newest first
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/agent/{party}", tag = "Agents' system users",
    params(("party" = String, Path, description = "The organisation's party id")),
    responses((status = 200, description = "Those that act for the organisation's clients", body = [OwnSystemUserDto]),
        (status = 400, description = "No such organisation (AUTH-00000)"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who sees the organisation's system users"))
)]
pub async fn list_agents(
    State(app): State<Arc<App>>,
    Path(party): Path<String>,
    acting: Result<Acting<OverviewRead>, ApiError>,
) -> Result<Json<Vec<OwnSystemUserDto>>, ApiError> {
    list_of(&app, &party, acting, SystemUserKind::Agent)
}

/// The client of an agent, with what the agent has for it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentClientDto {
    party_uuid: Uuid,
    display_name: String,
    organization_identifier: String,
    access: Vec<RoleAccessDto>,
}

/// Packages with the role that they rest on.
#[derive(Debug, Serialize, ToSchema)]
struct RoleAccessDto {
    role: String,
    packages: Vec<String>,
}

impl AgentClientDto {
    fn new(client: &Organisation, held: &Held) -> Self {
        let access = |(role, packages): (&&'static str, &BTreeSet<String>)| RoleAccessDto {
            role: (*role).to_owned(),
            packages: packages.iter().cloned().collect(),
        };
        Self {
            party_uuid: client.party_uuid,
            display_name: client.name.clone(),
            organization_identifier: client.org_number.to_string(),
            access: held.iter().map(access).collect(),
        }
    }
}

/// The most packages that a call names.
const MAX_NAMED: usize = 500;

/// Lists the clients of an agent
///
/// With `packages`, once for each, only those for whom the agent has all of them.
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/agent/{party}/clients", tag = "Agents' system users",
    params(("party" = String, Path, description = "The organisation's party id"), ("facilitator" = Uuid, Query, description = "Its party uuid"),
        ("packages" = Option<Vec<String>>, Query, description = "Packages that the agent must have for the client")),
    responses((status = 200, description = "The clients, by organisation number", body = [AgentClientDto]),
        (status = 400, description = "No such organisation (AUTH-00000), or a parameter cannot be read"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers the organisation's clients, or the facilitator is another (AUTH-00044)"))
)]
pub async fn list_clients(
    State(app): State<Arc<App>>,
    acting: Acting<ClientAdministrationRead>,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<AgentClientDto>>, ApiError> {
    let (mut facilitator, mut packages) = (Uuid::nil(), Vec::new());
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match &*name.to_ascii_lowercase() {
            "facilitator" => {
                facilitator =
                    value.parse().map_err(|_| ApiError::member("facilitator", "The facilitator is not a uuid."))?;
            }
            "packages" if packages.len() < MAX_NAMED => packages.push(AccessPackage { urn: value.into_owned() }),
            _ => {}
        }
    }
    check_facilitator(&acting, facilitator)?;
    let clients = clients_for_all(&app, acting.organisation.party_uuid, &packages);
    Ok(Json(clients.iter().map(|(client, held)| AgentClientDto::new(client, held)).collect()))
}

fn check_facilitator<P>(acting: &Acting<P>, facilitator: Uuid) -> Result<(), ApiError> {
    match facilitator {
        facilitator if facilitator.is_nil() => Err(PARTY_UNKNOWN.into()),
        facilitator if facilitator != acting.organisation.party_uuid => Err(CLIENTS_FORBIDDEN.into()),
        _ => Ok(()),
    }
}

/// The clients for whom an agent has all of some packages, by organisation number.
pub fn clients_for_all(app: &App, agent: Uuid, packages: &[AccessPackage]) -> Vec<(Arc<Organisation>, Held)> {
    let parties = app.model.parties();
    let has_all = |(_, held): &(Uuid, Held)| lacking(held, packages).is_empty();
    let clients = clients_of(&app.model, agent).into_iter().filter(has_all);
    let mut clients: Vec<_> =
        clients.filter_map(|(client, held)| Some((parties.organisation(client)?, held))).collect();
    clients.sort_by_key(|(client, _)| client.org_number);
    clients
}

/// That a system user acts for a client.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientDelegationDto {
    agent_system_user_id: Uuid,
    /// The client, by party uuid; as it has always been.
    delegation_id: Uuid,
    /// The client, by party uuid.
    customer_id: Uuid,
    /// Always zero.
    assignment_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_organization_number: Option<String>,
}

impl ClientDelegationDto {
    fn new(agent: Uuid, client: Uuid) -> Self {
        Self {
            agent_system_user_id: agent,
            delegation_id: client,
            customer_id: client,
            assignment_id: Uuid::nil(),
            customer_name: None,
            customer_organization_number: None,
        }
    }
}

/// The clients that a system user acts for, by organisation number; without its owner.
pub fn clients_given(app: &App, user: &SystemUserEntry) -> Vec<Arc<Organisation>> {
    let parties = app.model.parties();
    let others = user.clients.keys().filter(|client| **client != user.owner_party);
    let mut clients: Vec<_> = others.filter_map(|client| parties.organisation(*client)).collect();
    clients.sort_by_key(|client| client.org_number);
    clients
}

/// Lists the clients that an agent's system user acts for
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/agent/{party}/{facilitator}/{systemUserId}/delegations", tag = "Agents' system users",
    params(("party" = String, Path, description = "The organisation's party id"), ("facilitator" = Uuid, Path, description = "Its party uuid"),
        ("systemUserId" = Uuid, Path, description = "The system user")),
    responses((status = 200, description = "The clients, by organisation number", body = [ClientDelegationDto]),
        (status = 400, description = "Not an agent's (AUTH-00034), another facilitator (AUTH-00038), no such organisation (AUTH-00000), or not an id"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers the organisation's clients, or it is another's (AUTH-00024)"),
        (status = 404, description = "No such system user (AUTH-00015)"))
)]
pub async fn list_delegations(
    State(app): State<Arc<App>>,
    acting: Acting<ClientAdministrationRead>,
    Path((_, facilitator, id)): Path<(String, Uuid, Uuid)>,
) -> Result<Json<Vec<ClientDelegationDto>>, ApiError> {
    if facilitator != acting.organisation.party_uuid {
        return Err(DELEGATION_NOT_FOUND.into());
    }
    let user = app.model.system_user(id).filter(|user| !user.is_deleted).ok_or(SYSTEM_USER_NOT_FOUND)?;
    check_agent(&acting, &user)?;
    let dto = |client: Arc<Organisation>| ClientDelegationDto {
        customer_name: Some(client.name.clone()),
        customer_organization_number: Some(client.org_number.to_string()),
        ..ClientDelegationDto::new(id, client.party_uuid)
    };
    Ok(Json(clients_given(&app, &user).into_iter().map(dto).collect()))
}

fn check_agent<P>(acting: &Acting<P>, user: &SystemUserEntry) -> Result<(), ApiError> {
    if user.owner_party != acting.organisation.party_uuid {
        return Err(SYSTEM_USER_OF_OTHER.into());
    }
    if user.kind == SystemUserKind::Agent { Ok(()) } else { Err(NOT_AGENT.into()) }
}

/// A client, and the agent that it comes from.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ClientOfProvider {
    /// The agent, by party uuid.
    #[serde(default)]
    provider: Uuid,
    /// The client, by party uuid.
    #[serde(default)]
    client: Uuid,
}

/// The live system user of an agent that an address names, for changing it.
fn agent_to_change<P>(app: &App, acting: &Acting<P>, id: Uuid) -> Result<Arc<SystemUserEntry>, ApiError> {
    let unknown = || ApiError::member("return", "There is no such system user.");
    let user = app.model.system_user(id).filter(|user| !user.is_deleted).ok_or_else(unknown)?;
    if user.owner_party != acting.organisation.party_uuid {
        return Err(ApiError::Bare(StatusCode::FORBIDDEN));
    }
    if user.kind == SystemUserKind::Agent { Ok(user) } else { Err(NOT_AGENT.into()) }
}

/// Lets an agent's system user act for a client with all of its packages, which the agent must have for the client.
pub async fn add_client(app: &App, tx: &mut Write, user: &SystemUserEntry, client: Uuid) -> Result<(), ApiError> {
    if user.user.access_packages.is_empty() {
        return Err(PACKAGE_NOT_IN_SYSTEM.into());
    }
    let held = held_for(&app.model, user.owner_party, client);
    if held.is_empty() {
        return Err(CLIENT_UNKNOWN.into());
    }
    let missing: Vec<&str> = lacking(&held, &user.user.access_packages).iter().map(|package| &*package.urn).collect();
    if !missing.is_empty() {
        return Err(ApiError::Problem(CLIENT_LACKS_PACKAGES, vec![("MissingPackages", missing.join(", "))]));
    }
    give_client(tx, user, client, &held).await?;
    let what = json!({"client": client, "packages": user.user.access_packages});
    app.audit(tx, "client.added", (user.owner_party, user.id), what).await
}

/// Takes a client from an agent's system user; whether it had it.
pub async fn remove_client(app: &App, tx: &mut Write, user: &SystemUserEntry, client: Uuid) -> Result<bool, ApiError> {
    let removed = tx.delete_system_user_client(user.id, client).await?;
    if removed {
        app.audit(tx, "client.removed", (user.owner_party, user.id), json!({"client": client})).await?;
    }
    Ok(removed)
}

/// Lets an agent's system user act for a client
#[utoipa::path(
    post, path = "/authentication/api/v1/systemuser/agent/{party}/{systemUserId}", tag = "Agents' system users",
    params(("party" = String, Path, description = "The organisation's party id"), ("systemUserId" = Uuid, Path, description = "The system user"), ClientOfProvider),
    responses((status = 200, description = "The client", body = [ClientDelegationDto]),
        (status = 400, description = "No such system user or client, or one for whom packages are missing; code says what"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers the organisation's clients, or it is another's"))
)]
pub async fn give_agent_client(
    State(app): State<Arc<App>>,
    acting: Acting<ClientAdministrationWrite>,
    Path((_, id)): Path<(String, Uuid)>,
    Query(query): Query<ClientOfProvider>,
) -> Result<Json<Vec<ClientDelegationDto>>, ApiError> {
    let mut tx = app.begin(acting.context.clone()).await?;
    let user = agent_to_change(&app, &acting, id)?;
    check_facilitator(&acting, query.provider)?;
    add_client(&app, &mut tx, &user, query.client).await?;
    app.commit(tx).await?;
    Ok(Json(vec![ClientDelegationDto::new(id, query.client)]))
}

/// Takes a client from an agent's system user
#[utoipa::path(
    delete, path = "/authentication/api/v1/systemuser/agent/{party}/{systemUserId}/client", tag = "Agents' system users",
    params(("party" = String, Path, description = "The organisation's party id"), ("systemUserId" = Uuid, Path, description = "The system user"), ClientOfProvider),
    responses((status = 200, description = "It does not act for the client any more"),
        (status = 400, description = "No such system user of this organisation (AUTH-00031), or a parameter cannot be read"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers the organisation's clients"))
)]
pub async fn take_agent_client(
    State(app): State<Arc<App>>,
    acting: Acting<ClientAdministrationWrite>,
    Path((_, id)): Path<(String, Uuid)>,
    Query(query): Query<ClientOfProvider>,
) -> Result<StatusCode, ApiError> {
    let mut tx = app.begin(acting.context.clone()).await?;
    let user = app.model.system_user(id).filter(|user| !user.is_deleted && check_agent(&acting, user).is_ok());
    let user = user.filter(|_| query.provider == acting.organisation.party_uuid).ok_or(CLIENT_NOT_REMOVED)?;
    // A client that it does not act for any more is as good as taken: who repeats a call has lost the answer.
    remove_client(&app, &mut tx, &user, query.client).await?;
    app.commit(tx).await?;
    Ok(StatusCode::OK)
}

/// Which party the agent is.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct SelfQuery {
    /// The organisation itself, by party uuid.
    party_uuid: Uuid,
}

/// The system user, where the party is the organisation itself.
fn agent_for_self<P>(
    app: &App,
    acting: &Acting<P>,
    id: Uuid,
    query: &SelfQuery,
) -> Result<Arc<SystemUserEntry>, ApiError> {
    let user = agent_to_change(app, acting, id)?;
    let is_self = query.party_uuid == acting.organisation.party_uuid;
    if is_self { Ok(user) } else { Err(ApiError::Bare(StatusCode::FORBIDDEN)) }
}

/// Lets an agent's system user act for the agent itself too
#[utoipa::path(
    post, path = "/authentication/api/v1/systemuser/agent/{party}/{systemUserId}/self", tag = "Agents' system users",
    params(("party" = String, Path, description = "The organisation's party id"), ("systemUserId" = Uuid, Path, description = "The system user"), SelfQuery),
    responses((status = 200, description = "true", body = bool), (status = 400, description = "It cannot; code says why"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access, or it is another's"),
        (status = 404, description = "Its system is deleted (AUTH-00011)"))
)]
pub async fn give_self(
    State(app): State<Arc<App>>,
    acting: Acting<AccessManagementWrite>,
    Path((_, id)): Path<(String, Uuid)>,
    Query(query): Query<SelfQuery>,
) -> Result<Json<bool>, ApiError> {
    let mut tx = app.begin(acting.context.clone()).await?;
    let user = agent_for_self(&app, &acting, id, &query)?;
    add_self(&app, &mut tx, &acting.answerer(), &user).await?;
    app.commit(tx).await?;
    Ok(Json(true))
}

/// Lets an agent's system user act for the agent itself, with all of its packages, which the person must be able to pass
/// on.
pub async fn add_self(app: &App, tx: &mut Write, answerer: &Answerer, user: &SystemUserEntry) -> Result<(), ApiError> {
    let packages = &user.user.access_packages;
    if packages.is_empty() {
        return Err(PACKAGE_NOT_IN_SYSTEM.into());
    }
    let system = app.model.system(user.system_internal_id).filter(|system| !system.is_deleted);
    check_within(&[], packages, &*system.ok_or(SYSTEM_NOT_FOUND)?)?;
    check_packages_of(RequestKind::Standard, packages, &app.model.metadata())?;
    let wanted: BTreeSet<_> = packages.iter().cloned().collect();
    check_delegable_packages(app, answerer, user.owner_party, &wanted)?;
    give_own_organisation(tx, user).await?;
    app.audit(
        tx,
        "client.added",
        (user.owner_party, user.id),
        json!({"client": user.owner_party, "packages": packages}),
    )
    .await
}

/// Says whether an agent's system user acts for the agent itself
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/agent/{party}/{systemUserId}/self", tag = "Agents' system users",
    params(("party" = String, Path, description = "The organisation's party id"), ("systemUserId" = Uuid, Path, description = "The system user"), SelfQuery),
    responses((status = 200, description = "Whether it does", body = bool), (status = 400, description = "No such system user, or a parameter cannot be read"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access, or it is another's"))
)]
pub async fn read_self(
    State(app): State<Arc<App>>,
    acting: Acting<AccessManagementWrite>,
    Path((_, id)): Path<(String, Uuid)>,
    Query(query): Query<SelfQuery>,
) -> Result<Json<bool>, ApiError> {
    let user = agent_for_self(&app, &acting, id, &query)?;
    Ok(Json(user.clients.contains_key(&user.owner_party)))
}

/// Lets an agent's system user act for the agent itself no more
#[utoipa::path(
    delete, path = "/authentication/api/v1/systemuser/agent/{party}/{systemUserId}/self", tag = "Agents' system users",
    params(("party" = String, Path, description = "The organisation's party id"), ("systemUserId" = Uuid, Path, description = "The system user"), SelfQuery),
    responses((status = 200, description = "true", body = bool), (status = 400, description = "No such system user, or a parameter cannot be read"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access, or it is another's"))
)]
pub async fn take_self(
    State(app): State<Arc<App>>,
    acting: Acting<AccessManagementWrite>,
    Path((_, id)): Path<(String, Uuid)>,
    Query(query): Query<SelfQuery>,
) -> Result<Json<bool>, ApiError> {
    let mut tx = app.begin(acting.context.clone()).await?;
    let user = agent_for_self(&app, &acting, id, &query)?;
    remove_client(&app, &mut tx, &user, user.owner_party).await?;
    app.commit(tx).await?;
    Ok(Json(true))
}

/// Whose the system user is.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct FacilitatorQuery {
    /// The agent, by party uuid.
    #[serde(default)]
    facilitator_id: Uuid,
}

/// Deletes an agent's system user, with all of its clients
#[utoipa::path(
    delete, path = "/authentication/api/v1/systemuser/agent/{party}/{systemUserId}", tag = "Agents' system users",
    params(("party" = String, Path, description = "The organisation's party id"), ("systemUserId" = Uuid, Path, description = "The system user"), FacilitatorQuery),
    responses((status = 200, description = "It is deleted"),
        (status = 400, description = "Not an agent's (AUTH-00034), another facilitator (AUTH-00038), or a parameter cannot be read"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access, or it is another's (AUTH-00024)"),
        (status = 404, description = "No such system user (AUTH-00015)"))
)]
pub async fn delete_agent(
    State(app): State<Arc<App>>,
    acting: Acting<AccessManagementWrite>,
    Path((_, id)): Path<(String, Uuid)>,
    Query(query): Query<FacilitatorQuery>,
) -> Result<StatusCode, ApiError> {
    let user = app.model.system_user(id).filter(|user| !user.is_deleted).ok_or(SYSTEM_USER_NOT_FOUND)?;
    check_agent(&acting, &user)?;
    if query.facilitator_id != acting.organisation.party_uuid {
        return Err(DELEGATION_NOT_FOUND.into());
    }
    delete(&app, &acting.answerer(), acting.organisation.party_uuid, id).await?;
    Ok(StatusCode::OK)
}
