//! What a candidate is told.

use alloc::string::String;
use core::time::Duration;

use crate::HolderConfig;

/// How a [`Candidate`](crate::Candidate) stands for election.
///
/// ```
/// use core::time::Duration;
/// use quorate_leases::CandidateConfig;
///
/// let config = CandidateConfig {
///     hold_back: Duration::from_secs(2),
///     ..CandidateConfig::new("node-3:7070", Duration::from_secs(10))
/// };
/// assert_eq!(config.holder.ttl, Duration::from_secs(10));
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct CandidateConfig {
    /// What others are told: an address, for example. It decides nothing but for whom the others hold back;
    /// a leader is known by its term.
    pub name: String,
    /// How the lease of the leader is asked for and kept.
    pub holder: HolderConfig,
    /// How long to hold back when a leader hands over to another candidate: so long the election may stand
    /// still if that one is dead. Long enough for it to hear of it and to ask: a few round trips.
    pub hold_back: Duration,
    /// How many bytes the name of a leader may have.
    pub max_name_bytes: u16,
}

impl CandidateConfig {
    /// A lease of `ttl` with the defaults of [`HolderConfig::new`], a tenth of it to hold back, and names of up to
    /// 255 bytes.
    pub fn new(name: impl Into<String>, ttl: Duration) -> Self {
        Self {
            name: name.into(),
            holder: HolderConfig::new(ttl),
            hold_back: ttl / 10,
            max_name_bytes: 255,
        }
    }
}
