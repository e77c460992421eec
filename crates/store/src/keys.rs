//! Private signing keys, sealed before they come here.

use jiff::Timestamp;
use sqlx::types::Json;

use crate::changes::{ChangeKind, timestamp};
use crate::error::StoreError;
use crate::session::{Session, Write, execute, fetch_all};
use crate::sql;

/// What a signing key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyPurpose {
    /// Maskinporten's access tokens.
    Maskinporten,
    /// The platform's own tokens.
    Platform,
    /// The sandbox's test login provider's identity tokens.
    TestLogin,
}

impl KeyPurpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::Maskinporten => "maskinporten",
            Self::Platform => "platform",
            Self::TestLogin => "test_login",
        }
    }
}

/// A private key, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Names the key.
    pub kid: String,
    /// What it signs.
    pub purpose: KeyPurpose,
    /// The private key, encrypted.
    pub sealed: Vec<u8>,
    /// When it was made, and published.
    pub created: Timestamp,
    /// When it begins to sign. Of the keys that have begun, the last one signs.
    pub signs_from: Timestamp,
    /// The certificates it is published with, base64; none for a certificate of its own.
    pub certificates: Vec<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    kid: String,
    purpose: String,
    sealed: Vec<u8>,
    created: i64,
    signs_from: i64,
    certificates: Json<Vec<String>>,
}

impl Session {
    /// Every signing key, in the order in which they begin to sign.
    pub async fn signing_keys(&mut self) -> Result<Vec<StoredKey>, StoreError> {
        let key = |row: Row| {
            let purposes = [KeyPurpose::Maskinporten, KeyPurpose::Platform, KeyPurpose::TestLogin];
            let purpose = purposes.into_iter().find(|purpose| purpose.as_str() == row.purpose);
            let purpose = purpose.ok_or_else(|| StoreError::Inconsistent(format!("key purpose {}", row.purpose)))?;
            Ok(StoredKey {
                kid: row.kid,
                purpose,
                sealed: row.sealed,
                created: timestamp(row.created)?,
                signs_from: timestamp(row.signs_from)?,
                certificates: row.certificates.0,
            })
        };
        fetch_all!(self, Row, sql::SIGNING_KEYS)?.into_iter().map(key).collect()
    }
}

impl Write {
    /// Stores a new signing key.
    pub async fn insert_signing_key(&mut self, key: &StoredKey) -> Result<(), StoreError> {
        execute!(
            self,
            sql::INSERT_SIGNING_KEY,
            &key.kid,
            key.purpose.as_str(),
            &key.sealed,
            key.created.as_microsecond(),
            key.signs_from.as_microsecond(),
            Json(&key.certificates),
        )?;
        self.changed(ChangeKind::SigningKey, &key.kid);
        Ok(())
    }

    /// Deletes a signing key: nothing that it signed verifies any more. Whether it was there.
    pub async fn delete_signing_key(&mut self, kid: &str) -> Result<bool, StoreError> {
        let rows = execute!(self, sql::DELETE_SIGNING_KEY, kid)?;
        self.changed(ChangeKind::SigningKey, kid);
        Ok(rows == 1)
    }
}
