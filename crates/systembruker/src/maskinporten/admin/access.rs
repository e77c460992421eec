//! Who may use a scope.

use std::sync::Arc;

use axum::extract::State;
use model::OrgNumber;
use serde::Serialize;
use utoipa::ToSchema;

use super::rules::may_be_granted;
use super::scopes::{ScopeQuery, change, own_scope};
use super::{AdminError, Query, millis};
use crate::app::App;
use crate::http::caller::Scoped;
use crate::http::caller::scope::{AccessRead, ScopeWrite};
use crate::http::extract::{Json, Path};

/// An organisation that may use a scope.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccessDto {
    scope: String,
    state: &'static str,
    /// Always null: what is granted is one scope, never a whole prefix.
    prefix: Option<String>,
    consumer_orgno: String,
    owner_orgno: String,
    created: String,
    last_updated: String,
}

impl AccessDto {
    /// A grant that stands.
    pub fn granted(access: &store::ScopeAccess, owner: OrgNumber) -> Self {
        Self::new(access, owner, "APPROVED")
    }

    fn new(access: &store::ScopeAccess, owner: OrgNumber, state: &'static str) -> Self {
        Self {
            scope: access.scope.clone(),
            state,
            prefix: None,
            consumer_orgno: access.consumer.to_string(),
            owner_orgno: owner.to_string(),
            created: millis(access.created),
            last_updated: millis(access.updated),
        }
    }
}

/// Lists who may use a scope
#[utoipa::path(
    get, path = "/api/v1/scopes/access", tag = "Maskinporten administration", params(ScopeQuery),
    responses((status = 200, description = "The organisations", body = [AccessDto]), (status = 404, description = "Not one of yours"),
        (status = 400, description = "The scope is missing"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks idporten:scopes.write"))
)]
pub async fn list_access(
    State(app): State<Arc<App>>,
    caller: Scoped<ScopeWrite>,
    Query(query): Query<ScopeQuery>,
) -> Result<Json<Vec<AccessDto>>, AdminError> {
    let entry = own_scope(&app, caller.require_org()?, &query.scope)?;
    let access = app.store.read().await?.scope_access(&query.scope).await?;
    Ok(Json(access.iter().map(|access| AccessDto::granted(access, entry.scope.owner)).collect()))
}

/// Lists what one's own organisation was granted
#[utoipa::path(
    get, path = "/api/v1/scopes/access/all", tag = "Maskinporten administration",
    responses((status = 200, description = "What is granted; scopes that need no grant are not listed", body = [AccessDto]),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks idporten:dcr.* and idporten:scopes.write"))
)]
pub async fn list_own_access(
    State(app): State<Arc<App>>,
    caller: Scoped<AccessRead>,
) -> Result<Json<Vec<AccessDto>>, AdminError> {
    let org = caller.require_org()?;
    let access = app.store.read().await?.access_of(org).await?;
    let owner = |scope: &str| app.model.scope(scope).map(|entry| entry.scope.owner);
    let known = access.iter().filter_map(|access| Some(AccessDto::granted(access, owner(&access.scope)?)));
    Ok(Json(known.collect()))
}

/// Lets an organisation use a scope
#[utoipa::path(
    put, path = "/api/v1/scopes/access/{consumer}", tag = "Maskinporten administration", params(ScopeQuery,
        ("consumer" = String, Path, description = "The organisation's number")),
    responses((status = 200, description = "Granted", body = AccessDto), (status = 404, description = "Not one of yours"),
        (status = 400, description = "Not an organisation number"), (status = 409, description = "The scope is deactivated"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks idporten:scopes.write"))
)]
pub async fn grant_access(
    State(app): State<Arc<App>>,
    caller: Scoped<ScopeWrite>,
    Path(number): Path<String>,
    Query(query): Query<ScopeQuery>,
) -> Result<Json<AccessDto>, AdminError> {
    change_access(&app, &caller, &number, &query, true).await
}

/// Takes a scope back from an organisation
#[utoipa::path(
    delete, path = "/api/v1/scopes/access/{consumer}", tag = "Maskinporten administration", params(ScopeQuery,
        ("consumer" = String, Path, description = "The organisation's number")),
    responses((status = 200, description = "Taken back", body = AccessDto), (status = 404, description = "Not one of yours, or not granted"),
        (status = 400, description = "Not an organisation number"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks idporten:scopes.write"))
)]
pub async fn revoke_access(
    State(app): State<Arc<App>>,
    caller: Scoped<ScopeWrite>,
    Path(number): Path<String>,
    Query(query): Query<ScopeQuery>,
) -> Result<Json<AccessDto>, AdminError> {
    change_access(&app, &caller, &number, &query, false).await
}

async fn change_access(
    app: &App,
    caller: &Scoped<ScopeWrite>,
    number: &str,
    query: &ScopeQuery,
    grant: bool,
) -> Result<Json<AccessDto>, AdminError> {
    own_scope(app, caller.require_org()?, &query.scope)?;
    let consumer: OrgNumber = number.parse().map_err(|error| AdminError::bad(vec![format!("{error}.")]))?;
    let (mut tx, scope) = change(app, caller, &query.scope).await?;
    if grant {
        may_be_granted(&scope).map_err(AdminError::conflict)?;
        tx.grant_scope(&scope.name, consumer).await?;
    }
    let access = tx.scope_access_of(&query.scope, consumer).await?.ok_or_else(|| AdminError::not_found("grant"))?;
    if !grant {
        tx.revoke_scope(&scope.name, consumer).await?;
    }
    app.commit(tx).await?;
    Ok(Json(AccessDto::new(&access, scope.owner, if grant { "APPROVED" } else { "DENIED" })))
}
