//! Which parties somebody may act for, and with what: for owners of resources, and for persons and system users about
//! themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use model::{AccessPackage, Organisation, SystemUserKind};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::metadata::Purpose;
use super::naming::{NotNamed, named_party};
use super::relations::{Basis, relations};
use crate::app::App;
use crate::authorization::attributes::SYSTEM_USER;
use crate::http::caller::Scoped;
use crate::http::caller::scope::{AuthorizedPartiesOwn, AuthorizedPartiesOwner};
use crate::http::extract::{Json, Query};
use crate::http::problem::ApiError;
use crate::read_model::{Parties, Party, SystemUserEntry};

use super::compact::Envelope;

/// The routes of authorised parties.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(of_subject)).routes(routes!(of_subject_for_service_owner)).routes(routes!(own))
}

/// A party that one may act for.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(no_recursion)]
pub struct AuthorizedParty {
    party_uuid: Uuid,
    name: String,
    organization_number: Option<String>,
    parent_id: Option<Uuid>,
    /// Not told: national identity numbers stay where they are.
    person_id: Option<String>,
    date_of_birth: Option<String>,
    party_id: i64,
    /// `Organization` or `Person`.
    r#type: &'static str,
    unit_type: Option<String>,
    is_deleted: bool,
    /// A main unit that is there for its sub-units only.
    only_hierarchy_element_with_no_access: bool,
    authorized_access_packages: BTreeSet<String>,
    authorized_resources: BTreeSet<String>,
    authorized_roles: BTreeSet<String>,
    authorized_instances: Vec<String>,
    subunits: Vec<AuthorizedParty>,
}

impl AuthorizedParty {
    fn new(party: &Party) -> Self {
        let organisation = party.organisation();
        let deceased = match party {
            Party::Person(person) => person.deceased,
            Party::Organisation(_) => None,
        };
        Self {
            party_uuid: party.uuid(),
            name: party.name().to_owned(),
            organization_number: organisation.map(|organisation| organisation.org_number.to_string()),
            parent_id: organisation.and_then(|organisation| organisation.parent),
            person_id: None,
            date_of_birth: None,
            party_id: party.id(),
            r#type: if organisation.is_some() { "Organization" } else { "Person" },
            unit_type: organisation.map(|organisation| organisation.unit_type.clone()),
            is_deleted: deceased.is_some() || organisation.is_some_and(|organisation| organisation.deleted.is_some()),
            only_hierarchy_element_with_no_access: false,
            authorized_access_packages: BTreeSet::new(),
            authorized_resources: BTreeSet::new(),
            authorized_roles: BTreeSet::new(),
            authorized_instances: vec![],
            subunits: vec![],
        }
    }
}

/// What is told of each party.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct IncludeQuery {
    /// The roles held.
    include_roles: Option<bool>,
    /// The access packages held.
    #[serde(default)]
    include_access_packages: bool,
    /// The resources to which single rights are held.
    include_resources: Option<bool>,
    /// Parties that one acts for through an organisation with a key role in it; `false` leaves them out.
    include_parties_via_key_roles: Option<String>,
    /// Sub-units; `false` leaves them out.
    include_sub_parties: Option<String>,
    /// Parties that have ended; `false` leaves them out.
    include_inactive_parties: Option<String>,
}

impl IncludeQuery {
    fn is_off(value: Option<&String>) -> bool {
        value.is_some_and(|value| value.trim().eq_ignore_ascii_case("false"))
    }
}

/// About whom.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubjectDto {
    /// An attribute of a subject, such as `urn:altinn:systemuser:uuid`.
    #[serde(rename = "type")]
    id: String,
    /// Its value.
    value: String,
    /// Only these parties, by attribute and value.
    party_filter: Option<Vec<PartyFilter>>,
}

/// A party that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
struct PartyFilter {
    #[serde(rename = "type")]
    id: String,
    value: String,
}

enum Subject {
    SystemUser(Arc<SystemUserEntry>),
    Party(Party),
    /// Nobody who is known; there is nothing to act for.
    Unknown,
}

fn party(app: &App, id: &str, value: &str) -> Result<Option<Party>, ApiError> {
    match named_party(&app.model.parties_now(), &app.vault, id, value) {
        Ok(party) => Ok(Some(party)),
        Err(NotNamed::Unknown) => Ok(None),
        Err(NotNamed::Value) => Err(ApiError::member("value", format!("The value is not one of {id}."))),
        Err(NotNamed::Attribute) => {
            Err(ApiError::member("type", "The type is not one of a subject that is known here.".to_owned()))
        }
    }
}

fn subject(app: &App, given: &SubjectDto) -> Result<Subject, ApiError> {
    let value = given.value.trim();
    if given.id == SYSTEM_USER {
        let id = value.parse().map_err(|_| ApiError::member("value", "The value is not a uuid.".to_owned()))?;
        return Ok(app.model.system_user(id).map_or(Subject::Unknown, Subject::SystemUser));
    }
    Ok(party(app, &given.id, value)?.map_or(Subject::Unknown, Subject::Party))
}

/// The parties that somebody may act for, with what is held for each.
fn authorized(app: &App, subject: &Subject, include: &IncludeQuery) -> Vec<AuthorizedParty> {
    let parties = app.model.parties();
    let mut found: BTreeMap<Uuid, AuthorizedParty> = BTreeMap::new();
    match subject {
        Subject::SystemUser(user) => of_system_user(&parties, user, &mut found),
        Subject::Party(holder) => of_party(app, holder, include, &mut found),
        Subject::Unknown => {}
    }
    for party in found.values_mut() {
        if !include.include_access_packages {
            party.authorized_access_packages.clear();
        }
        if include.include_roles == Some(false) {
            party.authorized_roles.clear();
        }
        if include.include_resources == Some(false) {
            party.authorized_resources.clear();
        }
    }
    if IncludeQuery::is_off(include.include_inactive_parties.as_ref()) {
        found.retain(|_, party| !party.is_deleted);
    }
    nested(&parties, found, !IncludeQuery::is_off(include.include_sub_parties.as_ref()))
}

fn of_system_user(parties: &Parties, user: &SystemUserEntry, found: &mut BTreeMap<Uuid, AuthorizedParty>) {
    if user.is_deleted {
        return;
    }
    let codes = |packages: &mut dyn Iterator<Item = &AccessPackage>| -> BTreeSet<String> {
        packages.map(|package| package.code().to_owned()).collect()
    };
    match user.kind {
        SystemUserKind::Standard => {
            let Some(owner) = parties.party(user.owner_party) else { return };
            found.insert(
                owner.uuid(),
                AuthorizedParty {
                    authorized_access_packages: codes(&mut user.access_packages.iter()),
                    authorized_resources: user.rights.iter().map(|right| right.resource.clone()).collect(),
                    ..AuthorizedParty::new(&owner)
                },
            );
        }
        SystemUserKind::Agent => {
            for (client, access) in &user.clients {
                let Some(client) = parties.party(*client) else { continue };
                found.insert(
                    client.uuid(),
                    AuthorizedParty {
                        authorized_access_packages: codes(&mut access.given.iter().map(|given| &given.package)),
                        ..AuthorizedParty::new(&client)
                    },
                );
            }
        }
    }
}

fn of_party(app: &App, holder: &Party, include: &IncludeQuery, found: &mut BTreeMap<Uuid, AuthorizedParty>) {
    let (parties, metadata, now) = (app.model.parties(), app.model.metadata(), app.clock.now());
    let via_key_roles = !IncludeQuery::is_off(include.include_parties_via_key_roles.as_ref());
    let mut candidates: BTreeSet<Uuid> = BTreeSet::from([holder.uuid()]);
    let mut add_those_of = |holder: Uuid| {
        candidates.extend(parties.organisations_of(holder).map(|organisation| organisation.party_uuid));
        candidates.extend(app.model.connections_to(holder).iter().map(|entry| entry.connection.giver));
    };
    add_those_of(holder.uuid());
    if via_key_roles {
        for organisation in parties.organisations_of(holder.uuid()) {
            add_those_of(organisation.party_uuid);
        }
    }
    for candidate in candidates {
        let Some(party) = parties.party(candidate) else { continue };
        let relations = relations(&app.model, holder, &party, now);
        let mut entry = AuthorizedParty::new(&party);
        let is_wanted = |via: Option<Uuid>| via_key_roles || via.is_none();
        let mut is_empty = true;
        for relation in relations.iter().filter(|relation| is_wanted(relation.via)) {
            is_empty = false;
            entry
                .authorized_roles
                .extend(relation.roles(&metadata, Purpose::Use).into_iter().map(|role| role.to_lowercase()));
            let urns = relation.packages(&metadata, Purpose::Use);
            entry
                .authorized_access_packages
                .extend(urns.into_iter().map(|urn| AccessPackage { urn }.code().to_owned()));
            if let Basis::Connection(connection) = &relation.basis {
                entry
                    .authorized_resources
                    .extend(connection.connection.rights.iter().map(|right| right.resource.clone()));
            }
        }
        if !is_empty {
            found.insert(candidate, entry);
        }
    }
}

/// Sub-units below their main units, which are listed for them even where nothing is held for the main unit itself. What
/// is held for a main unit is held for its sub-units.
fn nested(parties: &Parties, mut found: BTreeMap<Uuid, AuthorizedParty>, with_sub_units: bool) -> Vec<AuthorizedParty> {
    let sub_units: Vec<Uuid> = found.keys().copied().filter(|uuid| main_unit(parties, *uuid).is_some()).collect();
    let mut below: BTreeMap<Uuid, Vec<AuthorizedParty>> = BTreeMap::new();
    for uuid in sub_units {
        if let (Some(entry), Some(main_unit)) = (found.remove(&uuid), main_unit(parties, uuid)) {
            below.entry(main_unit.party_uuid).or_default().push(entry);
        }
    }
    if !with_sub_units {
        return found.into_values().collect();
    }
    for main_unit in below.keys() {
        if let (false, Some(party)) = (found.contains_key(main_unit), parties.party(*main_unit)) {
            let entry = AuthorizedParty { only_hierarchy_element_with_no_access: true, ..AuthorizedParty::new(&party) };
            found.insert(*main_unit, entry);
        }
    }
    let with_units = |(uuid, mut entry): (Uuid, AuthorizedParty)| {
        let mut units = below.remove(&uuid).unwrap_or_default();
        if !entry.only_hierarchy_element_with_no_access {
            for unit in parties.sub_units(uuid).filter(|unit| parties.main_unit(unit).is_some()) {
                inherit(&mut units, &entry, unit);
            }
        }
        units.sort_by_key(|unit| unit.party_id);
        entry.subunits = units;
        entry
    };
    found.into_iter().map(with_units).collect()
}

fn main_unit(parties: &Parties, uuid: Uuid) -> Option<Arc<Organisation>> {
    parties.main_unit(&*parties.organisation(uuid)?)
}

/// Adds to a sub-unit what is held for its main unit.
fn inherit(units: &mut Vec<AuthorizedParty>, main_unit: &AuthorizedParty, unit: Arc<Organisation>) {
    let uuid = unit.party_uuid;
    let entry = match units.iter_mut().find(|known| known.party_uuid == uuid) {
        Some(entry) => entry,
        None => {
            units.push(AuthorizedParty::new(&Party::Organisation(unit)));
            let Some(entry) = units.last_mut() else { return };
            entry
        }
    };
    entry.authorized_access_packages.extend(main_unit.authorized_access_packages.iter().cloned());
    entry.authorized_roles.extend(main_unit.authorized_roles.iter().cloned());
    entry.authorized_resources.extend(main_unit.authorized_resources.iter().cloned());
}

fn answer(app: &App, given: &SubjectDto, include: &IncludeQuery) -> Result<Vec<AuthorizedParty>, ApiError> {
    let subject = subject(app, given)?;
    let mut wanted = BTreeSet::new();
    for filter in given.party_filter.iter().flatten() {
        wanted.extend(party(app, &filter.id, filter.value.trim())?.map(|party| party.uuid()));
    }
    let mut found = authorized(app, &subject, include);
    if given.party_filter.as_ref().is_some_and(|filter| !filter.is_empty()) {
        found.retain(|party| {
            wanted.contains(&party.party_uuid) || party.subunits.iter().any(|unit| wanted.contains(&unit.party_uuid))
        });
    }
    Ok(found)
}

/// Lists the parties that somebody may act for, for owners of resources
#[utoipa::path(
    post, path = "/accessmanagement/api/v1/resourceowner/authorizedparties", tag = "Authorized parties", params(IncludeQuery), request_body = SubjectDto,
    responses((status = 200, description = "The parties", body = [AuthorizedParty]), (status = 400, description = "The subject cannot be read"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks altinn:accessmanagement/authorizedparties.resourceowner"),
        (status = 415, description = "The body is not JSON"))
)]
pub async fn of_subject(
    State(app): State<Arc<App>>,
    _caller: Scoped<AuthorizedPartiesOwner>,
    Query(include): Query<IncludeQuery>,
    Json(given): Json<SubjectDto>,
) -> Result<Json<Vec<AuthorizedParty>>, ApiError> {
    Ok(Json(answer(&app, &given, &include)?))
}

/// Lists the parties that somebody may act for, as `resourceowner` does
#[utoipa::path(
    post, path = "/accessmanagement/api/v1/serviceowner/authorizedparties", tag = "Authorized parties", params(IncludeQuery), request_body = SubjectDto,
    responses((status = 200, description = "The parties", body = [AuthorizedParty]), (status = 400, description = "The subject cannot be read"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks altinn:accessmanagement/authorizedparties.resourceowner"),
        (status = 415, description = "The body is not JSON"))
)]
pub async fn of_subject_for_service_owner(
    State(app): State<Arc<App>>,
    _caller: Scoped<AuthorizedPartiesOwner>,
    Query(include): Query<IncludeQuery>,
    Json(given): Json<SubjectDto>,
) -> Result<Json<Vec<AuthorizedParty>>, ApiError> {
    Ok(Json(answer(&app, &given, &include)?))
}

/// Lists the parties that you may act for: a person, or a system user
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/enduser/authorizedparties", tag = "Authorized parties", params(IncludeQuery),
    responses((status = 200, description = "The parties", body = Envelope<AuthorizedParty>), (status = 400, description = "A parameter cannot be read"),
        (status = 401, description = "No valid token, or one of neither a person nor a system user"),
        (status = 403, description = "The token lacks altinn:accessmanagement/authorizedparties"))
)]
pub async fn own(
    State(app): State<Arc<App>>,
    caller: Scoped<AuthorizedPartiesOwn>,
    Query(include): Query<IncludeQuery>,
) -> Result<Json<Envelope<AuthorizedParty>>, ApiError> {
    let system_user = || {
        let detail = caller.claims.system_user()?;
        let id = detail.systemuser_id.first()?.parse().ok()?;
        app.model.system_user(id).map(Subject::SystemUser)
    };
    let person = caller.person.as_ref().map(|of| Subject::Party(Party::Person(Arc::clone(&of.person))));
    let subject = person.or_else(system_user).ok_or(ApiError::Bare(StatusCode::UNAUTHORIZED))?;
    // Told only on demand, to those who ask about themselves.
    let include = IncludeQuery {
        include_roles: Some(include.include_roles.unwrap_or(false)),
        include_resources: Some(include.include_resources.unwrap_or(false)),
        ..include
    };
    Ok(Json(Envelope::new(authorized(&app, &subject, &include))))
}
