//! What is decided keeps what was declared, or what the policy settles for.

use core::time::Duration;

use proptest::prelude::*;
use quorate_clocks::Instant;

use crate::choose::ConsistencyModel::{self, *};
use crate::choose::{Decision, Models, Policy, Refusal, Rules, RulesError, View, types};

const ASKED: Instant = Instant::from_millis(10_000);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn at(after: u64) -> Instant {
    ASKED + millis(after)
}

fn serve(achieved: ConsistencyModel, staleness: Option<u64>) -> Decision {
    Decision::Serve {
        achieved,
        staleness: staleness.map(millis),
    }
}

fn offers(models: &[ConsistencyModel]) -> View {
    View::new(Models::of(models))
}

#[test]
fn what_is_promised_is_served_even_when_cut_off() {
    // A leader whose lease lasts.
    let policy = Policy::<types::Linearizable>::new();
    let view = offers(&[Linearizable]).cut_off();
    assert_eq!(
        policy.decide(&view, ASKED, ASKED),
        serve(Linearizable, Some(0))
    );
}

#[test]
fn who_is_not_ready_waits_until_the_deadline_and_then_sends_on_or_refuses() {
    let policy = Policy::<types::Linearizable>::new().wait_at_most(millis(100));
    let view = offers(&[Eventual]);
    let wait = |after| Decision::Wait { until: at(after) };
    assert_eq!(policy.decide(&view, ASKED, at(0)), wait(100));
    // It expects to be ready before; what it expected and did not come may come at any time.
    let ready = view.ready_at(at(30));
    assert_eq!(policy.decide(&ready, ASKED, at(0)), wait(30));
    assert_eq!(policy.decide(&ready, ASKED, at(30)), wait(100));

    let refused = Decision::Refuse(Refusal::Waited {
        declared: Linearizable,
        limit: millis(100),
    });
    assert_eq!(policy.decide(&view, ASKED, at(100)), refused);
    let redirect = Decision::Redirect { to: 7 };
    assert_eq!(
        policy.decide(&view.elsewhere(7), ASKED, at(0)),
        wait(100),
        "it may still come"
    );
    assert_eq!(policy.decide(&view.elsewhere(7), ASKED, at(100)), redirect);
    // To wait would be in vain.
    let late = view.ready_at(at(200));
    assert_eq!(policy.decide(&late.elsewhere(7), ASKED, at(0)), redirect);
    assert_eq!(policy.decide(&late, ASKED, at(0)), wait(100));
}

#[test]
fn the_nearest_is_served_while_it_is_fresh_and_there_is_no_partition() {
    let policy = Policy::<types::Linearizable>::new().nearest_within(millis(500));
    let view = offers(&[Sequential]).current_as_of(at(0));
    assert_eq!(
        policy.decide(&view, ASKED, at(500)),
        serve(BoundedStaleness, Some(500))
    );
    assert!(!policy.decide(&view, ASKED, at(501)).is_serve());
    assert!(!policy.decide(&view.cut_off(), ASKED, at(1)).is_serve());
    // Who does not know how old it is, is not fresh.
    assert!(
        !policy
            .decide(&offers(&[Sequential]), ASKED, at(1))
            .is_serve()
    );
}

#[test]
fn a_replica_that_is_cut_off_degrades_as_far_as_it_may() {
    let policy = Policy::<types::Linearizable>::new()
        .degrade_to::<types::ReadYourWrites>()
        .while_within(millis(1_000))
        .wait_at_most(millis(100));
    let view = offers(&[Sequential]).current_as_of(at(0)).cut_off();
    assert_eq!(
        policy.decide(&view, ASKED, at(1_000)),
        serve(ReadYourWrites, Some(1_000))
    );
    let too_stale = |staleness| {
        Decision::Refuse(Refusal::TooStale {
            staleness,
            bound: millis(1_000),
        })
    };
    assert_eq!(
        policy.decide(&view, ASKED, at(1_001)),
        too_stale(Some(millis(1_001)))
    );
    let unknown = offers(&[Sequential]).cut_off();
    assert_eq!(policy.decide(&unknown, ASKED, at(0)), too_stale(None));
    // It does not have what this client's session wrote.
    let behind = offers(&[MonotonicReads]).current_as_of(at(0)).cut_off();
    assert_eq!(
        policy.decide(&behind, ASKED, at(0)),
        Decision::Refuse(Refusal::CannotDegrade { to: ReadYourWrites })
    );
    assert_eq!(
        policy.decide(&view.elsewhere(3), ASKED, at(0)),
        Decision::Redirect { to: 3 }
    );
}

#[test]
fn bounded_staleness_is_judged_by_its_bound() {
    let policy = Policy::within(millis(50));
    let view = offers(&[Eventual]).current_as_of(at(0)).cut_off();
    assert_eq!(
        policy.decide(&view, ASKED, at(50)),
        serve(BoundedStaleness, Some(50))
    );
    assert_eq!(
        policy.decide(&view, ASKED, at(51)),
        Decision::Refuse(Refusal::CutOff {
            declared: BoundedStaleness
        })
    );
    // To offer it without a date is no offer.
    assert!(
        !policy
            .decide(&offers(&[BoundedStaleness]), ASKED, at(0))
            .is_serve()
    );
}

#[test]
fn rules_refuse_what_policies_do_not_compile() {
    for &declared in ConsistencyModel::ALL {
        let bound = (declared == BoundedStaleness).then_some(millis(5));
        let rules = Rules::new(declared, bound).unwrap();
        for &to in ConsistencyModel::ALL {
            let expected = if declared == to || !declared.implies(to) {
                Err(RulesError::NotWeaker { declared, to })
            } else if !to.availability().survives_partition() {
                Err(RulesError::NotAvailable { to })
            } else {
                Ok(Some(to))
            };
            assert_eq!(
                rules.degrade_to(to).map(|rules| rules.degrades_to()),
                expected
            );
        }
        assert_eq!(
            rules.nearest_within(millis(1)).is_ok(),
            declared != BoundedStaleness && declared.implies(BoundedStaleness)
        );
    }
    assert_eq!(Rules::new(BoundedStaleness, None), Err(RulesError::NoBound));
    assert!(Rules::new(Causal, Some(millis(1))).is_err());
}

fn any_model() -> impl Strategy<Value = ConsistencyModel> {
    proptest::sample::select(ConsistencyModel::ALL)
}

fn any_millis() -> impl Strategy<Value = Option<u64>> {
    proptest::option::of(0..40_u64)
}

prop_compose! {
    fn any_view()(
        models in proptest::collection::vec(any_model(), 0..4),
        partitioned: bool,
        current in any_millis(),
        ready in any_millis(),
        elsewhere: Option<u64>,
    ) -> View {
        View {
            offers: Models::of(&models),
            partitioned,
            current_as_of: current.map(at),
            ready_at: ready.map(at),
            elsewhere,
        }
    }
}

prop_compose! {
    fn any_rules()(
        declared in any_model(),
        degrade in proptest::option::of(any_model()),
        while_within in any_millis(),
        nearest in any_millis(),
        wait in 0..40_u64,
    ) -> (Rules, Option<u64>, Option<u64>) {
        let bound = (declared == BoundedStaleness).then_some(millis(7));
        let mut rules = Rules::new(declared, bound).unwrap().wait_at_most(millis(wait));
        if let Some(to) = degrade {
            rules = rules.degrade_to(to).unwrap_or(rules);
        }
        if let Some(within) = while_within {
            rules = rules.while_within(millis(within));
        }
        let near = nearest.and_then(|nearest| rules.nearest_within(millis(nearest)).ok());
        (near.unwrap_or(rules), nearest.filter(|_| near.is_some()), while_within)
    }
}

proptest! {
    /// What is served is what the replica keeps, and what was asked for or settled for.
    #[test]
    fn nothing_is_served_that_is_not_kept(
        view in any_view(),
        (rules, nearest, while_within) in any_rules(),
        after in 0..60_u64,
    ) {
        let now = at(after);
        let staleness = view.staleness(now);
        match rules.decide(&view, ASKED, now) {
            Decision::Serve { achieved, staleness: told } => {
                prop_assert_eq!(told, staleness);
                if achieved == rules.declared() {
                    let bound = (achieved == BoundedStaleness).then_some(millis(7));
                    prop_assert!(view.keeps(achieved, bound, now));
                } else if view.partitioned {
                    prop_assert_eq!(rules.degrades_to(), Some(achieved));
                    prop_assert!(view.offers.contains(achieved));
                    prop_assert!(while_within.is_none_or(|bound| staleness.is_some_and(|age| age <= millis(bound))));
                    prop_assert!(achieved.availability().survives_partition());
                } else {
                    prop_assert_eq!(achieved, BoundedStaleness);
                    prop_assert!(staleness.unwrap() <= millis(nearest.unwrap()));
                }
            }
            Decision::Wait { until } => {
                prop_assert!(!view.partitioned);
                prop_assert!(until > now, "a wait that is over is decided again for ever");
            }
            Decision::Redirect { to } => prop_assert_eq!(Some(to), view.elsewhere),
            Decision::Refuse(_) => prop_assert!(view.partitioned || view.elsewhere.is_none()),
        }
    }

    /// Whoever decides again when told to comes to an end.
    #[test]
    fn waiting_ends(view in any_view(), (rules, ..) in any_rules()) {
        let mut now = ASKED;
        for _ in 0..3 {
            match rules.decide(&view, ASKED, now) {
                Decision::Wait { until } => now = until,
                _ => return Ok(()),
            }
        }
        prop_assert!(false, "still waiting at {now}");
    }
}
