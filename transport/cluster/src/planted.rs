//! Bugs to plant, so that tests can see the demo notice them.
//!
//! Without the cargo feature `planted-bugs`, which nothing but those tests turns on, no bug can be
//! planted and the environment is not looked at.

/// A promise to break.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PlantedBug {
    /// Any node answers linearizable reads from whatever it has applied.
    StaleLinearizableReads,
    /// Stale fencing tokens are let through.
    NoFence,
    /// What was done for an idempotency key is not remembered.
    ForgetIdempotency,
}

/// Chooses the bug, where the feature is on.
#[cfg(feature = "planted-bugs")]
const VARIABLE: &str = "QUORATE_PLANT_BUG";

impl PlantedBug {
    /// Whether this bug is planted.
    #[cfg(not(feature = "planted-bugs"))]
    pub(crate) const fn is_planted(self) -> bool {
        false
    }

    /// Whether this bug is planted.
    #[cfg(feature = "planted-bugs")]
    pub(crate) fn is_planted(self) -> bool {
        static PLANTED: std::sync::OnceLock<Option<PlantedBug>> = std::sync::OnceLock::new();
        let planted = PLANTED.get_or_init(|| {
            let name = std::env::var(VARIABLE).ok()?;
            let bug = match name.as_str() {
                "stale-linearizable-reads" => Some(Self::StaleLinearizableReads),
                "no-fence" => Some(Self::NoFence),
                "forget-idempotency" => Some(Self::ForgetIdempotency),
                _ => None,
            };
            match bug {
                Some(bug) => tracing::warn!(?bug, "a bug is planted: promises will be broken"),
                None => tracing::error!(name, "{VARIABLE} names no bug; none is planted"),
            }
            bug
        });
        *planted == Some(self)
    }
}
