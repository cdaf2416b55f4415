//! A lease with fencing tokens, and the resource that it guards.

use core::hash::Hash;
use core::marker::PhantomData;

use bytes::Bytes;

use super::Model;

/// A lease with fencing tokens, and the resource that it guards.
///
/// A lock whose holder died is held forever, so a lock that is held over a network ends by itself: a
/// lease. Then the holder may be told too late that it no longer holds it, and two write at once. So
/// with each grant comes a **token** that is greater than all before, a write names its token, and the
/// resource refuses one that is less than one it has seen (Kleppmann, *How to do distributed locking*, 2016).
///
/// When the lease ends by itself depends on clocks that are in no history, so it may end **at any
/// time**: a grant to another is never a violation in itself. What is one:
///
/// - a token that is not greater than all that were granted before;
/// - a refusal when nobody can hold the lease any more: it was released, or its end was told of;
/// - a lease that is renewed or released after it was granted to another, or has ended;
/// - a write that is done though its token is less than one seen, or was granted to nobody;
/// - a write that is refused though no greater token was seen;
/// - a read that does not show the last write that was done.
///
/// Refusals for other reasons are [failures](crate::Outcome::Failed). Tokens are 1 or more. Of a grant
/// whose answer was lost nobody knows the token, and a token that nobody was told of is taken to be that
/// one if it can be.
///
/// ```
/// use quorate_consistency::{
///     Budget, FencedLease, FencedLeaseInput as In, FencedLeaseOutput as Out, History, Operation,
///     Verdict, check,
/// };
///
/// let mut history = History::from(vec![
///     Operation::ok(1, In::Acquire, Out::Granted { token: 1 }, 0, 10),
///     // The first holder pauses, and its lease ends.
///     Operation::ok(2, In::Acquire, Out::Granted { token: 2 }, 20, 30),
///     Operation::ok(2, In::Write { token: 2, value: "b" }, Out::Done, 40, 50),
/// ]);
/// let late = In::Write { token: 1, value: "a" };
/// history.push(Operation::ok(1, late.clone(), Out::Refused, 60, 70));
/// assert!(matches!(check(&FencedLease::new(), &history, Budget::default()), Verdict::Holds(_)));
///
/// // A resource without a fence.
/// history.push(Operation::ok(1, late, Out::Done, 80, 90));
/// assert!(matches!(check(&FencedLease::new(), &history, Budget::default()), Verdict::Violated(_)));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FencedLease<V = Bytes> {
    value: PhantomData<fn() -> V>,
}

impl<V> FencedLease<V> {
    /// A lease that nobody has held, and a resource that nobody has written.
    pub const fn new() -> Self {
        Self { value: PhantomData }
    }
}

impl<V> Default for FencedLease<V> {
    fn default() -> Self {
        Self::new()
    }
}

/// What is asked of a [`FencedLease`] or its resource.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum FencedLeaseInput<V = Bytes> {
    /// Of the lease: let me have it.
    Acquire,
    /// Of the lease: let me keep it for longer.
    Renew {
        /// The token that it was granted with.
        token: u64,
    },
    /// Of the lease: I no longer need it.
    Release {
        /// The token that it was granted with.
        token: u64,
    },
    /// Of the resource: let this be its value.
    Write {
        /// The token of the lease under which it is written.
        token: u64,
        /// Its new value.
        value: V,
    },
    /// Of the resource: what is its value?
    Read,
}

/// What a [`FencedLease`] or its resource answers.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum FencedLeaseOutput<V = Bytes> {
    /// To an acquire: it is yours.
    Granted {
        /// The token of this grant.
        token: u64,
    },
    /// To a renewal, a release or a write: done.
    Done,
    /// To an acquire: another one holds it. To a renewal or a release: you do not hold it. To a write:
    /// a greater token was seen.
    Refused,
    /// To a read: the value; `None` when nothing was written.
    Value(Option<V>),
}

/// What is known of a [`FencedLease`] and its resource.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct FencedLeaseState<V> {
    /// Whether the last grant may be in force. It may have ended by itself all the same; `false` when it
    /// certainly has ended.
    may_be_held: bool,
    granted: Granted,
    /// The greatest token that the resource has seen; 0 for none.
    seen: u64,
    value: Option<V>,
}

/// The token of the last grant, which is the greatest so far.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Granted {
    /// This one; 0 before the first grant.
    Exactly(u64),
    /// This one or a greater one, as nobody was told.
    AtLeast(u64),
}

impl Granted {
    const fn least(self) -> u64 {
        match self {
            Self::Exactly(token) | Self::AtLeast(token) => token,
        }
    }

    /// What is known if the last grant has this token.
    fn if_last(self, token: u64) -> Option<Self> {
        let may_be = match self {
            Self::Exactly(last) => token == last,
            Self::AtLeast(least) => token >= least,
        };
        (may_be && token > 0).then_some(Self::Exactly(token))
    }

    /// What is known if some grant had this token.
    fn if_granted(self, token: u64) -> Option<Self> {
        match self {
            Self::Exactly(last) => (1..=last).contains(&token).then_some(self),
            Self::AtLeast(least) => (token > 0).then_some(Self::AtLeast(least.max(token))),
        }
    }
}

impl<V: Clone> FencedLeaseState<V> {
    fn acquired(&self, output: Option<&FencedLeaseOutput<V>>) -> Option<Self> {
        let granted = match output {
            // Had it been refused, it would have changed nothing, and need not be placed at all.
            None => Granted::AtLeast(self.granted.least().checked_add(1)?),
            Some(FencedLeaseOutput::Granted { token }) if *token > self.granted.least() => {
                Granted::Exactly(*token)
            }
            Some(FencedLeaseOutput::Refused) if self.may_be_held => return Some(self.clone()),
            Some(_) => return None,
        };
        Some(Self {
            may_be_held: true,
            granted,
            ..self.clone()
        })
    }

    /// After a renewal, or a release.
    fn asked_by_holder(
        &self,
        token: u64,
        output: Option<&FencedLeaseOutput<V>>,
        is_release: bool,
    ) -> Option<Self> {
        let mut state = self.clone();
        match output {
            // It may have been released or have ended, and it may be in force if it was not this grant.
            None => {}
            Some(FencedLeaseOutput::Done) if self.may_be_held => {
                state.granted = self.granted.if_last(token)?;
                state.may_be_held = !is_release;
            }
            // Its holder was refused, so it has ended.
            Some(FencedLeaseOutput::Refused) => {
                state.may_be_held &= self.granted != Granted::Exactly(token);
            }
            Some(_) => return None,
        }
        Some(state)
    }

    fn written(
        &self,
        token: u64,
        value: &V,
        output: Option<&FencedLeaseOutput<V>>,
    ) -> Option<Self> {
        let is_fenced_off = token < self.seen;
        match output {
            None | Some(FencedLeaseOutput::Refused) if is_fenced_off => Some(self.clone()),
            None | Some(FencedLeaseOutput::Done) if !is_fenced_off => Some(Self {
                granted: self.granted.if_granted(token)?,
                seen: token,
                value: Some(value.clone()),
                ..*self
            }),
            _ => None,
        }
    }
}

impl<V: Clone + Eq + Hash> Model for FencedLease<V> {
    type Key = ();
    type State = FencedLeaseState<V>;
    type Input = FencedLeaseInput<V>;
    type Output = FencedLeaseOutput<V>;

    fn key(&self, _: &FencedLeaseInput<V>) {}

    fn initial(&self) -> FencedLeaseState<V> {
        FencedLeaseState {
            may_be_held: false,
            granted: Granted::Exactly(0),
            seen: 0,
            value: None,
        }
    }

    fn step(
        &self,
        state: &FencedLeaseState<V>,
        input: &FencedLeaseInput<V>,
        output: Option<&FencedLeaseOutput<V>>,
    ) -> Option<FencedLeaseState<V>> {
        match input {
            FencedLeaseInput::Acquire => state.acquired(output),
            FencedLeaseInput::Renew { token } => state.asked_by_holder(*token, output, false),
            FencedLeaseInput::Release { token } => state.asked_by_holder(*token, output, true),
            FencedLeaseInput::Write { token, value } => state.written(*token, value, output),
            FencedLeaseInput::Read => match output {
                Some(FencedLeaseOutput::Value(told)) if *told != state.value => None,
                None | Some(FencedLeaseOutput::Value(_)) => Some(state.clone()),
                Some(_) => None,
            },
        }
    }

    fn is_read(&self, input: &FencedLeaseInput<V>) -> bool {
        matches!(input, FencedLeaseInput::Read)
    }

    fn is_observation(&self, input: &FencedLeaseInput<V>, output: &FencedLeaseOutput<V>) -> bool {
        use FencedLeaseInput as In;
        match input {
            In::Read => true,
            In::Acquire | In::Write { .. } => matches!(output, FencedLeaseOutput::Refused),
            // That its holder was refused says that it has ended.
            In::Renew { .. } | In::Release { .. } => false,
        }
    }

    /// For what depends on a lease that may have ended or not, there is no one right answer.
    fn answer(
        &self,
        state: &FencedLeaseState<V>,
        input: &FencedLeaseInput<V>,
    ) -> Option<FencedLeaseOutput<V>> {
        use FencedLeaseInput as In;
        use FencedLeaseOutput as Out;
        match (input, state.granted) {
            (In::Read, _) => Some(Out::Value(state.value.clone())),
            (In::Write { token, .. }, _) if *token < state.seen => Some(Out::Refused),
            (In::Write { token, .. }, granted) => granted.if_granted(*token).map(|_| Out::Done),
            (In::Acquire, Granted::Exactly(last)) if !state.may_be_held => {
                let token = last.checked_add(1)?;
                Some(Out::Granted { token })
            }
            (In::Renew { token } | In::Release { token }, granted) => {
                let is_over = !state.may_be_held || granted.if_last(*token).is_none();
                is_over.then_some(Out::Refused)
            }
            (In::Acquire, _) => None,
        }
    }
}
