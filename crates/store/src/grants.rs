//! Which grants were used, where that must outlive the process. No domain state: neither change log nor journal know it.

use crate::error::StoreError;
use crate::installation::Store;
use crate::session::{Session, execute, fetch_all};
use crate::sql;

/// A grant that is used now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsedGrant {
    /// What is remembered of it.
    pub hash: [u8; 32],
    /// Until when, in seconds since 1970.
    pub expires: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    grant_hash: Vec<u8>,
    expires: i64,
}

impl Session {
    /// The grants that are noted as used.
    pub async fn used_grants(&mut self) -> Result<Vec<UsedGrant>, StoreError> {
        let grant = |row: Row| {
            let hash = row.grant_hash.try_into().map_err(|_| StoreError::Inconsistent("a used grant".into()))?;
            Ok(UsedGrant { hash, expires: row.expires })
        };
        fetch_all!(self, Row, sql::USED_GRANTS)?.into_iter().map(grant).collect()
    }
}

impl Store {
    /// Notes whether the database knows all grants that were used. Nothing is noted by an instance that another has taken
    /// over from: it does not know what the other has taken.
    pub async fn set_grants_recorded(&self, recorded: bool) -> Result<(), StoreError> {
        let mut session = self.bookkeeping().await?;
        execute!(session, sql::SET_GRANTS_RECORDED, self.epoch(), recorded)?;
        session.commit().await
    }

    /// Notes a batch of grants as used, in one transaction, and forgets those that have expired at `now`, in seconds
    /// since 1970. Says of each whether it was unused until then; of equal ones in a batch, the first was.
    pub async fn use_grants(&self, grants: &[UsedGrant], now: i64) -> Result<Vec<bool>, StoreError> {
        let mut session = self.bookkeeping().await?;
        execute!(session, sql::FORGET_GRANTS, now)?;
        let mut unused = Vec::with_capacity(grants.len());
        for grant in grants {
            unused.push(execute!(session, sql::USE_GRANT, grant.hash.as_slice(), grant.expires)? == 1);
        }
        session.commit().await?;
        Ok(unused)
    }
}
