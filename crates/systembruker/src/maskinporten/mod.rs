//! Maskinporten: the token service, and the administration of clients and scopes.
//!
//! A client sends a signed grant to `POST /token` and gets an access token. Between the two stand checks, in one order
//! that [`rules::authenticate`] and [`rules::authorize`] show: the grant can be read, the client is known, its key signed it, it is meant for us and
//! valid now, it was not used before, the client has the scopes, its organisation was granted them, and the system user
//! that is asked for exists. Each refusal is a typed reason ([`refusal::Refusal`]) that becomes a code, a fixed text that
//! clients match on, and words that say what to do.
//!
//! All of it is answered from memory, except why there is no system user, which the database knows more about. That a
//! grant was used is remembered in memory until the grant has expired ([`replay`]); a grant from before the last stop of
//! this service is refused, since what was remembered then is gone.
//!
//! The administration (`/api/v1/clients`, `/api/v1/scopes`) follows Digdir's self-service APIs and is used with tokens
//! of this very service, with the scopes `idporten:dcr.*` and `idporten:scopes.write`.

pub mod admin;
pub mod api;
pub mod keys;
pub mod refusal;
pub mod replay;
pub mod rules;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// The token endpoint. It refuses as RFC 6749 has it, also while nothing may be answered.
pub fn token_endpoint() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(api::token))
}

/// The other routes of this face.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(api::metadata))
        .routes(routes!(api::key_set))
        .routes(routes!(admin::list_clients, admin::create_client))
        .routes(routes!(admin::read_client))
        .routes(routes!(admin::read_keys, admin::replace_keys, admin::replace_keys_with_put))
        .routes(routes!(admin::list_scopes, admin::create_scope))
        .routes(routes!(admin::all_scopes))
        .routes(routes!(admin::list_access))
        .routes(routes!(admin::grant_access, admin::revoke_access))
}
