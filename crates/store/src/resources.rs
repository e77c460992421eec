//! The resource registry.

use model::Resource;
use sqlx::types::Json;

use crate::changes::ChangeKind;
use crate::error::StoreError;
use crate::session::{Session, Write, execute, fetch_all, fetch_optional};
use crate::sql;

#[derive(sqlx::FromRow)]
struct Row {
    document: Json<Resource>,
    policy: Option<String>,
}

impl Session {
    /// Every resource with its policy document.
    pub async fn resources(&mut self) -> Result<Vec<(Resource, Option<String>)>, StoreError> {
        Ok(fetch_all!(self, Row, sql::RESOURCES)?.into_iter().map(|row| (row.document.0, row.policy)).collect())
    }

    /// A resource with its policy document.
    pub async fn resource(&mut self, identifier: &str) -> Result<Option<(Resource, Option<String>)>, StoreError> {
        Ok(fetch_optional!(self, Row, sql::RESOURCE, identifier)?.map(|row| (row.document.0, row.policy)))
    }
}

impl Write {
    /// Stores a new resource.
    pub async fn insert_resource(&mut self, resource: &Resource) -> Result<(), StoreError> {
        execute!(self, sql::INSERT_RESOURCE, &resource.identifier, resource.owner.as_str(), Json(resource))?;
        self.changed(ChangeKind::Resource, &resource.identifier);
        Ok(())
    }

    /// Replaces a resource's policy document; whether the resource is there.
    pub async fn put_policy(&mut self, identifier: &str, policy: &str) -> Result<bool, StoreError> {
        let rows = execute!(self, sql::UPDATE_POLICY, identifier, policy)?;
        self.changed(ChangeKind::Resource, identifier);
        Ok(rows > 0)
    }
}
