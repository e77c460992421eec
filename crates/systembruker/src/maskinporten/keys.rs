//! The service's own signing keys: made or imported, published before they sign, rotated, and kept as long as what they
//! signed is valid.
//!
//! A key's private half is in the database only sealed, and in memory only while the process runs. Its public half is
//! published at `/jwk` from when it is made; it signs from its own time on, so that whoever fetches the set once a day
//! has it by then. When the next key begins to sign, it still verifies for a while ([`SigningKeys::KEPT_FOR`]), then it
//! is deleted. A key that has leaked is withdrawn: from then on nothing that it signed is accepted here.

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use store::{KeyPurpose, StoredKey, Write};
use thiserror::Error;
use token::certificates::CertificateChain;
use token::keys::SigningKey;

use crate::clock::Random;
use crate::read_model::{SigningKeys, signing_keys};
use crate::vault::{Purpose, Vault};

/// When keys are made and when they begin to sign.
#[derive(Debug, Clone, Copy)]
pub struct RotationPolicy {
    /// The size of new keys: 2048, 3072 or 4096 bits.
    pub bits: usize,
    /// How long a key signs before the next one does; `None` to rotate by command only.
    pub every: Option<SignedDuration>,
    /// How long a key is published before it signs.
    pub publish_ahead: SignedDuration,
}

impl Default for RotationPolicy {
    fn default() -> Self {
        Self {
            bits: 3072,
            every: Some(SignedDuration::from_hours(180 * 24)),
            publish_ahead: SignedDuration::from_hours(24),
        }
    }
}

impl RotationPolicy {
    /// When the next key shall begin to sign, if it is time to make it. `last` is when the last of those that there are
    /// begins.
    pub fn due(&self, last: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let next = last.checked_add(self.every?).ok()?;
        let published_by_then = now.checked_add(self.publish_ahead).ok()?;
        (next <= published_by_then).then(|| next.max(published_by_then))
    }
}

/// Makes a key with all its times, sealed.
pub async fn generate(
    vault: &Vault,
    random: &Random,
    purpose: KeyPurpose,
    bits: usize,
    now: Timestamp,
    signs_from: Timestamp,
) -> anyhow::Result<StoredKey> {
    let key = tokio::task::spawn_blocking(move || SigningKey::generate(bits)).await??;
    stored(vault, random, purpose, &key, vec![], now, signs_from)
}

/// Why a key cannot be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ImportError {
    /// The certificates are another key's.
    #[error("the first certificate is not the key's")]
    OtherKey,
}

/// Takes a key that was made elsewhere, with its certificates if it has any, its own first.
pub fn import(
    vault: &Vault,
    random: &Random,
    private_key_pem: &str,
    certificates_pem: Option<&str>,
    now: Timestamp,
    signs_from: Timestamp,
) -> anyhow::Result<StoredKey> {
    let key = SigningKey::from_pem(private_key_pem, None)?;
    let certificates = match certificates_pem {
        None => vec![],
        Some(text) => {
            let chain = CertificateChain::from_pem(text).context("the certificates")?;
            if !chain.is_for(&key.public_jwk().n, &key.public_jwk().e) {
                return Err(ImportError::OtherKey.into());
            }
            chain.to_x5c()
        }
    };
    stored(vault, random, KeyPurpose::Maskinporten, &key, certificates, now, signs_from)
}

fn stored(
    vault: &Vault,
    random: &Random,
    purpose: KeyPurpose,
    key: &SigningKey,
    certificates: Vec<String>,
    now: Timestamp,
    signs_from: Timestamp,
) -> anyhow::Result<StoredKey> {
    let sealed = vault.seal(random, Purpose::SigningKey, &key.to_pkcs8()?);
    Ok(StoredKey { kid: key.kid().to_owned(), purpose, sealed, created: now, signs_from, certificates })
}

/// Why a key cannot be withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WithdrawError {
    /// There is no such key.
    #[error("there is no signing key {0}")]
    Unknown(String),
    /// Nothing could sign any more.
    #[error("{0} is the only key that can sign now; rotate with --now first")]
    Last(String),
}

/// Deletes a key of Maskinporten's, unless nothing would be left to sign with.
pub async fn withdraw(tx: &mut Write, vault: &Vault, kid: &str, now: Timestamp) -> anyhow::Result<()> {
    let ours = signing_keys(tx, vault).await?.maskinporten;
    let entries: Vec<_> =
        ours.entries(now).map(|(entry, retired)| (entry.key.kid(), entry.signs_from, retired)).collect();
    if !entries.iter().any(|(other, ..)| *other == kid) {
        return Err(WithdrawError::Unknown(kid.to_owned()).into());
    }
    // One whose time is over must not sign again.
    if !entries.iter().any(|(other, signs_from, retired)| *other != kid && *signs_from <= now && !retired) {
        return Err(WithdrawError::Last(kid.to_owned()).into());
    }
    tx.delete_signing_key(kid).await?;
    Ok(())
}

/// The keys of a set whose time is over.
pub fn retired(keys: &SigningKeys, now: Timestamp) -> Vec<String> {
    let retired = keys.entries(now).filter(|(_, retired)| *retired);
    retired.map(|(entry, _)| entry.key.kid().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_key_is_made_in_time_to_be_published_ahead() {
        let policy = RotationPolicy::default();
        let at = |hours: i64| Timestamp::from_second(1_790_000_000 + hours * 3_600).unwrap();
        let days = |days: i64| days * 24;
        assert_eq!(policy.due(at(0), at(days(179) - 1)), None);
        assert_eq!(policy.due(at(0), at(days(179))), Some(at(days(180))));
        // Missed, as when nothing ran for a year: not sooner than it has been published for a day.
        assert_eq!(policy.due(at(0), at(days(365))), Some(at(days(366))));
        assert_eq!(RotationPolicy { every: None, ..policy }.due(at(0), at(days(9_999))), None);
    }
}
