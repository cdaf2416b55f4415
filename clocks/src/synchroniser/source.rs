//! What is known of one source.

use core::time::Duration;

use crate::{Disagreement, DriftRate, Instant, IntervalClock, NodeId, TimeInterval};

/// A source, and what the time is according to it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Source {
    pub(super) node: NodeId,
    /// The question that is open, and when it was asked.
    asked: Option<(u64, Instant)>,
    /// All its answers together.
    clock: IntervalClock,
    /// When the latest came.
    heard: Option<Instant>,
    /// Whether it was told of that it contradicts the others.
    pub(super) accused: bool,
}

impl Source {
    pub(super) const fn new(node: NodeId, drift: DriftRate) -> Self {
        Self {
            node,
            asked: None,
            clock: IntervalClock::new(drift),
            heard: None,
            accused: false,
        }
    }

    pub(super) const fn ask(&mut self, nonce: u64, now: Instant) {
        self.asked = Some((nonce, now));
    }

    /// Takes an answer, if it is one to the open question. Gives what it contradicts, if anything.
    ///
    /// Cristian, "Probabilistic Clock Synchronization" (Distributed Computing 1989, §3): by true time,
    /// the answer may be new, and is at most as old as the whole exchange less what the source held the
    /// question.
    pub(super) fn answer(
        &mut self,
        nonce: u64,
        sent: TimeInterval,
        held: Duration,
        now: Instant,
    ) -> Option<Result<(), Disagreement>> {
        let (_, asked) = self.asked.filter(|(open, _)| *open == nonce)?;
        if now < asked {
            return None;
        }
        let exchange = now.since(asked);
        let longest = exchange.saturating_add(self.clock.drift().over(exchange));
        // What was held for longer than the exchange took is no answer to it.
        let age = longest.checked_sub(held)?;
        self.asked = None;
        self.heard = Some(now);
        let latest = sent.latest().saturating_add(age);
        let interval = TimeInterval::new(sent.earliest(), latest).ok()?;
        let told = self.clock.synchronise(now, interval);
        if told.is_err() {
            self.clock.step(now, interval);
        }
        Some(told)
    }

    /// The time according to it, if it was heard of lately enough.
    pub(super) fn now(&self, now: Instant) -> Option<TimeInterval> {
        self.heard?;
        self.clock.now(now).ok()
    }

    /// Forgets it if it has not answered for too long, and says whether that is news.
    pub(super) fn forget(&mut self, after: Duration, now: Instant) -> bool {
        let silent = self.heard.is_some_and(|heard| now.since(heard) > after);
        if silent {
            self.heard = None;
            self.accused = false;
            self.clock = IntervalClock::new(self.clock.drift());
        }
        silent
    }
}
