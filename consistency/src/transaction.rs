//! Operations that are several at once.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::History;

/// What clients asked of a store in transactions, and what each was told.
///
/// A transaction is an [`Operation`](crate::Operation) whose input is a list of actions, and whose output
/// has an answer to each. An aborted one has [failed](crate::Outcome::Failed). The operations of a
/// process stand in the order in which it asked for them, which is all that some formats tell: those give
/// the times 0 and `u64::MAX`, so that nothing precedes anything in real time.
///
/// ```
/// use quorate_consistency::{Action, Operation, Seen, Transactions};
///
/// let key = || "x".into();
/// let transactions: Transactions = [
///     Operation::ok(1, vec![Action::Append { key: key(), value: "1".into() }], vec![Seen::Done], 0, 10),
///     Operation::ok(2, vec![Action::Read { key: key() }], vec![Seen::List(vec!["1".into()])], 20, 30),
/// ]
/// .into_iter()
/// .collect();
/// assert_eq!(transactions.len(), 2);
/// ```
pub type Transactions = History<Vec<Action>, Vec<Seen>>;

/// What a transaction does with one key.
///
/// ```
/// use quorate_consistency::Action;
///
/// let write = Action::Write { key: "x".into(), value: "1".into() };
/// assert_eq!(write.key(), "x");
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Action {
    /// What is there?
    Read {
        /// The key.
        key: Bytes,
    },
    /// Let this be there.
    Write {
        /// The key.
        key: Bytes,
        /// The value.
        value: Bytes,
    },
    /// Put this at the end of the list that is there.
    Append {
        /// The key.
        key: Bytes,
        /// The value.
        value: Bytes,
    },
}

impl Action {
    /// The key.
    pub const fn key(&self) -> &Bytes {
        match self {
            Self::Read { key } | Self::Write { key, .. } | Self::Append { key, .. } => key,
        }
    }
}

/// What a transaction was told of an [`Action`].
///
/// ```
/// use quorate_consistency::Seen;
///
/// assert_ne!(Seen::Untold, Seen::Value(None));
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Seen {
    /// To a read: nothing was told, and it may have been anything.
    Untold,
    /// To a read of a register: what is there; `None` for nothing.
    Value(Option<Bytes>),
    /// To a read of a list: what is there.
    List(Vec<Bytes>),
    /// To a write or an append: done.
    Done,
}
