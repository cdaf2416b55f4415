//! What an object does when one client at a time uses it.

mod counter;
mod fenced_lease;
mod key_value;
mod multi_register;
mod mutex;
mod nondeterministic;
mod priority_queue;
mod queue;
mod register;
mod set;
mod shared;
mod stack;
mod strings;
mod together;

pub use counter::{Counter, CounterInput, CounterOutput};
pub use fenced_lease::{FencedLease, FencedLeaseInput, FencedLeaseOutput, FencedLeaseState};
pub use key_value::{Expected, KeyValue, KeyValueInput, KeyValueOutput, KeyValueState};
pub use multi_register::{MicroInput, MicroOutput, MultiRegister, MultiRegisterState};
pub use mutex::{Mutex, MutexInput, MutexOutput, MutexState};
pub use nondeterministic::{Branches, Nondeterministic, PowerSet, PowerSetState};
pub use priority_queue::{
    PriorityQueue, PriorityQueueInput, PriorityQueueOutput, PriorityQueueState,
};
pub use queue::{Queue, QueueInput, QueueOutput, QueueState};
pub use register::{Register, RegisterInput, RegisterOutput};
pub use set::{Set, SetInput, SetOutput, SetState};
pub use stack::{Stack, StackInput, StackOutput, StackState};
pub use strings::{Strings, StringsInput, StringsOutput, StringsState};
pub use together::{Together, TogetherState};

use alloc::vec::Vec;
use core::hash::{Hash, Hasher};

use crate::linearizability::Mixer;
use crate::{Fuel, Numbered, Quick};

/// What an object does when one client at a time uses it: the specification that a concurrent
/// history is checked against.
///
/// A model is deterministic: a state and an input give one answer and one next state. If an answer
/// leaves several next states open, let `State` be what is known of the state, as
/// [`KeyValue`] does with revisions that nobody told, or write a [`Nondeterministic`] model.
///
/// Objects that do not influence each other are checked apart, as a history is linearizable exactly
/// when each object's part of it is (Herlihy and Wing 1990, theorem 1: locality). [`key`](Self::key)
/// says which object an input is for. It makes checks of many keys cheap, so use it where it is true.
///
/// ```
/// use quorate_consistency::{Budget, History, Model, Operation, Verdict, check};
///
/// /// A queue that forgets nothing: `Some(n)` puts n in, `None` takes the oldest out.
/// struct Queue;
///
/// impl Model for Queue {
///     type Key = ();
///     type State = Vec<u32>;
///     type Input = Option<u32>;
///     type Output = Option<u32>;
///
///     fn key(&self, _: &Option<u32>) {}
///
///     fn initial(&self) -> Vec<u32> {
///         Vec::new()
///     }
///
///     fn step(
///         &self, state: &Vec<u32>, input: &Option<u32>, output: Option<&Option<u32>>,
///     ) -> Option<Vec<u32>> {
///         let mut next = state.clone();
///         let answer = match input {
///             Some(number) => { next.push(*number); None }
///             None if next.is_empty() => None,
///             None => Some(next.remove(0)),
///         };
///         // An output that is not known may have been any.
///         output.is_none_or(|output| *output == answer).then_some(next)
///     }
/// }
///
/// let history = History::from(vec![
///     Operation::ok(1, Some(7), None, 0, 10),
///     Operation::ok(2, Some(8), None, 20, 30),
///     Operation::ok(1, None, Some(8), 40, 50), // 7 is older
/// ]);
/// assert!(matches!(check(&Queue, &history, Budget::default()), Verdict::Violated(_)));
/// ```
pub trait Model {
    /// Names the objects that are checked apart; `()` when there is one.
    type Key: Clone + Ord;
    /// The state of one object.
    type State: Clone + Eq + Hash;
    /// What a client asks for. Two equal inputs are taken to do the same.
    type Input: PartialEq;
    /// What it is told.
    type Output;

    /// The object that the input is for.
    fn key(&self, input: &Self::Input) -> Self::Key;

    /// The state of every object at the beginning.
    fn initial(&self) -> Self::State;

    /// The state after `input` answered `output` in `state`, or `None` when it could not have
    /// answered that. `output` is `None` when nobody knows the answer: any will do, and `None` is
    /// returned only when the input could not have taken effect at all.
    fn step(
        &self,
        state: &Self::State,
        input: &Self::Input,
        output: Option<&Self::Output>,
    ) -> Option<Self::State>;

    /// The same as [`step`](Self::step), for a model that can take long about it: it spends a step of
    /// `fuel` for each tens of nanoseconds, and stops when there is none left. What it returns then is
    /// not looked at, and it is asked again when there is more. A single step must fit into a budget, or
    /// the check never gets past it.
    fn step_within(
        &self,
        state: &Self::State,
        input: &Self::Input,
        output: Option<&Self::Output>,
        fuel: &mut Fuel,
    ) -> Option<Self::State> {
        let _ = fuel;
        self.step(state, input, output)
    }

    /// How many bytes the state owns elsewhere, on the heap, so that a
    /// [`Budget`](crate::Budget) of memory is kept.
    fn owned_bytes(&self, state: &Self::State) -> usize {
        let _ = state;
        0
    }

    /// Whether the input changes nothing, whatever the state. A read may be served at a weaker
    /// [`Level`](crate::Level), and [`linearizable`](crate::linearizable) then leaves it out.
    fn is_read(&self, input: &Self::Input) -> bool {
        let _ = input;
        false
    }

    /// Answers without a search, where the object has an algorithm of its own that takes less. The
    /// operations are those of one object that may have had an effect, each with its position in the
    /// history; an answer names those positions, and is checked before it is believed.
    fn quick(&self, operations: &[Numbered<'_, Self::Input, Self::Output>]) -> Quick {
        let _ = operations;
        Quick::Unsuited
    }

    /// Whether an operation that was answered this changes nothing, whatever the state: it is a read, or
    /// a write under a condition that it says did not hold. A check places these without a search.
    fn is_observation(&self, input: &Self::Input, output: &Self::Output) -> bool {
        let _ = output;
        self.is_read(input)
    }

    /// Hashes of the values that an operation has to do with, for objects whose values do not depend on
    /// each other: if an order makes sense, and all operations on some values are left out, then the rest
    /// of it still does. A register is such an object, as a read tells of the last write only. It lets a
    /// violation be told by the few operations that it takes.
    ///
    /// `None`, the default: the operation has to do with all of them.
    fn footprint(&self, input: &Self::Input, output: Option<&Self::Output>) -> Option<Vec<u64>> {
        let _ = (input, output);
        None
    }

    /// What `input` would have answered in `state`, to explain a violation. `None`, the default, when
    /// the model cannot say.
    fn answer(&self, state: &Self::State, input: &Self::Input) -> Option<Self::Output> {
        let _ = (state, input);
        None
    }
}

/// The hash of a value for [`Model::footprint`].
fn hash_of<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = Mixer::default();
    value.hash(&mut hasher);
    hasher.finish()
}
