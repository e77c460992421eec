//! Numbers and names that identify organisations, persons and systems.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A Norwegian organisation number (organisasjonsnummer): nine digits, the last a modulus-11 check digit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrgNumber([u8; 9]);

/// Why a text is not an organisation number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OrgNumberError {
    /// Not exactly nine ASCII digits.
    #[error("an organisation number has nine digits")]
    NotNineDigits,
    /// The last digit does not follow from the first eight.
    #[error("the organisation number has a wrong check digit")]
    WrongCheckDigit,
}

impl OrgNumber {
    /// The digits as text.
    pub fn as_str(&self) -> &str {
        // Only ASCII digits are ever stored.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The digits in groups of three, as people write them: `310 904 473`, with spaces at which no line breaks.
    pub fn grouped(&self) -> String {
        self.0.chunks(3).map(|group| String::from_utf8_lossy(group)).collect::<Vec<_>>().join("\u{a0}")
    }
}

impl FromStr for OrgNumber {
    type Err = OrgNumberError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WEIGHTS: [u32; 8] = [3, 2, 7, 6, 5, 4, 3, 2];
        let digits: [u8; 9] = text.as_bytes().try_into().map_err(|_| OrgNumberError::NotNineDigits)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(OrgNumberError::NotNineDigits);
        }
        let check = modulus_11(&digits, &WEIGHTS);
        if check == digits.last().map(|digit| u32::from(digit - b'0')) {
            Ok(Self(digits))
        } else {
            Err(OrgNumberError::WrongCheckDigit)
        }
    }
}

/// The modulus-11 check digit of the leading digits; `None` when no digit exists (remainder 10).
fn modulus_11(digits: &[u8], weights: &[u32]) -> Option<u32> {
    let sum: u32 = digits.iter().zip(weights).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    match 11 - sum % 11 {
        11 => Some(0),
        10 => None,
        digit => Some(digit),
    }
}

impl fmt::Display for OrgNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for OrgNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "OrgNumber({self})")
    }
}

impl Serialize for OrgNumber {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for OrgNumber {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// An organisation as ISO 6523 writes it in tokens: `{"authority":"iso6523-actorid-upis","ID":"0192:310904473"}`.
///
/// Some documents print the member `ID` as `id`; both are read, `ID` is written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Iso6523 {
    /// The scheme; only [`Iso6523::AUTHORITY`] names an organisation.
    pub authority: String,
    /// `0192:` and nine digits.
    #[serde(rename = "ID", alias = "id")]
    pub id: String,
}

impl Iso6523 {
    /// The one scheme in use.
    pub const AUTHORITY: &str = "iso6523-actorid-upis";
    /// The international code designator of the Norwegian register of legal entities.
    pub const ICD: &str = "0192";

    /// The organisation in this form.
    pub fn new(org: OrgNumber) -> Self {
        Self { authority: Self::AUTHORITY.into(), id: format!("{}:{org}", Self::ICD) }
    }

    /// The organisation, or `None` for an unknown scheme, another designator, extra parts or an invalid number.
    pub fn org_number(&self) -> Option<OrgNumber> {
        if self.authority != Self::AUTHORITY {
            return None;
        }
        let (icd, number) = self.id.split_once(':')?;
        (icd == Self::ICD).then(|| number.parse().ok()).flatten()
    }
}

/// A Norwegian national identity number: a fødselsnummer or D-number, synthetic ones (month + 80 or + 40) included.
///
/// It is never written to a log: `Debug` shows nothing of it, and there is no `Display`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct NationalId(String);

/// Why a text is not a national identity number. The text itself is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NationalIdError {
    /// Not exactly eleven ASCII digits.
    #[error("a national identity number has eleven digits")]
    NotElevenDigits,
    /// The first six digits name no day.
    #[error("the national identity number does not begin with a day and a month")]
    NotADay,
    /// One of the two last digits does not follow from the others.
    #[error("the national identity number has a wrong check digit")]
    WrongCheckDigit,
}

impl NationalId {
    /// The digits, for sealing, hashing and showing to the one it belongs to. Not for logs, errors or addresses.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the number is synthetic, that is, made for tests: its month is written with 40 or 80 added.
    pub fn is_synthetic(&self) -> bool {
        self.0.get(2..3).is_some_and(|digit| digit >= "4")
    }
}

impl FromStr for NationalId {
    type Err = NationalIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FIRST: [u32; 9] = [3, 7, 6, 1, 8, 9, 4, 5, 2];
        const SECOND: [u32; 10] = [5, 4, 3, 2, 7, 6, 5, 4, 3, 2];
        let digits: [u8; 11] = text.as_bytes().try_into().map_err(|_| NationalIdError::NotElevenDigits)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(NationalIdError::NotElevenDigits);
        }
        let [d1, d2, m1, m2, .., k1, k2] = digits.map(|digit| u32::from(digit - b'0'));
        // A D-number adds 40 to the day; synthetic numbers add 40 or 80 to the month.
        let day = (d1 * 10 + d2) % 40;
        let month = (m1 * 10 + m2) % 40;
        if !(1..=31).contains(&day) || !(1..=12).contains(&month) {
            return Err(NationalIdError::NotADay);
        }
        if modulus_11(&digits, &FIRST) == Some(k1) && modulus_11(&digits, &SECOND) == Some(k2) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NationalIdError::WrongCheckDigit)
        }
    }
}

impl fmt::Debug for NationalId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("NationalId(…)")
    }
}

impl<'de> Deserialize<'de> for NationalId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The id of a system in the system register: the vendor's organisation number, `_`, and a name of the vendor's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct SystemId(String);

/// Why a text cannot be the id of a vendor's system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SystemIdError {
    /// White space inside.
    #[error("a system id has no spaces")]
    HasSpace,
    /// It does not begin with the vendor's organisation number and `_`.
    #[error("a system id begins with the vendor's organisation number and an underscore")]
    NotOfVendor,
    /// Longer than [`SystemId::MAX_LENGTH`] characters.
    #[error("a system id has at most 255 characters")]
    TooLong,
}

impl SystemId {
    /// The longest id, in characters.
    pub const MAX_LENGTH: usize = 255;

    /// Checks a new id for `vendor`. All that is wrong is reported, so that one round is enough to mend it.
    pub fn for_vendor(text: &str, vendor: OrgNumber) -> Result<Self, Vec<SystemIdError>> {
        let mut errors = Vec::new();
        if text.chars().any(char::is_whitespace) {
            errors.push(SystemIdError::HasSpace);
        }
        if text.split('_').next() != Some(vendor.as_str()) {
            errors.push(SystemIdError::NotOfVendor);
        }
        if text.chars().count() > Self::MAX_LENGTH {
            errors.push(SystemIdError::TooLong);
        }
        if errors.is_empty() { Ok(Self(text.to_owned())) } else { Err(errors) }
    }

    /// An id that was checked when it was registered.
    pub fn registered(text: String) -> Self {
        Self(text)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SystemId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn organisations_of_the_story_are_valid() {
        for number in ["974761076", "991825827", "310904473", "314250052"] {
            assert_eq!(number.parse::<OrgNumber>().map(|org| org.to_string()), Ok(number.to_owned()));
        }
    }

    #[test]
    fn a_wrong_organisation_number_says_what_is_wrong() {
        assert_eq!("97476107".parse::<OrgNumber>(), Err(OrgNumberError::NotNineDigits));
        assert_eq!("97476107A".parse::<OrgNumber>(), Err(OrgNumberError::NotNineDigits));
        assert_eq!("974761077".parse::<OrgNumber>(), Err(OrgNumberError::WrongCheckDigit));
    }

    #[test]
    fn an_organisation_number_is_grouped_for_reading() {
        assert_eq!("310904473".parse::<OrgNumber>().map(|org| org.grouped()), Ok("310\u{a0}904\u{a0}473".into()));
    }

    #[test]
    fn iso_6523_reads_both_spellings_and_refuses_other_schemes() {
        let org = |json: &str| serde_json::from_str::<Iso6523>(json).ok().and_then(|iso| iso.org_number());
        let ape = "310904473".parse().ok();
        assert_eq!(org(r#"{"authority":"iso6523-actorid-upis","ID":"0192:310904473"}"#), ape);
        assert_eq!(org(r#"{"authority":"iso6523-actorid-upis","id":"0192:310904473"}"#), ape);
        assert_eq!(org(r#"{"authority":"iso6523-actorid-upis","ID":"9908:310904473"}"#), None);
        assert_eq!(org(r#"{"authority":"other","ID":"0192:310904473"}"#), None);
        assert_eq!(org(r#"{"authority":"iso6523-actorid-upis","ID":"0192:310904473:sub"}"#), None);
    }

    #[test]
    fn a_national_id_is_not_shown_by_debug() {
        let person: NationalId = "17858212081".parse().unwrap();
        assert_eq!(format!("{person:?}"), "NationalId(…)");
        assert!(person.is_synthetic());
    }

    #[test]
    fn a_wrong_national_id_says_what_is_wrong() {
        assert_eq!("1785821208".parse::<NationalId>(), Err(NationalIdError::NotElevenDigits));
        assert_eq!("17958212081".parse::<NationalId>(), Err(NationalIdError::NotADay));
        assert_eq!("17858212082".parse::<NationalId>(), Err(NationalIdError::WrongCheckDigit));
    }

    #[test]
    fn a_system_id_belongs_to_its_vendor() {
        let vendor: OrgNumber = "991825827".parse().unwrap();
        assert!(SystemId::for_vendor("991825827_smartcloud", vendor).is_ok());
        assert_eq!(SystemId::for_vendor("310904473_x", vendor), Err(vec![SystemIdError::NotOfVendor]));
        assert_eq!(
            SystemId::for_vendor("310904473 x", vendor),
            Err(vec![SystemIdError::HasSpace, SystemIdError::NotOfVendor])
        );
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_keeps_the_digits(text in "\\PC{0,14}") {
            if let Ok(org) = text.parse::<OrgNumber>() {
                prop_assert_eq!(org.as_str(), text.as_str());
            }
            if let Ok(person) = text.parse::<NationalId>() {
                prop_assert_eq!(person.expose(), text.as_str());
            }
        }

        #[test]
        fn one_changed_digit_is_always_noticed(seed in 0u32..100_000_000, place in 0usize..8, by in 1u8..10) {
            let head = format!("{seed:08}");
            let Some(number) = (0..10).find_map(|check| format!("{head}{check}").parse::<OrgNumber>().ok()) else {
                return Ok(());
            };
            let mut digits = number.as_str().as_bytes().to_vec();
            digits[place] = b'0' + (digits[place] - b'0' + by) % 10;
            prop_assert!(String::from_utf8(digits).unwrap().parse::<OrgNumber>().is_err());
        }
    }
}
