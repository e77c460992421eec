//! Systems in the system register: what a vendor offers, and the most it may ever ask for.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

use crate::{AccessPackage, OrgNumber, Right, SystemId, Translated};

/// A vendor's system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredSystem {
    /// Names the system inside this installation.
    pub internal_id: Uuid,
    /// The id the vendor chose; never used again, also after deletion.
    pub id: SystemId,
    /// The vendor.
    pub vendor: OrgNumber,
    /// The system's name.
    pub name: Translated,
    /// What it is.
    pub description: Translated,
    /// The single rights it may ask for.
    pub rights: Vec<Right>,
    /// The access packages it may ask for.
    pub access_packages: Vec<AccessPackage>,
    /// The Maskinporten clients it authenticates as; each belongs to one live system only.
    pub client_ids: Vec<String>,
    /// Where customers may be sent after they have answered.
    pub allowed_redirect_urls: Vec<Url>,
    /// Whether customers find it in the portal's list of systems.
    pub is_visible: bool,
    /// A deleted system keeps its id, but releases its clients, and no token is issued through it.
    pub is_deleted: bool,
    /// When it was registered.
    pub created: Timestamp,
    /// Grows with every change.
    pub version: i64,
    /// When it was changed last.
    pub changed: Timestamp,
}

/// The kinds of change a system's log tells about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SystemChange {
    /// It was registered.
    Create,
    /// The whole definition was replaced.
    Update,
    /// The rights were replaced.
    RightsUpdate,
    /// The access packages were replaced.
    AccessPackageUpdate,
    /// It was deleted.
    Delete,
}

impl SystemChange {
    const ALL: [Self; 5] = [Self::Create, Self::Update, Self::RightsUpdate, Self::AccessPackageUpdate, Self::Delete];

    /// The kind as the wire writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::RightsUpdate => "rightsupdate",
            Self::AccessPackageUpdate => "accesspackageupdate",
            Self::Delete => "delete",
        }
    }

    /// The kind that the wire writes so.
    pub fn from_wire(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|change| change.as_str() == text)
    }
}
