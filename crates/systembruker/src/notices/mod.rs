//! What an organisation should be told: that it is asked for something, and what has been given in its name.
//!
//! There is one port, [`Notices::tell`], and two adapters behind it. Every notice goes to the log; where a webhook is set,
//! it is posted there too, as a CloudEvent (CNCF CloudEvents 1.0, structured JSON), so that whoever runs the installation
//! can turn it into mail, an inbox message or a Slack line. Told is what has been committed, and only then.
//!
//! A notice carries no person: who did what is in the audit journal, behind the link. Delivery is best effort: what waits
//! is kept in memory, is tried three times, and is logged as lost after that. Nothing else ever waits for it.

mod webhook;

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use model::OrgNumber;
use secrecy::SecretString;
use tokio::sync::mpsc;
use url::Url;
use uuid::Uuid;

pub use webhook::SIGNATURE;

/// How many notices wait at most. More are lost, and said to be in the log.
const MAX_WAITING: usize = 10_000;

/// What has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A vendor asks for a system user.
    RequestArrived,
    /// A vendor asks for a change of a system user.
    ChangeRequestArrived,
    /// Somebody without the power to answer has forwarded a request, or a change request.
    RequestForwarded,
    /// A system user was made.
    SystemUserCreated,
    /// What a system user may do was changed.
    SystemUserChanged,
    /// A system user was deleted, by its organisation or by the vendor.
    SystemUserDeleted,
    /// A token was issued for a system user for the first time.
    SystemUserFirstUsed,
}

impl Event {
    /// Whether it takes nobody's consent to bring it about.
    fn is_cheap(self) -> bool {
        matches!(self, Self::RequestArrived | Self::ChangeRequestArrived | Self::RequestForwarded)
    }

    /// The `type` of the event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RequestArrived => "systembruker.request.arrived",
            Self::ChangeRequestArrived => "systembruker.changerequest.arrived",
            Self::RequestForwarded => "systembruker.request.forwarded",
            Self::SystemUserCreated => "systembruker.systemuser.created",
            Self::SystemUserChanged => "systembruker.systemuser.changed",
            Self::SystemUserDeleted => "systembruker.systemuser.deleted",
            Self::SystemUserFirstUsed => "systembruker.systemuser.first-used",
        }
    }
}

/// What an organisation is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Names the notice.
    pub id: Uuid,
    /// What has happened.
    pub event: Event,
    /// When.
    pub at: Timestamp,
    /// The organisation that it concerns.
    pub organisation: OrgNumber,
    /// The system's id.
    pub system: String,
    /// The request, change request or system user.
    pub subject: Uuid,
    /// The page of the portal on which to see it.
    pub page: String,
}

/// Where notices go, beside the log.
#[derive(Debug, Clone, Default)]
pub struct NoticeSettings {
    /// Where they are posted.
    pub webhook: Option<Url>,
    /// What they are signed with.
    pub secret: Option<SecretString>,
}

/// The port.
pub struct Notices {
    settings: NoticeSettings,
    sender: mpsc::Sender<Notice>,
    receiver: Mutex<Option<mpsc::Receiver<Notice>>>,
}

impl Notices {
    /// A port with these adapters.
    pub fn new(settings: NoticeSettings) -> Self {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        Self { settings, sender, receiver: Mutex::new(Some(receiver)) }
    }

    /// Tells. Never waits.
    pub fn tell(&self, notice: Notice) {
        let event = notice.event;
        let Notice { organisation, system, subject, .. } = &notice;
        tracing::info!(event = event.as_str(), %organisation, system, %subject, "notice");
        if self.settings.webhook.is_none() {
            return;
        }
        // Anybody can ask for things, again and again: that must not crowd out what has been given.
        let is_crowded = event.is_cheap() && self.sender.capacity() < MAX_WAITING / 2;
        if is_crowded || self.sender.try_send(notice).is_err() {
            tracing::warn!("a notice is lost: too many wait for the webhook");
        }
    }

    /// Posts notices to the webhook, until the process ends.
    pub async fn deliver(&self, http: &reqwest::Client, source: &str) {
        let receiver = self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (Some(mut receiver), Some(url)) = (receiver, &self.settings.webhook) else { return };
        while let Some(notice) = receiver.recv().await {
            webhook::post(http, url, self.settings.secret.as_ref(), source, &notice).await;
        }
    }
}

impl std::fmt::Debug for Notices {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Notices")
    }
}
