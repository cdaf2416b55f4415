//! Faults drawn from a seed.

use core::time::Duration;

use super::{ClockFault, Hands, LyingClock};
use crate::SplitMix64;
use crate::{DriftRate, Instant, WallTime};

/// How bad the clocks of [`LyingClocks::seeded`](crate::LyingClocks::seeded) are. Nothing, until it is
/// told: then they are right.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{ClockMischief, DriftRate, Hands};
///
/// // Bad clocks under a time daemon: what hybrid clocks assume.
/// let disciplined = ClockMischief::new()
///     .with_drift(DriftRate::from_ppm(200).expect("less than 100 %"))
///     .with_steps(Duration::from_secs(3_600))
///     .with_wall_within(Duration::from_millis(50));
/// // Anything at all may happen to the date, and the machine may be paused.
/// let wild = ClockMischief::new()
///     .with_steps(Duration::from_secs(1_000_000))
///     .with_freezes(Hands::Both, Duration::from_secs(60));
/// assert_ne!(disciplined, wild);
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ClockMischief {
    every: Duration,
    skew: Duration,
    drift: DriftRate,
    steps: Duration,
    freezes: Option<(Hands, Duration)>,
    wall_within: Duration,
    resolution: Duration,
}

impl Default for ClockMischief {
    fn default() -> Self {
        Self::new()
    }
}

impl ClockMischief {
    /// None.
    pub const fn new() -> Self {
        Self {
            every: Duration::from_secs(10),
            skew: Duration::ZERO,
            drift: DriftRate::NONE,
            steps: Duration::ZERO,
            freezes: None,
            wall_within: Duration::MAX,
            resolution: Duration::from_nanos(1),
        }
    }

    /// Something happens to each clock this often, on average; every ten seconds otherwise. At least a
    /// microsecond.
    #[must_use]
    pub fn with_every(mut self, every: Duration) -> Self {
        self.every = every.max(Duration::from_micros(1));
        self
    }

    /// At first the wall clocks are up to this far off.
    #[must_use]
    pub const fn with_skew(mut self, skew: Duration) -> Self {
        self.skew = skew;
        self
    }

    /// The clocks run at speeds that keep this drift rate, often just so, and change now and then.
    #[must_use]
    pub const fn with_drift(mut self, drift: DriftRate) -> Self {
        self.drift = drift;
        self
    }

    /// The wall clocks are set by up to this much, forward and back.
    #[must_use]
    pub const fn with_steps(mut self, steps: Duration) -> Self {
        self.steps = steps;
        self
    }

    /// These clocks stand still, together, for up to so long. Afterwards each goes on from where it
    /// stood, or catches up.
    #[must_use]
    pub const fn with_freezes(mut self, hands: Hands, freezes: Duration) -> Self {
        self.freezes = Some((hands, freezes));
        self
    }

    /// A time daemon keeps the wall clocks this close: see [`LyingClock::with_wall_within`].
    #[must_use]
    pub const fn with_wall_within(mut self, error: Duration) -> Self {
        self.wall_within = error;
        self
    }

    /// The clocks advance in steps of this size: see [`LyingClock::with_resolution`].
    #[must_use]
    pub const fn with_resolution(mut self, resolution: Duration) -> Self {
        self.resolution = resolution;
        self
    }
}

/// What happens to one clock, one after the other, without end.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Draws {
    mischief: ClockMischief,
    random: SplitMix64,
    /// What happens next, and when. Of what begins and ends, the end.
    next: Option<(WallTime, [Option<ClockFault>; 2])>,
}

impl Draws {
    pub(super) fn new(mischief: ClockMischief, seed: u64, truth: WallTime) -> Self {
        let mut draws = Self {
            mischief,
            random: SplitMix64::new(seed),
            next: None,
        };
        draws.wait(truth);
        draws
    }

    /// The clock as it is at first.
    pub(super) fn first(&mut self, truth: WallTime) -> LyingClock {
        let now = Instant::from_nanos(self.random.below(1 << 50));
        let mut clock = LyingClock::new(truth)
            .with_now(truth, now)
            .with_resolution(self.mischief.resolution)
            .with_wall_within(self.mischief.wall_within);
        let skew = self.step(self.mischief.skew);
        let ppb = self.ppb();
        clock.strike(truth, skew);
        clock.strike(truth, ClockFault::Drift { ppb });
        clock
    }

    /// When something happens next.
    pub(super) fn due(&self) -> Option<WallTime> {
        self.next.map(|(at, _)| at)
    }

    /// What happens now that it is due.
    pub(super) fn take(&mut self) -> [Option<ClockFault>; 2] {
        let Some((at, faults)) = self.next.take() else {
            return [None; 2];
        };
        if faults[0].is_some() {
            // Something came to its end.
            self.wait(at);
            return faults;
        }
        let drifts = self.mischief.drift > DriftRate::NONE;
        let steps = self.mischief.steps > Duration::ZERO;
        let kinds = u64::from(drifts) + u64::from(steps) + 1;
        match (self.random.below(kinds), self.mischief.freezes) {
            (0, Some((hands, longest))) => {
                let length = self.span(longest);
                let end = |clock: Hands, catches_up| match catches_up {
                    true => ClockFault::CatchUp(clock),
                    false => ClockFault::Resume(clock),
                };
                let coins = self.random.next_u64();
                let ends = [
                    (hands.monotonic(), Hands::Monotonic, coins & 1 == 0),
                    (hands.wall(), Hands::Wall, coins & 2 == 0),
                ];
                let [first, second] =
                    ends.map(|(froze, clock, catches_up)| froze.then(|| end(clock, catches_up)));
                let ends = match first {
                    Some(_) => [first, second],
                    None => [second, None],
                };
                self.next = Some((at.saturating_add(length), ends));
                [Some(ClockFault::Freeze(hands)), None]
            }
            (1, _) if drifts => {
                self.wait(at);
                let ppb = self.ppb();
                [Some(ClockFault::Drift { ppb }), None]
            }
            (kind, _) if kind > 0 => {
                self.wait(at);
                [Some(self.step(self.mischief.steps)), None]
            }
            _ => {
                self.wait(at);
                [None; 2]
            }
        }
    }

    /// Chooses when something happens next: never, if nothing can, and after the end of time.
    fn wait(&mut self, from: WallTime) {
        let mean = self.mischief.every;
        let wait = self
            .span(mean.saturating_mul(2))
            .max(Duration::from_nanos(1));
        let at = from.saturating_add(wait);
        let quiet = self.mischief.drift == DriftRate::NONE
            && self.mischief.steps == Duration::ZERO
            && self.mischief.freezes.is_none();
        self.next = (!quiet && at > from).then_some((at, [None; 2]));
    }

    fn span(&mut self, most: Duration) -> Duration {
        let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.random.below(nanos.saturating_add(1)))
    }

    fn step(&mut self, most: Duration) -> ClockFault {
        let by = self.span(most);
        match self.random.below(2) {
            0 => ClockFault::WallForward(by),
            _ => ClockFault::WallBack(by),
        }
    }

    /// A speed that keeps the drift rate: the slowest, the fastest, or any between them.
    fn ppb(&mut self) -> i32 {
        const BILLION: u64 = 1_000_000_000;
        let rate = u64::from(self.mischief.drift.as_ppb());
        // The rate is a part of what is counted, and the speed one of what has passed.
        let slowest = rate * BILLION / (BILLION + rate);
        let fastest = rate * BILLION / (BILLION - rate);
        let gain = match self.random.below(4) {
            0 => 0,
            1 => slowest + fastest,
            _ => self.random.below(slowest + fastest + 1),
        };
        // Both are below 2^61, as the rate is below a billion.
        let ppb = gain.cast_signed() - slowest.cast_signed();
        i32::try_from(ppb).unwrap_or(i32::MAX)
    }
}
