//! The machine: messages in, messages out in causal order.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::inbox::{Inbox, Stored, same};
use super::kept::Kept;
use super::message::size;
use super::{
    BroadcastAcknowledgeError, BroadcastCounts, BroadcastError, BroadcastLimits, BroadcastMessage,
    BroadcastReceiveError, NotBroadcast,
};
use crate::{Actor, Dot, DotRange, MatrixClock, StabilityCertificate, VersionVector};

/// What became of a message that was not refused.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Received {
    /// It is new, and kept until it can be delivered.
    Buffered {
        /// Whether it can be now: [`poll_deliver`](CausalBroadcast::poll_deliver) has something.
        ready: bool,
        /// Later messages of the sender that were dropped for it. They have to be asked for again,
        /// and [`missing`](CausalBroadcast::missing) does.
        evicted: Option<DotRange>,
    },
    /// It has arrived before, and is dropped.
    Duplicate,
}

/// One member's side of a broadcast: every member delivers every message exactly once, and none
/// before what its sender had delivered before it.
///
/// In a chat over plain channels the answer can arrive before the question, because they take
/// different ways. Here every message carries the vector of what its sender had delivered. A
/// message that comes too early waits for its causes. Concurrent messages are delivered in any
/// order, which may differ from member to member: if that matters, you need consensus.
///
/// This does no I/O. It says which messages to send and takes what arrives, over any network that
/// loses, duplicates and reorders. What a driver does:
///
/// - [`broadcast`](Self::broadcast) a payload, and send the message to all other members. It counts
///   as delivered here.
/// - [`receive`](Self::receive) what arrives, and then [`poll_deliver`](Self::poll_deliver) until
///   there is nothing more. A message that was not polled is not delivered: what is broadcast now
///   does not depend on it.
/// - Now and then, send [`delivered`](Self::delivered) to all others, who
///   [`acknowledge`](Self::acknowledge) it. It tells them what exists, so that the last message of a
///   burst is missed too, and what they may forget.
/// - Now and then, ask for what is [`missing`](Self::missing), its sender or
///   [another holder](MatrixClock::holders). They answer from [`kept`](Self::kept).
///
/// Everything is bounded by [`BroadcastLimits`], for every sender. Who sends too far ahead is told
/// apart with [`Overflow`](BroadcastReceiveError::Overflow), and the next message in order is never
/// refused, so it always goes on. A sender whose messages are not acknowledged has to wait, with
/// [`Backlog`](BroadcastError::Backlog): as with every group that forgets nothing too early, one
/// silent member stops it in the end. That one has to be [removed](Self::leave).
///
/// The group's membership is decided elsewhere, such as by consensus, and told to every member. One group
/// sees at most [`MatrixClock::MAX_MEMBERS`] leave: every vector has an entry for each that was ever a
/// member and sent something, so a group with that much behind it is better begun anew, with what all
/// have delivered as its start.
/// Members are trusted to be honest: a forged vector can stop deliveries. It cannot take memory or
/// panic.
///
/// After Birman, Schiper and Stephenson, "Lightweight Causal and Atomic Group Multicast" (ACM TOCS
/// 1991, §5). Payloads are cloned when kept: use one that is cheap to clone, such as `Arc<[u8]>`.
///
/// ```
/// use quorate_clocks::{
///     Actor, BroadcastLimits, CausalBroadcast, Incarnation, MatrixClock, NodeId, Received,
/// };
///
/// let [a, b, c] = [1, 2, 3].map(|node| Actor::new(NodeId(node), Incarnation(1)));
/// let group = MatrixClock::with_members([a, b, c])?;
/// let member = |me| CausalBroadcast::new(me, group.clone(), BroadcastLimits::default());
/// let (mut alice, mut bob, mut carol) = (member(a)?, member(b)?, member(c)?);
///
/// // Alice asks, Bob hears it and answers, and Carol gets the answer first.
/// let question = alice.broadcast("lunch?")?;
/// bob.receive(question.clone())?;
/// assert!(bob.poll_deliver().is_some());
/// let answer = bob.broadcast("at one")?;
///
/// assert_eq!(carol.receive(answer)?, Received::Buffered { ready: false, evicted: None });
/// assert!(carol.poll_deliver().is_none());
/// assert_eq!(carol.missing()[0].to_string(), "n1.1: 1 to 1");
/// carol.receive(question.clone())?;
/// assert_eq!(carol.poll_deliver().map(|message| *message.payload()), Some("lunch?"));
/// assert_eq!(carol.poll_deliver().map(|message| *message.payload()), Some("at one"));
/// assert_eq!(carol.receive(question)?, Received::Duplicate);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Restarts
///
/// A member that has lost what it had sent and delivered does not come back: it would reuse names.
/// It joins as its [next life](Actor::next_life), from a snapshot of another member, and the old
/// life leaves. Somebody who still used the old name would be told of
/// [`Amnesia`](BroadcastReceiveError::Amnesia).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct CausalBroadcast<P> {
    pub(super) me: Actor,
    limits: BroadcastLimits,
    /// What each member has delivered as far as is known here. Our own row is `delivered`.
    pub(super) matrix: MatrixClock,
    pub(super) delivered: VersionVector,
    /// Of the others. None is empty.
    pub(super) inboxes: BTreeMap<Actor, Inbox<P>>,
    /// Of all. None is empty.
    kept: BTreeMap<Actor, Kept<P>>,
    pub(super) counts: BroadcastCounts,
}

impl<P: AsRef<[u8]> + Clone> CausalBroadcast<P> {
    /// The side of `me` in a group.
    ///
    /// A group begins with [`MatrixClock::with_members`]. Who joins later starts with a snapshot
    /// of a member, which is three things: the application's state, its [`matrix`](Self::matrix),
    /// in which `me` has joined with the vector that the member had delivered, and
    /// [`all_kept`](Self::all_kept), to be [restored](Self::restore). All need the same members and
    /// removed ones.
    ///
    /// # Errors
    ///
    /// When `me` is not a member.
    pub fn new(
        me: Actor,
        matrix: MatrixClock,
        limits: BroadcastLimits,
    ) -> Result<Self, BroadcastError> {
        let Some(delivered) = matrix.row(me).cloned() else {
            return Err(BroadcastError::NotMember { me });
        };
        Ok(Self {
            me,
            limits,
            matrix,
            delivered,
            inboxes: BTreeMap::new(),
            kept: BTreeMap::new(),
            counts: BroadcastCounts::default(),
        })
    }

    /// Makes a message of a payload, to be sent to all other members. Here it counts as delivered.
    ///
    /// # Errors
    ///
    /// Gives the payload back when we have left, when it is too large, or when too many of our
    /// messages have not been seen by all.
    pub fn broadcast(&mut self, payload: P) -> Result<BroadcastMessage<P>, NotBroadcast<P>> {
        match self.count(payload.as_ref().len()) {
            Err(error) => Err(NotBroadcast { payload, error }),
            Ok(dot) => {
                let message = BroadcastMessage::counted(dot, self.delivered.clone(), payload);
                self.keep(message.clone());
                self.counts.broadcast = self.counts.broadcast.saturating_add(1);
                Ok(message)
            }
        }
    }

    /// Takes a message that arrived, from whomever. What can be delivered is polled.
    ///
    /// # Errors
    ///
    /// When it is no message of this group, or there is no room for it.
    pub fn receive(
        &mut self,
        message: BroadcastMessage<P>,
    ) -> Result<Received, BroadcastReceiveError> {
        let received = self.take(message);
        let count = match &received {
            Ok(Received::Duplicate) => &mut self.counts.duplicates,
            Err(_) => &mut self.counts.refused,
            Ok(Received::Buffered { .. }) => return received,
        };
        *count = count.saturating_add(1);
        received
    }

    /// The next message whose causes have all been delivered. From now on it is delivered.
    ///
    /// Another answer is possible after [`receive`](Self::receive), [`leave`](Self::leave) and this.
    #[must_use = "from now on it counts as delivered"]
    pub fn poll_deliver(&mut self) -> Option<BroadcastMessage<P>> {
        let delivered = &self.delivered;
        let (sender, inbox) = self
            .inboxes
            .iter_mut()
            .find_map(|(sender, inbox)| inbox.is_ready(delivered).then_some((*sender, inbox)))?;
        let message = inbox.take()?;
        if inbox.is_empty() {
            self.inboxes.remove(&sender);
        }
        self.delivered.observe(message.dot());
        self.matrix.raise(self.me, message.dot());
        self.counts.delivered = self.counts.delivered.saturating_add(1);
        if self.limits.relay {
            self.keep(message.clone());
        }
        Some(message)
    }

    /// Notes what another member has delivered, forgets what all have, and says how many messages
    /// that were.
    ///
    /// # Errors
    ///
    /// When that is not a member, or has delivered what does not exist or does not count.
    pub fn acknowledge(
        &mut self,
        from: Actor,
        delivered: &VersionVector,
    ) -> Result<usize, BroadcastAcknowledgeError> {
        let unknown = delivered.iter().find(|(actor, seen)| {
            // Of our messages no member has more than us, and nobody but us speaks for us.
            self.matrix.is_member(from)
                && (*actor == self.me || from == self.me)
                && *seen > self.delivered.get(*actor)
        });
        if let Some((actor, counter)) = unknown {
            return Err(BroadcastAcknowledgeError::Amnesia {
                from,
                seen: Dot { actor, counter },
                known: self.delivered.get(actor),
            });
        }
        self.matrix.record(from, delivered)?;
        // Even when that was no news: messages and deliveries have told more since.
        Ok(self.forget_stable())
    }

    /// What exists and has not arrived, as far as there is room for it: what to ask for again.
    ///
    /// Another answer is possible after [`receive`](Self::receive),
    /// [`poll_deliver`](Self::poll_deliver), [`acknowledge`](Self::acknowledge),
    /// [`join`](Self::join) and [`leave`](Self::leave).
    pub fn missing(&self) -> Vec<DotRange> {
        let mut missing = Vec::new();
        let mut exists = self.delivered.clone();
        for (_, row) in self.matrix.rows() {
            exists.merge(row);
        }
        for (sender, last) in self.matrix.removed() {
            if last > 0 {
                exists.observe(Dot {
                    actor: sender,
                    counter: last,
                });
            }
        }
        for (sender, last) in exists.iter().filter(|(sender, _)| *sender != self.me) {
            let delivered = self.delivered.get(sender);
            let last = last.min(delivered.saturating_add(self.window()));
            let mut next = delivered;
            let arrived = self.inboxes.get(&sender).into_iter();
            for counter in arrived.flat_map(Inbox::counters) {
                missing.extend(between(sender, next, counter));
                next = counter;
            }
            if let Some(end) = last.checked_add(1) {
                missing.extend(between(sender, next, end));
            } else {
                missing.extend(DotRange::new(sender, next.saturating_add(1), last));
            }
        }
        missing
    }

    /// The messages of a range that are kept: the answer to who misses them.
    ///
    /// There may be fewer than were asked for. What all have delivered is forgotten.
    pub fn kept(&self, range: DotRange) -> impl Iterator<Item = &BroadcastMessage<P>> {
        let kept = self.kept.get(&range.actor()).into_iter();
        kept.flat_map(move |kept| kept.range(range))
    }

    /// All messages that are kept, those of a sender in order: a part of the snapshot for a new
    /// member.
    pub fn all_kept(&self) -> impl Iterator<Item = &BroadcastMessage<P>> {
        self.kept.values().flat_map(Kept::messages)
    }

    /// Keeps a message that the snapshot had delivered, and says whether it is of use.
    ///
    /// Without it the new member counts as one that has the message, and cannot give it to others:
    /// when those that can fail, it is lost. The messages of a sender have to come in order, before
    /// any other is received.
    pub fn restore(&mut self, message: BroadcastMessage<P>) -> bool {
        let dot = message.dot();
        let wanted = self.limits.relay || dot.actor == self.me;
        let kept = self.kept.get(&dot.actor);
        let next = kept.is_none_or(|kept| kept.is_next(dot.counter));
        let useful = wanted && next && self.delivered.contains(dot);
        if useful {
            self.keep(message);
        }
        useful
    }

    /// What has been delivered here, our own messages included: what to acknowledge with.
    pub const fn delivered(&self) -> &VersionVector {
        &self.delivered
    }

    /// Who we are.
    pub const fn me(&self) -> Actor {
        self.me
    }

    /// What each member is known to have delivered.
    pub const fn matrix(&self) -> &MatrixClock {
        &self.matrix
    }

    /// The proof of what all members have delivered.
    pub fn certificate(&self) -> StabilityCertificate {
        self.matrix.certificate()
    }

    /// What is kept at most.
    pub const fn limits(&self) -> &BroadcastLimits {
        &self.limits
    }

    /// What was done so far.
    pub const fn counts(&self) -> &BroadcastCounts {
        &self.counts
    }

    /// How many messages of a sender wait here, and how many bytes they take.
    pub fn pending(&self, sender: Actor) -> (usize, usize) {
        let inbox = self.inboxes.get(&sender);
        inbox.map_or((0, 0), |inbox| (inbox.len(), inbox.bytes()))
    }

    /// How many messages of a sender have arrived without a gap, delivered or waiting. It cannot
    /// deliver more of that sender without [receiving](Self::receive) more of it: what to tell the group
    /// when it agrees on how many count of one that [leaves](Self::leave).
    pub fn held(&self, sender: Actor) -> u64 {
        let mut held = self.delivered.get(sender);
        let waiting = self.inboxes.get(&sender).into_iter();
        for counter in waiting.flat_map(Inbox::counters) {
            if held.checked_add(1) != Some(counter) {
                break;
            }
            held = counter;
        }
        held
    }

    fn take(&mut self, message: BroadcastMessage<P>) -> Result<Received, BroadcastReceiveError> {
        if self.is_duplicate(&message)? {
            return Ok(Received::Duplicate);
        }
        let dot = message.dot();
        let (size, limit) = (message.size(), self.limits.message());
        if size > limit {
            let message = dot;
            return Err(BroadcastReceiveError::TooLarge {
                message,
                size,
                limit,
            });
        }
        // The sender had delivered its causes, and the message exists, whether there is room or not.
        // One that has left has no row.
        let _ = self.matrix.record(dot.actor, message.vector());
        let delivered = self.delivered.get(dot.actor);
        let inbox = self.inboxes.entry(dot.actor).or_insert_with(Inbox::new);
        let stored = inbox.store(message, delivered, &self.limits);
        let (messages, bytes) = (inbox.len(), inbox.bytes());
        if inbox.is_empty() {
            self.inboxes.remove(&dot.actor);
        }
        match stored {
            Stored::Duplicate => Ok(Received::Duplicate),
            Stored::Conflict => Err(BroadcastReceiveError::Conflict { message: dot }),
            Stored::Full => Err(BroadcastReceiveError::Overflow {
                sender: dot.actor,
                again: DotRange::one(dot),
                messages,
                bytes,
            }),
            Stored::Kept { evicted, count } => {
                self.counts.evicted = self.counts.evicted.saturating_add(count);
                let inbox = self.inboxes.get_mut(&dot.actor);
                let ready = dot.counter - delivered == 1
                    && inbox.is_some_and(|inbox| inbox.is_ready(&self.delivered));
                Ok(Received::Buffered { ready, evicted })
            }
        }
    }

    /// Whether a message was delivered before, if it is one of this group.
    fn is_duplicate(&self, message: &BroadcastMessage<P>) -> Result<bool, BroadcastReceiveError> {
        let (dot, vector) = (message.dot(), message.vector());
        match self.matrix.last(dot.actor) {
            Some(last) if dot.counter > last => {
                let message = dot;
                return Err(BroadcastReceiveError::Left { message, last });
            }
            None if !self.matrix.is_member(dot.actor) => {
                let sender = dot.actor;
                return Err(BroadcastReceiveError::Unknown { sender });
            }
            _ => {}
        }
        // After that, because only members know what we have sent.
        let sent = self.delivered.get(self.me);
        if vector.get(self.me) > sent {
            let (actor, counter) = (self.me, vector.get(self.me));
            let (sender, seen) = (dot.actor, Dot { actor, counter });
            return Err(BroadcastReceiveError::Amnesia { sender, seen, sent });
        }
        if self.delivered.contains(dot) {
            let mut kept = self.kept(DotRange::one(dot));
            return if kept.next().is_some_and(|kept| !same(kept, message)) {
                Err(BroadcastReceiveError::Conflict { message: dot })
            } else {
                Ok(true)
            };
        }
        if let Some(actor) = self.matrix.stranger(vector) {
            let message = dot;
            return Err(BroadcastReceiveError::UnknownCause { message, actor });
        }
        if let Some((actor, counter, last)) = self.matrix.beyond(vector) {
            return Err(BroadcastReceiveError::BeyondLast {
                message: dot,
                cause: Dot { actor, counter },
                last,
            });
        }
        Ok(false)
    }

    /// Counts a message of our own, if there is room for it.
    fn count(&mut self, payload: usize) -> Result<Dot, BroadcastError> {
        let me = self.me;
        if !self.matrix.is_member(me) {
            return Err(BroadcastError::NotMember { me });
        }
        let mut counted = self.delivered.clone();
        let Ok(dot) = counted.increment(me) else {
            return Err(BroadcastError::Exhausted { me });
        };
        let (size, limit) = (size(&counted, payload), self.limits.message());
        if size > limit {
            return Err(BroadcastError::TooLarge { size, limit });
        }
        if !self.has_room(size) {
            self.forget_stable();
        }
        if !self.has_room(size) {
            return Err(self.backlog());
        }
        self.delivered = counted;
        self.matrix.raise(me, dot);
        Ok(dot)
    }

    fn has_room(&self, size: usize) -> bool {
        match self.kept.get(&self.me) {
            Some(kept) => kept.has_room(size, &self.limits),
            None => Kept::<P>::new().has_room(size, &self.limits),
        }
    }

    fn backlog(&self) -> BroadcastError {
        let kept = self.kept.get(&self.me);
        let (messages, bytes) = kept.map_or((0, 0), |kept| (kept.len(), kept.bytes()));
        let slowest = self.matrix.rows().min_by_key(|(_, row)| row.get(self.me));
        BroadcastError::Backlog {
            messages,
            bytes,
            slowest: slowest.map_or(self.me, |(slowest, _)| slowest),
        }
    }

    /// Keeps a delivered message for who may have missed it.
    ///
    /// That the oldest goes when there are too many is right for others' messages: with the same
    /// limits, the sender could not have sent this one before the oldest was stable.
    fn keep(&mut self, message: BroadcastMessage<P>) {
        let sender = message.sender();
        let kept = self.kept.entry(sender).or_insert_with(Kept::new);
        kept.push(message, &self.limits);
        if kept.is_empty() {
            self.kept.remove(&sender);
        }
    }

    /// Forgets the messages that all members have delivered, and says how many.
    pub(super) fn forget_stable(&mut self) -> usize {
        if self.kept.is_empty() {
            return 0;
        }
        let stable = self.matrix.stable();
        let mut forgotten = 0;
        self.kept.retain(|sender, kept| {
            forgotten += kept.forget(stable.get(*sender));
            !kept.is_empty()
        });
        forgotten
    }

    fn window(&self) -> u64 {
        self.limits.pending_messages.max(1)
    }
}

/// The messages after one and before another.
fn between(sender: Actor, after: u64, before: u64) -> Option<DotRange> {
    DotRange::new(sender, after.checked_add(1)?, before.checked_sub(1)?)
}
