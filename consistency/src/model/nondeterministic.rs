//! Models of one's own that leave several things open.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::Hash;

use super::Model;
use crate::{Fuel, Inconclusive};

/// What an object does when one client at a time uses it, where that is not one thing only: a cache that
/// may forget, a queue that may deliver twice, a lottery.
///
/// It is a [`Model`] in which a state, an input and an answer may lead to several states. A
/// [`PowerSet`] makes a [`Model`] of it.
///
/// ```
/// use quorate_consistency::{
///     Branches, Budget, History, Nondeterministic, Operation, PowerSet, Verdict, check,
/// };
///
/// /// A cell that says it is written and may forget it at once: `Some(n)` writes, `None` reads.
/// struct Forgetful;
///
/// impl Nondeterministic for Forgetful {
///     type Key = ();
///     type State = Option<u32>;
///     type Input = Option<u32>;
///     type Output = Option<u32>;
///
///     fn key(&self, _: &Option<u32>) {}
///
///     fn initial(&self) -> Vec<Option<u32>> {
///         vec![None]
///     }
///
///     fn step(
///         &self,
///         state: &Option<u32>,
///         input: &Option<u32>,
///         output: Option<&Option<u32>>,
///         next: &mut Branches<Option<u32>>,
///     ) {
///         match input {
///             Some(_) => {
///                 next.add(*input);
///                 next.add(*state);
///             }
///             None if output.is_none_or(|output| output == state) => next.add(*state),
///             // It cannot have answered that.
///             None => {}
///         }
///     }
/// }
///
/// let cell = PowerSet::new(Forgetful);
/// let write = |number| Operation::ok(1, Some(number), None, 0, 10);
/// let read = |number, call| Operation::ok(1, None, number, call, call + 5);
/// let forgotten = History::from(vec![write(1), read(None, 20)]);
/// assert!(matches!(check(&cell, &forgotten, Budget::default()), Verdict::Holds(_)));
/// // But what was seen was not forgotten at once.
/// let seen = History::from(vec![write(1), read(Some(1), 20), read(None, 30)]);
/// assert!(matches!(check(&cell, &seen, Budget::default()), Verdict::Violated(_)));
/// ```
pub trait Nondeterministic {
    /// Names the objects that are checked apart; `()` when there is one.
    type Key: Clone + Ord;
    /// The state of one object.
    type State: Clone + Hash + Ord;
    /// What a client asks for. Two equal inputs are taken to do the same.
    type Input: PartialEq;
    /// What it is told.
    type Output;

    /// The object that the input is for.
    fn key(&self, input: &Self::Input) -> Self::Key;

    /// The states that an object may be in at the beginning: at least one.
    fn initial(&self) -> Vec<Self::State>;

    /// Adds all states that may follow when `input` is answered `output` in `state`: none when it cannot
    /// have answered that. `output` is `None` when nobody knows the answer: any will do.
    fn step(
        &self,
        state: &Self::State,
        input: &Self::Input,
        output: Option<&Self::Output>,
        next: &mut Branches<Self::State>,
    );

    /// Whether the input changes nothing, whatever the state.
    fn is_read(&self, input: &Self::Input) -> bool {
        let _ = input;
        false
    }

    /// What `input` would have answered in `state`, to explain a violation. `None`, the default, when
    /// the model cannot say, or there is more than one answer.
    fn answer(&self, state: &Self::State, input: &Self::Input) -> Option<Self::Output> {
        let _ = (state, input);
        None
    }
}

/// The states that may follow, for [`Nondeterministic::step`] to add to.
///
/// ```
/// use quorate_consistency::Branches;
///
/// let mut next = Branches::at_most(2);
/// next.add("a");
/// next.add("a");
/// next.add("b");
/// assert!(!next.are_too_many());
/// next.add("c");
/// assert!(next.are_too_many());
/// ```
#[derive(Clone, Debug)]
pub struct Branches<S> {
    states: BTreeSet<S>,
    limit: usize,
    are_too_many: bool,
}

impl<S: Ord> Branches<S> {
    /// None yet, and never more than this many.
    pub const fn at_most(limit: usize) -> Self {
        Self {
            states: BTreeSet::new(),
            limit,
            are_too_many: false,
        }
    }

    /// One more state that may follow. One that was added before makes no difference.
    pub fn add(&mut self, state: S) {
        if self.states.len() < self.limit {
            self.states.insert(state);
        } else if !self.states.contains(&state) {
            self.are_too_many = true;
        }
    }

    /// Whether there were more states than the limit. The check then has no verdict, and there is no
    /// need to add any others.
    pub const fn are_too_many(&self) -> bool {
        self.are_too_many
    }
}

/// A [`Model`] made of a [`Nondeterministic`] one: its state is the set of all states that are possible,
/// as in Porcupine's power set construction.
///
/// What an object answered leaves some of them, and what it was asked makes more. When there are more than
/// a limit the check gives up, and says so: [`Inconclusive::TooManyStates`]. There is an
/// example at [`Nondeterministic`].
#[derive(Clone, Copy, Debug)]
pub struct PowerSet<N> {
    model: N,
    limit: usize,
}

impl<N> PowerSet<N> {
    /// With at most 10,000 states that are possible at a time.
    pub const fn new(model: N) -> Self {
        Self {
            model,
            limit: 10_000,
        }
    }

    /// With at most this many states that are possible at a time.
    #[must_use]
    pub fn at_most(self, limit: usize) -> Self {
        Self { limit, ..self }
    }
}

/// The states that an object of a [`PowerSet`] may be in, in order.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct PowerSetState<S>(Arc<[S]>);

impl<S> PowerSetState<S> {
    /// The states.
    pub fn states(&self) -> &[S] {
        &self.0
    }
}

impl<N: Nondeterministic> Model for PowerSet<N> {
    type Key = N::Key;
    type State = PowerSetState<N::State>;
    type Input = N::Input;
    type Output = N::Output;

    fn key(&self, input: &N::Input) -> N::Key {
        self.model.key(input)
    }

    fn initial(&self) -> Self::State {
        let states: BTreeSet<_> = self.model.initial().into_iter().collect();
        PowerSetState(states.into_iter().collect())
    }

    fn step(
        &self,
        state: &Self::State,
        input: &N::Input,
        output: Option<&N::Output>,
    ) -> Option<Self::State> {
        self.step_within(state, input, output, &mut Fuel::new(u64::MAX))
    }

    fn step_within(
        &self,
        state: &Self::State,
        input: &N::Input,
        output: Option<&N::Output>,
        fuel: &mut Fuel,
    ) -> Option<Self::State> {
        let mut next = Branches::at_most(self.limit);
        for state in state.states() {
            let before = next.states.len();
            self.model.step(state, input, output, &mut next);
            if next.are_too_many {
                fuel.give_up(Inconclusive::TooManyStates { limit: self.limit });
                return None;
            }
            let added = next.states.len() - before;
            if !fuel.spend(1 + added as u64) {
                return None;
            }
        }
        let is_possible = !next.states.is_empty();
        is_possible.then(|| PowerSetState(next.states.into_iter().collect()))
    }

    fn owned_bytes(&self, state: &Self::State) -> usize {
        size_of_val(state.states())
    }

    fn is_read(&self, input: &N::Input) -> bool {
        self.model.is_read(input)
    }

    fn answer(&self, state: &Self::State, input: &N::Input) -> Option<N::Output> {
        match state.states() {
            [only] => self.model.answer(only, input),
            _ => None,
        }
    }
}
