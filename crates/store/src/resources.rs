//! The resource registry.

use jiff::Timestamp;
use model::Resource;
use sqlx::types::Json;

use crate::access_lists::ListKey;
use crate::changes::{ChangeKind, timestamp};
use crate::connections::Pair;
use crate::error::StoreError;
use crate::session::{Session, Write, execute, fetch_all, fetch_optional};
use crate::sql;
use crate::system_users::IdRow;

/// A resource as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResource {
    /// The resource.
    pub resource: Resource,
    /// Its policy document.
    pub policy: Option<String>,
    /// Names this version of the registration among all versions of all resources.
    pub version_id: i64,
}

/// That a policy names a subject, or no longer does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectChange {
    /// The resource.
    pub identifier: String,
    /// The subject's URN.
    pub subject: String,
    /// Since when.
    pub updated: Timestamp,
    /// Whether it no longer does.
    pub is_deleted: bool,
}

/// When a resource or its policy was changed last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceChange {
    /// The number in the change log.
    pub number: i64,
    /// The resource.
    pub identifier: String,
    /// When.
    pub at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    document: Json<Resource>,
    policy: Option<String>,
    version_id: i64,
}

#[derive(sqlx::FromRow)]
struct DocumentRow {
    document: Json<Resource>,
}

#[derive(sqlx::FromRow)]
struct VersionRow {
    version_id: i64,
}

#[derive(sqlx::FromRow)]
struct SubjectRow {
    subject: String,
}

#[derive(sqlx::FromRow)]
struct LastSubjectRow {
    updated: i64,
}

#[derive(sqlx::FromRow)]
struct SubjectChangeRow {
    identifier: String,
    subject: String,
    updated: i64,
    is_deleted: bool,
}

#[derive(sqlx::FromRow)]
struct ChangeRow {
    number: i64,
    key: String,
    at: i64,
}

impl From<Row> for StoredResource {
    fn from(row: Row) -> Self {
        Self { resource: row.document.0, policy: row.policy, version_id: row.version_id }
    }
}

impl Session {
    /// Every resource.
    pub async fn resources(&mut self) -> Result<Vec<StoredResource>, StoreError> {
        Ok(fetch_all!(self, Row, sql::RESOURCES)?.into_iter().map(Into::into).collect())
    }

    /// A resource as it is now.
    pub async fn resource(&mut self, identifier: &str) -> Result<Option<StoredResource>, StoreError> {
        Ok(fetch_optional!(self, Row, sql::RESOURCE, identifier)?.map(Into::into))
    }

    /// A resource as it was registered once.
    pub async fn resource_version(
        &mut self,
        identifier: &str,
        version_id: i64,
    ) -> Result<Option<Resource>, StoreError> {
        let row = fetch_optional!(self, DocumentRow, sql::RESOURCE_VERSION, identifier, version_id)?;
        Ok(row.map(|row| row.document.0))
    }

    /// The subjects that a resource's policy names, by URN.
    pub async fn subjects_of_resource(&mut self, identifier: &str) -> Result<Vec<String>, StoreError> {
        let rows = fetch_all!(self, SubjectRow, sql::RESOURCE_SUBJECTS, identifier)?;
        Ok(rows.into_iter().map(|row| row.subject).collect())
    }

    /// Up to `limit` changes of which subjects policies name, in order of time, resource and subject, after the one
    /// of this time, resource and subject.
    pub async fn subject_changes_after(
        &mut self,
        (time, identifier, subject): (Timestamp, &str, &str),
        limit: u16,
    ) -> Result<Vec<SubjectChange>, StoreError> {
        let (time, limit) = (time.as_microsecond(), i64::from(limit));
        let rows = fetch_all!(self, SubjectChangeRow, sql::UPDATED_SUBJECTS, time, identifier, subject, limit)?;
        let change = |row: SubjectChangeRow| {
            let SubjectChangeRow { identifier, subject, updated, is_deleted } = row;
            Ok(SubjectChange { identifier, subject, updated: timestamp(updated)?, is_deleted })
        };
        rows.into_iter().map(change).collect()
    }

    /// Up to `limit` resources whose last change has a number in the change log after this one, in its order.
    pub async fn resource_changes_after(&mut self, number: i64, limit: u16) -> Result<Vec<ResourceChange>, StoreError> {
        let rows = fetch_all!(self, ChangeRow, sql::RESOURCE_CHANGES, number, i64::from(limit))?;
        let change =
            |row: ChangeRow| Ok(ResourceChange { number: row.number, identifier: row.key, at: timestamp(row.at)? });
        rows.into_iter().map(change).collect()
    }
}

impl Write {
    async fn insert_version(&mut self, resource: &Resource) -> Result<i64, StoreError> {
        let now = self.now().as_microsecond();
        let row =
            fetch_optional!(self, VersionRow, sql::INSERT_RESOURCE_VERSION, &resource.identifier, Json(resource), now)?;
        row.map(|row| row.version_id).ok_or_else(|| StoreError::Inconsistent("a version has no number".into()))
    }

    /// Stores a new resource. Returns the id of its first version.
    pub async fn insert_resource(&mut self, resource: &Resource) -> Result<i64, StoreError> {
        let version = self.insert_version(resource).await?;
        execute!(self, sql::INSERT_RESOURCE, &resource.identifier, resource.owner.as_str(), Json(resource), version)?;
        self.changed(ChangeKind::Resource, &resource.identifier);
        Ok(version)
    }

    /// Stores a new version of a resource. Returns its id.
    pub async fn update_resource(&mut self, resource: &Resource) -> Result<i64, StoreError> {
        let version = self.insert_version(resource).await?;
        execute!(self, sql::UPDATE_RESOURCE, &resource.identifier, Json(resource), version)?;
        self.changed(ChangeKind::Resource, &resource.identifier);
        Ok(version)
    }

    /// Replaces a resource's policy document, which names these subjects (URNs); whether the resource is there.
    pub async fn put_policy(
        &mut self,
        identifier: &str,
        policy: &str,
        subjects: &[String],
    ) -> Result<bool, StoreError> {
        let rows = execute!(self, sql::UPDATE_POLICY, identifier, policy)?;
        self.put_subjects(identifier, subjects).await?;
        self.changed(ChangeKind::Resource, identifier);
        Ok(rows > 0)
    }

    async fn put_subjects(&mut self, identifier: &str, subjects: &[String]) -> Result<(), StoreError> {
        // Readers follow the feed by time, so that no change may be noted at a time that they have passed.
        let last = fetch_optional!(self, LastSubjectRow, sql::LAST_SUBJECT_CHANGE)?.map_or(0, |row| row.updated);
        let now = self.now().as_microsecond().max(last + 1);
        for SubjectRow { subject } in fetch_all!(self, SubjectRow, sql::RESOURCE_SUBJECTS, identifier)? {
            if !subjects.contains(&subject) {
                execute!(self, sql::DELETE_RESOURCE_SUBJECT, identifier, &subject, now)?;
            }
        }
        for subject in subjects {
            execute!(self, sql::PUT_RESOURCE_SUBJECT, identifier, subject, now)?;
        }
        Ok(())
    }

    /// Deletes a resource, its policy and every right to it; whether it was there. Its versions stay for the record.
    pub async fn delete_resource(&mut self, identifier: &str) -> Result<bool, StoreError> {
        for IdRow { id } in fetch_all!(self, IdRow, sql::DELETE_RIGHTS_TO_RESOURCE, identifier)? {
            self.changed(ChangeKind::SystemUser, id);
        }
        for Pair { giver, receiver } in fetch_all!(self, Pair, sql::DELETE_CONNECTION_RIGHTS_TO_RESOURCE, identifier)? {
            self.changed(ChangeKind::Connection, format!("{giver} {receiver}"));
        }
        for ListKey { owner, identifier } in fetch_all!(self, ListKey, sql::DELETE_LISTS_OF_RESOURCE, identifier)? {
            let now = self.now().as_microsecond();
            execute!(self, sql::TOUCH_ACCESS_LIST, &owner, &identifier, now)?;
            self.changed(ChangeKind::AccessList, format!("{owner} {identifier}"));
        }
        self.put_subjects(identifier, &[]).await?;
        let rows = execute!(self, sql::DELETE_RESOURCE, identifier)?;
        self.changed(ChangeKind::Resource, identifier);
        Ok(rows > 0)
    }
}
