//! What is done from time to time, without anybody asking: signing keys are rotated, and those whose time is over
//! deleted; keys of clients that are about to expire are noted in the change log, from which their owners can be told.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use model::Client;
use store::{ChangeContext, KeyPurpose};

use super::keys;
use crate::app::App;
use crate::read_model::SigningKeys;

/// How often the keys of all clients are looked through, in seconds of the application's clock.
const LOOK_THROUGH_EVERY: i64 = 3_600;

/// When what was done last.
#[derive(Debug, Default)]
pub struct Housekeeping {
    clients_looked_through: AtomicI64,
}

/// Does what is due.
pub async fn run(app: &App) -> anyhow::Result<()> {
    let now = app.clock.now();
    rotate(app, KeyPurpose::Maskinporten, &app.model.maskinporten_keys(), now).await?;
    rotate(app, KeyPurpose::Platform, &app.model.platform_keys(), now).await?;
    delete_retired(app, &app.model.maskinporten_keys(), now).await?;
    delete_retired(app, &app.model.platform_keys(), now).await?;
    let last = app.housekeeping.clients_looked_through.load(Ordering::SeqCst);
    if (now.as_second() - last).abs() >= LOOK_THROUGH_EVERY {
        note_expiring_keys(app, now).await?;
        app.housekeeping.clients_looked_through.store(now.as_second(), Ordering::SeqCst);
    }
    Ok(())
}

fn context() -> ChangeContext {
    ChangeContext { actor: "system".into(), ..ChangeContext::default() }
}

async fn rotate(app: &App, purpose: KeyPurpose, keys: &SigningKeys, now: Timestamp) -> anyhow::Result<()> {
    let last = keys.entries(now).map(|(entry, _)| entry.signs_from).max();
    let Some(signs_from) = last.and_then(|last| app.tokens.rotation.due(last, now)) else { return Ok(()) };
    let bits = app.tokens.rotation.bits;
    let key = keys::generate(&app.vault, &app.random, purpose, bits, now, signs_from).await?;
    let mut tx = app.store.write(context(), now).await?;
    tx.insert_signing_key(&key).await?;
    tx.commit().await?;
    app.model.catch_up(&app.store, &app.vault).await?;
    tracing::info!(kid = key.kid, %signs_from, "a new signing key is published");
    Ok(())
}

async fn delete_retired(app: &App, keys: &SigningKeys, now: Timestamp) -> anyhow::Result<()> {
    let retired = keys::retired(keys, now);
    if retired.is_empty() {
        return Ok(());
    }
    let mut tx = app.store.write(context(), now).await?;
    for kid in &retired {
        tx.delete_signing_key(kid).await?;
    }
    tx.commit().await?;
    app.model.catch_up(&app.store, &app.vault).await?;
    tracing::info!(?retired, "signing keys whose time is over are deleted");
    Ok(())
}

async fn note_expiring_keys(app: &App, now: Timestamp) -> anyhow::Result<()> {
    let soon = now.checked_add(SignedDuration::from_hours(Client::KEY_EXPIRY_NOTICE_DAYS * 24))?;
    let mut expiring = Vec::new();
    for entry in app.model.clients().filter(|entry| entry.client.active) {
        let keys = entry.keys.iter().filter(|(_, key)| !key.expiry_noted && key.expires <= soon);
        expiring.extend(keys.map(|(kid, _)| (entry.client.client_id.clone(), kid.clone())));
    }
    if expiring.is_empty() {
        return Ok(());
    }
    let mut tx = app.store.write(context(), now).await?;
    for (client_id, kid) in &expiring {
        tx.note_key_expiry(client_id, kid).await?;
    }
    tx.commit().await?;
    app.model.catch_up(&app.store, &app.vault).await?;
    tracing::info!(count = expiring.len(), "keys of clients are about to expire");
    Ok(())
}
