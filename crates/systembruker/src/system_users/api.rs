//! Looking up system users over HTTP.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use model::{OrgNumber, RegisteredSystem};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::dto::SystemUserDto;
use super::rules::delete_by_vendor;
use crate::app::App;
use crate::http::caller::Scoped;
use crate::http::caller::scope::{RequestWrite, SystemRegisterWrite, SystemUserLookup};
use crate::http::extract::{Json, Path, Query};
use crate::http::paging::{Page, PageQuery};
use crate::http::problem::ApiError;
use crate::read_model::SystemUserEntry;
use crate::requests::api::{own_system, vendor};
use crate::resource_registry::builtin::platform_owner;

/// What Maskinporten looks a system user up by.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ExternalIdQuery {
    /// The Maskinporten client.
    client_id: Option<String>,
    /// The vendor's organisation number.
    system_provider_org_no: Option<String>,
    /// The customer's organisation number.
    system_user_owner_org_no: Option<String>,
    /// The vendor's reference; the customer's number where none was given.
    external_ref: Option<String>,
}

fn required<'a>(value: Option<&'a String>, name: &str) -> Result<&'a str, ApiError> {
    let given = value.map(|value| value.trim()).filter(|value| !value.is_empty());
    given.ok_or_else(|| ApiError::member(name, format!("The parameter {name} is missing.")))
}

fn find(app: &App, system: &RegisteredSystem, owner: &str, external_ref: Option<&str>) -> Option<Arc<SystemUserEntry>> {
    let owner_number: OrgNumber = owner.parse().ok()?;
    let external_ref = external_ref.filter(|text| !text.is_empty()).unwrap_or(owner);
    app.model.system_user_of(system.internal_id, owner_number, external_ref)
}

/// Looks a system user up for Maskinporten
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/byExternalId", tag = "System users", params(ExternalIdQuery),
    responses((status = 200, description = "The system user", body = SystemUserDto),
        (status = 400, description = "A parameter is missing"), (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks altinn:maskinporten/systemuser.read, or the caller is neither the platform nor the vendor"),
        (status = 404, description = "None, or none of this client and vendor"))
)]
pub async fn by_external_id(
    State(app): State<Arc<App>>,
    caller: Scoped<SystemUserLookup>,
    Query(query): Query<ExternalIdQuery>,
) -> Result<Response, ApiError> {
    let organisation = caller.require_org()?;
    let client_id = required(query.client_id.as_ref(), "clientId")?;
    let vendor = required(query.system_provider_org_no.as_ref(), "systemProviderOrgNo")?;
    let owner = required(query.system_user_owner_org_no.as_ref(), "systemUserOwnerOrgNo")?;
    let is_maskinporten = platform_owner(&app.model) == Some(organisation);
    // Vendors in use look up their own; of those of others they learn nothing.
    let is_own = vendor == organisation.as_str();
    if !is_maskinporten && !is_own {
        return Err(ApiError::Bare(StatusCode::FORBIDDEN));
    }
    let system = app.model.system_of_client(client_id).filter(|system| system.vendor.as_str() == vendor);
    let system = system.ok_or_else(ApiError::not_found)?;
    let user = find(&app, &system, owner, query.external_ref.as_deref()).ok_or_else(ApiError::not_found)?;
    let body = Json(SystemUserDto::new(&user, &system, user.system_id.to_string()));
    Ok(([(CACHE_CONTROL, "no-store,no-cache")], body).into_response())
}

/// What a vendor looks a system user up by.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "kebab-case")]
#[into_params(parameter_in = Query)]
pub struct VendorQuery {
    /// The system.
    system_id: Option<String>,
    /// The customer's organisation number.
    #[serde(rename = "orgno")]
    orgno: Option<String>,
    /// The vendor's reference; the customer's number where none was given.
    external_ref: Option<String>,
}

/// Looks up a system user of one's own system
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/vendor/byquery", tag = "System users", params(VendorQuery),
    responses((status = 200, description = "The system user", body = SystemUserDto),
        (status = 400, description = "A parameter is missing"), (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks altinn:authentication/systemuser.request.write"),
        (status = 404, description = "None, or not of your system"))
)]
pub async fn by_query(
    State(app): State<Arc<App>>,
    caller: Scoped<RequestWrite>,
    Query(query): Query<VendorQuery>,
) -> Result<Json<SystemUserDto>, ApiError> {
    let vendor = vendor(&caller)?;
    let system_id = required(query.system_id.as_ref(), "system-id")?;
    let owner = required(query.orgno.as_ref(), "orgno")?;
    let system = app.model.system_by_id(system_id).filter(|system| system.vendor == vendor);
    let system = system.ok_or_else(ApiError::not_found)?;
    let user = find(&app, &system, owner, query.external_ref.as_deref()).ok_or_else(ApiError::not_found)?;
    Ok(Json(SystemUserDto::new(&user, &system, String::new())))
}

/// Lists the system users of a system, in the order of being made
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/vendor/bysystem/{systemId}", tag = "System users",
    params(("systemId" = String, Path, description = "The system"), PageQuery),
    responses((status = 200, description = "A page of system users that are not deleted", body = Page<SystemUserDto>),
        (status = 400, description = "Not the token of a page"), (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks altinn:authentication/systemregister.write"),
        (status = 404, description = "Not one of your systems (AUTH-00011)"))
)]
pub async fn by_system(
    State(app): State<Arc<App>>,
    caller: Scoped<SystemRegisterWrite>,
    OriginalUri(uri): OriginalUri,
    Path(system_id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<SystemUserDto>>, ApiError> {
    let system = own_system(&app, vendor(&caller)?, &system_id)?;
    let (size, after) = (app.system_users.page_size, query.after()?);
    let rows = app.store.read().await?.system_users_of_system(system.internal_id, after, size + 1).await?;
    let live = |id| app.model.system_user(id).filter(|user| !user.is_deleted);
    let entry = |id| live(id).map(|user| SystemUserDto::new(&user, &system, String::new()));
    Ok(Json(Page::new(&app.faces, &uri, size, rows, entry)))
}

/// Deletes a system user of one's own system
///
/// All that the customer gave it is taken back at once. The customer can be asked anew.
#[utoipa::path(
    delete, path = "/systembruker/api/v1/systemusers/{systemUserId}", tag = "For vendors",
    params(("systemUserId" = Uuid, Path, description = "The system user")),
    responses((status = 204, description = "It is deleted"), (status = 400, description = "Not an id"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks altinn:authentication/systemuser.request.write"),
        (status = 404, description = "No such system user of a system of yours (AUTH-00015)"))
)]
pub async fn delete_of_own_system(
    State(app): State<Arc<App>>,
    caller: Scoped<RequestWrite>,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    delete_by_vendor(&app, caller.context(), vendor(&caller)?, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
