//! Why there is no system user: what the read model does not know is looked up in the database, which happens only when
//! a token is refused.

use model::{RequestStatus, SystemUserKind};
use store::{RequestKey, StoreError};
use token::grant::{Grant, SystemUserRequest};

use super::refusal::{NoSystemUser, Refusal};
use crate::app::App;

/// Says more exactly why there is no system user. Only a client of the system's own vendor gets here with
/// [`NoSystemUser::None`], so that nothing of others' systems is told.
pub async fn no_system_user(app: &App, grant: &Grant, reason: NoSystemUser) -> Refusal {
    if reason != NoSystemUser::None {
        return Refusal::NoSystemUser(reason);
    }
    let Some(asked) = grant.system_user_request().ok().flatten() else { return Refusal::Internal };
    match diagnose(app, &grant.iss, &asked).await {
        Ok(reason) => Refusal::NoSystemUser(reason),
        Err(error) => {
            tracing::warn!(%error, "why there is no system user could not be found out");
            Refusal::NoSystemUser(NoSystemUser::None)
        }
    }
}

/// Why a client of the vendor of its system gets no system user.
pub async fn diagnose(app: &App, client_id: &str, asked: &SystemUserRequest) -> Result<NoSystemUser, StoreError> {
    let parties = app.model.parties();
    let (Some(system), Some(party)) = (app.model.system_of_client(client_id), parties.by_number(asked.owner)) else {
        return Ok(NoSystemUser::None);
    };
    let external_ref = asked.external_ref.clone().unwrap_or_else(|| asked.owner.to_string());
    let mut session = app.store.read().await?;
    let had = session.had_system_user(system.internal_id, party.party_uuid, &external_ref).await?;
    for kind in [SystemUserKind::Standard, SystemUserKind::Agent] {
        let key = RequestKey {
            system: system.internal_id,
            party: party.party_uuid,
            external_ref: external_ref.clone(),
            kind,
        };
        let Some(request) = session.latest_request(&key).await? else { continue };
        return Ok(match request.status_at(app.clock.now()) {
            RequestStatus::Rejected => NoSystemUser::RequestRejected,
            RequestStatus::Timedout => NoSystemUser::RequestTimedOut,
            RequestStatus::Accepted if had => NoSystemUser::Deleted,
            // Approved just now, after memory was asked.
            RequestStatus::New | RequestStatus::Accepted => NoSystemUser::RequestWaits,
        });
    }
    let (system, owner) = (system.internal_id, party.party_uuid);
    if session.withdrew_request(system, owner, &external_ref).await? {
        return Ok(NoSystemUser::RequestWithdrawn);
    }
    if had {
        return Ok(NoSystemUser::Deleted);
    }
    let of_system = |party| {
        let users = app.model.system_users_of(party);
        users.into_iter().filter(|user| user.system_internal_id == system).count()
    };
    if of_system(owner) > 0 {
        return Ok(NoSystemUser::OtherReference);
    }
    if session.agent_has_client(system, owner).await? {
        return Ok(NoSystemUser::ClientOfAgent);
    }
    let main_unit = parties.main_unit(&party).filter(|unit| of_system(unit.party_uuid) > 0);
    Ok(main_unit.map_or(NoSystemUser::None, |unit| NoSystemUser::MainUnitHasOne { main_unit: unit.org_number }))
}
