//! `load decide` and `load scale`: decisions from memory, with all that is looked up for them.
//!
//! `decide` asks about system users chosen all over memory: as typed requests, beside looking up one number of the same
//! memory; and as JSON, from text to text, beside parsing the same text and nothing else. `scale` fills a database once
//! and then tells what such an installation takes: memory, time to start, and what changes cost those who ask.

use std::collections::HashMap;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use model::{DelegatedRight, OrgNumber, Organisation, Resource, ResourceType, SystemUser, Translated};
use serde_json::{Value, json};
use store::ChangeContext;
use systembruker::app::App;
use systembruker::authorization::api::{Point, answer};
use systembruker::authorization::rules::{Allowed, Inputs, decide};
use systembruker::cli::sandbox::{SandboxOptions, start};
use systembruker::resource_registry::builtin::policy_document_for;
use systembruker::resource_registry::rules::read_policy;
use systembruker::sandbox::seed;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use uuid::Uuid;
use xacml::{ACTION_ID, Decision, Request, Text, category, request};

use crate::figures::{Ratio, Table, microseconds_each, quantile, verdict};
use crate::server::Asker;
use crate::world;

/// How many decisions are made in each way in a round.
const BLOCK: usize = 1_024;
/// How many are timed together. What is asked is made right before them, so that it is as near at hand as a request is
/// that was just read; what it asks about is not.
const BATCH: usize = 64;
/// How many services there are, with a policy each.
const SERVICES: usize = 200;
/// How many single rights a system user has.
const RIGHTS: usize = 5;
/// How long the caller's token is good, in seconds.
const TOKEN_LIFETIME: i64 = 24 * 3_600;
/// How many changes a second are made meanwhile.
const CHANGES: u64 = 100;
const GOAL_MICROSECONDS: f64 = 1.0;
const GOAL_FLAT: f64 = 1.3;
const GOAL_JSON: f64 = 4.0;
const GOAL_P99: f64 = 2.0;

/// What to measure.
#[derive(Debug, Args)]
pub struct DecideOptions {
    /// How many system users there are; each number is measured by itself
    #[arg(long, value_name = "NUMBER", value_delimiter = ',', default_values_t = [100_000, 1_000_000])]
    system_users: Vec<usize>,
    /// How many rounds of a thousand decisions in each way
    #[arg(long, value_name = "NUMBER", default_value_t = 200)]
    rounds: usize,
}

/// A large installation: filled once, then measured by another run on the same data.
#[derive(Debug, Args)]
pub struct ScaleOptions {
    /// Where the sandbox keeps its keys, and its database unless another is given
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The database, as sqlite:PATH or postgres://…
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Step {
    /// Store so many system users with five single rights each
    Fill {
        /// How many
        #[arg(long, default_value_t = 1_000_000)]
        system_users: usize,
    },
    /// Start on what is stored, and measure
    Measure {
        /// How long, in seconds, with and without changes
        #[arg(long, default_value_t = 10)]
        seconds: u64,
    },
}

/// The services that are offered.
pub fn service(number: usize) -> String {
    format!("ske-service-{number:03}")
}

/// Who changes things in a bench.
pub fn context() -> ChangeContext {
    ChangeContext { actor: "load".into(), ..ChangeContext::default() }
}

fn resident_bytes() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the system tells no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<f64>()? * 1_024.0)
}

/// Registers the services, each with a policy for a role, a package, and its owner.
pub async fn offer_services(app: &App) -> anyhow::Result<()> {
    let owner: OrgNumber = seed::SKATTEETATEN.parse()?;
    let mut tx = app.store.write(context(), app.clock.now()).await?;
    for number in 0..SERVICES {
        let id = service(number);
        let subjects: [(&str, &[&str]); 2] =
            [("urn:altinn:rolecode", &["DAGL", "LEDE", "REGN"]), ("urn:altinn:accesspackage", &["skatt-naering"])];
        let policy = policy_document_for(&id, &subjects, &["read", "write", "sign", "delete", "instantiate"], 3);
        let policy = read_policy(&id, &policy, None).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        tx.insert_resource(&Resource {
            identifier: id.clone(),
            title: Translated::same("Service"),
            description: Translated::same("Service"),
            right_description: None,
            resource_type: ResourceType::GenericAccessResource,
            delegable: true,
            owner,
            owner_code: "skd".into(),
            owner_name: Translated::same("Skatteetaten"),
            access_lists_only: false,
            document: json!({"identifier": id}),
        })
        .await?;
        tx.put_policy(&id, &policy.document, &policy.subjects).await?;
    }
    tx.commit().await?;
    app.model.catch_up(&app.store, &app.vault).await
}

/// The rights of the system user with this number: on five services in a row, so that many have the same.
fn rights(number: usize) -> Arc<[DelegatedRight]> {
    let first = number % SERVICES;
    let mut rights: Vec<_> = (0..RIGHTS)
        .map(|step| DelegatedRight { resource: service((first + step) % SERVICES), action: "read".into() })
        .collect();
    rights.sort();
    rights.into()
}

/// Fills a sandbox with system users, each of a customer of its own.
async fn fill(app: &App, count: usize) -> anyhow::Result<()> {
    const TOGETHER: usize = 1_000;
    let now = app.clock.now();
    let vendor: OrgNumber = seed::SMARTCLOUD.parse()?;
    let system = world::system(vendor, world::SOME_ID, now);
    let mut tx = app.store.write(context(), now).await?;
    tx.insert_system(&system).await?;
    tx.commit().await?;
    let (mut party_id, _) = app.store.read().await?.largest_party_ids().await?;
    let mut numbers = world::organisation_numbers();
    let mut stored = 0;
    while stored < count {
        let mut tx = app.store.write(context(), now).await?;
        for number in stored..(stored + TOGETHER).min(count) {
            party_id += 1;
            let org_number = numbers.next().context("there are no more organisation numbers")?;
            let customer = Organisation {
                party_uuid: app.random.uuid(),
                party_id,
                org_number,
                name: format!("KUNDE {org_number} AS"),
                unit_type: "AS".into(),
                parent: None,
                deleted: None,
            };
            tx.put_organisation(&customer).await?;
            let user = world::system_user(app, &system, &customer, now);
            tx.insert_system_user(&SystemUser { rights: rights(number), ..user }).await?;
        }
        tx.commit().await?;
        stored = (stored + TOGETHER).min(count);
    }
    Ok(())
}

/// A sandbox in this process.
pub async fn sandbox(options: SandboxOptions) -> anyhow::Result<Arc<App>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    Box::pin(start(&listener, options)).await
}

/// One of so many things: another each time, and not one after the other.
pub fn stride(turn: usize, of: usize) -> usize {
    /// A prime larger than the number of things there are.
    const STRIDE: usize = 15_485_863;
    turn.wrapping_mul(STRIDE) % of.max(1)
}

/// The names in requests, kept as whoever asks often does.
struct Names {
    of_subject: Text,
    of_action: Text,
    of_resource: Text,
    system_user: Text,
    action: Text,
    resource: Text,
    organisation: Text,
}

static NAMES: LazyLock<Names> = LazyLock::new(|| Names {
    of_subject: category::ACCESS_SUBJECT.into(),
    of_action: category::ACTION.into(),
    of_resource: category::RESOURCE.into(),
    system_user: "urn:altinn:systemuser:uuid".into(),
    action: ACTION_ID.into(),
    resource: "urn:altinn:resource".into(),
    organisation: "urn:altinn:organization:identifier-no".into(),
});

/// A sandbox to be asked over HTTP, and who may ask it.
pub async fn serving(listener: &TcpListener, system_users: usize) -> anyhow::Result<(Arc<App>, Asker)> {
    let app = Box::pin(start(listener, SandboxOptions::default())).await?;
    offer_services(&app).await?;
    fill(&app, system_users).await?;
    app.model.rebuild(&app.store, &app.vault).await?;
    let now = app.clock.now();
    let keys = app.model.maskinporten_keys();
    let key = keys.signing(now).context("a sandbox has a signing key")?;
    let token = key.sign(&json!({
        "iss": app.faces.issuer(),
        "scope": "altinn:authorization/authorize",
        "consumer": {"authority": "iso6523-actorid-upis", "ID": format!("0192:{}", seed::SKATTEETATEN)},
        "client_id": world::SOME_ID,
        "iat": app.clock.seconds(),
        "exp": app.clock.seconds() + TOKEN_LIFETIME,
    }))?;
    let known = Known::load(&app).await?.0.into_iter();
    let questions = known.map(|(id, resource, party)| (id.to_string(), resource, party.to_string())).collect();
    Ok((app, Asker { token, questions }))
}

/// System users with a service each that they have a right to, and whom for.
struct Known(Vec<(Uuid, String, OrgNumber)>);

impl Known {
    async fn load(app: &App) -> anyhow::Result<Self> {
        let (mut known, mut after) = (Vec::new(), Uuid::nil());
        loop {
            let users = app.store.read().await?.system_users_after(after, 10_000).await?;
            let Some(last) = users.last() else { break };
            after = last.id;
            let right = |user: &SystemUser| user.rights.first().map(|right| right.resource.clone());
            known.extend(users.iter().filter_map(|user| Some((user.id, right(user)?, user.owner))));
        }
        anyhow::ensure!(!known.is_empty(), "there are no system users");
        Ok(Self(known))
    }

    /// One after the other, all over the list: what the processor has at hand from the last does not help with the next.
    fn some(&self, turn: &AtomicUsize) -> &(Uuid, String, OrgNumber) {
        #[expect(clippy::indexing_slicing, reason = "the remainder is within the list")]
        &self.0[stride(turn.fetch_add(1, Ordering::Relaxed), self.0.len())]
    }

    fn typed(&self, turn: &AtomicUsize) -> Request {
        let ((id, resource, party), names) = (self.some(turn), &*NAMES);
        let mut request = Request::default();
        request.push(&names.of_subject, &names.system_user, id.to_string().as_str().into());
        request.push(&names.of_action, &names.action, "read".into());
        request.push(&names.of_resource, &names.resource, resource.as_str().into());
        request.push(&names.of_resource, &names.organisation, party.as_str().into());
        request
    }

    fn json(&self, turn: &AtomicUsize) -> String {
        let (id, resource, party) = self.some(turn);
        body(&id.to_string(), resource, party.as_str())
    }
}

/// A request as clients in use send it.
pub fn body(id: &str, resource: &str, party: &str) -> String {
    json!({"Request": {"ReturnPolicyIdList": false,
        "AccessSubject": [{"Attribute": [{"AttributeId": "urn:altinn:systemuser:uuid", "Value": id}]}],
        "Action": [{"Attribute": [{"AttributeId": ACTION_ID, "Value": "read", "DataType": "http://www.w3.org/2001/XMLSchema#string"}]}],
        "Resource": [{"Attribute": [{"AttributeId": "urn:altinn:resource", "Value": resource},
            {"AttributeId": "urn:altinn:organization:identifier-no", "Value": party}]}]}})
    .to_string()
}

/// Measures decisions in process.
pub fn run(options: DecideOptions) -> anyhow::Result<()> {
    Runtime::new()?.block_on(async {
        let mut medians = Vec::new();
        for count in &options.system_users {
            let app = sandbox(SandboxOptions::default()).await?;
            offer_services(&app).await?;
            fill(&app, *count).await?;
            app.model.rebuild(&app.store, &app.vault).await?;
            medians.push(measure(&app, *count, options.rounds).await?);
        }
        if let (Some(first), Some(last)) = (medians.first(), medians.last())
            && medians.len() > 1
        {
            let flat = last / first;
            println!("most beside fewest: {flat:.2}; goal, at most {GOAL_FLAT}: {}", verdict(flat <= GOAL_FLAT));
        }
        Ok(())
    })
}

/// How long things took, in microseconds each, by round.
#[derive(Default)]
struct Times {
    typed: Vec<f64>,
    floor: Vec<f64>,
    json: Vec<f64>,
    parse: Vec<f64>,
}

async fn measure(app: &App, count: usize, rounds: usize) -> anyhow::Result<f64> {
    let known = Known::load(app).await?;
    // The floor: the same subjects, looked up in a table of as many.
    let floor: HashMap<Uuid, u64> = known.0.iter().map(|(id, ..)| (*id, 1)).collect();
    let turn = AtomicUsize::new(0);
    let inputs = Inputs { model: &app.model, vault: &app.vault, now: app.clock.now(), allowed: Allowed::Everything };
    let point = Point { allowed: Allowed::Everything, is_internal: false };
    let mut times = Times::default();
    for round in 0..=rounds {
        let mut took = [Duration::ZERO; 4];
        for _ in 0..BLOCK / BATCH {
            let typed: Vec<Request> = (0..BATCH).map(|_| known.typed(&turn)).collect();
            let texts: Vec<String> = (0..BATCH).map(|_| known.json(&turn)).collect();
            let ids: Vec<Uuid> = (0..BATCH).map(|_| known.some(&turn).0).collect();
            let began = Instant::now();
            for request in &typed {
                let decided = inputs.model.consistent(|_| decide(&inputs, request)).0;
                anyhow::ensure!(decided.evaluation.decision == Decision::Permit, "a right that is there was refused");
                black_box(decided);
            }
            let typed = began.elapsed();
            let began = Instant::now();
            for id in &ids {
                black_box(floor.get(id));
            }
            let floor = began.elapsed();
            let began = Instant::now();
            for text in &texts {
                let document = request::json::parse(text)?;
                let decided = point.decide(app, &document).map_err(anyhow::Error::msg)?;
                black_box(serde_json::to_vec(&answer(&document, decided))?);
            }
            let json = began.elapsed();
            let began = Instant::now();
            for text in &texts {
                black_box(serde_json::from_slice::<Value>(text.as_bytes())?);
            }
            for (sum, time) in took.iter_mut().zip([typed, floor, json, began.elapsed()]) {
                *sum += time;
            }
        }
        // The first round warms up.
        if round > 0 {
            let [typed, floor, json, parse] = took.map(|time| microseconds_each(BLOCK, time));
            times.typed.push(typed);
            times.floor.push(floor);
            times.json.push(json);
            times.parse.push(parse);
        }
    }
    report(&mut times, count);
    Ok(quantile(&mut times.typed, 0.5))
}

fn report(times: &mut Times, count: usize) {
    println!(
        "decide: {count} system users with {RIGHTS} rights each, {SERVICES} services, {} rounds of {BLOCK}",
        times.typed.len()
    );
    let json = Ratio::of_rounds(times.json.iter().zip(&times.parse).map(|(json, parse)| json / parse));
    let mut table = Table::new(&["", "median µs", "lowest µs"]);
    let rows = [
        ("typed request, all looked up", &mut times.typed),
        ("one look-up in a table of as many", &mut times.floor),
        ("JSON text to JSON text", &mut times.json),
        ("serde_json parse of the same text", &mut times.parse),
    ];
    let mut typed = 0.0;
    for (index, (name, values)) in rows.into_iter().enumerate() {
        let (median, low) = (quantile(values, 0.5), quantile(values, 0.0));
        if index == 0 {
            typed = median;
        }
        table.row([name.to_owned(), format!("{median:.3}"), format!("{low:.3}")]);
    }
    table.print();
    println!(
        "goal, a typed request in at most {GOAL_MICROSECONDS} µs: {typed:.3}, {}",
        verdict(typed <= GOAL_MICROSECONDS)
    );
    println!("goal, JSON at most {GOAL_JSON} times the parse: {json}, {}\n", verdict(json.median <= GOAL_JSON));
}

/// Fills or measures a large installation.
pub fn scale(options: ScaleOptions) -> anyhow::Result<()> {
    let ScaleOptions { data, database, step } = options;
    Runtime::new()?.block_on(async {
        let empty = resident_bytes()?;
        let began = Instant::now();
        let app = sandbox(SandboxOptions { data: Some(data), database, ..SandboxOptions::default() }).await?;
        let started = began.elapsed();
        match step {
            Step::Fill { system_users } => {
                let began = Instant::now();
                offer_services(&app).await?;
                fill(&app, system_users).await?;
                println!("{system_users} system users stored in {:.0} s", began.elapsed().as_secs_f64());
            }
            Step::Measure { seconds } => {
                let held = resident_bytes()? - empty;
                let known = Arc::new(Known::load(&app).await?);
                let count = known.0.len() as f64;
                println!("{count:.0} system users with {RIGHTS} rights each");
                println!(
                    "started in {:.1} s; {:.0} bytes of memory for each system user with its customer",
                    started.as_secs_f64(),
                    held / count
                );
                under_change(&app, &known, Duration::from_secs(seconds)).await?;
            }
        }
        Ok(())
    })
}

/// The latencies of decisions while nothing changes, and while changes are made.
async fn under_change(app: &Arc<App>, known: &Arc<Known>, time: Duration) -> anyhow::Result<()> {
    let idle = latencies(app, known, time).await?;
    let going = Arc::new(AtomicBool::new(true));
    let changes = Arc::new(AtomicUsize::new(0));
    let writer = tokio::spawn(change(Arc::clone(app), Arc::clone(known), Arc::clone(&going), Arc::clone(&changes)));
    let busy = latencies(app, known, time).await;
    going.store(false, Ordering::SeqCst);
    writer.await??;
    let (mut idle, mut busy) = (idle, busy?);
    let mut table = Table::new(&["", "p50 µs", "p99 µs", "p99.9 µs"]);
    for (name, values) in [("nothing changes", &mut idle), ("changes are made", &mut busy)] {
        let cells = [0.5, 0.99, 0.999].map(|part| format!("{:.3}", quantile(values, part)));
        table.row(std::iter::once(name.to_owned()).chain(cells));
    }
    table.print();
    let rate = changes.load(Ordering::SeqCst) as f64 / time.as_secs_f64();
    let ratio = quantile(&mut busy, 0.99) / quantile(&mut idle, 0.99);
    println!(
        "{rate:.0} changes a second; p99 {ratio:.2} times that of rest; goal, at most {GOAL_P99}: {}",
        verdict(ratio <= GOAL_P99)
    );
    Ok(())
}

async fn latencies(app: &Arc<App>, known: &Arc<Known>, time: Duration) -> anyhow::Result<Vec<f64>> {
    let (app, known) = (Arc::clone(app), Arc::clone(known));
    tokio::task::spawn_blocking(move || {
        let turn = AtomicUsize::new(0);
        let inputs =
            Inputs { model: &app.model, vault: &app.vault, now: app.clock.now(), allowed: Allowed::Everything };
        let mut latencies = Vec::new();
        let began = Instant::now();
        while began.elapsed() < time {
            let requests: Vec<Request> = (0..BATCH).map(|_| known.typed(&turn)).collect();
            for request in &requests {
                let asked = Instant::now();
                black_box(inputs.model.consistent(|_| decide(&inputs, request)));
                latencies.push(asked.elapsed().as_secs_f64() * 1e6);
            }
        }
        Ok(latencies)
    })
    .await?
}

/// Gives a right to one system user after the other, and takes it back from the one before.
async fn change(
    app: Arc<App>,
    known: Arc<Known>,
    going: Arc<AtomicBool>,
    changes: Arc<AtomicUsize>,
) -> anyhow::Result<()> {
    let turn = AtomicUsize::new(7);
    let right = DelegatedRight { resource: service(0), action: "sign".into() };
    let mut interval = tokio::time::interval(Duration::from_millis(1_000 / CHANGES));
    while going.load(Ordering::SeqCst) {
        interval.tick().await;
        let id = known.some(&turn).0;
        let mut tx = app.store.write(context(), app.clock.now()).await?;
        tx.give_rights(id, std::slice::from_ref(&right)).await?;
        app.commit(tx).await.map_err(|error| anyhow::anyhow!("{error:?}"))?;
        changes.fetch_add(1, Ordering::SeqCst);
    }
    Ok(())
}
