//! Days, times and numbers, as each language writes them.

use std::sync::LazyLock;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::texts::Language;

const NORWEGIAN_MONTHS: [&str; 12] = [
    "januar",
    "februar",
    "mars",
    "april",
    "mai",
    "juni",
    "juli",
    "august",
    "september",
    "oktober",
    "november",
    "desember",
];
const ENGLISH_MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The time where the customers are.
fn in_norway(time: Timestamp) -> Zoned {
    static OSLO: LazyLock<TimeZone> = LazyLock::new(|| TimeZone::get("Europe/Oslo").unwrap_or(TimeZone::UTC));
    time.to_zoned(OSLO.clone())
}

/// A day: `3. mars 2026`, `3 March 2026`.
pub fn date(language: Language, time: Timestamp) -> String {
    let (months, dot) = match language {
        Language::Nb | Language::Nn => (NORWEGIAN_MONTHS, "."),
        Language::En => (ENGLISH_MONTHS, ""),
    };
    let day = in_norway(time);
    let month = usize::try_from(day.month() - 1).ok().and_then(|index| months.get(index)).copied();
    format!("{}{dot} {} {}", day.day(), month.unwrap_or_default(), day.year())
}

/// A time of the day: `09.05`, `09:05`.
pub fn time_of_day(language: Language, time: Timestamp) -> String {
    let separator = if language == Language::En { ':' } else { '.' };
    let time = in_norway(time);
    format!("{:02}{separator}{:02}", time.hour(), time.minute())
}

/// A number with its digits in groups: `12 345` with a space that does not break, `12,345`.
pub fn number(language: Language, number: usize) -> String {
    let separator = if language == Language::En { "," } else { "\u{a0}" };
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_where_the_customers_are() {
        let late: Timestamp = "2026-02-28T23:05:00Z".parse().unwrap();
        assert_eq!(
            (date(Language::Nn, late), time_of_day(Language::Nb, late)),
            ("1. mars 2026".into(), "00.05".into())
        );
        let summer: Timestamp = "2026-07-31T22:05:00Z".parse().unwrap();
        let english = (date(Language::En, summer), time_of_day(Language::En, summer));
        assert_eq!(english, ("1 August 2026".into(), "00:05".into()));
    }

    #[test]
    fn digits_are_in_groups_of_three() {
        let all = |language| [0, 999, 1_000, 1_234_567].map(|it| number(language, it));
        assert_eq!(all(Language::Nb), ["0", "999", "1\u{a0}000", "1\u{a0}234\u{a0}567"]);
        assert_eq!(all(Language::En), ["0", "999", "1,000", "1,234,567"]);
    }
}
