//! What access lists say of a party: for the decision points of others.

use std::sync::Arc;

use axum::extract::State;
use model::problem::validation::{PARTIES_TOO_MANY, PARTY_MISSING, PARTY_URN, RESOURCE_URN, RESOURCES_TOO_MANY};
use model::problem::{LISTED_RESOURCE_UNKNOWN, MEMBER_UNKNOWN};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{ListDto, Whole, actions, party_of_urn, refused};
use crate::access::naming::NotNamed;
use crate::app::App;
use crate::authorization::attributes::{PARTY_UUID, RESOURCE};
use crate::http::caller::Scoped;
use crate::http::caller::scope::MembershipRead;
use crate::http::extract::{Json, Query};
use crate::http::problem::ApiError;
use crate::read_model::Party;

/// That a party may use a resource.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MembershipDto {
    party: String,
    resource: String,
    since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    action_filters: Option<Vec<String>>,
}

/// Who is asked about, and for what.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MembershipQuery {
    /// The party, as a URN.
    party: Option<String>,
    /// The resource, as a URN; every one unless given.
    resource: Option<String>,
}

/// The party that a parameter names.
fn asked_party(app: &App, given: Option<&str>) -> Result<Party, ApiError> {
    let given = given.map(str::trim).filter(|given| !given.is_empty()).ok_or_else(|| refused(PARTY_MISSING, None))?;
    if given.contains(',') {
        return Err(refused(PARTIES_TOO_MANY, None));
    }
    party_of_urn(app, given).map_err(|reason| match reason {
        NotNamed::Attribute | NotNamed::Value => refused(PARTY_URN, None),
        NotNamed::Unknown => MEMBER_UNKNOWN.into(),
    })
}

/// Says which resources access lists open for a party
#[utoipa::path(
    get, path = "/resourceregistry/api/v1/access-lists/memberships", tag = "Access lists", params(MembershipQuery),
    responses((status = 200, description = "What is open for the party", body = Whole<MembershipDto>),
        (status = 400, description = "No party or an unknown one, or an unknown resource"), (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks altinn:resourceregistry/pdp:accesslist.read"))
)]
pub async fn memberships(
    State(app): State<Arc<App>>,
    _caller: Scoped<MembershipRead>,
    Query(query): Query<MembershipQuery>,
) -> Result<Json<Whole<MembershipDto>>, ApiError> {
    let party = asked_party(&app, query.party.as_deref())?.uuid();
    let prefix = format!("{RESOURCE}:");
    let wanted = match query.resource.as_deref().map(str::trim) {
        Some(urn) if urn.contains(',') => return Err(refused(RESOURCES_TOO_MANY, None)),
        Some(urn) => {
            let id = urn.strip_prefix(&prefix).ok_or_else(|| refused(RESOURCE_URN, Some(urn)))?;
            Some(app.model.resource(id).ok_or(LISTED_RESOURCE_UNKNOWN)?.resource.identifier.clone())
        }
        None => None,
    };
    let mut data = Vec::new();
    for list in app.model.access_lists_with(party) {
        let Some(since) = list.members.get(&party) else { continue };
        let open = list.resources.iter().filter(|(resource, _)| wanted.as_ref().is_none_or(|id| id == *resource));
        data.extend(open.map(|(resource, listed)| MembershipDto {
            party: format!("{PARTY_UUID}:{party}"),
            resource: format!("{prefix}{resource}"),
            since: (*since).max(listed.created).to_string(),
            action_filters: actions(listed),
        }));
    }
    Ok(Json(Whole { data }))
}

/// Who is asked about.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MemberQuery {
    /// The party, as a URN.
    party: Option<String>,
}

/// Lists the access lists that a party is on
#[utoipa::path(
    get, path = "/resourceregistry/api/v1/access-lists/get-by-member", tag = "Access lists", params(MemberQuery),
    responses((status = 200, description = "The lists", body = [ListDto]), (status = 400, description = "No party, or an unknown one"),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks altinn:resourceregistry/pdp:accesslist.read"))
)]
pub async fn by_member(
    State(app): State<Arc<App>>,
    _caller: Scoped<MembershipRead>,
    Query(query): Query<MemberQuery>,
) -> Result<Json<Vec<ListDto>>, ApiError> {
    let party = asked_party(&app, query.party.as_deref())?.uuid();
    Ok(Json(app.model.access_lists_with(party).iter().map(|list| ListDto::new(&app, list)).collect()))
}
