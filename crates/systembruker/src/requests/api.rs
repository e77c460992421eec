//! Requests over HTTP, for vendors. Those for an agent's system user have addresses of their own and are else the same.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::LOCATION;
use jiff::ToSpan;
use model::problem::{
    PARTY_UNKNOWN, REQUEST_ACCEPTED, REQUEST_NOT_FOUND, REQUEST_PENDING, REQUEST_REJECTED, SYSTEM_NOT_FOUND,
    SYSTEM_USER_EXISTS, VENDOR_UNKNOWN,
};
use model::{OrgNumber, RegisteredSystem, Request, RequestKind, RequestStatus};
use serde_json::json;
use store::{RequestKey, Write};
use uuid::Uuid;

use super::answer::page_of;
use super::dto::{NewAgentRequest, NewRequest, RequestDto};
use super::rules::{self, Made};
use crate::app::App;
use crate::http::caller::scope::{RequestRead, RequestWrite};
use crate::http::caller::{Caller, Scoped};
use crate::http::extract::{Json, Path, Query};
use crate::http::faces::Face;
use crate::http::paging::{Page, PageQuery};
use crate::http::problem::ApiError;
use crate::notices::Event;

/// The vendor that calls. Where the token names none, `refusal`.
pub fn vendor(caller: &Caller) -> Result<OrgNumber, ApiError> {
    caller.org.ok_or(ApiError::Status(StatusCode::UNAUTHORIZED, None))
}

/// A system of the vendor's, deleted or not. That it is another's, or not there at all, looks the same.
pub fn own_system(app: &App, vendor: OrgNumber, id: &str) -> Result<Arc<RegisteredSystem>, ApiError> {
    app.model.system_by_id(id).filter(|system| system.vendor == vendor).ok_or_else(|| SYSTEM_NOT_FOUND.into())
}

/// When what is made now with a random id can no longer be answered.
pub fn made_now(app: &App) -> Made {
    let at = app.clock.now();
    Made { id: app.random.uuid_at(at), at, expires: at + (app.system_users.request_days * 24).hours() }
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
        (status = 415, description = "The body is not JSON"), (status = 429, description = "200 requests already wait for this customer's answer"))
)]
pub async fn post_request(
    State(app): State<Arc<App>>,
    caller: Scoped<RequestWrite>,
    Json(new): Json<NewRequest>,
) -> Result<Response, ApiError> {
    post(&app, &caller, new, RequestKind::Standard).await
}

/// Asks an agent for a system user that acts for its clients
///
/// Answers 201 for a new request, and 200 with the one that is there where the same was asked for before.
#[utoipa::path(
    post, path = "/authentication/api/v1/systemuser/request/vendor/agent", tag = "System user requests",
    request_body = NewAgentRequest,
    responses((status = 201, description = "The new request", body = RequestDto),
        (status = 200, description = "The request that is already there", body = RequestDto),
        (status = 400, description = "Something is wrong with it; code says what"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks the scope"),
        (status = 404, description = "Not one of your systems (AUTH-00011)"),
        (status = 415, description = "The body is not JSON"), (status = 429, description = "200 requests already wait for this customer's answer"))
)]
pub async fn post_agent_request(
    State(app): State<Arc<App>>,
    caller: Scoped<RequestWrite>,
    Json(new): Json<NewAgentRequest>,
) -> Result<Response, ApiError> {
    post(&app, &caller, new.into(), RequestKind::Agent).await
}

async fn post(app: &App, caller: &Caller, new: NewRequest, kind: RequestKind) -> Result<Response, ApiError> {
    let vendor = caller.org.ok_or(VENDOR_UNKNOWN)?;
    for (name, text) in [("systemId", &new.system_id), ("partyOrgNo", &new.party_org_no)] {
        if text.trim().is_empty() {
            return Err(ApiError::member(name, format!("{name} is missing or blank.")));
        }
    }
    // Before anybody has to wait for it, and again when nothing can change.
    own_system(app, vendor, new.system_id.trim())?;
    let mut tx = app.begin(caller.context()).await?;
    let system = own_system(app, vendor, new.system_id.trim())?;
    if system.is_deleted {
        return Err(SYSTEM_NOT_FOUND.into());
    }
    let customer = new.party_org_no.trim().parse().ok().and_then(|number| app.model.parties().by_number(number));
    let customer = customer.ok_or(PARTY_UNKNOWN)?;
    let external_ref = rules::external_ref(new.external_ref.as_deref().map(str::trim), &customer)?;
    let key = RequestKey { system: system.internal_id, party: customer.party_uuid, external_ref, kind };
    if let Some(there) = request_in_the_way(app, &mut tx, &key, customer.org_number).await? {
        app.commit(tx).await?;
        return Ok(Json(RequestDto::with_confirm_url(app, &there)).into_response());
    }
    rules::check_waiting(tx.waiting_requests(vendor, key.party).await?)?;
    let request = rules::new_request(new.asked(), key, &system, &customer, &app.model.metadata(), made_now(app))?;
    tx.insert_request(&request).await?;
    let details = json!({"systemId": request.system_id, "externalRef": request.external_ref});
    app.audit(&mut tx, "request.created", (request.party, request.id), details).await?;
    app.commit(tx).await?;
    app.tell_of_request(Event::RequestArrived, request.party_org, &request.system_id, request.id, page_of(kind));
    let of_kind = match kind {
        RequestKind::Standard => "",
        RequestKind::Agent => "agent/",
    };
    let path = format!("authentication/api/v1/systemuser/request/vendor/{of_kind}{}", request.id);
    let headers = [(LOCATION, app.faces.join(Face::Platform, &path))];
    Ok((StatusCode::CREATED, headers, Json(RequestDto::with_confirm_url(app, &request))).into_response())
}

/// The request to answer with instead of making a new one. A system user that lives, or a request of the other kind
/// that waits, is a refusal; for an agent's also a standard one that was answered. A request whose time has run out
/// makes room, which is written here.
async fn request_in_the_way(
    app: &App,
    tx: &mut Write,
    key: &RequestKey,
    customer: OrgNumber,
) -> Result<Option<Request>, ApiError> {
    if app.model.system_user_of(key.system, customer, &key.external_ref).is_some() {
        return Err(SYSTEM_USER_EXISTS.into());
    }
    // One of the same kind first: whatever else there is, it is the answer.
    let other = match key.kind {
        RequestKind::Standard => RequestKind::Agent,
        RequestKind::Agent => RequestKind::Standard,
    };
    for kind in [key.kind, other] {
        let other = RequestKey { kind, ..key.clone() };
        let Some(request) = tx.latest_request(&other).await? else { continue };
        match request.status_at(tx.now()) {
            RequestStatus::Timedout => {
                tx.time_out_request(request.id).await?;
            }
            _ if kind == key.kind => return Ok(Some(request)),
            RequestStatus::New => return Err(REQUEST_PENDING.into()),
            RequestStatus::Accepted if kind == RequestKind::Standard => return Err(REQUEST_ACCEPTED.into()),
            RequestStatus::Rejected if kind == RequestKind::Standard => return Err(REQUEST_REJECTED.into()),
            RequestStatus::Accepted | RequestStatus::Rejected => {}
        }
    }
    Ok(None)
}

/// A request for a system of the caller's. Whether another vendor's request exists is nobody's business.
pub async fn own_request(app: &App, caller: &Caller, id: Uuid) -> Result<Request, ApiError> {
    let vendor = vendor(caller)?;
    let request = app.store.read().await?.request(id).await?.ok_or(REQUEST_NOT_FOUND)?;
    let owned = app.model.system(request.system_internal_id).is_some_and(|system| system.vendor == vendor);
    if owned { Ok(request) } else { Err(REQUEST_NOT_FOUND.into()) }
}

async fn read(app: &App, caller: &Caller, id: Uuid, kind: RequestKind) -> Result<Json<RequestDto>, ApiError> {
    let request = own_request(app, caller, id).await?;
    if request.kind != kind {
        return Err(REQUEST_NOT_FOUND.into());
    }
    Ok(Json(RequestDto::with_confirm_url(app, &request)))
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
    read(&app, &caller, id, RequestKind::Standard).await
}

/// Reads a request for an agent's system user
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/request/vendor/agent/{requestId}", tag = "System user requests",
    params(("requestId" = Uuid, Path, description = "The request's id")),
    responses((status = 200, description = "The request", body = RequestDto), (status = 400, description = "Not an id"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks the scope"),
        (status = 404, description = "Not one of your requests (AUTH-00010)"))
)]
pub async fn read_agent_request(
    State(app): State<Arc<App>>,
    caller: Scoped<RequestRead>,
    Path(id): Path<Uuid>,
) -> Result<Json<RequestDto>, ApiError> {
    read(&app, &caller, id, RequestKind::Agent).await
}

async fn read_by_reference(
    app: &App,
    caller: &Caller,
    (system_id, org_no, external_ref): (String, String, String),
    kind: RequestKind,
) -> Result<Json<RequestDto>, ApiError> {
    let system = own_system(app, vendor(caller)?, &system_id)?;
    let customer = org_no.parse().ok().and_then(|number| app.model.parties().by_number(number));
    let party = customer.ok_or(REQUEST_NOT_FOUND)?.party_uuid;
    let key = RequestKey { system: system.internal_id, party, external_ref, kind };
    let request = app.store.read().await?.latest_request(&key).await?.ok_or(REQUEST_NOT_FOUND)?;
    Ok(Json(RequestDto::with_confirm_url(app, &request)))
}

/// Reads a request by what it is about
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/request/vendor/byexternalref/{systemId}/{orgNo}/{externalRef}",
    tag = "System user requests",
    params(("systemId" = String, Path, description = "The system"), ("orgNo" = String, Path, description = "The customer"),
        ("externalRef" = String, Path, description = "The vendor's reference; the customer's number where none was given")),
    responses((status = 200, description = "The request", body = RequestDto), (status = 400, description = "The address cannot be read"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks the scope"),
        (status = 404, description = "Not one of your systems (AUTH-00011) or requests (AUTH-00010)"))
)]
pub async fn read_request_by_reference(
    State(app): State<Arc<App>>,
    caller: Scoped<RequestRead>,
    Path(reference): Path<(String, String, String)>,
) -> Result<Json<RequestDto>, ApiError> {
    read_by_reference(&app, &caller, reference, RequestKind::Standard).await
}

/// Reads a request for an agent's system user by what it is about
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/request/vendor/agent/byexternalref/{systemId}/{orgNo}/{externalRef}",
    tag = "System user requests",
    params(("systemId" = String, Path, description = "The system"), ("orgNo" = String, Path, description = "The customer"),
        ("externalRef" = String, Path, description = "The vendor's reference; the customer's number where none was given")),
    responses((status = 200, description = "The request", body = RequestDto), (status = 400, description = "The address cannot be read"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks the scope"),
        (status = 404, description = "Not one of your systems (AUTH-00011) or requests (AUTH-00010)"))
)]
pub async fn read_agent_request_by_reference(
    State(app): State<Arc<App>>,
    caller: Scoped<RequestRead>,
    Path(reference): Path<(String, String, String)>,
) -> Result<Json<RequestDto>, ApiError> {
    read_by_reference(&app, &caller, reference, RequestKind::Agent).await
}

async fn list(
    app: &App,
    caller: &Caller,
    uri: &http::Uri,
    (system_id, kind): (&str, RequestKind),
    query: &PageQuery,
) -> Result<Json<Page<RequestDto>>, ApiError> {
    let system = own_system(app, vendor(caller)?, system_id)?;
    let (size, after, now) = (app.system_users.page_size, query.after()?, app.clock.now());
    let rows = app.store.read().await?.requests_of_system(system.internal_id, kind, after, size + 1).await?;
    Ok(Json(Page::new(&app.faces, uri, size, rows, |request| Some(RequestDto::new(&request, now)))))
}

/// Lists the requests for a system, in the order of being made
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/request/vendor/bysystem/{systemId}", tag = "System user requests",
    params(("systemId" = String, Path, description = "The system"), PageQuery),
    responses((status = 200, description = "A page of requests", body = Page<RequestDto>), (status = 400, description = "Not the token of a page"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks the scope"),
        (status = 404, description = "Not one of your systems (AUTH-00011)"))
)]
pub async fn list_requests(
    State(app): State<Arc<App>>,
    caller: Scoped<RequestRead>,
    OriginalUri(uri): OriginalUri,
    Path(system_id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<RequestDto>>, ApiError> {
    list(&app, &caller, &uri, (&system_id, RequestKind::Standard), &query).await
}

/// Lists the requests for agents' system users of a system, in the order of being made
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/request/vendor/agent/bysystem/{systemId}", tag = "System user requests",
    params(("systemId" = String, Path, description = "The system"), PageQuery),
    responses((status = 200, description = "A page of requests", body = Page<RequestDto>), (status = 400, description = "Not the token of a page"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks the scope"),
        (status = 404, description = "Not one of your systems (AUTH-00011)"))
)]
pub async fn list_agent_requests(
    State(app): State<Arc<App>>,
    caller: Scoped<RequestRead>,
    OriginalUri(uri): OriginalUri,
    Path(system_id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<RequestDto>>, ApiError> {
    list(&app, &caller, &uri, (&system_id, RequestKind::Agent), &query).await
}

/// Withdraws a request of either kind, whatever its status
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
    if !tx.delete_request(request.id).await? {
        return Err(REQUEST_NOT_FOUND.into());
    }
    let details = json!({"systemId": request.system_id});
    app.audit(&mut tx, "request.withdrawn", (request.party, request.id), details).await?;
    app.commit(tx).await?;
    Ok(StatusCode::ACCEPTED)
}
