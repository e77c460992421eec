//! The decision point (policy decision point): may this subject do this to this resource for this organisation?
//!
//! `POST /authorization/api/v1/authorize` is for owners of resources; `/decision` for components of the platform, here
//! in sandboxes only. Both take requests in the JSON profile of XACML 3.0 and answer 200 whatever the decision is: a
//! caller looks at `decision`, and only `Permit` is a yes.
//!
//! A decision is made of memory alone ([`rules::decide`]): the resource's policy, the roles of a person in the
//! organisation, or the single rights that were delegated to a system user. The portal asks the same function who may
//! approve: there are no rules of its own in it.

pub mod api;
pub mod rules;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// The routes that are always there.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(api::authorize))
}

/// The routes that only a sandbox has.
pub fn sandbox_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(api::decision))
}
