//! `systembruker prefix …`: under which prefix an organisation may make scopes.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use model::{OrgNumber, ScopeName};
use serde_json::json;

use super::installation::Installation;

/// Commands for scope prefixes.
#[derive(Debug, Subcommand)]
pub enum PrefixCommand {
    /// Let an organisation make scopes under a prefix
    Give(Give),
}

/// Who gets which prefix.
#[derive(Debug, Args)]
pub struct Give {
    /// The settings of the installation
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The organisation
    #[arg(long, value_name = "ORGNO")]
    org: OrgNumber,
    /// The prefix: what stands before the first colon of a scope
    #[arg(value_parser = prefix)]
    prefix: String,
}

/// A prefix is right if scopes can begin with it.
fn prefix(text: &str) -> Result<String, String> {
    let scope: ScopeName = format!("{text}:x").parse().map_err(|error| format!("{error}"))?;
    if scope.prefix() == text { Ok(text.to_owned()) } else { Err("a prefix has no colon".into()) }
}

impl PrefixCommand {
    /// Runs the command.
    pub async fn run(self) -> anyhow::Result<()> {
        let Self::Give(Give { config, org, prefix }) = self;
        let installation = Installation::open(&config).await?;
        let mut tx = installation.write().await.context("nothing was changed")?;
        let owners = tx.scope_prefixes().await?;
        // Tokens with another's scopes may be out; taking a prefix over is no small thing that a slip should do.
        if let Some((_, owner)) = owners.iter().find(|(taken, owner)| *taken == prefix && *owner != org) {
            anyhow::bail!("the prefix {prefix} belongs to {owner}; nothing was changed");
        }
        tx.put_scope_prefix(&prefix, org).await?;
        tx.commit().await?;
        installation.close().await?;
        println!("{}", json!({"prefix": prefix, "org": org}));
        Ok(())
    }
}
