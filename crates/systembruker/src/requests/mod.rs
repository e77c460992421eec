//! Requests for system users: a vendor asks, the customer answers.
//!
//! The vendor's side follows Altinn's system user request API (`/authentication/api/v1/systemuser/request/vendor`):
//! posting gives a request and the `confirmUrl` under which the customer answers in the portal; posting the same again
//! gives the request that is there. A request asks for rights that the system has registered, and waits ten days.
//!
//! [`rules`] decides what may be asked for, for both kinds: a system user for the customer itself, or an agent's for the
//! customer's clients. [`enduser`] is the customer's side; the pages of the portal do the same. [`answer`] is what happens
//! when the customer answers: approval makes the system user, delegates the rights, and marks the request, in one
//! transaction. Who cannot answer forwards it to those who can ([`forwarding`]).

pub mod answer;
pub mod api;
pub mod approvers;
pub mod dto;
pub mod enduser;
pub mod forwarding;
pub mod rules;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(api::post_request))
        .routes(routes!(api::post_agent_request))
        .routes(routes!(api::read_request, api::delete_request))
        .routes(routes!(api::read_agent_request))
        .routes(routes!(api::read_request_by_reference))
        .routes(routes!(api::read_agent_request_by_reference))
        .routes(routes!(api::list_requests))
        .routes(routes!(api::list_agent_requests))
        .routes(routes!(approvers::for_vendor))
        .routes(routes!(approvers::for_person))
        .routes(routes!(enduser::read_request))
        .routes(routes!(enduser::read_agent_request))
        .routes(routes!(enduser::read_request_for_answer))
        .routes(routes!(enduser::read_agent_request_for_answer))
        .routes(routes!(enduser::approve))
        .routes(routes!(enduser::reject))
        .routes(routes!(enduser::escalate))
        .routes(routes!(enduser::list_pending))
        .routes(routes!(enduser::approve_agent))
        .routes(routes!(enduser::reject_agent))
        .routes(routes!(enduser::escalate_agent))
        .routes(routes!(enduser::list_pending_agent))
}
