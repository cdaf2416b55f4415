//! Workload W6: linearizable reads of a leader of three.

use quorate_benches::RaftCluster;

use crate::measure::Peer;
use crate::raft_rs::{Guards, Proposals, RaftRsCluster};
use crate::table::{self, Arguments, STEP, Table, peer};

/// Reads that share a round of heartbeats.
const TOGETHER: u64 = 64;

/// Prints a table for each way to read.
pub(crate) fn report(arguments: &Arguments) {
    table::report(
        "W6: three members in one thread, ns for each linearizable read of the leader.",
        tables(),
        arguments,
    );
}

fn tables() -> Vec<Table> {
    vec![
        Table {
            title: "alone, by a round of heartbeats".to_owned(),
            peers: vec![
                peer("quorate", ours, |cluster| cluster.read(1)),
                peer("raft-rs 0.7", || theirs(Guards::None), RaftRsCluster::read),
            ],
        },
        Table {
            title: "64 by one round, of which raft-rs knows but one".to_owned(),
            peers: vec![
                together("quorate", ours, |cluster| cluster.read(TOGETHER)),
                together("raft-rs 0.7", || theirs(Guards::None), RaftRsCluster::read),
            ],
        },
        Table {
            title: "alone, on a lease".to_owned(),
            peers: vec![
                peer("quorate", ours, RaftCluster::lease_read),
                peer("raft-rs 0.7", || theirs(Guards::Lease), RaftRsCluster::read),
            ],
        },
    ]
}

fn ours() -> RaftCluster {
    let mut cluster = RaftCluster::new(3);
    cluster.heartbeat();
    cluster
}

fn theirs(guards: Guards) -> RaftRsCluster {
    RaftRsCluster::with(3, Proposals::WholeBatch, guards)
}

/// A peer that does so many reads at once.
fn together<T: 'static>(name: &str, make: fn() -> T, read: fn(&mut T)) -> Peer<'static> {
    Peer {
        name: name.to_owned(),
        start: Box::new(move || {
            let mut cluster = make();
            Box::new(move || {
                for _ in 0..STEP / TOGETHER {
                    read(&mut cluster);
                }
                STEP / TOGETHER * TOGETHER
            })
        }),
    }
}
