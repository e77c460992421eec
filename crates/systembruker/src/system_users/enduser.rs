//! System users over HTTP, for persons who see to an organisation's own: the portal, and programs of end users.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use model::SystemUserKind;
use model::problem::{NOT_STANDARD, PARTY_UNKNOWN, SYSTEM_USER_NOT_FOUND, SYSTEM_USER_OF_OTHER};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::dto::{DelegationsDto, OwnSystemUserDto};
use super::rules::{create_whole, delete};
use crate::access::acting::{AccessManagementRead, AccessManagementWrite, Acting, OverviewRead, is_no_party};
use crate::app::App;
use crate::http::extract::{Json, JsonText, Path, read_json};
use crate::http::problem::ApiError;
use crate::read_model::SystemUserEntry;
use crate::requests::answer::nothing_shown;

/// The live system users of one kind of an organisation, as lists show them.
pub fn listed(app: &App, owner: Uuid, kind: SystemUserKind) -> Vec<OwnSystemUserDto> {
    let users = app.model.system_users_of(owner).into_iter().filter(|user| user.kind == kind);
    users.filter_map(|user| OwnSystemUserDto::listed(app, &user)).collect()
}

/// A live system user of an organisation.
fn own(app: &App, owner: Uuid, id: Uuid) -> Option<Arc<SystemUserEntry>> {
    app.model.system_user(id).filter(|user| !user.is_deleted && user.owner_party == owner)
}

/// Lists the system users of an organisation, newest first
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/{party}", tag = "Own system users",
    params(("party" = String, Path, description = "The organisation's party id")),
    responses((status = 200, description = "Those that act for the organisation itself", body = [OwnSystemUserDto]),
        (status = 400, description = "No such organisation (AUTH-00000)"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access for the organisation"))
)]
pub async fn list_own(
    State(app): State<Arc<App>>,
    Path(party): Path<String>,
    acting: Result<Acting<AccessManagementRead>, ApiError>,
) -> Result<Json<Vec<OwnSystemUserDto>>, ApiError> {
    list_of(&app, &party, acting, SystemUserKind::Standard)
}

/// The list of an organisation; an empty one of no party.
pub fn list_of<P>(
    app: &App,
    party: &str,
    acting: Result<Acting<P>, ApiError>,
    kind: SystemUserKind,
) -> Result<Json<Vec<OwnSystemUserDto>>, ApiError> {
    match acting {
        Ok(acting) => Ok(Json(listed(app, acting.organisation.party_uuid, kind))),
        Err(ApiError::Problem(PARTY_UNKNOWN, _)) if is_no_party(party) => Ok(Json(vec![])),
        Err(error) => Err(error),
    }
}

/// Reads a system user of an organisation
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/{party}/{systemUserId}", tag = "Own system users",
    params(("party" = String, Path, description = "The organisation's party id"), ("systemUserId" = Uuid, Path, description = "The system user")),
    responses((status = 200, description = "The system user, with what it was given", body = OwnSystemUserDto),
        (status = 400, description = "No such organisation (AUTH-00000), or not an id"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who sees the organisation's system users"),
        (status = 404, description = "No such system user of the organisation"))
)]
pub async fn read_own(
    State(app): State<Arc<App>>,
    acting: Acting<OverviewRead>,
    Path((_, id)): Path<(String, Uuid)>,
) -> Result<Json<OwnSystemUserDto>, ApiError> {
    let user = own(&app, acting.organisation.party_uuid, id).ok_or_else(ApiError::not_found)?;
    let dto = match user.kind {
        SystemUserKind::Standard => OwnSystemUserDto::whole(&app, &user),
        SystemUserKind::Agent => OwnSystemUserDto::listed(&app, &user),
    };
    dto.map(Json).ok_or_else(ApiError::not_found)
}

/// Reads what was given to a system user
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/{party}/{systemUserId}/delegations", tag = "Own system users",
    params(("party" = String, Path, description = "The organisation's party id"), ("systemUserId" = Uuid, Path, description = "The system user")),
    responses((status = 200, description = "Rights and packages", body = DelegationsDto),
        (status = 400, description = "No such organisation (AUTH-00000), or not an id"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access for the organisation"),
        (status = 404, description = "No such system user of the organisation (AUTH-00015)"))
)]
pub async fn read_delegations(
    State(app): State<Arc<App>>,
    acting: Acting<AccessManagementRead>,
    Path((_, id)): Path<(String, Uuid)>,
) -> Result<Json<DelegationsDto>, ApiError> {
    let user = own(&app, acting.organisation.party_uuid, id).ok_or(SYSTEM_USER_NOT_FOUND)?;
    Ok(Json((&*user).into()))
}

/// A system user to be made without a request.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewSystemUser {
    integration_title: String,
    system_id: String,
}

/// Makes a system user with all that a system may ask for
#[utoipa::path(
    post, path = "/authentication/api/v1/systemuser/{party}/create", tag = "Own system users", request_body = NewSystemUser,
    params(("party" = String, Path, description = "The organisation's party id")),
    responses((status = 200, description = "The system user", body = OwnSystemUserDto),
        (status = 400, description = "Something is wrong with it; code says what"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who may, or who can pass this on; code says why"),
        (status = 404, description = "No such system that customers can choose (AUTH-00011)"),
        (status = 415, description = "The body is not JSON"))
)]
pub async fn create(
    State(app): State<Arc<App>>,
    acting: Acting<AccessManagementWrite>,
    JsonText(body): JsonText,
) -> Result<Json<OwnSystemUserDto>, ApiError> {
    let new: NewSystemUser = read_json(&body)?;
    let id = create_whole(
        &app,
        &acting.answerer(),
        &acting.organisation,
        &new.system_id,
        &new.integration_title,
        nothing_shown,
    )
    .await?;
    let made = app.model.system_user(id).and_then(|user| OwnSystemUserDto::listed(&app, &user));
    made.map(Json).ok_or_else(|| ApiError::Internal("a system user that was just made is not there".to_owned()))
}

/// Deletes a system user: takes back all that it was given
#[utoipa::path(
    delete, path = "/authentication/api/v1/systemuser/{party}/{systemUserId}", tag = "Own system users",
    params(("party" = String, Path, description = "The organisation's party id"), ("systemUserId" = Uuid, Path, description = "The system user")),
    responses((status = 202, description = "1", body = i32), (status = 400, description = "An agent's (AUTH-00036), no such organisation (AUTH-00000), or not an id"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access, or it is another's (AUTH-00024)"),
        (status = 404, description = "0: there is no such system user", body = i32))
)]
pub async fn delete_own(
    State(app): State<Arc<App>>,
    acting: Acting<AccessManagementWrite>,
    Path((_, id)): Path<(String, Uuid)>,
) -> Result<Response, ApiError> {
    let Some(user) = app.model.system_user(id).filter(|user| !user.is_deleted) else {
        return Ok((StatusCode::NOT_FOUND, Json(0)).into_response());
    };
    if user.owner_party != acting.organisation.party_uuid {
        return Err(SYSTEM_USER_OF_OTHER.into());
    }
    if user.kind != SystemUserKind::Standard {
        return Err(NOT_STANDARD.into());
    }
    match delete(&app, &acting.answerer(), acting.organisation.party_uuid, id).await {
        Ok(()) => Ok((StatusCode::ACCEPTED, Json(1)).into_response()),
        // Somebody else was faster.
        Err(ApiError::Problem(SYSTEM_USER_NOT_FOUND, _)) => Ok((StatusCode::NOT_FOUND, Json(0)).into_response()),
        Err(error) => Err(error),
    }
}
