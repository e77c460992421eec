//! The resources that an access list opens.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use model::problem::{LISTED_RESOURCE_FOREIGN, LISTED_RESOURCE_UNKNOWN};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    BASE, ListedResourceDto, MAX_IDENTIFIER, TokenQuery, existing, not_modified, own, page, to_change, version,
    with_version,
};
use crate::app::App;
use crate::http::caller::Scoped;
use crate::http::caller::scope::{AccessListRead, AccessListWrite};
use crate::http::conditional::is_known;
use crate::http::extract::{Json, Path, Query};
use crate::http::faces::Face;
use crate::http::problem::ApiError;
use crate::resource_registry::policies::{Links, Page};

/// The most resources of a list, and actions of a filter.
const MAX_RESOURCES: usize = 1_000;
const MAX_ACTIONS: usize = 100;

/// Lists the resources that an access list opens
#[utoipa::path(
    get, path = "/resourceregistry/api/v1/access-lists/{owner}/{identifier}/resource-connections", tag = "Access lists",
    params(("owner" = String, Path, description = "One's short name or organisation number"),
        ("identifier" = String, Path, description = "The list's identifier"), TokenQuery),
    responses((status = 200, description = "Up to 100 resources; the link leads to the next", body = Page<ListedResourceDto>),
        (status = 304, description = "As it was"), (status = 400, description = "The token or a condition cannot be read"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks the scope, or another's list"),
        (status = 404, description = "No such list"), (status = 412, description = "Another version than that of the page before"))
)]
pub async fn read_resources(
    State(app): State<Arc<App>>,
    caller: Scoped<AccessListRead>,
    Path((owner, identifier)): Path<(String, String)>,
    Query(query): Query<TokenQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let list = existing(&app, own(&app, &caller, &owner)?, &identifier)?;
    if is_known(&headers, version(&list))? {
        return Ok(not_modified(&list));
    }
    let entries = list.resources.iter().map(|(resource, listed)| (resource.clone(), listed));
    let (shown, next) = page(&list, entries, query.token.as_deref())?;
    let path = |token| format!("{BASE}/{owner}/{identifier}/resource-connections?token={token}");
    let next = next.map(|token| app.faces.join(Face::Platform, &path(token)));
    let data = shown.iter().map(|(resource, listed)| ListedResourceDto::new(resource, listed, true)).collect();
    Ok(with_version(&list, Page { data, links: Links { next } }))
}

/// For which actions a list opens a resource.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewListedResource {
    /// All where this is missing or empty.
    action_filters: Option<Vec<String>>,
}

/// Lets an access list open a resource
#[utoipa::path(
    put, path = "/resourceregistry/api/v1/access-lists/{owner}/{identifier}/resource-connections/{resource}", tag = "Access lists",
    request_body = NewListedResource,
    params(("owner" = String, Path, description = "One's short name or organisation number"),
        ("identifier" = String, Path, description = "The list's identifier"),
        ("resource" = String, Path, description = "The resource's id")),
    responses((status = 200, description = "The resource as the list opens it", body = ListedResourceDto),
        (status = 400, description = "No such resource, or too many actions"), (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope, or another's list or resource"),
        (status = 404, description = "No such list"), (status = 412, description = "Another version"),
        (status = 415, description = "The body is not JSON"))
)]
pub async fn put_resource(
    State(app): State<Arc<App>>,
    caller: Scoped<AccessListWrite>,
    Path((owner, identifier, resource)): Path<(String, String, String)>,
    headers: HeaderMap,
    Json(new): Json<NewListedResource>,
) -> Result<Response, ApiError> {
    let owner = own(&app, &caller, &owner)?;
    let actions: BTreeSet<String> = new.action_filters.unwrap_or_default().into_iter().collect();
    if actions.len() > MAX_ACTIONS || actions.iter().any(|action| action.is_empty() || action.len() > MAX_IDENTIFIER) {
        let message = format!("At most {MAX_ACTIONS} actions, of 1 to {MAX_IDENTIFIER} characters each.");
        return Err(ApiError::member("actionFilters", message));
    }
    let actions: Vec<String> = actions.into_iter().collect();
    let mut tx = app.store.write(caller.context(), app.clock.now()).await?;
    let list = to_change(&mut tx, owner, &identifier, &headers).await?;
    if !list.resources.contains_key(&resource) && list.resources.len() >= MAX_RESOURCES {
        return Err(ApiError::member("resource", format!("A list opens at most {MAX_RESOURCES} resources.")));
    }
    let stored = tx.resource(&resource).await?.ok_or(LISTED_RESOURCE_UNKNOWN)?;
    if stored.resource.owner != owner {
        return Err(LISTED_RESOURCE_FOREIGN.into());
    }
    tx.put_listed_resource(owner, &identifier, &resource, &actions).await?;
    app.commit(tx).await?;
    let list = existing(&app, owner, &identifier)?;
    let listed = list.resources.get(&resource).ok_or_else(ApiError::not_found)?;
    Ok(with_version(&list, ListedResourceDto::new(&resource, listed, true)))
}

/// Takes a resource from an access list
#[utoipa::path(
    delete, path = "/resourceregistry/api/v1/access-lists/{owner}/{identifier}/resource-connections/{resource}", tag = "Access lists",
    params(("owner" = String, Path, description = "One's short name or organisation number"),
        ("identifier" = String, Path, description = "The list's identifier"),
        ("resource" = String, Path, description = "The resource's id")),
    responses((status = 200, description = "The resource as the list opened it", body = ListedResourceDto),
        (status = 204, description = "The list did not open it"), (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope, or another's list"), (status = 404, description = "No such list"),
        (status = 412, description = "Another version"))
)]
pub async fn delete_resource(
    State(app): State<Arc<App>>,
    caller: Scoped<AccessListWrite>,
    Path((owner, identifier, resource)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let owner = own(&app, &caller, &owner)?;
    let mut tx = app.store.write(caller.context(), app.clock.now()).await?;
    let list = to_change(&mut tx, owner, &identifier, &headers).await?;
    let Some(listed) = list.resources.get(&resource) else { return Ok(StatusCode::NO_CONTENT.into_response()) };
    let dto = ListedResourceDto::new(&resource, listed, true);
    tx.delete_listed_resource(owner, &identifier, &resource).await?;
    app.commit(tx).await?;
    let list = existing(&app, owner, &identifier)?;
    Ok(with_version(&list, dto))
}
