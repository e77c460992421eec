//! `systembruker explain …`: asks a running server why.

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::remote::Remote;

/// The scope that asking for decisions needs.
const DECISIONS: &str = "altinn:authorization/authorize";
/// A scope that every vendor has; asking about one's own tokens needs none.
const ANY: &str = "idporten:dcr.read";

/// What to explain.
#[derive(Debug, Subcommand)]
pub enum ExplainCommand {
    /// Whether somebody may do something for somebody, why, and what would change it
    Decision(DecisionCommand),
    /// Whether a client would get a token, link by link
    Token(TokenCommand),
}

/// What is asked, and whom.
#[derive(Debug, Args)]
pub struct DecisionCommand {
    #[command(flatten)]
    remote: Remote,
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

/// Which token.
#[derive(Debug, Args)]
pub struct TokenCommand {
    #[command(flatten)]
    remote: Remote,
    /// The Maskinporten client, of the organisation that asks
    #[arg(long)]
    client_id: String,
    /// The scopes, with spaces between
    #[arg(long)]
    scope: String,
    /// The customer's organisation number, for a token for its system user
    #[arg(long)]
    customer: Option<String>,
    /// The vendor's reference; the customer's number where none is given
    #[arg(long)]
    external_ref: Option<String>,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

impl ExplainCommand {
    /// Runs the command.
    pub async fn run(self) -> anyhow::Result<()> {
        let (answer, as_json, text) = match self {
            Self::Decision(command) => (command.ask().await?, command.json, lines as fn(&Value) -> String),
            Self::Token(command) => (command.ask().await?, command.json, links as fn(&Value) -> String),
        };
        if as_json {
            println!("{}", serde_json::to_string_pretty(&answer)?);
        } else {
            print!("{}", text(&answer));
        }
        Ok(())
    }
}

impl DecisionCommand {
    async fn ask(&self) -> anyhow::Result<Value> {
        let mut body = json!({
            "subject": self.subject, "resource": self.resource, "action": self.action, "explain": true,
        });
        if let (Some(party), Some(members)) = (&self.party, body.as_object_mut()) {
            members.insert("party".to_owned(), party.clone().into());
        }
        let server = self.remote.connect("Skatteetaten", DECISIONS).await?;
        server.call(Method::POST, "systembruker/api/v1/decisions", Some(&body)).await
    }
}

impl TokenCommand {
    async fn ask(&self) -> anyhow::Result<Value> {
        let server = self.remote.connect("SmartCloud AS", ANY).await?;
        let body = json!({"clientId": self.client_id, "scope": self.scope, "customer": self.customer, "externalRef": self.external_ref});
        server.call(Method::POST, "systembruker/api/v1/tokens/explain", Some(&body)).await
    }
}

/// The links of the chain to a token for a person to read.
fn links(answer: &Value) -> String {
    let mut text = String::new();
    for link in list(answer, "links") {
        let mark = if link.get("good") == Some(&Value::Bool(true)) { "ok" } else { "NOT" };
        let _ = writeln!(
            text,
            "{mark:<4}{:<11}{:<44}{}",
            string(link, "link"),
            string(link, "which"),
            string(link, "text")
        );
    }
    let issued = answer.get("wouldBeIssued") == Some(&Value::Bool(true));
    let _ = writeln!(text, "{}", if issued { "A token would be issued." } else { "No token would be issued." });
    text
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
