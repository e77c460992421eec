//! Attribute values and their data types (core specification, §A.2 and appendix B.3).
//!
//! A [`Value`] is read from text once, by [`DataType::parse`], and is its parsed form from then on: dates are compared
//! as instants, names without regard to case where their type says so. Its text is the canonical one of its type.

mod names;
mod text;
mod time;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use thiserror::Error;

pub use names::{DnsName, IpAddress, Rfc822Name, X500Name};
pub use text::Text;
pub use time::{Date, DateTime, DayTimeDuration, Time, YearMonthDuration};

/// The data types of attribute values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DataType {
    /// `http://www.w3.org/2001/XMLSchema#string`
    String,
    /// `http://www.w3.org/2001/XMLSchema#boolean`
    Boolean,
    /// `http://www.w3.org/2001/XMLSchema#integer`
    Integer,
    /// `http://www.w3.org/2001/XMLSchema#double`
    Double,
    /// `http://www.w3.org/2001/XMLSchema#time`
    Time,
    /// `http://www.w3.org/2001/XMLSchema#date`
    Date,
    /// `http://www.w3.org/2001/XMLSchema#dateTime`
    DateTime,
    /// `http://www.w3.org/2001/XMLSchema#dayTimeDuration`
    DayTimeDuration,
    /// `http://www.w3.org/2001/XMLSchema#yearMonthDuration`
    YearMonthDuration,
    /// `http://www.w3.org/2001/XMLSchema#anyURI`
    AnyUri,
    /// `http://www.w3.org/2001/XMLSchema#hexBinary`
    HexBinary,
    /// `http://www.w3.org/2001/XMLSchema#base64Binary`
    Base64Binary,
    /// `urn:oasis:names:tc:xacml:1.0:data-type:x500Name`
    X500Name,
    /// `urn:oasis:names:tc:xacml:1.0:data-type:rfc822Name`
    Rfc822Name,
    /// `urn:oasis:names:tc:xacml:2.0:data-type:ipAddress`
    IpAddress,
    /// `urn:oasis:names:tc:xacml:2.0:data-type:dnsName`
    DnsName,
}

impl DataType {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::String,
        Self::Boolean,
        Self::Integer,
        Self::Double,
        Self::Time,
        Self::Date,
        Self::DateTime,
        Self::DayTimeDuration,
        Self::YearMonthDuration,
        Self::AnyUri,
        Self::HexBinary,
        Self::Base64Binary,
        Self::X500Name,
        Self::Rfc822Name,
        Self::IpAddress,
        Self::DnsName,
    ];

    /// The identifier in documents.
    pub fn uri(self) -> &'static str {
        match self {
            Self::String => "http://www.w3.org/2001/XMLSchema#string",
            Self::Boolean => "http://www.w3.org/2001/XMLSchema#boolean",
            Self::Integer => "http://www.w3.org/2001/XMLSchema#integer",
            Self::Double => "http://www.w3.org/2001/XMLSchema#double",
            Self::Time => "http://www.w3.org/2001/XMLSchema#time",
            Self::Date => "http://www.w3.org/2001/XMLSchema#date",
            Self::DateTime => "http://www.w3.org/2001/XMLSchema#dateTime",
            Self::DayTimeDuration => "http://www.w3.org/2001/XMLSchema#dayTimeDuration",
            Self::YearMonthDuration => "http://www.w3.org/2001/XMLSchema#yearMonthDuration",
            Self::AnyUri => "http://www.w3.org/2001/XMLSchema#anyURI",
            Self::HexBinary => "http://www.w3.org/2001/XMLSchema#hexBinary",
            Self::Base64Binary => "http://www.w3.org/2001/XMLSchema#base64Binary",
            Self::X500Name => "urn:oasis:names:tc:xacml:1.0:data-type:x500Name",
            Self::Rfc822Name => "urn:oasis:names:tc:xacml:1.0:data-type:rfc822Name",
            Self::IpAddress => "urn:oasis:names:tc:xacml:2.0:data-type:ipAddress",
            Self::DnsName => "urn:oasis:names:tc:xacml:2.0:data-type:dnsName",
        }
    }

    /// The short form of the JSON profile (§3.3.1), which also begins the names of the type's functions: `anyURI`.
    pub fn shorthand(self) -> &'static str {
        self.uri().rsplit(['#', ':']).next().unwrap_or_default()
    }

    /// The type with this identifier.
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|data_type| data_type.uri() == uri)
    }

    /// The type with this identifier or short form.
    pub fn from_uri_or_shorthand(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|data_type| data_type.uri() == text || data_type.shorthand() == text)
    }

    /// Reads a value of this type from its text. White space around it is part of the value in strings only.
    ///
    /// # Errors
    /// A text that is not in the type's lexical space, or beyond what is represented: integers of more than 127 bits,
    /// years beyond 9999.
    pub fn parse(self, text: &str) -> Result<Value, ValueError> {
        let trimmed = text.trim_matches([' ', '\t', '\n', '\r']);
        let value = match self {
            Self::String => Some(Value::String(text.into())),
            Self::AnyUri => Some(Value::AnyUri(trimmed.into())),
            Self::Boolean => match trimmed {
                "true" | "1" => Some(Value::Boolean(true)),
                "false" | "0" => Some(Value::Boolean(false)),
                _ => None,
            },
            Self::Integer => trimmed.parse().ok().map(Value::Integer),
            Self::Double => parse_double(trimmed).map(Value::Double),
            Self::Time => Time::parse(trimmed).map(Value::Time),
            Self::Date => Date::parse(trimmed).map(Value::Date),
            Self::DateTime => DateTime::parse(trimmed).map(Value::DateTime),
            Self::DayTimeDuration => DayTimeDuration::parse(trimmed).map(Value::DayTimeDuration),
            Self::YearMonthDuration => YearMonthDuration::parse(trimmed).map(Value::YearMonthDuration),
            Self::HexBinary => parse_hex(trimmed).map(Value::HexBinary),
            Self::Base64Binary => {
                let compact: String = trimmed.chars().filter(|c| !c.is_ascii_whitespace()).collect();
                BASE64.decode(compact).ok().map(|bytes| Value::Base64Binary(bytes.into()))
            }
            Self::X500Name => X500Name::parse(trimmed).map(Value::X500Name),
            Self::Rfc822Name => Rfc822Name::parse(trimmed).map(Value::Rfc822Name),
            Self::IpAddress => IpAddress::parse(trimmed).map(Value::IpAddress),
            Self::DnsName => DnsName::parse(trimmed).map(Value::DnsName),
        };
        value.ok_or(ValueError { data_type: self })
    }
}

/// A text that is not a value of its type. The text is not repeated, since values can be personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the value is not of type {}", .data_type.uri())]
pub struct ValueError {
    /// The type it should have been.
    pub data_type: DataType,
}

/// An attribute value with its type.
///
/// Two values are equal when they have the same type and the type's `-equal` function says so. As in XML Schema's value
/// space, a double that is not a number equals itself.
#[derive(Debug, Clone)]
pub enum Value {
    /// A string, compared character by character.
    String(Text),
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i128),
    /// A number with binary fraction (IEEE 754, 64 bits).
    Double(f64),
    /// A time of day.
    Time(Time),
    /// A day.
    Date(Date),
    /// A day and a time.
    DateTime(DateTime),
    /// Days, hours, minutes and seconds.
    DayTimeDuration(DayTimeDuration),
    /// Years and months.
    YearMonthDuration(YearMonthDuration),
    /// A URI, compared character by character.
    AnyUri(Text),
    /// Octets, written in base 16.
    HexBinary(Arc<[u8]>),
    /// Octets, written in base 64.
    Base64Binary(Arc<[u8]>),
    /// A name of a directory (ITU-T X.520, written as RFC 4514 has it).
    X500Name(X500Name),
    /// A mail address (RFC 5321 §4.1.2).
    Rfc822Name(Rfc822Name),
    /// An IPv4 or IPv6 address with mask and ports.
    IpAddress(IpAddress),
    /// A host name with ports.
    DnsName(DnsName),
}

impl Value {
    /// The value's type.
    pub fn data_type(&self) -> DataType {
        match self {
            Self::String(_) => DataType::String,
            Self::Boolean(_) => DataType::Boolean,
            Self::Integer(_) => DataType::Integer,
            Self::Double(_) => DataType::Double,
            Self::Time(_) => DataType::Time,
            Self::Date(_) => DataType::Date,
            Self::DateTime(_) => DataType::DateTime,
            Self::DayTimeDuration(_) => DataType::DayTimeDuration,
            Self::YearMonthDuration(_) => DataType::YearMonthDuration,
            Self::AnyUri(_) => DataType::AnyUri,
            Self::HexBinary(_) => DataType::HexBinary,
            Self::Base64Binary(_) => DataType::Base64Binary,
            Self::X500Name(_) => DataType::X500Name,
            Self::Rfc822Name(_) => DataType::Rfc822Name,
            Self::IpAddress(_) => DataType::IpAddress,
            Self::DnsName(_) => DataType::DnsName,
        }
    }

    /// The characters of a string or URI.
    pub fn as_str(&self) -> Option<&str> {
        self.as_text().map(Text::as_str)
    }

    pub(crate) fn as_text(&self) -> Option<&Text> {
        match self {
            Self::String(text) | Self::AnyUri(text) => Some(text),
            _ => None,
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::String(a), Self::String(b)) | (Self::AnyUri(a), Self::AnyUri(b)) => a == b,
            (Self::Boolean(a), Self::Boolean(b)) => a == b,
            (Self::Integer(a), Self::Integer(b)) => a == b,
            (Self::Double(a), Self::Double(b)) => a == b || (a.is_nan() && b.is_nan()),
            (Self::Time(a), Self::Time(b)) => a == b,
            (Self::Date(a), Self::Date(b)) => a == b,
            (Self::DateTime(a), Self::DateTime(b)) => a == b,
            (Self::DayTimeDuration(a), Self::DayTimeDuration(b)) => a == b,
            (Self::YearMonthDuration(a), Self::YearMonthDuration(b)) => a == b,
            (Self::HexBinary(a), Self::HexBinary(b)) | (Self::Base64Binary(a), Self::Base64Binary(b)) => a == b,
            (Self::X500Name(a), Self::X500Name(b)) => a == b,
            (Self::Rfc822Name(a), Self::Rfc822Name(b)) => a == b,
            (Self::IpAddress(a), Self::IpAddress(b)) => a == b,
            (Self::DnsName(a), Self::DnsName(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.data_type().hash(state);
        match self {
            Self::String(text) | Self::AnyUri(text) => text.hash(state),
            Self::Boolean(truth) => truth.hash(state),
            Self::Integer(number) => number.hash(state),
            // Both zeros are equal, and so are all that are not numbers.
            Self::Double(number) if *number == 0.0 => 0u64.hash(state),
            Self::Double(number) if number.is_nan() => f64::NAN.to_bits().hash(state),
            Self::Double(number) => number.to_bits().hash(state),
            Self::Time(time) => time.hash(state),
            Self::Date(date) => date.hash(state),
            Self::DateTime(moment) => moment.hash(state),
            Self::DayTimeDuration(duration) => duration.hash(state),
            Self::YearMonthDuration(duration) => duration.hash(state),
            Self::HexBinary(bytes) | Self::Base64Binary(bytes) => bytes.hash(state),
            Self::X500Name(name) => name.hash(state),
            Self::Rfc822Name(name) => name.hash(state),
            Self::IpAddress(address) => address.hash(state),
            Self::DnsName(name) => name.hash(state),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) | Self::AnyUri(text) => formatter.write_str(text),
            Self::Boolean(truth) => truth.fmt(formatter),
            Self::Integer(number) => number.fmt(formatter),
            Self::Double(number) => formatter.write_str(&double_text(*number)),
            Self::Time(time) => time.fmt(formatter),
            Self::Date(date) => date.fmt(formatter),
            Self::DateTime(moment) => moment.fmt(formatter),
            Self::DayTimeDuration(duration) => duration.fmt(formatter),
            Self::YearMonthDuration(duration) => duration.fmt(formatter),
            Self::HexBinary(bytes) => bytes.iter().try_for_each(|byte| write!(formatter, "{byte:02X}")),
            Self::Base64Binary(bytes) => formatter.write_str(&BASE64.encode(bytes)),
            Self::X500Name(name) => name.fmt(formatter),
            Self::Rfc822Name(name) => name.fmt(formatter),
            Self::IpAddress(address) => address.fmt(formatter),
            Self::DnsName(name) => name.fmt(formatter),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

/// XML Schema part 2, §3.2.5: what Rust reads, less its own words for the special values.
fn parse_double(text: &str) -> Option<f64> {
    match text {
        "INF" | "+INF" => Some(f64::INFINITY),
        "-INF" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::NAN),
        number if number.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) => {
            number.parse().ok()
        }
        _ => None,
    }
}

/// XML Schema part 2, §3.2.5.2: one digit before the point, at least one after it, and an exponent.
fn double_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "INF".into() } else { "-INF".into() };
    }
    let scientific = format!("{number:E}");
    match scientific.split_once('E') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0E{exponent}"),
        _ => scientific,
    }
}

fn parse_hex(text: &str) -> Option<Arc<[u8]>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect::<Option<Vec<_>>>()?;
    rest.is_empty().then(|| bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(data_type: DataType, text: &str) -> String {
        data_type.parse(text).map_or_else(|error| error.to_string(), |value| value.to_string())
    }

    #[test]
    fn types_have_two_names() {
        for data_type in DataType::ALL {
            assert_eq!(DataType::from_uri(data_type.uri()), Some(data_type));
            assert_eq!(DataType::from_uri_or_shorthand(data_type.shorthand()), Some(data_type));
        }
        assert_eq!(DataType::AnyUri.shorthand(), "anyURI");
        assert_eq!(DataType::X500Name.shorthand(), "x500Name");
    }

    #[test]
    fn values_are_written_in_canonical_form() {
        for (data_type, given, written) in [
            (DataType::String, " a b ", " a b "),
            (DataType::AnyUri, " urn:x ", "urn:x"),
            (DataType::Boolean, " 1 ", "true"),
            (DataType::Integer, "+0042", "42"),
            (DataType::Double, "100", "1.0E2"),
            (DataType::Double, "1.25e-3", "1.25E-3"),
            (DataType::Double, "-INF", "-INF"),
            (DataType::HexBinary, "0fB7", "0FB7"),
            (DataType::Base64Binary, " aGVp ", "aGVp"),
            (DataType::Time, "08:23:47.500-05:00", "08:23:47.5-05:00"),
            (DataType::Time, "24:00:00", "00:00:00"),
            (DataType::Date, "2002-03-22Z", "2002-03-22Z"),
            (DataType::DateTime, "2002-03-22T24:00:00", "2002-03-23T00:00:00"),
            (DataType::DateTime, "2002-03-22T08:23:47-05:00", "2002-03-22T08:23:47-05:00"),
            (DataType::DayTimeDuration, "P1DT25H", "P2DT1H"),
            (DataType::DayTimeDuration, "-PT0.50S", "-PT0.5S"),
            (DataType::DayTimeDuration, "PT0S", "PT0S"),
            (DataType::YearMonthDuration, "P1Y14M", "P2Y2M"),
            (DataType::YearMonthDuration, "-P3M", "-P3M"),
            (DataType::Rfc822Name, "Kari.Nordmann@Example.COM", "Kari.Nordmann@example.com"),
            (DataType::DnsName, "*.Example.com:80-90", "*.example.com:80-90"),
            (DataType::IpAddress, "10.0.0.1/255.0.0.0:80", "10.0.0.1/255.0.0.0:80"),
            (DataType::IpAddress, "[2001:DB8::1]", "[2001:db8::1]"),
        ] {
            assert_eq!(text_of(data_type, given), written, "{data_type:?} {given}");
        }
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for (data_type, wrong) in [
            (DataType::Boolean, "TRUE"),
            (DataType::Integer, "1.0"),
            (DataType::Integer, ""),
            (DataType::Integer, "999999999999999999999999999999999999999999"),
            (DataType::Double, "infinity"),
            (DataType::Double, "1.0f"),
            (DataType::Double, ""),
            (DataType::HexBinary, "abc"),
            (DataType::HexBinary, "zz"),
            (DataType::Base64Binary, "a"),
            (DataType::Time, "8:00:00"),
            (DataType::Time, "08:00"),
            (DataType::Time, "08:00:60"),
            (DataType::Time, "08:00:00+14:30"),
            (DataType::Date, "2002-02-30"),
            (DataType::Date, "02-02-03"),
            (DataType::DateTime, "2002-03-22 08:23:47"),
            (DataType::DateTime, "2002-03-22T24:00:01"),
            (DataType::DayTimeDuration, "P"),
            (DataType::DayTimeDuration, "P1DT"),
            (DataType::DayTimeDuration, "P1Y"),
            (DataType::DayTimeDuration, "1D"),
            (DataType::YearMonthDuration, "P1D"),
            (DataType::YearMonthDuration, "P"),
            (DataType::Rfc822Name, "nobody"),
            (DataType::Rfc822Name, "c_clown@nose_medico.com"),
            (DataType::X500Name, "just text"),
            (DataType::IpAddress, "10.0.0"),
            (DataType::DnsName, "a..b"),
        ] {
            assert_eq!(text_of(data_type, wrong), ValueError { data_type }.to_string(), "{data_type:?} {wrong}");
        }
    }

    #[test]
    fn equality_is_that_of_the_type() {
        let equal = |data_type: DataType, a: &str, b: &str| data_type.parse(a).unwrap() == data_type.parse(b).unwrap();
        assert!(equal(DataType::DateTime, "2002-03-22T08:00:00-05:00", "2002-03-22T13:00:00Z"));
        assert!(equal(DataType::DateTime, "2002-03-22T13:00:00", "2002-03-22T13:00:00Z"));
        assert!(!equal(DataType::Time, "08:00:00+09:00", "17:00:00-06:00"));
        assert!(equal(
            DataType::X500Name,
            "cn=Kari  Nordmann, O=Medico+ou=a, C=NO",
            "CN=kari nordmann,OU=A+O=medico,c=no"
        ));
        assert!(!equal(DataType::X500Name, "cn=a,o=b", "o=b,cn=a"));
        assert!(equal(DataType::Rfc822Name, "Kari@EXAMPLE.com", "Kari@example.com"));
        assert!(!equal(DataType::Rfc822Name, "kari@example.com", "Kari@example.com"));
        assert!(equal(DataType::Double, "-0", "0"));
        assert!(!equal(DataType::String, "a", "A"));
        assert_ne!(Value::String("a".into()), Value::AnyUri("a".into()));
    }
}
