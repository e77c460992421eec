//! The system register.

use jiff::Timestamp;
use model::{AccessPackage, RegisteredSystem, Right, SystemChange, SystemId, Translated};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use url::Url;
use uuid::Uuid;

use crate::changes::{ChangeKind, timestamp};
use crate::error::StoreError;
use crate::parties::org_number;
use crate::session::{Session, Write, execute, fetch_all, fetch_optional};
use crate::sql;

/// An entry of a system's own change log, as vendors read it.
#[derive(Debug, Clone, PartialEq)]
pub struct SystemLogEntry {
    /// Names the entry.
    pub id: Uuid,
    /// The system.
    pub internal_id: Uuid,
    /// What was done.
    pub change: SystemChange,
    /// The organisation that did it.
    pub changed_by: model::OrgNumber,
    /// The Maskinporten client that did it.
    pub client_id: Option<String>,
    /// What was sent.
    pub changed_data: serde_json::Value,
}

/// What of a system is never searched for.
#[derive(Serialize, Deserialize)]
struct SystemDocument {
    name: Translated,
    description: Translated,
    rights: Vec<Right>,
    access_packages: Vec<AccessPackage>,
    client_ids: Vec<String>,
    allowed_redirect_urls: Vec<Url>,
    is_visible: bool,
}

#[derive(sqlx::FromRow)]
struct Row {
    internal_id: Uuid,
    system_id: String,
    vendor: String,
    is_deleted: bool,
    created: i64,
    version: i64,
    changed: i64,
    document: Json<SystemDocument>,
}

#[derive(sqlx::FromRow)]
struct LogRow {
    id: Uuid,
    internal_id: Uuid,
    change_type: String,
    changed_by: String,
    client_id: Option<String>,
    changed_data: Json<serde_json::Value>,
    created: i64,
}

#[derive(sqlx::FromRow)]
struct SystemClient {
    internal_id: Uuid,
}

impl TryFrom<Row> for RegisteredSystem {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let document = row.document.0;
        Ok(Self {
            internal_id: row.internal_id,
            id: SystemId::registered(row.system_id),
            vendor: org_number(&row.vendor)?,
            name: document.name,
            description: document.description,
            rights: document.rights,
            access_packages: document.access_packages,
            client_ids: document.client_ids,
            allowed_redirect_urls: document.allowed_redirect_urls,
            is_visible: document.is_visible,
            is_deleted: row.is_deleted,
            created: timestamp(row.created)?,
            version: row.version,
            changed: timestamp(row.changed)?,
        })
    }
}

impl From<&RegisteredSystem> for SystemDocument {
    fn from(system: &RegisteredSystem) -> Self {
        Self {
            name: system.name.clone(),
            description: system.description.clone(),
            rights: system.rights.clone(),
            access_packages: system.access_packages.clone(),
            client_ids: system.client_ids.clone(),
            allowed_redirect_urls: system.allowed_redirect_urls.clone(),
            is_visible: system.is_visible,
        }
    }
}

impl TryFrom<LogRow> for (SystemLogEntry, Timestamp) {
    type Error = StoreError;

    fn try_from(row: LogRow) -> Result<Self, StoreError> {
        let change = SystemChange::from_wire(&row.change_type);
        let entry = SystemLogEntry {
            id: row.id,
            internal_id: row.internal_id,
            change: change.ok_or_else(|| StoreError::Inconsistent(format!("system change {}", row.change_type)))?,
            changed_by: org_number(&row.changed_by)?,
            client_id: row.client_id,
            changed_data: row.changed_data.0,
        };
        Ok((entry, timestamp(row.created)?))
    }
}

impl Session {
    /// Every system, deleted ones included.
    pub async fn systems(&mut self) -> Result<Vec<RegisteredSystem>, StoreError> {
        fetch_all!(self, Row, sql::SYSTEMS)?.into_iter().map(TryInto::try_into).collect()
    }

    /// The system with this internal id.
    pub async fn system(&mut self, internal_id: Uuid) -> Result<Option<RegisteredSystem>, StoreError> {
        fetch_optional!(self, Row, sql::SYSTEM, internal_id)?.map(TryInto::try_into).transpose()
    }

    /// The system with this id, deleted or not.
    pub async fn system_by_id(&mut self, id: &str) -> Result<Option<RegisteredSystem>, StoreError> {
        fetch_optional!(self, Row, sql::SYSTEM_BY_ID, id)?.map(TryInto::try_into).transpose()
    }

    /// The live system that a client belongs to, by internal id.
    pub async fn system_of_client(&mut self, client_id: &str) -> Result<Option<Uuid>, StoreError> {
        Ok(fetch_optional!(self, SystemClient, sql::SYSTEM_CLIENT, client_id)?.map(|row| row.internal_id))
    }

    /// A system's change log with the times, newest first, at most 1000 entries.
    pub async fn system_log(&mut self, internal_id: Uuid) -> Result<Vec<(SystemLogEntry, Timestamp)>, StoreError> {
        fetch_all!(self, LogRow, sql::SYSTEM_CHANGES, internal_id)?.into_iter().map(TryInto::try_into).collect()
    }
}

impl Write {
    /// Stores a new system and takes its client ids.
    pub async fn insert_system(&mut self, system: &RegisteredSystem) -> Result<(), StoreError> {
        execute!(
            self,
            sql::INSERT_SYSTEM,
            system.internal_id,
            system.id.as_str(),
            system.vendor.as_str(),
            system.is_deleted,
            system.created.as_microsecond(),
            Json(SystemDocument::from(system)),
        )?;
        self.take_client_ids(system).await
    }

    /// Replaces what a system is, and takes its client ids; those that it no longer has are free. A deleted one has none.
    pub async fn update_system(&mut self, system: &RegisteredSystem) -> Result<(), StoreError> {
        let (document, now) = (SystemDocument::from(system), self.now().as_microsecond());
        execute!(self, sql::UPDATE_SYSTEM, system.internal_id, system.is_deleted, Json(document), now)?;
        execute!(self, sql::DELETE_SYSTEM_CLIENTS, system.internal_id)?;
        self.take_client_ids(system).await
    }

    async fn take_client_ids(&mut self, system: &RegisteredSystem) -> Result<(), StoreError> {
        if !system.is_deleted {
            for client_id in &system.client_ids {
                execute!(self, sql::INSERT_SYSTEM_CLIENT, client_id, system.internal_id)?;
            }
        }
        self.changed(ChangeKind::System, system.internal_id);
        Ok(())
    }

    /// Adds to a system's own change log.
    pub async fn log_system_change(&mut self, entry: &SystemLogEntry) -> Result<(), StoreError> {
        let now = self.now().as_microsecond();
        execute!(
            self,
            sql::INSERT_SYSTEM_CHANGE,
            entry.id,
            entry.internal_id,
            entry.change.as_str(),
            entry.changed_by.as_str(),
            &entry.client_id,
            Json(&entry.changed_data),
            now,
        )?;
        Ok(())
    }
}
