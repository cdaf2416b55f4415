//! Raft: three members in one thread agree on entries (W1), elect (W5) and read (W6), and the codec of an append.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use quorate_benches::{RaftCluster, Replicated};
use quorate_raft_core::{Append, Entry, Index, Message, Payload, Position, Term};
use quorate_transport::Wire;

fn committed_on_three(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("raft/W1 256 B, three members");
    for batch in [1, 64] {
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_with_input(
            BenchmarkId::from_parameter(batch),
            &batch,
            |bencher, &batch| {
                let mut cluster = RaftCluster::new(3);
                let template = [7; 256];
                bencher.iter(|| cluster.commit(batch, &template));
            },
        );
    }
    group.finish();
}

fn rounds_of_three(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("raft/three members");
    let mut cluster = RaftCluster::new(3);
    group.bench_function("heartbeat round", |bencher| {
        bencher.iter(|| cluster.heartbeat());
    });
    group.bench_function("lease read", |bencher| {
        bencher.iter(|| black_box(&mut cluster).lease_read());
    });
    for reads in [1, 64] {
        group.throughput(Throughput::Elements(reads));
        group.bench_with_input(
            BenchmarkId::new("reads", reads),
            &reads,
            |bencher, reads| {
                bencher.iter(|| cluster.read(*reads));
            },
        );
    }
    group.throughput(Throughput::Elements(1));
    group.bench_function("election", |bencher| {
        let of_a_silent_leader = || {
            let mut cluster = RaftCluster::new(3);
            cluster.heartbeat();
            cluster
        };
        bencher.iter_batched_ref(
            of_a_silent_leader,
            RaftCluster::elect,
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn append_of_64() -> Message {
    let entry = |index| Entry {
        position: Position {
            term: Term(1),
            index: Index(index),
        },
        payload: Payload::Command(Bytes::from(vec![7; 256])),
    };
    Message::Append(Append {
        term: Term(1),
        previous: Position::ZERO,
        commit: Index(0),
        entries: (1..=64).map(entry).collect(),
    })
}

fn codec(criterion: &mut Criterion) {
    let message = append_of_64();
    let mut group = criterion.benchmark_group("raft/append of 64 entries of 256 B");
    group.throughput(Throughput::Bytes(message.encoded_len() as u64));
    group.bench_function("encode", |bencher| {
        let mut out = BytesMut::with_capacity(message.encoded_len());
        bencher.iter(|| {
            out.clear();
            black_box(&message).encode(&mut out);
        });
    });
    let mut body = BytesMut::new();
    message.encode(&mut body);
    let body = body.freeze();
    group.bench_function("decode", |bencher| {
        bencher.iter(|| Message::decode(1, message.kind(), black_box(body.clone())));
    });
    group.finish();
}

criterion_group!(benches, committed_on_three, rounds_of_three, codec);
criterion_main!(benches);
