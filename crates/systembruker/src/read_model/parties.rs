//! Parties and the roles that the register gives.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{OrgNumber, Organisation, Person, RoleAssignment};
use uuid::Uuid;

use super::Table;

/// An organisation or a person.
#[derive(Debug, Clone)]
pub enum Party {
    /// An organisation.
    Organisation(Arc<Organisation>),
    /// A person.
    Person(Arc<Person>),
}

impl Party {
    /// Names the party everywhere.
    pub fn uuid(&self) -> Uuid {
        match self {
            Self::Organisation(organisation) => organisation.party_uuid,
            Self::Person(person) => person.party_uuid,
        }
    }

    /// The same as an integer.
    pub fn id(&self) -> i64 {
        match self {
            Self::Organisation(organisation) => organisation.party_id,
            Self::Person(person) => person.party_id,
        }
    }

    /// The name.
    pub fn name(&self) -> &str {
        match self {
            Self::Organisation(organisation) => &organisation.name,
            Self::Person(person) => &person.name,
        }
    }

    /// The organisation, if it is one.
    pub fn organisation(&self) -> Option<&Arc<Organisation>> {
        match self {
            Self::Organisation(organisation) => Some(organisation),
            Self::Person(_) => None,
        }
    }
}

/// All parties and roles, replaced as a whole.
#[derive(Debug, Default)]
pub struct Parties {
    organisations: Table<Uuid, Arc<Organisation>>,
    by_number: Table<OrgNumber, Arc<Organisation>>,
    by_party_id: Table<i64, Uuid>,
    persons: Table<Uuid, Arc<Person>>,
    persons_by_user_id: Table<i64, Uuid>,
    persons_by_hash: Table<Box<[u8]>, Uuid>,
    sub_units: Table<Uuid, Vec<Uuid>>,
    /// What roles a party holds, by holder and organisation.
    roles: Table<(Uuid, Uuid), Vec<String>>,
    /// In which organisations a party holds a role.
    held: Table<Uuid, BTreeSet<Uuid>>,
    /// Who holds a role in an organisation.
    holders: Table<Uuid, BTreeSet<Uuid>>,
}

impl Parties {
    /// Parties with their roles; persons with the keyed hashes of their national identity numbers.
    pub fn new(organisations: Vec<Organisation>, persons: Vec<(Person, Vec<u8>)>, roles: Vec<RoleAssignment>) -> Self {
        let mut parties = Self::default();
        for organisation in organisations {
            parties.by_party_id.insert(organisation.party_id, organisation.party_uuid);
            if let Some(parent) = organisation.parent {
                parties.sub_units.entry(parent).or_default().push(organisation.party_uuid);
            }
            let organisation = Arc::new(organisation);
            parties.by_number.insert(organisation.org_number, Arc::clone(&organisation));
            parties.organisations.insert(organisation.party_uuid, organisation);
        }
        for (person, hash) in persons {
            parties.persons_by_user_id.insert(person.user_id, person.party_uuid);
            parties.by_party_id.insert(person.party_id, person.party_uuid);
            parties.persons_by_hash.insert(hash.into(), person.party_uuid);
            parties.persons.insert(person.party_uuid, Arc::new(person));
        }
        for RoleAssignment { organisation, role, holder } in roles {
            let holder = holder.party_uuid();
            parties.roles.entry((holder, organisation)).or_default().push(role);
            parties.held.entry(holder).or_default().insert(organisation);
            parties.holders.entry(organisation).or_default().insert(holder);
        }
        parties
    }

    /// The organisation with this party uuid.
    pub fn organisation(&self, party: Uuid) -> Option<Arc<Organisation>> {
        self.organisations.get(&party).map(Arc::clone)
    }

    /// The organisation with this number.
    pub fn by_number(&self, number: OrgNumber) -> Option<Arc<Organisation>> {
        self.by_number.get(&number).map(Arc::clone)
    }

    /// The party with this uuid.
    pub fn party(&self, uuid: Uuid) -> Option<Party> {
        let organisation = self.organisation(uuid).map(Party::Organisation);
        organisation.or_else(|| self.person(uuid).map(Party::Person))
    }

    /// The party with this party id.
    pub fn by_party_id(&self, party_id: i64) -> Option<Party> {
        self.party(*self.by_party_id.get(&party_id)?)
    }

    /// The person with this party uuid.
    pub fn person(&self, party: Uuid) -> Option<Arc<Person>> {
        self.persons.get(&party).map(Arc::clone)
    }

    /// The person with this user id.
    pub fn person_by_user_id(&self, user_id: i64) -> Option<Arc<Person>> {
        self.person(*self.persons_by_user_id.get(&user_id)?)
    }

    /// The person with the national identity number of this keyed hash.
    pub fn person_by_hash(&self, hash: &[u8]) -> Option<Arc<Person>> {
        self.person(*self.persons_by_hash.get(hash)?)
    }

    /// The roles that the register gives a party in an organisation.
    pub fn roles(&self, holder: Uuid, organisation: Uuid) -> &[String] {
        self.roles.get(&(holder, organisation)).map_or(&[], Vec::as_slice)
    }

    /// The persons and organisations that hold a role in an organisation.
    pub fn holders(&self, organisation: Uuid) -> impl Iterator<Item = Uuid> {
        self.holders.get(&organisation).into_iter().flatten().copied()
    }

    /// The organisations in which a party holds a role.
    pub fn organisations_of(&self, holder: Uuid) -> impl Iterator<Item = Arc<Organisation>> {
        let held = self.held.get(&holder).into_iter().flatten();
        held.filter_map(|uuid| self.organisation(*uuid))
    }

    /// The units whose parent an organisation is.
    pub fn sub_units(&self, organisation: Uuid) -> impl Iterator<Item = Arc<Organisation>> {
        self.sub_units.get(&organisation).into_iter().flatten().filter_map(|uuid| self.organisation(*uuid))
    }

    /// The main unit of a sub-unit, whose roles and delegations hold for it too. An organisation that is part of another
    /// (ORGL) is its own master.
    pub fn main_unit(&self, organisation: &Organisation) -> Option<Arc<Organisation>> {
        let parent = organisation.parent.filter(|_| matches!(&*organisation.unit_type, "BEDR" | "AAFY"));
        parent.and_then(|parent| self.organisation(parent))
    }

    /// The organisation and, for a sub-unit, its main unit.
    pub fn lineage(&self, organisation: &Arc<Organisation>) -> impl Iterator<Item = Arc<Organisation>> {
        std::iter::once(Arc::clone(organisation)).chain(self.main_unit(organisation))
    }
}
