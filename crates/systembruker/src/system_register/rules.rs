//! What can be registered.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::Timestamp;
use model::problem::validation::{
    CLIENT_ID_TAKEN, CLIENT_ID_TWICE, PACKAGE_TWICE, PACKAGE_UNKNOWN, REDIRECT_URL, RESOURCE_ATTRIBUTE_ID,
    RESOURCE_NOT_DELEGABLE, RESOURCE_NOT_FOUND, RIGHT_TWICE, SYSTEM_ID_EXISTS, SYSTEM_ID_FORM, SYSTEM_ID_SPACE,
    ValidationCode,
};
use model::{
    AccessPackage, OrgNumber, RESOURCE_ATTRIBUTE, RedirectRules, RegisteredSystem, Right, SystemId, SystemIdError,
    Translated,
};
use url::Url;
use uuid::Uuid;

use crate::http::problem::{ApiError, ValidationError};
use crate::read_model::ReadModel;

/// The most entries that a list of a registration has.
const MAX_LIST: usize = 1_000;

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

/// Checks a registration against what is registered. All that is wrong with the values is reported at once.
pub fn check(
    model: &ReadModel,
    registration: &Registration,
    redirect_rules: RedirectRules,
    internal_id: Uuid,
    now: Timestamp,
) -> Result<RegisteredSystem, ApiError> {
    let name = translated("name", &registration.name)?;
    let description = translated("description", &registration.description)?;
    limits(registration)?;
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
    let urls: Result<Vec<Url>, _> = registration.redirect_urls.iter().map(|url| redirect_rules.parse(url)).collect();
    let urls = urls.unwrap_or_else(|_| {
        errors.push(REDIRECT_URL.into());
        vec![]
    });
    if registration.client_ids.iter().any(|id| model.system_of_client(id).is_some()) {
        errors.push(CLIENT_ID_TAKEN.into());
    }
    if has_duplicate(&registration.client_ids) {
        errors.push(CLIENT_ID_TWICE.into());
    }
    errors.extend(check_rights(model, &registration.rights));
    errors.extend(check_packages(model, &registration.access_packages));
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
        created: now,
    })
}

fn translated(member: &str, texts: &BTreeMap<String, String>) -> Result<Translated, ApiError> {
    Translated::from_map(texts.clone()).map_err(|missing| {
        ApiError::member(member, format!("The languages nb, nn and en are needed; missing: {}.", missing.join(", ")))
    })
}

/// What no registration in good faith exceeds.
fn limits(registration: &Registration) -> Result<(), ApiError> {
    let lists = [
        ("rights", registration.rights.len()),
        ("accessPackages", registration.access_packages.len()),
        ("clientId", registration.client_ids.len()),
        ("allowedRedirectUrls", registration.redirect_urls.len()),
    ];
    for (member, length) in lists {
        if length > MAX_LIST {
            return Err(ApiError::member(member, format!("The list has more than {MAX_LIST} entries.")));
        }
    }
    let empty = registration.rights.iter().position(|right| {
        right.resource.is_empty()
            || right.resource.iter().any(|part| part.id.trim().is_empty() || part.value.trim().is_empty())
    });
    match empty {
        Some(index) => Err(ApiError::member(
            format!("rights[{index}].resource"),
            "A right names at least one resource, each with an id and a value.",
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

fn check_packages(model: &ReadModel, packages: &[AccessPackage]) -> Vec<ValidationError> {
    let metadata = model.metadata();
    let is_unknown = |urn: &&str| {
        let package = metadata.package(urn).filter(|package| package.urn() == **urn);
        !package.is_some_and(|package| package.delegable || package.assignable)
    };
    let urns: BTreeSet<&str> = packages.iter().map(|package| &*package.urn).collect();
    let duplicate = (urns.len() < packages.len()).then(|| PACKAGE_TWICE.into());
    let unknown = urns.into_iter().filter(is_unknown).collect();
    [listing(PACKAGE_UNKNOWN, "Invalid Urn Details : ", &unknown), duplicate].into_iter().flatten().collect()
}
