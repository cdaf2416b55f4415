//! What goes wrong, how often and for how long.

use core::time::Duration;

use crate::{Draws, Knob};

/// The shortest and the longest that something takes. Draws are even between them.
///
/// ```
/// use core::time::Duration;
/// use quorate_sim::Span;
///
/// let delay = Span::millis(1, 20);
/// assert_eq!(delay.max, Duration::from_millis(20));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Span {
    /// The shortest.
    pub min: Duration,
    /// The longest. Counts as `min` when it is less.
    pub max: Duration,
}

impl Span {
    /// From `min` to `max`.
    pub const fn new(min: Duration, max: Duration) -> Self {
        Self { min, max }
    }

    /// From `min` to `max` milliseconds.
    pub const fn millis(min: u64, max: u64) -> Self {
        Self::new(Duration::from_millis(min), Duration::from_millis(max))
    }

    /// From `min` to `max` microseconds.
    pub const fn micros(min: u64, max: u64) -> Self {
        Self::new(Duration::from_micros(min), Duration::from_micros(max))
    }
}

/// What a link does to messages in one direction. Messages overtake each other as their delays say.
///
/// ```
/// use quorate_sim::{Link, Span};
///
/// let wifi = Link { loss_ppm: 20_000, delay: Span::millis(2, 60), ..Link::CLEAN };
/// assert_ne!(wifi, Link::CLEAN);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Link {
    /// Messages of a million that are lost.
    pub loss_ppm: u32,
    /// Messages of a million that arrive twice.
    pub duplicate_ppm: u32,
    /// How long a message takes.
    pub delay: Span,
    /// Messages of a million that take `slow_delay` instead.
    pub slow_ppm: u32,
    /// How long a slow message takes.
    pub slow_delay: Span,
}

impl Link {
    /// Every message arrives once, in order, after half a millisecond.
    pub const CLEAN: Self = Self {
        loss_ppm: 0,
        duplicate_ppm: 0,
        delay: Span::micros(500, 500),
        slow_ppm: 0,
        slow_delay: Span::micros(500, 500),
    };
}

/// When something happens again and again, and for how long each time.
///
/// ```
/// use quorate_sim::{Schedule, Span};
///
/// let often = Schedule { every: Span::millis(100, 900), lasts: Span::millis(50, 200) };
/// assert_ne!(Some(often), None);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Schedule {
    /// From one start to the next.
    pub every: Span,
    /// From a start to its end.
    pub lasts: Span,
}

/// All that can go wrong in a [`World`](crate::World).
///
/// ```
/// use quorate_sim::{Fault, Faults, Link, Schedule, Span};
///
/// let rough = Faults {
///     link: Link { loss_ppm: 50_000, ..Link::CLEAN },
///     crash: Some(Schedule { every: Span::millis(500, 5_000), lasts: Span::millis(1, 2_000) }),
///     ..Faults::NONE
/// };
/// assert_eq!(rough.without(Fault::Loss).without(Fault::Crashes), Faults::NONE);
/// // A different mix for every seed: some runs have crashes only, some have everything.
/// assert_ne!(Faults::swarm(1), Faults::swarm(2));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Faults {
    /// What every link does that has no setting of its own.
    pub link: Link,
    /// Messages of a million, among those that cannot arrive as a link is cut or a node is down,
    /// whose sender is told with `handle_unreachable`.
    pub hint_ppm: u32,
    /// How long it takes to make writes durable.
    pub sync_delay: Span,
    /// Crashes of a million in which some of the writes that were under way are durable after all,
    /// though nobody was told: always the oldest ones.
    pub keep_unsynced_ppm: u32,
    /// Syncs of a million that say that they are done when nothing is durable before the next
    /// honest one. A disk that lies breaks every protocol that relies on it, so no mix has it:
    /// switch it on to see whether a check would notice.
    pub lying_sync_ppm: u32,
    /// What a node's clock may show at the start of the world, at most.
    pub clock_offset: Duration,
    /// How much faster or slower than the world's a node's clock may run, in nanoseconds in a
    /// million.
    pub clock_drift_ppm: u32,
    /// Nodes that crash, and start again from what is durable.
    pub crash: Option<Schedule>,
    /// How many nodes the schedule may have down at once.
    pub most_down: usize,
    /// Nodes that stand still, and go on as if nothing had been.
    pub pause: Option<Schedule>,
    /// Links that are cut.
    pub partition: Option<Schedule>,
    /// Partitions of a million that cut one direction only.
    pub one_way_ppm: u32,
}

impl Faults {
    /// Nothing goes wrong: a link takes half a millisecond, a sync a tenth, and clocks agree.
    pub const NONE: Self = Self {
        link: Link::CLEAN,
        hint_ppm: 0,
        sync_delay: Span::micros(100, 100),
        keep_unsynced_ppm: 0,
        lying_sync_ppm: 0,
        clock_offset: Duration::ZERO,
        clock_drift_ppm: 0,
        crash: None,
        most_down: usize::MAX,
        pause: None,
        partition: None,
        one_way_ppm: 0,
    };

    /// A mix that the seed picks: each kind of fault is in about half of them, more or less hard.
    ///
    /// A mix of everything hides what only happens when one thing is left alone: that nothing is
    /// lost can be as rare a case as that much is (Groce et al., "Swarm testing", ISSTA 2012).
    pub fn swarm(seed: u64) -> Self {
        const SWARM: Knob = Knob::named("swarm");
        let draws = Draws::new(seed);
        let number = |knob: u64, end: u64| draws.below(SWARM, knob, 1, 0, end);
        let pick = |knob: u64, choices: &[u64]| {
            let at = number(knob, choices.len() as u64);
            choices.get(at as usize).copied().unwrap_or_default()
        };
        let on = |knob: u64| draws.chance(SWARM, knob, 0, 0, 500_000);
        let ppm = |knob: u64, choices: &[u64]| {
            if on(knob) {
                pick(knob, choices) as u32
            } else {
                0
            }
        };
        let schedule = |knob: u64, every: &[u64], lasts: &[u64]| {
            on(knob).then(|| Schedule {
                every: Span::millis(10, pick(knob, every)),
                lasts: Span::millis(0, pick(knob + 1, lasts)),
            })
        };
        let delay_max = if on(1) {
            pick(1, &[2_000, 10_000, 50_000, 200_000])
        } else {
            500
        };
        let sync_max = if on(9) {
            pick(9, &[1_000, 10_000, 100_000])
        } else {
            100
        };
        Self {
            link: Link {
                loss_ppm: ppm(2, &[1_000, 10_000, 100_000, 300_000]),
                duplicate_ppm: ppm(3, &[10_000, 100_000, 500_000]),
                delay: Span::micros(100, delay_max),
                slow_ppm: ppm(4, &[1_000, 20_000]),
                slow_delay: Span::millis(100, 3_000),
            },
            hint_ppm: ppm(5, &[100_000, 1_000_000]),
            sync_delay: Span::micros(20, sync_max),
            keep_unsynced_ppm: ppm(6, &[500_000, 1_000_000]),
            lying_sync_ppm: 0,
            clock_offset: if on(7) {
                Duration::from_secs(pick(7, &[1, 100_000]))
            } else {
                Duration::ZERO
            },
            clock_drift_ppm: ppm(8, &[100, 10_000]),
            crash: schedule(10, &[500, 2_000, 10_000], &[10, 1_000, 5_000]),
            most_down: if on(12) { usize::MAX } else { 1 },
            pause: schedule(13, &[500, 2_000, 10_000], &[50, 1_000, 5_000]),
            partition: schedule(15, &[500, 2_000, 10_000], &[100, 1_000, 8_000]),
            one_way_ppm: ppm(17, &[300_000, 1_000_000]),
        }
    }

    /// The same without one kind of fault. By the nature of [`Draws`], all other faults stay what
    /// they were.
    #[must_use]
    pub fn without(self, fault: Fault) -> Self {
        let none = Self::NONE;
        let mut faults = self;
        match fault {
            Fault::Loss => faults.link.loss_ppm = 0,
            Fault::Duplicates => faults.link.duplicate_ppm = 0,
            Fault::Delays => {
                faults.link.delay = none.link.delay;
                faults.link.slow_ppm = 0;
                faults.link.slow_delay = none.link.slow_delay;
            }
            Fault::Hints => faults.hint_ppm = 0,
            Fault::SlowSyncs => faults.sync_delay = none.sync_delay,
            Fault::KeptWrites => faults.keep_unsynced_ppm = 0,
            Fault::LyingSyncs => faults.lying_sync_ppm = 0,
            Fault::Skew => {
                faults.clock_offset = none.clock_offset;
                faults.clock_drift_ppm = 0;
            }
            Fault::Crashes => {
                faults.crash = None;
                faults.most_down = none.most_down;
            }
            Fault::Pauses => faults.pause = None,
            Fault::Partitions => {
                faults.partition = None;
                faults.one_way_ppm = 0;
            }
        }
        faults
    }
}

/// A kind of fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// Messages are lost.
    Loss,
    /// Messages arrive twice.
    Duplicates,
    /// Messages take more than the shortest time, and overtake each other.
    Delays,
    /// Senders are told that a peer cannot be reached.
    Hints,
    /// Syncs take more than the shortest time.
    SlowSyncs,
    /// Writes under way survive a crash.
    KeptWrites,
    /// Syncs lie.
    LyingSyncs,
    /// Clocks disagree.
    Skew,
    /// Nodes crash.
    Crashes,
    /// Nodes stand still.
    Pauses,
    /// Links are cut.
    Partitions,
}

impl Fault {
    /// Every kind, those first whose absence makes a run easier to read.
    pub const ALL: [Self; 11] = [
        Self::Skew,
        Self::Duplicates,
        Self::Delays,
        Self::Hints,
        Self::Pauses,
        Self::Partitions,
        Self::Loss,
        Self::SlowSyncs,
        Self::KeptWrites,
        Self::LyingSyncs,
        Self::Crashes,
    ];
}

/// Takes faults away, kind by kind, for as long as `fails` still says true. What is left is needed,
/// each kind of it, for the failure.
///
/// ```
/// use quorate_sim::{Fault, Faults, shrink};
///
/// // A run that fails whenever messages come twice.
/// let fails = |faults: &Faults| faults.link.duplicate_ppm > 0;
/// let faults = (0..).map(Faults::swarm).find(fails).unwrap();
/// let needed = shrink(faults, fails);
/// assert_eq!(needed.without(Fault::Duplicates), Faults::NONE);
/// ```
pub fn shrink(faults: Faults, mut fails: impl FnMut(&Faults) -> bool) -> Faults {
    let mut needed = faults;
    loop {
        let before = needed;
        for fault in Fault::ALL {
            let fewer = needed.without(fault);
            if fewer != needed && fails(&fewer) {
                needed = fewer;
            }
        }
        if needed == before {
            return needed;
        }
    }
}
