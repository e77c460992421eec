//! `load http` and `load decide-http`: the token endpoint over HTTP, beside a bare server that verifies and signs; and
//! the decision point, beside a server that answers as many bytes and does nothing.
//!
//! Both servers run all the time, each in a process of its own, and are asked in turn, so that one is idle while the
//! other is measured. The generator writes whole requests to connections that stay open, one at a time on each. It looks
//! at them in turn and never sleeps: over loopback it is the one who sends that wakes the one who reads, and a server
//! would be charged for that, the more the slower it is. Grants are signed before each round.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args;
use serde::de::DeserializeOwned;
use systembruker::clock::Clock;

use crate::decisions::{body, stride};
use crate::figures::{Ratio, Table, quantile, rate, verdict};
use crate::server::{Asker, Ready};
use crate::world::{GrantClient, GrantSigner};

/// What is demanded of the real server beside the bare one.
#[derive(Debug, Clone, Copy)]
struct Goals {
    /// Its rate, at least.
    rate: f64,
    /// Its slowest hundredth, at most; where there is a goal.
    p99: Option<f64>,
}

const TOKEN_GOALS: Goals = Goals { rate: 0.85, p99: Some(1.5) };
const DECISION_GOALS: Goals = Goals { rate: 0.6, p99: None };
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a server may take to end.
const ENDING: Duration = Duration::from_secs(5);

/// What to measure.
#[derive(Debug, Args)]
pub struct HttpOptions {
    /// How many connections ask at the same time; one connection alone is measured too, with a fifth of the requests
    #[arg(long, value_name = "NUMBER", default_value_t = 32)]
    connections: usize,
    /// How many requests each server gets in all rounds together
    #[arg(long, value_name = "NUMBER", default_value_t = 20_000)]
    requests: usize,
    /// In how many rounds
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    rounds: usize,
    /// How many system users the real server has
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000)]
    system_users: usize,
    /// The size of the keys that sign tokens
    #[arg(long, value_name = "BITS", default_value_t = 2_048)]
    signing_bits: usize,
    /// What the real server logs; the default is what a sandbox does
    #[arg(long, value_name = "FILTER", default_value = "info,sqlx=warn")]
    log: String,
}

/// Measures, and prints what came out.
pub fn run(options: HttpOptions) -> anyhow::Result<()> {
    anyhow::ensure!(options.connections > 0 && options.rounds > 0, "at least one connection and one round");
    // Before anything else: threads inherit where they may run from the one that makes them.
    let pinned = pin_generator();
    println!(
        "http: signing keys RSA-{}, {} system users, log {:?}, {}",
        options.signing_bits,
        options.system_users,
        options.log,
        if pinned { "servers on core 1, generator on core 0" } else { "not pinned to cores" },
    );
    let bits = options.signing_bits.to_string();
    let users = options.system_users.to_string();
    let real = ["serve-real", "--signing-bits", &bits, "--system-users", &users, "--log", &options.log];
    let real = grants(Server::start(&real, pinned)?)?;
    let length = signed_length(&real)?.to_string();
    let bare = ["serve-bare", "--signing-bits", &bits, "--signed-length", &length];
    let bare = grants(Server::start(&bare, pinned)?)?;
    compare_both(&real, &bare, (options.connections, options.requests, options.rounds), TOKEN_GOALS)
}

/// What to measure of decisions.
#[derive(Debug, Args)]
pub struct DecideHttpOptions {
    /// How many connections ask at the same time; one connection alone is measured too, with a fifth of the requests
    #[arg(long, value_name = "NUMBER", default_value_t = 32)]
    connections: usize,
    /// How many requests each server gets in all rounds together
    #[arg(long, value_name = "NUMBER", default_value_t = 200_000)]
    requests: usize,
    /// In how many rounds
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    rounds: usize,
    /// How many system users the real server has
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000)]
    system_users: usize,
    /// What the real server logs; the default is what a sandbox does
    #[arg(long, value_name = "FILTER", default_value = "info,sqlx=warn")]
    log: String,
}

/// Measures decisions over HTTP, and prints what came out.
pub fn run_decisions(options: DecideHttpOptions) -> anyhow::Result<()> {
    anyhow::ensure!(options.connections > 0 && options.rounds > 0, "at least one connection and one round");
    let pinned = pin_generator();
    let place = if pinned { "servers on core 1, generator on core 0" } else { "not pinned to cores" };
    println!("decide-http: {} system users, log {:?}, {place}", options.system_users, options.log);
    let users = options.system_users.to_string();
    let (server, asker) = Server::start(&["serve-decisions", "--system-users", &users, "--log", &options.log], pinned)?;
    let address = server.address;
    let real = Asked { server, requests: Box::new(move |count| Ok(decisions(address, &asker, count))) };
    let request = (real.requests)(1)?.pop().context("there is one")?;
    let answer = Connection::open(address)?.ask(&request)?;
    anyhow::ensure!(
        String::from_utf8_lossy(&answer).contains(r#""decision":"Permit""#),
        "a right that is there was refused"
    );
    println!("a request of {} bytes, answered with {}", request.len(), answer.len());
    let (server, ()) = Server::start(&["serve-empty", "--length", &answer.len().to_string()], pinned)?;
    let bare = Asked { server, requests: Box::new(move |count| Ok(vec![request.clone(); count])) };
    compare_both(&real, &bare, (options.connections, options.requests, options.rounds), DECISION_GOALS)
}

/// Asks for decisions about system users all over the list.
fn decisions(address: SocketAddr, asker: &Asker, count: usize) -> Vec<Vec<u8>> {
    let some = (0..count).filter_map(|turn| asker.questions.get(stride(turn, asker.questions.len())));
    let request = |(id, resource, party): &(String, String, String)| {
        let (body, token) = (body(id, resource, party), &asker.token);
        let length = body.len();
        format!("POST /authorization/api/v1/authorize HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
    };
    some.map(request).collect()
}

/// With many connections, and with one.
fn compare_both(
    real: &Asked,
    bare: &Asked,
    (connections, requests, rounds): (usize, usize, usize),
    goals: Goals,
) -> anyhow::Result<()> {
    compare(real, bare, (connections, requests, rounds), goals)?;
    if connections > 1 {
        compare(real, bare, (1, requests / 5, rounds), goals)?;
    }
    Ok(())
}

/// Keeps this process on core 0, where that can be done, so that servers can have core 1 to themselves.
fn pin_generator() -> bool {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        return false;
    }
    let pid = std::process::id().to_string();
    let pin = Command::new("taskset").args(["-a", "-c", "-p", "0", &pid]).stdout(Stdio::null()).status();
    pin.is_ok_and(|status| status.success())
}

/// A server in a process of its own.
struct Server {
    process: Child,
    /// It serves until this is closed.
    input: Option<ChildStdin>,
    address: SocketAddr,
}

/// A server with what it is asked.
struct Asked {
    server: Server,
    /// So many whole requests.
    requests: Box<dyn Fn(usize) -> anyhow::Result<Vec<Vec<u8>>>>,
}

/// Asks a server for tokens: with grants that are signed just before.
fn grants((server, client): (Server, GrantClient)) -> anyhow::Result<Asked> {
    let (address, signer) = (server.address, GrantSigner::new(client)?);
    let requests = move |count| {
        let grants = signer.sign_many(count, Clock::default().seconds())?;
        let request = |grant: String| {
            // No character of an assertion has another form in a form.
            let form = format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={grant}");
            let length = form.len();
            format!("POST /token HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}").into_bytes()
        };
        Ok(grants.into_iter().map(request).collect())
    };
    Ok(Asked { server, requests: Box::new(requests) })
}

/// How many bytes are signed for a token, by a look at one.
fn signed_length(real: &Asked) -> anyhow::Result<usize> {
    let request = (real.requests)(1)?.pop().context("there is one")?;
    let body = Connection::open(real.server.address)?.ask(&request)?;
    let body: serde_json::Value = serde_json::from_slice(&body)?;
    let token = body.get("access_token").and_then(|token| token.as_str()).context("an answer without a token")?;
    token.rfind('.').context("a token without a signature")
}

impl Server {
    /// Starts it, and hears from it who may ask.
    fn start<T: DeserializeOwned>(arguments: &[&str], pinned: bool) -> anyhow::Result<(Self, T)> {
        let program = std::env::current_exe()?;
        let mut command = if pinned {
            let mut command = Command::new("taskset");
            command.args(["-c", "1"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        // The log is written, as it is in earnest, but to nowhere: how fast a disk or a terminal is, is not asked.
        let command = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn()?;
        let input = process.stdin.take();
        let mut line = String::new();
        BufReader::new(process.stdout.take().context("standard output is a pipe")?).read_line(&mut line)?;
        let said = serde_json::from_str::<Ready<T>>(&line);
        let name = arguments.first().copied().unwrap_or_default();
        let ready = said.with_context(|| format!("the server did not start; run `load {name}` to see why"))?;
        Ok((Self { process, input, address: ready.address }, ready.client))
    }

    /// Sends these requests over so many connections, each as soon as the answer before it has come.
    fn round(&self, requests: &[Vec<u8>], connections: usize) -> anyhow::Result<Round> {
        let open = |_| Connection::open(self.address);
        let mut connections = (0..connections).map(open).collect::<anyhow::Result<Vec<_>>>()?;
        let mut latencies = Vec::with_capacity(requests.len());
        let mut waiting = requests.iter();
        let began = Instant::now();
        for connection in &mut connections {
            connection.stream.set_nonblocking(true)?;
            connection.send(waiting.next())?;
        }
        while latencies.len() < requests.len() {
            for connection in &mut connections {
                let Some(sent) = connection.sent else { continue };
                if connection.receive()?.is_some() {
                    latencies.push(sent.elapsed().as_secs_f64());
                    connection.send(waiting.next())?;
                } else {
                    anyhow::ensure!(sent.elapsed() < PATIENCE, "no answer within {PATIENCE:?}");
                }
            }
        }
        Ok(Round { time: began.elapsed(), latencies })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.input.take());
        let began = Instant::now();
        while began.elapsed() < ENDING {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A connection that stays open, with just enough HTTP/1.1 to read the answers of these two servers.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// When the request was sent whose answer has not come yet.
    sent: Option<Instant>,
}

impl Connection {
    fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, buffer: Vec::with_capacity(4_096), sent: None })
    }

    /// Sends a request, if there is one. It is the only one under way, so that there is room for it.
    fn send(&mut self, request: Option<&Vec<u8>>) -> anyhow::Result<()> {
        self.buffer.clear();
        self.sent = request.map(|_| Instant::now());
        Ok(self.stream.write_all(request.map_or(&[], Vec::as_slice))?)
    }

    /// The body of the answer, which must be that all is well; `None` while it is not all there.
    fn receive(&mut self) -> anyhow::Result<Option<&[u8]>> {
        let mut piece = [0; 4_096];
        match self.stream.read(&mut piece) {
            Ok(0) => bail!("the server closed the connection"),
            Ok(read) => self.buffer.extend(piece.iter().take(read)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let Some(end) = self.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return Ok(None) };
        let length = content_length(self.buffer.get(..end).unwrap_or_default())?;
        let answer = self.buffer.get(end + 4..).unwrap_or_default();
        if answer.len() < length {
            return Ok(None);
        }
        if !self.buffer.starts_with(b"HTTP/1.1 200 ") {
            bail!("what should be good was refused: {}", String::from_utf8_lossy(answer));
        }
        Ok(Some(answer))
    }

    /// Sends a request, and waits for its answer.
    fn ask(&mut self, request: &Vec<u8>) -> anyhow::Result<Vec<u8>> {
        self.send(Some(request))?;
        loop {
            if let Some(answer) = self.receive()? {
                return Ok(answer.to_owned());
            }
        }
    }
}

fn content_length(head: &[u8]) -> anyhow::Result<usize> {
    let head = std::str::from_utf8(head)?;
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let length = fields.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    Ok(length.context("an answer without a length")?.1.trim().parse()?)
}

/// What came of a round.
struct Round {
    time: Duration,
    /// In seconds.
    latencies: Vec<f64>,
}

/// What came of all rounds of a server.
#[derive(Default)]
struct Rounds(Vec<Round>);

impl Rounds {
    fn rate(&self) -> f64 {
        rate(self.0.iter().map(|round| round.latencies.len()).sum(), self.0.iter().map(|round| round.time).sum())
    }

    fn latency(&self, part: f64) -> f64 {
        let mut all: Vec<f64> = self.0.iter().flat_map(|round| &round.latencies).copied().collect();
        quantile(&mut all, part)
    }
}

/// Asks both servers in turn, and prints what came out.
fn compare(
    real: &Asked,
    bare: &Asked,
    (connections, requests, rounds): (usize, usize, usize),
    goals: Goals,
) -> anyhow::Result<()> {
    let in_round = (requests / rounds).max(connections);
    for asked in [real, bare] {
        asked.server.round(&(asked.requests)((in_round / 4).max(connections))?, connections)?;
    }
    let (mut of_real, mut of_bare) = (Rounds::default(), Rounds::default());
    for round in 0..rounds {
        let mut turns = [(real, &mut of_real), (bare, &mut of_bare)];
        if round % 2 == 1 {
            turns.reverse();
        }
        for (asked, results) in turns {
            let requests = (asked.requests)(in_round)?;
            results.0.push(asked.server.round(&requests, connections)?);
        }
    }
    let many = if connections == 1 { "1 connection".to_owned() } else { format!("{connections} connections") };
    println!("\n{many}, {rounds} rounds of {in_round} requests");
    let mut table = Table::new(&["", "requests/s", "p50 ms", "p99 ms"]);
    for (name, results) in [("real", &of_real), ("bare", &of_bare)] {
        let milliseconds = |part| format!("{:.3}", results.latency(part) * 1_000.0);
        table.row([name.to_owned(), format!("{:.0}", results.rate()), milliseconds(0.5), milliseconds(0.99)]);
    }
    table.print();
    let of_rates = |(real, bare): (&Round, &Round)| bare.time.as_secs_f64() / real.time.as_secs_f64();
    let rates = Ratio::of_rounds(of_real.0.iter().zip(&of_bare.0).map(of_rates));
    let (goal, is_met) = (goals.rate, verdict(rates.median >= goals.rate));
    println!("rate, real beside bare: {rates}; goal, at least {goal}: {is_met}");
    let p99 = of_real.latency(0.99) / of_bare.latency(0.99);
    match goals.p99 {
        Some(goal) => println!("p99, real beside bare: {p99:.3}; goal, at most {goal}: {}", verdict(p99 <= goal)),
        None => println!("p99, real beside bare: {p99:.3}"),
    }
    Ok(())
}
