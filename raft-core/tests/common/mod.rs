//! A cluster in one thread, whose messages, disks and time are in the test's hands.
#![allow(dead_code)]

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use quorate_clocks::{Instant, NodeId};
use quorate_raft_core::{
    ChangeError, Config, Entry, Event, HardState, Index, Membership, MembershipChange, Message,
    Payload, Persist, Position, Raft, Recovered, Role, Snapshot, Term,
};
use quorate_transport::{Receipt, Write};

pub(crate) const TIMEOUT: Duration = Duration::from_millis(1000);
pub(crate) const HEARTBEAT: Duration = Duration::from_millis(100);

/// What survives a crash.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    pub(crate) hard_state: HardState,
    pub(crate) snapshot: Option<Snapshot>,
    pub(crate) entries: Vec<Entry>,
}

impl Disk {
    pub(crate) fn apply(&mut self, persist: Persist) {
        if let Some(state) = persist.hard_state {
            self.hard_state = state;
        }
        if let Some(snapshot) = persist.snapshot {
            self.entries.clear();
            self.snapshot = Some(snapshot);
        }
        if let Some(first) = persist.entries.first() {
            let from = first.position.index;
            self.entries.retain(|entry| entry.position.index < from);
        }
        self.entries.extend(persist.entries);
    }

    pub(crate) fn start(&self) -> Position {
        self.snapshot
            .as_ref()
            .map_or(Position::ZERO, |snapshot| snapshot.position)
    }

    /// What the snapshot and the entries say about the members.
    fn memberships(&self) -> Vec<(Index, Membership)> {
        let of_snapshot = self.snapshot.iter();
        let of_snapshot =
            of_snapshot.map(|snapshot| (snapshot.position.index, snapshot.membership.clone()));
        let of_entries = self
            .entries
            .iter()
            .filter_map(|entry| match &entry.payload {
                Payload::Membership(membership) => Some((entry.position.index, membership.clone())),
                _ => None,
            });
        of_snapshot.chain(of_entries).collect()
    }

    /// The recovered state with every entry, or none, in memory.
    pub(crate) fn recover(&self, tail: bool) -> Recovered {
        let mut runs: Vec<Position> = Vec::new();
        for entry in &self.entries {
            if runs
                .last()
                .is_none_or(|run| run.term != entry.position.term)
            {
                runs.push(entry.position);
            }
        }
        let start = self.start();
        Recovered {
            hard_state: self.hard_state,
            start,
            applied: start.index,
            runs,
            memberships: self.memberships(),
            last: self
                .entries
                .last()
                .map_or(start.index, |entry| entry.position.index),
            tail: if tail {
                self.entries.clone()
            } else {
                Vec::new()
            },
        }
    }
}

pub(crate) struct Node {
    pub(crate) raft: Raft,
    pub(crate) disk: Disk,
    /// Polled, and not yet durable.
    pub(crate) unsynced: VecDeque<Write<Persist>>,
    /// Every command that was handed out to apply, by index.
    pub(crate) applied: Vec<(Index, Bytes)>,
    pub(crate) events: Vec<Event>,
    pub(crate) up: bool,
    /// Neither entries nor snapshots that are asked for are brought: the test does it.
    pub(crate) withholds: bool,
}

pub(crate) struct Cluster {
    pub(crate) nodes: BTreeMap<u64, Node>,
    pub(crate) network: VecDeque<(u64, u64, Message)>,
    /// Messages of these (from, to) pairs are dropped.
    pub(crate) cut: Vec<(u64, u64)>,
    /// Writes become durable as soon as they are polled.
    pub(crate) sync_at_once: bool,
    pub(crate) now: Instant,
    pub(crate) config: Config,
    seed: u64,
}

impl Cluster {
    pub(crate) fn new(count: u64) -> Self {
        Self::with(count, |_| {})
    }

    pub(crate) fn with(count: u64, change: impl Fn(&mut Config)) -> Self {
        let mut config = Config::new(NodeId(1), (1..=count).map(NodeId));
        config.election_timeout = TIMEOUT;
        config.heartbeat_interval = HEARTBEAT;
        change(&mut config);
        let mut cluster = Self {
            nodes: BTreeMap::new(),
            network: VecDeque::new(),
            cut: Vec::new(),
            sync_at_once: true,
            now: Instant::from_millis(1),
            config,
            seed: 1,
        };
        for id in 1..=count {
            cluster.boot(id, Disk::default());
        }
        cluster
    }

    /// Starts a node from a disk.
    pub(crate) fn boot(&mut self, id: u64, disk: Disk) {
        self.seed += 1;
        let mut config = Config {
            id: NodeId(id),
            ..self.config.clone()
        };
        if !config.founders.contains(NodeId(id)) {
            config.founders = Membership::default();
        }
        let recovered = disk.recover(true);
        let raft = Raft::new(config, recovered, self.seed * 7919 + id, self.now).unwrap();
        let node = Node {
            raft,
            disk,
            unsynced: VecDeque::new(),
            applied: Vec::new(),
            events: Vec::new(),
            up: true,
            withholds: false,
        };
        self.nodes.insert(id, node);
    }

    /// Stops a node: what was not durable is lost, and so is what is on its way to it.
    pub(crate) fn crash(&mut self, id: u64) {
        self.node(id).up = false;
        self.network.retain(|(_, to, _)| *to != id);
    }

    pub(crate) fn restart(&mut self, id: u64) {
        let disk = self.node(id).disk.clone();
        self.boot(id, disk);
    }

    pub(crate) fn node(&mut self, id: u64) -> &mut Node {
        self.nodes.get_mut(&id).unwrap()
    }

    pub(crate) fn raft(&mut self, id: u64) -> &mut Raft {
        &mut self.node(id).raft
    }

    /// Drains a node's polls until they are dry.
    pub(crate) fn drain(&mut self, id: u64) {
        let now = self.now;
        let sync = self.sync_at_once;
        loop {
            let node = self.nodes.get_mut(&id).unwrap();
            if !node.up {
                return;
            }
            let mut busy = false;
            while let Some(write) = node.raft.poll_write() {
                node.unsynced.push_back(write);
                busy = true;
            }
            if sync {
                node.sync(now);
            }
            while let Some(transmit) = node.raft.poll_transmit() {
                self.network
                    .push_back((id, transmit.to.0, transmit.message));
                busy = true;
            }
            while let Some(event) = node.raft.poll_event() {
                node.take(event, now);
                busy = true;
            }
            if !busy {
                return;
            }
        }
    }

    pub(crate) fn drain_all(&mut self) {
        for id in self.ids() {
            self.drain(id);
        }
    }

    pub(crate) fn ids(&self) -> Vec<u64> {
        self.nodes.keys().copied().collect()
    }

    /// Delivers one message, unless its link is cut or its receiver is down.
    pub(crate) fn deliver(&mut self, (from, to, message): (u64, u64, Message)) {
        if self.cut.contains(&(from, to)) || !self.nodes.get(&to).is_some_and(|node| node.up) {
            return;
        }
        let now = self.now;
        self.raft(to).handle_message(NodeId(from), message, now);
        self.drain(to);
    }

    /// Delivers messages until none are left.
    pub(crate) fn settle(&mut self) {
        self.drain_all();
        let mut budget = 100_000;
        while let Some(next) = self.network.pop_front() {
            self.deliver(next);
            budget -= 1;
            assert!(budget > 0, "the cluster does not come to rest");
        }
    }

    /// Lets time pass without telling anyone.
    pub(crate) fn pass(&mut self, by: Duration) {
        self.now = self.now + by;
    }

    /// Tells one node the time.
    pub(crate) fn tick(&mut self, id: u64) {
        let now = self.now;
        if self.node(id).up {
            self.raft(id).handle_timeout(now);
            self.drain(id);
        }
    }

    /// Lets time pass in steps, with every node told and every message delivered.
    pub(crate) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            self.pass(HEARTBEAT / 4);
            for id in self.ids() {
                self.tick(id);
            }
            self.settle();
        }
    }

    /// Lets exactly this node stand for election, by telling it alone that time has passed.
    pub(crate) fn campaign(&mut self, id: u64) {
        self.pass(TIMEOUT * 2);
        self.tick(id);
        self.settle();
    }

    pub(crate) fn elect(&mut self, id: u64) {
        self.campaign(id);
        assert_eq!(self.raft(id).role(), Role::Leader, "n{id} does not lead");
    }

    pub(crate) fn propose(&mut self, id: u64, command: &'static str) -> Position {
        let now = self.now;
        let position = self.raft(id).propose(Bytes::from(command), now).unwrap();
        self.drain(id);
        position
    }

    /// Asks a leader to change the members.
    pub(crate) fn change(
        &mut self,
        id: u64,
        change: impl FnOnce(MembershipChange) -> MembershipChange,
    ) -> Result<Position, ChangeError> {
        let now = self.now;
        let raft = self.raft(id);
        let change = change(raft.change());
        let taken = raft.change_membership(&change, now);
        self.drain(id);
        taken
    }

    /// Who the members are, as a node sees it.
    pub(crate) fn members(&mut self, id: u64) -> String {
        self.raft(id).membership().to_string()
    }

    pub(crate) fn isolate(&mut self, id: u64) {
        for other in self.ids() {
            self.cut.push((id, other));
            self.cut.push((other, id));
        }
    }

    pub(crate) fn heal(&mut self) {
        self.cut.clear();
    }

    pub(crate) fn leaders(&self) -> Vec<u64> {
        let leads = |node: &Node| node.up && node.raft.role() == Role::Leader;
        self.nodes
            .iter()
            .filter(|(_, node)| leads(node))
            .map(|(&id, _)| id)
            .collect()
    }

    /// The commands that a node has applied.
    pub(crate) fn applied(&mut self, id: u64) -> Vec<String> {
        let text = |(_, command): &(Index, Bytes)| String::from_utf8_lossy(command).into_owned();
        self.node(id).applied.iter().map(text).collect()
    }

    pub(crate) fn log_terms(&mut self, id: u64) -> Vec<u64> {
        self.node(id)
            .disk
            .entries
            .iter()
            .map(|entry| entry.position.term.0)
            .collect()
    }
}

impl Node {
    /// Makes everything polled durable.
    pub(crate) fn sync(&mut self, now: Instant) {
        let mut newest: Option<Receipt> = None;
        for write in self.unsynced.drain(..) {
            newest = Some(write.receipt);
            self.disk.apply(write.what);
        }
        if let Some(receipt) = newest {
            self.raft.handle_written(receipt, now);
        }
    }

    fn take(&mut self, event: Event, now: Instant) {
        match &event {
            Event::Committed { entries } => {
                for entry in entries {
                    if let quorate_raft_core::Payload::Command(command) = &entry.payload {
                        self.applied.push((entry.position.index, command.clone()));
                    }
                }
            }
            Event::Restore { snapshot } => {
                self.applied = decode_state(&snapshot.data);
            }
            Event::Load { from, to, .. } if !self.withholds => {
                let wanted = |entry: &&Entry| (*from..=*to).contains(&entry.position.index);
                let entries = self.disk.entries.iter().filter(wanted).cloned().collect();
                self.raft.provide_entries(*from, entries, now);
            }
            Event::SnapshotWanted { to } if !self.withholds => {
                let snapshot = self.disk.snapshot.clone();
                self.raft.provide_snapshot(*to, snapshot, now);
            }
            _ => {}
        }
        self.events.push(event);
    }

    /// Takes a snapshot of what is applied, and forgets the log before it.
    pub(crate) fn compact(&mut self) {
        let index = self.raft.applied();
        let position = self.raft.position_at(index).unwrap();
        let data = encode_state(&self.applied);
        let membership = self.raft.membership_at(index).unwrap().clone();
        self.disk.snapshot = Some(Snapshot {
            position,
            membership,
            data,
        });
        self.disk
            .entries
            .retain(|entry| entry.position.index > index);
        self.raft.compact(index);
    }
}

/// A state as bytes: what was applied, one line each.
pub(crate) fn encode_state(applied: &[(Index, Bytes)]) -> Bytes {
    let line = |(index, command): &(Index, Bytes)| {
        format!("{} {}\n", index.0, String::from_utf8_lossy(command))
    };
    applied.iter().map(line).collect::<String>().into()
}

pub(crate) fn decode_state(data: &Bytes) -> Vec<(Index, Bytes)> {
    let line = |line: &str| {
        let (index, command) = line.split_once(' ').unwrap();
        (
            Index(index.parse().unwrap()),
            Bytes::from(command.to_owned()),
        )
    };
    std::str::from_utf8(data)
        .unwrap()
        .lines()
        .map(line)
        .collect()
}

/// Entries with these terms, from index 1 on.
pub(crate) fn entries(terms: &[u64]) -> Vec<Entry> {
    let entry = |(at, &term): (usize, &u64)| Entry {
        position: Position {
            term: Term(term),
            index: Index(at as u64 + 1),
        },
        payload: quorate_raft_core::Payload::Command(Bytes::from(format!("{}t{term}", at + 1))),
    };
    terms.iter().enumerate().map(entry).collect()
}

/// A disk with entries of these terms, that knows `term`.
pub(crate) fn disk(term: u64, terms: &[u64]) -> Disk {
    Disk {
        hard_state: HardState {
            term: Term(term),
            vote: None,
        },
        snapshot: None,
        entries: entries(terms),
    }
}
