//! The command line: three ways to run, and commands for an installation that is not running.

mod client;
pub mod demo;
mod explain;
mod installation;
mod key;
mod metadata;
mod output;
mod parties;
mod policy;
mod prefix;
mod remote;
pub mod sandbox;
mod scope;
mod serve;
mod vendor;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::settings::Settings;

/// The whole Norwegian system user chain in one program.
///
/// Try it: `systembruker demo` starts a sandbox and walks the story through its public APIs.
#[derive(Debug, Parser)]
#[command(name = "systembruker", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a sandbox and walk the whole story through its public APIs
    Demo(demo::Demo),
    /// Run a sandbox: made-up people, seeded clients, a clock that can be turned
    Sandbox(sandbox::SandboxCommand),
    /// Run for real
    Serve(serve::Serve),
    /// Maskinporten clients of an installation that is not running
    #[command(subcommand)]
    Client(client::ClientCommand),
    /// Scopes of an installation that is not running, and who may use them
    #[command(subcommand)]
    Scope(scope::ScopeCommand),
    /// The keys that sign tokens, of an installation that is not running
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Which organisation may make scopes under which prefix, in an installation that is not running
    #[command(subcommand)]
    Prefix(prefix::PrefixCommand),
    /// Organisations, persons and roles of an installation that is not running
    #[command(subcommand)]
    Parties(parties::PartiesCommand),
    /// Access packages and roles of an installation that is not running
    #[command(subcommand)]
    Metadata(metadata::MetadataCommand),
    /// Ask a running server why it decides as it does
    #[command(subcommand)]
    Explain(explain::ExplainCommand),
    /// What a vendor does with a running server about system users
    #[command(subcommand)]
    Vendor(vendor::VendorCommand),
    /// XACML policies in files: decide a request, find what other engines decide otherwise
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Print a settings file for `serve`, with every setting explained
    Config,
}

/// Runs the program.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("systembruker: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(async {
        let done = match cli.command {
            Command::Demo(command) => command.run().await,
            Command::Sandbox(command) => command.run().await,
            Command::Serve(command) => Box::pin(command.run()).await,
            Command::Client(command) => command.run().await,
            Command::Scope(command) => command.run().await,
            Command::Key(command) => Box::pin(command.run()).await,
            Command::Prefix(command) => command.run().await,
            Command::Parties(command) => command.run().await,
            Command::Metadata(command) => command.run().await,
            Command::Explain(command) => command.run().await,
            Command::Vendor(command) => command.run().await,
            Command::Policy(command) => return Ok(command.run()),
            Command::Config => {
                print!("{}", Settings::reference());
                Ok(())
            }
        };
        done.map(|()| ExitCode::SUCCESS)
    });
    result.unwrap_or_else(|error: anyhow::Error| {
        eprintln!("systembruker: {error:#}");
        ExitCode::FAILURE
    })
}
