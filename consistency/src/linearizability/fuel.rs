//! How much work is left.

use crate::Inconclusive;

/// What is left of the steps that a check may take.
///
/// A step is an operation that is tried at a place, or a configuration that is compared with one seen
/// before: some tens of nanoseconds each. A model whose own step can take longer pays for it here, see
/// [`Model::step_within`](crate::Model::step_within), so that a budget is kept even inside of a step.
///
/// ```
/// use quorate_consistency::Fuel;
///
/// let mut fuel = Fuel::new(10);
/// assert!(fuel.spend(10) && !fuel.has_run_out());
/// assert!(!fuel.spend(1) && fuel.has_run_out());
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Fuel {
    left: u64,
    has_run_out: bool,
    gave_up: Option<Inconclusive>,
}

impl Fuel {
    /// So many steps.
    pub const fn new(steps: u64) -> Self {
        Self {
            left: steps,
            has_run_out: false,
            gave_up: None,
        }
    }

    /// Takes this many steps. Returns whether there were as many: if not, none is left.
    pub const fn spend(&mut self, steps: u64) -> bool {
        match self.left.checked_sub(steps) {
            Some(left) => self.left = left,
            None => {
                self.left = 0;
                self.has_run_out = true;
            }
        }
        !self.has_run_out
    }

    /// How many are left.
    pub const fn left(&self) -> u64 {
        self.left
    }

    /// Whether more were needed than there were.
    pub const fn has_run_out(&self) -> bool {
        self.has_run_out
    }

    /// Ends what it is used for, for another reason than that too little of it was left. A
    /// [model](crate::Model::step_within) does so that has no true answer to give, and the check of that
    /// object ends without a verdict, for this reason.
    pub const fn give_up(&mut self, reason: Inconclusive) {
        self.has_run_out = true;
        self.gave_up = Some(reason);
    }

    /// The reason to give up, once, and as if nobody had.
    pub(super) const fn taken_reason(&mut self) -> Option<Inconclusive> {
        let reason = self.gave_up.take();
        if reason.is_some() {
            self.has_run_out = false;
        }
        reason
    }
}
