//! Bugs to plant, so that tests can see the demo notice them.
//!
//! Without the cargo feature `planted-bugs`, which nothing but those tests turns on, no bug can be
//! planted and the environment is not looked at.

/// A promise to break.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PlantedBug {
    /// Any node answers linearizable reads from whatever it has applied.
    StaleLinearizableReads,
    /// Bounded reads are answered from whatever the node has applied, however old.
    IgnoreBound,
    /// Session reads do not wait for what the session has seen.
    IgnoreSession,
    /// Stale fencing tokens are let through.
    NoFence,
    /// Of fencing, only the key's part is missing: a lease that was granted again still refuses its
    /// former holder, and the key lets through whoever is late under another lease.
    NoKeyFence,
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
                "ignore-bound" => Some(Self::IgnoreBound),
                "ignore-session" => Some(Self::IgnoreSession),
                "no-fence" => Some(Self::NoFence),
                "no-key-fence" => Some(Self::NoKeyFence),
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
