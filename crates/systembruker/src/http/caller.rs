//! Who calls an API: an organisation with a Maskinporten token of ours.
//!
//! A handler names the scope it needs in its signature: `caller: Scoped<SystemRegisterWrite>`. The token is looked at
//! before anything else of the request, so that a foreign caller learns nothing from how its input is refused.

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use model::OrgNumber;
use store::ChangeContext;
use token::access_token::AccessTokenClaims;
use token::jws::Jws;

use super::problem::ApiError;
use super::request_id;
use crate::app::App;

/// How far a token's `exp` may lie behind our clock, in seconds.
const CLOCK_SKEW: i64 = 10;

/// The scopes that handlers ask for.
pub mod scope {
    /// A requirement: one of these scopes, exactly.
    pub trait RequiredScope: Send + Sync {
        /// Any of them will do.
        const ANY_OF: &'static [&'static str];
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
        /// Ask for system users.
        RequestWrite = "altinn:authentication/systemuser.request.write";
        /// Read one's requests.
        RequestRead = "altinn:authentication/systemuser.request.read";
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
    pub claims: AccessTokenClaims,
    /// The organisation, where the token names one.
    pub org: Option<OrgNumber>,
}

impl Caller {
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
        ChangeContext {
            actor: self.org.map_or_else(|| "unknown".to_owned(), |org| format!("org:{org}")),
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
        let caller = authenticate(app, &parts.headers).ok_or(ApiError::Bare(StatusCode::UNAUTHORIZED))?;
        if S::ANY_OF.iter().any(|scope| caller.has_scope(scope)) {
            Ok(Self { caller, scope: PhantomData })
        } else {
            Err(ApiError::Bare(StatusCode::FORBIDDEN))
        }
    }
}

/// The caller by its bearer token: one that this installation's Maskinporten issued and that has not expired.
fn authenticate(app: &App, headers: &HeaderMap) -> Option<Caller> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let jws = Jws::parse(token.trim()).ok()?;
    let key = app.model.maskinporten_keys().verifying(jws.header().kid.as_deref()?, app.clock.now())?;
    let claims: AccessTokenClaims = serde_json::from_slice(jws.verify(&key).ok()?).ok()?;
    let ours = claims.iss == app.faces.issuer();
    let live = app.clock.seconds() < claims.exp + CLOCK_SKEW;
    (ours && live).then(|| Caller { org: claims.consumer_org(), claims })
}
