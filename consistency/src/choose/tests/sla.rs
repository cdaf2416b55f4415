use core::time::Duration;

use quorate_clocks::Instant;

use crate::choose::ConsistencyModel::*;
use crate::choose::{Candidate, Latencies, Models, Sla, SlaError, SubSla, View};

fn wish(model: crate::choose::ConsistencyModel, millis: u64, utility: f64) -> SubSla {
    SubSla {
        model,
        bound: None,
        latency: Duration::from_millis(millis),
        utility,
    }
}

fn answering(millis: u64) -> Latencies {
    let mut latencies = Latencies::new(Duration::from_secs(1));
    for _ in 0..50 {
        latencies.answered(NOW, Duration::from_millis(millis));
    }
    latencies
}

const NOW: Instant = Instant::from_millis(1_000);

#[test]
fn lists_that_make_no_sense_are_refused() {
    assert_eq!(Sla::new([]), Err(SlaError::Empty));
    assert_eq!(
        Sla::new([wish(BoundedStaleness, 1, 1.0)]),
        Err(SlaError::NoBound { at: 0 })
    );
    for utility in [-0.5, f64::NAN, f64::INFINITY, 0.75] {
        let list = [wish(Causal, 1, 0.5), wish(Eventual, 1, utility)];
        assert!(
            matches!(Sla::new(list), Err(SlaError::Utility { at: 1, .. })),
            "{utility}"
        );
    }
    assert!(Sla::new([wish(Causal, 1, f64::INFINITY)]).is_err());
    let many = core::iter::repeat_n(wish(Eventual, 1, 1.0), Sla::MAX_WISHES + 1);
    assert_eq!(Sla::new(many), Err(SlaError::TooMany));
}

/// The "password checking" list of the paper: strong if it is fast, else anything, else strong at any cost.
#[test]
fn the_replica_depends_on_who_is_near_and_who_is_current() {
    let sla = Sla::new([
        wish(Linearizable, 150, 1.0),
        wish(Eventual, 150, 0.5),
        wish(Linearizable, 1_000, 0.25),
    ])
    .unwrap();
    let leader = View::new(Models::of(&[Linearizable]));
    let follower = View::new(Models::of(&[Sequential]));
    let (fast, slow) = (answering(10), answering(300));
    let choose = |leader_at: &Latencies, follower_at: &Latencies| {
        let candidates = [
            Candidate {
                replica: "leader",
                view: &leader,
                latencies: leader_at,
            },
            Candidate {
                replica: "follower",
                view: &follower,
                latencies: follower_at,
            },
        ];
        let choice = sla.choose(&candidates, NOW).unwrap();
        (choice.replica, choice.wish)
    };
    assert_eq!(choose(&fast, &fast), ("leader", 0));
    assert_eq!(choose(&slow, &fast), ("follower", 1));
    assert_eq!(choose(&slow, &slow), ("leader", 2));
}

#[test]
fn nobody_is_chosen_for_what_nobody_keeps() {
    let sla = Sla::new([wish(Linearizable, 150, 1.0)]).unwrap();
    let (view, latencies) = (View::new(Models::of(&[Causal])), answering(1));
    let candidate = Candidate {
        replica: 1,
        view: &view,
        latencies: &latencies,
    };
    assert_eq!(sla.choose(&[candidate], NOW), None);
    assert_eq!(sla.choose::<u8>(&[], NOW), None);
}

#[test]
fn the_wish_that_came_true_is_the_first_that_was_met() {
    let fresh = SubSla {
        bound: Some(Duration::from_secs(5)),
        ..wish(BoundedStaleness, 100, 0.5)
    };
    let sla = Sla::new([wish(Linearizable, 50, 1.0), fresh, wish(Eventual, 200, 0.1)]).unwrap();
    let delivered = |models: &[_], age: Option<u64>, millis| {
        let age = age.map(Duration::from_secs);
        sla.delivered(Models::of(models), age, Duration::from_millis(millis))
    };
    assert_eq!(delivered(&[Linearizable], Some(0), 50), Some(0));
    assert_eq!(delivered(&[Linearizable], Some(0), 51), Some(1));
    assert_eq!(delivered(&[Eventual], Some(5), 100), Some(1));
    assert_eq!(delivered(&[Eventual], Some(6), 100), Some(2));
    assert_eq!(delivered(&[Eventual], None, 100), Some(2));
    assert_eq!(delivered(&[Linearizable], Some(0), 201), None);
}
