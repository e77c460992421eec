//! `load pages`: how long the portal's server takes for a page, beside a page that has nothing on it.
//!
//! The pages are made by the whole service in this process, without a socket, on a sandbox's seed with an organisation that
//! has many system accesses, and an accountant with many clients.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use clap::Args;
use jiff::SignedDuration;
use model::{
    AccessPackage, Organisation, RegisteredSystem, RequestKind, RequestStatus, Right, SystemUser, SystemUserKind,
};
use systembruker::app::{App, service};
use systembruker::cli::sandbox::SandboxOptions;
use systembruker::login::oidc::Identity;
use systembruker::login::sessions;
use systembruker::sandbox::info;
use tokio::runtime::Runtime;
use tower::util::{BoxCloneSyncService, ServiceExt as _};
use uuid::Uuid;

use crate::decisions::{context, offer_services, sandbox, service as service_id};
use crate::figures::{Table, microseconds_each, quantile, verdict};
use crate::world::{self, organisation_numbers};

/// The seed's customer with its manager, and its accountant with its own.
const CUSTOMER: (&str, &str) = ("310904473", "Pia Tilfeldig");
const ACCOUNTANT: (&str, &str) = ("312654121", "Ragnhild Rask");
const PACKAGE: &str = "urn:altinn:accesspackage:regnskapsforer-lonn";
const GOAL_MILLISECONDS: f64 = 5.0;

/// What to measure.
#[derive(Debug, Args)]
pub struct PageOptions {
    /// How many system accesses the organisation has, and how many clients the accountant
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000)]
    many: usize,
    /// How many times each page is made
    #[arg(long, value_name = "NUMBER", default_value_t = 300)]
    rounds: usize,
}

/// Fills the sandbox; the request that waits, and the accountant's system access.
async fn fill(app: &App, many: usize) -> anyhow::Result<(Uuid, Uuid)> {
    offer_services(app).await?;
    let (parties, now) = (app.model.parties(), app.clock.now());
    let find = |number: &str| {
        let found = number.parse().ok().and_then(|number| parties.by_number(number));
        found.context("the seed has this organisation")
    };
    let (customer, accountant) = (find(CUSTOMER.0)?, find(ACCOUNTANT.0)?);
    let package = AccessPackage { urn: PACKAGE.into() };
    let system = RegisteredSystem {
        rights: (0..5).map(|number| Right::to_resource(&service_id(number))).collect(),
        access_packages: vec![package.clone()],
        ..world::system(accountant.org_number, world::SOME_ID, now)
    };
    let (mut party_id, _) = app.store.read().await?.largest_party_ids().await?;
    let mut tx = app.store.write(context(), now).await?;
    tx.insert_system(&system).await?;
    for number in 0..many {
        let user = world::system_user(app, &system, &customer, now);
        tx.insert_system_user(&SystemUser { external_ref: number.to_string(), ..user }).await?;
    }
    for number in organisation_numbers().take(many) {
        party_id += 1;
        let client = Organisation {
            party_uuid: app.random.uuid(),
            party_id,
            org_number: number,
            name: format!("KLIENT {number} AS"),
            unit_type: "AS".into(),
            parent: None,
            deleted: None,
        };
        tx.put_organisation(&client).await?;
        tx.replace_roles(client.party_uuid, &[("REGN".to_owned(), accountant.party_uuid)]).await?;
    }
    let agent = SystemUser {
        kind: SystemUserKind::Agent,
        rights: [].into(),
        access_packages: [package].into(),
        ..world::system_user(app, &system, &accountant, now)
    };
    tx.insert_system_user(&agent).await?;
    let request = model::Request {
        id: app.random.uuid(),
        kind: RequestKind::Standard,
        system_internal_id: system.internal_id,
        system_id: system.id.clone(),
        party: customer.party_uuid,
        party_org: customer.org_number,
        external_ref: "waits".into(),
        title: "Load".into(),
        rights: system.rights.clone(),
        access_packages: vec![],
        status: RequestStatus::New,
        redirect_url: None,
        escalated: false,
        created: now,
        expires: now + SignedDuration::from_hours(24),
        answered: None,
    };
    tx.insert_request(&request).await?;
    tx.commit().await?;
    app.model.rebuild(&app.store, &app.vault).await?;
    Ok((request.id, agent.id))
}

/// The cookie of one who has logged in.
async fn log_in(app: &App, name: &str) -> anyhow::Result<String> {
    let persons = info::persons(app).await?;
    let known = persons.into_iter().find(|person| person.name == name).context("the seed has this person")?;
    let person = app.model.parties().person(known.party_uuid).context("the seed has this person")?;
    let national_id = known.national_id.parse().map_err(|_| anyhow::anyhow!("the seed's number is one"))?;
    let identity = Identity { national_id, level: 4, provider_sid: None, id_token: String::new() };
    let cookie = sessions::begin(app, &HeaderMap::new(), &person, &identity).await?;
    Ok(format!("{}={}", cookie.name(), cookie.value()))
}

type Service = BoxCloneSyncService<Request, Response, Infallible>;

async fn get(service: &Service, path: &str, cookie: &str) -> anyhow::Result<usize> {
    let request = Request::builder().uri(path).header(COOKIE, cookie).body(Body::empty())?;
    let response = service.clone().oneshot(request).await?;
    anyhow::ensure!(response.status() == StatusCode::OK, "{path}: {}", response.status());
    Ok(axum::body::to_bytes(response.into_body(), usize::MAX).await?.len())
}

/// Measures the pages in turns.
pub fn run(options: PageOptions) -> anyhow::Result<()> {
    let PageOptions { many, rounds } = options;
    Runtime::new()?.block_on(async {
        let app: Arc<App> = sandbox(SandboxOptions::default()).await?;
        let (request, agent) = fill(&app, many).await?;
        let service: Service = BoxCloneSyncService::new(service(&app)?);
        let (pia, ragnhild) = (log_in(&app, CUSTOMER.1).await?, log_in(&app, ACCOUNTANT.1).await?);
        let (org, accountant) = (format!("/org/{}", CUSTOMER.0), format!("/org/{}", ACCOUNTANT.0));
        let pages = [
            ("a page with nothing on it", "/privacy".to_owned(), &pia),
            ("organisations", "/".to_owned(), &pia),
            ("overview", format!("{org}/system-access"), &pia),
            ("overview, searched and sorted", format!("{org}/system-access?q=load&sort=name"), &pia),
            ("request", format!("/request/{request}"), &pia),
            ("all requests", format!("{org}/requests"), &pia),
            ("history", format!("{org}/history"), &pia),
            ("systems to choose", format!("{org}/system-access/new"), &pia),
            ("details", format!("{accountant}/system-access/{agent}"), &ragnhild),
            ("clients", format!("{accountant}/system-access/{agent}/clients"), &ragnhild),
        ];
        let mut times: Vec<Vec<f64>> = pages.iter().map(|_| Vec::new()).collect();
        let mut sizes = vec![0; pages.len()];
        for round in 0..=rounds {
            for (index, (_, path, cookie)) in pages.iter().enumerate() {
                let began = Instant::now();
                let size = get(&service, path, cookie).await?;
                let took = microseconds_each(1, began.elapsed());
                // The first round warms up.
                if let (true, Some(times), Some(kept)) = (round > 0, times.get_mut(index), sizes.get_mut(index)) {
                    times.push(took);
                    *kept = size;
                }
            }
        }
        println!("pages: {many} system accesses, {many} clients, {rounds} rounds");
        let mut table = Table::new(&["", "median ms", "p95 ms", "bytes", ""]);
        for (((name, ..), times), size) in pages.iter().zip(&mut times).zip(sizes) {
            let (median, high) = (quantile(times, 0.5) / 1e3, quantile(times, 0.95) / 1e3);
            let met = verdict(median <= GOAL_MILLISECONDS).to_owned();
            table.row([(*name).to_owned(), format!("{median:.3}"), format!("{high:.3}"), size.to_string(), met]);
        }
        table.print();
        println!("goal: at most {GOAL_MILLISECONDS} ms in the middle");
        Ok(())
    })
}
