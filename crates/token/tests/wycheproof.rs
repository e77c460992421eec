//! The JSON Web Signature vectors of Project Wycheproof, through the path that verifies grants and tokens.
//!
//! The vectors are no part of this project. Where they do not lie beside it, this test says so and goes on.

use std::path::Path;

use serde_json::Value;
use token::jws::Jws;
use token::keys::{PublicJwk, VerifyingKey};

/// Vectors that Wycheproof calls valid and we refuse all the same, each with the reason.
const STRICTER: [(u64, &str); 0] = [];

fn verifies(key: &Value, jws: &str) -> bool {
    let Ok(key) = serde_json::from_value::<PublicJwk>(key.clone()) else { return false };
    let Ok(key) = VerifyingKey::from_jwk(&key) else { return false };
    Jws::parse(jws).is_ok_and(|jws| jws.verify(&key).is_ok())
}

#[test]
fn invalid_vectors_are_refused_and_valid_ones_of_our_algorithms_accepted() {
    let vectors = "../../../shared/data/wycheproof/json_web_signature_test.json";
    let Ok(text) = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(vectors)) else {
        println!("absent: the Wycheproof vectors; nothing was checked with them");
        return;
    };
    let vectors: Value = serde_json::from_slice(&text).unwrap();
    let (mut accepted, mut refused, mut of_others) = (0, 0, 0);
    for group in vectors["testGroups"].as_array().unwrap() {
        let key = group.get("public").unwrap_or(&group["private"]);
        let ours = key["alg"].as_str().is_some_and(|alg| alg.starts_with("RS"));
        for vector in group["tests"].as_array().unwrap() {
            let id = vector["tcId"].as_u64().unwrap();
            let comes = verifies(key, vector["jws"].as_str().expect("a compact serialisation"));
            let stricter = STRICTER.iter().any(|(stricter, _)| *stricter == id);
            match vector["result"].as_str().unwrap() {
                "valid" if ours && !stricter => {
                    assert!(comes, "{id} is valid and was refused: {}", vector["comment"]);
                    accepted += 1;
                }
                // A signature of another kind must not verify, valid or not.
                "valid" => {
                    assert!(!comes, "{id} is not of our algorithms, or is in the list of the stricter ones");
                    of_others += 1;
                }
                "invalid" => {
                    assert!(!comes, "{id} is invalid and was accepted: {}", vector["comment"]);
                    refused += 1;
                }
                other => panic!("{id}: the result {other} is not known"),
            }
        }
    }
    assert_eq!((accepted, refused, of_others), (16, 355, 30));
    println!(
        "{accepted} valid vectors accepted, {refused} invalid refused, {of_others} valid of other algorithms refused"
    );
}
