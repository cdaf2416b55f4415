//! A hybrid clock that threads need not meet at.

use core::time::Duration;

use super::advance::Rules;
use super::bound::Bound;
use super::{HybridNowError, Overflow, PackedStamp};
use crate::WallTime;
use crate::sync::{AtomicU64, Ordering};

/// As many handles as there are bits here.
const WORDS: usize = 4;
pub(super) const MAX_HANDLES: u64 = 64 * WORDS as u64;

/// A hybrid clock with a handle for each thread, where one shared number would be too slow.
///
/// Threads that stamp with one [`AtomicHybridClock`](crate::AtomicHybridClock) take turns at its
/// cache line, and more threads make it slower, not faster. Here each thread has a handle, a
/// [`HybridHandle`](crate::HybridHandle), which counts for itself, in a part of the counter that no
/// other handle uses: with 16 handles the lowest 4 of the 16 bits say which, and 4,096 stamps a
/// millisecond are left to each. What the handles share is written when a message arrives or when
/// they are told to, and otherwise only read.
///
/// # What is promised
///
/// - All stamps of all handles are distinct.
/// - The stamps of one handle grow. So do those of the handles that get one part after each other.
/// - A stamp is above every message that any handle received before: where "before" is the order that
///   threads see, by a channel, a lock, or a join.
/// - A stamp is above all that another handle had issued when it last called
///   [`publish`](crate::HybridHandle::publish), if that was before.
///
/// **Nothing else** is promised between handles. A thread that hands work to another, which then
/// stamps with its own handle, may see the second stamp below the first: the two were told different
/// wall times, or one has counted further than the other. Publish before handing over, or let the
/// other thread receive the stamp, or use one [`AtomicHybridClock`](crate::AtomicHybridClock), which
/// orders all of it.
///
/// Its stamps grow across crashes too if it is made with [`restart`](Self::restart).
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{HybridHandle, ShardedHybridClock, WallTime};
///
/// let clock = ShardedHybridClock::new(Duration::from_millis(500), 2);
/// let wall = WallTime::from_millis(10_000);
/// std::thread::scope(|scope| {
///     let stamps = || -> Result<_, Box<dyn std::error::Error + Send + Sync>> {
///         let mut handle = HybridHandle::new(&clock)?; // or of an `Arc`
///         Ok([handle.now(wall)?, handle.now(wall)?])
///     };
///     let threads = [scope.spawn(stamps), scope.spawn(stamps)];
///     let [ann, bob] = threads.map(|thread| thread.join().unwrap().unwrap());
///     assert!(ann[0] < ann[1] && bob[0] < bob[1]);
///     assert!(!ann.contains(&bob[0]) && !ann.contains(&bob[1]));
/// });
/// ```
#[derive(Debug)]
pub struct ShardedHybridClock<const COUNTER_BITS: u32 = 16> {
    shared: Shared<COUNTER_BITS>,
    /// A bit for each part that a handle has.
    taken: [AtomicU64; WORDS],
    pub(super) parts: u64,
    pub(super) rules: Rules,
}

/// What every handle reads for every stamp. On a cache line of its own (and the one beside it, which
/// processors fetch along), so that it stays in every thread's cache while it does not change.
#[derive(Debug)]
#[repr(align(128))]
struct Shared<const COUNTER_BITS: u32> {
    /// What every handle's next stamp is above.
    floor: AtomicU64,
    /// What it is below.
    bound: Bound<COUNTER_BITS>,
}

impl ShardedHybridClock {
    /// A clock of [`HybridStamp`](crate::HybridStamp)s for so many handles at a time: rounded up to a
    /// power of two, at least one, at most 256. `max_drift` is as for
    /// [`HybridClock::new`](crate::HybridClock::new).
    pub fn new(max_drift: Duration, handles: usize) -> Self {
        Self::resume(PackedStamp::ZERO, max_drift, handles)
    }
}

impl<const COUNTER_BITS: u32> ShardedHybridClock<COUNTER_BITS> {
    /// As [`HybridClock::resume`](crate::HybridClock::resume). The number of handles is at most that
    /// of the counter's values.
    pub fn resume(last: PackedStamp<COUNTER_BITS>, max_drift: Duration, handles: usize) -> Self {
        Self::between(
            last,
            Bound::new(PackedStamp::MAX, Duration::ZERO),
            max_drift,
            handles,
        )
    }

    /// A clock whose stamps grow across crashes too: as
    /// [`DurableHybridClock::restart`](crate::DurableHybridClock::restart), also for the first life.
    /// The handles then issue only what is below a durable bound, and [`poll_write`](Self::poll_write)
    /// says when the next is due. Clocks that are made otherwise have no bound.
    pub fn restart(
        bound: PackedStamp<COUNTER_BITS>,
        max_drift: Duration,
        look_ahead: Duration,
        handles: usize,
    ) -> Self {
        Self::between(bound, Bound::new(bound, look_ahead), max_drift, handles)
    }

    fn between(
        floor: PackedStamp<COUNTER_BITS>,
        bound: Bound<COUNTER_BITS>,
        max_drift: Duration,
        handles: usize,
    ) -> Self {
        let most = MAX_HANDLES.min(u64::from(PackedStamp::<COUNTER_BITS>::MAX_COUNTER) + 1);
        let handles = u64::try_from(handles).unwrap_or(u64::MAX).clamp(1, most);
        Self {
            shared: Shared {
                floor: AtomicU64::new(floor.as_u64()),
                bound,
            },
            taken: [(); WORDS].map(|()| AtomicU64::new(0)),
            // Both limits are powers of two, so this stays within them.
            parts: handles.next_power_of_two(),
            rules: Rules::new(max_drift),
        }
    }

    /// As [`HybridClock::with_overflow`](crate::HybridClock::with_overflow). The counter that is used
    /// up is the handle's part of it.
    #[must_use]
    pub fn with_overflow(mut self, overflow: Overflow) -> Self {
        self.rules = self.rules.with_overflow(overflow);
        self
    }

    /// How many handles there can be at a time.
    pub const fn handles(&self) -> u64 {
        self.parts
    }

    /// How far ahead of the wall clock a stamp may be.
    pub const fn max_drift(&self) -> Duration {
        self.rules.max_drift()
    }

    /// What every stamp from here on is above: all messages that were received, and what handles
    /// have published. Handles may have issued larger stamps.
    #[inline]
    pub fn floor(&self) -> PackedStamp<COUNTER_BITS> {
        PackedStamp::from_u64(self.shared.floor.load(Ordering::Acquire))
    }

    /// As [`DurableHybridClock::poll_write`](crate::DurableHybridClock::poll_write): due when less
    /// than half of the look-ahead is left above the wall clock, above the floor, or above a stamp
    /// that a handle was refused. Nothing is ever due for a clock without a bound.
    #[must_use = "the clock stops at its old bound when the new one is not stored"]
    pub fn poll_write(&self, wall: WallTime) -> Option<PackedStamp<COUNTER_BITS>> {
        self.shared.bound.poll_write(self.floor(), wall)
    }

    /// As [`DurableHybridClock::handle_written`](crate::DurableHybridClock::handle_written).
    pub fn handle_written(&self, bound: PackedStamp<COUNTER_BITS>) {
        self.shared.bound.handle_written(bound);
    }

    /// As [`DurableHybridClock::handle_write_failed`](crate::DurableHybridClock::handle_write_failed).
    pub fn handle_write_failed(&self, bound: PackedStamp<COUNTER_BITS>) {
        self.shared.bound.handle_write_failed(bound);
    }

    /// The durable bound, which every stamp is below; the largest stamp for a clock without one.
    pub fn bound(&self) -> PackedStamp<COUNTER_BITS> {
        self.shared.bound.durable()
    }

    #[inline]
    pub(super) fn admit(
        &self,
        next: PackedStamp<COUNTER_BITS>,
    ) -> Result<PackedStamp<COUNTER_BITS>, HybridNowError<COUNTER_BITS>> {
        self.shared.bound.admit(next)
    }

    pub(super) fn raise_floor(&self, to: PackedStamp<COUNTER_BITS>) {
        self.shared.floor.fetch_max(to.as_u64(), Ordering::AcqRel);
    }

    /// Takes a part that no handle has.
    pub(super) fn take_part(&self) -> Option<u64> {
        for (word, first) in self.taken.iter().zip((0..self.parts).step_by(64)) {
            let mut taken = word.load(Ordering::Acquire);
            loop {
                let free = taken.trailing_ones();
                let part = first + u64::from(free);
                if free == u64::BITS || part >= self.parts {
                    break;
                }
                // Acquires what the handle published that had the part before.
                match word.compare_exchange_weak(
                    taken,
                    taken | 1 << free,
                    Ordering::AcqRel,
                    Ordering::Acquire,
                ) {
                    Ok(_) => return Some(part),
                    Err(newer) => taken = newer,
                }
            }
        }
        None
    }

    pub(super) fn return_part(&self, part: u64) {
        for (word, first) in self.taken.iter().zip((0..self.parts).step_by(64)) {
            if part / 64 == first / 64 {
                word.fetch_and(!(1 << (part % 64)), Ordering::AcqRel);
            }
        }
    }
}
