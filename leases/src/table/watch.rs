//! Who wants to know what happens to a name.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;

use quorate_clocks::Instant;

use super::{LeaseTable, SessionId, WatchError};

/// The sessions that watch, by name.
#[derive(Clone)]
pub(super) struct Watches {
    pub(super) by_name: BTreeMap<Arc<str>, BTreeSet<SessionId>>,
    pub(super) len: usize,
}

impl Watches {
    pub(super) const fn new() -> Self {
        Self {
            by_name: BTreeMap::new(),
            len: 0,
        }
    }
}

impl LeaseTable {
    /// Notes that a session wants to know what happens to `name`, which need not be held. Noting it
    /// again changes nothing. It ends with the session.
    ///
    /// The table does not send: whoever polls its events passes each on to
    /// [`watchers`](Self::watchers) of the name.
    ///
    /// ```
    /// use core::time::Duration;
    /// use quorate_clocks::Instant;
    /// use quorate_leases::{LeaseTable, Limits};
    ///
    /// let mut table = LeaseTable::new(Limits::default());
    /// let (now, ttl) = (Instant::from_millis(0), Duration::from_secs(10));
    /// let session = table.open_session(now, ttl)?.session;
    /// table.watch(now, "disk", session)?;
    /// assert!(table.watchers("disk").eq([session]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`WatchError`] when the session is over, the name out of bounds, or there are as many watches
    /// as there may be.
    pub fn watch(
        &mut self,
        now: Instant,
        name: &str,
        session: SessionId,
    ) -> Result<(), WatchError> {
        let now = self.advance(now);
        let (bytes, max) = (name.len(), usize::from(self.limits.max_name_bytes));
        if bytes == 0 || bytes > max {
            return Err(WatchError::Name { bytes, max });
        }
        let Some(at) = self.open_place(now, session) else {
            return Err(WatchError::NoSession { session });
        };
        let known = self.watches.by_name.get(name);
        if known.is_some_and(|watchers| watchers.contains(&session)) {
            return Ok(());
        }
        let max = self.limits.max_watches as usize;
        if self.watches.len >= max {
            return Err(WatchError::Full { max });
        }
        self.add_watch(name, session, at);
        Ok(())
    }

    pub(super) fn add_watch(&mut self, name: &str, session: SessionId, at: u32) {
        let known = self.watches.by_name.get_key_value(name);
        let name = known.map_or_else(|| Arc::from(name), |(name, _)| Arc::clone(name));
        if let Some(found) = self.records.sessions.get_mut(at) {
            found.watched.insert(Arc::clone(&name));
        }
        let watchers = self.watches.by_name.entry(name).or_default();
        if watchers.insert(session) {
            self.watches.len += 1;
        }
    }

    /// Ends a watch. Ending one that is not there changes nothing.
    pub fn unwatch(&mut self, now: Instant, name: &str, session: SessionId) {
        self.advance(now);
        let at = self.records.find_session(session.0);
        if let Some(found) = at.and_then(|at| self.records.sessions.get_mut(at)) {
            found.watched.remove(name);
        }
        self.forget_watcher(name, session);
    }

    pub(super) fn forget_watcher(&mut self, name: &str, session: SessionId) {
        let Some(watchers) = self.watches.by_name.get_mut(name) else {
            return;
        };
        if watchers.remove(&session) {
            self.watches.len = self.watches.len.saturating_sub(1);
        }
        if watchers.is_empty() {
            self.watches.by_name.remove(name);
        }
    }

    /// The sessions that watch `name`, the oldest first.
    pub fn watchers(&self, name: &str) -> impl Iterator<Item = SessionId> {
        let watchers = self.watches.by_name.get(name).into_iter();
        let watchers = watchers.flatten().copied();
        // One that is over may not have been freed yet.
        watchers.filter(|session| self.open_place(self.now, *session).is_some())
    }
}
