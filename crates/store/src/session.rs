//! Transactions: [`Session`] for reading, [`Write`] for changing.

use std::collections::HashSet;
use std::ops::{Deref, DerefMut};

use jiff::Timestamp;
use sqlx::{Postgres, Sqlite, Transaction};
use uuid::Uuid;

use crate::changes::{AuditEntry, Change, ChangeContext, ChangeKind};
use crate::error::StoreError;
use crate::sql;

pub(crate) enum Connection {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// A transaction that reads one snapshot. Dropping it ends it.
pub struct Session(pub(crate) Connection);

/// Runs a statement on either engine and gives the number of rows it touched.
macro_rules! execute {
    ($session:expr, $sql:expr $(, $value:expr)* $(,)?) => {
        match &mut $session.0 {
            crate::session::Connection::Sqlite(tx) =>
                sqlx::query($sql)$(.bind($value))*.execute(&mut **tx).await.map(|done| done.rows_affected()),
            crate::session::Connection::Postgres(tx) =>
                sqlx::query($sql)$(.bind($value))*.execute(&mut **tx).await.map(|done| done.rows_affected()),
        }
        .map_err(crate::error::StoreError::from)
    };
}

/// Runs a query on either engine and gives all its rows.
macro_rules! fetch_all {
    ($session:expr, $row:ty, $sql:expr $(, $value:expr)* $(,)?) => {
        match &mut $session.0 {
            crate::session::Connection::Sqlite(tx) =>
                sqlx::query_as::<_, $row>($sql)$(.bind($value))*.fetch_all(&mut **tx).await,
            crate::session::Connection::Postgres(tx) =>
                sqlx::query_as::<_, $row>($sql)$(.bind($value))*.fetch_all(&mut **tx).await,
        }
        .map_err(crate::error::StoreError::from)
    };
}

/// Runs a query on either engine and gives its row, if there is one.
macro_rules! fetch_optional {
    ($session:expr, $row:ty, $sql:expr $(, $value:expr)* $(,)?) => {
        match &mut $session.0 {
            crate::session::Connection::Sqlite(tx) =>
                sqlx::query_as::<_, $row>($sql)$(.bind($value))*.fetch_optional(&mut **tx).await,
            crate::session::Connection::Postgres(tx) =>
                sqlx::query_as::<_, $row>($sql)$(.bind($value))*.fetch_optional(&mut **tx).await,
        }
        .map_err(crate::error::StoreError::from)
    };
}

pub(crate) use {execute, fetch_all, fetch_optional};

/// What a query counted.
#[derive(sqlx::FromRow)]
pub(crate) struct Count {
    pub(crate) number: i64,
}

impl Session {
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self.0 {
            Connection::Sqlite(tx) => tx.commit().await,
            Connection::Postgres(tx) => tx.commit().await,
        }
        .map_err(StoreError::from)
    }
}

/// A transaction that changes domain state. Dropping it undoes everything.
///
/// All that a [`Session`] reads, it reads too. Each method that changes something also notes a change entry.
pub struct Write {
    session: Session,
    context: ChangeContext,
    now: Timestamp,
    last_change: i64,
    /// In the order in which they were noted first.
    changes: Vec<(ChangeKind, String)>,
    noted: HashSet<(ChangeKind, String)>,
}

impl Deref for Write {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut Session {
        &mut self.session
    }
}

impl Write {
    pub(crate) fn new(session: Session, context: ChangeContext, now: Timestamp, last_change: i64) -> Self {
        Self { session, context, now, last_change, changes: Vec::new(), noted: HashSet::new() }
    }

    /// When the change is made, by the application's clock.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Names who the change is made for, where that is found out in the course of it.
    pub fn act_for(&mut self, actor: String) {
        self.context.actor = actor;
    }

    /// Notes a change of the thing of this kind with this key. The same thing is noted once.
    pub(crate) fn changed(&mut self, kind: ChangeKind, key: impl ToString) {
        let change = (kind, key.to_string());
        if self.noted.insert(change.clone()) {
            self.changes.push(change);
        }
    }

    /// The number that the next change to be noted gets. Larger than that of everything made before, for what is listed
    /// in the order of being made.
    pub(crate) fn next_number(&self) -> i64 {
        self.last_change.saturating_add(i64::try_from(self.changes.len()).unwrap_or(i64::MAX)).saturating_add(1)
    }

    /// Writes an entry of the audit journal along with the change.
    pub async fn audit(&mut self, entry: AuditEntry) -> Result<(), StoreError> {
        let (at, request_id) = (self.now, self.context.request_id.clone());
        let actor = self.context.actor.clone();
        self.session.insert_audit(entry, &actor, at, request_id.as_deref()).await
    }

    /// Deletes everything but signing keys and the change log, to start over. For sandboxes.
    pub async fn wipe(&mut self) -> Result<(), StoreError> {
        for statement in sql::WIPE {
            execute!(self.session, statement)?;
        }
        self.changed(ChangeKind::Everything, "*");
        Ok(())
    }

    /// Commits, and returns the number of the last change entry of all.
    pub async fn commit(mut self) -> Result<i64, StoreError> {
        let mut number = self.last_change;
        for (kind, key) in std::mem::take(&mut self.changes) {
            number += 1;
            if kind == ChangeKind::SystemUser {
                let id: Uuid = key.parse().map_err(|_| StoreError::Inconsistent(format!("system user {key}")))?;
                execute!(self.session, sql::STAMP_SYSTEM_USER, id, number, self.now.as_microsecond())?;
            }
            let change = Change { number, kind, key };
            self.session.insert_change(&change, &self.context, self.now).await?;
        }
        execute!(self.session, sql::SAVE_LAST_CHANGE, number)?;
        self.session.commit().await?;
        Ok(number)
    }
}
