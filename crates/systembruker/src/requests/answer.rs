//! The customer's answer.

use std::collections::BTreeSet;

use model::problem::{
    PACKAGE_NOT_DELEGABLE, PARTY_UNKNOWN, REQUEST_NOT_FOUND, REQUEST_NOT_NEW, RIGHT_NOT_DELEGABLE, SYSTEM_NOT_FOUND,
    SYSTEM_USER_EXISTS,
};
use model::{Answer, Request, SystemUser};
use serde_json::json;
use store::{AuditEntry, ChangeContext, StoreError};
use uuid::Uuid;

use super::rules::{check_assignable, check_within};
use crate::access::delegation;
use crate::app::App;
use crate::http::problem::ApiError;
use crate::read_model::Party;

/// Who answers: a person who was found to have the power to.
#[derive(Debug, Clone)]
pub struct Answerer {
    /// The person, by party uuid.
    pub person: Uuid,
    /// How the person stands in the records.
    pub context: ChangeContext,
}

/// Answers a request. Whether the person may answer for the organisation has been decided by the caller; what the
/// person can pass on is decided here. One answer wins; every later one is [`REQUEST_NOT_NEW`].
pub async fn answer(app: &App, answerer: &Answerer, id: Uuid, answer: Answer) -> Result<Request, ApiError> {
    let now = app.clock.now();
    let mut tx = app.begin(answerer.context.clone()).await?;
    // Nothing can change between what is read here and what is written below: there is one writer at a time.
    let mut request = tx.request(id).await?.ok_or(REQUEST_NOT_FOUND)?;
    let status = request.answered(answer, now).map_err(|_| REQUEST_NOT_NEW)?;
    let (mut rights, mut packages) = (vec![], vec![]);
    if answer == Answer::Approve {
        let system = tx.system(request.system_internal_id).await?.filter(|system| !system.is_deleted);
        let system = system.ok_or(SYSTEM_NOT_FOUND)?;
        check_within(&request.rights, &request.access_packages, &system)?;
        check_assignable(&request.access_packages, &app.model.metadata())?;
        let user = system_user(app, answerer, &request)?;
        rights.extend_from_slice(&user.rights);
        packages.extend_from_slice(&user.access_packages);
        tx.insert_system_user(&user).await.map_err(|error| match error {
            StoreError::Duplicate(_) => SYSTEM_USER_EXISTS.into(),
            error => ApiError::from(error),
        })?;
    }
    if !tx.answer_request(id, status, now, answerer.person).await? {
        return Err(REQUEST_NOT_NEW.into());
    }
    tx.audit(AuditEntry {
        id: app.random.uuid_at(now),
        event: if answer == Answer::Approve { "request.approved" } else { "request.rejected" },
        party: Some(request.party),
        subject: id.to_string(),
        details: json!({"externalRef": request.external_ref, "systemId": request.system_id, "rights": rights, "accessPackages": packages}),
    })
    .await?;
    app.commit(tx).await?;
    request.status = status;
    request.answered = Some((now, answerer.person));
    Ok(request)
}

/// The system user that an approval makes, with what the person can pass on of each right: at least one action. Every
/// package must be among those that the person can pass on.
fn system_user(app: &App, answerer: &Answerer, request: &Request) -> Result<SystemUser, ApiError> {
    let parties = app.model.parties();
    let organisation = parties.organisation(request.party).ok_or(PARTY_UNKNOWN)?;
    let person = parties.party(answerer.person).ok_or(PARTY_UNKNOWN)?;
    let inputs = app.decision_inputs();
    let mut rights = BTreeSet::new();
    for check in delegation::check_rights(&inputs, &person, &organisation, &request.rights) {
        match check.result {
            Ok(delegable) => rights.extend(delegable),
            Err(reason) => {
                let detail = format!("{}: {reason}", check.resource_id);
                return Err(ApiError::Problem(RIGHT_NOT_DELEGABLE, vec![("detail", detail)]));
            }
        }
    }
    let packages: BTreeSet<_> = request.access_packages.iter().cloned().collect();
    let urns = packages.iter().map(|package| &*package.urn);
    let checks = delegation::check_packages(&inputs, &person, &Party::Organisation(organisation), urns);
    let refused: Vec<_> = checks.iter().filter(|check| !check.result).map(|check| &*check.urn).collect();
    if !refused.is_empty() {
        return Err(ApiError::Problem(PACKAGE_NOT_DELEGABLE, vec![("detail", refused.join(", "))]));
    }
    Ok(SystemUser {
        id: request.id,
        kind: request.kind,
        system_internal_id: request.system_internal_id,
        system_id: request.system_id.clone(),
        owner_party: request.party,
        owner: request.party_org,
        external_ref: request.external_ref.clone(),
        title: request.title.clone(),
        rights: rights.into_iter().collect(),
        access_packages: packages.into_iter().collect(),
        clients: vec![],
        is_deleted: false,
        created: app.clock.now(),
        created_by: answerer.person,
    })
}
