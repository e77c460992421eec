//! Scopes: what an organisation offers to others.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use model::{OrgNumber, Scope, ScopeVisibility};
use serde::{Deserialize, Serialize};
use store::Write;
use utoipa::{IntoParams, ToSchema};

use super::rules::{MAX_SCOPES, ScopeInput, new_scope};
use super::{AdminError, Body, Query, millis};
use crate::app::App;
use crate::http::caller::Scoped;
use crate::http::caller::scope::ScopeWrite;
use crate::http::extract::Json;
use crate::http::faces::Face;
use crate::read_model::ScopeEntry;

/// A scope.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScopeDto {
    name: String,
    prefix: String,
    subscope: String,
    description: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    long_description: String,
    visibility: &'static str,
    allowed_integration_types: Vec<String>,
    accessible_for_all: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    delegation_source: Option<String>,
    /// Seconds; 0 for no cap.
    at_max_age: i64,
    /// Seconds; 0 for no cap.
    authorization_max_lifetime: i64,
    token_type: &'static str,
    requires_user_consent: bool,
    requires_user_authentication: bool,
    requires_pseudonymous_tokens: bool,
    owner_orgno: String,
    active: bool,
    created: String,
    last_updated: String,
}

impl From<&Scope> for ScopeDto {
    fn from(scope: &Scope) -> Self {
        Self {
            name: scope.name.to_string(),
            prefix: scope.name.prefix().to_owned(),
            subscope: scope.name.subscope().to_owned(),
            description: scope.description.clone(),
            long_description: scope.long_description.clone(),
            visibility: Self::visibility(scope.visibility),
            allowed_integration_types: scope.allowed_integration_types.clone(),
            accessible_for_all: scope.accessible_for_all,
            delegation_source: scope.delegation_source.clone(),
            at_max_age: scope.at_max_age,
            authorization_max_lifetime: scope.at_max_age,
            token_type: "SELF_CONTAINED",
            requires_user_consent: false,
            requires_user_authentication: false,
            requires_pseudonymous_tokens: false,
            owner_orgno: scope.owner.to_string(),
            active: scope.active,
            created: millis(scope.created),
            last_updated: millis(scope.updated),
        }
    }
}

impl ScopeDto {
    /// The visibility as the wire writes it.
    pub fn visibility(visibility: ScopeVisibility) -> &'static str {
        match visibility {
            ScopeVisibility::Public => "PUBLIC",
            ScopeVisibility::Private => "PRIVATE",
            ScopeVisibility::Internal => "INTERNAL",
        }
    }
}

/// A scope of the caller's organisation, active or not.
pub(super) fn own_scope(app: &App, org: OrgNumber, name: &str) -> Result<Arc<ScopeEntry>, AdminError> {
    let found = app.model.scope(name).filter(|entry| entry.scope.owner == org);
    found.ok_or_else(|| AdminError::not_found("scope"))
}

/// Begins to change a scope of the caller's organisation. It is read again within the change, so that what another has
/// changed meanwhile is not undone.
pub(super) async fn change(app: &App, caller: &Scoped<ScopeWrite>, name: &str) -> Result<(Write, Scope), AdminError> {
    let org = caller.require_org()?;
    own_scope(app, org, name)?;
    let mut tx = app.store.write(caller.context(), app.clock.now()).await?;
    let scope = tx.scope(name).await?.filter(|scope| scope.owner == org);
    Ok((tx, scope.ok_or_else(|| AdminError::not_found("scope"))?))
}

/// The issuer of the registry in which scopes are delegated: the platform.
pub fn delegation_source(app: &App) -> String {
    app.faces.url(Face::Platform).to_string()
}

/// One scope, or which ones.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ScopesQuery {
    /// The name of one scope; without it, all are listed.
    scope: Option<String>,
    /// Whether deactivated ones are listed too.
    #[serde(default)]
    inactive: bool,
}

/// Lists one's scopes, or reads one of them
#[utoipa::path(
    get, path = "/api/v1/scopes", tag = "Maskinporten administration", params(ScopesQuery),
    responses((status = 200, description = "The scopes of the caller's organisation, or with scope that one alone", body = [ScopeDto]),
        (status = 400, description = "The query is wrong"), (status = 404, description = "Not one of yours"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks idporten:scopes.write"))
)]
pub async fn list_scopes(
    State(app): State<Arc<App>>,
    caller: Scoped<ScopeWrite>,
    Query(query): Query<ScopesQuery>,
) -> Result<Response, AdminError> {
    let org = caller.require_org()?;
    if let Some(name) = &query.scope {
        let entry = own_scope(&app, org, name)?;
        return Ok(Json(ScopeDto::from(&entry.scope)).into_response());
    }
    let scopes = app.model.scopes();
    let own = scopes.iter().map(|entry| &entry.scope);
    let own = own.filter(|scope| scope.owner == org && (scope.active || query.inactive));
    Ok(Json(own.map(Into::into).collect::<Vec<ScopeDto>>()).into_response())
}

/// Which of the scopes that everybody may see.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PublicQuery {
    /// Only those that need no grant, or only those that do.
    accessible_for_all: Option<bool>,
    /// Only those of this prefix.
    prefix: Option<String>,
}

/// Lists the scopes that everybody may see
#[utoipa::path(
    get, path = "/api/v1/scopes/all", tag = "Maskinporten administration", params(PublicQuery),
    responses((status = 200, description = "Active public scopes", body = [ScopeDto]), (status = 400, description = "The query is wrong"))
)]
pub async fn all_scopes(State(app): State<Arc<App>>, Query(query): Query<PublicQuery>) -> Json<Vec<ScopeDto>> {
    let scopes = app.model.scopes();
    let public = scopes.iter().map(|entry| &entry.scope).filter(|scope| {
        scope.active
            && scope.visibility == ScopeVisibility::Public
            && query.accessible_for_all.is_none_or(|free| scope.accessible_for_all == free)
            && query.prefix.as_deref().is_none_or(|prefix| scope.name.prefix() == prefix)
    });
    // Everybody may ask for this list; what can be long is shown with a single scope only.
    let short = |scope| ScopeDto { long_description: String::new(), ..ScopeDto::from(scope) };
    Json(public.map(short).collect())
}

/// Makes a scope under a prefix of one's own
#[utoipa::path(
    post, path = "/api/v1/scopes", tag = "Maskinporten administration", request_body = ScopeInput,
    responses((status = 200, description = "The scope", body = ScopeDto),
        (status = 400, description = "Something is wrong with it; errors says what"),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks idporten:scopes.write, or the prefix is not the caller's"),
        (status = 409, description = "There is such a scope, active or not, or there are too many"),
        (status = 415, description = "The body is not JSON"))
)]
pub async fn create_scope(
    State(app): State<Arc<App>>,
    caller: Scoped<ScopeWrite>,
    Body(input): Body<ScopeInput>,
) -> Result<Json<ScopeDto>, AdminError> {
    let org = caller.require_org()?;
    let prefix = input.prefix.clone().unwrap_or_default();
    if app.model.prefix_owner(&prefix) != Some(org) {
        let message = "The prefix does not belong to your organisation.".to_owned();
        return Err(AdminError::Refused(StatusCode::FORBIDDEN, vec![message]));
    }
    let name = format!("{prefix}:{}", input.subscope.as_deref().unwrap_or_default());
    let name = name.parse().map_err(|error| AdminError::bad(vec![format!("{error}.")]))?;
    let now = app.clock.now();
    let scope = ScopeInput { active: None, ..input }.apply(new_scope(name, org, now), &delegation_source(&app), now);
    let scope = scope.map_err(AdminError::bad)?;
    let mut tx = app.store.write(caller.context(), now).await?;
    if tx.scope(scope.name.as_str()).await?.is_some() {
        let message = format!("The scope {} already exists. Use PUT to change it or make it active.", scope.name);
        return Err(AdminError::conflict(message));
    }
    if app.model.scopes().iter().filter(|entry| entry.scope.owner == org).count() >= MAX_SCOPES {
        return Err(AdminError::conflict(format!("The organisation has {MAX_SCOPES} scopes, which is the limit.")));
    }
    tx.insert_scope(&scope).await?;
    app.commit(tx).await?;
    Ok(Json((&scope).into()))
}

/// Which scope.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ScopeQuery {
    /// The scope's name.
    pub(super) scope: String,
}

/// Changes a scope
///
/// The whole scope is replaced, except for its name and what only the server sets. With `active`, one that was
/// deactivated becomes active again.
#[utoipa::path(
    put, path = "/api/v1/scopes", tag = "Maskinporten administration", params(ScopeQuery), request_body = ScopeInput,
    responses((status = 200, description = "The scope as it is now", body = ScopeDto),
        (status = 400, description = "Something is wrong with it; errors says what"),
        (status = 404, description = "Not one of yours"), (status = 415, description = "The body is not JSON"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks idporten:scopes.write"))
)]
pub async fn update_scope(
    State(app): State<Arc<App>>,
    caller: Scoped<ScopeWrite>,
    Query(query): Query<ScopeQuery>,
    Body(input): Body<ScopeInput>,
) -> Result<Json<ScopeDto>, AdminError> {
    let (tx, scope) = change(&app, &caller, &query.scope).await?;
    let scope = input.apply(scope, &delegation_source(&app), tx.now());
    save(&app, tx, &scope.map_err(AdminError::bad)?).await
}

/// Deactivates a scope
///
/// From when this has answered, no tokens are issued for it. It is kept, with all that was granted.
#[utoipa::path(
    delete, path = "/api/v1/scopes", tag = "Maskinporten administration", params(ScopeQuery),
    responses((status = 200, description = "The scope as it is now", body = ScopeDto),
        (status = 400, description = "The scope is missing"), (status = 404, description = "Not one of yours"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks idporten:scopes.write"))
)]
pub async fn deactivate_scope(
    State(app): State<Arc<App>>,
    caller: Scoped<ScopeWrite>,
    Query(query): Query<ScopeQuery>,
) -> Result<Json<ScopeDto>, AdminError> {
    let (tx, scope) = change(&app, &caller, &query.scope).await?;
    let scope = Scope { active: false, updated: tx.now(), ..scope };
    save(&app, tx, &scope).await
}

async fn save(app: &App, mut tx: Write, scope: &Scope) -> Result<Json<ScopeDto>, AdminError> {
    tx.update_scope(scope).await?;
    app.commit(tx).await?;
    Ok(Json(scope.into()))
}

/// A registry in which scopes can be delegated from one organisation to another.
#[derive(Debug, Serialize, ToSchema)]
pub struct DelegationSourceDto {
    name: &'static str,
    issuer: String,
    created: String,
    last_updated: String,
}

/// Lists the registries in which scopes can be delegated
#[utoipa::path(
    get, path = "/api/v1/delegationsources", tag = "Maskinporten administration",
    responses((status = 200, description = "The registries", body = [DelegationSourceDto]))
)]
pub async fn delegation_sources(State(app): State<Arc<App>>) -> Json<Vec<DelegationSourceDto>> {
    let created = millis(app.created);
    let issuer = delegation_source(&app);
    Json(vec![DelegationSourceDto { name: "altinn", issuer, last_updated: created.clone(), created }])
}
