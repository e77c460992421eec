//! System users as the wire writes them.

use std::collections::BTreeSet;

use model::{AccessPackage, DelegatedRight, RegisteredSystem, Right, SystemUser};
use serde::Serialize;
use store::SystemUserChange;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::read_model::SystemUserEntry;
use crate::requests::dto::wire_time;
use crate::system_register::dto::{PackageDto, RightDto};

/// A system user as Maskinporten and vendors see it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SystemUserDto {
    id: Uuid,
    integration_title: String,
    system_id: String,
    /// The system's id again for Maskinporten, empty for others.
    product_name: String,
    reportee_org_no: String,
    created: String,
    is_deleted: bool,
    supplier_name: String,
    supplier_orgno: String,
    external_ref: String,
    /// `standard` or `agent`.
    user_type: &'static str,
}

impl SystemUserDto {
    /// A system user of this system.
    pub fn new(user: &SystemUser, system: &RegisteredSystem, product_name: String) -> Self {
        Self {
            id: user.id,
            integration_title: user.title.clone(),
            system_id: user.system_id.to_string(),
            product_name,
            reportee_org_no: user.owner.to_string(),
            created: wire_time(user.created),
            is_deleted: user.is_deleted,
            supplier_name: String::new(),
            supplier_orgno: system.vendor.to_string(),
            external_ref: user.external_ref.clone(),
            user_type: user.kind.as_str(),
        }
    }
}

/// A system user as its owner sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnSystemUserDto {
    #[serde(flatten)]
    user: SystemUserDto,
    system_internal_id: Uuid,
    /// The owner's party id.
    party_id: String,
    /// Always empty, as it has always been.
    #[serde(rename = "partyUuId")]
    party_uuid: String,
    access_packages: Vec<PackageDto>,
    /// Only where one is read by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    rights: Option<Vec<RightDto>>,
}

impl OwnSystemUserDto {
    /// A system user, as lists show it; `None` where its system or owner is not there.
    pub fn listed(app: &App, user: &SystemUserEntry) -> Option<Self> {
        let system = app.model.system(user.system_internal_id)?;
        let owner = app.model.parties().organisation(user.owner_party)?;
        Some(Self {
            user: SystemUserDto::new(user, &system, String::new()),
            system_internal_id: user.system_internal_id,
            party_id: owner.party_id.to_string(),
            party_uuid: String::new(),
            access_packages: packages(&user.user.access_packages),
            rights: None,
        })
    }

    /// A system user with its rights.
    pub fn whole(app: &App, user: &SystemUserEntry) -> Option<Self> {
        Some(Self { rights: Some(rights(&user.user.rights)), ..Self::listed(app, user)? })
    }
}

fn packages(packages: &[AccessPackage]) -> Vec<PackageDto> {
    packages.iter().map(Into::into).collect()
}

/// The resources that single rights are to, each once.
fn rights(rights: &[DelegatedRight]) -> Vec<RightDto> {
    let resources: BTreeSet<&str> = rights.iter().map(|right| &*right.resource).collect();
    resources.into_iter().map(|resource| (&Right::to_resource(resource)).into()).collect()
}

/// What was given to a system user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DelegationsDto {
    system_user_id: Uuid,
    rights: Vec<RightDto>,
    access_packages: Vec<PackageDto>,
}

impl From<&SystemUserEntry> for DelegationsDto {
    fn from(user: &SystemUserEntry) -> Self {
        Self {
            system_user_id: user.id,
            rights: rights(&user.user.rights),
            access_packages: packages(&user.user.access_packages),
        }
    }
}

/// A system user as the register of parties follows it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegisteredSystemUserDto {
    id: Uuid,
    party_org_no: String,
    party_id: String,
    integration_title: String,
    is_deleted: bool,
    last_changed: String,
    created: String,
    sequence_no: i64,
    system_user_type: &'static str,
}

impl RegisteredSystemUserDto {
    /// A system user with its last change; `None` where its owner is not there.
    pub fn new(app: &App, user: &SystemUserEntry, change: SystemUserChange) -> Option<Self> {
        let owner = app.model.parties().organisation(user.owner_party)?;
        Some(Self {
            id: user.id,
            party_org_no: user.owner.to_string(),
            party_id: owner.party_id.to_string(),
            integration_title: user.title.clone(),
            is_deleted: user.is_deleted,
            last_changed: wire_time(change.at),
            created: wire_time(user.created),
            sequence_no: change.number,
            system_user_type: user.kind.as_str(),
        })
    }
}
