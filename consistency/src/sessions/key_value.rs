//! The accesses of sessions to a key-value map.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use bytes::Bytes;

use super::{Access, SessionAccess};
use crate::{KeyValueInput, KeyValueOutput, Level, Outcome, Record};

/// The accesses in a recording of a [`KeyValue`](crate::KeyValue) map that session guarantees hold
/// for, for [`check_sessions`](crate::check_sessions). `operation` is the position of the record.
///
/// They are the answered operations that belong to a session and were told a revision: writes, and
/// reads at the level `session` or stronger. Reads that are `bounded` or `eventual` were promised
/// nothing, so they neither break a guarantee nor set a standard.
///
/// A key without a value often comes without a revision. How old what the read saw can be follows
/// from the deletes in the recording: without any, the read saw the key as it was in the beginning.
///
/// ```
/// use quorate_consistency::{
///     Guarantee, KeyValueInput, KeyValueOutput, Operation, Record, check_sessions,
///     key_value_accesses,
/// };
///
/// let (put, get) = (
///     KeyValueInput::Put { key: "colour".into(), value: "red".into() },
///     KeyValueInput::Get { key: "colour".into() },
/// );
/// let written = KeyValueOutput::Written { revision: Some(7) };
/// let missing = KeyValueOutput::Got { value: None, revision: None };
/// let of_session = |operation| Record { session: Some(1), ..Record::from(operation) };
/// let records = [
///     of_session(Operation::ok(1, put, written, 0, 5)),
///     of_session(Operation::ok(1, get, missing, 10, 15)), // nobody deleted it
/// ];
/// let violation = check_sessions(&key_value_accesses(&records)).unwrap_err();
/// assert_eq!(violation.guarantee, Guarantee::ReadYourWrites);
/// ```
pub fn key_value_accesses(
    records: &[Record<KeyValueInput, KeyValueOutput>],
) -> Vec<SessionAccess<Bytes>> {
    let deletes = latest_deletes(records);
    let mut accesses = Vec::new();
    for (operation, record) in records.iter().enumerate() {
        let asked = &record.operation;
        let (Some(session), Outcome::Ok(output)) = (record.session, &asked.output) else {
            continue;
        };
        let promised = record
            .level
            .is_none_or(|level| level.satisfies(Level::Session));
        let access = match (&asked.input, output) {
            _ if asked.input.is_read() && !promised => None,
            (
                KeyValueInput::Get { .. },
                KeyValueOutput::Got {
                    value: Some(_),
                    revision,
                },
            ) => revision.map(|revision| Access::Read { revision }),
            (KeyValueInput::Get { .. }, KeyValueOutput::Got { revision, .. })
            | (KeyValueInput::Count { .. }, KeyValueOutput::Counted { revision, .. }) => {
                match revision {
                    Some(revision) if *revision > 0 => Some(Access::Read {
                        revision: *revision,
                    }),
                    // A count may come without a revision for a counter that has one.
                    None if matches!(asked.input, KeyValueInput::Count { .. }) => None,
                    _ => match deletes.get(asked.input.key()) {
                        None => Some(Access::ReadAtMost { revision: 0 }),
                        Some(Some(latest)) => Some(Access::ReadAtMost { revision: *latest }),
                        Some(None) => None,
                    },
                }
            }
            (
                KeyValueInput::Put { .. }
                | KeyValueInput::Delete { .. }
                | KeyValueInput::Increment { .. },
                KeyValueOutput::Written { revision } | KeyValueOutput::Counted { revision, .. },
            )
            | (
                KeyValueInput::CompareAndSet { .. },
                KeyValueOutput::Swapped {
                    swapped: true,
                    revision,
                },
            ) => revision.map(|revision| Access::Write { revision }),
            _ => None,
        };
        accesses.extend(access.map(|access| SessionAccess {
            operation,
            session,
            key: asked.input.key().clone(),
            access,
            call: asked.call,
            ret: asked.ret,
        }));
    }
    accesses
}

/// For each key that may have been deleted the highest revision of a delete, or `None` where it was
/// not told.
fn latest_deletes(
    records: &[Record<KeyValueInput, KeyValueOutput>],
) -> BTreeMap<&Bytes, Option<u64>> {
    let mut latest: BTreeMap<&Bytes, Option<u64>> = BTreeMap::new();
    for record in records {
        let (KeyValueInput::Delete { key }
        | KeyValueInput::CompareAndSet {
            key, value: None, ..
        }) = &record.operation.input
        else {
            continue;
        };
        let told = match &record.operation.output {
            Outcome::Failed | Outcome::Ok(KeyValueOutput::Swapped { swapped: false, .. }) => {
                continue;
            }
            Outcome::Ok(
                KeyValueOutput::Written { revision } | KeyValueOutput::Swapped { revision, .. },
            ) => *revision,
            Outcome::Ok(_) | Outcome::Unknown => None,
        };
        latest
            .entry(key)
            .and_modify(|highest| *highest = highest.zip(told).map(|(a, b)| a.max(b)))
            .or_insert(told);
    }
    latest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Operation;
    use alloc::vec;

    type Op = Operation<KeyValueInput, KeyValueOutput>;

    fn of_session(operation: Op) -> Record<KeyValueInput, KeyValueOutput> {
        Record {
            session: Some(1),
            ..Record::from(operation)
        }
    }

    fn get(revision: Option<u64>, level: Level) -> Record<KeyValueInput, KeyValueOutput> {
        let output = KeyValueOutput::Got {
            value: revision.map(|_| "v".into()),
            revision,
        };
        let input = KeyValueInput::Get { key: "k".into() };
        Record {
            level: Some(level),
            ..of_session(Operation::ok(1, input, output, 10, 15))
        }
    }

    fn delete(output: Option<Option<u64>>) -> Record<KeyValueInput, KeyValueOutput> {
        let input = KeyValueInput::Delete { key: "k".into() };
        Record::from(match output {
            Some(revision) => Operation::ok(2, input, KeyValueOutput::Written { revision }, 0, 5),
            None => Operation::unknown(2, input, 0),
        })
    }

    fn access_of_last(records: &[Record<KeyValueInput, KeyValueOutput>]) -> Option<Access> {
        let accesses = key_value_accesses(records);
        let last = accesses.last()?;
        (last.operation + 1 == records.len()).then_some(last.access)
    }

    #[test]
    fn only_reads_that_were_promised_something_count() {
        let read = Some(Access::Read { revision: 7 });
        for (level, access) in [
            (Level::Linearizable, read),
            (Level::Lease, read),
            (Level::Session, read),
            (Level::Bounded(core::time::Duration::ZERO), None),
            (Level::Eventual, None),
        ] {
            assert_eq!(access_of_last(&[get(Some(7), level)]), access, "{level}");
        }
    }

    #[test]
    fn a_missing_value_is_as_old_as_the_deletes_allow() {
        let missing = || get(None, Level::Session);
        let at_most = |revision| Some(Access::ReadAtMost { revision });
        assert_eq!(access_of_last(&[missing()]), at_most(0));
        assert_eq!(
            access_of_last(&[delete(Some(Some(6))), missing()]),
            at_most(6)
        );
        let two = vec![delete(Some(Some(6))), delete(Some(Some(4))), missing()];
        assert_eq!(access_of_last(&two), at_most(6));
        assert_eq!(access_of_last(&[delete(Some(None)), missing()]), None);
        assert_eq!(access_of_last(&[delete(None), missing()]), None);
        let one_unknown = vec![delete(Some(Some(6))), delete(None), missing()];
        assert_eq!(access_of_last(&one_unknown), None);
    }
}
