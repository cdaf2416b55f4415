//! A revision names one write: every reader sees a value at the revision at which it was written.
//!
//! What is judged of sessions and of staleness rests on revisions, so they must not lie.

use std::collections::BTreeMap;

use super::{Verdict, grouped};
use crate::demo::record::{Action, Change, Op};

pub(super) fn judge(ops: &[Op]) -> Verdict {
    let mut values: BTreeMap<u64, u64> = BTreeMap::new();
    let mut seen = 0;
    let mut wrong = Vec::new();
    for op in ops {
        let (value, revision) = match op.action {
            Action::Read {
                value: Some(value),
                revision,
                ..
            } => {
                seen += 1;
                (value, revision)
            }
            Action::Put {
                value,
                result: Change::Made(revision),
            }
            | Action::Swap {
                value,
                result: Change::Made(revision),
                ..
            } => (value, revision),
            _ => continue,
        };
        let first = *values.entry(value).or_insert(revision);
        if first != revision {
            wrong.push(format!(
                "{}: the value {value} has revision {first} and revision {revision}",
                op.key
            ));
        }
    }
    let evidence = format!(
        "{} values, read {} times, each at one revision",
        grouped(values.len()),
        grouped(seen)
    );
    Verdict::new("revisions", evidence, seen > 0, wrong)
        .count("values", values.len())
        .count("reads", seen)
}

#[cfg(test)]
mod tests {
    use super::super::Judgement;
    use super::super::tests::{put, read};
    use super::*;
    use quorate_consistency::Level;

    #[test]
    fn a_value_at_two_revisions_is_a_lie() {
        let write = put("a", 1, 10, 0, 5);
        let right = read("a", Level::Eventual, Some((1, 10)), 6, 7);
        let lie = read("a", Level::Eventual, Some((1, 11)), 6, 7);
        assert_eq!(judge(&[write.clone(), right]).judgement, Judgement::Kept);
        assert_eq!(judge(&[write, lie]).judgement, Judgement::Broken);
    }
}
