//! Organisations, persons and roles.

use jiff::Timestamp;
use model::{Organisation, Person, RoleAssignment, RoleHolder};
use uuid::Uuid;

use crate::changes::{ChangeKind, timestamp};
use crate::error::StoreError;
use crate::session::{Session, Write, execute, fetch_all, fetch_optional};
use crate::sql;

/// A person's national identity number as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonSecret {
    /// A keyed hash, to find the person by.
    pub hash: Vec<u8>,
    /// The number, encrypted, to show to the one it belongs to.
    pub sealed: Vec<u8>,
}

/// A person to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPerson {
    /// The person.
    pub person: Person,
    /// The national identity number.
    pub secret: PersonSecret,
}

#[derive(sqlx::FromRow)]
struct OrganisationRow {
    party_uuid: Uuid,
    party_id: i64,
    org_number: String,
    name: String,
    unit_type: String,
    parent: Option<Uuid>,
    ended: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct PersonRow {
    party_uuid: Uuid,
    party_id: i64,
    user_id: i64,
    name: String,
    ended: Option<i64>,
    national_id_hash: Vec<u8>,
}

#[derive(sqlx::FromRow)]
struct RoleRow {
    organisation: Uuid,
    role: String,
    holder: Uuid,
    kind: String,
}

#[derive(sqlx::FromRow)]
struct LargestIds {
    party_id: i64,
    user_id: i64,
}

#[derive(sqlx::FromRow)]
struct Sealed {
    national_id_sealed: Vec<u8>,
}

impl TryFrom<OrganisationRow> for Organisation {
    type Error = StoreError;

    fn try_from(row: OrganisationRow) -> Result<Self, StoreError> {
        Ok(Self {
            party_uuid: row.party_uuid,
            party_id: row.party_id,
            org_number: org_number(&row.org_number)?,
            name: row.name,
            unit_type: row.unit_type,
            parent: row.parent,
            deleted: row.ended.map(timestamp).transpose()?,
        })
    }
}

impl TryFrom<PersonRow> for Person {
    type Error = StoreError;

    fn try_from(row: PersonRow) -> Result<Self, StoreError> {
        let PersonRow { party_uuid, party_id, user_id, name, ended, .. } = row;
        Ok(Self { party_uuid, party_id, user_id, name, deceased: ended.map(timestamp).transpose()? })
    }
}

/// Reads an organisation number as the store writes it.
pub(crate) fn org_number(text: &str) -> Result<model::OrgNumber, StoreError> {
    text.parse().map_err(|_| StoreError::Inconsistent(format!("organisation number {text}")))
}

impl Session {
    /// Every organisation.
    pub async fn organisations(&mut self) -> Result<Vec<Organisation>, StoreError> {
        fetch_all!(self, OrganisationRow, sql::ORGANISATIONS)?.into_iter().map(TryInto::try_into).collect()
    }

    /// Every person, with the keyed hash of the national identity number.
    pub async fn persons(&mut self) -> Result<Vec<(Person, Vec<u8>)>, StoreError> {
        let person = |mut row: PersonRow| {
            let hash = std::mem::take(&mut row.national_id_hash);
            row.try_into().map(|person| (person, hash))
        };
        fetch_all!(self, PersonRow, sql::PERSONS)?.into_iter().map(person).collect()
    }

    /// Every role.
    pub async fn roles(&mut self) -> Result<Vec<RoleAssignment>, StoreError> {
        let rows = fetch_all!(self, RoleRow, sql::PARTY_ROLES)?;
        let role = |row: RoleRow| RoleAssignment {
            organisation: row.organisation,
            role: row.role,
            holder: if row.kind == "person" {
                RoleHolder::Person(row.holder)
            } else {
                RoleHolder::Organisation(row.holder)
            },
        };
        Ok(rows.into_iter().map(role).collect())
    }

    /// The largest party id and user id in use; 0 where there is none.
    pub async fn largest_party_ids(&mut self) -> Result<(i64, i64), StoreError> {
        let row = fetch_optional!(self, LargestIds, sql::LARGEST_PARTY_IDS)?;
        Ok(row.map_or((0, 0), |row| (row.party_id, row.user_id)))
    }

    /// The person with the national identity number of this keyed hash.
    pub async fn person_by_national_id(&mut self, hash: &[u8]) -> Result<Option<Person>, StoreError> {
        fetch_optional!(self, PersonRow, sql::PERSON_BY_NATIONAL_ID, hash)?.map(TryInto::try_into).transpose()
    }

    /// The encrypted national identity number of a person.
    pub async fn national_id_sealed(&mut self, person: Uuid) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(fetch_optional!(self, Sealed, sql::NATIONAL_ID_SEALED, person)?.map(|row| row.national_id_sealed))
    }
}

impl Write {
    /// Stores an organisation, a new one or one whose name or unit type has changed. Its parent is set apart, when
    /// all are there.
    pub async fn put_organisation(&mut self, organisation: &Organisation) -> Result<(), StoreError> {
        let Organisation { party_uuid, party_id, org_number, name, unit_type, deleted, .. } = organisation;
        let (number, ended) = (org_number.as_str(), deleted.map(Timestamp::as_microsecond));
        execute!(self, sql::UPSERT_ORGANISATION, party_uuid, party_id, name, number, unit_type, ended)?;
        self.changed(ChangeKind::Parties, "*");
        Ok(())
    }

    /// Makes an organisation a sub-unit, or a main unit.
    pub async fn set_parent(&mut self, organisation: Uuid, parent: Option<Uuid>) -> Result<(), StoreError> {
        execute!(self, sql::SET_PARENT, organisation, parent)?;
        self.changed(ChangeKind::Parties, "*");
        Ok(())
    }

    /// Stores a person, a new one or one whose name has changed.
    pub async fn put_person(&mut self, new: &NewPerson) -> Result<(), StoreError> {
        let Person { party_uuid, party_id, user_id, name, deceased } = &new.person;
        let (PersonSecret { hash, sealed }, ended) = (&new.secret, deceased.map(Timestamp::as_microsecond));
        execute!(self, sql::UPSERT_PERSON, party_uuid, party_id, name, user_id, hash, sealed, ended)?;
        self.changed(ChangeKind::Parties, "*");
        Ok(())
    }

    /// Replaces all roles in an organisation.
    pub async fn replace_roles(&mut self, organisation: Uuid, roles: &[(String, Uuid)]) -> Result<(), StoreError> {
        execute!(self, sql::DELETE_ROLES, organisation)?;
        for (role, holder) in roles {
            execute!(self, sql::INSERT_ROLE, organisation, role, holder)?;
        }
        self.changed(ChangeKind::Parties, "*");
        Ok(())
    }
}
