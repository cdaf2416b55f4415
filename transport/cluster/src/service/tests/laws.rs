//! What must hold of any commands, and of any bytes.

use bytes::Bytes;
use proptest::prelude::*;
use quorate_clocks::Instant;

use super::super::fencing::MAX_GONE_FENCES;
use super::super::{Answer, Command, Condition, Guard, Operation, Outcome, Service};

fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[abc]", 1 => "[a-zé/]{1,12}"]
}

fn guard() -> impl Strategy<Value = Option<Guard>> {
    prop::option::weighted(
        0.4,
        (name(), 0..6_u64).prop_map(|(lease, token)| Guard { lease, token }),
    )
}

fn condition() -> impl Strategy<Value = Condition> {
    prop_oneof![
        3 => Just(Condition::Always),
        1 => (0..40_u64).prop_map(Condition::Revision),
        1 => Just(Condition::Exists),
        1 => Just(Condition::Absent),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    let value = prop::collection::vec(any::<u8>(), 0..8).prop_map(Bytes::from);
    let ttl = 10..400_u64;
    prop_oneof![
        (name(), value, condition(), guard()).prop_map(|(key, value, condition, guard)| {
            Operation::Put {
                key,
                value,
                condition,
                guard,
            }
        }),
        (name(), condition(), guard()).prop_map(|(key, condition, guard)| Operation::Delete {
            key,
            condition,
            guard,
        }),
        (
            prop::collection::btree_set(0..40_u64, 2..5),
            name(),
            guard()
        )
            .prop_map(|(revisions, key, guard)| Operation::AtAny {
                revisions: revisions.into_iter().collect(),
                write: Box::new(Operation::Put {
                    key,
                    value: Bytes::new(),
                    condition: Condition::Always,
                    guard,
                }),
            }),
        (name(), any::<i64>(), guard()).prop_map(|(name, amount, guard)| Operation::Add {
            name,
            amount,
            guard,
        }),
        (name(), "[xy]", ttl.clone()).prop_map(|(name, owner, ttl_ms)| Operation::Acquire {
            name,
            owner,
            ttl_ms,
        }),
        (name(), 0..6_u64, ttl).prop_map(|(name, token, ttl_ms)| Operation::Renew {
            name,
            token,
            ttl_ms,
        }),
        (name(), 0..6_u64).prop_map(|(name, token)| Operation::Release { name, token }),
    ]
}

/// Stamps jump back and forth, and now and then beyond the time that keys are remembered.
fn command() -> impl Strategy<Value = Command> {
    let stamp = prop_oneof![9 => 0..3_000_u64, 1 => 600_000..603_000_u64];
    (stamp, prop::option::of("[kl][0-3]"), operation()).prop_map(|(millis, key, operation)| {
        Command {
            stamp: Instant::from_millis(millis),
            idempotency_key: key,
            operation,
        }
    })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let numbers = (any::<u64>(), any::<u64>(), any::<u64>());
    prop_oneof![
        any::<u64>().prop_map(|revision| Outcome::Written { revision }),
        (any::<u64>(), any::<bool>())
            .prop_map(|(revision, existed)| Outcome::Deleted { revision, existed }),
        (any::<i64>(), any::<u64>())
            .prop_map(|(value, revision)| Outcome::Added { value, revision }),
        (name(), name(), numbers).prop_map(|(name, owner, (token, ttl_ms, revision))| {
            Outcome::Granted {
                name,
                owner,
                token,
                ttl_ms,
                revision,
            }
        }),
        (name(), any::<u64>(), any::<u64>()).prop_map(|(name, token, revision)| {
            Outcome::Released {
                name,
                token,
                revision,
            }
        }),
        any::<u64>().prop_map(|revision| Outcome::RevisionMismatch { revision }),
        any::<u64>().prop_map(|newest| Outcome::StaleToken { newest }),
        any::<u64>().prop_map(|newest| Outcome::UnknownToken { newest }),
        (name(), any::<u64>()).prop_map(|(holder, remaining_ms)| Outcome::Held {
            holder,
            remaining_ms,
        }),
        Just(Outcome::Lost),
        Just(Outcome::Overflow),
        Just(Outcome::Full),
        Just(Outcome::UnknownGrant),
        any::<u64>().prop_map(|floor| Outcome::ForgottenFence { floor }),
    ]
}

/// What holders of some leases do to some keys, and under which of the grants so far.
fn fenced() -> impl Strategy<Value = (Operation, prop::sample::Index)> {
    let key = || "[a-l]";
    let condition = prop_oneof![Just(Condition::Always), Just(Condition::Absent)];
    let operation = prop_oneof![
        2 => ("[xyz]", 10..60_u64).prop_map(|(name, ttl_ms)| Operation::Acquire {
            name,
            owner: "ann".into(),
            ttl_ms,
        }),
        3 => (key(), condition).prop_map(|(key, condition)| Operation::Put {
            key,
            value: Bytes::new(),
            condition,
            guard: None,
        }),
        5 => key().prop_map(|key| Operation::Delete {
            key,
            condition: Condition::Always,
            guard: None,
        }),
    ];
    (operation, any::<prop::sample::Index>())
}

fn under(mut operation: Operation, under: Option<Guard>) -> Operation {
    if let Operation::Put { guard, .. } | Operation::Delete { guard, .. } = &mut operation {
        *guard = under;
    }
    operation
}

fn replay(service: &mut Service, first: u64, commands: &[Command]) -> Vec<Answer> {
    (first..)
        .zip(commands)
        .map(|(index, command)| service.apply(index, &command.encode()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A replica that was restored from a snapshot at any point answers and ends as the others do,
    /// byte for byte.
    #[test]
    fn replicas_agree_whether_they_replay_or_restore(
        commands in prop::collection::vec(command(), 0..60),
        at in any::<prop::sample::Index>(),
    ) {
        let cut = at.index(commands.len() + 1);
        let (before, after) = commands.split_at(cut);
        let next = cut as u64 + 1;
        let mut one = Service::new();
        replay(&mut one, 1, before);
        let snapshot = one.snapshot();
        let mut other = Service::restore(&snapshot).unwrap();
        prop_assert_eq!(&other, &one);
        prop_assert_eq!(other.snapshot(), snapshot);
        prop_assert_eq!(replay(&mut one, next, after), replay(&mut other, next, after));
        prop_assert_eq!(one.snapshot(), other.snapshot());
    }

    /// Each key's command has its effect once, however often it comes.
    #[test]
    fn a_keyed_increment_counts_once(keys in prop::collection::vec(0..8_u8, 1..40)) {
        let mut service = Service::new();
        for (index, key) in (1..).zip(&keys) {
            let command = Command {
                stamp: Instant::from_millis(index),
                idempotency_key: Some(format!("k{key}")),
                operation: Operation::Add { name: "n".into(), amount: 1, guard: None },
            };
            service.apply(index, &command.encode());
        }
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        let (_, sum) = service.counter("n").unwrap();
        prop_assert_eq!(sum, distinct.len() as i64);
    }

    /// Nothing that an older token than a key has seen comes with has an effect on that key, also
    /// after the key was deleted and its fence was dropped, and on a replica that was restored.
    #[test]
    fn a_key_never_goes_back_to_an_older_token(
        steps in prop::collection::vec(fenced(), 0..120),
        at in any::<prop::sample::Index>(),
    ) {
        let restored_at = at.index(steps.len() + 1);
        let mut one = Service::new();
        let mut other = Service::new();
        let mut grants = Vec::new();
        let mut seen = std::collections::BTreeMap::new();
        let mut floor = 0;
        for (number, (operation, grant)) in steps.into_iter().enumerate() {
            if number == restored_at {
                other = Service::restore(&one.snapshot()).unwrap();
                prop_assert_eq!(&other, &one);
            }
            let index = number as u64 + 1;
            let guard = (!grants.is_empty()).then(|| grant.get(&grants)).cloned();
            let operation = under(operation, guard.clone());
            let command = Command {
                stamp: Instant::from_millis(index * 10),
                idempotency_key: None,
                operation: operation.clone(),
            };
            let answer = one.apply(index, &command.encode());
            prop_assert_eq!(&answer, &other.apply(index, &command.encode()));
            let (Operation::Put { key, .. } | Operation::Delete { key, .. }) = operation else {
                if let Answer::Ran(Outcome::Granted { name, token, .. }) = answer {
                    grants.push(Guard { lease: name, token });
                }
                continue;
            };
            match (answer, guard) {
                (Answer::Ran(Outcome::Written { .. } | Outcome::Deleted { .. }), Some(guard)) => {
                    let before = seen.insert(key, guard.token).unwrap_or(0);
                    prop_assert!(guard.token >= before, "{} after {before}", guard.token);
                }
                (Answer::Ran(Outcome::ForgottenFence { floor: found }), _) => {
                    prop_assert!(found >= floor);
                    floor = found;
                }
                _ => {}
            }
        }
        prop_assert_eq!(one.snapshot(), other.snapshot());
        prop_assert!(one.gone_fences.len() <= MAX_GONE_FENCES);
    }

    /// Under a fence, the tokens of the writes that a key took never decrease.
    #[test]
    fn accepted_tokens_of_a_key_never_decrease(
        commands in prop::collection::vec(command(), 0..80),
    ) {
        let mut service = Service::new();
        let mut newest = std::collections::BTreeMap::new();
        for (index, command) in (1..).zip(commands) {
            let command = Command { idempotency_key: None, ..command };
            let answer = service.apply(index, &command.encode());
            if let (
                Operation::Put { key, guard: Some(guard), .. },
                Answer::Ran(Outcome::Written { .. }),
            ) = (&command.operation, &answer)
            {
                let before = newest.insert(key.clone(), guard.token).unwrap_or(0);
                prop_assert!(guard.token >= before, "{} after {before}", guard.token);
            }
        }
    }

    #[test]
    fn commands_and_outcomes_survive_their_bytes(command in command(), outcome in outcome()) {
        prop_assert_eq!(Command::decode(&command.encode()), Ok(command));
        prop_assert_eq!(Outcome::decode(&outcome.encode()), Ok(outcome));
    }

    /// Arbitrary bytes are refused or are exactly what would be written, and never panic.
    #[test]
    fn arbitrary_bytes_are_refused_or_canonical(
        mut bytes in prop::collection::vec(any::<u8>(), 0..120),
        versioned in any::<bool>(),
    ) {
        if let (Some(first), true) = (bytes.first_mut(), versioned) {
            // The version of commands and outcomes, and that of snapshots.
            *first = 1 + *first % 2;
        }
        let bytes = Bytes::from(bytes);
        if let Ok(command) = Command::decode(&bytes) {
            prop_assert_eq!(command.encode(), bytes.clone());
        }
        if let Ok(outcome) = Outcome::decode(&bytes) {
            prop_assert_eq!(outcome.encode(), bytes.clone());
        }
        if let Ok(service) = Service::restore(&bytes) {
            prop_assert_eq!(service.snapshot(), bytes);
        }
    }

    /// So are snapshots with a damaged byte, or cut short.
    #[test]
    fn damaged_snapshots_are_refused_or_canonical(
        commands in prop::collection::vec(command(), 0..30),
        at in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        let mut service = Service::new();
        replay(&mut service, 1, &commands);
        let snapshot = service.snapshot();
        let at = at.index(snapshot.len());
        prop_assert!(Service::restore(&snapshot.slice(..at)).is_err());
        let mut damaged = snapshot.to_vec();
        damaged[at] ^= flip;
        let damaged = Bytes::from(damaged);
        if let Ok(other) = Service::restore(&damaged) {
            prop_assert_eq!(other.snapshot(), damaged);
        }
    }
}
