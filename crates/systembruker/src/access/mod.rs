//! Parties, roles, packages and delegations: who represents whom, and what can be passed on.
//!
//! The register of legal entities says who holds which role in an organisation. That register is imported here as JSON
//! lines ([`import`]): in a sandbox the people of the story and whoever `--parties` adds, for real an extract of the
//! register. [`metadata`] says what packages and roles there are and what follows from them, [`relations`] on which ways
//! one party may act for another. [`delegation`] says what a person can pass on to a system user,
//! which is asked of the policies of the resources: whoever may do something may let a system do it.

pub mod acting;
pub mod authorized_parties;
pub mod client_delegations;
pub mod clients;
pub mod compact;
pub mod connections;
pub mod delegation;
pub mod import;
pub mod metadata;
pub mod metadata_api;
pub mod naming;
pub mod relations;
pub mod scope_delegations;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    metadata_api::routes()
        .merge(connections::routes())
        .merge(client_delegations::routes())
        .merge(authorized_parties::routes())
        .merge(scope_delegations::routes())
}
