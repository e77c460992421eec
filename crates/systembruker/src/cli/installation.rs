//! An installation that is not running, for the commands that write to it.

use std::path::Path;

use jiff::Timestamp;
use store::{ChangeContext, InstallationKind, Session, Store, Write};

use crate::app::open_store;
use crate::clock::{Clock, Random};
use crate::settings::Settings;
use crate::vault::Vault;

/// An installation that this command has for itself.
pub struct Installation {
    /// Its settings.
    pub settings: Settings,
    /// Its store.
    pub store: Store,
    /// Its secrets.
    pub vault: Vault,
    /// When the command began.
    pub now: Timestamp,
}

impl Installation {
    /// Opens the installation of this settings file.
    ///
    /// # Errors
    /// If the settings are wrong, the database cannot be opened, or a server runs on it.
    pub async fn open(config: &Path) -> anyhow::Result<Self> {
        let settings = Settings::load(config)?;
        let (vault, now) = (settings.vault()?, Clock::default().now());
        let (store, _) = open_store(settings.database()?, InstallationKind::Production, &vault, &Random, now).await?;
        Ok(Self { settings, store, vault, now })
    }

    /// Opens the installation, reads one snapshot, and leaves it in good order, whatever came of it.
    ///
    /// # Errors
    /// If it cannot be opened, or as `read` has it.
    pub async fn read<T>(
        config: &Path,
        read: impl AsyncFnOnce(&Self, &mut Session) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let installation = Self::open(config).await?;
        let mut session = installation.store.read().await?;
        let outcome = read(&installation, &mut session).await;
        drop(session);
        installation.close().await?;
        outcome
    }

    /// Opens the installation, changes it in one transaction, and leaves it in good order. If `change` fails, nothing is
    /// changed.
    ///
    /// # Errors
    /// If it cannot be opened or written to, or as `change` has it.
    pub async fn change<T>(
        config: &Path,
        change: impl AsyncFnOnce(&Self, &mut Write) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let installation = Self::open(config).await?;
        let mut tx = installation.write().await?;
        let outcome = change(&installation, &mut tx).await;
        match &outcome {
            Ok(_) => {
                tx.commit().await?;
            }
            Err(_) => drop(tx),
        }
        installation.close().await?;
        outcome
    }

    /// What the records name as the one who changes things.
    pub fn context() -> ChangeContext {
        ChangeContext { actor: "cli".into(), ..ChangeContext::default() }
    }

    /// Begins to write.
    pub async fn write(&self) -> anyhow::Result<Write> {
        Ok(self.store.write(Self::context(), self.now).await?)
    }

    /// Leaves the installation in good order.
    pub async fn close(self) -> anyhow::Result<()> {
        Ok(self.store.close(Clock::default().now()).await?)
    }
}
