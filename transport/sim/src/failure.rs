//! A run that went wrong, with all that is needed to see it again.

use core::fmt;

use quorate_clocks::Instant;

use crate::Faults;

/// A check failed, or a machine broke its contract.
///
/// ```
/// use quorate_clocks::Instant;
/// use quorate_sim::{Failure, Faults};
///
/// let what = "two leaders in term 3".to_owned();
/// let (at, faults) = (Instant::from_millis(1_500), Box::new(Faults::NONE));
/// let failure = Failure { seed: 7, step: 12, at, what, faults, trace: Vec::new() };
/// assert!(failure.to_string().starts_with("seed 7, step 12, 1.500000s: two leaders in term 3"));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The seed of the run: the same seed and faults fail at the same step.
    pub seed: u64,
    /// The step after which it was seen.
    pub step: u64,
    /// The world's time.
    pub at: Instant,
    /// What is wrong.
    pub what: String,
    /// What could go wrong in the run.
    pub faults: Box<Faults>,
    /// The last things that happened, a line each.
    pub trace: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            step,
            at,
            what,
            ..
        } = self;
        writeln!(f, "seed {seed}, step {step}, {at}: {what}")?;
        writeln!(f, "faults: {:?}", self.faults)?;
        self.trace
            .iter()
            .try_for_each(|line| writeln!(f, "  {line}"))
    }
}

impl core::error::Error for Failure {}
