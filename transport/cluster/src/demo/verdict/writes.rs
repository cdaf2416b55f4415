//! What was written to each key, in the order of its revisions.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::demo::record::{Action, Change, Op};

/// All writes that are known to have been made, by key.
///
/// A revision is the index of the write in the replicated log, so revisions order all writes.
#[derive(Clone, Debug, Default)]
pub(super) struct Writes {
    keys: BTreeMap<Arc<str>, KeyWrites>,
}

#[derive(Clone, Debug, Default)]
struct KeyWrites {
    /// Acknowledged writes in the order of their revisions.
    acknowledged: Vec<Acknowledged>,
    /// For each of them, which of it and the later ones was acknowledged first.
    first_from: Vec<usize>,
    /// Revision and call of each deletion.
    deletions: Vec<(u64, u64)>,
    /// When the first deletion without an answer was sent.
    unknown_deletion: Option<u64>,
}

/// A write that was acknowledged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Acknowledged {
    pub(super) revision: u64,
    /// When its answer was there.
    pub(super) ret: u64,
    /// What it wrote; `None` when it removed.
    pub(super) value: Option<u64>,
}

/// The revision at which a read saw its key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SeenAt {
    Revision(u64),
    /// The key was absent, and which write removed it cannot be told.
    Untold,
}

impl Writes {
    pub(super) fn of(ops: &[Op]) -> Self {
        let mut keys: BTreeMap<Arc<str>, KeyWrites> = BTreeMap::new();
        for op in ops {
            let (value, result) = match op.action {
                Action::Put { value, result } | Action::Swap { value, result, .. } => {
                    (Some(value), result)
                }
                Action::Delete { result } => (None, result),
                Action::Read { .. } => continue,
            };
            let key = keys.entry(op.key.clone()).or_default();
            match (result, value) {
                (Change::Made(revision), _) => {
                    key.acknowledged.push(Acknowledged {
                        revision,
                        ret: op.span.ret,
                        value,
                    });
                    if value.is_none() {
                        key.deletions.push((revision, op.span.call));
                    }
                }
                (Change::Unknown, None) => {
                    let sent = key.unknown_deletion.get_or_insert(op.span.call);
                    *sent = op.span.call.min(*sent);
                }
                (Change::Unknown | Change::Mismatch(_), _) => {}
            }
        }
        for key in keys.values_mut() {
            key.acknowledged.sort_by_key(|write| write.revision);
            key.first_from = first_from(&key.acknowledged);
        }
        Self { keys }
    }

    /// The revision at which a read saw its key. An absent key has none, so the newest deletion is
    /// taken that the read can have seen: the reading in the service's favour.
    pub(super) fn seen_at(&self, key: &str, revision: u64, read_ret: u64) -> SeenAt {
        if revision > 0 {
            return SeenAt::Revision(revision);
        }
        let Some(key) = self.keys.get(key) else {
            return SeenAt::Revision(0);
        };
        if key.unknown_deletion.is_some_and(|sent| sent < read_ret) {
            return SeenAt::Untold;
        }
        let deletions = key.deletions.iter();
        let seen = deletions
            .filter(|(_, sent)| *sent < read_ret)
            .map(|(revision, _)| *revision);
        SeenAt::Revision(seen.max().unwrap_or(0))
    }

    /// The first acknowledged of all writes newer than a revision: since then, whoever reads the
    /// older one is behind.
    pub(super) fn first_missed(&self, key: &str, revision: u64) -> Option<Acknowledged> {
        let key = self.keys.get(key)?;
        let newer = key
            .acknowledged
            .partition_point(|write| write.revision <= revision);
        let first = *key.first_from.get(newer)?;
        key.acknowledged.get(first).copied()
    }

    /// By how many nanoseconds a read that was sent at `call` was behind.
    pub(super) fn staleness(&self, key: &str, revision: u64, call: u64) -> u64 {
        self.first_missed(key, revision)
            .map_or(0, |missed| call.saturating_sub(missed.ret))
    }

    /// The newest acknowledged write of a key at or below a revision.
    pub(super) fn newest_until(&self, key: &str, revision: u64) -> Option<Acknowledged> {
        let key = self.keys.get(key)?;
        let newer = key
            .acknowledged
            .partition_point(|write| write.revision <= revision);
        key.acknowledged.get(newer.checked_sub(1)?).copied()
    }
}

fn first_from(writes: &[Acknowledged]) -> Vec<usize> {
    let mut first_from = vec![0; writes.len()];
    let mut first: Option<(u64, usize)> = None;
    for (place, write) in writes.iter().enumerate().rev() {
        let here = (write.ret, place);
        let best = first.map_or(here, |first| first.min(here));
        first = Some(best);
        if let Some(slot) = first_from.get_mut(place) {
            *slot = best.1;
        }
    }
    first_from
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::verdict::tests::{delete, put, put_unknown};

    #[test]
    fn a_read_is_behind_since_the_first_newer_write_was_acknowledged() {
        let ops = [
            put("a", 1, 10, 0, 5),
            // The later write was acknowledged first.
            put("a", 2, 11, 6, 30),
            put("a", 3, 12, 7, 20),
        ];
        let writes = Writes::of(&ops);
        assert_eq!(writes.staleness("a", 10, 15), 0);
        assert_eq!(writes.staleness("a", 10, 26), 6);
        assert_eq!(writes.staleness("a", 11, 26), 6);
        assert_eq!(writes.staleness("a", 12, 1_000), 0);
        assert_eq!(writes.staleness("b", 0, 1_000), 0);
        assert_eq!(writes.newest_until("a", 11).unwrap().value, Some(2));
        assert_eq!(writes.newest_until("a", 9), None);
    }

    #[test]
    fn an_absent_key_was_seen_at_the_newest_deletion_that_can_have_been_seen() {
        let ops = [
            put("a", 1, 10, 0, 5),
            delete("a", Some(11), 10, 12),
            delete("a", Some(15), 50, 52),
        ];
        let writes = Writes::of(&ops);
        assert_eq!(writes.seen_at("a", 0, 9), SeenAt::Revision(0));
        assert_eq!(writes.seen_at("a", 0, 40), SeenAt::Revision(11));
        assert_eq!(writes.seen_at("a", 0, 60), SeenAt::Revision(15));
        assert_eq!(writes.seen_at("a", 12, 60), SeenAt::Revision(12));
    }

    #[test]
    fn a_deletion_without_an_answer_excuses_an_absent_key_from_then_on() {
        let ops = [put_unknown("a", 1, 0, 5), delete("a", None, 20, 30)];
        let writes = Writes::of(&ops);
        assert_eq!(writes.seen_at("a", 0, 10), SeenAt::Revision(0));
        assert_eq!(writes.seen_at("a", 0, 25), SeenAt::Untold);
    }
}
