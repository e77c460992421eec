//! System users: finding them, and taking them back.
//!
//! `byExternalId` is the look-up that Maskinporten makes of Altinn, open to whoever has its scope; the token service
//! here asks memory the same question. `byquery` is for vendors. Deleting ([`rules::delete`]) is the customer's, in the
//! portal: it takes back all that was delegated, and frees the request, so that the vendor can ask again.

pub mod api;
pub mod rules;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(api::by_external_id)).routes(routes!(api::by_query))
}
