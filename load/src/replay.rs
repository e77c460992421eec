//! `load replay`: what it costs to keep used grants in the database, beside keeping them in memory alone, and beside
//! the least that a durable record can cost on this machine: an append to a file and a wait until it is on the disk.
//!
//! Callers come one at a time, and many at once: those that come together are written together.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use store::{Database, InstallationKind, Store};
use systembruker::clock::{Clock, Random};
use systembruker::maskinporten::replay::{self, Replay};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::figures::{Table, microseconds_each, rate};

/// How many callers there are at once.
const CALLERS: [usize; 3] = [1, 8, 64];
/// In how many rounds the time is spent.
const ROUNDS: u32 = 3;
/// How long each engine is used before anything counts.
const WARM_UP: Duration = Duration::from_millis(200);
/// How long a grant is remembered here, in seconds. Much shorter than in earnest, so that as many are forgotten as are
/// noted within the time that is measured: forgetting is part of the cost.
const REMEMBERED: i64 = 2;
/// How much the floor appends.
const APPENDED: [u8; 512] = [0; 512];
/// How many are remembered in memory before the set begins anew, so that a long measurement does not fill the memory.
const IN_MEMORY: usize = 100_000;

/// What to measure.
#[derive(Debug, Args)]
pub struct ReplayOptions {
    /// A PostgreSQL database to measure beside SQLite: postgres://USER@HOST/NAME. Tables are made in it: give an empty
    /// one
    #[arg(long, value_name = "URL")]
    database: Vec<Database>,
    /// The folder for the SQLite database and the floor, which should be on the disk that is asked about
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// How long each engine is measured with each number of callers, in seconds
    #[arg(long, default_value_t = 6.0)]
    seconds: f64,
}

/// What was done in how much time.
#[derive(Debug, Clone, Copy, Default)]
struct Measured {
    count: usize,
    time: Duration,
}

impl Measured {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.time += other.time;
    }

    fn rate(self) -> f64 {
        rate(self.count, self.time)
    }
}

/// An open database.
struct Engine {
    name: &'static str,
    store: Arc<Store>,
    measured: [Measured; CALLERS.len()],
}

/// Measures, and prints what came out.
pub fn run(options: ReplayOptions) -> anyhow::Result<()> {
    let mut folder = tempfile::Builder::new();
    let folder = folder.prefix("load-");
    let folder = match &options.folder {
        Some(parent) => folder.tempdir_in(parent)?,
        None => folder.tempdir()?,
    };
    Runtime::new()?.block_on(measure(&options, folder.path()))
}

async fn measure(options: &ReplayOptions, folder: &Path) -> anyhow::Result<()> {
    let time = Duration::from_secs_f64(options.seconds) / ROUNDS;
    let sqlite = Database::Sqlite(folder.join("load.db"));
    let mut engines = Vec::new();
    for database in std::iter::once(&sqlite).chain(&options.database) {
        engines.push(Engine::open(database.clone()).await?);
    }
    for engine in &engines {
        record(&engine.store, 8, WARM_UP).await?;
    }
    let mut floor_file = File::create(folder.join("floor"))?;
    let (mut floor, mut memory) = (Measured::default(), Measured::default());
    for _ in 0..ROUNDS {
        floor.add(append(&mut floor_file, time)?);
        memory.add(remember(time)?);
        for engine in &mut engines {
            for (callers, measured) in CALLERS.into_iter().zip(&mut engine.measured) {
                measured.add(record(&engine.store, callers, time).await?);
            }
        }
    }
    println!("replay: used grants recorded durably, {ROUNDS} rounds of {:.1} s each", time.as_secs_f64());
    let mut table = Table::new(&["", "records/s", "µs each", "beside the floor", "beside memory"]);
    let row = |name: String, measured: Measured| {
        [
            name,
            format!("{:.0}", measured.rate()),
            format!("{:.1}", microseconds_each(measured.count, measured.time)),
            format!("{:.2}", measured.rate() / floor.rate()),
            format!("{:.6}", measured.rate() / memory.rate()),
        ]
    };
    table.row(row("floor: append 512 bytes, fdatasync".into(), floor));
    table.row(row("in memory alone, 1 caller".into(), memory));
    for engine in &engines {
        for (callers, measured) in CALLERS.into_iter().zip(engine.measured) {
            table.row(row(format!("{}, callers at once: {callers}", engine.name), measured));
        }
    }
    table.print();
    for engine in engines {
        let store = Arc::into_inner(engine.store).context("nobody uses the store any more")?;
        store.close(Clock::default().now()).await?;
    }
    Ok(())
}

impl Engine {
    async fn open(database: Database) -> anyhow::Result<Self> {
        let name = match &database {
            Database::Sqlite(_) => "SQLite",
            Database::Postgres(_) => "PostgreSQL",
        };
        let (store, _) = Store::open(database, InstallationKind::Sandbox, b"load", Clock::default().now()).await?;
        Ok(Self { name, store: Arc::new(store), measured: Default::default() })
    }
}

/// The floor: appends, and waits for the disk.
fn append(file: &mut File, time: Duration) -> anyhow::Result<Measured> {
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < time {
        file.write_all(&APPENDED)?;
        file.sync_data()?;
        count += 1;
    }
    Ok(Measured { count, time: began.elapsed() })
}

/// Remembers in memory alone, as every installation does.
fn remember(time: Duration) -> anyhow::Result<Measured> {
    let mut total = Measured::default();
    while total.time < time {
        let keys: Vec<[u8; 32]> = (0..IN_MEMORY).map(|_| Random.bytes()).collect();
        let replay = Replay::new(None);
        let began = Instant::now();
        for (second, keys) in (1_000..).zip(keys.chunks(1_000)) {
            for key in keys {
                replay.use_once(*key, second, second + REMEMBERED, second)?;
            }
        }
        total.add(Measured { count: IN_MEMORY, time: began.elapsed() });
    }
    Ok(total)
}

/// Records through the service's own recorder, with so many callers of which each waits for its record.
async fn record(store: &Arc<Store>, callers: usize, time: Duration) -> anyhow::Result<Measured> {
    let (recorder, mut queue) = replay::recorder();
    let store = Arc::clone(store);
    let writer = tokio::spawn(async move {
        let clock = Clock::default();
        while queue.write_next(&store, || clock.seconds()).await? {}
        anyhow::Ok(())
    });
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let recorder = recorder.clone();
        tasks.spawn(async move {
            let (clock, mut count) = (Clock::default(), 0);
            while began.elapsed() < time {
                let unused = recorder.use_once(Random.bytes(), clock.seconds() + REMEMBERED).await?;
                anyhow::ensure!(unused, "a grant was used that never was");
                count += 1;
            }
            Ok(count)
        });
    }
    drop(recorder);
    let mut count = 0;
    while let Some(task) = tasks.join_next().await {
        count += task??;
    }
    let time = began.elapsed();
    writer.await??;
    Ok(Measured { count, time })
}
