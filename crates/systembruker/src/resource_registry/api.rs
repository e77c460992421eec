//! The resource registry over HTTP: resources and searching them.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::LOCATION;
use model::{Resource, ResourceType};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{AuditEntry, Write};
use utoipa::IntoParams;

use super::rules;
use crate::app::App;
use crate::authorization::attributes::{APP, ORG, RESOURCE};
use crate::http::caller::scope::ResourceWrite;
use crate::http::caller::{Caller, Scoped};
use crate::http::extract::{Json, Path, Query};
use crate::http::faces::Face;
use crate::http::problem::ApiError;
use crate::read_model::ResourceEntry;

/// The scope that opens every owner's resources.
const ADMIN_SCOPE: &str = "altinn:resourceregistry/resource.admin";

/// Whether a caller may change a resource.
pub fn owns(caller: &Caller, resource: &Resource) -> bool {
    caller.org == Some(resource.owner) || caller.has_scope(ADMIN_SCOPE)
}

/// Refuses what is not the caller's to register: another organisation's resource, its short name, or its scopes.
fn check_owner(app: &App, caller: &Caller, resource: &Resource) -> Result<(), ApiError> {
    if !owns(caller, resource) {
        return Err(ApiError::Bare(StatusCode::FORBIDDEN));
    }
    let holder = app.model.owner_by_code(&resource.owner_code).filter(|_| !resource.owner_code.is_empty());
    if holder.is_some_and(|holder| holder != resource.owner) {
        let message = format!("The code {} belongs to another organisation.", resource.owner_code);
        return Err(ApiError::member("hasCompetentAuthority.orgcode", message));
    }
    let prefixes = app.model.prefixes_of(resource.owner);
    let foreign = rules::foreign_scopes(resource, &prefixes);
    if foreign.is_empty() || caller.has_scope(ADMIN_SCOPE) {
        return Ok(());
    }
    let detail = format!("These scopes are not below a prefix of your organisation: {}.", foreign.join(", "));
    Err(ApiError::Status(StatusCode::UNAUTHORIZED, Some(detail)))
}

/// Refuses a change of what is another's by now, or gone: what was looked at before may have changed since.
pub async fn still_owns(tx: &mut Write, caller: &Caller, identifier: &str) -> Result<(), ApiError> {
    let stored = tx.resource(identifier).await?.ok_or_else(ApiError::not_found)?;
    if owns(caller, &stored.resource) { Ok(()) } else { Err(ApiError::Bare(StatusCode::FORBIDDEN)) }
}

fn location(app: &App, identifier: &str) -> String {
    app.faces.join(Face::Platform, &format!("resourceregistry/api/v1/resource/{identifier}"))
}

/// Registers a resource
#[utoipa::path(
    post, path = "/resourceregistry/api/v1/resource", tag = "Resource registry", request_body = serde_json::Value,
    responses((status = 201, description = "Registered; Location says where"),
        (status = 400, description = "Something is wrong with it; errors says what"),
        (status = 401, description = "No valid token, or scopes below another's prefix"),
        (status = 403, description = "The token lacks the scope, or the owner is another organisation"),
        (status = 409, description = "There is such a resource"), (status = 415, description = "The body is not JSON"))
)]
pub async fn register_resource(
    State(app): State<Arc<App>>,
    caller: Scoped<ResourceWrite>,
    Json(document): Json<Value>,
) -> Result<Response, ApiError> {
    let resource = rules::read_resource(document, caller.org)?;
    let mut tx = app.begin(caller.context()).await?;
    check_owner(&app, &caller, &resource)?;
    if tx.resource(&resource.identifier).await?.is_some() {
        let detail = format!("The resource {} already exists.", resource.identifier);
        return Err(ApiError::Status(StatusCode::CONFLICT, Some(detail)));
    }
    tx.insert_resource(&resource).await?;
    app.commit(tx).await?;
    Ok((StatusCode::CREATED, [(LOCATION, location(&app, &resource.identifier))]).into_response())
}

/// Changes a resource
#[utoipa::path(
    put, path = "/resourceregistry/api/v1/resource/{id}", tag = "Resource registry", request_body = serde_json::Value,
    params(("id" = String, Path, description = "The resource's id; that in the body must be the same")),
    responses((status = 200, description = "Changed; the version before can still be read"),
        (status = 400, description = "Something is wrong with it; errors says what"),
        (status = 401, description = "No valid token, or scopes below another's prefix"),
        (status = 403, description = "The token lacks the scope, or the resource is another owner's"),
        (status = 404, description = "No such resource"), (status = 415, description = "The body is not JSON"))
)]
pub async fn change_resource(
    State(app): State<Arc<App>>,
    caller: Scoped<ResourceWrite>,
    Path(id): Path<String>,
    Json(document): Json<Value>,
) -> Result<StatusCode, ApiError> {
    let entry = app.model.resource(&id).ok_or_else(ApiError::not_found)?;
    if !owns(&caller, &entry.resource) {
        return Err(ApiError::Bare(StatusCode::FORBIDDEN));
    }
    let resource = rules::read_resource(document, caller.org)?;
    if resource.identifier != id {
        return Err(ApiError::member("identifier", format!("The id in the body must be {id}, as in the address.")));
    }
    let mut tx = app.begin(caller.context()).await?;
    check_owner(&app, &caller, &resource)?;
    still_owns(&mut tx, &caller, &id).await?;
    tx.update_resource(&resource).await?;
    app.commit(tx).await?;
    Ok(StatusCode::OK)
}

/// Deletes a resource and every right to it, in a sandbox
#[utoipa::path(
    delete, path = "/resourceregistry/api/v1/resource/{id}", tag = "Resource registry",
    params(("id" = String, Path, description = "The resource's id")),
    responses((status = 204, description = "Deleted"), (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope, the resource is another owner's, or this is no sandbox"),
        (status = 404, description = "No such resource"))
)]
pub async fn delete_resource(
    State(app): State<Arc<App>>,
    caller: Scoped<ResourceWrite>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let entry = app.model.resource(&id).ok_or_else(ApiError::not_found)?;
    if !owns(&caller, &entry.resource) {
        return Err(ApiError::Bare(StatusCode::FORBIDDEN));
    }
    if app.sandbox.is_none() {
        let text = "Resources are deleted in sandboxes only. Set visible and delegable to false instead.";
        return Err(ApiError::Text(StatusCode::FORBIDDEN, text.to_owned()));
    }
    let now = app.clock.now();
    let mut tx = app.store.write(caller.context(), now).await?;
    still_owns(&mut tx, &caller, &id).await?;
    tx.delete_resource(&id).await?;
    let details = json!({"versionId": entry.version_id});
    let event = "resource.deleted";
    tx.audit(AuditEntry { id: app.random.uuid_at(now), event, party: None, subject: id, details }).await?;
    app.commit(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which resources are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Whether apps are listed; true unless given.
    #[serde(default = "yes")]
    include_apps: bool,
    /// Whether apps that were moved from the retired platform are listed.
    #[serde(default)]
    include_migrated_apps: bool,
}

fn yes() -> bool {
    true
}

/// Lists all resources
#[utoipa::path(
    get, path = "/resourceregistry/api/v1/resource/resourcelist", tag = "Resource registry", params(ListQuery),
    responses((status = 200, description = "The resources, by id", body = [serde_json::Value]),
        (status = 400, description = "A parameter cannot be read"))
)]
pub async fn list_resources(State(app): State<Arc<App>>, Query(query): Query<ListQuery>) -> Json<Vec<Value>> {
    let is_wanted = |entry: &Arc<ResourceEntry>| match entry.resource.resource_type {
        ResourceType::AltinnApp => query.include_apps,
        ResourceType::MigratedApp => query.include_migrated_apps,
        _ => true,
    };
    Json(app.model.resources().into_iter().filter(is_wanted).map(|entry| listed(&entry)).collect())
}

/// A resource as lists show it, with how policies refer to it.
fn listed(entry: &ResourceEntry) -> Value {
    let mut document = shown(&entry.resource, entry.version_id);
    let reference = match entry.resource.identifier.strip_prefix("app_").and_then(|rest| rest.split_once('_')) {
        Some((org, app)) => json!([{"id": ORG, "value": org}, {"id": APP, "value": app}]),
        None => json!([{"id": RESOURCE, "value": entry.resource.identifier}]),
    };
    if let Some(members) = document.as_object_mut() {
        members.insert("authorizationReference".to_owned(), reference);
    }
    document
}

fn shown(resource: &Resource, version_id: i64) -> Value {
    let mut document = resource.document.clone();
    if let Some(members) = document.as_object_mut() {
        members.insert("versionId".to_owned(), version_id.into());
    }
    document
}

/// What is searched for. Everything given must fit; texts fit if they are part of what is searched, in any case.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct SearchQuery {
    /// Part of the id.
    id: Option<String>,
    /// Part of the title, in any language.
    title: Option<String>,
    /// Part of the description, in any language.
    description: Option<String>,
    /// The type.
    resource_type: Option<String>,
    /// A keyword.
    keyword: Option<String>,
    /// Part of a reference.
    reference: Option<String>,
    /// The owner's short name.
    org_code: Option<String>,
    /// The owner's organisation number.
    organization_id: Option<String>,
}

impl SearchQuery {
    fn finds(&self, entry: &ResourceEntry) -> bool {
        let resource = &entry.resource;
        let part = |wanted: &Option<String>, texts: &[&str]| {
            let wanted = wanted.as_deref().map(|text| text.trim().to_lowercase());
            wanted.is_none_or(|wanted| texts.iter().any(|text| text.to_lowercase().contains(&wanted)))
        };
        let whole = |wanted: &Option<String>, text: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted.trim().eq_ignore_ascii_case(text))
        };
        let (title, description) = (&resource.title, &resource.description);
        let keywords = || -> Vec<&str> {
            let keywords = resource.document.get("keywords").and_then(Value::as_array).into_iter().flatten();
            keywords.filter_map(|keyword| keyword.get("word")?.as_str()).collect()
        };
        let references = || -> Vec<String> {
            rules::references(resource).into_iter().map(|reference| reference.reference).collect()
        };
        part(&self.id, &[&resource.identifier])
            && part(&self.title, &[&title.nb, &title.nn, &title.en])
            && part(&self.description, &[&description.nb, &description.nn, &description.en])
            && whole(
                &self.resource_type,
                resource.document.get("resourceType").and_then(Value::as_str).unwrap_or_default(),
            )
            && (self.keyword.is_none() || part(&self.keyword, &keywords()))
            && (self.reference.is_none()
                || part(&self.reference, &references().iter().map(String::as_str).collect::<Vec<_>>()))
            && whole(&self.org_code, &resource.owner_code)
            && whole(&self.organization_id, resource.owner.as_str())
    }
}

/// Searches resources
#[utoipa::path(
    get, path = "/resourceregistry/api/v1/resource/search", tag = "Resource registry", params(SearchQuery),
    responses((status = 200, description = "The resources found, by id", body = [serde_json::Value]),
        (status = 400, description = "A parameter cannot be read"))
)]
pub async fn search_resources(State(app): State<Arc<App>>, Query(query): Query<SearchQuery>) -> Json<Vec<Value>> {
    let found = app.model.resources().into_iter().filter(|entry| query.finds(entry));
    Json(found.map(|entry| listed(&entry)).collect())
}

/// Which version is read.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct VersionQuery {
    /// An earlier version, by its `versionId`.
    version_id: Option<i64>,
}

/// Reads a resource
#[utoipa::path(
    get, path = "/resourceregistry/api/v1/resource/{id}", tag = "Resource registry",
    params(("id" = String, Path, description = "The resource's id"), VersionQuery),
    responses((status = 200, description = "The resource", body = serde_json::Value), (status = 400, description = "The version is no number"),
        (status = 404, description = "No such resource or version"))
)]
pub async fn read_resource(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Query(query): Query<VersionQuery>,
) -> Result<Json<Value>, ApiError> {
    let entry = app.model.resource(&id).ok_or_else(ApiError::not_found)?;
    let version = query.version_id.filter(|version| *version != entry.version_id);
    let Some(version) = version else { return Ok(Json(shown(&entry.resource, entry.version_id))) };
    let earlier = app.store.read().await?.resource_version(&id, version).await?;
    Ok(Json(shown(&earlier.ok_or_else(ApiError::not_found)?, version)))
}
