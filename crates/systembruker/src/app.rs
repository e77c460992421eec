//! The application: what all rooms share, how it starts, and how its routes are put together.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, ServiceExt as _};
use client::Connection;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use jiff::Timestamp;
use model::{OrgNumber, RedirectRules, SystemId, SystemUser};
use store::{AuditEntry, ChangeContext, Database, Installation, InstallationKind, KeyPurpose, Store, Write};
use token::grant::Strictness;
use tokio::net::TcpListener;
use tower::Layer as _;
use tower::util::MapRequestLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use uuid::Uuid;

use crate::authorization::DecisionSettings;
use crate::authorization::journal::Journal;
use crate::authorization::rules::{Allowed, Inputs};
use crate::clock::{Clock, Random};
use crate::http::caller::VerifiedTokens;
use crate::http::faces::{Face, Faces, FrontEnd, PublicUrl};
use crate::http::literals::Literals;
use crate::http::problem::ApiError;
use crate::http::{faces, request_id};
use crate::login::oidc::OidcClient;
use crate::login::sessions;
use crate::maskinporten::housekeeping::{self, Housekeeping};
use crate::maskinporten::keys;
use crate::maskinporten::replay::{self, Recorder, RecorderQueue, Replay};
use crate::maskinporten::service::{TokenService, TokenSettings};
use crate::notices::{Event, Notice, NoticeSettings, Notices};
use crate::portal::PortalSettings;
use crate::portal::limits::Limits;
use crate::read_model::ReadModel;
use crate::sandbox::Sandbox;
use crate::system_users::SystemUserSettings;
use crate::system_users::uses::{self, Uses};
use crate::vault::{Purpose, Vault};
use crate::{
    access, authorization, change_requests, krav_og_betalinger, login, maskinporten, platform_tokens, portal, requests,
    resource_registry, sandbox, system_register, system_users,
};

/// The largest body that is read, in bytes; policies and bulk imports have limits of their own below it.
const MAX_BODY: usize = 2 * 1024 * 1024;
/// How long a request may take.
const REQUEST_TIME: Duration = Duration::from_secs(30);
/// How often an instance makes sure that it is still the one, and that the model is up to date.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);
/// How often a login provider that does not answer is asked where it is.
const PROVIDER_INTERVAL: Duration = Duration::from_secs(5);
/// How long such a look counts, in milliseconds.
const CONFIRMATION_HOLDS: u64 = 10_000;
/// How many rounds are between two looks at the files with roots and revocation lists.
const RELOAD_EVERY: u64 = 60;
/// How many rounds are between two looks at requests whose time has run out.
const TIME_OUT_EVERY: u64 = 10;
/// What a master key is known by.
const KEY_CHECK: &[u8] = b"systembruker";

/// What all rooms share.
pub struct App {
    /// What kind of installation this is.
    pub kind: InstallationKind,
    /// The public addresses.
    pub faces: Faces,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// What is kept.
    pub store: Store,
    /// What tokens and decisions are answered from.
    pub model: ReadModel,
    /// Secrets.
    pub vault: Vault,
    /// When the installation was made.
    pub created: Timestamp,
    /// What the token endpoint has beside the model.
    pub tokens: TokenService,
    /// Keeps used grants in the database too, where that is set.
    pub grant_recorder: Option<Recorder>,
    grant_queue: Mutex<Option<RecorderQueue>>,
    /// What is done from time to time.
    pub housekeeping: Housekeeping,
    /// The login provider; none until one is configured.
    pub login: Option<OidcClient>,
    /// What only a sandbox has.
    pub sandbox: Option<Sandbox>,
    /// How decisions are given.
    pub decisions: DecisionSettings,
    /// How requests and lists of system users are.
    pub system_users: SystemUserSettings,
    /// When tokens were issued for system users, until it is written.
    pub uses: Uses,
    /// Tells organisations what has happened.
    pub notices: Notices,
    /// How the portal presents itself.
    pub portal: PortalSettings,
    /// How often browsers have posted forms and looked for requests.
    pub limits: Limits,
    /// Told when there is a new job with clients.
    pub new_job: tokio::sync::Notify,
    /// The journal of decisions.
    pub journal: Journal,
    /// Callers' tokens that were verified.
    pub verified_tokens: VerifiedTokens,
    ours: AtomicBool,
    started: Instant,
    /// When it was last made sure that this is the one live instance and up to date, in milliseconds after `started`; 0
    /// while nobody watches.
    confirmed: AtomicU64,
}

/// What it takes to start.
pub struct Start {
    /// Where notices go.
    pub notices: NoticeSettings,
    /// How the portal presents itself.
    pub portal: PortalSettings,
    /// What kind of installation this is.
    pub kind: InstallationKind,
    /// Where the data is.
    pub database: Database,
    /// The secrets.
    pub vault: Vault,
    /// The public addresses given.
    pub public_urls: Vec<PublicUrl>,
    /// How the token service is set up.
    pub tokens: TokenSettings,
    /// The login provider, for real installations.
    pub login: Option<login::oidc::OidcSettings>,
    /// What only a sandbox has.
    pub sandbox: Option<Sandbox>,
    /// How decisions are given.
    pub decisions: DecisionSettings,
    /// How requests and lists of system users are.
    pub system_users: SystemUserSettings,
}

impl App {
    /// Opens everything and builds the model. `listener` is where the server will be reached on this machine.
    pub async fn start(start: Start, listener: SocketAddr) -> anyhow::Result<Arc<Self>> {
        let (clock, random) = (Clock::default(), Random);
        let now = clock.now();
        let (store, installation) = open_store(start.database, start.kind, &start.vault, &random, now).await?;
        let recorded = start.tokens.record_used_grants;
        let replay = Replay::new(replay_horizon(&installation, now));
        replay.remember(&store.read().await?.used_grants().await?);
        let (grant_recorder, grant_queue) = if recorded { Some(replay::recorder()) } else { None }.unzip();
        let mut purposes = vec![KeyPurpose::Maskinporten, KeyPurpose::Platform];
        if start.sandbox.is_some() {
            purposes.push(KeyPurpose::TestLogin);
        }
        let bits = start.tokens.rotation.bits;
        ensure_signing_keys(&store, &start.vault, &random, now, &purposes, bits).await?;
        let faces = Faces::new(listener, &start.public_urls)?;
        let connection = Connection::new(http_client()?, faces.environment());
        let login = match (&start.sandbox, start.login) {
            (Some(sandbox), _) => Some(OidcClient::new(sandbox.login_settings(&faces), connection.clone())),
            (None, Some(settings)) => Some(OidcClient::new(settings, connection.clone().directly())),
            (None, None) => None,
        };
        let app = Self {
            kind: start.kind,
            faces,
            clock,
            random,
            store,
            model: ReadModel::default(),
            vault: start.vault,
            created: installation.created,
            tokens: TokenService::new(start.tokens, replay)?,
            grant_recorder,
            grant_queue: Mutex::new(grant_queue),
            housekeeping: Housekeeping::default(),
            login,
            sandbox: start.sandbox,
            journal: Journal::new(start.decisions.journalled),
            decisions: start.decisions,
            system_users: start.system_users,
            uses: Uses::default(),
            notices: Notices::new(start.notices),
            limits: Limits::new(start.portal.limits.clone()),
            portal: start.portal,
            new_job: tokio::sync::Notify::new(),
            verified_tokens: VerifiedTokens::default(),
            ours: AtomicBool::new(true),
            started: Instant::now(),
            confirmed: AtomicU64::new(0),
        };
        app.model.rebuild(&app.store, &app.vault).await?;
        // Until this instance stops in good order, the database knows only what is recorded all along. Noted last: an
        // instance that cannot start takes no grants.
        app.store.set_grants_recorded(recorded).await?;
        Ok(Arc::new(app))
    }

    /// Begins a change whose rules ask the model: when this returns, the model holds all that was committed before, and
    /// nothing is committed until this change is.
    pub async fn begin(&self, context: ChangeContext) -> Result<Write, ApiError> {
        let tx = self.store.write(context, self.clock.now()).await?;
        self.catch_up().await?;
        Ok(tx)
    }

    /// Writes into the audit journal, with a change, what happens to something of a party's.
    pub async fn audit(
        &self,
        tx: &mut Write,
        event: &'static str,
        (party, subject): (Uuid, Uuid),
        details: serde_json::Value,
    ) -> Result<(), ApiError> {
        let (id, party, subject) = (self.random.uuid_at(tx.now()), Some(party), subject.to_string());
        Ok(tx.audit(AuditEntry { id, event, party, subject, details }).await?)
    }

    /// Commits a change and applies it: when this returns, it counts.
    pub async fn commit(&self, tx: Write) -> Result<(), ApiError> {
        tx.commit().await?;
        self.catch_up().await
    }

    /// Applies all that is committed.
    pub async fn catch_up(&self) -> Result<(), ApiError> {
        self.model
            .catch_up(&self.store, &self.vault)
            .await
            .map_err(|error| ApiError::Unavailable(format!("a change could not be applied: {error:#}")))
    }

    /// Whether tokens and decisions may be given: this is the one live instance, and the model is up to date.
    pub fn may_answer(&self) -> bool {
        self.ours.load(Ordering::SeqCst) && self.model.is_current() && self.is_confirmed()
    }

    /// Whether the last look at who is the live instance is fresh. A look that hangs must not leave old answers standing.
    fn is_confirmed(&self) -> bool {
        let confirmed = self.confirmed.load(Ordering::SeqCst);
        confirmed == 0 || self.milliseconds() < confirmed.saturating_add(CONFIRMATION_HOLDS)
    }

    fn milliseconds(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// What decisions of our own are made from.
    pub fn decision_inputs(&self) -> Inputs<'_> {
        Inputs { model: &self.model, vault: &self.vault, now: self.clock.now(), allowed: Allowed::Everything }
    }

    /// Tells an organisation of something about a request or a change request.
    pub fn tell_of_request(&self, event: Event, organisation: OrgNumber, system: &SystemId, id: Uuid, page: &str) {
        let at = self.clock.now();
        let page = self.faces.join(Face::Portal, &format!("{page}/{id}"));
        let (notice, system) = (self.random.uuid_at(at), system.to_string());
        self.notices.tell(Notice { id: notice, event, at, organisation, system, subject: id, page });
    }

    /// Tells an organisation of something about its system user.
    pub fn tell_of_system_user(&self, event: Event, user: &SystemUser) {
        let at = self.clock.now();
        let page = self.faces.join(Face::Portal, &format!("org/{}/system-access/{}", user.owner, user.id));
        let (id, system) = (self.random.uuid_at(at), user.system_id.to_string());
        self.notices.tell(Notice { id, event, at, organisation: user.owner, system, subject: user.id, page });
    }

    /// What vendors may register as redirect URLs.
    pub fn redirect_rules(&self) -> RedirectRules {
        RedirectRules { allow_loopback_http: self.sandbox.is_some() }
    }

    /// Asks the login provider where it is, until it answers.
    async fn find_login_provider(self: Arc<Self>) {
        let Some(provider) = &self.login else { return };
        while let Err(error) = provider.discover().await {
            tracing::debug!(%error, "the login provider does not say where it is");
            tokio::time::sleep(PROVIDER_INTERVAL).await;
        }
    }

    /// Makes sure, again and again, that this is the one live instance and that the model is up to date. A database that
    /// cannot be reached means that neither is known, and nothing is answered.
    async fn watch(self: Arc<Self>) {
        self.confirmed.store(self.milliseconds(), Ordering::SeqCst);
        loop {
            tokio::time::sleep(WATCH_INTERVAL).await;
            let began = self.milliseconds();
            let ours = self.store.still_ours().await;
            if self.ours.swap(ours, Ordering::SeqCst) != ours {
                tracing::warn!(ours, "whether this is the one live instance has changed");
            }
            if !ours {
                continue;
            }
            let was_current = self.model.is_current();
            match self.model.catch_up(&self.store, &self.vault).await {
                Ok(()) => {
                    self.confirmed.store(began, Ordering::SeqCst);
                    if !was_current {
                        tracing::info!("the model is up to date again");
                    }
                }
                Err(error) if was_current => tracing::error!(%error, "the model cannot be kept up to date"),
                Err(_) => {}
            }
        }
    }

    /// Does, again and again, what is to be done from time to time. Apart from [`App::watch`], which must not wait for it.
    async fn keep_house(self: Arc<Self>) {
        for round in 1_u64.. {
            tokio::time::sleep(WATCH_INTERVAL).await;
            if self.may_answer()
                && let Err(error) = housekeeping::run(&self).await
            {
                tracing::error!("what is to be done from time to time could not be done: {error:#}");
            }
            if round.is_multiple_of(TIME_OUT_EVERY)
                && self.may_answer()
                && let Err(error) = requests::answer::time_out(&self).await
            {
                tracing::error!(?error, "that requests have timed out could not be written");
            }
            if self.may_answer()
                && let Err(error) = uses::write(&self).await
            {
                tracing::error!(%error, "when system users were used could not be written");
            }
            if round.is_multiple_of(RELOAD_EVERY) {
                self.limits.forget();
                if self.may_answer()
                    && let Err(error) = sessions::forget_ended(&self).await
                {
                    tracing::error!(%error, "sessions that have ended could not be removed");
                }
                let app = Arc::clone(&self);
                let _ = tokio::task::spawn_blocking(move || app.tokens.reload_certificates()).await;
            }
        }
    }

    /// Writes to the database which grants were used, for the next instance to begin with.
    async fn keep_used_grants(&self) -> anyhow::Result<()> {
        const TOGETHER: usize = 5_000;
        let now = self.clock.seconds();
        for grants in self.tokens.replay.remembered().chunks(TOGETHER) {
            self.store.use_grants(grants, now).await?;
        }
        Ok(self.store.set_grants_recorded(true).await?)
    }

    /// Gives and takes the clients of jobs, until the process ends.
    async fn work_off_jobs(self: Arc<Self>) {
        loop {
            let worked = if self.may_answer() { system_users::jobs::work(&self).await } else { Ok(false) };
            match worked {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::error!(?error, "clients of a job could not be given or taken; they wait"),
            }
            let _ = tokio::time::timeout(WATCH_INTERVAL, self.new_job.notified()).await;
        }
    }

    /// Posts notices, until the process ends.
    async fn deliver_notices(self: Arc<Self>) {
        let source = self.faces.join(Face::Portal, "");
        match http_client() {
            Ok(http) => self.notices.deliver(&http, &source).await,
            Err(error) => tracing::error!("notices cannot be posted: {error:#}"),
        }
    }

    /// Writes decisions to the journal, until the process ends.
    async fn keep_journal(self: Arc<Self>) {
        self.journal.write(&self.store).await;
    }

    /// Writes used grants to the database, where that is set, until the process ends.
    async fn record_grants(self: Arc<Self>) {
        let queue = self.grant_queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut queue) = queue else { return };
        loop {
            match queue.write_next(&self.store, || self.clock.seconds()).await {
                Ok(true) => {}
                Ok(false) => return,
                // Those who waited for it get no token; the next batch is tried anew.
                Err(error) => tracing::error!(%error, "used grants could not be recorded"),
            }
        }
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "App({})", self.kind)
    }
}

/// Opens a database with its master key.
pub async fn open_store(
    database: Database,
    kind: InstallationKind,
    vault: &Vault,
    random: &Random,
    now: Timestamp,
) -> anyhow::Result<(Store, Installation)> {
    let check = vault.seal(random, Purpose::KeyCheck, KEY_CHECK);
    let (store, installation) = Store::open(database, kind, &check, now).await?;
    let opened = vault.open(Purpose::KeyCheck, &installation.key_check);
    if opened.ok().as_deref() != Some(KEY_CHECK) {
        anyhow::bail!("the master key is not the one that this database was made with");
    }
    Ok((store, installation))
}

/// The last `iat` of grants that may have been used and that nothing is known of: after a crash, that of any grant that can
/// have been good until now. `None` where the database knows them.
fn replay_horizon(installation: &Installation, now: Timestamp) -> Option<i64> {
    (!installation.grants_recorded).then(|| now.as_second() + Strictness::default().time_rules().max_ahead)
}

/// Makes a signing key for each purpose that has none yet. It signs at once.
async fn ensure_signing_keys(
    store: &Store,
    vault: &Vault,
    random: &Random,
    now: Timestamp,
    purposes: &[KeyPurpose],
    bits: usize,
) -> anyhow::Result<()> {
    let present = store.read().await?.signing_keys().await?;
    for purpose in purposes.iter().filter(|purpose| !present.iter().any(|key| key.purpose == **purpose)) {
        let key = keys::generate(vault, random, *purpose, bits, now, now).await?;
        let mut tx = store.write(ChangeContext { actor: "system".into(), ..ChangeContext::default() }, now).await?;
        tx.insert_signing_key(&key).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// The HTTP client for calls to others. It follows no redirects.
pub fn http_client() -> anyhow::Result<reqwest::Client> {
    let builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(3))
        .timeout(Duration::from_secs(10));
    builder.build().context("no HTTP client could be made")
}

#[derive(utoipa::OpenApi)]
#[openapi(info(
    title = "Systembruker",
    description = "The Norwegian system user chain: Maskinporten, system register, requests, system users, resource registry, decision point. Tokens are Maskinporten access tokens, sent as `Authorization: Bearer`."
))]
struct ApiDocument;

/// All routes of this installation, and the document that describes its APIs.
fn routes(app: &Arc<App>) -> anyhow::Result<(Router<Arc<App>>, utoipa::openapi::OpenApi)> {
    let mut apis = OpenApiRouter::with_openapi(ApiDocument::openapi())
        .merge(maskinporten::routes())
        .merge(system_register::routes())
        .merge(requests::routes())
        .merge(change_requests::routes())
        .merge(system_users::routes())
        .merge(resource_registry::routes())
        .merge(access::routes())
        .merge(authorization::routes())
        .merge(platform_tokens::routes());
    if app.sandbox.is_some() || app.decisions.internal_key.is_some() {
        apis = apis.merge(authorization::internal_routes());
    }
    let mut pages = login::routes().merge(portal::routes());
    if let Some(sandbox) = &app.sandbox {
        apis = apis.merge(sandbox::routes());
        apis = apis.merge(krav_og_betalinger::routes(app, sandbox)?);
        pages = pages.merge(sandbox::test_login::routes());
    }
    // Each refuses in its own way while nothing may be answered: the token endpoint itself, the APIs with a problem, the
    // pages with a page.
    let gate = || from_fn_with_state(Arc::clone(app), only_when_ready);
    let (router, document) = apis.layer(gate()).merge(maskinporten::token_endpoint()).split_for_parts();
    // Style and script are there whatever happens: the page that says so needs them.
    let pages = pages.layer(gate()).merge(portal::assets::routes());
    Ok((router.merge(portal::protect(pages, app)), document))
}

/// The whole service, ready to be served.
pub fn service(
    app: &Arc<App>,
) -> anyhow::Result<
    impl tower::Service<Request, Response = Response, Error = std::convert::Infallible, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static,
> {
    let (router, document) = routes(app)?;
    let literals = Arc::new(Literals::new(document.paths.paths.keys().map(String::as_str)));
    let document: Arc<str> = document.to_json()?.into();
    let openapi = move || async move { ([(CONTENT_TYPE, "application/json")], document.to_string()) };
    let router = router
        .route("/health", get(async || "ok"))
        .route("/ready", get(ready))
        .route("/openapi.json", get(openapi))
        .fallback(portal::pages::unknown_address)
        .method_not_allowed_fallback(async || ApiError::Status(StatusCode::METHOD_NOT_ALLOWED, None))
        .layer(from_fn_with_state(Arc::clone(app), faces::layer))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_TIME))
        .layer(CatchPanicLayer::custom(after_panic))
        .layer(from_fn_with_state(Arc::clone(app), request_id::layer))
        .with_state(Arc::clone(app));
    // Around the router, since routes are chosen by the rewritten path.
    let rewrite = move |mut request: Request| {
        if let Some(uri) = faces::from_front_end(request.uri()) {
            *request.uri_mut() = uri;
            request.extensions_mut().insert(FrontEnd);
        }
        if let Some(uri) = literals.rewrite(request.uri()) {
            *request.uri_mut() = uri;
        }
        request
    };
    Ok(MapRequestLayer::new(rewrite).layer(router))
}

fn after_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let message = message.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    ApiError::Internal(format!("a handler panicked: {message}")).into_response()
}

/// Nothing is answered by an instance that may not be the one, or whose model may be old.
async fn only_when_ready(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if app.may_answer() {
        return next.run(request).await;
    }
    ApiError::Unavailable("the instance is not ready".into()).into_response()
}

async fn ready(State(app): State<Arc<App>>) -> Response {
    if app.may_answer() {
        "ready".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready").into_response()
    }
}

/// Serves until `stop` is done, then finishes what was begun and closes the store in good order.
pub async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let service = service(&app)?;
    let background = [
        tokio::spawn(Arc::clone(&app).watch()),
        tokio::spawn(Arc::clone(&app).keep_house()),
        tokio::spawn(Arc::clone(&app).record_grants()),
        tokio::spawn(Arc::clone(&app).keep_journal()),
        tokio::spawn(Arc::clone(&app).work_off_jobs()),
        tokio::spawn(Arc::clone(&app).deliver_notices()),
        tokio::spawn(Arc::clone(&app).find_login_provider()),
    ];
    let (draining, drained) = tokio::sync::oneshot::channel();
    let signal = async move {
        stop.await;
        tracing::info!("stopping: requests in flight are finished");
        let _ = draining.send(());
    };
    let server = axum::serve(listener, service.into_make_service_with_connect_info::<SocketAddr>());
    let server = server.with_graceful_shutdown(signal).into_future();
    // A connection that stays open without a request must not keep the process alive for ever.
    let deadline = async {
        let _ = drained.await;
        tokio::time::sleep(REQUEST_TIME).await;
    };
    tokio::select! {
        served = server => served?,
        () = deadline => tracing::warn!("connections that did not end in time were cut"),
    }
    for task in background {
        task.abort();
        let _ = task.await;
    }
    let now = app.clock.now();
    match alone(app).await {
        Some(app) => {
            app.keep_used_grants().await?;
            uses::write(&app).await?;
            app.journal.write_all(&app.store).await?;
            app.store.close(now).await?;
        }
        // Something still answers; without a note of which grants were used, the next start is only more careful.
        None => tracing::warn!("the store could not be closed in good order"),
    }
    Ok(())
}

/// The application, when nobody else holds it any more. What has just answered lets go of it a moment later.
async fn alone(mut app: Arc<App>) -> Option<App> {
    const PATIENCE: Duration = Duration::from_secs(3);
    const PAUSE: Duration = Duration::from_millis(5);
    let until = Instant::now() + PATIENCE;
    loop {
        match Arc::try_unwrap(app) {
            Ok(app) => return Some(app),
            Err(held) if Instant::now() < until => app = held,
            Err(_) => return None,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Done when the process is asked to stop. From when this is called, such a request is no longer the process's end.
pub fn stop_signal() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    #[cfg(unix)]
    let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    })
}
