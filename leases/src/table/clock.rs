//! Where the instants in the commands come from.

use quorate_clocks::Instant;

/// The clock of a replicated lease table, as the replica that stamps the commands reads it.
///
/// The monotonic clocks of two machines have nothing to do with each other, so a new leader must not
/// stamp commands with its own: leases would end at once, or never. It continues the table's clock
/// instead, from the latest instant that it has applied, at the pace of its own clock. The time in
/// which there was no leader is not counted: every lease lasts longer by it and none is cut short,
/// and no lease is touched at the change of leader.
///
/// # What that buys
///
/// - **A change of leader costs the same however many leases there are**: two instants are noted. In
///   etcd the new leader renews each lease and puts it into a heap again, and spreads those that would
///   end together: 27 ms at 100,000 leases and 325 ms at a million (etcd PR #9699), in which nobody is
///   answered; with more there were clusters that timed out before they were done (#9496).
/// - **No lease is cut short by it, and each lasts longer by the outage at most.** In etcd it starts
///   its whole time to live again, unless what is left of it was written down before (#9888, #9924).
/// - **A stalled old leader ends nothing.** That a lease is over follows from the stamps in the log,
///   which all replicas apply in the same order; nobody decides it and sends the decision. In etcd a
///   leader that stood still revoked leases that its successor had renewed (#15247).
///
/// It assumes what [`SafeUntil`](crate::SafeUntil) does: clocks that drift by no more than the bound.
///
/// Create it once the new leader has applied every command of its predecessors, and not before.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::Instant;
/// use quorate_leases::{LeaseClock, LeaseTable, Limits};
///
/// // The old leader's clock stood at an hour when it granted, and the leader died.
/// let mut table = LeaseTable::new(Limits::default());
/// let granted = table.acquire(Instant::from_millis(3_600_000), "disk", "ann",
///     Duration::from_secs(10), 1)?;
///
/// // The new leader has just been started; its own clock is near zero.
/// let own = Instant::from_millis(500);
/// let clock = LeaseClock::continue_from(table.now(), own);
/// let later = own + Duration::from_secs(9);
/// assert!(table.get(clock.at(later), "disk").is_some());
/// assert!(table.get(clock.at(later + Duration::from_secs(1)), "disk").is_none());
/// # Ok::<(), quorate_leases::AcquireError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct LeaseClock {
    table: Instant,
    own: Instant,
}

impl LeaseClock {
    /// The clock that shows `table`, a [`LeaseTable::now`](crate::LeaseTable::now), when the
    /// replica's own clock shows `own`.
    pub const fn continue_from(table: Instant, own: Instant) -> Self {
        Self { table, own }
    }

    /// What it shows when the replica's own clock shows `own`.
    pub fn at(&self, own: Instant) -> Instant {
        self.table.saturating_add(own.since(self.own))
    }
}
