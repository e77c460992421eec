//! The platform's own tokens: those of Maskinporten, exchanged; and how to verify them.
//!
//! The APIs here take Maskinporten's tokens as they are, so that nobody needs to exchange one. Clients that are written
//! for the official platform do all the same ([`exchange`]): what they get says the same of the caller, is issued by the
//! platform, and lives no longer than what it was exchanged for. [`discovery`] publishes the issuer and its keys.

pub mod discovery;
pub mod exchange;
pub mod id_porten;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(exchange::exchange))
        .routes(routes!(discovery::metadata))
        .routes(routes!(discovery::key_set))
}
