//! The laws of the clocks, against an oracle that knows what happened before what.
//!
//! The oracle keeps, for each event, the set of all events that can have influenced it: the history
//! of its node so far and, for an arrival, the history of the message. Event a happened before event
//! b exactly when a is in the history of b (Lamport 1978, definition of "->").

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use quorate_clocks::{
    HybridClock, HybridHandle, HybridStamp, LamportClock, LamportStamp, NodeId, ShardedHybridClock,
    WallTime,
};

const NODES: usize = 4;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Something happens on a node, and a message about it leaves.
    Send { node: usize },
    /// One of the messages so far arrives: late, out of order, again, or at its own sender.
    Arrive { node: usize, message: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..NODES).prop_map(|node| Step::Send { node }),
        (0..NODES, any::<prop::sample::Index>()).prop_map(|(node, message)| Step::Arrive {
            node,
            message: message.index(1 << 16),
        }),
    ];
    prop::collection::vec(step, 1..80)
}

/// One event, what the clock under test stamped it, and all that happened before it.
#[derive(Clone)]
struct Event<S> {
    node: usize,
    stamp: S,
    history: BTreeSet<usize>,
}

/// Runs the steps. `stamp` is asked for the stamp of each event: its number, its node, and the
/// stamp of the message that arrives.
fn run<S: Copy>(
    steps: &[Step],
    mut stamp: impl FnMut(usize, usize, Option<(usize, S)>) -> S,
) -> Vec<Event<S>> {
    let mut known: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); NODES];
    let mut events: Vec<Event<S>> = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let (node, message) = match *step {
            Step::Send { node } => (node, None),
            Step::Arrive { node, message } => {
                let picked = message.checked_rem(events.len());
                (node, picked)
            }
        };
        if let Some(message) = message {
            known[node].extend(events[message].history.iter().copied());
            known[node].insert(message);
        }
        let carried = message.map(|message| (events[message].node, events[message].stamp));
        events.push(Event {
            node,
            stamp: stamp(number, node, carried),
            history: known[node].clone(),
        });
        known[node].insert(number);
    }
    events
}

fn assert_cause_is_respected<S: Copy + Ord + std::fmt::Debug>(events: &[Event<S>]) {
    for (number, event) in events.iter().enumerate() {
        for &cause in &event.history {
            assert!(
                events[cause].stamp < event.stamp,
                "event {cause} with {:?} happened before event {number} with {:?}",
                events[cause].stamp,
                event.stamp
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn lamport_stamps_respect_cause_and_are_unique(steps in steps()) {
        let mut clocks: Vec<_> = (0..NODES as u64).map(|id| LamportClock::new(NodeId(id))).collect();
        let events = run::<LamportStamp>(&steps, |_, node, message| match message {
            None => clocks[node].tick().unwrap(),
            Some((_, stamp)) => clocks[node].receive(stamp).unwrap(),
        });
        assert_cause_is_respected(&events);
        let distinct: BTreeSet<_> = events.iter().map(|event| event.stamp).collect();
        prop_assert_eq!(distinct.len(), events.len());
    }

    /// The wall clocks may show anything: the order of the stamps does not depend on them.
    #[test]
    fn hybrid_stamps_respect_cause_whatever_the_wall_clocks_show(
        steps in steps(),
        walls in prop::collection::vec(prop_oneof![any::<u64>(), 0..20_000_000_u64], 80),
    ) {
        let mut clocks = vec![HybridClock::new(Duration::MAX); NODES];
        let events = run::<HybridStamp>(&steps, |number, node, message| {
            let wall = WallTime::from_nanos(walls[number]);
            match message {
                None => clocks[node].now(wall).unwrap(),
                Some((from, stamp)) => {
                    clocks[node].receive(NodeId(from as u64), stamp, wall).unwrap()
                }
            }
        });
        assert_cause_is_respected(&events);
        let distinct: BTreeSet<_> = events.iter().map(|event| (event.stamp, event.node)).collect();
        prop_assert_eq!(distinct.len(), events.len());
    }

    /// Handles of one clock are nodes to each other: what is received is passed, on every handle.
    #[test]
    fn stamps_of_handles_respect_cause_and_are_unique(
        steps in steps(),
        walls in prop::collection::vec(prop_oneof![any::<u64>(), 0..20_000_000_u64], 80),
    ) {
        let clock = ShardedHybridClock::new(Duration::MAX, NODES);
        let mut handles: Vec<_> = (0..NODES).map(|_| HybridHandle::new(&clock).unwrap()).collect();
        let events = run::<HybridStamp>(&steps, |number, node, message| {
            let wall = WallTime::from_nanos(walls[number]);
            match message {
                None => handles[node].now(wall).unwrap(),
                Some((from, stamp)) => {
                    let received = handles[node].receive(NodeId(from as u64), stamp, wall).unwrap();
                    assert!(clock.floor() >= stamp);
                    received
                }
            }
        });
        assert_cause_is_respected(&events);
        let distinct: BTreeSet<_> = events.iter().map(|event| event.stamp).collect();
        prop_assert_eq!(distinct.len(), events.len());
    }

    /// Kulkarni et al. 2014, Section 3: with wall clocks within `skew` of the true time, a stamp is
    /// never behind its own wall clock (Theorem 2) and leads it by at most twice `skew`
    /// (Corollary 1), so no message is refused under a bound of that size; and the counter is at
    /// most the number of events of that millisecond that happened before (Corollary 2).
    #[test]
    fn hybrid_stamps_stay_within_the_skew_of_the_wall_clocks(
        steps in steps(),
        skew in 1..50_u64,
        offsets in prop::collection::vec(0..=100_u64, NODES),
        pauses in prop::collection::vec(0..4_u64, 80),
    ) {
        let mut clocks = vec![HybridClock::new(Duration::from_millis(2 * skew)); NODES];
        let mut true_time = 1_000_000;
        let mut walls = Vec::new();
        let events = run::<HybridStamp>(&steps, |number, node, message| {
            true_time += pauses[number];
            let millis = true_time - skew + 2 * skew * offsets[node] / 100;
            walls.push(millis);
            let wall = WallTime::from_millis(millis);
            match message {
                None => clocks[node].now(wall).unwrap(),
                Some((from, stamp)) => {
                    clocks[node].receive(NodeId(from as u64), stamp, wall).unwrap()
                }
            }
        });
        for (event, wall) in events.iter().zip(walls) {
            let stamp = event.stamp;
            prop_assert!(stamp.millis() >= wall, "{} is behind its wall clock", stamp);
            prop_assert!(stamp.millis() - wall <= 2 * skew, "{} leads {} too far", stamp, wall);
            let same_millisecond = |cause: &&usize| events[**cause].stamp.millis() == stamp.millis();
            let before = event.history.iter().filter(same_millisecond).count();
            prop_assert!(stamp.counter() as usize <= before, "{} after {}", stamp, before);
        }
    }
}
