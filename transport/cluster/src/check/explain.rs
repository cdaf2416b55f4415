//! Says where a history stops making sense, in lines that people can follow.

use bytes::Bytes;
use quorate_consistency::{
    Expected, History, KeyValueInput, KeyValueOutput, Operation, Outcome, RegisterInput,
    RegisterOutput, Violation,
};

/// How many operations before the first impossible one are shown.
const SHOWN_BEFORE: usize = 6;
/// How many of the operations that cannot come next are shown.
const SHOWN_BLOCKED: usize = 4;
/// The longest part of a value that is shown, in bytes.
const SHOWN_BYTES: usize = 40;

/// Something that people can be told.
pub(crate) trait Describe {
    /// In a few words.
    fn describe(&self) -> String;
}

/// Where a history stops making sense: what happened before, and what cannot have come next.
pub(crate) fn explain<K, I: Describe, O: Describe>(
    object: &str,
    history: &History<I, O>,
    violation: &Violation<K, O>,
) -> Vec<String> {
    let mut lines = Vec::new();
    let placed = violation.prefix.len();
    let hidden = placed.saturating_sub(SHOWN_BEFORE);
    lines.push(match (placed, hidden) {
        (0, _) => format!("{object}: no order of its operations makes sense from the start"),
        (_, 0) => format!("{object}: these can be put in order"),
        _ => format!("{object}: {placed} operations can be put in order, and these are the last"),
    });
    let operation = |at: &usize| history.operations.get(*at);
    for operation in violation.prefix.iter().skip(hidden).filter_map(operation) {
        lines.push(format!("  {}", line(operation)));
    }
    lines.push(match violation.blocked.len() {
        1 => "  but then this one cannot come next".to_owned(),
        _ => "  but then none of these can come next".to_owned(),
    });
    for blocked in violation.blocked.iter().take(SHOWN_BLOCKED) {
        let Some(operation) = operation(&blocked.operation) else {
            continue;
        };
        let allowed = blocked.allowed.as_ref();
        let allowed = allowed.map_or_else(String::new, |allowed| {
            format!(" (right would be: {})", allowed.describe())
        });
        lines.push(format!("  > {}{allowed}", line(operation)));
    }
    let more = violation.blocked.len().saturating_sub(SHOWN_BLOCKED);
    if more > 0 {
        lines.push(format!("  > and {more} more"));
    }
    lines
}

fn line<I: Describe, O: Describe>(operation: &Operation<I, O>) -> String {
    let asked = operation.input.describe();
    let process = operation.process;
    let call = seconds(operation.call);
    match &operation.output {
        Outcome::Ok(answer) => format!(
            "client {process}, {call} to {} s: {asked}: {}",
            seconds(operation.ret),
            answer.describe()
        ),
        Outcome::Failed => format!("client {process}, {call} s: {asked}: failed"),
        Outcome::Unknown => format!("client {process}, from {call} s: {asked}: no answer"),
    }
}

/// Nanoseconds as seconds, to the microsecond.
fn seconds(nanos: u64) -> String {
    format!("{}.{:06}", nanos / 1_000_000_000, nanos / 1_000 % 1_000_000)
}

pub(super) fn value(bytes: &Bytes) -> String {
    let shown = bytes.get(..SHOWN_BYTES);
    let text = String::from_utf8_lossy(shown.unwrap_or(bytes));
    match shown {
        Some(_) => format!("{text:?}..."),
        None => format!("{text:?}"),
    }
}

pub(super) fn optional(bytes: Option<&Bytes>) -> String {
    bytes.map_or_else(|| "nothing".to_owned(), value)
}

fn at_revision(revision: Option<u64>) -> String {
    revision.map_or_else(String::new, |revision| format!(" at revision {revision}"))
}

impl Describe for KeyValueInput {
    fn describe(&self) -> String {
        match self {
            Self::Get { .. } => "get".to_owned(),
            Self::Put { value: new, .. } => format!("put {}", value(new)),
            Self::Delete { .. } => "delete".to_owned(),
            Self::CompareAndSet {
                expected,
                value: new,
                ..
            } => {
                let expected = match expected {
                    Expected::Absent => "absent".to_owned(),
                    Expected::Present => "present".to_owned(),
                    Expected::Value(expected) => value(expected),
                    Expected::Revision(revision) => format!("at revision {revision}"),
                };
                format!("if {expected}, set {}", optional(new.as_ref()))
            }
            Self::Increment { by, .. } => format!("add {by}"),
            Self::Count { .. } => "count".to_owned(),
        }
    }
}

impl Describe for KeyValueOutput {
    fn describe(&self) -> String {
        match self {
            Self::Got { value, revision } => {
                format!("{}{}", optional(value.as_ref()), at_revision(*revision))
            }
            Self::Written { revision } => format!("written{}", at_revision(*revision)),
            Self::Swapped { swapped, revision } => {
                let swapped = if *swapped { "set" } else { "not as expected" };
                format!("{swapped}{}", at_revision(*revision))
            }
            Self::Counted { value, revision } => {
                let sum = value.map_or_else(|| "counted".to_owned(), |sum| format!("sum {sum}"));
                format!("{sum}{}", at_revision(*revision))
            }
        }
    }
}

impl Describe for RegisterInput {
    fn describe(&self) -> String {
        match self {
            Self::Read => "read".to_owned(),
            Self::Write(new) => format!("write {}", value(new)),
            Self::CompareAndSet {
                expected,
                value: new,
            } => format!("if {}, set {}", optional(expected.as_ref()), value(new)),
        }
    }
}

impl Describe for RegisterOutput {
    fn describe(&self) -> String {
        match self {
            Self::Value(found) => optional(found.as_ref()),
            Self::Written => "written".to_owned(),
            Self::Swapped(true) => "set".to_owned(),
            Self::Swapped(false) => "not as expected".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_consistency::{Budget, Register, check};

    fn text(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[test]
    fn a_stale_read_is_shown_after_what_it_missed() {
        let history = History::from(vec![
            Operation::ok(
                1,
                RegisterInput::Write(text("a")),
                RegisterOutput::Written,
                0,
                10_000,
            ),
            Operation::ok(
                2,
                RegisterInput::Read,
                RegisterOutput::Value(None),
                1_500_000_000,
                1_500_001_000,
            ),
        ]);
        let verdict = check(&Register::new(), &history, Budget::default());
        let lines = explain("the register", &history, verdict.violation().unwrap());
        assert_eq!(
            lines,
            [
                "the register: these can be put in order",
                "  client 1, 0.000000 to 0.000010 s: write \"a\": written",
                "  but then this one cannot come next",
                "  > client 2, 1.500000 to 1.500001 s: read: nothing (right would be: \"a\")",
            ]
        );
    }

    #[test]
    fn long_values_are_cut() {
        let long = Bytes::from(vec![b'x'; 1_000]);
        assert!(value(&long).len() < 60);
        assert_eq!(value(&text("short")), "\"short\"");
    }
}
