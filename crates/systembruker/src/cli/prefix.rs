//! `systembruker prefix …`: under which prefix an organisation may make scopes.

use clap::{Args, Subcommand};
use model::{OrgNumber, ScopeName};
use serde_json::json;

use super::installation::Installation;
use super::output::Common;

/// Commands for scope prefixes.
#[derive(Debug, Subcommand)]
pub enum PrefixCommand {
    /// Let an organisation make scopes under a prefix
    Give(Give),
    /// List the prefixes and whose they are
    List(List),
}

/// Which prefixes.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    common: Common,
    /// Only those of this organisation
    #[arg(long, value_name = "ORGNO")]
    org: Option<OrgNumber>,
}

/// Who gets which prefix.
#[derive(Debug, Args)]
pub struct Give {
    #[command(flatten)]
    common: Common,
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
        match self {
            Self::Give(give) => give.run().await,
            Self::List(list) => list.run().await,
        }
    }
}

impl Give {
    async fn run(self) -> anyhow::Result<()> {
        let Self { common, org, prefix } = self;
        let given = Installation::change(&common.config, async |_, tx| {
            let owners = tx.scope_prefixes().await?;
            // Tokens with another's scopes may be out; taking a prefix over is no small thing that a slip should do.
            if let Some((_, owner)) = owners.iter().find(|(taken, owner)| *taken == prefix && *owner != org) {
                anyhow::bail!("the prefix {prefix} belongs to {owner}; nothing was changed");
            }
            Ok(tx.put_scope_prefix(&prefix, org).await?)
        });
        given.await?;
        common.print(&json!({"prefix": prefix, "org": org}))
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let prefixes = Installation::read(&self.common.config, async |_, session| Ok(session.scope_prefixes().await?));
        let mut prefixes = prefixes.await?;
        prefixes.retain(|(_, owner)| self.org.is_none_or(|org| *owner == org));
        prefixes.sort();
        let shown = prefixes.iter().map(|(prefix, org)| json!({"prefix": prefix, "org": org}));
        self.common.print(&shown.collect::<Vec<_>>())
    }
}
