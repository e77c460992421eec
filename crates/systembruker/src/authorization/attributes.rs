//! The attributes of requests, by their ids, as Altinn's decision point knows them.

/// A resource of the registry.
pub const RESOURCE: &str = model::RESOURCE_ATTRIBUTE;
/// A service owner by its short name; beside [`APP`], the owner of an app.
pub const ORG: &str = "urn:altinn:org";
/// An app of the owner that [`ORG`] names.
pub const APP: &str = "urn:altinn:app";
/// An instance of an app: the party's id, a slash and a uuid.
pub const INSTANCE: &str = "urn:altinn:instance-id";
/// A system user, by its id.
pub const SYSTEM_USER: &str = "urn:altinn:systemuser:uuid";
/// A person, by user id.
pub const USER_ID: &str = "urn:altinn:userid";
/// A party, by party id.
pub const PARTY_ID: &str = "urn:altinn:partyid";
/// A party, by party uuid.
pub const PARTY_UUID: &str = "urn:altinn:party:uuid";
/// A person, by party uuid.
pub const PERSON_UUID: &str = "urn:altinn:person:uuid";
/// A person, by national identity number.
pub const NATIONAL_ID: &str = "urn:altinn:person:identifier-no";
/// An organisation, by party uuid.
pub const ORGANISATION_UUID: &str = "urn:altinn:organization:uuid";
/// An organisation, by number.
pub const ORG_NUMBER: &str = "urn:altinn:organization:identifier-no";
/// An organisation, by number, as it was written once.
pub const ORG_NUMBER_LEGACY: &str = "urn:altinn:organizationnumber";
/// The type of the subject's party: `organization` or `person`.
pub const PARTY_TYPE: &str = "urn:altinn:partytype";
/// An access list that the subject is on: `<owner>:<identifier>`.
pub const ACCESS_LIST: &str = "urn:altinn:access-list";
/// The assignment of an obligation that says how well the caller must have been authenticated.
pub const MINIMUM_LEVEL: &str = "urn:altinn:minimum-authenticationlevel";

/// The attributes that only the decision point may say of a subject; below each, more may be named after a colon.
const ASSERTED_HERE: [&str; 7] = [
    crate::access::metadata::ROLE_CODE,
    crate::access::metadata::ACCESS_PACKAGE,
    "urn:altinn:external-role",
    "urn:altinn:role",
    "urn:digitaltdodsbo:rolecode",
    PARTY_TYPE,
    ACCESS_LIST,
];

/// Whether only the decision point may say this of a subject.
pub fn is_asserted_here(id: &str) -> bool {
    let is_below = |own: &&str| id.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
    ASSERTED_HERE.iter().any(is_below)
}

#[cfg(test)]
mod tests {
    use super::is_asserted_here;

    #[test]
    fn roles_and_packages_are_found_out_here() {
        for id in ["urn:altinn:rolecode", "urn:altinn:accesspackage", "urn:altinn:external-role:ccr", "urn:altinn:role"]
        {
            assert!(is_asserted_here(id), "{id}");
        }
        for id in ["urn:altinn:org", "urn:altinn:organization:uuid", "urn:altinn:sessionid", "urn:altinn:roles"] {
            assert!(!is_asserted_here(id), "{id}");
        }
    }
}
