//! The checks between a grant and a token, in their order.
//!
//! [`authenticate`] looks at the grant and the client; [`authorize`] at what may be given to it. They are apart because
//! a grant is used up between them, and because the second is asked again if something changed while the token was
//! signed.

use std::sync::Arc;

use jiff::Timestamp;
use model::{Client, NationalId, OrgNumber, ScopeDelegation};
use token::access_token::SystemUserDetail;
use token::certificates::{CertificateChain, EnterpriseCertificates, UntrustedCertificate};
use token::grant::{Grant, Strictness, SystemUserRequest, check_times};
use token::jws::Jws;
use token::keys::Algorithm;

use super::refusal::{NoSystemUser, Refusal};
use crate::read_model::{ClientEntry, ClientKeyEntry, ReadModel, ScopeEntry};

/// What grants are checked against, beside the read model.
#[derive(Debug, Clone, Copy)]
pub struct GrantRules<'a> {
    /// The issuer, which ends with a slash.
    pub issuer: &'a str,
    /// How strictly grants are read.
    pub strictness: Strictness,
    /// The enterprise certificates that are accepted.
    pub certificates: Option<&'a EnterpriseCertificates>,
}

/// How a client has shown who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthenticationMethod {
    /// With a registered key.
    PrivateKey,
    /// With an enterprise certificate.
    EnterpriseCertificate,
}

impl AuthenticationMethod {
    /// The method as `client_amr` names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PrivateKey => "private_key_jwt",
            Self::EnterpriseCertificate => "virksomhetssertifikat",
        }
    }
}

/// A grant that is the client's and valid now. It may have been used before.
#[derive(Debug)]
pub struct Authenticated {
    /// The client.
    pub client: Arc<ClientEntry>,
    /// How it has shown who it is.
    pub method: AuthenticationMethod,
    /// The grant.
    pub grant: Grant,
}

/// What may be given for a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// For whom: the client's organisation, or the one that has delegated to it.
    pub consumer: OrgNumber,
    /// By delegation: the client's organisation, and where the delegation is registered.
    pub delegation: Option<(OrgNumber, String)>,
    /// How long the token shall last, in seconds.
    pub lifetime: i64,
    /// The system user it shall be for.
    pub system_user: Option<SystemUserDetail>,
    /// The scope prefixes of the organisation, where the token is for the platform's APIs for owners of APIs.
    pub consumer_prefix: Vec<String>,
}

/// Reads the grant, finds the client and its key, and checks signature, audience and times.
pub fn authenticate(
    model: &ReadModel,
    rules: &GrantRules<'_>,
    assertion: &str,
    now: Timestamp,
) -> Result<Authenticated, Refusal> {
    let jws = Jws::parse(assertion).map_err(Refusal::Malformed)?;
    // Nothing of the payload is believed before the signature is verified; it says whose key to verify with.
    let grant = Grant::parse(jws.unverified_payload(), rules.strictness).map_err(Refusal::Claims)?;
    let client = model.client(&grant.iss).filter(|entry| entry.client.active).ok_or(Refusal::UnknownClient)?;
    let method = match (&jws.header().kid, &jws.header().x5c) {
        (Some(kid), _) => by_key(&jws, client.keys.get(kid).ok_or(Refusal::UnknownKey)?, rules, now)?,
        // A client that has registered keys has chosen how it is known.
        (None, Some(x5c)) if client.keys.is_empty() => by_certificate(&jws, x5c, &client.client, rules, now)?,
        (None, Some(_)) => return Err(Refusal::CertificateInsteadOfKey),
        (None, None) => return Err(Refusal::NoKeyId),
    };
    if !rules.strictness.is_for(&grant.aud, rules.issuer) {
        return Err(Refusal::Audience { expected: rules.issuer.to_owned() });
    }
    check_times(&grant, now.as_second(), rules.strictness.time_rules()).map_err(Refusal::Time)?;
    Ok(Authenticated { client, method, grant })
}

fn by_key(
    jws: &Jws<'_>,
    key: &ClientKeyEntry,
    rules: &GrantRules<'_>,
    now: Timestamp,
) -> Result<AuthenticationMethod, Refusal> {
    jws.verify(&key.key).map_err(|_| Refusal::Signature)?;
    // Only the owner of the key learns that it has expired.
    if now >= key.expires {
        return Err(Refusal::ExpiredKey);
    }
    if let Some(chain) = &key.certificates {
        trusted(chain, rules, now)?;
    }
    Ok(AuthenticationMethod::PrivateKey)
}

fn by_certificate(
    jws: &Jws<'_>,
    x5c: &serde_json::Value,
    client: &Client,
    rules: &GrantRules<'_>,
    now: Timestamp,
) -> Result<AuthenticationMethod, Refusal> {
    let chain = CertificateChain::from_x5c(x5c).map_err(Refusal::MalformedChain)?;
    let organisation = trusted(&chain, rules, now)?;
    // The certificate binds the key to RSA, and the header only chooses the digest.
    let algorithm = Algorithm::from_name(&jws.header().alg).ok_or(Refusal::Signature)?;
    let key = chain.verifying_key(algorithm).map_err(|_| Refusal::Certificate(UntrustedCertificate::Invalid))?;
    jws.verify(&key).map_err(|_| Refusal::Signature)?;
    if organisation != client.org {
        return Err(Refusal::CertificateOfAnother);
    }
    Ok(AuthenticationMethod::EnterpriseCertificate)
}

fn trusted(chain: &CertificateChain, rules: &GrantRules<'_>, now: Timestamp) -> Result<OrgNumber, Refusal> {
    let certificates = rules.certificates.ok_or(UntrustedCertificate::NotSetUp);
    certificates.and_then(|trusted| trusted.verify(chain, now.as_second())).map_err(Refusal::Certificate)
}

/// Checks what the client asks for against what it and its organisation have.
pub fn authorize(model: &ReadModel, authenticated: &Authenticated) -> Result<Issue, Refusal> {
    let grant = &authenticated.grant;
    // The client may have changed since it was authenticated.
    let client = model.client(&grant.iss).filter(|entry| entry.client.active).ok_or(Refusal::UnknownClient)?;
    let client = &client.client;
    let (scopes, lifetime) = scopes(model, client, grant)?;
    let (consumer, delegation) = match grant.consumer_org {
        None => (client.org, None),
        Some(consumer) => (consumer, Some((client.org, delegation(model, client.org, consumer, &scopes)?))),
    };
    granted(consumer, &scopes)?;
    if grant.pid.as_ref().is_some_and(|pid| pid.expose().parse::<NationalId>().is_err()) {
        return Err(Refusal::EndUser);
    }
    let system_user = match grant.system_user_request().map_err(Refusal::Details)? {
        None => None,
        // A system user acts for its owner by the owner's own word; another's scopes would be a second one.
        Some(_) if delegation.is_some() => return Err(Refusal::DelegationAndSystemUser),
        Some(asked) => Some(system_user(model, client, &asked).map_err(Refusal::NoSystemUser)?),
    };
    let for_owners = |scope: &&str| FOR_API_OWNERS.iter().any(|prefix| scope.starts_with(prefix));
    let consumer_prefix =
        if grant.scopes().any(|scope| for_owners(&scope)) { model.prefixes_of(consumer) } else { vec![] };
    Ok(Issue { consumer, delegation, lifetime, system_user, consumer_prefix })
}

/// The platform's scopes whose APIs look at which scope prefixes the caller has.
const FOR_API_OWNERS: [&str; 2] = ["altinn:maskinporten/", "altinn:resourceregistry/"];

/// Finds the scopes asked for, which must all be the client's, and how long a token with them lasts.
fn scopes(model: &ReadModel, client: &Client, grant: &Grant) -> Result<(Vec<Arc<ScopeEntry>>, i64), Refusal> {
    let mut found = Vec::new();
    let (mut invalid, mut gone) = (Vec::new(), Vec::new());
    for asked in grant.scopes() {
        let on_client = client.scopes.iter().any(|scope| scope == asked);
        match model.scope(asked).filter(|entry| on_client && entry.scope.active) {
            Some(entry) => found.push(entry),
            None => {
                invalid.push(shortened(asked));
                gone.extend(on_client.then(|| shortened(asked)));
            }
        }
    }
    if !invalid.is_empty() {
        return Err(Refusal::InvalidScopes { invalid, gone });
    }
    let mut lifetime = client.access_token_lifetime.clamp(1, Client::MAX_TOKEN_LIFETIME);
    for scope in found.iter().map(|entry| &entry.scope) {
        let types = &scope.allowed_integration_types;
        if !types.is_empty() && !types.iter().any(|allowed| allowed == "maskinporten") {
            return Err(Refusal::ScopeNotForMaskinporten(scope.name.to_string()));
        }
        if scope.at_max_age > 0 {
            lifetime = lifetime.min(scope.at_max_age);
        }
    }
    Ok((found, lifetime))
}

fn shortened(scope: &str) -> String {
    scope.chars().take(255).collect()
}

/// Checks that an organisation may use the scopes.
fn granted(consumer: OrgNumber, scopes: &[Arc<ScopeEntry>]) -> Result<(), Refusal> {
    let free = |entry: &ScopeEntry| {
        entry.scope.accessible_for_all || entry.scope.owner == consumer || entry.consumers.contains(&consumer)
    };
    match scopes.iter().find(|entry| !free(entry)) {
        None => Ok(()),
        Some(entry) => Err(Refusal::ScopeNotGranted(entry.scope.name.to_string())),
    }
}

/// Checks that the consumer has delegated every scope to the supplier; gives the registry in which it stands.
fn delegation(
    model: &ReadModel,
    supplier: OrgNumber,
    consumer: OrgNumber,
    scopes: &[Arc<ScopeEntry>],
) -> Result<String, Refusal> {
    if consumer == supplier {
        return Err(Refusal::ConsumerIsOwn);
    }
    let mut source = None;
    for entry in scopes {
        let scope = &entry.scope;
        let delegation = ScopeDelegation { scope: scope.name.clone(), consumer, supplier };
        let delegable = scope.delegation_source.is_some();
        // What the consumer may use itself is told only to those whom it has let act for it.
        if !delegable || !model.has_scope_delegation(&delegation) {
            return Err(Refusal::NotDelegated { consumer, scope: scope.name.to_string(), supplier, delegable });
        }
        if source.is_some() && source != scope.delegation_source.as_ref() {
            return Err(Refusal::DelegationSourcesDiffer);
        }
        source = scope.delegation_source.as_ref();
    }
    source.cloned().ok_or(Refusal::Internal)
}

/// The system user of the client's system for the customer. What is missing is named as far as memory tells; see
/// [`super::diagnosis`] for what the database adds.
fn system_user(
    model: &ReadModel,
    client: &Client,
    asked: &SystemUserRequest,
) -> Result<SystemUserDetail, NoSystemUser> {
    let Some(system) = model.system_of_client(&client.client_id) else {
        let deleted = model.deleted_system_of_client(&client.client_id, client.org);
        return Err(match deleted {
            Some(system) => NoSystemUser::SystemDeleted { system: system.id.to_string() },
            None => NoSystemUser::ClientInNoSystem,
        });
    };
    if system.vendor != client.org {
        return Err(NoSystemUser::VendorDiffers);
    }
    let external_ref = asked.external_ref.clone().unwrap_or_else(|| asked.owner.to_string());
    let user = model.system_user_of(system.internal_id, asked.owner, &external_ref).ok_or(NoSystemUser::None)?;
    Ok(SystemUserDetail::new(asked.owner, user.id.to_string(), system.id.to_string()))
}
