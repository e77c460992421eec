//! Resources of the resource registry: the services that rights are about.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{OrgNumber, Translated};

/// The kind of service a resource stands for, as the resource registry names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ResourceType {
    /// A system of the platform itself.
    Systemresource,
    /// An API protected by a scope; delegated as such, never as a right.
    MaskinportenSchema,
    /// A service of the retired platform.
    Altinn2Service,
    /// An app.
    AltinnApp,
    /// Any other service.
    GenericAccessResource,
    /// File transfer.
    BrokerService,
    /// Messages.
    CorrespondenceService,
    /// Something persons consent to.
    Consent,
    /// An app moved from the retired platform.
    MigratedApp,
}

impl ResourceType {
    /// Whether a system may register a right to resources of this kind.
    pub fn is_delegable_to_systems(self) -> bool {
        !matches!(self, Self::MaskinportenSchema | Self::Altinn2Service | Self::Consent)
    }
}

/// Why an id cannot name a new resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ResourceIdError {
    /// Shorter than four characters.
    #[error("a resource id has at least four characters")]
    TooShort,
    /// Longer than 255 characters.
    #[error("a resource id has at most 255 characters")]
    TooLong,
    /// A character outside `a-z 0-9 _ -`.
    #[error("a resource id has the letters a to z, digits, _ and - only")]
    Character,
}

/// A resource as the registry keeps it. What the registry only returns again stands in `document`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// The id that policies and rights use.
    pub identifier: String,
    /// Its name.
    pub title: Translated,
    /// What it is.
    pub description: Translated,
    /// What one who is given it can do; there when it is delegable.
    pub right_description: Option<Translated>,
    /// The kind of service.
    pub resource_type: ResourceType,
    /// Whether rights to it can be passed on.
    pub delegable: bool,
    /// The owner.
    pub owner: OrgNumber,
    /// The owner's short name: `skd`.
    pub owner_code: String,
    /// The owner's full name.
    pub owner_name: Translated,
    /// Whether only members of an access list may use it.
    #[serde(default)]
    pub access_lists_only: bool,
    /// The whole registration, as the owner wrote it.
    pub document: serde_json::Value,
}

impl Resource {
    /// Whether it is shown to those who look for services.
    pub fn is_visible(&self) -> bool {
        self.document.get("visible").and_then(serde_json::Value::as_bool).unwrap_or(true)
    }

    /// The owner's page about the service, if it is a web address.
    pub fn homepage(&self) -> Option<&str> {
        let homepage = self.document.get("homepage").and_then(serde_json::Value::as_str).map(str::trim);
        homepage.filter(|url| url.starts_with("https://") && url::Url::parse(url).is_ok())
    }

    /// Checks the id of a new resource.
    pub fn check_identifier(id: &str) -> Result<(), ResourceIdError> {
        if id.len() < 4 {
            return Err(ResourceIdError::TooShort);
        }
        if id.len() > 255 {
            return Err(ResourceIdError::TooLong);
        }
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        if id.chars().all(allowed) { Ok(()) } else { Err(ResourceIdError::Character) }
    }
}
