//! Increments: acknowledged = counted. None lost, none counted twice, however often it was sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_consistency::{CounterAudit, CounterVerdict};

use super::{Verdict, at, grouped};
use crate::demo::record::Addition;

pub(super) fn judge(additions: &[Addition], last: &BTreeMap<Arc<str>, i64>) -> Verdict {
    let mut counters: BTreeMap<Arc<str>, Vec<&Addition>> = BTreeMap::new();
    for addition in additions {
        let counter = counters.entry(addition.counter.clone()).or_default();
        counter.push(addition);
    }
    let mut wrong = Vec::new();
    let mut complete = true;
    for (counter, additions) in &mut counters {
        additions.sort_by_key(|addition| addition.acknowledged.map(|(_, revision)| revision));
        wrong.extend(sum(counter, additions, last.get(counter).copied()));
        wrong.extend(steps(counter, additions));
        complete &= last.contains_key(counter);
    }
    for addition in additions {
        if addition.replay == Some(false) {
            wrong.push(format!(
                "{}: adding {} at {} was answered differently when it was sent again with the \
                 same Idempotency-Key",
                addition.counter,
                addition.amount,
                at(addition.span.call)
            ));
        }
    }

    let acknowledged = additions
        .iter()
        .filter(|a| a.acknowledged.is_some())
        .count();
    let retried = additions.iter().filter(|a| a.attempts > 1).count();
    let replayed = additions.iter().filter(|a| a.replay.is_some()).count();
    let mut evidence = format!(
        "{} increments acknowledged, {} counted; {} were sent more than once, {} of them after \
         their answer",
        grouped(acknowledged),
        if wrong.is_empty() && complete {
            "each exactly once".to_owned()
        } else {
            "not each exactly once".to_owned()
        },
        grouped(retried),
        grouped(replayed)
    );
    let open = additions.len() - acknowledged;
    if open > 0 {
        evidence.push_str(&format!("; {open} without an answer to the end"));
    }
    if !complete {
        evidence.push_str("; the last value of a counter could not be read");
    }
    let tested = complete && acknowledged > 0 && retried > 0;
    Verdict::new("exactly-once increments", evidence, tested, wrong)
        .count("acknowledged", acknowledged)
        .count("unanswered", open)
        .count("retried", retried)
        .count("replayed", replayed)
}

/// The last value is the sum of what was acknowledged, and of any part of what was not.
fn sum(counter: &str, additions: &[&Addition], last: Option<i64>) -> Option<String> {
    let last = last?;
    let mut audit = CounterAudit::new();
    for addition in additions {
        match addition.acknowledged {
            Some(_) => audit.acknowledged(addition.amount),
            None => audit.unknown(addition.amount),
        }
    }
    let (least, most) = audit.range();
    match audit.verdict(last) {
        CounterVerdict::Exact { .. } => None,
        CounterVerdict::Lost { at_least } => Some(format!(
            "{counter}: {least} was acknowledged, and it holds {last}: {at_least} was lost"
        )),
        CounterVerdict::Duplicated { at_least } => Some(format!(
            "{counter}: {most} was asked for, and it holds {last}: {at_least} was counted twice"
        )),
    }
}

/// In the order of revisions, each sum is the one before and what was added, unless something
/// without an answer lies between.
fn steps(counter: &str, additions: &[&Addition]) -> Vec<String> {
    let open: i64 = additions
        .iter()
        .filter(|addition| addition.acknowledged.is_none())
        .map(|addition| addition.amount)
        .sum();
    let mut wrong = Vec::new();
    let mut previous = (0_i64, 0_u64);
    for addition in additions {
        let Some((value, revision)) = addition.acknowledged else {
            continue;
        };
        let surplus = value - previous.0 - addition.amount;
        if revision == previous.1 {
            wrong.push(format!(
                "{counter}: two increments were acknowledged with one revision, {revision}"
            ));
        } else if surplus != 0 && !(0..=open).contains(&surplus) {
            wrong.push(format!(
                "{counter}: {} was added to {} at revision {revision}, and the sum was {value}, \
                 not {} ({})",
                addition.amount,
                previous.0,
                previous.0 + addition.amount,
                at(addition.span.ret)
            ));
        }
        previous = (value, revision);
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::super::Judgement;
    use super::*;
    use crate::demo::record::Span;

    fn add(amount: i64, acknowledged: Option<(i64, u64)>) -> Addition {
        Addition {
            session: 1,
            span: Span::default(),
            counter: "c".into(),
            amount,
            acknowledged,
            attempts: 2,
            replay: None,
        }
    }

    fn judged(additions: &[Addition], last: i64) -> Verdict {
        judge(additions, &BTreeMap::from([("c".into(), last)]))
    }

    #[test]
    fn what_was_acknowledged_is_what_is_there() {
        let additions = [add(3, Some((3, 1))), add(4, Some((7, 2)))];
        assert_eq!(judged(&additions, 7).judgement, Judgement::Kept);
    }

    #[test]
    fn a_lost_increment_and_one_counted_twice_are_told_apart() {
        let additions = [add(3, Some((3, 1))), add(4, Some((7, 2)))];
        let lost = judged(&additions, 3);
        assert_eq!(lost.judgement, Judgement::Broken);
        assert!(lost.details[0].contains("4 was lost"), "{lost:?}");
        // The retry of the second was counted again.
        let twice = judged(&[add(3, Some((3, 1))), add(4, Some((11, 3)))], 11);
        assert_eq!(twice.judgement, Judgement::Broken);
        assert!(
            twice.details[0].contains("4 was counted twice"),
            "{twice:?}"
        );
        assert!(twice.details[1].contains("not 7"), "{twice:?}");
    }

    #[test]
    fn an_increment_without_an_answer_may_have_been_counted_or_not() {
        let additions = [add(3, Some((3, 1))), add(5, None), add(4, Some((12, 3)))];
        assert_eq!(judged(&additions, 12).judgement, Judgement::Kept);
        let additions = [add(3, Some((3, 1))), add(5, None), add(4, Some((7, 3)))];
        assert_eq!(judged(&additions, 7).judgement, Judgement::Kept);
        assert_eq!(judged(&additions, 13).judgement, Judgement::Broken);
    }

    #[test]
    fn a_replay_with_another_answer_is_wrong() {
        let mut addition = add(3, Some((3, 1)));
        addition.replay = Some(false);
        assert_eq!(judged(&[addition], 3).judgement, Judgement::Broken);
    }

    #[test]
    fn nothing_retried_or_a_sum_not_read_tests_nothing() {
        let mut addition = add(3, Some((3, 1)));
        assert_eq!(
            judge(std::slice::from_ref(&addition), &BTreeMap::new()).judgement,
            Judgement::NotTested
        );
        addition.attempts = 1;
        assert_eq!(judged(&[addition], 3).judgement, Judgement::NotTested);
    }
}
