//! What serde writes, and that it reads nothing that the canonical bytes would refuse.
#![cfg(all(feature = "serde", feature = "alloc"))]

use std::fmt::Debug;
use std::time::Duration;

use quorate_clocks::{
    Actor, BroadcastMessage, CausalContext, Dot, DotRange, DottedSet, HybridStamp, Incarnation,
    Instant, LamportStamp, MatrixClock, NodeId, NodeStamp, PrunedVector, Relation, Retired,
    TimeInterval, TimeMessage, VersionVector, WallTime,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

const A: Actor = Actor::new(NodeId(1), Incarnation(1));
const B: Actor = Actor::new(NodeId(2), Incarnation(1));

/// It is written as this, and read again from it.
#[track_caller]
fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, json: &str) {
    assert_eq!(serde_json::to_string(value).unwrap(), json);
    assert_eq!(&serde_json::from_str::<T>(json).unwrap(), value);
}

/// None of these is read, and the reason is this, and not the form.
#[track_caller]
fn refuses<T: DeserializeOwned + Debug>(reason: &str, json: &[&str]) {
    for json in json {
        let error = serde_json::from_str::<T>(json).expect_err(json).to_string();
        assert!(error.contains(reason), "{json}: {error}");
    }
}

/// A dot as it is written.
fn dot(node: u64, counter: u64) -> String {
    format!(r#"{{"actor":{{"node":{node},"incarnation":1}},"counter":{counter}}}"#)
}

fn list(dots: &[(u64, u64)]) -> String {
    let dots: Vec<_> = dots
        .iter()
        .map(|(node, counter)| dot(*node, *counter))
        .collect();
    format!("[{}]", dots.join(","))
}

fn vector(a: u64, b: u64) -> VersionVector {
    [Dot::new(A, a), Dot::new(B, b)].into_iter().collect()
}

#[test]
fn numbers() {
    survives(&NodeId(7), "7");
    survives(&Incarnation(7), "7");
    survives(&Instant::from_nanos(7), "7");
    survives(&WallTime::from_nanos(7), "7");
    survives(&HybridStamp::new(1, 2).unwrap(), "65538");
    survives(&Relation::Concurrent, r#""Concurrent""#);
    survives(
        &LamportStamp {
            time: 3,
            node: NodeId(7),
        },
        r#"{"time":3,"node":7}"#,
    );
    let stamp = NodeStamp {
        stamp: HybridStamp::new(1, 2).unwrap(),
        node: NodeId(7),
    };
    survives(&stamp, r#"{"stamp":65538,"node":7}"#);
}

#[test]
fn a_dot_counts_from_one() {
    survives(&Dot::new(A, u64::MAX), &dot(1, u64::MAX));
    refuses::<Dot>("counter zero", &[&dot(1, 0)]);
}

#[test]
fn a_range_has_an_event() {
    let range = |first: u64, last: u64| {
        format!(r#"{{"actor":{{"node":1,"incarnation":1}},"first":{first},"last":{last}}}"#)
    };
    survives(&DotRange::new(A, 1, u64::MAX).unwrap(), &range(1, u64::MAX));
    refuses::<DotRange>("is empty or begins with", &[&range(0, 1), &range(3, 2)]);
}

#[test]
fn a_vector_is_ascending_without_zeros() {
    survives(&VersionVector::new(), "[]");
    survives(&vector(3, 1), &list(&[(1, 3), (2, 1)]));
    let ascending = [list(&[(2, 1), (1, 3)]), list(&[(1, 3), (1, 3)])];
    refuses::<VersionVector>("not ascending", &ascending.each_ref().map(|json| &json[..]));
    refuses::<VersionVector>("counter zero", &[&list(&[(1, 3), (2, 0)])]);
}

#[test]
fn a_context_has_the_longest_runs() {
    let runs = |runs: &[(u64, u64, u64)]| {
        let runs: Vec<_> = runs
            .iter()
            .map(|(node, first, last)| {
                format!(
                    r#"{{"actor":{{"node":{node},"incarnation":1}},"first":{first},"last":{last}}}"#
                )
            })
            .collect();
        format!("[{}]", runs.join(","))
    };
    let seen: CausalContext = [1, 2, 5]
        .map(|counter| Dot::new(A, counter))
        .into_iter()
        .collect();
    survives(&seen, &runs(&[(1, 1, 2), (1, 5, 5)]));
    let wrong = [
        runs(&[(1, 1, 2), (1, 3, 5)]), // they touch
        runs(&[(1, 1, 4), (1, 3, 5)]), // they overlap
        runs(&[(1, 5, 5), (1, 1, 2)]),
        runs(&[(2, 1, 1), (1, 1, 1)]),
    ];
    refuses::<CausalContext>(
        "not ascending, or touch",
        &wrong.each_ref().map(|json| &json[..]),
    );
    refuses::<CausalContext>("begins with", &[&runs(&[(1, 0, 2)])]);
}

#[test]
fn a_dotted_set_has_no_more_values_than_events() {
    let part = |node: u64, counter: u64, values: &str| {
        format!(
            r#"{{"actor":{{"node":{node},"incarnation":1}},"counter":{counter},"values":{values}}}"#
        )
    };
    let mut set = DottedSet::new();
    set.put(&VersionVector::new(), A, 10_u64).unwrap();
    set.put(&VersionVector::new(), A, 20).unwrap();
    set.put(&vector(0, 7), B, 30).unwrap_err();
    set.delete(&vector(1, 0), A).unwrap();
    survives(&set, &format!("[{}]", part(1, 2, "[20]")));
    type Set = DottedSet<u64>;
    refuses::<Set>(
        "more values than events",
        &[&format!("[{}]", part(1, 1, "[1,2]"))],
    );
    refuses::<Set>("counter zero", &[&format!("[{}]", part(1, 0, "[]"))]);
    let (a, b) = (part(1, 1, "[1]"), part(2, 1, "[1]"));
    refuses::<Set>(
        "not ascending",
        &[&format!("[{b},{a}]"), &format!("[{a},{a}]")],
    );
}

#[test]
fn a_table_and_what_it_left_out_fit() {
    let mut matrix = MatrixClock::with_members([A, B]).unwrap();
    matrix.record(A, &vector(0, 4)).unwrap();
    matrix.remove(B, &vector(0, 4)).unwrap();
    let mut retired = Retired::new();
    retired.retire(&matrix.certificate()).unwrap();
    survives(&retired, &list(&[(2, 4)]));
    refuses::<Retired>("is there twice", &[&list(&[(2, 4), (2, 4)])]);
    refuses::<Retired>("counter zero", &[&list(&[(2, 0)])]);

    let pruned = |table: u64, left: &[(u64, u64)], lacking: &[(u64, u64)]| {
        let (left, lacking) = (list(left), list(lacking));
        format!(r#"{{"table":{table},"left":{left},"lacking":{lacking}}}"#)
    };
    let name = retired.name();
    let value = retired.prune(&vector(3, 3)).unwrap();
    survives(&value, &pruned(name, &[(1, 3)], &[(2, 1)]));
    refuses::<PrunedVector>("empty table", &[&pruned(0, &[], &[(2, 1)])]);
    refuses::<PrunedVector>("not left out", &[&pruned(name, &[(2, 1)], &[(2, 1)])]);
}

#[test]
fn a_matrix_has_no_strangers() {
    let matrix = |members: &[(u64, &[(u64, u64)])], removed: &[(u64, u64)]| {
        let actor = |node: u64| format!(r#"{{"node":{node},"incarnation":1}}"#);
        let members = members
            .iter()
            .map(|(node, row)| format!("[{},{}]", actor(*node), list(row)));
        let removed = removed
            .iter()
            .map(|(node, last)| format!("[{},{last}]", actor(*node)));
        let (members, removed) = (members.collect::<Vec<_>>(), removed.collect::<Vec<_>>());
        format!(
            r#"{{"members":[{}],"removed":[{}]}}"#,
            members.join(","),
            removed.join(",")
        )
    };
    let mut value = MatrixClock::with_members([A, B]).unwrap();
    value.record(A, &vector(3, 4)).unwrap();
    value.remove(B, &vector(0, 5)).unwrap();
    survives(&value, &matrix(&[(1, &[(1, 3), (2, 4)])], &[(2, 5)]));
    refuses::<MatrixClock>("stranger", &[&matrix(&[(1, &[(2, 4)])], &[])]);
    refuses::<MatrixClock>("beyond its last", &[&matrix(&[(1, &[(2, 6)])], &[(2, 5)])]);
    refuses::<MatrixClock>("is a member", &[&matrix(&[(1, &[]), (2, &[])], &[(2, 5)])]);
    refuses::<MatrixClock>("only member", &[&matrix(&[], &[(2, 5)])]);
    let twice = [
        matrix(&[(2, &[]), (1, &[])], &[]),
        matrix(&[(1, &[]), (1, &[])], &[]),
    ];
    refuses::<MatrixClock>("not ascending", &twice.each_ref().map(|json| &json[..]));
    let many: Vec<(u64, &[(u64, u64)])> = (0..1025).map(|node| (node, [].as_slice())).collect();
    refuses::<MatrixClock>("1024", &[&matrix(&many, &[])]);
}

#[test]
fn a_message_is_counted_by_its_sender() {
    let json = |sender: u64, vector: &[(u64, u64)]| {
        let vector = list(vector);
        format!(
            r#"{{"sender":{{"node":{sender},"incarnation":1}},"vector":{vector},"payload":"hi"}}"#
        )
    };
    let message = BroadcastMessage::new(A, vector(3, 1), String::from("hi")).unwrap();
    survives(&message, &json(1, &[(1, 3), (2, 1)]));
    refuses::<BroadcastMessage<String>>("no entry of its sender", &[&json(2, &[(1, 3)])]);
    refuses::<BroadcastMessage<String>>("not ascending", &[&json(1, &[(2, 1), (1, 3)])]);
}

#[test]
fn an_interval_does_not_end_before_it_begins() {
    let interval = TimeInterval::new(WallTime::from_nanos(3), WallTime::from_nanos(5)).unwrap();
    survives(&interval, "[3,5]");
    refuses::<TimeInterval>("cannot end before", &["[5,3]"]);

    survives(
        &TimeMessage::Request { nonce: 9 },
        r#"{"Request":{"nonce":9}}"#,
    );
    let json = |sent: &str, secs: u64| {
        format!(r#"{{"Response":{{"nonce":9,"sent":{sent},"held":{{"secs":{secs},"nanos":7}}}}}}"#)
    };
    let held = Duration::new(2, 7);
    survives(
        &TimeMessage::Response {
            nonce: 9,
            sent: interval,
            held,
        },
        &json("[3,5]", 2),
    );
    refuses::<TimeMessage>("cannot end before", &[&json("[5,3]", 2)]);
}
