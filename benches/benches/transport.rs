//! Transport: a frame of 256 bytes out and in, and a message through the in-process mesh.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use quorate_clocks::NodeId;
use quorate_transport::{
    FRAME_BODY_LIMIT_BYTES, Frame, FrameDecoder, Lane, Memory, Transmit, Transport,
};

fn frames(criterion: &mut Criterion) {
    let frame = Frame {
        version: 1,
        channel: 0,
        lane: Lane::Log,
        kind: 5,
        body: Bytes::from(vec![7; 256]),
    };
    let mut bytes = BytesMut::new();
    frame
        .encode(FRAME_BODY_LIMIT_BYTES, &mut bytes)
        .expect("256 bytes fit");
    let mut group = criterion.benchmark_group("transport/frame of 256 B");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("encode", |bencher| {
        let mut out = BytesMut::with_capacity(1 << 10);
        bencher.iter(|| {
            out.clear();
            black_box(&frame).encode(FRAME_BODY_LIMIT_BYTES, &mut out)
        });
    });
    group.bench_function("decode", |bencher| {
        let mut decoder = FrameDecoder::new(FRAME_BODY_LIMIT_BYTES);
        bencher.iter(|| {
            decoder.push(black_box(&bytes));
            decoder.next_frame()
        });
    });
    group.finish();
}

fn memory(criterion: &mut Criterion) {
    criterion.bench_function("transport/memory, one message", |bencher| {
        let mut mesh = Memory::mesh([NodeId(1), NodeId(2)], 16);
        bencher.iter(|| {
            let (first, rest) = mesh.split_at_mut(1);
            let transmit = Transmit {
                to: NodeId(2),
                lane: Lane::Log,
                message: 7_u64,
            };
            first[0].send(transmit).expect("the queue has room");
            rest[0].try_recv()
        });
    });
}

criterion_group!(benches, frames, memory);
criterion_main!(benches);
