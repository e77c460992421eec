//! System users: finding them, seeing to one's own, and taking them back.
//!
//! [`api`] is for Maskinporten and vendors. `byExternalId` is the look-up that Maskinporten makes of Altinn; the token
//! service here asks memory the same question. [`enduser`] is for persons who see to their organisation's own system
//! users. Deleting ([`rules::delete`]) takes back all that was given, and frees the request, so that the vendor can ask
//! again. [`agents`] and [`clients`] are about system users that act for clients: which there are, for whom, and what that
//! rests on; [`jobs`] gives and takes many of them at once. [`feed`] is for components that keep a copy of all of them.

pub mod agents;
pub mod api;
pub mod clients;
pub mod dto;
pub mod enduser;
pub mod feed;
pub mod jobs;
pub mod rules;
pub mod uses;

use std::sync::Arc;

use model::Request;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// How requests and lists of system users are.
#[derive(Debug, Clone, Copy)]
pub struct SystemUserSettings {
    /// How many days requests and change requests wait for an answer.
    pub request_days: i64,
    /// How many entries a page of a list has.
    pub page_size: u16,
}

impl Default for SystemUserSettings {
    fn default() -> Self {
        Self { request_days: Request::LIFETIME_DAYS, page_size: 50 }
    }
}

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(api::by_external_id))
        .routes(routes!(api::by_query))
        .routes(routes!(api::by_system))
        .routes(routes!(api::delete_of_own_system))
        .routes(routes!(enduser::list_own))
        .routes(routes!(enduser::read_own, enduser::delete_own))
        .routes(routes!(enduser::read_delegations))
        .routes(routes!(enduser::create))
        .routes(routes!(agents::list_agents))
        .routes(routes!(agents::list_clients))
        .routes(routes!(agents::list_delegations))
        .routes(routes!(agents::give_agent_client, agents::delete_agent))
        .routes(routes!(agents::take_agent_client))
        .routes(routes!(agents::give_self, agents::read_self, agents::take_self))
        .routes(routes!(clients::list_available))
        .routes(routes!(clients::list_given, clients::give, clients::take))
        .routes(routes!(clients::list_agents))
        .routes(routes!(jobs::post_job))
        .routes(routes!(jobs::read_job))
        .routes(routes!(feed::stream))
        .routes(routes!(feed::read_one))
}
