//! The sample API: what Skatteetaten has to claim of an organisation.
//!
//! It stands for any API that system users call, and is protected by the `guard` crate the way an outsider would do it:
//! it asks for tokens with Skatteetaten's own client, fetches Maskinporten's keys and asks the decision point over
//! HTTP. It runs in sandboxes only; the claims are made up, though always the same for the same organisation.

pub mod api;
pub mod claims;

use std::sync::Arc;

use anyhow::Context as _;
use axum::middleware::map_response;
use client::{Connection, Maskinporten};
use guard::{Guard, Requirements};
use token::keys::SigningKey;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{App, http_client};
use crate::sandbox::Sandbox;
use crate::sandbox::seed::SKATTEETATEN;

/// The scope that a token needs.
pub const SCOPE: &str = "skatteetaten:kravogbetalinger";
/// The resource in the registry that stands for this API.
pub const RESOURCE: &str = "ske-krav-og-betalinger";

/// The routes of this API.
pub fn routes(app: &Arc<App>, sandbox: &Sandbox) -> anyhow::Result<OpenApiRouter<Arc<App>>> {
    let owner = sandbox.clients.iter().find(|client| client.org.as_str() == SKATTEETATEN);
    let owner = owner.context("the sandbox has no client of Skatteetaten")?;
    let key = SigningKey::from_pem(&owner.private_key_pem, owner.kid.clone())?;
    let connection = Connection::new(http_client()?, app.faces.environment());
    let clock = |app: &Arc<App>| {
        let app = Arc::downgrade(app);
        // A guard that outlives the application sees no token as valid.
        move || app.upgrade().map_or(i64::MAX / 2, |app| app.clock.seconds())
    };
    let maskinporten = Maskinporten::new(connection, owner.client_id.clone(), key).with_clock(clock(app));
    let requirements = Requirements { scope: SCOPE.into(), resource: RESOURCE.into(), audience: None };
    let guard = Arc::new(Guard::new(requirements, maskinporten, clock(app))?);
    Ok(OpenApiRouter::new()
        .routes(routes!(api::aapne_krav))
        .layer(axum::Extension(Arc::clone(&guard)))
        .layer(guard.layer())
        .layer(map_response(api::shape_refusal)))
}
