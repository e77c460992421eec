//! Clients that are given to or taken from agents' system users, many at once.

use jiff::Timestamp;
use uuid::Uuid;

use crate::changes::{ChangeKind, timestamp};
use crate::error::StoreError;
use crate::session::{Count, Session, Write, execute, fetch_all, fetch_optional};
use crate::sql;

/// What a person has asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientJob {
    /// Names it.
    pub id: Uuid,
    /// The agent's system user.
    pub system_user: Uuid,
    /// The person, by party uuid.
    pub person: Uuid,
    /// How surely the person was known.
    pub level: i64,
    /// When.
    pub created: Timestamp,
}

/// What is done with a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAction {
    /// The system user is to act for it.
    Add,
    /// It is not to any more.
    Remove,
}

impl ClientAction {
    /// The action as the wire writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
        }
    }
}

/// How far a client of a job has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemStatus {
    /// Its turn has not come.
    Waiting,
    /// It is done.
    Done,
    /// It could not be done.
    Refused,
}

impl ItemStatus {
    const ALL: [Self; 3] = [Self::Waiting, Self::Done, Self::Refused];

    /// The status as the wire writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }
}

/// A client of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientJobItem {
    /// The job.
    pub job: Uuid,
    /// Its place in the job.
    pub position: i64,
    /// What is done with it.
    pub action: ClientAction,
    /// The client, as the person named it.
    pub client: String,
    /// How far it has come.
    pub status: ItemStatus,
    /// Why it was refused: a problem code, and a text.
    pub refusal: Option<(String, String)>,
}

#[derive(sqlx::FromRow)]
struct JobRow {
    id: Uuid,
    system_user: Uuid,
    person: Uuid,
    level: i64,
    created: i64,
}

#[derive(sqlx::FromRow)]
struct ItemRow {
    job: Uuid,
    position: i64,
    action: String,
    client: String,
    status: String,
    code: Option<String>,
    detail: Option<String>,
}

impl TryFrom<ItemRow> for ClientJobItem {
    type Error = StoreError;

    fn try_from(row: ItemRow) -> Result<Self, StoreError> {
        let status = ItemStatus::ALL.into_iter().find(|status| status.as_str() == row.status);
        Ok(Self {
            job: row.job,
            position: row.position,
            action: if row.action == ClientAction::Add.as_str() { ClientAction::Add } else { ClientAction::Remove },
            client: row.client,
            status: status.ok_or_else(|| StoreError::Inconsistent(format!("item status {}", row.status)))?,
            refusal: row.code.zip(row.detail),
        })
    }
}

impl Session {
    /// The job with this id.
    pub async fn client_job(&mut self, id: Uuid) -> Result<Option<ClientJob>, StoreError> {
        let Some(row) = fetch_optional!(self, JobRow, sql::CLIENT_JOB, id)? else { return Ok(None) };
        let JobRow { id, system_user, person, level, created } = row;
        Ok(Some(ClientJob { id, system_user, person, level, created: timestamp(created)? }))
    }

    /// The clients of a job, in their order.
    pub async fn client_job_items(&mut self, job: Uuid) -> Result<Vec<ClientJobItem>, StoreError> {
        fetch_all!(self, ItemRow, sql::CLIENT_JOB_ITEMS, job)?.into_iter().map(TryInto::try_into).collect()
    }

    /// How many clients of a system user's jobs wait.
    pub async fn waiting_clients_of(&mut self, system_user: Uuid) -> Result<i64, StoreError> {
        Ok(fetch_optional!(self, Count, sql::WAITING_CLIENTS_OF, system_user)?.map_or(0, |count| count.number))
    }

    /// The clients of one job that wait, in their order.
    pub async fn waiting_client_job_items(&mut self, limit: u16) -> Result<Vec<ClientJobItem>, StoreError> {
        let rows = fetch_all!(self, ItemRow, sql::WAITING_CLIENT_JOB_ITEMS, i64::from(limit))?;
        rows.into_iter().map(TryInto::try_into).collect()
    }
}

impl Write {
    /// Stores a job with its clients.
    pub async fn insert_client_job(
        &mut self,
        job: &ClientJob,
        items: &[(ClientAction, String)],
    ) -> Result<(), StoreError> {
        let (number, created) = (self.next_number(), job.created.as_microsecond());
        execute!(self, sql::INSERT_CLIENT_JOB, job.id, job.system_user, job.person, job.level, created, number)?;
        for (position, (action, client)) in (0_i64..).zip(items) {
            execute!(self, sql::INSERT_CLIENT_JOB_ITEM, job.id, position, action.as_str(), client)?;
        }
        self.changed(ChangeKind::ClientJob, job.id);
        Ok(())
    }

    /// Writes what came of a client of a job.
    pub async fn finish_client_job_item(&mut self, item: &ClientJobItem) -> Result<(), StoreError> {
        let (code, detail) = item.refusal.clone().unzip();
        execute!(self, sql::FINISH_CLIENT_JOB_ITEM, item.job, item.position, item.status.as_str(), code, detail)?;
        self.changed(ChangeKind::ClientJob, item.job);
        Ok(())
    }
}
