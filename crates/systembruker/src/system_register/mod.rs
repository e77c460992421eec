//! The system register: vendors say which systems they have, and the most these may ever ask customers for.
//!
//! The contract is Altinn's system register API (`/authentication/api/v1/systemregister`). A system belongs to the
//! vendor whose number begins its id, authenticates as the Maskinporten clients on its list, and may send customers
//! only to the redirect URLs on its list. A deleted system keeps its id for ever, but gives its clients free.
//!
//! [`api`] is the vendor's side: every change is checked against what is registered ([`rules`]) while nobody else can
//! change anything, and written into the system's own log, which the vendor reads. Changes can be bound to the version
//! that was read (`ETag`, `If-Match`). [`reading`] is for those who choose among systems.

pub mod api;
pub mod dto;
pub mod limits;
pub mod reading;
pub mod rules;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(api::list_systems, api::register_system))
        .routes(routes!(api::read_system, api::replace_system, api::delete_system))
        .routes(routes!(api::replace_rights))
        .routes(routes!(api::replace_packages))
        .routes(routes!(api::change_log))
        .routes(routes!(reading::list_visible))
        .routes(routes!(reading::read_listed))
        .routes(routes!(reading::read_rights))
        .routes(routes!(reading::read_packages))
}
