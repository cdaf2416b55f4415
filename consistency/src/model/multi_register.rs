//! Cells that are read and written several at once.

use alloc::vec::Vec;
use core::hash::Hash;

use bytes::Bytes;

use super::shared::Tree;
use super::{Model, hash_of};
use crate::Fuel;

/// Cells that are read and written several at once: each operation is a transaction, a list of reads and
/// writes that take effect together and in this order, so that a read sees the writes before it in its own
/// list.
///
/// With one register per operation, registers are independent objects, and [`KeyValue`](super::KeyValue)
/// is the model to use. Transactions tie them together: this model finds a transaction that another one
/// saw the half of. A history of it that is linearizable is *strictly serializable*.
///
/// ```
/// use quorate_consistency::{
///     Budget, History, MicroInput as In, MicroOutput as Out, MultiRegister, Operation, Verdict, check,
/// };
///
/// let history = History::from(vec![
///     Operation::ok(
///         1, vec![In::Write("x", 1), In::Write("y", 1)], vec![Out::Written, Out::Written], 0, 10,
///     ),
///     // Concurrent with it, and so before or after it, but not in the middle.
///     Operation::ok(
///         2,
///         vec![In::Read("x"), In::Read("y")],
///         vec![Out::Value(Some(1)), Out::Value(None)],
///         5, 15,
///     ),
/// ]);
/// let registers = MultiRegister::new();
/// assert!(matches!(check(&registers, &history, Budget::default()), Verdict::Violated(_)));
/// ```
#[derive(Clone, Debug)]
pub struct MultiRegister<K = Bytes, V = Bytes> {
    initial: MultiRegisterState<K, V>,
}

impl<K, V> MultiRegister<K, V> {
    /// Registers that start out empty.
    pub const fn new() -> Self {
        Self {
            initial: MultiRegisterState(Tree::new()),
        }
    }
}

impl<K: Clone + Hash + Ord, V: Clone + Hash> MultiRegister<K, V> {
    /// Registers of which these start out with values, and all others empty.
    pub fn starting_at(values: impl IntoIterator<Item = (K, V)>) -> Self {
        let with = |tree: Tree<K, V>, (key, value)| tree.with(key, value);
        Self {
            initial: MultiRegisterState(values.into_iter().fold(Tree::new(), with)),
        }
    }
}

impl<K, V> Default for MultiRegister<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

/// What a transaction asks of one register.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum MicroInput<K = Bytes, V = Bytes> {
    /// What is in this register?
    Read(K),
    /// Put this in this register.
    Write(K, V),
}

impl<K, V> MicroInput<K, V> {
    /// The register.
    pub const fn key(&self) -> &K {
        match self {
            Self::Read(key) | Self::Write(key, _) => key,
        }
    }
}

/// What a transaction is told of one register.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum MicroOutput<V = Bytes> {
    /// To a read: what is in it; `None` for nothing.
    Value(Option<V>),
    /// To a read: nothing was told, so it may have been anything.
    Untold,
    /// To a write: done.
    Written,
}

/// What is in the registers of a [`MultiRegister`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct MultiRegisterState<K, V>(Tree<K, V>);

impl<K: Clone + Hash + Ord, V: Clone + Eq + Hash> Model for MultiRegister<K, V> {
    type Key = ();
    type State = MultiRegisterState<K, V>;
    type Input = Vec<MicroInput<K, V>>;
    type Output = Vec<MicroOutput<V>>;

    fn key(&self, _: &Self::Input) {}

    fn initial(&self) -> Self::State {
        self.initial.clone()
    }

    fn step(
        &self,
        MultiRegisterState(values): &Self::State,
        input: &Self::Input,
        output: Option<&Self::Output>,
    ) -> Option<Self::State> {
        if output.is_some_and(|output| output.len() != input.len()) {
            return None;
        }
        let mut values = values.clone();
        for (at, input) in input.iter().enumerate() {
            let output = output.and_then(|output| output.get(at));
            match (input, output) {
                (MicroInput::Read(_), None | Some(MicroOutput::Untold)) => {}
                (MicroInput::Read(key), Some(MicroOutput::Value(told)))
                    if told.as_ref() == values.get(key) => {}
                (MicroInput::Write(key, value), None | Some(MicroOutput::Written)) => {
                    if values.get(key) != Some(value) {
                        values = values.with(key.clone(), value.clone());
                    }
                }
                // Another value was read, or the answer is to another question.
                _ => return None,
            }
        }
        Some(MultiRegisterState(values))
    }

    fn step_within(
        &self,
        state: &Self::State,
        input: &Self::Input,
        output: Option<&Self::Output>,
        fuel: &mut Fuel,
    ) -> Option<Self::State> {
        // A transaction may be as long as a history.
        if !fuel.spend(input.len() as u64) {
            return None;
        }
        self.step(state, input, output)
    }

    fn is_read(&self, input: &Self::Input) -> bool {
        let is_read = |input: &MicroInput<K, V>| matches!(input, MicroInput::Read(_));
        input.iter().all(is_read)
    }

    /// Registers do not depend on each other, but those of one transaction.
    fn footprint(&self, input: &Self::Input, _: Option<&Self::Output>) -> Option<Vec<u64>> {
        Some(input.iter().map(|micro| hash_of(micro.key())).collect())
    }

    fn owned_bytes(&self, state: &Self::State) -> usize {
        state.0.change_bytes()
    }

    fn answer(
        &self,
        MultiRegisterState(values): &Self::State,
        input: &Self::Input,
    ) -> Option<Self::Output> {
        let mut values = values.clone();
        let answer = |input: &MicroInput<K, V>| match input {
            MicroInput::Read(key) => MicroOutput::Value(values.get(key).cloned()),
            MicroInput::Write(key, value) => {
                values = values.with(key.clone(), value.clone());
                MicroOutput::Written
            }
        };
        Some(input.iter().map(answer).collect())
    }
}
