//! `systembruker client …`: the first clients of an installation, made before anybody has a token.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use model::{Client, OrgNumber, Scope, ScopeName, ScopeVisibility};
use serde_json::{Value, json};
use store::Write;
use token::keys::SigningKey;

use super::installation::Installation;
use crate::clock::Random;
use crate::maskinporten::admin::rules::KeyRules;
use crate::sandbox::write_private;

/// Commands for clients.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Make a client with its first key, and the scopes it asks for where they are missing
    Create(Create),
}

/// How to make a client.
#[derive(Debug, Args)]
pub struct Create {
    /// The settings of the installation
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The organisation it belongs to
    #[arg(long, value_name = "ORGNO")]
    org: OrgNumber,
    /// Its name
    #[arg(long)]
    name: String,
    /// A scope it may ask for; repeat for several
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    scopes: Vec<ScopeName>,
    /// A public key set to register, as JSON; without it a key is made
    #[arg(long, value_name = "FILE", conflicts_with = "key_out")]
    jwks: Option<PathBuf>,
    /// Where to write the private key that is made, readable by its owner only
    #[arg(long, value_name = "FILE", required_unless_present = "jwks")]
    key_out: Option<PathBuf>,
}

impl ClientCommand {
    /// Runs the command.
    pub async fn run(self) -> anyhow::Result<()> {
        let Self::Create(create) = self;
        create.run().await
    }
}

impl Create {
    async fn run(self) -> anyhow::Result<()> {
        let installation = Installation::open(&self.config).await?;
        let now = installation.now;
        let jwks = match (&self.jwks, &self.key_out) {
            (Some(file), _) => {
                let text =
                    std::fs::read(file).with_context(|| format!("the file {} cannot be read", file.display()))?;
                serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", file.display()))?
            }
            (None, Some(file)) => {
                let key = tokio::task::spawn_blocking(|| SigningKey::generate(2048)).await??;
                write_private(file, key.to_pem()?.as_bytes())?;
                json!({"keys": [key.public_jwk()]})
            }
            (None, None) => anyhow::bail!("either --jwks or --key-out is needed"),
        };
        let keys = jwks.get("keys").and_then(Value::as_array).context("the key set has no keys")?;
        let keys = KeyRules { org: self.org, certificates: None, now }
            .check(keys)
            .map_err(|errors| anyhow::anyhow!(errors.join(" ")))?;
        let client = Client {
            client_id: Random.uuid().to_string(),
            org: self.org,
            supplier: None,
            name: self.name.clone(),
            description: "Made on the command line".into(),
            scopes: self.scopes.iter().map(ToString::to_string).collect(),
            access_token_lifetime: Client::DEFAULT_TOKEN_LIFETIME,
            active: true,
            created: now,
            updated: now,
        };
        let platform_owner = installation.settings.platform_owner()?;
        let mut tx = installation.write().await?;
        for scope in &self.scopes {
            ensure_scope(&mut tx, scope, platform_owner).await?;
            tx.grant_scope(scope, self.org).await?;
        }
        tx.put_client(&client).await?;
        tx.replace_client_keys(&client.client_id, &keys).await?;
        tx.commit().await?;
        installation.close().await?;
        let kid = keys.first().map(|key| key.kid.clone());
        println!("{}", json!({"clientId": client.client_id, "kid": kid, "scopes": client.scopes}));
        Ok(())
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
    let now = tx.now();
    let scope = Scope {
        name: name.clone(),
        owner: platform_owner,
        description: format!("The platform's scope {name}"),
        long_description: String::new(),
        visibility: ScopeVisibility::Public,
        allowed_integration_types: vec!["maskinporten".into()],
        accessible_for_all: false,
        delegation_source: None,
        at_max_age: 0,
        active: true,
        created: now,
        updated: now,
    };
    Ok(tx.insert_scope(&scope).await?)
}
