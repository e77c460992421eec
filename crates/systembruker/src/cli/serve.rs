//! `systembruker serve`

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use store::InstallationKind;
use tokio::net::TcpListener;

use super::sandbox::reachable;
use crate::app::{self, App, Start};
use crate::resource_registry::builtin;
use crate::settings::Settings;
use crate::telemetry;

/// How to run for real.
#[derive(Debug, Args)]
pub struct Serve {
    /// The settings; `systembruker config` prints a file to begin with
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl Serve {
    /// Runs until the process is asked to stop.
    pub async fn run(self) -> anyhow::Result<()> {
        let settings = Settings::load(&self.config)?;
        telemetry::start(settings.log.format, &settings.log.filter);
        let stop = app::stop_signal()?;
        let listen = settings.listen;
        let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
        let start = Start {
            kind: InstallationKind::Production,
            database: settings.database()?,
            vault: settings.vault()?,
            public_urls: settings.public_urls()?,
            tokens: settings.tokens()?,
            login: settings.login()?,
            sandbox: None,
            decisions: settings.decisions()?,
            system_users: settings.system_users()?,
            notices: settings.notices()?,
            portal: settings.portal()?,
        };
        // Boxed, because it is large and is awaited in futures that are.
        let app = Box::pin(App::start(start, reachable(listener.local_addr()?))).await?;
        builtin::ensure(&app.store, settings.platform_owner()?, app.clock.now()).await?;
        app.model.catch_up(&app.store, &app.vault).await?;
        tracing::info!(%listen, "ready");
        Box::pin(app::serve(app, listener, stop)).await
    }
}
