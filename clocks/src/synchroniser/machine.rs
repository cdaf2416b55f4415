//! The machine.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use super::source::Source;
use super::{TimeEvent, TimeMessage, TimeSyncConfig};
use crate::SplitMix64;
use crate::{Disagreement, Instant, IntervalClock, NodeId, NotSynchronised, TimeInterval};

/// Keeps an [`IntervalClock`] right by asking several sources, of which some may be wrong.
///
/// NTP gives a date, and an error that most programs never look at. This gives an interval that holds
/// the true time as long as its assumptions do: at most `faulty` sources lie, and no clock drifts by
/// more than its bound. Nothing is assumed of the network. A message that is lost, late, doubled or
/// reordered makes the interval wider at worst, since an answer counts from when its question left.
///
/// Of every source the interval of each answer is kept, and grows with the drift; answers of one
/// source are cut with each other, and those of all sources are put together so that a minority that
/// is wrong does no harm: see [`TimeInterval::agreement`]. Sources that contradict the others, or
/// themselves, are [named](TimeEvent).
///
/// A machine without I/O. A driver
///
/// - calls [`handle_timeout`](Self::handle_timeout) at [`poll_timeout`](Self::poll_timeout), or any
///   time;
/// - sends what [`poll_transmit`](Self::poll_transmit) gives, over any network that may lose it;
/// - hands what arrives to [`handle_message`](Self::handle_message), and looks at
///   [`poll_event`](Self::poll_event).
///
/// `now` is the machine's monotonic clock, which has to count the time that the machine is suspended,
/// and to tick finely: the interval is wrong by up to a tick of it.
/// The nonces tell an answer from one to an earlier question. They do not keep out a forger: whoever
/// has seen one can compute the next, so a source could answer in the name of others, and the minority
/// that lies would be a majority. Where that matters, the transport has to say who sent what.
///
/// It answers others too, from its own clock. The answer carries its error, so chains of machines stay
/// right; yet two sources that ask each other are not two opinions, and should not be counted as such.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{
///     DriftRate, Instant, NodeId, TimeInterval, TimeMessage, TimeSyncConfig, TimeSynchroniser, WallTime,
/// };
///
/// let drift = DriftRate::from_ppm(200).expect("less than 100 %");
/// let config = TimeSyncConfig::new([1, 2, 3].map(NodeId), drift, 42)?;
/// let mut machine = TimeSynchroniser::new(config);
///
/// // Three sources are asked. Two answer after 4 ms, and one that is an hour off after 1 ms.
/// let noon = WallTime::from_millis(1_700_000_000_000);
/// machine.handle_timeout(Instant::ORIGIN);
/// while let Some((to, TimeMessage::Request { nonce })) = machine.poll_transmit() {
///     let lie = Duration::from_secs(if to == NodeId(3) { 3_600 } else { 0 });
///     let sent = TimeInterval::around(noon.saturating_add(lie), Duration::from_micros(100));
///     let response = TimeMessage::Response { nonce, sent, held: Duration::ZERO };
///     let late = if to == NodeId(3) { 1 } else { 4 };
///     machine.handle_message(to, response, Instant::from_millis(late));
/// }
/// let now = machine.now(Instant::from_millis(4))?;
/// assert!(now.contains(noon.saturating_add(Duration::from_millis(2))));
/// assert!(now.width() < Duration::from_millis(5));
/// let events: Vec<_> = core::iter::from_fn(|| machine.poll_event()).collect();
/// assert!(events.iter().any(|event| event.to_string().starts_with("n3 says")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct TimeSynchroniser {
    config: TimeSyncConfig,
    clock: IntervalClock,
    sources: Vec<Source>,
    random: SplitMix64,
    next_round: Instant,
    /// Whether the sources were last seen to contradict each other.
    divided: bool,
    /// Whether our clock was contradicted in this round, and in how many before.
    contradicted: (bool, u32),
    out: VecDeque<(NodeId, TimeMessage)>,
    events: VecDeque<TimeEvent>,
}

/// How many messages and events wait to be polled at most. Further messages are not sent, which is a
/// loss like any other; of events the oldest goes.
const WAITING: usize = 4 * TimeSyncConfig::MAX_SOURCES;

/// How many messages wait when others are still answered. What is left is for our own questions, which
/// nobody must be able to crowd out.
const ANSWERS: usize = WAITING / 2;

impl TimeSynchroniser {
    /// A machine that knows nothing, and asks at the first opportunity.
    pub fn new(config: TimeSyncConfig) -> Self {
        let sources = config.sources.iter();
        let free_running = config.period.saturating_mul(4);
        Self {
            clock: IntervalClock::new(config.drift)
                .with_max_error(config.max_error)
                .with_free_running_after(free_running),
            sources: sources
                .map(|node| Source::new(*node, config.drift))
                .collect(),
            random: SplitMix64::new(config.seed),
            next_round: Instant::ORIGIN,
            divided: false,
            contradicted: (false, 0),
            out: VecDeque::new(),
            events: VecDeque::new(),
            config,
        }
    }

    /// Between which dates the true time is.
    ///
    /// # Errors
    ///
    /// When no source has answered, or none for so long that the error is too large.
    pub fn now(&self, now: Instant) -> Result<TimeInterval, NotSynchronised> {
        self.clock.now(now)
    }

    /// The clock that is kept right.
    pub const fn clock(&self) -> &IntervalClock {
        &self.clock
    }

    /// A message arrived. Those that nobody asked for, or not this machine, or not any more, are
    /// dropped.
    pub fn handle_message(&mut self, from: NodeId, message: TimeMessage, now: Instant) {
        match message {
            TimeMessage::Request { nonce } => self.give(from, nonce, now),
            TimeMessage::Response { nonce, sent, held } => self.take(from, nonce, sent, held, now),
        }
    }

    /// Time has passed. Harmless when early, late or repeated.
    pub fn handle_timeout(&mut self, now: Instant) {
        if now < self.next_round {
            return;
        }
        self.next_round = now.saturating_add(self.config.period);
        self.contradicted = match self.contradicted {
            (true, rounds) => (false, rounds.saturating_add(1)),
            (false, _) => (false, 0),
        };
        for at in 0..self.sources.len() {
            let Some(source) = self.sources.get_mut(at) else {
                continue;
            };
            let (node, nonce) = (source.node, self.random.next_u64());
            source.ask(nonce, now);
            let lost = source.forget(self.config.forget_after, now);
            self.send(node, TimeMessage::Request { nonce });
            if lost {
                self.tell(TimeEvent::Lost { source: node });
            }
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next. Changes with that call.
    pub const fn poll_timeout(&self) -> Instant {
        self.next_round
    }

    /// A message that may be sent now, and to whom. There is another one after
    /// [`handle_timeout`](Self::handle_timeout), and after a request was handled.
    #[must_use]
    pub fn poll_transmit(&mut self) -> Option<(NodeId, TimeMessage)> {
        self.out.pop_front()
    }

    /// Something that an operator should know.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<TimeEvent> {
        self.events.pop_front()
    }

    /// Answers somebody who asks for the time. Who does not know it says nothing.
    fn give(&mut self, to: NodeId, nonce: u64, now: Instant) {
        if self.out.len() >= ANSWERS {
            return;
        }
        if let Ok(sent) = self.clock.now(now) {
            let held = Duration::ZERO;
            self.send(to, TimeMessage::Response { nonce, sent, held });
        }
    }

    fn take(&mut self, from: NodeId, nonce: u64, sent: TimeInterval, held: Duration, now: Instant) {
        let mut sources = self.sources.iter_mut();
        let source = sources.find(|source| source.node == from);
        let Some(told) = source.and_then(|source| source.answer(nonce, sent, held, now)) else {
            return;
        };
        if let Err(disagreement) = told {
            self.tell(TimeEvent::Inconsistent {
                source: from,
                disagreement,
            });
        }
        self.agree(now);
    }

    /// Puts together what the sources say, and tells our clock.
    fn agree(&mut self, now: Instant) {
        let said: Vec<_> = self
            .sources
            .iter()
            .filter_map(|source| source.now(now))
            .collect();
        let faulty = self.config.faulty;
        if said.len() <= faulty {
            return;
        }
        let Some(agreed) = TimeInterval::agreement(&said, faulty) else {
            if !core::mem::replace(&mut self.divided, true) {
                let answered = said.len();
                self.tell(TimeEvent::NoAgreement { answered, faulty });
            }
            return;
        };
        self.divided = false;
        self.accuse(agreed, now);
        let first = self.clock.now(now) == Err(NotSynchronised::Never);
        match self.clock.synchronise(now, agreed) {
            Ok(()) if first => self.tell(TimeEvent::Synchronised { interval: agreed }),
            Ok(()) => self.contradicted = (false, 0),
            Err(disagreement) => self.contradict(disagreement, now),
        }
    }

    /// Names the sources that exclude what the others agree on.
    fn accuse(&mut self, agreed: TimeInterval, now: Instant) {
        for at in 0..self.sources.len() {
            let Some(source) = self.sources.get_mut(at) else {
                continue;
            };
            let Some(says) = source.now(now) else {
                continue;
            };
            let wrong = says.intersect(agreed).is_none();
            let known = core::mem::replace(&mut source.accused, wrong);
            let source = source.node;
            if wrong && !known {
                self.tell(TimeEvent::Falseticker {
                    source,
                    says,
                    agreed,
                });
            }
        }
    }

    /// The sources agree on what our clock excludes.
    fn contradict(&mut self, disagreement: Disagreement, now: Instant) {
        let (told, rounds) = self.contradicted;
        self.contradicted = (true, rounds);
        if self.config.step_after.is_some_and(|limit| rounds >= limit) {
            self.clock.step(now, disagreement.theirs);
            self.contradicted = (false, 0);
            self.tell(TimeEvent::Stepped(disagreement));
        } else if !told && rounds == 0 {
            self.tell(TimeEvent::Disagreement(disagreement));
        }
    }

    fn send(&mut self, to: NodeId, message: TimeMessage) {
        if self.out.len() < WAITING {
            self.out.push_back((to, message));
        }
    }

    fn tell(&mut self, event: TimeEvent) {
        if self.events.len() >= WAITING {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}
