//! What must hold of client sessions.

mod session_traps;

use expect_test::expect;
use proptest::prelude::*;
use quorate_idempotency::{
    ClientSessions, Fingerprint, SessionBegin, SessionLimits, SessionRequest, SessionRestoreError,
};
use session_traps::{Replicas, at, limits, request, text};

struct Sound;

impl Replicas for Sound {
    fn start(&self, _: u64, limits: SessionLimits) -> ClientSessions {
        ClientSessions::new(limits)
    }

    fn restore(&self, _: u64, snapshot: &[u8]) -> ClientSessions {
        ClientSessions::restore(snapshot).expect("a snapshot that was taken")
    }
}

macro_rules! tests {
    ($($name:ident),* $(,)?) => {$(
        #[test]
        fn $name() {
            session_traps::$name(&Sound);
        }
    )*};
}

tests![
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

/// A session with a request of each kind, one that took another's place, and one that is over.
fn sample() -> ClientSessions {
    let mut sessions = ClientSessions::new(limits());
    let over = sessions.open(at(1)).unwrap();
    let session = sessions.open(at(2)).unwrap();
    let replaced = sessions.open(at(3)).unwrap();
    for sequence in 4..8 {
        let request = SessionRequest {
            fingerprint: (sequence == 6).then_some(Fingerprint(0x0123_4567_89ab_cdef)),
            ..request(session, sequence, 4)
        };
        assert_eq!(sessions.begin(at(3), &request), Ok(SessionBegin::Run));
    }
    for (sequence, response) in [(4, "lost"), (5, "lost"), (6, "0123456789")] {
        sessions
            .complete(at(3), session, sequence, text(response))
            .unwrap();
    }
    sessions.reopen(at(63), replaced).unwrap();
    assert_eq!(sessions.deadline(over), None);
    assert_eq!(sessions.len(), 3);
    sessions
}

/// Snapshots outlive the program that wrote them: these bytes may never change their meaning.
#[test]
fn version_1_is_pinned() {
    let bytes = sample().snapshot();
    let hex: String = bytes
        .chunks(16)
        .map(|line| {
            line.iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
                + "\n"
        })
        .collect();
    expect![[r#"
        010400000000000000005847f80d0000
        00080000000000000018000000000000
        0003000000000000000c000000000000
        001e0000000000000000b617ab0e0000
        00050000000000000003000000000000
        0001000000000000000022e2330e0000
        00010022e2330e000000000000000000
        00000000000000000000000000000000
        00000000000000000000000200000000
        00000000b617ab0e0000000100ec7c6f
        0e000000000400000000000000010000
        00000000000700000000000000000100
        000000000000060000000000000001ef
        cdab896745230100000000000000000a
        00000000000000303132333435363738
        39020000000000000004000000000000
        00050000000000000004000000000000
        00000e5fa31c00000001000e5fa31c00
        00000103000000000000000000000000
        00000000000000000000000000000000
        0000000000000000000000
    "#]]
    .assert_eq(&hex);
    expect!["d04b8fb92450f7b27aefcc0f9794a60e"].assert_eq(&sample().digest().to_string());
}

/// Whatever is cut off, or claims to be longer than the bytes are, is refused before memory is taken for it.
#[test]
fn trap_23_cut_and_overlong_snapshots() {
    let bytes = sample().snapshot();
    assert_eq!(ClientSessions::restore(&bytes), Ok(sample()));
    for len in 0..bytes.len() {
        let error = ClientSessions::restore(&bytes[..len]).unwrap_err();
        assert!(
            matches!(error, SessionRestoreError::Truncated { .. }),
            "{len}: {error}"
        );
    }
    let longer = [&bytes[..], &[0]].concat();
    let error = ClientSessions::restore(&longer);
    assert_eq!(error, Err(SessionRestoreError::Trailing { left: 1 }));
    let mut newer = bytes.to_vec();
    newer[0] = 2;
    let error = ClientSessions::restore(&newer).unwrap_err();
    expect!["the sessions have version 2, and versions up to 1 are understood"]
        .assert_eq(&error.to_string());
    let mut many = bytes.to_vec();
    many[73..81].fill(0xff);
    let error = ClientSessions::restore(&many).unwrap_err();
    expect![
        "the sessions are cut off: 18446744073709551615 bytes are needed at 81, and 250 are left"
    ]
    .assert_eq(&error.to_string());
}

/// Each byte, changed in each way: it is refused, or is another sound snapshot. Every refusal there is shows.
#[test]
fn trap_23_each_byte_changed() {
    let bytes = sample().snapshot();
    let mut refusals = std::collections::BTreeSet::new();
    for at in 1..bytes.len() {
        for byte in 0..=u8::MAX {
            let mut changed = bytes.to_vec();
            changed[at] = byte;
            match ClientSessions::restore(&changed) {
                Ok(sessions) => assert_eq!(sessions.snapshot(), changed),
                Err(SessionRestoreError::Invalid { what, .. }) => {
                    refusals.insert(what);
                }
                Err(_) => {}
            }
        }
    }
    let refusals: Vec<_> = refusals
        .into_iter()
        .map(|what| format!("{what}\n"))
        .collect();
    expect![[r#"
        a replaced session is an earlier one that is gone
        a request is running, replied or dropped
        a session is looked at by its deadline
        a session of which no request runs is looked at
        a value is there, 1, or not, 0
        ids ascend strictly from 1 to below the next one
        ids start at 1
        no request is remembered that is acknowledged
        requests ascend strictly
    "#]]
    .assert_eq(&refusals.concat());
}

proptest! {
    /// Any bytes, behind a header that is sound and with several of them changed.
    #[test]
    fn no_bytes_panic(changes in proptest::collection::vec((1..400usize, any::<u8>()), 0..6)) {
        let mut bytes = sample().snapshot().to_vec();
        for (at, byte) in changes {
            if let Some(changed) = bytes.get_mut(at) {
                *changed = byte;
            }
        }
        if let Ok(mut sessions) = ClientSessions::restore(&bytes) {
            prop_assert_eq!(&sessions.snapshot()[..], &bytes[..]);
            // It goes on from there without a panic.
            let _ = sessions.begin(at(70), &request(quorate_idempotency::SessionId(2), 9, 6));
            let _ = sessions.complete(at(70), quorate_idempotency::SessionId(2), 9, text("abc"));
            let _ = sessions.expire(at(1_000_000), 100);
            let _ = sessions.open(at(1_000_000));
        }
    }
}
