//! Maskinporten clients, their keys, and scopes.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::OrgNumber;

/// A Maskinporten client: what an organisation's software authenticates as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// The id, made by the server.
    pub client_id: String,
    /// The organisation that the client belongs to; the `consumer` of its tokens.
    pub org: OrgNumber,
    /// The organisation that manages the client for `org`, where it is another.
    #[serde(default)]
    pub supplier: Option<OrgNumber>,
    /// The owner's name for it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The scopes it may ask for, each also granted to `org` unless open to all.
    pub scopes: Vec<String>,
    /// How long its access tokens last, in seconds.
    pub access_token_lifetime: i64,
    /// A deactivated client gets no tokens and is never revived.
    pub active: bool,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

impl Client {
    /// The lifetime of access tokens when nothing else is asked for, in seconds.
    pub const DEFAULT_TOKEN_LIFETIME: i64 = 120;
    /// The longest lifetime of access tokens, in seconds.
    pub const MAX_TOKEN_LIFETIME: i64 = 7_200;
    /// How long a key is accepted after it was posted, in hours: a year.
    pub const KEY_LIFETIME_HOURS: i64 = 365 * 24;
    /// How many days before its end a key is noted as about to expire.
    pub const KEY_EXPIRY_NOTICE_DAYS: i64 = 30;
    /// How many keys a client may have at once.
    pub const MAX_KEYS: usize = 5;
    /// How many scopes a client may have.
    pub const MAX_SCOPES: usize = 200;
}

/// A public key of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientKey {
    /// Names the key among the client's keys.
    pub kid: String,
    /// The signature algorithm the key is registered for: `RS256`, `RS384` or `RS512`. No other is accepted with it.
    pub alg: String,
    /// The modulus, base64url without padding.
    pub n: String,
    /// The public exponent, base64url without padding.
    pub e: String,
    /// The certificates of the key, its own first, base64 in the standard alphabet. Where there are any, the key is
    /// accepted as long as they are.
    #[serde(default)]
    pub x5c: Vec<String>,
    /// From then on the key is not accepted: at most a year after it was posted.
    pub expires: Timestamp,
    /// When it was posted.
    pub created: Timestamp,
}

/// The name of a scope: `prefix:subscope`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct ScopeName(String);

/// Why a text is not the name of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ScopeNameError {
    /// No `:` with something before and after it.
    #[error("a scope is written prefix:subscope")]
    NoPrefix,
    /// A character outside letters, digits and `_ - . / :`.
    #[error("a scope has letters, digits and the characters _ - . / : only")]
    Character,
    /// Longer than 255 characters.
    #[error("a scope has at most 255 characters")]
    TooLong,
}

impl ScopeName {
    /// The part before the first `:`, which belongs to an organisation.
    pub fn prefix(&self) -> &str {
        self.0.split_once(':').map_or("", |(prefix, _)| prefix)
    }

    /// The part after the first `:`, which the owner chooses.
    pub fn subscope(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, subscope)| subscope)
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ScopeName {
    type Err = ScopeNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some((prefix, subscope)) if !prefix.is_empty() && !subscope.is_empty() => {}
            _ => return Err(ScopeNameError::NoPrefix),
        }
        if text.len() > 255 {
            return Err(ScopeNameError::TooLong);
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_-./:".contains(c);
        if text.chars().all(allowed) { Ok(Self(text.to_owned())) } else { Err(ScopeNameError::Character) }
    }
}

impl fmt::Display for ScopeName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ScopeName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Who sees a scope in lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "UPPERCASE")]
pub enum ScopeVisibility {
    /// Everybody.
    #[default]
    Public,
    /// The owner and those it is granted to.
    Private,
    /// The owner.
    Internal,
}

/// A scope: what an API owner grants to organisations, and clients ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The name.
    pub name: ScopeName,
    /// The owner.
    pub owner: OrgNumber,
    /// Shown to those who choose among scopes.
    pub description: String,
    /// More about it, in Markdown.
    #[serde(default)]
    pub long_description: String,
    /// Who sees it in lists.
    pub visibility: ScopeVisibility,
    /// The kinds of client that may use it; empty for any.
    pub allowed_integration_types: Vec<String>,
    /// Whether no grant is needed.
    pub accessible_for_all: bool,
    /// The registry in which it can be delegated from one organisation to another, by issuer; `None` for not at all.
    pub delegation_source: Option<String>,
    /// Caps the lifetime of tokens with this scope, in seconds; 0 for no cap.
    pub at_max_age: i64,
    /// Tokens are issued for active scopes only.
    pub active: bool,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

/// That an organisation lets another use a scope in its place (`consumer_org`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ScopeDelegation {
    /// The scope.
    pub scope: ScopeName,
    /// Who delegates: the `consumer` of the tokens.
    pub consumer: OrgNumber,
    /// To whom: the `supplier` of the tokens.
    pub supplier: OrgNumber,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_has_a_prefix_and_a_subscope() {
        let scope: ScopeName = "altinn:authentication/systemuser.request.write".parse().unwrap();
        assert_eq!((scope.prefix(), scope.subscope()), ("altinn", "authentication/systemuser.request.write"));
        assert_eq!("kravogbetalinger".parse::<ScopeName>(), Err(ScopeNameError::NoPrefix));
        assert_eq!("skatteetaten:".parse::<ScopeName>(), Err(ScopeNameError::NoPrefix));
        assert_eq!("skatteetaten:krav og".parse::<ScopeName>(), Err(ScopeNameError::Character));
    }
}
