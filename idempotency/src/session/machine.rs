//! The machine: which requests of which sessions run.

use alloc::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use quorate_clocks::Instant;

use super::error::Absent;
use super::record::{Reply, Session, Totals};
use super::table::Table;
use super::weakness::{Weakness, Weaknesses};
use crate::{
    Fingerprint, SessionBegin, SessionBeginError, SessionCompleteError, SessionCompleted,
    SessionId, SessionKeepAliveError, SessionLimits, SessionRequest,
};

/// How many sessions are looked at for their end when room is needed.
pub(super) const SLICE: usize = 64;

/// Lets each request of a client run once, for clients that open a session and number their
/// requests.
///
/// A key in each request costs a lookup among all keys, and a record that is kept until retries must
/// have ceased, which nobody knows exactly. A client that stays can do better. It opens a
/// **session**, gives each request the next **sequence number**, and sends along the lowest number
/// whose answer it still waits for. That **acknowledges** all below, which are forgotten at once: a
/// client that waits for each answer costs the memory of one.
///
/// These are the sessions of Raft (Ongaro, "Consensus: bridging theory and practice", 2014, section
/// 6.3) and the completion records of RIFL (Lee et al., "Implementing linearizability at large scale
/// and low latency", SOSP 2015, sections 3 and 4).
///
/// # How to use it
///
/// It is a part of a replicated state machine. Each call is a command in the log, with the leader's
/// time in it, so that all replicas decide alike, those too that catch up days later. Applying a
/// request is `begin`, the change and [`complete`](Self::complete) in **one** entry of the log: a
/// replica that has the change then has the record of it.
///
/// ```
/// use bytes::Bytes;
/// use quorate_clocks::Instant;
/// use quorate_idempotency::{
///     ClientSessions, SessionBegin, SessionBeginError, SessionId, SessionLimits, SessionRequest,
/// };
///
/// struct Counter { sessions: ClientSessions, value: u64 }
///
/// impl Counter {
///     /// Applies "add `n`" from the log.
///     fn add(&mut self, now: Instant, request: &SessionRequest, n: u64) -> Result<Bytes, SessionBeginError> {
///         match self.sessions.begin(now, request)? {
///             SessionBegin::Run => {}
///             SessionBegin::Replay(response) => return Ok(response),
///             other => return Ok(Bytes::from(format!("{other:?}"))),
///         }
///         self.value += n;
///         let response = Bytes::from(self.value.to_string());
///         let _ = self.sessions.complete(now, request.session, request.sequence, response.clone());
///         Ok(response)
///     }
/// }
///
/// let now = Instant::from_millis(1_000);
/// let mut counter = Counter { sessions: ClientSessions::new(SessionLimits::default()), value: 0 };
/// let session = counter.sessions.open(now)?;
/// let first = SessionRequest { session, sequence: 0, first_unacknowledged: 0, fingerprint: None };
/// assert_eq!(counter.add(now, &first, 3)?, "3");
/// assert_eq!(counter.add(now, &first, 3)?, "3"); // a retry: the same answer, and nothing added
///
/// // The next request acknowledges the first. A copy of that which comes now cannot run.
/// let second = SessionRequest { sequence: 1, first_unacknowledged: 1, ..first };
/// assert_eq!(counter.add(now, &second, 4)?, "7");
/// assert_eq!(counter.add(now, &first, 3)?, "TooOld { first_unacknowledged: 1 }");
///
/// // Nobody runs for a session that is not there.
/// let stranger = SessionRequest { session: SessionId(99), ..first };
/// assert!(counter.add(now, &stranger, 5).is_err());
/// assert_eq!(counter.value, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Promises
///
/// * [`SessionBegin::Run`] is said once at most for each number of a session, ever. A request that
///   failed has an outcome, too: complete it with the refusal, and let the client ask again under
///   the next number.
/// * Session ids ascend and are never given again. A request of a session that has ended, was
///   closed, was replaced or was never opened is an error, and never runs. To open a session on
///   the fly would be to run again what the forgotten one ran.
/// * What was acknowledged stays so, in whatever order requests arrive.
/// * A session ends when nothing was heard of it for [`SessionLimits::idle`], by the time that the
///   commands say. It does not end while a request of it runs.
/// * Time never goes back: `now` before an earlier call's counts as that call's.
/// * At a limit, new sessions and requests are refused. Responses are dropped, the session's own
///   lowest numbers first, but not that their requests have run: a session cannot push out what
///   another one keeps.
/// * No call takes more than logarithmic time in the number of sessions, nor more than linear in
///   [`SessionLimits::window`] when numbers come far out of order. Numbers that come in order take
///   constant time. A number that a client makes up costs nothing, however large.
///
/// # A client whose session has ended
///
/// It cannot know whether its last request ran, and must not send it again under a new session
/// without finding out. That is why `idle` is to be longer than clients retry, and why a client that
/// has nothing to ask sends a [`keep_alive`](Self::keep_alive).
#[derive(Clone, Debug)]
pub struct ClientSessions {
    pub(super) limits: SessionLimits,
    /// The latest time that any call brought.
    pub(super) now: Instant,
    pub(super) next_id: u64,
    pub(super) table: Table,
    /// When to look whether a session is over.
    pub(super) queue: BTreeSet<(Instant, SessionId)>,
    /// Sessions that were replaced, and by which live ones.
    pub(super) replaced: BTreeMap<SessionId, SessionId>,
    pub(super) totals: Totals,
    pub(super) weak: Weaknesses,
}

impl ClientSessions {
    /// No sessions.
    pub fn new(limits: SessionLimits) -> Self {
        Self {
            limits: limits.cut(),
            now: Instant::ORIGIN,
            next_id: 1,
            table: Table::new(),
            queue: BTreeSet::new(),
            replaced: BTreeMap::new(),
            totals: Totals::default(),
            weak: Weaknesses::NONE,
        }
    }

    /// A request came: says whether to run it.
    ///
    /// Whatever the answer, the session lives for another [`SessionLimits::idle`], and what the
    /// request acknowledges is forgotten.
    ///
    /// # Errors
    ///
    /// The request must not run: the session is unknown, the number is too far ahead or names
    /// another request, or there is no room. Sending the same again is safe.
    pub fn begin(
        &mut self,
        now: Instant,
        request: &SessionRequest,
    ) -> Result<SessionBegin, SessionBeginError> {
        let now = self.advance(now);
        let sequence = request.sequence;
        if request.first_unacknowledged > sequence {
            return Err(SessionBeginError::AcknowledgesItself {
                sequence,
                first_unacknowledged: request.first_unacknowledged,
            });
        }
        if self.totals.requests >= self.limits.requests {
            self.collect(now, SLICE);
        }
        let (limits, weak) = (self.limits, self.weak);
        if weak.has(Weakness::UnknownSessionRuns) && self.table.get(request.session).is_none() {
            self.enter(Session::new(request.session, now + limits.idle));
        }
        let Some(session) = live(&mut self.table, request.session, now) else {
            let absent = self.absent(request.session);
            return Err(SessionBeginError::absent(request.session, absent));
        };
        if !weak.has(Weakness::RequestsDoNotRenew) {
            session.renew(now, &limits);
        }
        session.acknowledge(request.first_unacknowledged, &mut self.totals, &weak);
        queue_again(&mut self.queue, session);

        let first_unacknowledged = session.first_unacknowledged;
        if sequence < first_unacknowledged {
            return Ok(SessionBegin::TooOld {
                first_unacknowledged,
            });
        }
        let mismatch = |stored: Option<Fingerprint>, completed| match (stored, request.fingerprint)
        {
            (Some(stored), Some(asked))
                if stored != asked && !weak.has(Weakness::NoFingerprint) =>
            {
                Err(SessionBeginError::Mismatch {
                    sequence,
                    stored,
                    completed,
                })
            }
            _ => Ok(()),
        };
        if let Some(stored) = session.running.get(sequence) {
            mismatch(*stored, false)?;
            return Ok(match weak.has(Weakness::RunsBesideItself) {
                true => SessionBegin::Run,
                false => SessionBegin::InProgress,
            });
        }
        if let Some(reply) = session.replied.get(sequence) {
            mismatch(reply.fingerprint, true)?;
            if !weak.has(Weakness::RunsAfterReply) {
                return Ok(SessionBegin::Replay(reply.response.clone()));
            }
        }
        if session.dropped.get(sequence).is_some() {
            return Ok(SessionBegin::AlreadyApplied);
        }
        let ahead = sequence - first_unacknowledged;
        if ahead >= limits.window && !weak.has(Weakness::NoWindow) {
            return Err(SessionBeginError::Rejected {
                sequence,
                // With a window of nothing, not even the first.
                max: first_unacknowledged
                    .saturating_add(limits.window)
                    .saturating_sub(1),
                window: limits.window,
            });
        }
        if self.totals.requests >= limits.requests {
            return Err(SessionBeginError::Full {
                used: self.totals.requests,
                limit: limits.requests,
            });
        }
        session.running.insert(sequence, request.fingerprint);
        self.totals.requests += 1;
        self.totals.running += 1;
        Ok(SessionBegin::Run)
    }

    /// The request ran, and this is the answer to it and to its retries.
    ///
    /// The bytes are kept as they are: a slice of a large buffer holds the whole buffer.
    ///
    /// # Errors
    ///
    /// When the request does not run: nothing is changed, and the response comes back.
    pub fn complete(
        &mut self,
        now: Instant,
        session: SessionId,
        sequence: u64,
        response: Bytes,
    ) -> Result<SessionCompleted, SessionCompleteError> {
        let now = self.advance(now);
        let len = response.len() as u64;
        if self.totals.response_bytes.saturating_add(len) > self.limits.response_bytes {
            self.collect(now, SLICE);
        }
        let (limits, weak, id) = (self.limits, self.weak, session);
        let Some(session) = live(&mut self.table, id, now) else {
            return Err(SessionCompleteError::absent(id, self.absent(id), response));
        };
        let first_unacknowledged = session.first_unacknowledged;
        let running = session.running.remove(sequence);
        let cancelled = weak.has(Weakness::CancelledCompletes) && sequence < first_unacknowledged;
        let Some(fingerprint) = running.or_else(|| cancelled.then_some(None)) else {
            if sequence < first_unacknowledged {
                return Err(SessionCompleteError::Acknowledged {
                    sequence,
                    first_unacknowledged,
                    response,
                });
            }
            let completed =
                session.replied.get(sequence).is_some() || session.dropped.get(sequence).is_some();
            return Err(match completed {
                true => SessionCompleteError::AlreadyCompleted { sequence, response },
                false => SessionCompleteError::NotBegun { sequence, response },
            });
        };
        self.totals.running -= u64::from(running.is_some());
        self.totals.requests += u64::from(running.is_none());
        session.renew(now, &limits);
        let reply = Reply {
            fingerprint,
            response,
        };
        let (kept, dropped) = session.reply(sequence, reply, &limits, &mut self.totals, &weak);
        queue_again(&mut self.queue, session);
        Ok(SessionCompleted { kept, dropped })
    }

    /// The client is still there, and waits for no answer below `first_unacknowledged` (0 if it has
    /// nothing to say of that). Returns until when the session lives if nothing else is heard.
    ///
    /// A request that still runs and is acknowledged is given up: its completion will be refused.
    ///
    /// # Errors
    ///
    /// When there is no such session.
    pub fn keep_alive(
        &mut self,
        now: Instant,
        session: SessionId,
        first_unacknowledged: u64,
    ) -> Result<Instant, SessionKeepAliveError> {
        let now = self.advance(now);
        let (limits, weak) = (self.limits, self.weak);
        let Some(found) = live(&mut self.table, session, now) else {
            let absent = self.absent(session);
            return Err(SessionKeepAliveError::absent(session, absent));
        };
        found.renew(now, &limits);
        found.acknowledge(first_unacknowledged, &mut self.totals, &weak);
        queue_again(&mut self.queue, found);
        Ok(found.deadline)
    }

    pub(super) fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        if self.weak.has(Weakness::TimeGoesBack) {
            self.now = now;
        }
        if self.weak.has(Weakness::LocalTime) {
            self.now = now + self.weak.ahead();
        }
        self.now
    }

    pub(super) fn live(&self, id: SessionId) -> Option<&Session> {
        let found = self.table.get(id);
        found.filter(|session| !session.is_over(self.now))
    }

    /// Why a session is not there.
    pub(super) fn absent(&self, id: SessionId) -> Absent {
        if let Some(by) = self.replaced.get(&id) {
            // The later one may be over, and its memory not yet freed.
            if self.live(*by).is_some() {
                return Absent::Fenced { by: *by };
            }
        }
        if id.0 >= self.next_id || id.0 == 0 {
            return Absent::NeverOpened {
                next: SessionId(self.next_id),
            };
        }
        Absent::NoSession
    }
}

/// The session of that id, if it is not over.
fn live(table: &mut Table, id: SessionId, now: Instant) -> Option<&mut Session> {
    let found = table.get_mut(id);
    found.filter(|session| !session.is_over(now))
}

/// Has the queue look at a session that it does not look at, unless a request of it runs.
pub(super) fn queue_again(queue: &mut BTreeSet<(Instant, SessionId)>, session: &mut Session) {
    if session.queued.is_none() && session.running.is_empty() {
        session.queued = Some(session.deadline);
        queue.insert((session.deadline, session.id));
    }
}
