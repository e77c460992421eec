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
pub mod diagnosis;
pub mod explain;
pub mod housekeeping;
pub mod keys;
pub mod refusal;
pub mod replay;
pub mod rules;
pub mod service;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::admin::{access, clients, keys as admin_keys, scopes};
use crate::app::App;

/// The token endpoint. It refuses as RFC 6749 has it, also while nothing may be answered.
pub fn token_endpoint() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(api::token))
}

/// The other routes of this face.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(api::metadata))
        .routes(routes!(explain::explain_token))
        .routes(routes!(api::key_set))
        .routes(routes!(api::error_page))
        .routes(routes!(clients::list_clients, clients::create_client))
        .routes(routes!(clients::read_client, clients::update_client, clients::deactivate_client))
        .routes(routes!(admin_keys::read_keys, admin_keys::replace_keys))
        .routes(routes!(admin_keys::replace_keys_with_put, admin_keys::delete_keys))
        .routes(routes!(scopes::list_scopes, scopes::create_scope, scopes::update_scope, scopes::deactivate_scope))
        .routes(routes!(scopes::all_scopes))
        .routes(routes!(scopes::delegation_sources))
        .routes(routes!(access::list_access))
        .routes(routes!(access::list_own_access))
        .routes(routes!(access::grant_access, access::revoke_access))
}
