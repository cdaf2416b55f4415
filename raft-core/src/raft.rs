//! One member: its state, its commands, and where each input goes.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use bytes::Bytes;
use quorate_clocks::{Instant, NodeId};
use quorate_transport::{Machine, Receipt, Transmit, Write};

use crate::counters::Uncompared;
use crate::forward::Forwarded;
use crate::gate::Gate;
use crate::log::{ENTRY_OVERHEAD, Log};
use crate::marks::Marks;
use crate::progress::Progress;
use crate::proposals::Proposals;
use crate::reads::Reads;
use crate::snapshot::Incoming;
use crate::transfer::Transfer;
use crate::{
    Cause, Config, Counters, Entries, Event, HardState, Index, Message, Payload, PeerStatus,
    Persist, Position, ProposeError, Recovered, Role, Snapshot, StartError, Status, Term,
};
use quorate_clocks::SplitMix64;

/// One member of a Raft cluster, without any I/O.
///
/// It is told what happened and when (`handle_*`, [`propose`](Self::propose),
/// [`read`](Self::read)), and says what to do next (`poll_*`). The polls may be drained in any
/// order and late: what depends on a write comes out only after
/// [`handle_written`](Self::handle_written).
///
/// ```
/// use bytes::Bytes;
/// use quorate_clocks::{Instant, NodeId};
/// use quorate_raft_core::{Config, Event, Raft, Recovered};
///
/// // A cluster of one elects itself once its vote is durable.
/// let config = Config::new(NodeId(1), [NodeId(1)]);
/// let now = Instant::ORIGIN;
/// let mut raft = Raft::new(config, Recovered::default(), 42, now)?;
/// let now = raft.poll_timeout().unwrap();
/// raft.handle_timeout(now);
/// while let Some(write) = raft.poll_write() {
///     // ... make write.what durable ...
///     raft.handle_written(write.receipt, now);
/// }
/// let position = raft.propose(Bytes::from("x = 1"), now)?;
/// let write = raft.poll_write().unwrap();
/// raft.handle_written(write.receipt, now);
/// let committed = core::iter::from_fn(|| raft.poll_event()).any(|event| match event {
///     Event::Committed { entries } => entries.iter().any(|entry| entry.position == position),
///     _ => false,
/// });
/// assert!(committed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Raft {
    pub(crate) config: Config,
    /// The members besides this one.
    pub(crate) others: Vec<NodeId>,
    pub(crate) random: SplitMix64,
    /// The latest instant that it was told.
    pub(crate) now: Instant,

    pub(crate) hard_state: HardState,
    /// The write that makes the term and the vote durable.
    pub(crate) hard_state_gate: Receipt,
    pub(crate) log: Log,
    pub(crate) gate: Gate,
    pub(crate) commit: Index,
    pub(crate) applied: Index,

    pub(crate) role: Role,
    pub(crate) leader: Option<NodeId>,
    /// When the leader of the term, or of one before, was last heard.
    pub(crate) leader_heard: Option<Instant>,
    /// Until when no vote is given, for the sake of a lease that an earlier life, or this node as a
    /// leader, had a part in.
    pub(crate) no_vote_until: Instant,
    /// When to stand for election.
    pub(crate) election_at: Instant,
    /// Answers to a (pre-)candidate, by voter.
    pub(crate) votes: BTreeMap<NodeId, bool>,

    /// The followers, on a leader.
    pub(crate) peers: Vec<Progress>,
    /// The first entry of this leader's term.
    pub(crate) term_start: Index,
    pub(crate) heartbeat_at: Instant,
    pub(crate) quorum_check_at: Instant,
    pub(crate) reads: Reads,
    /// Until when the leave to read lasts that was given for the longest.
    pub(crate) permits_until: Instant,
    pub(crate) transfer: Option<Transfer>,
    /// Reads that this node, as a follower, has asked the leader for.
    pub(crate) forwarded: Forwarded,
    proposals: Proposals,

    /// What this node, as a follower, knows of how current it is.
    pub(crate) marks: Marks,
    pub(crate) incoming: Option<Incoming>,
    /// A snapshot that replaces the application's state once this write is durable.
    pub(crate) restoring: Option<(Receipt, Snapshot)>,
    /// What was asked of the driver with [`Event::Load`].
    loading: Option<(Index, Index)>,
    /// What is wanted from the driver's log next.
    pub(crate) load_wanted: Option<(Index, Index)>,
    /// The driver could not bring what was asked for: nothing is asked for until then.
    load_again_at: Instant,
    events: VecDeque<Event>,
    told: (Role, Term, Option<NodeId>),
    /// Why the role, the term or the leader is what it is.
    pub(crate) cause: Cause,
    pub(crate) counters: Uncompared<Counters>,
    /// Something happened since everything was sent that could be. Only saves looking.
    may_send_more: Uncompared<bool>,
}

impl Raft {
    /// A member that starts, or starts again, from what its disk holds.
    ///
    /// `seed` drives the election timeouts: give every member, and every life, another one.
    pub fn new(
        config: Config,
        recovered: Recovered,
        seed: u64,
        now: Instant,
    ) -> Result<Self, StartError> {
        config.check()?;
        let log = Log::recover(&recovered, &config.founders)?;
        let last = log.last();
        if last.term > recovered.hard_state.term {
            return Err(StartError::TermBehindLog {
                term: recovered.hard_state.term,
                last,
            });
        }
        let applied = recovered.applied.max(recovered.start.index);
        if applied > last.index {
            return Err(StartError::LogBehindApplication {
                applied,
                last: last.index,
            });
        }
        let is_empty = log.last() == Position::ZERO;
        let founders = config.founders.members();
        let is_founders_log = log.members().index() == Index::ZERO && !founders.is_empty();
        if is_founders_log && !founders.contains(&config.id) {
            return Err(StartError::NotAMember { id: config.id });
        }
        let others = log.members().current().members().iter().copied();
        let others = others.filter(|&id| id != config.id).collect();
        // An earlier life may have answered a heartbeat that some leader's lease rests on.
        let is_first_life = recovered.hard_state == HardState::default() && is_empty;
        let no_vote_until = if is_first_life || !config.leases {
            now
        } else {
            now + config.election_timeout
        };
        let gate = Gate::new(last.index, config.max_outbox);
        let mut raft = Self {
            reads: Reads::new(&config),
            others,
            config,
            random: SplitMix64::new(seed),
            now,
            hard_state: recovered.hard_state,
            hard_state_gate: Receipt::default(),
            log,
            gate,
            commit: applied,
            applied,
            role: Role::Follower,
            leader: None,
            leader_heard: None,
            no_vote_until,
            election_at: now,
            votes: BTreeMap::new(),
            peers: Vec::new(),
            term_start: Index::ZERO,
            heartbeat_at: now,
            quorum_check_at: now,
            permits_until: Instant::ORIGIN,
            transfer: None,
            forwarded: Forwarded::new(seed),
            proposals: Proposals::default(),
            marks: Marks::default(),
            incoming: None,
            restoring: None,
            loading: None,
            load_wanted: None,
            load_again_at: now,
            events: VecDeque::new(),
            told: (Role::Follower, recovered.hard_state.term, None),
            cause: Cause::Started,
            counters: Uncompared::default(),
            may_send_more: Uncompared(true),
        };
        raft.reset_election_timer();
        Ok(raft)
    }

    /// Appends a command to the log of the leader.
    ///
    /// The returned position names it: it comes back in [`Event::Committed`], or its fate in
    /// [`Event::ProposalLost`], exactly once in this life of the node. A command may be committed
    /// although this node has lost its leadership.
    pub fn propose(&mut self, command: Bytes, now: Instant) -> Result<Position, ProposeError> {
        self.advance(now);
        if self.role != Role::Leader {
            return Err(ProposeError::NotLeader {
                leader: self.leader,
                command,
            });
        }
        if let Some(to) = self.has_handed_over() {
            return Err(ProposeError::Transferring { to, command });
        }
        let limit_bytes = self.config.max_command_bytes;
        if command.len() > limit_bytes {
            return Err(ProposeError::TooLarge {
                limit_bytes,
                command,
            });
        }
        let cost = command.len() + ENTRY_OVERHEAD;
        let limit_bytes = self.config.max_uncommitted_bytes;
        // A majority commits without this node's disk, and what that has not written is still held.
        let waiting_bytes =
            self.log.open_cost() + self.proposals.cost().max(self.gate.waiting_bytes());
        // One command always fits when nothing waits.
        if waiting_bytes > 0 && waiting_bytes.saturating_add(cost) > limit_bytes {
            return Err(ProposeError::Full {
                waiting_bytes,
                limit_bytes,
                command,
            });
        }
        if !self.log.has_place() {
            return Err(ProposeError::LogFull { command });
        }
        self.log
            .append_open(self.hard_state.term, Payload::Command(command));
        Ok(self.log.last())
    }

    /// A peer's message arrived. What is stale, unknown or malformed is dropped and counted.
    pub fn handle_message(&mut self, from: NodeId, message: Message, now: Instant) {
        self.advance(now);
        self.close_proposals();
        // Whoever else it comes from: a member that is behind does not know the newest members, and must hear
        // their leader (thesis §4.1).
        if from == self.config.id {
            self.counters.0.dropped_messages += 1;
            return;
        }
        match message {
            Message::PreVote(request) => self.handle_pre_vote(from, request),
            Message::PreVoteReply(reply) => self.handle_pre_vote_reply(from, reply),
            Message::Vote(request) => self.handle_vote(from, request),
            Message::VoteReply(reply) => self.handle_vote_reply(from, reply),
            Message::Append(append) => self.handle_append(from, append),
            Message::AppendReply(reply) => self.handle_append_reply(from, reply),
            Message::Commit(commit) => self.handle_commit(from, commit),
            Message::TimeoutNow(timeout) => self.handle_timeout_now(from, timeout),
            Message::ReadRequest(request) => self.handle_read_request(from, request),
            Message::ReadReply(reply) => self.handle_read_reply(from, reply),
            Message::Heartbeat(heartbeat) => self.handle_heartbeat(from, heartbeat),
            Message::HeartbeatReply(reply) => self.handle_heartbeat_reply(from, reply),
            Message::SnapshotChunk(chunk) => self.handle_snapshot_chunk(from, *chunk),
            Message::SnapshotReply(reply) => self.handle_snapshot_reply(from, reply),
        }
        self.tell_role();
    }

    /// Time has passed. Harmless when called early, late or twice.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
        self.close_proposals();
        if self.role == Role::Leader {
            if self.now >= self.quorum_check_at {
                self.check_quorum();
            }
            if self.role == Role::Leader && self.now >= self.heartbeat_at {
                self.heartbeat_at = self.now + self.config.heartbeat_interval;
                self.reads.want_round();
            }
            self.advance_transfer();
        } else {
            self.expire_forwarded();
            if self.now >= self.election_at {
                self.stand_for_election(Cause::Timeout);
            }
        }
        self.tell_role();
    }

    /// Every write up to and including `receipt` is durable.
    pub fn handle_written(&mut self, receipt: Receipt, now: Instant) {
        self.advance(now);
        self.close_proposals();
        self.gate.written(receipt);
        if let Some((after, snapshot)) = self.restoring.take() {
            if self.gate.is_durable(after) {
                self.applied = self.applied.max(snapshot.position.index);
                let restore = Event::Restore { snapshot };
                self.replace_event(|event| matches!(event, Event::Restore { .. }), restore);
            } else {
                self.restoring = Some((after, snapshot));
            }
        }
        match self.role {
            Role::Candidate => self.count_own_vote(),
            Role::Leader => self.advance_commit(),
            Role::Follower | Role::PreCandidate => {}
        }
        self.log
            .shrink_window(self.config.window_bytes, self.gate.durable_index());
        self.tell_role();
    }

    /// A hint that `to` cannot be reached: stops streaming to it until it answers.
    pub fn handle_unreachable(&mut self, to: NodeId, now: Instant) {
        self.advance(now);
        if let Some(peer) = self.peers.iter_mut().find(|peer| peer.id == to)
            && matches!(peer.mode, crate::progress::Mode::Replicate { .. })
        {
            let next = peer.matched.next();
            peer.probe_from(next);
            // The next heartbeat's answer starts the probe: the peer may be gone for long.
            peer.mode = crate::progress::Mode::Probe { waiting: true };
        }
    }

    /// A message that may be sent now. Appends of what was proposed since, and a round of
    /// heartbeats for the reads since, are made here, so that one message carries many.
    pub fn poll_transmit(&mut self) -> Option<Transmit<Message>> {
        self.close_proposals();
        if self.may_send_more.0 && !self.gate.has_transmit() {
            self.send_more();
        }
        self.gate.poll_transmit()
    }

    fn send_more(&mut self) {
        self.may_send_more.0 = false;
        if self.role == Role::Leader {
            self.send_round();
            self.may_send_more.0 = !self.feed_peers();
        } else {
            self.send_read_request();
        }
    }

    /// The next thing to make durable. Any call may make more of them.
    pub fn poll_write(&mut self) -> Option<Write<Persist>> {
        self.close_proposals();
        self.gate.poll_write()
    }

    /// The next thing that the application should know or do. Any call may make more of them.
    pub fn poll_event(&mut self) -> Option<Event> {
        if !self.events.is_empty() {
            return self.events.pop_front();
        }
        if self.reads.has_confirmed() {
            return self.reads.poll();
        }
        match self.next_committed() {
            Some(entries) => Some(Event::Committed { entries }),
            None => self.next_load(),
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let (due, other) = match self.role {
            Role::Leader => {
                let due = self.heartbeat_at.min(self.quorum_check_at);
                (due, self.transfer_due())
            }
            _ => (self.election_at, self.forwarded.due()),
        };
        Some(other.map_or(due, |other| due.min(other)))
    }

    /// Entries that were asked for with [`Event::Load`], from `from` on. Empty when they are gone:
    /// a follower that needs them gets a snapshot.
    pub fn provide_entries(&mut self, from: Index, entries: Entries, now: Instant) {
        self.advance(now);
        let Some((asked, _)) = self.loading.filter(|(asked, _)| *asked == from) else {
            return;
        };
        self.loading = None;
        let gone = entries.is_empty();
        let starts = entries
            .first()
            .is_some_and(|entry| entry.position.index == asked);
        if !starts || !self.log.keep_loaded(entries) {
            self.load_again_at = self.now + self.config.heartbeat_interval;
        }
        if gone {
            self.entries_are_gone(asked);
        }
    }

    /// The entries up to `through` are in a durable snapshot of this node and may be forgotten.
    /// No more than is applied is forgotten.
    pub fn compact(&mut self, through: Index) {
        self.may_send_more.0 = true;
        self.log.compact(through.min(self.applied));
    }

    /// What this member knows of its cluster.
    pub fn status(&self) -> Status {
        let active = |peer: &Progress| self.now.since(peer.answered) < self.config.election_timeout;
        Status {
            id: self.config.id,
            role: self.role,
            term: self.hard_state.term,
            leader: self.leader,
            last: self.log.last(),
            start: self.log.start(),
            commit: self.commit,
            applied: self.applied,
            durable: self.gate.durable_index(),
            membership: self.membership().clone(),
            membership_index: self.membership_index(),
            transferring: self.transferring(),
            peers: self
                .peers
                .iter()
                .map(|peer| PeerStatus {
                    id: peer.id,
                    matched: peer.matched,
                    next: peer.next,
                    active: active(peer),
                })
                .collect(),
            dropped_messages: self.counters().dropped_messages,
        }
    }

    /// What it has done in this life.
    pub const fn counters(&self) -> Counters {
        let mut counters = self.counters.0;
        counters.dropped_messages += self.gate.dropped();
        counters
    }

    /// The settings.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// What this member is in its term.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Its term.
    pub const fn term(&self) -> Term {
        self.hard_state.term
    }

    /// The leader of its term, when known.
    pub const fn leader(&self) -> Option<NodeId> {
        self.leader
    }

    /// How far it knows the log to be committed.
    pub const fn commit(&self) -> Index {
        self.commit
    }

    /// How far it has handed out entries to apply.
    pub const fn applied(&self) -> Index {
        self.applied
    }

    /// The position of the entry at `index`, while the log goes that far back.
    pub fn position_at(&self, index: Index) -> Option<Position> {
        self.log.position_at(index)
    }

    pub(crate) fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.may_send_more.0 = true;
    }

    /// Makes what was proposed since into one batch, which is written, sent and handed out as one.
    #[inline]
    pub(crate) fn close_proposals(&mut self) {
        if self.log.has_open() {
            self.share_proposals();
        }
    }

    fn share_proposals(&mut self) {
        if let Some(batch) = self.log.close() {
            self.proposals.push(&batch);
            self.gate.write_entries(batch);
        }
    }

    /// Appends an entry that is not the application's.
    pub(crate) fn append_own(&mut self, payload: Payload) -> Position {
        self.close_proposals();
        self.log.append_open(self.hard_state.term, payload);
        if let Some(batch) = self.log.close() {
            if batch.changes_members() {
                self.proposals.push(&batch);
            }
            self.gate.write_entries(batch);
        }
        let position = self.log.last();
        self.notice_members();
        position
    }

    /// Raises the commit index, and settles the proposals whose fate that decides.
    #[inline]
    pub(crate) fn commit_to(&mut self, index: Index) {
        if index > self.commit {
            self.commit_further(index);
        }
    }

    fn commit_further(&mut self, index: Index) {
        let before = core::mem::replace(&mut self.commit, index);
        if !self.proposals.is_empty() {
            self.settle_proposals(before, index);
        }
        let named = self.membership_index();
        if named > before && named <= index {
            self.membership_committed();
        }
    }

    fn settle_proposals(&mut self, before: Index, index: Index) {
        let events = &mut self.events;
        let mut lost = |position, fate| events.push_back(Event::ProposalLost { position, fate });
        self.proposals.settle(index, &self.log, &mut lost);
        let term = self.log.term_at(index);
        if self.log.term_at(before) != term {
            self.proposals
                .settle_outdated(term.unwrap_or_default(), &mut lost);
        }
    }

    pub(crate) fn push_event(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// Tells something that makes what was told before, and not polled, moot.
    pub(crate) fn replace_event(&mut self, moot: impl Fn(&Event) -> bool, event: Event) {
        self.events.retain(|event| !moot(event));
        self.events.push_back(event);
    }

    /// How many events wait to be polled.
    pub(crate) fn waiting_events(&self) -> usize {
        self.events.len()
    }

    /// Tells the application of a new role, term or leader. One that was not polled is replaced.
    #[inline]
    pub(crate) fn tell_role(&mut self) {
        let (role, term, leader) = self.told;
        if term != self.hard_state.term || role != self.role || leader != self.leader {
            self.tell_changed_role();
        }
    }

    #[cold]
    fn tell_changed_role(&mut self) {
        // Whoever was asked for an index no longer answers.
        self.lose_forwarded();
        let cause = self.cause;
        let (role, term, leader) = (self.role, self.hard_state.term, self.leader);
        self.told = (role, term, leader);
        let changed = Event::RoleChanged {
            role,
            term,
            leader,
            cause,
        };
        self.replace_event(|event| matches!(event, Event::RoleChanged { .. }), changed);
    }

    /// Hands out entries that are committed and durable here.
    fn next_committed(&mut self) -> Option<Entries> {
        if self.restoring.is_some() {
            return None;
        }
        let to = self.commit.min(self.gate.durable_index());
        let from = self.applied.next();
        if from > to {
            return None;
        }
        self.may_send_more.0 = true;
        if self.membership().is_witness(self.config.id) {
            // It has nothing to apply them to.
            self.applied = to;
            return None;
        }
        match self.log.entries(from, to, self.config.max_committed_bytes) {
            Some(entries) => {
                self.applied = entries
                    .last_position()
                    .map_or(self.applied, |last| last.index);
                Some(entries)
            }
            None => {
                self.want_load(from, to);
                None
            }
        }
    }

    /// Notes that entries are wanted that are not in memory. The oldest want is served first.
    pub(crate) fn want_load(&mut self, from: Index, to: Index) {
        let older = self.load_wanted.is_none_or(|(wanted, _)| from < wanted);
        if older && self.loading.is_none() && self.now >= self.load_again_at {
            self.load_wanted = Some((from, to));
        }
    }

    fn next_load(&mut self) -> Option<Event> {
        let (from, to) = self.load_wanted.take()?;
        let to = to.min(self.gate.durable_index());
        if self.loading.is_some() || from > to {
            return None;
        }
        self.loading = Some((from, to));
        let max_bytes = self
            .config
            .max_append_bytes
            .max(self.config.max_committed_bytes);
        Some(Event::Load {
            from,
            to,
            max_bytes,
        })
    }
}

impl Machine for Raft {
    type Message = Message;
    type Write = Persist;
    type Event = Event;

    fn handle_message(&mut self, from: NodeId, message: Message, now: Instant) {
        Self::handle_message(self, from, message, now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        Self::handle_timeout(self, now);
    }

    fn handle_written(&mut self, receipt: Receipt, now: Instant) {
        Self::handle_written(self, receipt, now);
    }

    fn handle_unreachable(&mut self, to: NodeId, now: Instant) {
        Self::handle_unreachable(self, to, now);
    }

    fn poll_transmit(&mut self) -> Option<Transmit<Message>> {
        Self::poll_transmit(self)
    }

    fn poll_write(&mut self) -> Option<Write<Persist>> {
        Self::poll_write(self)
    }

    fn poll_event(&mut self) -> Option<Event> {
        Self::poll_event(self)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        Self::poll_timeout(self)
    }
}
