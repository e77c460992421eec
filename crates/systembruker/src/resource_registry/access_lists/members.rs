//! The members of an access list.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use model::problem::MEMBER_UNKNOWN;
use model::problem::validation::{MEMBERS_REPLACED_TOO_MANY, MEMBERS_TOO_MANY};
use serde::{Deserialize, Serialize};
use store::AccessList;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    BASE, TokenQuery, existing, not_modified, own, page, party_of_urn, refused, to_change, version, with_version,
};
use crate::access::naming::NotNamed;
use crate::app::App;
use crate::authorization::attributes::PARTY_UUID;
use crate::http::caller::Scoped;
use crate::http::caller::scope::{AccessListRead, AccessListWrite};
use crate::http::conditional::is_known;
use crate::http::extract::{Json, Path, Query};
use crate::http::faces::Face;
use crate::http::problem::ApiError;
use crate::resource_registry::policies::{Links, Page};

/// The most members that a call sends, and that a list has.
const MAX_SENT: usize = 100;
const MAX_MEMBERS: usize = 100_000;

/// A member of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct MemberDto {
    id: String,
    since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    identifiers: Option<Identifiers>,
}

/// What a party is known by.
#[derive(Debug, Serialize, ToSchema)]
struct Identifiers {
    #[serde(rename = "urn:altinn:party:uuid")]
    uuid: Uuid,
    #[serde(rename = "urn:altinn:party:id")]
    id: i64,
    #[serde(rename = "urn:altinn:organization:identifier-no", skip_serializing_if = "Option::is_none")]
    org_number: Option<String>,
}

fn members_page(app: &App, owner: &str, list: &AccessList, token: Option<&str>) -> Result<Page<MemberDto>, ApiError> {
    let entries = list.members.iter().map(|(member, since)| (*member, *since));
    let (shown, next) = page(list, entries, token)?;
    let parties = app.model.parties();
    let dto = |(member, since): (Uuid, jiff::Timestamp)| MemberDto {
        id: format!("{PARTY_UUID}:{member}"),
        since: since.to_string(),
        identifiers: parties.party(member).map(|party| Identifiers {
            uuid: member,
            id: party.id(),
            org_number: party.organisation().map(|organisation| organisation.org_number.to_string()),
        }),
    };
    let path = |token| format!("{BASE}/{owner}/{}/members?token={token}", list.identifier);
    let next = next.map(|token| app.faces.join(Face::Platform, &path(token)));
    Ok(Page { data: shown.into_iter().map(dto).collect(), links: Links { next } })
}

/// Lists the members of an access list
#[utoipa::path(
    get, path = "/resourceregistry/api/v1/access-lists/{owner}/{identifier}/members", tag = "Access lists",
    params(("owner" = String, Path, description = "One's short name or organisation number"),
        ("identifier" = String, Path, description = "The list's identifier"), TokenQuery),
    responses((status = 200, description = "Up to 100 members; the link leads to the next", body = Page<MemberDto>),
        (status = 304, description = "As it was"), (status = 400, description = "The token or a condition cannot be read"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks the scope, or another's list"),
        (status = 404, description = "No such list"), (status = 412, description = "Another version than that of the page before"))
)]
pub async fn read_members(
    State(app): State<Arc<App>>,
    caller: Scoped<AccessListRead>,
    Path((owner, identifier)): Path<(String, String)>,
    Query(query): Query<TokenQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let list = existing(&app, own(&app, &caller, &owner)?, &identifier)?;
    if is_known(&headers, version(&list))? {
        return Ok(not_modified(&list));
    }
    Ok(with_version(&list, members_page(&app, &owner, &list, query.token.as_deref())?))
}

/// Parties, as URNs.
#[derive(Debug, Deserialize, ToSchema)]
pub struct MemberUrns {
    data: Vec<String>,
}

/// How members are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MemberChange {
    Replace,
    Add,
    Remove,
}

async fn change_members(
    app: &App,
    caller: &Scoped<AccessListWrite>,
    (owner, identifier): (String, String),
    headers: &HeaderMap,
    urns: MemberUrns,
    change: MemberChange,
) -> Result<Response, ApiError> {
    let number = own(app, caller, &owner)?;
    if urns.data.len() > MAX_SENT {
        let replaces = change == MemberChange::Replace;
        return Err(refused(if replaces { MEMBERS_REPLACED_TOO_MANY } else { MEMBERS_TOO_MANY }, None));
    }
    let mut named = BTreeSet::new();
    for urn in &urns.data {
        let party = party_of_urn(app, urn).map_err(|reason| match reason {
            NotNamed::Attribute | NotNamed::Value => {
                ApiError::member("data", "One or more entries are no URN of a party.".to_owned())
            }
            NotNamed::Unknown => ApiError::Problem(MEMBER_UNKNOWN, vec![("party", urn.clone())]),
        })?;
        named.insert(party.uuid());
    }
    let mut tx = app.store.write(caller.context(), app.clock.now()).await?;
    let list = to_change(&mut tx, number, &identifier, headers).await?;
    let present: BTreeSet<Uuid> = list.members.keys().copied().collect();
    let (added, removed): (Vec<Uuid>, Vec<Uuid>) = match change {
        MemberChange::Replace => {
            (named.difference(&present).copied().collect(), present.difference(&named).copied().collect())
        }
        MemberChange::Add => (named.difference(&present).copied().collect(), vec![]),
        MemberChange::Remove => (vec![], named.intersection(&present).copied().collect()),
    };
    if present.len() - removed.len() + added.len() > MAX_MEMBERS {
        return Err(ApiError::member("data", format!("A list has at most {MAX_MEMBERS} members.")));
    }
    if !added.is_empty() || !removed.is_empty() {
        tx.change_members(number, &identifier, &added, &removed).await?;
    }
    app.commit(tx).await?;
    let list = existing(app, number, &identifier)?;
    Ok(with_version(&list, members_page(app, &owner, &list, None)?))
}

/// Replaces the members of an access list
#[utoipa::path(
    put, path = "/resourceregistry/api/v1/access-lists/{owner}/{identifier}/members", tag = "Access lists", request_body = MemberUrns,
    params(("owner" = String, Path, description = "One's short name or organisation number"),
        ("identifier" = String, Path, description = "The list's identifier")),
    responses((status = 200, description = "The first of the members there are now", body = Page<MemberDto>),
        (status = 400, description = "More than 100, or an unknown party"), (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope, or another's list"), (status = 404, description = "No such list"),
        (status = 412, description = "Another version"), (status = 415, description = "The body is not JSON"))
)]
pub async fn replace_members(
    State(app): State<Arc<App>>,
    caller: Scoped<AccessListWrite>,
    Path(list): Path<(String, String)>,
    headers: HeaderMap,
    Json(urns): Json<MemberUrns>,
) -> Result<Response, ApiError> {
    change_members(&app, &caller, list, &headers, urns, MemberChange::Replace).await
}

/// Adds members to an access list
#[utoipa::path(
    post, path = "/resourceregistry/api/v1/access-lists/{owner}/{identifier}/members", tag = "Access lists", request_body = MemberUrns,
    params(("owner" = String, Path, description = "One's short name or organisation number"),
        ("identifier" = String, Path, description = "The list's identifier")),
    responses((status = 200, description = "The first of the members there are now", body = Page<MemberDto>),
        (status = 400, description = "More than 100, or an unknown party"), (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope, or another's list"), (status = 404, description = "No such list"),
        (status = 412, description = "Another version"), (status = 415, description = "The body is not JSON"))
)]
pub async fn add_members(
    State(app): State<Arc<App>>,
    caller: Scoped<AccessListWrite>,
    Path(list): Path<(String, String)>,
    headers: HeaderMap,
    Json(urns): Json<MemberUrns>,
) -> Result<Response, ApiError> {
    change_members(&app, &caller, list, &headers, urns, MemberChange::Add).await
}

/// Removes members from an access list
#[utoipa::path(
    delete, path = "/resourceregistry/api/v1/access-lists/{owner}/{identifier}/members", tag = "Access lists", request_body = MemberUrns,
    params(("owner" = String, Path, description = "One's short name or organisation number"),
        ("identifier" = String, Path, description = "The list's identifier")),
    responses((status = 200, description = "The first of the members there are now", body = Page<MemberDto>),
        (status = 400, description = "More than 100, or an unknown party"), (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope, or another's list"), (status = 404, description = "No such list"),
        (status = 412, description = "Another version"), (status = 415, description = "The body is not JSON"))
)]
pub async fn remove_members(
    State(app): State<Arc<App>>,
    caller: Scoped<AccessListWrite>,
    Path(list): Path<(String, String)>,
    headers: HeaderMap,
    Json(urns): Json<MemberUrns>,
) -> Result<Response, ApiError> {
    change_members(&app, &caller, list, &headers, urns, MemberChange::Remove).await
}
