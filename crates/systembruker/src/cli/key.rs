//! `systembruker key …`: the keys that sign tokens.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;
use store::{KeyPurpose, Session};
use zeroize::Zeroizing;

use super::installation::Installation;
use super::output::Common;
use crate::clock::Random;
use crate::maskinporten::keys;
use crate::read_model::{SigningKeyEntry, signing_keys};

/// Commands for signing keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// List the keys, in the order in which they sign
    List(List),
    /// Make the next key; it is published at once and signs when it has been for a while
    Rotate(Rotate),
    /// Take a key that was made elsewhere
    Import(Import),
    /// Delete a key that has leaked: what it signed is no longer accepted here
    Withdraw(Withdraw),
}

/// Nothing more to say.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    common: Common,
}

/// When the next key signs.
#[derive(Debug, Args)]
pub struct Rotate {
    #[command(flatten)]
    common: Common,
    /// Let it sign at once. Who has fetched the keys before does not know it yet
    #[arg(long)]
    now: bool,
}

/// Which key to take.
#[derive(Debug, Args)]
pub struct Import {
    #[command(flatten)]
    common: Common,
    /// The private RSA key, 2048 to 4096 bits, PKCS #8 in PEM form
    #[arg(long, value_name = "FILE")]
    private_key: PathBuf,
    /// Its certificate and those above it, in PEM form; without them it gets one that it signs itself
    #[arg(long, value_name = "FILE")]
    certificates: Option<PathBuf>,
    /// Let it sign at once. Who has fetched the keys before does not know it yet
    #[arg(long)]
    now: bool,
}

/// Which key to delete.
#[derive(Debug, Args)]
pub struct Withdraw {
    #[command(flatten)]
    common: Common,
    /// Its id
    kid: String,
}

/// A key as it is shown. Nothing of the private half.
#[derive(Debug, Serialize)]
struct KeyDto {
    kid: String,
    bits: usize,
    state: &'static str,
    created: Timestamp,
    signs_from: Timestamp,
}

impl KeyCommand {
    /// Runs the command.
    pub async fn run(self) -> anyhow::Result<()> {
        let (keys, common) = match self {
            Self::List(List { common }) => {
                let keys =
                    Installation::read(&common.config, async |installation, session| show(installation, session).await);
                (keys.await, common)
            }
            Self::Rotate(Rotate { common, now }) => (rotate(&common, now).await, common),
            Self::Import(import) => (import.run().await, import.common),
            Self::Withdraw(Withdraw { common, kid }) => {
                let keys = Installation::change(&common.config, async |installation, tx| {
                    keys::withdraw(tx, &installation.vault, &kid, installation.now).await?;
                    show(installation, tx).await
                });
                (keys.await, common)
            }
        };
        common.print(&keys?)
    }
}

async fn rotate(common: &Common, at_once: bool) -> anyhow::Result<Vec<KeyDto>> {
    Installation::change(&common.config, async |installation, tx| {
        let (bits, now) = (installation.settings.rotation()?.bits, installation.now);
        let from = signs_from(installation, at_once)?;
        let key = keys::generate(&installation.vault, &Random, KeyPurpose::Maskinporten, bits, now, from).await?;
        tx.insert_signing_key(&key).await?;
        show(installation, tx).await
    })
    .await
}

fn signs_from(installation: &Installation, at_once: bool) -> anyhow::Result<Timestamp> {
    let ahead = installation.settings.rotation()?.publish_ahead;
    Ok(if at_once { installation.now } else { installation.now.checked_add(ahead)? })
}

/// All keys as they are now.
async fn show(installation: &Installation, session: &mut Session) -> anyhow::Result<Vec<KeyDto>> {
    let set = signing_keys(session, &installation.vault).await?.maskinporten;
    let now = installation.now;
    let signs = set.signing(now).map(|key| key.kid().to_owned());
    let state = |entry: &SigningKeyEntry, retired| match () {
        () if signs.as_deref() == Some(entry.key.kid()) => "signs",
        () if retired => "over",
        () if entry.signs_from > now => "published, signs later",
        () => "published, has signed",
    };
    let keys = set.entries(now).map(|(entry, retired)| KeyDto {
        kid: entry.key.kid().to_owned(),
        bits: entry.key.bits(),
        state: state(entry, retired),
        created: entry.created,
        signs_from: entry.signs_from,
    });
    Ok(keys.collect())
}

impl Import {
    async fn run(&self) -> anyhow::Result<Vec<KeyDto>> {
        let read = |file: &PathBuf| {
            let text = std::fs::read_to_string(file);
            text.with_context(|| format!("the file {} cannot be read", file.display())).map(Zeroizing::new)
        };
        let private_key = read(&self.private_key)?;
        let certificates = self.certificates.as_ref().map(read).transpose()?;
        let certificates = certificates.as_ref().map(|text| text.as_str());
        Installation::change(&self.common.config, async |installation, tx| {
            let from = signs_from(installation, self.now)?;
            let key = keys::import(&installation.vault, &Random, &private_key, certificates, installation.now, from);
            let key = key.with_context(|| self.private_key.display().to_string())?;
            let present = tx.signing_keys().await?;
            anyhow::ensure!(present.iter().all(|other| other.kid != key.kid), "the key {} is here already", key.kid);
            tx.insert_signing_key(&key).await?;
            show(installation, tx).await
        })
        .await
    }
}
