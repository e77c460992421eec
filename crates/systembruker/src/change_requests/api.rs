//! Change requests over HTTP, for vendors.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::LOCATION;
use model::problem::{
    CHANGE_REQUEST_NOT_NEW, REQUEST_NOT_FOUND, REQUEST_PENDING, RIGHT_NOT_FOUND, SYSTEM_NOT_FOUND,
    SYSTEM_USER_NOT_FOUND,
};
use model::{AccessPackage, ChangeRequest, OrgNumber, Organisation, RequestStatus, RightsChange, SystemUserKind};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::Write;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::answer::CHANGE_PAGE;
use super::dto::{ChangeRequestDto, NewChangeRequest};
use crate::access::clients::{held_for, lacking};
use crate::app::App;
use crate::http::caller::scope::{RequestRead, RequestWrite};
use crate::http::caller::{Caller, Scoped};
use crate::http::extract::{Json, Path, Query};
use crate::http::faces::Face;
use crate::http::paging::{Page, PageQuery};
use crate::http::problem::ApiError;
use crate::notices::Event;
use crate::read_model::SystemUserEntry;
use crate::requests::api::{made_now, own_system, vendor};
use crate::requests::rules::{Made, check_lists, check_packages_of, check_redirect, check_waiting, check_within};
use crate::system_users::agents::clients_given;

/// Which system user, and under which id.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "kebab-case")]
#[into_params(parameter_in = Query)]
pub struct ChangeQuery {
    /// The id of the change request, which the vendor chooses.
    correlation_id: Option<Uuid>,
    /// The system user.
    system_user_id: Option<Uuid>,
}

/// Asks that a system user is given more, or less
///
/// Answers 201 for a new change request, and 200 with the one that is there where the id was used before, or where
/// nothing is asked for. Without the parameters, the system user is named in the body by `systemId`, `partyOrgNo` and
/// `externalRef`; then the id is chosen here.
#[utoipa::path(
    post, path = "/authentication/api/v1/systemuser/changerequest/vendor", tag = "Change requests", params(ChangeQuery),
    request_body = NewChangeRequest,
    responses((status = 201, description = "The new change request", body = ChangeRequestDto),
        (status = 200, description = "The one that is already there, or nothing is asked for", body = ChangeRequestDto),
        (status = 400, description = "Something is wrong with it; code says what"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks the scope"),
        (status = 404, description = "Not a system user (AUTH-00015) or system (AUTH-00011) of yours"),
        (status = 409, description = "The id was used, and its change request is no longer new (AUTH-00061)"),
        (status = 415, description = "The body is not JSON"), (status = 429, description = "Too many already wait for this customer's answer"))
)]
pub async fn post_change_request(
    State(app): State<Arc<App>>,
    caller: Scoped<RequestWrite>,
    Query(query): Query<ChangeQuery>,
    Json(mut new): Json<NewChangeRequest>,
) -> Result<Response, ApiError> {
    let mut tx = app.begin(caller.context()).await?;
    let (user, id) = meant(&app, &caller, &query, &new)?;
    let change = new.change();
    let kinds = &[SystemUserKind::Standard];
    let (status, dto) = post(&app, &mut tx, (&user, kinds), (id, change, new.redirect_url.take())).await?;
    app.commit(tx).await?;
    if status == StatusCode::OK {
        return Ok(Json(dto).into_response());
    }
    app.tell_of_request(Event::ChangeRequestArrived, user.owner, &user.system_id, dto.id(), CHANGE_PAGE);
    let path = format!("authentication/api/v1/systemuser/changerequest/vendor/{}", dto.id());
    Ok((status, [(LOCATION, app.faces.join(Face::Platform, &path))], Json(dto)).into_response())
}

/// Whether to say what would happen instead.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "kebab-case")]
#[into_params(parameter_in = Query)]
pub struct DryRunQuery {
    /// The id of the change request, which the vendor chooses.
    correlation_id: Option<Uuid>,
    /// The system user.
    system_user_id: Option<Uuid>,
    /// Store nothing, and say which clients of an agent's system user would go without what is new.
    #[serde(default)]
    dry_run: bool,
}

/// What a change request would come to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DryRun {
    /// The change request, as it would be.
    change_request: ChangeRequestDto,
    /// How many clients the system user acts for.
    clients: usize,
    /// Those for whom the agent lacks packages that are asked for. They keep what they have, without these.
    clients_lacking_packages: Vec<LackingClient>,
}

/// A client for whom packages are missing.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LackingClient {
    organization_number: String,
    missing_packages: Vec<String>,
}

/// Asks that a system user, of either kind, is given more, or less
///
/// As the address of the same name for system users of the standard kind. An agent's has packages only. When it is
/// approved, each of its clients is given what is new, where the agent has it for the client.
#[utoipa::path(
    post, path = "/systembruker/api/v1/changerequests", tag = "For vendors", params(DryRunQuery),
    request_body = NewChangeRequest,
    responses((status = 201, description = "The new change request", body = ChangeRequestDto),
        (status = 200, description = "The one that is already there; nothing is asked for; or, for a dry run, what it would come to", body = DryRun),
        (status = 400, description = "Something is wrong with it; code says what"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks the scope"),
        (status = 404, description = "Not a system user (AUTH-00015) or system (AUTH-00011) of yours"),
        (status = 409, description = "The id was used, and its change request is no longer new (AUTH-00061)"),
        (status = 415, description = "The body is not JSON"), (status = 429, description = "Too many already wait for this customer's answer"))
)]
pub async fn post_for_any_kind(
    State(app): State<Arc<App>>,
    caller: Scoped<RequestWrite>,
    Query(query): Query<DryRunQuery>,
    Json(mut new): Json<NewChangeRequest>,
) -> Result<Response, ApiError> {
    let mut tx = app.begin(caller.context()).await?;
    let DryRunQuery { correlation_id, system_user_id, dry_run } = query;
    let (user, id) = meant(&app, &caller, &ChangeQuery { correlation_id, system_user_id }, &new)?;
    let change = new.change();
    let packages = change.required_packages.clone();
    let kinds = &[SystemUserKind::Standard, SystemUserKind::Agent];
    let (status, dto) = post(&app, &mut tx, (&user, kinds), (id, change, new.redirect_url.take())).await?;
    if dry_run {
        // Nothing is committed, and nobody waits for the rest.
        drop(tx);
        let system = app.model.system(user.system_internal_id).ok_or(SYSTEM_NOT_FOUND)?;
        check_within(&[], &packages, &system)?;
        let (clients, clients_lacking_packages) = (user.clients.len(), lacking_clients(&app, &user, &packages));
        return Ok(Json(DryRun { change_request: dto, clients, clients_lacking_packages }).into_response());
    }
    app.commit(tx).await?;
    if status == StatusCode::CREATED {
        app.tell_of_request(Event::ChangeRequestArrived, user.owner, &user.system_id, dto.id(), CHANGE_PAGE);
    }
    Ok((status, Json(dto)).into_response())
}

/// The clients of an agent's system user for whom the agent lacks some packages, by organisation number.
fn lacking_clients(app: &App, user: &SystemUserEntry, packages: &[AccessPackage]) -> Vec<LackingClient> {
    let lacks = |client: Arc<Organisation>| {
        let held = held_for(&app.model, user.owner_party, client.party_uuid);
        let missing: Vec<_> = lacking(&held, packages).into_iter().map(|package| package.urn.clone()).collect();
        let organization_number = client.org_number.to_string();
        (!missing.is_empty()).then_some(LackingClient { organization_number, missing_packages: missing })
    };
    clients_given(app, user).into_iter().filter_map(lacks).collect()
}

/// The system user that is meant, of a system of the caller's, and the id that the change request shall have.
fn meant(
    app: &App,
    caller: &Caller,
    query: &ChangeQuery,
    new: &NewChangeRequest,
) -> Result<(Arc<SystemUserEntry>, Option<Uuid>), ApiError> {
    if let (None, None, Some(system), Some(customer)) =
        (query.correlation_id, query.system_user_id, &new.system_id, &new.party_org_no)
    {
        let system = own_system(app, vendor(caller)?, system.trim())?;
        let customer = customer.trim();
        let number: OrgNumber = customer.parse().map_err(|_| SYSTEM_USER_NOT_FOUND)?;
        let external_ref = new.external_ref.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let user = app.model.system_user_of(system.internal_id, number, external_ref.unwrap_or(customer));
        return Ok((user.ok_or(SYSTEM_USER_NOT_FOUND)?, None));
    }
    let text = |text: &str| ApiError::Text(StatusCode::BAD_REQUEST, text.to_owned());
    let id = query.correlation_id.filter(|id| !id.is_nil());
    let id = id.ok_or_else(|| text("Give the parameter correlation-id: a uuid of your choice."))?;
    let vendor = vendor(caller)?;
    let user = query.system_user_id.and_then(|id| app.model.system_user(id)).filter(|user| !user.is_deleted);
    // Whether another vendor's system user exists is nobody's business.
    let is_own = |user: &Arc<SystemUserEntry>| {
        app.model.system(user.system_internal_id).is_some_and(|system| system.vendor == vendor)
    };
    let user = user.filter(is_own).ok_or(SYSTEM_USER_NOT_FOUND)?;
    if user.id == id {
        return Err(text("The parameter correlation-id is the system user's id. Choose another uuid."));
    }
    Ok((user, Some(id)))
}

/// Stores a change request about a system user of one of some kinds, or finds the one that is there. With it the status of
/// the answer.
pub async fn post(
    app: &App,
    tx: &mut Write,
    (user, kinds): (&Arc<SystemUserEntry>, &[SystemUserKind]),
    (id, change, redirect_url): (Option<Uuid>, RightsChange, Option<String>),
) -> Result<(StatusCode, ChangeRequestDto), ApiError> {
    let made = made_now(app);
    let id_or_new = id.unwrap_or(made.id);
    if change.is_empty() {
        return Ok((StatusCode::OK, ChangeRequestDto::no_change_needed(user, id_or_new)));
    }
    check_lists(&change.required_rights, &change.required_packages)?;
    check_lists(&change.unwanted_rights, &change.unwanted_packages)?;
    let system = app.model.system(user.system_internal_id).ok_or(SYSTEM_NOT_FOUND)?;
    if let Some(there) = already_there(app, tx, user, system.vendor, (id, &change)).await? {
        return Ok((StatusCode::OK, ChangeRequestDto::with_confirm_url(app, &there)));
    }
    if !kinds.contains(&user.kind) {
        return Err(SYSTEM_USER_NOT_FOUND.into());
    }
    if system.is_deleted {
        return Err(SYSTEM_NOT_FOUND.into());
    }
    let redirect_url = check_redirect(redirect_url.map(|url| url.trim().to_owned()), &system)?;
    if user.kind == SystemUserKind::Agent && !(change.required_rights.is_empty() && change.unwanted_rights.is_empty()) {
        return Err(RIGHT_NOT_FOUND.into());
    }
    check_within(&change.required_rights, &change.required_packages, &system)?;
    check_packages_of(user.kind, &change.required_packages, &app.model.metadata())?;
    check_waiting(tx.waiting_change_requests(user.id).await?)?;
    let request = change_request(user, Made { id: id_or_new, ..made }, change, redirect_url);
    tx.insert_change_request(&request).await?;
    let details = json!({"systemId": request.system_id, "systemUser": request.system_user});
    app.audit(tx, "changerequest.created", (request.party, request.id), details).await?;
    Ok((StatusCode::CREATED, ChangeRequestDto::with_confirm_url(app, &request)))
}

/// The change request with the chosen id; where none was chosen, one that waits and asks for the same.
async fn already_there(
    app: &App,
    tx: &mut Write,
    user: &SystemUserEntry,
    vendor: OrgNumber,
    (id, change): (Option<Uuid>, &RightsChange),
) -> Result<Option<ChangeRequest>, ApiError> {
    let now = tx.now();
    let Some(id) = id else {
        let open = tx.change_requests_of(user.id).await?;
        let same = |other: &ChangeRequest| other.status_at(now) == RequestStatus::New && other.change == *change;
        return Ok(open.into_iter().find(same));
    };
    let Some(there) = tx.change_request(id).await? else { return Ok(None) };
    if app.model.system(there.system_internal_id).is_some_and(|system| system.vendor == vendor) {
        return if there.is_deleted { Err(CHANGE_REQUEST_NOT_NEW.into()) } else { Ok(Some(there)) };
    }
    Err(if there.status_at(now) == RequestStatus::New { REQUEST_PENDING } else { CHANGE_REQUEST_NOT_NEW }.into())
}

fn change_request(
    user: &SystemUserEntry,
    made: Made,
    change: RightsChange,
    redirect_url: Option<String>,
) -> ChangeRequest {
    ChangeRequest {
        id: made.id,
        system_user: user.id,
        system_internal_id: user.system_internal_id,
        system_id: user.system_id.clone(),
        party: user.owner_party,
        party_org: user.owner,
        external_ref: user.external_ref.clone(),
        change,
        status: RequestStatus::New,
        redirect_url,
        is_deleted: false,
        created: made.at,
        expires: made.expires,
        answered: None,
    }
}

/// A change request for a system of the caller's.
async fn own_change_request(app: &App, caller: &Caller, id: Uuid) -> Result<ChangeRequest, ApiError> {
    let vendor = vendor(caller)?;
    let request = app.store.read().await?.change_request(id).await?.filter(|request| !request.is_deleted);
    let request = request.ok_or(REQUEST_NOT_FOUND)?;
    let owned = app.model.system(request.system_internal_id).is_some_and(|system| system.vendor == vendor);
    if owned { Ok(request) } else { Err(REQUEST_NOT_FOUND.into()) }
}

/// Reads a change request
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/changerequest/vendor/{requestId}", tag = "Change requests",
    params(("requestId" = Uuid, Path, description = "The change request's id")),
    responses((status = 200, description = "The change request", body = ChangeRequestDto), (status = 400, description = "Not an id"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks the scope"),
        (status = 404, description = "Not one of yours (AUTH-00010)"))
)]
pub async fn read_change_request(
    State(app): State<Arc<App>>,
    caller: Scoped<RequestRead>,
    Path(id): Path<Uuid>,
) -> Result<Json<ChangeRequestDto>, ApiError> {
    let request = own_change_request(&app, &caller, id).await?;
    Ok(Json(ChangeRequestDto::with_confirm_url(&app, &request)))
}

/// Reads the newest change request by what it is about
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/changerequest/vendor/byexternalref/{systemId}/{orgNo}/{externalRef}",
    tag = "Change requests",
    params(("systemId" = String, Path, description = "The system"), ("orgNo" = String, Path, description = "The customer"),
        ("externalRef" = String, Path, description = "The vendor's reference; the customer's number where none was given")),
    responses((status = 200, description = "The change request", body = ChangeRequestDto), (status = 400, description = "The address cannot be read"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks the scope"),
        (status = 404, description = "Not one of your systems (AUTH-00011) or change requests (AUTH-00010)"))
)]
pub async fn read_by_reference(
    State(app): State<Arc<App>>,
    caller: Scoped<RequestRead>,
    Path((system_id, org_no, external_ref)): Path<(String, String, String)>,
) -> Result<Json<ChangeRequestDto>, ApiError> {
    let system = own_system(&app, vendor(&caller)?, &system_id)?;
    let customer = org_no.parse().ok().and_then(|number| app.model.parties().by_number(number));
    let party = customer.ok_or(REQUEST_NOT_FOUND)?.party_uuid;
    let mut session = app.store.read().await?;
    let request = session.latest_change_request(system.internal_id, party, &external_ref).await?;
    Ok(Json(ChangeRequestDto::with_confirm_url(&app, &request.ok_or(REQUEST_NOT_FOUND)?)))
}

/// Lists the change requests for a system, in the order of being made
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/changerequest/vendor/bysystem/{systemId}", tag = "Change requests",
    params(("systemId" = String, Path, description = "The system"), PageQuery),
    responses((status = 200, description = "A page of change requests", body = Page<ChangeRequestDto>), (status = 400, description = "Not the token of a page"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks the scope"),
        (status = 404, description = "Not one of your systems (AUTH-00011)"))
)]
pub async fn list_change_requests(
    State(app): State<Arc<App>>,
    caller: Scoped<RequestRead>,
    OriginalUri(uri): OriginalUri,
    Path(system_id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<ChangeRequestDto>>, ApiError> {
    let system = own_system(&app, vendor(&caller)?, &system_id)?;
    let (size, after, now) = (app.system_users.page_size, query.after()?, app.clock.now());
    let rows = app.store.read().await?.change_requests_of_system(system.internal_id, after, size + 1).await?;
    Ok(Json(Page::new(&app.faces, &uri, size, rows, |request| Some(ChangeRequestDto::new(&request, now)))))
}

/// Withdraws a change request, whatever its status
#[utoipa::path(
    delete, path = "/authentication/api/v1/systemuser/changerequest/vendor/{requestId}", tag = "Change requests",
    params(("requestId" = Uuid, Path, description = "The change request's id")),
    responses((status = 202, description = "Withdrawn"), (status = 400, description = "Not an id"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks the scope"),
        (status = 404, description = "Not one of yours (AUTH-00010)"))
)]
pub async fn delete_change_request(
    State(app): State<Arc<App>>,
    caller: Scoped<RequestWrite>,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    let request = own_change_request(&app, &caller, id).await?;
    let mut tx = app.store.write(caller.context(), app.clock.now()).await?;
    if !tx.delete_change_request(request.id).await? {
        return Err(REQUEST_NOT_FOUND.into());
    }
    let details = json!({"systemId": request.system_id, "systemUser": request.system_user});
    app.audit(&mut tx, "changerequest.withdrawn", (request.party, request.id), details).await?;
    app.commit(tx).await?;
    Ok(StatusCode::ACCEPTED)
}
