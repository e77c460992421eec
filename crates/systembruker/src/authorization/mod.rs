//! The decision point (policy decision point): may this subject do this to this resource for this organisation?
//!
//! `POST /authorization/api/v1/authorize` is for owners of resources; `/decision` for components of the platform, open
//! in sandboxes, and elsewhere there only for those who have the installation's internal key. Both take requests in
//! the JSON profile of XACML 3.0 (`/decision` in XML too) and answer 200 whatever the decision is: a caller looks at
//! `decision`, and only `Permit` is a yes.
//!
//! A decision is made of memory alone ([`rules::decide`]), in three steps. The request is *understood*: which resource,
//! for which party, by which system user, person or organisation. It is *completed* with what is known of how the
//! subject stands to the party ([`crate::access::relations`]): a person's roles and packages, the packages of a
//! system user. Then the resource's policy is asked, after it the single rights that were given, and last the access
//! lists, where the resource has them. The portal asks the same function who may approve: there are no rules of its own
//! in it.
//!
//! `POST /systembruker/api/v1/decisions` asks the same in four fields ([`typed`]) and, if wanted, tells why and what
//! would change the answer ([`explain`]).
//!
//! What was decided is journalled ([`journal`]) as the installation is set up.

pub mod api;
pub mod attributes;
pub mod explain;
pub mod identifiers;
pub mod journal;
pub mod rules;
pub mod typed;

use secrecy::SecretString;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// How decisions are given.
#[derive(Debug, Default)]
pub struct DecisionSettings {
    /// Whether callers may ask about their own resources only.
    pub owners_only: bool,
    /// Which decisions are journalled.
    pub journalled: journal::Journalled,
    /// What opens `/decision` in real installations.
    pub internal_key: Option<SecretString>,
}

/// The routes that are always there.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(api::authorize)).routes(routes!(typed::decisions))
}

/// The routes for components of the platform.
pub fn internal_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(api::decision)).routes(routes!(api::access_list_authorization))
}
