//! Matrix clocks and causal broadcast.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use quorate_clocks::{
    Actor, BroadcastLimits, BroadcastMessage, CausalBroadcast, Dot, Incarnation, MatrixClock,
    NodeId, VersionVector,
};

type Machine = CausalBroadcast<&'static [u8]>;

const PAYLOAD: &[u8] = &[7; 64];

fn actors(count: u64) -> impl Iterator<Item = Actor> + Clone {
    (0..count).map(|node| Actor::new(NodeId(node), Incarnation(1)))
}

/// Everybody has seen a thousand of everybody's events, and some more.
fn matrix(members: u64) -> MatrixClock {
    let mut matrix = MatrixClock::with_members(actors(members)).expect("few");
    for (more, member) in (0..).zip(actors(members)) {
        let mut row = VersionVector::new();
        for actor in actors(members) {
            let counter = 1000 + (more + actor.node.0) % members;
            row.observe(Dot { actor, counter });
        }
        matrix.record(member, &row).expect("a member");
    }
    matrix
}

fn stability(criterion: &mut Criterion) {
    for members in [3, 16, 128] {
        let mut group = criterion.benchmark_group("clocks/matrix");
        let matrix = matrix(members);
        group.bench_function(BenchmarkId::new("record one more", members), |bencher| {
            let mut matrix = matrix.clone();
            let member = Actor::new(NodeId(0), Incarnation(1));
            let mut row = matrix.row(member).expect("a member").clone();
            bencher.iter(|| {
                row.increment(member).expect("few events");
                matrix.record(member, black_box(&row))
            });
        });
        group.bench_function(BenchmarkId::new("stable", members), |bencher| {
            bencher.iter(|| black_box(&matrix).stable());
        });
        group.bench_function(BenchmarkId::new("read", members), |bencher| {
            let bytes = matrix.to_bytes();
            bencher.iter(|| MatrixClock::from_bytes(black_box(&bytes)));
        });
        group.finish();
    }
}

fn machine(me: u64, members: u64) -> Machine {
    let matrix = MatrixClock::with_members(actors(members)).expect("few");
    let me = Actor::new(NodeId(me), Incarnation(1));
    CausalBroadcast::new(me, matrix, BroadcastLimits::default()).expect("a member")
}

/// Rounds of messages, one by everybody who has delivered all before it.
fn messages(members: u64, rounds: usize) -> Vec<BroadcastMessage<&'static [u8]>> {
    let mut machines: Vec<_> = (1..members).map(|me| machine(me, members)).collect();
    let mut messages = Vec::new();
    for _ in 0..rounds {
        for sender in 0..machines.len() {
            let message = machines[sender].broadcast(PAYLOAD).expect("there is room");
            for (other, machine) in machines.iter_mut().enumerate() {
                if other != sender {
                    machine.receive(message.clone()).expect("a member");
                    machine.poll_deliver().expect("in order");
                }
            }
            messages.push(message);
        }
    }
    messages
}

fn deliver(mut machine: Machine, messages: Vec<BroadcastMessage<&'static [u8]>>) -> Machine {
    for message in messages {
        machine.receive(message).expect("there is room");
        while let Some(message) = machine.poll_deliver() {
            black_box(message);
        }
    }
    machine
}

fn deliveries(criterion: &mut Criterion) {
    for members in [3, 16, 128] {
        let mut group = criterion.benchmark_group("clocks/causal");
        let in_order = messages(members, 512 / (members as usize - 1));
        let mut reversed = in_order.clone();
        reversed.reverse();
        group.throughput(Throughput::Elements(in_order.len() as u64));
        for (name, arrivals) in [("in order", in_order), ("last first", reversed)] {
            group.bench_function(BenchmarkId::new(name, members), |bencher| {
                bencher.iter_batched(
                    || (machine(0, members), arrivals.clone()),
                    |(machine, arrivals)| deliver(machine, arrivals),
                    BatchSize::LargeInput,
                );
            });
        }
        group.finish();
    }
}

criterion_group!(benches, stability, deliveries);
criterion_main!(benches);
