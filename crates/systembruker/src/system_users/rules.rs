//! Taking a system user back.

use model::problem::SYSTEM_USER_NOT_FOUND;
use model::{OrgNumber, SystemUser};
use serde_json::json;
use store::{AuditEntry, ChangeContext, RequestKey};
use uuid::Uuid;

use crate::app::App;
use crate::http::problem::ApiError;
use crate::requests::answer::Answerer;

/// Deletes a system user of `owner` (party uuid). When this returns, no token is issued for it and no decision permits
/// it anything.
pub async fn delete(app: &App, answerer: &Answerer, owner: Uuid, id: Uuid) -> Result<(), ApiError> {
    let is_own = |user: &SystemUser| user.owner_party == owner;
    delete_if(app, answerer.context.clone(), id, is_own, "systemuser.deleted").await
}

/// Deletes a system user of a system of `vendor`, which gives up what the customer gave it. The customer finds it in the
/// audit journal.
pub async fn delete_by_vendor(app: &App, context: ChangeContext, vendor: OrgNumber, id: Uuid) -> Result<(), ApiError> {
    let is_own = |user: &SystemUser| app.model.system(user.system_internal_id).is_some_and(|it| it.vendor == vendor);
    delete_if(app, context, id, is_own, "systemuser.deleted_by_vendor").await
}

async fn delete_if(
    app: &App,
    context: ChangeContext,
    id: Uuid,
    is_own: impl Fn(&SystemUser) -> bool,
    event: &'static str,
) -> Result<(), ApiError> {
    let mut tx = app.begin(context).await?;
    let now = tx.now();
    let user = tx.system_user(id).await?.filter(|user| !user.is_deleted && is_own(user));
    let user = user.ok_or(SYSTEM_USER_NOT_FOUND)?;
    tx.delete_system_user(id).await?;
    let key = RequestKey {
        system: user.system_internal_id,
        party: user.owner_party,
        external_ref: user.external_ref.clone(),
        kind: user.kind,
    };
    if let Some(request) = tx.latest_request(&key).await? {
        tx.delete_request(request.id).await?;
    }
    tx.audit(AuditEntry {
        id: app.random.uuid_at(now),
        event,
        party: Some(user.owner_party),
        subject: id.to_string(),
        details: json!({"systemId": user.system_id, "rights": user.rights}),
    })
    .await?;
    app.commit(tx).await
}
