//! Connections over HTTP: what a party lets others do for it, seen and changed by persons.
//!
//! A receiver is a person, an organisation, or a system user that the giver itself owns. Whoever changes anything
//! must administer access for the party (the policy of `altinn_access_management` says who that is) and must hold
//! what is given, as the delegation check tells.

mod packages;
mod resources;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use http::{HeaderMap, StatusCode};
use model::problem::CONNECTED_PARTY_UNKNOWN;
use model::problem::validation::{CONNECTION_IN_USE, CONNECTION_MISSING, PARTY_ARGUMENT, ValidationCode};
use model::{AccessPackage, DelegatedRight, SystemUserKind};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::Write;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::clients::take_back_without_basis;
use super::compact::{CompactEntity, CompactPackage, CompactRole, Envelope, acted_for, compact_packages};
use super::metadata::Metadata;
use super::metadata_api::{ResourceDto, resource_dto};
use crate::app::App;
use crate::http::caller::scope::{ConnectionRead, ConnectionWrite};
use crate::http::caller::{Caller, Scoped};
use crate::http::extract::{Json, Query};
use crate::http::language::language;
use crate::http::problem::ApiError;
use crate::read_model::{ConnectionEntry, Party, SystemUserEntry};
use crate::resource_registry::builtin::ACCESS_MANAGEMENT;

/// The most packages or rights that a call names.
const MAX_NAMED: usize = 500;

/// The routes of connections.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list, connect, disconnect))
        .routes(routes!(packages::list_packages, packages::give_package, packages::take_package))
        .routes(routes!(packages::check_packages))
        .routes(routes!(resources::list_resources, resources::take_resource))
        .routes(routes!(resources::list_rights, resources::give_rights, resources::replace_rights))
        .routes(routes!(resources::check_resource))
}

/// Between whom.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PairQuery {
    /// The party that is acted for.
    party: Uuid,
    /// The one that gives.
    from: Option<Uuid>,
    /// The one that receives.
    to: Option<Uuid>,
    /// Whether what was given is taken back with the connection.
    #[serde(default)]
    cascade: bool,
    /// A resource.
    resource: Option<String>,
    /// A package, by URN.
    package: Option<String>,
    /// A package, by id.
    #[serde(rename = "packageId")]
    package_id: Option<Uuid>,
}

/// What a party lets another do for it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(no_recursion)]
pub struct ConnectionDto {
    party: CompactEntity,
    roles: Vec<CompactRole>,
    packages: Vec<CompactPackage>,
    resources: Vec<ResourceDto>,
    /// Always empty: rights to single instances are not given here.
    instances: Vec<String>,
    connections: Vec<ConnectionDto>,
}

/// That two parties are connected.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssignmentDto {
    id: Uuid,
    role_id: Uuid,
    from_id: Uuid,
    to_id: Uuid,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Permission {
    from: CompactEntity,
    to: CompactEntity,
    via: Option<CompactEntity>,
    role: Option<CompactRole>,
    via_role: Option<CompactRole>,
    reason: ReasonDto,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
struct ReasonDto {
    items: Vec<ReasonItem>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
struct ReasonItem {
    name: &'static str,
    description: &'static str,
}

impl ReasonDto {
    fn direct() -> Self {
        Self { items: vec![ReasonItem { name: "direct", description: "Given directly" }] }
    }
}

/// Someone that a party lets act for it.
enum Receiver {
    Party(Party),
    SystemUser(Arc<SystemUserEntry>),
}

impl Receiver {
    fn entity(&self, app: &App) -> CompactEntity {
        match self {
            Self::Party(party) => CompactEntity::party(&app.model.parties(), party),
            Self::SystemUser(user) => CompactEntity::system_user(user),
        }
    }
}

fn refused(code: ValidationCode) -> ApiError {
    ApiError::Validation(vec![code.into()])
}

/// The receiver with this id: a party, or a live system user of the giver's.
fn receiver(app: &App, giver: Uuid, id: Uuid) -> Result<Receiver, ApiError> {
    if let Some(user) = app.model.system_user(id).filter(|user| !user.is_deleted && user.owner_party == giver) {
        return Ok(Receiver::SystemUser(user));
    }
    let party = app.model.parties().party(id).filter(|party| party.uuid() != giver);
    party.map(Receiver::Party).ok_or_else(|| CONNECTED_PARTY_UNKNOWN.into())
}

/// An id for a connection, the same for as long as it is between these two.
fn assignment_id(giver: Uuid, receiver: Uuid) -> Uuid {
    Uuid::new_v5(&giver, receiver.as_bytes())
}

fn rightholder(metadata: &Metadata) -> Option<CompactRole> {
    metadata.role("urn:altinn:role:rettighetshaver").map(Into::into)
}

/// What one party or system user has been given by another.
struct Given {
    giver: Party,
    receiver: Receiver,
    packages: Vec<AccessPackage>,
    rights: Vec<DelegatedRight>,
}

impl Given {
    fn of_connection(app: &App, entry: &ConnectionEntry) -> Option<Self> {
        let parties = app.model.parties();
        Some(Self {
            giver: parties.party(entry.connection.giver)?,
            receiver: Receiver::Party(parties.party(entry.connection.receiver)?),
            packages: entry.connection.packages.clone(),
            rights: entry.connection.rights.clone(),
        })
    }

    fn of_system_user(giver: &Party, user: Arc<SystemUserEntry>) -> Self {
        Self {
            giver: giver.clone(),
            packages: user.access_packages.to_vec(),
            rights: user.rights.to_vec(),
            receiver: Receiver::SystemUser(user),
        }
    }

    fn permission(&self, app: &App) -> Permission {
        Permission {
            from: CompactEntity::party(&app.model.parties(), &self.giver),
            to: self.receiver.entity(app),
            via: None,
            role: rightholder(&app.model.metadata()),
            via_role: None,
            reason: ReasonDto::direct(),
        }
    }
}

/// What was given by or to a party, as the caller asked for it.
fn given(app: &App, party: &Party, query: &PairQuery) -> Result<Vec<Given>, ApiError> {
    let own = party.uuid();
    let mut found = Vec::new();
    match (query.from, query.to) {
        (Some(from), to) if from == own => {
            let connections = app.model.connections_from(own);
            found.extend(connections.iter().filter_map(|entry| Given::of_connection(app, entry)));
            let users = app.model.system_users_of(own).into_iter().filter(|user| user.kind == SystemUserKind::Standard);
            found.extend(users.map(|user| Given::of_system_user(party, user)));
            found.retain(|given| to.is_none_or(|to| given.receiver.entity(app).id == to));
        }
        (from, Some(to)) if to == own => {
            let connections = app.model.connections_to(own);
            found.extend(connections.iter().filter_map(|entry| Given::of_connection(app, entry)));
            found.retain(|given| from.is_none_or(|from| given.giver.uuid() == from));
        }
        _ => return Err(refused(PARTY_ARGUMENT)),
    }
    Ok(found)
}

/// Lists what a party lets others do for it, or others let it do
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/enduser/connections", tag = "Connections", params(PairQuery),
    responses((status = 200, description = "The connections", body = Envelope<ConnectionDto>), (status = 400, description = "The party neither gives nor receives"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access for the party"))
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Scoped<ConnectionRead>,
    Query(query): Query<PairQuery>,
    headers: HeaderMap,
) -> Result<Json<Envelope<ConnectionDto>>, ApiError> {
    let party = acted_for(&app, &caller, query.party, ACCESS_MANAGEMENT, "read")?;
    let metadata = app.model.metadata();
    let is_giver = query.from == Some(party.uuid());
    let dto = |given: Given| {
        let resources: BTreeSet<&str> = given.rights.iter().map(|right| &*right.resource).collect();
        let entries = resources.into_iter().filter_map(|id| app.model.resource(id));
        let giver = CompactEntity::party(&app.model.parties(), &given.giver);
        ConnectionDto {
            party: if is_giver { given.receiver.entity(&app) } else { giver },
            roles: rightholder(&metadata).into_iter().collect(),
            packages: compact_packages(&metadata, given.packages.iter().map(|package| &*package.urn)),
            resources: entries.map(|entry| resource_dto(&app.model, &entry, language(&headers))).collect(),
            instances: vec![],
            connections: vec![],
        }
    };
    Ok(Json(Envelope::new(given(&app, &party, &query)?.into_iter().map(dto).collect())))
}

/// Begins a change on behalf of a party.
pub(super) async fn begin(app: &App, caller: &Caller, party: Uuid) -> Result<Write, ApiError> {
    let mut context = caller.context();
    context.on_behalf_of = Some(party.to_string());
    app.begin(context).await
}

/// Connects a party with another, that can then be given packages and rights
#[utoipa::path(
    post, path = "/accessmanagement/api/v1/enduser/connections", tag = "Connections", params(PairQuery),
    responses((status = 200, description = "The connection", body = AssignmentDto), (status = 400, description = "No receiver, or one that is not known"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access for the party"))
)]
pub async fn connect(
    State(app): State<Arc<App>>,
    caller: Scoped<ConnectionWrite>,
    Query(query): Query<PairQuery>,
) -> Result<Json<AssignmentDto>, ApiError> {
    let party = acted_for(&app, &caller, query.party, ACCESS_MANAGEMENT, "write")?.uuid();
    let to = query.to.ok_or(CONNECTED_PARTY_UNKNOWN)?;
    let receiver = receiver(&app, party, to)?;
    let mut tx = begin(&app, &caller, party).await?;
    if let Receiver::Party(_) = receiver {
        tx.insert_connection(party, to, caller.require_person()?.person.party_uuid).await?;
        app.audit(&mut tx, "connection.made", (party, to), json!({})).await?;
    }
    app.commit(tx).await?;
    let role_id = rightholder(&app.model.metadata()).map_or(Uuid::nil(), |role| role.id);
    Ok(Json(AssignmentDto { id: assignment_id(party, to), role_id, from_id: party, to_id: to }))
}

/// The two ends of a connection, of which the party is one.
fn ends(party: Uuid, query: &PairQuery) -> Result<(Uuid, Uuid), ApiError> {
    match (query.from, query.to) {
        (Some(from), Some(to)) if from == party || to == party => Ok((from, to)),
        _ => Err(refused(PARTY_ARGUMENT)),
    }
}

/// Ends a connection
#[utoipa::path(
    delete, path = "/accessmanagement/api/v1/enduser/connections", tag = "Connections", params(PairQuery),
    responses((status = 204, description = "Ended"), (status = 400, description = "No such connection, or something is given on it and cascade is not said"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access for the party"))
)]
pub async fn disconnect(
    State(app): State<Arc<App>>,
    caller: Scoped<ConnectionWrite>,
    Query(query): Query<PairQuery>,
) -> Result<StatusCode, ApiError> {
    let party = acted_for(&app, &caller, query.party, ACCESS_MANAGEMENT, "write")?.uuid();
    let (from, to) = ends(party, &query)?;
    let mut tx = begin(&app, &caller, party).await?;
    let Some(connection) = tx.connection(from, to).await? else { return Err(refused(CONNECTION_MISSING)) };
    let is_in_use = !connection.packages.is_empty() || !connection.rights.is_empty();
    if is_in_use && !query.cascade {
        return Err(refused(CONNECTION_IN_USE));
    }
    tx.delete_connection(from, to).await?;
    lose_what_rested(&app, &mut tx, from).await?;
    app.audit(&mut tx, "connection.ended", (from, to), json!({})).await?;
    app.commit(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes back what agents' system users do for a party that rested on what it gave them.
async fn lose_what_rested(app: &App, tx: &mut Write, giver: Uuid) -> Result<(), ApiError> {
    let parties = app.model.parties();
    let agents = tx.packages_for_client(giver).await?;
    let roles = agents.iter().flat_map(|given| {
        parties.roles(given.owner, giver).iter().map(|role| (role.clone(), given.owner)).collect::<Vec<_>>()
    });
    let roles: Vec<_> = roles.collect();
    Ok(take_back_without_basis(tx, giver, &roles).await?)
}
