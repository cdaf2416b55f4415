//! The lease with fencing tokens: against one that ends when it likes, and on histories with known
//! verdicts.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use quorate_consistency::{
    Branches, Budget, FencedLease, FencedLeaseInput as In, FencedLeaseOutput as Out, History,
    Nondeterministic, Operation, Outcome, Verdict, check,
};

use crate::nondeterministic::{config, has_order, histories};
use crate::oracle::agrees;

/// A lease that chooses its tokens and when it ends, from tokens up to a greatest one.
struct Choosing {
    greatest: u64,
}

/// Who holds it, the greatest token granted and the greatest one seen, and the value.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
struct Lease {
    holder: Option<u64>,
    granted: u64,
    seen: u64,
    value: Option<u8>,
}

impl Nondeterministic for Choosing {
    type Key = ();
    type State = Lease;
    type Input = In<u8>;
    type Output = Out<u8>;

    fn key(&self, _: &In<u8>) {}

    fn initial(&self) -> Vec<Lease> {
        vec![Lease {
            holder: None,
            granted: 0,
            seen: 0,
            value: None,
        }]
    }

    fn step(
        &self,
        lease: &Lease,
        input: &In<u8>,
        told: Option<&Out<u8>>,
        next: &mut Branches<Lease>,
    ) {
        // It goes on, or it ends just now.
        let ended = Lease {
            holder: None,
            ..lease.clone()
        };
        for lease in [lease.clone(), ended] {
            let mut add = |answer: Out<u8>, lease: Lease| {
                if told.is_none_or(|told| *told == answer) {
                    next.add(lease);
                }
            };
            match *input {
                In::Acquire if lease.holder.is_some() => add(Out::Refused, lease),
                In::Acquire => {
                    for token in lease.granted + 1..=self.greatest {
                        let granted = Lease {
                            holder: Some(token),
                            granted: token,
                            ..lease.clone()
                        };
                        add(Out::Granted { token }, granted);
                    }
                }
                In::Renew { token } if lease.holder == Some(token) => add(Out::Done, lease),
                In::Release { token } if lease.holder == Some(token) => {
                    add(
                        Out::Done,
                        Lease {
                            holder: None,
                            ..lease
                        },
                    );
                }
                In::Renew { .. } | In::Release { .. } => add(Out::Refused, lease),
                In::Write { token, .. } if token < lease.seen => add(Out::Refused, lease),
                In::Write { token, .. } if token == 0 || token > lease.granted => {}
                In::Write { token, value } => {
                    let written = Lease {
                        seen: token,
                        value: Some(value),
                        ..lease
                    };
                    add(Out::Done, written);
                }
                In::Read => add(Out::Value(lease.value), lease.clone()),
            }
        }
    }
}

fn asked() -> impl Strategy<Value = (In<u8>, Out<u8>)> + Clone {
    let token = || 0..4_u64;
    let done = || prop_oneof![3 => Just(Out::Done), 2 => Just(Out::Refused)];
    prop_oneof![
        4 => token().prop_map(|token| (In::Acquire, Out::Granted { token })),
        1 => Just((In::Acquire, Out::Refused)),
        2 => (token(), done()).prop_map(|(token, done)| (In::Renew { token }, done)),
        2 => (token(), done()).prop_map(|(token, done)| (In::Release { token }, done)),
        3 => (token(), 0..2_u8, done())
            .prop_map(|(token, value, done)| (In::Write { token, value }, done)),
        2 => prop::option::of(0..2_u8).prop_map(|value| (In::Read, Out::Value(value))),
    ]
}

/// The tokens that are not told in a history are chosen from those up to 3 and one more for each grant.
#[test]
fn what_is_known_is_every_choice_that_there_is() {
    let mut verdicts = [0; 2];
    let counted = std::cell::RefCell::new(&mut verdicts);
    TestRunner::new(config(4_000))
        .run(&histories(asked()), |history| {
            let holds = has_order(&Choosing { greatest: 8 }, &history);
            let verdict = check(&FencedLease::new(), &history, Budget::default());
            counted.borrow_mut()[usize::from(holds)] += 1;
            prop_assert!(!holds || verdict.holds(), "{:#?}", history);
            // The benefit of the doubt goes to tokens that nobody was told of.
            let is_lost_grant = |operation: &Operation<In<u8>, Out<u8>>| {
                operation.input == In::Acquire && operation.output == Outcome::Unknown
            };
            if !history.operations.iter().any(is_lost_grant) {
                prop_assert_eq!(verdict.holds(), holds, "{:#?}", history);
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(verdicts.iter().all(|&times| times > 200), "{verdicts:?}");
}

#[test]
fn leases() {
    agrees(1_000, &FencedLease::new(), asked());
}

fn one_after_the_other(
    asked: impl IntoIterator<Item = (In<u8>, Option<Out<u8>>)>,
) -> History<In<u8>, Out<u8>> {
    let operation = |(call, (input, output)): (u64, (_, Option<_>))| match output {
        Some(output) => Operation::ok(1, input, output, 10 * call, 10 * call + 5),
        None => Operation::unknown(1, input, 10 * call),
    };
    (0..).zip(asked).map(operation).collect()
}

#[track_caller]
fn judged(asked: impl IntoIterator<Item = (In<u8>, Option<Out<u8>>)>) -> bool {
    let history = one_after_the_other(asked);
    match check(&FencedLease::new(), &history, Budget::default()) {
        Verdict::Holds(_) => true,
        Verdict::Violated(_) => false,
        Verdict::Unknown(reason) => panic!("{reason}"),
    }
}

fn granted(token: u64) -> (In<u8>, Option<Out<u8>>) {
    (In::Acquire, Some(Out::Granted { token }))
}

fn write(token: u64, value: u8, answer: Out<u8>) -> (In<u8>, Option<Out<u8>>) {
    (In::Write { token, value }, Some(answer))
}

fn read(value: u8) -> (In<u8>, Option<Out<u8>>) {
    (In::Read, Some(Out::Value(Some(value))))
}

/// The pause that made fencing tokens known: the first holder wakes up late and writes.
#[test]
fn a_late_holder_is_fenced_off() {
    let story = |late| {
        let late = write(33, 1, late);
        [granted(33), granted(34), write(34, 2, Out::Done), late]
    };
    assert!(judged(story(Out::Refused)));
    assert!(!judged(story(Out::Done)));
    // Before the second holder has written, nothing fences the first one off.
    assert!(judged([
        granted(33),
        granted(34),
        write(33, 1, Out::Done),
        write(34, 2, Out::Done),
        read(2)
    ]));
    assert!(!judged([
        granted(33),
        granted(34),
        write(33, 1, Out::Refused)
    ]));
    // What was refused was not written.
    assert!(!judged([
        granted(33),
        granted(34),
        write(34, 2, Out::Done),
        write(33, 1, Out::Refused),
        read(1)
    ]));
}

#[test]
fn tokens_grow_and_are_granted_before_they_are_used() {
    assert!(judged([granted(1), granted(5)]));
    assert!(!judged([granted(5), granted(5)]));
    assert!(!judged([granted(5), granted(4)]));
    assert!(!judged([granted(0)]));
    assert!(!judged([write(1, 7, Out::Done)]));
    assert!(!judged([granted(1), write(2, 7, Out::Done)]));
    // Its answer was lost, and it was used all the same.
    assert!(judged([
        (In::Acquire, None),
        write(2, 7, Out::Done),
        granted(3)
    ]));
    assert!(!judged([
        (In::Acquire, None),
        write(2, 7, Out::Done),
        granted(2)
    ]));
    // A lost grant takes a token of its own.
    let concurrent = |first, second| {
        let lost = Operation::unknown(2, In::Acquire, 0);
        let grant =
            |token, call| Operation::ok(1, In::Acquire, Out::Granted { token }, call, call + 5);
        let used = Operation::ok(2, In::Write { token: 2, value: 1 }, Out::Done, 60, 65);
        let history = History::from(vec![lost, grant(first, 10), grant(second, 20), used]);
        check(&FencedLease::new(), &history, Budget::default()).holds()
    };
    assert!(concurrent(1, 3));
}

#[test]
fn who_no_longer_holds_it_can_neither_renew_nor_release() {
    let renew = |token, answer| (In::Renew { token }, Some(answer));
    let release = |token, answer| (In::Release { token }, Some(answer));
    assert!(judged([
        granted(1),
        renew(1, Out::Done),
        release(1, Out::Done)
    ]));
    assert!(
        judged([granted(1), renew(1, Out::Refused)]),
        "it may have ended"
    );
    assert!(!judged([
        granted(1),
        renew(1, Out::Refused),
        renew(1, Out::Done)
    ]));
    assert!(!judged([granted(1), granted(2), renew(1, Out::Done)]));
    assert!(!judged([
        granted(1),
        release(1, Out::Done),
        renew(1, Out::Done)
    ]));
    assert!(!judged([
        granted(1),
        release(1, Out::Done),
        release(1, Out::Done)
    ]));
    // A refusal needs a holder.
    let refused = (In::Acquire, Some(Out::Refused));
    assert!(!judged([refused.clone()]));
    assert!(judged([granted(1), refused.clone()]));
    assert!(!judged([
        granted(1),
        release(1, Out::Done),
        refused.clone()
    ]));
    assert!(!judged([granted(1), renew(1, Out::Refused), refused]));
}
