//! What a vendor may ask a customer for.

use jiff::{Timestamp, ToSpan};
use model::problem::{
    NOTHING_ASKED_FOR, PACKAGE_NOT_ASSIGNABLE, PACKAGE_NOT_IN_SYSTEM, REDIRECT_NONE_REGISTERED,
    REDIRECT_NOT_REGISTERED, RIGHT_NOT_FOUND,
};
use model::{
    AccessPackage, Organisation, RegisteredSystem, Request, RequestKind, RequestStatus, Right, matches_registered,
    rights_within,
};
use url::Url;
use uuid::Uuid;

use crate::access::delegation::is_for_systems;
use crate::access::metadata::Metadata;
use crate::http::problem::ApiError;

/// What a vendor asks for. `None` and an empty list differ only in how they are refused.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The vendor's reference.
    pub external_ref: Option<String>,
    /// The name to show.
    pub title: Option<String>,
    /// Single rights.
    pub rights: Option<Vec<Right>>,
    /// Access packages.
    pub access_packages: Option<Vec<AccessPackage>>,
    /// Where to send the customer after the answer.
    pub redirect_url: Option<String>,
}

/// The vendor's reference, which is the customer's number where none is given.
pub fn external_ref(given: Option<&str>, customer: &Organisation) -> Result<String, ApiError> {
    match given {
        None | Some("") => Ok(customer.org_number.to_string()),
        Some(text) if text.chars().count() <= 255 => Ok(text.to_owned()),
        Some(_) => Err(ApiError::member("externalRef", "externalRef has at most 255 characters.")),
    }
}

/// A new standard request, or the first thing that is wrong with it.
pub fn new_request(
    asked: Asked,
    external_ref: String,
    system: &RegisteredSystem,
    customer: &Organisation,
    metadata: &Metadata,
    id: Uuid,
    now: Timestamp,
) -> Result<Request, ApiError> {
    let redirect_url = asked.redirect_url.filter(|url| !url.trim().is_empty());
    if let Some(url) = &redirect_url {
        check_redirect(url, system)?;
    }
    if asked.rights.is_none() && asked.access_packages.is_none() {
        return Err(RIGHT_NOT_FOUND.into());
    }
    let rights = asked.rights.unwrap_or_default();
    let access_packages = asked.access_packages.unwrap_or_default();
    if rights.is_empty() && access_packages.is_empty() {
        return Err(NOTHING_ASKED_FOR.into());
    }
    check_within(&rights, &access_packages, system)?;
    check_assignable(&access_packages, metadata)?;
    let title = asked.title.filter(|title| !title.trim().is_empty()).unwrap_or_else(|| system.name.nb.clone());
    if title.chars().count() > 255 {
        return Err(ApiError::member("integrationTitle", "integrationTitle has at most 255 characters."));
    }
    Ok(Request {
        id,
        kind: RequestKind::Standard,
        system_internal_id: system.internal_id,
        system_id: system.id.clone(),
        party: customer.party_uuid,
        party_org: customer.org_number,
        external_ref,
        title,
        rights,
        access_packages,
        status: RequestStatus::New,
        redirect_url,
        escalated: false,
        created: now,
        expires: now + (Request::LIFETIME_DAYS * 24).hours(),
        answered: None,
    })
}

fn check_redirect(url: &str, system: &RegisteredSystem) -> Result<(), ApiError> {
    if system.allowed_redirect_urls.is_empty() {
        return Err(REDIRECT_NONE_REGISTERED.into());
    }
    let registered = Url::parse(url).is_ok_and(|url| matches_registered(&url, &system.allowed_redirect_urls));
    if registered { Ok(()) } else { Err(REDIRECT_NOT_REGISTERED.into()) }
}

/// Whether everything asked for is still among what the system has registered. Asked again at approval.
pub fn check_within(
    rights: &[Right],
    access_packages: &[AccessPackage],
    system: &RegisteredSystem,
) -> Result<(), ApiError> {
    if !rights_within(rights, &system.rights) {
        return Err(RIGHT_NOT_FOUND.into());
    }
    let missing = access_packages.iter().filter(|package| !system.access_packages.contains(package));
    let missing: Vec<&str> = missing.map(|package| &*package.urn).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(ApiError::Problem(PACKAGE_NOT_IN_SYSTEM, vec![("NotFoundPackages", missing.join(", "))]))
}

/// Whether every package can be given to a system user for its own organisation. Asked again at approval.
pub fn check_assignable(access_packages: &[AccessPackage], metadata: &Metadata) -> Result<(), ApiError> {
    let refused = access_packages.iter().filter(|package| !is_for_systems(metadata, package));
    let refused: Vec<&str> = refused.map(|package| &*package.urn).collect();
    if refused.is_empty() {
        return Ok(());
    }
    Err(ApiError::Problem(PACKAGE_NOT_ASSIGNABLE, vec![("NotDelegablePackages", refused.join(", "))]))
}
