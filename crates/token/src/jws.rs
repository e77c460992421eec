//! The compact serialisation of a JSON Web Signature, RFC 7515 §7.1.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use thiserror::Error;

use crate::keys::{SignatureError, VerifyingKey};

/// The longest token that is looked at, in bytes. A grant with a chain of certificates needs the most.
pub const MAX_LENGTH: usize = 32 * 1024;

/// Why a text is not a token. Nothing of the text is repeated.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MalformedJws {
    /// Longer than [`MAX_LENGTH`].
    #[error("the token is longer than {MAX_LENGTH} bytes")]
    TooLong,
    /// Not three parts between two dots.
    #[error("the token is not three parts separated by dots")]
    NotThreeParts,
    /// A part is not base64url without padding.
    #[error("the {0} is not base64url without padding")]
    Base64(&'static str),
    /// The header is not a JSON object with a text `alg`.
    #[error("the header is not a JSON object that names its algorithm")]
    Header,
    /// The header says that extensions must be understood (`crit`), and none is.
    #[error("the header asks for an extension that is not supported")]
    Critical,
}

/// The protected header. Members that nothing here uses are ignored, except `crit`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Header {
    /// The algorithm the sender says it used. Compared with the key's, never obeyed.
    pub alg: String,
    /// Names the key.
    #[serde(default)]
    pub kid: Option<String>,
    /// `JWT`, where it is there at all.
    #[serde(default)]
    pub typ: Option<String>,
    /// The sender's certificates: an array of texts, if it is well-formed, which is not checked here.
    #[serde(default)]
    pub x5c: Option<serde_json::Value>,
    #[serde(default)]
    crit: Option<serde_json::Value>,
}

/// A token taken apart. Nothing in it has been verified.
#[derive(Debug, Clone)]
pub struct Jws<'a> {
    header: Header,
    payload: Vec<u8>,
    signature: Vec<u8>,
    signed: &'a [u8],
}

impl<'a> Jws<'a> {
    /// Takes a compact serialisation apart.
    pub fn parse(token: &'a str) -> Result<Self, MalformedJws> {
        if token.len() > MAX_LENGTH {
            return Err(MalformedJws::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(MalformedJws::NotThreeParts)?;
        let (header, payload) = signed.split_once('.').ok_or(MalformedJws::NotThreeParts)?;
        if payload.contains('.') {
            return Err(MalformedJws::NotThreeParts);
        }
        let decode = |part: &str, name| URL_SAFE_NO_PAD.decode(part).map_err(|_| MalformedJws::Base64(name));
        let header = decode(header, "header")?;
        // Derived code would also take an array for a struct.
        if !header.trim_ascii_start().starts_with(b"{") {
            return Err(MalformedJws::Header);
        }
        let header: Header = serde_json::from_slice(&header).map_err(|_| MalformedJws::Header)?;
        if header.crit.is_some() {
            return Err(MalformedJws::Critical);
        }
        Ok(Self {
            header,
            payload: decode(payload, "payload")?,
            signature: decode(signature, "signature")?,
            signed: signed.as_bytes(),
        })
    }

    /// The header, not verified.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The payload before the signature is verified, for choosing the key only.
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// The payload, if `key` verifies the signature with its own algorithm and the header names the same.
    pub fn verify(&self, key: &VerifyingKey) -> Result<&[u8], SignatureError> {
        key.verify(&self.header.alg, self.signed, &self.signature)?;
        Ok(&self.payload)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(text: &str) -> String {
        URL_SAFE_NO_PAD.encode(text)
    }

    #[test]
    fn what_is_malformed_is_named() {
        let parse = |token: &str| Jws::parse(token).map(|_| ());
        let header = encode(r#"{"alg":"RS256"}"#);
        assert_eq!(parse(&"a".repeat(MAX_LENGTH + 1)), Err(MalformedJws::TooLong));
        assert_eq!(parse("a.b"), Err(MalformedJws::NotThreeParts));
        assert_eq!(parse("a.b.c.d"), Err(MalformedJws::NotThreeParts));
        assert_eq!(parse(&format!("{header}.e30=.")), Err(MalformedJws::Base64("payload")));
        assert_eq!(parse(&format!("{header}.e30.+/")), Err(MalformedJws::Base64("signature")));
        assert_eq!(parse("e30.e30."), Err(MalformedJws::Header));
        let twice = encode(r#"{"alg":"RS256","alg":"none"}"#);
        assert_eq!(parse(&format!("{twice}.e30.")), Err(MalformedJws::Header));
        assert_eq!(parse(&format!("{}.e30.", encode(r#"["RS256"]"#))), Err(MalformedJws::Header));
        let critical = encode(r#"{"alg":"RS256","crit":["b64"],"b64":false}"#);
        assert_eq!(parse(&format!("{critical}.e30.")), Err(MalformedJws::Critical));
        assert_eq!(parse(&format!("{header}.e30.")), Ok(()));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(token in "[A-Za-z0-9._=-]{0,80}") {
            let _ = Jws::parse(&token);
        }
    }
}
