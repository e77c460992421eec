//! The portal: what the customer sees.
//!
//! Pages are made on the server and work without script, by keyboard and with a screen reader; the script adds comfort
//! only. Pia comes in one of two ways. By a vendor's link ([`asked`]): she sees who asks, for whom, what the system could
//! then see and do and what not, and what of it she can give; she approves, rejects, or forwards it to somebody who can
//! ([`answers`]). Or by the front page ([`front`]): she chooses an organisation, sees what it has given and is asked for
//! ([`overview`]) and what has happened ([`history`]), looks at a system access, names it or takes it back
//! ([`accesses`]), gives one without having been asked ([`create`]), and says for which clients it acts ([`clients`]).
//!
//! What she decides about is worked out when the page is made: [`rights`] puts rights into plain words, with what hinders
//! her. The words are hashed into the form, and from there into the audit journal; if they are others when she answers,
//! nothing is approved.
//!
//! The portal has no rules of its own about who may do what: it asks the decision point about the platform's own
//! resources (`altinn_access_management`, `altinn_system_user_overview`, `altinn_client_administration`), and calls the
//! same functions as the APIs. The organisation is in the address, never in a cookie, so that several can be looked at
//! side by side.
//!
//! Every handler goes the same way. [`parties`] says whose pages the person may see, [`forms`] whether what was posted
//! comes from a page of ours, [`lists`] which part of a list is shown. [`pages`] holds what is around every page, with its
//! headers and with what is said when something is refused; [`texts`] has the words in three languages, [`formats`] the
//! days and numbers, `templates/` the markup, [`assets`] style, font and script, at addresses that change with what is in
//! them. [`limits`] counts how often a browser comes.

pub mod accesses;
pub mod answers;
pub mod asked;
pub mod assets;
pub mod clients;
pub mod create;
pub mod formats;
pub mod forms;
pub mod front;
pub mod history;
pub mod limits;
pub mod lists;
pub mod overview;
pub mod pages;
pub mod parties;
pub mod rights;
pub mod texts;

use std::sync::Arc;

use url::Url;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tower_http::csrf::CsrfLayer;

use crate::app::App;
use crate::http::faces::Face;

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
    /// How often a browser may post forms and look for requests.
    pub limits: limits::LimitSettings,
}

impl Default for PortalSettings {
    fn default() -> Self {
        Self {
            product_name: "Systembruker".to_owned(),
            logo: None,
            support: None,
            accessibility_statement: None,
            limits: limits::LimitSettings::default(),
        }
    }
}

/// Puts what all pages need around them: a form that another site posts is refused before anything looks at it, who asks
/// too often has to wait, and answers are pages with the headers of [`pages::secure`].
pub fn protect(pages: Router<Arc<App>>, app: &Arc<App>) -> Router<Arc<App>> {
    let limits = from_fn_with_state(Arc::clone(app), limits::layer);
    // Who says where it comes from is told apart by that, whichever way the host is written.
    let own = app.faces.origin(Face::Portal);
    let csrf = CsrfLayer::new().add_trusted_origin(own).unwrap_or_default();
    let pages = pages.method_not_allowed_fallback(pages::other_method);
    pages.layer(csrf).layer(limits).layer(from_fn_with_state(Arc::clone(app), pages::secure))
}

/// Where one is told of having logged out; the login provider must know it as a place to come back to.
pub const LOGGED_OUT: &str = "/logged-out";

/// The routes of the portal.
pub fn routes() -> Router<Arc<App>> {
    let pages = Router::new()
        .route("/", get(front::front))
        .route(LOGGED_OUT, get(front::logged_out))
        .route("/language", post(front::choose_language))
        .route("/session", get(front::keep_session))
        .route("/help", get(front::help))
        .route("/privacy", get(front::privacy))
        .route("/accessibility", get(front::accessibility))
        .route("/help/errors/{code}", get(front::token_error))
        .route("/receipt/{token}", get(answers::receipt))
        .route("/org/{org}/system-access", get(overview::overview))
        .route("/org/{org}/requests", get(overview::requests))
        .route("/org/{org}/history", get(history::history))
        .route("/org/{org}/history.csv", get(history::csv))
        .route("/org/{org}/history.json", get(history::json))
        .route("/org/{org}/system-access/new", get(create::choose))
        .route("/org/{org}/system-access/new/{system}", get(create::review).post(create::create))
        .route("/org/{org}/system-access/{id}", get(accesses::details))
        .route("/org/{org}/system-access/{id}/name", post(accesses::rename_access))
        .route("/org/{org}/system-access/{id}/revoke", get(accesses::confirm_revoke).post(accesses::revoke))
        .route("/org/{org}/system-access/{id}/clients", get(clients::list).post(clients::change))
        .route("/org/{org}/system-access/{id}/clients/own", post(clients::change_own))
        .route("/org/{org}/system-access/{id}/clients/jobs/{job}", get(clients::job))
        // The addresses that the public portal has, and had.
        .route("/accessmanagement/ui/systemuser/overview", get(front::front))
        .route("/accessmanagement/ui/systemuser/create", get(front::front))
        .route("/accessmanagement/ui/requests", get(front::front))
        .route("/accessmanagement/ui/systemuser/{id}", get(accesses::by_id))
        .route("/accessmanagement/ui/systemuser/{id}/agentdelegation", get(accesses::by_id))
        .route("/authfront/ui/auth/overview", get(front::front))
        .route("/authfront/ui/auth/creation", get(front::front))
        .route("/authfront/ui/auth/details/{id}", get(accesses::by_id))
        .route("/authfront/ui/auth/vendorrequest", get(asked::by_link))
        .route("/authfront/ui/auth/vendorchangerequest", get(asked::by_link));
    ["request", "agentrequest", "changerequest"].into_iter().fold(pages, |pages, kind| {
        pages
            .route(&format!("/accessmanagement/ui/systemuser/{kind}"), get(asked::by_link))
            .route(&format!("/{kind}/{{id}}"), get(asked::by_id))
            .route(&format!("/{kind}/{{id}}/approve"), post(answers::approve))
            .route(&format!("/{kind}/{{id}}/reject"), post(answers::reject))
            .route(&format!("/{kind}/{{id}}/forward"), post(answers::forward))
            .route(&format!("/{kind}/{{id}}/forward/remind"), post(answers::remind))
            .route(&format!("/{kind}/{{id}}/forward/take-back"), post(answers::take_back))
    })
}
