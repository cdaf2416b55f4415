//! What the application brings: a state, and how a command changes it.

use bytes::Bytes;
use quorate_raft_core::Index;

/// The application's state, replicated: every member applies the same commands in the same order.
///
/// It runs on a thread of its own, so it may take its time, but it must be a pure function of the
/// commands: no clock, no randomness, no environment. What two members compute differently stays
/// different. A panic in it stops the node, because the state is then worth nothing.
///
/// ```
/// use bytes::Bytes;
/// use quorate_raft_core::Index;
/// use quorate_raft_node::{RestoreError, StateMachine};
///
/// /// The sum of everything that was added.
/// #[derive(Default)]
/// struct Sum(u64);
///
/// impl StateMachine for Sum {
///     type Response = Option<u64>;
///
///     fn apply(&mut self, _: Index, command: &Bytes) -> Option<u64> {
///         // A command that makes no sense is answered, the same way on every member.
///         let bytes = command.as_ref().try_into().ok()?;
///         self.0 = self.0.wrapping_add(u64::from_le_bytes(bytes));
///         Some(self.0)
///     }
///
///     fn snapshot(&self) -> Bytes {
///         Bytes::copy_from_slice(&self.0.to_le_bytes())
///     }
///
///     fn restore(&mut self, data: &Bytes) -> Result<(), RestoreError> {
///         let bytes = data.as_ref().try_into();
///         let bytes = bytes.map_err(|_| RestoreError::new("a sum has eight bytes"))?;
///         self.0 = u64::from_le_bytes(bytes);
///         Ok(())
///     }
/// }
///
/// let mut one = Sum::default();
/// assert_eq!(one.apply(Index(1), &Bytes::copy_from_slice(&7_u64.to_le_bytes())), Some(7));
/// let mut other = Sum::default();
/// other.restore(&one.snapshot())?;
/// assert_eq!(other.0, 7);
/// assert!(other.restore(&Bytes::from("seven")).is_err());
/// # Ok::<(), RestoreError>(())
/// ```
pub trait StateMachine: Send + 'static {
    /// What applying a command answers to who proposed it.
    type Response: Send + 'static;

    /// Applies a committed command. Indexes ascend, and some have no command.
    fn apply(&mut self, index: Index, command: &Bytes) -> Self::Response;

    /// The whole state as bytes, for a member that is too far behind to be sent commands.
    fn snapshot(&self) -> Bytes;

    /// Replaces the state by one that [`snapshot`](Self::snapshot) made, here or on another member.
    ///
    /// An error stops the node: it can not go on without the state.
    fn restore(&mut self, data: &Bytes) -> Result<(), RestoreError>;
}

/// Why the bytes of a snapshot are not a state.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the snapshot cannot be restored: {reason}")]
pub struct RestoreError {
    reason: String,
}

impl RestoreError {
    /// An error that says why.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
        }
    }
}
