//! The words of the Norwegian *system user* (systembruker) chain.
//!
//! Identifiers that parse only when they are valid, the things that are registered and asked for, the states a
//! request goes through, and the table of problem codes. Everything here is pure: no clock, no randomness, no
//! input or output. A rule that needs the time is given it.

mod change_request;
mod client;
mod identifiers;
mod party;
pub mod problem;
mod redirect;
mod request;
mod resource;
mod rights;
mod system;
mod system_user;
mod translated;

pub use change_request::{ChangeRequest, RightsChange};
pub use client::{Client, ClientKey, Scope, ScopeDelegation, ScopeName, ScopeNameError, ScopeVisibility};
pub use identifiers::{Iso6523, NationalId, NationalIdError, OrgNumber, OrgNumberError, SystemId, SystemIdError};
pub use party::{Organisation, Person, RoleAssignment, RoleHolder};
pub use redirect::{RedirectError, RedirectRules, matches_registered};
pub use request::{Answer, NotNew, Request, RequestKind, RequestStatus};
pub use resource::{Resource, ResourceIdError, ResourceType};
pub use rights::{AccessPackage, DelegatedRight, RESOURCE_ATTRIBUTE, ResourceAttribute, Right, rights_within};
pub use system::{RegisteredSystem, SystemChange};
pub use system_user::{AgentClient, ClientPackage, SystemUser, SystemUserKind};
pub use translated::Translated;
