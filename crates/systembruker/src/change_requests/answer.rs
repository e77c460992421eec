//! The customer's answer to a change request.

use std::collections::BTreeSet;

use model::problem::{
    PARTY_UNKNOWN, ProblemCode, REQUEST_NOT_FOUND, REQUEST_NOT_NEW, REQUEST_OF_OTHER, RIGHT_NOT_FOUND,
    SYSTEM_NOT_FOUND, SYSTEM_USER_NOT_FOUND,
};
use model::{AccessPackage, Answer, ChangeRequest, DelegatedRight, RequestKind, Right, SystemUser, SystemUserKind};
use serde_json::{Value, json};
use store::Write;
use uuid::Uuid;

use crate::access::clients::give_to_clients;
use crate::app::App;
use crate::http::problem::ApiError;
use crate::notices::Event;
use crate::requests::answer::{Answerer, check_delegable_packages, delegable_rights};
use crate::requests::rules::{check_packages_of, check_within};

/// The page of the portal on which change requests are answered.
pub const CHANGE_PAGE: &str = "changerequest";

/// Answers a change request of an organisation (party uuid). Whether the person may answer for it has been decided by
/// the caller; what the person can pass on is decided here. One answer wins.
pub async fn answer(
    app: &App,
    answerer: &Answerer,
    party: Uuid,
    id: Uuid,
    answer: Answer,
    shown: impl Fn(&ChangeRequest) -> Result<Value, ApiError>,
) -> Result<ChangeRequest, ApiError> {
    let mut tx = app.begin(answerer.context.clone()).await?;
    answerer.require_power(app, party)?;
    let now = tx.now();
    let request = tx.change_request(id).await?.filter(|request| !request.is_deleted);
    let mut request = request.ok_or(REQUEST_NOT_FOUND)?;
    if request.party != party {
        return Err(REQUEST_OF_OTHER.into());
    }
    let status = request.answered(answer, now).map_err(|_| REQUEST_NOT_NEW)?;
    let shown = shown(&request)?;
    let outcome = match answer {
        Answer::Approve => apply(app, &mut tx, answerer, &request).await?,
        Answer::Reject => Outcome::default(),
    };
    if !tx.answer_change_request(id, status, now, answerer.person).await? {
        return Err(REQUEST_NOT_NEW.into());
    }
    let details = json!({"systemUser": request.system_user, "rightsGiven": outcome.rights_given, "rightsTaken": outcome.rights_taken,
            "packagesGiven": outcome.packages_given, "packagesTaken": outcome.packages_taken,
            "level": answerer.level, "shown": shown});
    let event = if answer == Answer::Approve { "changerequest.approved" } else { "changerequest.rejected" };
    app.audit(&mut tx, event, (party, id), details).await?;
    app.commit(tx).await?;
    if let Some(user) = app.model.system_user(request.system_user).filter(|_| answer == Answer::Approve) {
        app.tell_of_system_user(Event::SystemUserChanged, &user);
    }
    request.status = status;
    request.answered = Some((now, answerer.person));
    Ok(request)
}

/// What an approval gave and took.
#[derive(Default)]
struct Outcome {
    rights_given: BTreeSet<DelegatedRight>,
    rights_taken: Vec<DelegatedRight>,
    packages_given: BTreeSet<AccessPackage>,
    packages_taken: Vec<AccessPackage>,
}

async fn apply(app: &App, tx: &mut Write, answerer: &Answerer, request: &ChangeRequest) -> Result<Outcome, ApiError> {
    let system = tx.system(request.system_internal_id).await?.filter(|system| !system.is_deleted);
    let system = system.ok_or(SYSTEM_NOT_FOUND)?;
    let user = tx.system_user(request.system_user).await?.filter(|user| !user.is_deleted);
    let user = user.ok_or(SYSTEM_USER_NOT_FOUND)?;
    let change = &request.change;
    check_within(&change.required_rights, &change.required_packages, &system)?;
    check_packages_of(user.kind, &change.required_packages, &app.model.metadata())?;
    let outcome = outcome(app, answerer, request, &user)?;
    let given: Vec<_> = outcome.rights_given.iter().cloned().collect();
    tx.give_rights(user.id, &given).await?;
    let given: Vec<_> = outcome.packages_given.iter().cloned().collect();
    tx.give_packages(user.id, &given).await?;
    for right in &outcome.rights_taken {
        tx.take_right(user.id, right).await?;
    }
    for package in &outcome.packages_taken {
        tx.take_package(user.id, package).await?;
    }
    if user.kind == SystemUserKind::Agent {
        give_to_clients(&app.model, tx, &user, &outcome.packages_given, &outcome.packages_taken).await?;
    }
    Ok(outcome)
}

/// What is given and taken: of what is required what the system user does not have, of what is unwanted what it has. The
/// person must be able to pass on what is given. An agent's packages are given for each client, by whom they come from.
fn outcome(app: &App, answerer: &Answerer, request: &ChangeRequest, user: &SystemUser) -> Result<Outcome, ApiError> {
    let change = &request.change;
    let required = change.required_packages.iter().filter(|package| !user.access_packages.contains(package));
    let packages_given: BTreeSet<AccessPackage> = required.cloned().collect();
    if user.kind == RequestKind::Standard {
        check_delegable_packages(app, answerer, request.party, &packages_given)?;
    }
    let rights_given = delegable_rights(app, answerer, request.party, &change.required_rights).map_err(|error| {
        // Clients in use know one code for rights that cannot be given here.
        match error {
            ApiError::Problem(ProblemCode { code, .. }, detail) if code != PARTY_UNKNOWN.code => {
                ApiError::Problem(RIGHT_NOT_FOUND, detail)
            }
            error => error,
        }
    })?;
    let is_named = |right: &DelegatedRight, list: &[Right]| {
        list.iter().flat_map(Right::resource_ids).any(|resource| resource == right.resource)
    };
    let taken = user.rights.iter().filter(|right| is_named(right, &change.unwanted_rights));
    // What is both required and unwanted is kept: taking it back has to be asked for by itself.
    let rights_taken = taken.filter(|right| !is_named(right, &change.required_rights)).cloned().collect();
    let unwanted = change.unwanted_packages.iter().filter(|package| user.access_packages.contains(package));
    let packages_taken = unwanted.filter(|package| !change.required_packages.contains(package)).cloned().collect();
    Ok(Outcome { rights_given, rights_taken, packages_given, packages_taken })
}
