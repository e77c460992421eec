//! The resource registry over HTTP.

use std::sync::Arc;

use axum::extract::{FromRequest as _, Multipart, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::{CONTENT_TYPE, LOCATION};
use model::OrgNumber;
use serde_json::Value;

use super::rules;
use crate::app::App;
use crate::http::caller::scope::ResourceWrite;
use crate::http::caller::{Caller, Scoped};
use crate::http::extract::{Json, Path, body};
use crate::http::faces::Face;
use crate::http::problem::ApiError;

/// The scope that opens every owner's resources.
const ADMIN_SCOPE: &str = "altinn:resourceregistry/resource.admin";

fn owns(caller: &Caller, owner: OrgNumber) -> bool {
    caller.org == Some(owner) || caller.has_scope(ADMIN_SCOPE)
}

/// Registers a resource
#[utoipa::path(
    post, path = "/resourceregistry/api/v1/resource", tag = "Resource registry", request_body = serde_json::Value,
    responses((status = 201, description = "The resource"), (status = 400, description = "Something is wrong with it; errors says what"),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope, or the owner is another organisation"),
        (status = 409, description = "There is such a resource"), (status = 415, description = "The body is not JSON"))
)]
pub async fn register_resource(
    State(app): State<Arc<App>>,
    caller: Scoped<ResourceWrite>,
    Json(document): Json<Value>,
) -> Result<Response, ApiError> {
    let resource = rules::read_resource(document)?;
    if !owns(&caller, resource.owner) {
        return Err(ApiError::Bare(StatusCode::FORBIDDEN));
    }
    let mut tx = app.store.write(caller.context(), app.clock.now()).await?;
    if tx.resource(&resource.identifier).await?.is_some() {
        let detail = format!("The resource {} already exists.", resource.identifier);
        return Err(ApiError::Status(StatusCode::CONFLICT, Some(detail)));
    }
    tx.insert_resource(&resource).await?;
    app.commit(tx).await?;
    let path = format!("resourceregistry/api/v1/resource/{}", resource.identifier);
    let location = app.faces.join(Face::Platform, &path);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(resource.document)).into_response())
}

/// Lists all resources
#[utoipa::path(
    get, path = "/resourceregistry/api/v1/resource/resourcelist", tag = "Resource registry",
    responses((status = 200, description = "The resources", body = [serde_json::Value]))
)]
pub async fn list_resources(State(app): State<Arc<App>>) -> Json<Vec<Value>> {
    Json(app.model.resources().iter().map(|entry| entry.resource.document.clone()).collect())
}

/// Reads a resource
#[utoipa::path(
    get, path = "/resourceregistry/api/v1/resource/{id}", tag = "Resource registry",
    params(("id" = String, Path, description = "The resource's id")),
    responses((status = 200, description = "The resource", body = serde_json::Value), (status = 404, description = "No such resource"))
)]
pub async fn read_resource(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let entry = app.model.resource(&id).ok_or_else(ApiError::not_found)?;
    Ok(Json(entry.resource.document.clone()))
}

/// Reads a resource's policy
#[utoipa::path(
    get, path = "/resourceregistry/api/v1/resource/{id}/policy", tag = "Resource registry",
    params(("id" = String, Path, description = "The resource's id")),
    responses((status = 200, description = "The XACML document", content_type = "text/xml"),
        (status = 404, description = "No such resource, or it has no policy"))
)]
pub async fn read_policy(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let entry = app.model.resource(&id).ok_or_else(ApiError::not_found)?;
    let policy = entry.policy.as_ref().ok_or_else(ApiError::not_found)?;
    Ok(([(CONTENT_TYPE, "text/xml; charset=utf-8")], policy.document.clone()).into_response())
}

/// Gives a resource its policy
///
/// A multipart form with the XACML document as the file `policyFile`, or the document itself as `application/xml`.
#[utoipa::path(
    post, path = "/resourceregistry/api/v1/resource/{id}/policy", tag = "Resource registry",
    params(("id" = String, Path, description = "The resource's id")),
    request_body(content = String, content_type = "multipart/form-data"),
    responses((status = 201, description = "The policy counts now"),
        (status = 400, description = "The policy cannot be used; errors says why, with line and column"),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope, or the resource is another owner's"),
        (status = 404, description = "No such resource"), (status = 415, description = "Neither a form nor XML"))
)]
pub async fn post_policy(
    State(app): State<Arc<App>>,
    caller: Scoped<ResourceWrite>,
    Path(id): Path<String>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let entry = app.model.resource(&id).ok_or_else(ApiError::not_found)?;
    if !owns(&caller, entry.resource.owner) {
        return Err(ApiError::Bare(StatusCode::FORBIDDEN));
    }
    let text = policy_document(&app, request).await?;
    rules::read_policy(&id, &text)?;
    let mut tx = app.store.write(caller.context(), app.clock.now()).await?;
    tx.put_policy(&id, &text).await?;
    app.commit(tx).await?;
    Ok(StatusCode::CREATED)
}

/// Replaces a resource's policy, as `POST` does
#[utoipa::path(
    put, path = "/resourceregistry/api/v1/resource/{id}/policy", tag = "Resource registry",
    params(("id" = String, Path, description = "The resource's id")),
    request_body(content = String, content_type = "multipart/form-data"),
    responses((status = 201, description = "The policy counts now"),
        (status = 400, description = "The policy cannot be used; errors says why, with line and column"),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope, or the resource is another owner's"),
        (status = 404, description = "No such resource"), (status = 415, description = "Neither a form nor XML"))
)]
pub async fn put_policy(
    app: State<Arc<App>>,
    caller: Scoped<ResourceWrite>,
    id: Path<String>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    post_policy(app, caller, id, request).await
}

async fn policy_document(app: &Arc<App>, request: Request) -> Result<String, ApiError> {
    const NOT_TEXT: &str = "The document is not UTF-8.";
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = content_type.to_ascii_lowercase();
    if content_type.starts_with("application/xml") || content_type.starts_with("text/xml") {
        let bytes = body(request, app).await?;
        return String::from_utf8(bytes.to_vec()).map_err(|_| ApiError::member("policyFile", NOT_TEXT));
    }
    let unsupported = || {
        let detail = "Send a multipart form with the file policyFile, or the document as application/xml.".to_owned();
        ApiError::Status(StatusCode::UNSUPPORTED_MEDIA_TYPE, Some(detail))
    };
    let mut form = Multipart::from_request(request, app).await.map_err(|_| unsupported())?;
    let unreadable = |error: axum::extract::multipart::MultipartError| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::Status(StatusCode::PAYLOAD_TOO_LARGE, None),
        _ => ApiError::member("policyFile", "The form cannot be read."),
    };
    while let Some(field) = form.next_field().await.map_err(unreadable)? {
        if field.name().is_some_and(|name| name.eq_ignore_ascii_case("policyFile")) {
            let bytes = field.bytes().await.map_err(unreadable)?;
            return String::from_utf8(bytes.to_vec()).map_err(|_| ApiError::member("policyFile", NOT_TEXT));
        }
    }
    Err(ApiError::member("policyFile", "The file policyFile is missing."))
}
