//! Change requests as the wire writes them.

use jiff::Timestamp;
use model::{AccessPackage, ChangeRequest, Organisation, Right, RightsChange, SystemUser};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::requests::dto::{confirm_url, is_timed_out, wire_time};
use crate::system_register::dto::{PackageDto, RightDto};

/// A change request to be posted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewChangeRequest {
    #[serde(default)]
    required_rights: Vec<RightDto>,
    #[serde(default)]
    unwanted_rights: Vec<RightDto>,
    #[serde(default)]
    required_access_packages: Vec<PackageDto>,
    #[serde(default)]
    unwanted_access_packages: Vec<PackageDto>,
    /// Where the customer goes after the answer.
    #[serde(default)]
    pub redirect_url: Option<String>,
    /// The system, where the parameter system-user-id is not given.
    #[serde(default)]
    pub system_id: Option<String>,
    /// The customer's organisation number, likewise.
    #[serde(default)]
    pub party_org_no: Option<String>,
    /// The vendor's reference, likewise; the customer's number where none is given.
    #[serde(default)]
    pub external_ref: Option<String>,
}

impl NewChangeRequest {
    /// What is asked for.
    pub fn change(&mut self) -> RightsChange {
        let rights = |list: &mut Vec<RightDto>| std::mem::take(list).into_iter().map(Into::into).collect();
        let packages = |list: &mut Vec<PackageDto>| std::mem::take(list).into_iter().map(Into::into).collect();
        RightsChange {
            required_rights: rights(&mut self.required_rights),
            unwanted_rights: rights(&mut self.unwanted_rights),
            required_packages: packages(&mut self.required_access_packages),
            unwanted_packages: packages(&mut self.unwanted_access_packages),
        }
    }
}

/// What a change request asks for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeDto {
    required_rights: Vec<RightDto>,
    unwanted_rights: Vec<RightDto>,
    required_access_packages: Vec<PackageDto>,
    unwanted_access_packages: Vec<PackageDto>,
}

impl From<&RightsChange> for ChangeDto {
    fn from(change: &RightsChange) -> Self {
        let rights = |list: &[Right]| list.iter().map(Into::into).collect();
        let packages = |list: &[AccessPackage]| list.iter().map(Into::into).collect();
        Self {
            required_rights: rights(&change.required_rights),
            unwanted_rights: rights(&change.unwanted_rights),
            required_access_packages: packages(&change.required_packages),
            unwanted_access_packages: packages(&change.unwanted_packages),
        }
    }
}

/// A change request as its vendor and its customer see it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeRequestDto {
    id: Uuid,
    external_ref: String,
    system_id: String,
    system_user_id: Uuid,
    party_org_no: String,
    #[serde(flatten)]
    change: ChangeDto,
    /// `New`, `Accepted`, `Rejected`, `Timedout`, or `NoChangeNeeded` for one that asks for nothing.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_url: Option<String>,
    /// Where the customer answers; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirm_url: Option<String>,
    created: String,
    timed_out: bool,
}

impl ChangeRequestDto {
    /// Its id.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// A change request without the address under which it is answered.
    pub fn new(request: &ChangeRequest, now: Timestamp) -> Self {
        let status = request.status_at(now);
        Self {
            id: request.id,
            external_ref: request.external_ref.clone(),
            system_id: request.system_id.to_string(),
            system_user_id: request.system_user,
            party_org_no: request.party_org.to_string(),
            change: (&request.change).into(),
            status: status.as_str(),
            redirect_url: request.redirect_url.clone(),
            confirm_url: None,
            created: wire_time(request.created),
            timed_out: is_timed_out(status, request.created, now),
        }
    }

    /// A change request with that address.
    pub fn with_confirm_url(app: &App, request: &ChangeRequest) -> Self {
        let confirm_url = Some(confirm_url(app, "changerequest", request.id));
        Self { confirm_url, ..Self::new(request, app.clock.now()) }
    }

    /// What is answered to one that asks for nothing. It is not stored.
    pub fn no_change_needed(user: &SystemUser, id: Uuid) -> Self {
        Self {
            id,
            external_ref: user.external_ref.clone(),
            system_id: user.system_id.to_string(),
            system_user_id: user.id,
            party_org_no: user.owner.to_string(),
            change: (&RightsChange::default()).into(),
            status: "NoChangeNeeded",
            redirect_url: None,
            confirm_url: Some(String::new()),
            // It has no time; clients in use read this one.
            created: "0001-01-01T00:00:00".to_owned(),
            timed_out: false,
        }
    }
}

/// A change request as the portal sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeRequestForAnswer {
    id: Uuid,
    external_ref: String,
    system_id: String,
    system_user_id: Uuid,
    party_org_no: String,
    party_id: i64,
    party_uuid: Uuid,
    #[serde(flatten)]
    change: ChangeDto,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_url: Option<String>,
}

impl ChangeRequestForAnswer {
    /// A change request to this organisation.
    pub fn new(request: &ChangeRequest, organisation: &Organisation, now: Timestamp) -> Self {
        Self {
            id: request.id,
            external_ref: request.external_ref.clone(),
            system_id: request.system_id.to_string(),
            system_user_id: request.system_user,
            party_org_no: request.party_org.to_string(),
            party_id: organisation.party_id,
            party_uuid: organisation.party_uuid,
            change: (&request.change).into(),
            status: request.status_at(now).as_str(),
            redirect_url: request.redirect_url.clone(),
        }
    }
}
