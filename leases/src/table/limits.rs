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
    /// How many names the table keeps: those with a holder and those it remembers. By default
    /// 100,000. At the bound a remembered name is forgotten early; when all have holders,
    /// acquiring another is refused.
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
        }
    }
}
