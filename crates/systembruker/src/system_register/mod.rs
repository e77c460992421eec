//! The system register: vendors say which systems they have, and the most these may ever ask customers for.
//!
//! The contract is Altinn's system register API (`/authentication/api/v1/systemregister`). A system belongs to the
//! vendor whose number begins its id, authenticates as the Maskinporten clients on its list, and may send customers
//! only to the redirect URLs on its list.

pub mod api;
pub mod rules;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(api::list_systems, api::register_system)).routes(routes!(api::read_system))
}
