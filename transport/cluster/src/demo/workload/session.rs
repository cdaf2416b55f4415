//! One client: its connection, its choices, and what it writes down.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use quorate_clocks::{SplitMix64, SystemClock};
use quorate_consistency::Level;
use tokio::time::sleep;

use super::request::Request;
use super::{ANSWER, Surroundings, random};
use crate::api::ProblemKind;
use crate::client::{Client, Outcome, Read, Route, WriteOptions};
use crate::demo::plan::Phase;
use crate::demo::record::{Action, Change, GARBAGE, Op, Recorder, Span};
use crate::demo::tally::Row;

/// What a client waits after a request that was not answered, so that an outage is not a storm.
const AFTER_FAILURE: Duration = Duration::from_millis(20);
/// Values of one client are below those of the next by this much.
pub(in crate::demo) const VALUES_PER_SESSION: u64 = 1 << 32;

/// One client.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) random: SplitMix64,
    pub(super) recorder: Recorder,
    pub(super) clock: SystemClock,
    /// Who it is, in the records.
    pub(super) number: u64,
    surroundings: Surroundings,
    next: u64,
}

/// What a read found: a value and its revision, when there was one.
pub(super) type Seen = Option<(u64, u64)>;

impl Session {
    pub(super) fn new(surroundings: Surroundings, number: u64) -> Self {
        Self {
            client: Client::new(surroundings.addresses.clone(), ANSWER),
            random: random(&surroundings, number),
            recorder: surroundings.recorder.clone(),
            clock: surroundings.clock,
            number,
            surroundings,
            next: 0,
        }
    }

    /// Whether to begin nothing new.
    pub(super) fn is_at_end(&self) -> bool {
        self.surroundings.end.has_come()
    }

    /// Whether to give up on what was begun.
    pub(super) fn is_over(&self) -> bool {
        self.surroundings.end.is_over(self.clock)
    }

    /// Waits a little, as a client with something else to do.
    pub(super) async fn think(&mut self) {
        let mean = self.surroundings.pause.as_micros() as u64;
        sleep(Duration::from_micros(
            mean / 2 + self.random.below(mean + 1),
        ))
        .await;
    }

    /// Waits after a request that was not answered.
    pub(super) async fn recover(&mut self) {
        sleep(AFTER_FAILURE).await;
    }

    /// A value that nobody else writes, and this client only once.
    pub(super) fn fresh_value(&mut self) -> u64 {
        self.next += 1;
        self.number * VALUES_PER_SESSION + self.next
    }

    /// An idempotency key that nobody else uses, and this client only once.
    pub(super) fn fresh_key(&mut self) -> String {
        self.next += 1;
        format!(
            "demo-{:x}-{}-{}",
            self.surroundings.seed, self.number, self.next
        )
    }

    /// Any node.
    pub(super) fn any_node(&mut self) -> usize {
        self.random.index(self.client.nodes())
    }

    /// Reads a key, and writes down what was seen. `None` when there was no answer.
    pub(super) async fn read(
        &mut self,
        key: &Arc<str>,
        level: Level,
        route: Route,
    ) -> Option<Seen> {
        let phase = self.recorder.phase();
        let call = self.recorder.now();
        let mut at_victim = false;
        if let Route::Node(node) | Route::Only(node) = route {
            self.recorder.ask(self.number, key, level, node);
            at_victim = self.recorder.is_victim(node);
        }
        let outcome = self.client.get(key, level, route).await;
        let span = self.close(call);
        let answered = outcome.is_definite();
        self.recorder
            .attempt(phase, Row::of(&level), span, answered, at_victim);
        let Outcome::Ok(read) = outcome else {
            return None;
        };
        let seen = seen(&read);
        self.recorder.op(Op {
            session: self.number,
            phase,
            span,
            key: key.clone(),
            action: Action::Read {
                level,
                served: read.served,
                value: seen.map(|(value, _)| value),
                revision: seen.map_or(0, |(_, revision)| revision),
                node: read.node,
            },
        });
        Some(seen)
    }

    /// Sends a write once, and counts it. It is answered when the service says what came of it.
    pub(super) async fn attempt<R: Request>(&mut self, request: &R) -> Outcome<R::Answer> {
        let phase = self.recorder.phase();
        let call = self.recorder.now();
        let outcome = request.send(&mut self.client).await;
        let span = self.close(call);
        self.recorder
            .attempt(phase, Row::Write, span, outcome.is_definite(), false);
        outcome
    }

    /// Sends a write, which must carry an idempotency key, until the service says what came of it.
    /// Gives up only when the run is over. Answers how often it was sent, too.
    pub(super) async fn until_settled<R: Request>(
        &mut self,
        request: &R,
    ) -> (Outcome<R::Answer>, u32) {
        let mut attempts = 0;
        let mut in_doubt = false;
        loop {
            let outcome = self.attempt(request).await;
            attempts += 1;
            if is_settled(&outcome) {
                return (outcome, attempts);
            }
            // A later attempt that certainly failed does not settle what became of an earlier one.
            in_doubt |= !matches!(outcome, Outcome::Failed(_));
            if self.is_over() {
                let outcome = match outcome {
                    Outcome::Failed(failure) if in_doubt => Outcome::Unknown(failure),
                    other => other,
                };
                return (outcome, attempts);
            }
            self.recover().await;
        }
    }

    /// Writes down a change to a key.
    pub(super) fn record(&self, phase: Phase, span: Span, key: &Arc<str>, action: Action) {
        self.recorder.op(Op {
            session: self.number,
            phase,
            span,
            key: key.clone(),
            action,
        });
    }

    pub(super) fn close(&self, call: u64) -> Span {
        Span {
            call,
            ret: self.recorder.now(),
        }
    }
}

/// Whether the service said what came of a write. That the same request still runs says nothing.
pub(in crate::demo) fn is_settled<T>(outcome: &Outcome<T>) -> bool {
    outcome.is_definite() && outcome.refusal() != Some(ProblemKind::KeyInFlight)
}

/// What came of a change; `None` when it certainly was not made.
pub(super) fn change<T>(outcome: &Outcome<T>, revision: impl Fn(&T) -> u64) -> Option<Change> {
    match outcome {
        Outcome::Ok(made) => Some(Change::Made(revision(made))),
        Outcome::Refused(problem) => match problem.kind() {
            Some(ProblemKind::RevisionMismatch) => {
                Some(Change::Mismatch(problem.revision.unwrap_or_default()))
            }
            Some(ProblemKind::KeyInFlight) => Some(Change::Unknown),
            _ => None,
        },
        Outcome::Unknown(_) => Some(Change::Unknown),
        Outcome::Failed(_) => None,
    }
}

/// A value as it is stored.
pub(super) fn encode(value: u64) -> Bytes {
    Bytes::from(value.to_string())
}

/// Options with a fresh idempotency key.
pub(super) fn once(session: &mut Session) -> WriteOptions {
    WriteOptions::default().idempotency_key(session.fresh_key())
}

pub(in crate::demo) fn seen(read: &Read) -> Seen {
    let found = read.found.as_ref()?;
    let text = std::str::from_utf8(&found.value).ok();
    let value = text.and_then(|text| text.parse().ok()).unwrap_or(GARBAGE);
    Some((value, found.revision))
}
