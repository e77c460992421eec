//! The portal: what the customer sees.
//!
//! Pages are made on the server and work without script, by keyboard and with a screen reader. A vendor's `confirmUrl`
//! leads to the request page ([`api::request`]): who asks, for whom, what the system could then do, for how long. The
//! answer is a form post that carries a token bound to the session; the session ends with it, and a receipt under a link
//! of its own offers the way back to the vendor. From the front page a person comes to the organisations in which it has
//! a role, to their system accesses, and can take one back.
//!
//! The portal has no rules of its own about who may do what: it asks the decision point about the platform's own
//! resources (`altinn_access_management`, `altinn_system_user_overview`).
//!
//! [`pages`] holds what the pages show, [`texts`] the words in three languages, `templates/` the markup.

pub mod api;
pub mod assets;
pub mod pages;
pub mod texts;

use std::sync::Arc;

use url::Url;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tower_http::csrf::CsrfLayer;

use crate::app::App;

/// How the portal presents itself.
#[derive(Debug, Clone)]
pub struct PortalSettings {
    /// The name in the head and the titles.
    pub product_name: String,
    /// A logo beside the name: an SVG file.
    pub logo: Option<Vec<u8>>,
    /// Where to get help.
    pub support: Option<Url>,
    /// The accessibility statement, where there is one.
    pub accessibility_statement: Option<Url>,
}

impl Default for PortalSettings {
    fn default() -> Self {
        Self { product_name: "Systembruker".to_owned(), logo: None, support: None, accessibility_statement: None }
    }
}

/// Puts what all pages need around them: a form that another site posts is refused before anything looks at it, and
/// answers are pages with the headers of [`pages::secure`].
pub fn protect(pages: Router<Arc<App>>, app: &Arc<App>) -> Router<Arc<App>> {
    pages.layer(CsrfLayer::new()).layer(from_fn_with_state(Arc::clone(app), pages::secure))
}

/// The routes of the portal.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(api::front))
        .route("/logged-out", get(api::logged_out))
        .route("/language", post(api::choose_language))
        .route("/help/errors/{code}", get(api::token_error))
        .route("/accessmanagement/ui/systemuser/overview", get(api::front))
        .route("/accessmanagement/ui/systemuser/request", get(api::request))
        .route("/request/{id}/approve", post(api::approve))
        .route("/request/{id}/reject", post(api::reject))
        .route("/receipt/{token}", get(api::receipt))
        .route("/org/{org}/system-access", get(api::overview))
        .route("/org/{org}/system-access/{id}", get(api::details))
        .route("/org/{org}/system-access/{id}/revoke", get(api::confirm_revoke).post(api::revoke))
        .merge(assets::routes())
}
