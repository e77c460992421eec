//! Secrets at rest. From the installation's one master key come separate keys: one to find persons by their national
//! identity number without storing it, and one for each kind of thing that is encrypted.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use model::NationalId;
use secrecy::{ExposeSecret as _, SecretBox};
use thiserror::Error;

use crate::clock::Random;

/// What a sealed text is. One sealed as the one is never opened as the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Tells at start whether the master key is the right one.
    KeyCheck,
    /// A national identity number.
    NationalId,
    /// A private signing key.
    SigningKey,
    /// The login provider's identity token of a session.
    IdToken,
    /// A login under way, kept in the browser.
    Login,
    /// The way to a receipt, kept in a link.
    Receipt,
    /// What shows that a form is ours.
    Csrf,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::KeyCheck => b"key check",
            Self::NationalId => b"national id",
            Self::SigningKey => b"signing key",
            Self::IdToken => b"identity token",
            Self::Login => b"login",
            Self::Receipt => b"receipt",
            Self::Csrf => b"csrf",
        }
    }
}

/// The master key is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the master key is 32 bytes in base64; make one with: openssl rand -base64 32")]
pub struct MasterKeyError;

/// A sealed text cannot be opened: it was changed, sealed as something else, or with another master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("something sealed cannot be opened; is the master key the right one?")]
pub struct CannotOpen;

/// Seals and opens.
pub struct Vault {
    master: SecretBox<[u8; 32]>,
    lookup: hmac::Key,
}

impl Vault {
    /// A vault with this master key.
    pub fn new(master: [u8; 32]) -> Self {
        let lookup = hmac::Key::new(hmac::HMAC_SHA256, &derive(&master, b"national id lookup"));
        Self { master: SecretBox::new(Box::new(master)), lookup }
    }

    /// A vault with this master key in base64, as configurations hold it.
    pub fn from_base64(text: &str) -> Result<Self, MasterKeyError> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_| MasterKeyError)?;
        bytes.try_into().map(Self::new).map_err(|_| MasterKeyError)
    }

    /// What a person is found by: always the same for the same number, and useless without the master key.
    pub fn lookup_hash(&self, person: &NationalId) -> Vec<u8> {
        hmac::sign(&self.lookup, person.expose().as_bytes()).as_ref().to_vec()
    }

    /// Encrypts.
    pub fn seal(&self, random: &Random, purpose: Purpose, plain: &[u8]) -> Vec<u8> {
        let nonce = random.bytes::<NONCE_LEN>();
        let mut sealed = nonce.to_vec();
        let mut text = plain.to_vec();
        let Some(key) = self.key(purpose) else { std::process::abort() };
        // Fails only for texts of many gigabytes.
        let nonce = Nonce::assume_unique_for_key(nonce);
        if key.seal_in_place_append_tag(nonce, Aad::from(purpose.label()), &mut text).is_err() {
            std::process::abort();
        }
        sealed.append(&mut text);
        sealed
    }

    /// Decrypts what was sealed for the same purpose.
    pub fn open(&self, purpose: Purpose, sealed: &[u8]) -> Result<Vec<u8>, CannotOpen> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or(CannotOpen)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| CannotOpen)?;
        let mut text = text.to_vec();
        let key = self.key(purpose).ok_or(CannotOpen)?;
        let plain = key.open_in_place(nonce, Aad::from(purpose.label()), &mut text).map_err(|_| CannotOpen)?;
        Ok(plain.to_vec())
    }

    /// A text that only this installation can make of `data`.
    pub fn mac(&self, purpose: Purpose, data: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &derive(self.master.expose_secret(), purpose.label()));
        URL_SAFE_NO_PAD.encode(hmac::sign(&key, data))
    }

    /// Encrypts into text that is safe in a cookie or a link.
    pub fn seal_text(&self, random: &Random, purpose: Purpose, plain: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(self.seal(random, purpose, plain))
    }

    /// Decrypts such text.
    pub fn open_text(&self, purpose: Purpose, text: &str) -> Result<Vec<u8>, CannotOpen> {
        self.open(purpose, &URL_SAFE_NO_PAD.decode(text).map_err(|_| CannotOpen)?)
    }

    fn key(&self, purpose: Purpose) -> Option<LessSafeKey> {
        let key = derive(self.master.expose_secret(), purpose.label());
        UnboundKey::new(&AES_256_GCM, &key).ok().map(LessSafeKey::new)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Vault(…)")
    }
}

/// HKDF with SHA-256 (RFC 5869).
fn derive(master: &[u8; 32], label: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"systembruker").extract(master);
    let info = [label];
    if prk.expand(&info, hkdf::HKDF_SHA256).and_then(|okm| okm.fill(&mut key)).is_err() {
        // Impossible for an output of the hash's own length.
        std::process::abort();
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_for_its_purpose_with_its_key_only() {
        let (vault, other, random) = (Vault::new([1; 32]), Vault::new([2; 32]), Random);
        let sealed = vault.seal(&random, Purpose::NationalId, b"17858212081");
        assert_eq!(vault.open(Purpose::NationalId, &sealed), Ok(b"17858212081".to_vec()));
        assert_eq!(vault.open(Purpose::Login, &sealed), Err(CannotOpen));
        assert_eq!(other.open(Purpose::NationalId, &sealed), Err(CannotOpen));
        let mut changed = sealed.clone();
        changed[20] ^= 1;
        assert_eq!(vault.open(Purpose::NationalId, &changed), Err(CannotOpen));
        assert_eq!(vault.open(Purpose::NationalId, b"short"), Err(CannotOpen));
        assert_ne!(sealed, vault.seal(&random, Purpose::NationalId, b"17858212081"));
    }

    #[test]
    fn a_person_is_found_by_a_hash_that_depends_on_the_key() {
        let person: NationalId = "17858212081".parse().unwrap();
        let vault = Vault::new([1; 32]);
        assert_eq!(vault.lookup_hash(&person), vault.lookup_hash(&person));
        assert_ne!(vault.lookup_hash(&person), Vault::new([2; 32]).lookup_hash(&person));
    }

    #[test]
    fn a_master_key_has_32_bytes() {
        assert!(Vault::from_base64(&STANDARD.encode([7; 32])).is_ok());
        assert_eq!(Vault::from_base64("c2hvcnQ=").unwrap_err(), MasterKeyError);
        assert_eq!(Vault::from_base64("not base64!").unwrap_err(), MasterKeyError);
    }
}
