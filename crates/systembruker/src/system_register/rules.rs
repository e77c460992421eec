//! What can be registered.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::Timestamp;
use model::problem::validation::{
    CLIENT_ID_TAKEN, CLIENT_ID_TWICE, PACKAGE_TWICE, PACKAGE_UNKNOWN, REDIRECT_URL, RESOURCE_ATTRIBUTE_ID,
    RESOURCE_NOT_DELEGABLE, RESOURCE_NOT_FOUND, RIGHT_TWICE, SYSTEM_ID_EXISTS, SYSTEM_ID_FORM, SYSTEM_ID_SPACE,
    VISIBLE_WITH_CLIENT_PACKAGE, ValidationCode,
};
use model::{
    AccessPackage, OrgNumber, RESOURCE_ATTRIBUTE, RedirectRules, RegisteredSystem, Right, SystemId, SystemIdError,
    Translated,
};
use url::Url;
use uuid::Uuid;

use super::limits;
use crate::http::problem::{ApiError, ValidationError};
use crate::read_model::ReadModel;

/// What a vendor wants to register, with the vendor already known.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The system's id.
    pub id: String,
    /// The vendor.
    pub vendor: OrgNumber,
    /// The name, by language.
    pub name: BTreeMap<String, String>,
    /// What it is, by language.
    pub description: BTreeMap<String, String>,
    /// The single rights.
    pub rights: Vec<Right>,
    /// The access packages.
    pub access_packages: Vec<AccessPackage>,
    /// The Maskinporten clients.
    pub client_ids: Vec<String>,
    /// The redirect URLs.
    pub redirect_urls: Vec<String>,
    /// Whether customers find it in the portal.
    pub is_visible: bool,
}

/// A new system, checked against what is registered. All that is wrong with the values is reported at once.
pub fn new_system(
    model: &ReadModel,
    registration: &Registration,
    redirect_rules: RedirectRules,
    internal_id: Uuid,
    now: Timestamp,
) -> Result<RegisteredSystem, ApiError> {
    let mut errors: Vec<ValidationError> = Vec::new();
    let id = SystemId::for_vendor(&registration.id, registration.vendor).unwrap_or_else(|wrong| {
        let code = |error| match error {
            SystemIdError::HasSpace => SYSTEM_ID_SPACE,
            SystemIdError::NotOfVendor | SystemIdError::TooLong => SYSTEM_ID_FORM,
        };
        errors.extend(wrong.into_iter().map(code).map(ValidationError::from));
        SystemId::registered(registration.id.clone())
    });
    if model.system_by_id(&registration.id).is_some() {
        errors.push(SYSTEM_ID_EXISTS.into());
    }
    let identity = Identity { internal_id, id, created: now, version: 1 };
    checked(model, registration, redirect_rules, identity, now, errors)
}

/// A system as it is after all of it was replaced. Its id, its vendor and its age stay.
pub fn replaced(
    model: &ReadModel,
    registration: &Registration,
    redirect_rules: RedirectRules,
    stored: &RegisteredSystem,
    now: Timestamp,
) -> Result<RegisteredSystem, ApiError> {
    let RegisteredSystem { internal_id, id, created, version, .. } = stored.clone();
    let identity = Identity { internal_id, id, created, version: version + 1 };
    checked(model, registration, redirect_rules, identity, now, vec![])
}

/// A system with other rights.
pub fn with_rights(
    model: &ReadModel,
    stored: &RegisteredSystem,
    rights: Vec<Right>,
    now: Timestamp,
) -> Result<RegisteredSystem, ApiError> {
    check_right_limits("$", &rights)?;
    let errors = check_rights(model, &rights);
    if !errors.is_empty() {
        return Err(ApiError::Validation(errors));
    }
    Ok(RegisteredSystem { rights, version: stored.version + 1, changed: now, ..stored.clone() })
}

/// A system with other access packages.
pub fn with_packages(
    model: &ReadModel,
    stored: &RegisteredSystem,
    access_packages: Vec<AccessPackage>,
    now: Timestamp,
) -> Result<RegisteredSystem, ApiError> {
    limits::check_packages("$", &access_packages)?;
    let errors = check_packages(model, &access_packages, stored.is_visible);
    if !errors.is_empty() {
        return Err(ApiError::Validation(errors));
    }
    Ok(RegisteredSystem { access_packages, version: stored.version + 1, changed: now, ..stored.clone() })
}

/// What of a system no change touches, and the number of its version.
struct Identity {
    internal_id: Uuid,
    id: SystemId,
    created: Timestamp,
    version: i64,
}

fn checked(
    model: &ReadModel,
    registration: &Registration,
    redirect_rules: RedirectRules,
    identity: Identity,
    now: Timestamp,
    mut errors: Vec<ValidationError>,
) -> Result<RegisteredSystem, ApiError> {
    // A name is what customers see; a description may say nothing.
    let name = translated("name", &registration.name, Translated::from_map)?;
    let description = translated("description", &registration.description, Translated::from_map_with_blanks)?;
    limits(registration)?;
    let Identity { internal_id, id, created, version } = identity;
    let urls: Result<Vec<Url>, _> = registration.redirect_urls.iter().map(|url| redirect_rules.parse(url)).collect();
    let urls = urls.unwrap_or_else(|_| {
        errors.push(REDIRECT_URL.into());
        vec![]
    });
    // Of another system, or of another organisation: else anybody could keep a client from its owner's system.
    let is_anothers = |client: &&String| {
        model.system_of_client(client).is_some_and(|system| system.internal_id != internal_id)
            || model.client(client).is_some_and(|entry| entry.client.org != registration.vendor)
    };
    let taken: BTreeSet<&String> = registration.client_ids.iter().filter(is_anothers).collect();
    errors.extend(taken.into_iter().map(|_| ValidationError::from(CLIENT_ID_TAKEN)));
    let clients: Vec<String> = registration.client_ids.iter().map(|id| id.to_lowercase()).collect();
    if has_duplicate(&clients) {
        errors.push(CLIENT_ID_TWICE.into());
    }
    errors.extend(check_rights(model, &registration.rights));
    errors.extend(check_packages(model, &registration.access_packages, registration.is_visible));
    if !errors.is_empty() {
        return Err(ApiError::Validation(errors));
    }
    Ok(RegisteredSystem {
        internal_id,
        id,
        vendor: registration.vendor,
        name,
        description,
        rights: registration.rights.clone(),
        access_packages: registration.access_packages.clone(),
        client_ids: registration.client_ids.iter().filter(|id| !id.is_empty()).cloned().collect(),
        allowed_redirect_urls: urls,
        is_visible: registration.is_visible,
        is_deleted: false,
        created,
        version,
        changed: now,
    })
}

fn translated(
    member: &str,
    texts: &BTreeMap<String, String>,
    read: impl Fn(BTreeMap<String, String>) -> Result<Translated, Vec<&'static str>>,
) -> Result<Translated, ApiError> {
    read(texts.clone()).map_err(|missing| {
        ApiError::member(member, format!("The languages nb, nn and en are needed; missing: {}.", missing.join(", ")))
    })
}

fn limits(registration: &Registration) -> Result<(), ApiError> {
    limits::check_texts("name", &registration.name)?;
    limits::check_texts("description", &registration.description)?;
    limits::check_length("clientId", registration.client_ids.len())?;
    limits::check_names("clientId", registration.client_ids.iter().map(String::as_str))?;
    limits::check_length("allowedRedirectUrls", registration.redirect_urls.len())?;
    for url in &registration.redirect_urls {
        limits::check_url("allowedRedirectUrls", url)?;
    }
    limits::check_packages("accessPackages", &registration.access_packages)?;
    check_right_limits("rights", &registration.rights)
}

fn check_right_limits(member: &str, rights: &[Right]) -> Result<(), ApiError> {
    limits::check_rights(member, rights)?;
    let empty = rights.iter().position(|right| {
        right.resource.is_empty()
            || right.resource.iter().any(|part| part.id.trim().is_empty() || part.value.trim().is_empty())
    });
    match empty {
        Some(index) => Err(ApiError::member(
            format!("{member}[{index}].resource"),
            format!("A right names 1 to {} resources, each with an id and a value.", limits::MAX_ATTRIBUTES),
        )),
        None => Ok(()),
    }
}

fn has_duplicate<T: std::hash::Hash + Eq>(values: &[T]) -> bool {
    let mut seen = HashSet::new();
    !values.iter().all(|value| seen.insert(value))
}

fn listing(code: ValidationCode, name: &'static str, values: &BTreeSet<&str>) -> Option<ValidationError> {
    let list = || values.iter().copied().collect::<Vec<_>>().join(" | ");
    (!values.is_empty()).then(|| ValidationError { code, extension: Some((name, list())) })
}

fn check_rights(model: &ReadModel, rights: &[Right]) -> Vec<ValidationError> {
    let attributes = || rights.iter().flat_map(|right| &right.resource);
    let wrong_ids: BTreeSet<&str> =
        attributes().filter(|part| part.id != RESOURCE_ATTRIBUTE).map(|part| &*part.id).collect();
    let (mut unknown, mut not_delegable) = (BTreeSet::new(), BTreeSet::new());
    for part in attributes() {
        match model.resource(&part.value) {
            None => {
                unknown.insert(&*part.value);
            }
            Some(entry) if !entry.resource.resource_type.is_delegable_to_systems() => {
                not_delegable.insert(&*part.value);
            }
            Some(_) => {}
        }
    }
    let lists = [
        listing(RESOURCE_ATTRIBUTE_ID, "Invalid Resource Id Details : ", &wrong_ids),
        listing(RESOURCE_NOT_FOUND, "ResourceIds Not Found : ", &unknown),
        listing(RESOURCE_NOT_DELEGABLE, "ResourceIds Not Delegable : ", &not_delegable),
        has_duplicate(rights).then(|| RIGHT_TWICE.into()),
    ];
    lists.into_iter().flatten().collect()
}

fn check_packages(model: &ReadModel, packages: &[AccessPackage], is_visible: bool) -> Vec<ValidationError> {
    let metadata = model.metadata();
    let urns: BTreeSet<&str> = packages.iter().map(|package| &*package.urn).collect();
    let has_duplicate = urns.len() < packages.len();
    let (mut malformed, mut unknown, mut not_delegable, mut for_clients_only) = (vec![], vec![], vec![], vec![]);
    for urn in urns {
        match metadata.package(urn).filter(|package| package.urn() == urn) {
            None if urn.split(':').count() < 4 => malformed.push(urn),
            None => unknown.push(urn),
            Some(package) if !package.delegable && !package.assignable => not_delegable.push(urn),
            Some(package) if !package.assignable => for_clients_only.push(urn),
            Some(_) => {}
        }
    }
    let is_offered_wrongly = is_visible && !(for_clients_only.is_empty() && not_delegable.is_empty());
    let groups = [("malformed", malformed), ("not found", unknown), ("not delegable", not_delegable)];
    let groups = groups.into_iter().filter(|(_, urns)| !urns.is_empty());
    let details: Vec<String> = groups.map(|(label, urns)| format!("{label}: {}", urns.join(", "))).collect();
    let invalid = (!details.is_empty()).then(|| ValidationError {
        code: PACKAGE_UNKNOWN,
        extension: Some(("Invalid Urn Details : ", details.join(" | "))),
    });
    let duplicate = has_duplicate.then(|| PACKAGE_TWICE.into());
    let hidden = is_offered_wrongly.then(|| VISIBLE_WITH_CLIENT_PACKAGE.into());
    [invalid, duplicate, hidden].into_iter().flatten().collect()
}
