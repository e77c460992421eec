//! How the interfaces of access management show parties, roles and packages.

use std::sync::Arc;

use http::StatusCode;
use model::{Organisation, SystemUserKind};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::metadata::{Metadata, Package, Role};
use crate::app::App;
use crate::authorization::rules::{Asked, person_may};
use crate::http::caller::{Caller, CallingPerson};
use crate::http::problem::ApiError;
use crate::read_model::{Parties, Party, SystemUserEntry};

/// A list as these interfaces answer it; they have one page only.
#[derive(Debug, Serialize, ToSchema)]
pub struct Envelope<T> {
    links: NoLinks,
    data: Vec<T>,
}

#[derive(Debug, Default, Serialize, ToSchema)]
struct NoLinks {
    next: Option<String>,
}

impl<T> Envelope<T> {
    /// All of a list.
    pub fn new(data: Vec<T>) -> Self {
        Self { links: NoLinks::default(), data }
    }
}

/// A party or system user.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(no_recursion)]
pub struct CompactEntity {
    /// Names it everywhere.
    pub id: Uuid,
    name: String,
    /// `Organisasjon`, `Person` or `Systembruker`.
    r#type: &'static str,
    /// The kind of unit, or of system user.
    variant: String,
    parent: Option<Box<CompactEntity>>,
    party_id: Option<i64>,
    user_id: Option<i64>,
    organization_identifier: Option<String>,
    is_deleted: bool,
    deleted_at: Option<String>,
}

impl CompactEntity {
    /// An organisation with its main unit.
    pub fn organisation(parties: &Parties, organisation: &Arc<Organisation>) -> Self {
        let main_unit = parties.main_unit(organisation);
        Self {
            id: organisation.party_uuid,
            name: organisation.name.clone(),
            r#type: "Organisasjon",
            variant: organisation.unit_type.clone(),
            parent: main_unit.map(|unit| Box::new(Self::organisation(parties, &unit))),
            party_id: Some(organisation.party_id),
            user_id: None,
            organization_identifier: Some(organisation.org_number.to_string()),
            is_deleted: organisation.deleted.is_some(),
            deleted_at: organisation.deleted.map(|at| at.to_string()),
        }
    }

    /// A party.
    pub fn party(parties: &Parties, party: &Party) -> Self {
        match party {
            Party::Organisation(organisation) => Self::organisation(parties, organisation),
            Party::Person(person) => Self {
                id: person.party_uuid,
                name: person.name.clone(),
                r#type: "Person",
                variant: "Person".to_owned(),
                parent: None,
                party_id: Some(person.party_id),
                user_id: Some(person.user_id),
                organization_identifier: None,
                is_deleted: person.deceased.is_some(),
                deleted_at: person.deceased.map(|at| at.to_string()),
            },
        }
    }

    /// A system user.
    pub fn system_user(user: &SystemUserEntry) -> Self {
        Self {
            id: user.id,
            name: user.title.clone(),
            r#type: "Systembruker",
            variant: match user.kind {
                SystemUserKind::Standard => "StandardSystem",
                SystemUserKind::Agent => "AgentSystem",
            }
            .to_owned(),
            parent: None,
            party_id: None,
            user_id: None,
            organization_identifier: None,
            is_deleted: user.is_deleted,
            deleted_at: None,
        }
    }
}

/// A role.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CompactRole {
    /// Its id.
    pub id: Uuid,
    code: String,
    urn: String,
    /// The official service writes this name with a space at its end, and clients read it so.
    #[serde(rename = "legacyurn ")]
    legacy_urn: Option<String>,
}

impl From<&Role> for CompactRole {
    fn from(role: &Role) -> Self {
        Self {
            id: role.id,
            code: role.code.clone(),
            urn: role.urn.clone(),
            legacy_urn: role.legacy_code.as_ref().map(|code| format!("urn:altinn:rolecode:{code}")),
        }
    }
}

/// A package.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompactPackage {
    /// Its id.
    pub id: Uuid,
    urn: String,
    area_id: Uuid,
}

impl From<&Package> for CompactPackage {
    fn from(package: &Package) -> Self {
        Self { id: package.id, urn: package.urn(), area_id: package.area }
    }
}

/// The packages that are known by these URNs.
pub fn compact_packages<'a>(metadata: &Metadata, urns: impl IntoIterator<Item = &'a str>) -> Vec<CompactPackage> {
    urns.into_iter().filter_map(|urn| metadata.package(urn)).map(Into::into).collect()
}

/// The party that the caller acts for, if the person may do this for it: for an organisation as the policy of one of the
/// platform's resources has it, for oneself always.
pub fn acted_for(app: &App, caller: &Caller, party: Uuid, resource: &str, action: &str) -> Result<Party, ApiError> {
    let CallingPerson { person, level } = caller.require_person()?;
    let forbidden = || ApiError::Bare(StatusCode::FORBIDDEN);
    let found = app.model.parties().party(party).ok_or_else(forbidden)?;
    let may = match &found {
        Party::Person(other) => other.party_uuid == person.party_uuid,
        Party::Organisation(organisation) => {
            let asked = Asked { organisation, resource, action };
            person_may(&app.decision_inputs(), person.party_uuid, *level, &asked)
        }
    };
    if may { Ok(found) } else { Err(forbidden()) }
}
