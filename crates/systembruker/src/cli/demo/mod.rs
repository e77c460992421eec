//! `systembruker demo`: a sandbox, and the whole story told on it.
//!
//! The story (`story`) goes through the public HTTP APIs only, as an outsider would: the vendor and the API owner use
//! the `client` crate, Pia uses a browser (`browser`) that follows redirects, keeps cookies and posts forms. Each step
//! is printed as it happens, and held against what the story says.

pub mod browser;
pub mod paper;
mod story;

use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::response::Html;
use axum::routing::get;
use clap::Args;
use tokio::net::TcpListener;

use super::sandbox::{SandboxOptions, start};
use crate::app::{self, App};
use crate::http::faces::Face;
use crate::sandbox::info;
use crate::telemetry::{self, LogFormat};
use paper::Paper;

/// How to run the demo.
#[derive(Debug, Args)]
pub struct Demo {
    /// End after the story; the exit code is 0 only if every step came out as the story says
    #[arg(long)]
    exit: bool,
    /// Where to listen; the default is a free port that only this machine reaches
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: std::net::SocketAddr,
}

impl Demo {
    /// Starts a sandbox, tells the story, and stays up unless told not to.
    pub async fn run(self) -> anyhow::Result<()> {
        telemetry::start(LogFormat::Text, "error");
        let paper = Paper::stdout();
        paper.title("Systembruker: the whole chain, on this machine");
        let listener =
            TcpListener::bind(self.listen).await.with_context(|| format!("cannot listen on {}", self.listen))?;
        let app = start(&listener, SandboxOptions::default()).await?;
        let told = Arc::clone(&app);
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (exit, asked) = (self.exit, app::stop_signal()?);
        let signal = async move {
            // A story that ends, and a person who has seen enough.
            if exit {
                let _ = stopped.await;
            } else {
                tokio::select! {
                    () = asked => {}
                    Ok(()) = stopped => {}
                }
            }
        };
        let server = tokio::spawn(app::serve(app, listener, signal));
        let vendor_page = serve_vendor_page().await?;
        let outcome = story::tell(&told, &paper, &vendor_page).await;
        if outcome.is_ok() && !self.exit {
            afterwards(&told, &paper).await?;
        }
        let failed = outcome.is_err();
        drop(told);
        if failed || self.exit {
            let _ = stop.send(());
        }
        server.await??;
        outcome
    }
}

/// The page that SmartCloud sends its customers back to.
async fn serve_vendor_page() -> anyhow::Result<String> {
    const PAGE: &str = "<!DOCTYPE html>\n<html lang=\"nb\"><head><meta charset=\"utf-8\"/><title>SmartCloud</title></head>\
        <body><h1>SmartCloud</h1><p>Takk! Vi spør Maskinporten om tilgangen er gitt.</p></body></html>\n";
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/receipt", listener.local_addr()?);
    let app = Router::new().route("/receipt", get(async || Html(PAGE)));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}

/// What to do now.
async fn afterwards(app: &Arc<App>, paper: &Paper) -> anyhow::Result<()> {
    let portal = app.faces.url(Face::Portal);
    let platform = app.faces.url(Face::Platform);
    paper.chapter("Go on from here");
    paper.line(&format!("The sandbox stays up until you press Ctrl-C. The portal: {portal}"));
    paper.line("Log in as:");
    for person in info::persons(app).await? {
        let roles: Vec<String> = person.roles.iter().map(|role| format!("{} in {}", role.role, role.org)).collect();
        let roles = if roles.is_empty() { "no roles".to_owned() } else { roles.join(", ") };
        paper.line(&format!("  {:<18} {}  {roles}", person.name, person.national_id));
    }
    paper.line("Paste into another terminal:");
    for command in [
        format!("curl -s {platform}openapi.json"),
        format!("curl -s {}.well-known/oauth-authorization-server", app.faces.issuer()),
        format!("curl -s {platform}resourceregistry/api/v1/resource/ske-krav-og-betalinger"),
        format!("curl -s {}v1/regnskapssystem/310904473/aapnekrav", app.faces.url(Face::KravOgBetalinger)),
        format!(
            "curl -s -X PUT {platform}systembruker/api/v1/sandbox/clock -H 'Content-Type: application/json' -d '{{\"advanceSeconds\":864000}}'"
        ),
    ] {
        paper.line(&format!("  {command}"));
    }
    Ok(())
}
