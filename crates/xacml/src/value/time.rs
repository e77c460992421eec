//! Times and durations (XML Schema part 2; XQuery and XPath data model for the two durations).
//!
//! A time without zone is taken as UTC where it is compared with another.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use jiff::civil;
use jiff::{SignedDuration, Span};

const NANOS: i128 = 1_000_000_000;
const DAY_SECONDS: i128 = 86_400;

/// The minutes a zone is ahead of UTC.
type Offset = i16;

/// Defines equality, order and hash by a point on the time line.
macro_rules! ordered_by {
    ($type:ty, $key:ident) => {
        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                self.$key() == other.$key()
            }
        }

        impl Eq for $type {}

        impl PartialOrd for $type {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $type {
            fn cmp(&self, other: &Self) -> Ordering {
                self.$key().cmp(&other.$key())
            }
        }

        impl Hash for $type {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.$key().hash(state);
            }
        }
    };
}

/// A day with a time, and perhaps a zone.
#[derive(Debug, Clone, Copy)]
pub struct DateTime {
    civil: civil::DateTime,
    offset: Option<Offset>,
}

ordered_by!(DateTime, instant);

impl DateTime {
    /// The moment in UTC.
    pub fn utc(moment: jiff::Timestamp) -> Self {
        Self { civil: jiff::tz::TimeZone::UTC.to_datetime(moment), offset: Some(0) }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (date, rest) = text.split_once('T')?;
        let (rest, offset) = split_zone(rest)?;
        let (time, next_day) = parse_clock(rest)?;
        let civil = parse_day(date)?.to_datetime(time);
        let civil = if next_day { civil.checked_add(Span::new().days(1)).ok()? } else { civil };
        Some(Self { civil, offset })
    }

    /// Nanoseconds on the time line.
    fn instant(&self) -> i128 {
        let since: SignedDuration = self.civil.duration_since(civil::DateTime::ZERO);
        since.as_nanos() - i128::from(self.offset.unwrap_or(0)) * 60 * NANOS
    }

    /// The day.
    pub fn date(&self) -> Date {
        Date { civil: self.civil.date(), offset: self.offset }
    }

    /// The time of day.
    pub fn time(&self) -> Time {
        Time { civil: self.civil.time(), offset: self.offset }
    }

    pub(crate) fn plus_duration(&self, duration: DayTimeDuration) -> Option<Self> {
        let seconds = i64::try_from(duration.nanos.div_euclid(NANOS)).ok()?;
        let nanos = i32::try_from(duration.nanos.rem_euclid(NANOS)).ok()?;
        let civil = self.civil.checked_add(SignedDuration::new(seconds, nanos)).ok()?;
        Some(Self { civil, ..*self })
    }

    pub(crate) fn plus_months(&self, duration: YearMonthDuration) -> Option<Self> {
        let date = self.date().plus_months(duration)?;
        Some(Self { civil: date.civil.to_datetime(self.civil.time()), ..*self })
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_day(formatter, self.civil.date())?;
        formatter.write_str("T")?;
        write_clock(formatter, self.civil.time())?;
        write_zone(formatter, self.offset)
    }
}

/// A day, perhaps with a zone.
#[derive(Debug, Clone, Copy)]
pub struct Date {
    civil: civil::Date,
    offset: Option<Offset>,
}

ordered_by!(Date, instant);

impl Date {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (day, offset) = split_zone(text)?;
        Some(Self { civil: parse_day(day)?, offset })
    }

    /// When the day begins.
    fn instant(self) -> i128 {
        DateTime { civil: self.civil.to_datetime(civil::Time::midnight()), offset: self.offset }.instant()
    }

    pub(crate) fn plus_months(self, duration: YearMonthDuration) -> Option<Self> {
        let civil = self.civil.checked_add(Span::new().try_months(duration.months).ok()?).ok()?;
        Some(Self { civil, ..self })
    }
}

impl fmt::Display for Date {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_day(formatter, self.civil)?;
        write_zone(formatter, self.offset)
    }
}

/// A time of day, perhaps with a zone.
#[derive(Debug, Clone, Copy)]
pub struct Time {
    civil: civil::Time,
    offset: Option<Offset>,
}

ordered_by!(Time, instant);

impl Time {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (clock, offset) = split_zone(text)?;
        Some(Self { civil: parse_clock(clock)?.0, offset })
    }

    /// Nanoseconds since midnight UTC of the day that it is in its own zone; may be before it or after its end.
    fn instant(&self) -> i128 {
        self.clock() - i128::from(self.offset.unwrap_or(0)) * 60 * NANOS
    }

    fn clock(&self) -> i128 {
        self.civil.duration_since(civil::Time::midnight()).as_nanos()
    }

    /// Whether the time is in a range that may go past midnight. Bounds without zone are in this time's zone.
    pub(crate) fn is_between(&self, lower: Self, upper: Self) -> bool {
        let day = DAY_SECONDS * NANOS;
        let own = |bound: Self| Self { offset: bound.offset.or(self.offset), ..bound }.instant();
        let (lower, upper) = (own(lower), own(upper));
        (self.instant() - lower).rem_euclid(day) <= (upper - lower).rem_euclid(day)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_clock(formatter, self.civil)?;
        write_zone(formatter, self.offset)
    }
}

/// A length of time in days, hours, minutes and seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DayTimeDuration {
    nanos: i128,
}

impl DayTimeDuration {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = strip_sign(text);
        let rest = rest.strip_prefix('P')?;
        let (days, clock) = match rest.split_once('T') {
            Some((days, clock)) if !clock.is_empty() => (days, clock),
            None if !rest.is_empty() => (rest, ""),
            _ => return None,
        };
        let (days, rest) = field(days, 'D')?;
        let (hours, clock) = field(clock, 'H')?;
        let (minutes, clock) = field(clock, 'M')?;
        if !rest.is_empty() {
            return None;
        }
        let (seconds, nanos) = match clock.strip_suffix('S') {
            Some(text) => {
                let (whole, fraction) = text.split_once('.').map_or((text, None), |(a, b)| (a, Some(b)));
                (digits(whole)?, fraction.map_or(Some(0), parse_fraction)?)
            }
            None if clock.is_empty() => (0, 0),
            None => return None,
        };
        let minutes = days.checked_mul(1440)?.checked_add(hours.checked_mul(60)?)?.checked_add(minutes)?;
        let total = i128::from(minutes.checked_mul(60)?.checked_add(seconds)?) * NANOS + i128::from(nanos);
        Some(Self { nanos: if negative { -total } else { total } })
    }

    pub(crate) fn negated(self) -> Self {
        Self { nanos: -self.nanos }
    }
}

impl fmt::Display for DayTimeDuration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.nanos < 0 { "-" } else { "" };
        let total = self.nanos.abs();
        let (seconds, nanos) = (total / NANOS, total % NANOS);
        let (days, hours) = (seconds / DAY_SECONDS, seconds % DAY_SECONDS / 3600);
        let (minutes, seconds) = (seconds % 3600 / 60, seconds % 60);
        write!(formatter, "{sign}P")?;
        if days > 0 {
            write!(formatter, "{days}D")?;
        }
        if total == 0 || total % (DAY_SECONDS * NANOS) != 0 {
            formatter.write_str("T")?;
        }
        if hours > 0 {
            write!(formatter, "{hours}H")?;
        }
        if minutes > 0 {
            write!(formatter, "{minutes}M")?;
        }
        if nanos > 0 {
            let fraction = format!("{nanos:09}");
            write!(formatter, "{seconds}.{}S", fraction.trim_end_matches('0'))?;
        } else if seconds > 0 || total == 0 {
            write!(formatter, "{seconds}S")?;
        }
        Ok(())
    }
}

/// A length of time in years and months.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct YearMonthDuration {
    months: i64,
}

impl YearMonthDuration {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = strip_sign(text);
        let rest = rest.strip_prefix('P').filter(|rest| !rest.is_empty())?;
        let (years, rest) = field(rest, 'Y')?;
        let (months, rest) = field(rest, 'M')?;
        let months = years.checked_mul(12)?.checked_add(months)?;
        rest.is_empty().then_some(Self { months: if negative { -months } else { months } })
    }

    pub(crate) fn negated(self) -> Self {
        Self { months: -self.months }
    }
}

impl fmt::Display for YearMonthDuration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.months < 0 { "-" } else { "" };
        let (years, months) = (self.months.abs() / 12, self.months.abs() % 12);
        write!(formatter, "{sign}P")?;
        if years > 0 {
            write!(formatter, "{years}Y")?;
        }
        if months > 0 || years == 0 {
            write!(formatter, "{months}M")?;
        }
        Ok(())
    }
}

fn strip_sign(text: &str) -> (bool, &str) {
    text.strip_prefix('-').map_or((false, text), |rest| (true, rest))
}

/// A whole number that is not negative and fits.
fn digits(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Exactly `length` digits.
fn fixed(text: &str, length: usize) -> Option<i8> {
    (text.len() == length).then(|| digits(text))?.and_then(|number| i8::try_from(number).ok())
}

/// A number before its unit, 0 where the unit is not there, and what follows.
fn field(text: &str, unit: char) -> Option<(i64, &str)> {
    match text.split_once(unit) {
        Some((number, rest)) => Some((digits(number)?, rest)),
        None => Some((0, text)),
    }
}

/// A fraction of a second in nanoseconds; what is finer is dropped.
fn parse_fraction(text: &str) -> Option<i32> {
    digits(text.get(..18).unwrap_or(text))?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nine: String = text.chars().chain("000000000".chars()).take(9).collect();
    nine.parse().ok()
}

/// Splits off `Z`, `+02:00` or nothing.
fn split_zone(text: &str) -> Option<(&str, Option<Offset>)> {
    if let Some(rest) = text.strip_suffix('Z') {
        return Some((rest, Some(0)));
    }
    let Some((rest, zone)) = text.len().checked_sub(6).and_then(|at| text.split_at_checked(at)) else {
        return Some((text, None));
    };
    let (sign, zone) = match zone.strip_prefix('+') {
        Some(zone) => (1, zone),
        None => match zone.strip_prefix('-') {
            Some(zone) => (-1, zone),
            None => return Some((text, None)),
        },
    };
    // A day ends in `-22`, which is no zone.
    let Some((hours, minutes)) = zone.split_once(':') else { return Some((text, None)) };
    let (hours, minutes) = (fixed(hours, 2)?, fixed(minutes, 2)?);
    let total = Offset::from(hours) * 60 + Offset::from(minutes);
    (minutes < 60 && total <= 14 * 60).then_some((rest, Some(sign * total)))
}

fn parse_day(text: &str) -> Option<civil::Date> {
    let (negative, rest) = strip_sign(text);
    let (year, rest) = rest.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    if year.len() < 4 {
        return None;
    }
    let year = i16::try_from(digits(year)?).ok()?;
    civil::Date::new(if negative { -year } else { year }, fixed(month, 2)?, fixed(day, 2)?).ok()
}

/// A time of day, and whether it was the end of the day, which is the beginning of the next.
fn parse_clock(text: &str) -> Option<(civil::Time, bool)> {
    let (hour, rest) = text.split_once(':')?;
    let (minute, second) = rest.split_once(':')?;
    let (second, nanos) = match second.split_once('.') {
        Some((second, fraction)) => (second, parse_fraction(fraction)?),
        None => (second, 0),
    };
    let (hour, minute, second) = (fixed(hour, 2)?, fixed(minute, 2)?, fixed(second, 2)?);
    if (hour, minute, second, nanos) == (24, 0, 0, 0) {
        return Some((civil::Time::midnight(), true));
    }
    civil::Time::new(hour, minute, second, nanos).ok().map(|time| (time, false))
}

fn write_day(formatter: &mut fmt::Formatter<'_>, day: civil::Date) -> fmt::Result {
    let sign = if day.year() < 0 { "-" } else { "" };
    write!(formatter, "{sign}{:04}-{:02}-{:02}", day.year().unsigned_abs(), day.month(), day.day())
}

fn write_clock(formatter: &mut fmt::Formatter<'_>, time: civil::Time) -> fmt::Result {
    write!(formatter, "{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())?;
    if time.subsec_nanosecond() > 0 {
        let fraction = format!("{:09}", time.subsec_nanosecond());
        write!(formatter, ".{}", fraction.trim_end_matches('0'))?;
    }
    Ok(())
}

fn write_zone(formatter: &mut fmt::Formatter<'_>, offset: Option<Offset>) -> fmt::Result {
    match offset {
        None => Ok(()),
        Some(0) => formatter.write_str("Z"),
        Some(offset) => {
            let sign = if offset < 0 { '-' } else { '+' };
            write!(formatter, "{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60)
        }
    }
}
