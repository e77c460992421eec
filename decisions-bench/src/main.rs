//! Measures decisions of the XACML engine beside other engines and beside the least that could do.
//!
//! All get the same rules and the same questions, take turns round by round, so that a machine that slows down does so
//! to all of them, and must come to the answers that are known beforehand, or the run ends. What is printed is Markdown;
//! README.md says what it means.
//!
//! | Module | What it holds |
//! |---|---|
//! | [`world`] | the rules and the questions |
//! | [`ours`] | our engine |
//! | [`floor`] | the least that could do: sets of bits |
//! | [`others`] | other engines |
//! | [`measure`], [`figures`] | taking turns and times; arithmetic and tables |
//!
//! This is a bench: an error ends it with a message, and nothing is recovered from.

pub mod figures;
pub mod floor;
pub mod measure;
pub mod others;
pub mod ours;
pub mod world;

use std::hint::black_box;

use cedar_policy::Authorizer;
use figures::{Table, microseconds, verdict};
use measure::{Contestant, Figure, take_turns};
use others::{casbin, cedar, rego};
use ours::{Combining, Made};
use world::{Answer, World};
use xacml::{CombiningAlgorithm, DecisionPoint, Environment};

/// The program's own allocator, for all engines alike.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SERVICES: usize = 1_000;
const QUESTIONS: usize = 4_096;
/// Among how many services our engine is asked.
const NUMBERS: [usize; 4] = [10, 100, 1_000, 10_000];
const ROUNDS: usize = 60;
/// Microseconds that a decision may take among [`SERVICES`].
const GOAL: f64 = 0.5;
/// How many times as long a decision may take among 10 000 services as among 10.
const GOAL_FLAT: f64 = 1.3;

fn main() -> anyhow::Result<()> {
    let rounds = std::env::args().nth(1).map(|rounds| rounds.parse()).transpose()?.unwrap_or(ROUNDS);
    let world = World::new(SERVICES, QUESTIONS);
    println!(
        "{} services with {} rules; {} questions with {} values of the subject, a service and an action each.",
        world.services.len(),
        world.rules(),
        world.questions.len(),
        world::HELD
    );
    println!(
        "Answers: {:.0} % Permit, {:.0} % no rule for these roles, {:.0} % no rule for this action.\n",
        world.percent(Answer::Permit),
        world.percent(Answer::WrongRole),
        world.percent(Answer::WrongAction)
    );
    let made = ours::point(&world, Combining::DENY_OVERRIDES)?;
    let sample = world.questions.iter().step_by(16);
    let asked = sample.len();
    let alike = ours::explained_alike(&made.point, &world, sample);
    anyhow::ensure!(alike == asked, "{} of {asked} decisions are explained otherwise", asked - alike);
    println!("`explain` came to the same as `decide` in all of {asked} cases.\n");

    beside_others(&world, &made, rounds)?;
    by_number(&world, rounds)?;
    with_json(&world, &made, rounds)
}

fn permitted(world: &World) -> Vec<bool> {
    world.questions.iter().map(|question| question.answer == Answer::Permit).collect()
}

/// All engines on the same questions.
fn beside_others(world: &World, made: &Made, rounds: usize) -> anyhow::Result<()> {
    let permitted = permitted(world);
    let questions = &world.questions;
    let environment = ours::environment();
    let floor = floor::Floor::new(world);
    let (by_rule, data) = rego::compiled(world, rego::Layout::ByRule)?;
    let mut machine_by_rule = rego::machine(&by_rule, data)?;
    let (by_action, data) = rego::compiled(world, rego::Layout::ByAction)?;
    let mut machine_by_action = rego::machine(&by_action, data)?;
    let enforcers = casbin::enforcers(world)?;
    let policies = cedar::policies(world)?;
    let authorizer = Authorizer::new();

    let rego_input = |at: usize| rego::input(world, &questions[at]);
    let mut all = vec![
        contestant("ours", world, &made.point, &environment)?,
        contestant("ours", world, &made.point, &environment)?.warm(),
        Contestant::new(
            "ours, with building the request",
            &permitted,
            |at| questions[at].written(world),
            |_, question| Ok(ours::permits(&made.point, &ours::request(question), &environment)),
        )?,
        Contestant::new(
            "floor: bits, all looked up beforehand",
            &permitted,
            |at| floor::prepared(&questions[at]),
            |_, question| Ok(floor.permits(black_box(question))),
        )?,
        Contestant::new(
            "floor: bits, texts looked up",
            &permitted,
            |at| questions[at].written(world),
            |_, question| Ok(floor.permits_written(black_box(question))),
        )?,
        Contestant::new("regorus, virtual machine, data by rule", &permitted, rego_input, |_, input| {
            rego::ask_machine(&mut machine_by_rule, input)
        })?
        .at_most(8),
        Contestant::new("regorus, virtual machine, data by action", &permitted, rego_input, |_, input| {
            rego::ask_machine(&mut machine_by_action, input)
        })?
        .at_most(8),
        Contestant::new("regorus, interpreter, data by rule", &permitted, rego_input, |_, input| {
            rego::ask_interpreter(&by_rule, input)
        })?
        .at_most(4),
        Contestant::new(
            "casbin, an enforcer a service",
            &permitted,
            |at| casbin::arguments(&questions[at]),
            |at, arguments| casbin::ask(&enforcers[questions[at].service], arguments),
        )?
        .at_most(8),
        Contestant::new(
            "cedar, a policy set a service",
            &permitted,
            |at| cedar::asked(world, &questions[at]),
            |at, asked| {
                let Ok(asked) = asked else { anyhow::bail!("the question is none to Cedar") };
                Ok(cedar::ask(&authorizer, &policies[questions[at].service], asked))
            },
        )?
        .at_most(8),
    ];
    println!("All {} rows gave the known answers to all {} questions.\n", all.len(), questions.len());
    let figures = take_turns(&mut all, rounds);
    print(&format!("{SERVICES} services"), &all, &figures);
    for (contestant, figure) in all.iter().zip(&figures).take(2) {
        let median = figure.median / 1000.0;
        println!("Goal, a decision in {GOAL} µs: {median:.3} µs for {}, {}.", contestant.name, verdict(median <= GOAL));
    }
    println!();
    Ok(())
}

/// Our engine with few and many services, and with other ways to combine. Beside it the floor, which shows what the
/// machine's memory costs as there is more of it.
fn by_number(world: &World, rounds: usize) -> anyhow::Result<()> {
    let environment = ours::environment();
    let worlds = NUMBERS.map(|services| World::new(services, QUESTIONS));
    let made: Vec<Made> =
        worlds.iter().map(|world| ours::point(world, Combining::DENY_OVERRIDES)).collect::<Result<_, _>>()?;
    let floors: Vec<floor::Floor> = worlds.iter().map(floor::Floor::new).collect();
    let set = Combining { policies: CombiningAlgorithm::DenyUnlessPermit, ..Combining::DENY_OVERRIDES };
    let set_and_policies = Combining { rules: "deny-unless-permit", policies: CombiningAlgorithm::DenyUnlessPermit };
    let set = ours::point(world, set)?.point;
    let set_and_policies = ours::point(world, set_and_policies)?.point;
    let one_policy = ours::point_of_one_policy(world)?;

    let ours = |name: &str, world, point| contestant(name, world, point, &environment);
    let sized = |world: &World| format!("{} services", world.services.len());
    let mut all = vec![];
    for (world, made) in worlds.iter().zip(&made) {
        all.push(ours(&format!("ours, {}", sized(world)), world, &made.point)?);
    }
    for (world, made) in worlds.iter().zip(&made) {
        all.push(ours(&format!("ours, {}", sized(world)), world, &made.point)?.warm());
    }
    for (world, floor) in worlds.iter().zip(&floors) {
        all.push(Contestant::new(
            &format!("floor with texts, {}", sized(world)),
            &permitted(world),
            |at| world.questions[at].written(world),
            |_, question| Ok(floor.permits_written(black_box(question))),
        )?);
    }
    let by = |what: &str| format!("ours, {}, {what}", sized(world));
    all.push(ours(&by("set by deny-unless-permit"), world, &set)?);
    all.push(ours(&by("set and policies by deny-unless-permit"), world, &set_and_policies)?.at_most(4));
    all.push(ours(&by("all rules in one policy"), world, &one_policy)?);
    let figures = take_turns(&mut all, rounds);
    print("our engine by size and combination", &all, &figures);

    for (what, series) in ["ours", "ours, warm", "the floor with texts"].iter().zip(figures.chunks(NUMBERS.len())) {
        let (Some(few), Some(many)) = (series.first(), series.last()) else { continue };
        let ratio = many.median / few.median;
        println!(
            "Goal, at most {GOAL_FLAT} times as long among 10 000 services as among 10: {ratio:.2} times for {what}, {}.",
            verdict(ratio <= GOAL_FLAT)
        );
    }
    println!();
    sizes(&worlds, &made);
    Ok(())
}

fn contestant<'a>(
    name: &str,
    world: &'a World,
    point: &'a DecisionPoint,
    environment: &'a Environment,
) -> anyhow::Result<Contestant<'a>> {
    Contestant::new(
        name,
        &permitted(world),
        |at| ours::request(&world.questions[at].written(world)),
        |_, request| Ok(ours::permits(point, request, environment)),
    )
}

/// What making decision points takes, and what they take.
fn sizes(worlds: &[World], made: &[Made]) {
    let mut table = Table::new(&[
        "making a decision point",
        "rules",
        "XML, bytes/rule",
        "read, µs/rule",
        "link, µs/rule",
        "size, bytes/rule",
    ]);
    for (world, made) in worlds.iter().zip(made) {
        let rules = made.point.rule_count();
        let each = |time: std::time::Duration| format!("{:.1}", time.as_secs_f64() * 1e6 / rules as f64);
        table.row([
            format!("{} services", world.services.len()),
            rules.to_string(),
            (made.source / rules).to_string(),
            each(made.reading),
            each(made.linking),
            (made.point.size() / rules).to_string(),
        ]);
    }
    table.print();
}

/// Requests and answers in JSON.
fn with_json(world: &World, made: &Made, rounds: usize) -> anyhow::Result<()> {
    let permitted = permitted(world);
    let bodies: Vec<String> =
        world.questions.iter().map(|question| world::request_json(&question.written(world))).collect();
    let environment = ours::environment();
    let body = |at: usize| bodies[at].clone();
    let right = &permitted;
    let mut all = vec![
        Contestant::new("bare: text to `serde_json::Value`", &permitted, body, |at, body| {
            black_box(serde_json::from_str::<serde_json::Value>(body))?;
            Ok(right[at])
        })?,
        Contestant::new("ours: text to request", &permitted, body, |at, body| {
            black_box(xacml::request::json::parse(body))?;
            Ok(right[at])
        })?,
        Contestant::new("ours: text to decision to text", &permitted, body, |_, body| {
            let answer = black_box(ours::answer_json(&made.point, body, &environment))?;
            Ok(answer.contains(r#""Decision":"Permit""#))
        })?,
    ];
    let figures = take_turns(&mut all, rounds);
    let length = bodies.iter().map(String::len).sum::<usize>() / bodies.len().max(1);
    print(&format!("JSON, {length} bytes on average"), &all, &figures);
    Ok(())
}

fn print(title: &str, contestants: &[Contestant], figures: &[Figure]) {
    let mut table = Table::new(&[title, "median, µs", "p99, µs", "times the first"]);
    let first = figures.first().map_or(f64::NAN, |figure| figure.median);
    for (contestant, figure) in contestants.iter().zip(figures) {
        table.row([
            contestant.name.clone(),
            microseconds(figure.median),
            microseconds(figure.p99),
            format!("{:.2}", figure.median / first),
        ]);
    }
    table.print();
}
