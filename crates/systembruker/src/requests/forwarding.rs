//! Forwarding what somebody cannot answer to those who can: with a message, reminding them, and taking it back.
//!
//! It is the same for requests and change requests. The audit journal knows where it stands: what was forwarded last and
//! not taken back is forwarded, by that person, with that message. The wire has a flag of it for requests, `escalated`,
//! which is kept along.

use std::collections::HashMap;

use jiff::{Timestamp, ToSpan};
use model::problem::{REQUEST_NOT_FOUND, REQUEST_NOT_NEW, REQUEST_OF_OTHER};
use model::{OrgNumber, RequestStatus, SystemId};
use serde_json::json;
use store::{AuditRecord, ChangeContext, Write};
use uuid::Uuid;

use super::answer::{Target, page_of};
use crate::app::App;
use crate::change_requests::answer::CHANGE_PAGE;
use crate::http::extract::without_long_numbers;
use crate::http::problem::ApiError;
use crate::notices::Event;

/// The longest message that goes with what is forwarded, in characters.
pub const MAX_MESSAGE: usize = 500;
/// After how many days those who can answer can be reminded, and again.
const REMIND_DAYS: i64 = 3;

/// How much is written about the forwarding of one thing, after which it is not forwarded again.
const MAX_ENTRIES: usize = 20;

/// What is forwarded.
#[derive(Debug, Clone, Copy)]
pub enum Subject {
    /// A request.
    Request(Target),
    /// A change request, to an organisation (party uuid).
    Change {
        /// The organisation.
        party: Uuid,
        /// The change request.
        id: Uuid,
    },
}

/// What is known of it.
struct Waiting {
    party: (Uuid, OrgNumber),
    system_id: SystemId,
    page: &'static str,
}

impl Waiting {
    fn tell(self, app: &App, subject: Subject) {
        let Self { party: (_, organisation), system_id, page } = self;
        app.tell_of_request(Event::RequestForwarded, organisation, &system_id, subject.id(), page);
    }
}

impl Subject {
    fn id(self) -> Uuid {
        match self {
            Self::Request(target) => target.id,
            Self::Change { id, .. } => id,
        }
    }

    /// The names in the journal: forwarded, which the wire calls escalated, reminded of, taken back.
    fn events(self) -> [&'static str; 3] {
        match self {
            Self::Request(_) => ["request.escalated", "request.reminded", "request.escalation_withdrawn"],
            Self::Change { .. } => {
                ["changerequest.escalated", "changerequest.reminded", "changerequest.escalation_withdrawn"]
            }
        }
    }

    /// What waits for an answer.
    ///
    /// # Errors
    /// It is not there, is to another organisation, or does not wait any more.
    async fn load(self, tx: &mut Write) -> Result<Waiting, ApiError> {
        let now = tx.now();
        let (status, waiting) = match self {
            Self::Request(target) => {
                let request = target.load(tx).await?;
                let party = (request.party, request.party_org);
                let page = page_of(request.kind);
                (request.status_at(now), Waiting { party, system_id: request.system_id, page })
            }
            Self::Change { party, id } => {
                let request = tx.change_request(id).await?.filter(|request| !request.is_deleted);
                let request = request.ok_or(REQUEST_NOT_FOUND)?;
                if request.party != party {
                    return Err(REQUEST_OF_OTHER.into());
                }
                let status = request.status_at(now);
                let party = (request.party, request.party_org);
                (status, Waiting { party, system_id: request.system_id, page: CHANGE_PAGE })
            }
        };
        if status == RequestStatus::New { Ok(waiting) } else { Err(REQUEST_NOT_NEW.into()) }
    }
}

/// That something is forwarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarded {
    /// By whom, as the journal has it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// With what message.
    pub message: Option<String>,
    /// When those who can answer were last told.
    pub told: Timestamp,
}

/// How something was forwarded so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forwarding {
    /// That it is forwarded now.
    pub current: Option<Forwarded>,
    /// When those who can answer were last told, even if that was taken back.
    told: Option<Timestamp>,
    /// How much was written about it.
    entries: usize,
}

impl Forwarding {
    /// Where it stands by the journal's entries about one thing, newest first.
    pub fn find<'a>(records: impl IntoIterator<Item = &'a AuditRecord, IntoIter: DoubleEndedIterator>) -> Self {
        records.into_iter().rev().fold(Self::default(), |before, record| {
            let Self { current, told, entries } = before;
            let (current, told) = match record.event.split_once('.') {
                Some((_, "escalated")) => {
                    // Who is told again so soon is not told.
                    let is_told = told.is_none_or(|told| is_time(told, record.at));
                    let told = told.filter(|_| !is_told).unwrap_or(record.at);
                    let message = record.details.get("message").and_then(|text| text.as_str()).map(str::to_owned);
                    (Some(Forwarded { by: record.actor.clone(), at: record.at, message, told }), Some(told))
                }
                Some((_, "reminded")) => (current.map(|it| Forwarded { told: record.at, ..it }), Some(record.at)),
                Some((_, "escalation_withdrawn")) => (None, told),
                _ => (current, told),
            };
            Self { current, told, entries: entries + 1 }
        })
    }

    /// What is forwarded now, of many things, by their ids; the entries are about all of them, newest first.
    pub fn find_all(records: &[AuditRecord]) -> HashMap<Uuid, Forwarded> {
        let mut of: HashMap<Uuid, Vec<&AuditRecord>> = HashMap::new();
        for record in records {
            if let Ok(id) = record.subject.parse() {
                of.entry(id).or_default().push(record);
            }
        }
        of.into_iter().filter_map(|(id, records)| Some((id, Self::find(records).current?))).collect()
    }
}

/// Whether those who were told can be told again.
fn is_time(told: Timestamp, now: Timestamp) -> bool {
    now >= told + (REMIND_DAYS * 24).hours()
}

impl Forwarded {
    /// Whether it is time for a reminder.
    pub fn may_remind(&self, now: Timestamp) -> bool {
        is_time(self.told, now)
    }

    /// Whether it is this person (party uuid) who has forwarded it.
    pub fn is_by(&self, person: Uuid) -> bool {
        self.by == format!("person:{person}")
    }
}

/// Forwards to those who can answer, if it is not forwarded already. They are told, unless they were just now. That the
/// person has to do with the organisation has been made sure of by the caller.
///
/// # Errors
/// It is not there or to another, or does not wait any more.
pub async fn forward(
    app: &App,
    context: ChangeContext,
    subject: Subject,
    message: Option<&str>,
) -> Result<(), ApiError> {
    let mut tx = app.begin(context).await?;
    let waiting = subject.load(&mut tx).await?;
    let (now, before) = (tx.now(), state(&mut tx, subject).await?);
    if before.current.is_some() || before.entries >= MAX_ENTRIES {
        return Ok(());
    }
    let [forwarded, ..] = subject.events();
    write(app, tx, (subject, &waiting), (forwarded, Some(true)), message).await?;
    if before.told.is_none_or(|told| is_time(told, now)) {
        waiting.tell(app, subject);
    }
    Ok(())
}

/// Tells those who can answer once more, if they were not told just now.
///
/// # Errors
/// As [`forward`].
pub async fn remind(app: &App, context: ChangeContext, subject: Subject) -> Result<(), ApiError> {
    let mut tx = app.begin(context).await?;
    let waiting = subject.load(&mut tx).await?;
    let (now, before) = (tx.now(), state(&mut tx, subject).await?);
    if !before.current.is_some_and(|forwarded| forwarded.may_remind(now)) {
        return Ok(());
    }
    let [_, reminded, _] = subject.events();
    write(app, tx, (subject, &waiting), (reminded, None), None).await?;
    waiting.tell(app, subject);
    Ok(())
}

/// Takes the forwarding back, if it is this person (party uuid) who forwarded.
///
/// # Errors
/// As [`forward`].
pub async fn take_back(app: &App, context: ChangeContext, subject: Subject, person: Uuid) -> Result<(), ApiError> {
    let mut tx = app.begin(context).await?;
    let waiting = subject.load(&mut tx).await?;
    if !state(&mut tx, subject).await?.current.is_some_and(|forwarded| forwarded.is_by(person)) {
        return Ok(());
    }
    let [.., taken_back] = subject.events();
    write(app, tx, (subject, &waiting), (taken_back, Some(false)), None).await
}

async fn state(tx: &mut Write, subject: Subject) -> Result<Forwarding, ApiError> {
    Ok(Forwarding::find(&tx.forwardings_of(&subject.id().to_string()).await?))
}

async fn write(
    app: &App,
    mut tx: Write,
    (subject, waiting): (Subject, &Waiting),
    (event, escalated): (&'static str, Option<bool>),
    message: Option<&str>,
) -> Result<(), ApiError> {
    if let (Subject::Request(target), Some(escalated)) = (subject, escalated)
        && !tx.set_request_escalated(target.id, escalated).await?
    {
        return Err(REQUEST_NOT_NEW.into());
    }
    let details = json!({"systemId": waiting.system_id, "message": message.map(without_long_numbers)});
    app.audit(&mut tx, event, (waiting.party.0, subject.id()), details).await?;
    app.commit(tx).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(event: &str, hours: i64) -> AuditRecord {
        AuditRecord {
            id: Uuid::nil(),
            at: Timestamp::UNIX_EPOCH + hours.hours(),
            event: event.into(),
            actor: "person:a".into(),
            party: None,
            subject: Uuid::nil().to_string(),
            details: json!({"message": event}),
        }
    }

    fn state(events: &[(&str, i64)]) -> Option<(i64, i64)> {
        let records: Vec<_> = events.iter().rev().map(|(event, hours)| record(event, *hours)).collect();
        Forwarding::find(&records).current.map(|it| (it.at.as_second() / 3_600, it.told.as_second() / 3_600))
    }

    #[test]
    fn where_it_stands_is_what_happened_last() {
        assert_eq!(state(&[]), None);
        assert_eq!(state(&[("request.viewed", 1), ("request.escalated", 2), ("request.viewed", 3)]), Some((2, 2)));
        assert_eq!(state(&[("request.escalated", 2), ("request.reminded", 80)]), Some((2, 80)));
        assert_eq!(state(&[("request.escalated", 2), ("request.escalation_withdrawn", 3)]), None);
        let again = [
            ("changerequest.escalated", 2),
            ("changerequest.escalation_withdrawn", 3),
            ("changerequest.reminded", 4),
            ("changerequest.escalated", 5),
        ];
        assert_eq!(state(&again), Some((5, 4)));
        let much_later = [("request.escalated", 2), ("request.escalation_withdrawn", 3), ("request.escalated", 90)];
        assert_eq!(state(&much_later), Some((90, 90)));
    }

    #[test]
    fn reminders_come_after_days() {
        let records = [record("request.reminded", 72), record("request.escalated", 0)];
        let forwarded = Forwarding::find(&records).current.unwrap();
        let at = |hours: i64| Timestamp::UNIX_EPOCH + hours.hours();
        assert!(!forwarded.may_remind(at(72)) && !forwarded.may_remind(at(143)) && forwarded.may_remind(at(144)));
    }
}
