//! `systembruker vendor …`: what a vendor does with a running server about system users of its own systems.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::remote::{Remote, Server};

/// The seeded client that calls where none is named.
const CLIENT: &str = "SmartCloud AS";
const WRITE: &str = "altinn:authentication/systemuser.request.write";
const READ: &str = "altinn:authentication/systemuser.request.read";
/// How often it is looked how far a job has come.
const POLL: Duration = Duration::from_millis(500);

/// What to do.
#[derive(Debug, Subcommand)]
pub enum VendorCommand {
    /// Delete a system user of one's own system: all that its customer gave it is taken back
    DeleteSystemUser(DeleteSystemUser),
    /// Who can approve a request, by role, and what hinders the others
    Approvers(ApproversCommand),
    /// Ask that a system user, also an agent's, is given more, or less
    ChangeRequest(ChangeRequestCommand),
    /// Give clients to an agent's system user, or take them, many at once, as the agent's client administrator
    Clients(ClientsCommand),
}

/// Which system user.
#[derive(Debug, Args)]
pub struct DeleteSystemUser {
    #[command(flatten)]
    remote: Remote,
    /// The system user
    id: Uuid,
}

/// Which request.
#[derive(Debug, Args)]
pub struct ApproversCommand {
    #[command(flatten)]
    remote: Remote,
    /// The request
    id: Uuid,
}

/// What to ask for.
#[derive(Debug, Args)]
pub struct ChangeRequestCommand {
    #[command(flatten)]
    remote: Remote,
    /// The system user
    id: Uuid,
    /// The id of the change request; sending the same again gives the same
    #[arg(long, value_name = "UUID")]
    correlation_id: Uuid,
    /// A resource that it shall have a right to
    #[arg(long, value_name = "RESOURCE")]
    right: Vec<String>,
    /// A resource that it shall have no right to
    #[arg(long, value_name = "RESOURCE")]
    without_right: Vec<String>,
    /// An access package (URN) that it shall have
    #[arg(long, value_name = "URN")]
    package: Vec<String>,
    /// An access package (URN) that it shall not have
    #[arg(long, value_name = "URN")]
    without_package: Vec<String>,
    /// Only say what it would come to: which clients of an agent's would go without what is new
    #[arg(long)]
    dry_run: bool,
}

/// Which clients.
#[derive(Debug, Args)]
pub struct ClientsCommand {
    #[command(flatten)]
    remote: Remote,
    /// The agent's system user
    id: Uuid,
    /// A file with organisation numbers or party uuids to act for, one a line
    #[arg(long, value_name = "FILE")]
    add: Option<PathBuf>,
    /// A file with those to act for no more
    #[arg(long, value_name = "FILE")]
    remove: Option<PathBuf>,
}

impl VendorCommand {
    /// Runs the command.
    pub async fn run(self) -> anyhow::Result<()> {
        let answer = match self {
            Self::DeleteSystemUser(command) => {
                let server = command.remote.connect(CLIENT, WRITE).await?;
                let path = format!("systembruker/api/v1/systemusers/{}", command.id);
                server.call(Method::DELETE, &path, None).await?;
                println!("deleted");
                return Ok(());
            }
            Self::Approvers(command) => {
                let server = command.remote.connect(CLIENT, READ).await?;
                let path = format!("systembruker/api/v1/requests/{}/approvers", command.id);
                server.call(Method::GET, &path, None).await?
            }
            Self::ChangeRequest(command) => command.send().await?,
            Self::Clients(command) => command.send().await?,
        };
        println!("{}", serde_json::to_string_pretty(&answer)?);
        Ok(())
    }
}

impl ChangeRequestCommand {
    async fn send(&self) -> anyhow::Result<Value> {
        let server = self.remote.connect(CLIENT, WRITE).await?;
        let right = |id: &String| json!({"resource": [{"id": model::RESOURCE_ATTRIBUTE, "value": id}]});
        let package = |urn: &String| json!({"urn": urn});
        let body = json!({
            "requiredRights": self.right.iter().map(right).collect::<Vec<_>>(),
            "unwantedRights": self.without_right.iter().map(right).collect::<Vec<_>>(),
            "requiredAccessPackages": self.package.iter().map(package).collect::<Vec<_>>(),
            "unwantedAccessPackages": self.without_package.iter().map(package).collect::<Vec<_>>(),
        });
        let path = format!(
            "systembruker/api/v1/changerequests?correlation-id={}&system-user-id={}&dry-run={}",
            self.correlation_id, self.id, self.dry_run
        );
        server.call(Method::POST, &path, Some(&body)).await
    }
}

impl ClientsCommand {
    async fn send(&self) -> anyhow::Result<Value> {
        let read = |file: &Option<PathBuf>| -> anyhow::Result<Vec<String>> {
            let Some(file) = file else { return Ok(vec![]) };
            let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
            Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
        };
        let body = json!({"add": read(&self.add)?, "remove": read(&self.remove)?});
        let server = self.remote.connect(CLIENT, "altinn:clientdelegations.write").await?;
        let path = format!("systembruker/api/v1/systemusers/{}/clients/jobs", self.id);
        let job = server.call(Method::POST, &path, Some(&body)).await?;
        let job = job.get("id").and_then(Value::as_str).context("an answer without the job's id")?;
        finished(&server, &format!("{path}/{job}")).await
    }
}

/// Waits until a job is finished.
async fn finished(server: &Server, path: &str) -> anyhow::Result<Value> {
    loop {
        let job = server.call(Method::GET, path, None).await?;
        if job.get("finished") == Some(&Value::Bool(true)) {
            return Ok(job);
        }
        tokio::time::sleep(POLL).await;
    }
}
