//! Public keys as JSON, alone and in sets.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use token::jws::Jws;
use token::keys::{Algorithm, JwkSet, PublicJwk, SignatureError, VerifyingKey};

use crate::{check_object, check_text};

/// The modulus of the example key of RFC 7638 §3.1, 2048 bits.
const MODULUS: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

/// How many keys of a set are looked at one by one.
const KEYS: usize = 4;

/// Reads bytes as a key, and as a set of keys.
///
/// # Panics
/// Where an invariant does not hold.
pub fn jwk(bytes: &[u8]) {
    let alone: Option<PublicJwk> = serde_json::from_slice(bytes).ok();
    if let Some(jwk) = &alone {
        check_object(bytes);
        check_jwk(jwk, bytes);
    }
    if let Ok(set) = serde_json::from_slice::<JwkSet>(bytes) {
        check_object(bytes);
        assert!(set.keys.len() <= JwkSet::MAX_KEYS, "a set of {} keys is read", set.keys.len());
        check_round_trip(&set);
        // A large set takes long and says no more than a small one.
        for jwk in set.keys.iter().take(KEYS) {
            check_jwk(jwk, bytes);
        }
    }
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        let set = serde_json::from_value::<JwkSet>(Value::from_iter([("keys", vec![value])])).map(|set| set.keys);
        let in_set = set.ok().and_then(|mut keys| keys.pop());
        // Not the other way round: a set tolerates a member that is there twice.
        assert!(alone.is_none() || in_set == alone, "a key is read otherwise in a set than alone");
    }
}

fn check_round_trip<T: Serialize + DeserializeOwned + PartialEq>(read: &T) {
    let again = serde_json::to_string(read).ok().and_then(|text| serde_json::from_str::<T>(&text).ok());
    assert!(again.as_ref() == Some(read), "what is written is not what was read");
}

fn check_jwk(jwk: &PublicJwk, bytes: &[u8]) {
    check_round_trip(jwk);
    let key = match VerifyingKey::from_jwk(jwk) {
        Err(error) => return check_text(&error),
        Ok(key) => key,
    };
    let number = |text: &str| URL_SAFE_NO_PAD.decode(text).map(|bytes| trimmed(&bytes)).unwrap_or_default();
    let (n, e) = (number(&jwk.n), number(&jwk.e));
    let bits = n.len() * 8 - n.first().map_or(0, |byte| byte.leading_zeros() as usize);
    assert!((2048..=4096).contains(&bits), "a key of {bits} bits is accepted");
    let odd = e.last().is_some_and(|byte| byte % 2 == 1);
    assert!(odd && e.len() <= 4 && e != [1], "the exponent {e:?} is accepted");
    assert!(jwk.kty == "RSA" && jwk.usage.as_deref().is_none_or(|usage| usage == "sig"), "another kind is accepted");
    assert_eq!(key.algorithm().name(), jwk.alg.as_deref().unwrap_or("RS256"), "the key is for another algorithm");
    check_signatures(&key, n.len(), bytes);
}

fn trimmed(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().skip_while(|byte| *byte == 0).collect()
}

/// Nobody has made a signature with these keys. Whatever is verified is a forgery.
fn check_signatures(key: &VerifyingKey, length: usize, bytes: &[u8]) {
    let of_input: Vec<u8> = bytes.iter().rev().copied().cycle().take(length).collect();
    let mut padded = vec![0xff; length];
    // The beginning of a right signature under the exponent 1, which must not be accepted.
    for (place, byte) in padded.iter_mut().zip([0, 1]) {
        *place = byte;
    }
    for signature in [bytes, &of_input, &padded, &vec![0; length], &[]] {
        check_refused(key, key.algorithm(), signature, SignatureError::Wrong);
    }
    for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| *algorithm != key.algorithm()) {
        check_refused(key, algorithm, &of_input, SignatureError::OtherAlgorithm);
    }
}

fn check_refused(key: &VerifyingKey, algorithm: Algorithm, signature: &[u8], refusal: SignatureError) {
    let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{}"}}"#, algorithm.name()));
    let token = format!("{header}.e30.{}", URL_SAFE_NO_PAD.encode(signature));
    // What is too long for a signature may be too long for a token.
    if let Ok(jws) = Jws::parse(&token) {
        assert_eq!(jws.verify(key), Err(refusal), "a signature that nobody made");
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let key = json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "one", "e": "AQAB", "n": MODULUS});
    let with = |members: Value| {
        let mut key = key.clone();
        if let (Some(key), Value::Object(members)) = (key.as_object_mut(), members) {
            key.extend(members);
        }
        key
    };
    // Nobody knows the factors of these, if they have any: only their size matters.
    let of_size = |first: u8, bytes: usize| {
        let mut n = vec![0xa5; bytes];
        if let Some(byte) = n.first_mut() {
            *byte = first;
        }
        with(json!({"n": URL_SAFE_NO_PAD.encode(n)}))
    };
    let keys = vec![
        key.clone(),
        json!({"kty": "RSA", "e": "Aw", "n": MODULUS}),
        with(json!({"alg": "RS384", "key_ops": ["sign", "verify"], "x5c": ["AAAA"]})),
        with(json!({"alg": "RS512", "use": null, "e": "AAEAAQ", "n": format!("AAAA{MODULUS}")})),
        with(json!({"alg": "PS256"})),
        with(json!({"use": "enc", "key_ops": []})),
        of_size(0x7f, 256),
        of_size(0x80, 256),
        of_size(0xff, 384),
        of_size(0xff, 512),
        of_size(0x01, 513),
        json!({"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}),
    ];
    let sets = [
        json!({"keys": []}),
        json!({"keys": keys}),
        json!({"keys": vec![json!({"kty": "RSA", "e": "", "n": ""}); 101]}),
    ];
    let twice = format!(r#"{{"kty":"RSA","e":"AQAB","e":"AQ","n":"{MODULUS}"}}"#);
    let texts = keys.iter().chain(&sets).map(Value::to_string).chain([format!(r#"{{"keys":[{twice}]}}"#), twice]);
    texts.map(String::into_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without these, the invariants of what is accepted would never be looked at.
    #[test]
    fn the_seeds_reach_the_end() {
        let jwks = seeds().into_iter().filter_map(|seed| serde_json::from_slice::<PublicJwk>(&seed).ok());
        let accepted: Vec<_> = jwks.filter_map(|jwk| VerifyingKey::from_jwk(&jwk).ok()).collect();
        for algorithm in Algorithm::ALL {
            assert!(accepted.iter().any(|key| key.algorithm() == algorithm), "{algorithm:?}");
        }
    }
}
