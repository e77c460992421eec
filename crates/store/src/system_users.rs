//! System users and what is delegated to them.

use std::collections::HashMap;

use model::{AccessPackage, DelegatedRight, SystemId, SystemUser};
use sqlx::types::Json;
use uuid::Uuid;

use crate::changes::{ChangeKind, timestamp};
use crate::error::StoreError;
use crate::parties::org_number;
use crate::requests::kind;
use crate::session::{Session, Write, execute, fetch_all, fetch_optional};
use crate::sql;

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    kind: String,
    system_internal_id: Uuid,
    system_id: String,
    owner: Uuid,
    org_number: String,
    external_ref: String,
    title: String,
    is_deleted: bool,
    created: i64,
    created_by: Uuid,
    access_packages: Json<Vec<AccessPackage>>,
}

#[derive(sqlx::FromRow)]
pub(crate) struct IdRow {
    #[expect(dead_code, reason = "only that there is a row matters")]
    id: Uuid,
}

#[derive(sqlx::FromRow)]
struct RightRow {
    system_user: Uuid,
    resource: String,
    action: String,
}

fn system_user(row: Row, rights: Vec<DelegatedRight>) -> Result<SystemUser, StoreError> {
    Ok(SystemUser {
        id: row.id,
        kind: kind(&row.kind)?,
        system_internal_id: row.system_internal_id,
        system_id: SystemId::registered(row.system_id),
        owner_party: row.owner,
        owner: org_number(&row.org_number)?,
        external_ref: row.external_ref,
        title: row.title,
        rights,
        access_packages: row.access_packages.0,
        is_deleted: row.is_deleted,
        created: timestamp(row.created)?,
        created_by: row.created_by,
    })
}

impl Session {
    /// Every system user, deleted ones included.
    pub async fn system_users(&mut self) -> Result<Vec<SystemUser>, StoreError> {
        let mut rights: HashMap<Uuid, Vec<DelegatedRight>> = HashMap::new();
        for row in fetch_all!(self, RightRow, sql::ALL_SYSTEM_USER_RIGHTS)? {
            let right = DelegatedRight { resource: row.resource, action: row.action };
            rights.entry(row.system_user).or_default().push(right);
        }
        fetch_all!(self, Row, sql::SYSTEM_USERS)?
            .into_iter()
            .map(|row| {
                let rights = rights.remove(&row.id).unwrap_or_default();
                system_user(row, rights)
            })
            .collect()
    }

    /// Whether there was a system user of this system, owner and reference that is deleted now.
    pub async fn had_system_user(&mut self, system: Uuid, owner: Uuid, external_ref: &str) -> Result<bool, StoreError> {
        Ok(fetch_optional!(self, IdRow, sql::DELETED_SYSTEM_USER, system, owner, external_ref)?.is_some())
    }

    /// Whether a live agent's system user of this system acts for this client.
    pub async fn agent_has_client(&mut self, system: Uuid, client: Uuid) -> Result<bool, StoreError> {
        Ok(fetch_optional!(self, IdRow, sql::AGENT_WITH_CLIENT, system, client)?.is_some())
    }

    /// The system user with this id, deleted or not.
    pub async fn system_user(&mut self, id: Uuid) -> Result<Option<SystemUser>, StoreError> {
        let Some(row) = fetch_optional!(self, Row, sql::SYSTEM_USER, id)? else { return Ok(None) };
        let rights = fetch_all!(self, RightRow, sql::SYSTEM_USER_RIGHTS, id)?;
        let right = |row: RightRow| DelegatedRight { resource: row.resource, action: row.action };
        system_user(row, rights.into_iter().map(right).collect()).map(Some)
    }
}

impl Write {
    /// Stores a new system user with what is delegated to it. A live one of the same system, owner and reference is an
    /// error.
    pub async fn insert_system_user(&mut self, user: &SystemUser) -> Result<(), StoreError> {
        execute!(
            self,
            sql::INSERT_SYSTEM_USER,
            user.id,
            user.kind.as_str(),
            user.system_internal_id,
            user.owner_party,
            &user.external_ref,
            &user.title,
            user.created.as_microsecond(),
            user.created_by,
            Json(&user.access_packages),
        )?;
        for right in &user.rights {
            execute!(self, sql::INSERT_SYSTEM_USER_RIGHT, user.id, &right.resource, &right.action)?;
        }
        self.changed(ChangeKind::SystemUser, user.id);
        Ok(())
    }

    /// Lets an agent's system user act for a client of the agent.
    pub async fn insert_system_user_client(&mut self, id: Uuid, client: Uuid) -> Result<(), StoreError> {
        let now = self.now().as_microsecond();
        execute!(self, sql::INSERT_SYSTEM_USER_CLIENT, id, client, now)?;
        self.changed(ChangeKind::SystemUser, id);
        Ok(())
    }

    /// Deletes a system user and takes back all that was delegated to it; whether it was there and live.
    pub async fn delete_system_user(&mut self, id: Uuid) -> Result<bool, StoreError> {
        let rows = execute!(self, sql::DELETE_SYSTEM_USER, id)?;
        execute!(self, sql::DELETE_SYSTEM_USER_RIGHTS, id)?;
        self.changed(ChangeKind::SystemUser, id);
        Ok(rows == 1)
    }
}
