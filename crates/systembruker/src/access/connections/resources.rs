//! Single rights to resources: given to others, taken back, and which can be passed on.
//!
//! A right is named by its key ([`rights::key`]) and given as an action on a whole resource. What a policy says of a part
//! of a resource, such as a task of an app, cannot be given here.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use http::{HeaderMap, StatusCode};
use model::DelegatedRight;
use model::problem::{
    CONNECTED_PARTY_UNKNOWN, MAY_NOT_DELEGATE, NOT_CONNECTED, RESOURCE_INVALID, RESOURCE_NOT_DELEGABLE,
    RIGHT_KEY_INVALID, RIGHT_KEY_MISSING,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::Write;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Given, MAX_NAMED, PairQuery, Permission, ReasonDto, begin, ends, given, receiver};
use crate::access::compact::acted_for;
use crate::access::delegation::{ActionCheck, Reason, check_actions};
use crate::access::metadata_api::{ResourceDto, resource_dto, resource_id};
use crate::access::relations::relations;
use crate::app::App;
use crate::http::caller::scope::{ConnectionRead, ConnectionWrite};
use crate::http::caller::{Caller, Scoped};
use crate::http::extract::{Json, Query};
use crate::http::language::language;
use crate::http::problem::ApiError;
use crate::read_model::{Party, ResourceEntry};
use crate::resource_registry::builtin::ACCESS_MANAGEMENT;
use crate::resource_registry::policies::RightDto;
use crate::resource_registry::rights;

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
            resource: CompactResource { id: resource_id(id), ref_id: id.to_owned() },
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

/// The rights that the policy has for the whole resource, and not for a part of it.
fn rights_to_whole(entry: &ResourceEntry) -> impl Iterator<Item = rights::Right> {
    let all = entry.policy.iter().flat_map(|policy| rights::rights(&policy.policy));
    all.filter(rights::Right::is_to_whole)
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
    app.audit(&mut tx, "rights.taken_back", (from, to), json!({"resource": resource})).await?;
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
    for right in rights_to_whole(&entry) {
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
    let known: Vec<(String, String)> = rights_to_whole(&entry)
        .map(|right| (rights::key(&right.resource, &right.action), right.action.value))
        .collect();
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
    app.audit(&mut tx, "rights.given", (giver, to), json!({"resource": id, "actions": actions})).await?;
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
) -> Result<Json<ResourceCheck>, ApiError> {
    let party = acted_for(&app, &caller, query.party, ACCESS_MANAGEMENT, "read")?;
    let (entry, language) = (named_resource(&app, &query)?, language(&headers));
    let person = Party::Person(Arc::clone(&caller.require_person()?.person));
    let inputs = app.decision_inputs();
    let held = relations(&app.model, &person, &party, inputs.now);
    let checks = check_actions(&inputs, &held, &party, &entry).unwrap_or_default();
    let mut checked = Vec::new();
    for right in rights_to_whole(&entry) {
        let Some(check) = checks.iter().find(|check| check.action == right.action.value) else { continue };
        let (result, reason_codes) = (check.result, check.reasons.clone());
        checked.push(RightCheckDto { right: RightDto::new(right, language), result, reason_codes });
    }
    let resource = resource_dto(&app.model, &entry, language);
    Ok(Json(ResourceCheck { resource, rights: checked }))
}
