//! Taking a system user back.

use model::problem::SYSTEM_USER_NOT_FOUND;
use serde_json::json;
use store::{AuditEntry, RequestKey};
use uuid::Uuid;

use crate::app::App;
use crate::http::problem::ApiError;
use crate::requests::answer::Answerer;

/// Deletes a system user of `owner` (party uuid). When this returns, no token is issued for it and no decision permits
/// it anything.
pub async fn delete(app: &App, answerer: &Answerer, owner: Uuid, id: Uuid) -> Result<(), ApiError> {
    let now = app.clock.now();
    let mut tx = app.store.write(answerer.context.clone(), now).await?;
    let user = tx.system_user(id).await?.filter(|user| user.owner_party == owner && !user.is_deleted);
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
        event: "systemuser.deleted",
        party: Some(owner),
        subject: id.to_string(),
        details: json!({"systemId": user.system_id, "rights": user.rights}),
    })
    .await?;
    app.commit(tx).await
}
