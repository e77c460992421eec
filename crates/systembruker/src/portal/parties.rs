//! Organisations and persons as pages name them, and whose pages a person may see.

use std::sync::Arc;

use axum::response::Response;
use model::{AccessPackage, Organisation, RegisteredSystem, RequestKind, Right};

use super::lists::Search;
use super::pages::{Message, Page};
use super::rights::Describer;
use crate::access::relations::relations;
use crate::app::App;
use crate::authorization::rules::{Asked, person_may};
use crate::login::sessions::LoggedIn;
use crate::read_model::Party;
use crate::requests::answer::Answerer;
use crate::requests::approvers::who_can;

/// An organisation, as pages name it.
#[derive(Debug, Clone)]
pub struct OrganisationRow {
    /// The name.
    pub name: String,
    /// The number, as its address has it.
    pub number: String,
    /// The number, as people read it.
    pub grouped: String,
    /// The main unit's name, for a sub-unit.
    pub main_unit: Option<String>,
}

impl OrganisationRow {
    /// Whether it is looked for, by name or number.
    pub fn is_found(&self, search: &Search) -> bool {
        search.is_in(&format!("{} {} {}", self.name, self.number, self.grouped))
    }
}

/// An organisation in a row.
pub fn row(app: &App, organisation: &Organisation) -> OrganisationRow {
    let main_unit = app.model.parties().main_unit(organisation);
    OrganisationRow {
        name: organisation.name.clone(),
        number: organisation.org_number.to_string(),
        grouped: organisation.org_number.grouped(),
        main_unit: main_unit.map(|unit| unit.name.clone()),
    }
}

/// The vendor's name in the register, or its number where the register does not have it.
pub fn vendor_name(app: &App, system: &RegisteredSystem) -> String {
    let known = app.model.parties().by_number(system.vendor);
    known.map_or_else(|| system.vendor.grouped(), |vendor| vendor.name.clone())
}

/// Whether the person may do anything for the organisation at all.
pub fn is_related(app: &App, session: &LoggedIn, organisation: &Arc<Organisation>) -> bool {
    let (holder, party) = (Party::Person(Arc::clone(&session.person)), Party::Organisation(Arc::clone(organisation)));
    !relations(&app.model, &holder, &party, app.clock.now()).is_empty()
}

/// Whether the policy of one of the platform's resources lets the person do this for the organisation.
pub fn may(app: &App, session: &LoggedIn, organisation: &Organisation, resource: &str, action: &str) -> bool {
    let asked = Asked { organisation, resource, action };
    person_may(&app.decision_inputs(), session.person.party_uuid, session.level, &asked)
}

/// The organisation of the address, if the person may do anything for it. Everybody else gets the page for an address
/// where nothing is.
pub fn own_organisation(
    app: &App,
    session: &LoggedIn,
    page: &Page,
    number: &str,
) -> Result<Arc<Organisation>, Response> {
    let organisation = number.parse().ok().and_then(|number| app.model.parties().by_number(number));
    let own = organisation.filter(|organisation| is_related(app, session, organisation));
    own.ok_or_else(|| page.clone().message(Message::NotFound))
}

/// The most names that are named as those who can do something.
const MAX_NAMES: usize = 5;

/// Those who can approve that rights and packages are given, by name, with their roles.
pub fn names_of_approvers(
    of: &Describer<'_>,
    organisation: &Arc<Organisation>,
    kind: RequestKind,
    (rights, packages): (&[Right], &[AccessPackage]),
) -> Vec<String> {
    let metadata = of.app.model.metadata();
    let role = |code: &String| metadata.role(code).map(|role| role.name.get(of.language).to_lowercase());
    let candidates = who_can(of.app, organisation, kind, rights, packages).into_iter().take(MAX_NAMES);
    let named = candidates.map(|(name, roles)| {
        let roles: Vec<_> = roles.iter().filter_map(role).collect();
        if roles.is_empty() { name } else { format!("{name} ({})", roles.join(", ")) }
    });
    named.collect()
}

/// The person, who answers or changes something for the organisation.
pub fn answerer(session: &LoggedIn, organisation: &Organisation) -> Answerer {
    Answerer { person: session.person.party_uuid, level: session.level, context: session.acting_for(organisation) }
}

/// Refuses with a page where the person may not.
pub fn require(
    app: &App,
    session: &LoggedIn,
    page: &Page,
    organisation: &Organisation,
    (resource, action): (&str, &str),
) -> Result<(), Response> {
    if may(app, session, organisation, resource, action) { Ok(()) } else { Err(page.clone().message(Message::NoPower)) }
}
