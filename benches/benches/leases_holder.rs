//! The holder's side of a lease: may I act now, and what it costs to keep it.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use quorate_clocks::{Incarnation, Instant};
use quorate_leases::{
    Drift, FencingToken, HolderConfig, LeaseFlag, LeaseHolder, Observer, SafeUntil,
};

const TTL: Duration = Duration::from_secs(10);
const TOKEN: FencingToken = FencingToken(33);

/// A holder that was granted its lease at this instant.
fn holder(now: Instant) -> LeaseHolder {
    let mut holder =
        LeaseHolder::new(HolderConfig::new(TTL), Incarnation(1), 7).expect("a sound configuration");
    holder.acquire(now);
    let ticket = holder.poll_transmit(now).expect("it wants it").ticket;
    holder.handle_granted(ticket, TOKEN, TTL, now);
    holder
}

/// Asked before every effect.
fn check(criterion: &mut Criterion) {
    let start = Instant::from_millis(1);
    let now = Instant::from_millis(500);
    let holder = holder(start);
    let (mut publisher, flag) = LeaseFlag::new();
    publisher
        .publish(holder.standing(start))
        .expect("a new stretch");
    let pass = flag.pass(now).expect("it is held");
    let safe = SafeUntil::new(start, TTL, Drift::SLEWED, Duration::ZERO);
    assert!(flag.may_act(now) && flag.allows(&pass, now) && safe.is_safe(now));

    let mut group = criterion.benchmark_group("leases/may I act");
    group.bench_function("LeaseFlag::may_act", |bencher| {
        bencher.iter(|| black_box(&flag).may_act(black_box(now)));
    });
    group.bench_function("LeaseFlag::allows", |bencher| {
        bencher.iter(|| black_box(&flag).allows(black_box(&pass), black_box(now)));
    });
    group.bench_function("LeaseFlag::pass", |bencher| {
        bencher.iter(|| black_box(&flag).pass(black_box(now)));
    });
    group.bench_function("SafeUntil::is_safe", |bencher| {
        bencher.iter(|| black_box(&safe).is_safe(black_box(now)));
    });
    group.finish();
}

/// What happens every few seconds: it is due, is sent, is answered, and is published.
fn renew(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("leases/holder");
    group.bench_function("renew and publish", |bencher| {
        let mut now = Instant::from_millis(1);
        let mut holder = holder(now);
        let (mut publisher, _flag) = LeaseFlag::new();
        bencher.iter(|| {
            now = holder.poll_timeout().expect("it wants it").max(now);
            let request = holder.poll_transmit(now).expect("a renewal is due");
            now = now + Duration::from_millis(1);
            holder.handle_renewed(request.ticket, TTL, now);
            publisher
                .publish(holder.standing(now))
                .expect("one stretch");
        });
        assert!(holder.standing(now).is_some());
    });
    group.bench_function("handle_timeout, nothing due", |bencher| {
        let start = Instant::from_millis(1);
        let mut holder = holder(start);
        bencher.iter(|| {
            holder.handle_timeout(black_box(start));
            holder.poll_transmit(black_box(start))
        });
    });
    group.bench_function("handle_clocks", |bencher| {
        let start = Instant::from_millis(1);
        let mut holder = holder(start);
        bencher.iter(|| holder.handle_clocks(black_box(start), black_box(start)));
    });
    group.bench_function("Observer, one record seen", |bencher| {
        let mut observer = Observer::new(Drift::SLEWED);
        let now = Instant::from_millis(1);
        bencher.iter(|| {
            observer.handle_record(black_box(7_u64), TTL, now);
            observer.is_over(black_box(now))
        });
    });
    group.finish();
}

criterion_group!(benches, check, renew);
criterion_main!(benches);
