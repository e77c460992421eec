//! The journal of decisions: what was asked, by whom, and what was answered.
//!
//! Decisions are many and are made from memory, so that none waits for a write of its own. They are put in a buffer,
//! and one task writes what is in it, again and again, a transaction each time. What cannot be written stays; when the
//! buffer is full, who asks waits until there is room. A process that is killed loses what was in the buffer.

use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use store::{AuditEntry, JournalEntry, Store};
use thiserror::Error;
use tokio::sync::{Notify, Semaphore};
use xacml::{ACTION_ID, Decision, Request, Value, category};

use super::rules::Decided;
use crate::clock::Random;

/// How many decisions wait to be written at most.
const ROOM: usize = 20_000;
/// How many are written in one transaction at most.
const TOGETHER: usize = 2_000;
/// How much of an action is noted, in characters.
const MAX_ACTION: usize = 64;
/// When to try again after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// Which decisions are journalled. Those made with the scope of administrators always are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Journalled {
    /// All.
    All,
    /// Those that are not Permit.
    #[default]
    Refusals,
    /// None.
    None,
}

/// A text that says none of the choices.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("decisions are journalled as all, refusals or none")]
pub struct JournalledError;

impl FromStr for Journalled {
    type Err = JournalledError;

    fn from_str(text: &str) -> Result<Self, JournalledError> {
        match text {
            "all" => Ok(Self::All),
            "refusals" => Ok(Self::Refusals),
            "none" => Ok(Self::None),
            _ => Err(JournalledError),
        }
    }
}

/// Who asked for a decision.
#[derive(Debug, Clone)]
pub struct Asker {
    /// As in the change log: `org:974761076`.
    pub actor: String,
    /// The Maskinporten client.
    pub client_id: Option<String>,
    /// The HTTP request.
    pub request_id: String,
    /// Whether the caller used the scope of administrators.
    pub is_admin: bool,
}

/// The journal.
#[derive(Debug)]
pub struct Journal {
    journalled: Journalled,
    waiting: Mutex<Vec<JournalEntry>>,
    room: Semaphore,
    arrived: Notify,
}

impl Journal {
    /// An empty buffer.
    pub fn new(journalled: Journalled) -> Self {
        Self { journalled, waiting: Mutex::default(), room: Semaphore::new(ROOM), arrived: Notify::new() }
    }

    /// Notes the decisions of one call, as far as they are journalled.
    pub async fn note(&self, asker: &Asker, decided: &[(Request, Decided)], random: &Random, now: Timestamp) {
        let is_wanted = |decided: &Decided| match self.journalled {
            _ if asker.is_admin => true,
            Journalled::All => true,
            Journalled::Refusals => decided.evaluation.decision != Decision::Permit,
            Journalled::None => false,
        };
        for (request, decided) in decided.iter().filter(|(_, decided)| is_wanted(decided)) {
            // Never closed.
            let Ok(place) = self.room.acquire().await else { return };
            place.forget();
            let entry = entry(asker, request, decided, random, now);
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
            self.arrived.notify_one();
        }
    }

    /// Writes what waits, until it is dropped.
    pub async fn write(&self, store: &Store) {
        loop {
            self.arrived.notified().await;
            while let Err(error) = self.write_all(store).await {
                tracing::error!(%error, "decisions could not be journalled; they wait");
                tokio::time::sleep(RETRY).await;
            }
        }
    }

    /// Writes all that waits now.
    pub async fn write_all(&self, store: &Store) -> Result<(), store::StoreError> {
        loop {
            let batch: Vec<_> = {
                let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                waiting.iter().take(TOGETHER).cloned().collect()
            };
            if batch.is_empty() {
                return Ok(());
            }
            let count = batch.len();
            store.journal(batch).await?;
            // Only one writes at a time, so that these are still the first.
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).drain(..count);
            self.room.add_permits(count);
        }
    }
}

fn entry(asker: &Asker, request: &Request, decided: &Decided, random: &Random, now: Timestamp) -> JournalEntry {
    let Decided { evaluation, about } = decided;
    let resource = about.resource.as_ref().map_or("", |entry| &entry.resource.identifier);
    let action = request.values(category::ACTION, ACTION_ID).next().and_then(Value::as_str);
    let shorten = |action: &str| action.chars().take(MAX_ACTION).collect::<String>();
    let details = json!({
        "action": action.map(shorten),
        "subject": about.subject,
        "decision": evaluation.decision.name(),
        "status": evaluation.status.code(),
        "clientId": asker.client_id,
        "admin": asker.is_admin,
    });
    JournalEntry {
        entry: AuditEntry {
            id: random.uuid_at(now),
            event: "decision",
            party: about.party,
            subject: resource.to_owned(),
            details,
        },
        actor: asker.actor.clone(),
        at: now,
        request_id: Some(asker.request_id.clone()),
    }
}
