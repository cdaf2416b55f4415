//! The verbs of a state machine that does no I/O.

use quorate_clocks::{Instant, NodeId};

use crate::Lane;

/// A state machine that does no I/O: told what happened and when, it says what to do next.
///
/// Every machine of the workspace has these verbs as inherent methods. The trait repeats them so
/// that one driver, one simulator and one bench harness serve them all.
///
/// # Contract
///
/// 1. The state is a function of the calls alone: no clock, no randomness of the system, no
///    threads, no globals.
/// 2. Nothing that depends on a write comes out of [`poll_transmit`](Self::poll_transmit) before
///    [`handle_written`](Self::handle_written) said that it is durable. A driver may drain the
///    polls in any order.
/// 3. Any order of calls is legal. `now` may repeat or go back and is then no progress.
/// 4. Every queue has a bound.
/// 5. No message panics: what is stale, unknown or malformed is dropped and counted.
/// 6. A deadline that was handled is gone: after `handle_timeout(now)`, and once its polls are
///    drained, [`poll_timeout`](Self::poll_timeout) is later than `now` or nothing. So no driver
///    spins.
/// 7. Receipts grow: the write that comes out of [`poll_write`](Self::poll_write) later has the
///    larger receipt.
///
/// What can be seen from outside is checked by [`contract::check`](crate::contract::check), in
/// every machine's own tests. The crate's documentation has a machine and its driving loop.
pub trait Machine {
    /// What the machine says to its peers.
    type Message;
    /// What the machine makes durable. [`core::convert::Infallible`] when it is nothing.
    type Write;
    /// What the machine tells its application.
    type Event;

    /// A peer's message arrived. `from` is who really sent it, as the transport proved it.
    fn handle_message(&mut self, from: NodeId, message: Self::Message, now: Instant);

    /// Time has passed. Harmless when called early, late or twice.
    fn handle_timeout(&mut self, now: Instant);

    /// Every write up to and including `receipt` is durable.
    fn handle_written(&mut self, receipt: Receipt, now: Instant);

    /// A hint, never a fact, that `to` cannot be reached right now.
    fn handle_unreachable(&mut self, to: NodeId, now: Instant) {
        let _ = (to, now);
    }

    /// A message that may be sent now. Any `handle_*` or command may make more of them.
    fn poll_transmit(&mut self) -> Option<Transmit<Self::Message>>;

    /// The next thing to make durable, in order. Any `handle_*` or command may make more of them.
    fn poll_write(&mut self) -> Option<Write<Self::Write>>;

    /// The next thing that the application should know or do.
    fn poll_event(&mut self) -> Option<Self::Event>;

    /// When to call [`handle_timeout`](Self::handle_timeout) next. Changes only after another call.
    fn poll_timeout(&self) -> Option<Instant>;
}

/// A message on its way out.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Transmit<M> {
    /// Who it is for.
    pub to: NodeId,
    /// Which lane it travels in.
    pub lane: Lane,
    /// What it says.
    pub message: M,
}

impl<M> Transmit<M> {
    /// The same envelope around another message, for an application that wraps several machines.
    pub fn map<N>(self, wrap: impl FnOnce(M) -> N) -> Transmit<N> {
        Transmit {
            to: self.to,
            lane: self.lane,
            message: wrap(self.message),
        }
    }
}

/// Something to make durable.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Write<W> {
    /// What to hand to [`Machine::handle_written`] once this and all before it are durable.
    pub receipt: Receipt,
    /// What to write.
    pub what: W,
}

/// The number of a write. Acknowledging one acknowledges all before it.
///
/// ```
/// use quorate_transport::Receipt;
///
/// let first = Receipt::default().next();
/// assert!(first < first.next());
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Receipt(pub u64);

impl Receipt {
    /// The receipt after this one.
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}
