//! Requests that system users are given more, or less.

use jiff::Timestamp;
use model::{ChangeRequest, RequestStatus, RightsChange, SystemId};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use crate::changes::{ChangeKind, timestamp};
use crate::error::StoreError;
use crate::parties::org_number;
use crate::session::{Count, Session, Write, execute, fetch_all, fetch_optional};
use crate::sql;
use crate::system_users::IdRow;

#[derive(Serialize, Deserialize)]
struct ChangeDocument {
    #[serde(flatten)]
    change: RightsChange,
    redirect_url: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    system_user: Uuid,
    system_internal_id: Uuid,
    system_id: String,
    party: Uuid,
    org_number: String,
    external_ref: String,
    status: String,
    is_deleted: bool,
    created: i64,
    expires: i64,
    number: i64,
    answered: Option<i64>,
    answered_by: Option<Uuid>,
    document: Json<ChangeDocument>,
}

impl TryFrom<Row> for ChangeRequest {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let status = RequestStatus::from_wire(&row.status);
        let answered = match (row.answered, row.answered_by) {
            (Some(at), Some(by)) => Some((timestamp(at)?, by)),
            _ => None,
        };
        Ok(Self {
            id: row.id,
            system_user: row.system_user,
            system_internal_id: row.system_internal_id,
            system_id: SystemId::registered(row.system_id),
            party: row.party,
            party_org: org_number(&row.org_number)?,
            external_ref: row.external_ref,
            change: row.document.0.change,
            status: status.ok_or_else(|| StoreError::Inconsistent(format!("request status {}", row.status)))?,
            redirect_url: row.document.0.redirect_url,
            is_deleted: row.is_deleted,
            created: timestamp(row.created)?,
            expires: timestamp(row.expires)?,
            answered,
        })
    }
}

impl Session {
    /// The change request with this id, deleted or not.
    pub async fn change_request(&mut self, id: Uuid) -> Result<Option<ChangeRequest>, StoreError> {
        fetch_optional!(self, Row, sql::CHANGE_REQUEST, id)?.map(TryInto::try_into).transpose()
    }

    /// The change requests about a system user that are not deleted, newest first, at most 1000.
    pub async fn change_requests_of(&mut self, system_user: Uuid) -> Result<Vec<ChangeRequest>, StoreError> {
        let rows = fetch_all!(self, Row, sql::CHANGE_REQUESTS_OF, system_user)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// The newest change request for a system, customer (by party uuid) and external reference that is not deleted.
    pub async fn latest_change_request(
        &mut self,
        system: Uuid,
        party: Uuid,
        external_ref: &str,
    ) -> Result<Option<ChangeRequest>, StoreError> {
        let row = fetch_optional!(self, Row, sql::LATEST_CHANGE_REQUEST, system, party, external_ref)?;
        row.map(TryInto::try_into).transpose()
    }

    /// The change requests for a system, each with its number, in the order of being made: those after `after`.
    pub async fn change_requests_of_system(
        &mut self,
        system: Uuid,
        after: i64,
        limit: u16,
    ) -> Result<Vec<(i64, ChangeRequest)>, StoreError> {
        let rows = fetch_all!(self, Row, sql::CHANGE_REQUESTS_OF_SYSTEM, system, after, i64::from(limit))?;
        rows.into_iter().map(|row| Ok((row.number, row.try_into()?))).collect()
    }

    /// The change requests to a customer, newest first, at most 200: those that wait, or all.
    pub async fn change_requests_of_party(&mut self, party: Uuid, all: bool) -> Result<Vec<ChangeRequest>, StoreError> {
        let rows = fetch_all!(self, Row, sql::CHANGE_REQUESTS_OF_PARTY, party, i64::from(all))?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// How many change requests about a system user wait for an answer.
    pub async fn waiting_change_requests(&mut self, system_user: Uuid) -> Result<i64, StoreError> {
        Ok(fetch_optional!(self, Count, sql::WAITING_CHANGE_REQUESTS, system_user)?.map_or(0, |count| count.number))
    }

    /// The change requests whose time had run out at `now` without an answer, and for which that has not been written;
    /// at most 1000.
    pub async fn overdue_change_requests(&mut self, now: Timestamp) -> Result<Vec<Uuid>, StoreError> {
        let rows = fetch_all!(self, IdRow, sql::OVERDUE_CHANGE_REQUESTS, now.as_microsecond())?;
        Ok(rows.into_iter().map(|row| row.id).collect())
    }
}

impl Write {
    /// Stores a new change request.
    pub async fn insert_change_request(&mut self, request: &ChangeRequest) -> Result<(), StoreError> {
        let document = ChangeDocument { change: request.change.clone(), redirect_url: request.redirect_url.clone() };
        let number = self.next_number();
        execute!(
            self,
            sql::INSERT_CHANGE_REQUEST,
            request.id,
            request.system_user,
            request.system_internal_id,
            request.status.as_str(),
            request.created.as_microsecond(),
            request.expires.as_microsecond(),
            number,
            Json(&document),
        )?;
        self.changed(ChangeKind::ChangeRequest, request.id);
        Ok(())
    }

    /// Writes the answer, if the request still waits for one; whether it did.
    pub async fn answer_change_request(
        &mut self,
        id: Uuid,
        status: RequestStatus,
        at: Timestamp,
        by: Uuid,
    ) -> Result<bool, StoreError> {
        let rows = execute!(self, sql::ANSWER_CHANGE_REQUEST, id, status.as_str(), at.as_microsecond(), by)?;
        self.changed(ChangeKind::ChangeRequest, id);
        Ok(rows == 1)
    }

    /// Writes that its time has run out, if it still waits; whether it did.
    pub async fn time_out_change_request(&mut self, id: Uuid) -> Result<bool, StoreError> {
        let rows = execute!(self, sql::TIME_OUT_CHANGE_REQUEST, id)?;
        self.changed(ChangeKind::ChangeRequest, id);
        Ok(rows == 1)
    }

    /// Deletes a change request of any status; whether it was there.
    pub async fn delete_change_request(&mut self, id: Uuid) -> Result<bool, StoreError> {
        let rows = execute!(self, sql::DELETE_CHANGE_REQUEST, id)?;
        self.changed(ChangeKind::ChangeRequest, id);
        Ok(rows == 1)
    }
}
