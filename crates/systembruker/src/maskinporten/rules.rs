//! The checks between a grant and a token, in their order.
//!
//! [`authenticate`] looks at the grant and the client; [`authorize`] at what may be given to it. They are apart because
//! a grant is used up between them, and because the second is asked again if something changed while the token was
//! signed.

use std::sync::Arc;

use jiff::Timestamp;
use model::{Client, NationalId, OrgNumber};
use token::access_token::SystemUserDetail;
use token::grant::{Grant, SystemUserRequest, TimeRules, check_times};
use token::jws::Jws;

use super::refusal::{NoSystemUser, Refusal};
use crate::read_model::{ClientEntry, ReadModel};

/// A grant that is the client's and valid now. It may have been used before.
#[derive(Debug)]
pub struct Authenticated {
    /// The client.
    pub client: Arc<ClientEntry>,
    /// The grant.
    pub grant: Grant,
}

/// What may be given for a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// The client's organisation.
    pub consumer: OrgNumber,
    /// How long the token shall last, in seconds.
    pub lifetime: i64,
    /// The system user it shall be for.
    pub system_user: Option<SystemUserDetail>,
}

/// Reads the grant, finds the client and its key, and checks signature, audience and times.
pub fn authenticate(
    model: &ReadModel,
    issuer: &str,
    assertion: &str,
    now: Timestamp,
) -> Result<Authenticated, Refusal> {
    let jws = Jws::parse(assertion.trim()).map_err(Refusal::Malformed)?;
    // Nothing of the payload is believed before the signature is verified; it says whose key to verify with.
    let grant = Grant::parse(jws.unverified_payload()).map_err(Refusal::Claims)?;
    let client = model.client(&grant.iss).filter(|entry| entry.client.active).ok_or(Refusal::UnknownClient)?;
    let kid = match (&jws.header().kid, &jws.header().x5c) {
        (Some(kid), _) => kid,
        (None, Some(_)) => return Err(Refusal::Certificate),
        (None, None) => return Err(Refusal::NoKeyId),
    };
    let (key, expires) = client.keys.get(kid).ok_or(Refusal::UnknownKey)?;
    jws.verify(key).map_err(|_| Refusal::Signature)?;
    // Only the owner of the key learns that it has expired.
    if now >= *expires {
        return Err(Refusal::ExpiredKey);
    }
    if grant.aud != issuer {
        return Err(Refusal::Audience { expected: issuer.to_owned() });
    }
    check_times(&grant, now.as_second(), TimeRules::default()).map_err(Refusal::Time)?;
    Ok(Authenticated { client, grant })
}

/// Checks what the client asks for against what it and its organisation have.
pub fn authorize(model: &ReadModel, authenticated: &Authenticated) -> Result<Issue, Refusal> {
    let grant = &authenticated.grant;
    // The client may have changed since it was authenticated.
    let client = model.client(&grant.iss).filter(|entry| entry.client.active).ok_or(Refusal::UnknownClient)?;
    let client = &client.client;
    let lifetime = scopes(model, client, grant)?;
    if let Some(consumer) = &grant.consumer_org {
        return Err(delegated_scopes(client, grant, consumer));
    }
    if grant.pid.as_ref().is_some_and(|pid| pid.parse::<NationalId>().is_err()) {
        return Err(Refusal::EndUser);
    }
    let system_user = match grant.system_user_request().map_err(Refusal::Details)? {
        None => None,
        Some(asked) => Some(system_user(model, client, &asked).map_err(Refusal::NoSystemUser)?),
    };
    Ok(Issue { consumer: client.org, lifetime, system_user })
}

/// Checks the scopes, and finds how long a token with them lasts.
fn scopes(model: &ReadModel, client: &Client, grant: &Grant) -> Result<i64, Refusal> {
    let missing: Vec<String> = grant
        .scopes()
        .filter(|asked| {
            let on_client = client.scopes.iter().any(|scope| scope == asked);
            !on_client || model.scope(asked).is_none_or(|entry| !entry.scope.active)
        })
        .map(printable)
        .collect();
    if !missing.is_empty() {
        return Err(Refusal::ScopeNotOnClient(missing));
    }
    let mut lifetime = client.access_token_lifetime.clamp(1, Client::MAX_TOKEN_LIFETIME);
    for entry in grant.scopes().filter_map(|asked| model.scope(asked)) {
        let scope = &entry.scope;
        let types = &scope.allowed_integration_types;
        if !types.is_empty() && !types.iter().any(|allowed| allowed == "maskinporten") {
            return Err(Refusal::ScopeNotForMaskinporten(scope.name.to_string()));
        }
        if !scope.accessible_for_all && scope.owner != client.org && !entry.consumers.contains(&client.org) {
            return Err(Refusal::ScopeNotGranted(scope.name.to_string()));
        }
        if scope.at_max_age > 0 {
            lifetime = lifetime.min(scope.at_max_age);
        }
    }
    Ok(lifetime)
}

fn printable(scope: &str) -> String {
    scope.chars().take(255).collect()
}

/// No organisation has delegated scopes to another yet, so that a consumer is always refused.
fn delegated_scopes(client: &Client, grant: &Grant, consumer: &str) -> Refusal {
    match consumer.parse::<OrgNumber>() {
        Ok(consumer) if consumer == client.org => Refusal::ConsumerIsOwn,
        _ => Refusal::NotDelegated {
            consumer: printable(consumer),
            scope: printable(grant.scopes().next().unwrap_or_default()),
            supplier: client.org,
        },
    }
}

/// The system user of the client's system for the customer. What is missing is named as far as memory tells; see
/// [`super::api`] for what the database adds.
fn system_user(
    model: &ReadModel,
    client: &Client,
    asked: &SystemUserRequest,
) -> Result<SystemUserDetail, NoSystemUser> {
    let Some(system) = model.system_of_client(&client.client_id) else {
        let deleted = model.deleted_system_of_client(&client.client_id).filter(|system| system.vendor == client.org);
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
