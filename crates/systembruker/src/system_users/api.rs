//! Looking up system users over HTTP.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use model::{OrgNumber, RegisteredSystem, SystemUser};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::app::App;
use crate::http::caller::Scoped;
use crate::http::caller::scope::{RequestWrite, SystemUserLookup};
use crate::http::extract::{Json, Query};
use crate::http::problem::ApiError;
use crate::read_model::SystemUserEntry;
use crate::requests::api::wire_time;

/// A system user as Maskinporten and vendors see it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SystemUserDto {
    id: Uuid,
    integration_title: String,
    system_id: String,
    /// The system's id again for Maskinporten, empty for others.
    product_name: String,
    reportee_org_no: String,
    created: String,
    is_deleted: bool,
    supplier_name: String,
    supplier_orgno: String,
    external_ref: String,
    /// `standard` or `agent`.
    user_type: &'static str,
}

impl SystemUserDto {
    fn new(user: &SystemUser, system: &RegisteredSystem, product_name: String) -> Self {
        Self {
            id: user.id,
            integration_title: user.title.clone(),
            system_id: user.system_id.to_string(),
            product_name,
            reportee_org_no: user.owner.to_string(),
            created: wire_time(user.created),
            is_deleted: user.is_deleted,
            supplier_name: String::new(),
            supplier_orgno: system.vendor.to_string(),
            external_ref: user.external_ref.clone(),
            user_type: user.kind.as_str(),
        }
    }
}

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
        (status = 403, description = "The token lacks altinn:maskinporten/systemuser.read"),
        (status = 404, description = "None, or none of this client and vendor"))
)]
pub async fn by_external_id(
    State(app): State<Arc<App>>,
    _caller: Scoped<SystemUserLookup>,
    Query(query): Query<ExternalIdQuery>,
) -> Result<Response, ApiError> {
    let client_id = required(query.client_id.as_ref(), "clientId")?;
    let vendor = required(query.system_provider_org_no.as_ref(), "systemProviderOrgNo")?;
    let owner = required(query.system_user_owner_org_no.as_ref(), "systemUserOwnerOrgNo")?;
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
    let vendor = caller.org.ok_or(ApiError::Status(StatusCode::UNAUTHORIZED, None))?;
    let system_id = required(query.system_id.as_ref(), "system-id")?;
    let owner = required(query.orgno.as_ref(), "orgno")?;
    let system = app.model.system_by_id(system_id).filter(|system| system.vendor == vendor);
    let system = system.ok_or_else(ApiError::not_found)?;
    let user = find(&app, &system, owner, query.external_ref.as_deref()).ok_or_else(ApiError::not_found)?;
    Ok(Json(SystemUserDto::new(&user, &system, String::new())))
}
