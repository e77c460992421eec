//! A vendor's request for a system user, and the states it goes through.
//!
//! ```text
//!             ┌─ approve ─▶ Accepted
//! post ─▶ New ┼─ reject  ─▶ Rejected
//!             └─ expire  ─▶ Timedout
//! ```
//!
//! Every arrow leaves `New` and arrives at an end. A request can also be forwarded (escalated) to someone with more
//! power, which changes no status, and withdrawn by the vendor, which makes it invisible.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::{AccessPackage, OrgNumber, Right, SystemId};

/// What kind of system user is asked for.
pub type RequestKind = crate::SystemUserKind;

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RequestStatus {
    /// Waits for the customer.
    New,
    /// The customer approved; the system user exists, or existed.
    Accepted,
    /// The customer rejected.
    Rejected,
    /// Nobody answered in time.
    Timedout,
}

impl RequestStatus {
    /// The status as the wire writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "New",
            Self::Accepted => "Accepted",
            Self::Rejected => "Rejected",
            Self::Timedout => "Timedout",
        }
    }

    /// What it is at `now` for what can be answered until `expires`, whether or not that has been written.
    #[must_use]
    pub fn at(self, expires: Timestamp, now: Timestamp) -> Self {
        match self {
            Self::New if now >= expires => Self::Timedout,
            status => status,
        }
    }

    /// What it is after an answer.
    pub fn answered(self, answer: Answer) -> Result<Self, NotNew> {
        match (self, answer) {
            (Self::New, Answer::Approve) => Ok(Self::Accepted),
            (Self::New, Answer::Reject) => Ok(Self::Rejected),
            (status, _) => Err(NotNew { status }),
        }
    }

    /// The status that the wire writes so.
    pub fn from_wire(text: &str) -> Option<Self> {
        [Self::New, Self::Accepted, Self::Rejected, Self::Timedout].into_iter().find(|status| status.as_str() == text)
    }
}

/// The customer's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Yes: the system user is made and the rights are delegated.
    Approve,
    /// No.
    Reject,
}

/// The request has been answered, or its time has run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the request is {} and can no longer be answered", .status.as_str())]
pub struct NotNew {
    /// Where it stands.
    pub status: RequestStatus,
}

/// A vendor's request that a customer gives its system a system user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The id; the system user made from it has the same.
    pub id: Uuid,
    /// Standard or agent.
    pub kind: RequestKind,
    /// The system, inside this installation.
    pub system_internal_id: Uuid,
    /// The system.
    pub system_id: SystemId,
    /// The customer, by party uuid.
    pub party: Uuid,
    /// The customer.
    pub party_org: OrgNumber,
    /// The vendor's reference; the customer's organisation number where none was given.
    pub external_ref: String,
    /// The name shown to the customer.
    pub title: String,
    /// The single rights asked for.
    pub rights: Vec<Right>,
    /// The access packages asked for.
    pub access_packages: Vec<AccessPackage>,
    /// Where it stands, as last written; see [`Request::status_at`].
    pub status: RequestStatus,
    /// Where the browser goes after the answer.
    pub redirect_url: Option<String>,
    /// Whether someone without the power to answer has forwarded it.
    pub escalated: bool,
    /// When it was posted.
    pub created: Timestamp,
    /// From then on it can no longer be answered.
    pub expires: Timestamp,
    /// When and by whom (party uuid) it was answered.
    pub answered: Option<(Timestamp, Uuid)>,
}

impl Request {
    /// How long a request waits for an answer, in days.
    pub const LIFETIME_DAYS: i64 = 10;

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
    use jiff::ToSpan;
    use proptest::prelude::*;

    use super::*;

    fn request(status: RequestStatus) -> Request {
        let created = Timestamp::UNIX_EPOCH;
        Request {
            id: Uuid::nil(),
            kind: RequestKind::Standard,
            system_internal_id: Uuid::nil(),
            system_id: SystemId::registered("991825827_smartcloud".into()),
            party: Uuid::nil(),
            party_org: "310904473".parse().unwrap(),
            external_ref: "310904473".into(),
            title: "SmartCloud".into(),
            rights: vec![],
            access_packages: vec![],
            status,
            redirect_url: None,
            escalated: false,
            created,
            expires: created + (Request::LIFETIME_DAYS * 24).hours(),
            answered: None,
        }
    }

    fn any_status() -> impl Strategy<Value = RequestStatus> {
        prop_oneof![
            Just(RequestStatus::New),
            Just(RequestStatus::Accepted),
            Just(RequestStatus::Rejected),
            Just(RequestStatus::Timedout)
        ]
    }

    proptest! {
        /// Whatever is tried and when, at most one answer is ever taken, and never after the time has run out.
        #[test]
        fn a_request_is_answered_once_and_in_time(
            status in any_status(),
            tries in prop::collection::vec((any::<bool>(), 0i64..20 * 24), 1..8),
        ) {
            let mut request = request(status);
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

        #[test]
        fn the_wire_names_a_status_and_back(status in any_status()) {
            prop_assert_eq!(RequestStatus::from_wire(status.as_str()), Some(status));
        }
    }
}
