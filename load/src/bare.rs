//! The baselines: what the cryptography alone costs, and what it costs with the reading and writing around it.
//!
//! Nothing here looks anything up, checks a time or remembers a grant. The keys are parsed before anything is timed,
//! and are of the same library and size as the real ones.

use anyhow::{Context as _, anyhow};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Iso6523;
use serde::Deserialize;
use systembruker::clock::Random;
use token::access_token::{AccessTokenClaims, AuthorizationDetail, SystemUserDetail};
use token::keys::{PublicJwk, SigningKey};

/// Verifies with one key and signs with another, and does nothing else.
pub struct Bare {
    verifying: ParsedPublicKey,
    signing: KeyPair,
    random: SystemRandom,
    /// The header of every token, base64url.
    header: String,
}

/// An assertion of which everything is decoded that a bare verification needs.
pub struct Prepared<'a> {
    signed: &'a [u8],
    signature: Vec<u8>,
}

impl<'a> Prepared<'a> {
    /// Decodes the signature of an assertion.
    pub fn new(assertion: &'a str) -> anyhow::Result<Self> {
        let (signed, signature) = assertion.rsplit_once('.').context("an assertion has a signature")?;
        Ok(Self { signed: signed.as_bytes(), signature: URL_SAFE_NO_PAD.decode(signature)? })
    }
}

/// Of the header, what a service needs.
#[derive(Deserialize)]
struct Header<'a> {
    alg: &'a str,
    kid: &'a str,
}

/// Of the claims, what a token is made of.
#[derive(Deserialize)]
struct Claims<'a> {
    iss: String,
    aud: String,
    scope: String,
    iat: i64,
    exp: i64,
    jti: &'a str,
    authorization_details: Vec<Detail>,
}

/// Of the authorization details, what a token is made of.
#[derive(Deserialize)]
struct Detail {
    systemuser_org: Iso6523,
}

impl Bare {
    /// Verifies what the owner of `client` signs, and signs with `signing`.
    pub fn new(client: &PublicJwk, signing: &SigningKey) -> anyhow::Result<Self> {
        let (n, e) = (URL_SAFE_NO_PAD.decode(&client.n)?, URL_SAFE_NO_PAD.decode(&client.e)?);
        let verifying = RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256);
        let pair =
            KeyPair::from_pkcs8(&signing.to_pkcs8()?).map_err(|_| anyhow!("a signing key that cannot be read"))?;
        let header = serde_json::json!({"kid": signing.kid(), "alg": "RS256"});
        Ok(Self {
            verifying: verifying.map_err(|_| anyhow!("a client key that cannot be read"))?,
            signing: pair,
            random: SystemRandom::new(),
            header: URL_SAFE_NO_PAD.encode(header.to_string()),
        })
    }

    /// The cryptography alone: verifies the assertion, and signs bytes.
    pub fn verify_and_sign(&self, assertion: &Prepared<'_>, bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
        self.verify(assertion)?;
        self.sign(bytes)
    }

    fn verify(&self, assertion: &Prepared<'_>) -> anyhow::Result<()> {
        let verified = self.verifying.verify_sig(assertion.signed, &assertion.signature);
        verified.map_err(|_| anyhow!("a signature that does not verify"))
    }

    fn sign(&self, bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut signature = vec![0; self.signing.public_modulus_len()];
        let signed = self.signing.sign(&RSA_PKCS1_SHA256, &self.random, bytes, &mut signature);
        signed.map(|()| signature).map_err(|_| anyhow!("nothing can be signed"))
    }

    /// The cryptography with base64 and JSON around it: reads the assertion, verifies it, and writes a token with all
    /// the claims that a real one has. Which system user it is, it makes up.
    pub fn exchange(&self, assertion: &str) -> anyhow::Result<String> {
        let prepared = Prepared::new(assertion)?;
        let (header, payload) = std::str::from_utf8(prepared.signed)?.split_once('.').context("three parts")?;
        let (header, payload) = (URL_SAFE_NO_PAD.decode(header)?, URL_SAFE_NO_PAD.decode(payload)?);
        let header: Header<'_> = serde_json::from_slice(&header)?;
        let claims: Claims<'_> = serde_json::from_slice(&payload)?;
        anyhow::ensure!(header.alg == "RS256" && !header.kid.is_empty() && !claims.jti.is_empty(), "another assertion");
        self.verify(&prepared)?;
        let owner = claims.authorization_details.first().and_then(|detail| detail.systemuser_org.org_number());
        let owner = owner.context("an assertion without a customer")?;
        let detail = SystemUserDetail::new(owner, crate::world::SOME_ID.into(), crate::world::SYSTEM.into());
        let token = AccessTokenClaims {
            authorization_details: vec![AuthorizationDetail::SystemUser(detail)],
            scope: claims.scope,
            supplier: None,
            iss: claims.aud,
            client_amr: "private_key_jwt".into(),
            token_type: "Bearer".into(),
            exp: claims.exp,
            delegation_source: None,
            iat: claims.iat,
            client_id: claims.iss,
            jti: Random.token(),
            consumer: Iso6523::new(owner),
            consumer_prefix: vec![],
            aud: None,
            pid: None,
        };
        let mut text = format!("{}.", self.header);
        URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(&token)?, &mut text);
        let signature = self.sign(text.as_bytes())?;
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut text);
        Ok(text)
    }
}
