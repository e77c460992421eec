//! Who in the organisation can answer a request, and what hinders the others. An addition of ours.
//!
//! The vendor learns by which roles there is somebody who can, and of nobody who it is. Persons of the organisation learn
//! the names.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use model::problem::REQUEST_NOT_FOUND;
use model::{AccessPackage, Organisation, Person, Request, RequestKind, Right};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::answer::HIGHEST_LEVEL;
use super::api::{own_request, vendor};
use super::enduser::is_related;
use crate::access::delegation::{check_packages, check_rights};
use crate::access::relations::{Basis, relations};
use crate::app::App;
use crate::authorization::rules::{Asked, person_may};
use crate::http::caller::Scoped;
use crate::http::caller::scope::Portal;
use crate::http::caller::scope::RequestRead;
use crate::http::extract::{Json, Path};
use crate::http::problem::ApiError;
use crate::read_model::Party;
use crate::resource_registry::builtin::ACCESS_MANAGEMENT;

/// The most persons that are looked at.
const MAX_PERSONS: usize = 200;

/// Who can answer a request.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Approvers {
    /// Those who can approve it.
    can_approve: Vec<Candidate>,
    /// Those who cannot, and why.
    hindered: Vec<Candidate>,
}

/// A person of the organisation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    /// Not told to vendors.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The register's codes of the roles that the person has: `DAGL`.
    roles: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hindrances: Vec<Hindrance>,
}

/// What a person lacks.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Hindrance {
    /// `accessManagement`, `right` or `accessPackage`.
    what: &'static str,
    /// The resource or the package.
    #[serde(skip_serializing_if = "Option::is_none")]
    which: Option<String>,
    /// In words.
    text: String,
}

/// What is asked of an organisation.
struct AskedOf<'a> {
    organisation: &'a Arc<Organisation>,
    kind: RequestKind,
    rights: &'a [Right],
    packages: &'a [AccessPackage],
}

fn approvers(app: &App, request: &Request, with_names: bool) -> Option<Approvers> {
    let organisation = app.model.parties().organisation(request.party)?;
    let Request { kind, rights, access_packages: packages, .. } = request;
    let asked = AskedOf { organisation: &organisation, kind: *kind, rights, packages };
    let (can_approve, hindered) = asked.sorted(app, with_names);
    Some(Approvers { can_approve, hindered })
}

impl AskedOf<'_> {
    /// Everybody with a role in the organisation or its main unit: those whom it lets answer, and the others.
    fn sorted(&self, app: &App, with_names: bool) -> (Vec<Candidate>, Vec<Candidate>) {
        let parties = app.model.parties();
        let units = parties.lineage(self.organisation);
        let holders: BTreeSet<Uuid> =
            units.flat_map(|unit| parties.holders(unit.party_uuid).collect::<Vec<_>>()).collect();
        let persons = holders.into_iter().filter_map(|holder| parties.person(holder)).take(MAX_PERSONS);
        let candidates = persons.map(|person| candidate(app, self, &person, with_names));
        candidates.partition(|candidate| candidate.hindrances.is_empty())
    }
}

fn candidate(app: &App, asked_of: &AskedOf<'_>, person: &Arc<Person>, with_names: bool) -> Candidate {
    let AskedOf { organisation, kind, rights, packages } = *asked_of;
    let inputs = app.decision_inputs();
    let holder = Party::Person(Arc::clone(person));
    let party = Party::Organisation(Arc::clone(organisation));
    let held = relations(inputs.model, &holder, &party, inputs.now);
    let roles: BTreeSet<String> = held
        .iter()
        .filter_map(|relation| match &relation.basis {
            Basis::Role(role) => Some(role.clone()),
            Basis::Connection(_) => None,
        })
        .collect();
    let mut hindrances = Vec::new();
    let asked = Asked { organisation, resource: ACCESS_MANAGEMENT, action: "write" };
    if !person_may(&inputs, person.party_uuid, HIGHEST_LEVEL, &asked) {
        let text = "The person does not administer access for the organisation.".to_owned();
        hindrances.push(Hindrance { what: "accessManagement", which: None, text });
    }
    if kind == RequestKind::Standard {
        for check in check_rights(&inputs, &holder, organisation, rights) {
            if let Err(reason) = check.result {
                let (which, text) = (Some(check.resource_id), format!("The right cannot be passed on: {reason}."));
                hindrances.push(Hindrance { what: "right", which, text });
            }
        }
        let urns = packages.iter().map(|package| &*package.urn);
        for check in check_packages(&inputs, &holder, &party, urns).into_iter().filter(|check| !check.result) {
            let text = "The person has nothing that lets it pass the access package on.".to_owned();
            hindrances.push(Hindrance { what: "accessPackage", which: Some(check.urn), text });
        }
    }
    let name = with_names.then(|| person.name.clone());
    Candidate { name, roles: roles.into_iter().collect(), hindrances }
}

/// The names of those who can answer what is asked of an organisation, with the register's codes of their roles.
pub fn who_can(
    app: &App,
    organisation: &Arc<Organisation>,
    kind: RequestKind,
    rights: &[Right],
    packages: &[AccessPackage],
) -> Vec<(String, Vec<String>)> {
    let asked = AskedOf { organisation, kind, rights, packages };
    let (can, _) = asked.sorted(app, true);
    can.into_iter().filter_map(|candidate| Some((candidate.name?, candidate.roles))).collect()
}

/// Says by which roles there is somebody who can approve a request of one's own
#[utoipa::path(
    get, path = "/systembruker/api/v1/requests/{requestId}/approvers", tag = "For vendors",
    params(("requestId" = Uuid, Path, description = "The request, of either kind")),
    responses((status = 200, description = "Who can and who cannot, without names", body = Approvers), (status = 400, description = "Not an id"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks altinn:authentication/systemuser.request.read"),
        (status = 404, description = "Not one of your requests (AUTH-00010)"))
)]
pub async fn for_vendor(
    State(app): State<Arc<App>>,
    caller: Scoped<RequestRead>,
    Path(id): Path<Uuid>,
) -> Result<Json<Approvers>, ApiError> {
    vendor(&caller)?;
    let request = own_request(&app, &caller, id).await?;
    Ok(Json(approvers(&app, &request, false).ok_or(REQUEST_NOT_FOUND)?))
}

/// Says who can approve a request to one's own organisation
#[utoipa::path(
    get, path = "/systembruker/api/v1/enduser/requests/{requestId}/approvers", tag = "Answering requests",
    params(("requestId" = Uuid, Path, description = "The request, of either kind")),
    responses((status = 200, description = "Who can and who cannot", body = Approvers), (status = 400, description = "Not an id"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks altinn:portal/enduser, or is no person's"),
        (status = 404, description = "No such request to an organisation of yours (AUTH-00010)"))
)]
pub async fn for_person(
    State(app): State<Arc<App>>,
    caller: Scoped<Portal>,
    Path(id): Path<Uuid>,
) -> Result<Json<Approvers>, ApiError> {
    caller.require_person()?;
    let request = app.store.read().await?.request(id).await?.ok_or(REQUEST_NOT_FOUND)?;
    let organisation = app.model.parties().organisation(request.party);
    let organisation = organisation.filter(|organisation| is_related(&app, &caller, organisation));
    organisation.ok_or(REQUEST_NOT_FOUND)?;
    Ok(Json(approvers(&app, &request, true).ok_or(REQUEST_NOT_FOUND)?))
}
