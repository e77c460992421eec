//! Access lists: which organisations may use a resource at all.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::OrgNumber;
use sqlx::types::Json;
use uuid::Uuid;

use crate::changes::{ChangeKind, timestamp};
use crate::error::StoreError;
use crate::parties::org_number;
use crate::session::{Session, Write, execute, fetch_all, fetch_optional};
use crate::sql;

/// An access list with its members and the resources that it opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessList {
    /// Whose it is.
    pub owner: OrgNumber,
    /// Names it among the owner's.
    pub identifier: String,
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Grows with every change.
    pub version: i64,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed last.
    pub updated: Timestamp,
    /// The members by party uuid, and since when.
    pub members: BTreeMap<Uuid, Timestamp>,
    /// The resources that it opens, by identifier.
    pub resources: BTreeMap<String, ListedResource>,
}

/// How an access list opens a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedResource {
    /// For which actions; all of them where there is none.
    pub actions: Vec<String>,
    /// Since when.
    pub created: Timestamp,
    /// When this was changed last.
    pub updated: Timestamp,
}

#[derive(sqlx::FromRow)]
pub(crate) struct ListKey {
    pub(crate) owner: String,
    pub(crate) identifier: String,
}

#[derive(sqlx::FromRow)]
struct ListRow {
    owner: String,
    identifier: String,
    name: String,
    description: String,
    version: i64,
    created: i64,
    updated: i64,
}

#[derive(sqlx::FromRow)]
struct MemberRow {
    owner: String,
    identifier: String,
    member: Uuid,
    since: i64,
}

#[derive(sqlx::FromRow)]
struct ResourceRow {
    owner: String,
    identifier: String,
    resource: String,
    actions: Json<Vec<String>>,
    created: i64,
    updated: i64,
}

fn assemble(
    lists: Vec<ListRow>,
    members: Vec<MemberRow>,
    resources: Vec<ResourceRow>,
) -> Result<Vec<AccessList>, StoreError> {
    let mut by_key = BTreeMap::new();
    for row in lists {
        let list = AccessList {
            owner: org_number(&row.owner)?,
            identifier: row.identifier.clone(),
            name: row.name,
            description: row.description,
            version: row.version,
            created: timestamp(row.created)?,
            updated: timestamp(row.updated)?,
            members: BTreeMap::new(),
            resources: BTreeMap::new(),
        };
        by_key.insert((row.owner, row.identifier), list);
    }
    for row in members {
        if let Some(list) = by_key.get_mut(&(row.owner, row.identifier)) {
            list.members.insert(row.member, timestamp(row.since)?);
        }
    }
    for row in resources {
        if let Some(list) = by_key.get_mut(&(row.owner, row.identifier)) {
            let (created, updated) = (timestamp(row.created)?, timestamp(row.updated)?);
            list.resources.insert(row.resource, ListedResource { actions: row.actions.0, created, updated });
        }
    }
    Ok(by_key.into_values().collect())
}

impl Session {
    /// Every access list.
    pub async fn access_lists(&mut self) -> Result<Vec<AccessList>, StoreError> {
        let lists = fetch_all!(self, ListRow, sql::ACCESS_LISTS)?;
        let members = fetch_all!(self, MemberRow, sql::ALL_ACCESS_LIST_MEMBERS)?;
        assemble(lists, members, fetch_all!(self, ResourceRow, sql::ALL_ACCESS_LIST_RESOURCES)?)
    }

    /// An access list.
    pub async fn access_list(&mut self, owner: OrgNumber, identifier: &str) -> Result<Option<AccessList>, StoreError> {
        let owner = owner.as_str();
        let Some(list) = fetch_optional!(self, ListRow, sql::ACCESS_LIST, owner, identifier)? else { return Ok(None) };
        let members = fetch_all!(self, MemberRow, sql::ACCESS_LIST_MEMBERS, owner, identifier)?;
        let resources = fetch_all!(self, ResourceRow, sql::ACCESS_LIST_RESOURCES, owner, identifier)?;
        Ok(assemble(vec![list], members, resources)?.pop())
    }
}

impl Write {
    /// Makes an access list, or gives it another name and description.
    pub async fn put_access_list(
        &mut self,
        owner: OrgNumber,
        identifier: &str,
        name: &str,
        description: &str,
    ) -> Result<(), StoreError> {
        let now = self.now().as_microsecond();
        execute!(self, sql::UPSERT_ACCESS_LIST, owner.as_str(), identifier, name, description, now)?;
        self.list_changed(owner, identifier);
        Ok(())
    }

    /// Deletes an access list; whether it was there.
    pub async fn delete_access_list(&mut self, owner: OrgNumber, identifier: &str) -> Result<bool, StoreError> {
        let rows = execute!(self, sql::DELETE_ACCESS_LIST, owner.as_str(), identifier)?;
        self.list_changed(owner, identifier);
        Ok(rows == 1)
    }

    /// Adds and removes members.
    pub async fn change_members(
        &mut self,
        owner: OrgNumber,
        identifier: &str,
        added: &[Uuid],
        removed: &[Uuid],
    ) -> Result<(), StoreError> {
        let now = self.now().as_microsecond();
        for member in removed {
            execute!(self, sql::DELETE_ACCESS_LIST_MEMBER, owner.as_str(), identifier, member)?;
        }
        for member in added {
            execute!(self, sql::INSERT_ACCESS_LIST_MEMBER, owner.as_str(), identifier, member, now)?;
        }
        self.touch_list(owner, identifier).await
    }

    /// Lets an access list open a resource, for these actions or, with none, for all.
    pub async fn put_listed_resource(
        &mut self,
        owner: OrgNumber,
        identifier: &str,
        resource: &str,
        actions: &[String],
    ) -> Result<(), StoreError> {
        let now = self.now().as_microsecond();
        let (owner_text, actions) = (owner.as_str(), Json(actions));
        execute!(self, sql::UPSERT_ACCESS_LIST_RESOURCE, owner_text, identifier, resource, actions, now)?;
        self.touch_list(owner, identifier).await
    }

    /// Takes a resource from an access list; whether it was there.
    pub async fn delete_listed_resource(
        &mut self,
        owner: OrgNumber,
        identifier: &str,
        resource: &str,
    ) -> Result<bool, StoreError> {
        let rows = execute!(self, sql::DELETE_ACCESS_LIST_RESOURCE, owner.as_str(), identifier, resource)?;
        self.touch_list(owner, identifier).await?;
        Ok(rows == 1)
    }

    async fn touch_list(&mut self, owner: OrgNumber, identifier: &str) -> Result<(), StoreError> {
        let now = self.now().as_microsecond();
        execute!(self, sql::TOUCH_ACCESS_LIST, owner.as_str(), identifier, now)?;
        self.list_changed(owner, identifier);
        Ok(())
    }

    fn list_changed(&mut self, owner: OrgNumber, identifier: &str) {
        self.changed(ChangeKind::AccessList, format!("{owner} {identifier}"));
    }
}
