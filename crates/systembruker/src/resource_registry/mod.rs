//! The resource registry: API owners register what they offer, each with a policy that says who may do what.
//!
//! The contract is Altinn's resource registry (`/resourceregistry/api/v1/resource`). What is registered is public;
//! writing needs a token of the owner. Every version of a registration is kept. A policy is a XACML 3.0 document about
//! its own resource and no other; it is checked and made ready when it is posted, and counts from then on. What it
//! says can be read in four ways: as the document, as its subjects, as rules written out, and as rights ([`rights`]).
//!
//! Two feeds tell others what has changed: which subjects policies name (`updated`), and which resources (`changes`).
//!
//! *Access lists* ([`access_lists`]) are for resources that are not for everybody: only organisations on a list of the
//! owner's may use them.

pub mod access_lists;
pub mod api;
pub mod builtin;
pub mod policies;
pub mod rights;
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
        .routes(routes!(api::search_resources))
        .routes(routes!(policies::by_subjects))
        .routes(routes!(policies::updated))
        .routes(routes!(policies::changes))
        .routes(routes!(api::read_resource, api::change_resource, api::delete_resource))
        .routes(routes!(policies::read_policy, policies::post_policy, policies::put_policy))
        .routes(routes!(policies::policy_subjects))
        .routes(routes!(policies::policy_rules))
        .routes(routes!(policies::policy_rights_v1))
        .routes(routes!(policies::policy_rights_v2))
        .merge(access_lists::routes())
}
