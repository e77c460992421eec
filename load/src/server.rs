//! The servers that `load http` and `load decide-http` measure, each in a process of its own with one worker thread.
//!
//! A server makes itself ready, says on standard output in one line of JSON where it is and who may ask it, and serves
//! until its standard input ends, which it does when the generator ends, however that comes.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use serde::{Deserialize, Serialize};
use systembruker::app;
use systembruker::telemetry::{self, LogFormat};
use token::keys::SigningKey;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use url::form_urlencoded;

use crate::bare::{Bare, Prepared};
use crate::decisions;
use crate::world::{GrantClient, World, client_key};

/// What a server says when it is ready.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ready<T> {
    /// Where it listens.
    pub address: SocketAddr,
    /// Who may ask it, and about what.
    pub client: T,
}

/// Who asks for decisions.
#[derive(Debug, Serialize, Deserialize)]
pub struct Asker {
    /// An access token.
    pub token: String,
    /// System users, each with a service that it has a right to, and whom for.
    pub questions: Vec<(String, String, String)>,
}

/// How to run the server that decides.
#[derive(Debug, Args)]
pub struct DecisionOptions {
    /// How many system users there are
    #[arg(long)]
    pub system_users: usize,
    /// What is logged to standard error
    #[arg(long)]
    pub log: String,
}

/// How to run the server that does nothing.
#[derive(Debug, Args)]
pub struct EmptyOptions {
    /// How many bytes it answers
    #[arg(long)]
    pub length: usize,
}

/// How to run the real server.
#[derive(Debug, Args)]
pub struct RealOptions {
    /// How many system users there are
    #[arg(long)]
    pub system_users: usize,
    /// The size of the key that signs tokens
    #[arg(long)]
    pub signing_bits: usize,
    /// What is logged to standard error
    #[arg(long)]
    pub log: String,
}

/// How to run the bare server.
#[derive(Debug, Args)]
pub struct BareOptions {
    /// The size of the key that signs tokens
    #[arg(long)]
    pub signing_bits: usize,
    /// How many bytes are signed for a token
    #[arg(long)]
    pub signed_length: usize,
}

fn runtime() -> anyhow::Result<Runtime> {
    Ok(Builder::new_multi_thread().worker_threads(1).enable_all().build()?)
}

fn announce(ready: &Ready<impl Serialize>) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{}", serde_json::to_string(ready)?)?;
    Ok(output.flush()?)
}

/// Done when standard input ends. A thread of its own waits, so that no runtime has to wait for it.
fn parent_is_gone() -> impl Future<Output = ()> + Send + 'static {
    let (gone, told) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        drop(gone);
    });
    async move {
        let _ = told.await;
    }
}

/// A sandbox, as the program itself runs it.
pub fn serve_real(options: RealOptions) -> anyhow::Result<()> {
    telemetry::start(LogFormat::Text, &options.log);
    runtime()?.block_on(async {
        let World { app, listener, signer } =
            Box::pin(World::start(options.signing_bits, options.system_users)).await?;
        announce(&Ready { address: listener.local_addr()?, client: signer.client })?;
        Box::pin(app::serve(app, listener, parent_is_gone())).await
    })
}

/// A sandbox, as the program itself runs it, with services and system users to decide about.
pub fn serve_decisions(options: DecisionOptions) -> anyhow::Result<()> {
    telemetry::start(LogFormat::Text, &options.log);
    runtime()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (app, client) = decisions::serving(&listener, options.system_users).await?;
        announce(&Ready { address: listener.local_addr()?, client })?;
        Box::pin(app::serve(app, listener, parent_is_gone())).await
    })
}

/// An empty handler, which answers so many bytes.
pub fn serve_empty(options: EmptyOptions) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        announce(&Ready { address: listener.local_addr()?, client: () })?;
        let body = Bytes::from(vec![b' '; options.length]);
        let answer = move || std::future::ready(([(CONTENT_TYPE, "application/json")], body.clone()));
        let router = Router::new().route("/authorization/api/v1/authorize", post(answer));
        Ok(axum::serve(listener, router).with_graceful_shutdown(parent_is_gone()).await?)
    })
}

/// The bare server: what it knows.
struct BareService {
    bare: Bare,
    /// What is signed for every token.
    signed: String,
}

impl BareService {
    fn exchange(&self, form: &[u8]) -> anyhow::Result<String> {
        let assertion = form_urlencoded::parse(form).find(|(name, _)| name == "assertion");
        let (_, assertion) = assertion.context("a form without an assertion")?;
        let signature = self.bare.verify_and_sign(&Prepared::new(&assertion)?, self.signed.as_bytes())?;
        let mut token = format!(r#"{{"access_token":"{}."#, self.signed);
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token.push_str(r#"","token_type":"Bearer","expires_in":119,"scope":"skatteetaten:load"}"#);
        Ok(token)
    }
}

async fn token(State(service): State<Arc<BareService>>, form: Bytes) -> Response {
    match service.exchange(&form) {
        Ok(json) => {
            ([(CONTENT_TYPE, "application/json; charset=utf-8"), (CACHE_CONTROL, "no-store")], json).into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

/// The least that could be called a token endpoint: reads the form, verifies the assertion, signs a token of the same
/// length as a real one. It looks nothing up and remembers nothing.
pub fn serve_bare(options: BareOptions) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        let key = client_key().await?;
        let signing = tokio::task::spawn_blocking(move || SigningKey::generate(options.signing_bits)).await??;
        let bare = Bare::new(key.public_jwk(), &signing)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let client = GrantClient {
            client_id: crate::world::SOME_ID.into(),
            private_key_pem: key.to_pem()?.to_string(),
            audience: format!("http://{address}/"),
            customers: vec!["310904473".into()],
            strangers: vec![],
        };
        let service = Arc::new(BareService { bare, signed: "x".repeat(options.signed_length) });
        let router = Router::new().route("/token", post(token)).with_state(service);
        announce(&Ready { address, client })?;
        Ok(axum::serve(listener, router).with_graceful_shutdown(parent_is_gone()).await?)
    })
}
