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

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;
    use proptest::prelude::*;

    use super::*;

    fn change_request(status: RequestStatus) -> ChangeRequest {
        let created = Timestamp::UNIX_EPOCH;
        ChangeRequest {
            id: Uuid::nil(),
            system_user: Uuid::nil(),
            system_internal_id: Uuid::nil(),
            system_id: SystemId::registered("991825827_smartcloud".into()),
            party: Uuid::nil(),
            party_org: "310904473".parse().unwrap(),
            external_ref: "310904473".into(),
            change: RightsChange::default(),
            status,
            redirect_url: None,
            is_deleted: false,
            created,
            expires: created + 240.hours(),
            answered: None,
        }
    }

    proptest! {
        /// Whatever is tried and when, at most one answer is ever taken, and never after the time has run out.
        #[test]
        fn a_change_request_is_answered_once_and_in_time(
            status in prop::sample::select(&[
                RequestStatus::New, RequestStatus::Accepted, RequestStatus::Rejected, RequestStatus::Timedout,
            ][..]),
            tries in prop::collection::vec((any::<bool>(), 0i64..480), 1..8),
        ) {
            let mut request = change_request(status);
            let mut taken = 0;
            for (approve, hour) in tries {
                let now = request.created + hour.hours();
                let answer = if approve { Answer::Approve } else { Answer::Reject };
                match request.answered(answer, now) {
                    Ok(next) => {
                        prop_assert!(now < request.expires);
                        prop_assert_eq!(next == RequestStatus::Accepted, approve);
                        request.status = next;
                        taken += 1;
                    }
                    Err(refused) => prop_assert_ne!(refused.status, RequestStatus::New),
                }
            }
            prop_assert!(taken <= i32::from(status == RequestStatus::New));
        }
    }

    #[test]
    fn a_change_of_nothing_is_empty() {
        let package = AccessPackage { urn: "urn:altinn:accesspackage:lonn".into() };
        let some = RightsChange { unwanted_packages: vec![package], ..RightsChange::default() };
        assert!(RightsChange::default().is_empty() && !some.is_empty());
    }
}
