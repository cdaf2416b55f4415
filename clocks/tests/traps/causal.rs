//! Stability and delivery in causal order.

use quorate_clocks::{
    Actor, BroadcastError, BroadcastLimits, BroadcastMessage, BroadcastReceiveError,
    CausalBroadcast, Dot, DotRange, Incarnation, MatrixClock, MatrixJoinError, MatrixRecordError,
    MatrixRemoveError, NodeId, Received, VersionVector,
};

type Machine = CausalBroadcast<Vec<u8>>;

const fn actor(node: u64) -> Actor {
    Actor::new(NodeId(node), Incarnation(1))
}

const A: Actor = actor(1);
const B: Actor = actor(2);
const C: Actor = actor(3);
const D: Actor = actor(4);

fn vector<const N: usize>(entries: [(Actor, u64); N]) -> VersionVector {
    let mut vector = VersionVector::new();
    for (actor, counter) in entries {
        vector.observe(Dot { actor, counter });
    }
    vector
}

fn group<const N: usize>(members: [Actor; N], limits: BroadcastLimits) -> [Machine; N] {
    let matrix = MatrixClock::with_members(members).expect("few and different");
    members.map(|me| Machine::new(me, matrix.clone(), limits).expect("a member"))
}

fn say(machine: &mut Machine, what: &str) -> BroadcastMessage<Vec<u8>> {
    machine.broadcast(what.into()).expect("there is room")
}

fn deliver(machine: &mut Machine) -> Vec<String> {
    std::iter::from_fn(|| machine.poll_deliver())
        .map(|message| String::from_utf8_lossy(message.payload()).into_owned())
        .collect()
}

const READY: Received = Received::Buffered {
    ready: true,
    evicted: None,
};
const WAITING: Received = Received::Buffered {
    ready: false,
    evicted: None,
};

#[test]
fn trap_37_an_event_is_stable_only_when_every_row_has_it() {
    let mut matrix = MatrixClock::with_members([A, B, C]).expect("three");
    let dot = Dot {
        actor: A,
        counter: 1,
    };
    for (member, stable) in [(A, false), (B, false), (C, true)] {
        assert!(!matrix.certificate().covers(dot));
        assert_eq!(matrix.record(member, &vector([(A, 1)])), Ok(true));
        assert_eq!(matrix.is_stable(dot), stable);
    }
    assert!(matrix.certificate().covers(dot));
    // The rows are compared entry by entry: that each has seen two of something is not enough.
    for (member, seen) in [(A, [(A, 1), (B, 2)]), (B, [(A, 2), (B, 1)])] {
        matrix.record(member, &vector(seen)).expect("a member");
    }
    assert_eq!(matrix.stable(), vector([(A, 1)]));
}

#[test]
fn trap_37_a_silent_member_blocks_stability_until_it_is_removed_with_a_final_row() {
    let mut matrix = MatrixClock::with_members([A, B, C]).expect("three");
    // `c` speaks once, is heard by `b`, and falls silent.
    matrix.record(C, &vector([(C, 1)])).expect("a member");
    for round in 1..=1000 {
        for member in [A, B] {
            let seen = vector([(A, round), (B, round)]);
            matrix.record(member, &seen).expect("a member");
        }
        assert!(matrix.stable().is_empty(), "{round}");
    }
    matrix.record(B, &vector([(C, 1)])).expect("a member");
    // A final row that forgets what was seen is no end that all agree on.
    let refused = matrix.remove(C, &vector([]));
    let behind = MatrixRemoveError::Behind {
        member: C,
        seen_by: B,
        seen: 1,
        last: 0,
    };
    assert_eq!(refused, Err(behind));
    assert!(matrix.stable().is_empty());

    assert_eq!(matrix.remove(C, &vector([(C, 1)])), Ok(()));
    assert_eq!(matrix.stable(), vector([(A, 1000), (B, 1000)]));
    assert_eq!(matrix.certificate().members(), [A, B]);

    // It was only slow. What it says now is refused and changes nothing.
    let before = matrix.clone();
    let late = matrix.record(C, &vector([(A, 3), (C, 2)]));
    let removed = MatrixRecordError::Removed { member: C, last: 1 };
    assert_eq!(late, Err(removed));
    assert_eq!(matrix, before);
    // Nor may it return as itself, or another speak of what it did after its end.
    let back = MatrixJoinError::Removed { member: C, last: 1 };
    assert_eq!(matrix.join(C, &matrix.stable()), Err(back));
    let beyond = MatrixRecordError::BeyondLast {
        member: B,
        removed: C,
        seen: 2,
        last: 1,
    };
    assert_eq!(matrix.record(B, &vector([(C, 2)])), Err(beyond));
    assert_eq!(matrix, before);
    // Its next life may.
    let next = C.next_life().expect("not the last");
    assert_eq!(matrix.join(next, &matrix.stable()), Ok(()));
}

#[test]
fn trap_37_stability_never_goes_back_when_members_join() {
    let mut matrix = MatrixClock::with_members([A, B]).expect("two");
    for member in [A, B] {
        matrix.record(member, &vector([(A, 5)])).expect("a member");
    }
    let proof = matrix.certificate();
    // It would ask for what the proof has let others forget.
    let behind = MatrixJoinError::BehindStable {
        member: C,
        of: A,
        start: 4,
        stable: 5,
    };
    assert_eq!(matrix.join(C, &vector([(A, 4), (B, 9)])), Err(behind));
    assert_eq!(matrix.join(C, &vector([(A, 5)])), Ok(()));
    assert!(matrix.certificate().includes(proof.stable()));
}

#[test]
fn trap_37_late_messages_of_a_removed_member_are_refused_and_not_delivered() {
    let [mut a, mut b, mut c] = group([A, B, C], BroadcastLimits::default());
    let first = say(&mut c, "counts");
    let second = say(&mut c, "does not count");
    let third = say(&mut c, "nor does this");
    a.receive(first.clone()).expect("a member");
    assert_eq!(deliver(&mut a), ["counts"]);
    // The other has the first not yet, and one that will not count.
    assert_eq!(b.receive(third.clone()), Ok(WAITING));

    for (machine, dropped) in [(&mut a, 0), (&mut b, 1)] {
        assert_eq!(machine.leave(C, 1), Ok(dropped));
        for message in [&second, &third] {
            let refused = machine.receive(message.clone());
            let left = BroadcastReceiveError::Left {
                message: message.dot(),
                last: 1,
            };
            assert_eq!(refused, Err(left));
        }
        assert_eq!(deliver(machine), [""; 0]);
        assert!(machine.acknowledge(C, c.delivered()).is_err());
    }
    // What does count is still asked for, had from another, and delivered.
    let asked = b.missing();
    assert_eq!(asked, [DotRange::new(C, 1, 1).expect("one")]);
    let answer: Vec<_> = a.kept(asked[0]).cloned().collect();
    assert_eq!(answer, [first]);
    for message in answer {
        assert_eq!(b.receive(message), Ok(READY));
    }
    assert_eq!(deliver(&mut b), ["counts"]);
    assert_eq!(b.missing(), []);
}

#[test]
fn trap_37_messages_are_kept_until_all_members_have_acknowledged_them() {
    let [mut a, mut b, mut c] = group([A, B, C], BroadcastLimits::default());
    let message = say(&mut a, "remember");
    let all = DotRange::new(A, 1, u64::MAX).expect("many");
    for machine in [&mut b, &mut c] {
        machine.receive(message.clone()).expect("a member");
        deliver(machine);
    }
    assert_eq!(a.acknowledge(B, b.delivered()), Ok(0));
    assert_eq!(a.kept(all).count(), 1);
    assert_eq!(a.acknowledge(C, c.delivered()), Ok(1));
    assert_eq!(a.kept(all).count(), 0);
    assert!(a.certificate().covers(message.dot()));
}

#[test]
fn trap_38_out_of_order_doubled_and_missing_messages_come_once_and_in_causal_order() {
    let [mut a, mut b, mut c] = group([A, B, C], BroadcastLimits::default());
    let one = say(&mut a, "one");
    let two = say(&mut a, "two");
    for message in [&one, &two] {
        b.receive(message.clone()).expect("a member");
    }
    assert_eq!(deliver(&mut b), ["one", "two"]);
    let three = say(&mut b, "three");

    // The last first, twice, and the second lost.
    assert_eq!(c.receive(three.clone()), Ok(WAITING));
    assert_eq!(c.receive(three.clone()), Ok(Received::Duplicate));
    assert_eq!(c.receive(one.clone()), Ok(READY));
    assert_eq!(c.receive(one.clone()), Ok(Received::Duplicate));
    assert_eq!(deliver(&mut c), ["one"]);
    assert_eq!(c.missing(), [DotRange::new(A, 2, 2).expect("one")]);
    assert!(c.matrix().holders(two.dot()).eq([B]));
    // Had again, from the one that did not send it.
    let again: Vec<_> = b.kept(c.missing()[0]).cloned().collect();
    assert_eq!(again, [two]);
    for message in again {
        assert_eq!(c.receive(message), Ok(READY));
    }
    assert_eq!(deliver(&mut c), ["two", "three"]);
    assert_eq!(c.receive(three), Ok(Received::Duplicate));
    assert_eq!(deliver(&mut c), [""; 0]);
    assert_eq!(c.counts().duplicates, 3);
    assert_eq!(c.counts().delivered, 3);
}

#[test]
fn trap_38_own_messages_count_as_delivered_and_what_was_not_polled_does_not() {
    let [mut a, mut b, _] = group([A, B, C], BroadcastLimits::default());
    let mine = say(&mut a, "mine");
    assert_eq!(a.delivered(), &vector([(A, 1)]));
    assert_eq!(deliver(&mut a), [""; 0]);
    // An echo of it is a duplicate.
    assert_eq!(a.receive(mine.clone()), Ok(Received::Duplicate));

    // It arrived, and the application has not seen it, so it is no cause.
    b.receive(mine).expect("a member");
    assert_eq!(say(&mut b, "unaware").vector(), &vector([(B, 1)]));
    assert_eq!(deliver(&mut b), ["mine"]);
    assert_eq!(say(&mut b, "aware").vector(), &vector([(A, 1), (B, 2)]));
}

#[test]
fn trap_38_our_own_id_ahead_of_us_is_amnesia() {
    let [mut a, mut b, _] = group([A, B, C], BroadcastLimits::default());
    let lost = say(&mut a, "before the disk was lost");
    b.receive(lost.clone()).expect("a member");
    deliver(&mut b);
    let answer = say(&mut b, "an answer");

    // Again from nothing, under the same name.
    let [mut again, _, _] = group([A, B, C], BroadcastLimits::default());
    let amnesia = |sender| BroadcastReceiveError::Amnesia {
        sender,
        seen: lost.dot(),
        sent: 0,
    };
    let before = again.delivered().clone();
    assert_eq!(again.receive(lost.clone()), Err(amnesia(A)));
    assert_eq!(again.receive(answer), Err(amnesia(B)));
    assert!(again.acknowledge(B, b.delivered()).is_err());
    assert!(again.acknowledge(A, a.delivered()).is_err());
    assert_eq!(again.delivered(), &before);

    // And when it has already reused the name, there are two messages of that name.
    let reused = say(&mut again, "after");
    assert_eq!(reused.dot(), lost.dot());
    let message = lost.dot();
    let conflict = Err(BroadcastReceiveError::Conflict { message });
    assert_eq!(again.receive(lost), conflict);
    assert_eq!(b.receive(reused), conflict);
}

#[test]
fn trap_38_memory_is_bounded_and_back_pressure_says_who_and_what() {
    let limits = BroadcastLimits {
        pending_messages: 3,
        ..BroadcastLimits::default()
    };
    let [mut a, mut b, _] = group([A, B, C], limits);
    let sent: Vec<_> = (0..5).map(|_| say(&mut a, "x")).collect();
    for message in &sent[1..3] {
        assert_eq!(b.receive(message.clone()), Ok(WAITING));
    }
    for message in &sent[3..] {
        let refused = b.receive(message.clone());
        let counter = message.dot().counter;
        let overflow = BroadcastReceiveError::Overflow {
            sender: A,
            again: DotRange::new(A, counter, counter).expect("one"),
            messages: 2,
            bytes: 50,
        };
        assert_eq!(refused, Err(overflow));
    }
    // It asks only for what it has room for, and then for the rest.
    assert_eq!(b.missing(), [DotRange::new(A, 1, 1).expect("one")]);
    assert_eq!(b.receive(sent[0].clone()), Ok(READY));
    assert_eq!(deliver(&mut b).len(), 3);
    assert_eq!(b.missing(), [DotRange::new(A, 4, 5).expect("two")]);
}

#[test]
fn trap_38_later_messages_make_room_for_the_one_that_all_wait_for() {
    let limits = BroadcastLimits {
        pending_bytes: 3 * 124,
        ..BroadcastLimits::default()
    };
    let [mut a, mut b, _] = group([A, B, C], limits);
    let sent: Vec<_> = (0..4).map(|_| say(&mut a, &"x".repeat(100))).collect();
    for message in &sent[1..] {
        assert_eq!(b.receive(message.clone()), Ok(WAITING));
    }
    let evicted = DotRange::new(A, 4, 4);
    let received = Received::Buffered {
        ready: true,
        evicted,
    };
    assert_eq!(b.receive(sent[0].clone()), Ok(received));
    assert_eq!(deliver(&mut b).len(), 3);
    // It was not lost silently.
    assert_eq!(b.missing(), [evicted.expect("one")]);
    assert_eq!(b.counts().evicted, 1);
}

#[test]
fn trap_38_a_hostile_sender_takes_no_more_than_the_limit() {
    let limits = BroadcastLimits {
        pending_messages: 16,
        pending_bytes: 1000,
        ..BroadcastLimits::default()
    };
    let [mut a, ..] = group([A, B, C], limits);
    for counter in (1..10_000).chain(u64::MAX - 100..=u64::MAX).rev() {
        let causes = vector([(B, counter), (C, u64::MAX)]);
        let size = usize::try_from(counter % 300).expect("small");
        let message = BroadcastMessage::new(B, causes, vec![7; size]).expect("counted");
        let _ = a.receive(message);
        let (messages, bytes) = a.pending(B);
        assert!(messages <= 16 && bytes <= 1000, "{messages} of {bytes}");
        assert!(a.missing().len() <= 2 * 17);
    }
    assert_eq!(deliver(&mut a), [""; 0]);
    // Others are not held up.
    let [_, _, mut c] = group([A, B, C], limits);
    assert_eq!(a.receive(say(&mut c, "hello")), Ok(READY));
    assert_eq!(deliver(&mut a), ["hello"]);
}

#[test]
fn trap_38_a_sender_waits_for_acknowledgements() {
    let limits = BroadcastLimits {
        kept_messages: 2,
        ..BroadcastLimits::default()
    };
    let [mut a, mut b, mut c] = group([A, B, C], limits);
    for what in ["one", "two"] {
        let message = say(&mut a, what);
        for machine in [&mut b, &mut c] {
            machine.receive(message.clone()).expect("a member");
            deliver(machine);
        }
    }
    a.acknowledge(B, b.delivered()).expect("a member");
    let refused = a.broadcast("three".into()).expect_err("it is full");
    assert_eq!(refused.payload, b"three");
    let backlog = BroadcastError::Backlog {
        messages: 2,
        bytes: 2 * 27,
        slowest: C,
    };
    assert_eq!(refused.error, backlog);
    // Either it speaks, or it goes.
    let mut without = a.clone();
    assert_eq!(without.leave(C, 0), Ok(0));
    assert!(without.broadcast(refused.payload.clone()).is_ok());
    a.acknowledge(C, c.delivered()).expect("a member");
    assert!(a.broadcast(refused.payload).is_ok());
}

#[test]
fn trap_38_a_new_member_starts_with_a_vector_and_strangers_are_refused() {
    let [mut a, mut b] = group([A, B], BroadcastLimits::default());
    let old = say(&mut a, "old");
    b.receive(old.clone()).expect("a member");
    deliver(&mut b);
    a.acknowledge(B, b.delivered()).expect("a member");

    // `d` starts from a snapshot of `b`, who has let it join.
    assert_eq!(b.join(D, &b.delivered().clone()), Ok(()));
    let limits = *b.limits();
    let mut d = Machine::new(D, b.matrix().clone(), limits).expect("it has joined");
    let new = say(&mut d, "new");
    assert_eq!(b.receive(new.clone()), Ok(READY));
    assert_eq!(deliver(&mut b), ["new"]);
    let answer = say(&mut b, "answer");

    // `a` does not know of `d`: neither its messages nor those that they caused count.
    let before = a.clone();
    let unknown = BroadcastReceiveError::Unknown { sender: D };
    assert_eq!(a.receive(new.clone()), Err(unknown));
    let unknown = BroadcastReceiveError::UnknownCause {
        message: answer.dot(),
        actor: D,
    };
    assert_eq!(a.receive(answer.clone()), Err(unknown));
    assert_eq!(a.matrix(), before.matrix());
    assert_eq!(a.delivered(), before.delivered());

    // What is stable is forgotten, so nobody may start before it.
    assert!(a.join(D, &VersionVector::new()).is_err());
    assert_eq!(a.join(D, d.matrix().row(D).expect("itself")), Ok(()));
    assert_eq!(a.receive(answer), Ok(WAITING));
    assert_eq!(a.missing(), [DotRange::new(D, 1, 1).expect("one")]);
    assert_eq!(a.receive(new), Ok(READY));
    assert_eq!(deliver(&mut a), ["new", "answer"]);
    // What was before its start does not come again.
    assert_eq!(d.receive(old), Ok(Received::Duplicate));
}

#[test]
fn trap_39_the_senders_entry_is_the_next_and_no_other_is_ahead() {
    let message =
        |vector, sender| BroadcastMessage::new(sender, vector, Vec::new()).expect("counted");
    let [mut a, ..] = group([A, B, C], BroadcastLimits::default());
    // The second of `b`: the first is missing, and nothing else.
    let second = message(vector([(B, 2)]), B);
    assert_eq!(a.receive(second), Ok(WAITING));
    // The first of `c`, whose cause is the second of `b`.
    let caused = message(vector([(B, 2), (C, 1)]), C);
    assert_eq!(a.receive(caused), Ok(WAITING));
    assert_eq!(a.poll_deliver(), None);
    // The first of `b`. It does not matter that `a` itself is ahead of what `b` knew.
    say(&mut a, "own");
    assert_eq!(a.receive(message(vector([(B, 1)]), B)), Ok(READY));
    let order: Vec<_> = std::iter::from_fn(|| a.poll_deliver())
        .map(|m| m.dot())
        .collect();
    let dot = |actor, counter| Dot { actor, counter };
    assert_eq!(order, [dot(B, 1), dot(B, 2), dot(C, 1)]);
}

#[test]
fn trap_39_a_duplicate_with_an_equal_vector_is_dropped_and_not_stuck() {
    let [mut a, mut b, _] = group([A, B, C], BroadcastLimits::default());
    let first = say(&mut a, "first");
    b.receive(first.clone()).expect("a member");
    // Before it was delivered, and after: it must not wait for a turn that never comes.
    for delivered in [vec!["first"], vec![]] {
        for _ in 0..3 {
            assert_eq!(b.receive(first.clone()), Ok(Received::Duplicate));
        }
        assert_eq!(deliver(&mut b), delivered);
        assert_eq!(b.pending(A), (0, 0));
    }
    b.receive(say(&mut a, "second")).expect("a member");
    assert_eq!(deliver(&mut b), ["second"]);
}
