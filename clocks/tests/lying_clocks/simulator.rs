//! The simulator itself: the same every time, and as bad as it was asked to be.

use std::time::Duration;

use proptest::prelude::*;
use quorate_clocks::{
    ClockFault, ClockMischief, DriftRate, Hands, LyingClock, LyingClocks, NodeId, WallTime,
};

const NOON: WallTime = WallTime::from_millis(1_700_000_000_000);
const NODES: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];
const SECOND: Duration = Duration::from_secs(1);

fn wild() -> ClockMischief {
    ClockMischief::new()
        .with_every(SECOND)
        .with_skew(SECOND * 100)
        .with_drift(DriftRate::from_ppm(500).unwrap())
        .with_steps(SECOND * 3_600)
        .with_freezes(Hands::Both, SECOND * 2)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// However the time is cut into steps, the same happens and the same is read.
    #[test]
    fn readings_depend_on_the_seed_and_the_date_alone(
        seed in any::<u64>(), cuts in prop::collection::vec(0..4_000_000_000_u64, 1..12),
    ) {
        let mut once = LyingClocks::seeded(NOON, NODES, &wild(), seed);
        let mut often = once.clone();
        let struck = once.advance(Duration::from_nanos(cuts.iter().sum()));
        let steps = cuts.iter().flat_map(|cut| often.advance(Duration::from_nanos(*cut)));
        prop_assert_eq!(struck, steps.collect::<Vec<_>>());
        prop_assert_eq!(&once, &often);
        // And not on who else is there.
        let mut alone = LyingClocks::seeded(NOON, [NodeId(2)], &wild(), seed);
        alone.advance(Duration::from_nanos(cuts.iter().sum()));
        prop_assert_eq!(alone.read(NodeId(2)), once.read(NodeId(2)));
    }

    /// What a mischief bounds, stays within that, and the faults that it allows do happen.
    #[test]
    fn a_mischief_is_as_bad_as_it_says_and_no_worse(seed in any::<u64>()) {
        let drift = DriftRate::from_ppm(300).unwrap();
        let error = Duration::from_millis(25);
        let disciplined = ClockMischief::new()
            .with_every(SECOND)
            .with_skew(SECOND)
            .with_drift(drift)
            .with_steps(SECOND)
            .with_wall_within(error);
        let mut clocks = LyingClocks::seeded(NOON, NODES, &disciplined, seed);
        let struck = clocks.advance(SECOND * 100);
        let count = |kind: fn(&ClockFault) -> bool| struck.iter().filter(|one| kind(&one.fault)).count();
        let drifts = count(|fault| matches!(fault, ClockFault::Drift { .. }));
        let back = count(|fault| matches!(fault, ClockFault::WallBack(_)));
        let forward = count(|fault| matches!(fault, ClockFault::WallForward(_)));
        prop_assert!(drifts > 30 && back > 10 && forward > 10);
        for (node, clock) in clocks.iter() {
            prop_assert!(clock.kept(clocks.truth()).unwrap() <= drift);
            prop_assert_eq!(clock.worst_wall_error(clocks.truth()), error, "{}", node);
        }
        prop_assert_eq!(clocks.worst_skew(), error * 2);
    }
}

/// The monotonic clocks of machines have nothing to do with each other, or with the date.
#[test]
fn instants_of_two_machines_do_not_compare() {
    let clocks = LyingClocks::seeded(NOON, NODES, &ClockMischief::new(), 5);
    let [one, two, three] = NODES.map(|node| clocks.read(node).unwrap());
    assert!(one.now != two.now && two.now != three.now);
    assert_eq!([one.wall, two.wall, three.wall], [NOON; 3]);
}

#[test]
fn freezes_begin_and_end_and_leave_clocks_behind_or_not() {
    let mischief = ClockMischief::new()
        .with_every(SECOND)
        .with_freezes(Hands::Both, SECOND);
    let mut clocks = LyingClocks::seeded(NOON, NODES, &mischief, 5);
    let struck = clocks.advance(SECOND * 100);
    let count = |fault| struck.iter().filter(|one| one.fault == fault).count();
    let froze = count(ClockFault::Freeze(Hands::Both));
    assert!(froze > 100);
    for hands in [Hands::Monotonic, Hands::Wall] {
        let (behind, not) = (
            count(ClockFault::Resume(hands)),
            count(ClockFault::CatchUp(hands)),
        );
        assert!(behind > 30 && not > 30);
        assert!((froze - 3..=froze).contains(&(behind + not)));
    }
    for (_, clock) in clocks.iter() {
        assert_eq!(clock.kept(clocks.truth()), None);
        assert!(clock.wall_error(clocks.truth()) > SECOND);
    }
}

#[test]
fn what_is_scheduled_happens_in_order_and_to_those_who_are_there() {
    let mut clocks = LyingClocks::new(NOON, [NodeId(1)]);
    let after = |seconds| NOON.saturating_add(SECOND * seconds);
    clocks.schedule(after(9), NodeId(1), ClockFault::CatchUp(Hands::Wall));
    clocks.schedule(after(5), NodeId(1), ClockFault::Freeze(Hands::Wall));
    clocks.schedule(after(6), NodeId(7), ClockFault::Freeze(Hands::Both));
    clocks.schedule(
        WallTime::UNIX_EPOCH,
        NodeId(1),
        ClockFault::WallForward(SECOND),
    );
    assert!(!clocks.strike(NodeId(7), ClockFault::Freeze(Hands::Both)));
    assert_eq!(clocks.read(NodeId(7)), None);

    assert_eq!(
        clocks.advance(Duration::ZERO).len(),
        1,
        "what is past happens now"
    );
    assert_eq!(clocks.advance(SECOND * 7).len(), 1);
    assert_eq!(clocks.read(NodeId(1)).unwrap().wall, after(6));
    clocks.insert(NodeId(2), LyingClock::new(clocks.truth()));
    assert_eq!(clocks.advance(SECOND * 7).len(), 1);
    assert_eq!(clocks.read(NodeId(1)).unwrap().wall, after(15));
    assert_eq!(clocks.read(NodeId(2)).unwrap().wall, after(14));
    assert_eq!(clocks.advance(Duration::MAX).len(), 0);
    assert_eq!(clocks.truth(), WallTime::MAX);
}
