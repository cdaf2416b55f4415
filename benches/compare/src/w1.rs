//! Workloads W1, W2 and W3: entries that every member of a group has applied. W2 is W1 with more members, and
//! W3, one proposal in a quiet cluster, is W1 with batches of one.

use std::time::Duration;

use quorate_benches::{RaftCluster, Replicated};

use crate::measure::{Peer, Summary, interleaved};
use crate::omni_paxos::OmniPaxosCluster;
use crate::raft_rs::{Proposals, RaftRsCluster};

/// Entries between two looks at the clock, at least.
const ENTRIES_IN_A_STEP: usize = 64;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Entries in a batch, each a row of the report.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64, 256])]
    batch: Vec<usize>,
    /// Bytes of payload of an entry, each a table of the report.
    #[arg(long, value_delimiter = ',', default_values_t = [16, 256, 4096])]
    payload: Vec<usize>,
    /// Members of the group, each with tables of its own.
    #[arg(long, value_delimiter = ',', default_values_t = [3])]
    members: Vec<u64>,
    /// Runs of each peer; the report has their median.
    #[arg(long, default_value_t = 7)]
    runs: usize,
    /// Milliseconds that one run lasts, about.
    #[arg(long, default_value_t = 250)]
    millis: u64,
}

/// Prints a table for each payload: nanoseconds for each entry, by batch and peer.
pub(crate) fn report(arguments: &Arguments) {
    let Arguments { runs, millis, .. } = *arguments;
    println!(
        "W1 to W3: members in one thread, ns for each entry applied by all of them.\n\
         Median (least-most) of {runs} interleaved runs of about {millis} ms. \
         The ratio is the rival's least over Quorate's least: only the least is free of other work on the machine."
    );
    for &members in &arguments.members {
        for &payload in &arguments.payload {
            println!("\n{members} members, payload {payload} B");
            println!(
                "{:>6}  {:<26} {:>9}  {:<21} {:>6}",
                "batch", "peer", "median", "least-most", "ratio"
            );
            for &batch in &arguments.batch {
                let span = Duration::from_millis(millis);
                let summaries = interleaved(&peers(members, batch, payload), runs, span);
                print_rows(batch, &summaries);
            }
        }
    }
}

fn peers<'a>(members: u64, batch: usize, payload: usize) -> Vec<Peer<'a>> {
    vec![
        peer("quorate", batch, payload, move || RaftCluster::new(members)),
        peer("omnipaxos 0.2, Arc<[u8]>", batch, payload, move || {
            OmniPaxosCluster::new(members, batch)
        }),
        peer("raft-rs 0.7 one by one", batch, payload, move || {
            RaftRsCluster::new(members, Proposals::OneByOne)
        }),
        peer("raft-rs 0.7 whole batches", batch, payload, move || {
            RaftRsCluster::new(members, Proposals::WholeBatch)
        }),
    ]
}

fn peer<'a, R: Replicated + 'a>(
    name: &str,
    batch: usize,
    payload: usize,
    make: impl Fn() -> R + 'a,
) -> Peer<'a> {
    Peer {
        name: name.to_owned(),
        start: Box::new(move || {
            let mut cluster = make();
            let template = vec![7; payload];
            // To look at the clock takes a twentieth of an entry's time.
            let batches = ENTRIES_IN_A_STEP.div_ceil(batch);
            Box::new(move || {
                for _ in 0..batches {
                    cluster.commit(batch, &template);
                }
                (batches * batch) as u64
            })
        }),
    }
}

fn print_rows(batch: usize, summaries: &[Summary]) {
    let ours = summaries.first().map_or(f64::NAN, |ours| ours.least);
    for Summary {
        name,
        median,
        least,
        most,
    } in summaries
    {
        let spread = format!("{least:.0}-{most:.0}");
        let ratio = least / ours;
        println!("{batch:>6}  {name:<26} {median:>9.0}  {spread:<21} {ratio:>6.2}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both do the whole work, and the same: nothing is measured that is not done.
    #[test]
    fn every_peer_applies_the_same_entries_on_every_member() {
        let mut ours = RaftCluster::new(3);
        let mut omni_paxos = OmniPaxosCluster::new(3, 64);
        let mut one_by_one = RaftRsCluster::new(3, Proposals::OneByOne);
        let mut whole = RaftRsCluster::new(3, Proposals::WholeBatch);
        for cluster in [
            &mut ours as &mut dyn Replicated,
            &mut omni_paxos,
            &mut one_by_one,
            &mut whole,
        ] {
            for _ in 0..100 {
                cluster.commit(64, &[3; 256]);
            }
            assert_eq!(cluster.applied(), 6_400);
            assert_eq!(cluster.checksum(), 6_400 * 3 * 3);
        }
    }
}
