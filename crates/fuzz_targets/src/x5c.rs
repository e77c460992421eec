//! Chains of certificates, as a header or a key has them.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use token::certificates::authority::{Authority, Profile, Subject};
use token::certificates::{CertificateChain, EnterpriseCertificates, self_signed};
use token::keys::{Algorithm, SigningKey};

use crate::check_text;

/// When chains are checked, in seconds since 1970: in the year 2026.
const NOW: i64 = 1_790_000_000;
/// Times at which nothing that the authority issued is valid: before it began, and in 2100.
const OTHER_TIMES: [i64; 3] = [-1, 0, 4_102_444_800];
const ORGANISATION: &str = "991825827";
/// The serial number of the certificate that is revoked.
const REVOKED: u64 = 2;
/// How many certificates of the raw form are looked at: more than a chain may have.
const MOST: usize = 8;

/// What the raw form can name.
struct Made {
    /// Certificates in DER form. The order is part of the raw form's meaning.
    certificates: Vec<Vec<u8>>,
    root: EnterpriseCertificates,
    /// The same root, with lists in which one certificate is revoked.
    with_lists: EnterpriseCertificates,
    root_pem: String,
    key: SigningKey,
}

/// The certificates that are accepted, by their places in [`Made`]: as long as no lists are looked at.
const ACCEPTED: [usize; 3] = [0, 1, 2];
/// The one of them that is revoked.
const REVOKED_PLACE: usize = 2;
/// The place of the issuing authority.
const ISSUING: u8 = 8;

#[expect(clippy::expect_used, reason = "without certificates nothing can be tested")]
static MADE: LazyLock<Made> = LazyLock::new(|| {
    let authority = Authority::new(2026).expect("an authority");
    // Of the same name, with other keys.
    let impostor = Authority::new(2026).expect("another authority");
    let key = SigningKey::generate(2048).expect("a key");
    let issue = |authority: &Authority, profile, years, serial| {
        let organisation = ORGANISATION.parse().expect("an organisation");
        let subject = Subject { organisation, name: "SmartCloud AS".into(), profile };
        let pem = authority.issue(&key, &subject, years, serial).expect("a certificate");
        first_of(&pem)
    };
    let certificates = vec![
        issue(&authority, Profile::SerialNumber, 2026..2029, 1),
        issue(&authority, Profile::OrganizationIdentifier, 2026..2029, 3),
        issue(&authority, Profile::SerialNumber, 2026..2029, REVOKED),
        issue(&authority, Profile::Encryption, 2026..2029, 4),
        issue(&authority, Profile::Server, 2026..2029, 5),
        issue(&authority, Profile::Nameless, 2026..2029, 6),
        issue(&authority, Profile::SerialNumber, 2020..2023, 7),
        issue(&authority, Profile::SerialNumber, 2028..2031, 8),
        first_of(&authority.issuing_pem()),
        first_of(&authority.root_pem()),
        issue(&impostor, Profile::SerialNumber, 2026..2029, 1),
        first_of(&impostor.issuing_pem()),
        decoded(&self_signed(&key, ORGANISATION, 2026).expect("a certificate")).remove(0),
    ];
    let root_pem = authority.root_pem();
    let root = || EnterpriseCertificates::new(&root_pem).expect("a root");
    let lists = authority.revocation_lists(&[REVOKED], 2026).expect("revocation lists");
    let with_lists = root().with_revocation_lists(&lists).expect("revocation lists that can be read");
    Made { certificates, root: root(), with_lists, root_pem, key }
});

#[expect(clippy::expect_used, reason = "what the authority has written must be readable")]
fn first_of(pem: &str) -> Vec<u8> {
    decoded(&CertificateChain::from_pem(pem).expect("a certificate")).remove(0)
}

/// The certificates of a chain in DER form.
fn decoded(chain: &CertificateChain) -> Vec<Vec<u8>> {
    chain.to_x5c().into_iter().filter_map(|text| STANDARD.decode(text).ok()).collect()
}

/// Reads bytes as the JSON of an `x5c`, and in the raw form, which reaches into the certificates:
///
/// one after the other, each begins with two bytes. If the first bit is not set, they are a length, big-endian, and so
/// many bytes in DER form follow. If it is set, the other seven bits of the first byte say how many changes there are,
/// and the second byte which certificate of our own is changed; each change is two bytes for the place and one that is
/// combined with the byte there (exclusive or).
///
/// # Panics
/// Where an invariant does not hold.
pub fn x5c(bytes: &[u8]) {
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        check_value(&value);
    }
    let certificates = from_raw(bytes);
    let texts: Vec<String> = certificates.iter().map(|der| STANDARD.encode(der)).collect();
    check_value(&json!(texts));
}

fn from_raw(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut certificates = Vec::new();
    while let Some((&[high, low], rest)) = bytes.split_first_chunk() {
        if certificates.len() == MOST {
            break;
        }
        bytes = rest;
        if high < 0x80 {
            let length = usize::from(u16::from_be_bytes([high, low])).min(bytes.len());
            let (der, rest) = bytes.split_at(length);
            bytes = rest;
            certificates.push(der.to_vec());
            continue;
        }
        let own = &MADE.certificates;
        let mut der = own.get(usize::from(low) % own.len()).cloned().unwrap_or_default();
        for _ in 0..high & 0x7f {
            let Some((&[high, low, change], rest)) = bytes.split_first_chunk() else { break };
            bytes = rest;
            let place = usize::from(u16::from_be_bytes([high, low])) % der.len();
            if let Some(byte) = der.get_mut(place) {
                *byte ^= change;
            }
        }
        certificates.push(der);
    }
    certificates
}

fn check_value(x5c: &Value) {
    let chain = match CertificateChain::from_x5c(x5c) {
        Err(error) => return check_text(&error),
        Ok(chain) => chain,
    };
    let written = chain.to_x5c();
    let texts = x5c.as_array().into_iter().flatten().filter_map(Value::as_str);
    let given: Vec<String> = texts.map(|text| text.split_ascii_whitespace().collect()).collect();
    assert_eq!(written, given, "a chain is not written as it was given");
    for der in decoded(&chain) {
        assert!(is_one_element(&der), "something is read that is more than a certificate");
    }
    check_again(&chain, &written);
    for algorithm in Algorithm::ALL {
        match chain.verifying_key(algorithm) {
            Err(error) => check_text(&error),
            Ok(key) => assert_eq!(key.algorithm(), algorithm),
        }
    }
    check_trust(&chain);
}

/// Whether bytes are one element of DER from the first to the last (ITU-T X.690 §8.1.3, §10.1). Its tag is not looked at:
/// reading takes a few that are no sequence, and trust refuses them.
fn is_one_element(der: &[u8]) -> bool {
    match der {
        [_, 0x82, high, low, rest @ ..] => rest.len() == usize::from(u16::from_be_bytes([*high, *low])),
        [_, 0x81, length, rest @ ..] | [_, length @ ..=0x7f, rest @ ..] => rest.len() == usize::from(*length),
        _ => false,
    }
}

/// A chain that is written and read again is the same.
fn check_again(chain: &CertificateChain, written: &[String]) {
    let again = CertificateChain::from_x5c(&json!(written));
    assert!(again.is_ok(), "a chain that was written cannot be read: {:?}", again.as_ref().err());
    let Ok(again) = again else { return };
    assert_eq!(again.to_x5c(), written);
    assert_eq!(again.organisation(), chain.organisation());
    let root = &MADE.root;
    assert_eq!(root.verify(&again, NOW), root.verify(chain, NOW), "trust depends on more than the certificates");
}

fn check_trust(chain: &CertificateChain) {
    let leaf = decoded(chain).into_iter().next().unwrap_or_default();
    // Byte for byte: what differs anywhere from what was issued was not issued.
    let issued = |place: &usize| MADE.certificates.get(*place) == Some(&leaf);
    let place = ACCEPTED.into_iter().find(issued);
    match MADE.root.verify(chain, NOW) {
        Err(error) => check_text(&error),
        Ok(organisation) => {
            let root = &MADE.root_pem;
            assert!(place.is_some(), "a certificate is accepted that was not issued for signing by\n{root}");
            assert_eq!(organisation.as_str(), ORGANISATION, "a certificate is accepted for another organisation");
            assert_eq!(chain.organisation(), Some(organisation));
            let jwk = MADE.key.public_jwk();
            assert!(chain.is_for(&jwk.n, &jwk.e), "a certificate is accepted for another key");
        }
    }
    match MADE.with_lists.verify(chain, NOW) {
        Err(error) => check_text(&error),
        Ok(_) => {
            let not_revoked = place.is_some_and(|place| place != REVOKED_PLACE);
            assert!(not_revoked, "a certificate is accepted that is revoked");
        }
    }
    for time in OTHER_TIMES {
        assert!(MADE.root.verify(chain, time).is_err(), "a certificate is accepted at {time}");
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let own = &MADE.certificates;
    let count = u8::try_from(own.len()).unwrap_or(u8::MAX);
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    for leaf in 0..count {
        seeds.push(vec![0x80, leaf, 0x80, ISSUING]);
        // A change of the body, one of the signature, and one of the authority that issued it.
        seeds.push(vec![0x81, leaf, 0x00, 0x90, 0x01, 0x80, ISSUING]);
        seeds.push(vec![0x81, leaf, 0x02, 0xff, 0x80, 0x80, ISSUING]);
        seeds.push(vec![0x80, leaf, 0x81, ISSUING, 0x00, 0x90, 0x01]);
    }
    // A sequence by its number, but of another class.
    seeds.push(vec![0x81, 0, 0x00, 0x00, 0x80, 0x80, ISSUING]);
    seeds.push([0x80, ISSUING].repeat(MOST));
    let impostor = vec![0x80, 10, 0x80, 11, 0x80, ISSUING, 0x80, 9];
    seeds.push(impostor);
    let chain = |leaf: &[u8]| [leaf, own.get(usize::from(ISSUING)).map_or(&[], Vec::as_slice)].map(<[u8]>::to_vec);
    for leaf in own {
        let chain = chain(leaf);
        let with_length =
            |der: &Vec<u8>| [&u16::try_from(der.len()).unwrap_or(0).to_be_bytes(), der.as_slice()].concat();
        seeds.push(chain.iter().flat_map(with_length).collect());
        let texts = chain.map(|der| STANDARD.encode(der));
        seeds.push(json!([texts[0], texts[1]]).to_string().into_bytes());
        // As clients write them that take them from PEM files.
        seeds.push(json!([texts[0].replace('A', "A\r\n")]).to_string().into_bytes());
        seeds.push(json!([with_needless_bits(&texts[0])]).to_string().into_bytes());
    }
    let others = [json!([]), json!(["AAAA"]), json!([null]), json!("AAAA"), json!(["A".repeat(17_000)])];
    seeds.extend(others.map(|value| value.to_string().into_bytes()));
    seeds
}

/// Another text for the same bytes, where there is padding: the bits that the last character has too many are not all
/// zero (RFC 4648 §3.5).
fn with_needless_bits(text: &str) -> String {
    let mut other = text.trim_end_matches('=').to_owned();
    let padding = text.len() - other.len();
    // Of a character that ends with two or four zero bits, the next in the alphabet is the next in ASCII.
    let next = other.pop().and_then(|last| char::from_u32(u32::from(last) + 1));
    other.extend(next.into_iter().chain(std::iter::repeat_n('=', padding)));
    other
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(raw: &[u8]) -> CertificateChain {
        let texts: Vec<String> = from_raw(raw).iter().map(|der| STANDARD.encode(der)).collect();
        CertificateChain::from_x5c(&json!(texts)).unwrap()
    }

    /// Without these, the invariants of what is accepted would never be looked at.
    #[test]
    fn the_seeds_reach_the_end() {
        for leaf in 0..u8::try_from(MADE.certificates.len()).unwrap() {
            let chain = chain(&[0x80, leaf, 0x80, ISSUING]);
            let accepted = ACCEPTED.contains(&usize::from(leaf));
            assert_eq!(MADE.root.verify(&chain, NOW).is_ok(), accepted, "{leaf}");
            let not_revoked = accepted && usize::from(leaf) != REVOKED_PLACE;
            assert_eq!(MADE.with_lists.verify(&chain, NOW).is_ok(), not_revoked, "{leaf}");
        }
    }

    #[test]
    fn the_raw_form_changes_what_it_names() {
        let own = MADE.certificates[1].clone();
        let mut changed = own.clone();
        changed[0x0102] ^= 0x40;
        assert_eq!(from_raw(&[0x81, 1, 0x01, 0x02, 0x40, 0x80, 1]), [changed, own]);
        assert_eq!(from_raw(&[0, 2, 7, 8, 0, 9, 1]), [vec![7, 8], vec![1]]);
    }
}
