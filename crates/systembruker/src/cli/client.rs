//! `systembruker client …`: Maskinporten clients, the first ones among them, which are made before anybody has a token.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use model::{Client, ClientKey, OrgNumber, Scope, ScopeName};
use serde::Serialize;
use serde_json::{Value, json};
use store::{Session, Write};
use token::keys::SigningKey;

use super::installation::Installation;
use super::output::Common;
use crate::clock::Random;
use crate::maskinporten::admin::clients::ClientDto;
use crate::maskinporten::admin::keys::KeysDto;
use crate::maskinporten::admin::rules::{ClientInput, KeyRules, new_client, new_scope};
use crate::maskinporten::service::CertificateSource;
use crate::sandbox::write_private;

/// Commands for clients.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Make a client with its first key, and grant its organisation the scopes; the platform's are made where missing
    Create(Create),
    /// List clients
    List(List),
    /// Show a client
    Show(One),
    /// Change a client; what is not named stays
    Update(Update),
    /// Deactivate a client for good
    Deactivate(One),
    /// Show the keys of a client
    Keys(One),
    /// Replace all keys of a client
    SetKeys(SetKeys),
    /// Remove all keys of a client, so that it can use an enterprise certificate only
    RemoveKeys(One),
}

/// How to make a client.
#[derive(Debug, Args)]
pub struct Create {
    #[command(flatten)]
    common: Common,
    /// The organisation it belongs to
    #[arg(long, value_name = "ORGNO")]
    org: OrgNumber,
    /// Its name
    #[arg(long)]
    name: String,
    /// What it is for
    #[arg(long, value_name = "TEXT", default_value = "Made on the command line")]
    description: String,
    /// A scope it may ask for; repeat for several
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    scopes: Vec<ScopeName>,
    /// A public key set to register, as JSON; without it a key is made
    #[arg(long, value_name = "FILE", conflicts_with = "key_out")]
    jwks: Option<PathBuf>,
    /// Where to write the private key that is made, readable by its owner only
    #[arg(long, value_name = "FILE")]
    key_out: Option<PathBuf>,
    /// Register no key: the client authenticates with an enterprise certificate
    #[arg(long, conflicts_with_all = ["jwks", "key_out"])]
    without_keys: bool,
}

/// Which clients.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    common: Common,
    /// Only those of this organisation
    #[arg(long, value_name = "ORGNO")]
    org: Option<OrgNumber>,
    /// Deactivated ones, too
    #[arg(long)]
    inactive: bool,
}

/// Which client.
#[derive(Debug, Args)]
pub struct One {
    #[command(flatten)]
    common: Common,
    /// The client's id
    client_id: String,
}

/// How to change a client.
#[derive(Debug, Args)]
pub struct Update {
    #[command(flatten)]
    common: Common,
    /// The client's id
    client_id: String,
    /// Its name
    #[arg(long)]
    name: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// The scopes it may ask for, all of them; repeat for several
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<ScopeName>,
    /// How long its tokens last
    #[arg(long, value_name = "SECONDS")]
    access_token_lifetime: Option<i64>,
}

/// Which keys.
#[derive(Debug, Args)]
pub struct SetKeys {
    #[command(flatten)]
    common: Common,
    /// The client's id
    client_id: String,
    /// The public key set, as JSON
    #[arg(long, value_name = "FILE")]
    jwks: PathBuf,
}

/// A client that was made.
#[derive(Serialize)]
struct Created {
    #[serde(flatten)]
    client: ClientDto,
    kid: Option<String>,
}

impl ClientCommand {
    /// Runs the command.
    pub async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Create(create) => create.run().await,
            Self::List(list) => list.run().await,
            Self::Show(one) => one.show().await,
            Self::Update(update) => update.run().await,
            Self::Deactivate(one) => one.deactivate().await,
            Self::Keys(one) => one.keys().await,
            Self::SetKeys(set) => set.run().await,
            Self::RemoveKeys(one) => one.remove_keys().await,
        }
    }
}

/// All that is wrong, as one error.
pub(super) fn refused(errors: Vec<String>) -> anyhow::Error {
    anyhow::anyhow!(errors.join(" "))
}

fn read_jwks(file: &Path) -> anyhow::Result<Vec<Value>> {
    let text = std::fs::read(file).with_context(|| format!("the file {} cannot be read", file.display()))?;
    let set: Value = serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", file.display()))?;
    set.get("keys").and_then(Value::as_array).cloned().with_context(|| format!("{} has no keys", file.display()))
}

fn check_keys(installation: &Installation, org: OrgNumber, keys: &[Value]) -> anyhow::Result<Vec<ClientKey>> {
    let source = installation.settings.tokens()?.certificates;
    let certificates = source.as_ref().map(CertificateSource::read).transpose()?;
    let rules = KeyRules { org, certificates: certificates.as_ref(), now: installation.now };
    rules.check(keys).map_err(refused)
}

async fn client(session: &mut Session, client_id: &str) -> anyhow::Result<Client> {
    session.client(client_id).await?.with_context(|| format!("there is no client {client_id}"))
}

async fn active_client(session: &mut Session, client_id: &str) -> anyhow::Result<Client> {
    let client = client(session, client_id).await?;
    anyhow::ensure!(client.active, "the client {client_id} is deactivated and stays so; make a new one");
    Ok(client)
}

impl Create {
    /// The public keys to register: those given, or one that is made, with its private half.
    async fn keys(&self) -> anyhow::Result<(Vec<Value>, Option<SigningKey>)> {
        match (&self.jwks, &self.key_out) {
            (Some(file), _) => Ok((read_jwks(file)?, None)),
            (None, Some(_)) => {
                let key = tokio::task::spawn_blocking(|| SigningKey::generate(2048)).await??;
                Ok((vec![json!(key.public_jwk())], Some(key)))
            }
            (None, None) if self.without_keys => Ok((vec![], None)),
            (None, None) => anyhow::bail!("--jwks, --key-out or --without-keys is needed"),
        }
    }

    async fn run(self) -> anyhow::Result<()> {
        let input = ClientInput {
            integration_type: "maskinporten".into(),
            client_name: self.name.clone(),
            description: Some(self.description.clone()),
            scopes: Some(self.scopes.iter().map(ToString::to_string).collect()),
            ..ClientInput::default()
        };
        let created = Installation::change(&self.common.config, async |installation, tx| {
            let (keys, private_key) = self.keys().await?;
            let keys = if keys.is_empty() { vec![] } else { check_keys(installation, self.org, &keys)? };
            let client = new_client(Random.uuid().to_string(), self.org, None, installation.now);
            let client = input.apply(client, installation.now).map_err(refused)?;
            let platform_owner = installation.settings.platform_owner()?;
            for scope in &self.scopes {
                ensure_scope(tx, scope, platform_owner).await?;
                tx.grant_scope(scope, self.org).await?;
            }
            tx.put_client(&client).await?;
            tx.replace_client_keys(&client.client_id, &keys).await?;
            // Last, so that a refusal leaves no key behind.
            if let (Some(file), Some(key)) = (&self.key_out, private_key) {
                write_private(file, key.to_pem()?.as_bytes())?;
            }
            Ok(Created { client: (&client).into(), kid: keys.first().map(|key| key.kid.clone()) })
        });
        self.common.print(&created.await?)
    }
}

/// Makes a scope of the platform's where it is missing.
async fn ensure_scope(tx: &mut Write, name: &ScopeName, platform_owner: OrgNumber) -> anyhow::Result<()> {
    if tx.scope(name.as_str()).await?.is_some() {
        return Ok(());
    }
    if !matches!(name.prefix(), "altinn" | "idporten") {
        anyhow::bail!("there is no scope {name}; its owner makes it");
    }
    tx.put_scope_prefix(name.prefix(), platform_owner).await?;
    let scope = Scope {
        description: format!("The platform's scope {name}"),
        allowed_integration_types: vec!["maskinporten".into()],
        ..new_scope(name.clone(), platform_owner, tx.now())
    };
    Ok(tx.insert_scope(&scope).await?)
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let clients = Installation::read(&self.common.config, async |_, session| Ok(session.clients().await?));
        let mut clients = clients.await?;
        clients.retain(|client| self.org.is_none_or(|org| client.org == org) && (client.active || self.inactive));
        clients.sort_by_key(|client| client.created);
        self.common.print(&clients.iter().map(ClientDto::from).collect::<Vec<_>>())
    }
}

impl One {
    async fn show(self) -> anyhow::Result<()> {
        let found = Installation::read(&self.common.config, async |_, session| client(session, &self.client_id).await);
        self.common.print(&ClientDto::from(&found.await?))
    }

    async fn deactivate(self) -> anyhow::Result<()> {
        let changed = Installation::change(&self.common.config, async |installation, tx| {
            let client = client(tx, &self.client_id).await?;
            let client = Client { active: false, updated: installation.now, ..client };
            tx.put_client(&client).await?;
            Ok(client)
        });
        self.common.print(&ClientDto::from(&changed.await?))
    }

    async fn keys(self) -> anyhow::Result<()> {
        let keys = Installation::read(&self.common.config, async |_, session| {
            client(session, &self.client_id).await?;
            Ok(session.client_keys(&self.client_id).await?)
        });
        self.common.print(&KeysDto::new(keys.await?.into_iter().map(|stored| stored.key).collect()))
    }

    async fn remove_keys(self) -> anyhow::Result<()> {
        let removed = Installation::change(&self.common.config, async |_, tx| {
            active_client(tx, &self.client_id).await?;
            Ok(tx.replace_client_keys(&self.client_id, &[]).await?)
        });
        removed.await?;
        self.common.print(&KeysDto::new(vec![]))
    }
}

impl Update {
    async fn run(self) -> anyhow::Result<()> {
        let scopes: Vec<String> = self.scopes.iter().map(ToString::to_string).collect();
        let changed = Installation::change(&self.common.config, async |installation, tx| {
            let client = active_client(tx, &self.client_id).await?;
            let input = ClientInput {
                integration_type: "maskinporten".into(),
                client_name: self.name.unwrap_or_else(|| client.name.clone()),
                description: Some(self.description.unwrap_or_else(|| client.description.clone())),
                scopes: Some(if scopes.is_empty() { client.scopes.clone() } else { scopes }),
                access_token_lifetime: Some(self.access_token_lifetime.unwrap_or(client.access_token_lifetime)),
                ..ClientInput::default()
            };
            let client = input.apply(client, installation.now).map_err(refused)?;
            tx.put_client(&client).await?;
            Ok(client)
        });
        self.common.print(&ClientDto::from(&changed.await?))
    }
}

impl SetKeys {
    async fn run(self) -> anyhow::Result<()> {
        let keys = read_jwks(&self.jwks)?;
        let replaced = Installation::change(&self.common.config, async |installation, tx| {
            let client = active_client(tx, &self.client_id).await?;
            let keys = check_keys(installation, client.org, &keys)?;
            tx.replace_client_keys(&self.client_id, &keys).await?;
            Ok(keys)
        });
        self.common.print(&KeysDto::new(replaced.await?))
    }
}
