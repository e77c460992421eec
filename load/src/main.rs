//! Measures what the system user chain costs beside the least that could do the same work.
//!
//! Each command puts the real thing and its bare baseline in one run and takes turns between them, so that a machine
//! that slows down or speeds up does so to both. What is said at the end is a ratio; the rates beside it are of this
//! machine and this hour. All commands are bounded in count or time, and speak over loopback only.
//!
//! | Command | Module | What it measures |
//! |---|---|---|
//! | `process` | [`process`] | from an assertion to a signed token, without HTTP |
//! | `http` | [`http`], [`server`] | the token endpoint over HTTP, in a process of its own |
//! | `replay` | [`replay`] | what it costs to keep used grants in the database |
//! | `decide-http` | [`http`], [`server`] | the decision point over HTTP, in a process of its own |
//! | `decide`, `scale` | [`decisions`] | decisions from memory, small and large |
//! | `chain` | [`chain`] | the calls of the chain on a large installation |
//! | `pages` | [`pages`] | the portal's pages, in process |
//! | `memory` | [`memory`] | whether memory grows with the number of tokens issued |
//!
//! [`world`] is the sandbox that all of them measure, [`bare`] the baselines, [`figures`] the arithmetic and tables.
//!
//! This is a bench: an error ends it with a message, and nothing is recovered from.

pub mod bare;
pub mod chain;
pub mod decisions;
pub mod figures;
pub mod http;
pub mod memory;
pub mod pages;
pub mod process;
pub mod replay;
pub mod server;
pub mod world;

use clap::{Parser, Subcommand};

/// The program's own allocator, for the real and the bare alike.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the system user chain beside bare baselines; see README.md
#[derive(Debug, Parser)]
#[command(name = "load")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// From an assertion to a signed token, in process
    Process(process::ProcessOptions),
    /// The token endpoint over HTTP, in a process of its own
    Http(http::HttpOptions),
    /// What it costs to keep used grants in the database
    Replay(replay::ReplayOptions),
    /// Whether memory grows with the number of tokens issued
    Memory(memory::MemoryOptions),
    /// Decisions in process, with all that is looked up for them
    Decide(decisions::DecideOptions),
    /// The decision point over HTTP, in a process of its own
    DecideHttp(http::DecideHttpOptions),
    /// What a large installation takes
    Scale(decisions::ScaleOptions),
    /// The portal's pages, in process
    Pages(pages::PageOptions),
    /// The calls of the chain on a large installation, beside a small one
    Chain(chain::ChainOptions),
    /// The server that `http` measures
    #[command(hide = true)]
    ServeReal(server::RealOptions),
    /// The server that `http` measures it beside
    #[command(hide = true)]
    ServeBare(server::BareOptions),
    /// The server that `decide-http` measures
    #[command(hide = true)]
    ServeDecisions(server::DecisionOptions),
    /// The server that `decide-http` measures it beside
    #[command(hide = true)]
    ServeEmpty(server::EmptyOptions),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Process(options) => process::run(options),
        Command::Http(options) => http::run(options),
        Command::Replay(options) => replay::run(options),
        Command::Memory(options) => memory::run(options),
        Command::Decide(options) => decisions::run(options),
        Command::DecideHttp(options) => http::run_decisions(options),
        Command::Chain(options) => chain::run(options),
        Command::Pages(options) => pages::run(options),
        Command::Scale(options) => decisions::scale(options),
        Command::ServeReal(options) => server::serve_real(options),
        Command::ServeBare(options) => server::serve_bare(options),
        Command::ServeDecisions(options) => server::serve_decisions(options),
        Command::ServeEmpty(options) => server::serve_empty(options),
    }
}
