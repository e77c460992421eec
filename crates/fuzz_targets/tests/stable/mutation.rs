//! Changes inputs: as bytes, and as what they are, JSON or XML or base64 or a compact serialisation, since most changes
//! of bytes are refused long before what they could break.

#![expect(clippy::indexing_slicing, reason = "a test; places are drawn from what there is")]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use roxmltree::{Document as Xml, Node};
use serde_json::{Map, Value, json};

/// The longest input that is made, in bytes: more than a token may have.
const LONGEST: usize = 40 * 1024;

/// SplitMix64 (Steele, Lea and Flood, 2014): small, and always the same for the same state.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, or 0.
    fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % end).unwrap_or(0)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn one_of<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len())]
    }
}

/// One of the seeds, changed once or a few times.
pub fn mutate(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut input = random.one_of(seeds).clone();
    for _ in 0..=random.below(3) {
        input = match random.below(3) {
            0 => change_bytes(input, seeds, random),
            _ => change_meaning(&input, random).unwrap_or_else(|| change_bytes(input, seeds, random)),
        };
    }
    input.truncate(LONGEST);
    input
}

/// Bytes that mean something to a parser: ends, signs, escapes, and the tags of DER.
const BYTES: &[u8] =
    b"\x00\x01\x02\x03\x04\x05\x06\x0c\x13\x17\x30\x31\x7f\x80\x81\x82\x84\xa0\xa3\xff\n\t \"\\.,:-=+/_[]{}";

fn change_bytes(mut input: Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let place = random.below(input.len());
    let end = (place + 1 + random.below(24)).min(input.len());
    match random.below(9) {
        0 => {
            if let Some(byte) = input.get_mut(place) {
                *byte ^= 1 << random.below(8);
            }
        }
        1 => {
            if let Some(byte) = input.get_mut(place) {
                *byte = *random.one_of(BYTES);
            }
        }
        2 => {
            if let Some(byte) = input.get_mut(place) {
                *byte = random.byte();
            }
        }
        3 => input.insert(place, *random.one_of(BYTES)),
        4 => input.truncate(place),
        5 => drop(input.drain(place.min(end)..end)),
        6 => {
            let twice = input[place.min(end)..end].to_vec();
            input.splice(end..end, twice);
        }
        7 => {
            let other = random.one_of(seeds);
            input.truncate(place);
            input.extend_from_slice(&other[random.below(other.len())..]);
        }
        _ => {
            let other = random.one_of(seeds);
            let from = random.below(other.len());
            let part = &other[from..(from + 1 + random.below(64)).min(other.len())];
            input.splice(place..place, part.iter().copied());
        }
    }
    input
}

/// Changes JSON as JSON, XML as XML, and what base64 hides behind base64; `None` for what is none of them.
fn change_meaning(input: &[u8], random: &mut Random) -> Option<Vec<u8>> {
    if let Ok(mut value) = serde_json::from_slice::<Value>(input) {
        if random.below(6) == 0 {
            return Some(with_raw_member(&value, random).into_bytes());
        }
        change_json(&mut value, random);
        return Some(value.to_string().into_bytes());
    }
    let text = str::from_utf8(input).ok()?;
    if let Ok(xml) = Xml::parse(text) {
        return Some(change_xml(&xml, random).into_bytes());
    }
    let mut parts: Vec<String> = text.split('.').map(str::to_owned).collect();
    if parts.len() != 3 {
        return None;
    }
    let index = random.below(3);
    parts[index] = change_base64(&parts[index], random)?;
    Some(parts.join(".").into_bytes())
}

/// Puts elements, attributes and texts where others are, or leaves them out.
fn change_xml(xml: &Xml<'_>, random: &mut Random) -> String {
    let source = xml.input_text();
    let elements: Vec<_> = xml.descendants().filter(Node::is_element).map(|node| node.range()).collect();
    let attributes: Vec<_> = xml.descendants().flat_map(|node| node.attributes()).collect();
    let mut texts: Vec<_> = xml.descendants().filter(Node::is_text).map(|node| node.range()).collect();
    texts.extend(attributes.iter().map(roxmltree::Attribute::range_value));
    let (element, other) = (random.one_of(&elements).clone(), random.one_of(&elements).clone());
    let at = |range| source.get(range).unwrap_or_default();
    let (range, new) = match random.below(8) {
        0 => (element, String::new()),
        1 => (element.clone(), at(element).repeat(2)),
        2 => (element, at(other).to_owned()),
        3 if !attributes.is_empty() => (random.one_of(&attributes).range(), String::new()),
        4 if !texts.is_empty() => {
            let escaped = text(random).replace('&', "&amp;").replace('<', "&lt;").replace(['"', '\''], "&#34;");
            (random.one_of(&texts).clone(), escaped)
        }
        _ if !texts.is_empty() => (random.one_of(&texts).clone(), at(random.one_of(&texts).clone()).to_owned()),
        _ => (element, String::new()),
    };
    let mut changed = source.to_owned();
    changed.replace_range(range, &new);
    changed
}

/// Changes what a text encodes, and encodes it in the same alphabet; `None` for what is no base64.
fn change_base64(text: &str, random: &mut Random) -> Option<String> {
    for engine in [&URL_SAFE_NO_PAD, &STANDARD] {
        if let Ok(bytes) = engine.decode(text) {
            let meant = change_meaning(&bytes, random);
            return Some(engine.encode(meant.unwrap_or_else(|| change_bytes(bytes.clone(), &[bytes], random))));
        }
    }
    None
}

/// JSON that no [`Value`] holds: a member twice, numbers out of range, and halves of a pair.
fn with_raw_member(value: &Value, random: &mut Random) -> String {
    const RAW: [&str; 9] =
        ["1e400", "-0", "1.0e2", "1E+2", r#""\ud800""#, r#""\u0000""#, "null", "[]", "18446744073709551616"];
    let text = value.to_string();
    let (Some(members), Some(rest)) = (value.as_object().filter(|members| !members.is_empty()), text.strip_prefix('{'))
    else {
        return format!("{{\"keys\":{text}}}");
    };
    let names: Vec<&String> = members.keys().collect();
    format!("{{{}:{},{rest}", Value::from(random.one_of(&names).as_str()), random.one_of(&RAW))
}

fn change_json(value: &mut Value, random: &mut Random) {
    let count = nodes(value);
    let mut other = random.below(count);
    let other = node(value, &mut other).map(|node| node.clone()).unwrap_or_default();
    let mut place = random.below(count);
    let Some(node) = node(value, &mut place) else { return };
    match random.below(8) {
        0 => *node = number(random),
        1 => *node = Value::from(text(random)),
        2 => *node = other,
        3 => *node = Value::Array(vec![node.take()]),
        4 => {
            for _ in 0..*random.one_of(&[1, 3, 20, 126, 200]) {
                *node = Value::Array(vec![node.take()]);
            }
        }
        5 => *node = random.one_of(&[Value::Null, json!(true), json!([]), json!({})]).clone(),
        _ => change_node(node, other, random),
    }
}

/// Changes a value and lets it stay what it is.
fn change_node(node: &mut Value, other: Value, random: &mut Random) {
    match node {
        Value::Null | Value::Bool(_) => *node = other,
        Value::Number(old) => {
            let by = *random.one_of(&[-180, -120, -11, -1, 1, 10, 60, 61, 180]);
            *node = old.as_i64().map_or(json!(0), |old| json!(old.saturating_add(by)));
        }
        Value::String(old) => match change_base64(old, random).filter(|_| random.below(2) == 0) {
            Some(changed) => *old = changed,
            None => change_text(old, random),
        },
        Value::Array(values) => match random.below(3) {
            0 => drop(values.pop()),
            1 => values.push(other),
            _ => {
                let first = values.first().cloned().unwrap_or(other);
                values.resize(*random.one_of(&[2, 6, 7, 10, 11, 100, 101]), first);
            }
        },
        Value::Object(members) => change_members(members, other, random),
    }
}

fn change_members(members: &mut Map<String, Value>, other: Value, random: &mut Random) {
    const NAMES: [&str; 28] = [
        "alg",
        "kid",
        "typ",
        "x5c",
        "crit",
        "aud",
        "iss",
        "iat",
        "exp",
        "nbf",
        "jti",
        "scope",
        "resource",
        "pid",
        "consumer_org",
        "authorization_details",
        "type",
        "systemuser_org",
        "externalRef",
        "ID",
        "id",
        "kty",
        "use",
        "key_ops",
        "e",
        "n",
        "keys",
        "d",
    ];
    let names: Vec<String> = members.keys().cloned().collect();
    match random.below(3) {
        0 => drop(members.insert((*random.one_of(&NAMES)).to_owned(), other)),
        1 => drop(members.insert(text(random), other)),
        _ if !names.is_empty() => drop(members.shift_remove(random.one_of(&names))),
        _ => {}
    }
}

fn change_text(old: &mut String, random: &mut Random) {
    let places: Vec<usize> = old.char_indices().map(|(place, _)| place).chain([old.len()]).collect();
    let place = *random.one_of(&places);
    match random.below(4) {
        0 => old.truncate(place),
        1 => old.insert_str(place, &text(random)),
        2 => old.insert(place, char::from(random.byte())),
        _ => *old = old.repeat(2),
    }
}

fn number(random: &mut Random) -> Value {
    let whole = [
        0,
        1,
        -1,
        120,
        1_789_999_880,
        1_790_000_000,
        1_790_000_120,
        1_790_000_180,
        253_402_300_799,
        i64::MAX,
        i64::MIN,
    ];
    let broken = [0.0, -0.0, 0.5, -0.5, 1e12, 1e300, 1_790_000_060.999];
    if random.below(2) == 0 { json!(random.one_of(&whole)) } else { json!(random.one_of(&broken)) }
}

fn text(random: &mut Random) -> String {
    const TEXTS: [&str; 24] = [
        "",
        " ",
        "\t",
        "\u{b}",
        "\u{0}",
        "\r\n",
        "\u{1b}[31m",
        "\u{7f}",
        "\u{85}",
        "\u{a0}",
        "\u{2028}",
        "\u{202e}",
        "æ",
        "🙂",
        "\"\\",
        "a:b",
        "RS256",
        "RS512",
        "none",
        "0192:310904473",
        "310904473",
        "urn:altinn:systemuser",
        "https://maskinporten.example/",
        "A",
    ];
    let text = *random.one_of(&TEXTS);
    let long = *random.one_of(&[65, 256, 4_097, 17_000]);
    if random.below(12) == 0 { text.chars().cycle().take(long).collect() } else { text.to_owned() }
}

fn nodes(value: &Value) -> usize {
    1 + match value {
        Value::Array(values) => values.iter().map(nodes).sum(),
        Value::Object(members) => members.values().map(nodes).sum(),
        _ => 0,
    }
}

/// The value at a place, counted from the outside and from the beginning.
fn node<'a>(value: &'a mut Value, place: &mut usize) -> Option<&'a mut Value> {
    if *place == 0 {
        return Some(value);
    }
    *place -= 1;
    match value {
        Value::Array(values) => values.iter_mut().find_map(|value| node(value, place)),
        Value::Object(members) => members.values_mut().find_map(|value| node(value, place)),
        _ => None,
    }
}
