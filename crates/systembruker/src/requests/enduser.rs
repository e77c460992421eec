//! Requests over HTTP, for persons who answer them: the portal, and programs of end users.
//!
//! Answering is for those who administer access for the organisation that the request is to. Whoever has any relation to
//! it may see the request and forward it. The two kinds have addresses of their own and are else the same.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use model::problem::{NOT_ACCESS_MANAGER, PARTY_UNKNOWN, REQUEST_NOT_FOUND};
use model::{Answer, Organisation, Request, RequestKind, RequestStatus};
use uuid::Uuid;

use super::answer::{Target, answer, nothing_shown};
use super::dto::{RequestDto, RequestForAnswer};
use super::forwarding::{self, Subject};
use crate::access::acting::{
    AccessManagementRead, AccessManagementWrite, Acting, PortalAccessManagementWrite, may_act, organisation_of,
};
use crate::access::relations::relations;
use crate::app::App;
use crate::http::caller::scope::Portal;
use crate::http::caller::{Caller, Scoped};
use crate::http::extract::{Json, Path};
use crate::http::problem::ApiError;
use crate::read_model::Party;
use crate::resource_registry::builtin::ACCESS_MANAGEMENT;

/// The two parts of an address that name a request.
type PartyAndRequest = (String, Uuid);

async fn read<P>(app: &App, acting: &Acting<P>, id: Uuid, kind: RequestKind) -> Result<Json<RequestDto>, ApiError> {
    let request = app.store.read().await?.request(id).await?;
    let own = request.filter(|request| request.kind == kind && request.party == acting.organisation.party_uuid);
    Ok(Json(RequestDto::new(&own.ok_or(REQUEST_NOT_FOUND)?, app.clock.now())))
}

/// Reads a request to an organisation
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/request/{party}/{requestId}", tag = "Answering requests",
    params(("party" = String, Path, description = "The organisation's party id"), ("requestId" = Uuid, Path, description = "The request's id")),
    responses((status = 200, description = "The request", body = RequestDto), (status = 400, description = "No such organisation (AUTH-00000), or not an id"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access for the organisation"),
        (status = 404, description = "No such request to the organisation (AUTH-00010)"))
)]
pub async fn read_request(
    State(app): State<Arc<App>>,
    acting: Acting<AccessManagementRead>,
    Path((_, id)): Path<PartyAndRequest>,
) -> Result<Json<RequestDto>, ApiError> {
    read(&app, &acting, id, RequestKind::Standard).await
}

/// Reads a request for an agent's system user to an organisation
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/request/agent/{party}/{requestId}", tag = "Answering requests",
    params(("party" = String, Path, description = "The organisation's party id"), ("requestId" = Uuid, Path, description = "The request's id")),
    responses((status = 200, description = "The request", body = RequestDto), (status = 400, description = "No such organisation (AUTH-00000), or not an id"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access for the organisation"),
        (status = 404, description = "No such request to the organisation (AUTH-00010)"))
)]
pub async fn read_agent_request(
    State(app): State<Arc<App>>,
    acting: Acting<AccessManagementRead>,
    Path((_, id)): Path<PartyAndRequest>,
) -> Result<Json<RequestDto>, ApiError> {
    read(&app, &acting, id, RequestKind::Agent).await
}

/// Whether a person has any relation to an organisation: may do anything for it at all.
pub fn is_related(app: &App, caller: &Caller, organisation: &Arc<Organisation>) -> bool {
    let Ok(calling) = caller.require_person() else { return false };
    let (holder, party) = (Party::Person(Arc::clone(&calling.person)), Party::Organisation(Arc::clone(organisation)));
    !relations(&app.model, &holder, &party, app.clock.now()).is_empty()
}

async fn read_for_answer(
    app: &App,
    caller: &Caller,
    id: Uuid,
    kind: RequestKind,
) -> Result<Json<RequestForAnswer>, ApiError> {
    caller.require_person()?;
    let request = app.store.read().await?.request(id).await?.filter(|request| request.kind == kind);
    let request = request.ok_or(REQUEST_NOT_FOUND)?;
    let organisation = app.model.parties().organisation(request.party).ok_or(PARTY_UNKNOWN)?;
    let may_answer = may_act(app, caller, &organisation, ACCESS_MANAGEMENT, "write").is_ok();
    if !may_answer && !is_related(app, caller, &organisation) {
        return Err(NOT_ACCESS_MANAGER.into());
    }
    Ok(Json(RequestForAnswer::new(&request, &organisation, !may_answer, app.clock.now())))
}

/// Reads a request, with what the person can do about it
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/request/{requestId}", tag = "Answering requests",
    params(("requestId" = Uuid, Path, description = "The request's id")),
    responses((status = 200, description = "The request", body = RequestForAnswer), (status = 400, description = "Not an id"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person of the organisation that it is to (AUTH-00066)"),
        (status = 404, description = "No such request (AUTH-00010)"))
)]
pub async fn read_request_for_answer(
    State(app): State<Arc<App>>,
    caller: Scoped<Portal>,
    Path(id): Path<Uuid>,
) -> Result<Json<RequestForAnswer>, ApiError> {
    read_for_answer(&app, &caller, id, RequestKind::Standard).await
}

/// Reads a request for an agent's system user, with what the person can do about it
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/request/agent/{requestId}", tag = "Answering requests",
    params(("requestId" = Uuid, Path, description = "The request's id")),
    responses((status = 200, description = "The request", body = RequestForAnswer), (status = 400, description = "Not an id"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person of the organisation that it is to (AUTH-00066)"),
        (status = 404, description = "No such request (AUTH-00010)"))
)]
pub async fn read_agent_request_for_answer(
    State(app): State<Arc<App>>,
    caller: Scoped<Portal>,
    Path(id): Path<Uuid>,
) -> Result<Json<RequestForAnswer>, ApiError> {
    read_for_answer(&app, &caller, id, RequestKind::Agent).await
}

async fn give<P>(
    app: &App,
    acting: &Acting<P>,
    (kind, id): (RequestKind, Uuid),
    given: Answer,
) -> Result<Json<bool>, ApiError> {
    let target = Target { party: acting.organisation.party_uuid, kind, id };
    answer(app, &acting.answerer(), target, given, nothing_shown).await?;
    Ok(Json(true))
}

/// Approves a request: makes the system user and gives it what was asked for
#[utoipa::path(
    post, path = "/authentication/api/v1/systemuser/request/{party}/{requestId}/approve", tag = "Answering requests",
    params(("party" = String, Path, description = "The organisation's party id"), ("requestId" = Uuid, Path, description = "The request's id")),
    responses((status = 200, description = "true", body = bool), (status = 400, description = "It can no longer be approved; code says why"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who may, or who can pass this on; code says why"),
        (status = 404, description = "No such request (AUTH-00010) or system (AUTH-00011)"), (status = 409, description = "It was answered or has timed out (AUTH-00013)"))
)]
pub async fn approve(
    State(app): State<Arc<App>>,
    acting: Acting<PortalAccessManagementWrite>,
    Path((_, id)): Path<PartyAndRequest>,
) -> Result<Json<bool>, ApiError> {
    give(&app, &acting, (RequestKind::Standard, id), Answer::Approve).await
}

/// Rejects a request
#[utoipa::path(
    post, path = "/authentication/api/v1/systemuser/request/{party}/{requestId}/reject", tag = "Answering requests",
    params(("party" = String, Path, description = "The organisation's party id"), ("requestId" = Uuid, Path, description = "The request's id")),
    responses((status = 200, description = "true", body = bool), (status = 400, description = "No such organisation (AUTH-00000), or not an id"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access, or the request is to another (AUTH-00041)"),
        (status = 404, description = "No such request (AUTH-00010)"), (status = 409, description = "It was answered or has timed out (AUTH-00013)"))
)]
pub async fn reject(
    State(app): State<Arc<App>>,
    acting: Acting<AccessManagementWrite>,
    Path((_, id)): Path<PartyAndRequest>,
) -> Result<Json<bool>, ApiError> {
    give(&app, &acting, (RequestKind::Standard, id), Answer::Reject).await
}

/// Approves a request for an agent's system user, which is then given clients
#[utoipa::path(
    post, path = "/authentication/api/v1/systemuser/request/agent/{party}/{requestId}/approve", tag = "Answering requests",
    params(("party" = String, Path, description = "The organisation's party id"), ("requestId" = Uuid, Path, description = "The request's id")),
    responses((status = 200, description = "true", body = bool), (status = 400, description = "It can no longer be approved; code says why"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access, or the request is to another (AUTH-00042)"),
        (status = 404, description = "No such request (AUTH-00030) or system (AUTH-00011)"), (status = 409, description = "It was answered or has timed out (AUTH-00013)"))
)]
pub async fn approve_agent(
    State(app): State<Arc<App>>,
    acting: Acting<PortalAccessManagementWrite>,
    Path((_, id)): Path<PartyAndRequest>,
) -> Result<Json<bool>, ApiError> {
    give(&app, &acting, (RequestKind::Agent, id), Answer::Approve).await
}

/// Rejects a request for an agent's system user
#[utoipa::path(
    post, path = "/authentication/api/v1/systemuser/request/agent/{party}/{requestId}/reject", tag = "Answering requests",
    params(("party" = String, Path, description = "The organisation's party id"), ("requestId" = Uuid, Path, description = "The request's id")),
    responses((status = 200, description = "true", body = bool), (status = 400, description = "No such organisation (AUTH-00000), or not an id"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access, or the request is to another (AUTH-00042)"),
        (status = 404, description = "No such request (AUTH-00030)"), (status = 409, description = "It was answered or has timed out (AUTH-00013)"))
)]
pub async fn reject_agent(
    State(app): State<Arc<App>>,
    acting: Acting<AccessManagementWrite>,
    Path((_, id)): Path<PartyAndRequest>,
) -> Result<Json<bool>, ApiError> {
    give(&app, &acting, (RequestKind::Agent, id), Answer::Reject).await
}

/// Forwards a request to those who can answer it. `false` for one who has nothing to do with the organisation.
async fn forward(
    app: &App,
    caller: &Caller,
    headers: &http::HeaderMap,
    (party, kind, id): (&str, RequestKind, Uuid),
) -> Result<Json<bool>, ApiError> {
    caller.require_person()?;
    let organisation = organisation_of(app, headers, party)?;
    if !is_related(app, caller, &organisation) {
        return Ok(Json(false));
    }
    let mut context = caller.context();
    context.on_behalf_of = Some(organisation.party_uuid.to_string());
    let subject = Subject::Request(Target { party: organisation.party_uuid, kind, id });
    forwarding::forward(app, context, subject, None).await?;
    Ok(Json(true))
}

/// Forwards a request to those who administer access for the organisation
#[utoipa::path(
    post, path = "/authentication/api/v1/systemuser/request/{party}/{requestId}/escalate", tag = "Answering requests",
    params(("party" = String, Path, description = "The organisation's party id"), ("requestId" = Uuid, Path, description = "The request's id")),
    responses((status = 200, description = "true; false for one who has nothing to do with the organisation", body = bool),
        (status = 400, description = "No such organisation (AUTH-00000), or not an id"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person, or the request is to another (AUTH-00041)"),
        (status = 404, description = "No such request (AUTH-00010)"), (status = 409, description = "It was answered or has timed out (AUTH-00013)"))
)]
pub async fn escalate(
    State(app): State<Arc<App>>,
    caller: Scoped<Portal>,
    headers: http::HeaderMap,
    Path((party, id)): Path<PartyAndRequest>,
) -> Result<Json<bool>, ApiError> {
    forward(&app, &caller, &headers, (&party, RequestKind::Standard, id)).await
}

/// Forwards a request for an agent's system user to those who administer access for the organisation
#[utoipa::path(
    post, path = "/authentication/api/v1/systemuser/request/agent/{party}/{requestId}/escalate", tag = "Answering requests",
    params(("party" = String, Path, description = "The organisation's party id"), ("requestId" = Uuid, Path, description = "The request's id")),
    responses((status = 200, description = "true; false for one who has nothing to do with the organisation", body = bool),
        (status = 400, description = "No such organisation (AUTH-00000), or not an id"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person, or the request is to another (AUTH-00042)"),
        (status = 404, description = "No such request (AUTH-00030)"), (status = 409, description = "It was answered or has timed out (AUTH-00013)"))
)]
pub async fn escalate_agent(
    State(app): State<Arc<App>>,
    caller: Scoped<Portal>,
    headers: http::HeaderMap,
    Path((party, id)): Path<PartyAndRequest>,
) -> Result<Json<bool>, ApiError> {
    forward(&app, &caller, &headers, (&party, RequestKind::Agent, id)).await
}

async fn pending<P>(
    app: &App,
    acting: &Acting<P>,
    org_number: &str,
    kind: RequestKind,
) -> Result<Json<Vec<RequestDto>>, ApiError> {
    // Those of another organisation are not for this person.
    if acting.organisation.org_number.as_str() != org_number {
        return Err(ApiError::Bare(StatusCode::FORBIDDEN));
    }
    let now = app.clock.now();
    let open = app.store.read().await?.open_requests(acting.organisation.party_uuid).await?;
    let is_open = |request: &&Request| request.kind == kind && request.status_at(now) == RequestStatus::New;
    Ok(Json(open.iter().filter(is_open).map(|request| RequestDto::new(request, now)).collect()))
}

/// Lists the requests that wait for an answer, forwarded or not
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/request/{party}/{orgNo}/pending", tag = "Answering requests",
    params(("party" = String, Path, description = "The organisation's party id"), ("orgNo" = String, Path, description = "Its number")),
    responses((status = 200, description = "The last 1000", body = [RequestDto]), (status = 400, description = "No such organisation (AUTH-00000)"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access for the organisation, or another's number"))
)]
pub async fn list_pending(
    State(app): State<Arc<App>>,
    acting: Acting<PortalAccessManagementWrite>,
    Path((_, org_number)): Path<(String, String)>,
) -> Result<Json<Vec<RequestDto>>, ApiError> {
    pending(&app, &acting, &org_number, RequestKind::Standard).await
}

/// Lists the requests for agents' system users that wait for an answer, forwarded or not
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/request/agent/{party}/{orgNo}/pending", tag = "Answering requests",
    params(("party" = String, Path, description = "The organisation's party id"), ("orgNo" = String, Path, description = "Its number")),
    responses((status = 200, description = "The last 1000", body = [RequestDto]), (status = 400, description = "No such organisation (AUTH-00000)"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access for the organisation, or another's number"))
)]
pub async fn list_pending_agent(
    State(app): State<Arc<App>>,
    acting: Acting<PortalAccessManagementWrite>,
    Path((_, org_number)): Path<(String, String)>,
) -> Result<Json<Vec<RequestDto>>, ApiError> {
    pending(&app, &acting, &org_number, RequestKind::Agent).await
}
