//! What the clients saw, as the checkers of `quorate-consistency` take it.

use std::io::{self, Write};

use bytes::Bytes;
use quorate_consistency::{
    Expected, KeyValue, KeyValueInput as Input, KeyValueOutput as Output, Operation, Outcome,
    write_history,
};

use super::record::{Action, Addition, Change, Op};

/// One operation, with what was demanded of it.
pub(super) type Record = quorate_consistency::Record<Input, Output>;

/// Everything that was recorded.
pub(super) fn records(ops: &[Op], additions: &[Addition]) -> Vec<Record> {
    let operations = ops.iter().map(operation);
    operations.chain(additions.iter().map(increment)).collect()
}

/// Writes records to a file that `quorate check --model kv` reads.
pub(super) fn write(records: &[Record], out: &mut impl Write) -> io::Result<()> {
    write_history::<KeyValue>(out, records)
}

fn operation(op: &Op) -> Record {
    let key = Bytes::copy_from_slice(op.key.as_bytes());
    let (input, output) = match &op.action {
        Action::Read {
            value, revision, ..
        } => {
            let got = Output::Got {
                value: value.map(bytes),
                revision: value.is_some().then_some(*revision),
            };
            (Input::Get { key }, Outcome::Ok(got))
        }
        Action::Put { value, result } => {
            let value = bytes(*value);
            (Input::Put { key, value }, written(*result))
        }
        Action::Delete { result } => (Input::Delete { key }, written(*result)),
        Action::Swap {
            expected,
            value,
            result,
        } => {
            let input = Input::CompareAndSet {
                key,
                expected: match expected {
                    0 => Expected::Absent,
                    revision => Expected::Revision(*revision),
                },
                value: Some(bytes(*value)),
            };
            let swapped = |swapped, revision| {
                Outcome::Ok(Output::Swapped {
                    swapped,
                    revision: Some(revision),
                })
            };
            let output = match result {
                Change::Made(revision) => swapped(true, *revision),
                Change::Mismatch(revision) => swapped(false, *revision),
                Change::Unknown => Outcome::Unknown,
            };
            (input, output)
        }
    };
    let level = match op.action {
        Action::Read { level, .. } => Some(level),
        _ => None,
    };
    Record {
        operation: Operation {
            process: op.session,
            input,
            output,
            call: op.span.call,
            ret: op.span.ret,
        },
        level,
        session: Some(op.session),
    }
}

fn increment(addition: &Addition) -> Record {
    let operation = Operation {
        process: addition.session,
        input: Input::Increment {
            key: Bytes::copy_from_slice(addition.counter.as_bytes()),
            by: addition.amount,
        },
        output: match addition.acknowledged {
            Some((value, revision)) => Outcome::Ok(Output::Counted {
                value: Some(value),
                revision: Some(revision),
            }),
            None => Outcome::Unknown,
        },
        call: addition.span.call,
        ret: addition.span.ret,
    };
    Record {
        session: Some(addition.session),
        ..Record::from(operation)
    }
}

fn written(result: Change) -> Outcome<Output> {
    match result {
        Change::Made(revision) => Outcome::Ok(Output::Written {
            revision: Some(revision),
        }),
        // Sent without a condition, it cannot be refused for one.
        Change::Mismatch(_) | Change::Unknown => Outcome::Unknown,
    }
}

fn bytes(value: u64) -> Bytes {
    Bytes::from(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::verdict::tests::{put, put_unknown, read};
    use quorate_consistency::{Level, ReadLimits, read_history};

    #[test]
    fn what_is_written_is_what_is_read_back() {
        let ops = [
            put("a", 1, 10, 0, 5),
            put_unknown("b", 2, 6, 9),
            read("a", Level::Eventual, Some((1, 10)), 7, 8),
            read("b", Level::Linearizable, None, 9, 11),
        ];
        let records = records(&ops, &[]);
        let mut file = Vec::new();
        write(&records, &mut file).unwrap();
        let mut again = read_history::<KeyValue>(&file[..], ReadLimits::default()).unwrap();
        // When an operation without an answer ended is not known, and not written.
        again[1].operation.ret = records[1].operation.ret;
        assert_eq!(again, records);
    }
}
