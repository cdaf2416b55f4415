//! Steady state allocates nothing per entry but the payload itself, and small stamps nothing at all.

use std::time::Duration;

use quorate_benches::{RaftCluster, Replicated};
use quorate_clocks::{
    Actor, HybridClock, Incarnation, Instant, LamportClock, NodeId, Relation, TreeStamp,
    VectorClock, VersionVector, WallTime,
};
use quorate_leases::{Acquire, FencingToken, LeaseTable, Limits};

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
    // Its bytes, once for all members; and a batch costs itself and the list of its entries.
    for batch in [64, 256] {
        assert_eq!(allocations(&mut cluster, batch), batch as u64 + 2);
    }
    // One alone needs no list.
    assert_eq!(allocations(&mut cluster, 1), 2);
}

#[test]
fn heartbeats_and_reads_allocate_nothing() {
    let mut cluster = RaftCluster::new(3);
    for _ in 0..1_000 {
        cluster.heartbeat();
        cluster.read(64);
    }
    let measured = allocation_counter::measure(|| {
        for _ in 0..1_000 {
            cluster.heartbeat();
            cluster.read(64);
            cluster.lease_read();
        }
    });
    assert_eq!(measured.count_total, 0);
}

#[test]
fn stamps_of_up_to_eight_actors_need_no_heap() {
    let actors = (1..=8).map(|node| Actor::new(NodeId(node), Incarnation(1)));
    let actors: Vec<_> = actors.collect();
    let measured = allocation_counter::measure(|| {
        let mut ours = VersionVector::new();
        for actor in &actors[..5] {
            ours.increment(*actor).expect("few events");
        }
        let mut theirs = ours.clone();
        for actor in &actors[3..] {
            theirs.increment(*actor).expect("few events");
        }
        assert_eq!(ours.relation(&theirs), Relation::Before);
        ours.merge(&theirs);
        assert_eq!(ours.meet(&theirs), theirs);
        assert_eq!(ours.len(), 8);

        let mut clock = VectorClock::resume(actors[0], ours);
        clock.receive(&theirs).expect("it knows no more of us");

        let mut hybrid = HybridClock::new(Duration::from_millis(500));
        let stamp = hybrid.now(WallTime::from_millis(1)).expect("in time");
        hybrid
            .receive(NodeId(2), stamp, WallTime::from_millis(1))
            .expect("in time");
        LamportClock::new(NodeId(1)).tick().expect("few events");
    });
    assert_eq!(measured.count_total, 0);
}

#[test]
fn tree_stamps_of_eight_members_need_no_heap() {
    let mut members = vec![TreeStamp::seed()];
    while members.len() < 8 {
        let (left, right) = members.remove(0).fork().expect("not deep");
        members.extend([left, right]);
    }
    for round in 0..200 {
        let message = members[round * 7 % 8].send().expect("few events");
        members[round * 5 % 8].receive(&message).expect("known");
    }
    let [one, others @ ..] = &mut members[..] else {
        unreachable!("eight members");
    };
    let measured = allocation_counter::measure(|| {
        for other in others {
            one.event().expect("few events");
            let message = other.peek();
            assert_ne!(one.history().relation(&message), Relation::Equal);
            one.merge(&message).expect("known");
        }
    });
    assert_eq!(measured.count_total, 0);
}

/// A table of so many leases, with names of 16 bytes and an owner of a hundred of them each.
fn leases(count: u32) -> LeaseTable {
    let limits = Limits {
        max_leases: count,
        ..Limits::default()
    };
    let mut table = LeaseTable::new(limits);
    for number in 0..count {
        let (name, owner) = (
            format!("lease {number:010}"),
            format!("owner {}", number / 100),
        );
        let granted = table.acquire(Instant::ORIGIN, &name, &owner, Duration::from_secs(10), 1);
        granted.expect("there is room");
    }
    table
}

#[test]
fn a_lease_takes_128_bytes_with_its_name_and_its_deadline() {
    const COUNT: u32 = 1_000_000;
    let mut kept = None;
    let measured = allocation_counter::measure(|| kept = Some(leases(COUNT)));
    let per_lease = measured.bytes_current as f64 / f64::from(COUNT);
    println!("{per_lease:.1} bytes a lease");
    assert!(per_lease <= 128.0, "a lease takes {per_lease} bytes");
}

#[test]
fn renewing_allocates_nothing() {
    let mut table = leases(1_000);
    let names: Vec<_> = (0..1_000)
        .map(|number| format!("lease {number:010}"))
        .collect();
    let ttl = Duration::from_secs(20);
    let measured = allocation_counter::measure(|| {
        for number in 0..1_000_u64 {
            let token = FencingToken(number + 1);
            let name = &names[number as usize];
            let renewed = table.renew(Instant::from_nanos(number), name, token, ttl);
            renewed.expect("it is held");
        }
    });
    assert_eq!(measured.count_total, 0);
}

#[test]
fn a_lease_of_a_session_takes_100_bytes_with_its_name() {
    const COUNT: u32 = 1_000_000;
    let limits = Limits {
        max_leases: COUNT,
        ..Limits::default()
    };
    let mut kept = None;
    let measured = allocation_counter::measure(|| {
        let mut table = LeaseTable::new(limits);
        let mut session = None;
        for number in 0..COUNT {
            if number % 1_000 == 0 {
                let opened = table.open_session(Instant::ORIGIN, Duration::from_secs(10));
                session = Some(opened.expect("there is room").session);
            }
            let session = session.expect("the first is opened at once");
            let name = format!("lease {number:010}");
            let request = Acquire::in_session(&name, "owner", u128::from(number), session);
            let granted = table.acquire_with(Instant::ORIGIN, &request);
            granted.expect("there is room");
        }
        kept = Some(table);
    });
    let per_lease = measured.bytes_current as f64 / f64::from(COUNT);
    println!("{per_lease:.1} bytes a lease of a session");
    assert!(
        per_lease <= 100.0,
        "a lease of a session takes {per_lease} bytes"
    );
}
