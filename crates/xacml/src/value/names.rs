//! Names of people, hosts and networks (core specification §A.2).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// A distinguished name: its text as given, and what is compared.
#[derive(Debug, Clone)]
pub struct X500Name {
    text: Arc<str>,
    /// From the most specific to the root; each a set of `type=value`, in a fixed order.
    parts: Arc<[Vec<(String, String)>]>,
}

impl X500Name {
    /// Reads the text form of RFC 4514, with the white space that RFC 2253 tolerated.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        if !text.is_empty() {
            for part in split_unescaped(text, &[',', ';']) {
                let mut assertions = split_unescaped(part, &['+'])
                    .into_iter()
                    .map(|assertion| {
                        let (attribute, value) = assertion.split_once('=')?;
                        let attribute = attribute.trim().to_ascii_lowercase();
                        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
                        let attribute = attribute.strip_prefix("oid.").unwrap_or(&attribute);
                        (!attribute.is_empty() && attribute.chars().all(known))
                            .then(|| (attribute.to_owned(), folded(value)))
                    })
                    .collect::<Option<Vec<_>>>()?;
                assertions.sort();
                parts.push(assertions);
            }
        }
        Some(Self { text: text.into(), parts: parts.into() })
    }

    /// Whether this name ends that of `other`: `O=Medico,C=NO` ends `CN=Kari,O=Medico,C=NO`.
    pub(crate) fn is_end_of(&self, other: &Self) -> bool {
        other.parts.ends_with(&self.parts)
    }
}

impl PartialEq for X500Name {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

impl Eq for X500Name {}

impl Hash for X500Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts.hash(state);
    }
}

impl fmt::Display for X500Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Splits at separators that are neither escaped nor in quotes.
fn split_unescaped<'a>(text: &'a str, separators: &[char]) -> Vec<&'a str> {
    let (mut escaped, mut quoted) = (false, false);
    text.split(move |c: char| {
        if escaped {
            escaped = false;
            return false;
        }
        match c {
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        !quoted && separators.contains(&c)
    })
    .collect()
}

/// What of a value is compared: without quotes and escapes, spaces collapsed, in lower case (X.520 caseIgnoreMatch).
fn folded(value: &str) -> String {
    let value = value.trim();
    let value = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    let mut characters = value.chars().peekable();
    let mut bytes = Vec::with_capacity(value.len());
    while let Some(character) = characters.next() {
        let mut encoded = [0; 4];
        if character != '\\' {
            bytes.extend_from_slice(character.encode_utf8(&mut encoded).as_bytes());
            continue;
        }
        // Two hexadecimal digits are an octet; anything else stands for itself.
        let mut ahead = characters.clone();
        let digit = |c: Option<char>| c.and_then(|c| c.to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
        if let (Some(high), Some(low)) = (digit(ahead.next()), digit(ahead.next())) {
            bytes.push(high << 4 | low);
            characters = ahead;
        } else if let Some(character) = characters.next() {
            bytes.extend_from_slice(character.encode_utf8(&mut encoded).as_bytes());
        }
    }
    let text = String::from_utf8_lossy(&bytes).to_lowercase();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A mail address. The domain is in lower case; the part before it is as given, and case matters in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rfc822Name {
    text: Arc<str>,
}

impl Rfc822Name {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (local, domain) = text.rsplit_once('@')?;
        let plain = !local.is_empty() && !local.chars().any(|c| c.is_whitespace() || c.is_control());
        (plain && is_host_name(domain))
            .then(|| Self { text: format!("{local}@{}", domain.to_ascii_lowercase()).into() })
    }

    /// `rfc822Name-match` (§A.3.14): the pattern is a whole address, a whole domain, or the end of one (`.example.com`).
    pub(crate) fn matches(&self, pattern: &str) -> bool {
        let Some((local, domain)) = self.text.rsplit_once('@') else { return false };
        if let Some((pattern_local, pattern_domain)) = pattern.rsplit_once('@') {
            return local == pattern_local && domain == pattern_domain.to_ascii_lowercase();
        }
        let pattern = pattern.to_ascii_lowercase();
        if pattern.starts_with('.') { domain.ends_with(&pattern) } else { domain == pattern }
    }
}

impl fmt::Display for Rfc822Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// `80`, `-80`, `80-` or `80-90`.
fn is_port_range(text: &str) -> bool {
    let port = |text: &str| !text.starts_with('+') && text.parse::<u16>().is_ok();
    match text.split_once('-') {
        None => port(text),
        Some(("", upper)) => port(upper),
        Some((lower, "")) => port(lower),
        Some((lower, upper)) => port(lower) && port(upper),
    }
}

/// An address with a mask and ports, where given: `10.0.0.1/255.0.0.0:80`, `[2001:db8::1]/[ffff::]:80-90`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IpAddress {
    text: Arc<str>,
}

impl IpAddress {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let valid = if text.starts_with('[') { Self::is_v6(text) } else { Self::is_v4(text) };
        valid.then(|| Self { text: text.to_ascii_lowercase().into() })
    }

    fn is_v4(text: &str) -> bool {
        let (network, ports) = text.split_once(':').map_or((text, None), |(network, ports)| (network, Some(ports)));
        network.split('/').count() <= 2
            && network.split('/').all(|part| part.parse::<Ipv4Addr>().is_ok())
            && ports.is_none_or(is_port_range)
    }

    fn is_v6(text: &str) -> bool {
        let bracketed = |text: &str| -> Option<usize> {
            let (address, _) = text.strip_prefix('[')?.split_once(']')?;
            address.parse::<Ipv6Addr>().ok().map(|_| address.len() + 2)
        };
        let Some(rest) = bracketed(text).and_then(|end| text.get(end..)) else { return false };
        let rest = match rest.strip_prefix('/') {
            None => rest,
            Some(mask) => match bracketed(mask).and_then(|end| mask.get(end..)) {
                Some(rest) => rest,
                None => return false,
            },
        };
        rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port_range)
    }
}

impl fmt::Display for IpAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// A host name, perhaps with a first label that stands for any, and ports: `*.example.com:80`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DnsName {
    text: Arc<str>,
}

impl DnsName {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (host, ports) = text.split_once(':').map_or((text, None), |(host, ports)| (host, Some(ports)));
        let name = host.strip_prefix("*.").unwrap_or(host);
        (is_host_name(name) && ports.is_none_or(is_port_range)).then(|| Self { text: text.to_ascii_lowercase().into() })
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}
