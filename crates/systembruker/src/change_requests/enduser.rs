//! Change requests over HTTP, for persons who answer them.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use model::problem::{NOT_ACCESS_MANAGER, PARTY_UNKNOWN, REQUEST_NOT_FOUND};
use model::{Answer, SystemUserKind};
use uuid::Uuid;

use super::answer::answer;
use super::dto::{ChangeRequestDto, ChangeRequestForAnswer};
use crate::access::acting::{AccessManagementRead, AccessManagementWrite, Acting, may_act};
use crate::app::App;
use crate::http::caller::Scoped;
use crate::http::caller::scope::Authenticated;
use crate::http::extract::{Json, Path};
use crate::http::problem::ApiError;
use crate::requests::answer::{Answerer, check_delegable_packages, nothing_shown};
use crate::resource_registry::builtin::ACCESS_MANAGEMENT;

/// Reads a change request to an organisation
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/changerequest/{party}/{requestId}", tag = "Answering requests",
    params(("party" = String, Path, description = "The organisation's party id"), ("requestId" = Uuid, Path, description = "The change request's id")),
    responses((status = 200, description = "The change request", body = ChangeRequestDto), (status = 400, description = "No such organisation (AUTH-00000), or not an id"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access for the organisation"),
        (status = 404, description = "No such change request to the organisation (AUTH-00010)"))
)]
pub async fn read_for_party(
    State(app): State<Arc<App>>,
    acting: Acting<AccessManagementRead>,
    Path((_, id)): Path<(String, Uuid)>,
) -> Result<Json<ChangeRequestDto>, ApiError> {
    let request = app.store.read().await?.change_request(id).await?;
    let own = request.filter(|request| !request.is_deleted && request.party == acting.organisation.party_uuid);
    Ok(Json(ChangeRequestDto::new(&own.ok_or(REQUEST_NOT_FOUND)?, app.clock.now())))
}

/// Reads a change request, for one who can answer it
///
/// Says with a refusal which packages the person cannot give.
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/changerequest/{requestId}", tag = "Answering requests",
    params(("requestId" = Uuid, Path, description = "The change request's id")),
    responses((status = 200, description = "The change request", body = ChangeRequestForAnswer), (status = 400, description = "Not an id, or packages that the person cannot give (AUTH-00053)"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access for the organisation (AUTH-00066)"),
        (status = 404, description = "No such change request (AUTH-00010)"))
)]
pub async fn read_for_answer(
    State(app): State<Arc<App>>,
    caller: Scoped<Authenticated>,
    Path(id): Path<Uuid>,
) -> Result<Json<ChangeRequestForAnswer>, ApiError> {
    caller.require_person()?;
    let request = app.store.read().await?.change_request(id).await?.filter(|request| !request.is_deleted);
    let request = request.ok_or(REQUEST_NOT_FOUND)?;
    let organisation = app.model.parties().organisation(request.party).ok_or(PARTY_UNKNOWN)?;
    let person = may_act(&app, &caller, &organisation, ACCESS_MANAGEMENT, "write").map_err(|_| NOT_ACCESS_MANAGER)?;
    let user = app.model.system_user(request.system_user);
    if user.is_some_and(|user| user.kind == SystemUserKind::Standard) {
        let level = caller.require_person()?.level;
        let answerer = Answerer { person: person.party_uuid, level, context: caller.context() };
        let packages: BTreeSet<_> = request.change.required_packages.iter().cloned().collect();
        check_delegable_packages(&app, &answerer, request.party, &packages)?;
    }
    Ok(Json(ChangeRequestForAnswer::new(&request, &organisation, app.clock.now())))
}

/// Approves a change request: gives and takes what was asked for
#[utoipa::path(
    post, path = "/authentication/api/v1/systemuser/changerequest/{party}/{requestId}/approve", tag = "Answering requests",
    params(("party" = String, Path, description = "The organisation's party id"), ("requestId" = Uuid, Path, description = "The change request's id")),
    responses((status = 200, description = "true", body = bool), (status = 400, description = "It can no longer be approved, or not by this person; code says why"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access, or it is to another organisation (AUTH-00041)"),
        (status = 404, description = "No such change request (AUTH-00010), system (AUTH-00011) or system user (AUTH-00015)"),
        (status = 409, description = "It was answered or has timed out (AUTH-00013)"))
)]
pub async fn approve(
    State(app): State<Arc<App>>,
    acting: Acting<AccessManagementWrite>,
    Path((_, id)): Path<(String, Uuid)>,
) -> Result<Json<bool>, ApiError> {
    answer(&app, &acting.answerer(), acting.organisation.party_uuid, id, Answer::Approve, nothing_shown).await?;
    Ok(Json(true))
}

/// Rejects a change request
#[utoipa::path(
    post, path = "/authentication/api/v1/systemuser/changerequest/{party}/{requestId}/reject", tag = "Answering requests",
    params(("party" = String, Path, description = "The organisation's party id"), ("requestId" = Uuid, Path, description = "The change request's id")),
    responses((status = 200, description = "true", body = bool), (status = 400, description = "No such organisation (AUTH-00000), or not an id"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access, or it is to another organisation (AUTH-00041)"),
        (status = 404, description = "No such change request (AUTH-00010)"), (status = 409, description = "It was answered or has timed out (AUTH-00013)"))
)]
pub async fn reject(
    State(app): State<Arc<App>>,
    acting: Acting<AccessManagementWrite>,
    Path((_, id)): Path<(String, Uuid)>,
) -> Result<Json<bool>, ApiError> {
    answer(&app, &acting.answerer(), acting.organisation.party_uuid, id, Answer::Reject, nothing_shown).await?;
    Ok(Json(true))
}
