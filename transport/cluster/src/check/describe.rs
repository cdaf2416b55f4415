//! What was asked and answered, in a few words, for the models that are not the cluster's own.

use bytes::Bytes;
use quorate_consistency::{
    CounterInput, CounterOutput, FencedLeaseInput, FencedLeaseOutput, MicroInput, MicroOutput,
    MutexInput, MutexOutput, PriorityQueueInput, PriorityQueueOutput, QueueInput, QueueOutput,
    SetInput, SetOutput, StackInput, StackOutput, StringsInput, StringsOutput,
};

use super::explain::{Describe, optional, value};

/// How many members of a list are shown.
const SHOWN_MEMBERS: usize = 8;

/// A list, cut where it gets long.
fn list(members: impl ExactSizeIterator<Item = String>) -> String {
    let more = members.len().saturating_sub(SHOWN_MEMBERS);
    let mut shown: Vec<_> = members.take(SHOWN_MEMBERS).collect();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    if shown.is_empty() {
        return "nothing".to_owned();
    }
    shown.join(", ")
}

impl Describe for QueueInput {
    fn describe(&self) -> String {
        match self {
            Self::Enqueue(new) => format!("enqueue {}", value(new)),
            Self::Dequeue => "dequeue".to_owned(),
            Self::Peek => "peek".to_owned(),
            Self::Len => "length".to_owned(),
        }
    }
}

impl Describe for QueueOutput {
    fn describe(&self) -> String {
        match self {
            Self::Enqueued => "enqueued".to_owned(),
            Self::Value(found) => optional(found.as_ref()),
            Self::Len(len) => len.to_string(),
        }
    }
}

impl Describe for StackInput {
    fn describe(&self) -> String {
        match self {
            Self::Push(new) => format!("push {}", value(new)),
            Self::Pop => "pop".to_owned(),
            Self::Peek => "peek".to_owned(),
            Self::Len => "length".to_owned(),
        }
    }
}

impl Describe for StackOutput {
    fn describe(&self) -> String {
        match self {
            Self::Pushed => "pushed".to_owned(),
            Self::Value(found) => optional(found.as_ref()),
            Self::Len(len) => len.to_string(),
        }
    }
}

impl Describe for PriorityQueueInput {
    fn describe(&self) -> String {
        match self {
            Self::Insert(new) => format!("insert {new}"),
            Self::DeleteMin => "delete the least".to_owned(),
            Self::Min => "show the least".to_owned(),
            Self::Len => "length".to_owned(),
        }
    }
}

impl Describe for PriorityQueueOutput {
    fn describe(&self) -> String {
        match self {
            Self::Inserted => "inserted".to_owned(),
            Self::Value(None) => "nothing".to_owned(),
            Self::Value(Some(found)) => found.to_string(),
            Self::Len(len) => len.to_string(),
        }
    }
}

impl Describe for SetInput {
    fn describe(&self) -> String {
        match self {
            Self::Add(new) => format!("add {}", value(new)),
            Self::Remove(old) => format!("remove {}", value(old)),
            Self::Contains(asked) => format!("is {} in it", value(asked)),
            Self::ReadAll => "read all".to_owned(),
        }
    }
}

impl Describe for SetOutput {
    fn describe(&self) -> String {
        match self {
            Self::Changed(None) => "done".to_owned(),
            Self::Changed(Some(true)) => "changed".to_owned(),
            Self::Changed(Some(false)) => "nothing to change".to_owned(),
            Self::Contains(is_in) => if *is_in { "yes" } else { "no" }.to_owned(),
            Self::All(all) => list(all.iter().map(value)),
        }
    }
}

impl Describe for CounterInput {
    fn describe(&self) -> String {
        match self {
            Self::Read => "read".to_owned(),
            Self::Add(by) => format!("add {by}"),
            Self::AddAndGet(by) => format!("add {by} and tell the sum"),
        }
    }
}

impl Describe for CounterOutput {
    fn describe(&self) -> String {
        match self {
            Self::Value(sum) => sum.to_string(),
            Self::Added => "added".to_owned(),
        }
    }
}

impl Describe for StringsInput {
    fn describe(&self) -> String {
        match self {
            Self::Get { .. } => "get".to_owned(),
            Self::Put { value: new, .. } => format!("put {}", value(new)),
            Self::Append { value: new, .. } => format!("append {}", value(new)),
        }
    }
}

impl Describe for StringsOutput {
    fn describe(&self) -> String {
        match self {
            Self::Got { value: found } => ending(found),
            Self::Written => "written".to_owned(),
            Self::Appended { value: None } => "appended".to_owned(),
            Self::Appended { value: Some(all) } => format!("now {}", ending(all)),
        }
    }
}

/// A string that is appended to: where it is long, its end tells more.
fn ending(bytes: &Bytes) -> String {
    const SHOWN_BYTES: usize = 32;
    match bytes.len().checked_sub(SHOWN_BYTES) {
        Some(hidden) if hidden > 0 => format!("...{}", value(&bytes.slice(hidden..))),
        _ => value(bytes),
    }
}

impl Describe for Vec<MicroInput> {
    fn describe(&self) -> String {
        list(self.iter().map(|micro| match micro {
            MicroInput::Read(key) => format!("read {}", value(key)),
            MicroInput::Write(key, new) => format!("write {} to {}", value(new), value(key)),
        }))
    }
}

impl Describe for Vec<MicroOutput> {
    fn describe(&self) -> String {
        list(self.iter().map(|micro| match micro {
            MicroOutput::Value(found) => optional(found.as_ref()),
            MicroOutput::Untold => "not told".to_owned(),
            MicroOutput::Written => "written".to_owned(),
        }))
    }
}

impl Describe for MutexInput {
    fn describe(&self) -> String {
        let by = |owner: &Option<u64>| {
            owner.map_or_else(String::new, |owner| format!(" by owner {owner}"))
        };
        match self {
            Self::Acquire { owner } => format!("acquire{}", by(owner)),
            Self::Release { owner } => format!("release{}", by(owner)),
        }
    }
}

impl Describe for MutexOutput {
    fn describe(&self) -> String {
        match self {
            Self::Granted => "granted",
            Self::Refused => "refused",
        }
        .to_owned()
    }
}

impl Describe for FencedLeaseInput {
    fn describe(&self) -> String {
        match self {
            Self::Acquire => "acquire".to_owned(),
            Self::Renew { token } => format!("renew token {token}"),
            Self::Release { token } => format!("release token {token}"),
            Self::Write { token, value: new } => format!("write {} with token {token}", value(new)),
            Self::Read => "read".to_owned(),
        }
    }
}

impl Describe for FencedLeaseOutput {
    fn describe(&self) -> String {
        match self {
            Self::Granted { token } => format!("granted token {token}"),
            Self::Done => "done".to_owned(),
            Self::Refused => "refused".to_owned(),
            Self::Value(found) => optional(found.as_ref()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_cut_where_it_tells_least() {
        let all: Vec<_> = (0..20_u64)
            .map(|len| QueueOutput::Len(len).describe())
            .collect();
        assert_eq!(list(all.into_iter()), "0, 1, 2, 3, 4, 5, 6, 7, and 12 more");
        assert_eq!(SetOutput::All([].into()).describe(), "nothing");

        let string = Bytes::from("a".repeat(1_000) + "b");
        let told = StringsOutput::Got { value: string }.describe();
        assert!(
            told.starts_with("...\"a") && told.ends_with("ab\"") && told.len() < 60,
            "{told}"
        );
    }
}
