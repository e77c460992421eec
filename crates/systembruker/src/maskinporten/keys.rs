//! The service's own signing keys.

use jiff::Timestamp;
use store::{ChangeContext, KeyPurpose, Store, StoredKey};
use token::keys::SigningKey;

use crate::clock::Random;
use crate::vault::{Purpose, Vault};

/// The size of new keys, in bits.
pub const KEY_BITS: usize = 3072;

/// Makes a signing key for each purpose that has none yet.
pub async fn ensure(
    store: &Store,
    vault: &Vault,
    random: &Random,
    now: Timestamp,
    purposes: &[KeyPurpose],
) -> anyhow::Result<()> {
    let present = store.read().await?.signing_keys().await?;
    for purpose in purposes {
        if present.iter().any(|key| key.purpose == *purpose) {
            continue;
        }
        let key = tokio::task::spawn_blocking(|| SigningKey::generate(KEY_BITS)).await??;
        let sealed = vault.seal(random, Purpose::SigningKey, &key.to_pkcs8()?);
        let stored = StoredKey { kid: key.kid().to_owned(), purpose: *purpose, sealed, created: now };
        let mut tx = store.write(ChangeContext { actor: "system".into(), ..ChangeContext::default() }, now).await?;
        tx.insert_signing_key(&stored).await?;
        tx.commit().await?;
    }
    Ok(())
}
