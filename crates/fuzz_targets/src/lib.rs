//! What must hold for any bytes that [`token`] and [`xacml`] are asked to read.
//!
//! Each target is a function that takes bytes as a stranger could send them, reads them in every way that fits, and
//! panics where an invariant does not hold. Two programs feed them: `tests/stable.rs` with a bounded number of mutated
//! inputs in every `cargo test`, and the programs in the folder `fuzz` with what libFuzzer thinks of, for as long as one
//! likes.
//!
//! Keys and certificates are made anew by each process, and no key lies in the repository. What an input means must not
//! depend on them: that is why the raw form of [`x5c()`] names certificates by number.

mod grant;
mod jwk;
mod policy;
mod request;
mod x5c;

pub use grant::grant;
pub use jwk::jwk;
pub use policy::policy;
pub use request::{json_request, xml_request};
pub use x5c::x5c;

/// A function that is fed with bytes.
pub type Target = fn(&[u8]);

/// All targets, each with its name, which is also that of its program and its corpus in the folder `fuzz`.
pub const TARGETS: &[(&str, Target)] = &[
    ("grant", grant),
    ("json_request", json_request),
    ("jwk", jwk),
    ("policy", policy),
    ("x5c", x5c),
    ("xml_request", xml_request),
];

/// Inputs that lead a target through its whole depth, to begin from; none for a target that there is not.
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    match target {
        "grant" => grant::seeds(),
        "json_request" => request::json_seeds(),
        "jwk" => jwk::seeds(),
        "policy" => policy::seeds(),
        "x5c" => x5c::seeds(),
        "xml_request" => request::xml_seeds(),
        _ => vec![],
    }
}

/// What is a JSON object by its specification (RFC 7515 §4, RFC 7517 §4 and §5) is not read from anything else.
fn check_object(json: &[u8]) {
    // Members that nobody reads may hold what a `Value` cannot, such as a number beyond all bounds.
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(json).is_ok();
    let is_object = is_json && json.trim_ascii_start().starts_with(b"{");
    assert!(is_object, "something is read that is no JSON object");
}

/// An error's text is read by persons and written to logs: it says something, and it breaks no line.
fn check_text(error: &dyn std::error::Error) {
    let text = error.to_string();
    assert!(!text.trim().is_empty(), "an error says nothing: {error:?}");
    assert!(!text.contains(char::is_control), "an error's text has a control character: {text:?}");
}
