//! Access packages: given to others, taken back, and which can be passed on.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use http::StatusCode;
use model::problem::validation::{ENTITY_TYPE, PACKAGE_ARGUMENT};
use model::problem::{CONNECTED_PARTY_UNKNOWN, NOT_CONNECTED, PACKAGE_CHECK_FAILED};
use model::{AccessPackage, SystemUserKind};
use serde::Serialize;
use serde_json::json;
use store::Write;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    MAX_NAMED, PairQuery, Permission, Receiver, assignment_id, begin, ends, given, lose_what_rested, receiver, refused,
};
use crate::access::compact::{CompactPackage, Envelope, acted_for};
use crate::access::delegation::{self, PackageCheck, is_for_systems, name_of_way};
use crate::access::metadata::{MAIN_ADMINISTRATOR_PACKAGE, Metadata, Package};
use crate::access::relations::{Basis, Relation};
use crate::app::App;
use crate::http::caller::Scoped;
use crate::http::caller::scope::{ConnectionRead, ConnectionWrite};
use crate::http::extract::{Json, Query};
use crate::http::problem::ApiError;
use crate::read_model::Party;
use crate::resource_registry::builtin::ACCESS_MANAGEMENT;

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
            if other.organisation().is_some() && package.code == MAIN_ADMINISTRATOR_PACKAGE {
                return Err(refused(ENTITY_TYPE));
            }
            tx.connection(giver, to).await?.ok_or(NOT_CONNECTED)?;
            tx.give_connection_package(giver, to, &given).await?;
        }
    }
    app.audit(&mut tx, "package.given", (giver, to), json!({"package": given.urn})).await?;
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
        app.audit(&mut tx, "package.taken_back", (from, to), json!({"package": package.urn})).await?;
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
