//! Grants: a compact serialisation, and the payload in it.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use token::access_token::SYSTEM_USER_TYPE;
use token::grant::{Grant, Strictness, check_times};
use token::jws::{Jws, MAX_LENGTH};
use token::keys::{SigningKey, VerifyingKey};

use crate::{check_object, check_text};

const ISSUER: &str = "https://maskinporten.example/";
/// When the seeds' grants are made, in seconds since 1970.
const NOW: i64 = 1_790_000_000;
/// The first second of the year 10000, from which on no claim is a time.
const END_OF_TIME: i64 = 253_402_300_800;

/// A client's key and all that it has signed.
struct Client {
    key: VerifyingKey,
    signed: Vec<String>,
}

#[expect(clippy::expect_used, reason = "without a key nothing can be tested")]
static CLIENT: LazyLock<Client> = LazyLock::new(|| {
    let generated = SigningKey::generate(2048).and_then(|key| key.to_pkcs8()).expect("a key");
    // With a kid that does not depend on the key, the seeds differ from process to process in their signatures only.
    let key = SigningKey::from_pkcs8(&generated, Some("fuzz".into())).expect("the same key");
    let signed = payloads().iter().map(|payload| key.sign(payload).expect("a signature")).collect();
    let key = VerifyingKey::from_jwk(key.public_jwk()).expect("its public half");
    Client { key, signed }
});

/// Reads bytes as a signed grant, and as the payload of one.
///
/// # Panics
/// Where an invariant does not hold.
pub fn grant(bytes: &[u8]) {
    check_payload(bytes, "");
    let Ok(token) = str::from_utf8(bytes) else { return };
    match Jws::parse(token) {
        Err(error) => check_text(&error),
        Ok(jws) => check_token(token, &jws),
    }
}

fn check_token(token: &str, jws: &Jws<'_>) {
    assert!(token.len() <= MAX_LENGTH, "a token of {} bytes is read", token.len());
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3, "a token of other than three parts is read");
    let header = parts.first().and_then(|header| URL_SAFE_NO_PAD.decode(header).ok());
    check_object(&header.unwrap_or_default());
    // One payload has one text. Else a used grant without jti, which is remembered by its text, could be used again.
    let payload = URL_SAFE_NO_PAD.encode(jws.unverified_payload());
    assert_eq!(parts.get(1), Some(&payload.as_str()), "a payload has two texts");
    match jws.verify(&CLIENT.key) {
        Err(error) => check_text(&error),
        Ok(verified) => {
            assert_eq!(verified, jws.unverified_payload(), "what is verified is not what was read");
            // Byte for byte, for the same reason as above.
            assert!(CLIENT.signed.iter().any(|signed| signed == token), "the key never signed this token");
        }
    }
    check_payload(jws.unverified_payload(), token);
}

fn check_payload(payload: &[u8], assertion: &str) {
    let levels = [Strictness::Strict, Strictness::Standard, Strictness::Lenient];
    let grants = levels.map(|level| Grant::parse(payload, level));
    for pair in grants.windows(2) {
        if let [Ok(stricter), laxer] = pair {
            assert_eq!(Ok(stricter), laxer.as_ref(), "a stricter reading accepts what a laxer one does not");
        }
    }
    for (level, grant) in levels.into_iter().zip(&grants) {
        match grant {
            Err(error) => check_text(error),
            Ok(grant) => check_grant(grant, level, assertion),
        }
    }
}

fn check_grant(grant: &Grant, level: Strictness, assertion: &str) {
    assert!(grant.scopes().next().is_some(), "a grant asks for no scope: {:?}", grant.scope);
    for scope in grant.scopes() {
        let whole = !scope.is_empty() && !scope.contains(|c: char| c.is_ascii_whitespace());
        assert!(whole && grant.scope.contains(scope), "{scope:?} is no scope of {:?}", grant.scope);
    }
    assert!(!grant.iss.trim().is_empty(), "a grant is nobody's");
    for uri in &grant.resource {
        let written = uri.contains(':') && uri.chars().all(|c| c.is_ascii_graphic());
        assert!(written, "{uri:?} is no URI");
    }
    for time in [Some(grant.iat), Some(grant.exp), grant.nbf].into_iter().flatten() {
        assert!((0..END_OF_TIME).contains(&time), "{time} is no time");
    }
    let for_us = level.is_for(&grant.aud, ISSUER);
    assert!(for_us || grant.aud != ISSUER, "a grant for the issuer is not for it");
    assert!(!for_us || grant.aud.starts_with("https://maskinporten.example"), "{:?} is another service", grant.aud);
    check_times_of(grant, level);
    check_replay_key(grant, assertion);
    check_system_user(grant);
}

fn check_times_of(grant: &Grant, level: Strictness) {
    let rules = level.time_rules();
    let (iat, exp) = (grant.iat, grant.exp);
    for now in [NOW, 0, iat - 11, iat - 10, iat, exp - 1, exp, END_OF_TIME] {
        let ahead = |time: i64| time - now > rules.max_ahead;
        let lasts = (1..=rules.max_lifetime).contains(&(exp - iat));
        let valid = exp > now && lasts && !ahead(iat) && !grant.nbf.is_some_and(ahead);
        let checked = check_times(grant, now, rules);
        assert_eq!(checked.is_ok(), valid, "iat {iat}, exp {exp}, nbf {:?} at {now}: {checked:?}", grant.nbf);
        if let Err(error) = checked {
            check_text(&error);
        }
    }
}

fn check_replay_key(grant: &Grant, assertion: &str) {
    let key = grant.replay_key(assertion);
    assert_eq!(key, grant.replay_key(assertion), "a grant is not remembered");
    let of_other_text = grant.replay_key(&format!("x{assertion}"));
    assert_eq!(key == of_other_text, grant.jti.is_some(), "a grant is remembered by its jti, else by what was signed");
    if assertion.contains('.') {
        assert_eq!(key, grant.replay_key(&format!("{assertion} ")), "what stands behind a grant makes it another");
    }
    if let Some(jti) = &grant.jti {
        let other_client = Grant { iss: format!("{}x", grant.iss), ..grant.clone() };
        assert_ne!(key, other_client.replay_key(assertion), "a client uses up another's grant");
        let other_grant = Grant { jti: Some(format!("{jti}x")), ..grant.clone() };
        assert_ne!(key, other_grant.replay_key(assertion), "a grant uses up another");
    }
}

fn check_system_user(grant: &Grant) {
    match grant.system_user_request() {
        Err(error) => check_text(&error),
        Ok(None) => assert_eq!(grant.authorization_details, None, "details that are there are not read"),
        Ok(Some(request)) => {
            assert_eq!(request.owner.as_str().parse(), Ok(request.owner), "a system user's owner is no organisation");
            let written = request.external_ref.is_none_or(|text| (1..=255).contains(&text.chars().count()));
            assert!(written, "an external reference is empty or too long");
        }
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let token = |header: &str| format!("{}.{}.AAAA", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode("{}"));
    let headers = [
        r#"{"alg":"RS256","typ":"JWT","kid":"fuzz"}"#,
        r#"{"alg":"none","x5c":["AAAA"]}"#,
        r#"{"alg":"RS512","crit":["b64"],"b64":false}"#,
        r#"{"alg":"RS256","alg":"HS256"}"#,
    ];
    // The last two are of more than one reading.
    let texts = [
        format!(r#"{{"iss":"a","aud":"{ISSUER}","iat":{NOW},"exp":{NOW},"exp":{},"scope":"a:b"}}"#, NOW + 60),
        format!(r#"{{"iss":"a","aud":"{ISSUER}","iat":1.79e9,"exp":{}.75,"scope":"a:b"}}"#, NOW + 60),
    ];
    let payloads = payloads().into_iter().map(|payload| payload.to_string());
    let tokens = CLIENT.signed.iter().cloned().chain(headers.map(token));
    payloads.chain(texts).chain(tokens).map(String::into_bytes).collect()
}

fn payloads() -> Vec<Value> {
    let least = json!({"aud": ISSUER, "iss": "client", "scope": "a:b", "iat": NOW, "exp": NOW + 120});
    let with = |members: Value| {
        let mut payload = least.clone();
        if let (Some(payload), Value::Object(members)) = (payload.as_object_mut(), members) {
            payload.extend(members);
        }
        payload
    };
    let org = json!({"authority": "iso6523-actorid-upis", "ID": "0192:310904473"});
    let details = |detail: Value| with(json!({"authorization_details": [detail]}));
    vec![
        least.clone(),
        with(json!({
            "jti": "one", "sub": "client", "nbf": NOW, "exp": NOW + 180, "scope": "a:b  c:d",
            "resource": ["https://api.example/orders?x=1", "urn:oid:1.2"], "pid": "17858212081",
            "consumer_org": "310904473",
        })),
        with(json!({"aud": [ISSUER], "resource": "api:x", "nbf": null, "jti": null})),
        with(json!({"aud": "https://maskinporten.example/token", "admin": true, "": 1, "\n": 2})),
        with(json!({"iss_onbehalfof": "a"})),
        with(json!({"exp": NOW + 3_600})),
        with(json!({"iat": NOW + 11, "nbf": NOW + 10})),
        details(json!({"type": SYSTEM_USER_TYPE, "systemuser_org": org, "externalRef": "department 7"})),
        details(json!({"type": SYSTEM_USER_TYPE, "systemuser_org": org, "externalRef": "æ".repeat(255)})),
        details(json!({"type": SYSTEM_USER_TYPE, "systemuser_org": org, "externalRef": "æ".repeat(256)})),
        details(json!({"type": SYSTEM_USER_TYPE, "systemuser_org": {"authority": "", "id": "0192:", "x": 1}})),
        details(json!({"type": "urn:altinn:consent", "from": "a"})),
        details(json!({"type": "other\u{7}"})),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without these, the invariants of what is accepted would never be looked at.
    #[test]
    fn the_seeds_reach_the_end() {
        let tokens: Vec<String> = seeds().into_iter().filter_map(|seed| String::from_utf8(seed).ok()).collect();
        let verified: Vec<Grant> = tokens
            .iter()
            .filter_map(|token| {
                Grant::parse(Jws::parse(token).ok()?.verify(&CLIENT.key).ok()?, Strictness::Strict).ok()
            })
            .collect();
        assert!(verified.iter().any(|grant| matches!(grant.system_user_request(), Ok(Some(_)))));
        assert!(verified.iter().any(|grant| check_times(grant, NOW, Strictness::Strict.time_rules()).is_ok()));
        assert!(verified.iter().any(|grant| grant.jti.is_some() && grant.resource.len() == 2));
    }

    #[test]
    #[should_panic(expected = "a control character")]
    fn a_text_that_breaks_a_line_is_found() {
        check_text(&std::io::Error::other("a\nb"));
    }
}
