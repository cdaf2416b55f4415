//! Pruning: riak_core #613, riak_kv #283.

use proptest::prelude::*;
use quorate_clocks::{
    Actor, Causality, Dot, Incarnation, MatrixClock, NodeId, PruneError, PrunedVector,
    RestoreError, RetireError, Retired, VersionVector,
};

const STAYS: [Actor; 2] = [actor(1), actor(2)];
const GONE: [Actor; 3] = [actor(7), actor(8), actor(9)];

const fn actor(node: u64) -> Actor {
    Actor::new(NodeId(node), Incarnation(1))
}

/// The table after each of the gone has left, with four events each.
fn tables() -> [Retired; 4] {
    let everything: VersionVector = GONE.map(|actor| Dot::new(actor, 4)).into_iter().collect();
    let mut matrix = MatrixClock::with_members(STAYS.into_iter().chain(GONE)).unwrap();
    let mut retired = Retired::new();
    let mut tables = vec![retired.clone()];
    for gone in GONE {
        for member in STAYS {
            matrix.record(member, &everything).unwrap();
        }
        for member in GONE {
            if matrix.is_member(member) {
                matrix.record(member, &everything).unwrap();
            }
        }
        matrix.remove(gone, &everything).unwrap();
        assert_eq!(retired.retire(&matrix.certificate()), Ok(1));
        assert_eq!(retired.retire(&matrix.certificate()), Ok(0));
        tables.push(retired.clone());
    }
    tables.try_into().unwrap()
}

fn vectors() -> impl Strategy<Value = VersionVector> {
    (0..3_u64, 0..3_u64, prop::array::uniform3(0..5_u64)).prop_map(|(a, b, gone)| {
        let stays = STAYS.into_iter().zip([a, b]);
        let all = stays.chain(GONE.into_iter().zip(gone));
        all.map(|(actor, counter)| Dot::new(actor, counter))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// What was cut must not change an answer: same or unknown, and what is unknown can be restored.
    #[test]
    fn trap_28_pruning_never_makes_an_order_that_was_not_there(a in vectors(), b in vectors()) {
        let tables = tables();
        let pruned = |vector: &VersionVector| {
            tables.each_ref().map(|table| table.prune(vector).unwrap())
        };
        let (pruned_a, pruned_b) = (pruned(&a), pruned(&b));
        for (i, a_in_i) in pruned_a.iter().enumerate() {
            for (j, b_in_j) in pruned_b.iter().enumerate() {
                let expected = (i == j).then(|| a.relation(&b));
                prop_assert_eq!(a_in_i.relate(b_in_j), expected);
            }
            for later in &tables[i..] {
                prop_assert_eq!(later.restore(a_in_i), Ok(a.clone()));
            }
            for earlier in &tables[..i] {
                let refused = RestoreError::OtherTable { table: tables[i].name() };
                prop_assert_eq!(earlier.restore(a_in_i), Err(refused));
            }
            prop_assert_eq!(PrunedVector::from_bytes(&a_in_i.to_bytes()), Ok(a_in_i.clone()));
        }
    }
}

/// The whole point: what has seen all of the gone has no entry of them.
#[test]
fn trap_28_what_has_seen_everything_of_the_gone_is_small() {
    let [.., table] = tables();
    let mut vector: VersionVector = GONE.map(|actor| Dot::new(actor, 4)).into_iter().collect();
    vector.increment(STAYS[0]).unwrap();
    let pruned = table.prune(&vector).unwrap();
    assert_eq!(pruned.len(), 1);
    assert_eq!(Retired::from_bytes(&table.to_bytes()), Ok(table));
}

/// Without the certificate there is no way to prune, and no certificate comes before its time.
#[test]
fn trap_28_nobody_is_retired_whose_events_a_member_has_not_seen() {
    let [a, b] = STAYS;
    let [gone, ..] = GONE;
    let all = VersionVector::from(Dot::new(gone, 4));
    let some = VersionVector::from(Dot::new(gone, 3));
    let mut matrix = MatrixClock::with_members([a, b, gone]).unwrap();
    matrix.record(a, &all).unwrap();
    matrix.record(b, &some).unwrap();
    let mut retired = Retired::new();
    // Still a member.
    matrix.record(gone, &all).unwrap();
    assert_eq!(retired.retire(&matrix.certificate()), Ok(0));
    // Gone, and one member lacks its last event.
    matrix.remove(gone, &all).unwrap();
    assert_eq!(retired.retire(&matrix.certificate()), Ok(0));
    matrix.record(b, &all).unwrap();
    assert_eq!(retired.retire(&matrix.certificate()), Ok(1));

    // A vector that has more of it than there was is somebody's mistake, and not cut off.
    let beyond = VersionVector::from(Dot::new(gone, 5));
    assert_eq!(
        retired.prune(&beyond),
        Err(PruneError::Beyond {
            actor: gone,
            seen: 5,
            last: 4
        })
    );
}

/// Bytes of a peer: claims that contradict the table are refused, whatever they are.
#[test]
fn trap_28_a_forged_pruned_vector_is_refused() {
    let [.., table] = tables();
    let honest = table.prune(&VersionVector::new()).unwrap();
    let forge = |left: &VersionVector, lacking: &VersionVector| {
        let mut bytes = table.name().to_be_bytes().to_vec();
        left.encode(&mut bytes);
        lacking.encode(&mut bytes);
        table.restore(&PrunedVector::from_bytes(&bytes).unwrap())
    };
    assert_eq!(
        forge(honest.left(), honest.lacking()),
        Ok(VersionVector::new())
    );
    let one = |actor, counter| VersionVector::from(Dot::new(actor, counter));
    let nothing = VersionVector::new();
    let with_stranger: VersionVector = [GONE[0], GONE[1], STAYS[0], GONE[2]]
        .map(|actor| Dot::new(actor, 1))
        .into_iter()
        .collect();
    for (left, lacking) in [
        (&nothing, &one(GONE[0], 5)),
        (&nothing, &one(STAYS[0], 1)),
        (&nothing, &with_stranger),
        (&one(GONE[1], 1), &nothing),
    ] {
        assert!(matches!(
            forge(left, lacking),
            Err(RestoreError::Contradicts { .. })
        ));
    }
}

/// What contradicts itself under every table is refused before it is compared with anything.
#[test]
fn trap_28_bytes_of_no_table_are_refused() {
    let bytes = |table: u64, left: &VersionVector, lacking: &VersionVector| {
        let mut bytes = table.to_be_bytes().to_vec();
        left.encode(&mut bytes);
        lacking.encode(&mut bytes);
        PrunedVector::from_bytes(&bytes)
    };
    let one = |actor| VersionVector::from(Dot::new(actor, 1));
    let nothing = VersionVector::new();
    // The empty table has nobody of whom something could be lacking.
    assert!(bytes(0, &one(GONE[0]), &nothing).is_ok());
    assert!(bytes(0, &nothing, &one(GONE[0])).is_err());
    // Who is in the table is left out.
    let both: VersionVector = GONE.map(|actor| Dot::new(actor, 1)).into_iter().collect();
    assert!(bytes(5, &one(STAYS[0]), &both).is_ok());
    assert!(bytes(5, &one(GONE[2]), &both).is_err());
    assert!(bytes(5, &both, &one(GONE[1])).is_err());
}

/// Two members that look at different times, while the higher of two actors leaves first.
#[test]
fn trap_28_tables_that_follow_the_groups_order_compare() {
    let [first, second, third] = [GONE[1], GONE[0], GONE[2]];
    let silent = actor(6);
    let removals = [(first, 4), (silent, 0), (second, 4), (third, 4)];
    let removals = removals.map(|(actor, counter)| Dot::new(actor, counter));
    let everything: VersionVector = GONE.map(|actor| Dot::new(actor, 4)).into_iter().collect();
    let mut matrix =
        MatrixClock::with_members(STAYS.into_iter().chain(GONE).chain([silent])).unwrap();
    for member in STAYS.into_iter().chain(GONE) {
        matrix.record(member, &everything).unwrap();
    }
    let mut certificates = Vec::new();
    for removed in removals {
        matrix.remove(removed.actor, &everything).unwrap();
        matrix.record(STAYS[0], &everything).unwrap();
        certificates.push(matrix.certificate());
    }
    // The one looks after every removal, and the other once.
    let (mut often, mut once) = (Retired::new(), Retired::new());
    let new = certificates
        .iter()
        .map(|proof| often.retire_in_order(proof, removals).unwrap());
    assert_eq!(new.collect::<Vec<_>>(), [0, 1, 1, 1]);
    assert_eq!(once.retire_in_order(&certificates[3], removals), Ok(3));
    assert_eq!(often, once);
    assert_eq!(Retired::from_bytes(&once.to_bytes()), Ok(once.clone()));

    // By actor instead, it depends on who looked when. That is no wrong order, but none.
    let (mut often, mut once) = (Retired::new(), Retired::new());
    for proof in &certificates {
        often.retire(proof).unwrap();
    }
    once.retire(&certificates[3]).unwrap();
    let vectors = [&often, &once].map(|table| table.prune(&everything).unwrap());
    assert_eq!(vectors[0].relate(&vectors[1]), None);
    assert!(once.restore(&vectors[0]).is_err());

    // One that is not gone yet holds up those after it.
    let mut held_up = Retired::new();
    let out_of_order = [removals[0], removals[3], removals[2]];
    assert_eq!(
        held_up.retire_in_order(&certificates[2], out_of_order),
        Ok(1)
    );
    // And a group that has agreed on other numbers is another group.
    let differs = [removals[0], Dot::new(second, 3)];
    let before = held_up.clone();
    assert_eq!(
        held_up.retire_in_order(&certificates[2], differs),
        Err(RetireError::Differs {
            actor: second,
            known: 3,
            last: 4
        })
    );
    assert_eq!(held_up, before);
}
