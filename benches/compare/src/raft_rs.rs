//! raft-rs 0.7 on the workloads W1 to W3, W5 and W6, in its fastest configuration: `RawNode` over a storage that takes
//! entries by value and has no lock.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use bytes::Bytes;
use quorate_benches::{COMPACT_EVERY, Replicated};
use raft::eraftpb::{ConfState, Entry, HardState, Message, MessageType, Snapshot};
use raft::{
    Config, GetEntriesContext, RaftState, RawNode, ReadOnlyOption, StateRole, Storage, StorageError,
};

/// How a batch is proposed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Proposals {
    /// `propose` for every entry, with appends merged (`batch_append`).
    OneByOne,
    /// One `MsgPropose` that carries the whole batch.
    WholeBatch,
}

/// A log in memory that is never locked.
#[derive(Clone)]
struct VecStorage(Rc<RefCell<VecLog>>);

struct VecLog {
    hard_state: HardState,
    conf_state: ConfState,
    /// The last index that was forgotten, and its term.
    start: (u64, u64),
    entries: VecDeque<Entry>,
}

impl VecLog {
    fn last_index(&self) -> u64 {
        self.start.0 + self.entries.len() as u64
    }

    fn append(&mut self, entries: Vec<Entry>) {
        if let Some(first) = entries.first() {
            self.entries
                .truncate((first.index - self.start.0 - 1) as usize);
        }
        self.entries.extend(entries);
    }

    fn compact(&mut self, through: u64) {
        while self.start.0 < through
            && let Some(entry) = self.entries.pop_front()
        {
            self.start = (entry.index, entry.term);
        }
    }
}

impl Storage for VecStorage {
    fn initial_state(&self) -> raft::Result<RaftState> {
        let log = self.0.borrow();
        Ok(RaftState {
            hard_state: log.hard_state.clone(),
            conf_state: log.conf_state.clone(),
        })
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        _: impl Into<Option<u64>>,
        _: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        let log = self.0.borrow();
        if low <= log.start.0 {
            return Err(StorageError::Compacted.into());
        }
        let skip = (low - log.start.0 - 1) as usize;
        Ok(log
            .entries
            .iter()
            .skip(skip)
            .take((high - low) as usize)
            .cloned()
            .collect())
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        let log = self.0.borrow();
        if index == log.start.0 {
            return Ok(log.start.1);
        }
        let at = index
            .checked_sub(log.start.0 + 1)
            .ok_or(StorageError::Compacted)?;
        let entry = log
            .entries
            .get(at as usize)
            .ok_or(StorageError::Unavailable)?;
        Ok(entry.term)
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.0.borrow().start.0 + 1)
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.0.borrow().last_index())
    }

    fn snapshot(&self, _: u64, _: u64) -> raft::Result<Snapshot> {
        Err(StorageError::SnapshotTemporarilyUnavailable.into())
    }
}

/// Members of raft-rs in one thread, whose network and disks take no time.
pub(crate) struct RaftRsCluster {
    members: Vec<Member>,
    /// What is on its way.
    network: Vec<Message>,
    proposals: Proposals,
    leader: usize,
    /// Messages that were sent.
    sent: u64,
}

/// What a leader does besides replicating.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Guards {
    /// Nothing, as is its default.
    None,
    /// Pre-vote and check-quorum, as Quorate's always does.
    Quorum,
    /// These, and it reads on a lease.
    Lease,
}

struct Member {
    node: RawNode<VecStorage>,
    storage: VecStorage,
    applied: u64,
    compacted: u64,
    checksum: u64,
    /// Reads that were confirmed.
    reads: u64,
    dirty: bool,
}

impl RaftRsCluster {
    pub(crate) fn new(members: u64, proposals: Proposals) -> Self {
        Self::with(members, proposals, Guards::None)
    }

    pub(crate) fn with(members: u64, proposals: Proposals, guards: Guards) -> Self {
        let ids: Vec<u64> = (1..=members).collect();
        let start = |&id: &u64| {
            let config = Config {
                id,
                max_size_per_msg: u64::MAX,
                max_inflight_msgs: 1024,
                batch_append: proposals == Proposals::OneByOne,
                pre_vote: guards != Guards::None,
                check_quorum: guards != Guards::None,
                read_only_option: match guards {
                    Guards::Lease => ReadOnlyOption::LeaseBased,
                    Guards::None | Guards::Quorum => ReadOnlyOption::Safe,
                },
                ..Config::default()
            };
            let storage = VecStorage(Rc::new(RefCell::new(VecLog {
                hard_state: HardState::default(),
                conf_state: ConfState {
                    voters: ids.clone(),
                    ..ConfState::default()
                },
                start: (0, 0),
                entries: VecDeque::new(),
            })));
            let logger = slog_logger();
            let node = RawNode::new(&config, storage.clone(), &logger).expect("sound settings");
            Member {
                node,
                storage,
                applied: 0,
                compacted: 0,
                checksum: 0,
                reads: 0,
                dirty: true,
            }
        };
        let mut cluster = Self {
            members: ids.iter().map(start).collect(),
            network: Vec::new(),
            proposals,
            leader: 0,
            sent: 0,
        };
        cluster.members[0]
            .node
            .campaign()
            .expect("a member may stand for election");
        cluster.settle();
        assert_eq!(cluster.members[0].node.raft.state, StateRole::Leader);
        cluster
    }

    /// How many messages were sent so far.
    pub(crate) fn messages_sent(&self) -> u64 {
        self.sent
    }

    /// A round of heartbeats, and all answers to it.
    pub(crate) fn heartbeat(&mut self) {
        for _ in 0..Config::default().heartbeat_tick {
            self.members[self.leader].node.tick();
        }
        self.settle();
    }

    /// A linearizable read of the leader, which stands for as many as share its context.
    pub(crate) fn read(&mut self) {
        let leader = &mut self.members[self.leader];
        let goal = leader.reads + 1;
        leader.node.read_index(goal.to_le_bytes().to_vec());
        self.settle();
        assert_eq!(self.members[self.leader].reads, goal, "it is confirmed");
    }

    /// The leader falls silent, and the others elect another, who commits the first entry of its term. The
    /// old one stays silent.
    pub(crate) fn elect(&mut self) {
        let old = self.leader;
        self.leader = loop {
            for (at, member) in self.members.iter_mut().enumerate() {
                if at != old && member.node.tick() {
                    member.dirty = true;
                }
            }
            self.settle_among(|at| at != old);
            let leads = |member: &Member| member.node.raft.state == StateRole::Leader;
            let mut others = (0..self.members.len()).filter(|&at| at != old);
            if let Some(leader) = others.find(|&at| leads(&self.members[at])) {
                break leader;
            }
        };
        let log = &self.members[self.leader].node.raft.raft_log;
        assert_eq!(log.applied, log.last_index());
    }

    fn settle(&mut self) {
        self.members[self.leader].dirty = true;
        self.settle_among(|_| true);
    }

    /// Only these members are there.
    #[inline]
    fn settle_among(&mut self, is_there: impl Fn(usize) -> bool) {
        loop {
            for at in 0..self.members.len() {
                if self.members[at].dirty {
                    self.members[at].dirty = false;
                    self.members[at].drain(&mut self.network);
                }
            }
            if self.network.is_empty() {
                return;
            }
            self.sent += self.network.len() as u64;
            for message in self.network.drain(..) {
                if !is_there(message.to as usize - 1) {
                    continue;
                }
                let member = &mut self.members[message.to as usize - 1];
                member
                    .node
                    .step(message)
                    .expect("a message of a member is taken");
                member.dirty = true;
            }
        }
    }
}

impl Member {
    fn drain(&mut self, network: &mut Vec<Message>) {
        while self.node.has_ready() {
            let mut ready = self.node.ready();
            self.reads += ready.take_read_states().len() as u64;
            network.extend(ready.take_messages());
            self.apply(ready.take_committed_entries());
            {
                let mut log = self.storage.0.borrow_mut();
                log.append(ready.take_entries());
                if let Some(state) = ready.hs() {
                    log.hard_state = state.clone();
                }
            }
            network.extend(ready.take_persisted_messages());
            let mut light = self.node.advance(ready);
            if let Some(commit) = light.commit_index() {
                self.storage.0.borrow_mut().hard_state.commit = commit;
            }
            network.extend(light.take_messages());
            self.apply(light.take_committed_entries());
            self.node.advance_apply();
        }
        if self.applied >= self.compacted + COMPACT_EVERY {
            self.compacted = self.applied;
            let through = self.node.raft.raft_log.applied;
            self.storage.0.borrow_mut().compact(through);
        }
    }

    fn apply(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            if let Some(&first) = entry.data.first() {
                self.applied += 1;
                self.checksum += u64::from(first);
            }
        }
    }
}

impl Replicated for RaftRsCluster {
    fn commit(&mut self, count: usize, template: &[u8]) {
        let goal = self.members[self.leader].applied + count as u64;
        let leader = &mut self.members[self.leader].node;
        match self.proposals {
            Proposals::OneByOne => {
                for _ in 0..count {
                    leader
                        .propose(Vec::new(), template.to_vec())
                        .expect("the leader proposes");
                }
            }
            Proposals::WholeBatch => {
                let entry = || Entry {
                    data: Bytes::copy_from_slice(template),
                    ..Entry::default()
                };
                let mut message = Message::default();
                message.set_msg_type(MessageType::MsgPropose);
                message.from = 1;
                message.entries = (0..count).map(|_| entry()).collect::<Vec<_>>().into();
                leader.step(message).expect("the leader proposes");
            }
        }
        self.settle();
        assert_eq!(self.applied(), goal, "every member has applied the batch");
    }

    fn applied(&self) -> u64 {
        self.members
            .iter()
            .map(|member| member.applied)
            .min()
            .unwrap_or_default()
    }

    fn checksum(&self) -> u64 {
        self.members.iter().map(|member| member.checksum).sum()
    }
}

/// raft-rs insists on a logger; this one throws everything away.
fn slog_logger() -> slog::Logger {
    slog::Logger::root(slog::Discard, slog::o!())
}
