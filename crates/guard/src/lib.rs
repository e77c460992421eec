//! Protects an API that system users call.
//!
//! A [`Guard`] does what every such API must do, in this order: verify the Maskinporten token (signature, issuer,
//! expiry, audience), require the scope, find the system user in it, and ask the decision point whether that system
//! user may do this for that organisation. Only an explicit Permit whose obligations are met lets a call through;
//! whatever fails on the way is a refusal.
//!
//! The first half needs nothing of the call but its header: [`Guard::authenticate`], or [`GuardLayer`] in front of a
//! whole service. The second half needs to know the organisation: [`Guard::authorize`] in the handler. Decisions are
//! not kept, so that a right that is taken back counts at once.

mod layer;

use std::fmt;
use std::sync::Arc;

use client::{Connection, Decision, DecisionPoint, DecisionQuery, Maskinporten, ObligationValue, TokenRequest};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use model::OrgNumber;
use thiserror::Error;
use token::access_token::{AccessTokenClaims, Audience};
use token::jws::Jws;
use token::remote::{RemoteKeyError, RemoteKeys};
use uuid::Uuid;

pub use layer::{GuardLayer, GuardService};

/// How far the token's `exp` may lie behind our clock, in seconds.
const CLOCK_SKEW: i64 = 10;
/// The level of authentication that a system user counts as.
const SYSTEM_USER_LEVEL: i64 = 3;
const MINIMUM_LEVEL: &str = "urn:altinn:minimum-authenticationlevel";

/// What an API demands of those who call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirements {
    /// The scope that the token must have.
    pub scope: String,
    /// The resource in the resource registry that stands for this API.
    pub resource: String,
    /// The audience that the token must have, for APIs that use audience restriction. Others ignore it.
    pub audience: Option<String>,
}

/// The verified caller of an API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The system user that acts.
    pub system_user: Uuid,
    /// The organisation that owns the system user.
    pub owner: OrgNumber,
    /// The vendor whose client got the token.
    pub vendor: OrgNumber,
    /// The system in the system register.
    pub system_id: String,
}

/// Why a call is refused.
#[derive(Debug, Error)]
pub enum Denied {
    /// No token.
    #[error("no token: send it as Authorization: Bearer")]
    NoToken,
    /// The token is not acceptable.
    #[error("the token is not valid: {0}")]
    InvalidToken(String),
    /// The token lacks the scope.
    #[error("the token lacks the scope {0}")]
    MissingScope(String),
    /// The token is not a system user's.
    #[error("the token is not for a system user: ask Maskinporten for one with authorization_details")]
    NoSystemUser,
    /// The decision point says no.
    #[error("the system user has no right to {action} {resource} for organisation {party}")]
    NotPermitted {
        /// The action.
        action: String,
        /// The resource.
        resource: String,
        /// The organisation.
        party: OrgNumber,
    },
    /// The decision point says yes, under a condition that is not met or not understood.
    #[error("the right comes with an obligation that is not met: {category} {value}")]
    Obligation {
        /// What it is about.
        category: String,
        /// What it demands.
        value: String,
    },
    /// The issuer's keys or the decision point cannot be asked now.
    #[error("access cannot be decided now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Denied {
    /// The HTTP status that says so.
    pub fn status(&self) -> http::StatusCode {
        match self {
            Self::NoToken | Self::InvalidToken(_) => http::StatusCode::UNAUTHORIZED,
            Self::Unavailable(_) => http::StatusCode::SERVICE_UNAVAILABLE,
            _ => http::StatusCode::FORBIDDEN,
        }
    }
}

/// Verifies tokens and asks for decisions.
pub struct Guard {
    requirements: Requirements,
    issuer: String,
    keys: RemoteKeys,
    decisions: DecisionPoint,
    maskinporten: Maskinporten,
    clock: Box<dyn Fn() -> i64 + Send + Sync>,
}

impl Guard {
    /// Protects an API. `maskinporten` is the API owner's own client, with the scope [`DecisionPoint::SCOPE`]; tokens
    /// of its environment are accepted, decisions are asked for there. `clock` gives seconds since 1970.
    pub fn new(
        requirements: Requirements,
        maskinporten: Maskinporten,
        clock: impl Fn() -> i64 + Send + Sync + 'static,
    ) -> Result<Self, client::Error> {
        let connection: Connection = maskinporten.connection().clone();
        let issuer = &connection.environment().maskinporten;
        let key_set = issuer.join("jwk").map_err(|error| client::Error::Unexpected(error.to_string()))?;
        let (address, host) = connection.address(&key_set);
        Ok(Self {
            requirements,
            issuer: issuer.to_string(),
            keys: RemoteKeys::new(connection.http().clone(), address.into(), host),
            decisions: DecisionPoint::new(connection),
            maskinporten,
            clock: Box::new(clock),
        })
    }

    /// Verifies the token of a call.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Denied> {
        let token = bearer(headers).ok_or(Denied::NoToken)?;
        let invalid = |reason: &dyn fmt::Display| Denied::InvalidToken(reason.to_string());
        let jws = Jws::parse(token).map_err(|error| invalid(&error))?;
        let kid = jws.header().kid.as_deref().ok_or_else(|| invalid(&"it names no key (kid)"))?;
        let key = self.keys.get(kid).await.map_err(|error| match error {
            RemoteKeyError::Unknown => invalid(&error),
            RemoteKeyError::Unreachable(_) => Denied::Unavailable(Box::new(error)),
        })?;
        let payload = jws.verify(&key).map_err(|error| invalid(&error))?;
        let claims: AccessTokenClaims =
            serde_json::from_slice(payload).map_err(|_| invalid(&"it is not a Maskinporten token"))?;
        self.check_claims(&claims)?;
        caller(&claims)
    }

    fn check_claims(&self, claims: &AccessTokenClaims) -> Result<(), Denied> {
        let invalid = |reason: &str| Err(Denied::InvalidToken(reason.to_owned()));
        if claims.iss != self.issuer {
            return invalid("another issuer made it");
        }
        if claims.exp + CLOCK_SKEW <= (self.clock)() {
            return invalid("it has expired");
        }
        if let Some(expected) = &self.requirements.audience {
            let fits = match &claims.aud {
                Some(Audience::One(audience)) => audience == expected,
                Some(Audience::Many(audiences)) => audiences.contains(expected),
                None => false,
            };
            if !fits {
                return invalid("it is not for this API");
            }
        }
        if claims.has_scope(&self.requirements.scope) {
            Ok(())
        } else {
            Err(Denied::MissingScope(self.requirements.scope.clone()))
        }
    }

    /// Asks the decision point whether the caller may do `action` for `party`.
    pub async fn authorize(&self, caller: &Caller, action: &str, party: OrgNumber) -> Result<(), Denied> {
        let unavailable = |error: client::Error| Denied::Unavailable(Box::new(error));
        let request = TokenRequest::scope(DecisionPoint::SCOPE);
        let token = self.maskinporten.token(&request).await.map_err(unavailable)?;
        let resource = &*self.requirements.resource;
        let query = DecisionQuery { system_user: caller.system_user, resource, action, party };
        match self.decisions.decide(&token.token, &query).await.map_err(unavailable)? {
            Decision::Permit { obligations } => obligations.into_iter().try_for_each(met),
            Decision::NotApplicable | Decision::Deny => {
                Err(Denied::NotPermitted { action: action.into(), resource: resource.into(), party })
            }
            Decision::Indeterminate { reason } => {
                tracing::warn!(reason, resource, "the decision point gave no answer");
                Err(Denied::NotPermitted { action: action.into(), resource: resource.into(), party })
            }
        }
    }

    /// A layer that lets only verified callers through, and gives the handler a [`Caller`] as a request extension.
    pub fn layer(self: &Arc<Self>) -> GuardLayer {
        GuardLayer::new(Arc::clone(self))
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Guard({})", self.requirements.resource)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

fn caller(claims: &AccessTokenClaims) -> Result<Caller, Denied> {
    let detail = claims.system_user().ok_or(Denied::NoSystemUser)?;
    let [system_user] = detail.systemuser_id.as_slice() else { return Err(Denied::NoSystemUser) };
    Ok(Caller {
        system_user: system_user.parse().map_err(|_| Denied::NoSystemUser)?,
        owner: detail.systemuser_org.org_number().ok_or(Denied::NoSystemUser)?,
        vendor: claims.consumer_org().ok_or(Denied::NoSystemUser)?,
        system_id: detail.system_id.clone(),
    })
}

/// An obligation must be understood to be met.
fn met(obligation: ObligationValue) -> Result<(), Denied> {
    let level: Option<i64> = obligation.value.trim().parse().ok();
    match level {
        Some(level) if obligation.category == MINIMUM_LEVEL && level <= SYSTEM_USER_LEVEL => Ok(()),
        // The alternative level for organisations does not concern system users.
        _ if obligation.category == "urn:altinn:minimum-authenticationlevel-org" => Ok(()),
        _ => Err(Denied::Obligation { category: obligation.category, value: obligation.value }),
    }
}

#[cfg(feature = "axum")]
mod extractor {
    use axum::extract::{FromRequestParts, OptionalFromRequestParts};
    use http::StatusCode;
    use http::request::Parts;

    use super::Caller;

    impl<S: Send + Sync> FromRequestParts<S> for Caller {
        type Rejection = StatusCode;

        /// The caller that [`crate::GuardLayer`] verified. Without the layer nobody is let in.
        async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
            parts.extensions.get::<Self>().cloned().ok_or(StatusCode::UNAUTHORIZED)
        }
    }

    impl<S: Send + Sync> OptionalFromRequestParts<S> for Caller {
        type Rejection = std::convert::Infallible;

        async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
            Ok(parts.extensions.get::<Self>().cloned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn obligations_must_be_understood_and_met() {
        let obligation =
            |category: &str, value: &str| ObligationValue { category: category.into(), value: value.into() };
        assert!(met(obligation(MINIMUM_LEVEL, "3")).is_ok());
        assert!(matches!(met(obligation(MINIMUM_LEVEL, "4")), Err(Denied::Obligation { .. })));
        assert!(matches!(met(obligation(MINIMUM_LEVEL, "high")), Err(Denied::Obligation { .. })));
        assert!(matches!(met(obligation("urn:example:unknown", "1")), Err(Denied::Obligation { .. })));
    }

    #[test]
    fn a_bearer_token_is_found_in_its_header_only() {
        let headers = |value: &str| HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]);
        assert_eq!(bearer(&headers("Bearer abc")), Some("abc"));
        assert_eq!(bearer(&headers("bearer abc")), Some("abc"));
        assert_eq!(bearer(&headers("Basic abc")), None);
        assert_eq!(bearer(&headers("Bearer ")), None);
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
