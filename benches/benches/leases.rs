//! Leases: acquire and release among many, renew, and the check at the resource.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use quorate_clocks::Instant;
use quorate_leases::{AtomicFence, Fence, FencingToken, LeaseTable, Limits};

const LEASES: u64 = 100_000;
const TTL: Duration = Duration::from_secs(30);

fn table(criterion: &mut Criterion) {
    let now = Instant::from_millis(1);
    let limits = Limits {
        max_leases: LEASES as u32 + 1,
        ..Limits::default()
    };
    let mut table = LeaseTable::new(limits);
    for number in 0..LEASES {
        table
            .acquire(
                now,
                &format!("lease-{number:08}"),
                "owner",
                TTL,
                u128::from(number),
            )
            .expect("there is room");
    }
    let mut group = criterion.benchmark_group("leases/100,000 held");
    group.bench_function("acquire and release", |bencher| {
        let mut table = table.clone();
        let mut request = u128::from(LEASES);
        bencher.iter(|| {
            request += 1;
            let grant = table
                .acquire(now, "another", "owner", TTL, request)
                .expect("it is free");
            table.release(now, "another", grant.token)
        });
    });
    group.bench_function("renew", |bencher| {
        let mut table = table.clone();
        let token = table
            .acquire(now, "another", "owner", TTL, 1)
            .expect("it is free")
            .token;
        bencher.iter(|| table.renew(now, black_box("another"), token, TTL));
    });
    group.finish();
}

fn fences(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("leases/check and raise");
    group.bench_function("fence", |bencher| {
        let mut fence = Fence::new();
        bencher.iter(|| fence.check_and_raise(black_box(FencingToken(7))));
    });
    group.bench_function("atomic fence", |bencher| {
        let fence = AtomicFence::new();
        bencher.iter(|| fence.check_and_raise(black_box(FencingToken(7))));
    });
    group.finish();
}

criterion_group!(benches, table, fences);
criterion_main!(benches);
