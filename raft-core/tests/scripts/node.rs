//! One member: the core, its disk, and the threads that a script runs by hand.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use quorate_clocks::{Instant, NodeId};
use quorate_raft_core::{
    Cause, Entry, Event, Index, Leadership, Message, Payload, Persist, Position, Raft, Role,
    Snapshot, Term, VoteReply,
};
use quorate_transport::Write;

/// One tick of a script.
pub(crate) const TICK: Duration = Duration::from_millis(100);
/// Longer than any election timeout: moves a clock past what a script's ticks do not measure.
const AGES: Duration = Duration::from_secs(10_000);

pub(crate) struct Node {
    pub(crate) id: u64,
    pub(crate) raft: Raft,
    pub(crate) now: Instant,
    pub(crate) asks_first: bool,
    pub(crate) checks_quorum: bool,
    pub(crate) is_async: bool,
    pub(crate) steps_down: bool,
    pub(crate) keeps_leader: bool,
    /// Snapshots that are asked for are not brought.
    pub(crate) withholds: bool,
    pub(crate) content: String,
    /// The log on the disk: where it starts, and what follows.
    pub(crate) start: u64,
    pub(crate) entries: Vec<Entry>,
    pub(crate) appends: VecDeque<Write<Persist>>,
    pub(crate) applies: VecDeque<u64>,
    pub(crate) applied: u64,
    /// Ticks without a word of a leader, and after how many it stands.
    pub(crate) elapsed: u64,
    pub(crate) patience: u64,
    /// The term in which it was removed while it led.
    pub(crate) retired: Option<Term>,
    /// One that is removed while it leads says who shall lead.
    pub(crate) hands_over: bool,
    /// Changes of members that can not be made look as if they were.
    pub(crate) takes_any_change: bool,
    pub(crate) reads: Vec<String>,
}

impl Node {
    /// What is ready: writes to the disk, or to the thread that does it, messages to the network, commits to
    /// be applied. Gives the messages, and whether there was anything.
    pub(crate) fn process(&mut self) -> (Vec<(u64, Message)>, bool) {
        let mut busy = false;
        let mut messages = Vec::new();
        let mut receipt = None;
        while let Some(write) = self.raft.poll_write() {
            busy = true;
            if self.is_async {
                self.appends.push_back(write);
            } else {
                receipt = Some(write.receipt);
                self.store(write.what);
            }
        }
        self.transmit(&mut messages);
        if let Some(receipt) = receipt {
            self.raft.handle_written(receipt, self.now);
        }
        while let Some(event) = self.raft.poll_event() {
            busy = true;
            self.take(event);
        }
        self.transmit(&mut messages);
        busy |= !messages.is_empty();
        (messages, busy)
    }

    pub(crate) fn transmit(&mut self, messages: &mut Vec<(u64, Message)>) {
        while let Some(transmit) = self.raft.poll_transmit() {
            let is_hidden = match transmit.message {
                // It has asked nobody, see `campaign`.
                Message::PreVote(_) => !self.asks_first,
                // Who hears a leader does not answer those who do not.
                Message::VoteReply(reply) | Message::PreVoteReply(reply) => {
                    let hears = self.elapsed < 3 && self.raft.leader().is_some();
                    let is_newer = reply.asked > self.raft.term();
                    self.checks_quorum && hears && is_newer && !reply.granted
                }
                // The heir of a removed leader waits for its timeout.
                Message::TimeoutNow(_) => self.raft.role() != Role::Leader && !self.hands_over,
                _ => false,
            };
            if !is_hidden {
                messages.push((transmit.to.0, transmit.message));
            }
        }
    }

    fn store(&mut self, what: Persist) {
        if let Some(snapshot) = what.snapshot {
            self.start = snapshot.position.index.0;
            self.entries.clear();
        }
        if let Some(first) = what.entries.first() {
            let from = first.position.index;
            self.entries.retain(|entry| entry.position.index < from);
        }
        self.entries.extend(what.entries);
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Committed { entries } => {
                let last = entries.last().map(|last| last.position.index.0);
                if self.is_async {
                    self.applies.extend(last);
                } else {
                    self.applied = last.unwrap_or(self.applied);
                }
            }
            Event::Restore { snapshot } => {
                self.applied = snapshot.position.index.0;
                self.content = String::from_utf8_lossy(&snapshot.data).into_owned();
            }
            Event::Load { from, to, .. } => {
                let wanted = |entry: &&Entry| (from..=to).contains(&entry.position.index);
                let entries = self.entries.iter().filter(wanted).cloned().collect();
                self.raft.provide_entries(from, entries, self.now);
            }
            Event::SnapshotWanted { to } => {
                let snapshot = self.snapshot().filter(|_| !self.withholds);
                self.raft.provide_snapshot(to, snapshot, self.now);
            }
            Event::RoleChanged {
                cause: Cause::Removed,
                term,
                ..
            } if !self.steps_down => self.retired = Some(term),
            Event::ReadReady { index, .. } => self.reads.push(format!("ready at {index}")),
            Event::ReadLost { .. } => self.reads.push("lost".to_owned()),
            _ => {}
        }
    }

    /// The state of the application, of everything that is applied.
    pub(crate) fn snapshot(&self) -> Option<Snapshot> {
        let index = Index(self.applied);
        let data = format!("{} up to {index}", self.content);
        Some(Snapshot {
            position: self.raft.position_at(index)?,
            membership: self.raft.membership_at(index)?.clone(),
            data: Bytes::from(data),
        })
    }

    /// The thread that writes does one piece of work, and sends what has waited for it. None if there is none.
    pub(crate) fn process_append(&mut self) -> Option<Vec<(u64, Message)>> {
        let write = self.appends.pop_front()?;
        self.store(write.what);
        self.raft.handle_written(write.receipt, self.now);
        let mut messages = Vec::new();
        // A leader's appends are sent when it is processed itself.
        if self.raft.role() != Role::Leader {
            self.transmit(&mut messages);
        }
        Some(messages)
    }

    /// The thread that applies does one piece of work.
    pub(crate) fn process_apply(&mut self) -> bool {
        let done = self.applies.pop_front();
        self.applied = done.unwrap_or(self.applied).max(self.applied);
        done.is_some()
    }

    pub(crate) fn campaign(&mut self) -> Result<(), String> {
        let asked = self.raft.campaign(self.now);
        asked.map_err(|error| error.to_string())?;
        self.elapsed = 0;
        // One that does not ask first goes on as if all had said yes.
        if !self.asks_first {
            let term = self.raft.term().next();
            let members = self.raft.membership().members().to_vec();
            for from in members.into_iter().filter(|from| from.0 != self.id) {
                if self.raft.role() != Role::PreCandidate {
                    break;
                }
                let yes = VoteReply {
                    term,
                    asked: term,
                    granted: true,
                };
                let yes = Message::PreVoteReply(yes);
                self.raft.handle_message(from, yes, self.now);
            }
        }
        Ok(())
    }

    pub(crate) fn tick(&mut self) {
        self.now = self.now + TICK;
        if self.raft.role() == Role::Leader {
            self.raft.handle_timeout(self.now);
            self.elapsed = 0;
            return;
        }
        self.elapsed += 1;
        if self.elapsed >= self.patience {
            self.elapsed = 0;
            // Who can not lead does not stand.
            let _ = self.campaign();
        }
    }

    /// A message arrives. Gives an answer that the core does not give.
    pub(crate) fn receive(&mut self, from: u64, message: Message) -> Option<Message> {
        let term = self.raft.term();
        if self.is_beneath(&message) {
            return None;
        }
        let is_free = !self.checks_quorum || self.elapsed >= 3;
        match &message {
            Message::PreVote(request) if is_free && request.term > term => {
                if self.raft.role() == Role::Leader && request.last >= self.raft.status().last {
                    return Some(Message::PreVoteReply(VoteReply {
                        term: request.term,
                        asked: request.term,
                        granted: true,
                    }));
                }
                if self.raft.role() != Role::Leader {
                    self.now = self.now + AGES;
                }
            }
            Message::Vote(request) if is_free && request.term > term => {
                self.now = self.now + AGES;
                if self.raft.role() == Role::Leader {
                    self.raft.handle_timeout(self.now);
                }
            }
            _ => {}
        }
        let is_word = matches!(
            message,
            Message::Append(_)
                | Message::Commit(_)
                | Message::Heartbeat(_)
                | Message::SnapshotChunk(_)
        );
        // An answer without what is awaited tells of a loss only when it comes again, later.
        let again = matches!(message, Message::HeartbeatReply(_)).then(|| message.clone());
        self.raft.handle_message(NodeId(from), message, self.now);
        if let Some(again) = again {
            self.now = self.now + TICK / 100;
            self.raft.handle_message(NodeId(from), again, self.now);
        }
        let is_word = is_word && self.raft.leader() == Some(NodeId(from));
        if is_word || self.raft.term() != term {
            self.elapsed = 0;
        }
        None
    }

    /// Whether a message is of an earlier term, and its sender is left alone with that.
    fn is_beneath(&self, message: &Message) -> bool {
        let is_plain = !self.checks_quorum && !self.asks_first;
        let (term, is_ignored) = match message {
            Message::Append(append) => (append.term, is_plain),
            Message::Commit(commit) => (commit.term, is_plain),
            Message::Heartbeat(heartbeat) => (heartbeat.term, is_plain),
            Message::SnapshotChunk(chunk) => (chunk.term, true),
            Message::Vote(request) => (request.term, true),
            _ => return false,
        };
        is_ignored && term < self.raft.term()
    }

    /// Its state, as `raft-state` prints it.
    pub(crate) fn state(&self) -> String {
        let raft = &self.raft;
        let retired = self.retired == Some(raft.term()) && raft.role() == Role::Follower;
        let role = match raft.role() {
            _ if retired => "StateLeader",
            _ if self.has_lost() => "StateFollower",
            Role::Follower => "StateFollower",
            Role::PreCandidate => "StatePreCandidate",
            Role::Candidate => "StateCandidate",
            Role::Leader => "StateLeader",
        };
        let leader = raft.leader().map_or(0, |leader| leader.0);
        let leader = if retired { self.id } else { leader };
        let voter = match self.votes() {
            true => "Voter",
            false => "Non-Voter",
        };
        let (id, term) = (self.id, raft.term().0);
        format!("{id}: {role} ({voter}) Term:{term} Lead:{leader}\n")
    }

    /// Whether so many have refused it that it can not win.
    fn has_lost(&self) -> bool {
        match self.raft.explain(self.now).leadership {
            Leadership::Standing { refused, .. } => !self
                .raft
                .membership()
                .is_quorum(|id| !refused.contains(&id)),
            _ => false,
        }
    }

    /// Whether it votes by the members that are applied; on a leader, as soon as the members before would
    /// have committed the newest ones.
    fn votes(&self) -> bool {
        let me = NodeId(self.id);
        let status = self.raft.status();
        let newest = status.membership_index;
        let held = |id: NodeId| {
            let peer = status.peers.iter().find(|peer| peer.id == id);
            peer.map_or(Index::ZERO, |peer| peer.matched)
        };
        let before = self.raft.membership_at(newest.prev());
        let committed = before.and_then(|before| {
            before.reached(|id| if id == me { status.durable } else { held(id) })
        });
        if status.role == Role::Leader && committed.is_some_and(|index| index >= newest) {
            return status.membership.is_voter(me);
        }
        let members = self.raft.membership_at(status.commit);
        members.unwrap_or(&status.membership).is_voter(me)
    }

    /// Its log on the disk, as `raft-log` prints it.
    pub(crate) fn log(&self, changes: &BTreeMap<Position, String>) -> String {
        let first = self.start + 1;
        if self.entries.is_empty() {
            let last = self.start;
            return format!("log is empty: first index={first}, last index={last}\n");
        }
        let line = |entry: &Entry| {
            let Position { term, index } = entry.position;
            let what = match (changes.get(&entry.position), &entry.payload) {
                (Some(text), _) => text.clone(),
                (None, Payload::Empty) => "EntryNormal \"\"".to_owned(),
                (None, Payload::Command(command)) => {
                    format!("EntryNormal {:?}", String::from_utf8_lossy(command))
                }
                (None, _) => "EntryConfChangeV2".to_owned(),
            };
            format!("{}/{} {what}\n", term.0, index.0)
        };
        self.entries.iter().map(line).collect()
    }
}
