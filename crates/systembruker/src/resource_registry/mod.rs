//! The resource registry: API owners register what they offer, each with a policy that says who may do what.
//!
//! The contract is Altinn's resource registry (`/resourceregistry/api/v1/resource`). What is registered is public;
//! writing needs a token of the owner. A policy is a XACML 3.0 document about its own resource and no other; it is
//! checked and made ready when it is posted, and counts from then on.

pub mod api;
pub mod builtin;
pub mod rules;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(api::register_resource))
        .routes(routes!(api::list_resources))
        .routes(routes!(api::read_resource))
        .routes(routes!(api::read_policy, api::post_policy, api::put_policy))
}
