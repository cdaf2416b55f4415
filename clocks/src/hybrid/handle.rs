//! One thread's part of a hybrid clock.

use core::fmt;
use core::ops::Deref;

use super::advance::Rules;
use super::sharded::MAX_HANDLES;
use super::share::Share;
use super::{HybridNowError, HybridReceiveError, PackedStamp, ShardedHybridClock};
use crate::{NodeId, WallTime};

/// One thread's handle of a [`ShardedHybridClock`].
///
/// `C` is how it holds on to the clock: `&ShardedHybridClock`, or an `Arc` of it for threads that
/// outlive the caller. Its part of the counter is free again when it is dropped.
///
/// ```
/// use core::time::Duration;
/// use std::sync::Arc;
/// use quorate_clocks::{HybridHandle, HybridStamp, NodeId, ShardedHybridClock, WallTime};
///
/// let clock = Arc::new(ShardedHybridClock::new(Duration::from_millis(500), 2));
/// let mut ann = HybridHandle::new(Arc::clone(&clock))?;
/// let mut bob = HybridHandle::new(Arc::clone(&clock))?;
/// assert!(HybridHandle::new(Arc::clone(&clock)).is_err());
///
/// // What one handle receives, all are above.
/// let wall = WallTime::from_millis(10_000);
/// let message = HybridStamp::new(10_200, 7).unwrap();
/// ann.receive(NodeId(9), message, wall)?;
/// assert!(bob.now(wall)? > message);
///
/// // What one handle issued, the other is above once it is published.
/// let written = ann.now(WallTime::from_millis(10_300))?;
/// ann.publish();
/// assert!(bob.now(wall)? > written);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct HybridHandle<C, const COUNTER_BITS: u32 = 16>
where
    C: Deref<Target = ShardedHybridClock<COUNTER_BITS>>,
{
    clock: C,
    last: PackedStamp<COUNTER_BITS>,
    share: Share,
    rules: Rules,
    part: u64,
}

impl<C, const COUNTER_BITS: u32> HybridHandle<C, COUNTER_BITS>
where
    C: Deref<Target = ShardedHybridClock<COUNTER_BITS>>,
{
    /// A handle of the clock.
    ///
    /// # Errors
    ///
    /// [`HandlesTaken`] when there are as many as the clock was made for.
    pub fn new(clock: C) -> Result<Self, HandlesTaken> {
        let Some(part) = clock.take_part() else {
            return Err(HandlesTaken {
                handles: clock.parts,
            });
        };
        Ok(Self {
            // Read after the part was taken: the handle before has published its last stamp.
            last: clock.floor(),
            share: Share::of(part, clock.parts),
            rules: clock.rules,
            part,
            clock,
        })
    }

    /// As [`HybridClock::now`](crate::HybridClock::now): above all stamps of this handle, and above
    /// [`ShardedHybridClock::floor`].
    ///
    /// # Errors
    ///
    /// [`HybridNowError`] when no stamp is left within the bound. The handle is then unchanged.
    #[inline]
    pub fn now(
        &mut self,
        wall: WallTime,
    ) -> Result<PackedStamp<COUNTER_BITS>, HybridNowError<COUNTER_BITS>> {
        let latest = self.last.max(self.clock.floor());
        let next = self.rules.now(self.share, latest, wall)?;
        self.last = self.clock.admit(next)?;
        Ok(self.last)
    }

    /// As [`HybridClock::receive`](crate::HybridClock::receive). From when it returns, the stamps of
    /// all handles are above `stamp`.
    ///
    /// # Errors
    ///
    /// [`HybridReceiveError`] when the stamp is from too far ahead, or none is left above it within
    /// the bound. The handle and the clock are then unchanged.
    pub fn receive(
        &mut self,
        from: NodeId,
        stamp: PackedStamp<COUNTER_BITS>,
        wall: WallTime,
    ) -> Result<PackedStamp<COUNTER_BITS>, HybridReceiveError<COUNTER_BITS>> {
        let floor = self.clock.floor();
        let latest = self.last.max(floor);
        let next = self.rules.receive(self.share, latest, from, stamp, wall)?;
        self.last = self
            .clock
            .admit(next)
            .map_err(|refused| refused.on_receipt(from))?;
        // An old message changes nothing for the others, and costs them nothing.
        if stamp > floor {
            self.clock.raise_floor(self.last);
        }
        Ok(self.last)
    }

    /// Puts the stamps of all handles, from here on, above all that this one has issued. Call it
    /// before handing work to another thread whose stamps must be larger. It writes to what the
    /// handles share, so it costs about what a stamp of an
    /// [`AtomicHybridClock`](crate::AtomicHybridClock) does.
    pub fn publish(&self) {
        self.clock.raise_floor(self.last);
    }

    /// The latest stamp of this handle; before the first, one that the first is above.
    pub const fn last(&self) -> PackedStamp<COUNTER_BITS> {
        self.last
    }
}

impl<C, const COUNTER_BITS: u32> Drop for HybridHandle<C, COUNTER_BITS>
where
    C: Deref<Target = ShardedHybridClock<COUNTER_BITS>>,
{
    fn drop(&mut self) {
        // Before the part is free: who has it next must continue above.
        self.publish();
        self.clock.return_part(self.part);
    }
}

/// A [`ShardedHybridClock`] has given out all its handles.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct HandlesTaken {
    /// How many there are.
    pub handles: u64,
}

impl fmt::Display for HandlesTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "all {} handles of the hybrid clock are in use: drop one, or make the clock for more \
             (at most {MAX_HANDLES})",
            self.handles
        )
    }
}

impl core::error::Error for HandlesTaken {}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::{HybridClock, HybridStamp};
    use core::time::Duration;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::string::ToString;
    use std::vec::Vec;

    const PEER: NodeId = NodeId(9);

    #[test]
    fn handles_move_between_threads() {
        const fn sent<T: Send>() {}
        const fn shared<T: Send + Sync>() {}
        shared::<ShardedHybridClock>();
        sent::<HybridHandle<&ShardedHybridClock>>();
        sent::<HybridHandle<std::sync::Arc<ShardedHybridClock>>>();
    }

    #[test]
    fn there_are_as_many_handles_as_was_asked_for_and_a_dropped_one_is_free_again() {
        for (asked, given) in [
            (0, 1),
            (1, 1),
            (3, 4),
            (64, 64),
            (65, 128),
            (usize::MAX, 256),
        ] {
            let clock = ShardedHybridClock::new(Duration::ZERO, asked);
            assert_eq!(clock.handles(), given);
            let mut handles: Vec<_> = (0..given)
                .map(|_| HybridHandle::new(&clock).unwrap())
                .collect();
            let parts: BTreeSet<_> = handles.iter().map(|handle| handle.part).collect();
            assert_eq!(parts.last(), Some(&(given - 1)));
            assert_eq!(parts.len() as u64, given);
            let refused = HybridHandle::new(&clock).unwrap_err();
            assert_eq!(refused, HandlesTaken { handles: given });
            assert!(refused.to_string().contains(&given.to_string()));
            let part = handles.pop().map(|handle| handle.part);
            assert_eq!(
                HybridHandle::new(&clock).ok().map(|handle| handle.part),
                part
            );
        }
        let tiny = ShardedHybridClock::<1>::resume(PackedStamp::ZERO, Duration::ZERO, 100);
        assert_eq!(tiny.handles(), 2);
    }

    #[test]
    fn a_part_that_is_used_up_carries_or_is_refused() {
        let clock = ShardedHybridClock::<2>::resume(PackedStamp::ZERO, Duration::ZERO, 2);
        let mut ann = HybridHandle::new(&clock).unwrap();
        let mut bob = HybridHandle::new(&clock).unwrap();
        let wall = WallTime::from_millis(10);
        let stamp = |counter| PackedStamp::<2>::new(10, counter).unwrap();
        assert_eq!(ann.now(wall), Ok(stamp(0)));
        assert_eq!(ann.now(wall), Ok(stamp(2)));
        let Err(HybridNowError::Exhausted { ready_at, .. }) = ann.now(wall) else {
            panic!("nothing is left");
        };
        assert_eq!(ann.last(), stamp(2));
        assert_eq!(bob.now(wall), Ok(stamp(1)));
        assert!(ann.now(ready_at).is_ok());
    }

    proptest! {
        /// With one handle it is the plain clock.
        #[test]
        fn one_handle_agrees_with_the_plain_clock(
            start in any::<u64>(),
            steps in prop::collection::vec((0..9_000_000_u64, prop::option::of(any::<u64>())), 1..40),
        ) {
            let start = HybridStamp::from_u64(start);
            let bound = Duration::from_millis(3);
            let mut plain = HybridClock::resume(start, bound);
            let clock = ShardedHybridClock::resume(start, bound, 1);
            let mut handle = HybridHandle::new(&clock).unwrap();
            for (nanos, message) in steps {
                let wall = WallTime::from_nanos(nanos);
                match message.map(HybridStamp::from_u64) {
                    None => prop_assert_eq!(plain.now(wall), handle.now(wall)),
                    Some(stamp) => prop_assert_eq!(
                        plain.receive(NodeId(1), stamp, wall),
                        handle.receive(NodeId(1), stamp, wall)
                    ),
                }
                prop_assert_eq!(plain.last(), handle.last());
            }
        }

        /// Whatever the wall clock shows and whoever receives, publishes, or starts anew: distinct,
        /// growing for each handle, and above what was received and published.
        #[test]
        fn handles_keep_their_promises(
            handles in 1..5_usize,
            steps in prop::collection::vec((0..5_usize, 0..10_u8, 0..5_u64, 0..16_u32), 1..120),
        ) {
            let clock = ShardedHybridClock::<4>::resume(
                PackedStamp::ZERO, Duration::from_millis(3), handles
            );
            let mut all: Vec<_> = (0..clock.handles())
                .map(|_| HybridHandle::new(&clock).unwrap())
                .collect();
            let mut issued = BTreeSet::new();
            let mut floor = PackedStamp::ZERO;
            for (which, kind, millis, counter) in steps {
                let wall = WallTime::from_millis(millis);
                let which = which % all.len();
                let before = all[which].last();
                let stamp = match kind {
                    0 => {
                        all[which].publish();
                        floor = floor.max(before);
                        continue;
                    }
                    1 => {
                        drop(all.swap_remove(which));
                        floor = floor.max(before);
                        all.push(HybridHandle::new(&clock).unwrap());
                        continue;
                    }
                    2 | 3 => {
                        let message = PackedStamp::new(millis + u64::from(kind), counter).unwrap();
                        let shared = clock.floor();
                        match all[which].receive(PEER, message, wall) {
                            Ok(stamp) => {
                                prop_assert!(stamp > message);
                                floor = floor.max(message);
                                stamp
                            }
                            Err(_) => {
                                prop_assert_eq!(clock.floor(), shared);
                                prop_assert_eq!(all[which].last(), before);
                                continue;
                            }
                        }
                    }
                    _ => match all[which].now(wall) {
                        Ok(stamp) => stamp,
                        Err(_) => continue,
                    },
                };
                prop_assert!(stamp > before && stamp > floor);
                prop_assert!(stamp.millis() >= millis);
                prop_assert!(issued.insert(stamp), "{} was issued twice", stamp);
            }
        }
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::HybridStamp;
    use crate::sync::{AtomicU64, Ordering};
    use core::time::Duration;
    use loom::sync::Arc;

    const BOUND: Duration = Duration::from_millis(100);
    const WALL: WallTime = WallTime::from_millis(10);

    fn handle(clock: &Arc<ShardedHybridClock>) -> HybridHandle<Arc<ShardedHybridClock>> {
        HybridHandle::new(Arc::clone(clock)).unwrap()
    }

    /// Two handles stamp while one of them receives and the other publishes.
    #[test]
    fn stamps_of_handles_are_distinct_and_pass_what_was_received() {
        loom::model(|| {
            let clock = Arc::new(ShardedHybridClock::new(BOUND, 2));
            let other = {
                let clock = Arc::clone(&clock);
                loom::thread::spawn(move || {
                    let mut handle = handle(&clock);
                    let first = handle.now(WALL).unwrap();
                    handle.publish();
                    let second = handle.now(WALL).unwrap();
                    assert!(first < second);
                    [first, second]
                })
            };
            let mut mine = handle(&clock);
            let message = HybridStamp::new(12, 0).unwrap();
            let received = mine.receive(NodeId(9), message, WALL).unwrap();
            let answered = mine.now(WALL).unwrap();
            assert!(message < received && received < answered);
            let theirs = other.join().unwrap();
            assert!(!theirs.contains(&received) && !theirs.contains(&answered));
            let after = handle(&clock).now(WALL).unwrap();
            assert!(after > message && after > theirs[1]);
        });
    }

    /// What a thread sees handed over, its handle's next stamp is above.
    #[test]
    fn what_was_published_before_handing_over_is_passed() {
        loom::model(|| {
            let clock = Arc::new(ShardedHybridClock::new(BOUND, 2));
            let handed = Arc::new(AtomicU64::new(0));
            let other = {
                let (clock, handed) = (Arc::clone(&clock), Arc::clone(&handed));
                loom::thread::spawn(move || {
                    let mut handle = handle(&clock);
                    let stamp = handle.now(WallTime::from_millis(50)).unwrap();
                    handle.publish();
                    handed.store(stamp.as_u64(), Ordering::Release);
                })
            };
            let mut mine = handle(&clock);
            let seen = handed.load(Ordering::Acquire);
            assert!(mine.now(WALL).unwrap().as_u64() > seen);
            other.join().unwrap();
        });
    }

    /// A part goes from one handle to the next, and its stamps continue.
    #[test]
    fn a_part_that_is_taken_again_continues_above() {
        loom::model(|| {
            let clock = Arc::new(ShardedHybridClock::new(BOUND, 1));
            let other = {
                let clock = Arc::clone(&clock);
                loom::thread::spawn(move || {
                    let mut handle = HybridHandle::new(Arc::clone(&clock)).ok()?;
                    Some(handle.now(WALL).unwrap())
                })
            };
            let mine = HybridHandle::new(Arc::clone(&clock))
                .ok()
                .map(|mut handle| handle.now(WALL).unwrap());
            let theirs = other.join().unwrap();
            assert!(mine.is_some() || theirs.is_some());
            assert_ne!(mine, theirs);
            let last = handle(&clock).now(WALL).unwrap();
            assert!(Some(last) > mine && Some(last) > theirs);
        });
    }
}
