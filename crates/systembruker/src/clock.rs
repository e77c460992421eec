//! The application's clock and its source of randomness: the only places that ask the machine.

use std::sync::atomic::{AtomicI64, Ordering};

use aws_lc_rs::rand::fill;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use uuid::{Builder, Uuid};

/// Tells the time to everything in the program. A sandbox can turn it.
#[derive(Debug, Default)]
pub struct Clock {
    /// How far it runs ahead of the machine's clock, in microseconds.
    ahead: AtomicI64,
}

impl Clock {
    /// Now.
    pub fn now(&self) -> Timestamp {
        let ahead = SignedDuration::from_micros(self.ahead.load(Ordering::SeqCst));
        let machine = machine_time();
        machine.checked_add(ahead).unwrap_or(machine)
    }

    /// Now, in whole seconds since 1970.
    pub fn seconds(&self) -> i64 {
        self.now().as_second()
    }

    /// Turns the clock, so that it is `now` and goes on from there.
    pub fn turn_to(&self, now: Timestamp) {
        self.ahead.store(now.duration_since(machine_time()).as_micros().try_into().unwrap_or(0), Ordering::SeqCst);
    }

    /// Turns the clock back to the machine's.
    pub fn reset(&self) {
        self.ahead.store(0, Ordering::SeqCst);
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the application's clock")]
fn machine_time() -> Timestamp {
    Timestamp::now()
}

/// Gives random bytes to everything in the program.
#[derive(Debug, Default)]
pub struct Random;

impl Random {
    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        // The operating system's generator fails only when the machine is unusable; going on without randomness would
        // be worse than stopping.
        if fill(&mut bytes).is_err() {
            std::process::abort();
        }
        bytes
    }

    /// 256 random bits, 43 characters.
    pub fn token(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes::<32>())
    }

    /// A random id.
    pub fn uuid(&self) -> Uuid {
        Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    /// An id that sorts by time.
    pub fn uuid_at(&self, now: Timestamp) -> Uuid {
        let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or(0);
        Builder::from_unix_timestamp_millis(milliseconds, &self.bytes()).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_on_from_where_it_is_turned_to() {
        let clock = Clock::default();
        let later: Timestamp = "2031-01-01T00:00:00Z".parse().unwrap();
        clock.turn_to(later);
        let ahead = clock.now().duration_since(later);
        assert!(ahead >= SignedDuration::ZERO && ahead < SignedDuration::from_secs(60));
        clock.reset();
        assert!(clock.now() < later);
    }

    #[test]
    fn ids_differ_and_sort_by_time() {
        let random = Random;
        let early = random.uuid_at("2026-01-01T00:00:00Z".parse().unwrap());
        let late = random.uuid_at("2026-01-01T00:00:01Z".parse().unwrap());
        assert!(early < late);
        assert_ne!(random.uuid(), random.uuid());
        assert_eq!(random.token().len(), 43);
    }
}
