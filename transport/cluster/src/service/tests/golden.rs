//! The bytes of each version. They are in logs and snapshots on disks: they do not change.

use quorate_clocks::Instant;

use super::super::{Command, Condition, Guard, Operation, Outcome, Service};
use super::{Harness, put_under};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[track_caller]
fn command(key: Option<&str>, operation: Operation, expected: &str) {
    let command = Command {
        stamp: Instant::from_nanos(0x0102_0304_0506_0708),
        idempotency_key: key.map(str::to_owned),
        operation,
    };
    assert_eq!(hex(&command.encode()), expected.replace(' ', ""));
    assert_eq!(Command::decode(&command.encode()), Ok(command));
}

#[test]
fn commands() {
    let guard = || {
        Some(Guard {
            lease: "l".into(),
            token: 9,
        })
    };
    command(
        Some("k1"),
        Operation::Put {
            key: "a".into(),
            value: "xyz".into(),
            condition: Condition::Revision(5),
            guard: guard(),
        },
        "01 0807060504030201 02006b31 00 010061 0300000078797a 010500000000000000 01 01006c \
         0900000000000000",
    );
    command(
        None,
        Operation::Put {
            key: "a".into(),
            value: "".into(),
            condition: Condition::Absent,
            guard: None,
        },
        "01 0807060504030201 0000 00 010061 00000000 03 00",
    );
    command(
        None,
        Operation::Delete {
            key: "a".into(),
            condition: Condition::Exists,
            guard: None,
        },
        "01 0807060504030201 0000 01 010061 02 00",
    );
    command(
        None,
        Operation::Add {
            name: "n".into(),
            amount: -2,
            guard: guard(),
        },
        "01 0807060504030201 0000 02 01006e feffffffffffffff 01 01006c 0900000000000000",
    );
    command(
        None,
        Operation::Acquire {
            name: "l".into(),
            owner: "ann".into(),
            ttl_ms: 1_000,
        },
        "01 0807060504030201 0000 03 01006c 0300616e6e e803000000000000",
    );
    command(
        None,
        Operation::Renew {
            name: "l".into(),
            token: 9,
            ttl_ms: 1_000,
        },
        "01 0807060504030201 0000 04 01006c 0900000000000000 e803000000000000",
    );
    command(
        None,
        Operation::AtAny {
            revisions: vec![5, 9],
            write: Box::new(Operation::Delete {
                key: "a".into(),
                condition: Condition::Always,
                guard: None,
            }),
        },
        "01 0807060504030201 0000 06 02 0500000000000000 0900000000000000 01 010061 00 00",
    );
    command(
        None,
        Operation::Release {
            name: "l".into(),
            token: 9,
        },
        "01 0807060504030201 0000 05 01006c 0900000000000000",
    );
}

#[test]
fn outcomes() {
    for (outcome, expected) in [
        (Outcome::Written { revision: 7 }, "01 00 0700000000000000"),
        (
            Outcome::Deleted {
                revision: 7,
                existed: true,
            },
            "01 01 0700000000000000 01",
        ),
        (
            Outcome::Added {
                value: -1,
                revision: 7,
            },
            "01 02 ffffffffffffffff 0700000000000000",
        ),
        (
            Outcome::Granted {
                name: "l".into(),
                owner: "ann".into(),
                token: 9,
                ttl_ms: 1_000,
                revision: 7,
            },
            "01 03 01006c 0300616e6e 0900000000000000 e803000000000000 0700000000000000",
        ),
        (
            Outcome::Released {
                name: "l".into(),
                token: 9,
                revision: 7,
            },
            "01 04 01006c 0900000000000000 0700000000000000",
        ),
        (
            Outcome::RevisionMismatch { revision: 7 },
            "01 05 0700000000000000",
        ),
        (Outcome::StaleToken { newest: 9 }, "01 06 0900000000000000"),
        (
            Outcome::UnknownToken { newest: 9 },
            "01 07 0900000000000000",
        ),
        (
            Outcome::Held {
                holder: "ann".into(),
                remaining_ms: 10,
            },
            "01 08 0300616e6e 0a00000000000000",
        ),
        (Outcome::Lost, "01 09"),
        (Outcome::Overflow, "01 0a"),
        (Outcome::Full, "01 0b"),
        (Outcome::UnknownGrant, "01 0c"),
        (
            Outcome::ForgottenFence { floor: 9 },
            "01 0d 0900000000000000",
        ),
    ] {
        assert_eq!(hex(&outcome.encode()), expected.replace(' ', ""));
        assert_eq!(Outcome::decode(&outcome.encode()), Ok(outcome));
    }
}

/// The parts that the state writes itself; the lease table and the key store have golden bytes of
/// their own.
#[test]
fn a_snapshot() {
    let mut log = Harness::new();
    log.now_ms = 1;
    let ended = log.token("e", "ann", 1_000);
    log.run(Operation::Release {
        name: "e".into(),
        token: ended,
    });
    let token = log.token("l", "ann", 1_000);
    log.run(put_under("a", "xyz", "l", token));
    for key in ["g", "g1", "g2", "g3", "g4"] {
        log.run(put_under(key, "", "l", token));
        log.run(Operation::Delete {
            key: key.into(),
            condition: Condition::Always,
            guard: None,
        });
    }
    log.run(Operation::Add {
        name: "n".into(),
        amount: 5,
        guard: None,
    });
    let snapshot = hex(&log.service.snapshot());
    let expected = "02 40420f0000000000 \
        01000000 010061 0400000000000000 0300000078797a \
        01000000 01006e 0f00000000000000 0500000000000000 \
        01000000 00 010061 0200000000000000 \
        0200000000000000 \
        04000000 00 02006731 0200000000000000 00 02006732 0200000000000000 \
                 00 02006733 0200000000000000 00 02006734 0200000000000000 \
        01000000 010065 0100000000000000"
        .replace(' ', "");
    assert!(snapshot.starts_with(&expected), "{snapshot}");
    let restored = Service::restore(&log.service.snapshot()).unwrap();
    assert_eq!(restored, log.service);
}
