//! Quorate's Raft core on the workloads W1 to W3, W5 and W6: members in one thread, disks that are always done.

use bytes::Bytes;
use quorate_clocks::{Instant, NodeId};
use quorate_raft_core::{Config, Event, LeasePermit, Message, Payload, Raft, Recovered, Role};
use quorate_transport::Transmit;

use crate::{COMPACT_EVERY, Replicated};

/// Members of Quorate's Raft in one thread, whose network and disks take no time.
///
/// ```
/// use quorate_benches::{RaftCluster, Replicated};
///
/// let mut cluster = RaftCluster::new(3);
/// cluster.commit(10, &[7; 256]);
/// assert_eq!((cluster.applied(), cluster.checksum()), (10, 3 * 10 * 7));
/// ```
#[derive(Clone)]
pub struct RaftCluster {
    members: Vec<Member>,
    now: Instant,
    leader: usize,
    /// Messages that were sent.
    sent: u64,
}

#[derive(Clone)]
struct Member {
    raft: Raft,
    /// What it has sent, and nobody has received.
    outbox: Vec<Transmit<Message>>,
    applied: u64,
    compacted: u64,
    checksum: u64,
    /// Reads that were confirmed.
    reads: u64,
    dirty: bool,
}

impl RaftCluster {
    /// A cluster of so many members, with a leader.
    ///
    /// # Panics
    ///
    /// When no leader is elected, which would be a bug of the core.
    pub fn new(members: u64) -> Self {
        let ids = (0..members).map(NodeId);
        let start = |id: NodeId| {
            let mut config = Config::new(id, ids.clone());
            config.window_bytes = 1 << 30;
            config.max_append_bytes = 1 << 30;
            config.max_committed_bytes = 1 << 30;
            let raft = Raft::new(config, Recovered::default(), id.0, Instant::ORIGIN)
                .expect("the settings of the bench are sound");
            Member {
                raft,
                outbox: Vec::new(),
                applied: 0,
                compacted: 0,
                checksum: 0,
                reads: 0,
                dirty: true,
            }
        };
        let mut cluster = Self {
            members: ids.clone().map(start).collect(),
            now: Instant::ORIGIN,
            leader: 0,
            sent: 0,
        };
        cluster.time_out(0);
        cluster.settle();
        assert_eq!(cluster.members[0].raft.role(), Role::Leader);
        cluster
    }

    /// How many messages were sent so far.
    pub fn messages_sent(&self) -> u64 {
        self.sent
    }

    /// A round of heartbeats when it is due, and all answers to it.
    pub fn heartbeat(&mut self) {
        self.time_out(self.leader);
        self.settle();
    }

    /// So many linearizable reads of the leader, confirmed together by one round of heartbeats.
    ///
    /// # Panics
    ///
    /// When one is not confirmed, which would be a bug of the core.
    pub fn read(&mut self, count: u64) {
        let goal = self.members[self.leader].reads + count;
        let leader = &mut self.members[self.leader].raft;
        for _ in 0..count {
            leader.read(self.now).expect("the leader takes a read");
        }
        self.settle();
        assert_eq!(self.members[self.leader].reads, goal);
    }

    /// A read of the leader on its lease.
    ///
    /// # Panics
    ///
    /// When there is no lease: there is one from [`heartbeat`](Self::heartbeat) on.
    pub fn lease_read(&mut self) -> LeasePermit {
        let leader = &mut self.members[self.leader].raft;
        leader
            .lease_read(self.now)
            .expect("a majority has answered a heartbeat")
    }

    /// The leader falls silent, and the others elect another, who commits the first entry of its term. The
    /// old one stays silent: this is for once in a life.
    ///
    /// # Panics
    ///
    /// When no leader is elected, which would be a bug of the core.
    pub fn elect(&mut self) {
        let old = self.leader;
        let due = |at: &usize| self.members[*at].raft.poll_timeout();
        let others = (0..self.members.len()).filter(|&at| at != old);
        self.leader = others.min_by_key(due).expect("there is another");
        self.time_out(self.leader);
        self.settle_among(|at| at != old);
        let leader = &self.members[self.leader].raft;
        assert_eq!(leader.role(), Role::Leader);
        assert_eq!(leader.applied(), leader.status().last.index);
    }

    /// Time passes until this member has something to do.
    fn time_out(&mut self, at: usize) {
        let member = &mut self.members[at].raft;
        self.now = member.poll_timeout().expect("every member waits");
        member.handle_timeout(self.now);
    }

    /// Delivers and drains until nothing is left to do.
    fn settle(&mut self) {
        self.settle_among(|_| true);
    }

    /// Only these members are there.
    #[inline]
    fn settle_among(&mut self, is_there: impl Fn(usize) -> bool) {
        self.members[self.leader].dirty = true;
        loop {
            for at in 0..self.members.len() {
                if self.members[at].dirty {
                    self.drain(at);
                }
            }
            let mut is_quiet = true;
            for from in 0..self.members.len() {
                if self.members[from].outbox.is_empty() {
                    continue;
                }
                is_quiet = false;
                let mut outbox = std::mem::take(&mut self.members[from].outbox);
                self.sent += outbox.len() as u64;
                for Transmit { to, message, .. } in outbox.drain(..) {
                    if is_there(to.0 as usize) {
                        let member = &mut self.members[to.0 as usize];
                        let from = NodeId(from as u64);
                        member.raft.handle_message(from, message, self.now);
                        member.dirty = true;
                    }
                }
                self.members[from].outbox = outbox;
            }
            if is_quiet {
                return;
            }
        }
    }

    fn drain(&mut self, at: usize) {
        let member = &mut self.members[at];
        member.dirty = false;
        while let Some(write) = member.raft.poll_write() {
            member.raft.handle_written(write.receipt, self.now);
        }
        while let Some(transmit) = member.raft.poll_transmit() {
            member.outbox.push(transmit);
        }
        while let Some(event) = &member.raft.poll_event() {
            match event {
                Event::Committed { entries } => {
                    for entry in entries {
                        if let Payload::Command(command) = entry.payload {
                            member.applied += 1;
                            member.checksum +=
                                u64::from(command.first().copied().unwrap_or_default());
                        }
                    }
                }
                Event::ReadReady { .. } => member.reads += 1,
                _ => {}
            }
        }
        if member.applied >= member.compacted + COMPACT_EVERY {
            member.compacted = member.applied;
            member.raft.compact(member.raft.applied());
        }
    }
}

impl Replicated for RaftCluster {
    fn commit(&mut self, count: usize, template: &[u8]) {
        let goal = self.members[self.leader].applied + count as u64;
        let leader = &mut self.members[self.leader].raft;
        for _ in 0..count {
            let command = Bytes::copy_from_slice(template);
            leader
                .propose(command, self.now)
                .expect("the leader takes what the bench proposes");
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
