//! Which idempotency keys are being worked on right now.

use std::collections::BTreeSet;

use crate::sync::{Lock, lock};

/// The idempotency keys of requests that this node has proposed and not yet answered.
///
/// It only spares a second round through the log: that a key runs once is decided where commands
/// are applied.
#[derive(Debug, Default)]
pub(super) struct InFlight(Lock<BTreeSet<String>>);

/// Frees its key when dropped, also when the client has gone away.
#[derive(Debug)]
pub(super) struct InFlightGuard<'a> {
    keys: &'a InFlight,
    key: &'a str,
}

impl InFlight {
    /// Claims a key, unless it is claimed.
    pub(super) fn enter<'a>(&'a self, key: &'a str) -> Option<InFlightGuard<'a>> {
        let is_new = lock(&self.0).insert(key.to_owned());
        // Only a guard that claimed the key may free it.
        is_new.then(|| InFlightGuard { keys: self, key })
    }
}

impl Drop for InFlightGuard<'_> {
    fn drop(&mut self) {
        lock(&self.keys.0).remove(self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_claimed_once_until_it_is_dropped() {
        let keys = InFlight::default();
        let first = keys.enter("a");
        assert!(first.is_some());
        assert!(keys.enter("a").is_none());
        assert!(keys.enter("b").is_some());
        drop(first);
        assert!(keys.enter("a").is_some());
    }
}
