//! `systembruker sandbox`

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use store::InstallationKind;
use token::grant::Strictness;
use tokio::net::TcpListener;
use url::Url;

use crate::app::{self, App, Start};
use crate::authorization::DecisionSettings;
use crate::authorization::journal::Journalled;
use crate::http::faces::{Face, PublicUrl};
use crate::maskinporten::service::{CertificateSource, TokenSettings};
use crate::notices::NoticeSettings;
use crate::portal::PortalSettings;
use crate::sandbox::{Sandbox, info, seed};
use crate::system_users::SystemUserSettings;
use crate::telemetry::{self, LogFormat};

/// How to run a sandbox.
#[derive(Debug, Args)]
pub struct SandboxCommand {
    /// Where to listen; the default is a free port that only this machine reaches
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Keep the data in this folder; the default is a temporary one
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Use this database instead of a file in the folder: sqlite:PATH or postgres://USER@HOST/NAME
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Import parties from this file of JSON lines, beside those that are seeded
    #[arg(long, value_name = "FILE")]
    parties: Option<PathBuf>,
    /// Write addresses, clients with keys, and persons to this file when ready
    #[arg(long, value_name = "FILE")]
    info: Option<PathBuf>,
    /// The public address of a face: maskinporten, platform, portal or kravOgBetalinger
    #[arg(long, value_name = "NAME=ORIGIN")]
    public_url: Vec<PublicUrl>,
    /// How strictly grants are read: strict, standard or lenient (see `systembruker config`)
    #[arg(long, value_name = "LEVEL", default_value = "standard")]
    grants: Strictness,
    /// Trust the enterprise certificates of these authorities too (PEM); revocation is not looked at
    #[arg(long, value_name = "FILE")]
    certificate_roots: Option<PathBuf>,
    /// Which decisions are journalled: all, refusals or none
    #[arg(long, value_name = "WHICH", default_value = "refusals")]
    journal_decisions: Journalled,
    /// How many tokens a client may ask for in a second; without it there is no limit
    #[arg(long, value_name = "NUMBER")]
    requests_per_second: Option<NonZeroU32>,
    /// How many entries a page of a list has
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    page_size: u16,
    /// Post notices here, as CloudEvents
    #[arg(long, value_name = "URL")]
    notices_webhook: Option<Url>,
}

/// What to start a sandbox with.
#[derive(Debug, Default)]
pub struct SandboxOptions {
    /// Where to keep the data.
    pub data: Option<PathBuf>,
    /// Another database than a file in the folder.
    pub database: Option<String>,
    /// Parties to import, as JSON lines.
    pub parties: Option<String>,
    /// Public addresses.
    pub public_urls: Vec<PublicUrl>,
    /// How the token service is set up.
    pub tokens: TokenSettings,
    /// How decisions are given.
    pub decisions: DecisionSettings,
    /// How requests and lists of system users are.
    pub system_users: SystemUserSettings,
    /// Authorities whose enterprise certificates are trusted beside the sandbox's own, as PEM.
    pub certificate_roots: Option<String>,
    /// Where notices are posted.
    pub notices_webhook: Option<Url>,
    /// How the portal presents itself. Nobody has to wait in a sandbox, unless this says so.
    pub portal: PortalSettings,
}

impl SandboxCommand {
    /// Runs until the process is asked to stop.
    pub async fn run(self) -> anyhow::Result<()> {
        telemetry::start(LogFormat::Text, "info,sqlx=warn");
        let stop = app::stop_signal()?;
        let read = |file: PathBuf| {
            std::fs::read_to_string(&file).with_context(|| format!("the file {} cannot be read", file.display()))
        };
        let tokens = TokenSettings {
            strictness: self.grants,
            requests_per_second: self.requests_per_second,
            ..TokenSettings::default()
        };
        let listener =
            TcpListener::bind(self.listen).await.with_context(|| format!("cannot listen on {}", self.listen))?;
        let options = SandboxOptions {
            data: self.data,
            database: self.database,
            parties: self.parties.map(read).transpose()?,
            public_urls: self.public_url,
            tokens,
            decisions: DecisionSettings { journalled: self.journal_decisions, ..DecisionSettings::default() },
            system_users: SystemUserSettings { page_size: self.page_size, ..SystemUserSettings::default() },
            certificate_roots: self.certificate_roots.map(read).transpose()?,
            notices_webhook: self.notices_webhook,
            portal: PortalSettings::default(),
        };
        let app = start(&listener, options).await?;
        if let Some(file) = &self.info {
            info::write(&app, file).await?;
        }
        for face in Face::ALL {
            println!("{:<17} {}", face.name(), app.faces.url(face));
        }
        Box::pin(app::serve(app, listener, stop)).await
    }
}

/// Opens a sandbox, and fills it if it is new.
pub async fn start(listener: &TcpListener, options: SandboxOptions) -> anyhow::Result<Arc<App>> {
    let (sandbox, vault) = Sandbox::open(options.data.as_deref(), options.parties).await?;
    let database = match options.database {
        Some(url) => url.parse()?,
        None => sandbox.database(),
    };
    let roots = format!("{}{}", sandbox.certificate_roots, options.certificate_roots.unwrap_or_default());
    let certificates = options.tokens.certificates.clone().unwrap_or(CertificateSource::WithoutRevocation(roots));
    let tokens = TokenSettings { certificates: Some(certificates), ..options.tokens };
    let start = Start {
        kind: InstallationKind::Sandbox,
        database,
        vault,
        public_urls: options.public_urls,
        tokens,
        login: None,
        sandbox: Some(sandbox),
        decisions: options.decisions,
        system_users: options.system_users,
        notices: NoticeSettings { webhook: options.notices_webhook, secret: None },
        portal: options.portal,
    };
    // Boxed, because it is large and is awaited in futures that are.
    let app = Box::pin(App::start(start, reachable(listener.local_addr()?))).await?;
    if app.model.resources().is_empty() {
        seed::fill(&app).await?;
    } else {
        seed::import_parties(&app).await?;
    }
    Ok(app)
}

/// An address at which a listener on all addresses is reached from this machine.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => ([127, 0, 0, 1], v4.port()).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => (std::net::Ipv6Addr::LOCALHOST, v6.port()).into(),
        address => address,
    }
}
