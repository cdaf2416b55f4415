//! Checks a positive verdict without trusting how it was found.

use alloc::collections::BTreeSet;
use core::fmt;

use super::Linearization;
use crate::{History, Model, Outcome};

/// Checks that `order` shows a history to be linearizable. It shares nothing with
/// [`check`](crate::check) but the model, takes time in proportion to the history, and is short
/// enough to be read: whoever doubts a [`Verdict::Holds`](crate::Verdict::Holds) asks here.
///
/// # Errors
///
/// The first thing that is wrong with the order.
///
/// ```
/// use quorate_consistency::{
///     Budget, CertificateError, History, Operation, Register, RegisterInput, RegisterOutput,
///     Verdict, check, verify,
/// };
///
/// let history = History::from(vec![
///     Operation::ok(1, RegisterInput::Write(1), RegisterOutput::Written, 0, 10),
///     Operation::ok(2, RegisterInput::Read, RegisterOutput::Value(Some(1)), 5, 15),
/// ]);
/// let Verdict::Holds(mut order) = check(&Register::new(), &history, Budget::default()) else {
///     panic!()
/// };
/// assert_eq!(verify(&Register::new(), &history, &order), Ok(()));
///
/// order[0].operations.reverse();
/// let error = verify(&Register::new(), &history, &order).unwrap_err();
/// assert_eq!(error, CertificateError::Refused { operation: 1 });
/// ```
pub fn verify<M: Model>(
    model: &M,
    history: &History<M::Input, M::Output>,
    order: &[Linearization<M::Key>],
) -> Result<(), CertificateError> {
    let mut placed = BTreeSet::new();
    let mut keys = BTreeSet::new();
    for object in order {
        if !keys.insert(&object.key) {
            return Err(CertificateError::SplitObject);
        }
        replay(model, history, &object.operations, |at, input| {
            if model.key(input) != object.key {
                return Err(CertificateError::WrongObject { operation: at });
            }
            if !placed.insert(at) {
                return Err(CertificateError::PlacedTwice { operation: at });
            }
            Ok(())
        })?;
    }
    for (at, operation) in history.operations.iter().enumerate() {
        if matches!(operation.output, Outcome::Ok(_)) && !placed.contains(&at) {
            return Err(CertificateError::Missing { operation: at });
        }
    }
    Ok(())
}

/// Whether an order of one object's operations makes sense and has all that were answered.
pub(super) fn is_order<M: Model>(
    model: &M,
    history: &History<M::Input, M::Output>,
    answered: &[usize],
    order: &[usize],
) -> bool {
    let mut placed = BTreeSet::new();
    let replayed = replay(model, history, order, |at, _| {
        let is_new = placed.insert(at);
        is_new
            .then_some(())
            .ok_or(CertificateError::PlacedTwice { operation: at })
    });
    replayed.is_ok() && answered.iter().all(|at| placed.contains(at))
}

/// Does one object's operations one after the other.
fn replay<M: Model>(
    model: &M,
    history: &History<M::Input, M::Output>,
    order: &[usize],
    mut see: impl FnMut(usize, &M::Input) -> Result<(), CertificateError>,
) -> Result<(), CertificateError> {
    let mut state = model.initial();
    let mut latest_call = 0;
    for &at in order {
        let operation = history
            .operations
            .get(at)
            .ok_or(CertificateError::NoSuchOperation { operation: at })?;
        see(at, &operation.input)?;
        let output = match &operation.output {
            Outcome::Ok(output) => {
                // It returned before something was called that stands before it in the order.
                if operation.ret < latest_call || operation.ret < operation.call {
                    return Err(CertificateError::OutOfTime { operation: at });
                }
                Some(output)
            }
            Outcome::Unknown => None,
            Outcome::Failed => return Err(CertificateError::Failed { operation: at }),
        };
        latest_call = latest_call.max(operation.call);
        state = model
            .step(&state, &operation.input, output)
            .ok_or(CertificateError::Refused { operation: at })?;
    }
    Ok(())
}

/// What is wrong with an order. Operations are named by their position in the history.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum CertificateError {
    /// The history has no such operation.
    NoSuchOperation {
        /// The position.
        operation: usize,
    },
    /// The operation is for another object than the one it is listed under.
    WrongObject {
        /// The operation.
        operation: usize,
    },
    /// An object is listed more than once.
    SplitObject,
    /// The operation stands in the order twice.
    PlacedTwice {
        /// The operation.
        operation: usize,
    },
    /// The operation failed, so it has no place in an order.
    Failed {
        /// The operation.
        operation: usize,
    },
    /// The operation returned before one that stands before it was called, or before its own call.
    OutOfTime {
        /// The operation.
        operation: usize,
    },
    /// The operation would have answered something else at that place.
    Refused {
        /// The operation.
        operation: usize,
    },
    /// The operation was answered, and is not in the order.
    Missing {
        /// The operation.
        operation: usize,
    },
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the order does not show that the history is linearizable: ")?;
        match self {
            Self::NoSuchOperation { operation } => {
                write!(f, "there is no operation {operation}")
            }
            Self::WrongObject { operation } => {
                write!(
                    f,
                    "operation {operation} is listed under another object than its own"
                )
            }
            Self::SplitObject => f.write_str("an object is listed more than once"),
            Self::PlacedTwice { operation } => write!(f, "operation {operation} is in it twice"),
            Self::Failed { operation } => write!(f, "operation {operation} had no effect"),
            Self::OutOfTime { operation } => write!(
                f,
                "operation {operation} returned before another that it stands after was called"
            ),
            Self::Refused { operation } => write!(
                f,
                "operation {operation} would have answered something else at its place"
            ),
            Self::Missing { operation } => {
                write!(f, "operation {operation} was answered and is not in it")
            }
        }
    }
}

impl core::error::Error for CertificateError {}
