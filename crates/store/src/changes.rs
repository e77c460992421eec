//! The change log and the audit journal.

use jiff::Timestamp;
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use crate::error::StoreError;
use crate::installation::Store;
use crate::session::{Count, Session, execute, fetch_all, fetch_optional};
use crate::sql;

/// What kind of thing has changed. The key beside it names which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// All of it, as when a sandbox is reset; the key is `*`.
    Everything,
    /// Parties and their roles, all at once; the key is `*`.
    Parties,
    /// A Maskinporten client or its keys, by client id.
    Client,
    /// A client's key that is about to expire, by client id and key id with a space between.
    ClientKeyExpires,
    /// A scope or who it is granted to, by name.
    Scope,
    /// That an organisation lets another use a scope: consumer, supplier and scope with spaces between.
    ScopeDelegation,
    /// The owner of a scope prefix, by prefix.
    ScopePrefix,
    /// A signing key, by key id.
    SigningKey,
    /// A resource or its policy, by identifier.
    Resource,
    /// A system, by internal id.
    System,
    /// A request for a system user, by id.
    Request,
    /// A request that a system user is given more or less, by id.
    ChangeRequest,
    /// Many clients given or taken at once, by the job's id.
    ClientJob,
    /// A system user and what is delegated to it, by id.
    SystemUser,
    /// What a party lets another do for it: giver and receiver with a space between.
    Connection,
    /// An access list with its members and resources: owner and identifier with a space between.
    AccessList,
    /// Areas, packages and roles; the key is `*`.
    AccessMetadata,
}

impl ChangeKind {
    const ALL: [Self; 17] = [
        Self::Everything,
        Self::Parties,
        Self::Client,
        Self::ClientKeyExpires,
        Self::Scope,
        Self::ScopeDelegation,
        Self::ScopePrefix,
        Self::SigningKey,
        Self::Resource,
        Self::System,
        Self::Request,
        Self::ChangeRequest,
        Self::ClientJob,
        Self::SystemUser,
        Self::Connection,
        Self::AccessList,
        Self::AccessMetadata,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Everything => "everything",
            Self::Parties => "parties",
            Self::Client => "client",
            Self::ClientKeyExpires => "client_key_expires",
            Self::Scope => "scope",
            Self::ScopeDelegation => "scope_delegation",
            Self::ScopePrefix => "scope_prefix",
            Self::SigningKey => "signing_key",
            Self::Resource => "resource",
            Self::System => "system",
            Self::Request => "request",
            Self::ChangeRequest => "change_request",
            Self::ClientJob => "client_job",
            Self::SystemUser => "system_user",
            Self::Connection => "connection",
            Self::AccessList => "access_list",
            Self::AccessMetadata => "access_metadata",
        }
    }
}

/// An entry of the change log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Larger than that of every change committed before.
    pub number: i64,
    /// What kind of thing.
    pub kind: ChangeKind,
    /// Which thing.
    pub key: String,
}

/// Who makes a change, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeContext {
    /// An organisation (`org:974761076`), a person (`person:` and party uuid), or the program (`cli`, `system`).
    pub actor: String,
    /// The party that is acted for, where it is another.
    pub on_behalf_of: Option<String>,
    /// The Maskinporten client that called.
    pub client_id: Option<String>,
    /// The HTTP request.
    pub request_id: Option<String>,
}

/// An entry of the audit journal. Never holds a national identity number, a key or a token.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// Names the entry; in order of time.
    pub id: Uuid,
    /// What happened: `request.approved`.
    pub event: &'static str,
    /// The party it concerns.
    pub party: Option<Uuid>,
    /// The thing it concerns.
    pub subject: String,
    /// What else is worth knowing.
    pub details: Value,
}

#[derive(sqlx::FromRow)]
struct ChangeRow {
    number: i64,
    kind: String,
    key: String,
}

#[derive(sqlx::FromRow)]
pub(crate) struct LastChange {
    pub(crate) last_change: i64,
}

#[derive(sqlx::FromRow)]
struct AuditRow {
    id: Uuid,
    at: i64,
    event: String,
    actor: String,
    party: Option<Uuid>,
    subject: String,
    details: Json<Value>,
}

/// An entry of the audit journal, as it is read.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRecord {
    /// The entry's id.
    pub id: Uuid,
    /// When it happened.
    pub at: Timestamp,
    /// What happened: `request.approved`.
    pub event: String,
    /// Who did it, as in [`ChangeContext::actor`].
    pub actor: String,
    /// The party it concerns.
    pub party: Option<Uuid>,
    /// The thing it concerns.
    pub subject: String,
    /// What else is worth knowing.
    pub details: Value,
}

impl TryFrom<AuditRow> for AuditRecord {
    type Error = StoreError;

    fn try_from(row: AuditRow) -> Result<Self, StoreError> {
        let AuditRow { id, at, event, actor, party, subject, details } = row;
        Ok(Self { id, at: timestamp(at)?, event, actor, party, subject, details: details.0 })
    }
}

/// An entry of the audit journal that was made apart from any change, such as a decision.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalEntry {
    /// The entry.
    pub entry: AuditEntry,
    /// Who did it, as in [`ChangeContext::actor`].
    pub actor: String,
    /// When.
    pub at: Timestamp,
    /// The HTTP request.
    pub request_id: Option<String>,
}

impl Store {
    /// Writes entries of the audit journal, in one transaction.
    pub async fn journal(&self, entries: Vec<JournalEntry>) -> Result<(), StoreError> {
        let mut session = self.bookkeeping().await?;
        for JournalEntry { entry, actor, at, request_id } in entries {
            session.insert_audit(entry, &actor, at, request_id.as_deref()).await?;
        }
        session.commit().await
    }
}

impl Session {
    /// The change entries after `number`, in order, at most 1000.
    pub async fn changes_since(&mut self, number: i64) -> Result<Vec<Change>, StoreError> {
        let rows = fetch_all!(self, ChangeRow, sql::CHANGES_SINCE, number)?;
        rows.into_iter()
            .map(|row| {
                let kind = ChangeKind::ALL.into_iter().find(|kind| kind.as_str() == row.kind);
                let kind = kind.ok_or_else(|| StoreError::Inconsistent(format!("change kind {}", row.kind)))?;
                Ok(Change { number: row.number, kind, key: row.key })
            })
            .collect()
    }

    /// The number of the last change entry of all; 0 where there is none.
    pub async fn last_change(&mut self) -> Result<i64, StoreError> {
        Ok(fetch_optional!(self, LastChange, sql::LAST_CHANGE)?.map_or(0, |row| row.last_change))
    }

    pub(crate) async fn insert_change(
        &mut self,
        change: &Change,
        context: &ChangeContext,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            sql::INSERT_CHANGE,
            change.number,
            change.kind.as_str(),
            &change.key,
            &context.actor,
            &context.on_behalf_of,
            &context.client_id,
            &context.request_id,
            at.as_microsecond(),
        )?;
        Ok(())
    }

    pub(crate) async fn insert_audit(
        &mut self,
        entry: AuditEntry,
        actor: &str,
        at: Timestamp,
        request_id: Option<&str>,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            sql::INSERT_AUDIT,
            entry.id,
            at.as_microsecond(),
            entry.event,
            actor,
            entry.party,
            &entry.subject,
            Json(&entry.details),
            request_id,
        )?;
        Ok(())
    }

    /// What has happened to one thing, oldest first, at most 1000.
    pub async fn audit_of(&mut self, subject: &str) -> Result<Vec<AuditRecord>, StoreError> {
        fetch_all!(self, AuditRow, sql::AUDIT_OF, subject)?.into_iter().map(TryInto::try_into).collect()
    }

    /// Whether something has happened to one thing, by this actor or by any.
    pub async fn is_audited(&mut self, subject: &str, event: &str, actor: Option<&str>) -> Result<bool, StoreError> {
        let actor = actor.unwrap_or_default();
        Ok(fetch_optional!(self, Count, sql::IS_AUDITED, subject, event, actor)?.is_some())
    }

    /// What has happened to one thing last, newest first.
    pub async fn latest_audit_of(&mut self, subject: &str, limit: u16) -> Result<Vec<AuditRecord>, StoreError> {
        let rows = fetch_all!(self, AuditRow, sql::LATEST_AUDIT_OF, subject, i64::from(limit))?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// How one thing was forwarded, reminded of and taken back, newest first.
    pub async fn forwardings_of(&mut self, subject: &str) -> Result<Vec<AuditRecord>, StoreError> {
        fetch_all!(self, AuditRow, sql::FORWARDINGS_OF, subject)?.into_iter().map(TryInto::try_into).collect()
    }

    /// The same of all of a party's requests since a time.
    pub async fn forwardings_of_party(
        &mut self,
        party: Uuid,
        since: Timestamp,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let rows = fetch_all!(self, AuditRow, sql::FORWARDINGS_OF_PARTY, party, since.as_microsecond())?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// What has happened to a party's requests and system users, newest first, from the entry after this one on.
    pub async fn audit_of_party(
        &mut self,
        party: Uuid,
        after: Option<(Timestamp, Uuid)>,
        limit: u16,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let (at, id) = after.map_or((i64::MAX, Uuid::max()), |(at, id)| (at.as_microsecond(), id));
        let rows = fetch_all!(self, AuditRow, sql::AUDIT_OF_PARTY, party, at, id, i64::from(limit))?;
        rows.into_iter().map(TryInto::try_into).collect()
    }
}

/// Reads a time as the store writes it.
pub(crate) fn timestamp(microseconds: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(microseconds).map_err(|_| StoreError::Inconsistent(format!("time {microseconds}")))
}
