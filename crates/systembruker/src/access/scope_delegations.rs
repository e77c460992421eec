//! Delegations of scopes over HTTP: which organisation lets which other use a scope in its place.
//!
//! Maskinporten looks them up when a client asks for a token for another organisation (`consumer_org`). The look-up is
//! the official one; making and ending them is an addition of ours, for persons who administer access for the
//! organisation that gives.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use model::{OrgNumber, ScopeDelegation, ScopeName};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::compact::acted_for;
use super::connections::begin;
use crate::app::App;
use crate::http::caller::Scoped;
use crate::http::caller::scope::{ConnectionRead, ConnectionWrite, ScopeDelegationLookup};
use crate::http::extract::{Json, Query};
use crate::http::problem::ApiError;
use crate::resource_registry::builtin::ACCESS_MANAGEMENT;
use crate::resource_registry::rules;

/// The scope that opens delegations of every owner's scopes.
const ADMIN_SCOPE: &str = "altinn:maskinporten/delegations.admin";

/// The routes of delegations of scopes.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(look_up)).routes(routes!(list, give, take))
}

/// Between whom, and for what.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct LookUpQuery {
    /// The organisation that uses the scope.
    supplier_org: Option<String>,
    /// The organisation in whose place it does.
    consumer_org: Option<String>,
    /// The scope.
    scope: Option<String>,
}

/// A delegation, as Maskinporten reads it.
#[derive(Debug, Serialize, ToSchema)]
pub struct DelegationDto {
    consumer_org: String,
    supplier_org: String,
    #[serde(rename = "delegation_scheme_Id")]
    delegation_scheme_id: Option<Uuid>,
    scopes: Vec<String>,
    created: String,
    resourceid: Option<String>,
}

fn number(name: &'static str, given: Option<&String>) -> Result<Option<OrgNumber>, ApiError> {
    let given = given.map(|text| text.trim()).filter(|text| !text.is_empty());
    given
        .map(|text| text.parse().map_err(|_| ApiError::member(name, format!("{name} is not an organisation number."))))
        .transpose()
}

/// The registered API that a scope belongs to.
fn resource_of(app: &App, scope: &str) -> Option<String> {
    let refers = |resource: &model::Resource| rules::scopes(resource).iter().any(|known| known == scope);
    let found = app.model.resources().into_iter().find(|entry| refers(&entry.resource));
    found.map(|entry| entry.resource.identifier.clone())
}

/// Looks up delegations of scopes
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/maskinporten/delegations", tag = "Scope delegations", params(LookUpQuery),
    responses((status = 200, description = "The delegations; none is an empty list", body = [DelegationDto]),
        (status = 400, description = "No parameter, or not an organisation number"), (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope, or the scope asked about is another's"))
)]
pub async fn look_up(
    State(app): State<Arc<App>>,
    caller: Scoped<ScopeDelegationLookup>,
    Query(query): Query<LookUpQuery>,
) -> Result<Json<Vec<DelegationDto>>, ApiError> {
    let supplier = number("supplierOrg", query.supplier_org.as_ref())?;
    let consumer = number("consumerOrg", query.consumer_org.as_ref())?;
    let scope = query.scope.as_deref().map(str::trim).filter(|scope| !scope.is_empty());
    if supplier.is_none() && consumer.is_none() && scope.is_none() {
        let detail = "Give at least one of supplierOrg, consumerOrg and scope.".to_owned();
        return Err(ApiError::Status(StatusCode::BAD_REQUEST, Some(detail)));
    }
    let prefix = scope.map(|scope| scope.split(':').next().unwrap_or_default());
    let is_own =
        prefix.and_then(|prefix| app.model.prefix_owner(prefix)).is_some_and(|owner| caller.org == Some(owner));
    if !is_own && !caller.has_scope(ADMIN_SCOPE) {
        let detail = "Give a scope below a prefix of your organisation.".to_owned();
        return Err(ApiError::Status(StatusCode::FORBIDDEN, Some(detail)));
    }
    let found = app.store.read().await?.find_scope_delegations(consumer, supplier, scope).await?;
    let dto = |(delegation, created): (ScopeDelegation, jiff::Timestamp)| DelegationDto {
        consumer_org: delegation.consumer.to_string(),
        supplier_org: delegation.supplier.to_string(),
        delegation_scheme_id: None,
        resourceid: resource_of(&app, delegation.scope.as_str()),
        scopes: vec![delegation.scope.to_string()],
        created: created.to_string(),
    };
    Ok(Json(found.into_iter().map(dto).collect()))
}

/// Whose delegations.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PartyQuery {
    /// The organisation that gives, by party uuid.
    party: Uuid,
}

/// A delegation of a scope.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ScopeDelegationDto {
    /// The organisation that may use the scope.
    supplier: String,
    /// The scope.
    scope: String,
}

/// The organisation that is acted for.
fn consumer(app: &App, caller: &crate::http::caller::Caller, party: Uuid, action: &str) -> Result<OrgNumber, ApiError> {
    let party = acted_for(app, caller, party, ACCESS_MANAGEMENT, action)?;
    let organisation = party.organisation().ok_or(ApiError::Bare(StatusCode::FORBIDDEN))?;
    Ok(organisation.org_number)
}

/// Lists the scopes that an organisation lets others use in its place
#[utoipa::path(
    get, path = "/systembruker/api/v1/scope-delegations", tag = "Scope delegations", params(PartyQuery),
    responses((status = 200, description = "The delegations", body = [ScopeDelegationDto]), (status = 400, description = "The party is missing"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access for the party"))
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Scoped<ConnectionRead>,
    Query(query): Query<PartyQuery>,
) -> Result<Json<Vec<ScopeDelegationDto>>, ApiError> {
    let consumer = consumer(&app, &caller, query.party, "read")?;
    let found = app.store.read().await?.find_scope_delegations(Some(consumer), None, None).await?;
    let dto = |(delegation, _): (ScopeDelegation, jiff::Timestamp)| ScopeDelegationDto {
        supplier: delegation.supplier.to_string(),
        scope: delegation.scope.to_string(),
    };
    Ok(Json(found.into_iter().map(dto).collect()))
}

fn delegation(app: &App, consumer: OrgNumber, given: &ScopeDelegationDto) -> Result<ScopeDelegation, ApiError> {
    let supplier: OrgNumber = given
        .supplier
        .trim()
        .parse()
        .map_err(|_| ApiError::member("supplier", "The supplier is not an organisation number.".to_owned()))?;
    let scope: ScopeName = given
        .scope
        .trim()
        .parse()
        .map_err(|error: model::ScopeNameError| ApiError::member("scope", format!("{error}.")))?;
    if supplier == consumer || app.model.parties().by_number(supplier).is_none() {
        return Err(ApiError::member("supplier", "The supplier is another organisation, and known here.".to_owned()));
    }
    Ok(ScopeDelegation { scope, consumer, supplier })
}

/// Lets another organisation use a scope in one's place
#[utoipa::path(
    post, path = "/systembruker/api/v1/scope-delegations", tag = "Scope delegations", params(PartyQuery), request_body = ScopeDelegationDto,
    responses((status = 204, description = "It may"), (status = 400, description = "No such scope or organisation, or the scope cannot be delegated"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access for the party"),
        (status = 415, description = "The body is not JSON"))
)]
pub async fn give(
    State(app): State<Arc<App>>,
    caller: Scoped<ConnectionWrite>,
    Query(query): Query<PartyQuery>,
    Json(given): Json<ScopeDelegationDto>,
) -> Result<StatusCode, ApiError> {
    let consumer = consumer(&app, &caller, query.party, "write")?;
    let delegation = delegation(&app, consumer, &given)?;
    let mut tx = begin(&app, &caller, query.party).await?;
    let scope = app.model.scope(delegation.scope.as_str()).filter(|entry| entry.scope.delegation_source.is_some());
    if scope.is_none() {
        return Err(ApiError::member("scope", "There is no such scope, or it cannot be delegated.".to_owned()));
    }
    tx.put_scope_delegation(&delegation).await?;
    let details = json!({"scope": delegation.scope, "supplier": delegation.supplier});
    app.audit(&mut tx, "scope.delegated", (query.party, query.party), details).await?;
    app.commit(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes such a permission back
#[utoipa::path(
    delete, path = "/systembruker/api/v1/scope-delegations", tag = "Scope delegations", params(PartyQuery), request_body = ScopeDelegationDto,
    responses((status = 204, description = "It may not"), (status = 400, description = "Not a scope or an organisation"),
        (status = 401, description = "No valid token"), (status = 403, description = "Not a person who administers access for the party"),
        (status = 404, description = "It might not before"), (status = 415, description = "The body is not JSON"))
)]
pub async fn take(
    State(app): State<Arc<App>>,
    caller: Scoped<ConnectionWrite>,
    Query(query): Query<PartyQuery>,
    Json(given): Json<ScopeDelegationDto>,
) -> Result<StatusCode, ApiError> {
    let consumer = consumer(&app, &caller, query.party, "write")?;
    let delegation = delegation(&app, consumer, &given)?;
    let mut tx = begin(&app, &caller, query.party).await?;
    if !tx.delete_scope_delegation(&delegation).await? {
        return Err(ApiError::not_found());
    }
    let details = json!({"scope": delegation.scope, "supplier": delegation.supplier});
    app.audit(&mut tx, "scope.delegation_ended", (query.party, query.party), details).await?;
    app.commit(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
