//! Dots and dotted version vector sets.

use quorate_clocks::{
    Actor, DottedPutError, DottedSet, Incarnation, NodeId, Relation, VersionVector,
};

const fn actor(node: u64, life: u64) -> Actor {
    Actor::new(NodeId(node), Incarnation(life))
}

const A: Actor = actor(1, 1);
const B: Actor = actor(2, 1);

fn values<V: Clone>(set: &DottedSet<V>) -> Vec<V> {
    set.values().cloned().collect()
}

/// With one version vector for each value, every write of a client that has not seen the other's
/// looks concurrent to all before, and the values pile up (riak_test #383).
#[test]
fn trap_30_two_interleaved_writers_never_make_more_than_two_values() {
    let mut key = DottedSet::new();
    // Both read before either writes, and then write one after the other, again and again.
    let mut seen = [key.context(), key.context()];
    for round in 0..1_000_u32 {
        for (client, seen) in seen.iter_mut().enumerate() {
            key.put(seen, A, (client, round)).unwrap();
            assert!(key.len() <= 2, "{} values in round {round}", key.len());
            *seen = key.context();
        }
    }
    // And with contexts that are one write old, always.
    let mut key = DottedSet::new();
    let mut stale = key.context();
    for round in 0..1_000_u32 {
        let fresh = key.context();
        key.put(&stale, A, round).unwrap();
        stale = fresh;
        assert!(key.len() <= 2, "{} values in round {round}", key.len());
    }
}

#[test]
fn trap_31_a_write_replaces_what_it_saw_and_nothing_else() {
    let nothing = VersionVector::new();
    let mut key = DottedSet::new();
    key.put(&nothing, A, 1).unwrap();
    let first = key.context();
    key.put(&nothing, A, 2).unwrap();
    assert_eq!(values(&key), [1, 2], "an empty context has seen nothing");

    let mut stale = key.clone();
    stale.put(&first, A, 3).unwrap();
    assert_eq!(values(&stale), [2, 3], "a stale one drops what it saw");
    let all = key.context();
    key.put(&all, A, 4).unwrap();
    assert_eq!(values(&key), [4], "a full one replaces all");
}

/// Two vnodes with one id wrote different values with the same actor and counter (riak_kv #814).
#[test]
fn trap_32_sync_is_idempotent_and_commutative_and_refuses_skewed_dots() {
    let nothing = VersionVector::new();
    let (mut ours, mut theirs) = (DottedSet::new(), DottedSet::new());
    ours.put(&nothing, A, "a").unwrap();
    theirs.put(&nothing, B, "b").unwrap();
    let mut there = theirs.clone();
    there.sync(&ours).unwrap();
    let mut here = ours.clone();
    here.sync(&theirs).unwrap();
    assert_eq!(here, there);
    assert_eq!(values(&here), ["a", "b"]);
    here.sync(&there).unwrap();
    assert_eq!(here, there);
    assert_eq!(here.relation(&ours), Relation::After);
    assert_eq!(ours.relation(&theirs), Relation::Concurrent);

    let mut skewed = DottedSet::new();
    skewed.put(&nothing, B, "x").unwrap();
    skewed.put(&nothing, A, "not a").unwrap();
    let before = ours.clone();
    assert_eq!(ours.sync(&skewed).unwrap_err().dot.actor, A);
    assert_eq!(ours, before, "a refused sync changes nothing");
}

/// A deletion that leaves nothing behind is undone by whoever was away.
#[test]
fn trap_33_what_was_deleted_does_not_come_back() {
    let mut key = DottedSet::new();
    key.put(&VersionVector::new(), A, "old").unwrap();
    let away = key.clone();
    key.delete(&key.context(), A).unwrap();
    assert!(key.is_empty());
    key.sync(&away).unwrap();
    assert!(key.is_empty(), "the replica that was away brought it back");
    let mut away = away;
    away.sync(&key).unwrap();
    assert!(away.is_empty());

    // A deletion of what was changed meanwhile takes only what it saw.
    let seen = {
        let mut other = DottedSet::new();
        other.put(&VersionVector::new(), B, "other").unwrap();
        key.sync(&other).unwrap();
        key.context()
    };
    key.put(&VersionVector::new(), A, "new").unwrap();
    key.delete(&seen, A).unwrap();
    assert_eq!(values(&key), ["new"]);
}

/// A key was deleted, its tombstone reaped on one replica, and created again with the first counter:
/// the tombstone of another replica then covered the new value (riak_kv #1094, "doomstone").
#[test]
fn trap_33_a_key_created_again_is_not_covered_by_its_old_tombstone() {
    let mut tombstone = DottedSet::new();
    tombstone.put(&VersionVector::new(), A, "old").unwrap();
    let seen = tombstone.context();
    tombstone.delete(&seen, A).unwrap();

    // Created as a new life: nothing that was known of the old one counts.
    let mut again = DottedSet::new();
    let life = A.next_life().unwrap();
    again.put(&VersionVector::new(), life, "new").unwrap();
    again.sync(&tombstone).unwrap();
    assert_eq!(values(&again), ["new"]);
    tombstone.sync(&again).unwrap();
    assert_eq!(values(&tombstone), ["new"]);

    // Created as the old one: a client that remembers tells.
    let mut doomed = DottedSet::new();
    match doomed.put(&seen, A, "new") {
        Err(DottedPutError::Amnesia { value, amnesia }) => {
            assert_eq!((value, amnesia.ours, amnesia.theirs), ("new", 0, 1));
        }
        other => panic!("{other:?}"),
    }
    assert!(doomed.delete(&seen, A).is_err());
    assert_eq!(doomed, DottedSet::new());
}
