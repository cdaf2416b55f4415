//! omnipaxos 0.2 on workload W1, in its fastest configuration that can cross threads: an entry is an
//! `Arc<[u8]>`, and it flushes by batches of the size in which entries are proposed.

use std::sync::Arc;

use omnipaxos::messages::Message;
use omnipaxos::storage::{Entry, NoSnapshot};
use omnipaxos::util::LogEntry;
use omnipaxos::{ClusterConfig, OmniPaxos, ServerConfig};
use omnipaxos_storage::memory_storage::MemoryStorage;
use quorate_benches::{COMPACT_EVERY, Replicated};

/// A command, shared and not copied between the members.
#[derive(Clone, Debug)]
struct Command(Arc<[u8]>);

impl Entry for Command {
    type Snapshot = NoSnapshot;
}

/// Members of omnipaxos in one thread, whose network and disks take no time.
pub(crate) struct OmniPaxosCluster {
    members: Vec<Member>,
    /// What is on its way.
    network: Vec<Message<Command>>,
    leader: usize,
}

struct Member {
    node: OmniPaxos<Command, MemoryStorage<Command>>,
    applied: u64,
    trimmed: u64,
    checksum: u64,
    dirty: bool,
}

impl OmniPaxosCluster {
    /// A cluster with a leader, which accepts entries in batches of this size.
    pub(crate) fn new(members: u64, batch: usize) -> Self {
        let cluster_config = ClusterConfig {
            configuration_id: 1,
            nodes: (1..=members).collect(),
            flexible_quorum: None,
        };
        let start = |pid| {
            let server_config = ServerConfig {
                pid,
                election_tick_timeout: 1,
                buffer_size: 16,
                batch_size: batch,
                ..ServerConfig::default()
            };
            let node = cluster_config
                .clone()
                .build_for_server(server_config, MemoryStorage::default())
                .expect("sound settings");
            Member {
                node,
                applied: 0,
                trimmed: 0,
                checksum: 0,
                dirty: true,
            }
        };
        let mut cluster = Self {
            members: (1..=members).map(start).collect(),
            network: Vec::new(),
            leader: 0,
        };
        for _ in 0..100 {
            for member in &mut cluster.members {
                member.node.tick();
                member.dirty = true;
            }
            cluster.settle();
        }
        let leader = cluster.members[0].node.get_current_leader();
        let (leader, accepts) = leader.expect("a leader is elected within 100 ticks");
        assert!(accepts, "its followers are ready");
        cluster.leader = leader as usize - 1;
        cluster
    }

    fn settle(&mut self) {
        self.members[self.leader].dirty = true;
        loop {
            for member in &mut self.members {
                if member.dirty {
                    member.dirty = false;
                    member.drain(&mut self.network);
                }
            }
            if self.network.is_empty() {
                return;
            }
            for message in self.network.drain(..) {
                let member = &mut self.members[message.get_receiver() as usize - 1];
                member.node.handle_incoming(message);
                member.dirty = true;
            }
        }
    }
}

impl Member {
    fn drain(&mut self, network: &mut Vec<Message<Command>>) {
        self.node.take_outgoing_messages(network);
        if self.node.get_decided_idx() as u64 > self.applied {
            let decided = self.node.read_decided_suffix(self.applied as usize);
            for entry in decided.into_iter().flatten() {
                if let LogEntry::Decided(Command(command)) = entry {
                    self.applied += 1;
                    self.checksum += u64::from(command.first().copied().unwrap_or_default());
                }
            }
        }
    }
}

impl Replicated for OmniPaxosCluster {
    fn commit(&mut self, count: usize, template: &[u8]) {
        let leader = &mut self.members[self.leader];
        let goal = leader.applied + count as u64;
        for _ in 0..count {
            let appended = leader.node.append(Command(Arc::from(template)));
            appended.expect("the leader appends");
        }
        self.settle();
        assert_eq!(self.applied(), goal, "every member has applied the batch");
        // The leader trims for all, once all have it.
        let leader = &mut self.members[self.leader];
        if leader.applied >= leader.trimmed + COMPACT_EVERY {
            leader.trimmed = leader.applied;
            let trimmed = leader.node.trim(Some(leader.applied as usize));
            trimmed.expect("all members have accepted it");
            self.settle();
        }
    }

    fn applied(&self) -> u64 {
        let applied = self.members.iter().map(|member| member.applied);
        applied.min().unwrap_or_default()
    }

    fn checksum(&self) -> u64 {
        self.members.iter().map(|member| member.checksum).sum()
    }
}
