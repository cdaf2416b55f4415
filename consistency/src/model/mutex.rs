//! A lock.

use super::Model;

/// A lock: one holds it, and whoever else asks is refused or waits. It is not reentrant: who holds it and
/// asks again is refused too.
///
/// **Owners** are optional, operation by operation. Where they are told, a lock is only released by who
/// holds it; where they are not, by anyone.
///
/// An attempt that was refused is recorded with [`Refused`](MutexOutput::Refused) if it was refused
/// because the lock was held, or not held by who released it: that is an observation, and it is checked. If
/// it was given up for another reason it has [failed](crate::Outcome::Failed).
///
/// A lock that ends by itself, for holders that die, is a lease, and another model:
/// [`FencedLease`](super::FencedLease).
///
/// ```
/// use quorate_consistency::{
///     Budget, History, Mutex, MutexInput, MutexOutput, Operation, Verdict, check,
/// };
///
/// let acquire = |owner| MutexInput::Acquire { owner: Some(owner) };
/// let history = History::from(vec![
///     Operation::ok(1, acquire(1), MutexOutput::Granted, 0, 10),
///     Operation::ok(2, acquire(2), MutexOutput::Granted, 20, 30), // both hold it
/// ]);
/// assert!(matches!(check(&Mutex::new(), &history, Budget::default()), Verdict::Violated(_)));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Mutex {
    _private: (),
}

impl Mutex {
    /// A lock that starts out free.
    pub const fn new() -> Self {
        Self { _private: () }
    }
}

/// What is asked of a [`Mutex`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum MutexInput {
    /// Let me have it.
    Acquire {
        /// Who asks, if that is to be checked.
        owner: Option<u64>,
    },
    /// I no longer need it.
    Release {
        /// Who asks, if that is to be checked.
        owner: Option<u64>,
    },
}

/// What a [`Mutex`] answers.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum MutexOutput {
    /// It is acquired, or released.
    Granted,
    /// It is held by someone, or not held by who wants to release it.
    Refused,
}

/// Whether a [`Mutex`] is held.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum MutexState {
    /// By nobody.
    Free,
    /// By someone.
    Held {
        /// By whom, if that was told.
        owner: Option<u64>,
    },
}

impl MutexState {
    /// The state after what was asked, if it can be granted.
    fn granted(self, input: MutexInput) -> Option<Self> {
        match (self, input) {
            (Self::Free, MutexInput::Acquire { owner }) => Some(Self::Held { owner }),
            (Self::Held { owner: holder }, MutexInput::Release { owner }) => {
                let is_another = holder.is_some() && owner.is_some() && holder != owner;
                (!is_another).then_some(Self::Free)
            }
            _ => None,
        }
    }
}

impl Model for Mutex {
    type Key = ();
    type State = MutexState;
    type Input = MutexInput;
    type Output = MutexOutput;

    fn key(&self, _: &MutexInput) {}

    fn initial(&self) -> MutexState {
        MutexState::Free
    }

    fn step(
        &self,
        state: &MutexState,
        input: &MutexInput,
        output: Option<&MutexOutput>,
    ) -> Option<MutexState> {
        match (state.granted(*input), output) {
            (Some(granted), None | Some(MutexOutput::Granted)) => Some(granted),
            (None, None | Some(MutexOutput::Refused)) => Some(*state),
            _ => None,
        }
    }

    fn is_observation(&self, _: &MutexInput, output: &MutexOutput) -> bool {
        *output == MutexOutput::Refused
    }

    fn answer(&self, state: &MutexState, input: &MutexInput) -> Option<MutexOutput> {
        Some(match state.granted(*input) {
            Some(_) => MutexOutput::Granted,
            None => MutexOutput::Refused,
        })
    }
}
