//! Logging persons in: an OpenID Connect client, and sessions.
//!
//! A page that needs a person sends the browser to `/login?goto=…`. From there it goes to the login provider (code flow
//! with PKCE, state and nonce), back to `/login/callback`, and on to the page. What must be remembered on the way is in
//! an encrypted cookie, so that nobody can fill our memory by starting logins. Persons are found by the keyed hash of
//! their national identity number; the number itself goes no further.
//!
//! Who logs out here is logged out at the provider too, and the other way round. A page that needs a higher level sends
//! the browser to `/login?level=4`; the session that begins then takes the place of the one before.
//!
//! The session's id is 256 random bits in a `__Host-` cookie; the store holds its hash. In a sandbox the provider is
//! the built-in test login, reached through the very same client.

pub mod addresses;
pub mod api;
pub mod oidc;
pub mod sessions;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;

/// The routes of this room.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/login", get(api::login))
        .route("/login/callback", get(api::callback))
        .route("/login/front-channel-logout", get(api::front_channel_logout))
        .route("/logout", post(api::logout))
}
