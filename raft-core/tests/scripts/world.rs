//! The members of a script, the network between them, and its commands.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::time::Duration;

use quorate_clocks::{Instant, NodeId};
use quorate_raft_core::{
    Config, Index, Membership, Message, Position, Raft, Recovered, SnapshotChunk, Term,
};

use crate::node::{Node, TICK};
use crate::parcel::{Parcel, parse_change};
use crate::script::Command;

#[derive(Default)]
pub(crate) struct World {
    nodes: BTreeMap<u64, Node>,
    pub(crate) network: VecDeque<(u64, u64, Parcel)>,
    /// How the changes of members read that scripts have asked for.
    pub(crate) changes: BTreeMap<Position, String>,
    /// Changes that wait until the leader knows what is committed, and what was proposed after them.
    pub(crate) waiting: BTreeMap<u64, VecDeque<Parcel>>,
}

pub(crate) type Printed = Result<String, String>;

pub(crate) fn ok() -> Printed {
    Ok("ok\n".to_owned())
}

pub(crate) fn or_ok(printed: String) -> Printed {
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

    pub(crate) fn node(&mut self, id: u64) -> Result<&mut Node, String> {
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
                other => {
                    // Whoever has passed it on learns nothing of it.
                    self.propose(to, other)?;
                }
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
}

fn refused(taken: Result<(), String>) -> Printed {
    match taken {
        Ok(()) => ok(),
        Err(error) => Ok(format!("{error}\n")),
    }
}
