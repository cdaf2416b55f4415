//! Linearizability of all writes and of the reads at levels `linearizable` and `lease`.

use std::collections::BTreeSet;

use quorate_consistency::{
    Budget, KeyValue, Level, Verdict as Checked, check, linearizable, verify,
};

use super::writes::Writes;
use super::{Judgement, Verdict, at, grouped, written};
use crate::check::explain::explain;
use crate::demo::history::Record;
use crate::demo::record::{Action, Op};

/// The promise.
const PROMISE: &str = "linearizability";
/// How much the checker may try. Histories that hold need a few steps per operation.
const BUDGET: Budget = Budget::steps(400_000_000);

pub(super) fn judge(ops: &[Op], records: &[Record], writes: &Writes) -> Verdict {
    let (history, _) = linearizable(&KeyValue, records);
    let keys: BTreeSet<_> = history.operations.iter().map(|o| o.input.key()).collect();
    let reads = history.operations.iter().filter(|o| o.input.is_read());
    let reads = reads.count();
    let evidence = format!(
        "{} operations on {} keys and counters, {} of them reads at levels linearizable and lease",
        grouped(history.len()),
        grouped(keys.len()),
        grouped(reads)
    );

    // What people understand at once comes first: a read that missed a write is a violation by itself.
    let mut wrong = stale_reads(ops, writes);
    wrong.extend(weaker_than_asked(ops));
    let mut undecided = None;
    match check(&KeyValue, &history, BUDGET) {
        Checked::Holds(order) => {
            if let Err(error) = verify(&KeyValue, &history, &order) {
                undecided = Some(format!("the checker contradicts itself: {error}"));
            }
        }
        Checked::Violated(violation) => {
            let key = String::from_utf8_lossy(&violation.key);
            wrong.push(explain(&key, &history, &violation).join("\n"));
        }
        Checked::Unknown(reason) => undecided = Some(reason.to_string()),
    }
    let tested = reads > 0 && undecided.is_none();
    let mut verdict = Verdict::new(PROMISE, evidence, tested, wrong)
        .count("operations", history.len())
        .count("reads", reads)
        .count("keys", keys.len());
    if verdict.judgement == Judgement::NotTested {
        verdict.details.extend(undecided);
    }
    verdict
}

/// Reads that missed what had been acknowledged before they were sent, by the revisions alone.
fn stale_reads(ops: &[Op], writes: &Writes) -> Vec<String> {
    let stale = |op: &Op| {
        let Action::Read {
            level: level @ (Level::Linearizable | Level::Lease),
            value: Some(value),
            revision,
            node,
            ..
        } = op.action
        else {
            return None;
        };
        let missed = writes.first_missed(&op.key, revision)?;
        (missed.ret < op.span.call).then(|| {
            format!(
                "{}: client {} read {value} at level {level} at {} from node {}, but {} had been \
                 acknowledged at {} ({})",
                op.key,
                op.session,
                at(op.span.call),
                node.unwrap_or_default(),
                written(missed),
                at(missed.ret),
                op.phase.name()
            )
        })
    };
    ops.iter().filter_map(stale).collect()
}

/// Reads that were answered at a weaker level than they asked for.
fn weaker_than_asked(ops: &[Op]) -> Vec<String> {
    let weaker = |op: &Op| {
        let Action::Read {
            level,
            served: Some(served),
            node,
            ..
        } = op.action
        else {
            return None;
        };
        (!served.satisfies(level)).then(|| {
            format!(
                "{}: client {} asked for level {level} at {}, and node {} served {served}",
                op.key,
                op.session,
                at(op.span.call),
                node.unwrap_or_default(),
            )
        })
    };
    ops.iter().filter_map(weaker).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{put, put_unknown, read};
    use super::*;
    use crate::demo::history::records;

    fn judged(ops: &[Op]) -> Verdict {
        judge(ops, &records(ops, &[]), &Writes::of(ops))
    }

    #[test]
    fn a_stale_read_at_level_lease_is_shown_by_what_it_missed() {
        let ops = [
            put("a", 1, 10, 0, 5),
            put("a", 2, 11, 6, 8),
            read("a", Level::Lease, Some((1, 10)), 9, 12),
        ];
        let verdict = judged(&ops);
        assert_eq!(verdict.judgement, Judgement::Broken);
        assert!(
            verdict.details[0].contains("read 1 at level lease"),
            "{verdict:?}"
        );
        assert!(
            verdict.details[1].contains("cannot come next"),
            "{verdict:?}"
        );
    }

    #[test]
    fn weaker_levels_may_be_stale() {
        let ops = [
            put("a", 1, 10, 0, 5),
            put("a", 2, 11, 6, 8),
            read("a", Level::Eventual, Some((1, 10)), 9, 12),
            read("a", Level::Linearizable, Some((2, 11)), 13, 15),
        ];
        assert_eq!(judged(&ops).judgement, Judgement::Kept);
        assert_eq!(judged(&ops[..3]).judgement, Judgement::NotTested);
    }

    #[test]
    fn a_write_without_an_answer_may_show_at_any_time_but_not_vanish() {
        let seen = |call, seen| read("a", Level::Linearizable, seen, call, call + 1);
        let ops = [
            put_unknown("a", 1, 0, 5),
            seen(10, None),
            seen(20, Some((1, 7))),
        ];
        assert_eq!(judged(&ops).judgement, Judgement::Kept);
        let vanished = [&ops[..], &[seen(30, None)]].concat();
        assert_eq!(judged(&vanished).judgement, Judgement::Broken);
    }

    #[test]
    fn serving_less_than_asked_for_is_broken() {
        let mut op = read("a", Level::Linearizable, None, 0, 1);
        if let Action::Read { served, .. } = &mut op.action {
            *served = Some(Level::Eventual);
        }
        assert_eq!(judged(&[op]).judgement, Judgement::Broken);
    }
}
