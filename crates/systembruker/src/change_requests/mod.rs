//! Change requests: a vendor asks that a system user of its own is given more, or less; the customer answers.
//!
//! The contract is Altinn's change request API (`/authentication/api/v1/systemuser/changerequest`). The vendor chooses the
//! id (the correlation id), so that posting the same again gives the change request that is there. It waits for an answer
//! like a request, and is approved by the same persons, who must be able to pass on what is new. Approval changes what
//! the system user has, and marks the change request, in one transaction ([`answer`]).

pub mod answer;
pub mod api;
pub mod dto;
pub mod enduser;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(api::post_change_request))
        .routes(routes!(api::post_for_any_kind))
        .routes(routes!(api::read_change_request, api::delete_change_request))
        .routes(routes!(api::read_by_reference))
        .routes(routes!(api::list_change_requests))
        .routes(routes!(enduser::read_for_party))
        .routes(routes!(enduser::read_for_answer))
        .routes(routes!(enduser::approve))
        .routes(routes!(enduser::reject))
}
