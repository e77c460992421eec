//! `systembruker policy …`: XACML documents, without any installation.
//!
//! What is asked for goes to standard output, everything else to standard error. A document that cannot be read is
//! exit status 2 with file, line and column, and nothing on standard output, so that scripts can rely on both.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use xacml::lint::{self, Meaning};
use xacml::{DecisionPoint, Document, Environment, MAX_DOCUMENT, RequestDocument, Trace, request, response};

use crate::clock::Clock;

/// Commands for policies.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Decide a request by policies in files, and print the response document
    Decide(Decide),
    /// Tell where engines that evaluate targets category by category would decide otherwise, and rewrite the documents
    Lint(Lint),
}

/// What to decide, by what.
#[derive(Debug, Args)]
pub struct Decide {
    /// A policy or policy set (XACML 3.0); the first decides, the others can be referred to
    #[arg(long = "policy", value_name = "FILE", required = true)]
    policies: Vec<PathBuf>,
    /// The request, in XML or in the JSON profile
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// Print the response in JSON; without this it is in the format of the request
    #[arg(long)]
    json: bool,
    /// Tell on standard error how each decision came about
    #[arg(long)]
    trace: bool,
}

/// Which documents to look at.
#[derive(Debug, Args)]
pub struct Lint {
    /// Policies and policy sets (XACML 3.0)
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Write rewritten copies into this folder, under the names of the files
    #[arg(long, value_name = "FOLDER")]
    rewrite: Option<PathBuf>,
    /// Which meaning the copies keep
    #[arg(long, value_name = "MEANING", default_value = "standard", requires = "rewrite")]
    keep: Keep,
    /// Print findings in JSON
    #[arg(long)]
    json: bool,
}

/// The meanings that a document can have.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Keep {
    /// What the document means by the standard
    Standard,
    /// What engines make of it that evaluate targets category by category
    ByCategory,
}

/// A file that cannot be used, with what is wrong: `FILE:LINE:COLUMN: …`
struct Unreadable(String);

impl Unreadable {
    fn at(path: &Path, position: Option<xacml::Position>, what: impl std::fmt::Display) -> Self {
        let place = position.map(|at| format!(":{}:{}", at.line, at.column)).unwrap_or_default();
        // What a document says does not steer the terminal.
        let what: String = what.to_string().chars().flat_map(escaped).collect();
        Self(format!("{}{place}: {what}", path.display()))
    }
}

fn escaped(character: char) -> Vec<char> {
    if character.is_control() { character.escape_default().collect() } else { vec![character] }
}

impl PolicyCommand {
    /// Does it.
    pub fn run(self) -> ExitCode {
        let done = match self {
            Self::Decide(command) => command.run(),
            Self::Lint(command) => command.run(),
        };
        done.unwrap_or_else(|Unreadable(message)| {
            eprintln!("systembruker: {message}");
            ExitCode::from(2)
        })
    }
}

impl Decide {
    fn run(self) -> Result<ExitCode, Unreadable> {
        let point = self.decision_point()?;
        let (document, is_json) = read_request(&self.request)?;
        let environment = Environment::at(Clock::default().now());
        let results = point.decide_all(&document, &environment);
        let text = if self.json || is_json {
            format!("{:#}\n", response::to_json(&results))
        } else {
            response::to_xml(&results)
        };
        if self.trace {
            let requests = document.individual().unwrap_or_default();
            let traces = requests.iter().map(|request| point.explain(request, &environment).1);
            self.tell(&traces.collect::<Vec<_>>());
        }
        print(&text)
    }

    fn decision_point(&self) -> Result<DecisionPoint, Unreadable> {
        let mut documents = Vec::with_capacity(self.policies.len());
        for path in &self.policies {
            let text = read(path)?;
            let document = Document::parse(&text);
            documents.push(document.map_err(|error| Unreadable::at(path, Some(error.position), error.kind))?);
        }
        let root = documents.remove(0);
        DecisionPoint::new(root, documents).map_err(|error| {
            let path = self.policies.get(error.document).map_or(Path::new(""), PathBuf::as_path);
            Unreadable::at(path, Some(error.error.position), error.error.kind)
        })
    }

    fn tell(&self, traces: &[Trace]) {
        if self.json {
            eprintln!("{:#}", json!(traces));
            return;
        }
        for trace in traces {
            eprint!("{trace}");
        }
    }
}

impl Lint {
    fn run(self) -> Result<ExitCode, Unreadable> {
        let mut findings = Vec::new();
        let mut rewritten = Vec::new();
        for path in &self.files {
            let text = read(path)?;
            let unreadable = |error: xacml::LoadError| Unreadable::at(path, Some(error.position), error.kind);
            findings.extend(lint::check(&text).map_err(unreadable)?.into_iter().map(|finding| (path, finding)));
            let meaning = match self.keep {
                Keep::Standard => Meaning::Standard,
                Keep::ByCategory => Meaning::ByCategory,
            };
            if self.rewrite.is_some() {
                rewritten.push((path, lint::rewrite(&text, meaning).map_err(unreadable)?));
            }
        }
        for (path, text) in rewritten {
            self.write_copy(path, &text)?;
        }
        let text = if self.json {
            let all: Vec<_> =
                findings.iter().map(|(path, finding)| json!({"file": path, "finding": finding})).collect();
            format!("{:#}\n", json!(all))
        } else {
            let lines = findings.iter().map(|(path, finding)| format!("{}:{finding}\n", path.display()));
            lines.collect::<Vec<_>>().concat()
        };
        print(&text)?;
        Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Writes a rewritten document, never over one that is there.
    fn write_copy(&self, path: &Path, text: &str) -> Result<(), Unreadable> {
        let (Some(folder), Some(name)) = (&self.rewrite, path.file_name()) else { return Ok(()) };
        let copy = folder.join(name);
        let written = std::fs::create_dir_all(folder)
            .and_then(|()| File::create_new(&copy))
            .and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| Unreadable::at(&copy, None, format!("cannot be written: {error}")))
    }
}

/// Reads a request, and says whether it is JSON.
fn read_request(path: &Path) -> Result<(RequestDocument, bool), Unreadable> {
    let text = read(path)?;
    let is_json = !text.trim_start().starts_with('<');
    let document = if is_json { request::json::parse(&text) } else { request::xml::parse(&text) };
    let unreadable = |error: request::RequestError| {
        // Where a member of a JSON document is wrong, its name says where; the document begins at its first line.
        let position = error.position.unwrap_or(xacml::Position { line: 1, column: 1 });
        Unreadable::at(path, Some(position), error.kind)
    };
    Ok((document.map_err(unreadable)?, is_json))
}

/// Reads a file, no more of it than a document may have.
fn read(path: &Path) -> Result<String, Unreadable> {
    let limit = u64::try_from(MAX_DOCUMENT).unwrap_or(u64::MAX) + 1;
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(|error| Unreadable::at(path, None, format!("cannot be read: {error}")))?;
    if bytes.len() > MAX_DOCUMENT {
        let what = format!("the document is larger than {MAX_DOCUMENT} bytes");
        return Err(Unreadable::at(path, Some(xacml::Position { line: 1, column: 1 }), what));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..good).map(String::from_utf8_lossy).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let position = xacml::Position { line: number(line), column: number(column) };
        Unreadable::at(path, Some(position), "the document is not UTF-8")
    })?;
    Ok(text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned))
}

/// Prints to standard output. A reader that has gone away wants no more of it.
fn print(text: &str) -> Result<ExitCode, Unreadable> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Unreadable(format!("the output cannot be written: {error}")))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}
