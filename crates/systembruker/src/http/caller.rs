//! Who calls an API: an organisation with a Maskinporten token of ours.
//!
//! A handler names the scope it needs in its signature: `caller: Scoped<SystemRegisterWrite>`. The token is looked at
//! before anything else of the request, so that a foreign caller learns nothing from how its input is refused.

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use aws_lc_rs::digest;
use axum::extract::FromRequestParts;
use dashmap::DashMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use model::{OrgNumber, Person};
use serde::Deserialize;
use store::ChangeContext;
use token::access_token::AccessTokenClaims;
use token::jws::Jws;
use token::keys::VerifyingKey;
use uuid::Uuid;

use super::faces::Face;
use super::problem::ApiError;
use super::request_id;
use crate::app::App;

/// How far a token's `exp` may lie behind our clock, in seconds.
pub const CLOCK_SKEW: i64 = 10;

/// The scopes that handlers ask for.
pub mod scope {
    /// A requirement: one of these scopes, exactly.
    pub trait RequiredScope: Send + Sync {
        /// Any of them will do; none is needed where there are none.
        const ANY_OF: &'static [&'static str];
    }

    /// Whatever the token is for.
    #[derive(Debug, Clone, Copy)]
    pub struct Authenticated;

    impl RequiredScope for Authenticated {
        const ANY_OF: &'static [&'static str] = &[];
    }

    macro_rules! scopes {
        ($($(#[$doc:meta])* $name:ident = $($scope:literal)|+;)*) => {
            $($(#[$doc])* #[derive(Debug, Clone, Copy)] pub struct $name;
            impl RequiredScope for $name { const ANY_OF: &'static [&'static str] = &[$($scope),+]; })*
        };
    }

    scopes! {
        /// Register and change systems.
        SystemRegisterWrite = "altinn:authentication/systemregister.write" | "altinn:authentication/systemregister.admin";
        /// What the portal does for persons.
        Portal = "altinn:portal/enduser";
        /// Ask for system users.
        RequestWrite = "altinn:authentication/systemuser.request.write";
        /// Read one's requests.
        RequestRead = "altinn:authentication/systemuser.request.read";
        /// Ask what becomes of one's clients' grants.
        TokenChain = "altinn:authentication/systemuser.request.read" | "altinn:authentication/systemuser.request.write"
            | "altinn:authentication/systemregister.write" | "altinn:authentication/systemregister.admin"
            | "altinn:maskinporten/systemuser.read" | "idporten:dcr.read" | "idporten:dcr.write";
        /// Look up system users for Maskinporten.
        SystemUserLookup = "altinn:maskinporten/systemuser.read";
        /// Register resources.
        ResourceWrite = "altinn:resourceregistry/resource.write" | "altinn:resourceregistry/resource.admin";
        /// Read one's access lists.
        AccessListRead = "altinn:resourceregistry/accesslist.read" | "altinn:resourceregistry/accesslist.write"
            | "altinn:resourceregistry/pdp:accesslist.read" | "altinn:resourceregistry/resource.admin";
        /// Change one's access lists.
        AccessListWrite = "altinn:resourceregistry/accesslist.write" | "altinn:resourceregistry/resource.admin";
        /// Read who is on access lists, whosever they are.
        MembershipRead = "altinn:resourceregistry/pdp:accesslist.read" | "altinn:resourceregistry/resource.admin";
        /// See what one party lets another do for it.
        ConnectionRead = "altinn:portal/enduser" | "altinn:accessmanagement/enduser:connections:toothers.read"
            | "altinn:accessmanagement/enduser:connections:toothers.write"
            | "altinn:accessmanagement/enduser:connections:fromothers.read"
            | "altinn:accessmanagement/enduser:connections:fromothers.write";
        /// Change what one party lets another do for it.
        ConnectionWrite = "altinn:portal/enduser" | "altinn:accessmanagement/enduser:connections:toothers.write"
            | "altinn:accessmanagement/enduser:connections:fromothers.write";
        /// See for which clients agents' system users act, as a program of an end user.
        ClientsRead = "altinn:clientdelegations.read";
        /// Change it, as a program of an end user.
        ClientsWrite = "altinn:clientdelegations.write";
        /// See for which clients agents act.
        ClientDelegationRead = "altinn:portal/enduser" | "altinn:clientdelegations.read" | "altinn:clientdelegations.write";
        /// Change for which clients agents act.
        ClientDelegationWrite = "altinn:portal/enduser" | "altinn:clientdelegations.write";
        /// See which parties somebody may act for, as an owner of resources.
        AuthorizedPartiesOwner = "altinn:accessmanagement/authorizedparties.resourceowner"
            | "altinn:accessmanagement/authorizedparties.admin";
        /// See which parties oneself may act for.
        AuthorizedPartiesOwn = "altinn:portal/enduser" | "altinn:accessmanagement/authorizedparties";
        /// Look up delegations of scopes.
        ScopeDelegationLookup = "altinn:maskinporten/delegations" | "altinn:maskinporten/delegations.admin";
        /// Ask for decisions.
        Authorize = "altinn:authorization/authorize" | "altinn:authorization/authorize.admin";
        /// Read one's Maskinporten clients.
        ClientRead = "idporten:dcr.read" | "idporten:dcr.write" | "idporten:dcr.modify" | "idporten:dcr.supplier";
        /// Change Maskinporten clients and their keys.
        ClientModify = "idporten:dcr.write" | "idporten:dcr.modify" | "idporten:dcr.supplier";
        /// Create and deactivate Maskinporten clients.
        ClientWrite = "idporten:dcr.write" | "idporten:dcr.supplier";
        /// Read what one was granted.
        AccessRead = "idporten:scopes.write" | "idporten:dcr.read" | "idporten:dcr.write" | "idporten:dcr.modify";
        /// Create and grant scopes.
        ScopeWrite = "idporten:scopes.write";
    }
}

/// The organisation that calls.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The token's claims, verified.
    pub claims: Arc<AccessTokenClaims>,
    /// The organisation, where the token names one.
    pub org: Option<OrgNumber>,
    /// The person, where the token is one's.
    pub person: Option<CallingPerson>,
}

/// The person that a token of the platform is about.
#[derive(Debug, Clone)]
pub struct CallingPerson {
    /// The person.
    pub person: Arc<Person>,
    /// How surely the platform knows, 0 to 4.
    pub level: i64,
}

impl Caller {
    /// Who sends these headers; without a valid token nobody, which is 401.
    pub fn of(app: &App, headers: &HeaderMap) -> Result<Self, ApiError> {
        authenticate(app, headers).ok_or(ApiError::Bare(StatusCode::UNAUTHORIZED))
    }

    /// Whether a token is one that the platform gave to a component of its own.
    pub fn is_component(app: &App, token: &str) -> bool {
        verified(app, token).is_some_and(|token| token.is_platforms && token.is_of_component)
    }

    /// The person; without one nobody can be asked what they may do.
    pub fn require_person(&self) -> Result<&CallingPerson, ApiError> {
        self.person.as_ref().ok_or(ApiError::Bare(StatusCode::FORBIDDEN))
    }

    /// The organisation; without one nothing can be anybody's own.
    pub fn require_org(&self) -> Result<OrgNumber, ApiError> {
        self.org.ok_or(ApiError::Bare(StatusCode::FORBIDDEN))
    }

    /// Whether the token has this scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.claims.has_scope(scope)
    }

    /// How the caller stands in the change log and the audit journal.
    pub fn context(&self) -> ChangeContext {
        let of_org = || self.org.map_or_else(|| "unknown".to_owned(), |org| format!("org:{org}"));
        ChangeContext {
            actor: self.person.as_ref().map_or_else(of_org, |of| format!("person:{}", of.person.party_uuid)),
            on_behalf_of: None,
            client_id: Some(self.claims.client_id.clone()).filter(|id| !id.is_empty()),
            request_id: Some(request_id::current()),
        }
    }
}

/// A [`Caller`] whose token has one of the scopes of `S`. Anyone else gets 401 or 403 and an empty body.
#[derive(Debug, Clone)]
pub struct Scoped<S> {
    caller: Caller,
    scope: PhantomData<S>,
}

impl<S> Deref for Scoped<S> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl<S: scope::RequiredScope> FromRequestParts<Arc<App>> for Scoped<S> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let caller = Caller::of(app, &parts.headers)?;
        if S::ANY_OF.is_empty() || S::ANY_OF.iter().any(|scope| caller.has_scope(scope)) {
            Ok(Self { caller, scope: PhantomData })
        } else {
            Err(ApiError::Bare(StatusCode::FORBIDDEN))
        }
    }
}

/// The issuer of the platform's own tokens, with its trailing slash.
pub fn platform_issuer(app: &App) -> String {
    app.faces.join(Face::Platform, "authentication/api/v1/openid/")
}

/// What a token of the platform says of a person. Numbers are written as texts by some.
#[derive(Debug, Deserialize)]
struct PersonClaims {
    #[serde(rename = "urn:altinn:userid", default)]
    user_id: serde_json::Value,
    #[serde(rename = "urn:altinn:party:uuid", default)]
    party_uuid: Option<Uuid>,
    #[serde(rename = "urn:altinn:authlevel", default)]
    level: serde_json::Value,
    /// The component of the platform, where it is no person's.
    #[serde(rename = "urn:altinn:app", default)]
    component: Option<String>,
}

fn number(value: &serde_json::Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

impl PersonClaims {
    fn person(&self, app: &App) -> Option<CallingPerson> {
        let parties = app.model.parties();
        let by_user_id = || number(&self.user_id).and_then(|id| parties.person_by_user_id(id));
        let person = self.party_uuid.and_then(|uuid| parties.person(uuid)).or_else(by_user_id)?;
        Some(CallingPerson { person, level: number(&self.level).unwrap_or_default() })
    }
}

/// The most tokens that are remembered as verified.
const MAX_VERIFIED: usize = 10_000;

/// A token whose signature was verified, with what it says.
#[derive(Debug)]
struct VerifiedToken {
    kid: String,
    /// Whether it is one of the platform's, not of Maskinporten's.
    is_platforms: bool,
    claims: Arc<AccessTokenClaims>,
    person: Option<PersonClaims>,
    /// Whether it is one of a component, which has no scopes.
    is_of_component: bool,
}

/// Tokens that were verified, by their hash, so that a caller's signature is verified once and not with every call.
/// Everything that can change is looked at anew each time: the clock, the keys, the persons.
#[derive(Debug, Default)]
pub struct VerifiedTokens(DashMap<[u8; 32], Arc<VerifiedToken>>);

impl VerifiedTokens {
    fn get(&self, hash: &[u8; 32]) -> Option<Arc<VerifiedToken>> {
        self.0.get(hash).map(|token| Arc::clone(&token))
    }

    fn put(&self, hash: [u8; 32], token: Arc<VerifiedToken>) {
        if self.0.len() >= MAX_VERIFIED {
            self.0.clear();
        }
        self.0.insert(hash, token);
    }
}

/// The caller by its bearer token: one that this installation's Maskinporten issued, or its platform, and that has not
/// expired.
fn authenticate(app: &App, headers: &HeaderMap) -> Option<Caller> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let verified = verified(app, token.trim())?;
    let claims = &verified.claims;
    let person = verified.person.as_ref().and_then(|claims| claims.person(app));
    Some(Caller { org: claims.consumer_org(), claims: Arc::clone(claims), person })
}

/// A token of this installation that is good now.
fn verified(app: &App, token: &str) -> Option<Arc<VerifiedToken>> {
    let hash = digest::digest(&digest::SHA256, token.as_bytes()).as_ref().try_into().ok()?;
    let verified = match app.verified_tokens.get(&hash) {
        Some(verified) => {
            // A key that was withdrawn takes its tokens with it.
            verifying_key(app, &verified.kid).filter(|(_, is_platforms)| *is_platforms == verified.is_platforms)?;
            verified
        }
        None => {
            let verified = Arc::new(verify(app, token)?);
            app.verified_tokens.put(hash, Arc::clone(&verified));
            verified
        }
    };
    let claims = &verified.claims;
    let is_live = app.clock.seconds() < claims.exp.saturating_add(CLOCK_SKEW);
    let is_ours =
        if verified.is_platforms { claims.iss == platform_issuer(app) } else { claims.iss == app.faces.issuer() };
    (is_ours && is_live).then_some(verified)
}

/// The key with this id, if it verifies now, and whether it is the platform's.
fn verifying_key(app: &App, kid: &str) -> Option<(Arc<VerifyingKey>, bool)> {
    let now = app.clock.now();
    let of_maskinporten = app.model.maskinporten_keys().verifying(kid, now).map(|key| (key, false));
    let of_platform = || app.model.platform_keys().verifying(kid, now);
    of_maskinporten.or_else(|| of_platform().map(|key| (key, true)))
}

fn verify(app: &App, token: &str) -> Option<VerifiedToken> {
    let jws = Jws::parse(token).ok()?;
    let kid = jws.header().kid.clone()?;
    let (key, is_platforms) = verifying_key(app, &kid)?;
    let payload = jws.verify(&key).ok()?;
    let claims = Arc::new(serde_json::from_slice(payload).ok()?);
    let person: Option<PersonClaims> = if is_platforms { Some(serde_json::from_slice(payload).ok()?) } else { None };
    let is_of_component = person.as_ref().is_some_and(|claims| claims.component.is_some());
    Some(VerifiedToken { kid, is_platforms, claims, person, is_of_component })
}
