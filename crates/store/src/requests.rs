//! Requests for system users.

use jiff::Timestamp;
use model::{AccessPackage, OrgNumber, Request, RequestKind, RequestStatus, Right, SystemId, SystemUserKind};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use crate::changes::{ChangeKind, timestamp};
use crate::error::StoreError;
use crate::parties::org_number;
use crate::session::{Count, Session, Write, execute, fetch_all, fetch_optional};
use crate::sql;
use crate::system_users::IdRow;

/// What at most one open or answered request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    /// The system, by internal id.
    pub system: Uuid,
    /// The customer, by party uuid.
    pub party: Uuid,
    /// The vendor's reference.
    pub external_ref: String,
    /// Standard or agent.
    pub kind: RequestKind,
}

/// What of a request is never searched for.
#[derive(Serialize, Deserialize)]
struct RequestDocument {
    title: String,
    rights: Vec<Right>,
    access_packages: Vec<AccessPackage>,
    redirect_url: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    kind: String,
    system_internal_id: Uuid,
    system_id: String,
    party: Uuid,
    org_number: String,
    external_ref: String,
    status: String,
    escalated: bool,
    created: i64,
    expires: i64,
    number: i64,
    answered: Option<i64>,
    answered_by: Option<Uuid>,
    document: Json<RequestDocument>,
}

/// Reads a kind as the store writes it.
pub(crate) fn kind(text: &str) -> Result<SystemUserKind, StoreError> {
    let kinds = [SystemUserKind::Standard, SystemUserKind::Agent];
    let found = kinds.into_iter().find(|kind| kind.as_str() == text);
    found.ok_or_else(|| StoreError::Inconsistent(format!("kind {text}")))
}

impl TryFrom<Row> for Request {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let document = row.document.0;
        let status = RequestStatus::from_wire(&row.status);
        let answered = match (row.answered, row.answered_by) {
            (Some(at), Some(by)) => Some((timestamp(at)?, by)),
            _ => None,
        };
        Ok(Self {
            id: row.id,
            kind: kind(&row.kind)?,
            system_internal_id: row.system_internal_id,
            system_id: SystemId::registered(row.system_id),
            party: row.party,
            party_org: org_number(&row.org_number)?,
            external_ref: row.external_ref,
            title: document.title,
            rights: document.rights,
            access_packages: document.access_packages,
            status: status.ok_or_else(|| StoreError::Inconsistent(format!("request status {}", row.status)))?,
            redirect_url: document.redirect_url,
            escalated: row.escalated,
            created: timestamp(row.created)?,
            expires: timestamp(row.expires)?,
            answered,
        })
    }
}

impl Session {
    /// The request with this id, unless it is deleted.
    pub async fn request(&mut self, id: Uuid) -> Result<Option<Request>, StoreError> {
        fetch_optional!(self, Row, sql::REQUEST, id)?.map(TryInto::try_into).transpose()
    }

    /// The newest request of this key that is not deleted, whatever its status.
    pub async fn latest_request(&mut self, key: &RequestKey) -> Result<Option<Request>, StoreError> {
        let RequestKey { system, party, external_ref, kind } = key;
        let row = fetch_optional!(self, Row, sql::LATEST_REQUEST, system, party, external_ref, kind.as_str())?;
        row.map(TryInto::try_into).transpose()
    }

    /// The party (uuid) that a request was to that has been withdrawn, or went with its system user.
    pub async fn withdrawn_request_to(&mut self, id: Uuid) -> Result<Option<Uuid>, StoreError> {
        Ok(fetch_optional!(self, IdRow, sql::WITHDRAWN_REQUEST_BY_ID, id)?.map(|row| row.id))
    }

    /// Whether there was a request that the vendor withdrew before it was answered.
    pub async fn withdrew_request(
        &mut self,
        system: Uuid,
        party: Uuid,
        external_ref: &str,
    ) -> Result<bool, StoreError> {
        Ok(fetch_optional!(self, IdRow, sql::WITHDRAWN_REQUEST, system, party, external_ref)?.is_some())
    }

    /// The requests of one kind for a system, each with its number, in the order of being made: those after `after`.
    pub async fn requests_of_system(
        &mut self,
        system: Uuid,
        kind: RequestKind,
        after: i64,
        limit: u16,
    ) -> Result<Vec<(i64, Request)>, StoreError> {
        let rows = fetch_all!(self, Row, sql::REQUESTS_OF_SYSTEM, system, kind.as_str(), after, i64::from(limit))?;
        rows.into_iter().map(|row| Ok((row.number, row.try_into()?))).collect()
    }

    /// How many requests of a vendor's systems to a party (uuid) wait for an answer.
    pub async fn waiting_requests(&mut self, vendor: OrgNumber, party: Uuid) -> Result<i64, StoreError> {
        Ok(fetch_optional!(self, Count, sql::WAITING_REQUESTS, vendor.as_str(), party)?.map_or(0, |count| count.number))
    }

    /// The requests whose time had run out at `now` without an answer, and for which that has not been written; at most
    /// 1000.
    pub async fn overdue_requests(&mut self, now: Timestamp) -> Result<Vec<Uuid>, StoreError> {
        let rows = fetch_all!(self, IdRow, sql::OVERDUE_REQUESTS, now.as_microsecond())?;
        Ok(rows.into_iter().map(|row| row.id).collect())
    }

    /// The requests that wait for a customer's answer, newest first, at most 1000.
    pub async fn open_requests(&mut self, party: Uuid) -> Result<Vec<Request>, StoreError> {
        fetch_all!(self, Row, sql::OPEN_REQUESTS, party)?.into_iter().map(TryInto::try_into).collect()
    }

    /// The requests to a customer, whatever has become of them, newest first, at most 200.
    pub async fn requests_of_party(&mut self, party: Uuid) -> Result<Vec<Request>, StoreError> {
        fetch_all!(self, Row, sql::REQUESTS_OF_PARTY, party)?.into_iter().map(TryInto::try_into).collect()
    }
}

impl Write {
    /// Stores a new request. One of the same key that is there already is an error.
    pub async fn insert_request(&mut self, request: &Request) -> Result<(), StoreError> {
        let document = RequestDocument {
            title: request.title.clone(),
            rights: request.rights.clone(),
            access_packages: request.access_packages.clone(),
            redirect_url: request.redirect_url.clone(),
        };
        let number = self.next_number();
        execute!(
            self,
            sql::INSERT_REQUEST,
            request.id,
            request.kind.as_str(),
            request.system_internal_id,
            request.party,
            &request.external_ref,
            request.status.as_str(),
            request.escalated,
            request.created.as_microsecond(),
            request.expires.as_microsecond(),
            number,
            Json(&document),
        )?;
        self.changed(ChangeKind::Request, request.id);
        Ok(())
    }

    /// Writes the answer, if the request still waits for one; whether it did.
    pub async fn answer_request(
        &mut self,
        id: Uuid,
        status: RequestStatus,
        at: Timestamp,
        by: Uuid,
    ) -> Result<bool, StoreError> {
        let rows = execute!(self, sql::ANSWER_REQUEST, id, status.as_str(), at.as_microsecond(), by)?;
        self.changed(ChangeKind::Request, id);
        Ok(rows == 1)
    }

    /// Writes that a request's time has run out, if it still waits; whether it did.
    pub async fn time_out_request(&mut self, id: Uuid) -> Result<bool, StoreError> {
        let rows = execute!(self, sql::TIME_OUT_REQUEST, id)?;
        self.changed(ChangeKind::Request, id);
        Ok(rows == 1)
    }

    /// Writes whether a request is forwarded to somebody with more power, if it still waits; whether it does.
    pub async fn set_request_escalated(&mut self, id: Uuid, escalated: bool) -> Result<bool, StoreError> {
        let rows = execute!(self, sql::SET_REQUEST_ESCALATED, id, escalated)?;
        self.changed(ChangeKind::Request, id);
        Ok(rows == 1)
    }

    /// Deletes a request of any status; whether it was there.
    pub async fn delete_request(&mut self, id: Uuid) -> Result<bool, StoreError> {
        let rows = execute!(self, sql::DELETE_REQUEST, id)?;
        self.changed(ChangeKind::Request, id);
        Ok(rows == 1)
    }
}
