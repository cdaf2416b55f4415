//! A snapshot of `ClientSessions`: arbitrary bytes, and one that was taken and then damaged. What is read is
//! written back the same, and can be used.
#![no_main]

use std::time::Duration;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use quorate_clocks::Instant;
use quorate_idempotency::{ClientSessions, SessionId, SessionLimits, SessionRequest};
use quorate_idempotency_fuzz::Input;

fn call(sessions: &mut ClientSessions, input: &mut Input<'_>) {
    let now = Instant::from_nanos(u64::from(input.byte()) * 4);
    let session = SessionId(u64::from(input.byte() % 4));
    let sequence = u64::from(input.byte() % 16);
    match input.byte() % 8 {
        0 => drop(sessions.open(now)),
        1 => drop(sessions.close(now, session)),
        2 => drop(sessions.reopen(now, session)),
        3 => drop(sessions.keep_alive(now, session, sequence)),
        4 => drop(sessions.expire(now, usize::from(input.byte() % 4))),
        5 => {
            let response = Bytes::from(vec![1; usize::from(input.byte() % 8)]);
            drop(sessions.complete(now, session, sequence, response));
        }
        _ => {
            let first_unacknowledged = sequence.saturating_sub(u64::from(input.byte() % 8));
            drop(sessions.begin(
                now,
                &SessionRequest {
                    session,
                    sequence,
                    first_unacknowledged,
                    fingerprint: None,
                },
            ));
        }
    }
}

fn read(bytes: &[u8], input: &mut Input<'_>) {
    let Ok(mut sessions) = ClientSessions::restore(bytes) else {
        return;
    };
    assert_eq!(sessions.snapshot(), bytes, "sessions with two snapshots");
    for _ in 0..4 {
        call(&mut sessions, input);
    }
    sessions.expire(Instant::MAX, usize::MAX);
}

fuzz_target!(|bytes: &[u8]| {
    read(bytes, &mut Input(bytes));

    let mut input = Input(bytes);
    let mut sessions = ClientSessions::new(SessionLimits {
        sessions: 3,
        idle: Duration::from_nanos(100),
        window: 8,
        requests: 6,
        responses_per_session: 2,
        response_bytes_per_session: 16,
        response_bytes: 24,
    });
    for _ in 0..input.byte() % 64 {
        call(&mut sessions, &mut input);
    }
    let mut damaged = sessions.snapshot().to_vec();
    for _ in 0..input.byte() % 4 {
        let at = usize::from(input.byte()) << 8 | usize::from(input.byte());
        let len = damaged.len();
        if let Some(byte) = damaged.get_mut(at % len) {
            *byte = input.byte();
        }
    }
    read(&damaged, &mut input);
});
