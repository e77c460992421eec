//! When tokens were issued for system users. No domain state: no change entry tells of it, and it may be written late.

use jiff::Timestamp;
use uuid::Uuid;

use crate::changes::timestamp;
use crate::error::StoreError;
use crate::installation::Store;
use crate::session::{Count, Session, execute, fetch_all, fetch_optional};
use crate::sql;

/// When a client got tokens for a system user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemUserUse {
    /// The system user.
    pub system_user: Uuid,
    /// The client.
    pub client_id: String,
    /// The first time.
    pub first: Timestamp,
    /// The last time.
    pub last: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    system_user: Uuid,
    client_id: String,
    first_used: i64,
    last_used: i64,
}

#[derive(sqlx::FromRow)]
struct LastUse {
    system_user: Uuid,
    last_used: i64,
}

impl TryFrom<Row> for SystemUserUse {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let (first, last) = (timestamp(row.first_used)?, timestamp(row.last_used)?);
        Ok(Self { system_user: row.system_user, client_id: row.client_id, first, last })
    }
}

impl Store {
    /// Notes uses: for each the system user, the client and the time. Gives the system users that had not been used
    /// before.
    pub async fn note_uses(&self, uses: &[(Uuid, String, Timestamp)]) -> Result<Vec<Uuid>, StoreError> {
        let mut tx = self.bookkeeping().await?;
        let mut first = Vec::new();
        for (system_user, client_id, at) in uses {
            let is_used = fetch_optional!(tx, Count, sql::SYSTEM_USER_IS_USED, system_user)?.is_some();
            if execute!(tx, sql::PUT_SYSTEM_USER_USE, system_user, client_id, at.as_microsecond())? == 1 && !is_used {
                first.push(*system_user);
            }
        }
        tx.commit().await?;
        Ok(first)
    }
}

impl Session {
    /// When each client got tokens for a system user: the clients that did so last.
    pub async fn uses_of(&mut self, system_user: Uuid) -> Result<Vec<SystemUserUse>, StoreError> {
        fetch_all!(self, Row, sql::SYSTEM_USER_USES, system_user)?.into_iter().map(TryInto::try_into).collect()
    }

    /// When tokens were last issued for each live system user of an owner (party uuid) that has been used.
    pub async fn last_uses_of_owner(&mut self, owner: Uuid) -> Result<Vec<(Uuid, Timestamp)>, StoreError> {
        let rows = fetch_all!(self, LastUse, sql::SYSTEM_USERS_LAST_USED, owner)?;
        rows.into_iter().map(|row| Ok((row.system_user, timestamp(row.last_used)?))).collect()
    }
}
