//! Which deadline is next, of many that mostly are put off.

use alloc::collections::BTreeSet;

use quorate_clocks::{Instant, TimerId, TimingWheel, WheelStep};

/// The order of what runs out at the same instant: by a token, and of sessions by their ids too.
pub(super) type Rank = (u64, u64);

/// Deadline, rank and place of what has run out.
pub(super) type Due = (Instant, Rank, u32);

/// Deadlines of things that are known by a place and a rank.
///
/// To put a deadline off costs nothing here: the timer stays where it is, runs out too early, and is
/// set again then ("lazily"). So a renewal touches one entry, however many there are.
///
/// What has run out is kept in the order of the deadlines, and of the ranks where those are equal.
/// That order depends on what is in the timeline and not on how it came there, as it must for
/// replicas to tell the same.
#[derive(Clone)]
pub(super) struct Timeline {
    wheel: TimingWheel<u32>,
    /// What has run out and was not taken yet.
    due: BTreeSet<Due>,
}

impl Timeline {
    pub(super) const fn new() -> Self {
        Self {
            wheel: TimingWheel::new(),
            due: BTreeSet::new(),
        }
    }

    /// Sets a timer. Deadlines can only be put off after that.
    pub(super) fn set(&mut self, deadline: Instant, at: u32) -> TimerId {
        self.wheel.insert(deadline, at)
    }

    /// Takes out what has the deadline, wherever it is on its way.
    pub(super) fn cancel(&mut self, timer: TimerId, deadline: Instant, rank: Rank, at: u32) {
        if self.wheel.cancel(timer).is_none() {
            self.due.remove(&(deadline, rank, at));
        }
    }

    /// One step of a constant amount of work towards knowing all that has run out by `now`; false
    /// when there is none left. `look` tells deadline and rank of what is at a place, and is given
    /// the new timer when one had to be set again.
    pub(super) fn step(&mut self, now: Instant, look: &mut impl Look) -> bool {
        match self.wheel.step(now) {
            WheelStep::Idle => false,
            WheelStep::Sorted => true,
            WheelStep::Expired {
                at: timer,
                item: at,
            } => {
                if let Some((deadline, rank)) = look.deadline(at) {
                    // What the wheel has passed is not set again, also if `now` is before that.
                    if deadline <= now.max(timer) {
                        self.due.insert((deadline, rank, at));
                    } else {
                        let timer = self.wheel.insert(deadline, at);
                        look.set_timer(at, timer);
                    }
                }
                true
            }
        }
    }

    /// Gives another rank to what has run out.
    pub(super) fn rerank(&mut self, (deadline, rank, at): Due, new: Rank) {
        self.due.remove(&(deadline, rank, at));
        self.due.insert((deadline, new, at));
    }

    /// Puts in what has run out already.
    pub(super) fn push_due(&mut self, deadline: Instant, rank: Rank, at: u32) {
        self.due.insert((deadline, rank, at));
    }

    /// What ran out first. All steps must have been taken.
    pub(super) fn first(&self) -> Option<Due> {
        self.due.first().copied()
    }

    /// Before this nothing runs out. In the past when something did and was not taken.
    pub(super) fn next(&self) -> Option<Instant> {
        let due = self.due.first().map(|(deadline, ..)| *deadline);
        due.or_else(|| self.wheel.next())
    }
}

/// Whose deadlines a [`Timeline`] keeps.
pub(super) trait Look {
    fn deadline(&self, at: u32) -> Option<(Instant, Rank)>;
    fn set_timer(&mut self, at: u32, timer: TimerId);
}
