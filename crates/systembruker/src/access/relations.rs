//! What connects one party, or a system user, with another: the ways on which it may act for it.
//!
//! For an organisation there are its own relations and, for a sub-unit, those of its main unit. A *relation* is a role
//! that the register gives, a connection that the party itself made (rettighetshaver), or what was given to a system
//! user. A person who holds a key role in an organisation stands for that organisation towards others (*via* it). A
//! sole proprietor as a person and the business are one for the business's accountant and auditor.
//!
//! The decision point turns relations into attributes of the subject, the delegation check asks through which of them
//! something can be passed on, and the lists of authorised parties are made of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use model::{DelegatedRight, Organisation, Person, SystemUserKind};
use smallvec::{SmallVec, smallvec};
use uuid::Uuid;
use xacml::AttributeCategory;

use super::metadata::{MAIN_ADMINISTRATOR, MAIN_ADMINISTRATOR_PACKAGE, Metadata, Purpose};
use crate::read_model::{ConnectionEntry, Parties, Party, ReadModel, SystemUserEntry};

/// How long after a sole proprietorship was deleted its accountant still acts for the owner as a person: two years.
const AFTER_DELETION: SignedDuration = SignedDuration::from_hours(2 * 365 * 24);
/// The role of the register that a person has for itself.
const PRIVATE_PERSON: &str = "PRIV";

/// Where a relation comes from.
#[derive(Debug, Clone)]
pub enum Basis {
    /// A role in the party, by register code.
    Role(String),
    /// The party made a connection.
    Connection(Arc<ConnectionEntry>),
}

/// One way on which a party may act for another.
#[derive(Debug, Clone)]
pub struct Relation {
    /// What it comes from.
    pub basis: Basis,
    /// Where the role is held or the connection was made: the party, its main unit, or the business of its owner.
    pub from: Uuid,
    /// The kind of unit that this is: `AS`; empty for a person.
    pub unit_type: String,
    /// The organisation in which the holder has a key role and that stands in the relation.
    pub via: Option<Uuid>,
}

impl Relation {
    /// What it adds to a subject.
    pub fn attributes(&self, metadata: &Metadata, purpose: Purpose) -> Vec<Arc<AttributeCategory>> {
        match &self.basis {
            Basis::Role(role) => metadata.attributes_of_role(role, &self.unit_type, purpose),
            Basis::Connection(connection) => {
                let mut attributes = vec![Arc::clone(&connection.packages)];
                if purpose == Purpose::PassOn && makes_main_administrator(connection) {
                    attributes.extend(metadata.attributes_of_role(MAIN_ADMINISTRATOR, &self.unit_type, purpose));
                }
                attributes
            }
        }
    }

    /// The URNs of the packages that it brings.
    pub fn packages(&self, metadata: &Metadata, purpose: Purpose) -> BTreeSet<String> {
        let of_role = |role: &str| -> BTreeSet<String> {
            let packages = metadata.packages_of_role(role, &self.unit_type, purpose);
            packages.into_iter().map(super::metadata::Package::urn).collect()
        };
        match &self.basis {
            Basis::Role(role) => of_role(role),
            Basis::Connection(connection) => {
                let given = connection.connection.packages.iter().map(|package| package.urn.clone());
                let mut packages: BTreeSet<_> = given.collect();
                if purpose == Purpose::PassOn && makes_main_administrator(connection) {
                    packages.extend(of_role(MAIN_ADMINISTRATOR));
                }
                packages
            }
        }
    }

    /// The roles that it brings, by register code.
    pub fn roles(&self, metadata: &Metadata, purpose: Purpose) -> BTreeSet<String> {
        match &self.basis {
            Basis::Role(role) => metadata.roles_from(role, purpose),
            Basis::Connection(_) => BTreeSet::new(),
        }
    }

    /// Whether it brings this single right.
    pub fn has_right(&self, resource: &str, action: &str) -> bool {
        match &self.basis {
            Basis::Role(_) => false,
            Basis::Connection(connection) => has_right(&connection.connection.rights, resource, action),
        }
    }
}

fn makes_main_administrator(connection: &ConnectionEntry) -> bool {
    connection.connection.packages.iter().any(|package| package.code() == MAIN_ADMINISTRATOR_PACKAGE)
}

/// Whether a right is among these, which are sorted.
pub fn has_right(rights: &[DelegatedRight], resource: &str, action: &str) -> bool {
    rights.binary_search_by(|right| (&*right.resource, &*right.action).cmp(&(resource, action))).is_ok()
}

/// The ways on which `holder`, a person or an organisation, may act for `party`.
pub fn relations(model: &ReadModel, holder: &Party, party: &Party, now: Timestamp) -> Vec<Relation> {
    let (parties, metadata) = (model.parties(), model.metadata());
    let mut found = direct(model, &parties, holder.uuid(), party, now);
    let Party::Person(person) = holder else { return found };
    if person.party_uuid == party.uuid() {
        let basis = Basis::Role(PRIVATE_PERSON.to_owned());
        found.push(Relation { basis, from: person.party_uuid, unit_type: String::new(), via: None });
    }
    for organisation in parties.organisations_of(person.party_uuid) {
        if organisation.party_uuid == party.uuid() || !has_key_role(&parties, &metadata, person, &organisation) {
            continue;
        }
        let via = Some(organisation.party_uuid);
        let through = direct(model, &parties, organisation.party_uuid, party, now);
        found.extend(through.into_iter().map(|relation| Relation { via, ..relation }));
    }
    found
}

/// The relations of the holder itself.
fn direct(model: &ReadModel, parties: &Parties, holder: Uuid, party: &Party, now: Timestamp) -> Vec<Relation> {
    let mut found = Vec::new();
    let mut add = |from: Uuid, unit_type: &str, only_books: bool| {
        let is_wanted = |role: &&String| !only_books || matches!(role.as_str(), "REGN" | "REVI");
        let roles = parties.roles(holder, from).iter().filter(is_wanted);
        let relation = |basis| Relation { basis, from, unit_type: unit_type.to_owned(), via: None };
        found.extend(roles.map(|role| relation(Basis::Role(role.clone()))));
        if !only_books && let Some(connection) = model.connection(from, holder) {
            found.push(relation(Basis::Connection(connection)));
        }
    };
    match party {
        Party::Organisation(organisation) => {
            for unit in parties.lineage(organisation) {
                add(unit.party_uuid, &unit.unit_type, false);
            }
        }
        Party::Person(person) => {
            add(person.party_uuid, "", false);
            for business in businesses_of(parties, person, now) {
                add(business.party_uuid, &business.unit_type, true);
            }
        }
    }
    found
}

fn has_key_role(parties: &Parties, metadata: &Metadata, person: &Person, organisation: &Organisation) -> bool {
    let roles = parties.roles(person.party_uuid, organisation.party_uuid);
    roles.iter().any(|role| metadata.role(role).is_some_and(|role| role.key_role))
}

/// The sole proprietorships (ENK) of a person who lives, also such as were deleted less than two years ago.
pub fn businesses_of(parties: &Parties, person: &Person, now: Timestamp) -> Vec<Arc<Organisation>> {
    if person.deceased.is_some_and(|deceased| deceased <= now) {
        return vec![];
    }
    let is_owned = |business: &Arc<Organisation>| {
        let roles = parties.roles(person.party_uuid, business.party_uuid);
        let long_gone = business.deleted.is_some_and(|deleted| now.duration_since(deleted) > AFTER_DELETION);
        business.unit_type == "ENK" && roles.iter().any(|role| role == "INNH") && !long_gone
    };
    parties.organisations_of(person.party_uuid).filter(is_owned).collect()
}

/// How a system user stands to a party.
#[derive(Debug, Clone)]
pub enum SystemUserRelation {
    /// The party, or its main unit, is the system user's owner, for whom it acts.
    Owner,
    /// The party, its main unit or its business is a client of the system user's owner.
    Client {
        /// The client.
        client: Uuid,
        /// What the system user may do for it.
        packages: Arc<AttributeCategory>,
    },
}

impl SystemUserRelation {
    /// The packages that it brings, as attributes.
    pub fn packages<'a>(&'a self, user: &'a SystemUserEntry) -> Option<&'a Arc<AttributeCategory>> {
        match self {
            Self::Owner => user.packages.as_ref(),
            Self::Client { packages, .. } => Some(packages),
        }
    }
}

/// The relations of a standard system user to its own owner. A deleted one has none.
pub fn of_owner(user: &SystemUserEntry) -> SmallVec<[SystemUserRelation; 2]> {
    if user.is_deleted { SmallVec::new() } else { smallvec![SystemUserRelation::Owner] }
}

/// The relations of a system user to a party. A deleted one has none.
pub fn of_system_user(
    parties: &Parties,
    user: &SystemUserEntry,
    party: &Party,
    now: Timestamp,
) -> SmallVec<[SystemUserRelation; 2]> {
    let mut found = SmallVec::new();
    if user.is_deleted {
        return found;
    }
    match (user.kind, party) {
        (SystemUserKind::Standard, Party::Organisation(organisation)) => {
            let is_owner = organisation.party_uuid == user.owner_party
                || parties.main_unit(organisation).is_some_and(|main| main.party_uuid == user.owner_party);
            if is_owner {
                found.push(SystemUserRelation::Owner);
            }
        }
        (SystemUserKind::Standard, Party::Person(_)) => {}
        (SystemUserKind::Agent, Party::Organisation(organisation)) => {
            for unit in parties.lineage(organisation) {
                if let Some(access) = user.clients.get(&unit.party_uuid) {
                    let packages = Arc::clone(&access.packages);
                    found.push(SystemUserRelation::Client { client: unit.party_uuid, packages });
                }
            }
        }
        (SystemUserKind::Agent, Party::Person(person)) => {
            for business in businesses_of(parties, person, now) {
                if let Some(access) = user.clients.get(&business.party_uuid) {
                    let packages = Arc::clone(&access.packages_for_owner);
                    found.push(SystemUserRelation::Client { client: business.party_uuid, packages });
                }
            }
        }
    }
    found
}
