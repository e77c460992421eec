//! The keys that sign tokens, and when.

use std::sync::Arc;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use model::Client;
use store::StoredKey;
use token::certificates::self_signed;
use token::keys::{Algorithm, JwkSet, PublicJwk, SigningKey, VerifyingKey};

use crate::vault::{Purpose, Vault};

/// The signing keys of one purpose, in the order in which they begin to sign.
///
/// A key is published from when it is made, signs from its time until the next one's, and verifies until what it signed
/// last has expired everywhere.
#[derive(Debug, Default)]
pub struct SigningKeys {
    keys: Vec<SigningKeyEntry>,
}

/// A signing key and its times.
#[derive(Debug)]
pub struct SigningKeyEntry {
    /// The key.
    pub key: Arc<SigningKey>,
    /// What verifies.
    pub verifying: Arc<VerifyingKey>,
    /// What is published, with a certificate.
    pub jwk: PublicJwk,
    /// When it was made.
    pub created: Timestamp,
    /// When it begins to sign.
    pub signs_from: Timestamp,
}

impl SigningKeys {
    /// How long a key still verifies after the next one has begun to sign: the longest life of a token, and a day for
    /// those who keep what they have fetched.
    pub const KEPT_FOR: SignedDuration = SignedDuration::from_secs(Client::MAX_TOKEN_LIFETIME + 24 * 3_600);

    /// The key that signs now: of those that have begun, the last. Before any has begun, as after a sandbox's clock was
    /// turned back, the first.
    pub fn signing(&self, now: Timestamp) -> Option<&Arc<SigningKey>> {
        let begun = self.keys.iter().rev().find(|entry| entry.signs_from <= now);
        begun.or_else(|| self.keys.first()).map(|entry| &entry.key)
    }

    /// A key that verifies now, by key id.
    pub fn verifying(&self, kid: &str, now: Timestamp) -> Option<Arc<VerifyingKey>> {
        let mut valid = self.entries(now).filter(|(_, retired)| !retired).map(|(entry, _)| entry);
        valid.find(|entry| entry.key.kid() == kid).map(|entry| Arc::clone(&entry.verifying))
    }

    /// The public keys as they are published now.
    pub fn published(&self, now: Timestamp) -> JwkSet {
        let valid = self.entries(now).filter(|(_, retired)| !retired);
        JwkSet { keys: valid.map(|(entry, _)| entry.jwk.clone()).collect() }
    }

    /// Every key, and whether its time is over.
    pub fn entries(&self, now: Timestamp) -> impl Iterator<Item = (&SigningKeyEntry, bool)> {
        self.keys.iter().enumerate().map(move |(index, entry)| {
            let next = self.keys.get(index + 1).map(|next| next.signs_from);
            let retires = next.map(|next| next.checked_add(Self::KEPT_FOR).unwrap_or(Timestamp::MAX));
            (entry, retires.is_some_and(|retires| retires <= now))
        })
    }

    /// Adds a stored key, opened.
    pub(super) fn push(&mut self, stored: StoredKey, vault: &Vault) -> anyhow::Result<()> {
        let der = zeroize::Zeroizing::new(vault.open(Purpose::SigningKey, &stored.sealed)?);
        let key = SigningKey::from_pkcs8(&der, Some(stored.kid)).context("a stored signing key cannot be read")?;
        let mut jwk = key.public_jwk().clone();
        let verifying = VerifyingKey::new(Algorithm::Rs256, &jwk.n, &jwk.e).context("a signing key does not verify")?;
        jwk.x5c = if stored.certificates.is_empty() {
            let year = i32::from(stored.created.to_zoned(jiff::tz::TimeZone::UTC).year());
            self_signed(&key, "Systembruker token signing", year)?.to_x5c()
        } else {
            stored.certificates
        };
        let (created, signs_from) = (stored.created, stored.signs_from);
        let (key, verifying) = (Arc::new(key), Arc::new(verifying));
        self.keys.push(SigningKeyEntry { key, verifying, jwk, created, signs_from });
        Ok(())
    }
}
