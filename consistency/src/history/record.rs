//! An operation with what the client demanded of it.

use alloc::vec::Vec;

use super::{History, Operation};
use crate::{Level, Model};

/// An operation with what the client demanded of it: one line of a history file.
///
/// One recording serves several checks. [`linearizable`] picks what a linearizability check may
/// look at, [`key_value_accesses`](crate::key_value_accesses) what a session check may.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Record<I, O> {
    /// The operation.
    pub operation: Operation<I, O>,
    /// The level that a read asked for, or that it was served at if that is known to be weaker.
    /// `None` is linearizable. Means nothing on a write.
    pub level: Option<Level>,
    /// The session that the operation belongs to, if it carried a session's token.
    pub session: Option<u64>,
}

/// The records of a model's operations.
pub type Recording<M> = Vec<Record<<M as Model>::Input, <M as Model>::Output>>;

impl<I, O> From<Operation<I, O>> for Record<I, O> {
    /// A record of an operation that asked for nothing special.
    fn from(operation: Operation<I, O>) -> Self {
        Self {
            operation,
            level: None,
            session: None,
        }
    }
}

/// The part of a recording that must be linearizable: all writes, and the reads at a level that
/// [promises it](Level::is_linearizable). With it, for each operation of the history, its position
/// in the recording.
///
/// ```
/// use quorate_consistency::{
///     Level, Operation, Record, Register, RegisterInput, RegisterOutput, linearizable,
/// };
///
/// let write = Operation::ok(1, RegisterInput::Write(7), RegisterOutput::Written, 0, 10);
/// let read = Operation::ok(1, RegisterInput::Read, RegisterOutput::Value(None), 20, 30);
/// let records = [
///     Record { level: Some(Level::Eventual), ..Record::from(read) },
///     Record::from(write),
/// ];
/// // The read may be stale, as it asked for no more.
/// let (history, positions) = linearizable(&Register::new(), &records);
/// assert_eq!(history.len(), 1);
/// assert_eq!(positions, [1]);
/// ```
pub fn linearizable<M: Model>(
    model: &M,
    records: &[Record<M::Input, M::Output>],
) -> (History<M::Input, M::Output>, Vec<usize>)
where
    M::Input: Clone,
    M::Output: Clone,
{
    records
        .iter()
        .enumerate()
        .filter(|(_, record)| {
            !model.is_read(&record.operation.input)
                || record.level.is_none_or(Level::is_linearizable)
        })
        .map(|(position, record)| (record.operation.clone(), position))
        .unzip()
}
