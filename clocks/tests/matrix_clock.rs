//! The laws of matrix clocks, and their bytes.
#![cfg(not(loom))]

use proptest::prelude::*;
use quorate_clocks::laws::{check_merge, check_relation};
use quorate_clocks::{
    Actor, BroadcastMessage, Dot, DotRange, Incarnation, MatrixClock, MatrixJoinError,
    MatrixRecordError, NodeId, Relation, VersionVector,
};

const fn actor(node: u64) -> Actor {
    Actor::new(NodeId(node), Incarnation(1))
}

fn vector(entries: &[u64]) -> VersionVector {
    let mut vector = VersionVector::new();
    for (node, counter) in entries
        .iter()
        .enumerate()
        .filter(|(_, counter)| **counter > 0)
    {
        let (actor, counter) = (actor(node as u64), *counter);
        vector.observe(Dot { actor, counter });
    }
    vector
}

/// Rows of up to four members, of which the fourth may be removed.
fn matrix() -> impl Strategy<Value = MatrixClock> {
    let rows = prop::collection::vec(prop::collection::vec(0..3_u64, 4), 4);
    (rows, any::<bool>()).prop_map(|(rows, remove)| {
        let mut matrix = MatrixClock::with_members((0..4).map(actor)).expect("four");
        for (member, row) in rows.iter().enumerate() {
            matrix
                .record(actor(member as u64), &vector(row))
                .expect("a member");
        }
        if remove {
            matrix
                .remove(actor(3), &vector(&[0, 0, 0, 2]))
                .expect("the largest row");
        }
        matrix
    })
}

fn merged(a: &MatrixClock, b: &MatrixClock) -> MatrixClock {
    let mut merged = a.clone();
    merged.merge(b).expect("nothing beyond the last");
    merged
}

proptest! {
    #[test]
    fn the_laws_hold(samples in prop::collection::vec(matrix(), 1..8)) {
        prop_assert_eq!(check_relation(&samples), Ok(()));
        // Groups that differ are not comparable, and each keeps its own when it merges.
        let (whole, less): (Vec<_>, Vec<_>) =
            samples.into_iter().partition(|matrix| matrix.is_member(actor(3)));
        prop_assert_eq!(check_merge(&whole, merged), Ok(()));
        prop_assert_eq!(check_merge(&less, merged), Ok(()));
        for (a, b) in whole.iter().zip(&less) {
            prop_assert!(merged(a, b).members().eq(a.members()));
            prop_assert!(merged(b, a).members().eq(b.members()));
        }
    }

    /// The stable vector is the largest that every row includes, and only grows.
    #[test]
    fn the_stable_vector_is_the_greatest_lower_bound(
        matrix in matrix(),
        news in prop::collection::vec((0..4_u64, prop::collection::vec(0..3_u64, 4)), 0..20),
    ) {
        let mut matrix = matrix;
        let mut before = matrix.certificate();
        for (member, row) in news {
            let known = matrix.clone();
            let grown = matrix.record(actor(member), &vector(&row));
            prop_assert_eq!(grown == Ok(true), matrix != known);
            let now = matrix.certificate();
            prop_assert!(now.includes(before.stable()));
            for column in (0..4).map(actor) {
                let least = matrix.rows().map(|(_, row)| row.get(column)).min().unwrap_or(0);
                prop_assert_eq!(now.stable().get(column), least);
                if least > 0 {
                    let dot = Dot { actor: column, counter: least };
                    prop_assert!(matrix.is_stable(dot));
                }
                let next = Dot { actor: column, counter: least + 1 };
                prop_assert!(!matrix.is_stable(next));
                let behind: Vec<_> = matrix.behind(next).collect();
                prop_assert!(!behind.is_empty());
                prop_assert!(matrix.holders(next).all(|holder| !behind.contains(&holder)));
            }
            before = now;
        }
    }

    #[test]
    fn news_through_others_is_as_good(
        a in matrix(),
        b in matrix(),
    ) {
        let both = merged(&a, &b);
        let mut one_by_one = a.clone();
        let mut grown = 0;
        for (member, row) in b.rows() {
            if a.is_member(member) {
                grown += usize::from(one_by_one.record(member, row).expect("a member"));
            }
        }
        prop_assert_eq!(&both, &one_by_one);
        prop_assert_eq!(a.clone().merge(&b), Ok(grown));
    }

    #[test]
    fn bytes_survive(matrix in matrix()) {
        let bytes = matrix.to_bytes();
        prop_assert_eq!(MatrixClock::from_bytes(&bytes), Ok(matrix));
        for cut in 0..bytes.len() {
            prop_assert!(MatrixClock::from_bytes(&bytes[..cut]).is_err());
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(0..6_u8, 0..40)) {
        if let Ok(matrix) = MatrixClock::from_bytes(&bytes) {
            prop_assert_eq!(matrix.to_bytes(), &bytes[..]);
        }
        if let Ok(message) = BroadcastMessage::from_bytes(&bytes) {
            prop_assert_eq!(message.to_bytes(), &bytes[..]);
        }
        if let Ok(range) = DotRange::from_bytes(&bytes) {
            prop_assert_eq!(range.to_bytes(), bytes);
        }
    }

    #[test]
    fn bytes_of_messages_survive(
        row in prop::collection::vec(any::<u64>(), 1..10),
        payload in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let seen = vector(&row);
        let message = BroadcastMessage::new(actor(0), seen, payload);
        prop_assert_eq!(message.is_some(), row[0] > 0);
        if let Some(message) = message {
            let bytes = message.to_bytes();
            let read = BroadcastMessage::from_bytes(&bytes).map(|read| read.map(Vec::from));
            prop_assert_eq!(read, Ok(message));
        }
    }
}

#[test]
fn what_has_left_can_be_forgotten_once_all_have_seen_its_end() {
    let mut matrix = MatrixClock::with_members((0..3).map(actor)).expect("three");
    matrix
        .record(actor(0), &vector(&[0, 0, 1]))
        .expect("a member");
    matrix
        .remove(actor(2), &vector(&[0, 0, 1]))
        .expect("its end");
    assert_eq!(matrix.forget(&matrix.certificate()), 0);
    matrix
        .record(actor(1), &vector(&[0, 3, 1]))
        .expect("a member");
    assert_eq!(matrix.forget(&matrix.certificate()), 1);
    assert_eq!(matrix.removed().count(), 0);
    // Its column is gone, and does not come back with the news of who still has it.
    assert_eq!(matrix.row(actor(1)), Some(&vector(&[0, 3])));
    assert_eq!(matrix.record(actor(1), &vector(&[0, 3, 1])), Ok(false));
    assert!(matrix.record(actor(2), &vector(&[])).is_err());
    let bytes = matrix.to_bytes();
    assert_eq!(MatrixClock::from_bytes(&bytes), Ok(matrix));
}

#[test]
fn there_are_bounds_on_members_and_the_last_one_stays() {
    let all = 0..MatrixClock::MAX_MEMBERS as u64;
    let mut matrix = MatrixClock::with_members(all.clone().map(actor)).expect("as many as may be");
    assert!(matrix.join(actor(u64::MAX), &vector(&[])).is_err());
    let bytes = matrix.to_bytes();
    assert_eq!(MatrixClock::from_bytes(&bytes), Ok(matrix.clone()));
    for member in all.skip(1) {
        matrix
            .remove(actor(member), &vector(&[]))
            .expect("there are others");
    }
    assert!(matrix.remove(actor(0), &vector(&[])).is_err());
    // Of those nothing was ever seen, so nothing is lost.
    assert_eq!(
        matrix.forget(&matrix.certificate()),
        MatrixClock::MAX_MEMBERS - 1
    );
    assert_eq!(MatrixClock::new().stable(), vector(&[]));
    assert!(MatrixClock::with_members([actor(1), actor(1)]).is_err());
}

#[test]
fn news_beyond_the_end_of_a_removed_member_changes_nothing() {
    let beyond = |member, seen| MatrixRecordError::BeyondLast {
        member: actor(member),
        removed: actor(2),
        seen,
        last: 1,
    };
    let whole = MatrixClock::with_members((0..3).map(actor)).expect("three");
    let mut matrix = whole.clone();
    matrix
        .remove(actor(2), &vector(&[0, 0, 1]))
        .expect("its end");
    let before = matrix.clone();
    // The first row is new and right, the second is not.
    let mut other = whole.clone();
    other.record(actor(0), &vector(&[5])).expect("a member");
    other
        .record(actor(1), &vector(&[0, 0, 2]))
        .expect("a member");
    assert_eq!(matrix.merge(&other), Err(beyond(1, 2)));
    assert_eq!(matrix, before);
    // Nor can a member start with it.
    let refused = matrix.join(actor(3), &vector(&[0, 0, 3]));
    assert!(
        matches!(
            refused,
            Err(MatrixJoinError::BeyondLast {
                seen: 3,
                last: 1,
                ..
            })
        ),
        "{refused:?}"
    );
    assert_eq!(matrix, before);
}

#[test]
fn matrices_of_groups_that_differ_do_not_compare() {
    use quorate_clocks::Causality;
    let two = MatrixClock::with_members((0..2).map(actor)).expect("two");
    let three = MatrixClock::with_members((0..3).map(actor)).expect("three");
    assert_eq!(two.relate(&three), None);
    let mut without = three.clone();
    without.remove(actor(2), &vector(&[])).expect("its end");
    assert_eq!(two.relate(&without), None);
    assert_eq!(three.relate(&three), Some(Relation::Equal));
}

#[test]
fn messages_relate_as_their_sending() {
    use quorate_clocks::Causality;
    let message = |sender, row: &[u64]| {
        BroadcastMessage::new(actor(sender), vector(row), ()).expect("counted")
    };
    let (cause, effect, other) = (
        message(0, &[1]),
        message(1, &[1, 1]),
        message(2, &[0, 0, 1]),
    );
    assert_eq!(cause.relate(&effect), Some(Relation::Before));
    assert_eq!(cause.relate(&other), Some(Relation::Concurrent));
}
