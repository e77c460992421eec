//! Feeds every target with its seeds, with the inputs that are kept in the folder `fuzz/corpus`, and with a fixed number
//! of mutations, which are the same in every run but for the keys in them.
//!
//! To look at one input, put it into `fuzz/corpus/<target>` and run the target's test.
#![expect(clippy::expect_used, reason = "a test")]

#[path = "stable/mutation.rs"]
mod mutation;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fuzz_targets::{TARGETS, Target, seeds};

use mutation::{Random, mutate};

/// From where the mutations come. Another number gives other mutations.
const RANDOM_SEED: u64 = 0x5359_5354_454d;

#[test]
fn grant() {
    run("grant", 20_000);
}

#[test]
fn json_request() {
    run("json_request", 8_000);
}

#[test]
fn jwk() {
    run("jwk", 15_000);
}

#[test]
fn policy() {
    run("policy", 6_000);
}

#[test]
fn x5c() {
    run("x5c", 20_000);
}

#[test]
fn xml_request() {
    run("xml_request", 8_000);
}

#[test]
fn every_target_has_a_test_and_a_program() {
    let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["grant", "json_request", "jwk", "policy", "x5c", "xml_request"], "write a test for each");
    for name in names {
        let path = folder().join("fuzz_targets").join(name).with_extension("rs");
        let program = std::fs::read_to_string(&path).expect("a program");
        assert!(program.contains(&format!("fuzz_targets::{name}(")), "{}", path.display());
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn run(name: &str, mutations: u32) {
    let began = Instant::now();
    let (_, target) = TARGETS.iter().find(|(other, _)| *other == name).expect("a target");
    let seeds = seeds(name);
    for (index, seed) in seeds.iter().enumerate() {
        feed(*target, seed, &format!("seed {index}"));
    }
    let kept = kept(name);
    for (path, input) in &kept {
        feed(*target, input, &path.display().to_string());
    }
    let mut random = Random(RANDOM_SEED);
    for index in 0..mutations {
        feed(*target, &mutate(&seeds, &mut random), &format!("mutation {index} of the random seed {RANDOM_SEED:#x}"));
    }
    let (seeds, kept, time) = (seeds.len(), kept.len(), began.elapsed());
    println!("{name}: {mutations} mutations, {seeds} seeds and {kept} kept inputs in {time:.1?}");
}

/// The inputs that are kept for a target, in the order of their names.
fn kept(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(entries) = std::fs::read_dir(folder().join("corpus").join(name)) else { return vec![] };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths.into_iter().filter_map(|path| std::fs::read(&path).ok().map(|input| (path, input))).collect()
}

fn feed(target: Target, input: &[u8], origin: &str) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(input))) {
        eprintln!("{origin} fails. The input in base64:\n{}", STANDARD.encode(input));
        resume_unwind(panic);
    }
}
