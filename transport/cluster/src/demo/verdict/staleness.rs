//! Bounded staleness: a read shows every write that was acknowledged before it by more than its bound.
//!
//! This is the Δ-atomicity of W. Golab, X. Li and M. A. Shah, "Analyzing Consistency Properties for
//! Fun and Profit", PODC 2011: a read may answer as if it had been sent up to Δ earlier. As revisions
//! order all writes, it can be checked read by read.

use quorate_consistency::Level;

use super::writes::{SeenAt, Writes};
use super::{Verdict, at, grouped, shown, written};
use crate::demo::record::{Action, Op};

/// `trials` reads were asked of a node that could not know what they had to show.
pub(super) fn judge(ops: &[Op], writes: &Writes, trials: usize) -> Verdict {
    let mut reads = 0;
    let mut behind = 0;
    let mut untold = 0;
    let mut worst = 0;
    let mut wrong = Vec::new();
    for op in ops {
        let Action::Read {
            level: Level::Bounded(bound),
            revision,
            value,
            node,
            ..
        } = &op.action
        else {
            continue;
        };
        reads += 1;
        let SeenAt::Revision(revision) = writes.seen_at(&op.key, *revision, op.span.ret) else {
            untold += 1;
            continue;
        };
        let staleness = writes.staleness(&op.key, revision, op.span.call);
        worst = worst.max(staleness);
        behind += usize::from(staleness > 0);
        if u128::from(staleness) > bound.as_nanos()
            && let Some(missed) = writes.first_missed(&op.key, revision)
        {
            wrong.push(format!(
                "{}: client {} read {} at {} from node {}, but {} had been acknowledged at {}, \
                 {} ms before: more than {} ms",
                op.key,
                op.session,
                shown(*value),
                at(op.span.call),
                node.unwrap_or_default(),
                written(missed),
                at(missed.ret),
                staleness / 1_000_000,
                bound.as_millis(),
            ));
        }
    }
    let mut evidence = format!(
        "{} bounded reads, {} of them behind, by {} ms at most; a node that was cut off was asked {} \
         times for what it had missed for longer than the bound",
        grouped(reads),
        grouped(behind),
        worst.div_ceil(1_000_000),
        grouped(trials)
    );
    if untold > 0 {
        evidence.push_str(&format!("; {} cannot be judged", grouped(untold)));
    }
    let tested = reads > untold && trials > 0;
    Verdict::new("bounded staleness", evidence, tested, wrong)
        .count("trials", trials)
        .count("reads", reads)
        .count("behind", behind)
        .count("not_judged", untold)
}

#[cfg(test)]
mod tests {
    use super::super::Judgement;
    use super::super::tests::{delete, put, read};
    use super::*;
    use std::time::Duration;

    const MS: u64 = 1_000_000;

    fn judged(ops: &[Op]) -> Verdict {
        judge(ops, &Writes::of(ops), 1)
    }

    fn bounded(seen: Option<(u64, u64)>, call: u64) -> Op {
        let level = Level::Bounded(Duration::from_millis(100));
        read("a", level, seen, call, call + MS)
    }

    #[test]
    fn a_read_may_be_behind_up_to_its_bound_and_no_more() {
        let writes = [put("a", 1, 10, 0, MS), put("a", 2, 11, 2 * MS, 3 * MS)];
        let within = [&writes[..], &[bounded(Some((1, 10)), 103 * MS)]].concat();
        assert_eq!(judged(&within).judgement, Judgement::Kept);
        let beyond = [&writes[..], &[bounded(Some((1, 10)), 104 * MS)]].concat();
        let verdict = judged(&beyond);
        assert_eq!(verdict.judgement, Judgement::Broken);
        assert!(
            verdict.details[0].contains("a: client 2 read 1"),
            "{verdict:?}"
        );
    }

    #[test]
    fn an_absent_key_is_behind_when_a_value_was_acknowledged_after_its_deletion() {
        let ops = [
            delete("a", Some(9), 0, MS),
            put("a", 1, 10, 2 * MS, 3 * MS),
            bounded(None, 200 * MS),
        ];
        assert_eq!(judged(&ops).judgement, Judgement::Broken);
        assert_eq!(judged(&ops[..1]).judgement, Judgement::NotTested);
    }

    #[test]
    fn reads_of_nodes_that_are_up_to_date_test_nothing() {
        let ops = [put("a", 1, 10, 0, MS), bounded(Some((1, 10)), 2 * MS)];
        assert_eq!(judged(&ops).judgement, Judgement::Kept);
        let easy = judge(&ops, &Writes::of(&ops), 0);
        assert_eq!(easy.judgement, Judgement::NotTested);
    }
}
