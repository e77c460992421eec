//! Calling a running server, with a token that is given or that a seeded client of a sandbox gets.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use client::{Connection, Environment, Maskinporten, TokenRequest};
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;
use token::keys::SigningKey;
use url::Url;

use crate::app::http_client;

/// Which server, and as whom.
#[derive(Debug, Args)]
pub struct Remote {
    /// The address of the platform's APIs
    #[arg(long, value_name = "URL", required_unless_present = "info")]
    server: Option<Url>,
    /// A file with an access token that has the scope that the call needs
    #[arg(long, value_name = "FILE", required_unless_present = "info")]
    token_file: Option<PathBuf>,
    /// The file that `sandbox --info` wrote: the address is taken from it and, without a token file, a seeded client
    #[arg(long, value_name = "FILE")]
    info: Option<PathBuf>,
    /// Which seeded client calls
    #[arg(long, value_name = "NAME", requires = "info")]
    client: Option<String>,
}

#[derive(Deserialize)]
struct Info {
    maskinporten: Url,
    platform: Url,
    clients: Vec<InfoClient>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InfoClient {
    name: String,
    client_id: String,
    kid: Option<String>,
    private_key_pem: String,
}

impl Remote {
    /// Where the server is, and a token. `default_client` is the seeded client that calls where none is named, `scope`
    /// what it asks for.
    pub async fn connect(&self, default_client: &str, scope: &str) -> anyhow::Result<Server> {
        let info = self.info.as_deref().map(read_info).transpose()?;
        let mut platform = match (&self.server, &info) {
            (Some(server), _) => server.clone(),
            (None, Some(info)) => info.platform.clone(),
            (None, None) => anyhow::bail!("give the address of the server: --server"),
        };
        if !platform.path().ends_with('/') {
            platform.set_path(&format!("{}/", platform.path()));
        }
        let token = match (&self.token_file, info) {
            (Some(file), _) => {
                let text = std::fs::read_to_string(file);
                text.with_context(|| format!("{} cannot be read", file.display()))?.trim().to_owned()
            }
            (None, Some(info)) => token_of(info, self.client.as_deref().unwrap_or(default_client), scope).await?,
            (None, None) => anyhow::bail!("give a token: --token-file"),
        };
        Ok(Server { platform, token })
    }
}

fn read_info(file: &Path) -> anyhow::Result<Info> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{}", file.display()))
}

async fn token_of(info: Info, client: &str, scope: &str) -> anyhow::Result<String> {
    let seeded = info.clients.into_iter().find(|seeded| seeded.name == client);
    let seeded = seeded.with_context(|| format!("there is no seeded client {client}"))?;
    let key = SigningKey::from_pem(&seeded.private_key_pem, seeded.kid)?;
    let connection = Connection::new(http_client()?, Environment::new(info.maskinporten, info.platform));
    let maskinporten = Maskinporten::new(connection, seeded.client_id, key);
    Ok(maskinporten.token(&TokenRequest::scope(scope)).await?.token)
}

/// A running server, with a token for it.
#[derive(Debug)]
pub struct Server {
    platform: Url,
    token: String,
}

impl Server {
    /// Calls an API; the answer as JSON, null where it is empty.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let url = self.platform.join(path)?;
        let request = http_client()?.request(method, url.clone()).bearer_auth(&self.token);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let response = request.send().await.with_context(|| format!("{url} cannot be reached"))?;
        let status = response.status();
        let text = response.text().await?;
        if !status.is_success() {
            anyhow::bail!("the server answered {status}: {text}");
        }
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).context("the answer is not JSON")
    }
}
