//! Which promises were kept, judged by nothing but what the clients saw.

mod counters;
mod fencing;
mod linearizable;
mod replicas;
mod revisions;
mod sessions;
mod staleness;
mod writes;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::history::Record;
use super::record::{Action, Recorded};
use super::settle::Settled;
use super::tally::Row;
use writes::{Acknowledged, SeenAt, Writes};

/// How many violations of one promise are shown.
const SHOWN: usize = 5;

/// Whether a promise was kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Judgement {
    Kept,
    Broken,
    /// Nothing happened that could have broken it, or it could not be decided.
    NotTested,
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Kept => "KEPT",
            Self::Broken => "BROKEN",
            Self::NotTested => "NOT TESTED",
        })
    }
}

/// Whether one promise was kept, and what that rests on.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Verdict {
    /// The promise, in a word or two.
    pub(super) promise: &'static str,
    pub(super) judgement: Judgement,
    /// What was counted, for people.
    pub(super) evidence: String,
    /// What was counted, for programs.
    pub(super) counts: BTreeMap<&'static str, u64>,
    /// What to look at when it was not kept: a few lines.
    pub(super) details: Vec<String>,
}

impl Verdict {
    /// Broken when anything is wrong; not tested when there was nothing to go wrong.
    fn new(promise: &'static str, evidence: String, tested: bool, wrong: Vec<String>) -> Self {
        let judgement = match (wrong.is_empty(), tested) {
            (false, _) => Judgement::Broken,
            (true, true) => Judgement::Kept,
            (true, false) => Judgement::NotTested,
        };
        let hidden = wrong.len().saturating_sub(SHOWN);
        let mut details = wrong;
        details.truncate(SHOWN);
        if hidden > 0 {
            details.push(format!("and {hidden} more"));
        }
        Self {
            promise,
            judgement,
            evidence,
            counts: BTreeMap::new(),
            details,
        }
    }

    /// With something that was counted.
    fn count(mut self, what: &'static str, number: usize) -> Self {
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        self.counts.insert(what, number);
        self
    }
}

/// Judges every promise, and adds to the tally how far behind each read was.
pub(super) fn judge(
    recorded: &mut Recorded,
    records: &[Record],
    settled: &Settled,
) -> Vec<Verdict> {
    let writes = Writes::of(&recorded.ops);
    measure_staleness(recorded, &writes);
    vec![
        linearizable::judge(&recorded.ops, records, &writes),
        sessions::judge(&recorded.ops, records, &writes, recorded.trials.session),
        staleness::judge(&recorded.ops, &writes, recorded.trials.bounded),
        revisions::judge(&recorded.ops),
        counters::judge(&recorded.additions, &settled.counters),
        fencing::judge(&recorded.pauses, &recorded.guarded),
        replicas::judge(settled),
    ]
}

fn measure_staleness(recorded: &mut Recorded, writes: &Writes) {
    for op in &recorded.ops {
        let Action::Read {
            level, revision, ..
        } = &op.action
        else {
            continue;
        };
        if let SeenAt::Revision(revision) = writes.seen_at(&op.key, *revision, op.span.ret) {
            let behind = writes.staleness(&op.key, revision, op.span.call);
            recorded.tally.staleness(op.phase, Row::of(level), behind);
        }
    }
}

/// A point of the run's clock, for people.
fn at(nanos: u64) -> String {
    format!("{:.3} s", nanos as f64 / 1e9)
}

/// A number with its thousands apart.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A value that was read, for people.
fn shown(value: Option<u64>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| value.to_string())
}

/// A write, for people.
fn written(write: Acknowledged) -> String {
    write
        .value
        .map_or_else(|| "its deletion".to_owned(), |value| value.to_string())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::demo::plan::Phase;
    use crate::demo::record::{Change, Op, Span};
    use quorate_consistency::Level;

    fn op(session: u64, key: &str, call: u64, ret: u64, action: Action) -> Op {
        Op {
            session,
            phase: Phase::Healthy,
            span: Span { call, ret },
            key: key.into(),
            action,
        }
    }

    pub(crate) fn put(key: &str, value: u64, revision: u64, call: u64, ret: u64) -> Op {
        let result = Change::Made(revision);
        op(1, key, call, ret, Action::Put { value, result })
    }

    pub(crate) fn put_unknown(key: &str, value: u64, call: u64, ret: u64) -> Op {
        let result = Change::Unknown;
        op(1, key, call, ret, Action::Put { value, result })
    }

    pub(crate) fn delete(key: &str, revision: Option<u64>, call: u64, ret: u64) -> Op {
        let result = revision.map_or(Change::Unknown, Change::Made);
        op(1, key, call, ret, Action::Delete { result })
    }

    /// A read by session 2 of a value and its revision.
    pub(crate) fn read(
        key: &str,
        level: Level,
        seen: Option<(u64, u64)>,
        call: u64,
        ret: u64,
    ) -> Op {
        let action = Action::Read {
            level,
            served: Some(level),
            value: seen.map(|(value, _)| value),
            revision: seen.map_or(0, |(_, revision)| revision),
            node: Some(1),
        };
        op(2, key, call, ret, action)
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_234), "1,234");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }

    #[test]
    fn one_wrong_thing_breaks_a_promise_and_nothing_at_all_does_not_test_it() {
        let judge = |tested, wrong: &[&str]| {
            let wrong = wrong.iter().map(|line| (*line).to_owned()).collect();
            Verdict::new("p", String::new(), tested, wrong).judgement
        };
        assert_eq!(judge(true, &[]), Judgement::Kept);
        assert_eq!(judge(false, &[]), Judgement::NotTested);
        assert_eq!(judge(false, &["x"]), Judgement::Broken);
    }

    #[test]
    fn only_a_few_of_many_violations_are_shown() {
        let wrong = (0..50).map(|number| number.to_string()).collect();
        let verdict = Verdict::new("p", String::new(), true, wrong);
        assert_eq!(verdict.details.len(), SHOWN + 1);
        assert_eq!(verdict.details.last().unwrap(), "and 45 more");
    }
}
