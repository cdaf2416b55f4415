//! Session guarantees: a read at level `session` shows at least what its session wrote and read.
//!
//! Read your writes and monotonic reads of D. Terry et al., "Session Guarantees for Weakly Consistent
//! Replicated Data", PDIS 1994. The whole service is one log, so they hold across keys too: who has
//! seen revision 17 of one key must not miss revision 16 of another.

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_consistency::{Level, check_sessions, key_value_accesses};

use super::writes::{SeenAt, Writes};
use super::{Verdict, at, grouped, shown};
use crate::demo::history::Record;
use crate::demo::record::{Action, Change, Op};

/// What a session has seen.
#[derive(Default)]
struct Seen {
    /// By key, the newest revision that it read or wrote.
    keys: BTreeMap<Arc<str>, u64>,
    /// The newest of all.
    newest: u64,
}

impl Seen {
    fn saw(&mut self, key: &Arc<str>, revision: u64) {
        let newest = self.keys.entry(key.clone()).or_default();
        *newest = revision.max(*newest);
        self.newest = revision.max(self.newest);
    }
}

/// `trials` reads were asked of a node that could not know what its session had written.
pub(super) fn judge(ops: &[Op], records: &[Record], writes: &Writes, trials: usize) -> Verdict {
    let mut sessions: BTreeMap<u64, Vec<&Op>> = BTreeMap::new();
    for op in ops {
        sessions.entry(op.session).or_default().push(op);
    }
    let mut reads = 0;
    let mut demanding = 0;
    let mut wrong = Vec::new();
    for ops in sessions.values_mut() {
        // A session sends one request at a time, so the order of sending is the session's order.
        ops.sort_by_key(|op| op.span.call);
        let mut seen = Seen::default();
        for op in ops.iter() {
            if let Action::Read {
                level: Level::Session,
                value,
                revision,
                node,
                ..
            } = op.action
            {
                reads += 1;
                let read_at = match writes.seen_at(&op.key, revision, op.span.ret) {
                    SeenAt::Revision(revision) => Some(revision),
                    SeenAt::Untold => None,
                };
                let own = seen.keys.get(&op.key).copied().unwrap_or_default();
                let implied = writes.newest_until(&op.key, seen.newest);
                let required = own.max(implied.map_or(0, |write| write.revision));
                demanding += usize::from(required > 0);
                if let Some(read_at) = read_at
                    && read_at < required
                {
                    wrong.push(format!(
                        "{}: client {} read {} (revision {read_at}) at {} from node {}, although \
                         it had seen revision {} before, and revision {required} of this key is \
                         not newer than that",
                        op.key,
                        op.session,
                        shown(value),
                        at(op.span.call),
                        node.unwrap_or_default(),
                        seen.newest,
                    ));
                }
            }
            if let Some(revision) = showed(&op.action) {
                seen.saw(&op.key, revision);
            }
        }
    }
    // Key by key, for the reads at stronger levels too.
    if let Err(violation) = check_sessions(&key_value_accesses(records)) {
        wrong.push(violation.to_string());
    }
    let evidence = format!(
        "{} session reads in {} sessions, {} of keys that the session had to see something of; a node \
         that was cut off was asked {} times for what the session had written without it",
        grouped(reads),
        grouped(sessions.len()),
        grouped(demanding),
        grouped(trials)
    );
    let tested = demanding > 0 && trials > 0;
    Verdict::new("session guarantees", evidence, tested, wrong)
        .count("trials", trials)
        .count("sessions", sessions.len())
        .count("reads", reads)
        .count("demanding_reads", demanding)
}

/// The revision of its key that an operation has certainly shown to its session. An absent key shows
/// none: which deletion was seen cannot be told.
fn showed(action: &Action) -> Option<u64> {
    let revision = match *action {
        Action::Read { revision, .. } => revision,
        Action::Put { result, .. } | Action::Delete { result } | Action::Swap { result, .. } => {
            match result {
                Change::Made(revision) | Change::Mismatch(revision) => revision,
                Change::Unknown => 0,
            }
        }
    };
    (revision > 0).then_some(revision)
}

#[cfg(test)]
mod tests {
    use super::super::Judgement;
    use super::super::tests::{delete, put, read};
    use super::*;
    use crate::demo::history::records;

    fn judged(ops: &[Op]) -> Judgement {
        judge(ops, &records(ops, &[]), &Writes::of(ops), 1).judgement
    }

    fn in_session_2(mut op: Op) -> Op {
        op.session = 2;
        op
    }

    #[test]
    fn a_session_reads_its_own_writes() {
        let write = in_session_2(put("a", 1, 10, 0, 5));
        let kept = read("a", Level::Session, Some((1, 10)), 6, 7);
        let lost = read("a", Level::Session, None, 6, 7);
        let easy = [write.clone(), kept.clone()];
        assert_eq!(judged(&[write.clone(), kept]), Judgement::Kept);
        assert_eq!(judged(&[write, lost]), Judgement::Broken);
        // A node that is up to date would have shown it in any case.
        let easy = judge(&easy, &records(&easy, &[]), &Writes::of(&easy), 0);
        assert_eq!(easy.judgement, Judgement::NotTested);
    }

    #[test]
    fn reads_of_a_session_do_not_go_back() {
        let writes = [put("a", 1, 10, 0, 5), put("a", 2, 11, 6, 8)];
        let first = read("a", Level::Eventual, Some((2, 11)), 10, 11);
        let back = read("a", Level::Session, Some((1, 10)), 12, 13);
        let ops = [&writes[..], &[first.clone(), back.clone()]].concat();
        assert_eq!(judged(&ops), Judgement::Broken);
        // Another session may still see the older value.
        let mut other = back;
        other.session = 3;
        let again = read("a", Level::Session, Some((2, 11)), 12, 13);
        let ops = [&writes[..], &[first, other, again]].concat();
        assert_eq!(judged(&ops), Judgement::Kept);
    }

    #[test]
    fn what_one_key_showed_binds_the_reads_of_another() {
        let writes = [put("a", 1, 10, 0, 5), put("b", 2, 11, 6, 8)];
        let newer = read("b", Level::Linearizable, Some((2, 11)), 10, 11);
        let missing = read("a", Level::Session, None, 12, 13);
        let ops = [&writes[..], &[newer, missing]].concat();
        assert_eq!(judged(&ops), Judgement::Broken);
    }

    #[test]
    fn an_absent_key_is_excused_by_a_deletion() {
        let writes = [put("a", 1, 10, 0, 5), delete("a", Some(11), 6, 8)];
        let first = read("a", Level::Session, Some((1, 10)), 6, 7);
        let absent = read("a", Level::Session, None, 8, 9);
        let ops = [&writes[..], &[first, absent]].concat();
        assert_eq!(judged(&ops), Judgement::Kept);
    }

    #[test]
    fn a_read_that_had_to_see_nothing_tests_nothing() {
        let first = read("a", Level::Session, None, 6, 7);
        assert_eq!(judged(&[first]), Judgement::NotTested);
    }
}
