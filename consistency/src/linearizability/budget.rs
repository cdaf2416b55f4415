//! How much work a check may do.

/// How much work a check may do. Checking linearizability is NP-complete (Gibbons and Korach, 1997),
/// so a check without a budget may never end.
///
/// ```
/// use quorate_consistency::Budget;
///
/// let patient = Budget::steps(1_000_000_000);
/// assert!(patient.steps > Budget::default().steps);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Budget {
    /// How many steps the whole check may take. A step is an operation that is tried at a place, or a
    /// configuration that is compared with one seen before: some tens of nanoseconds each, and more
    /// if the model's own step is slow.
    pub steps: u64,
    /// How many bytes the check may remember configurations in. The states of the model count with
    /// their size, and not with what they own elsewhere.
    pub memory_bytes: u64,
}

impl Budget {
    /// A budget of steps, with the default memory.
    pub const fn steps(steps: u64) -> Self {
        Self {
            steps,
            memory_bytes: 512 << 20,
        }
    }
}

impl Default for Budget {
    /// 50 million steps and 512 MiB: seconds, not minutes.
    fn default() -> Self {
        Self::steps(50_000_000)
    }
}
