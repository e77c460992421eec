//! Sessions of logged-in persons. They are no domain state: no change entry tells of them.

use jiff::Timestamp;
use uuid::Uuid;

use crate::changes::timestamp;
use crate::error::StoreError;
use crate::installation::Store;
use crate::session::{execute, fetch_optional};
use crate::sql;

/// A person who is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonSession {
    /// The person, by party uuid.
    pub person: Uuid,
    /// How surely we know: 3 (substantial) or 4 (high).
    pub level: i64,
    /// When the person logged in.
    pub created: Timestamp,
    /// When the person was last here.
    pub last_seen: Timestamp,
    /// From then on the person must log in again.
    pub expires: Timestamp,
    /// What the login provider knows its own session by.
    pub provider_sid: Option<String>,
    /// The provider's identity token, sealed: to say whom to log out there.
    pub id_token: Option<Vec<u8>>,
}

#[derive(sqlx::FromRow)]
struct Row {
    person: Uuid,
    level: i64,
    created: i64,
    last_seen: i64,
    expires: i64,
    provider_sid: Option<String>,
    id_token: Option<Vec<u8>>,
}

impl Store {
    /// Stores a new session under the hash of its id.
    pub async fn insert_session(&self, id_hash: &[u8], session: &PersonSession) -> Result<(), StoreError> {
        let mut tx = self.bookkeeping().await?;
        let created = session.created.as_microsecond();
        let expires = session.expires.as_microsecond();
        let PersonSession { person, level, provider_sid, id_token, .. } = session;
        execute!(tx, sql::INSERT_SESSION, id_hash, person, level, created, expires, provider_sid, id_token)?;
        tx.commit().await
    }

    /// The session whose id has this hash.
    pub async fn session(&self, id_hash: &[u8]) -> Result<Option<PersonSession>, StoreError> {
        let mut tx = self.read().await?;
        let Some(row) = fetch_optional!(tx, Row, sql::SESSION, id_hash)? else { return Ok(None) };
        Ok(Some(PersonSession {
            person: row.person,
            level: row.level,
            created: timestamp(row.created)?,
            last_seen: timestamp(row.last_seen)?,
            expires: timestamp(row.expires)?,
            provider_sid: row.provider_sid,
            id_token: row.id_token,
        }))
    }

    /// Removes the sessions whose time is over at `now`, or in which nobody was there since `idle`.
    pub async fn delete_old_sessions(&self, now: Timestamp, idle: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.bookkeeping().await?;
        execute!(tx, sql::DELETE_OLD_SESSIONS, now.as_microsecond(), idle.as_microsecond())?;
        tx.commit().await
    }

    /// Notes that the person was here.
    pub async fn touch_session(&self, id_hash: &[u8], now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.bookkeeping().await?;
        execute!(tx, sql::TOUCH_SESSION, id_hash, now.as_microsecond())?;
        tx.commit().await
    }

    /// Ends a session.
    pub async fn delete_session(&self, id_hash: &[u8]) -> Result<(), StoreError> {
        let mut tx = self.bookkeeping().await?;
        execute!(tx, sql::DELETE_SESSION, id_hash)?;
        tx.commit().await
    }

    /// Ends all sessions that began with a session of the login provider.
    pub async fn delete_sessions_of_provider(&self, provider_sid: &str) -> Result<(), StoreError> {
        let mut tx = self.bookkeeping().await?;
        execute!(tx, sql::DELETE_SESSIONS_OF_PROVIDER, provider_sid)?;
        tx.commit().await
    }
}
