//! A network that loses, delays, doubles and reorders, by true time.

use std::collections::BTreeMap;
use std::time::Duration;

use quorate_clocks::{NodeId, WallTime};

/// SplitMix64.
pub(crate) struct Random(pub u64);

impl Random {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }

    pub(crate) fn one_in(&mut self, limit: u64) -> bool {
        self.below(limit) == 0
    }

    pub(crate) fn up_to(&mut self, span: Duration) -> Duration {
        Duration::from_nanos(self.below(span.as_nanos() as u64 + 1))
    }
}

/// A message on its way.
pub(crate) struct Letter<M> {
    pub(crate) from: NodeId,
    pub(crate) to: NodeId,
    pub(crate) message: M,
}

pub(crate) struct Network<M> {
    pub(crate) random: Random,
    /// No message is faster.
    pub(crate) fastest: Duration,
    /// Most are not slower than this, and some many times.
    pub(crate) usual: Duration,
    pub(crate) slow: u32,
    flying: BTreeMap<(WallTime, u64), Letter<M>>,
    sent: u64,
}

impl<M: Clone> Network<M> {
    pub(crate) fn new(seed: u64, fastest: Duration, usual: Duration) -> Self {
        Self {
            random: Random(seed),
            fastest,
            usual,
            slow: 200,
            flying: BTreeMap::new(),
            sent: 0,
        }
    }

    pub(crate) fn send(&mut self, truth: WallTime, from: NodeId, to: NodeId, message: M) {
        if self.random.one_in(6) {
            return;
        }
        let copies = if self.random.one_in(8) { 2 } else { 1 };
        for _ in 0..copies {
            let slow = if self.random.one_in(6) { self.slow } else { 1 };
            let delay = self.fastest + self.random.up_to(self.usual * slow);
            let letter = Letter {
                from,
                to,
                message: message.clone(),
            };
            self.sent += 1;
            self.flying
                .insert((truth.saturating_add(delay), self.sent), letter);
        }
    }

    /// When the next arrives.
    pub(crate) fn due(&self) -> Option<WallTime> {
        Some(self.flying.first_key_value()?.0.0)
    }

    /// One that has arrived.
    pub(crate) fn arrived(&mut self, truth: WallTime) -> Option<Letter<M>> {
        self.due().filter(|due| *due <= truth)?;
        Some(self.flying.pop_first()?.1)
    }
}
