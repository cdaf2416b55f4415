//! A network that loses, delays, doubles and reorders, by true time.

use std::collections::BTreeMap;
use std::time::Duration;

use quorate_clocks::{NodeId, SplitMix64, WallTime};

/// A span up to this one.
pub(crate) fn up_to(random: &mut SplitMix64, span: Duration) -> Duration {
    Duration::from_nanos(random.below(span.as_nanos() as u64 + 1))
}

/// A message on its way.
pub(crate) struct Letter<M> {
    pub(crate) from: NodeId,
    pub(crate) to: NodeId,
    pub(crate) message: M,
}

pub(crate) struct Network<M> {
    pub(crate) random: SplitMix64,
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
            random: SplitMix64::new(seed),
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
            let delay = self.fastest + up_to(&mut self.random, self.usual * slow);
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
