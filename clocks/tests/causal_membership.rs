//! Causal broadcast when members come, go and lie.
#![cfg(not(loom))]

use std::sync::Arc;

use quorate_clocks::{
    Actor, BroadcastAcknowledgeError, BroadcastLimits, BroadcastMessage, BroadcastReceiveError,
    CausalBroadcast, Dot, DotRange, Incarnation, MatrixClock, MatrixRemoveError, NodeId, Received,
    VersionVector,
};

type Payload = Arc<[u8]>;
type Machine = CausalBroadcast<Payload>;

const A: Actor = Actor::new(NodeId(1), Incarnation(1));
const B: Actor = Actor::new(NodeId(2), Incarnation(1));
const C: Actor = Actor::new(NodeId(3), Incarnation(1));

fn group(limits: BroadcastLimits) -> [Machine; 3] {
    let matrix = MatrixClock::with_members([A, B, C]).expect("three");
    [A, B, C].map(|me| Machine::new(me, matrix.clone(), limits).expect("a member"))
}

fn message<const N: usize>(sender: Actor, causes: [(Actor, u64); N]) -> BroadcastMessage<Payload> {
    let mut vector = VersionVector::new();
    for (actor, counter) in causes {
        vector.observe(Dot { actor, counter });
    }
    BroadcastMessage::new(sender, vector, [].into()).expect("counted")
}

fn vector(actor: Actor, counter: u64) -> VersionVector {
    let mut vector = VersionVector::new();
    vector.observe(Dot { actor, counter });
    vector
}

const fn dot(actor: Actor, counter: u64) -> Dot {
    Dot { actor, counter }
}

fn deliver(machine: &mut Machine) -> Vec<Dot> {
    std::iter::from_fn(|| machine.poll_deliver())
        .map(|message| message.dot())
        .collect()
}

#[test]
fn two_messages_of_one_name_are_told_apart() {
    let [mut a, ..] = group(BroadcastLimits::default());
    let conflict = |counter| {
        let message = dot(B, counter);
        Err(BroadcastReceiveError::Conflict { message })
    };
    a.receive(message(B, [(B, 2)])).expect("a member");
    // While it waits, and when it was delivered.
    assert_eq!(a.receive(message(B, [(B, 2), (C, 1)])), conflict(2));
    let other = message(B, [(B, 2)]).map(|_| Payload::from(*b"else"));
    assert_eq!(a.receive(other), conflict(2));
    a.receive(message(B, [(B, 1)])).expect("a member");
    assert_eq!(deliver(&mut a), [dot(B, 1), dot(B, 2)]);
    assert_eq!(a.receive(message(B, [(B, 2), (C, 1)])), conflict(2));
    assert_eq!(a.counts().refused, 3);
    assert_eq!(a.receive(message(B, [(B, 2)])), Ok(Received::Duplicate));
}

#[test]
fn nobody_speaks_for_us() {
    let [mut a, ..] = group(BroadcastLimits::default());
    a.broadcast([].into()).expect("there is room");
    a.receive(message(B, [(B, 1)])).expect("a member");
    let refused = |from, seen, known| {
        let amnesia = BroadcastAcknowledgeError::Amnesia { from, seen, known };
        Err(amnesia)
    };
    // Somebody that says to be us has delivered what we have only received.
    let acknowledged = a.acknowledge(A, &vector(B, 1));
    assert_eq!(acknowledged, refused(A, dot(B, 1), 0));
    let acknowledged = a.acknowledge(B, &vector(A, 2));
    assert_eq!(acknowledged, refused(B, dot(A, 2), 1));
    // An echo of our own acknowledgement is harmless.
    assert_eq!(a.acknowledge(A, &a.delivered().clone()), Ok(0));
    assert_eq!(deliver(&mut a), [dot(B, 1)]);
}

#[test]
fn a_cause_that_does_not_count_is_refused() {
    let [mut a, ..] = group(BroadcastLimits::default());
    a.leave(C, 1).expect("a member");
    let refused = a.receive(message(B, [(B, 1), (C, 2)]));
    let beyond = BroadcastReceiveError::BeyondLast {
        message: dot(B, 1),
        cause: dot(C, 2),
        last: 1,
    };
    assert_eq!(refused, Err(beyond));
    assert_eq!(a.missing(), [DotRange::new(C, 1, 1).expect("one")]);
}

#[test]
fn the_last_message_that_counts_is_kept_and_no_later_one() {
    let [mut a, ..] = group(BroadcastLimits::default());
    for counter in [2, 3, 4] {
        a.receive(message(C, [(C, counter)])).expect("a member");
    }
    assert_eq!(a.pending(C), (3, 3 * 24));
    assert_eq!(a.leave(C, 3), Ok(1));
    assert_eq!(a.pending(C), (2, 2 * 24));
    assert_eq!(a.counts().uncounted, 1);
    assert_eq!(a.missing(), [DotRange::new(C, 1, 1).expect("one")]);
    a.receive(message(C, [(C, 1)])).expect("it counts");
    assert_eq!(deliver(&mut a), [dot(C, 1), dot(C, 2), dot(C, 3)]);
    assert_eq!(a.pending(C), (0, 0));
}

#[test]
fn the_end_of_a_member_cannot_be_before_what_others_built_on() {
    let [mut a, ..] = group(BroadcastLimits::default());
    a.receive(message(B, [(B, 1), (C, 2)])).expect("a member");
    let behind = Err(MatrixRemoveError::Behind {
        member: C,
        seen_by: B,
        seen: 2,
        last: 1,
    });
    assert_eq!(a.leave(C, 1), behind);
    // It does not help that the one who built on it has left, if its message counts.
    a.leave(B, 1).expect("there are others");
    assert_eq!(a.leave(C, 1), behind);
    assert_eq!(a.leave(C, 2), Ok(0));
    assert_eq!(a.missing(), [DotRange::new(C, 1, 2).expect("two")]);
}

#[test]
fn a_leave_lets_go_of_what_only_the_leaver_had_not_seen() {
    let [mut a, mut b, _] = group(BroadcastLimits::default());
    let sent = a.broadcast([].into()).expect("there is room");
    b.receive(sent).expect("a member");
    deliver(&mut b);
    assert_eq!(a.acknowledge(B, b.delivered()), Ok(0));
    assert_eq!(a.all_kept().count(), 1);
    a.leave(C, 0).expect("there are others");
    assert_eq!(a.all_kept().count(), 0);
    let removed = MatrixRemoveError::Removed { member: C, last: 0 };
    assert_eq!(a.leave(C, 0), Err(removed));
    a.leave(B, 0).expect("there is another");
    assert_eq!(
        a.leave(A, 1),
        Err(MatrixRemoveError::OnlyMember { member: A })
    );
}

#[test]
fn messages_acknowledge_too() {
    let limits = BroadcastLimits {
        kept_messages: 1,
        ..BroadcastLimits::default()
    };
    let [mut a, mut b, mut c] = group(limits);
    let sent = a.broadcast([].into()).expect("there is room");
    for machine in [&mut b, &mut c] {
        machine.receive(sent.clone()).expect("a member");
        deliver(machine);
        let answer = machine.broadcast([].into()).expect("there is room");
        assert!(a.broadcast([].into()).is_err());
        a.receive(answer).expect("a member");
    }
    assert!(a.broadcast([].into()).is_ok());
}

#[test]
fn who_has_left_says_nothing_more() {
    let [mut a, mut b, _] = group(BroadcastLimits::default());
    let sent = b.broadcast([].into()).expect("there is room");
    a.leave(A, 0).expect("there are others");
    assert!(a.broadcast([].into()).is_err());
    // It may still hear.
    a.receive(sent).expect("a member");
    assert_eq!(deliver(&mut a), [dot(B, 1)]);
    assert!(Machine::new(A, a.matrix().clone(), *a.limits()).is_err());
}

#[test]
fn a_message_that_nobody_could_hold_is_refused_on_both_sides() {
    let limits = BroadcastLimits {
        pending_bytes: 100,
        ..BroadcastLimits::default()
    };
    let [mut a, ..] = group(limits);
    let fits = Payload::from([7; 76]);
    let large = Payload::from([7; 77]);
    let refused = a.broadcast(large.clone()).expect_err("too large");
    assert_eq!(refused.payload, large);
    assert!(a.broadcast(fits.clone()).is_ok());
    let too_large = BroadcastReceiveError::TooLarge {
        message: dot(B, 1),
        size: 101,
        limit: 100,
    };
    let from_b = message(B, [(B, 1)]);
    assert_eq!(a.receive(from_b.clone().map(|_| large)), Err(too_large));
    assert!(a.receive(from_b.map(|_| fits)).is_ok());
}

#[test]
fn the_last_count_is_used_and_then_refused() {
    let mut matrix = MatrixClock::with_members([A]).expect("one");
    matrix
        .record(A, &vector(A, u64::MAX - 1))
        .expect("a member");
    let mut a = Machine::new(A, matrix, BroadcastLimits::default()).expect("a member");
    assert!(a.broadcast([].into()).is_ok());
    let before = a.clone();
    assert!(a.broadcast([].into()).is_err());
    assert_eq!(a, before);
    assert_eq!(a.missing(), []);
}

/// Who is no member can claim what it likes: that is no reason to stop.
#[test]
fn a_stranger_cannot_make_us_doubt_our_memory() {
    let [mut a, ..] = group(BroadcastLimits::default());
    let stranger = Actor::new(NodeId(9), Incarnation(1));
    let unknown = BroadcastReceiveError::Unknown { sender: stranger };
    let claim = message(stranger, [(stranger, 1), (A, 7)]);
    assert_eq!(a.receive(claim), Err(unknown));
    a.leave(C, 0).expect("a member");
    let left = BroadcastReceiveError::Left {
        message: dot(C, 1),
        last: 0,
    };
    assert_eq!(a.receive(message(C, [(C, 1), (A, 7)])), Err(left));
    for from in [stranger, C] {
        let refused = a.acknowledge(from, &vector(A, 7));
        assert!(matches!(refused, Err(BroadcastAcknowledgeError::Record(_))));
    }
}

/// What is agreed on is what members hold, because they may deliver it meanwhile.
#[test]
fn a_member_can_deliver_no_more_of_a_leaver_than_it_held() {
    let [mut a, mut b, _] = group(BroadcastLimits::default());
    for counter in [1, 2, 5] {
        a.receive(message(C, [(C, counter), (B, counter)]))
            .expect("a member");
    }
    // It has delivered nothing, and waits for messages of `b`, which is there.
    assert!(deliver(&mut a).is_empty());
    assert_eq!((a.held(C), b.held(C), a.held(A), a.held(B)), (2, 0, 0, 0));
    let last = a.held(C).max(b.held(C));
    // Before all know what they agreed on, messages of others go on.
    for _ in 0..2 {
        let of_b = b.broadcast([].into()).expect("there is room");
        a.receive(of_b).expect("a member");
    }
    assert_eq!(deliver(&mut a).len(), 4);
    assert_eq!(a.held(C), 2);
    assert_eq!(a.leave(C, last), Ok(1));
    assert_eq!(b.leave(C, last), Ok(0));
    let held: Vec<_> = a
        .kept(DotRange::new(C, 1, last).expect("two"))
        .cloned()
        .collect();
    for message in held {
        b.receive(message).expect("it counts");
    }
    assert_eq!(deliver(&mut b), [dot(C, 1), dot(C, 2)]);
}

/// Two fail at once, and a message is left over whose cause is lost. It cannot count.
#[test]
fn of_two_that_leave_no_message_counts_whose_cause_does_not() {
    let [mut a, ..] = group(BroadcastLimits::default());
    a.receive(message(B, [(B, 1), (C, 1)])).expect("a member");
    let behind = MatrixRemoveError::Behind {
        member: C,
        seen_by: B,
        seen: 1,
        last: 0,
    };
    assert_eq!((a.held(B), a.held(C)), (1, 0));
    assert_eq!(a.leave(C, 0), Err(behind));
    // So they count one less of who has seen it.
    assert_eq!(a.leave(B, 0), Ok(1));
    assert_eq!(a.leave(C, 0), Ok(0));
    assert!(a.missing().is_empty());
}

/// A limit of nothing is the least there is, as for what waits.
#[test]
fn at_least_one_message_is_kept() {
    let limits = BroadcastLimits {
        kept_messages: 0,
        pending_messages: 0,
        ..BroadcastLimits::default()
    };
    let [mut a, mut b, mut c] = group(limits);
    for counter in 1..4 {
        let message = a.broadcast([].into()).expect("there is room for one");
        assert!(a.broadcast([].into()).is_err());
        for other in [&mut b, &mut c] {
            other
                .receive(message.clone())
                .expect("there is room for one");
            assert_eq!(deliver(other), [dot(A, counter)]);
            a.acknowledge(other.me(), other.delivered())
                .expect("a member");
        }
    }
}
