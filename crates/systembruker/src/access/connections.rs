//! Connections over HTTP: what a party lets others do for it, seen and changed by persons.
//!
//! A receiver is a person, an organisation, or a system user that the giver itself owns. Whoever changes anything
//! must administer access for the party (the policy of `altinn_access_management` says who that is) and must hold
//! what is given, as the delegation check tells.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use model::problem::validation::{
    CONNECTION_IN_USE, CONNECTION_MISSING, ENTITY_TYPE, PACKAGE_ARGUMENT, PARTY_ARGUMENT, ValidationCode,
};
use model::problem::{
    CONNECTED_PARTY_UNKNOWN, MAY_NOT_DELEGATE, NOT_CONNECTED, PACKAGE_CHECK_FAILED, RESOURCE_INVALID,
    RESOURCE_NOT_DELEGABLE, RIGHT_KEY_INVALID, RIGHT_KEY_MISSING,
};
use model::{AccessPackage, DelegatedRight, SystemUserKind};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{AuditEntry, Write};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::clients::take_back_without_basis;
use super::compact::{CompactEntity, CompactPackage, CompactRole, Envelope, acted_for, compact_packages};
use super::delegation::{self, ActionCheck, PackageCheck, Reason, check_actions, is_for_systems, name_of_way};
use super::metadata::{Metadata, Package};
use super::metadata_api::{ResourceDto, resource_dto};
use super::relations::{Basis, Relation, relations};
use crate::app::App;
use crate::http::caller::scope::{ConnectionRead, ConnectionWrite};
use crate::http::caller::{Caller, Scoped};
use crate::http::extract::{Json, Query};
use crate::http::language::language;
use crate::http::problem::ApiError;
use crate::read_model::{ConnectionEntry, Party, ResourceEntry, SystemUserEntry};
use crate::resource_registry::builtin::ACCESS_MANAGEMENT;
use crate::resource_registry::policies::RightDto;
use crate::resource_registry::rights;

/// The most packages or rights that a call names.
const MAX_NAMED: usize = 500;

/// The routes of connections.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list, connect, disconnect))
        .routes(routes!(list_packages, give_package, take_package))
        .routes(routes!(check_packages))
        .routes(routes!(list_resources, take_resource))
        .routes(routes!(list_rights, give_rights, replace_rights))
        .routes(routes!(check_resource))
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

/// That a package was given.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssignmentPackageDto {
    id: Uuid,
    assignment_id: Uuid,
    package_id: Uuid,
}

/// A package with who gave it to whom.
#[derive(Debug, Serialize, ToSchema)]
pub struct PackagePermission {
    package: CompactPackage,
    permissions: Vec<Permission>,
}

/// A resource with who gave rights to it to whom.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResourcePermission {
    resource: CompactResource,
    permissions: Vec<Permission>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CompactResource {
    id: Uuid,
    ref_id: String,
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

/// Writes what a person did for a party into the audit journal.
pub(super) async fn audit(
    app: &App,
    tx: &mut Write,
    event: &'static str,
    (giver, receiver): (Uuid, Uuid),
    what: serde_json::Value,
) -> Result<(), ApiError> {
    let id = app.random.uuid_at(tx.now());
    let entry = AuditEntry { id, event, party: Some(giver), subject: receiver.to_string(), details: what };
    Ok(tx.audit(entry).await?)
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
        audit(&app, &mut tx, "connection.made", (party, to), json!({})).await?;
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
    audit(&app, &mut tx, "connection.ended", (from, to), json!({})).await?;
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

/// Lists the packages given by or to a party
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/enduser/connections/accesspackages", tag = "Connections", params(PairQuery),
    responses((status = 200, description = "The packages", body = Envelope<PackagePermission>), (status = 400, description = "The party neither gives nor receives"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access for the party"))
)]
pub async fn list_packages(
    State(app): State<Arc<App>>,
    caller: Scoped<ConnectionRead>,
    Query(query): Query<PairQuery>,
) -> Result<Json<Envelope<PackagePermission>>, ApiError> {
    let party = acted_for(&app, &caller, query.party, ACCESS_MANAGEMENT, "read")?;
    let metadata = app.model.metadata();
    let given = given(&app, &party, &query)?;
    let urns: BTreeSet<&str> = given.iter().flat_map(|given| &given.packages).map(|package| &*package.urn).collect();
    let permission = |urn: &str| {
        let holders = given.iter().filter(|given| given.packages.iter().any(|package| package.urn == urn));
        let permissions = holders.map(|given| given.permission(&app)).collect();
        Some(PackagePermission { package: metadata.package(urn)?.into(), permissions })
    };
    Ok(Json(Envelope::new(urns.into_iter().filter_map(permission).collect())))
}

fn named_package(metadata: &Metadata, query: &PairQuery) -> Result<Package, ApiError> {
    let found = match (&query.package, query.package_id) {
        (Some(urn), None) => metadata.package(urn),
        (None, Some(id)) => metadata.package_by_id(id),
        _ => None,
    };
    found.cloned().ok_or_else(|| refused(PACKAGE_ARGUMENT))
}

/// Gives a package
#[utoipa::path(
    post, path = "/accessmanagement/api/v1/enduser/connections/accesspackages", tag = "Connections", params(PairQuery),
    responses((status = 200, description = "Given", body = AssignmentPackageDto), (status = 400, description = "No such package or connection, or it cannot be given"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access for the party"))
)]
pub async fn give_package(
    State(app): State<Arc<App>>,
    caller: Scoped<ConnectionWrite>,
    Query(query): Query<PairQuery>,
) -> Result<Json<AssignmentPackageDto>, ApiError> {
    let party = acted_for(&app, &caller, query.party, ACCESS_MANAGEMENT, "write")?;
    let (giver, to) = (party.uuid(), query.to.ok_or(CONNECTED_PARTY_UNKNOWN)?);
    let package = named_package(&app.model.metadata(), &query)?;
    let given = AccessPackage { urn: package.urn() };
    let receiver = receiver(&app, giver, to)?;
    let mut tx = begin(&app, &caller, giver).await?;
    let person = Party::Person(Arc::clone(&caller.require_person()?.person));
    let checks = delegation::check_packages(&app.decision_inputs(), &person, &party, [&*given.urn]);
    if !checks.iter().all(|check| check.result) {
        return Err(PACKAGE_CHECK_FAILED.into());
    }
    match &receiver {
        Receiver::SystemUser(user) => {
            let is_for_it = user.kind == SystemUserKind::Standard && is_for_systems(&app.model.metadata(), &given);
            if !is_for_it {
                return Err(refused(ENTITY_TYPE));
            }
            let user = live_system_user(&mut tx, to, giver).await?;
            tx.give_packages(user, std::slice::from_ref(&given)).await?;
        }
        Receiver::Party(other) => {
            if other.organisation().is_some() && package.code == super::metadata::MAIN_ADMINISTRATOR_PACKAGE {
                return Err(refused(ENTITY_TYPE));
            }
            tx.connection(giver, to).await?.ok_or(NOT_CONNECTED)?;
            tx.give_connection_package(giver, to, &given).await?;
        }
    }
    audit(&app, &mut tx, "package.given", (giver, to), json!({"package": given.urn})).await?;
    app.commit(tx).await?;
    let assignment = assignment_id(giver, to);
    let id = Uuid::new_v5(&assignment, package.id.as_bytes());
    Ok(Json(AssignmentPackageDto { id, assignment_id: assignment, package_id: package.id }))
}

/// The system user, if it still lives and belongs to the giver.
async fn live_system_user(tx: &mut Write, id: Uuid, owner: Uuid) -> Result<Uuid, ApiError> {
    let user = tx.system_user(id).await?.filter(|user| !user.is_deleted && user.owner_party == owner);
    user.map(|user| user.id).ok_or_else(|| CONNECTED_PARTY_UNKNOWN.into())
}

/// Takes a package back
#[utoipa::path(
    delete, path = "/accessmanagement/api/v1/enduser/connections/accesspackages", tag = "Connections", params(PairQuery),
    responses((status = 204, description = "Taken back, or not given"), (status = 400, description = "No such package, or the party neither gives nor receives"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access for the party"))
)]
pub async fn take_package(
    State(app): State<Arc<App>>,
    caller: Scoped<ConnectionWrite>,
    Query(query): Query<PairQuery>,
) -> Result<StatusCode, ApiError> {
    let party = acted_for(&app, &caller, query.party, ACCESS_MANAGEMENT, "write")?.uuid();
    let (from, to) = ends(party, &query)?;
    let package = AccessPackage { urn: named_package(&app.model.metadata(), &query)?.urn() };
    let mut tx = begin(&app, &caller, party).await?;
    let taken = match tx.system_user(to).await? {
        Some(user) if user.owner_party == from && from == party => tx.take_package(to, &package).await?,
        Some(_) => return Err(CONNECTED_PARTY_UNKNOWN.into()),
        None => tx.take_connection_package(from, to, &package).await?,
    };
    if taken {
        lose_what_rested(&app, &mut tx, from).await?;
        audit(&app, &mut tx, "package.taken_back", (from, to), json!({"package": package.urn})).await?;
    }
    app.commit(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What came of checking a package.
#[derive(Debug, Serialize, ToSchema)]
pub struct PackageCheckDto {
    package: CompactPackage,
    /// Whether you can pass it on.
    result: bool,
    reasons: Vec<WayDto>,
}

/// A way on which a package is held.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct WayDto {
    description: &'static str,
    role_id: Option<Uuid>,
    role_urn: Option<String>,
    from_id: Option<Uuid>,
    from_name: Option<String>,
    to_id: Option<Uuid>,
    to_name: Option<String>,
    via_id: Option<Uuid>,
    via_name: Option<String>,
    via_role_id: Option<Uuid>,
    via_role_urn: Option<String>,
}

fn way(app: &App, party: &Party, holder: &Party, relation: &Relation) -> WayDto {
    let (parties, metadata) = (app.model.parties(), app.model.metadata());
    let role = match &relation.basis {
        Basis::Role(role) => metadata.role(role),
        Basis::Connection(_) => metadata.role("urn:altinn:role:rettighetshaver"),
    };
    let name = |id: Uuid| parties.party(id).map(|party| party.name().to_owned());
    WayDto {
        description: name_of_way(relation, party),
        role_id: role.map(|role| role.id),
        role_urn: role.map(|role| role.urn.clone()),
        from_id: Some(relation.from),
        from_name: name(relation.from),
        to_id: Some(relation.via.unwrap_or(holder.uuid())),
        to_name: name(relation.via.unwrap_or(holder.uuid())),
        via_id: relation.via,
        via_name: relation.via.and_then(name),
        via_role_id: None,
        via_role_urn: None,
    }
}

/// Checks which packages you can pass on
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/enduser/connections/accesspackages/delegationcheck", tag = "Connections",
    params(("party" = Uuid, Query, description = "The party that is acted for"),
        ("packages" = Option<Vec<String>>, Query, description = "The packages, by URN or code; all of them unless given"),
        ("packageIds" = Option<Vec<Uuid>>, Query, description = "The packages, by id")),
    responses((status = 200, description = "What came of it", body = Envelope<PackageCheckDto>), (status = 400, description = "No such package, or too many"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who may see the party's access"))
)]
pub async fn check_packages(
    State(app): State<Arc<App>>,
    caller: Scoped<ConnectionRead>,
    RawQuery(query): RawQuery,
) -> Result<Json<Envelope<PackageCheckDto>>, ApiError> {
    let given: Vec<(String, String)> =
        url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
    let of = |name: &str| {
        given
            .iter()
            .filter(move |(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.clone())
            .collect::<Vec<_>>()
    };
    let party = of("party").first().and_then(|party| party.parse().ok());
    let party = party
        .ok_or_else(|| ApiError::member("party", "The parameter party is missing, or is not a uuid.".to_owned()))?;
    let party = acted_for(&app, &caller, party, ACCESS_MANAGEMENT, "read")?;
    let metadata = app.model.metadata();
    let by_name = of("packages");
    let named = by_name.iter().flat_map(|list| list.split(',')).map(|urn| metadata.package(urn.trim()));
    let by_id = of("packageIds");
    let ids = by_id.iter().flat_map(|list| list.split(',')).map(|id| metadata.package_by_id(id.trim().parse().ok()?));
    let mut packages: Vec<&Package> =
        named.chain(ids).collect::<Option<Vec<_>>>().ok_or_else(|| refused(PACKAGE_ARGUMENT))?;
    if packages.len() > MAX_NAMED {
        return Err(refused(PACKAGE_ARGUMENT));
    }
    if packages.is_empty() {
        packages = metadata.document.packages.iter().collect();
    }
    let urns: Vec<String> = packages.into_iter().map(Package::urn).collect();
    let person = Party::Person(Arc::clone(&caller.require_person()?.person));
    let checks = delegation::check_packages(&app.decision_inputs(), &person, &party, urns.iter().map(String::as_str));
    let dto = |check: PackageCheck| {
        let reasons = check.through.iter().map(|relation| way(&app, &party, &person, relation)).collect();
        Some(PackageCheckDto { package: (&check.package?).into(), result: check.result, reasons })
    };
    Ok(Json(Envelope::new(checks.into_iter().filter_map(dto).collect())))
}

/// Lists the resources to which rights were given by or to a party
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/enduser/connections/resources", tag = "Connections", params(PairQuery),
    responses((status = 200, description = "The resources", body = [ResourcePermission]), (status = 400, description = "The party neither gives nor receives"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access for the party"))
)]
pub async fn list_resources(
    State(app): State<Arc<App>>,
    caller: Scoped<ConnectionRead>,
    Query(query): Query<PairQuery>,
) -> Result<Json<Vec<ResourcePermission>>, ApiError> {
    let party = acted_for(&app, &caller, query.party, ACCESS_MANAGEMENT, "read")?;
    let given = given(&app, &party, &query)?;
    let ids: BTreeSet<&str> = given.iter().flat_map(|given| &given.rights).map(|right| &*right.resource).collect();
    let wanted = ids.into_iter().filter(|id| query.resource.as_deref().is_none_or(|wanted| wanted == *id));
    let permission = |id: &str| {
        let holders = given.iter().filter(|given| given.rights.iter().any(|right| right.resource == id));
        ResourcePermission {
            resource: CompactResource { id: Uuid::new_v5(&Uuid::NAMESPACE_URL, id.as_bytes()), ref_id: id.to_owned() },
            permissions: holders.map(|given| given.permission(&app)).collect(),
        }
    };
    Ok(Json(wanted.map(permission).collect()))
}

fn named_resource(app: &App, query: &PairQuery) -> Result<Arc<ResourceEntry>, ApiError> {
    let id = query.resource.as_deref().unwrap_or_default();
    let entry = app.model.resource(id).filter(|entry| entry.policy.is_some());
    entry.ok_or_else(|| ApiError::Problem(RESOURCE_INVALID, vec![("resource", id.to_owned())]))
}

/// Takes back all rights to a resource
#[utoipa::path(
    delete, path = "/accessmanagement/api/v1/enduser/connections/resources", tag = "Connections", params(PairQuery),
    responses((status = 204, description = "Taken back, or not given"), (status = 400, description = "No resource, or the party neither gives nor receives"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access for the party"))
)]
pub async fn take_resource(
    State(app): State<Arc<App>>,
    caller: Scoped<ConnectionWrite>,
    Query(query): Query<PairQuery>,
) -> Result<StatusCode, ApiError> {
    let party = acted_for(&app, &caller, query.party, ACCESS_MANAGEMENT, "write")?.uuid();
    let (from, to) = ends(party, &query)?;
    let resource = query.resource.as_deref().ok_or(RESOURCE_INVALID)?;
    let mut tx = begin(&app, &caller, party).await?;
    let held = held_rights(&mut tx, (from, to), party).await?;
    change_rights(
        &mut tx,
        (from, to),
        &held,
        &held.iter().filter(|right| right.resource != resource).cloned().collect(),
    )
    .await?;
    audit(&app, &mut tx, "rights.taken_back", (from, to), json!({"resource": resource})).await?;
    app.commit(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The rights that one was given by the other.
async fn held_rights(
    tx: &mut Write,
    (from, to): (Uuid, Uuid),
    party: Uuid,
) -> Result<BTreeSet<DelegatedRight>, ApiError> {
    match tx.system_user(to).await? {
        Some(user) if user.owner_party == from && from == party && !user.is_deleted => {
            Ok(user.rights.iter().cloned().collect())
        }
        Some(_) => Err(CONNECTED_PARTY_UNKNOWN.into()),
        None => {
            let connection = tx.connection(from, to).await?.ok_or(NOT_CONNECTED)?;
            Ok(connection.rights.into_iter().collect())
        }
    }
}

async fn change_rights(
    tx: &mut Write,
    (from, to): (Uuid, Uuid),
    held: &BTreeSet<DelegatedRight>,
    wanted: &BTreeSet<DelegatedRight>,
) -> Result<(), ApiError> {
    let is_system_user = tx.system_user(to).await?.is_some();
    for right in held.difference(wanted) {
        if is_system_user {
            tx.take_right(to, right).await?;
        } else {
            tx.take_connection_right(from, to, right).await?;
        }
    }
    for right in wanted.difference(held) {
        if is_system_user {
            tx.give_rights(to, std::slice::from_ref(right)).await?;
        } else {
            tx.give_connection_right(from, to, right).await?;
        }
    }
    Ok(())
}

/// The rights to a resource, given directly and by other ways.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceRights {
    resource: ResourceDto,
    direct_rights: Vec<RightPermission>,
    indirect_rights: Vec<RightPermission>,
}

/// A right with who gave it to whom.
#[derive(Debug, Serialize, ToSchema)]
pub struct RightPermission {
    right: RightDto,
    reason: ReasonDto,
    permissions: Vec<Permission>,
}

/// Lists the rights to a resource that were given by or to a party
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/enduser/connections/resources/rights", tag = "Connections", params(PairQuery),
    responses((status = 200, description = "The rights", body = ResourceRights), (status = 400, description = "No such resource, or the party neither gives nor receives"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access for the party"))
)]
pub async fn list_rights(
    State(app): State<Arc<App>>,
    caller: Scoped<ConnectionRead>,
    Query(query): Query<PairQuery>,
    headers: HeaderMap,
) -> Result<Json<ResourceRights>, ApiError> {
    let party = acted_for(&app, &caller, query.party, ACCESS_MANAGEMENT, "read")?;
    let (entry, language) = (named_resource(&app, &query)?, language(&headers));
    let given = given(&app, &party, &query)?;
    let id = &entry.resource.identifier;
    let has =
        |given: &&Given, action: &str| given.rights.iter().any(|right| right.resource == *id && right.action == action);
    let mut direct_rights = Vec::new();
    for right in entry.policy.iter().flat_map(|policy| rights::rights(&policy.policy)) {
        let holders = given.iter().filter(|given| has(given, &right.action.value));
        let permissions: Vec<_> = holders.map(|given| given.permission(&app)).collect();
        if !permissions.is_empty() {
            let right = RightDto::new(right, language);
            direct_rights.push(RightPermission { right, reason: ReasonDto::direct(), permissions });
        }
    }
    let resource = resource_dto(&app.model, &entry, language);
    Ok(Json(ResourceRights { resource, direct_rights, indirect_rights: vec![] }))
}

/// Rights, by their keys.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RightKeys {
    direct_right_keys: Option<Vec<String>>,
}

async fn set_rights(
    app: &App,
    caller: &Scoped<ConnectionWrite>,
    query: &PairQuery,
    keys: RightKeys,
    replaces: bool,
) -> Result<(), ApiError> {
    let party = acted_for(app, caller, query.party, ACCESS_MANAGEMENT, "write")?;
    let (giver, to) = (party.uuid(), query.to.ok_or(CONNECTED_PARTY_UNKNOWN)?);
    let entry = named_resource(app, query)?;
    let id = &entry.resource.identifier;
    let keys = keys.direct_right_keys.filter(|keys| replaces || !keys.is_empty()).ok_or(RIGHT_KEY_MISSING)?;
    if keys.len() > MAX_NAMED {
        return Err(RIGHT_KEY_INVALID.into());
    }
    let known = entry.policy.iter().flat_map(|policy| rights::rights(&policy.policy));
    let known: Vec<(String, String)> =
        known.map(|right| (rights::key(&right.resource, &right.action), right.action.value)).collect();
    let action = |key: &String| known.iter().find(|(known, _)| known == key).map(|(_, action)| action.clone());
    let actions: Option<BTreeSet<String>> = keys.iter().map(action).collect();
    let actions = actions.ok_or(RIGHT_KEY_INVALID)?;
    receiver(app, giver, to)?;
    let mut tx = begin(app, caller, giver).await?;
    let held = held_rights(&mut tx, (giver, to), giver).await?;
    let right = |action: &String| DelegatedRight { resource: id.clone(), action: action.clone() };
    let mut wanted: BTreeSet<DelegatedRight> = actions.iter().map(right).collect();
    // What is held already was checked when it was given.
    let new: Vec<&DelegatedRight> = wanted.difference(&held).collect();
    may_give(app, caller, &party, &entry, &new)?;
    let kept = held.iter().filter(|right| !replaces || right.resource != *id).cloned();
    wanted.extend(kept);
    change_rights(&mut tx, (giver, to), &held, &wanted).await?;
    audit(app, &mut tx, "rights.given", (giver, to), json!({"resource": id, "actions": actions})).await?;
    app.commit(tx).await
}

/// Whether the person can pass these rights on.
fn may_give(
    app: &App,
    caller: &Caller,
    party: &Party,
    entry: &ResourceEntry,
    rights: &[&DelegatedRight],
) -> Result<(), ApiError> {
    let person = Party::Person(Arc::clone(&caller.require_person()?.person));
    let inputs = app.decision_inputs();
    let held = relations(&app.model, &person, party, inputs.now);
    let checks = check_actions(&inputs, &held, party, entry).unwrap_or_default();
    for right in rights {
        let check = checks.iter().find(|check| check.action == right.action);
        match check {
            Some(ActionCheck { result: true, .. }) => {}
            Some(check) if check.reasons.contains(&Reason::ResourceNotDelegable) => {
                return Err(RESOURCE_NOT_DELEGABLE.into());
            }
            _ => return Err(MAY_NOT_DELEGATE.into()),
        }
    }
    Ok(())
}

/// Gives rights to a resource, beside those given already
#[utoipa::path(
    post, path = "/accessmanagement/api/v1/enduser/connections/resources/rights", tag = "Connections", params(PairQuery), request_body = RightKeys,
    responses((status = 201, description = "Given"), (status = 400, description = "No such resource, right or connection"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access for the party, or may not pass this on"),
        (status = 415, description = "The body is not JSON"))
)]
pub async fn give_rights(
    State(app): State<Arc<App>>,
    caller: Scoped<ConnectionWrite>,
    Query(query): Query<PairQuery>,
    Json(keys): Json<RightKeys>,
) -> Result<StatusCode, ApiError> {
    set_rights(&app, &caller, &query, keys, false).await?;
    Ok(StatusCode::CREATED)
}

/// Gives these rights to a resource, and no others
#[utoipa::path(
    put, path = "/accessmanagement/api/v1/enduser/connections/resources/rights", tag = "Connections", params(PairQuery), request_body = RightKeys,
    responses((status = 200, description = "Given"), (status = 400, description = "No such resource, right or connection"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access for the party, or may not pass this on"),
        (status = 415, description = "The body is not JSON"))
)]
pub async fn replace_rights(
    State(app): State<Arc<App>>,
    caller: Scoped<ConnectionWrite>,
    Query(query): Query<PairQuery>,
    Json(keys): Json<RightKeys>,
) -> Result<StatusCode, ApiError> {
    set_rights(&app, &caller, &query, keys, true).await?;
    Ok(StatusCode::OK)
}

/// What came of checking the rights to a resource.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResourceCheck {
    resource: ResourceDto,
    rights: Vec<RightCheckDto>,
}

/// What came of checking a right.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RightCheckDto {
    right: RightDto,
    /// Whether you can pass it on.
    result: bool,
    reason_codes: Vec<Reason>,
}

/// Checks which rights to a resource you can pass on
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/enduser/connections/resources/delegationcheck", tag = "Connections", params(PairQuery),
    responses((status = 200, description = "What came of it", body = ResourceCheck), (status = 400, description = "No such resource"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who may see the party's access"))
)]
pub async fn check_resource(
    State(app): State<Arc<App>>,
    caller: Scoped<ConnectionRead>,
    Query(query): Query<PairQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let party = acted_for(&app, &caller, query.party, ACCESS_MANAGEMENT, "read")?;
    let (entry, language) = (named_resource(&app, &query)?, language(&headers));
    let person = Party::Person(Arc::clone(&caller.require_person()?.person));
    let inputs = app.decision_inputs();
    let held = relations(&app.model, &person, &party, inputs.now);
    let checks = check_actions(&inputs, &held, &party, &entry).unwrap_or_default();
    let mut checked = Vec::new();
    for right in entry.policy.iter().flat_map(|policy| rights::rights(&policy.policy)) {
        let Some(check) = checks.iter().find(|check| check.action == right.action.value) else { continue };
        let (result, reason_codes) = (check.result, check.reasons.clone());
        checked.push(RightCheckDto { right: RightDto::new(right, language), result, reason_codes });
    }
    let resource = resource_dto(&app.model, &entry, language);
    Ok(Json(ResourceCheck { resource, rights: checked }).into_response())
}
