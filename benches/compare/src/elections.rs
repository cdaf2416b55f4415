//! Workload W5: a leader falls silent, and the others elect another.

use std::time::Instant;

use quorate_benches::RaftCluster;

use crate::raft_rs::{Guards, Proposals, RaftRsCluster};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Members of the group, each a table of the report.
    #[arg(long, value_delimiter = ',', default_values_t = [3, 5])]
    members: Vec<u64>,
    /// Elections of each peer, one after the other in turn.
    #[arg(long, default_value_t = 2_000)]
    trials: usize,
}

/// Nanoseconds and messages of the elections of one peer.
struct Elections {
    name: &'static str,
    elect: Box<dyn Fn() -> (f64, u64)>,
    trials: Vec<(f64, u64)>,
}

/// Prints a table for each number of members.
pub(crate) fn report(arguments: &Arguments) {
    println!(
        "W5: an election, from when its time has come to the first entry of the new leader, which all but the silent\n\
         one have applied. {} elections of new clusters each, in turn. Ticks that wait for the election's time are\n\
         a part of it with raft-rs, which counts them; Quorate's is told the time once.",
        arguments.trials
    );
    for &members in &arguments.members {
        println!("\n{members} members");
        println!(
            "  {:<34} {:>9} {:>9} {:>9}",
            "peer", "ns, median", "least", "messages"
        );
        for mut peer in elected(members, arguments.trials) {
            let middle = peer.trials.len() / 2;
            peer.trials.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
            let (median, least) = (peer.trials.get(middle), peer.trials.first());
            let messages = peer.trials.iter().map(|trial| trial.1).min();
            println!(
                "  {:<34} {:>9.0} {:>9.0} {:>9}",
                peer.name,
                median.map_or(f64::NAN, |trial| trial.0),
                least.map_or(f64::NAN, |trial| trial.0),
                messages.unwrap_or_default()
            );
        }
    }
}

fn elected(members: u64, trials: usize) -> Vec<Elections> {
    let ours = move || {
        let mut cluster = RaftCluster::new(members);
        cluster.heartbeat();
        timed(&mut cluster, RaftCluster::elect, RaftCluster::messages_sent)
    };
    let theirs = move || {
        let mut cluster = RaftRsCluster::with(members, Proposals::WholeBatch, Guards::Quorum);
        cluster.heartbeat();
        timed(
            &mut cluster,
            RaftRsCluster::elect,
            RaftRsCluster::messages_sent,
        )
    };
    let mut peers = vec![
        Elections {
            name: "quorate",
            elect: Box::new(ours),
            trials: Vec::with_capacity(trials),
        },
        Elections {
            name: "raft-rs 0.7, pre-vote, check-quorum",
            elect: Box::new(theirs),
            trials: Vec::with_capacity(trials),
        },
    ];
    for _ in 0..trials {
        for peer in &mut peers {
            peer.trials.push((peer.elect)());
        }
    }
    peers
}

fn timed<C>(cluster: &mut C, elect: fn(&mut C), sent: fn(&C) -> u64) -> (f64, u64) {
    let before = sent(cluster);
    let started = Instant::now();
    elect(cluster);
    let nanos = started.elapsed().as_nanos() as f64;
    (nanos, sent(cluster) - before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_election_takes_no_more_messages_than_raft_rs_needs() {
        for members in [3, 5] {
            let peers = elected(members, 20);
            let least = |peer: &Elections| peer.trials.iter().map(|trial| trial.1).min();
            let [ours, theirs] = &peers[..] else {
                panic!("two peers");
            };
            assert!(
                least(ours) <= least(theirs),
                "{:?} {:?}",
                least(ours),
                least(theirs)
            );
        }
    }
}
