//! Importing parties from JSON lines.
//!
//! A line is an organisation with its roles, or a person:
//!
//! ```json
//! {"orgNumber":"310904473","name":"TILFELDIG SUBTIL APE","unitType":"AS","roles":[{"role":"DAGL","person":{"nationalId":"…","name":"Pia"}},{"role":"REGN","orgNumber":"314250052"}]}
//! {"person":{"nationalId":"…","name":"Ola"}}
//! ```
//!
//! An organisation that was deleted has the time in `deleted`, a person who died in `deceased`.
//!
//! Ids that are given are kept, missing ones are made; parties that are known keep theirs. A line replaces all roles of
//! its organisation: a role that is not there any more is lost, and with it what rested on it. Organisations may be
//! named before their own line. One bad line stops the import, and nothing of the file is stored.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use model::{NationalId, OrgNumber, Organisation, Person};
use serde::Deserialize;
use store::{ChangeContext, NewPerson, PersonSecret, Store, StoreError};
use thiserror::Error;
use uuid::Uuid;

use super::clients::take_back_without_basis;
use crate::clock::Random;
use crate::http::any_case::AnyCase;
use crate::http::extract::without_long_numbers;
use crate::vault::{Purpose, Vault};

/// The most lines of a file.
const MAX_LINES: usize = 5_000_000;
/// The first party id and user id that are made here; both are numbers of the length that the wire has.
const FIRST_PARTY_ID: i64 = 50_000_000;
const FIRST_USER_ID: i64 = 20_000_000;

/// Why nothing was imported.
#[derive(Debug, Error)]
pub enum ImportError {
    /// A line cannot be read or makes no sense.
    #[error("line {line}: {reason}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The file has too many lines.
    #[error("the file has more than {MAX_LINES} lines")]
    TooLong,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How much was imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// Organisations in the file.
    pub organisations: usize,
    /// Different persons in the file.
    pub persons: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrganisationLine {
    org_number: OrgNumber,
    name: String,
    unit_type: String,
    parent: Option<OrgNumber>,
    deleted: Option<Timestamp>,
    party_id: Option<i64>,
    party_uuid: Option<Uuid>,
    #[serde(default)]
    roles: Vec<RoleLine>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RoleLine {
    role: String,
    person: Option<PersonLine>,
    org_number: Option<OrgNumber>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PersonLine {
    national_id: NationalId,
    name: String,
    deceased: Option<Timestamp>,
    user_id: Option<i64>,
    party_id: Option<i64>,
    party_uuid: Option<Uuid>,
}

#[derive(Deserialize)]
struct OnlyPerson {
    person: PersonLine,
}

/// What a file says, read but not yet compared with what is known.
#[derive(Default)]
struct File {
    organisations: Vec<(usize, OrganisationLine)>,
    persons: Vec<(usize, PersonLine)>,
}

/// Imports the lines of `text`, all or nothing.
pub async fn import(
    store: &Store,
    vault: &Vault,
    random: &Random,
    context: ChangeContext,
    now: Timestamp,
    text: &str,
) -> Result<Imported, ImportError> {
    let file = read(text)?;
    let mut tx = store.write(context, now).await?;
    let mut known = Known::load(&mut tx, random).await?;

    let mut persons: HashMap<Vec<u8>, Uuid> = HashMap::new();
    let in_roles = file.organisations.iter().flat_map(|(line, organisation)| {
        organisation.roles.iter().filter_map(|role| role.person.as_ref()).map(|person| (*line, person, false))
    });
    let own = file.persons.iter().map(|(line, person)| (*line, person, true));
    let all: Vec<(usize, &PersonLine, bool)> = own.chain(in_roles).collect();
    for (line, person, is_own_line) in all {
        let hash = vault.lookup_hash(&person.national_id);
        let stored = tx.person_by_national_id(&hash).await?;
        let mut person_known = known.person(line, person, persons.get(&hash).copied(), stored.clone())?;
        // A role says nothing of whether its holder lives.
        if let Some(stored) = stored.filter(|_| !is_own_line && person.deceased.is_none()) {
            person_known.deceased = stored.deceased;
        }
        if persons.insert(hash.clone(), person_known.party_uuid).is_none() {
            let sealed = vault.seal(random, Purpose::NationalId, person.national_id.expose().as_bytes());
            let new = NewPerson { person: person_known, secret: PersonSecret { hash, sealed } };
            tx.put_person(&new).await.map_err(|error| taken(line, error))?;
        }
    }
    for (line, organisation) in &file.organisations {
        let organisation = known.organisation(*line, organisation)?;
        tx.put_organisation(&organisation).await.map_err(|error| taken(*line, error))?;
    }
    for (line, organisation) in &file.organisations {
        let uuid = known.by_number(*line, organisation.org_number)?;
        let parent = organisation.parent.map(|parent| known.by_number(*line, parent)).transpose()?;
        if parent == Some(uuid) {
            return Err(ImportError::Line { line: *line, reason: "an organisation is not its own parent".into() });
        }
        tx.set_parent(uuid, parent).await?;
        let holder = |role: &RoleLine| match (&role.person, role.org_number) {
            (Some(person), _) => {
                let holder = persons.get(&vault.lookup_hash(&person.national_id)).copied();
                let holder = holder.ok_or_else(|| missing(*line, "the person"))?;
                Ok((role.role.to_uppercase(), holder))
            }
            (None, Some(number)) => Ok((role.role.to_uppercase(), known.by_number(*line, number)?)),
            (None, None) => Err(missing(*line, "who holds the role")),
        };
        let holders = organisation.roles.iter().map(holder).collect::<Result<Vec<_>, ImportError>>()?;
        tx.replace_roles(uuid, &holders).await?;
        take_back_without_basis(&mut tx, uuid, &holders).await?;
    }
    tx.commit().await?;
    Ok(Imported { organisations: file.organisations.len(), persons: persons.len() })
}

fn missing(line: usize, what: &str) -> ImportError {
    ImportError::Line { line, reason: format!("{what} is missing") }
}

fn taken(line: usize, error: StoreError) -> ImportError {
    match error {
        StoreError::Duplicate(_) => {
            ImportError::Line { line, reason: "an id that is given belongs to another party".into() }
        }
        error => ImportError::Store(error),
    }
}

fn read(text: &str) -> Result<File, ImportError> {
    let mut file = File::default();
    let mut lines_of: BTreeMap<OrgNumber, usize> = BTreeMap::new();
    for (index, text) in text.lines().enumerate() {
        if index >= MAX_LINES {
            return Err(ImportError::TooLong);
        }
        let line = index + 1;
        if text.trim().is_empty() {
            continue;
        }
        let wrong = |reason: String| ImportError::Line { line, reason };
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| wrong(format!("not JSON: {error}")))?;
        let members = value.as_object().ok_or_else(|| wrong("not a JSON object".into()))?;
        if members.keys().any(|name| name.eq_ignore_ascii_case("orgNumber")) {
            let organisation: OrganisationLine = parse(value).map_err(wrong)?;
            check_organisation(&organisation).map_err(wrong)?;
            if let Some(earlier) = lines_of.insert(organisation.org_number, line) {
                return Err(wrong(format!("the organisation is already on line {earlier}")));
            }
            file.organisations.push((line, organisation));
        } else {
            let OnlyPerson { person } = parse(value).map_err(wrong)?;
            check_name(&person.name).map_err(wrong)?;
            file.persons.push((line, person));
        }
    }
    Ok(file)
}

/// Reads a line. What serde says of a wrong value never repeats it where it is a national identity number.
fn parse<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> Result<T, String> {
    serde_path_to_error::deserialize(AnyCase(value)).map_err(|error| without_long_numbers(&error.to_string()))
}

fn check_name(name: &str) -> Result<(), String> {
    if name.trim().is_empty() || name.chars().count() > 255 {
        return Err("a name has 1 to 255 characters".into());
    }
    Ok(())
}

fn check_organisation(organisation: &OrganisationLine) -> Result<(), String> {
    check_name(&organisation.name)?;
    let code = |text: &str| !text.is_empty() && text.len() <= 16 && text.chars().all(char::is_alphanumeric);
    if !code(&organisation.unit_type) {
        return Err("a unit type is a short code such as AS".into());
    }
    for role in &organisation.roles {
        // Codes have letters such as Ø, and the internal ones a dash.
        if !code(&role.role.replace('-', "")) {
            return Err("a role is a short code such as DAGL".into());
        }
        if role.person.is_some() == role.org_number.is_some() {
            return Err("a role is held by a person or by an organisation".into());
        }
        role.person.as_ref().map_or(Ok(()), |person| check_name(&person.name))?;
    }
    Ok(())
}

/// The parties there are, and the ids that come next.
struct Known<'a> {
    organisations: HashMap<OrgNumber, Organisation>,
    next_party_id: i64,
    next_user_id: i64,
    random: &'a Random,
}

impl<'a> Known<'a> {
    async fn load(session: &mut store::Session, random: &'a Random) -> Result<Self, StoreError> {
        let organisations = session.organisations().await?;
        let (party_id, user_id) = session.largest_party_ids().await?;
        Ok(Self {
            organisations: organisations.into_iter().map(|known| (known.org_number, known)).collect(),
            next_party_id: party_id.max(FIRST_PARTY_ID) + 1,
            next_user_id: user_id.max(FIRST_USER_ID) + 1,
            random,
        })
    }

    fn person(
        &mut self,
        line: usize,
        person: &PersonLine,
        in_file: Option<Uuid>,
        stored: Option<Person>,
    ) -> Result<Person, ImportError> {
        let differs = |reason: &str| Err(ImportError::Line { line, reason: reason.into() });
        if let Some(stored) = stored {
            let keeps = person.party_uuid.is_none_or(|uuid| uuid == stored.party_uuid)
                && person.party_id.is_none_or(|id| id == stored.party_id)
                && person.user_id.is_none_or(|id| id == stored.user_id);
            return if keeps {
                Ok(Person { name: person.name.clone(), deceased: person.deceased, ..stored })
            } else {
                differs("the person is known with other ids")
            };
        }
        if let (Some(first), Some(given)) = (in_file, person.party_uuid)
            && first != given
        {
            return differs("the person is on an earlier line with another partyUuid");
        }
        Ok(Person {
            party_uuid: in_file.or(person.party_uuid).unwrap_or_else(|| self.random.uuid()),
            party_id: person.party_id.unwrap_or_else(|| next(&mut self.next_party_id)),
            user_id: person.user_id.unwrap_or_else(|| next(&mut self.next_user_id)),
            name: person.name.clone(),
            deceased: person.deceased,
        })
    }

    fn organisation(&mut self, line: usize, given: &OrganisationLine) -> Result<Organisation, ImportError> {
        let organisation = match self.organisations.get(&given.org_number) {
            Some(stored) => {
                let keeps = given.party_uuid.is_none_or(|uuid| uuid == stored.party_uuid)
                    && given.party_id.is_none_or(|id| id == stored.party_id);
                if !keeps {
                    return Err(ImportError::Line { line, reason: "the organisation is known with other ids".into() });
                }
                let (name, unit_type) = (given.name.clone(), given.unit_type.clone());
                Organisation { name, unit_type, deleted: given.deleted, ..stored.clone() }
            }
            None => Organisation {
                party_uuid: given.party_uuid.unwrap_or_else(|| self.random.uuid()),
                party_id: given.party_id.unwrap_or_else(|| next(&mut self.next_party_id)),
                org_number: given.org_number,
                name: given.name.clone(),
                unit_type: given.unit_type.clone(),
                parent: None,
                deleted: given.deleted,
            },
        };
        self.organisations.insert(given.org_number, organisation.clone());
        Ok(organisation)
    }

    fn by_number(&self, line: usize, number: OrgNumber) -> Result<Uuid, ImportError> {
        let known = self.organisations.get(&number).map(|known| known.party_uuid);
        known.ok_or_else(|| ImportError::Line {
            line,
            reason: format!("the organisation {number} is neither in the file nor known"),
        })
    }
}

fn next(id: &mut i64) -> i64 {
    let this = *id;
    *id += 1;
    this
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        read(text).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn a_bad_line_is_named() {
        let good = r#"{"orgNumber":"310904473","name":"APE","unitType":"AS"}"#;
        assert!(read(&format!("{good}\n\n")).is_ok());
        assert!(error(&format!("{good}\n{{")).starts_with("line 2: not JSON"));
        assert_eq!(error(&format!("{good}\n[]")), "line 2: not a JSON object");
        assert_eq!(error(&format!("{good}\n{good}")), "line 2: the organisation is already on line 1");
        assert!(error(r#"{"orgNumber":"310904474","name":"A","unitType":"AS"}"#).contains("wrong check digit"));
        assert!(error(r#"{"orgNumber":"310904473","unitType":"AS"}"#).contains("missing field `name`"));
        let role = r#"{"orgNumber":"310904473","name":"A","unitType":"AS","roles":[{"role":"DAGL"}]}"#;
        assert_eq!(error(role), "line 1: a role is held by a person or by an organisation");
        assert!(error(r#"{"name":"A"}"#).contains("missing field `person`"));
    }

    #[test]
    fn a_wrong_national_id_is_not_repeated() {
        let message = error(r#"{"person":{"nationalId":"17858212082","name":"Pia"}}"#);
        assert!(message.contains("wrong check digit") && !message.contains("17858212082"), "{message}");
        let message = error(r#"{"person":{"nationalId":17858212081,"name":"Pia"}}"#);
        assert!(message.contains("person.nationalId") && !message.contains("17858212081"), "{message}");
    }
}
