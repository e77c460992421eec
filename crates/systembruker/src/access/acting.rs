//! Persons who act for an organisation, where the address says which: `{party}`.
//!
//! A handler names what it takes in its signature: `acting: Acting<AccessManagementWrite>`. The policy of one of the
//! platform's own resources says who may. It is looked at before anything else of the request.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use model::problem::PARTY_UNKNOWN;
use model::{Organisation, Person};
use store::ChangeContext;

use crate::app::App;
use crate::authorization::rules::{Asked, person_may};
use crate::http::caller::{Caller, CallingPerson};
use crate::http::problem::ApiError;
use crate::requests::answer::Answerer;
use crate::resource_registry::builtin::{ACCESS_MANAGEMENT, CLIENT_ADMINISTRATION, SYSTEM_USER_OVERVIEW};

/// The scope of what the portal does for persons.
const PORTAL_SCOPE: &str = "altinn:portal/enduser";
/// The header with the number of the organisation, where the address says `organization`.
const ORGANISATION_HEADER: &str = "altinn-party-organizationnumber";

/// What it takes to act for the organisation of an address.
pub trait PartyPolicy: Send + Sync {
    /// The resource of the platform whose policy decides.
    const RESOURCE: &'static str;
    /// The action.
    const ACTION: &'static str;
    /// A scope that the token must have too.
    const SCOPE: Option<&'static str>;
}

macro_rules! policies {
    ($($(#[$doc:meta])* $name:ident = $resource:expr, $action:literal, $scope:expr;)*) => {
        $($(#[$doc])* #[derive(Debug, Clone, Copy)] pub struct $name;
        impl PartyPolicy for $name {
            const RESOURCE: &'static str = $resource;
            const ACTION: &'static str = $action;
            const SCOPE: Option<&'static str> = $scope;
        })*
    };
}

policies! {
    /// See how access is administered.
    AccessManagementRead = ACCESS_MANAGEMENT, "read", None;
    /// Administer access.
    AccessManagementWrite = ACCESS_MANAGEMENT, "write", None;
    /// Administer access, through the portal.
    PortalAccessManagementWrite = ACCESS_MANAGEMENT, "write", Some(PORTAL_SCOPE);
    /// See the system users.
    OverviewRead = SYSTEM_USER_OVERVIEW, "read", None;
    /// See the clients of agents.
    ClientAdministrationRead = CLIENT_ADMINISTRATION, "read", None;
    /// Administer the clients of agents.
    ClientAdministrationWrite = CLIENT_ADMINISTRATION, "write", None;
}

/// A person who may act for an organisation as `P` says. Anyone else gets 401 or 403 and an empty body.
#[derive(Debug, Clone)]
pub struct Acting<P> {
    /// The organisation.
    pub organisation: Arc<Organisation>,
    /// The person.
    pub person: Arc<Person>,
    /// How surely it is known who the person is, 0 to 4.
    pub level: i64,
    /// How the person stands in the change log and the audit journal.
    pub context: ChangeContext,
    policy: PhantomData<P>,
}

impl<P> Acting<P> {
    /// The person as one who answers, and makes changes.
    pub fn answerer(&self) -> Answerer {
        Answerer { person: self.person.party_uuid, level: self.level, context: self.context.clone() }
    }
}

impl<P: PartyPolicy> FromRequestParts<Arc<App>> for Acting<P> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let caller = Caller::of(app, &parts.headers)?;
        if P::SCOPE.is_some_and(|scope| !caller.has_scope(scope)) {
            return Err(ApiError::Bare(StatusCode::FORBIDDEN));
        }
        let level = caller.require_person()?.level;
        let parameters = RawPathParams::from_request_parts(parts, app).await;
        let parameters = parameters.map_err(|rejection| ApiError::member("path", rejection.body_text()))?;
        let party = parameters.iter().find(|(name, _)| *name == "party").map_or("", |(_, value)| value);
        let organisation = organisation_of(app, &parts.headers, party)?;
        let person = may_act(app, &caller, &organisation, P::RESOURCE, P::ACTION)?;
        let mut context = caller.context();
        context.on_behalf_of = Some(organisation.party_uuid.to_string());
        Ok(Self { organisation, person, level, context, policy: PhantomData })
    }
}

/// The organisation that an address names: by party id, or as `organization` with its number in a header. That of a
/// person is none: persons have no system users.
pub fn organisation_of(app: &App, headers: &HeaderMap, party: &str) -> Result<Arc<Organisation>, ApiError> {
    let parties = app.model.parties();
    let found = match party {
        "organization" => {
            let number = headers.get(ORGANISATION_HEADER).and_then(|value| value.to_str().ok());
            number.and_then(|number| number.trim().parse().ok()).and_then(|number| parties.by_number(number))
        }
        "person" => None,
        id => {
            let id = id.parse().map_err(|_| ApiError::member("party", "The party is not a party id."))?;
            parties.by_party_id(id).and_then(|party| party.organisation().cloned())
        }
    };
    found.ok_or_else(|| PARTY_UNKNOWN.into())
}

/// Whether an address names no party at all: clients in use ask for the lists of party 0, and are given empty ones.
pub fn is_no_party(party: &str) -> bool {
    party.parse::<i64>().is_ok_and(|id| id < 1)
}

/// The person who calls, if the policy of one of the platform's resources lets it do this for the organisation.
pub fn may_act(
    app: &App,
    caller: &Caller,
    organisation: &Organisation,
    resource: &str,
    action: &str,
) -> Result<Arc<Person>, ApiError> {
    let CallingPerson { person, level } = caller.require_person()?;
    let asked = Asked { organisation, resource, action };
    let may = person_may(&app.decision_inputs(), person.party_uuid, *level, &asked);
    if may { Ok(Arc::clone(person)) } else { Err(ApiError::Bare(StatusCode::FORBIDDEN)) }
}
