//! Quorate's Raft core on workload W1: three members, one thread, disks that are always done.

use bytes::Bytes;
use quorate_clocks::{Instant, NodeId};
use quorate_raft_core::{Config, Event, Message, Payload, Raft, Recovered, Role};
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
pub struct RaftCluster {
    members: Vec<Member>,
    /// What is on its way, and from whom.
    network: Vec<(NodeId, Transmit<Message>)>,
    /// Room for what is delivered.
    arriving: Vec<(NodeId, Transmit<Message>)>,
    now: Instant,
    leader: usize,
}

struct Member {
    raft: Raft,
    applied: u64,
    compacted: u64,
    checksum: u64,
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
                applied: 0,
                compacted: 0,
                checksum: 0,
                dirty: true,
            }
        };
        let mut cluster = Self {
            members: ids.clone().map(start).collect(),
            network: Vec::new(),
            arriving: Vec::new(),
            now: Instant::ORIGIN,
            leader: 0,
        };
        let due = cluster.members[0]
            .raft
            .poll_timeout()
            .expect("a follower waits");
        cluster.now = due;
        cluster.members[0].raft.handle_timeout(due);
        cluster.settle();
        assert_eq!(cluster.members[0].raft.role(), Role::Leader);
        cluster
    }

    /// Delivers and drains until nothing is left to do.
    fn settle(&mut self) {
        self.members[self.leader].dirty = true;
        loop {
            for at in 0..self.members.len() {
                if self.members[at].dirty {
                    self.drain(at);
                }
            }
            if self.network.is_empty() {
                return;
            }
            std::mem::swap(&mut self.network, &mut self.arriving);
            for (from, Transmit { to, message, .. }) in self.arriving.drain(..) {
                let member = &mut self.members[to.0 as usize];
                member.raft.handle_message(from, message, self.now);
                member.dirty = true;
            }
        }
    }

    fn drain(&mut self, at: usize) {
        let member = &mut self.members[at];
        member.dirty = false;
        let id = NodeId(at as u64);
        while let Some(write) = member.raft.poll_write() {
            member.raft.handle_written(write.receipt, self.now);
        }
        while let Some(transmit) = member.raft.poll_transmit() {
            self.network.push((id, transmit));
        }
        while let Some(event) = member.raft.poll_event() {
            if let Event::Committed { entries } = event {
                for entry in &entries {
                    if let Payload::Command(command) = entry.payload {
                        member.applied += 1;
                        member.checksum += u64::from(command.first().copied().unwrap_or_default());
                    }
                }
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
