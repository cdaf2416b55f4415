//! The bounds of a lease table.

use core::time::Duration;

/// How many leases a table keeps, how long their names are and how long they last.
///
/// They are checked when a command arrives. A snapshot that was made under wider limits is restored
/// whole; the table then takes no new name until it is below its limit.
///
/// ```
/// use core::time::Duration;
/// use quorate_leases::Limits;
///
/// let limits = Limits { max_leases: 1_000, max_ttl: Duration::from_secs(60), ..Limits::default() };
/// assert_eq!(limits.max_name_bytes, 255);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Limits {
    /// How many grants the table keeps: those that hold a lease, those it remembers, and those that
    /// there will be when all who wait have had their turn. A name of which the grant in its own place
    /// is forgotten counts as one too, while others share it or wait for it, or a delay lasts. By
    /// default 100,000. At the bound what is remembered is forgotten early; when there is nothing to
    /// forget, acquiring another is refused.
    pub max_leases: u32,
    /// The longest name, in bytes of UTF-8. By default 255.
    pub max_name_bytes: u16,
    /// The longest owner, in bytes of UTF-8. By default 255.
    pub max_owner_bytes: u16,
    /// The shortest time to live. By default 1 s. Below a few round trips to the table a lease ends
    /// before it can be renewed.
    pub min_ttl: Duration,
    /// The longest time to live. By default 1 h. It is how long a name stays blocked when its holder
    /// dies.
    pub max_ttl: Duration,
    /// How long the table remembers a lease that has ended, to tell a late retry of the request that
    /// acquired it from a new request. By default 60 s; should exceed the time over which clients
    /// retry.
    pub remember_for: Duration,
    /// How many may wait for one name. By default 1,000. At the bound another is refused.
    pub max_waiting_per_name: u32,
    /// How many may wait for all names together. By default 10,000. At the bound another is refused.
    pub max_waiting: u32,
    /// The longest that one may wait without asking again. By default 1 h.
    pub max_wait: Duration,
    /// The longest delay of the next holder that a holder may ask for. By default 60 s, as in Chubby.
    pub max_lock_delay: Duration,
    /// Who may steal a lease. By default nobody.
    pub steal: StealPolicy,
    /// How many sessions there may be, with those that have ended and still have leases to be freed.
    /// By default 10,000. At the bound another is refused.
    pub max_sessions: u32,
    /// How many watches there may be, of all names and sessions. By default 10,000. At the bound
    /// another is refused.
    pub max_watches: u32,
    /// How many events are kept until they are polled. By default 1,000. At the bound further ones are
    /// dropped, and it is told how many. With 0 there are none, at no cost.
    pub max_events: u32,
}

/// Who may take a lease away from its holder.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum StealPolicy {
    /// Nobody.
    #[default]
    Nobody,
    /// The owner that holds it, by another request: one that was restarted takes over from its former
    /// self. Owners must be who they say they are.
    SameOwner,
    /// Anybody: who is allowed to is decided before the table is asked.
    Anybody,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_leases: 100_000,
            max_name_bytes: 255,
            max_owner_bytes: 255,
            min_ttl: Duration::from_secs(1),
            max_ttl: Duration::from_secs(3_600),
            remember_for: Duration::from_secs(60),
            max_waiting_per_name: 1_000,
            max_waiting: 10_000,
            max_wait: Duration::from_secs(3_600),
            max_lock_delay: Duration::from_secs(60),
            steal: StealPolicy::Nobody,
            max_sessions: 10_000,
            max_watches: 10_000,
            max_events: 1_000,
        }
    }
}
