//! `load memory`: whether memory grows with the number of tokens issued.
//!
//! What may grow is the memory of used grants, until as many are forgotten as come. Grants are forgotten when they have
//! expired, after three minutes; a run of a million tokens takes some ten, so that by the machine's clock a plateau
//! would come late or, in a short run, not at all. Therefore the sandbox's clock is turned forward as tokens are
//! issued, so that a fiftieth of the run is valid at any time, however long the run is: grants expire as they would in
//! a service that gives out as many tokens in fifty times three minutes.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use clap::Args;
use jiff::SignedDuration;
use systembruker::app::{self, App};
use systembruker::maskinporten::api::issue;
use tokio::runtime::{Handle, Runtime};

use crate::figures::{Table, rate, verdict};
use crate::world::{GRANT_LIFETIME, GrantSigner, World};

/// How many times the grants that are valid at once are used up in a run.
const GENERATIONS: usize = 50;
/// How often the clock is turned in a run.
const TURNS: usize = 1_000;
/// How many grants a thread signs before it uses them, at most.
const CHUNK: usize = 2_000;
/// What a remembered grant may take, in bytes: its hash twice, and the room that a set and lists keep free.
const PER_GRANT: usize = 200;
/// What the allocator may move by without a reason that can be named, in bytes.
const RESTLESSNESS: usize = 4 * 1_024 * 1_024;
/// From which tenth of the run on memory shall not grow.
const SETTLED: usize = 3;

/// What to measure.
#[derive(Debug, Args)]
pub struct MemoryOptions {
    /// How many tokens to issue
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000_000)]
    tokens: usize,
    /// How many system users there are
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000)]
    system_users: usize,
}

/// How far a run has come, for all its threads.
struct Progress {
    tokens: usize,
    threads: usize,
    /// How many grants were given to threads to sign.
    taken: AtomicUsize,
    issued: AtomicUsize,
    failed: AtomicBool,
    /// One thread turns the clock at a time, so that no turn is lost.
    turning: Mutex<()>,
}

/// Measures, and prints what came out.
pub fn run(options: MemoryOptions) -> anyhow::Result<()> {
    anyhow::ensure!(options.tokens >= TURNS, "at least {TURNS} tokens");
    let runtime = Runtime::new()?;
    let World { app, listener, signer } = runtime.block_on(World::start(2_048, options.system_users))?;
    // Served too, although nobody calls: what is done from time to time is part of the memory.
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = app::serve(Arc::clone(&app), listener, async {
        let _ = stopped.await;
    });
    let server = runtime.spawn(server);

    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let progress = Progress {
        tokens: options.tokens,
        threads,
        taken: AtomicUsize::new(0),
        issued: AtomicUsize::new(0),
        failed: AtomicBool::new(false),
        turning: Mutex::new(()),
    };
    let valid_at_once = options.tokens / GENERATIONS;
    println!(
        "memory: {} tokens, {threads} threads, {} system users, signing key RSA-2048, about {valid_at_once} grants valid at once",
        options.tokens, options.system_users
    );
    let began = Instant::now();
    let samples = std::thread::scope(|scope| {
        let work = || {
            let done = use_grants(&app, &signer, runtime.handle(), &progress);
            progress.failed.fetch_or(done.is_err(), Ordering::SeqCst);
            done
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let samples = watch(&progress);
        for worker in workers {
            worker.join().map_err(|_| anyhow!("a thread panicked"))??;
        }
        samples
    })?;
    let time = began.elapsed();
    report(&samples, options.tokens, valid_at_once, time);
    drop(app);
    let _ = stop.send(());
    runtime.block_on(server)?
}

/// Signs grants and uses them, chunk by chunk, until all are taken.
fn use_grants(app: &App, signer: &GrantSigner, runtime: &Handle, progress: &Progress) -> anyhow::Result<()> {
    // Small against what is valid at once, so that no grant expires between its signing and its use.
    let chunk = (progress.tokens / TURNS / progress.threads).clamp(1, CHUNK);
    loop {
        let begin = progress.taken.fetch_add(chunk, Ordering::SeqCst);
        if begin >= progress.tokens || progress.failed.load(Ordering::SeqCst) {
            return Ok(());
        }
        let grants = signer.sign_many(chunk.min(progress.tokens - begin), app.clock.seconds())?;
        runtime.block_on(async {
            for grant in &grants {
                let issued = issue(app, grant).await;
                issued.map_err(|refusal| anyhow!("a grant that should be good was refused: {}", refusal.name()))?;
                progress.count(app)?;
            }
            anyhow::Ok(())
        })?;
    }
}

impl Progress {
    /// Counts a token, and turns the clock when it is time.
    fn count(&self, app: &App) -> anyhow::Result<()> {
        let issued = self.issued.fetch_add(1, Ordering::SeqCst) + 1;
        if issued.is_multiple_of(self.tokens / TURNS) {
            let _turning = self.turning.lock().unwrap_or_else(PoisonError::into_inner);
            let run = SignedDuration::from_secs(GRANT_LIFETIME) * i32::try_from(GENERATIONS)?;
            app.clock.turn_to(app.clock.now().checked_add(run / i32::try_from(TURNS)?)?);
        }
        Ok(())
    }
}

/// Looks at the memory at every tenth of the run, from before its beginning to its end. In bytes.
fn watch(progress: &Progress) -> anyhow::Result<Vec<usize>> {
    let mut samples = Vec::new();
    while samples.len() <= 10 && !progress.failed.load(Ordering::SeqCst) {
        if progress.issued.load(Ordering::SeqCst) >= progress.tokens * samples.len() / 10 {
            let memory = resident()?;
            println!("{:>4} %  {:>7.1} MiB", samples.len() * 10, mebibytes(memory));
            samples.push(memory);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(samples)
}

/// How much memory this process has, in bytes.
fn resident() -> anyhow::Result<usize> {
    let status = std::fs::read_to_string("/proc/self/status").context("memory is measured on Linux only")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in the status")?;
    let kibibytes: usize = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kibibytes * 1_024)
}

fn mebibytes(bytes: usize) -> f64 {
    bytes as f64 / (1_024.0 * 1_024.0)
}

fn report(samples: &[usize], tokens: usize, valid_at_once: usize, time: Duration) {
    let (Some(settled), Some(last)) = (samples.get(SETTLED), samples.last()) else { return };
    let grown = last.saturating_sub(*settled);
    let explained = RESTLESSNESS + valid_at_once * PER_GRANT;
    let after = tokens - tokens * SETTLED / 10;
    let mut table = Table::new(&["", ""]);
    table.row(["tokens per second, signing their grants included".to_owned(), format!("{:.0}", rate(tokens, time))]);
    table.row(["grown after the first 30 %".to_owned(), format!("{:.1} MiB", mebibytes(grown))]);
    table.row(["of that for each token".to_owned(), format!("{:.2} bytes", grown as f64 / after as f64)]);
    let of_grants = format!("{:.1} MiB", mebibytes(explained));
    table.row(["explained by grants valid at once, and the allocator".to_owned(), of_grants]);
    table.print();
    println!("goal, no growth after the first 30 % but what is explained: {}", verdict(grown <= explained));
}
