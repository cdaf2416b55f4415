//! Client sessions and sequence windows: a request of one session among many, and a number that came.

use bytes::Bytes;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use quorate_clocks::Instant;
use quorate_idempotency::{
    ClientSessions, SequenceWindow, SessionId, SessionLimits, SessionRequest,
};

const SESSIONS: u64 = 100_000;

fn request(session: u64, sequence: u64, first_unacknowledged: u64) -> SessionRequest {
    SessionRequest {
        session: SessionId(session),
        sequence,
        first_unacknowledged,
        fingerprint: None,
    }
}

fn open(count: u64) -> ClientSessions {
    let limits = SessionLimits {
        sessions: count,
        ..SessionLimits::default()
    };
    let mut sessions = ClientSessions::new(limits);
    for _ in 0..count {
        sessions.open(Instant::ORIGIN).expect("there is room");
    }
    sessions
}

/// Begins, completes and acknowledges with the next one.
fn run(sessions: &mut ClientSessions, session: u64, sequence: u64) {
    let now = Instant::from_nanos(sequence);
    let begun = sessions.begin(now, &request(session, sequence, sequence));
    begun.expect("an open session");
    let response = Bytes::from_static(b"done");
    let completed = sessions.complete(now, SessionId(session), sequence, response);
    completed.expect("it runs");
}

fn sessions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("idempotency/sessions");
    for count in [1, SESSIONS] {
        group.bench_function(
            format!("begin, complete, acknowledge: {count} sessions"),
            |bencher| {
                let mut sessions = open(count);
                let mut step = 0;
                bencher.iter(|| {
                    step += 1;
                    // A large odd stride, so that the next session is in no cache.
                    run(&mut sessions, 1 + step * 61_681 % count, step);
                });
            },
        );
    }
    group.bench_function(format!("replay: {SESSIONS} sessions"), |bencher| {
        let mut sessions = open(SESSIONS);
        for session in 1..=SESSIONS {
            run(&mut sessions, session, 0);
        }
        let mut step = 0;
        bencher.iter(|| {
            step += 1;
            sessions.begin(
                Instant::ORIGIN,
                &request(1 + step * 61_681 % SESSIONS, 0, 0),
            )
        });
    });
    group.bench_function(
        "512 in flight, completed backwards, acknowledged at once",
        |bencher| {
            let mut sessions = open(1);
            let mut base = 0;
            bencher.iter(|| {
                for sequence in base..base + 512 {
                    let begun = sessions.begin(Instant::ORIGIN, &request(1, sequence, base));
                    begun.expect("within the window");
                }
                for sequence in (base..base + 512).rev() {
                    let response = Bytes::from_static(b"done");
                    let completed =
                        sessions.complete(Instant::ORIGIN, SessionId(1), sequence, response);
                    completed.expect("it runs");
                }
                base += 512;
                sessions.keep_alive(Instant::ORIGIN, SessionId(1), base)
            });
        },
    );
    group.bench_function(format!("end {SESSIONS} sessions"), |bencher| {
        let sessions = open(SESSIONS);
        bencher.iter_batched_ref(
            || sessions.clone(),
            |sessions| while sessions.expire(Instant::MAX, 1_000) {},
            BatchSize::PerIteration,
        );
    });
    group.bench_function(
        format!("snapshot: {SESSIONS} sessions with a response each"),
        |bencher| {
            let mut sessions = open(SESSIONS);
            for session in 1..=SESSIONS {
                run(&mut sessions, session, 0);
            }
            bencher.iter(|| sessions.snapshot());
        },
    );
    group.finish();
}

fn windows(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("idempotency/window");
    fn observe<const WORDS: usize>(
        group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    ) {
        let width = SequenceWindow::<WORDS>::WIDTH;
        for (name, stride) in [
            ("in order", 1),
            ("each slides by half the width", width / 2),
        ] {
            group.bench_function(format!("{width} wide, {name}"), |bencher| {
                let mut window = SequenceWindow::<WORDS>::new();
                let mut number = 0;
                bencher.iter(|| {
                    number += stride;
                    window.observe(number)
                });
            });
        }
        group.bench_function(format!("{width} wide, a duplicate"), |bencher| {
            let mut window = SequenceWindow::<WORDS>::new();
            window.observe(7);
            bencher.iter(|| window.observe(std::hint::black_box(7)));
        });
    }
    observe::<2>(&mut group);
    observe::<16>(&mut group);
    group.finish();
}

criterion_group!(benches, sessions, windows);
criterion_main!(benches);
