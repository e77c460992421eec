//! Requests over HTTP, for vendors.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::LOCATION;
use jiff::{Timestamp, ToSpan};
use model::problem::{
    PARTY_UNKNOWN, REQUEST_NOT_FOUND, REQUEST_PENDING, SYSTEM_NOT_FOUND, SYSTEM_USER_EXISTS, VENDOR_UNKNOWN,
};
use model::{AccessPackage, OrgNumber, RegisteredSystem, Request, RequestKind, RequestStatus};
use serde::{Deserialize, Serialize};
use store::{RequestKey, Write};
use utoipa::ToSchema;
use uuid::Uuid;

use super::rules::{self, Asked};
use crate::app::App;
use crate::http::caller::scope::{RequestRead, RequestWrite};
use crate::http::caller::{Caller, Scoped};
use crate::http::extract::{Json, Path};
use crate::http::faces::Face;
use crate::http::problem::ApiError;
use crate::system_register::dto::{PackageDto, RightDto};

/// A request that is older than this is said to have timed out, however it was answered.
const OLD_DAYS: i64 = 180;

/// A request to be posted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewRequest {
    system_id: String,
    party_org_no: String,
    #[serde(default)]
    external_ref: Option<String>,
    #[serde(default)]
    integration_title: Option<String>,
    #[serde(default)]
    rights: Option<Vec<RightDto>>,
    #[serde(default)]
    access_packages: Option<Vec<PackageDto>>,
    #[serde(default)]
    redirect_url: Option<String>,
}

/// A request as its vendor sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestDto {
    id: Uuid,
    integration_title: String,
    external_ref: String,
    system_id: String,
    party_org_no: String,
    rights: Vec<RightDto>,
    access_packages: Vec<PackageDto>,
    /// `New`, `Accepted`, `Rejected` or `Timedout`.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_url: Option<String>,
    /// Where the customer answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirm_url: Option<String>,
    escalated: bool,
    created: String,
    timed_out: bool,
}

/// A time as the platform's APIs write it.
pub fn wire_time(time: Timestamp) -> String {
    format!("{time:.6}")
}

/// Where a customer answers a request.
pub fn confirm_url(app: &App, request: &Request) -> String {
    let page = match request.kind {
        RequestKind::Standard => "request",
        RequestKind::Agent => "agentrequest",
    };
    let path = format!("accessmanagement/ui/systemuser/{page}?id={}&DONTCHOOSEREPORTEE=true", request.id);
    app.faces.join(Face::Portal, &path)
}

impl RequestDto {
    fn new(app: &App, request: &Request) -> Self {
        let now = app.clock.now();
        let status = request.status_at(now);
        let old = now >= request.created + (OLD_DAYS * 24).hours();
        Self {
            id: request.id,
            integration_title: request.title.clone(),
            external_ref: request.external_ref.clone(),
            system_id: request.system_id.to_string(),
            party_org_no: request.party_org.to_string(),
            rights: request.rights.iter().map(Into::into).collect(),
            access_packages: request.access_packages.iter().map(Into::into).collect(),
            status: status.as_str(),
            redirect_url: request.redirect_url.clone(),
            confirm_url: Some(confirm_url(app, request)),
            escalated: request.escalated,
            created: wire_time(request.created),
            timed_out: status == RequestStatus::Timedout || old,
        }
    }
}

/// A live system of the caller's. That it is another's, deleted, or not there at all looks the same.
fn own_system(app: &App, caller: &Caller, id: &str) -> Result<Arc<RegisteredSystem>, ApiError> {
    let vendor = caller.org.ok_or(VENDOR_UNKNOWN)?;
    let found = app.model.system_by_id(id).filter(|system| system.vendor == vendor && !system.is_deleted);
    found.ok_or_else(|| SYSTEM_NOT_FOUND.into())
}

/// Asks a customer for a system user
///
/// Answers 201 for a new request, and 200 with the one that is there where the same was asked for before.
#[utoipa::path(
    post, path = "/authentication/api/v1/systemuser/request/vendor", tag = "System user requests", request_body = NewRequest,
    responses((status = 201, description = "The new request", body = RequestDto),
        (status = 200, description = "The request that is already there", body = RequestDto),
        (status = 400, description = "Something is wrong with it; code says what"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks the scope"),
        (status = 404, description = "Not one of your systems (AUTH-00011)"),
        (status = 415, description = "The body is not JSON"))
)]
pub async fn post_request(
    State(app): State<Arc<App>>,
    caller: Scoped<RequestWrite>,
    Json(new): Json<NewRequest>,
) -> Result<Response, ApiError> {
    let system = own_system(&app, &caller, new.system_id.trim())?;
    let customer = new.party_org_no.trim().parse().ok().and_then(|number| app.model.parties().by_number(number));
    let customer = customer.ok_or(PARTY_UNKNOWN)?;
    let external_ref = rules::external_ref(new.external_ref.as_deref().map(str::trim), &customer)?;
    let now = app.clock.now();
    let mut tx = app.store.write(caller.context(), now).await?;
    let key = RequestKey {
        system: system.internal_id,
        party: customer.party_uuid,
        external_ref: external_ref.clone(),
        kind: RequestKind::Standard,
    };
    if let Some(there) = request_in_the_way(&app, &mut tx, &key, customer.org_number).await? {
        app.commit(tx).await?;
        return Ok(Json(RequestDto::new(&app, &there)).into_response());
    }
    let packages = |packages: Vec<PackageDto>| packages.into_iter().map(|package| AccessPackage { urn: package.urn });
    let asked = Asked {
        external_ref: Some(external_ref.clone()),
        title: new.integration_title.map(|title| title.trim().to_owned()),
        rights: new.rights.map(|rights| rights.into_iter().map(Into::into).collect()),
        access_packages: new.access_packages.map(|given| packages(given).collect()),
        redirect_url: new.redirect_url.map(|url| url.trim().to_owned()),
    };
    let (metadata, id) = (app.model.metadata(), app.random.uuid_at(now));
    let request = rules::new_request(asked, external_ref, &system, &customer, &metadata, id, now)?;
    tx.insert_request(&request).await?;
    app.commit(tx).await?;
    let location =
        app.faces.join(Face::Platform, &format!("authentication/api/v1/systemuser/request/vendor/{}", request.id));
    let headers = [(LOCATION, location)];
    Ok((StatusCode::CREATED, headers, Json(RequestDto::new(&app, &request))).into_response())
}

/// The request to answer with instead of making a new one. A system user that lives, or a request of the other kind
/// that waits, is a refusal. A request whose time has run out makes room, which is written here.
async fn request_in_the_way(
    app: &App,
    tx: &mut Write,
    key: &RequestKey,
    customer: OrgNumber,
) -> Result<Option<Request>, ApiError> {
    if app.model.system_user_of(key.system, customer, &key.external_ref).is_some() {
        return Err(SYSTEM_USER_EXISTS.into());
    }
    for kind in [RequestKind::Standard, RequestKind::Agent] {
        let key = RequestKey { kind, ..key.clone() };
        let Some(request) = tx.latest_request(&key).await? else { continue };
        let status = request.status_at(tx.now());
        if status == RequestStatus::Timedout {
            tx.time_out_request(request.id).await?;
        } else if kind == RequestKind::Standard {
            return Ok(Some(request));
        } else if status == RequestStatus::New {
            return Err(REQUEST_PENDING.into());
        }
    }
    Ok(None)
}

/// A standard request for a system of the caller's.
async fn own_request(app: &App, caller: &Caller, id: Uuid) -> Result<Request, ApiError> {
    let vendor = caller.org.ok_or(ApiError::Status(StatusCode::UNAUTHORIZED, None))?;
    let request = app.store.read().await?.request(id).await?.ok_or(REQUEST_NOT_FOUND)?;
    let owned = app.model.system(request.system_internal_id).is_some_and(|system| system.vendor == vendor);
    // Whether another vendor's request exists is nobody's business.
    if owned { Ok(request) } else { Err(REQUEST_NOT_FOUND.into()) }
}

/// Reads a request
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/request/vendor/{requestId}", tag = "System user requests",
    params(("requestId" = Uuid, Path, description = "The request's id")),
    responses((status = 200, description = "The request", body = RequestDto), (status = 400, description = "Not an id"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks the scope"),
        (status = 404, description = "Not one of your requests (AUTH-00010)"))
)]
pub async fn read_request(
    State(app): State<Arc<App>>,
    caller: Scoped<RequestRead>,
    Path(id): Path<Uuid>,
) -> Result<Json<RequestDto>, ApiError> {
    let request = own_request(&app, &caller, id).await?;
    if request.kind != RequestKind::Standard {
        return Err(REQUEST_NOT_FOUND.into());
    }
    Ok(Json(RequestDto::new(&app, &request)))
}

/// Reads a request by what it is about
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/request/vendor/byexternalref/{systemId}/{orgNo}/{externalRef}",
    tag = "System user requests",
    params(("systemId" = String, Path, description = "The system"), ("orgNo" = String, Path, description = "The customer"),
        ("externalRef" = String, Path, description = "The vendor's reference; the customer's number where none was given")),
    responses((status = 200, description = "The request", body = RequestDto),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks the scope"),
        (status = 404, description = "Not one of your systems (AUTH-00011) or requests (AUTH-00010)"))
)]
pub async fn read_request_by_reference(
    State(app): State<Arc<App>>,
    caller: Scoped<RequestRead>,
    Path((system_id, org_no, external_ref)): Path<(String, String, String)>,
) -> Result<Json<RequestDto>, ApiError> {
    let vendor = caller.org.ok_or(ApiError::Status(StatusCode::UNAUTHORIZED, None))?;
    let system = app.model.system_by_id(&system_id).filter(|system| system.vendor == vendor).ok_or(SYSTEM_NOT_FOUND)?;
    let customer = org_no.parse().ok().and_then(|number| app.model.parties().by_number(number));
    let customer = customer.ok_or(REQUEST_NOT_FOUND)?;
    let (party, kind) = (customer.party_uuid, RequestKind::Standard);
    let key = RequestKey { system: system.internal_id, party, external_ref, kind };
    let request = app.store.read().await?.latest_request(&key).await?.ok_or(REQUEST_NOT_FOUND)?;
    Ok(Json(RequestDto::new(&app, &request)))
}

/// Withdraws a request, whatever its status
#[utoipa::path(
    delete, path = "/authentication/api/v1/systemuser/request/vendor/{requestId}", tag = "System user requests",
    params(("requestId" = Uuid, Path, description = "The request's id")),
    responses((status = 202, description = "Withdrawn"), (status = 400, description = "Not an id"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks the scope"),
        (status = 404, description = "Not one of your requests (AUTH-00010)"))
)]
pub async fn delete_request(
    State(app): State<Arc<App>>,
    caller: Scoped<RequestWrite>,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    let request = own_request(&app, &caller, id).await?;
    let mut tx = app.store.write(caller.context(), app.clock.now()).await?;
    let deleted = tx.delete_request(request.id).await?;
    app.commit(tx).await?;
    if deleted { Ok(StatusCode::ACCEPTED) } else { Err(REQUEST_NOT_FOUND.into()) }
}
