//! The durable bound of a clock that threads share.

use core::time::Duration;

use super::look_ahead::LookAhead;
use super::{HybridNowError, PackedStamp};
use crate::WallTime;
use crate::sync::{AtomicU64, Ordering};

/// What stamps must be below, and what was asked for to raise it.
#[derive(Debug)]
pub(super) struct Bound<const COUNTER_BITS: u32> {
    /// Durable. Only grows, so a thread that reads an old one refuses too early and never too late.
    durable: AtomicU64,
    /// The largest bound that was handed out to be stored.
    asked: AtomicU64,
    /// The largest stamp that was refused for want of a bound.
    wanted: AtomicU64,
    look_ahead: LookAhead,
}

impl<const COUNTER_BITS: u32> Bound<COUNTER_BITS> {
    pub(super) fn new(durable: PackedStamp<COUNTER_BITS>, look_ahead: Duration) -> Self {
        Self {
            durable: AtomicU64::new(durable.as_u64()),
            asked: AtomicU64::new(durable.as_u64()),
            wanted: AtomicU64::new(0),
            look_ahead: LookAhead::new(look_ahead),
        }
    }

    pub(super) const fn look_ahead(&self) -> Duration {
        self.look_ahead.span()
    }

    #[inline]
    pub(super) fn durable(&self) -> PackedStamp<COUNTER_BITS> {
        PackedStamp::from_u64(self.durable.load(Ordering::Acquire))
    }

    /// The stamp, if it may be issued.
    #[inline]
    pub(super) fn admit(
        &self,
        next: PackedStamp<COUNTER_BITS>,
    ) -> Result<PackedStamp<COUNTER_BITS>, HybridNowError<COUNTER_BITS>> {
        let bound = self.durable();
        if next < bound {
            return Ok(next);
        }
        Err(self.persist_first(next, bound))
    }

    #[cold]
    fn persist_first(
        &self,
        needed: PackedStamp<COUNTER_BITS>,
        bound: PackedStamp<COUNTER_BITS>,
    ) -> HybridNowError<COUNTER_BITS> {
        self.wanted.fetch_max(needed.as_u64(), Ordering::AcqRel);
        HybridNowError::PersistFirst { needed, bound }
    }

    /// The bound to store, when the stamps have come to `last`.
    pub(super) fn poll_write(
        &self,
        last: PackedStamp<COUNTER_BITS>,
        wall: WallTime,
    ) -> Option<PackedStamp<COUNTER_BITS>> {
        let physical = PackedStamp::new(wall.as_millis(), 0).unwrap_or(PackedStamp::ZERO);
        let wanted = PackedStamp::from_u64(self.wanted.load(Ordering::Acquire));
        let reached = last.max(wanted).max(physical);
        let mut asked = self.asked.load(Ordering::Acquire);
        loop {
            // A write that failed lowers what was asked for, and never below what is durable.
            let above = PackedStamp::from_u64(asked).max(self.durable());
            let upto = self.look_ahead.due(reached, above)?;
            match self.asked.compare_exchange_weak(
                asked,
                upto.as_u64(),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return Some(upto),
                Err(newer) => asked = newer,
            }
        }
    }

    pub(super) fn handle_written(&self, bound: PackedStamp<COUNTER_BITS>) {
        self.durable.fetch_max(bound.as_u64(), Ordering::AcqRel);
    }

    pub(super) fn handle_write_failed(&self, bound: PackedStamp<COUNTER_BITS>) {
        // Where it is not the latest that was asked for, another write is under way.
        let _ = self.asked.compare_exchange(
            bound.as_u64(),
            self.durable().as_u64(),
            Ordering::AcqRel,
            Ordering::Acquire,
        );
    }
}
