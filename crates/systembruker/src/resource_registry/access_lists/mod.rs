//! Access lists over HTTP.
//!
//! A list belongs to an organisation, has organisations as members, and opens some of its owner's resources for them,
//! for all actions or for some. It counts for resources whose registration says `accessListMode: Enabled`. A list has
//! a version, told as an entity tag; its parts change under the same one.

mod members;
mod memberships;
mod resources;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use model::OrgNumber;
use model::problem::validation::{INCLUDE_WITHOUT_RESOURCE, ValidationCode};
use serde::{Deserialize, Serialize};
use store::{AccessList, ListedResource, Write};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::policies::{Links, Page, read_token, write_token};
use crate::access::naming::{NotNamed, named_party};
use crate::app::App;
use crate::authorization::attributes::{ORG_NUMBER, PARTY_ID, PARTY_UUID, RESOURCE};
use crate::http::caller::scope::{AccessListRead, AccessListWrite, RequiredScope};
use crate::http::caller::{Caller, Scoped};
use crate::http::conditional::{Version, check_change, is_known};
use crate::http::extract::{Json, Path, Query};
use crate::http::faces::Face;
use crate::http::problem::{ApiError, ValidationError};
use crate::read_model::Party;

const BASE: &str = "resourceregistry/api/v1/access-lists";
/// How many lists, and members or resources, a page has.
const LISTS_PER_PAGE: usize = 20;
const ENTRIES_PER_PAGE: usize = 100;
/// The most lists of an owner.
const MAX_LISTS: usize = 1_000;
/// The most characters of an identifier and of a text.
const MAX_IDENTIFIER: usize = 100;
const MAX_TEXT: usize = 2_000;

/// The routes of access lists.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(memberships::memberships))
        .routes(routes!(memberships::by_member))
        .routes(routes!(lists))
        .routes(routes!(read_list, put_list, patch_list, delete_list))
        .routes(routes!(members::read_members, members::replace_members, members::add_members, members::remove_members))
        .routes(routes!(resources::read_resources))
        .routes(routes!(resources::put_resource, resources::delete_resource))
}

/// An access list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListDto {
    urn: String,
    identifier: String,
    name: String,
    description: String,
    created_at: String,
    updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_connections: Option<Vec<ListedResourceDto>>,
}

/// A resource that a list opens.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListedResourceDto {
    resource_identifier: String,
    /// The actions that it opens; all where this is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    action_filters: Option<Vec<String>>,
    created_at: String,
    updated_at: String,
}

/// All of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Whole<T> {
    data: Vec<T>,
}

fn version(list: &AccessList) -> Version {
    Version { number: list.version, at: list.updated }
}

fn actions(listed: &ListedResource) -> Option<Vec<String>> {
    (!listed.actions.is_empty()).then(|| listed.actions.clone())
}

impl ListedResourceDto {
    fn new(resource: &str, listed: &ListedResource, with_actions: bool) -> Self {
        Self {
            resource_identifier: resource.to_owned(),
            action_filters: actions(listed).filter(|_| with_actions),
            created_at: listed.created.to_string(),
            updated_at: listed.updated.to_string(),
        }
    }
}

impl ListDto {
    fn new(app: &App, list: &AccessList) -> Self {
        Self {
            urn: format!("urn:altinn:access-list:{}:{}", app.model.code_of_owner(list.owner), list.identifier),
            identifier: list.identifier.clone(),
            name: list.name.clone(),
            description: list.description.clone(),
            created_at: list.created.to_string(),
            updated_at: list.updated.to_string(),
            resource_connections: None,
        }
    }
}

/// The caller's organisation, if it is the one that the address names by its code or number.
fn own<S: RequiredScope>(app: &App, caller: &Scoped<S>, owner: &str) -> Result<OrgNumber, ApiError> {
    let named = owner.parse().ok().or_else(|| app.model.owner_by_code(owner));
    let caller: &Caller = caller;
    match (named, caller.org) {
        (Some(named), Some(own)) if named == own => Ok(own),
        _ => Err(ApiError::Bare(StatusCode::FORBIDDEN)),
    }
}

fn existing(app: &App, owner: OrgNumber, identifier: &str) -> Result<Arc<AccessList>, ApiError> {
    app.model.access_list(owner, identifier).ok_or_else(ApiError::not_found)
}

/// A list to be changed, if the request was meant for this version of it.
async fn to_change(
    tx: &mut Write,
    owner: OrgNumber,
    identifier: &str,
    headers: &HeaderMap,
) -> Result<AccessList, ApiError> {
    let list = tx.access_list(owner, identifier).await?.ok_or_else(ApiError::not_found)?;
    check_change(headers, Some(version(&list)))?;
    Ok(list)
}

fn with_version<T: Serialize>(list: &AccessList, body: T) -> Response {
    (version(list).headers(), Json(body)).into_response()
}

fn not_modified(list: &AccessList) -> Response {
    (StatusCode::NOT_MODIFIED, version(list).headers()).into_response()
}

/// What is listed beside the lists themselves.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct IncludeQuery {
    /// `resources`, `resource-actions` or both, with commas between.
    include: Option<String>,
    /// The resource whose connections are included.
    resource: Option<String>,
    /// What the last page ended with, from its link.
    token: Option<String>,
}

impl IncludeQuery {
    fn included(&self) -> Result<Option<(&str, bool)>, ApiError> {
        let include: BTreeSet<&str> = self.include.iter().flat_map(|list| list.split(',')).map(str::trim).collect();
        if include.contains("members") {
            let detail = "Members are not listed with their lists; read them at each list's own address.".to_owned();
            return Err(ApiError::Status(StatusCode::NOT_IMPLEMENTED, Some(detail)));
        }
        let with_actions = include.contains("resource-actions");
        if !with_actions && !include.contains("resources") {
            return Ok(None);
        }
        let resource = self.resource.as_deref().ok_or_else(|| refused(INCLUDE_WITHOUT_RESOURCE, None))?;
        Ok(Some((resource.strip_prefix(&format!("{RESOURCE}:")).unwrap_or(resource), with_actions)))
    }
}

fn refused(code: ValidationCode, value: Option<&str>) -> ApiError {
    ApiError::Validation(vec![ValidationError { code, extension: value.map(|value| ("value", value.to_owned())) }])
}

/// Lists one's access lists
#[utoipa::path(
    get, path = "/resourceregistry/api/v1/access-lists/{owner}", tag = "Access lists",
    params(("owner" = String, Path, description = "One's short name or organisation number"), IncludeQuery),
    responses((status = 200, description = "Up to 20 lists, by identifier; the link leads to the next", body = Page<ListDto>),
        (status = 400, description = "A parameter cannot be read, or resources are included without saying which"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks the scope, or another's lists"),
        (status = 501, description = "Members are not included"))
)]
pub async fn lists(
    State(app): State<Arc<App>>,
    caller: Scoped<AccessListRead>,
    Path(owner): Path<String>,
    Query(query): Query<IncludeQuery>,
) -> Result<Json<Page<ListDto>>, ApiError> {
    let number = own(&app, &caller, &owner)?;
    let included = query.included()?;
    let from: String = query.token.as_deref().map(read_token).transpose()?.unwrap_or_default();
    let mut lists = app.model.access_lists_of(number).into_iter().filter(|list| list.identifier >= from);
    let shown: Vec<_> = lists.by_ref().take(LISTS_PER_PAGE).collect();
    let next = lists.next().map(|next| {
        let mut path = format!("{BASE}/{owner}?token={}", write_token(&next.identifier));
        for (name, value) in [("include", &query.include), ("resource", &query.resource)] {
            if let Some(value) = value {
                let value = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
                path.extend(["&", name, "="]);
                path.extend(value);
            }
        }
        app.faces.join(Face::Platform, &path)
    });
    let dto = |list: &Arc<AccessList>| {
        let connections = included.map(|(resource, with_actions)| {
            let listed = list.resources.get_key_value(resource);
            listed.map(|(id, listed)| ListedResourceDto::new(id, listed, with_actions)).into_iter().collect()
        });
        ListDto { resource_connections: connections, ..ListDto::new(&app, list) }
    };
    Ok(Json(Page { data: shown.iter().map(dto).collect(), links: Links { next } }))
}

/// Reads an access list
#[utoipa::path(
    get, path = "/resourceregistry/api/v1/access-lists/{owner}/{identifier}", tag = "Access lists",
    params(("owner" = String, Path, description = "One's short name or organisation number"),
        ("identifier" = String, Path, description = "The list's identifier")),
    responses((status = 200, description = "The list", body = ListDto), (status = 304, description = "As it was"),
        (status = 400, description = "A condition cannot be read"), (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope, or another's list"),
        (status = 404, description = "No such list"), (status = 412, description = "Another version"))
)]
pub async fn read_list(
    State(app): State<Arc<App>>,
    caller: Scoped<AccessListRead>,
    Path((owner, identifier)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let list = existing(&app, own(&app, &caller, &owner)?, &identifier)?;
    if is_known(&headers, version(&list))? {
        return Ok(not_modified(&list));
    }
    Ok(with_version(&list, ListDto::new(&app, &list)))
}

/// What an access list is called.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewList {
    name: String,
    description: Option<String>,
}

/// What is to be called otherwise.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ListChange {
    name: Option<String>,
    description: Option<String>,
}

fn check_text(member: &str, text: &str, required: bool) -> Result<(), ApiError> {
    if required && text.trim().is_empty() {
        return Err(ApiError::member(member, format!("{member} is missing.")));
    }
    if text.chars().count() > MAX_TEXT {
        return Err(ApiError::member(member, format!("{member} has at most {MAX_TEXT} characters.")));
    }
    Ok(())
}

fn check_identifier(identifier: &str) -> Result<(), ApiError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    if (1..=MAX_IDENTIFIER).contains(&identifier.len()) && identifier.chars().all(allowed) {
        return Ok(());
    }
    let message = format!("An identifier has 1 to {MAX_IDENTIFIER} of the characters a to z, 0 to 9, - and _.");
    Err(ApiError::member("identifier", message))
}

/// Makes an access list, or calls it otherwise
#[utoipa::path(
    put, path = "/resourceregistry/api/v1/access-lists/{owner}/{identifier}", tag = "Access lists", request_body = NewList,
    params(("owner" = String, Path, description = "One's short name or organisation number"),
        ("identifier" = String, Path, description = "The list's identifier")),
    responses((status = 200, description = "The list", body = ListDto), (status = 400, description = "Something is wrong with it"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks the scope, or another's list"),
        (status = 412, description = "Another version, or it is there"), (status = 415, description = "The body is not JSON"))
)]
pub async fn put_list(
    State(app): State<Arc<App>>,
    caller: Scoped<AccessListWrite>,
    Path((owner, identifier)): Path<(String, String)>,
    headers: HeaderMap,
    Json(new): Json<NewList>,
) -> Result<Response, ApiError> {
    let owner = own(&app, &caller, &owner)?;
    check_identifier(&identifier)?;
    let description = new.description.unwrap_or_default();
    check_text("name", &new.name, true)?;
    check_text("description", &description, false)?;
    let mut tx = app.store.write(caller.context(), app.clock.now()).await?;
    let known = tx.access_list(owner, &identifier).await?;
    check_change(&headers, known.as_ref().map(version))?;
    if known.is_none() && app.model.access_lists_of(owner).len() >= MAX_LISTS {
        return Err(ApiError::member("identifier", format!("An owner has at most {MAX_LISTS} lists.")));
    }
    tx.put_access_list(owner, &identifier, &new.name, &description).await?;
    app.commit(tx).await?;
    let list = existing(&app, owner, &identifier)?;
    Ok(with_version(&list, ListDto::new(&app, &list)))
}

/// Changes what an access list is called; what is left out stays (RFC 7396)
#[utoipa::path(
    patch, path = "/resourceregistry/api/v1/access-lists/{owner}/{identifier}", tag = "Access lists", request_body = ListChange,
    params(("owner" = String, Path, description = "One's short name or organisation number"),
        ("identifier" = String, Path, description = "The list's identifier")),
    responses((status = 200, description = "The list", body = ListDto), (status = 400, description = "Something is wrong with it"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks the scope, or another's list"),
        (status = 404, description = "No such list"), (status = 412, description = "Another version"),
        (status = 415, description = "The body is not JSON"))
)]
pub async fn patch_list(
    State(app): State<Arc<App>>,
    caller: Scoped<AccessListWrite>,
    Path((owner, identifier)): Path<(String, String)>,
    headers: HeaderMap,
    Json(change): Json<ListChange>,
) -> Result<Response, ApiError> {
    let owner = own(&app, &caller, &owner)?;
    let mut tx = app.store.write(caller.context(), app.clock.now()).await?;
    let list = to_change(&mut tx, owner, &identifier, &headers).await?;
    let (name, description) = (change.name.unwrap_or(list.name), change.description.unwrap_or(list.description));
    check_text("name", &name, true)?;
    check_text("description", &description, false)?;
    tx.put_access_list(owner, &identifier, &name, &description).await?;
    app.commit(tx).await?;
    let list = existing(&app, owner, &identifier)?;
    Ok(with_version(&list, ListDto::new(&app, &list)))
}

/// Deletes an access list
#[utoipa::path(
    delete, path = "/resourceregistry/api/v1/access-lists/{owner}/{identifier}", tag = "Access lists",
    params(("owner" = String, Path, description = "One's short name or organisation number"),
        ("identifier" = String, Path, description = "The list's identifier")),
    responses((status = 200, description = "The list as it was", body = ListDto), (status = 204, description = "There was none"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks the scope, or another's list"),
        (status = 412, description = "Another version"))
)]
pub async fn delete_list(
    State(app): State<Arc<App>>,
    caller: Scoped<AccessListWrite>,
    Path((owner, identifier)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let owner = own(&app, &caller, &owner)?;
    let mut tx = app.store.write(caller.context(), app.clock.now()).await?;
    let list = tx.access_list(owner, &identifier).await?;
    check_change(&headers, list.as_ref().map(version))?;
    let Some(list) = list else { return Ok(StatusCode::NO_CONTENT.into_response()) };
    let dto = ListDto::new(&app, &list);
    tx.delete_access_list(owner, &identifier).await?;
    app.commit(tx).await?;
    Ok(Json(dto).into_response())
}

/// Where in a list to begin.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TokenQuery {
    /// What the last page ended with, from its link.
    token: Option<String>,
}

/// Where the next page of a version of a list begins.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContinueFrom<T> {
    version: i64,
    continue_from: T,
}

/// The entries of a page, and what the link to the next gives along.
type Shown<T, V> = (Vec<(T, V)>, Option<String>);

/// The entries of a page, and where the next begins. A list that has changed since the page before is refused: the
/// pages would not fit together.
fn page<T: Clone + Ord + Serialize + serde::de::DeserializeOwned, V>(
    list: &AccessList,
    entries: impl Iterator<Item = (T, V)>,
    token: Option<&str>,
) -> Result<Shown<T, V>, ApiError> {
    let from: Option<ContinueFrom<T>> = token.map(read_token).transpose()?;
    if from.as_ref().is_some_and(|from| from.version != list.version) {
        return Err(ApiError::Bare(StatusCode::PRECONDITION_FAILED));
    }
    let is_later = |key: &T| from.as_ref().is_none_or(|from| *key >= from.continue_from);
    let mut entries = entries.filter(|(key, _)| is_later(key));
    let shown: Vec<_> = entries.by_ref().take(ENTRIES_PER_PAGE).collect();
    let next = entries.next().map(|(key, _)| write_token(&ContinueFrom { version: list.version, continue_from: key }));
    Ok((shown, next))
}

/// The party that a URN names.
fn party_of_urn(app: &App, urn: &str) -> Result<Party, NotNamed> {
    let (id, value) = urn.trim().rsplit_once(':').ok_or(NotNamed::Attribute)?;
    let attribute = match id {
        PARTY_UUID | PARTY_ID | ORG_NUMBER => id,
        "urn:altinn:party:id" => PARTY_ID,
        _ => return Err(NotNamed::Attribute),
    };
    named_party(&app.model.parties_now(), &app.vault, attribute, value)
}
