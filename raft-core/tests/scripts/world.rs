//! The members of a script, the network between them, and its commands.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use quorate_clocks::{Instant, NodeId};
use quorate_raft_core::{
    ChangeError, Config, Index, Membership, Message, PeerState, Position, Raft, Recovered,
    SnapshotChunk, Term, Transition,
};

use crate::node::{Node, TICK, fresh};
use crate::script::Command;

/// What is on its way: a message, or a proposal that a follower passes on.
enum Parcel {
    Message(Message),
    Proposal(String),
    Change(Change),
}

/// A change of the members, as a script asks for it.
#[derive(Clone)]
struct Change {
    ops: Vec<(char, u64)>,
    through: Transition,
    text: String,
}

impl Parcel {
    fn kind(&self) -> &'static str {
        match self {
            Self::Proposal(_) | Self::Change(_) => "MsgProp",
            Self::Message(message) => match message {
                Message::PreVote(_) => "MsgPreVote",
                Message::PreVoteReply(_) => "MsgPreVoteResp",
                Message::Vote(_) => "MsgVote",
                Message::VoteReply(_) => "MsgVoteResp",
                Message::Append(_) | Message::Commit(_) => "MsgApp",
                Message::AppendReply(_) | Message::SnapshotReply(_) => "MsgAppResp",
                Message::TimeoutNow(_) => "MsgTimeoutNow",
                Message::ReadRequest(_) => "MsgReadIndex",
                Message::ReadReply(_) => "MsgReadIndexResp",
                Message::Heartbeat(_) => "MsgHeartbeat",
                Message::HeartbeatReply(_) => "MsgHeartbeatResp",
                Message::SnapshotChunk(_) => "MsgSnap",
                _ => "MsgOther",
            },
        }
    }
}

#[derive(Default)]
pub(crate) struct World {
    nodes: BTreeMap<u64, Node>,
    network: VecDeque<(u64, u64, Parcel)>,
    /// How the changes of members read that scripts have asked for.
    changes: BTreeMap<Position, String>,
    /// Changes that wait until the leader knows what is committed, and what was proposed after them.
    waiting: BTreeMap<u64, VecDeque<Parcel>>,
}

type Printed = Result<String, String>;

fn ok() -> Printed {
    Ok("ok\n".to_owned())
}

fn or_ok(printed: String) -> Printed {
    if printed.is_empty() {
        ok()
    } else {
        Ok(printed)
    }
}

impl World {
    pub(crate) fn run(&mut self, command: &Command) -> Printed {
        match command.name.as_str() {
            // Nothing is logged, so there is nothing to hide or to stop at.
            "log-level" | "_breakpoint" => ok(),
            "add-nodes" => self.add_nodes(command),
            "campaign" => refused(self.node(command.id(0)?)?.campaign()),
            "propose" => {
                let data = command.words.get(1).cloned().unwrap_or_default();
                self.propose(command.id(0)?, Parcel::Proposal(data))
            }
            "propose-conf-change" => {
                let change = parse_change(command)?;
                self.propose(command.id(0)?, Parcel::Change(change))
            }
            "transfer-leadership" => {
                let (from, to) = (command.number("from", 0)?, command.number("to", 0)?);
                self.greet(from, to)?;
                let node = self.node(from)?;
                let taken = node.raft.transfer_leadership(NodeId(to), node.now);
                refused(taken.map_err(|error| error.to_string()))
            }
            "forget-leader" => {
                let node = self.node(command.id(0)?)?;
                if !node.keeps_leader {
                    node.raft.forget_leader(node.now);
                    node.elapsed = 3;
                }
                ok()
            }
            "report-unreachable" => {
                let of = NodeId(command.id(1)?);
                let node = self.node(command.id(0)?)?;
                node.raft.handle_unreachable(of, node.now);
                ok()
            }
            "send-snapshot" => self.send_snapshot(command.id(0)?, command.id(1)?),
            "withhold-snapshots" => {
                self.node(command.id(0)?)?.withholds = command.id(1)? != 0;
                ok()
            }
            "compact" => {
                let first = command.id(1)?;
                let node = self.node(command.id(0)?)?;
                // Everything up to the index is only in the snapshot from now on.
                node.start = first.min(node.applied);
                let start = Index(node.start);
                node.raft.compact(start);
                node.entries.retain(|entry| entry.position.index > start);
                ok()
            }
            "read" | "read-anywhere" => {
                let node = self.node(command.id(0)?)?;
                let taken = match command.name.as_str() {
                    "read" => node.raft.read(node.now),
                    _ => node.raft.read_anywhere(node.now),
                };
                refused(taken.map(|_| ()).map_err(|error| error.to_string()))
            }
            "reads" => {
                let reads = std::mem::take(&mut self.node(command.id(0)?)?.reads);
                or_ok(reads.iter().map(|read| format!("{read}\n")).collect())
            }
            "tick-election" => self.tick(command.id(0)?, 3),
            "tick-heartbeat" => self.tick(command.id(0)?, 1),
            "set-randomized-election-timeout" => {
                self.node(command.id(0)?)?.patience = command.number("timeout", 5)?;
                ok()
            }
            "process-ready" => {
                for id in self.known(command)? {
                    self.process(id)?;
                }
                ok()
            }
            "process-append-thread" => {
                for id in self.known(command)? {
                    self.append(id)?;
                }
                ok()
            }
            "process-apply-thread" => {
                for id in self.known(command)? {
                    self.node(id)?.process_apply();
                }
                ok()
            }
            "deliver-msgs" => {
                let only = command.pair("type");
                let mut printed = String::new();
                for id in command.ids()? {
                    printed += &self.deliver(id, only, false)?;
                }
                for id in command.numbers("drop")? {
                    printed += &self.deliver(id, only, true)?;
                }
                or_ok(printed)
            }
            "stabilize" => self.stabilize(command),
            "raft-log" => {
                let id = command.id(0)?;
                self.node(id)?;
                Ok(self.nodes[&id].log(&self.changes))
            }
            "raft-state" => Ok(self.nodes.values().map(Node::state).collect()),
            "status" => self.status(command.id(0)?),
            _ => Err("there is no such command".to_owned()),
        }
    }

    fn node(&mut self, id: u64) -> Result<&mut Node, String> {
        let node = self.nodes.get_mut(&id);
        node.ok_or_else(|| format!("there is no node {id}"))
    }

    /// The nodes that a command names, or all.
    fn known(&self, command: &Command) -> Result<Vec<u64>, String> {
        let ids = command.ids()?;
        Ok(match ids.is_empty() {
            true => self.nodes.keys().copied().collect(),
            false => ids,
        })
    }

    fn add_nodes(&mut self, command: &Command) -> Printed {
        let known = [
            "voters",
            "learners",
            "index",
            "content",
            "async-storage-writes",
            "prevote",
            "checkquorum",
            "read-only",
            "max-committed-size-per-ready",
            "inflight",
            "disable-conf-change-validation",
            "step-down-on-removal",
            "witnesses",
            "hand-over",
        ];
        if let Some((key, _)) = command
            .pairs
            .iter()
            .find(|(key, _)| !known.contains(&key.as_str()))
        {
            return Err(format!("there is no argument {key}"));
        }
        let list = |key| -> Result<Vec<NodeId>, String> {
            Ok(command.numbers(key)?.into_iter().map(NodeId).collect())
        };
        let (voters, learners) = (list("voters")?, list("learners")?);
        let witnesses = list("witnesses")?;
        let members = Membership::of_voters(voters)
            .and_then(|members| members.with_learners(learners))
            .and_then(|members| members.with_witnesses(witnesses))
            .map_err(|error| error.to_string())?;
        let index = command.number("index", 0)?;
        let checks_quorum = command.flag("checkquorum")?;
        for _ in 0..command.id(0)? {
            let id = self.nodes.keys().next_back().map_or(1, |id| id + 1);
            let mut config = Config::joining(NodeId(id));
            config.leases = false;
            // Short, so that what shows by time shows within a tick.
            config.heartbeat_interval = TICK / 10_000;
            // Two intervals of three ticks; for one that checks no quorum, no script ticks that long.
            config.election_timeout = match checks_quorum {
                true => 6 * TICK - Duration::from_nanos(1),
                false => Duration::from_secs(3_600),
            };
            let inflight = command.number("inflight", 0)?;
            if inflight > 0 {
                config.max_appends_in_flight = usize::try_from(inflight).unwrap_or(usize::MAX);
            }
            let paged = command.number("max-committed-size-per-ready", 0)?;
            if paged > 0 {
                config.max_committed_bytes = usize::try_from(paged).unwrap_or(usize::MAX);
            }
            let mut recovered = Recovered::default();
            if members.members().is_empty() {
                // It learns of the others by a snapshot.
            } else if index == 0 {
                config.founders = members.clone();
            } else {
                recovered.hard_state = fresh();
                recovered.start = Position {
                    term: Term::ZERO,
                    index: Index(index),
                };
                recovered.applied = Index(index);
                recovered.last = Index(index);
                recovered.memberships = vec![(Index(index), members.clone())];
            }
            let start = recovered.start.index.0;
            let now = Instant::from_millis(1);
            let raft = Raft::new(config, recovered, id, now).map_err(|error| error.to_string())?;
            let node = Node {
                id,
                raft,
                now,
                asks_first: command.flag("prevote")?,
                checks_quorum,
                is_async: command.flag("async-storage-writes")?,
                steps_down: command.flag("step-down-on-removal")?,
                keeps_leader: command.pair("read-only") == Some("lease-based"),
                withholds: false,
                content: command.pair("content").unwrap_or_default().to_owned(),
                start,
                entries: Vec::new(),
                appends: VecDeque::new(),
                applies: VecDeque::new(),
                applied: start,
                elapsed: 0,
                patience: 5,
                retired: None,
                hands_over: command.flag("hand-over")?,
                takes_any_change: command.flag("disable-conf-change-validation")?,
                reads: Vec::new(),
            };
            self.nodes.insert(id, node);
        }
        ok()
    }

    fn propose(&mut self, id: u64, what: Parcel) -> Printed {
        self.node(id)?;
        match self.waiting.get_mut(&id).filter(|queue| !queue.is_empty()) {
            Some(queue) => {
                queue.push_back(what);
                ok()
            }
            None => self.propose_now(id, what),
        }
    }

    fn propose_now(&mut self, id: u64, what: Parcel) -> Printed {
        let node = self.node(id)?;
        if node.raft.role() != quorate_raft_core::Role::Leader {
            let knows = node.raft.leader().filter(|leader| leader.0 != id);
            let Some(leader) = knows else {
                return Ok("raft proposal dropped\n".to_owned());
            };
            self.network.push_back((id, leader.0, what));
            return ok();
        }
        let change = match what {
            Parcel::Proposal(data) => {
                let taken = node.raft.propose(Bytes::from(data), node.now);
                return match taken {
                    Ok(_) => ok(),
                    Err(_) => Ok("raft proposal dropped\n".to_owned()),
                };
            }
            Parcel::Change(change) => change,
            Parcel::Message(_) => return ok(),
        };
        let now = node.now;
        let taken = if change.ops.is_empty() {
            node.raft.leave_joint(now)
        } else {
            let begun = node.raft.change().through(change.through).even_if_behind();
            let wanted = change.ops.iter().fold(begun, |wanted, &(op, id)| {
                let id = NodeId(id);
                match op {
                    'v' => wanted.voter(id),
                    'l' => wanted.learner(id),
                    'w' => wanted.witness(id),
                    'r' => wanted.remove(id),
                    _ => wanted,
                }
            });
            node.raft.change_membership(&wanted, now)
        };
        match taken {
            Ok(position) => {
                self.changes.insert(position, change.text);
                ok()
            }
            // It is taken as soon as the first entry of the term is committed.
            Err(ChangeError::NotReady) => {
                self.waiting
                    .entry(id)
                    .or_default()
                    .push_back(Parcel::Change(change));
                ok()
            }
            Err(ChangeError::Transferring { .. }) => Ok("raft proposal dropped\n".to_owned()),
            // A change that may not be made becomes an entry without one.
            Err(error) => {
                let is_nothing = matches!(error, ChangeError::NothingChanges);
                let says_so = is_nothing || node.takes_any_change;
                let taken = node.raft.propose(Bytes::new(), now);
                if let (true, Ok(position)) = (says_so, taken) {
                    self.changes.insert(position, change.text);
                }
                ok()
            }
        }
    }

    /// Takes what has waited, one after the other, until one waits again.
    fn retry(&mut self, id: u64) -> Result<(), String> {
        let mut queue = self.waiting.remove(&id).unwrap_or_default();
        while let Some(what) = queue.pop_front() {
            self.propose_now(id, what)?;
            if let Some(again) = self.waiting.get_mut(&id) {
                again.append(&mut queue);
                break;
            }
        }
        Ok(())
    }

    fn send_snapshot(&mut self, from: u64, to: u64) -> Printed {
        let node = self.node(from)?;
        let snapshot = node.snapshot().ok_or("it has applied nothing")?;
        let chunk = SnapshotChunk {
            term: node.raft.term(),
            position: snapshot.position,
            membership: snapshot.membership,
            total: snapshot.data.len() as u64,
            offset: 0,
            data: snapshot.data,
        };
        let message = Message::SnapshotChunk(Box::new(chunk));
        self.network.push_back((from, to, Parcel::Message(message)));
        ok()
    }

    /// Lets an heir answer a heartbeat of its leader, past the network: the leader tells nobody to stand who
    /// has not answered one lately.
    fn greet(&mut self, from: u64, to: u64) -> Result<(), String> {
        let leader = self.node(from)?;
        if leader.raft.role() != quorate_raft_core::Role::Leader {
            return Ok(());
        }
        leader.now = leader.now + TICK / 100;
        leader.raft.handle_timeout(leader.now);
        let mut greeting = None;
        for (at, message) in self.sent(from)? {
            match message {
                Message::Heartbeat(heartbeat) if at == to => greeting = Some(heartbeat),
                Message::Heartbeat(_) => {}
                other => self.network.push_back((from, at, Parcel::Message(other))),
            }
        }
        let (Some(greeting), Some(heir)) = (greeting, self.nodes.get_mut(&to)) else {
            return Ok(());
        };
        heir.receive(from, Message::Heartbeat(greeting));
        for (at, message) in self.sent(to)? {
            if matches!(message, Message::HeartbeatReply(_)) && at == from {
                let leader = self.node(from)?;
                leader.raft.handle_message(NodeId(to), message, leader.now);
            } else {
                self.network.push_back((to, at, Parcel::Message(message)));
            }
        }
        Ok(())
    }

    /// What a node sends without being processed.
    fn sent(&mut self, id: u64) -> Result<Vec<(u64, Message)>, String> {
        let mut messages = Vec::new();
        self.node(id)?.transmit(&mut messages);
        Ok(messages)
    }

    fn tick(&mut self, id: u64, times: u64) -> Printed {
        let node = self.node(id)?;
        (0..times).for_each(|_| node.tick());
        ok()
    }

    fn process(&mut self, id: u64) -> Result<bool, String> {
        self.retry(id)?;
        let (messages, busy) = self.node(id)?.process();
        for (to, message) in messages {
            self.network.push_back((id, to, Parcel::Message(message)));
        }
        Ok(busy)
    }

    fn append(&mut self, id: u64) -> Result<bool, String> {
        let Some(messages) = self.node(id)?.process_append() else {
            return Ok(false);
        };
        for (to, message) in messages {
            self.network.push_back((id, to, Parcel::Message(message)));
        }
        Ok(true)
    }

    fn deliver(&mut self, to: u64, only: Option<&str>, drop: bool) -> Printed {
        let mut printed = String::new();
        let (here, rest) = std::mem::take(&mut self.network)
            .into_iter()
            .partition(|(_, at, what)| *at == to && only.is_none_or(|only| only == what.kind()));
        self.network = rest;
        let here: VecDeque<(u64, u64, Parcel)> = here;
        for (from, to, what) in here {
            let dropped = if drop { "dropped: " } else { "" };
            let _ = writeln!(printed, "{dropped}{from}->{to} {}", what.kind());
            if drop || !self.nodes.contains_key(&to) {
                continue;
            }
            match what {
                Parcel::Message(message) => {
                    if let Some(answer) = self.node(to)?.receive(from, message) {
                        self.network.push_back((to, from, Parcel::Message(answer)));
                    }
                }
                other => drop_result(self.propose(to, other)?),
            }
        }
        Ok(printed)
    }

    fn stabilize(&mut self, command: &Command) -> Printed {
        let ids = self.known(command)?;
        let mut printed = String::new();
        for _ in 0..1_000 {
            let mut busy = false;
            for &id in &ids {
                busy |= self.process(id)?;
            }
            for &id in &ids {
                let delivered = self.deliver(id, None, false)?;
                busy |= !delivered.is_empty();
                printed += &delivered;
            }
            for &id in &ids {
                while self.append(id)? {
                    busy = true;
                }
            }
            for &id in &ids {
                while self.node(id)?.process_apply() {
                    busy = true;
                }
            }
            if !busy {
                return or_ok(printed);
            }
        }
        Err("it does not come to rest in 1,000 rounds".to_owned())
    }

    fn status(&mut self, id: u64) -> Printed {
        let node = self.node(id)?;
        let status = node.raft.status();
        let explained = node.raft.explain(node.now);
        let own = (NodeId(id), status.durable, status.last.index.next(), None);
        let peers = status.peers.iter().map(|peer| {
            let state = explained.peers.iter().find(|(id, _)| *id == peer.id);
            (
                peer.id,
                peer.matched,
                peer.next,
                state.map(|(_, state)| *state),
            )
        });
        let mut rows: Vec<_> = peers.collect();
        if status.role == quorate_raft_core::Role::Leader {
            rows.push(own);
        }
        rows.sort_unstable_by_key(|row| row.0);
        let mut printed = String::new();
        for (peer, matched, next, state) in rows {
            let (name, more) = match state {
                None | Some(PeerState::UpToDate) => ("StateReplicate", String::new()),
                Some(PeerState::Streaming { in_flight: 0, .. }) => {
                    ("StateReplicate", String::new())
                }
                Some(PeerState::Streaming {
                    in_flight, is_full, ..
                }) => {
                    let full = if is_full { "[full]" } else { "" };
                    ("StateReplicate", format!(" inflight={in_flight}{full}"))
                }
                Some(PeerState::NeedsSnapshot | PeerState::TakesSnapshot { .. }) => {
                    ("StateSnapshot", " paused".to_owned())
                }
                Some(PeerState::Silent { .. }) => ("StateProbe", " inactive".to_owned()),
                Some(_) => ("StateProbe", String::new()),
            };
            let learner = if status.membership.is_learner(peer) {
                " learner"
            } else {
                ""
            };
            let (peer, matched, next) = (peer.0, matched.0, next.0);
            let _ = writeln!(
                printed,
                "{peer}: {name} match={matched} next={next}{learner}{more}"
            );
        }
        or_ok(printed)
    }
}

fn drop_result(_: String) {}

fn refused(taken: Result<(), String>) -> Printed {
    match taken {
        Ok(()) => ok(),
        Err(error) => Ok(format!("{error}\n")),
    }
}

fn parse_change(command: &Command) -> Result<Change, String> {
    let ops = command.input.split_whitespace().map(|word| {
        let op = word.chars().next().filter(|op| "vlruw".contains(*op));
        let id = word.get(1..).and_then(|id| id.parse().ok());
        op.zip(id).ok_or_else(|| format!("{word:?} is no change"))
    });
    let ops = ops.collect::<Result<Vec<(char, u64)>, String>>()?;
    let is_v1 = command.flag("v1")?;
    let through = match command.pair("transition") {
        _ if is_v1 => Transition::Shortest,
        None | Some("" | "auto") if ops.len() > 1 => Transition::Joint,
        None | Some("" | "auto") => Transition::Shortest,
        Some("implicit") => Transition::Joint,
        Some("explicit") => Transition::JointUntilLeft,
        Some(other) => return Err(format!("there is no transition {other}")),
    };
    let name = if is_v1 {
        "EntryConfChange"
    } else {
        "EntryConfChangeV2"
    };
    let words: Vec<&str> = command.input.split_whitespace().collect();
    let text = format!("{name} {}", words.join(" "));
    Ok(Change {
        ops,
        through,
        text: text.trim_end().to_owned(),
    })
}
