//! Which grants were used. A grant is good for one token.
//!
//! [`Replay`] remembers in memory. When an instance stops in good order it writes what it remembers to the database, and
//! the next one begins with it. After a crash nothing is known, and grants from before are refused. Where that is not
//! wanted, a [`Recorder`] keeps them in the database all along: those that come at the same time are written together, so
//! that no grant costs a write of its own to the disk.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use store::{Store, StoreError, UsedGrant};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

const SHARDS: usize = 16;
/// How many grants are remembered at once; a grant lasts three minutes at most.
const MAX_REMEMBERED: usize = 4_000_000;
/// How long a grant is remembered after it has expired, in seconds: longer than a request may take, since it may have
/// been found valid a while ago.
const KEPT_FOR: i64 = 60;

/// Why a grant cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CannotUse {
    /// It was used before.
    #[error("the grant was used before")]
    Used,
    /// It was made before the service stopped last, when others may have used it.
    #[error("the grant was made before the service started")]
    FromBefore,
    /// So many are remembered that no more can be.
    #[error("too many grants are remembered")]
    Full,
}

/// Remembers used grants until they have expired.
#[derive(Debug)]
pub struct Replay {
    shards: [Mutex<Shard>; SHARDS],
    remembered: AtomicUsize,
    /// Grants of this second and earlier are not known to be unused.
    horizon: AtomicI64,
    /// What expired up to this second may be forgotten: a clock that goes back must not make it valid again.
    forgotten: AtomicI64,
}

#[derive(Debug, Default)]
struct Shard {
    used: HashSet<[u8; 32]>,
    by_expiry: BTreeMap<i64, Vec<[u8; 32]>>,
}

impl Replay {
    /// Nothing is known of grants made up to the second `horizon`; with `None`, there were none.
    pub fn new(horizon: Option<i64>) -> Self {
        Self {
            shards: Default::default(),
            remembered: AtomicUsize::new(0),
            horizon: AtomicI64::new(horizon.unwrap_or(i64::MIN)),
            forgotten: AtomicI64::new(i64::MIN),
        }
    }

    /// Remembers grants that another instance saw used.
    pub fn remember(&self, grants: &[UsedGrant]) {
        for grant in grants {
            if let Some(mut shard) = self.shard(&grant.hash)
                && shard.used.insert(grant.hash)
            {
                shard.by_expiry.entry(grant.expires).or_default().push(grant.hash);
                self.remembered.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// All that is remembered.
    pub fn remembered(&self) -> Vec<UsedGrant> {
        let mut grants = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let by_expiry = shard.by_expiry.iter();
            grants.extend(
                by_expiry
                    .flat_map(|(expires, keys)| keys.iter().map(|hash| UsedGrant { hash: *hash, expires: *expires })),
            );
        }
        grants
    }

    fn shard(&self, key: &[u8; 32]) -> Option<MutexGuard<'_, Shard>> {
        let index = usize::from(key.first().copied().unwrap_or_default()) % SHARDS;
        let shard = self.shards.get(index)?;
        Some(shard.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Whether a grant was used, as far as is remembered. That it was not is no promise: only [`Replay::use_once`]
    /// decides.
    pub fn was_used(&self, key: &[u8; 32]) -> bool {
        self.shard(key).is_some_and(|shard| shard.used.contains(key))
    }

    /// Refuses all grants made up to this second: the clock was turned back over time in which grants were used.
    pub fn refuse_until(&self, second: i64) {
        self.horizon.store(second, Ordering::SeqCst);
        self.forgotten.store(i64::MIN, Ordering::SeqCst);
    }

    /// Uses a grant: the first caller wins, every other is refused. `now`, `issued` and `expires` are seconds since
    /// 1970.
    pub fn use_once(&self, key: [u8; 32], issued: i64, expires: i64, now: i64) -> Result<(), CannotUse> {
        let Some(mut shard) = self.shard(&key) else { return Err(CannotUse::Full) };
        self.forget_expired(&mut shard, now);
        let unknown = issued <= self.horizon.load(Ordering::SeqCst);
        if unknown || expires <= self.forgotten.load(Ordering::SeqCst) {
            return Err(CannotUse::FromBefore);
        }
        if self.remembered.load(Ordering::Relaxed) >= MAX_REMEMBERED {
            return Err(CannotUse::Full);
        }
        if !shard.used.insert(key) {
            return Err(CannotUse::Used);
        }
        shard.by_expiry.entry(expires).or_default().push(key);
        self.remembered.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn forget_expired(&self, shard: &mut Shard, now: i64) {
        while let Some(entry) = shard.by_expiry.first_entry() {
            if *entry.key() + KEPT_FOR > now {
                return;
            }
            self.forgotten.fetch_max(*entry.key(), Ordering::SeqCst);
            let keys = entry.remove();
            self.remembered.fetch_sub(keys.len(), Ordering::Relaxed);
            for key in keys {
                shard.used.remove(&key);
            }
        }
    }
}

/// How many grants are written together at most.
const MAX_BATCH: usize = 512;
/// How many may wait to be written; beyond, callers wait.
const MAX_WAITING: usize = 4 * MAX_BATCH;

type Waiting = (UsedGrant, oneshot::Sender<bool>);

/// Keeps used grants in the database, in batches.
#[derive(Debug, Clone)]
pub struct Recorder {
    waiting: mpsc::Sender<Waiting>,
}

/// The other end of a [`Recorder`], which writes.
#[derive(Debug)]
pub struct RecorderQueue {
    waiting: mpsc::Receiver<Waiting>,
}

/// Makes the two ends.
pub fn recorder() -> (Recorder, RecorderQueue) {
    let (sender, receiver) = mpsc::channel(MAX_WAITING);
    (Recorder { waiting: sender }, RecorderQueue { waiting: receiver })
}

/// Whether a grant was used before could not be found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("used grants cannot be recorded now")]
pub struct NotRecorded;

impl Recorder {
    /// Notes a grant as used until it `expires`, in seconds since 1970; whether it was unused. Waits until it is on the
    /// disk.
    pub async fn use_once(&self, hash: [u8; 32], expires: i64) -> Result<bool, NotRecorded> {
        let (answer, answered) = oneshot::channel();
        self.waiting.send((UsedGrant { hash, expires }, answer)).await.map_err(|_| NotRecorded)?;
        answered.await.map_err(|_| NotRecorded)
    }
}

impl RecorderQueue {
    /// Writes the next batch, as soon as there is one; `false` when there will be no more. `now` is asked for the time,
    /// in seconds since 1970. Whoever waits for a batch that cannot be written gets [`NotRecorded`].
    pub async fn write_next(&mut self, store: &Store, now: impl Fn() -> i64) -> Result<bool, StoreError> {
        let mut batch = Vec::new();
        if self.waiting.recv_many(&mut batch, MAX_BATCH).await == 0 {
            return Ok(false);
        }
        let grants: Vec<UsedGrant> = batch.iter().map(|(grant, _)| *grant).collect();
        let unused = store.use_grants(&grants, now() - KEPT_FOR).await?;
        for ((_, answer), unused) in batch.into_iter().zip(unused) {
            // Whoever asked may have gone.
            let _ = answer.send(unused);
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_grant_is_used_once_and_forgotten_when_it_has_expired() {
        let replay = Replay::new(None);
        assert_eq!(replay.use_once([1; 32], 100, 220, 100), Ok(()));
        assert_eq!(replay.use_once([1; 32], 100, 220, 219), Err(CannotUse::Used));
        assert_eq!(replay.use_once([2; 32], 100, 220, 219), Ok(()));
        assert!(replay.was_used(&[1; 32]) && !replay.was_used(&[3; 32]));
        // Found valid just before it expired, and used just after.
        assert_eq!(replay.use_once([1; 32], 100, 220, 221), Err(CannotUse::Used));
        // A while after it has expired, the check of its times refuses it; nothing need be remembered.
        assert_eq!(replay.use_once([17; 32], 300, 420, 300), Ok(()));
        assert_eq!(replay.use_once([1; 32], 300, 420, 300), Ok(()));
        assert_eq!(replay.remembered().len(), 3);
    }

    #[test]
    fn a_clock_that_goes_back_makes_no_forgotten_grant_good_again() {
        let replay = Replay::new(None);
        assert_eq!(replay.use_once([1; 32], 100, 220, 100), Ok(()));
        assert_eq!(replay.use_once([17; 32], 1_000, 1_100, 1_000), Ok(()));
        assert!(!replay.was_used(&[1; 32]));
        assert_eq!(replay.use_once([1; 32], 100, 220, 150), Err(CannotUse::FromBefore));
    }

    #[test]
    fn what_one_instance_remembers_the_next_can_begin_with() {
        let (first, second) = (Replay::new(None), Replay::new(None));
        for key in 0..40 {
            assert_eq!(first.use_once([key; 32], 100, 220, 100), Ok(()));
        }
        second.remember(&first.remembered());
        second.remember(&first.remembered());
        assert_eq!(second.remembered().len(), 40);
        assert_eq!(second.use_once([7; 32], 100, 220, 101), Err(CannotUse::Used));
    }

    #[test]
    fn grants_from_before_the_start_are_refused() {
        let replay = Replay::new(Some(100));
        assert_eq!(replay.use_once([1; 32], 100, 220, 101), Err(CannotUse::FromBefore));
        assert_eq!(replay.use_once([1; 32], 101, 220, 101), Ok(()));
    }

    #[test]
    fn of_many_at_once_one_wins() {
        let replay = Replay::new(None);
        let winners: usize = std::thread::scope(|scope| {
            let tries: Vec<_> =
                (0..16).map(|_| scope.spawn(|| usize::from(replay.use_once([9; 32], 1, 100, 1).is_ok()))).collect();
            tries.into_iter().map(|attempt| attempt.join().unwrap()).sum()
        });
        assert_eq!(winners, 1);
    }

    proptest! {
        /// Whatever comes in whatever order, no grant is used twice while it is valid.
        #[test]
        fn no_valid_grant_is_used_twice(tries in prop::collection::vec((0u8..6, 0i64..200), 1..60)) {
            let replay = Replay::new(None);
            let mut used = HashSet::new();
            let mut now = 0;
            for (key, step) in tries {
                now += step % 40;
                // Every grant here is made at a multiple of 1000 and valid for 180 seconds.
                let issued = now / 1000 * 1000;
                if now - issued >= 180 {
                    continue;
                }
                let fresh = replay.use_once([key; 32], issued, issued + 180, now).is_ok();
                prop_assert_eq!(fresh, used.insert((key, issued)));
            }
        }
    }
}
