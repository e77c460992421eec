//! Everything the chain remembers, in SQLite or PostgreSQL.
//!
//! # One text for both engines
//! Each statement is written once, with `$1` for parameters, and is prepared and run on both engines by the tests. The
//! shared dialect: ids are `Uuid` (`UUID`, `BLOB`), documents are JSON that is never searched (`JSONB`, `TEXT`), times
//! are microseconds since 1970 (`BIGINT`, `INTEGER`), texts sort by their bytes, upserts are `ON CONFLICT … DO UPDATE`.
//!
//! # Reading and writing
//! [`Store::read`] gives a [`Session`]: a snapshot. [`Store::write`] gives a [`Write`], which can also change things.
//! There is one writer at a time on both engines: a write begins by taking the installation's row, so that what it
//! loads cannot change before it saves. [`Write::commit`] gives the change entries their numbers and returns the last
//! one; readers that have seen that number have seen the change.
//!
//! # One instance at a time
//! Opening takes a lock that the operating system or PostgreSQL gives back when the process dies, and a new *epoch*,
//! without which no write begins. [`Store::still_ours`] tells an instance whether it may still answer.
//!
//! # Two records
//! The *change log* holds every committed change of domain state and nothing else; the read model is made of it. The
//! *audit journal* holds everything worth answering for. See [`changes`].

mod access_lists;
mod change_requests;
pub mod changes;
mod client_jobs;
mod clients;
mod connections;
mod error;
mod grants;
mod installation;
mod keys;
mod parties;
mod requests;
mod resources;
mod session;
mod sessions;
mod sql;
mod system_users;
mod systems;
mod uses;

pub use access_lists::{AccessList, ListedResource};
pub use changes::{AuditEntry, AuditRecord, Change, ChangeContext, ChangeKind, JournalEntry};
pub use client_jobs::{ClientAction, ClientJob, ClientJobItem, ItemStatus};
pub use clients::{ScopeAccess, StoredClientKey};
pub use connections::Connection;
pub use error::StoreError;
pub use grants::UsedGrant;
pub use installation::{Database, DatabaseUrlError, Installation, InstallationKind, OpenError, Store};
pub use keys::{KeyPurpose, StoredKey};
pub use parties::{NewPerson, PersonSecret};
pub use requests::RequestKey;
pub use resources::{ResourceChange, StoredResource, SubjectChange};
pub use session::{Session, Write};
pub use sessions::PersonSession;
pub use sql::STATEMENTS;
pub use system_users::{PackageForClient, SystemUserChange};
pub use systems::SystemLogEntry;
pub use uses::SystemUserUse;
