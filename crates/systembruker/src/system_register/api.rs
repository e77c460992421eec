//! The system register over HTTP, for vendors.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, StatusCode};
use model::problem::validation::{SYSTEM_ID_OTHER, VENDOR_ID};
use model::{OrgNumber, RegisteredSystem, SystemChange};
use serde_json::Value;
use store::{AuditEntry, StoreError, SystemLogEntry, Write};

use super::dto::{
    ListedSystemDto, NewSystem, PackageDto, RightDto, Succeeded, SystemChangeDto, SystemDto, logged_packages,
    logged_rights, logged_system,
};
use super::rules;
use crate::app::App;
use crate::http::caller::scope::SystemRegisterWrite;
use crate::http::caller::{Caller, Scoped};
use crate::http::conditional::{Version, check_change};
use crate::http::extract::{Json, JsonText, Path, read_json};
use crate::http::problem::ApiError;

/// The scope that opens every vendor's systems.
const ADMIN_SCOPE: &str = "altinn:authentication/systemregister.admin";

/// Whether the caller may see and change a vendor's systems.
fn owns(caller: &Caller, vendor: OrgNumber) -> bool {
    caller.org == Some(vendor) || caller.has_scope(ADMIN_SCOPE)
}

/// Registers a system
///
/// Answers with the system's internal id. Everything that is wrong with the values is reported at once.
#[utoipa::path(
    post, path = "/authentication/api/v1/systemregister/vendor", tag = "System register", request_body = NewSystem,
    responses((status = 200, description = "The internal id", body = uuid::Uuid),
        (status = 400, description = "Something is wrong with it; validationErrors says what"),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope, or the vendor is another organisation"),
        (status = 409, description = "Another registration took the id at the same moment"),
        (status = 415, description = "The body is not JSON"))
)]
pub async fn register_system(
    State(app): State<Arc<App>>,
    caller: Scoped<SystemRegisterWrite>,
    Json(new): Json<NewSystem>,
) -> Result<Json<uuid::Uuid>, ApiError> {
    let vendor = new.vendor().ok_or_else(|| ApiError::Validation(vec![VENDOR_ID.into()]))?;
    if !owns(&caller, vendor) {
        return Err(ApiError::Bare(StatusCode::FORBIDDEN));
    }
    let (registration, now) = (new.registration(vendor), app.clock.now());
    let system = rules::new_system(&app.model, &registration, app.redirect_rules(), app.random.uuid(), now)?;
    let mut tx = app.store.write(caller.context(), now).await?;
    let inserted = tx.insert_system(&system).await;
    if let Err(StoreError::Duplicate(_)) = inserted {
        // Another call came first, between the check and here.
        drop(tx);
        app.catch_up().await?;
        rules::new_system(&app.model, &registration, app.redirect_rules(), system.internal_id, now)?;
        // What was taken is free again: whoever had it has let go of it this moment.
        return Err(ApiError::Text(
            StatusCode::CONFLICT,
            "The id or a client was taken a moment ago. Send it again.".to_owned(),
        ));
    }
    inserted?;
    log(&app, &mut tx, &caller, &system, SystemChange::Create, logged_system(&system)).await?;
    app.commit(tx).await?;
    Ok(Json(system.internal_id))
}

/// Writes a change into the system's log, which vendors read, and into the audit journal.
async fn log(
    app: &App,
    tx: &mut Write,
    caller: &Caller,
    system: &RegisteredSystem,
    change: SystemChange,
    changed_data: Value,
) -> Result<(), ApiError> {
    let now = tx.now();
    let entry = SystemLogEntry {
        id: app.random.uuid_at(now),
        internal_id: system.internal_id,
        change,
        changed_by: caller.org.unwrap_or(system.vendor),
        client_id: caller.context().client_id,
        changed_data: changed_data.clone(),
    };
    tx.log_system_change(&entry).await?;
    let event = match change {
        SystemChange::Create => "system.registered",
        SystemChange::Update | SystemChange::RightsUpdate | SystemChange::AccessPackageUpdate => "system.changed",
        SystemChange::Delete => "system.deleted",
    };
    let subject = system.id.to_string();
    Ok(tx.audit(AuditEntry { id: app.random.uuid_at(now), event, party: None, subject, details: changed_data }).await?)
}

/// Lists one's systems
#[utoipa::path(
    get, path = "/authentication/api/v1/systemregister/vendor", tag = "System register",
    responses((status = 200, description = "Systems that are not deleted", body = [ListedSystemDto]),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks the scope"))
)]
pub async fn list_systems(
    State(app): State<Arc<App>>,
    caller: Scoped<SystemRegisterWrite>,
) -> Result<Response, ApiError> {
    let systems = app.model.systems_of(caller.require_org()?);
    let systems: Vec<ListedSystemDto> = systems.iter().map(|system| (&**system).into()).collect();
    Ok(([(CACHE_CONTROL, "no-store,no-cache")], Json(systems)).into_response())
}

fn version(system: &RegisteredSystem) -> Version {
    Version { number: system.version, at: system.changed }
}

/// Reads a system, deleted or not
///
/// The entity tag can be sent as `If-Match` with a change, which is then refused if somebody was faster.
#[utoipa::path(
    get, path = "/authentication/api/v1/systemregister/vendor/{systemId}", tag = "System register",
    params(("systemId" = String, Path, description = "The system's id")),
    responses((status = 200, description = "The system", body = SystemDto),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope, or the system is another vendor's"),
        (status = 404, description = "No such system"))
)]
pub async fn read_system(
    State(app): State<Arc<App>>,
    caller: Scoped<SystemRegisterWrite>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let system = app.model.system_by_id(&id).ok_or_else(ApiError::not_found)?;
    if !owns(&caller, system.vendor) {
        return Err(ApiError::Bare(StatusCode::FORBIDDEN));
    }
    Ok((version(&system).headers(), Json(SystemDto::from(&*system))).into_response())
}

fn no_such_system(id: &str) -> ApiError {
    ApiError::Text(StatusCode::NOT_FOUND, format!("There is no system with the id {id}."))
}

/// The caller's system with this id, deleted or not.
fn own_system(app: &App, caller: &Caller, id: &str) -> Result<Arc<RegisteredSystem>, ApiError> {
    let system = app.model.system_by_id(id).ok_or_else(|| no_such_system(id))?;
    if owns(caller, system.vendor) { Ok(system) } else { Err(ApiError::Bare(StatusCode::FORBIDDEN)) }
}

/// Begins a change of the caller's system, with the system as it is then. One that is deleted is not changed, nor one
/// that is of another version than the caller thinks.
async fn begin(
    app: &App,
    caller: &Caller,
    id: &str,
    headers: &HeaderMap,
) -> Result<(Write, Arc<RegisteredSystem>), ApiError> {
    let tx = app.begin(caller.context()).await?;
    let system = own_system(app, caller, id)?;
    if system.is_deleted {
        let text = format!("The system {id} is deleted, and cannot be changed any more.");
        return Err(ApiError::Text(StatusCode::BAD_REQUEST, text));
    }
    check_change(headers, Some(version(&system)))?;
    Ok((tx, system))
}

/// Replaces a system
///
/// What is left out is empty afterwards. The id and the vendor cannot be changed.
#[utoipa::path(
    put, path = "/authentication/api/v1/systemregister/vendor/{systemId}", tag = "System register", request_body = NewSystem,
    params(("systemId" = String, Path, description = "The system's id")),
    responses((status = 200, description = "It was replaced", body = Succeeded),
        (status = 400, description = "Something is wrong with it, or the system is deleted"),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope, or the system is another vendor's"),
        (status = 404, description = "No such system, or the vendor in the body is another"),
        (status = 412, description = "The system is not of the version of If-Match any more"),
        (status = 415, description = "The body is not JSON"))
)]
pub async fn replace_system(
    State(app): State<Arc<App>>,
    caller: Scoped<SystemRegisterWrite>,
    Path(id): Path<String>,
    headers: HeaderMap,
    JsonText(body): JsonText,
) -> Result<Json<Succeeded>, ApiError> {
    own_system(&app, &caller, &id)?;
    let new: NewSystem = read_json(&body)?;
    let (mut tx, stored) = begin(&app, &caller, &id, &headers).await?;
    // Another vendor's system is not told from one that is not there.
    let vendor = new.vendor().filter(|vendor| *vendor == stored.vendor).ok_or_else(|| no_such_system(&id))?;
    let registration = new.registration(vendor);
    if registration.id != stored.id.as_str() {
        return Err(ApiError::Validation(vec![SYSTEM_ID_OTHER.into()]));
    }
    let system = rules::replaced(&app.model, &registration, app.redirect_rules(), &stored, tx.now())?;
    tx.update_system(&system).await?;
    log(&app, &mut tx, &caller, &system, SystemChange::Update, logged_system(&system)).await?;
    app.commit(tx).await?;
    Ok(Json(Succeeded::YES))
}

/// Replaces the rights of a system
///
/// Rights of system users that are there already stay as they are.
#[utoipa::path(
    put, path = "/authentication/api/v1/systemregister/vendor/{systemId}/rights", tag = "System register",
    request_body = Vec<RightDto>, params(("systemId" = String, Path, description = "The system's id")),
    responses((status = 200, description = "They were replaced", body = Succeeded),
        (status = 400, description = "Something is wrong with them, or the system is deleted"),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope, or the system is another vendor's"),
        (status = 404, description = "No such system"),
        (status = 412, description = "The system is not of the version of If-Match any more"),
        (status = 415, description = "The body is not JSON"))
)]
pub async fn replace_rights(
    State(app): State<Arc<App>>,
    caller: Scoped<SystemRegisterWrite>,
    Path(id): Path<String>,
    headers: HeaderMap,
    JsonText(body): JsonText,
) -> Result<Json<Succeeded>, ApiError> {
    own_system(&app, &caller, &id)?;
    let rights: Vec<RightDto> = read_json(&body)?;
    let (mut tx, stored) = begin(&app, &caller, &id, &headers).await?;
    let rights = rights.into_iter().map(Into::into).collect();
    let system = rules::with_rights(&app.model, &stored, rights, tx.now())?;
    tx.update_system(&system).await?;
    log(&app, &mut tx, &caller, &system, SystemChange::RightsUpdate, logged_rights(&system.rights)).await?;
    app.commit(tx).await?;
    Ok(Json(Succeeded::YES))
}

/// Replaces the access packages of a system
///
/// Packages of system users that are there already stay as they are.
#[utoipa::path(
    put, path = "/authentication/api/v1/systemregister/vendor/{systemId}/accesspackages", tag = "System register",
    request_body = Vec<PackageDto>, params(("systemId" = String, Path, description = "The system's id")),
    responses((status = 200, description = "They were replaced", body = Succeeded),
        (status = 400, description = "Something is wrong with them, or the system is deleted"),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope, or the system is another vendor's"),
        (status = 404, description = "No such system"),
        (status = 412, description = "The system is not of the version of If-Match any more"),
        (status = 415, description = "The body is not JSON"))
)]
pub async fn replace_packages(
    State(app): State<Arc<App>>,
    caller: Scoped<SystemRegisterWrite>,
    Path(id): Path<String>,
    headers: HeaderMap,
    JsonText(body): JsonText,
) -> Result<Json<Succeeded>, ApiError> {
    own_system(&app, &caller, &id)?;
    let packages: Vec<PackageDto> = read_json(&body)?;
    let (mut tx, stored) = begin(&app, &caller, &id, &headers).await?;
    let packages = packages.into_iter().map(Into::into).collect();
    let system = rules::with_packages(&app.model, &stored, packages, tx.now())?;
    tx.update_system(&system).await?;
    let sent = logged_packages(&system.access_packages);
    log(&app, &mut tx, &caller, &system, SystemChange::AccessPackageUpdate, sent).await?;
    app.commit(tx).await?;
    Ok(Json(Succeeded::YES))
}

/// Deletes a system
///
/// It keeps its id for ever, and its client ids are free for other systems. No token is issued through it any more.
/// Deleting it again changes nothing.
#[utoipa::path(
    delete, path = "/authentication/api/v1/systemregister/vendor/{systemId}", tag = "System register",
    params(("systemId" = String, Path, description = "The system's id")),
    responses((status = 200, description = "It is deleted", body = Succeeded), (status = 400, description = "No such system"),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope, or the system is another vendor's"),
        (status = 412, description = "The system is not of the version of If-Match any more"))
)]
pub async fn delete_system(
    State(app): State<Arc<App>>,
    caller: Scoped<SystemRegisterWrite>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Succeeded>, ApiError> {
    let mut tx = app.begin(caller.context()).await?;
    let unknown = || ApiError::member("return", format!("There is no system with the id {id}."));
    let stored = app.model.system_by_id(&id).ok_or_else(unknown)?;
    if !owns(&caller, stored.vendor) {
        return Err(ApiError::Bare(StatusCode::FORBIDDEN));
    }
    check_change(&headers, Some(version(&stored)))?;
    if stored.is_deleted {
        return Ok(Json(Succeeded::YES));
    }
    let system = RegisteredSystem { is_deleted: true, ..(*stored).clone() };
    tx.update_system(&system).await?;
    log(&app, &mut tx, &caller, &system, SystemChange::Delete, Value::Null).await?;
    app.commit(tx).await?;
    Ok(Json(Succeeded::YES))
}

/// Reads the change log of a system, newest first
#[utoipa::path(
    get, path = "/authentication/api/v1/systemregister/vendor/{systemId}/changelog", tag = "System register",
    params(("systemId" = String, Path, description = "The system's id")),
    responses((status = 200, description = "The last 1000 changes", body = [SystemChangeDto]),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope, or the system is another vendor's"),
        (status = 404, description = "No such system"))
)]
pub async fn change_log(
    State(app): State<Arc<App>>,
    caller: Scoped<SystemRegisterWrite>,
    Path(id): Path<String>,
) -> Result<Json<Vec<SystemChangeDto>>, ApiError> {
    let system = own_system(&app, &caller, &id)?;
    let entries = app.store.read().await?.system_log(system.internal_id).await?;
    Ok(Json(entries.into_iter().map(Into::into).collect()))
}
