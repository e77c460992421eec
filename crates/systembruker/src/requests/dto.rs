//! Requests as the wire writes them.

use jiff::{Timestamp, ToSpan};
use model::{Organisation, Request, RequestKind, RequestStatus};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::rules::Asked;
use crate::app::App;
use crate::http::faces::Face;
use crate::system_register::dto::{PackageDto, RightDto};

/// A request that is older than this is said to have timed out, however it was answered.
const OLD_DAYS: i64 = 180;

/// A request to be posted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewRequest {
    /// The system.
    pub system_id: String,
    /// The customer's organisation number.
    pub party_org_no: String,
    /// The vendor's reference; the customer's number where none is given.
    #[serde(default)]
    pub external_ref: Option<String>,
    #[serde(default)]
    integration_title: Option<String>,
    #[serde(default)]
    rights: Option<Vec<RightDto>>,
    #[serde(default)]
    access_packages: Option<Vec<PackageDto>>,
    #[serde(default)]
    redirect_url: Option<String>,
}

impl NewRequest {
    /// What is asked for.
    pub fn asked(self) -> Asked {
        let trimmed = |text: String| text.trim().to_owned();
        Asked {
            title: self.integration_title.map(trimmed),
            rights: self.rights.map(|rights| rights.into_iter().map(Into::into).collect()),
            access_packages: self.access_packages.map(|packages| packages.into_iter().map(Into::into).collect()),
            redirect_url: self.redirect_url.map(trimmed),
        }
    }
}

/// A request for an agent's system user to be posted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewAgentRequest {
    system_id: String,
    party_org_no: String,
    #[serde(default)]
    external_ref: Option<String>,
    #[serde(default)]
    integration_title: Option<String>,
    access_packages: Vec<PackageDto>,
    #[serde(default)]
    redirect_url: Option<String>,
}

impl From<NewAgentRequest> for NewRequest {
    fn from(new: NewAgentRequest) -> Self {
        let NewAgentRequest { system_id, party_org_no, external_ref, integration_title, access_packages, redirect_url } =
            new;
        let (rights, access_packages) = (None, Some(access_packages));
        Self { system_id, party_org_no, external_ref, integration_title, rights, access_packages, redirect_url }
    }
}

/// A request as its vendor and its customer see it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestDto {
    id: Uuid,
    integration_title: String,
    external_ref: String,
    system_id: String,
    party_org_no: String,
    /// Not there in one for an agent's system user.
    #[serde(skip_serializing_if = "Option::is_none")]
    rights: Option<Vec<RightDto>>,
    access_packages: Vec<PackageDto>,
    /// `New`, `Accepted`, `Rejected` or `Timedout`.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_url: Option<String>,
    /// Where the customer answers; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirm_url: Option<String>,
    escalated: bool,
    created: String,
    timed_out: bool,
}

/// A time as the platform's APIs write it.
pub fn wire_time(time: Timestamp) -> String {
    format!("{time:.6}")
}

/// Whether something that was made then is said to have timed out.
pub fn is_timed_out(status: RequestStatus, created: Timestamp, now: Timestamp) -> bool {
    status == RequestStatus::Timedout || now >= created + (OLD_DAYS * 24).hours()
}

/// Where a customer answers something of this kind.
pub fn confirm_url(app: &App, page: &str, id: Uuid) -> String {
    app.faces.join(Face::Portal, &format!("accessmanagement/ui/systemuser/{page}?id={id}&DONTCHOOSEREPORTEE=true"))
}

impl RequestDto {
    /// A request without the address under which it is answered.
    pub fn new(request: &Request, now: Timestamp) -> Self {
        let status = request.status_at(now);
        let rights = || request.rights.iter().map(Into::into).collect();
        Self {
            id: request.id,
            integration_title: request.title.clone(),
            external_ref: request.external_ref.clone(),
            system_id: request.system_id.to_string(),
            party_org_no: request.party_org.to_string(),
            rights: (request.kind == RequestKind::Standard).then(rights),
            access_packages: request.access_packages.iter().map(Into::into).collect(),
            status: status.as_str(),
            redirect_url: request.redirect_url.clone(),
            confirm_url: None,
            escalated: request.escalated,
            created: wire_time(request.created),
            timed_out: is_timed_out(status, request.created, now),
        }
    }

    /// A request with that address.
    pub fn with_confirm_url(app: &App, request: &Request) -> Self {
        let page = match request.kind {
            RequestKind::Standard => "request",
            RequestKind::Agent => "agentrequest",
        };
        let confirm_url = Some(confirm_url(app, page, request.id));
        Self { confirm_url, ..Self::new(request, app.clock.now()) }
    }
}

/// A request as the portal sees it, with what the person can do about it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestForAnswer {
    id: Uuid,
    external_ref: String,
    system_id: String,
    party_org_no: String,
    party_id: i64,
    party_uuid: Uuid,
    rights: Vec<RightDto>,
    access_packages: Vec<PackageDto>,
    /// `New`, `Accepted`, `Rejected` or `Timedout`.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_url: Option<String>,
    escalated: bool,
    /// Whether the person can only forward it to somebody who can answer.
    user_may_escalate_but_not_approve: bool,
    created: String,
    timed_out: bool,
    /// `standard` or `agent`.
    system_user_type: &'static str,
}

impl RequestForAnswer {
    /// A request to this organisation.
    pub fn new(request: &Request, organisation: &Organisation, may_only_escalate: bool, now: Timestamp) -> Self {
        let status = request.status_at(now);
        Self {
            id: request.id,
            external_ref: request.external_ref.clone(),
            system_id: request.system_id.to_string(),
            party_org_no: request.party_org.to_string(),
            party_id: organisation.party_id,
            party_uuid: organisation.party_uuid,
            rights: request.rights.iter().map(Into::into).collect(),
            access_packages: request.access_packages.iter().map(Into::into).collect(),
            status: status.as_str(),
            redirect_url: request.redirect_url.clone(),
            escalated: request.escalated,
            user_may_escalate_but_not_approve: may_only_escalate,
            created: wire_time(request.created),
            timed_out: is_timed_out(status, request.created, now),
            system_user_type: request.kind.as_str(),
        }
    }
}
