//! Interval clocks against the true time.

use std::time::Duration;

use proptest::prelude::*;
use quorate_clocks::{
    CommitProgress, CommitWait, DriftRate, Instant, IntervalClock, TimeInterval, WallTime,
};

const EPOCH: u64 = 1_700_000_000_000_000_000;
const DRIFT_PPM: u64 = 300;

/// A monotonic clock that is off by up to its drift, however it likes.
struct Oscillator {
    counted: u64,
    truth: u64,
}

impl Oscillator {
    /// Lets it count so many nanoseconds, during which between 1 - drift and 1 + drift of that passed.
    fn count(&mut self, nanos: u64, slant: u64) {
        let most = nanos * DRIFT_PPM / 1_000_000;
        self.counted += nanos;
        self.truth += nanos - most + 2 * most * slant / 100;
    }

    fn now(&self) -> Instant {
        Instant::from_nanos(self.counted)
    }

    fn truth(&self) -> WallTime {
        WallTime::from_nanos(EPOCH + self.truth)
    }

    /// A source that is right: an interval around the truth, not always in its middle.
    fn source(&self, before: u64, after: u64) -> TimeInterval {
        let truth = self.truth().as_nanos();
        let (earliest, latest) = (truth - before, truth + after);
        TimeInterval::new(WallTime::from_nanos(earliest), WallTime::from_nanos(latest)).unwrap()
    }
}

fn drift() -> DriftRate {
    DriftRate::from_ppm(DRIFT_PPM as u32).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// While its assumptions hold, the true time is always inside, `earliest` never goes back, what is
    /// told is never a disagreement, and a commit wait ends only when its stamp is truly past.
    #[test]
    fn the_true_time_is_always_inside(
        steps in prop::collection::vec(
            (0..20_000_000_000_u64, 0..=100_u64, prop::option::of((0..50_000_000_u64, 0..50_000_000_u64))),
            1..60,
        ),
    ) {
        let mut oscillator = Oscillator { counted: 7_000, truth: 0 };
        let mut clock = IntervalClock::new(drift());
        clock.synchronise(oscillator.now(), oscillator.source(2_000_000, 1_000_000)).unwrap();
        let mut earliest = WallTime::UNIX_EPOCH;
        let mut wait = CommitWait::begin(&clock, oscillator.now()).unwrap();
        for (counted, slant, told) in steps {
            oscillator.count(counted, slant);
            let now = oscillator.now();
            if let Some((before, after)) = told {
                clock.synchronise(now, oscillator.source(before, after)).unwrap();
            }
            let read = clock.now(now).unwrap();
            prop_assert!(read.contains(oscillator.truth()), "{} is not in {read}", oscillator.truth());
            prop_assert!(read.earliest() >= earliest);
            earliest = read.earliest();
            match wait.poll(&clock, now) {
                CommitProgress::Past => {
                    prop_assert!(oscillator.truth() > wait.stamp());
                    wait = CommitWait::begin(&clock, now).unwrap();
                }
                CommitProgress::Waiting { until } => {
                    prop_assert!(until > now);
                    // When it says, and without any news, it is past; a moment before, it is not.
                    prop_assert_eq!(wait.clone().poll(&clock, until), CommitProgress::Past);
                    let sooner = until.saturating_sub(Duration::from_nanos(3));
                    if sooner > now {
                        prop_assert_ne!(wait.clone().poll(&clock, sooner), CommitProgress::Past);
                    }
                }
                stuck => prop_assert!(false, "{stuck:?}"),
            }
        }
    }

    /// A monotonic clock that drifts by more than it was told is noticed when a source is exact
    /// enough to show it, and the clock does not move.
    #[test]
    fn too_much_drift_is_a_disagreement(seconds in 10..1_000_u64) {
        let mut clock = IntervalClock::new(DriftRate::from_ppm(10).unwrap());
        let start = Oscillator { counted: 0, truth: 0 };
        clock.synchronise(start.now(), start.source(0, 0)).unwrap();
        // 100 ppm fast, which is 90 more than is allowed.
        let late = Oscillator { counted: seconds * 1_000_100_000, truth: seconds * 1_000_000_000 };
        let before = clock.clone();
        let disagreement = clock.synchronise(late.now(), late.source(0, 0)).unwrap_err();
        prop_assert!(disagreement.distance() >= Duration::from_nanos(seconds * 89_000));
        prop_assert_eq!(&clock, &before);
        clock.step(late.now(), disagreement.theirs);
        prop_assert!(clock.now(late.now()).unwrap().contains(late.truth()));
    }
}

/// An answer that was on its way for long is told after one that overtook it: `at` goes back.
#[test]
fn late_news_makes_nothing_wider() {
    let at = Instant::from_millis;
    let noon = WallTime::from_nanos(EPOCH);
    let after = |millis| noon.saturating_add(Duration::from_millis(millis));
    let about = |date, error| TimeInterval::around(date, Duration::from_millis(error));
    let mut clock = IntervalClock::new(drift());
    clock.synchronise(at(100_000), about(noon, 5)).unwrap();
    let before = clock.now(at(100_000)).unwrap();

    // It says nothing new.
    clock.synchronise(at(0), TimeInterval::ALWAYS).unwrap();
    assert_eq!(clock.now(at(100_000)), Ok(before));
    assert_eq!(
        clock.status(at(160_000)),
        quorate_clocks::ClockStatus::Synchronised
    );

    // It says something: by now, 98 s after it, the truth is at least 97,974 ms and less 29.4 later.
    let news = TimeInterval::new(noon, after(200_000)).unwrap();
    clock
        .synchronise(
            at(2_000),
            TimeInterval::new(
                news.earliest()
                    .saturating_sub(Duration::from_millis(97_970)),
                news.latest(),
            )
            .unwrap(),
        )
        .unwrap();
    let now = clock.now(at(100_000)).unwrap();
    assert_eq!(now.latest(), before.latest());
    let least = noon.saturating_add(Duration::from_micros(30_000 - 29_400));
    assert_eq!(now.earliest(), least);

    // It contradicts.
    let wrong = about(after(10_000), 1);
    let unchanged = clock.clone();
    let disagreement = clock.synchronise(at(2_000), wrong).unwrap_err();
    assert_eq!((disagreement.at, disagreement.theirs), (at(2_000), wrong));
    assert_eq!(clock, unchanged);
}

proptest! {
    /// How wide an agreement can be, when the correct intervals have up to `faulty` false ones beside
    /// them that were made to widen it.
    #[test]
    fn an_agreement_is_as_narrow_as_it_says(
        correct in prop::collection::vec((0..50_u64, 0..50_u64), 1..6),
        wrong in prop::collection::vec((0..300_u64, 0..300_u64), 0..5),
    ) {
        let truth = 150;
        let interval = |from, to| {
            TimeInterval::new(WallTime::from_nanos(from), WallTime::from_nanos(to)).unwrap()
        };
        let faulty = wrong.len();
        let correct: Vec<_> =
            correct.iter().map(|(a, b)| interval(truth - a, truth + b)).collect();
        let wrong = wrong.iter().map(|(a, b)| interval(*a.min(b), *a.max(b)));
        let all: Vec<_> = correct.iter().copied().chain(wrong).collect();
        prop_assume!(faulty < all.len());
        let agreed = TimeInterval::agreement(&all, faulty).expect("the truth is in enough of them");
        prop_assert!(agreed.contains(WallTime::from_nanos(truth)));
        let mut widths: Vec<_> = correct.iter().map(|interval| interval.width()).collect();
        widths.sort_unstable();
        let widest = *widths.last().unwrap();
        if 3 * faulty < all.len() {
            prop_assert!(agreed.width() <= widest);
        } else if 2 * faulty < all.len() {
            let second = widths.iter().rev().nth(1).unwrap();
            prop_assert!(agreed.width() <= widest + *second);
        }
    }
}

/// One of three can make it wider than each of the two that are right, which one of four cannot.
#[test]
fn a_third_of_liars_can_widen_an_agreement() {
    let interval = |from, to| {
        TimeInterval::new(WallTime::from_millis(from), WallTime::from_millis(to)).unwrap()
    };
    let all = [interval(0, 2), interval(1, 3), interval(0, 100)];
    assert_eq!(TimeInterval::agreement(&all, 1), Some(interval(0, 3)));
}

/// Of what has been counted before it was told, the drift is as unsure as of what was counted since.
#[test]
fn a_look_back_is_as_unsure_as_a_look_ahead() {
    let mut clock = IntervalClock::new(drift());
    let noon = WallTime::from_nanos(EPOCH);
    let told = TimeInterval::around(noon, Duration::from_millis(1));
    clock
        .synchronise(Instant::from_millis(50_000), told)
        .unwrap();
    // Ten seconds at 300 ppm are three milliseconds.
    let expected = |date| Ok(TimeInterval::around(date, Duration::from_millis(4)));
    let ten = Duration::from_secs(10);
    assert_eq!(
        clock.now(Instant::from_millis(40_000)),
        expected(noon.saturating_sub(ten))
    );
    assert_eq!(
        clock.now(Instant::from_millis(60_000)),
        expected(noon.saturating_add(ten))
    );
}

/// What is rounded is rounded to the unsafe side of nothing.
#[test]
fn drift_is_rounded_up() {
    let nanos = Duration::from_nanos;
    let ppb = |ppb| DriftRate::from_ppb(ppb).unwrap();
    assert_eq!(ppb(1).over(nanos(1)), nanos(1));
    assert_eq!(ppb(1).over(nanos(1_000_000_000)), nanos(1));
    assert_eq!(ppb(1).over(nanos(1_000_000_001)), nanos(2));
    assert_eq!(ppb(999_999_999).over(nanos(1)), nanos(1));
    assert_eq!(
        ppb(999_999_999).over(Duration::MAX),
        Duration::MAX - nanos(Duration::MAX.as_secs())
    );
    assert_eq!(DriftRate::NONE.over(Duration::MAX), Duration::ZERO);
}

/// Near the last date that can be told there is no overflow, nothing goes back, and a date that has
/// none after it is waited for without asking again and again.
#[test]
fn the_end_of_time_is_waited_for_in_peace() {
    let end = |before| WallTime::from_nanos(u64::MAX - before);
    let mut clock = IntervalClock::new(drift());
    clock
        .synchronise(Instant::ORIGIN, TimeInterval::new(end(10), end(8)).unwrap())
        .unwrap();
    let mut earliest = WallTime::UNIX_EPOCH;
    for nanos in [0, 1, 5, 10, 11, 12, 20, 5_000, u64::MAX / 2, u64::MAX] {
        let now = clock.now(Instant::from_nanos(nanos)).unwrap();
        assert!(now.earliest() >= earliest);
        earliest = now.earliest();
    }
    let second = Instant::from_millis(1_000);
    let mut last_but_five = CommitWait::until_past(end(5));
    assert_eq!(last_but_five.poll(&clock, second), CommitProgress::Past);
    assert_eq!(clock.past(WallTime::MAX), None);
    // The last date has no error of its own, and what is known has.
    let strict = clock.clone().with_max_error(Duration::from_millis(1));
    assert_eq!(
        strict.now(second).map(|now| now.width()),
        Ok(Duration::ZERO)
    );
    assert!(strict.now(Instant::from_millis(10_000)).is_err());
    let forever = CommitProgress::Waiting {
        until: Instant::MAX,
    };
    let mut last = CommitWait::until_past(WallTime::MAX);
    assert_eq!(last.poll(&clock, second), forever);
}

#[test]
fn golden_bytes_are_earliest_then_latest_big_endian() {
    let interval = TimeInterval::new(
        WallTime::from_nanos(0x0102_0304_0506_0708),
        WallTime::from_nanos(0x1112_1314_1516_1718),
    );
    let bytes = [
        1, 2, 3, 4, 5, 6, 7, 8, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18,
    ];
    assert_eq!(interval.unwrap().to_bytes(), bytes);
    assert_eq!(TimeInterval::from_bytes(bytes), interval);
}
