//! `systembruker parties …`

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::installation::Installation;
use crate::access::import;
use crate::clock::Random;

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
        let text = std::fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        let installation = Installation::open(&config).await?;
        let Installation { store, vault, now, .. } = &installation;
        let imported = import::import(store, vault, &Random, Installation::context(), *now, &text).await;
        let imported = imported.with_context(|| format!("{}: nothing was imported", file.display()))?;
        installation.close().await?;
        println!("{} organisations and {} persons imported", imported.organisations, imported.persons);
        Ok(())
    }
}
