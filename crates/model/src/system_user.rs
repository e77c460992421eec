//! System users: the power that a customer gave a vendor's system.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{AccessPackage, DelegatedRight, OrgNumber, SystemId};

/// Whom a system user acts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SystemUserKind {
    /// Its owner.
    Standard,
    /// Its owner's clients.
    Agent,
}

impl SystemUserKind {
    /// The kind as the wire writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Agent => "agent",
        }
    }
}

/// A system user. At most one lives for each system, owner and external reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemUser {
    /// The id; that of the request it was approved from.
    pub id: Uuid,
    /// Whom it acts for.
    pub kind: SystemUserKind,
    /// The system it belongs to, inside this installation.
    pub system_internal_id: Uuid,
    /// The system it belongs to.
    pub system_id: SystemId,
    /// The customer, by party uuid.
    pub owner_party: Uuid,
    /// The customer.
    pub owner: OrgNumber,
    /// The vendor's reference; the customer's organisation number where none was given.
    pub external_ref: String,
    /// The name shown to the customer.
    pub title: String,
    /// The single rights delegated to it.
    pub rights: Vec<DelegatedRight>,
    /// The access packages delegated to it.
    pub access_packages: Vec<AccessPackage>,
    /// A deleted system user is kept for the record and can do nothing.
    pub is_deleted: bool,
    /// When it was approved.
    pub created: Timestamp,
    /// The person who approved it, by party uuid.
    pub created_by: Uuid,
}
