//! Making a system user without a request, naming it, and taking it back.

use model::problem::{SYSTEM_NOT_FOUND, SYSTEM_USER_EXISTS, SYSTEM_USER_NOT_FOUND};
use model::{OrgNumber, Organisation, RegisteredSystem, Request, RequestKind, RequestStatus, SystemUser};
use serde_json::{Value, json};
use store::{ChangeContext, RequestKey, StoreError};
use uuid::Uuid;

use crate::app::App;
use crate::http::extract::without_long_numbers;
use crate::http::problem::ApiError;
use crate::notices::Event;
use crate::requests::answer::{Answerer, approved};
use crate::requests::api::made_now;

/// The longest name of a system user, in characters.
pub const MAX_TITLE: usize = 255;

/// A name as it is kept.
fn title(given: &str) -> Result<&str, ApiError> {
    let title = given.trim();
    let is_text = title.chars().any(is_visible) && !title.chars().any(char::is_control);
    if is_text && title.chars().count() <= MAX_TITLE {
        Ok(title)
    } else {
        let text = format!("integrationTitle has 1 to {MAX_TITLE} characters, some of them visible, none for control.");
        Err(ApiError::member("integrationTitle", text))
    }
}

/// Whether one sees a character: no space, and none of those that take no room or leave it blank.
fn is_visible(character: char) -> bool {
    let is_blank = matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}');
    !character.is_whitespace() && !character.is_control() && !is_blank
}

/// Makes a system user with all that a system may ask for. The system is one that customers can choose. That the person
/// may act for the organisation has been decided by the caller; what the person can pass on is decided here.
pub async fn create_whole(
    app: &App,
    answerer: &Answerer,
    organisation: &Organisation,
    system_id: &str,
    given: &str,
    shown: impl Fn(&RegisteredSystem) -> Result<Value, ApiError>,
) -> Result<Uuid, ApiError> {
    let title = title(given)?.to_owned();
    let mut tx = app.begin(answerer.context.clone()).await?;
    answerer.require_power(app, organisation.party_uuid)?;
    let now = tx.now();
    let system = app.model.system_by_id(system_id.trim()).filter(|system| system.is_visible && !system.is_deleted);
    let system = system.ok_or(SYSTEM_NOT_FOUND)?;
    let shown = shown(&system)?;
    let wanted = everything(app, organisation, &system, title);
    let user = approved(app, &mut tx, answerer, &wanted, now).await?;
    tx.insert_system_user(&user).await.map_err(|error| match error {
        StoreError::Duplicate(_) => SYSTEM_USER_EXISTS.into(),
        error => ApiError::from(error),
    })?;
    let details = json!({"systemId": user.system_id, "rights": user.rights, "accessPackages": user.access_packages, "level": answerer.level, "shown": shown});
    app.audit(&mut tx, "systemuser.created", (user.owner_party, user.id), details).await?;
    app.commit(tx).await?;
    app.tell_of_system_user(Event::SystemUserCreated, &user);
    Ok(user.id)
}

/// What a person who chooses a system gives it: all that it may ask for. It is never stored.
pub fn everything(app: &App, organisation: &Organisation, system: &RegisteredSystem, title: String) -> Request {
    let made = made_now(app);
    Request {
        id: made.id,
        kind: RequestKind::Standard,
        system_internal_id: system.internal_id,
        system_id: system.id.clone(),
        party: organisation.party_uuid,
        party_org: organisation.org_number,
        external_ref: organisation.org_number.to_string(),
        title,
        rights: system.rights.clone(),
        access_packages: system.access_packages.clone(),
        status: RequestStatus::New,
        redirect_url: None,
        escalated: false,
        created: made.at,
        expires: made.expires,
        answered: None,
    }
}

/// Gives a system user of `owner` (party uuid) another name.
pub async fn rename(app: &App, answerer: &Answerer, owner: Uuid, id: Uuid, given: &str) -> Result<(), ApiError> {
    let title = title(given)?;
    let mut tx = app.begin(answerer.context.clone()).await?;
    answerer.require_power(app, owner)?;
    let user = tx.system_user(id).await?.filter(|user| !user.is_deleted && user.owner_party == owner);
    let user = user.ok_or(SYSTEM_USER_NOT_FOUND)?;
    if user.title == title || !tx.rename_system_user(id, title).await? {
        return Ok(());
    }
    let details = json!({"from": without_long_numbers(&user.title), "to": without_long_numbers(title)});
    app.audit(&mut tx, "systemuser.renamed", (owner, id), details).await?;
    app.commit(tx).await
}

/// Deletes a system user of `owner` (party uuid). When this returns, no token is issued for it and no decision permits
/// it anything.
pub async fn delete(app: &App, answerer: &Answerer, owner: Uuid, id: Uuid) -> Result<(), ApiError> {
    let is_own = |user: &SystemUser| user.owner_party == owner && answerer.require_power(app, owner).is_ok();
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
    let details = json!({"systemId": user.system_id, "rights": user.rights});
    app.audit(&mut tx, event, (user.owner_party, id), details).await?;
    app.commit(tx).await?;
    app.tell_of_system_user(Event::SystemUserDeleted, &user);
    Ok(())
}
