//! The lease table with up to a million leases: what one command costs, what many ends cost, and what a
//! change of leader costs.
//!
//! For comparison, what etcd's lessor is known to take: a promotion 27 ms with 100,000 leases and 325 ms
//! with 1,000,000 (etcd PR #9699); 1,000 revocations a second; 330 bytes a lease (10,000,000 in 3.3 GB);
//! 1,500 renewals a second for a fifth of the leader's processor (#18069).

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{
    BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main,
};
use quorate_clocks::{Instant, SplitMix64};
use quorate_leases::{Acquire, FencingToken, LeaseClock, LeaseTable, Limits, SessionId};

const TTL: Duration = Duration::from_secs(30);
const MILLION: u64 = 1_000_000;

fn limits() -> Limits {
    Limits {
        max_leases: 2 * MILLION as u32,
        max_events: 0,
        ..Limits::default()
    }
}

fn names(count: u64) -> Vec<String> {
    (0..count)
        .map(|number| format!("lease {number:010}"))
        .collect()
}

/// A table of leases that end up to a second apart.
fn table(names: &[String]) -> LeaseTable {
    let mut table = LeaseTable::new(limits());
    let mut random = SplitMix64::new(1);
    for (number, name) in (0..).zip(names) {
        let ttl = TTL + Duration::from_nanos(random.below(1_000_000_000));
        let owner = format!("owner {}", number / 1_000);
        let granted = table.acquire(Instant::ORIGIN, name, &owner, ttl, number);
        granted.expect("there is room");
    }
    table
}

/// The same leases in sessions of a thousand.
fn in_sessions(names: &[String]) -> (LeaseTable, Vec<SessionId>) {
    let mut table = LeaseTable::new(limits());
    let mut sessions = Vec::new();
    for (number, name) in (0_u64..).zip(names) {
        if number % 1_000 == 0 {
            let opened = table.open_session(Instant::ORIGIN, TTL);
            sessions.push(opened.expect("there is room").session);
        }
        let session = sessions[sessions.len() - 1];
        let owner = format!("owner {}", number / 1_000);
        let request = Acquire::in_session(name, &owner, u128::from(number), session);
        let granted = table.acquire_with(Instant::ORIGIN, &request);
        granted.expect("there is room");
    }
    (table, sessions)
}

fn commands(group: &mut BenchmarkGroup<'_, WallTime>) {
    let names = names(MILLION);
    let mut table = table(&names);
    let mut step = 0_u64;
    group.bench_function("renew, in the order of the grants", |bencher| {
        bencher.iter(|| {
            step += 1;
            let number = step % MILLION;
            let name = &names[number as usize];
            table.renew(
                Instant::from_nanos(step),
                name,
                FencingToken(number + 1),
                TTL,
            )
        });
    });
    let mut random = SplitMix64::new(2);
    group.bench_function("renew any", |bencher| {
        bencher.iter(|| {
            step += 1;
            let number = random.below(MILLION);
            let name = &names[number as usize];
            table.renew(
                Instant::from_nanos(step),
                name,
                FencingToken(number + 1),
                TTL,
            )
        });
    });
    group.bench_function("renew one", |bencher| {
        bencher.iter(|| {
            step += 1;
            let name = black_box("lease 0000000006");
            table.renew(Instant::from_nanos(step), name, FencingToken(7), TTL)
        });
    });
    let mut request = 0_u128;
    group.bench_function("acquire and release another", |bencher| {
        bencher.iter(|| {
            request += 1;
            let now = Instant::from_nanos(step);
            let grant = table.acquire(now, black_box("another"), "owner", TTL, request);
            table.release(now, "another", grant.expect("it is free").token)
        });
    });
    group.bench_function("who holds any", |bencher| {
        bencher.iter(|| {
            let name = &names[random.index(names.len())];
            table
                .get(Instant::from_nanos(step), name)
                .map(|lease| lease.token)
        });
    });
}

fn sessions(group: &mut BenchmarkGroup<'_, WallTime>) {
    let names = names(MILLION);
    let (mut table, sessions) = in_sessions(&names);
    let mut step = 0;
    group.bench_function("keep one session of 1,000 alive", |bencher| {
        bencher.iter(|| {
            step += 1;
            let session = sessions[step % sessions.len()];
            table.keep_alive(Instant::from_nanos(step as u64), session)
        });
    });
    group.bench_function("keep all 1,000 sessions alive", |bencher| {
        bencher.iter(|| {
            step += 1;
            let now = Instant::from_nanos(step as u64);
            for session in &sessions {
                table.keep_alive(now, *session).expect("it is open");
            }
        });
    });
}

/// All end in one moment: sorted in slices, and then taken note of.
fn ends(group: &mut BenchmarkGroup<'_, WallTime>) {
    let names = names(100_000);
    let table = table(&names);
    let (of_sessions, _) = in_sessions(&names);
    group.throughput(Throughput::Elements(100_000));
    for (what, table) in [
        ("100,000 end", table),
        ("100,000 of 100 sessions end", of_sessions),
    ] {
        group.bench_function(what, |bencher| {
            bencher.iter_batched_ref(
                || table.clone(),
                |table| {
                    while !table
                        .expire_some(Instant::from_millis(60_000), 1_000)
                        .is_empty()
                    {}
                },
                BatchSize::PerIteration,
            );
        });
    }
}

/// What a new leader does: it notes the instant of the table and its own, and stamps.
fn promotion(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("leases/promotion");
    for count in [10_000, 100_000, MILLION] {
        let table = table(&names(count));
        group.bench_function(format!("{count} leases"), |bencher| {
            let mut own = Instant::from_millis(5);
            bencher.iter(|| {
                own = own + Duration::from_nanos(1);
                let clock = LeaseClock::continue_from(black_box(&table).now(), own);
                clock.at(own + Duration::from_millis(1))
            });
        });
    }
    group.finish();
}

fn million(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("leases/1,000,000 held");
    commands(&mut group);
    sessions(&mut group);
    group.finish();
    let mut group = criterion.benchmark_group("leases/ends");
    group.sample_size(10);
    ends(&mut group);
    group.finish();
}

criterion_group!(benches, million, promotion);
criterion_main!(benches);
