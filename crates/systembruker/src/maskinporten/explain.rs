//! Why a client gets a token, or does not: the whole chain walked link by link. An addition of ours.
//!
//! The token endpoint says what is wrong first. Here everything is said at once, with what is right, for a client of the
//! caller's own organisation, without a grant.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use model::{Client, OrgNumber, RegisteredSystem};
use serde::{Deserialize, Serialize};
use token::grant::SystemUserRequest;
use utoipa::ToSchema;

use super::diagnosis::diagnose;
use crate::app::App;
use crate::http::caller::Scoped;
use crate::http::caller::scope::TokenChain;
use crate::http::extract::Json;
use crate::http::problem::ApiError;
use crate::read_model::ClientEntry;
use crate::resource_registry::builtin::platform_owner;

/// The most scopes that are looked at.
const MAX_SCOPES: usize = 50;

/// What is asked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenQuestion {
    /// The Maskinporten client.
    client_id: String,
    /// The scopes, with spaces between.
    scope: String,
    /// The customer's organisation number, for a token for its system user.
    #[serde(default)]
    customer: Option<String>,
    /// The vendor's reference; the customer's number where none is given.
    #[serde(default)]
    external_ref: Option<String>,
}

/// Whether a token would be given, and why.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenExplanation {
    /// Whether every link is good.
    would_be_issued: bool,
    links: Vec<Link>,
}

/// A link of the chain.
#[derive(Debug, Serialize, ToSchema)]
pub struct Link {
    /// `client`, `key`, `scope`, `system`, `customer` or `systemUser`.
    link: &'static str,
    /// Which one.
    #[serde(skip_serializing_if = "Option::is_none")]
    which: Option<String>,
    /// Whether it is good.
    good: bool,
    /// How it stands, and what to do where it is not good.
    text: String,
}

impl Link {
    fn good(link: &'static str, which: impl Into<String>, text: impl Into<String>) -> Self {
        Self { link, which: Some(which.into()), good: true, text: text.into() }
    }

    fn bad(link: &'static str, which: Option<String>, text: impl Into<String>) -> Self {
        Self { link, which, good: false, text: text.into() }
    }
}

/// Walks the chain to a token
///
/// For clients of the caller's own organisation; the platform may ask about all, with
/// altinn:maskinporten/systemuser.read. Takes a token with a scope for requests, systems or clients.
#[utoipa::path(
    post, path = "/systembruker/api/v1/tokens/explain", tag = "For vendors", request_body = TokenQuestion,
    responses((status = 200, description = "Every link with its state", body = TokenExplanation),
        (status = 400, description = "A member is missing or cannot be read"), (status = 401, description = "No valid token"),
        (status = 403, description = "The client is not one of the caller's organisation"), (status = 415, description = "The body is not JSON"))
)]
pub async fn explain_token(
    State(app): State<Arc<App>>,
    caller: Scoped<TokenChain>,
    Json(asked): Json<TokenQuestion>,
) -> Result<Json<TokenExplanation>, ApiError> {
    // An organisation for itself: neither a person who uses its program, nor one that acts for another.
    if caller.person.is_some() || caller.claims.supplier.is_some() {
        return Err(ApiError::Bare(StatusCode::FORBIDDEN));
    }
    let organisation = caller.require_org()?;
    let is_platform =
        platform_owner(&app.model) == Some(organisation) && caller.has_scope("altinn:maskinporten/systemuser.read");
    let client = app.model.client(asked.client_id.trim());
    // Whether another organisation's client exists is not told.
    let client = client.filter(|entry| is_platform || entry.client.org == organisation);
    let client = client.ok_or(ApiError::Bare(StatusCode::FORBIDDEN))?;
    let customer = asked.customer.as_deref().map(|text| read_customer(text.trim())).transpose()?;
    let mut links = vec![client_link(&client.client), key_link(&app, &client)];
    let scopes = asked.scope.split(' ').filter(|scope| !scope.is_empty()).take(MAX_SCOPES);
    links.extend(scopes.map(|scope| scope_link(&app, &client.client, scope)));
    if let Some(customer) = customer {
        let external_ref = asked.external_ref.filter(|text| !text.trim().is_empty());
        links.extend(system_user_links(&app, &client.client, customer, external_ref).await?);
    }
    Ok(Json(TokenExplanation { would_be_issued: links.iter().all(|link| link.good), links }))
}

fn read_customer(text: &str) -> Result<OrgNumber, ApiError> {
    text.parse().map_err(|error: model::OrgNumberError| ApiError::member("customer", format!("{error}.")))
}

fn client_link(client: &Client) -> Link {
    if client.active {
        return Link::good("client", &client.client_id, format!("The client belongs to {} and is active.", client.org));
    }
    Link::bad(
        "client",
        Some(client.client_id.clone()),
        "The client is deactivated, and never active again. Make a new one.",
    )
}

fn key_link(app: &App, client: &ClientEntry) -> Link {
    let now = app.clock.now();
    let good = client.keys.iter().filter(|(_, key)| now < key.expires);
    match good.map(|(kid, key)| (key.expires, kid)).max() {
        Some((expires, kid)) => Link::good("key", kid, format!("The key is good until {expires}.")),
        None if client.keys.is_empty() => {
            Link::bad("key", None, "The client has no key. Post one, or sign with an enterprise certificate.")
        }
        None => Link::bad("key", None, "Every key of the client has expired. Post a new one."),
    }
}

fn scope_link(app: &App, client: &Client, name: &str) -> Link {
    let bad = |text: &str| Link::bad("scope", Some(name.to_owned()), text);
    let Some(entry) = app.model.scope(name).filter(|entry| entry.scope.active) else {
        return bad("There is no such scope, or it is not active any more.");
    };
    if !client.scopes.iter().any(|scope| scope == name) {
        return bad("The scope is not on the client. Put it there.");
    }
    let scope = &entry.scope;
    let is_free = scope.accessible_for_all || scope.owner == client.org || entry.consumers.contains(&client.org);
    if !is_free {
        return bad("The scope is not granted to the client's organisation. Ask the owner of the API for it.");
    }
    Link::good("scope", name, "The scope is on the client, and its organisation may use it.")
}

async fn system_user_links(
    app: &App,
    client: &Client,
    customer: OrgNumber,
    external_ref: Option<String>,
) -> Result<Vec<Link>, ApiError> {
    let mut links = Vec::new();
    let system = app.model.system_of_client(&client.client_id);
    links.push(system_link(app, client, system.as_deref()));
    links.push(match app.model.parties().by_number(customer) {
        Some(party) => Link::good("customer", customer.to_string(), format!("The customer is {}.", party.name)),
        None => {
            let text = "There is no organisation with this number. Check it.";
            Link::bad("customer", Some(customer.to_string()), text)
        }
    });
    let Some(system) = system.filter(|system| system.vendor == client.org) else {
        links.push(Link::bad("systemUser", None, "Without a system there is no system user."));
        return Ok(links);
    };
    let reference = external_ref.clone().unwrap_or_else(|| customer.to_string());
    links.push(match app.model.system_user_of(system.internal_id, customer, &reference) {
        Some(user) => Link::good("systemUser", user.id.to_string(), "The customer has approved the system user."),
        None => {
            let asked = SystemUserRequest { owner: customer, external_ref };
            Link::bad("systemUser", Some(reference), diagnose(app, &client.client_id, &asked).await?.reason())
        }
    });
    Ok(links)
}

fn system_link(app: &App, client: &Client, system: Option<&RegisteredSystem>) -> Link {
    match system {
        Some(system) if system.vendor != client.org => {
            let text = "The client and the system belong to different organisations. Use a client of the vendor's own.";
            Link::bad("system", Some(system.id.to_string()), text)
        }
        Some(system) => Link::good("system", system.id.to_string(), "The client is on the system's list."),
        None => match app.model.deleted_system_of_client(&client.client_id, client.org) {
            Some(system) => {
                Link::bad("system", Some(system.id.to_string()), "The system is deleted. Register a new one.")
            }
            None => {
                Link::bad("system", None, "The client is on no system's list in the system register. Put it there.")
            }
        },
    }
}
