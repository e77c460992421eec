//! `systembruker explain …`: asks a running server why.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use client::{Connection, Environment, Maskinporten, TokenRequest};
use serde::Deserialize;
use serde_json::{Value, json};
use token::keys::SigningKey;
use url::Url;

use crate::app::http_client;

/// The scope that asking for decisions needs.
const SCOPE: &str = "altinn:authorization/authorize";

/// What to explain.
#[derive(Debug, Subcommand)]
pub enum ExplainCommand {
    /// Whether somebody may do something for somebody, why, and what would change it
    Decision(DecisionCommand),
}

/// What is asked, and whom.
#[derive(Debug, Args)]
pub struct DecisionCommand {
    /// The address of the platform's APIs
    #[arg(long, value_name = "URL", required_unless_present = "info")]
    server: Option<Url>,
    /// A file with an access token that has the scope altinn:authorization/authorize
    #[arg(long, value_name = "FILE", required_unless_present = "info", conflicts_with = "info")]
    token_file: Option<PathBuf>,
    /// The file that `sandbox --info` wrote: the address and a seeded client are taken from it
    #[arg(long, value_name = "FILE")]
    info: Option<PathBuf>,
    /// Which seeded client asks
    #[arg(long, value_name = "NAME", default_value = "Skatteetaten", requires = "info")]
    client: String,
    /// Who: the id of a system user, or an attribute with its value: urn:altinn:userid:20000001
    #[arg(long)]
    subject: String,
    /// With what: the id of a resource
    #[arg(long)]
    resource: String,
    /// What
    #[arg(long, default_value = "read")]
    action: String,
    /// For whom: an organisation number, a party uuid, or an attribute with its value
    #[arg(long)]
    party: Option<String>,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
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

impl ExplainCommand {
    /// Runs the command.
    pub async fn run(self) -> anyhow::Result<()> {
        let Self::Decision(command) = self;
        let (platform, token) = command.server_and_token().await?;
        let mut body = json!({
            "subject": command.subject, "resource": command.resource, "action": command.action, "explain": true,
        });
        if let (Some(party), Some(members)) = (&command.party, body.as_object_mut()) {
            members.insert("party".to_owned(), party.clone().into());
        }
        let url = platform.join("systembruker/api/v1/decisions")?;
        let response = http_client()?.post(url.clone()).bearer_auth(token).json(&body).send().await;
        let response = response.with_context(|| format!("{url} cannot be reached"))?;
        let status = response.status();
        let text = response.text().await?;
        if !status.is_success() {
            anyhow::bail!("the server answered {status}: {text}");
        }
        let answer: Value = serde_json::from_str(&text).context("the answer is not JSON")?;
        if command.json {
            println!("{}", serde_json::to_string_pretty(&answer)?);
        } else {
            print!("{}", lines(&answer));
        }
        Ok(())
    }
}

impl DecisionCommand {
    async fn server_and_token(&self) -> anyhow::Result<(Url, String)> {
        if let Some(file) = &self.info {
            return self.of_sandbox(file).await;
        }
        let file = self.token_file.as_deref().context("give a token: --token-file")?;
        let token = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        let mut server = self.server.clone().context("give the address of the server: --server")?;
        if !server.path().ends_with('/') {
            server.set_path(&format!("{}/", server.path()));
        }
        Ok((server, token.trim().to_owned()))
    }

    async fn of_sandbox(&self, file: &Path) -> anyhow::Result<(Url, String)> {
        let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        let info: Info = serde_json::from_str(&text).with_context(|| format!("{}", file.display()))?;
        let seeded = info.clients.into_iter().find(|client| client.name == self.client);
        let seeded = seeded.with_context(|| format!("there is no seeded client {}", self.client))?;
        let key = SigningKey::from_pem(&seeded.private_key_pem, seeded.kid)?;
        let environment = Environment::new(info.maskinporten, info.platform.clone());
        let connection = Connection::new(http_client()?, environment);
        let maskinporten = Maskinporten::new(connection, seeded.client_id, key);
        let token = maskinporten.token(&TokenRequest::scope(SCOPE)).await?;
        Ok((info.platform, token.token))
    }
}

/// The answer for a person to read.
fn lines(answer: &Value) -> String {
    let mut text = String::new();
    for decision in list(answer, "decisions") {
        let _ = writeln!(text, "{}", string(decision, "decision"));
        let message = string(decision, "message");
        if !message.is_empty() {
            let _ = writeln!(text, "  {message}");
        }
        if let Some(level) = decision.get("minimumAuthenticationLevel") {
            let _ = writeln!(text, "  Demands authentication level {level}.");
        }
        let Some(explanation) = decision.get("explanation") else { continue };
        let reasons = list(explanation, "reasons").filter_map(Value::as_str).filter(|reason| *reason != message);
        for reason in reasons {
            let _ = writeln!(text, "  {reason}");
        }
        for relation in list(explanation, "relations") {
            let part = |name: &str| match string(relation, name) {
                "" => String::new(),
                value => format!(" {name} {value}"),
            };
            let packages: Vec<_> = list(relation, "packages").filter_map(Value::as_str).collect();
            let _ = write!(text, "  Stands to the party as {}", string(relation, "basis"));
            let _ = write!(text, "{}{}{}", part("role"), part("from"), part("via"));
            let _ = writeln!(text, ", with {}", counted(&packages));
        }
        for (index, remedy) in list(explanation, "remedies").enumerate() {
            if index == 0 {
                let _ = writeln!(text, "What would change it, any one of:");
            }
            let _ = writeln!(text, "  {}", string(remedy, "text"));
        }
    }
    text
}

fn counted(packages: &[&str]) -> String {
    const SHOWN: usize = 5;
    match packages {
        [] => "no access package".to_owned(),
        few if few.len() <= SHOWN => format!("the access packages {}", few.join(", ")),
        many => format!("{} access packages", many.len()),
    }
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn string<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
