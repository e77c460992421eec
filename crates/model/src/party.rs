//! Organisations, persons, and the roles that the register of legal entities gives one in the other.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::OrgNumber;

/// An organisation (virksomhet), main units and sub-units alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organisation {
    /// Names the party everywhere in this installation.
    pub party_uuid: Uuid,
    /// The same party as an integer, as older interfaces name it.
    pub party_id: i64,
    /// The organisation number.
    pub org_number: OrgNumber,
    /// The registered name.
    pub name: String,
    /// The kind of unit in the register of legal entities: `AS`, `ENK`, `BEDR`, `ORGL` and so on.
    pub unit_type: String,
    /// The main unit, for a sub-unit.
    pub parent: Option<Uuid>,
    /// When it was deleted from the register, if it was.
    pub deleted: Option<Timestamp>,
}

/// A person. The national identity number is not here: it is sealed in the store and looked up by keyed hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Names the party everywhere in this installation, logs and the audit journal included.
    pub party_uuid: Uuid,
    /// The same party as an integer.
    pub party_id: i64,
    /// The person as a user, as tokens name one.
    pub user_id: i64,
    /// The full name.
    pub name: String,
    /// When the person died, if that is known.
    pub deceased: Option<Timestamp>,
}

/// Who holds a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RoleHolder {
    /// A person, by party uuid.
    Person(Uuid),
    /// An organisation, by party uuid, as with accountants and auditors.
    Organisation(Uuid),
}

impl RoleHolder {
    /// The holder's party uuid.
    pub fn party_uuid(self) -> Uuid {
        match self {
            Self::Person(uuid) | Self::Organisation(uuid) => uuid,
        }
    }
}

/// A role that the register of legal entities gives: `role` in `organisation` is held by `holder`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RoleAssignment {
    /// The organisation's party uuid.
    pub organisation: Uuid,
    /// The register's code in capitals: `DAGL`, `LEDE`, `REGN`.
    pub role: String,
    /// Who holds it.
    pub holder: RoleHolder,
}
