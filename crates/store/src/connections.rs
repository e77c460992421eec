//! What one party lets another do for it, and the metadata of packages and roles.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::{AccessPackage, DelegatedRight};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use crate::changes::{ChangeKind, timestamp};
use crate::error::StoreError;
use crate::session::{Session, Write, execute, fetch_all, fetch_optional};
use crate::sql;

/// That a party lets another, a person or an organisation, act for it (rettighetshaver).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Who gives, by party uuid.
    pub giver: Uuid,
    /// Who receives, by party uuid.
    pub receiver: Uuid,
    /// Since when.
    pub created: Timestamp,
    /// The packages given, sorted.
    pub packages: Vec<AccessPackage>,
    /// The single rights given, sorted.
    pub rights: Vec<DelegatedRight>,
}

#[derive(sqlx::FromRow)]
pub(crate) struct Pair {
    pub(crate) giver: Uuid,
    pub(crate) receiver: Uuid,
}

#[derive(sqlx::FromRow)]
struct Row {
    giver: Uuid,
    receiver: Uuid,
    created: i64,
}

#[derive(sqlx::FromRow)]
struct PackageRow {
    giver: Uuid,
    receiver: Uuid,
    package: String,
}

#[derive(sqlx::FromRow)]
struct RightRow {
    giver: Uuid,
    receiver: Uuid,
    resource: String,
    action: String,
}

#[derive(sqlx::FromRow)]
struct MetadataRow {
    document: Json<Value>,
}

fn assemble(rows: Vec<Row>, packages: Vec<PackageRow>, rights: Vec<RightRow>) -> Result<Vec<Connection>, StoreError> {
    let mut by_pair = BTreeMap::new();
    for Row { giver, receiver, created } in rows {
        let created = timestamp(created)?;
        let connection = Connection { giver, receiver, created, packages: vec![], rights: vec![] };
        by_pair.insert((giver, receiver), connection);
    }
    for row in packages {
        if let Some(connection) = by_pair.get_mut(&(row.giver, row.receiver)) {
            connection.packages.push(AccessPackage { urn: row.package });
        }
    }
    for row in rights {
        if let Some(connection) = by_pair.get_mut(&(row.giver, row.receiver)) {
            connection.rights.push(DelegatedRight { resource: row.resource, action: row.action });
        }
    }
    Ok(by_pair.into_values().collect())
}

impl Session {
    /// Every connection.
    pub async fn connections(&mut self) -> Result<Vec<Connection>, StoreError> {
        let rows = fetch_all!(self, Row, sql::CONNECTIONS)?;
        let packages = fetch_all!(self, PackageRow, sql::ALL_CONNECTION_PACKAGES)?;
        assemble(rows, packages, fetch_all!(self, RightRow, sql::ALL_CONNECTION_RIGHTS)?)
    }

    /// The connection from one party to another.
    pub async fn connection(&mut self, giver: Uuid, receiver: Uuid) -> Result<Option<Connection>, StoreError> {
        let Some(row) = fetch_optional!(self, Row, sql::CONNECTION, giver, receiver)? else { return Ok(None) };
        let packages = fetch_all!(self, PackageRow, sql::CONNECTION_PACKAGES, giver, receiver)?;
        let rights = fetch_all!(self, RightRow, sql::CONNECTION_RIGHTS, giver, receiver)?;
        Ok(assemble(vec![row], packages, rights)?.pop())
    }

    /// The metadata of packages and roles, where another edition than the built-in one is in use.
    pub async fn access_metadata(&mut self) -> Result<Option<Value>, StoreError> {
        Ok(fetch_optional!(self, MetadataRow, sql::ACCESS_METADATA)?.map(|row| row.document.0))
    }
}

impl Write {
    /// Connects two parties; whether they were not before.
    pub async fn insert_connection(&mut self, giver: Uuid, receiver: Uuid, by: Uuid) -> Result<bool, StoreError> {
        let now = self.now().as_microsecond();
        let rows = execute!(self, sql::INSERT_CONNECTION, giver, receiver, now, by)?;
        self.connection_changed(giver, receiver);
        Ok(rows == 1)
    }

    /// Ends a connection and all that was given with it; whether it was there.
    pub async fn delete_connection(&mut self, giver: Uuid, receiver: Uuid) -> Result<bool, StoreError> {
        let rows = execute!(self, sql::DELETE_CONNECTION, giver, receiver)?;
        self.connection_changed(giver, receiver);
        Ok(rows == 1)
    }

    /// Gives a package to one connected; whether it is new.
    pub async fn give_connection_package(
        &mut self,
        giver: Uuid,
        receiver: Uuid,
        package: &AccessPackage,
    ) -> Result<bool, StoreError> {
        let rows = execute!(self, sql::INSERT_CONNECTION_PACKAGE, giver, receiver, &package.urn)?;
        self.connection_changed(giver, receiver);
        Ok(rows == 1)
    }

    /// Takes a package back; whether it was given.
    pub async fn take_connection_package(
        &mut self,
        giver: Uuid,
        receiver: Uuid,
        package: &AccessPackage,
    ) -> Result<bool, StoreError> {
        let rows = execute!(self, sql::DELETE_CONNECTION_PACKAGE, giver, receiver, &package.urn)?;
        self.connection_changed(giver, receiver);
        Ok(rows == 1)
    }

    /// Gives a single right to one connected; whether it is new.
    pub async fn give_connection_right(
        &mut self,
        giver: Uuid,
        receiver: Uuid,
        right: &DelegatedRight,
    ) -> Result<bool, StoreError> {
        let DelegatedRight { resource, action } = right;
        let rows = execute!(self, sql::INSERT_CONNECTION_RIGHT, giver, receiver, resource, action)?;
        self.connection_changed(giver, receiver);
        Ok(rows == 1)
    }

    /// Takes a single right back; whether it was given.
    pub async fn take_connection_right(
        &mut self,
        giver: Uuid,
        receiver: Uuid,
        right: &DelegatedRight,
    ) -> Result<bool, StoreError> {
        let DelegatedRight { resource, action } = right;
        let rows = execute!(self, sql::DELETE_CONNECTION_RIGHT, giver, receiver, resource, action)?;
        self.connection_changed(giver, receiver);
        Ok(rows == 1)
    }

    fn connection_changed(&mut self, giver: Uuid, receiver: Uuid) {
        self.changed(ChangeKind::Connection, format!("{giver} {receiver}"));
    }

    /// Puts another edition of the metadata in use; `None` for the built-in one.
    pub async fn put_access_metadata(&mut self, document: Option<&Value>) -> Result<(), StoreError> {
        match document {
            Some(document) => execute!(self, sql::UPSERT_ACCESS_METADATA, Json(document))?,
            None => execute!(self, sql::DELETE_ACCESS_METADATA)?,
        };
        self.changed(ChangeKind::AccessMetadata, "*");
        Ok(())
    }
}
