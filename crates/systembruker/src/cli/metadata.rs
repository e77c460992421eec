//! `systembruker metadata …`: which areas, packages and roles there are.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::json;

use super::installation::Installation;
use super::output::Common;
use crate::access::metadata::{Metadata, built_in};

/// Commands for the metadata.
#[derive(Debug, Subcommand)]
pub enum MetadataCommand {
    /// Print the edition in use, to change it and import it
    Export(Export),
    /// Put another edition in use
    Import(Import),
    /// Put the built-in edition in use again
    Reset(Reset),
}

/// Of which installation.
#[derive(Debug, Args)]
pub struct Export {
    /// The settings of the installation; without it the built-in edition is printed
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What is put in use.
#[derive(Debug, Args)]
pub struct Import {
    #[command(flatten)]
    common: Common,
    /// The edition, as `export` prints it
    file: PathBuf,
}

/// Of which installation.
#[derive(Debug, Args)]
pub struct Reset {
    #[command(flatten)]
    common: Common,
}

impl MetadataCommand {
    /// Runs the command.
    pub async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Export(Export { config }) => {
                let stored = match config {
                    Some(config) => {
                        Installation::read(&config, async |_, session| Ok(session.access_metadata().await?)).await?
                    }
                    None => None,
                };
                let document = match stored {
                    Some(document) => serde_json::from_value(document).context("the stored metadata cannot be read")?,
                    None => built_in().document.clone(),
                };
                println!("{}", serde_json::to_string_pretty(&document)?);
                Ok(())
            }
            Self::Import(Import { common, file }) => {
                let text = std::fs::read_to_string(&file);
                let text = text.with_context(|| format!("the file {} cannot be read", file.display()))?;
                let metadata = Metadata::parse(&text).with_context(|| format!("{}", file.display()))?;
                put(&common, Some(&metadata)).await
            }
            Self::Reset(Reset { common }) => put(&common, None).await,
        }
    }
}

async fn put(common: &Common, metadata: Option<&Metadata>) -> anyhow::Result<()> {
    let document = metadata.map(|metadata| serde_json::to_value(&metadata.document)).transpose()?;
    let change =
        Installation::change(&common.config, async |_, tx| Ok(tx.put_access_metadata(document.as_ref()).await?));
    change.await?;
    let built_in = built_in();
    let document = metadata.map_or(&built_in.document, |metadata| &metadata.document);
    common.print(&json!({
        "edition": if metadata.is_some() { "imported" } else { "built-in" },
        "packages": document.packages.len(),
        "areas": document.areas.len(),
        "roles": document.roles.len(),
    }))
}
