//! A vendor's request that a system user is given more, or less. It goes through the states of a request.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{AccessPackage, Answer, NotNew, OrgNumber, RequestStatus, Right, SystemId};

/// What shall be given and taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RightsChange {
    /// Single rights that it shall have.
    pub required_rights: Vec<Right>,
    /// Single rights that it shall not have.
    pub unwanted_rights: Vec<Right>,
    /// Packages that it shall have.
    pub required_packages: Vec<AccessPackage>,
    /// Packages that it shall not have.
    pub unwanted_packages: Vec<AccessPackage>,
}

impl RightsChange {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.required_rights.is_empty()
            && self.unwanted_rights.is_empty()
            && self.required_packages.is_empty()
            && self.unwanted_packages.is_empty()
    }

    /// The length of the longest list.
    pub fn longest(&self) -> usize {
        let rights = self.required_rights.len().max(self.unwanted_rights.len());
        rights.max(self.required_packages.len()).max(self.unwanted_packages.len())
    }
}

/// A vendor's request for a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRequest {
    /// The id that the vendor chose.
    pub id: Uuid,
    /// The system user.
    pub system_user: Uuid,
    /// The system, inside this installation.
    pub system_internal_id: Uuid,
    /// The system.
    pub system_id: SystemId,
    /// The customer, by party uuid.
    pub party: Uuid,
    /// The customer.
    pub party_org: OrgNumber,
    /// The system user's external reference.
    pub external_ref: String,
    /// What is asked for.
    pub change: RightsChange,
    /// Where it stands, as last written; see [`ChangeRequest::status_at`].
    pub status: RequestStatus,
    /// Where the browser goes after the answer.
    pub redirect_url: Option<String>,
    /// Withdrawn by the vendor.
    pub is_deleted: bool,
    /// When it was posted.
    pub created: Timestamp,
    /// From then on it can no longer be answered.
    pub expires: Timestamp,
    /// When and by whom (party uuid) it was answered.
    pub answered: Option<(Timestamp, Uuid)>,
}

impl ChangeRequest {
    /// Where it stands at `now`, whether or not its running out of time has been written.
    pub fn status_at(&self, now: Timestamp) -> RequestStatus {
        self.status.at(self.expires, now)
    }

    /// The status after `answer` at `now`.
    pub fn answered(&self, answer: Answer, now: Timestamp) -> Result<RequestStatus, NotNew> {
        self.status_at(now).answered(answer)
    }
}
