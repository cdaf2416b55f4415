//! What a name has beside one grant: further holders, a queue, a delay.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::hash::{BuildHasherDefault, Hasher};
use core::time::Duration;

use hashbrown::HashMap;
use quorate_clocks::Instant;

use super::owners::OwnerId;
use crate::{FencingToken, Mode};

/// How long a grant is to last.
#[derive(Clone, Copy)]
pub(super) enum Life {
    For(Duration),
    /// As long as the session at that place.
    With(u32),
}

/// Of the names that need it. Most do not.
#[derive(Clone)]
pub(super) struct Crowd {
    /// The holders that are not in the entry of the name itself, by token.
    pub(super) further: BTreeMap<FencingToken, u32>,
    /// The queue, by the number that each drew.
    pub(super) waiting: BTreeMap<u64, Waiter>,
    /// Where the requests of further holders and of those who wait are.
    pub(super) requests: BTreeMap<(OwnerId, u128), Seat>,
    /// By how much the end of a grant delays the next one, unless it is released.
    pub(super) lock_delays: BTreeMap<FencingToken, Duration>,
    /// Until when nobody gets it, and the number of the alarm for that.
    pub(super) delayed: Option<(Instant, u64)>,
    /// Holders up to this token were asked to yield.
    pub(super) asked: FencingToken,
}

/// Where a request has got to.
#[derive(Clone, Copy)]
pub(super) enum Seat {
    /// Granted: in the entry at this place.
    At(u32),
    /// Waiting, by this number.
    Waiting(u64),
}

/// One in the queue.
#[derive(Clone, Copy)]
pub(super) struct Waiter {
    pub(super) owner: OwnerId,
    pub(super) request: u128,
    pub(super) mode: Mode,
    pub(super) life: Life,
    pub(super) lock_delay: Duration,
    /// It leaves then.
    pub(super) until: Instant,
}

impl Default for Crowd {
    fn default() -> Self {
        Self {
            further: BTreeMap::new(),
            waiting: BTreeMap::new(),
            requests: BTreeMap::new(),
            lock_delays: BTreeMap::new(),
            delayed: None,
            asked: FencingToken::NONE,
        }
    }
}

impl Crowd {
    pub(super) fn is_needed(&self) -> bool {
        let Self {
            further,
            waiting,
            requests,
            lock_delays,
            delayed,
            asked,
        } = self;
        !(further.is_empty()
            && waiting.is_empty()
            && requests.is_empty()
            && lock_delays.is_empty()
            && delayed.is_none()
            && *asked == FencingToken::NONE)
    }
}

/// The crowds by the place of the entry that has the name.
pub(super) type Crowds = HashMap<u32, Box<Crowd>, BuildHasherDefault<PlaceHasher>>;

/// Nobody chooses places, so they need no secret.
#[derive(Default)]
pub(super) struct PlaceHasher(u64);

impl Hasher for PlaceHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn write_u32(&mut self, place: u32) {
        self.0 = u64::from(place).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
