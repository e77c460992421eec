//! Naming parties: the attributes by which requests of all kinds say which person or organisation they mean.

use std::str::FromStr;

use crate::authorization::attributes::{
    NATIONAL_ID, ORG_NUMBER, ORG_NUMBER_LEGACY, ORGANISATION_UUID, PARTY_ID, PARTY_UUID, PERSON_UUID, USER_ID,
};
use crate::read_model::{Parties, Party};
use crate::vault::Vault;

/// Why an attribute and its value name nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotNamed {
    /// It is not an attribute that names parties.
    Attribute,
    /// The value cannot be one of the attribute's: not a uuid, not an organisation number.
    Value,
    /// There is nobody by that value.
    Unknown,
}

/// The party that an attribute names by its value.
///
/// # Errors
/// It names nobody, and why.
pub fn named_party(parties: &Parties, vault: &Vault, attribute: &str, value: &str) -> Result<Party, NotNamed> {
    let found = match attribute {
        PARTY_UUID => parties.party(read(value)?),
        PERSON_UUID => parties.person(read(value)?).map(Party::Person),
        ORGANISATION_UUID => parties.organisation(read(value)?).map(Party::Organisation),
        PARTY_ID => parties.by_party_id(read(value)?),
        USER_ID => parties.person_by_user_id(read(value)?).map(Party::Person),
        ORG_NUMBER | ORG_NUMBER_LEGACY => parties.by_number(read(value)?).map(Party::Organisation),
        NATIONAL_ID => parties.person_by_hash(&vault.lookup_hash(&read(value)?)).map(Party::Person),
        _ => return Err(NotNamed::Attribute),
    };
    found.ok_or(NotNamed::Unknown)
}

fn read<T: FromStr>(value: &str) -> Result<T, NotNamed> {
    value.parse().map_err(|_| NotNamed::Value)
}
