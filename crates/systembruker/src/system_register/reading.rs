//! The system register over HTTP, for those who choose among systems: the portal, and programs of end users.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::CACHE_CONTROL;
use model::{RegisteredSystem, ResourceAttribute, Right};
use serde::Deserialize;
use utoipa::IntoParams;

use super::dto::{ListedSystemDto, PackageDto, RightDto};
use crate::app::App;
use crate::authorization::attributes::{APP, ORG};
use crate::http::caller::Scoped;
use crate::http::caller::scope::Portal;
use crate::http::extract::{Json, Path, Query};
use crate::http::problem::ApiError;

/// Lists the systems that customers can choose
#[utoipa::path(
    get, path = "/authentication/api/v1/systemregister", tag = "System register",
    responses((status = 200, description = "Systems that are visible and not deleted", body = [ListedSystemDto]),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks altinn:portal/enduser"))
)]
pub async fn list_visible(State(app): State<Arc<App>>, _caller: Scoped<Portal>) -> Response {
    let systems: Vec<ListedSystemDto> = app.model.visible_systems().iter().map(|system| (&**system).into()).collect();
    ([(CACHE_CONTROL, "no-store,no-cache")], Json(systems)).into_response()
}

/// Reads a system as customers see it, visible or not
#[utoipa::path(
    get, path = "/authentication/api/v1/systemregister/{systemId}", tag = "System register",
    params(("systemId" = String, Path, description = "The system's id")),
    responses((status = 200, description = "The system", body = ListedSystemDto),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks altinn:portal/enduser"),
        (status = 404, description = "No such system"))
)]
pub async fn read_listed(
    State(app): State<Arc<App>>,
    _caller: Scoped<Portal>,
    Path(id): Path<String>,
) -> Result<Json<ListedSystemDto>, ApiError> {
    let system = app.model.system_by_id(&id).ok_or_else(ApiError::not_found)?;
    Ok(Json((&*system).into()))
}

/// How apps are named.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct AppFormQuery {
    /// Whether apps are named by owner and app (`urn:altinn:org`, `urn:altinn:app`) instead of as a resource.
    #[serde(default)]
    use_old_format_for_app: bool,
}

/// Reads the rights of a system; none where there is no such system
#[utoipa::path(
    get, path = "/authentication/api/v1/systemregister/{systemId}/rights", tag = "System register",
    params(("systemId" = String, Path, description = "The system's id"), AppFormQuery),
    responses((status = 200, description = "The rights", body = [RightDto]), (status = 400, description = "A parameter cannot be read"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks altinn:portal/enduser"))
)]
pub async fn read_rights(
    State(app): State<Arc<App>>,
    _caller: Scoped<Portal>,
    Path(id): Path<String>,
    Query(query): Query<AppFormQuery>,
) -> Json<Vec<RightDto>> {
    let system = app.model.system_by_id(&id);
    let rights = system.iter().flat_map(|system: &Arc<RegisteredSystem>| &system.rights);
    let dto = |right: &Right| {
        if query.use_old_format_for_app { RightDto::from(&in_old_format(right)) } else { RightDto::from(right) }
    };
    Json(rights.map(dto).collect())
}

/// A right with apps as pairs of owner and app: `app_skd_skattemelding` is of `skd`.
fn in_old_format(right: &Right) -> Right {
    let pair = |part: &ResourceAttribute| {
        let app = part.value.strip_prefix("app_").and_then(|rest| rest.split_once('_'));
        match app {
            Some((org, app)) => vec![
                ResourceAttribute { id: ORG.to_owned(), value: org.to_owned() },
                ResourceAttribute { id: APP.to_owned(), value: app.to_owned() },
            ],
            None => vec![part.clone()],
        }
    };
    Right { action: right.action.clone(), resource: right.resource.iter().flat_map(pair).collect() }
}

/// Reads the access packages of a system; none where there is no such system
#[utoipa::path(
    get, path = "/authentication/api/v1/systemregister/{systemId}/accesspackages", tag = "System register",
    params(("systemId" = String, Path, description = "The system's id"), AppFormQuery),
    responses((status = 200, description = "The packages", body = [PackageDto]), (status = 400, description = "A parameter cannot be read"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks altinn:portal/enduser"))
)]
pub async fn read_packages(
    State(app): State<Arc<App>>,
    _caller: Scoped<Portal>,
    Path(id): Path<String>,
    Query(_): Query<AppFormQuery>,
) -> Json<Vec<PackageDto>> {
    let system = app.model.system_by_id(&id);
    let packages = system.iter().flat_map(|system| &system.access_packages);
    Json(packages.map(Into::into).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_is_split_at_its_first_two_underscores() {
        let old = |id: &str| in_old_format(&Right::to_resource(id)).resource;
        let of = |id: &str, value: &str| ResourceAttribute { id: id.into(), value: value.into() };
        assert_eq!(old("app_skd_a_b"), [of(ORG, "skd"), of(APP, "a_b")]);
        assert_eq!(old("ske-krav"), Right::to_resource("ske-krav").resource);
        assert_eq!(old("app_skd"), Right::to_resource("app_skd").resource);
    }
}
