//! What the token endpoint has beside the read model: how strictly it reads, which certificates it trusts, how much it
//! gives to one client, and which grants were used.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use arc_swap::ArcSwapOption;
use governor::clock::Clock as _;
use governor::{DefaultKeyedRateLimiter, Quota};
use token::certificates::EnterpriseCertificates;
use token::grant::Strictness;

use super::keys::RotationPolicy;
use super::replay::Replay;

/// How the token service is set up.
#[derive(Debug, Clone, Default)]
pub struct TokenSettings {
    /// How strictly grants are read.
    pub strictness: Strictness,
    /// Which enterprise certificates are accepted; none without.
    pub certificates: Option<CertificateSource>,
    /// How many tokens a client may ask for in a second, on average; without a limit for none.
    pub requests_per_second: Option<NonZeroU32>,
    /// Whether used grants are also kept in the database, so that grants from before a restart need not be refused.
    pub record_used_grants: bool,
    /// When signing keys are made.
    pub rotation: RotationPolicy,
}

/// Where roots and revocation lists come from.
#[derive(Debug, Clone)]
pub enum CertificateSource {
    /// Files, read at the start and again every minute.
    Files {
        /// The roots, PEM.
        roots: PathBuf,
        /// Revocation lists, DER or PEM, one for each authority of every chain.
        revocation_lists: Vec<PathBuf>,
    },
    /// Roots in PEM form, without a look at revocation. For sandboxes.
    WithoutRevocation(String),
}

impl CertificateSource {
    /// Reads roots and revocation lists.
    ///
    /// # Errors
    /// If a file cannot be read or is not what it should be.
    pub fn read(&self) -> anyhow::Result<EnterpriseCertificates> {
        match self {
            Self::WithoutRevocation(roots) => Ok(EnterpriseCertificates::new(roots)?),
            Self::Files { roots, revocation_lists } => {
                let read = |file: &PathBuf| {
                    std::fs::read(file).with_context(|| format!("the file {} cannot be read", file.display()))
                };
                let lists = revocation_lists.iter().map(read).collect::<Result<Vec<_>, _>>()?;
                let text = String::from_utf8(read(roots)?).unwrap_or_default();
                let certificates = EnterpriseCertificates::new(&text);
                let certificates = certificates.with_context(|| format!("the file {}", roots.display()))?;
                Ok(certificates.with_revocation_lists(&lists)?)
            }
        }
    }
}

/// The token service's own.
#[derive(Debug)]
pub struct TokenService {
    /// How strictly grants are read.
    pub strictness: Strictness,
    /// When signing keys are made.
    pub rotation: RotationPolicy,
    /// Which grants were used.
    pub replay: Replay,
    certificates: ArcSwapOption<EnterpriseCertificates>,
    source: Option<CertificateSource>,
    limits: Option<DefaultKeyedRateLimiter<String>>,
}

impl TokenService {
    /// Reads what the settings name.
    ///
    /// # Errors
    /// If roots or revocation lists cannot be read.
    pub fn new(settings: TokenSettings, replay: Replay) -> anyhow::Result<Self> {
        let TokenSettings { strictness, certificates: source, requests_per_second, rotation, .. } = settings;
        let certificates = source.as_ref().map(CertificateSource::read).transpose()?.map(Arc::new);
        // As many again may come at once, as when a client starts all its work together.
        let quota = |rate: NonZeroU32| Quota::per_second(rate).allow_burst(rate.saturating_add(rate.get()));
        Ok(Self {
            strictness,
            rotation,
            replay,
            certificates: ArcSwapOption::new(certificates),
            source,
            limits: requests_per_second.map(|rate| DefaultKeyedRateLimiter::keyed(quota(rate))),
        })
    }

    /// The enterprise certificates that are accepted now.
    pub fn certificates(&self) -> Option<Arc<EnterpriseCertificates>> {
        self.certificates.load_full()
    }

    /// Reads roots and revocation lists again. Where they cannot be read, those from before stay until their time is
    /// over.
    pub fn reload_certificates(&self) {
        if let Some(source @ CertificateSource::Files { .. }) = &self.source {
            match source.read() {
                Ok(certificates) => self.certificates.store(Some(Arc::new(certificates))),
                Err(error) => tracing::error!("roots or revocation lists cannot be read again: {error:#}"),
            }
        }
    }

    /// Counts a request of a client that has shown who it is; how many seconds it must wait if it has asked too often.
    ///
    /// The time here is the machine's, not the application's: what is limited is the machine's work. Only clients that
    /// exist are counted, so that what is remembered does not grow with what strangers send.
    pub fn count(&self, client_id: &str) -> Result<(), u64> {
        let Some(limits) = &self.limits else { return Ok(()) };
        limits.check_key(&client_id.to_owned()).map_err(|early| {
            let wait = early.wait_time_from(limits.clock().now());
            wait.as_secs() + 1
        })
    }
}
