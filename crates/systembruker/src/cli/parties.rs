//! `systembruker parties …`

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use store::{ChangeContext, InstallationKind};

use crate::access::import;
use crate::app::open_store;
use crate::clock::{Clock, Random};
use crate::settings::Settings;

/// Commands for parties.
#[derive(Debug, Subcommand)]
pub enum PartiesCommand {
    /// Import organisations, persons and roles from JSON lines; all or nothing
    Import(Import),
}

/// How to import parties.
#[derive(Debug, Args)]
pub struct Import {
    /// The settings of the installation
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The file
    file: PathBuf,
}

impl PartiesCommand {
    /// Runs the command.
    pub async fn run(self) -> anyhow::Result<()> {
        let Self::Import(Import { config, file }) = self;
        let settings = Settings::load(&config)?;
        let text = std::fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        let (clock, random, vault) = (Clock::default(), Random, settings.vault()?);
        let now = clock.now();
        let (store, _) = open_store(settings.database()?, InstallationKind::Production, &vault, &random, now).await?;
        let context = ChangeContext { actor: "cli".into(), ..ChangeContext::default() };
        let imported = import::import(&store, &vault, &random, context, now, &text).await;
        let imported = imported.with_context(|| format!("{}: nothing was imported", file.display()))?;
        store.close(clock.now()).await?;
        println!("{} organisations and {} persons imported", imported.organisations, imported.persons);
        Ok(())
    }
}
