//! RSA keys, each bound to one signature algorithm, and the sets they are published in (RFC 7517, RFC 7518).

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    self, KeyPair as _, ParsedPublicKey, RSA_PKCS1_SHA256, RsaParameters, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

/// The RSA signature algorithms that grants and tokens may use (RFC 7518 §3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
}

impl Algorithm {
    /// All of them, as metadata lists them.
    pub const ALL: [Self; 3] = [Self::Rs256, Self::Rs384, Self::Rs512];

    /// The name in headers and keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
        }
    }

    /// The algorithm with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    fn parameters(self) -> &'static RsaParameters {
        match self {
            Self::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Self::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
            Self::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        }
    }
}

/// Why a key cannot be used. Nothing of the key is repeated.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Not RSA, or a member is missing or of the wrong kind.
    #[error("the key is not a public RSA key in JWK form")]
    NotRsa,
    /// Not one of [`Algorithm::ALL`].
    #[error("the key's alg is not RS256, RS384 or RS512")]
    Algorithm,
    /// Not for verifying signatures, by its `key_ops`.
    #[error("the key's key_ops do not let it verify")]
    Purpose,
    /// Outside 2048 to 4096 bits.
    #[error("an RSA key has 2048 to 4096 bits, this one has {0}")]
    Size(usize),
    /// The exponent is even, too small or too large.
    #[error("the key's public exponent is not an odd number from 3 to 4294967295")]
    Exponent,
    /// The private key cannot be read.
    #[error("the private key is not an RSA key in PKCS #8 form")]
    Private,
    /// No key could be made, as when the machine has no entropy.
    #[error("no key could be generated")]
    Generation,
}

/// Why a signature does not verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// The header names another algorithm than the one the key is for.
    #[error("the header's alg is not the one the key is registered for")]
    OtherAlgorithm,
    /// The signature is not of this key and this text.
    #[error("the signature is wrong")]
    Wrong,
}

/// A public RSA key as JSON (RFC 7517 §4, RFC 7518 §6.3.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct PublicJwk {
    /// Always `RSA`.
    pub kty: String,
    /// Always `sig`, where given.
    #[serde(rename = "use", default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<String>,
    /// What the key may do, where given: `verify` among it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_ops: Option<Vec<String>>,
    /// The algorithm the key is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// Names the key in its set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The public exponent, base64url without padding.
    pub e: String,
    /// The modulus, base64url without padding.
    pub n: String,
    /// Certificates of the key, its own first, each base64 in the standard alphabet (RFC 7517 §4.7).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub x5c: Vec<String>,
}

impl Serialize for PublicJwk {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for PublicJwk {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Derived code would also take an array for a struct.
        Self::deserialize(serde_json::Value::Object(Deserialize::deserialize(deserializer)?))
            .map_err(serde::de::Error::custom)
    }
}

/// A set of public keys: `{"keys":[…]}`. Keys of other kinds than RSA are left out when it is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct JwkSet {
    /// The keys.
    pub keys: Vec<PublicJwk>,
}

impl JwkSet {
    /// How many keys of a set are looked at.
    pub const MAX_KEYS: usize = 100;
}

impl<'de> Deserialize<'de> for JwkSet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut members = serde_json::Map::deserialize(deserializer)?;
        let Some(serde_json::Value::Array(keys)) = members.remove("keys") else {
            return Err(serde::de::Error::custom("a key set has an array named keys"));
        };
        let keys = keys.into_iter().take(Self::MAX_KEYS).filter_map(|key| serde_json::from_value(key).ok());
        Ok(Self { keys: keys.collect() })
    }
}

/// A public key, parsed once, that verifies one algorithm.
pub struct VerifyingKey {
    algorithm: Algorithm,
    key: ParsedPublicKey,
}

impl VerifyingKey {
    /// Reads modulus and exponent, each base64url without padding.
    pub fn new(algorithm: Algorithm, n: &str, e: &str) -> Result<Self, KeyError> {
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyError::NotRsa);
        let (n, e) = (decode(n)?, decode(e)?);
        // Leading zeros are tolerated, as other libraries write them.
        let trimmed = |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<u8>>();
        let (n, e) = (trimmed(&n), trimmed(&e));
        let bits = n.len() * 8 - n.first().map_or(0, |byte| byte.leading_zeros() as usize);
        if !(2048..=4096).contains(&bits) {
            return Err(KeyError::Size(bits));
        }
        if e.is_empty() || e.len() > 4 || e.last().is_none_or(|byte| byte % 2 == 0) || e == [1] {
            return Err(KeyError::Exponent);
        }
        let components = RsaPublicKeyComponents { n, e };
        let key = components.to_parsed_public_key(algorithm.parameters()).map_err(|_| KeyError::NotRsa)?;
        Ok(Self { algorithm, key })
    }

    /// Reads a JWK; a key that names no algorithm is for RS256.
    pub fn from_jwk(jwk: &PublicJwk) -> Result<Self, KeyError> {
        if jwk.kty != "RSA" || jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return Err(KeyError::NotRsa);
        }
        if jwk.key_ops.as_ref().is_some_and(|may| may.iter().all(|operation| operation != "verify")) {
            return Err(KeyError::Purpose);
        }
        let algorithm = jwk.alg.as_deref().map_or(Some(Algorithm::Rs256), Algorithm::from_name);
        Self::new(algorithm.ok_or(KeyError::Algorithm)?, &jwk.n, &jwk.e)
    }

    /// The algorithm it verifies.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(crate) fn verify(&self, alg: &str, signed: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        if alg != self.algorithm.name() {
            return Err(SignatureError::OtherAlgorithm);
        }
        self.key.verify_sig(signed, signature).map_err(|_| SignatureError::Wrong)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "VerifyingKey({})", self.algorithm.name())
    }
}

/// A private RSA key that signs with RS256. It is never printed.
pub struct SigningKey {
    kid: String,
    pair: KeyPair,
    jwk: PublicJwk,
    /// `{"kid":…,"alg":"RS256"}`, base64url: the header of every token, made once.
    header: String,
}

impl SigningKey {
    /// Makes a new key of `bits` (2048, 3072 or 4096) with its RFC 7638 thumbprint as id. Takes up to seconds.
    pub fn generate(bits: usize) -> Result<Self, KeyError> {
        let size = match bits {
            2048 => KeySize::Rsa2048,
            3072 => KeySize::Rsa3072,
            4096 => KeySize::Rsa4096,
            other => return Err(KeyError::Size(other)),
        };
        let pair = KeyPair::generate(size).map_err(|_| KeyError::Generation)?;
        Ok(Self::from_pair(pair, None))
    }

    /// Reads a private key in PKCS #8 DER form. Without an id it gets its thumbprint.
    pub fn from_pkcs8(der: &[u8], kid: Option<String>) -> Result<Self, KeyError> {
        let pair = KeyPair::from_pkcs8(der).map_err(|_| KeyError::Private)?;
        let bits = pair.public_modulus_len() * 8;
        if !(2048..=4096).contains(&bits) {
            return Err(KeyError::Size(bits));
        }
        Ok(Self::from_pair(pair, kid))
    }

    /// Reads a private key in PKCS #8 PEM form (`-----BEGIN PRIVATE KEY-----`).
    pub fn from_pem(text: &str, kid: Option<String>) -> Result<Self, KeyError> {
        let block = pem::parse(text).map_err(|_| KeyError::Private)?;
        let der = Zeroizing::new(block.into_contents());
        Self::from_pkcs8(&der, kid)
    }

    fn from_pair(pair: KeyPair, kid: Option<String>) -> Self {
        let public = pair.public_key();
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let n = encode(public.modulus().big_endian_without_leading_zero());
        let e = encode(public.exponent().big_endian_without_leading_zero());
        let kid = kid.unwrap_or_else(|| thumbprint(&n, &e));
        let jwk = PublicJwk {
            kty: "RSA".into(),
            usage: Some("sig".into()),
            key_ops: None,
            alg: Some(Algorithm::Rs256.name().into()),
            kid: Some(kid.clone()),
            e,
            n,
            x5c: vec![],
        };
        let header = encode(format!(r#"{{"kid":{},"alg":"RS256"}}"#, serde_json::Value::from(&*kid)).as_bytes());
        Self { kid, pair, jwk, header }
    }

    /// Names the key.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The size of the key, in bits.
    pub fn bits(&self) -> usize {
        self.pair.public_modulus_len() * 8
    }

    /// The public half.
    pub fn public_jwk(&self) -> &PublicJwk {
        &self.jwk
    }

    /// The private key in PKCS #8 DER form, wiped when dropped.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let der = self.pair.as_der().map_err(|_| KeyError::Private)?;
        Ok(Zeroizing::new(der.as_ref().to_vec()))
    }

    /// The private key in PKCS #8 PEM form, wiped when dropped.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        let block = pem::Pem::new("PRIVATE KEY", self.to_pkcs8()?.to_vec());
        Ok(Zeroizing::new(pem::encode_config(&block, pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF))))
    }

    /// Signs bytes: RSASSA-PKCS1-v1_5 with SHA-256.
    pub(crate) fn sign_bytes(&self, bytes: &[u8]) -> Result<Vec<u8>, SigningError> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let signed = self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), bytes, &mut signature);
        signed.map(|()| signature).map_err(|_| SigningError)
    }

    /// The public key in PKCS #1 DER form (RFC 8017 §A.1.1).
    #[cfg(feature = "certificates")]
    pub(crate) fn public_pkcs1(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// Signs `claims` with RS256 under the header `{"kid":…,"alg":"RS256"}`.
    ///
    /// # Errors
    /// When the claims cannot be written as JSON or the signature cannot be made.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, SigningError> {
        let payload = serde_json::to_vec(claims).map_err(|_| SigningError)?;
        let mut token = String::with_capacity(self.header.len() + payload.len() * 4 / 3 + 520);
        token.push_str(&self.header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(&payload, &mut token);
        let signature = self.sign_bytes(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(&signature, &mut token);
        Ok(token)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SigningKey({})", self.kid)
    }
}

/// No signature could be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the token could not be signed")]
pub struct SigningError;

/// The SHA-256 thumbprint of an RSA key (RFC 7638), 43 characters.
pub fn thumbprint(n: &str, e: &str) -> String {
    let canonical = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
    URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jws::Jws;

    #[test]
    fn what_is_signed_verifies_with_the_published_key_only() {
        let key = SigningKey::generate(2048).unwrap();
        let other = SigningKey::generate(2048).unwrap();
        let token = key.sign(&serde_json::json!({"a": 1})).unwrap();
        let jws = Jws::parse(&token).unwrap();
        assert_eq!(jws.header().kid.as_deref(), Some(key.kid()));
        assert_eq!(jws.header().typ, None);
        let published: PublicJwk = serde_json::from_str(&serde_json::to_string(key.public_jwk()).unwrap()).unwrap();
        assert_eq!(jws.verify(&VerifyingKey::from_jwk(&published).unwrap()), Ok(br#"{"a":1}"#.as_slice()));
        let wrong = VerifyingKey::from_jwk(other.public_jwk()).unwrap();
        assert_eq!(jws.verify(&wrong), Err(SignatureError::Wrong));
    }

    #[test]
    fn the_key_decides_the_algorithm() {
        let key = SigningKey::generate(2048).unwrap();
        let token = key.sign(&serde_json::json!({})).unwrap();
        let strict = PublicJwk { alg: Some("RS512".into()), ..key.public_jwk().clone() };
        let strict = VerifyingKey::from_jwk(&strict).unwrap();
        assert_eq!(Jws::parse(&token).unwrap().verify(&strict), Err(SignatureError::OtherAlgorithm));
        for alg in ["HS256", "none", "PS256", "ES256", "rs256", ""] {
            let jwk = PublicJwk { alg: Some(alg.into()), ..key.public_jwk().clone() };
            assert_eq!(VerifyingKey::from_jwk(&jwk).unwrap_err(), KeyError::Algorithm);
        }
    }

    #[test]
    fn a_private_key_survives_being_written_and_read() {
        let key = SigningKey::generate(2048).unwrap();
        let read = SigningKey::from_pem(&key.to_pem().unwrap(), None).unwrap();
        assert_eq!(read.public_jwk(), key.public_jwk());
        assert!(!format!("{key:?}").contains("PRIVATE"));
    }

    #[test]
    fn weak_and_odd_keys_are_refused() {
        let key = SigningKey::generate(2048).unwrap();
        let small = URL_SAFE_NO_PAD.encode([0xff; 128]);
        assert_eq!(VerifyingKey::new(Algorithm::Rs256, &small, "AQAB").unwrap_err(), KeyError::Size(1024));
        let large = URL_SAFE_NO_PAD.encode([0xff; 1024]);
        assert_eq!(VerifyingKey::new(Algorithm::Rs256, &large, "AQAB").unwrap_err(), KeyError::Size(8192));
        for exponent in [vec![1], vec![2], vec![], vec![1, 0, 0, 0, 1]] {
            let e = URL_SAFE_NO_PAD.encode(exponent);
            let n = &key.public_jwk().n;
            assert_eq!(VerifyingKey::new(Algorithm::Rs256, n, &e).unwrap_err(), KeyError::Exponent);
        }
    }

    #[test]
    fn the_thumbprint_is_that_of_rfc_7638() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        assert_eq!(thumbprint(n, "AQAB"), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn keys_of_other_kinds_in_a_set_are_left_out() {
        let key = SigningKey::generate(2048).unwrap();
        let set = serde_json::json!({"keys": [{"kty": "EC", "crv": "P-256"}, key.public_jwk()]});
        let set: JwkSet = serde_json::from_value(set).unwrap();
        assert_eq!(set.keys, [key.public_jwk().clone()]);
    }
}
