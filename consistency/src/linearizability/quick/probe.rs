//! What tests see of the algorithms, and nobody else: how many steps they take, and what the tests
//! find when one of them is wrong. Outside tests both are nothing.

/// Mistakes that tests make the algorithms commit, to see that they would be noticed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(not(test), allow(dead_code))]
pub(super) enum Plant {
    /// Register: a value of a moment within the time of another is not looked at.
    RegisterForgetsShort,
    /// Register: a write of unknown outcome is left out, even if its value was read.
    RegisterForgetsUnknown,
    /// Register: a compare-and-set that found another value is put anywhere.
    RegisterTrustsMisses,
    /// Set: of several operations that would do, the one with the most time is taken.
    SetTakesLatest,
    /// Set: reads are answered on call only, and do not wait for another state.
    SetReadsOnce,
    /// Queue: what was never taken holds nobody up.
    QueueForgetsLeft,
    /// Stack: what lies at the bottom need not be there until the end.
    StackIgnoresEnd,
    /// Stack: what fits into a moment is taken to need none.
    StackMisplacesShort,
    /// Priority queue: the greater do not wait for the smaller.
    PriorityIgnoresSmaller,
    /// All three: a take may end before its put begins to count.
    LooseTakes,
    /// All three: a take of unknown outcome is taken to have done nothing.
    TakesDoNothing,
}

pub(super) use switch::*;

#[cfg(not(test))]
mod switch {
    use super::Plant;

    #[inline(always)]
    pub(in super::super) const fn planted(_: Plant) -> bool {
        false
    }

    #[inline(always)]
    pub(in super::super) const fn step() {}
}

#[cfg(test)]
mod switch {
    use core::cell::Cell;

    use super::Plant;

    std::thread_local! {
        static PLANTED: Cell<Option<Plant>> = const { Cell::new(None) };
        static STEPS: Cell<u64> = const { Cell::new(0) };
    }

    pub(in super::super) fn planted(plant: Plant) -> bool {
        PLANTED.get() == Some(plant)
    }

    pub(in super::super) fn step() {
        STEPS.set(STEPS.get() + 1);
    }

    /// Runs `work` with a mistake planted in this thread.
    pub(in super::super) fn with<T>(plant: Plant, work: impl FnOnce() -> T) -> T {
        PLANTED.set(Some(plant));
        let result = work();
        PLANTED.set(None);
        result
    }

    /// The steps that `work` takes.
    pub(in super::super) fn steps_of<T>(work: impl FnOnce() -> T) -> (T, u64) {
        let before = STEPS.get();
        let result = work();
        (result, STEPS.get() - before)
    }
}
