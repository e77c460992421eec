//! Maskinporten clients, their keys, scopes, and who scopes are granted to.

use jiff::Timestamp;
use model::{Client, ClientKey, OrgNumber, Scope, ScopeDelegation, ScopeName};
use serde::de::DeserializeOwned;
use sqlx::types::Json;

use crate::changes::{ChangeKind, timestamp};
use crate::error::StoreError;
use crate::parties::org_number;
use crate::session::{Session, Write, execute, fetch_all, fetch_optional};
use crate::sql;

/// A scope that an organisation may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeAccess {
    /// The scope.
    pub scope: String,
    /// Who may use it.
    pub consumer: OrgNumber,
    /// When it was granted.
    pub created: Timestamp,
    /// When it was granted last.
    pub updated: Timestamp,
}

#[derive(sqlx::FromRow)]
pub(crate) struct Document<T: DeserializeOwned> {
    #[sqlx(json)]
    pub(crate) document: T,
}

#[derive(sqlx::FromRow)]
struct KeyRow {
    client_id: String,
    document: Json<ClientKey>,
    expiry_noted: bool,
}

#[derive(sqlx::FromRow)]
struct DatedDelegationRow {
    scope: String,
    consumer: String,
    supplier: String,
    created: i64,
}

#[derive(sqlx::FromRow)]
struct DelegationRow {
    scope: String,
    consumer: String,
    supplier: String,
}

/// A key of a client, and whether the change log says that it is about to expire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredClientKey {
    /// The key.
    pub key: ClientKey,
    /// Whether its end is noted in the change log.
    pub expiry_noted: bool,
}

impl From<KeyRow> for StoredClientKey {
    fn from(row: KeyRow) -> Self {
        Self { key: row.document.0, expiry_noted: row.expiry_noted }
    }
}

impl TryFrom<DelegationRow> for ScopeDelegation {
    type Error = StoreError;

    fn try_from(row: DelegationRow) -> Result<Self, StoreError> {
        let scope = row.scope.parse().map_err(|_| StoreError::Inconsistent(format!("scope {}", row.scope)))?;
        Ok(Self { scope, consumer: org_number(&row.consumer)?, supplier: org_number(&row.supplier)? })
    }
}

#[derive(sqlx::FromRow)]
struct AccessRow {
    scope: String,
    consumer: String,
    created: i64,
    updated: i64,
}

#[derive(sqlx::FromRow)]
struct PrefixRow {
    prefix: String,
    org: String,
}

impl TryFrom<AccessRow> for ScopeAccess {
    type Error = StoreError;

    fn try_from(row: AccessRow) -> Result<Self, StoreError> {
        Ok(Self {
            scope: row.scope,
            consumer: org_number(&row.consumer)?,
            created: timestamp(row.created)?,
            updated: timestamp(row.updated)?,
        })
    }
}

impl Session {
    /// Every client, inactive ones included.
    pub async fn clients(&mut self) -> Result<Vec<Client>, StoreError> {
        Ok(fetch_all!(self, Document<Client>, sql::CLIENTS)?.into_iter().map(|row| row.document).collect())
    }

    /// The client with this id.
    pub async fn client(&mut self, client_id: &str) -> Result<Option<Client>, StoreError> {
        Ok(fetch_optional!(self, Document<Client>, sql::CLIENT, client_id)?.map(|row| row.document))
    }

    /// The keys of every client, with its id.
    pub async fn all_client_keys(&mut self) -> Result<Vec<(String, StoredClientKey)>, StoreError> {
        let rows = fetch_all!(self, KeyRow, sql::ALL_CLIENT_KEYS)?;
        Ok(rows.into_iter().map(|row| (row.client_id.clone(), row.into())).collect())
    }

    /// The keys of a client, by key id.
    pub async fn client_keys(&mut self, client_id: &str) -> Result<Vec<StoredClientKey>, StoreError> {
        Ok(fetch_all!(self, KeyRow, sql::CLIENT_KEYS, client_id)?.into_iter().map(Into::into).collect())
    }

    /// Every scope, inactive ones included.
    pub async fn scopes(&mut self) -> Result<Vec<Scope>, StoreError> {
        Ok(fetch_all!(self, Document<Scope>, sql::SCOPES)?.into_iter().map(|row| row.document).collect())
    }

    /// The scope with this name.
    pub async fn scope(&mut self, name: &str) -> Result<Option<Scope>, StoreError> {
        Ok(fetch_optional!(self, Document<Scope>, sql::SCOPE, name)?.map(|row| row.document))
    }

    /// Everything that is granted.
    pub async fn all_scope_access(&mut self) -> Result<Vec<ScopeAccess>, StoreError> {
        fetch_all!(self, AccessRow, sql::ALL_SCOPE_ACCESS)?.into_iter().map(TryInto::try_into).collect()
    }

    /// Who may use a scope.
    pub async fn scope_access(&mut self, scope: &str) -> Result<Vec<ScopeAccess>, StoreError> {
        fetch_all!(self, AccessRow, sql::SCOPE_ACCESS, scope)?.into_iter().map(TryInto::try_into).collect()
    }

    /// Whether and since when an organisation may use a scope.
    pub async fn scope_access_of(
        &mut self,
        scope: &str,
        consumer: OrgNumber,
    ) -> Result<Option<ScopeAccess>, StoreError> {
        let row = fetch_optional!(self, AccessRow, sql::SCOPE_ACCESS_OF, scope, consumer.as_str())?;
        row.map(TryInto::try_into).transpose()
    }

    /// What an organisation was granted.
    pub async fn access_of(&mut self, consumer: OrgNumber) -> Result<Vec<ScopeAccess>, StoreError> {
        fetch_all!(self, AccessRow, sql::ACCESS_OF, consumer.as_str())?.into_iter().map(TryInto::try_into).collect()
    }

    /// Everything that one organisation lets another use in its place.
    pub async fn scope_delegations(&mut self) -> Result<Vec<ScopeDelegation>, StoreError> {
        fetch_all!(self, DelegationRow, sql::SCOPE_DELEGATIONS)?.into_iter().map(TryInto::try_into).collect()
    }

    /// Up to 1000 delegations, and when they were made, of those from this consumer, to this supplier and for this scope,
    /// as far as they are given.
    pub async fn find_scope_delegations(
        &mut self,
        consumer: Option<OrgNumber>,
        supplier: Option<OrgNumber>,
        scope: Option<&str>,
    ) -> Result<Vec<(ScopeDelegation, Timestamp)>, StoreError> {
        let (consumer, supplier) = (consumer.map(|org| org.to_string()), supplier.map(|org| org.to_string()));
        let rows = fetch_all!(self, DatedDelegationRow, sql::FIND_SCOPE_DELEGATIONS, &consumer, &supplier, scope)?;
        let dated = |row: DatedDelegationRow| {
            let DatedDelegationRow { scope, consumer, supplier, created } = row;
            Ok((DelegationRow { scope, consumer, supplier }.try_into()?, timestamp(created)?))
        };
        rows.into_iter().map(dated).collect()
    }

    /// Whether there is this delegation.
    pub async fn has_scope_delegation(&mut self, delegation: &ScopeDelegation) -> Result<bool, StoreError> {
        let ScopeDelegation { scope, consumer, supplier } = delegation;
        let (consumer, supplier) = (consumer.as_str(), supplier.as_str());
        Ok(fetch_optional!(self, DelegationRow, sql::SCOPE_DELEGATION, scope.as_str(), consumer, supplier)?.is_some())
    }

    /// Every scope prefix and the organisation it belongs to.
    pub async fn scope_prefixes(&mut self) -> Result<Vec<(String, OrgNumber)>, StoreError> {
        let rows = fetch_all!(self, PrefixRow, sql::SCOPE_PREFIXES)?;
        rows.into_iter().map(|row| Ok((row.prefix, org_number(&row.org)?))).collect()
    }
}

impl Write {
    /// Stores a client, a new one or a changed one.
    pub async fn put_client(&mut self, client: &Client) -> Result<(), StoreError> {
        execute!(self, sql::UPSERT_CLIENT, &client.client_id, client.org.as_str(), Json(client))?;
        self.changed(ChangeKind::Client, &client.client_id);
        Ok(())
    }

    /// Replaces all keys of a client.
    pub async fn replace_client_keys(&mut self, client_id: &str, keys: &[ClientKey]) -> Result<(), StoreError> {
        execute!(self, sql::DELETE_CLIENT_KEYS, client_id)?;
        for key in keys {
            execute!(self, sql::INSERT_CLIENT_KEY, client_id, &key.kid, Json(key))?;
        }
        self.changed(ChangeKind::Client, client_id);
        Ok(())
    }

    /// Notes in the change log that a key is about to expire; whether it was not noted before.
    pub async fn note_key_expiry(&mut self, client_id: &str, kid: &str) -> Result<bool, StoreError> {
        let noted = execute!(self, sql::NOTE_KEY_EXPIRY, client_id, kid)? == 1;
        if noted {
            self.changed(ChangeKind::ClientKeyExpires, format!("{client_id} {kid}"));
        }
        Ok(noted)
    }

    /// Stores a new scope.
    pub async fn insert_scope(&mut self, scope: &Scope) -> Result<(), StoreError> {
        execute!(self, sql::INSERT_SCOPE, scope.name.as_str(), scope.owner.as_str(), Json(scope))?;
        self.changed(ChangeKind::Scope, &scope.name);
        Ok(())
    }

    /// Stores a scope that was changed.
    pub async fn update_scope(&mut self, scope: &Scope) -> Result<(), StoreError> {
        execute!(self, sql::UPDATE_SCOPE, scope.name.as_str(), Json(scope))?;
        self.changed(ChangeKind::Scope, &scope.name);
        Ok(())
    }

    /// Notes that an organisation lets another use a scope in its place.
    pub async fn put_scope_delegation(&mut self, delegation: &ScopeDelegation) -> Result<(), StoreError> {
        let ScopeDelegation { scope, consumer, supplier } = delegation;
        let now = self.now().as_microsecond();
        execute!(self, sql::INSERT_SCOPE_DELEGATION, scope.as_str(), consumer.as_str(), supplier.as_str(), now)?;
        self.changed(ChangeKind::ScopeDelegation, format!("{consumer} {supplier} {scope}"));
        Ok(())
    }

    /// Takes such a delegation back; whether it was there.
    pub async fn delete_scope_delegation(&mut self, delegation: &ScopeDelegation) -> Result<bool, StoreError> {
        let ScopeDelegation { scope, consumer, supplier } = delegation;
        let rows = execute!(self, sql::DELETE_SCOPE_DELEGATION, scope.as_str(), consumer.as_str(), supplier.as_str())?;
        self.changed(ChangeKind::ScopeDelegation, format!("{consumer} {supplier} {scope}"));
        Ok(rows == 1)
    }

    /// Lets an organisation use a scope.
    pub async fn grant_scope(&mut self, scope: &ScopeName, consumer: OrgNumber) -> Result<(), StoreError> {
        let now = self.now().as_microsecond();
        execute!(self, sql::UPSERT_SCOPE_ACCESS, scope.as_str(), consumer.as_str(), now)?;
        self.changed(ChangeKind::Scope, scope);
        Ok(())
    }

    /// Takes a scope back from an organisation; whether it had it.
    pub async fn revoke_scope(&mut self, scope: &ScopeName, consumer: OrgNumber) -> Result<bool, StoreError> {
        let rows = execute!(self, sql::DELETE_SCOPE_ACCESS, scope.as_str(), consumer.as_str())?;
        self.changed(ChangeKind::Scope, scope);
        Ok(rows > 0)
    }

    /// Gives a scope prefix to an organisation.
    pub async fn put_scope_prefix(&mut self, prefix: &str, org: OrgNumber) -> Result<(), StoreError> {
        execute!(self, sql::UPSERT_SCOPE_PREFIX, prefix, org.as_str())?;
        self.changed(ChangeKind::ScopePrefix, prefix);
        Ok(())
    }
}
