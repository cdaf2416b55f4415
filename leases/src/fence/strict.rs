//! A fence that lets each operation through once.

use core::fmt;

use quorate_clocks::Incarnation;

use super::Stale;
use super::weakness::{Weakness, weak};
use crate::FencingToken;

/// Which operation of which life of a holder.
///
/// ```
/// use quorate_clocks::Incarnation;
/// use quorate_leases::Operation;
///
/// let first = Operation { incarnation: Incarnation(3), number: 1 };
/// assert_eq!(first.to_string(), "operation 1 of life 3");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Operation {
    /// Which life of the holder.
    pub incarnation: Incarnation,
    /// Which operation in that life; each has a larger number than those before.
    pub number: u64,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "operation {} of {}", self.number, self.incarnation)
    }
}

/// A [`Fence`](crate::Fence) that also keeps one holder's own operations in order, each at most once.
///
/// A fence orders *holders*. Under one token whatever comes passes: a write that the network delivered
/// twice, a slow one that arrives after its successor, and the writes of two machines of which one is a
/// copy of the other, restored from a snapshot with the token in memory. Where a write is not harmless
/// when it is repeated, let each carry a number that grows. A later token begins anew, at any number;
/// under the same token only the life that came first goes on, with larger numbers.
///
/// It is for writers: those who share a lease have an order each, of which one fence knows nothing. An
/// operation that is refused as a repetition may have been done; what its answer was is for
/// an idempotency store to remember.
///
/// ```
/// use quorate_clocks::Incarnation;
/// use quorate_leases::{FencingToken, Operation, StrictFence, StrictError};
///
/// let operation = |life, number| Operation { incarnation: Incarnation(life), number };
/// let mut fence = StrictFence::new();
/// fence.check_and_raise(FencingToken(34), operation(1, 1))?;
/// fence.check_and_raise(FencingToken(34), operation(1, 2))?;
/// // It arrives a second time.
/// let refused = fence.check_and_raise(FencingToken(34), operation(1, 1)).unwrap_err();
/// assert!(matches!(refused, StrictError::Repeated { .. }));
/// // A copy of the holder.
/// let refused = fence.check_and_raise(FencingToken(34), operation(2, 3)).unwrap_err();
/// assert!(matches!(refused, StrictError::AnotherHolder { .. }));
/// # Ok::<(), StrictError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct StrictFence {
    pub(super) token: FencingToken,
    pub(super) last: Operation,
}

impl StrictFence {
    /// A fence that has seen nothing. Only for a resource that is new itself.
    pub const fn new() -> Self {
        Self {
            token: FencingToken::NONE,
            last: Operation {
                incarnation: Incarnation(0),
                number: 0,
            },
        }
    }

    /// The newest token seen.
    pub const fn newest(&self) -> FencingToken {
        self.token
    }

    /// The latest operation under it, if there was one.
    pub fn last(&self) -> Option<Operation> {
        (self.token != FencingToken::NONE).then_some(self.last)
    }

    /// Lets an operation under `token` pass, once, and remembers it. To raise the fence is the first
    /// operation of a holder.
    ///
    /// # Errors
    ///
    /// [`StrictError`]. The fence is then unchanged.
    #[inline]
    pub fn check_and_raise(
        &mut self,
        token: FencingToken,
        operation: Operation,
    ) -> Result<(), StrictError> {
        let stale = Stale {
            presented: token,
            newest: self.token,
        };
        if token < self.token || token == FencingToken::NONE {
            return Err(StrictError::Stale(stale));
        }
        let last = self.last;
        if token == self.token {
            let another = operation.incarnation != last.incarnation;
            if another && !weak(Weakness::EqualTokenOfAnother) {
                return Err(StrictError::AnotherHolder {
                    token,
                    operation,
                    holder: last.incarnation,
                });
            }
            if operation.number <= last.number && !weak(Weakness::OperationsRepeat) {
                return Err(StrictError::Repeated {
                    token,
                    operation,
                    last: last.number,
                });
            }
        }
        *self = Self {
            token,
            last: operation,
        };
        Ok(())
    }
}

impl Default for StrictFence {
    fn default() -> Self {
        Self::new()
    }
}

/// Why a [`StrictFence`] refused an operation.
///
/// ```
/// use quorate_clocks::Incarnation;
/// use quorate_leases::{FencingToken, Operation, StrictFence};
///
/// let (token, operation) = (FencingToken(34), Operation { incarnation: Incarnation(1), number: 3 });
/// let mut fence = StrictFence::new();
/// fence.check_and_raise(token, operation)?;
/// assert_eq!(
///     fence.check_and_raise(token, operation).unwrap_err().to_string(),
///     "operation 3 of life 1 under token #34 comes after operation 3: it is a repetition or late, do not \
///      send it again",
/// );
/// # Ok::<(), quorate_leases::StrictError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StrictError {
    /// A newer holder has been here.
    Stale(Stale),
    /// This operation, or a later one of the same holder, has been here.
    Repeated {
        /// The number of the grant.
        token: FencingToken,
        /// What came.
        operation: Operation,
        /// The number of the latest operation.
        last: u64,
    },
    /// Another life than the first that came has the same token: a copy of it, or a holder that restarted
    /// and goes on with the lease of its former life.
    AnotherHolder {
        /// The number of the grant.
        token: FencingToken,
        /// What came.
        operation: Operation,
        /// Which life the token belongs to.
        holder: Incarnation,
    },
}

impl fmt::Display for StrictError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale(stale) => stale.fmt(f),
            Self::Repeated {
                token,
                operation,
                last,
            } => write!(
                f,
                "{operation} under token {token} comes after operation {last}: it is a repetition or late, \
                 do not send it again"
            ),
            Self::AnotherHolder {
                token,
                operation,
                holder,
            } => write!(
                f,
                "{operation} comes with token {token}, which belongs to {holder}: acquire a lease of its own"
            ),
        }
    }
}

impl core::error::Error for StrictError {}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    proptest! {
        /// What passes grows, by token first and then by number, and a token has one life.
        #[test]
        fn what_passes_grows(
            presented in prop::collection::vec((0..5_u64, 0..3_u64, 0..6_u64), 0..60),
        ) {
            let mut fence = StrictFence::new();
            let mut passed: Vec<(u64, u64, u64)> = Vec::new();
            for (token, life, number) in presented {
                let operation = Operation { incarnation: Incarnation(life), number };
                let allowed = token > 0 && passed.iter().all(|&(its, whose, which)| {
                    its < token || (its == token && whose == life && which < number)
                });
                let before = fence.clone();
                prop_assert_eq!(fence.check_and_raise(FencingToken(token), operation).is_ok(), allowed);
                match allowed {
                    true => passed.push((token, life, number)),
                    false => prop_assert_eq!(&fence, &before),
                }
                prop_assert_eq!(StrictFence::from_bytes(&fence.to_bytes()), Ok(fence.clone()));
            }
        }
    }
}
