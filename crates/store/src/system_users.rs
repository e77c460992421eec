//! System users and what is delegated to them.

use std::collections::HashMap;

use jiff::Timestamp;
use model::{AccessPackage, AgentClient, ClientPackage, DelegatedRight, SystemId, SystemUser};
use uuid::Uuid;

use crate::changes::{ChangeKind, LastChange, timestamp};
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
}

#[derive(sqlx::FromRow)]
pub(crate) struct IdRow {
    pub(crate) id: Uuid,
}

#[derive(sqlx::FromRow)]
struct PackageRow {
    system_user: Uuid,
    package: String,
}

#[derive(sqlx::FromRow)]
struct ClientRow {
    system_user: Uuid,
    client: Uuid,
}

#[derive(sqlx::FromRow)]
struct ClientPackageRow {
    system_user: Uuid,
    client: Uuid,
    role: String,
    package: String,
}

#[derive(sqlx::FromRow)]
struct NumberedRow {
    id: Uuid,
    number: i64,
}

/// When a system user was changed last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SystemUserChange {
    /// Which.
    pub id: Uuid,
    /// The number of the change.
    pub number: i64,
    /// When.
    pub at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct ChangedRow {
    id: Uuid,
    last_number: i64,
    changed: i64,
}

/// What an agent's system user may do for a client.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct PackageForClient {
    /// The system user.
    pub system_user: Uuid,
    /// The agent, by party uuid.
    pub owner: Uuid,
    /// The role of the agent that it rests on.
    pub role: String,
    /// The package's URN.
    pub package: String,
}

#[derive(sqlx::FromRow)]
struct RightRow {
    system_user: Uuid,
    resource: String,
    action: String,
}

/// What was given to the system users of a range of ids.
#[derive(Default)]
struct Given {
    rights: HashMap<Uuid, Vec<DelegatedRight>>,
    packages: HashMap<Uuid, Vec<AccessPackage>>,
    clients: HashMap<Uuid, Vec<(Uuid, Vec<ClientPackage>)>>,
}

impl Given {
    fn system_user(&mut self, row: Row) -> Result<SystemUser, StoreError> {
        let clients = self.clients.remove(&row.id).unwrap_or_default();
        let client = |(client, packages): (Uuid, Vec<ClientPackage>)| AgentClient { client, packages: packages.into() };
        Ok(SystemUser {
            id: row.id,
            kind: kind(&row.kind)?,
            system_internal_id: row.system_internal_id,
            system_id: SystemId::registered(row.system_id),
            owner_party: row.owner,
            owner: org_number(&row.org_number)?,
            external_ref: row.external_ref,
            title: row.title,
            rights: self.rights.remove(&row.id).unwrap_or_default().into(),
            access_packages: self.packages.remove(&row.id).unwrap_or_default().into(),
            clients: clients.into_iter().map(client).collect(),
            is_deleted: row.is_deleted,
            created: timestamp(row.created)?,
            created_by: row.created_by,
        })
    }
}

impl Session {
    async fn given(&mut self, first: Uuid, last: Uuid) -> Result<Given, StoreError> {
        let mut given = Given::default();
        for row in fetch_all!(self, RightRow, sql::SYSTEM_USER_RIGHTS, first, last)? {
            let right = DelegatedRight { resource: row.resource, action: row.action };
            given.rights.entry(row.system_user).or_default().push(right);
        }
        for row in fetch_all!(self, PackageRow, sql::SYSTEM_USER_PACKAGES, first, last)? {
            given.packages.entry(row.system_user).or_default().push(AccessPackage { urn: row.package });
        }
        for row in fetch_all!(self, ClientRow, sql::SYSTEM_USER_CLIENTS, first, last)? {
            given.clients.entry(row.system_user).or_default().push((row.client, vec![]));
        }
        for row in fetch_all!(self, ClientPackageRow, sql::SYSTEM_USER_CLIENT_PACKAGES, first, last)? {
            let mut clients = given.clients.get_mut(&row.system_user).into_iter().flatten();
            let Some((_, packages)) = clients.find(|(client, _)| *client == row.client) else { continue };
            packages.push(ClientPackage { role: row.role, package: AccessPackage { urn: row.package } });
        }
        Ok(given)
    }

    /// Up to `limit` system users with ids after `after`, in order of id, deleted ones included. The first are those
    /// after [`Uuid::nil`].
    pub async fn system_users_after(&mut self, after: Uuid, limit: u16) -> Result<Vec<SystemUser>, StoreError> {
        let rows = fetch_all!(self, Row, sql::SYSTEM_USERS_AFTER, after, i64::from(limit))?;
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(vec![]) };
        let mut given = self.given(first.id, last.id).await?;
        rows.into_iter().map(|row| given.system_user(row)).collect()
    }

    /// The live system users of a system, each with its number, in the order of being made: those after `after`.
    pub async fn system_users_of_system(
        &mut self,
        system: Uuid,
        after: i64,
        limit: u16,
    ) -> Result<Vec<(i64, Uuid)>, StoreError> {
        let rows = fetch_all!(self, NumberedRow, sql::SYSTEM_USERS_OF_SYSTEM, system, after, i64::from(limit))?;
        Ok(rows.into_iter().map(|row| (row.number, row.id)).collect())
    }

    /// Every system user that was changed after the change of this number, by its last change, deleted ones included.
    pub async fn system_users_changed(&mut self, after: i64, limit: u16) -> Result<Vec<SystemUserChange>, StoreError> {
        let change =
            |row: ChangedRow| Ok(SystemUserChange { id: row.id, number: row.last_number, at: timestamp(row.changed)? });
        let rows = fetch_all!(self, ChangedRow, sql::SYSTEM_USERS_CHANGED, after, i64::from(limit))?;
        rows.into_iter().map(change).collect()
    }

    /// When a system user was changed last.
    pub async fn system_user_change(&mut self, id: Uuid) -> Result<Option<SystemUserChange>, StoreError> {
        let row = fetch_optional!(self, ChangedRow, sql::SYSTEM_USER_CHANGE, id)?;
        row.map(|row| Ok(SystemUserChange { id: row.id, number: row.last_number, at: timestamp(row.changed)? }))
            .transpose()
    }

    /// The number of the last change of any system user; 0 where there is none.
    pub async fn last_system_user_change(&mut self) -> Result<i64, StoreError> {
        Ok(fetch_optional!(self, LastChange, sql::LAST_SYSTEM_USER_CHANGE)?.map_or(0, |row| row.last_change))
    }

    /// The system user with this id, deleted or not.
    pub async fn system_user(&mut self, id: Uuid) -> Result<Option<SystemUser>, StoreError> {
        let Some(row) = fetch_optional!(self, Row, sql::SYSTEM_USER, id)? else { return Ok(None) };
        self.given(id, id).await?.system_user(row).map(Some)
    }

    /// What agents' system users may do for a client.
    pub async fn packages_for_client(&mut self, client: Uuid) -> Result<Vec<PackageForClient>, StoreError> {
        fetch_all!(self, PackageForClient, sql::CLIENT_PACKAGES_OF_CLIENT, client)
    }

    /// Whether there was a system user of this system, owner and reference that is deleted now.
    pub async fn had_system_user(&mut self, system: Uuid, owner: Uuid, external_ref: &str) -> Result<bool, StoreError> {
        Ok(fetch_optional!(self, IdRow, sql::DELETED_SYSTEM_USER, system, owner, external_ref)?.is_some())
    }

    /// Whether a live agent's system user of this system acts for this client.
    pub async fn agent_has_client(&mut self, system: Uuid, client: Uuid) -> Result<bool, StoreError> {
        Ok(fetch_optional!(self, IdRow, sql::AGENT_WITH_CLIENT, system, client)?.is_some())
    }
}

impl Write {
    /// Stores a new system user with what is delegated to it. A live one of the same system, owner and reference is an
    /// error.
    pub async fn insert_system_user(&mut self, user: &SystemUser) -> Result<(), StoreError> {
        let number = self.next_number();
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
            number,
        )?;
        self.give_rights(user.id, &user.rights).await?;
        self.give_packages(user.id, &user.access_packages).await?;
        for AgentClient { client, packages } in &user.clients {
            self.insert_system_user_client(user.id, *client).await?;
            for package in &**packages {
                self.give_client_package(user.id, *client, package).await?;
            }
        }
        self.changed(ChangeKind::SystemUser, user.id);
        Ok(())
    }

    /// Gives single rights to a system user. What it has already, it keeps.
    pub async fn give_rights(&mut self, id: Uuid, rights: &[DelegatedRight]) -> Result<(), StoreError> {
        for DelegatedRight { resource, action } in rights {
            execute!(self, sql::INSERT_SYSTEM_USER_RIGHT, id, resource, action)?;
        }
        self.changed(ChangeKind::SystemUser, id);
        Ok(())
    }

    /// Takes a single right back; whether the system user had it.
    pub async fn take_right(&mut self, id: Uuid, right: &DelegatedRight) -> Result<bool, StoreError> {
        let rows = execute!(self, sql::DELETE_SYSTEM_USER_RIGHT, id, &right.resource, &right.action)?;
        self.changed(ChangeKind::SystemUser, id);
        Ok(rows == 1)
    }

    /// Gives access packages to a system user. What it has already, it keeps.
    pub async fn give_packages(&mut self, id: Uuid, packages: &[AccessPackage]) -> Result<(), StoreError> {
        for package in packages {
            execute!(self, sql::INSERT_SYSTEM_USER_PACKAGE, id, &package.urn)?;
        }
        self.changed(ChangeKind::SystemUser, id);
        Ok(())
    }

    /// Takes an access package back; whether the system user had it.
    pub async fn take_package(&mut self, id: Uuid, package: &AccessPackage) -> Result<bool, StoreError> {
        let rows = execute!(self, sql::DELETE_SYSTEM_USER_PACKAGE, id, &package.urn)?;
        self.changed(ChangeKind::SystemUser, id);
        Ok(rows == 1)
    }

    /// Lets an agent's system user use a package for a client that it acts for; whether it is new.
    pub async fn give_client_package(
        &mut self,
        id: Uuid,
        client: Uuid,
        given: &ClientPackage,
    ) -> Result<bool, StoreError> {
        let (now, ClientPackage { role, package }) = (self.now().as_microsecond(), given);
        let rows = execute!(self, sql::INSERT_SYSTEM_USER_CLIENT_PACKAGE, id, client, role, &package.urn, now)?;
        self.changed(ChangeKind::SystemUser, id);
        Ok(rows == 1)
    }

    /// Takes such a package back; whether it was there. A client for whom nothing is left is removed.
    pub async fn take_client_package(
        &mut self,
        id: Uuid,
        client: Uuid,
        taken: &ClientPackage,
    ) -> Result<bool, StoreError> {
        let ClientPackage { role, package } = taken;
        let rows = execute!(self, sql::DELETE_SYSTEM_USER_CLIENT_PACKAGE, id, client, role, &package.urn)?;
        execute!(self, sql::DELETE_EMPTY_SYSTEM_USER_CLIENT, id, client)?;
        self.changed(ChangeKind::SystemUser, id);
        Ok(rows == 1)
    }

    /// Removes a client from an agent's system user, with all it may do for it; whether it was there.
    pub async fn delete_system_user_client(&mut self, id: Uuid, client: Uuid) -> Result<bool, StoreError> {
        let rows = execute!(self, sql::DELETE_SYSTEM_USER_CLIENT, id, client)?;
        self.changed(ChangeKind::SystemUser, id);
        Ok(rows == 1)
    }

    /// Lets an agent's system user act for a client of the agent.
    pub async fn insert_system_user_client(&mut self, id: Uuid, client: Uuid) -> Result<(), StoreError> {
        let now = self.now().as_microsecond();
        execute!(self, sql::INSERT_SYSTEM_USER_CLIENT, id, client, now)?;
        self.changed(ChangeKind::SystemUser, id);
        Ok(())
    }

    /// Gives a system user another name; whether it was there and live.
    pub async fn rename_system_user(&mut self, id: Uuid, title: &str) -> Result<bool, StoreError> {
        let rows = execute!(self, sql::RENAME_SYSTEM_USER, id, title)?;
        self.changed(ChangeKind::SystemUser, id);
        Ok(rows == 1)
    }

    /// Deletes a system user and takes back all that was delegated to it; whether it was there and live.
    pub async fn delete_system_user(&mut self, id: Uuid) -> Result<bool, StoreError> {
        let rows = execute!(self, sql::DELETE_SYSTEM_USER, id)?;
        for statement in
            [sql::DELETE_SYSTEM_USER_RIGHTS, sql::DELETE_SYSTEM_USER_PACKAGES, sql::DELETE_SYSTEM_USER_CLIENTS]
        {
            execute!(self, statement, id)?;
        }
        self.changed(ChangeKind::SystemUser, id);
        Ok(rows == 1)
    }
}
