//! System users: the power that a customer gave a vendor's system.

use std::sync::Arc;

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

/// A client that an agent's system user acts for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AgentClient {
    /// The client, by party uuid.
    pub client: Uuid,
    /// What it may do for the client, sorted.
    pub packages: Arc<[ClientPackage]>,
}

/// An access package that an agent has for a client and passes on to its system user.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ClientPackage {
    /// The role of the agent for the client that it rests on, by its code: `regnskapsforer`, or `rettighetshaver` where
    /// the client gave the package to the agent.
    pub role: String,
    /// The package.
    pub package: AccessPackage,
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
    /// The single rights that its owner gave it, sorted. Shared, since most system users of a system have the same.
    pub rights: Arc<[DelegatedRight]>,
    /// The access packages that its owner gave it, sorted.
    pub access_packages: Arc<[AccessPackage]>,
    /// The clients it acts for, sorted; none for a standard system user.
    pub clients: Vec<AgentClient>,
    /// A deleted system user is kept for the record and can do nothing.
    pub is_deleted: bool,
    /// When it was approved.
    pub created: Timestamp,
    /// The person who approved it, by party uuid.
    pub created_by: Uuid,
}
