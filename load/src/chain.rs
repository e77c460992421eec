//! `load chain`: what the calls of the chain cost on a large installation, beside the same calls on one that holds
//! little more than what is asked about.
//!
//! Both are in this process, each with a database of its own, and are called in turns through the whole service: path,
//! token, rules, store and answer, without a socket. The large one is filled once and kept.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::AUTHORIZATION;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use clap::Args;
use jiff::SignedDuration;
use model::{
    OrgNumber, Organisation, RegisteredSystem, RequestKind, RequestStatus, Right, SystemId, SystemUser, Translated,
};
use serde_json::Value;
use systembruker::app::{App, service};
use systembruker::cli::sandbox::SandboxOptions;
use systembruker::sandbox::seed;
use tokio::runtime::Runtime;
use tower::util::{BoxCloneSyncService, ServiceExt as _};
use uuid::Uuid;

use crate::decisions::{context, offer_services, sandbox, service as service_id, stride};
use crate::figures::{Ratio, Table, microseconds_each, quantile, verdict};
use crate::world::{self, organisation_numbers};

/// How many system users an ordinary system has: all that the small installation holds.
const ORDINARY: usize = 200;
/// How many the largest system of the large installation has.
const LARGEST: usize = 100_000;
/// How many organisations have a manager who approves, in either installation.
const MANAGED: usize = 500;
/// How many system users are stored in a transaction.
const TOGETHER: usize = 1_000;
/// How many calls of a kind are made in a round.
const CALLS: usize = 50;
/// How many approvals are made in a round: each writes.
const APPROVALS: usize = 10;
/// How long the callers' tokens are good, in seconds.
const TOKEN_LIFETIME: i64 = 24 * 3_600;
/// The seed's customer, whose manager approves.
const CUSTOMER: &str = "310904473";
const GOAL: f64 = 1.5;

/// What to measure.
#[derive(Debug, Args)]
pub struct ChainOptions {
    /// Where the large installation keeps its keys, and its database unless another is given. Filled if it is empty
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The large installation's database, as postgres://…
    #[arg(long, value_name = "URL", requires = "small_database")]
    database: Option<String>,
    /// The small installation's database: an empty one
    #[arg(long, value_name = "URL")]
    small_database: Option<String>,
    /// How many system users the large installation has
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000_000)]
    system_users: usize,
    /// Of how many systems they are
    #[arg(long, value_name = "NUMBER", default_value_t = 5_000)]
    systems: usize,
    /// Of how many organisations they are
    #[arg(long, value_name = "NUMBER", default_value_t = 200_000)]
    organisations: usize,
    /// How many rounds of calls
    #[arg(long, value_name = "NUMBER", default_value_t = 40)]
    rounds: usize,
}

/// How much an installation holds.
#[derive(Debug, Clone, Copy)]
struct Size {
    systems: usize,
    organisations: usize,
    system_users: usize,
}

impl Size {
    /// The system of the system user with this number: one has a large part, the others have the rest alike.
    fn system_of(self, number: usize) -> usize {
        match number.checked_sub(self.in_first()) {
            Some(number) => 1 + number % (self.systems - 1).max(1),
            None => 0,
        }
    }

    /// How many system users the first system has.
    fn in_first(self) -> usize {
        if self.systems == 1 { self.system_users } else { LARGEST.min(self.system_users / 2) }
    }
}

fn system(number: usize) -> RegisteredSystem {
    let vendor: OrgNumber = seed::SMARTCLOUD.parse().expect("the seed's number is right");
    let client_id = Uuid::from_u128(number as u128).to_string();
    let system = world::system(vendor, &client_id, jiff::Timestamp::UNIX_EPOCH);
    RegisteredSystem {
        id: SystemId::registered(format!("{vendor}_load_{number}")),
        name: Translated::same("Load"),
        rights: vec![Right::to_resource(&service_id(0))],
        ..system
    }
}

/// Fills an installation, unless it is filled.
async fn fill(app: &App, size: Size) -> anyhow::Result<()> {
    if app.model.system_by_id(system(0).id.as_str()).is_some() {
        return Ok(());
    }
    offer_services(app).await?;
    let (began, now) = (Instant::now(), app.clock.now());
    let systems: Vec<_> = (0..size.systems).map(system).collect();
    let pia = manager(app)?;
    let (first_party_id, _) = app.store.read().await?.largest_party_ids().await?;
    let organisations: Vec<_> = (first_party_id + 1..)
        .zip(organisation_numbers().take(size.organisations))
        .map(|(party_id, org_number)| Organisation {
            party_uuid: app.random.uuid(),
            party_id,
            org_number,
            name: format!("KUNDE {org_number} AS"),
            unit_type: "AS".into(),
            parent: None,
            deleted: None,
        })
        .collect();
    for (part, organisations) in organisations.chunks(TOGETHER).enumerate() {
        let mut tx = app.store.write(context(), now).await?;
        for (place, organisation) in organisations.iter().enumerate() {
            tx.put_organisation(organisation).await?;
            if part * TOGETHER + place < MANAGED {
                tx.replace_roles(organisation.party_uuid, &[("DAGL".to_owned(), pia)]).await?;
            }
        }
        tx.commit().await?;
    }
    for systems in systems.chunks(TOGETHER) {
        let mut tx = app.store.write(context(), now).await?;
        for system in systems {
            tx.insert_system(system).await?;
        }
        tx.commit().await?;
    }
    for first in (0..size.system_users).step_by(TOGETHER) {
        let mut tx = app.store.write(context(), now).await?;
        for number in first..(first + TOGETHER).min(size.system_users) {
            let owner = organisations.get(stride(number, organisations.len())).context("there are no organisations")?;
            let system = systems.get(size.system_of(number)).context("there are no systems")?;
            let user = world::system_user(app, system, owner, now);
            let rights =
                user.rights.iter().map(|right| model::DelegatedRight { resource: service_id(0), ..right.clone() });
            let rights = rights.collect();
            tx.insert_system_user(&SystemUser { external_ref: number.to_string(), rights, ..user }).await?;
        }
        tx.commit().await?;
    }
    let stored = began.elapsed();
    app.model.rebuild(&app.store, &app.vault).await?;
    eprintln!("{size:?} stored in {:.0} s", stored.as_secs_f64());
    Ok(())
}

/// The person who approves.
fn manager(app: &App) -> anyhow::Result<Uuid> {
    let parties = app.model.parties();
    let customer = parties.by_number(CUSTOMER.parse()?).context("the seed has a customer")?;
    let mut persons = parties.holders(customer.party_uuid).filter(|holder| parties.person(*holder).is_some());
    persons.next().context("the seed's customer has a manager")
}

/// An installation, and who asks it.
struct Installation {
    app: Arc<App>,
    service: BoxCloneSyncService<Request, Response, std::convert::Infallible>,
    platform: String,
    vendor: String,
    person: String,
    /// The queries that look up system users all over memory.
    look_ups: Vec<String>,
    /// The last pages of the lists of an ordinary system and of the largest.
    last_pages: [String; 2],
    turn: usize,
}

impl Installation {
    async fn open(options: SandboxOptions, size: Size) -> anyhow::Result<Self> {
        let app = sandbox(options).await?;
        fill(&app, size).await?;
        let service = BoxCloneSyncService::new(service(&app)?);
        let mut installation = Self {
            app,
            service,
            platform: String::new(),
            vendor: String::new(),
            person: String::new(),
            look_ups: vec![],
            last_pages: Default::default(),
            turn: 0,
        };
        installation.platform =
            installation.organisation_token(seed::DIGDIR, "altinn:maskinporten/systemuser.read").await?;
        installation.vendor =
            installation.organisation_token(seed::SMARTCLOUD, "altinn:authentication/systemregister.write").await?;
        let person = manager(&installation.app)?;
        let path = format!(
            "/api/GetPersonalToken?partyuuid={person}&authLvl=4&ttl={TOKEN_LIFETIME}&scopes=altinn:portal/enduser"
        );
        installation.person = installation.text(Method::GET, &path, "").await?;
        installation.look_ups = installation.some_look_ups().await?;
        let ordinary = usize::from(size.systems > 1);
        installation.last_pages = [installation.last_page(ordinary).await?, installation.last_page(0).await?];
        Ok(installation)
    }

    async fn organisation_token(&self, organisation: &str, scope: &str) -> anyhow::Result<String> {
        let path = format!("/api/GetEnterpriseToken?orgNo={organisation}&scopes={scope}&ttl={TOKEN_LIFETIME}");
        self.text(Method::GET, &path, "").await
    }

    async fn call(&self, method: Method, path: &str, token: &str) -> anyhow::Result<(StatusCode, Bytes)> {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let response = self.service.clone().oneshot(request.body(Body::empty())?).await?;
        let status = response.status();
        Ok((status, axum::body::to_bytes(response.into_body(), usize::MAX).await?))
    }

    /// An answer that is good.
    async fn text(&self, method: Method, path: &str, token: &str) -> anyhow::Result<String> {
        let (status, body) = self.call(method, path, token).await?;
        let text = String::from_utf8(body.to_vec())?;
        anyhow::ensure!(status.is_success(), "{path}: {status} {text}");
        Ok(text)
    }

    async fn some_look_ups(&self) -> anyhow::Result<Vec<String>> {
        let users = self.app.store.read().await?.system_users_after(Uuid::nil(), 20_000).await?;
        let query = |user: &SystemUser| {
            let system = self.app.model.system(user.system_internal_id)?;
            let client_id = system.client_ids.first()?;
            let (vendor, owner, external_ref) = (system.vendor, user.owner, &user.external_ref);
            Some(format!(
                "/authentication/api/v1/systemuser/byExternalId?clientId={client_id}&systemProviderOrgNo={vendor}\
                 &systemUserOwnerOrgNo={owner}&externalRef={external_ref}"
            ))
        };
        Ok(users.iter().filter_map(query).collect())
    }

    /// Goes through a list and says where its last full page is.
    async fn last_page(&self, number: usize) -> anyhow::Result<String> {
        let id = system(number).id;
        let mut path = format!("/authentication/api/v1/systemuser/vendor/bysystem/{id}");
        let mut full = path.clone();
        loop {
            let page: Value = serde_json::from_str(&self.text(Method::GET, &path, &self.vendor).await?)?;
            let count = page["data"].as_array().map_or(0, Vec::len);
            if count == usize::from(self.app.system_users.page_size) {
                full.clone_from(&path);
            }
            let Some(next) = page["links"]["next"].as_str() else { return Ok(full) };
            let next = url::Url::parse(next)?;
            path = format!("{}?{}", next.path(), next.query().unwrap_or_default());
        }
    }

    async fn look_up(&mut self) -> anyhow::Result<f64> {
        let mut paths = Vec::with_capacity(CALLS);
        for _ in 0..CALLS {
            self.turn += 1;
            // Copied, so that the question is as near at hand as one that was just received; what it asks for is not.
            paths
                .push(self.look_ups.get(stride(self.turn, self.look_ups.len())).context("nothing to look up")?.clone());
        }
        let began = Instant::now();
        for path in paths {
            let (status, _) = self.call(Method::GET, &path, &self.platform).await?;
            anyhow::ensure!(status == StatusCode::OK, "{path}: {status}");
        }
        Ok(microseconds_each(CALLS, began.elapsed()))
    }

    async fn list(&self, page: usize) -> anyhow::Result<f64> {
        let path = self.last_pages.get(page).context("there are two pages")?;
        let began = Instant::now();
        for _ in 0..CALLS {
            let (status, _) = self.call(Method::GET, path, &self.vendor).await?;
            anyhow::ensure!(status == StatusCode::OK, "{path}: {status}");
        }
        Ok(microseconds_each(CALLS, began.elapsed()))
    }

    /// Asks organisations that have a manager for a system user of the first system, and approves.
    async fn approve(&mut self) -> anyhow::Result<f64> {
        let (app, now) = (&self.app, self.app.clock.now());
        let system = app.model.system_by_id(system(0).id.as_str()).context("the system is there")?;
        let mut tx = app.store.write(context(), now).await?;
        let mut paths = Vec::with_capacity(APPROVALS);
        for _ in 0..APPROVALS {
            self.turn += 1;
            let number = organisation_numbers().nth(self.turn % MANAGED).context("there are no organisations")?;
            let customer = app.model.parties().by_number(number).context("the customer is there")?;
            let id = app.random.uuid();
            tx.insert_request(&model::Request {
                id,
                kind: RequestKind::Standard,
                system_internal_id: system.internal_id,
                system_id: system.id.clone(),
                party: customer.party_uuid,
                party_org: number,
                external_ref: id.to_string(),
                title: "Load".into(),
                rights: system.rights.clone(),
                access_packages: vec![],
                status: RequestStatus::New,
                redirect_url: None,
                escalated: false,
                created: now,
                expires: now + SignedDuration::from_hours(24),
                answered: None,
            })
            .await?;
            paths.push(format!("/authentication/api/v1/systemuser/request/{}/{id}/approve", customer.party_id));
        }
        tx.commit().await?;
        app.model.catch_up(&app.store, &app.vault).await?;
        let began = Instant::now();
        for path in paths {
            let (status, body) = self.call(Method::POST, &path, &self.person).await?;
            anyhow::ensure!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&body));
        }
        Ok(microseconds_each(APPROVALS, began.elapsed()))
    }

    /// One round of each call, in microseconds each.
    async fn round(&mut self) -> anyhow::Result<[f64; 4]> {
        Ok([self.look_up().await?, self.list(0).await?, self.list(1).await?, self.approve().await?])
    }
}

/// Measures the two in turns.
pub fn run(options: ChainOptions) -> anyhow::Result<()> {
    let ChainOptions { data, database, small_database, system_users, systems, organisations, rounds } = options;
    Runtime::new()?.block_on(async {
        let large = SandboxOptions { data: Some(data), database, ..SandboxOptions::default() };
        let large_size = Size { systems, organisations, system_users };
        let mut large = Box::pin(Installation::open(large, large_size)).await?;
        let small = SandboxOptions { database: small_database, ..SandboxOptions::default() };
        let small_size = Size { systems: 1, organisations: MANAGED, system_users: ORDINARY };
        let mut small = Box::pin(Installation::open(small, small_size)).await?;
        let mut times: [(Vec<f64>, Vec<f64>); 4] = Default::default();
        for round in 0..=rounds {
            // They take turns in being first.
            let (few, many) = if round % 2 == 0 {
                let few = small.round().await?;
                (few, large.round().await?)
            } else {
                let many = large.round().await?;
                (small.round().await?, many)
            };
            // The first round warms up.
            if round > 0 {
                for ((small, large), (few, many)) in times.iter_mut().zip(few.into_iter().zip(many)) {
                    small.push(few);
                    large.push(many);
                }
            }
        }
        println!("{large_size:?} beside {small_size:?}, {rounds} rounds");
        let mut table = Table::new(&["", "small µs", "large µs", "ratio", ""]);
        let calls =
            ["look-up by external id", "last page of an ordinary system", "last page of the largest", "approve"];
        for (call, (small, large)) in calls.into_iter().zip(&mut times) {
            let ratio = Ratio::of_rounds(large.iter().zip(small.iter()).map(|(large, small)| large / small));
            let (few, many) = (quantile(small, 0.5), quantile(large, 0.5));
            let met = verdict(ratio.median <= GOAL).to_owned();
            table.row([call.to_owned(), format!("{few:.1}"), format!("{many:.1}"), ratio.to_string(), met]);
        }
        table.print();
        println!("goal: at most {GOAL} times");
        Ok(())
    })
}
