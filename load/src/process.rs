//! `load process`: from an assertion to a signed token, in process, beside bare verification and signing.
//!
//! A round is a block of a hundred grants, signed just before, and three ways to answer them, of which each goes first
//! in every third round: the real one, the cryptography alone, and the cryptography with base64 and JSON. The ratio is
//! taken in each round, and the middle one of all rounds counts.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use systembruker::app::App;
use systembruker::maskinporten::api::issue;
use systembruker::maskinporten::refusal::Refusal;
use tokio::runtime::Runtime;

use crate::bare::{Bare, Prepared};
use crate::figures::{Ratio, Table, microseconds_each, rate, verdict};
use crate::world::World;

/// How many grants are answered in each way in a round: short, so that the ways take turns often.
const BLOCK: usize = 100;
/// How many are refused in each way in a round.
const REFUSED: usize = 25;
/// How many rounds there are at least, however short the time.
const LEAST_ROUNDS: usize = 4;
/// How much slower than the cryptography alone the whole may be.
const GOAL: f64 = 1.15;

/// What to measure.
#[derive(Debug, Args)]
pub struct ProcessOptions {
    /// How many system users there are
    #[arg(long, value_name = "NUMBER", default_value_t = 100_000)]
    system_users: usize,
    /// How long the real way is measured, in seconds; with signing grants and baselines it takes four times as long
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// The sizes of the keys that sign tokens; each is measured by itself
    #[arg(long, value_name = "BITS", value_delimiter = ',', default_values_t = [2_048, 3_072])]
    signing_bits: Vec<usize>,
}

/// How long things took, by round.
#[derive(Default)]
struct Times {
    ways: [Vec<Duration>; 3],
    refusals: [Duration; 4],
}

const REAL: usize = 0;
const ALONE: usize = 1;
const WITH_JSON: usize = 2;
const WAYS: [&str; 3] = ["real: issue()", "bare: verify + sign", "bare with base64 and JSON"];
/// The last has no goal: only a client that has shown who it is gets that far, and why there is no system user is asked
/// of the database. It is shown so that it is known.
const REFUSALS: [&str; 4] = ["unknown client", "wrong signature", "used grant", "no system user (asks the database)"];

/// Measures, and prints what came out.
pub fn run(options: ProcessOptions) -> anyhow::Result<()> {
    Runtime::new()?.block_on(async {
        let first = *options.signing_bits.first().context("--signing-bits names at least one size")?;
        let world = Box::pin(World::start(first, options.system_users)).await?;
        for (index, bits) in options.signing_bits.iter().enumerate() {
            if index > 0 {
                world.sign_with(*bits).await?;
            }
            let times = measure(&world, Duration::from_secs_f64(options.seconds)).await?;
            report(&times, options.system_users, *bits);
        }
        Ok(())
    })
}

async fn measure(world: &World, time: Duration) -> anyhow::Result<Times> {
    let (app, signer) = (&*world.app, &world.signer);
    let bare = Bare::new(signer.key.public_jwk(), &*world.signing_key()?)?;
    // What a real token signs, so that bare signs as many bytes.
    let bytes = vec![b'x'; token_of(app, &signer.sign_many(1, app.clock.seconds())?).await?.rfind('.').unwrap_or(0)];
    let mut times = Times::default();
    for round in 0.. {
        // Signed here and not before: a grant is valid for three minutes.
        let now = app.clock.seconds();
        let grants = signer.sign_many(BLOCK, now)?;
        let prepared = grants.iter().map(|grant| Prepared::new(grant)).collect::<Result<Vec<_>, _>>()?;
        let mut took = [Duration::ZERO; 3];
        for turn in 0..WAYS.len() {
            let way = (round + turn) % WAYS.len();
            let began = Instant::now();
            match way {
                REAL => {
                    for grant in &grants {
                        black_box(issue(app, grant).await.map_err(refused)?);
                    }
                }
                ALONE => {
                    for assertion in &prepared {
                        black_box(bare.verify_and_sign(assertion, &bytes)?);
                    }
                }
                _ => {
                    for grant in &grants {
                        black_box(bare.exchange(grant)?);
                    }
                }
            }
            if let Some(place) = took.get_mut(way) {
                *place = began.elapsed();
            }
        }
        let unknown = signer.sign_as_nobody(REFUSED, now)?;
        let strangers = signer.sign_for_strangers(REFUSED, now)?;
        let refusals = [
            refuse(app, &unknown, |refusal| matches!(refusal, Refusal::UnknownClient)).await?,
            refuse(app, &with_wrong_signatures(&grants), |refusal| matches!(refusal, Refusal::Signature)).await?,
            refuse(app, &grants, |refusal| matches!(refusal, Refusal::Used)).await?,
            refuse(app, &strangers, |refusal| matches!(refusal, Refusal::NoSystemUser(_))).await?,
        ];
        // The first round warms up.
        if round == 0 {
            continue;
        }
        for (way, took) in times.ways.iter_mut().zip(took) {
            way.push(took);
        }
        for (sum, took) in times.refusals.iter_mut().zip(refusals) {
            *sum += took;
        }
        let measured = times.ways.first().map_or(Duration::ZERO, |real| real.iter().sum());
        if measured >= time && round >= LEAST_ROUNDS {
            break;
        }
    }
    Ok(times)
}

fn refused(refusal: Refusal) -> anyhow::Error {
    anyhow!("a grant that should be good was refused: {}", refusal.name())
}

async fn token_of(app: &App, grants: &[String]) -> anyhow::Result<String> {
    let response = issue(app, grants.first().context("there is one")?).await.map_err(refused)?;
    let response = serde_json::to_value(response)?;
    Ok(response.get("access_token").and_then(|token| token.as_str()).context("a response has a token")?.to_owned())
}

/// Grants that each have the signature of the next.
fn with_wrong_signatures(grants: &[String]) -> Vec<String> {
    let parts = || grants.iter().filter_map(|grant| grant.rsplit_once('.'));
    parts().zip(parts().skip(1)).map(|((signed, _), (_, signature))| format!("{signed}.{signature}")).collect()
}

/// How long it takes to refuse the first of these grants, all for the reason that is expected.
async fn refuse(app: &App, grants: &[String], expected: fn(&Refusal) -> bool) -> anyhow::Result<Duration> {
    let began = Instant::now();
    for grant in grants.iter().take(REFUSED) {
        match issue(app, grant).await {
            Err(refusal) if expected(&refusal) => {}
            Err(refusal) => bail!("refused for another reason than expected: {}", refusal.name()),
            Ok(_) => bail!("a grant that should be refused got a token"),
        }
    }
    Ok(began.elapsed())
}

fn report(times: &Times, system_users: usize, bits: usize) {
    let [real, alone, with_json] = &times.ways;
    let rounds = real.len();
    println!(
        "process: one thread, {system_users} system users, client key RSA-2048, signing key RSA-{bits}, {rounds} rounds of {BLOCK}"
    );
    let mut table = Table::new(&["", "per second", "µs each", "real beside it"]);
    let ratio_to = |other: &[Duration]| {
        Ratio::of_rounds(real.iter().zip(other).map(|(real, other)| real.as_secs_f64() / other.as_secs_f64()))
    };
    let (to_alone, to_json) = (ratio_to(alone), ratio_to(with_json));
    let ratios = [String::new(), to_alone.to_string(), to_json.to_string()];
    for ((name, way), ratio) in WAYS.into_iter().zip(&times.ways).zip(ratios) {
        let (count, time) = (rounds * BLOCK, way.iter().sum());
        let cells = [format!("{:.0}", rate(count, time)), format!("{:.1}", microseconds_each(count, time)), ratio];
        table.row(std::iter::once(name.to_owned()).chain(cells));
    }
    table.print();
    let each = |time: Duration| microseconds_each(rounds * REFUSED, time);
    let token = microseconds_each(rounds * BLOCK, real.iter().sum());
    let mut table = Table::new(&["refused for", "per second", "µs each", "of a token"]);
    for (name, time) in REFUSALS.into_iter().zip(times.refusals) {
        table.row([
            name.to_owned(),
            format!("{:.0}", rate(rounds * REFUSED, time)),
            format!("{:.1}", each(time)),
            format!("{:.1} %", 100.0 * each(time) / token),
        ]);
    }
    table.print();
    let above = 100.0 * (to_alone.median - 1.0);
    println!("goal, at most 15 % above bare: {above:.1} % above, {}", verdict(to_alone.median <= GOAL));
    let [unknown, wrong, used, _] = times.refusals;
    let cheaper = [unknown, wrong, used].into_iter().all(|time| each(time) < token);
    println!("goal, the first three refusals cost less than a token each: {}\n", verdict(cheaper));
}

const _: () = assert!(REAL + 1 == ALONE && ALONE + 1 == WITH_JSON && REFUSED < BLOCK);
