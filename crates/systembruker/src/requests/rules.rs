//! What a vendor may ask a customer for.

use http::StatusCode;
use jiff::Timestamp;
use model::problem::{
    AGENT_NEEDS_PACKAGES, NOTHING_ASKED_FOR, PACKAGE_NOT_ASSIGNABLE, PACKAGE_NOT_FOR_CLIENTS, PACKAGE_NOT_IN_SYSTEM,
    REDIRECT_NONE_REGISTERED, REDIRECT_NOT_REGISTERED, RIGHT_NOT_FOUND,
};
use model::{
    AccessPackage, Organisation, RegisteredSystem, Request, RequestKind, RequestStatus, Right, matches_registered,
    rights_within,
};
use store::RequestKey;
use url::Url;
use uuid::Uuid;

use crate::access::delegation::{is_for_clients, is_for_systems};
use crate::access::metadata::Metadata;
use crate::http::problem::ApiError;
use crate::system_register::limits;

/// How many requests of a vendor to one customer may wait for an answer, or change requests about one system user.
const MAX_WAITING: i64 = 200;

/// Refuses another request where so many wait that nobody would read them.
///
/// # Errors
/// 429.
pub fn check_waiting(waiting: i64) -> Result<(), ApiError> {
    if waiting < MAX_WAITING {
        return Ok(());
    }
    let text = format!("{waiting} requests already wait for this customer's answer. Withdraw some, or wait.");
    Err(ApiError::Status(StatusCode::TOO_MANY_REQUESTS, Some(text)))
}

/// What a vendor asks for. `None` and an empty list differ only in how they are refused.
#[derive(Debug, Clone)]
pub struct Asked {
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

/// A new request, or the first thing that is wrong with it.
pub fn new_request(
    asked: Asked,
    key: RequestKey,
    system: &RegisteredSystem,
    customer: &Organisation,
    metadata: &Metadata,
    made: Made,
) -> Result<Request, ApiError> {
    let redirect_url = check_redirect(asked.redirect_url, system)?;
    if key.kind == RequestKind::Standard && asked.rights.is_none() && asked.access_packages.is_none() {
        return Err(RIGHT_NOT_FOUND.into());
    }
    let rights = asked.rights.unwrap_or_default();
    let access_packages = asked.access_packages.unwrap_or_default();
    match key.kind {
        RequestKind::Agent if access_packages.is_empty() => return Err(AGENT_NEEDS_PACKAGES.into()),
        RequestKind::Standard if rights.is_empty() && access_packages.is_empty() => {
            return Err(NOTHING_ASKED_FOR.into());
        }
        RequestKind::Standard | RequestKind::Agent => {}
    }
    check_lists(&rights, &access_packages)?;
    check_within(&rights, &access_packages, system)?;
    check_packages_of(key.kind, &access_packages, metadata)?;
    let title = asked.title.filter(|title| !title.trim().is_empty()).unwrap_or_else(|| system.name.nb.clone());
    if title.chars().count() > 255 {
        return Err(ApiError::member("integrationTitle", "integrationTitle has at most 255 characters."));
    }
    Ok(Request {
        id: made.id,
        kind: key.kind,
        system_internal_id: system.internal_id,
        system_id: system.id.clone(),
        party: customer.party_uuid,
        party_org: customer.org_number,
        external_ref: key.external_ref,
        title,
        rights,
        access_packages,
        status: RequestStatus::New,
        redirect_url,
        escalated: false,
        created: made.at,
        expires: made.expires,
        answered: None,
    })
}

/// When something is made, as what, and until when it waits for an answer.
#[derive(Debug, Clone, Copy)]
pub struct Made {
    /// Its id.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// From then on it can no longer be answered.
    pub expires: Timestamp,
}

/// What no request in good faith exceeds: what a system can have.
pub fn check_lists(rights: &[Right], access_packages: &[AccessPackage]) -> Result<(), ApiError> {
    limits::check_rights("rights", rights)?;
    limits::check_packages("accessPackages", access_packages)
}

/// The redirect URL, if one is given; it must be registered on the system.
pub fn check_redirect(given: Option<String>, system: &RegisteredSystem) -> Result<Option<String>, ApiError> {
    let Some(url) = given.filter(|url| !url.trim().is_empty()) else { return Ok(None) };
    limits::check_url("redirectUrl", &url)?;
    if system.allowed_redirect_urls.is_empty() {
        return Err(REDIRECT_NONE_REGISTERED.into());
    }
    let registered = Url::parse(&url).is_ok_and(|url| matches_registered(&url, &system.allowed_redirect_urls));
    if registered { Ok(Some(url)) } else { Err(REDIRECT_NOT_REGISTERED.into()) }
}

/// Whether everything asked for is still among what the system has registered. Asked again at approval.
pub fn check_within(
    rights: &[Right],
    access_packages: &[AccessPackage],
    system: &RegisteredSystem,
) -> Result<(), ApiError> {
    // A list with the same twice is longer than the system's at last, and says nothing more.
    if !rights_within(rights, &system.rights) || rights.len() > system.rights.len() {
        return Err(RIGHT_NOT_FOUND.into());
    }
    let missing = access_packages.iter().filter(|package| !system.access_packages.contains(package));
    let missing: Vec<&str> = missing.map(|package| &*package.urn).collect();
    if missing.is_empty() {
        let fits = access_packages.len() <= system.access_packages.len();
        return if fits { Ok(()) } else { Err(PACKAGE_NOT_IN_SYSTEM.into()) };
    }
    Err(ApiError::Problem(PACKAGE_NOT_IN_SYSTEM, vec![("NotFoundPackages", missing.join(", "))]))
}

/// Whether a system user of this kind can use every package: for its own organisation, or for clients. Asked again at
/// approval.
pub fn check_packages_of(
    kind: RequestKind,
    access_packages: &[AccessPackage],
    metadata: &Metadata,
) -> Result<(), ApiError> {
    let (is_usable, code): (fn(&Metadata, &AccessPackage) -> bool, _) = match kind {
        RequestKind::Standard => (is_for_systems, PACKAGE_NOT_ASSIGNABLE),
        RequestKind::Agent => (is_for_clients, PACKAGE_NOT_FOR_CLIENTS),
    };
    let refused = access_packages.iter().filter(|package| !is_usable(metadata, package));
    let refused: Vec<&str> = refused.map(|package| &*package.urn).collect();
    if refused.is_empty() {
        return Ok(());
    }
    Err(ApiError::Problem(code, vec![("NotDelegablePackages", refused.join(", "))]))
}
