//! What goes wrong with client sessions, as scenarios: run against the sessions as they are, and against
//! ones with a broken rule, to see that it is noticed.

mod trace;

use std::time::Duration;
use std::vec::Vec;
use std::{format, vec};

use bytes::Bytes;
use quorate_clocks::Instant;
use quorate_idempotency::{
    ClientSessions, Fingerprint, SessionBegin, SessionBeginError, SessionCloseError,
    SessionCompleteError, SessionCompleted, SessionId, SessionLimits, SessionOpenError,
    SessionReopenError, SessionRequest,
};

pub(crate) use trace::trap_20_restore_at_every_prefix;

/// Where sessions come from. Each replica has a number.
pub(crate) trait Replicas {
    fn start(&self, number: u64, limits: SessionLimits) -> ClientSessions;
    fn restore(&self, number: u64, snapshot: &[u8]) -> ClientSessions;
}

macro_rules! traps {
    ($($name:ident),* $(,)?) => {
        /// All of them, by name.
        #[allow(dead_code)]
        pub(crate) const TRAPS: &[(&str, fn(&dyn Replicas))] = &[$((stringify!($name), $name)),*];
    };
}

traps![
    trap_04_same_number_other_request,
    trap_09_live_sessions_are_not_pushed_out,
    trap_10_dropped_responses_stay_applied,
    trap_11_time_goes_backwards,
    trap_12_time_jumps_forward,
    trap_13_acknowledgement_regresses,
    trap_14_acknowledgement_ahead_of_completion,
    trap_15_huge_gap,
    trap_17_ended_session_of_a_live_client,
    trap_17_ids_are_not_given_again,
    trap_20_restore_at_every_prefix,
    trap_21_duplicate_while_it_runs,
    trap_22_lagging_replica,
];

pub(crate) const IDLE: Duration = Duration::from_secs(60);

pub(crate) fn limits() -> SessionLimits {
    SessionLimits {
        sessions: 4,
        idle: IDLE,
        window: 8,
        requests: 24,
        responses_per_session: 3,
        response_bytes_per_session: 12,
        response_bytes: 30,
    }
}

pub(crate) fn at(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1_000)
}

pub(crate) fn text(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

pub(crate) fn request(
    session: SessionId,
    sequence: u64,
    first_unacknowledged: u64,
) -> SessionRequest {
    SessionRequest {
        session,
        sequence,
        first_unacknowledged,
        fingerprint: None,
    }
}

/// Begins and completes.
fn apply(sessions: &mut ClientSessions, now: Instant, request: &SessionRequest) {
    assert_eq!(sessions.begin(now, request), Ok(SessionBegin::Run));
    let completed = sessions.complete(now, request.session, request.sequence, text("done"));
    assert!(completed.is_ok_and(|completed| completed.kept));
}

/// A client that gives a number to two requests is told, whether the first one runs or has run, and the
/// first one's response is not given to the second.
pub(crate) fn trap_04_same_number_other_request(replicas: &dyn Replicas) {
    let mut sessions = replicas.start(0, limits());
    let session = sessions.open(at(0)).unwrap();
    let first = SessionRequest {
        fingerprint: Some(Fingerprint(1)),
        ..request(session, 0, 0)
    };
    let second = SessionRequest {
        fingerprint: Some(Fingerprint(2)),
        ..first
    };
    let mismatch = |completed| {
        Err(SessionBeginError::Mismatch {
            sequence: 0,
            stored: Fingerprint(1),
            completed,
        })
    };
    assert_eq!(sessions.begin(at(0), &first), Ok(SessionBegin::Run));
    assert_eq!(sessions.begin(at(0), &second), mismatch(false));
    sessions.complete(at(0), session, 0, text("one")).unwrap();
    assert_eq!(sessions.begin(at(0), &second), mismatch(true));
    let replay = Ok(SessionBegin::Replay(text("one")));
    assert_eq!(sessions.begin(at(0), &first), replay);
    // A client that does not say what it asks is trusted.
    assert_eq!(sessions.begin(at(0), &request(session, 0, 0)), replay);
}

/// At the limits new sessions and requests are refused, and those that are there stay.
pub(crate) fn trap_09_live_sessions_are_not_pushed_out(replicas: &dyn Replicas) {
    let mut sessions = replicas.start(0, limits());
    let open = [(); 4].map(|()| sessions.open(at(0)).unwrap());
    let full = Err(SessionOpenError::Full { used: 4, limit: 4 });
    assert_eq!(sessions.open(at(1)), full);
    for session in &open[..3] {
        for sequence in 0..8 {
            let request = request(*session, sequence, 0);
            assert_eq!(sessions.begin(at(1), &request), Ok(SessionBegin::Run));
        }
    }
    let refused = sessions.begin(at(1), &request(open[3], 0, 0));
    let full_of_requests = SessionBeginError::Full {
        used: 24,
        limit: 24,
    };
    assert_eq!(refused, Err(full_of_requests));
    // Long after, what runs is still there, and its sessions are. The idle one has ended.
    let later = at(10_000);
    while sessions.expire(later, 1) {}
    assert_eq!((sessions.len(), sessions.running()), (3, 24));
    for session in &open[..3] {
        let completed = sessions.complete(later, *session, 7, text("a"));
        assert!(completed.is_ok(), "{completed:?}");
        let again = sessions.begin(later, &request(*session, 7, 0));
        assert_eq!(again, Ok(SessionBegin::Replay(text("a"))));
    }
    assert!(sessions.open(later).is_ok());
    // A client that takes its requests back makes room for others.
    sessions.keep_alive(later, open[0], 8).unwrap();
    assert_eq!((sessions.requests(), sessions.running()), (16, 14));
}

/// What is dropped to keep within the limits has still run, and a session drops only its own.
pub(crate) fn trap_10_dropped_responses_stay_applied(replicas: &dyn Replicas) {
    let mut sessions = replicas.start(0, limits());
    let session = sessions.open(at(0)).unwrap();
    let other = sessions.open(at(0)).unwrap();
    let kept = |sessions: &mut ClientSessions, session, sequence, response| {
        let begun = sessions.begin(at(0), &request(session, sequence, 0));
        assert_eq!(begun, Ok(SessionBegin::Run));
        let completed = sessions.complete(at(0), session, sequence, text(response));
        let SessionCompleted { kept, dropped } = completed.unwrap();
        (kept, dropped)
    };
    assert_eq!(kept(&mut sessions, other, 0, "other"), (true, 0));
    for sequence in 0..3 {
        assert_eq!(kept(&mut sessions, session, sequence, "abc"), (true, 0));
    }
    // By number, by bytes, and too large for anything.
    assert_eq!(kept(&mut sessions, session, 3, "abc"), (true, 1));
    assert_eq!(kept(&mut sessions, session, 4, "0123456789"), (true, 3));
    assert_eq!(kept(&mut sessions, session, 5, "0123456789ABC"), (false, 0));
    let mut sessions = replicas.restore(0, &sessions.snapshot());
    for sequence in [0, 1, 2, 3, 5] {
        let again = sessions.begin(at(1), &request(session, sequence, 0));
        assert_eq!(again, Ok(SessionBegin::AlreadyApplied));
        let completed = sessions.complete(at(1), session, sequence, text("late"));
        let response = text("late");
        let before = SessionCompleteError::AlreadyCompleted { sequence, response };
        assert_eq!(completed, Err(before));
    }
    let again = sessions.begin(at(1), &request(session, 4, 0));
    assert_eq!(again, Ok(SessionBegin::Replay(text("0123456789"))));
    let again = sessions.begin(at(1), &request(other, 0, 0));
    assert_eq!(again, Ok(SessionBegin::Replay(text("other"))));
}

/// A new leader's clock is behind: nothing comes back, and nothing ends early.
pub(crate) fn trap_11_time_goes_backwards(replicas: &dyn Replicas) {
    let mut sessions = replicas.start(0, limits());
    let ends = sessions.open(at(100)).unwrap();
    let lives = sessions.open(at(130)).unwrap();
    sessions.keep_alive(at(160), lives, 0).unwrap();
    for now in [at(160), at(120), at(0)] {
        let refused = SessionBeginError::NoSession { session: ends };
        assert_eq!(sessions.begin(now, &request(ends, 0, 0)), Err(refused));
        assert_eq!(sessions.deadline(lives), Some(at(220)));
        assert_eq!(sessions.now(), at(160));
    }
    let deadline = sessions.keep_alive(at(5), lives, 0);
    assert_eq!(deadline, Ok(at(220)));
}

/// All sessions end in one jump: each call frees a bounded number, and none of them answers meanwhile.
pub(crate) fn trap_12_time_jumps_forward(replicas: &dyn Replicas) {
    let limits = SessionLimits {
        sessions: 1_000,
        ..limits()
    };
    let mut sessions = replicas.start(0, limits);
    let ids: Vec<_> = (0..1_000).map(|_| sessions.open(at(0)).unwrap()).collect();
    assert_eq!(sessions.next_expiry(), Some(at(60)));
    let month = at(30 * 86_400);
    assert!(sessions.expire(month, 10));
    assert_eq!(sessions.len(), 990);
    for id in &ids {
        let refused = SessionBeginError::NoSession { session: *id };
        assert_eq!(sessions.begin(month, &request(*id, 0, 0)), Err(refused));
    }
    let mut left = sessions.len();
    while sessions.expire(month, 100) {
        assert_eq!(sessions.len(), left - 100);
        left = sessions.len();
    }
    assert!(sessions.is_empty());
    // The deadline itself is over.
    let session = sessions.open(month).unwrap();
    let deadline = sessions.deadline(session).unwrap();
    let before = Instant::from_nanos(deadline.as_nanos() - 1);
    assert_eq!(sessions.keep_alive(before, session, 0), Ok(before + IDLE));
    assert!(sessions.keep_alive(before + IDLE, session, 0).is_err());
}

/// The acknowledgement of 10 is followed by a delayed one of 7 and a delayed request 8.
pub(crate) fn trap_13_acknowledgement_regresses(replicas: &dyn Replicas) {
    let mut sessions = replicas.start(0, limits());
    let session = sessions.open(at(0)).unwrap();
    for sequence in 0..10 {
        apply(&mut sessions, at(0), &request(session, sequence, sequence));
    }
    apply(&mut sessions, at(0), &request(session, 10, 10));
    assert_eq!(sessions.requests(), 1);
    let too_old = Ok(SessionBegin::TooOld {
        first_unacknowledged: 10,
    });
    assert_eq!(sessions.begin(at(1), &request(session, 8, 7)), too_old);
    sessions.keep_alive(at(1), session, 3).unwrap();
    assert_eq!(sessions.first_unacknowledged(session), Some(10));
    for sequence in 0..10 {
        let late = sessions.begin(at(1), &request(session, sequence, 0));
        assert_eq!(late, too_old);
    }
    let again = sessions.begin(at(1), &request(session, 10, 7));
    assert_eq!(again, Ok(SessionBegin::Replay(text("done"))));
}

/// A client gives up a request that runs: it is forgotten, its completion is refused, and nothing is left
/// that keeps the session alive for ever.
pub(crate) fn trap_14_acknowledgement_ahead_of_completion(replicas: &dyn Replicas) {
    let mut sessions = replicas.start(0, limits());
    let session = sessions.open(at(0)).unwrap();
    for sequence in 0..3 {
        let begun = sessions.begin(at(0), &request(session, sequence, 0));
        assert_eq!(begun, Ok(SessionBegin::Run));
    }
    assert_eq!(sessions.running(), 3);
    // Also when the session's end was looked for while they ran.
    sessions.expire(at(60), 10);
    apply(&mut sessions, at(60), &request(session, 3, 2));
    assert_eq!((sessions.running(), sessions.requests()), (1, 2));
    sessions.keep_alive(at(60), session, 4).unwrap();
    assert_eq!((sessions.running(), sessions.requests()), (0, 0));
    for sequence in 0..4 {
        let completed = sessions.complete(at(60), session, sequence, text("late"));
        let refused = SessionCompleteError::Acknowledged {
            sequence,
            first_unacknowledged: 4,
            response: text("late"),
        };
        assert_eq!(completed, Err(refused));
    }
    assert_eq!((sessions.requests(), sessions.response_bytes()), (0, 0));
    assert!(!sessions.expire(at(120), 10));
    assert!(sessions.is_empty());
}

/// A client makes up numbers: what is too far ahead is refused, and a far acknowledgement costs nothing.
pub(crate) fn trap_15_huge_gap(replicas: &dyn Replicas) {
    let mut sessions = replicas.start(0, limits());
    let session = sessions.open(at(0)).unwrap();
    apply(&mut sessions, at(0), &request(session, 7, 0));
    let rejected = |sequence, max| {
        Err(SessionBeginError::Rejected {
            sequence,
            max,
            window: 8,
        })
    };
    for far in [8, 1 << 40, u64::MAX] {
        let begun = sessions.begin(at(0), &request(session, far, 0));
        assert_eq!(begun, rejected(far, 7));
    }
    // It cannot have the answer to what it asks.
    let begun = sessions.begin(at(0), &request(session, 1 << 40, 1 << 60));
    let malformed = SessionBeginError::AcknowledgesItself {
        sequence: 1 << 40,
        first_unacknowledged: 1 << 60,
    };
    assert_eq!(begun, Err(malformed));
    let again = sessions.begin(at(0), &request(session, 7, 0));
    assert_eq!(again, Ok(SessionBegin::Replay(text("done"))));
    // To the end of all numbers. What lies between is given up.
    apply(&mut sessions, at(0), &request(session, 1 << 60, 1 << 60));
    assert_eq!(sessions.requests(), 1);
    apply(&mut sessions, at(0), &request(session, u64::MAX, u64::MAX));
    assert_eq!(sessions.requests(), 1);
    let again = sessions.begin(at(0), &request(session, u64::MAX, 0));
    assert_eq!(again, Ok(SessionBegin::Replay(text("done"))));
    let far_behind = sessions.begin(at(0), &request(session, 1 << 60, 0));
    assert_eq!(
        far_behind,
        Ok(SessionBegin::TooOld {
            first_unacknowledged: u64::MAX
        })
    );
}

/// The session of a client that is alive has ended, or was replaced: nothing runs for the old one, whatever
/// its number.
pub(crate) fn trap_17_ended_session_of_a_live_client(replicas: &dyn Replicas) {
    let mut sessions = replicas.start(0, limits());
    let session = sessions.open(at(0)).unwrap();
    apply(&mut sessions, at(50), &request(session, 0, 0));
    // A retry keeps it alive, too.
    let again = sessions.begin(at(100), &request(session, 0, 0));
    assert_eq!(again, Ok(SessionBegin::Replay(text("done"))));
    let in_doubt = request(session, 1, 0);
    assert_eq!(sessions.begin(at(155), &in_doubt), Ok(SessionBegin::Run));
    sessions
        .complete(at(155), session, 1, text("once"))
        .unwrap();
    // It has ended, freed or not.
    let no_session = Err(SessionBeginError::NoSession { session });
    assert_eq!(sessions.begin(at(215), &in_doubt), no_session);
    sessions.expire(at(215), 10);
    assert_eq!(sessions.begin(at(215), &in_doubt), no_session);
    assert!(sessions.is_empty());

    let second = sessions.reopen(at(216), session).unwrap();
    assert!(second > session);
    let fenced = Err(SessionBeginError::Fenced {
        session,
        by: second,
    });
    for sequence in [0, 1, 2, 7] {
        let begun = sessions.begin(at(216), &request(session, sequence, 0));
        assert_eq!(begun, fenced);
    }
    let twice = sessions.reopen(at(216), session);
    let by = second;
    assert_eq!(twice, Err(SessionReopenError::Fenced { session, by }));

    // A live one is replaced, with a request that runs.
    assert_eq!(
        sessions.begin(at(217), &request(second, 0, 0)),
        Ok(SessionBegin::Run)
    );
    let third = sessions.reopen(at(217), second).unwrap();
    let fenced = SessionBeginError::Fenced {
        session: second,
        by: third,
    };
    assert_eq!(sessions.begin(at(217), &request(second, 1, 0)), Err(fenced));
    let completed = sessions.complete(at(217), second, 0, text("late"));
    let fenced = SessionCompleteError::Fenced {
        session: second,
        by: third,
        response: text("late"),
    };
    assert_eq!(completed, Err(fenced));
    assert_eq!((sessions.len(), sessions.running()), (1, 0));
    assert_eq!(sessions.begin(at(217), &in_doubt), no_session);

    let never = SessionId(third.0 + 1);
    let next = never;
    let refused = sessions.begin(at(217), &request(never, 0, 0));
    let never_opened = SessionBeginError::NeverOpened {
        session: never,
        next,
    };
    assert_eq!(refused, Err(never_opened));
    assert_eq!(sessions.len(), 1);
}

/// Ids ascend, whatever is closed, and in what was restored too.
pub(crate) fn trap_17_ids_are_not_given_again(replicas: &dyn Replicas) {
    let mut sessions = replicas.start(0, limits());
    let mut last = SessionId(0);
    for _ in 0..10 {
        let session = sessions.open(at(0)).unwrap();
        assert!(session > last);
        apply(&mut sessions, at(0), &request(session, 0, 0));
        assert_eq!(sessions.close(at(0), session), Ok(0));
        let again = sessions.close(at(0), session);
        assert_eq!(again, Err(SessionCloseError::NoSession { session }));
        last = session;
        sessions = replicas.restore(0, &sessions.snapshot());
        assert_eq!(
            sessions.begin(at(0), &request(session, 0, 0)),
            Err(SessionBeginError::NoSession { session })
        );
    }
}

/// A duplicate arrives while the original runs, on a replica that has just taken over.
pub(crate) fn trap_21_duplicate_while_it_runs(replicas: &dyn Replicas) {
    let mut sessions = replicas.start(0, limits());
    let session = sessions.open(at(0)).unwrap();
    let request = request(session, 0, 0);
    assert_eq!(sessions.begin(at(0), &request), Ok(SessionBegin::Run));
    let mut successor = replicas.restore(1, &sessions.snapshot());
    let duplicate = successor.begin(at(1), &request);
    assert_eq!(duplicate, Ok(SessionBegin::InProgress));
    successor.complete(at(1), session, 0, text("a")).unwrap();
    let replay = Ok(SessionBegin::Replay(text("a")));
    assert_eq!(successor.begin(at(1), &request), replay);
    let not_begun = successor.complete(at(1), session, 1, text("b"));
    let response = text("b");
    assert_eq!(
        not_begun,
        Err(SessionCompleteError::NotBegun {
            sequence: 1,
            response
        })
    );
}

/// A replica that was down for days applies the log later than the others, and decides as they did.
pub(crate) fn trap_22_lagging_replica(replicas: &dyn Replicas) {
    let commands = |sessions: &mut ClientSessions| {
        let session = sessions.open(at(0)).unwrap();
        let mut answers = vec![format!("{session}")];
        for (sequence, now) in [(0, 0), (0, 59), (1, 118), (1, 119), (2, 179), (2, 240)] {
            let begun = sessions.begin(at(now), &request(session, sequence, 0));
            if begun == Ok(SessionBegin::Run) {
                let _ = sessions.complete(at(now), session, sequence, text("a"));
            }
            sessions.expire(at(now), 1);
            answers.push(format!("{begun:?} {}", sessions.len()));
        }
        (answers, sessions.snapshot(), sessions.digest())
    };
    let prompt = commands(&mut replicas.start(0, limits()));
    for number in 1..4 {
        assert_eq!(commands(&mut replicas.start(number, limits())), prompt);
    }
}
