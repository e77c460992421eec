//! The customer's answer.

use std::collections::BTreeSet;

use http::StatusCode;
use jiff::Timestamp;
use model::problem::{
    AGENT_REQUEST_NOT_FOUND, AGENT_REQUEST_OF_OTHER, CHECK_FAILED, LEVEL_TOO_LOW, NOT_ON_ACCESS_LIST, PACKAGE_INVALID,
    PACKAGE_NOT_DELEGABLE, PARTY_UNKNOWN, ProblemCode, REQUEST_NOT_FOUND, REQUEST_NOT_NEW, REQUEST_OF_OTHER,
    RIGHT_IS_SCHEMA, RIGHT_NEVER_DELEGABLE, RIGHT_NOT_DELEGABLE, RIGHT_NOT_DELEGATED, RIGHT_NOT_IN_PACKAGE,
    SYSTEM_NOT_FOUND, SYSTEM_USER_EXISTS,
};
use model::{AccessPackage, Answer, DelegatedRight, Organisation, Request, RequestKind, Right, SystemUser};
use serde_json::{Value, json};
use store::{ChangeContext, StoreError, Write};
use uuid::Uuid;

use super::rules::{check_packages_of, check_within};
use crate::access::delegation::{self, CannotDelegate, Reason};
use crate::app::App;
use crate::authorization::rules::{Asked, person_may};
use crate::http::problem::ApiError;
use crate::notices::Event;
use crate::read_model::Party;
use crate::resource_registry::builtin::ACCESS_MANAGEMENT;

/// The highest level of authentication.
pub const HIGHEST_LEVEL: i64 = 4;

/// Who answers: a person who was found to have the power to.
#[derive(Debug, Clone)]
pub struct Answerer {
    /// The person, by party uuid.
    pub person: Uuid,
    /// How surely it is known who the person is, 0 to 4.
    pub level: i64,
    /// How the person stands in the records.
    pub context: ChangeContext,
}

impl Answerer {
    /// Whether the person administers access for an organisation (party uuid) still. Asked again inside the change: who
    /// waited for it may have lost the power meanwhile.
    ///
    /// # Errors
    /// 403.
    pub fn require_power(&self, app: &App, party: Uuid) -> Result<(), ApiError> {
        let organisation = app.model.parties().organisation(party).ok_or(PARTY_UNKNOWN)?;
        let asked = Asked { organisation: &organisation, resource: ACCESS_MANAGEMENT, action: "write" };
        let may = person_may(&app.decision_inputs(), self.person, self.level, &asked);
        if may { Ok(()) } else { Err(ApiError::Bare(StatusCode::FORBIDDEN)) }
    }
}

/// Which request, as the one who answers it names it.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The organisation that is acted for, by party uuid.
    pub party: Uuid,
    /// Standard or agent.
    pub kind: RequestKind,
    /// The request.
    pub id: Uuid,
}

impl Target {
    /// The request, if it is of this kind and to this organisation.
    ///
    /// # Errors
    /// It is not there, or to another organisation.
    pub async fn load(self, tx: &mut Write) -> Result<Request, ApiError> {
        let (not_found, of_other) = match self.kind {
            RequestKind::Standard => (REQUEST_NOT_FOUND, REQUEST_OF_OTHER),
            RequestKind::Agent => (AGENT_REQUEST_NOT_FOUND, AGENT_REQUEST_OF_OTHER),
        };
        let request = tx.request(self.id).await?.filter(|request| request.kind == self.kind).ok_or(not_found)?;
        if request.party == self.party { Ok(request) } else { Err(of_other.into()) }
    }
}

/// What a page showed, for the record; or the refusal, where it would show something else now. It is asked when nothing
/// can change any more. Programs that call the API were shown nothing.
#[expect(clippy::unnecessary_wraps, reason = "pages may have something against it")]
pub fn nothing_shown<T>(_: &T) -> Result<Value, ApiError> {
    Ok(Value::Null)
}

/// Answers a request. Whether the person may answer for the organisation has been decided by the caller; what the
/// person can pass on is decided here. One answer wins; every later one is [`REQUEST_NOT_NEW`].
pub async fn answer(
    app: &App,
    answerer: &Answerer,
    target: Target,
    answer: Answer,
    shown: impl Fn(&Request) -> Result<Value, ApiError>,
) -> Result<Request, ApiError> {
    // Nothing can change between what is read here and what is written below: there is one writer at a time.
    let mut tx = app.begin(answerer.context.clone()).await?;
    answerer.require_power(app, target.party)?;
    let now = tx.now();
    let mut request = target.load(&mut tx).await?;
    let status = request.answered(answer, now).map_err(|_| REQUEST_NOT_NEW)?;
    let shown = shown(&request)?;
    let (mut rights, mut packages) = (vec![], vec![]);
    if answer == Answer::Approve {
        let user = approved(app, &mut tx, answerer, &request, now).await?;
        rights.extend_from_slice(&user.rights);
        packages.extend_from_slice(&user.access_packages);
        tx.insert_system_user(&user).await.map_err(|error| match error {
            StoreError::Duplicate(_) => SYSTEM_USER_EXISTS.into(),
            error => ApiError::from(error),
        })?;
    }
    if !tx.answer_request(target.id, status, now, answerer.person).await? {
        return Err(REQUEST_NOT_NEW.into());
    }
    let details = json!({"externalRef": request.external_ref, "systemId": request.system_id, "rights": rights, "accessPackages": packages,
            "level": answerer.level, "shown": shown});
    let event = if answer == Answer::Approve { "request.approved" } else { "request.rejected" };
    app.audit(&mut tx, event, (request.party, target.id), details).await?;
    app.commit(tx).await?;
    if let Some(user) = app.model.system_user(request.id).filter(|_| answer == Answer::Approve) {
        app.tell_of_system_user(Event::SystemUserCreated, &user);
    }
    request.status = status;
    request.answered = Some((now, answerer.person));
    Ok(request)
}

/// The page of the portal on which requests of a kind are answered.
pub fn page_of(kind: RequestKind) -> &'static str {
    match kind {
        RequestKind::Standard => "request",
        RequestKind::Agent => "agentrequest",
    }
}

/// The system user that an approval makes. An agent's is given nothing by its owner: what its packages are for, it is
/// given for each client.
pub async fn approved(
    app: &App,
    tx: &mut Write,
    answerer: &Answerer,
    request: &Request,
    now: Timestamp,
) -> Result<SystemUser, ApiError> {
    let system = tx.system(request.system_internal_id).await?.filter(|system| !system.is_deleted);
    let system = system.ok_or(SYSTEM_NOT_FOUND)?;
    if app.model.system_user_of(system.internal_id, request.party_org, &request.external_ref).is_some() {
        return Err(SYSTEM_USER_EXISTS.into());
    }
    check_within(&request.rights, &request.access_packages, &system)?;
    check_packages_of(request.kind, &request.access_packages, &app.model.metadata())?;
    let packages: BTreeSet<_> = request.access_packages.iter().cloned().collect();
    let rights = match request.kind {
        RequestKind::Standard => {
            let rights = delegable_rights(app, answerer, request.party, &request.rights)?;
            check_delegable_packages(app, answerer, request.party, &packages)?;
            rights
        }
        RequestKind::Agent => BTreeSet::new(),
    };
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
        created: now,
        created_by: answerer.person,
    })
}

/// Writes of everything whose time has run out without an answer that it has timed out.
pub async fn time_out(app: &App) -> Result<(), ApiError> {
    let now = app.clock.now();
    let mut session = app.store.read().await?;
    let (requests, changes) = (session.overdue_requests(now).await?, session.overdue_change_requests(now).await?);
    drop(session);
    if requests.is_empty() && changes.is_empty() {
        return Ok(());
    }
    let context = ChangeContext { actor: "system".into(), ..ChangeContext::default() };
    let mut tx = app.store.write(context, now).await?;
    for id in requests {
        tx.time_out_request(id).await?;
    }
    for id in changes {
        tx.time_out_change_request(id).await?;
    }
    app.commit(tx).await
}

/// What the person can pass on of rights to resources: at least one action of each.
pub fn delegable_rights(
    app: &App,
    answerer: &Answerer,
    organisation: Uuid,
    rights: &[Right],
) -> Result<BTreeSet<DelegatedRight>, ApiError> {
    let parties = app.model.parties();
    let organisation = parties.organisation(organisation).ok_or(PARTY_UNKNOWN)?;
    let person = parties.party(answerer.person).ok_or(PARTY_UNKNOWN)?;
    let mut delegable = BTreeSet::new();
    for check in delegation::check_rights(&app.decision_inputs(), &person, &organisation, rights) {
        match check.result {
            Ok(rights) if needs_higher_level(app, (answerer.person, answerer.level), &organisation, &rights) => {
                return Err(ApiError::Problem(LEVEL_TOO_LOW, vec![("detail", check.resource_id)]));
            }
            Ok(rights) => delegable.extend(rights),
            Err(reason) => {
                let detail = format!("{}: {reason}", check.resource_id);
                return Err(ApiError::Problem(code(reason), vec![("detail", detail)]));
            }
        }
    }
    Ok(delegable)
}

/// Whether the person could do any of this only when logged in at a higher level, as the resource's policy demands.
pub fn needs_higher_level(
    app: &App,
    (person, level): (Uuid, i64),
    organisation: &Organisation,
    rights: &[DelegatedRight],
) -> bool {
    let inputs = app.decision_inputs();
    let may = |level: i64, right: &DelegatedRight| {
        let asked = Asked { organisation, resource: &right.resource, action: &right.action };
        person_may(&inputs, person, level, &asked)
    };
    let at_any_level = rights.iter().any(|right| may(HIGHEST_LEVEL, right));
    at_any_level && !rights.iter().any(|right| may(level, right))
}

/// The row of the table for a right that cannot be passed on.
fn code(reason: CannotDelegate) -> ProblemCode {
    match reason {
        CannotDelegate::Unknown => CHECK_FAILED,
        CannotDelegate::ResourceNotDelegable => RIGHT_NEVER_DELEGABLE,
        CannotDelegate::IsSchema => RIGHT_IS_SCHEMA,
        CannotDelegate::NotListed => NOT_ON_ACCESS_LIST,
        CannotDelegate::MissingAccess(Reason::MissingPackageAccess) => RIGHT_NOT_IN_PACKAGE,
        CannotDelegate::MissingAccess(Reason::MissingDelegationAccess) => RIGHT_NOT_DELEGATED,
        CannotDelegate::MissingAccess(_) => RIGHT_NOT_DELEGABLE,
    }
}

/// Whether the person can pass on every one of these packages.
pub fn check_delegable_packages(
    app: &App,
    answerer: &Answerer,
    organisation: Uuid,
    packages: &BTreeSet<AccessPackage>,
) -> Result<(), ApiError> {
    let parties = app.model.parties();
    let party = parties.organisation(organisation).map(Party::Organisation).ok_or(PARTY_UNKNOWN)?;
    let person = parties.party(answerer.person).ok_or(PARTY_UNKNOWN)?;
    let urns = packages.iter().map(|package| &*package.urn);
    let checks = delegation::check_packages(&app.decision_inputs(), &person, &party, urns);
    let unknown: Vec<_> = checks.iter().filter(|check| check.package.is_none()).map(|check| &*check.urn).collect();
    if !unknown.is_empty() {
        return Err(ApiError::Problem(PACKAGE_INVALID, vec![("Invalid Urn Details : ", unknown.join(", "))]));
    }
    let refused: Vec<_> = checks.iter().filter(|check| !check.result).map(|check| &*check.urn).collect();
    if refused.is_empty() {
        return Ok(());
    }
    Err(ApiError::Problem(PACKAGE_NOT_DELEGABLE, vec![("detail", refused.join(", "))]))
}
