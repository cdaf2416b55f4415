//! Workload W1 alone, to count its instructions, which no noise of the machine disturbs:
//!
//! ```text
//! cargo build --profile bench -p quorate-benches --example w1
//! valgrind --tool=callgrind target/release/examples/w1 MEMBERS BATCH BYTES ENTRIES
//! ```
//!
//! The difference of two runs, divided by the difference of their entries, is what an entry costs.

use quorate_benches::{RaftCluster, Replicated};

fn main() {
    let numbers: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.parse().ok())
        .collect();
    let [members, batch, bytes, entries] = numbers[..] else {
        eprintln!("usage: w1 MEMBERS BATCH BYTES ENTRIES");
        return;
    };
    let mut cluster = RaftCluster::new(members as u64);
    let template = vec![7; bytes];
    for _ in 0..entries.div_ceil(batch.max(1)) {
        cluster.commit(batch, &template);
    }
    println!("{} entries applied by all", cluster.applied());
}
