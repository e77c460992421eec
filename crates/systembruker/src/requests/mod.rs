//! Requests for system users: a vendor asks, the customer answers.
//!
//! The vendor's side follows Altinn's system user request API (`/authentication/api/v1/systemuser/request/vendor`):
//! posting gives a request and the `confirmUrl` under which the customer answers in the portal; posting the same again
//! gives the request that is there. A request asks for rights that the system has registered, and waits ten days.
//!
//! [`rules`] decides what may be asked for. [`answer`] is what happens when the customer answers: the portal calls it,
//! and whatever comes to call it later. Approval makes the system user, delegates the rights, and marks the request, in
//! one transaction.

pub mod answer;
pub mod api;
pub mod rules;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(api::post_request))
        .routes(routes!(api::read_request, api::delete_request))
        .routes(routes!(api::read_request_by_reference))
}
