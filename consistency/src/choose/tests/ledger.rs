use core::time::Duration;

use expect_test::expect;
use quorate_clocks::Instant;

use crate::choose::ConsistencyModel::*;
use crate::choose::{Decision, Ledger, Models, Pacelc, Policy, Refusal, View, types};

fn decided(ledger: &mut Ledger, times: u64, decision: Decision, partitioned: bool, waited: u64) {
    for _ in 0..times {
        let waited = Duration::from_millis(waited);
        ledger.record(Linearizable, partitioned, &decision, waited);
    }
}

fn served(achieved: crate::choose::ConsistencyModel, millis: u64) -> Decision {
    Decision::Serve {
        achieved,
        staleness: Some(Duration::from_millis(millis)),
    }
}

const REFUSED: Decision = Decision::Refuse(Refusal::CutOff {
    declared: Linearizable,
});

#[test]
fn the_table_tells_what_came_of_each_policy() {
    let mut ledger = Ledger::new();
    decided(&mut ledger, 95, served(Linearizable, 0), false, 2);
    decided(&mut ledger, 5, served(Linearizable, 0), false, 40);
    decided(&mut ledger, 3, served(Eventual, 1_500), true, 0);
    decided(&mut ledger, 1, REFUSED, true, 0);
    decided(
        &mut ledger,
        7,
        Decision::Wait {
            until: Instant::MAX,
        },
        true,
        0,
    );
    ledger.record(
        Causal,
        true,
        &Decision::<u64>::Redirect { to: 2 },
        Duration::ZERO,
    );
    expect![[r#"
        declared                     partition ending                            count  waited p50 / p99 / max     staleness p50 / p99 / max
        linearizable                 no        kept                                100  2.0ms / 40.0ms / 40.0ms    0.0ns / 0.0ns / 0.0ns
        linearizable                 yes       lowered to eventual                   3  0.0ns / 0.0ns / 0.0ns      1.5s / 1.5s / 1.5s
        linearizable                 yes       refused                               1  0.0ns / 0.0ns / 0.0ns      -
        causal                       yes       redirected                            1  0.0ns / 0.0ns / 0.0ns      -
    "#]]
    .assert_eq(&alloc::format!("{ledger}"));
    let pacelc = ledger.pacelc(Linearizable);
    assert_eq!(
        (pacelc.partition.total(), pacelc.otherwise.total()),
        (4, 100)
    );
    assert_eq!(alloc::format!("{pacelc}"), "PA/EC");
}

#[test]
fn the_letters_say_what_was_chosen_more_often() {
    let label = |decisions: &[(u64, Decision, bool, u64)]| {
        let mut ledger = Ledger::new();
        for &(times, decision, partitioned, waited) in decisions {
            decided(&mut ledger, times, decision, partitioned, waited);
        }
        alloc::format!("{}", ledger.pacelc(Linearizable))
    };
    assert_eq!(label(&[]), "P-/E-");
    assert_eq!(label(&[(9, served(Linearizable, 0), false, 0)]), "P-/E-");
    assert_eq!(
        label(&[(9, served(BoundedStaleness, 8), false, 0)]),
        "P-/EL"
    );
    assert_eq!(label(&[(9, served(Linearizable, 0), false, 1)]), "P-/EC");
    assert_eq!(
        label(&[(2, REFUSED, true, 0), (1, served(Eventual, 8), true, 0)]),
        "PC/E-"
    );
    assert_eq!(alloc::format!("{}", Pacelc::default()), "P-/E-");
}

#[test]
fn merged_is_as_counted_by_one() {
    let (mut one, mut other, mut both) = (Ledger::new(), Ledger::new(), Ledger::new());
    for (at, ledger) in [&mut one, &mut other].into_iter().enumerate() {
        let at = at as u64;
        for into in [ledger, &mut both] {
            decided(into, 3 + at, served(Eventual, at), at == 0, 5);
            decided(into, 1, REFUSED, true, at);
        }
    }
    one.merge(&other);
    assert_eq!(one, both);
}

#[test]
fn what_is_decided_is_counted_once() {
    let policy = Policy::<types::Linearizable>::new().wait_at_most(Duration::from_millis(10));
    let mut ledger = Ledger::new();
    let asked = Instant::from_millis(1);
    let view: View = View::new(Models::NONE);
    let Decision::Wait { until } = ledger.decide(policy.rules(), &view, asked, asked) else {
        panic!("it has 10 ms left");
    };
    assert_eq!(ledger.rows().count(), 0);
    ledger.decide(policy.rules(), &view, asked, until);
    let row = ledger.rows().next().unwrap();
    assert_eq!(
        (row.count(), row.waited.max()),
        (1, Some(Duration::from_millis(10)))
    );
}
