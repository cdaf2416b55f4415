//! Interval clocks.

use std::time::Duration;

use quorate_clocks::{
    Causality, ClockStatus, CommitProgress, CommitWait, DriftRate, HybridClock, Instant,
    IntervalClock, NodeId, NotSynchronised, Relation, TimeInterval, WallTime,
};

const fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

const fn date(millis: u64) -> WallTime {
    WallTime::from_millis(1_700_000_000_000 + millis)
}

fn interval(earliest: u64, latest: u64) -> TimeInterval {
    TimeInterval::new(date(earliest), date(latest)).unwrap()
}

const MILLI: Duration = Duration::from_millis(1);

/// Certainly before exactly if it ends before the other begins; where they overlap, or touch, nobody
/// knows, and no `bool` says so.
#[test]
fn trap_19_intervals_that_overlap_are_in_no_order() {
    let cases = [
        (interval(0, 9), interval(10, 19), Some(true)),
        (interval(0, 10), interval(10, 19), None),
        (interval(0, 15), interval(10, 19), None),
        (interval(10, 19), interval(10, 19), None),
        (interval(12, 13), interval(10, 19), None),
    ];
    for (a, b, expected) in cases {
        assert_eq!(a.definitely_before(b), expected, "{a} and {b}");
        assert_eq!(b.definitely_before(a), expected.map(|before| !before));
        assert_eq!(a.relate(&b), expected.map(|_| Relation::Before));
        assert_eq!(b.relate(&a), expected.map(|_| Relation::After));
    }
}

#[test]
fn trap_19_commit_wait_lasts_until_the_stamp_is_certainly_past() {
    let mut clock = IntervalClock::new(DriftRate::NONE);
    clock.step(at(0), interval(0, 10));
    let mut wait = CommitWait::begin(&clock, at(0)).unwrap();
    assert_eq!(wait.stamp(), date(10));
    // When `earliest` is the stamp itself, another clock may still give it out.
    assert!(matches!(
        wait.poll(&clock, at(10)),
        CommitProgress::Waiting { until } if until > at(10)
    ));
    let past = at(10).saturating_add(Duration::from_nanos(1));
    assert_eq!(wait.poll(&clock, past), CommitProgress::Past);
    // Once past, always past, also when the clock is lost afterwards.
    clock.step(past, interval(0, 1_000));
    assert_eq!(wait.poll(&clock, past), CommitProgress::Past);
}

/// A wait that is computed once is too short when the clock runs free meanwhile.
#[test]
fn trap_19_commit_wait_grows_with_the_error_of_a_free_running_clock() {
    let drift = DriftRate::from_ppm(100_000).unwrap(); // a tenth, to see it
    let mut clock = IntervalClock::new(drift).with_free_running_after(5 * MILLI);
    clock.step(at(0), interval(0, 18));
    let mut wait = CommitWait::begin(&clock, at(0)).unwrap();
    let CommitProgress::Waiting { until } = wait.poll(&clock, at(0)) else {
        panic!("18 ms are left");
    };
    // A perfect clock would be there after 18 ms. This one counts 18 only after 20.
    assert_eq!(clock.status(at(18)), ClockStatus::FreeRunning);
    assert!(matches!(
        wait.poll(&clock, at(19)),
        CommitProgress::Waiting { .. }
    ));
    assert!((at(20)..at(21)).contains(&until), "{until}");

    // Meanwhile it is told that it is 5 ms less far than it may have been: longer still.
    let mut told = clock.clone();
    told.step(at(19), interval(12, 20));
    assert!(
        matches!(wait.clone().poll(&told, until), CommitProgress::Waiting { until: later } if later > until)
    );
    // Or that it is as far as it can be: done early.
    told.step(at(19), interval(19, 20));
    assert_eq!(wait.clone().poll(&told, at(19)), CommitProgress::Past);
    assert_eq!(wait.poll(&clock, until), CommitProgress::Past);
}

#[test]
fn trap_19_commit_wait_never_ends_on_a_clock_that_is_not_synchronised() {
    let never = IntervalClock::new(DriftRate::NONE);
    assert_eq!(
        CommitWait::begin(&never, at(0)),
        Err(NotSynchronised::Never)
    );
    let drift = DriftRate::from_ppm(1_000).unwrap();
    let mut clock = IntervalClock::new(drift).with_max_error(10 * MILLI);
    clock.step(at(0), interval(0, 18));
    let mut wait = CommitWait::until_past(date(15_000));
    for late in [20_000, 50_000, u64::MAX] {
        assert_eq!(clock.status(at(late)), ClockStatus::Unsynchronised);
        assert!(matches!(
            wait.poll(&clock, at(late)),
            CommitProgress::Stuck(NotSynchronised::TooWide { .. })
        ));
    }
    clock
        .synchronise(at(50_000), interval(49_999, 50_001))
        .unwrap();
    assert_eq!(wait.poll(&clock, at(50_000)), CommitProgress::Past);
}

/// A stamp of a hybrid clock that leads the wall clock is further off than the wall clock is: the error
/// is `stamp - (wall - error)` then (YugabyteDB).
#[test]
fn trap_20_a_leading_hybrid_stamp_widens_the_interval() {
    let error = 3 * MILLI;
    let wall = date(1_000);
    let now = TimeInterval::around(wall, error);
    let mut hybrid = HybridClock::new(Duration::from_millis(500));
    let leading = HybridClock::new(Duration::MAX).now(date(1_040)).unwrap();
    let stamp = hybrid.receive(NodeId(2), leading, wall).unwrap();

    let widened = now.covering(stamp.wall());
    assert!(widened.contains(wall) && widened.contains(stamp.wall()));
    assert_eq!(widened.earliest(), wall.saturating_sub(error));
    let from_stamp = stamp.wall().since(widened.earliest());
    assert_eq!(from_stamp, 40 * MILLI + error);
    // One that does not lead leaves it alone.
    let stamp = HybridClock::new(Duration::ZERO).now(wall).unwrap();
    assert_eq!(now.covering(stamp.wall()), now);
}

/// An interval that ends before it begins would be before itself.
#[test]
fn trap_21_an_inverted_interval_cannot_be_made() {
    let refused = TimeInterval::new(date(2), date(1)).unwrap_err();
    assert_eq!((refused.earliest, refused.latest), (date(2), date(1)));
    assert!(TimeInterval::try_from((date(2), date(1))).is_err());

    let mut bytes = interval(1, 2).to_bytes();
    assert_eq!(TimeInterval::from_bytes(bytes), Ok(interval(1, 2)));
    bytes.rotate_left(8);
    assert!(TimeInterval::from_bytes(bytes).is_err());
    assert_eq!(interval(1, 2).intersect(interval(3, 4)), None);

    // Nothing that is added or subtracted makes one: not at the ends of time either.
    for middle in [WallTime::UNIX_EPOCH, date(0), WallTime::MAX] {
        for error in [Duration::ZERO, MILLI, Duration::MAX] {
            let around = TimeInterval::around(middle, error);
            assert!(around.earliest() <= middle && middle <= around.latest());
            let mut clock = IntervalClock::new(DriftRate::from_ppb(999_999_999).unwrap());
            clock.step(at(5_000), around);
            for now in [Instant::ORIGIN, at(5_000), at(9_000), Instant::MAX] {
                let read = clock.now(now).unwrap();
                assert!(read.earliest() <= read.latest());
            }
        }
    }
    // No rate of drift is 100 % or more: the clock's earliest would go back.
    assert_eq!(DriftRate::from_ppb(1_000_000_000), None);
    assert_eq!(DriftRate::from_ppm(u32::MAX), None);
}
