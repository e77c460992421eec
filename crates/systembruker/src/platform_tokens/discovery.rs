//! How the platform's tokens are verified: its issuer and keys (OpenID Connect Discovery 1.0).

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::CACHE_CONTROL;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::http::caller::platform_issuer;
use crate::http::extract::Json;
use crate::http::faces::Face;

/// How long metadata and keys may be kept: much shorter than keys are published before they sign.
const PUBLISHED: &str = "public, max-age=3600";

/// The metadata, with the members and slashes that it has always had.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlatformMetadata {
    issuer: String,
    jwks_uri: String,
    authorization_endpoint: String,
    token_endpoint: String,
    end_session_endpoint: String,
    response_types_supported: [&'static str; 1],
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: [&'static str; 1],
}

/// Describes the issuer of the platform's tokens
#[utoipa::path(
    get, path = "/authentication/api/v1/openid/.well-known/openid-configuration", tag = "Tokens of the platform",
    responses((status = 200, description = "The metadata", body = PlatformMetadata))
)]
pub async fn metadata(State(app): State<Arc<App>>) -> Response {
    let issuer = platform_issuer(&app);
    let at = |path: &str| app.faces.join(Face::Platform, &format!("authentication/api/v1/{path}"));
    let metadata = PlatformMetadata {
        jwks_uri: format!("{issuer}.well-known/openid-configuration/jwks"),
        authorization_endpoint: at("authorize/"),
        token_endpoint: at("token/"),
        end_session_endpoint: at("openid/logout/"),
        response_types_supported: ["token"],
        subject_types_supported: ["pairwise"],
        id_token_signing_alg_values_supported: ["RS256"],
        issuer,
    };
    ([(CACHE_CONTROL, PUBLISHED)], Json(metadata)).into_response()
}

/// Publishes the keys that the platform's tokens are signed with (RFC 7517)
#[utoipa::path(
    get, path = "/authentication/api/v1/openid/.well-known/openid-configuration/jwks", tag = "Tokens of the platform",
    responses((status = 200, description = "The key set", body = serde_json::Value))
)]
pub async fn key_set(State(app): State<Arc<App>>) -> Response {
    let keys = app.model.platform_keys();
    ([(CACHE_CONTROL, PUBLISHED)], Json(keys.published(app.clock.now()))).into_response()
}
