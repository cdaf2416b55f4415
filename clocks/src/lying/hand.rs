//! One hand of a clock: what it shows, as a function of true time.

/// How many parts a whole has.
const BILLION: i64 = 1_000_000_000;

/// Counts nanoseconds at some speed, from the moment at which something last happened to it. Between two
/// such moments it is a straight line, so what it shows does not depend on how often it is looked at.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Hand {
    /// The true time when something last happened.
    at: u64,
    /// What it showed then, and billionths of a nanosecond above that.
    shown: u64,
    part: u64,
    /// What it has not counted since it stood still, if it does.
    missed: Option<u64>,
    /// Parts per billion of true time that it gains.
    ppb: i64,
    /// The least and the most it has ever gained, over some span of true time that is not empty.
    gained: (i64, i64),
    /// Whether it has jumped to what it missed: no speed explains that.
    jumped: bool,
}

impl Hand {
    pub(super) const fn new(at: u64, shown: u64) -> Self {
        Self {
            at,
            shown,
            part: 0,
            missed: None,
            ppb: 0,
            gained: (0, 0),
            jumped: false,
        }
    }

    /// What it shows at a true time. Time that went back is no time.
    pub(super) fn shows(&self, at: u64) -> u64 {
        match self.missed {
            Some(_) => self.shown,
            None => self.shown.saturating_add(self.counts(at).0),
        }
    }

    pub(super) fn set(&mut self, at: u64, shown: u64) {
        self.settle(at);
        self.shown = shown;
        // Who sets a clock that stands still sets what it goes on from as well.
        self.missed = self.missed.map(|_| 0);
    }

    pub(super) fn drift(&mut self, at: u64, ppb: i32) {
        self.settle(at);
        self.ppb = i64::from(ppb).max(-BILLION);
    }

    pub(super) fn freeze(&mut self, at: u64) {
        self.settle(at);
        self.missed = self.missed.or(Some(0));
    }

    pub(super) fn resume(&mut self, at: u64) {
        self.settle(at);
        self.missed = None;
    }

    pub(super) fn catch_up(&mut self, at: u64) {
        self.settle(at);
        let missed = self.missed.take().unwrap_or(0);
        self.shown = self.shown.saturating_add(missed);
        self.jumped |= missed > 0;
    }

    /// By how many parts per billion of what it counts it was ever off true time, at most, rounded up.
    /// Nothing when that were all of them, or when it has jumped.
    pub(super) fn kept(&self, at: u64) -> Option<u32> {
        let mut settled = self.clone();
        settled.settle(at);
        let (least, most) = settled.gained;
        let off = |gained: i64| {
            let counted = u64::try_from(BILLION + gained).ok()?;
            // A slow clock counts less than there is, so what it misses is more of what it counts.
            let off = u128::from(gained.unsigned_abs()) * u128::from(BILLION.unsigned_abs());
            let off = (counted > 0).then(|| off.div_ceil(u128::from(counted)))?;
            u32::try_from(off).ok()
        };
        let off = off(least)?.max(off(most)?);
        (!settled.jumped).then_some(off)
    }

    /// Moves the beginning of the line to a true time.
    fn settle(&mut self, at: u64) {
        if at <= self.at {
            return;
        }
        let (counted, part) = self.counts(at);
        (self.at, self.part) = (at, part);
        let gained = match &mut self.missed {
            Some(missed) => {
                *missed = missed.saturating_add(counted);
                -BILLION
            }
            None => {
                self.shown = self.shown.saturating_add(counted);
                self.ppb
            }
        };
        let (least, most) = self.gained;
        self.gained = (least.min(gained), most.max(gained));
    }

    /// How much it counts up to a true time, and the part of a nanosecond that is left.
    fn counts(&self, at: u64) -> (u64, u64) {
        let passed = at.saturating_sub(self.at);
        // Not below zero, as the gain is bounded from below.
        let speed = (BILLION + self.ppb).unsigned_abs();
        let billion = u128::from(BILLION.unsigned_abs());
        let parts = u128::from(passed) * u128::from(speed) + u128::from(self.part);
        let counted = u64::try_from(parts / billion).unwrap_or(u64::MAX);
        // The remainder is less than a billion.
        (counted, (parts % billion) as u64)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_counts_at_its_speed_from_where_it_is() {
        let mut hand = Hand::new(100, 7);
        hand.drift(100, 500_000_000);
        assert_eq!(
            [100, 101, 102, 110].map(|at| hand.shows(at)),
            [7, 8, 10, 22]
        );
        assert_eq!(hand.shows(0), 7, "time that went back is no time");
        hand.drift(103, -500_000_000);
        // Half a nanosecond was left over.
        assert_eq!([103, 104, 106].map(|at| hand.shows(at)), [11, 12, 13]);
        hand.drift(104, i32::MIN);
        assert_eq!(hand.shows(u64::MAX), 12);
    }

    #[test]
    fn what_stood_still_goes_on_from_there_or_catches_up() {
        let mut frozen = Hand::new(0, 0);
        frozen.freeze(10);
        frozen.freeze(20);
        assert_eq!(frozen.shows(1_000), 10);
        let mut resumed = frozen.clone();
        resumed.resume(30);
        assert_eq!(resumed.shows(35), 15);
        frozen.catch_up(30);
        assert_eq!(frozen.shows(35), 35);
        assert_eq!((resumed.kept(35), frozen.kept(35)), (None, None));
        frozen.freeze(40);
        frozen.set(45, 1_000);
        frozen.catch_up(50);
        assert_eq!(frozen.shows(50), 1_005);
    }

    #[test]
    fn the_drift_that_was_kept_is_a_part_of_what_was_counted() {
        let kept = |ppb| {
            let mut hand = Hand::new(0, 0);
            hand.drift(0, ppb);
            assert_eq!(hand.kept(0), Some(0), "it did not run yet");
            hand.kept(1)
        };
        assert_eq!(kept(0), Some(0));
        assert_eq!(kept(100_000_000), Some(90_909_091));
        assert_eq!(kept(-100_000_000), Some(111_111_112));
        assert_eq!(kept(1_000_000_000), Some(500_000_000));
        assert_eq!(kept(-1_000_000_000), None);
        assert_eq!(kept(-999_999_999), None);
    }

    proptest! {
        /// Looking at it, or settling it in between, changes nothing.
        #[test]
        fn it_is_one_line_however_often_it_is_settled(
            ppb in any::<i32>(), shown in any::<u64>(), at in any::<u64>(), between in any::<[u64; 3]>(),
        ) {
            let mut once = Hand::new(0, shown);
            once.drift(0, ppb);
            let mut often = once.clone();
            let mut between = between.map(|between| between.min(at));
            between.sort_unstable();
            for between in between {
                often.drift(between, ppb);
            }
            prop_assert_eq!(once.shows(at), often.shows(at));
            prop_assert!(once.shows(at) >= shown);
        }
    }
}
