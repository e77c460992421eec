//! All system users over HTTP, in the order of their last change, for components of the platform that keep a copy.
//!
//! Each change of a system user moves it to the end of the list. Whoever follows `links.next` until a page is empty, and
//! comes back to it later, sees the last state of everything. Changes are committed in the order of their numbers, so
//! that nothing appears behind a reader.

use std::sync::Arc;

use axum::extract::{FromRequestParts, OriginalUri, State};
use http::StatusCode;
use http::request::Parts;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::dto::RegisteredSystemUserDto;
use crate::app::App;
use crate::authorization::api::has_internal_key;
use crate::http::caller::Caller;
use crate::http::extract::{Json, Path, Query};
use crate::http::paging::{Links, PageQuery, next_page};
use crate::http::problem::ApiError;

/// The scope that opens this list.
const ADMIN_SCOPE: &str = "altinn:authentication/systemuser.admin";
/// How many system users a page has.
const PAGE: u16 = 100;

/// A component of the platform: with a token with the scope, or with the key of the platform's own.
#[derive(Debug)]
pub struct Follower;

impl FromRequestParts<Arc<App>> for Follower {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        if has_internal_key(app, &parts.headers) {
            return Ok(Self);
        }
        let component = parts.headers.get("platformaccesstoken").and_then(|value| value.to_str().ok());
        if component.is_some_and(|token| Caller::is_component(app, token)) {
            return Ok(Self);
        }
        let caller = Caller::of(app, &parts.headers)?;
        if caller.has_scope(ADMIN_SCOPE) { Ok(Self) } else { Err(ApiError::Bare(StatusCode::FORBIDDEN)) }
    }
}

/// A page of system users.
#[derive(Debug, Serialize, ToSchema)]
pub struct Stream {
    stats: Stats,
    links: Links,
    data: Vec<RegisteredSystemUserDto>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Stats {
    page_start: i64,
    page_end: i64,
    sequence_max: i64,
}

/// Lists all system users, deleted ones too, by their last change
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/internal/systemusers/stream", tag = "Inside the platform", params(PageQuery),
    responses((status = 200, description = "At most 100; follow links.next until there are none", body = Stream),
        (status = 400, description = "Not the token of a page"), (status = 401, description = "No credential"),
        (status = 403, description = "The token lacks altinn:authentication/systemuser.admin"))
)]
pub async fn stream(
    State(app): State<Arc<App>>,
    _follower: Follower,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<PageQuery>,
) -> Result<Json<Stream>, ApiError> {
    let after = query.after()?;
    let mut session = app.store.read().await?;
    let sequence_max = session.last_system_user_change().await?;
    let changes = session.system_users_changed(after, PAGE).await?;
    let ends = changes.first().zip(changes.last()).map(|(first, last)| (first.number, last.number));
    let (page_start, page_end) = ends.unwrap_or((sequence_max, sequence_max));
    let entry = |change: store::SystemUserChange| {
        RegisteredSystemUserDto::new(&app, &*app.model.system_user(change.id)?, change)
    };
    Ok(Json(Stream {
        stats: Stats { page_start, page_end, sequence_max },
        links: Links { next: ends.map(|(_, last)| next_page(&app.faces, &uri, last)) },
        data: changes.into_iter().filter_map(entry).collect(),
    }))
}

/// Reads a system user
#[utoipa::path(
    get, path = "/authentication/api/v1/systemuser/internal/systemusers/{id}", tag = "Inside the platform",
    params(("id" = Uuid, Path, description = "The system user")),
    responses((status = 200, description = "The system user", body = RegisteredSystemUserDto), (status = 401, description = "No credential"),
        (status = 403, description = "The token lacks altinn:authentication/systemuser.admin"), (status = 404, description = "Not an id"),
        (status = 410, description = "There is none, or it is deleted"))
)]
pub async fn read_one(
    State(app): State<Arc<App>>,
    _follower: Follower,
    Path(id): Path<String>,
) -> Result<Json<RegisteredSystemUserDto>, ApiError> {
    let id: Uuid = id.parse().map_err(|_| ApiError::not_found())?;
    let gone = || ApiError::Status(StatusCode::GONE, None);
    let user = app.model.system_user(id).filter(|user| !user.is_deleted).ok_or_else(gone)?;
    let change = app.store.read().await?.system_user_change(id).await?.ok_or_else(gone)?;
    RegisteredSystemUserDto::new(&app, &user, change).map(Json).ok_or_else(gone)
}
