//! Steady state allocates nothing per entry but the payload itself.

use quorate_benches::{RaftCluster, Replicated};

/// Allocations of three members that agree on a batch of so many entries, in the steady state.
fn allocations(cluster: &mut RaftCluster, batch: usize) -> u64 {
    allocation_counter::measure(|| cluster.commit(batch, &[7; 256])).count_total
}

#[test]
fn an_entry_costs_no_more_than_its_payload() {
    let mut cluster = RaftCluster::new(3);
    for _ in 0..64 {
        cluster.commit(256, &[7; 256]);
    }
    // What a batch costs, whatever its size, cancels out; so does most of the growth of its vectors.
    let small: u64 = (0..16).map(|_| allocations(&mut cluster, 64)).sum();
    let large: u64 = (0..16).map(|_| allocations(&mut cluster, 256)).sum();
    let per_entry = (large - small) as f64 / (16.0 * 192.0);
    // A payload is two allocations: its bytes, and their count of owners once it is shared.
    assert!(per_entry <= 2.1, "an entry costs {per_entry} allocations");
    let per_batch = small as f64 / 16.0 - 64.0 * per_entry;
    assert!(
        per_batch <= 100.0,
        "a batch costs {per_batch} allocations besides its entries"
    );
    println!("{per_entry:.2} allocations an entry, and {per_batch:.0} a batch");
}
