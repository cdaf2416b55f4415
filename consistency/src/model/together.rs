//! All objects of a model as one.

use alloc::vec::Vec;
use core::hash::Hash;

use super::shared::Map;
use super::{Model, hash_of};
use crate::Fuel;

/// All objects of a model, checked as one.
///
/// It gives the same verdicts as the model itself, as a history is linearizable exactly when each
/// object's part of it is, and takes longer, as it has to choose between orders that make no difference. So
/// it is for what measures or tests a checker, and for stores that are to be taken as one object, with a
/// single order of all that happened as the evidence.
///
/// ```
/// use quorate_consistency::{
///     Budget, History, KeyValue, KeyValueInput, KeyValueOutput, Operation, Together, Verdict, check,
/// };
///
/// let put = |key: &'static str| KeyValueInput::Put { key: key.into(), value: "v".into() };
/// let written = || KeyValueOutput::Written { revision: None };
/// let history = History::from(vec![
///     Operation::ok(1, put("a"), written(), 0, 10),
///     Operation::ok(2, put("b"), written(), 5, 15),
/// ]);
/// let Verdict::Holds(apart) = check(&KeyValue, &history, Budget::default()) else { panic!() };
/// let Verdict::Holds(together) = check(&Together(KeyValue), &history, Budget::default()) else {
///     panic!()
/// };
/// assert_eq!((apart.len(), together.len()), (2, 1));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Together<M>(
    /// The model of one object.
    pub M,
);

/// The states of all objects that are not as they were at the beginning.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct TogetherState<K, S>(Map<K, S>);

impl<M: Model> Model for Together<M>
where
    M::Key: Hash,
{
    type Key = ();
    type State = TogetherState<M::Key, M::State>;
    type Input = M::Input;
    type Output = M::Output;

    fn key(&self, _: &M::Input) {}

    fn initial(&self) -> Self::State {
        TogetherState(Map::new())
    }

    fn step(
        &self,
        state: &Self::State,
        input: &M::Input,
        output: Option<&M::Output>,
    ) -> Option<Self::State> {
        self.step_within(state, input, output, &mut Fuel::new(u64::MAX))
    }

    fn step_within(
        &self,
        state: &Self::State,
        input: &M::Input,
        output: Option<&M::Output>,
        fuel: &mut Fuel,
    ) -> Option<Self::State> {
        let TogetherState(states) = state;
        let key = self.0.key(input);
        let initial;
        let (before, is_new) = match states.get(&key) {
            Some(before) => (before, false),
            None => {
                initial = self.0.initial();
                (&initial, true)
            }
        };
        let after = self.0.step_within(before, input, output, fuel)?;
        if after == *before {
            return Some(state.clone());
        }
        // One way to write each state: what is as at the beginning is not in it.
        let is_initial = !is_new && after == self.0.initial();
        Some(TogetherState(if is_initial {
            states.without(&key)
        } else {
            states.with(key, after)
        }))
    }

    fn is_observation(&self, input: &M::Input, output: &M::Output) -> bool {
        self.0.is_observation(input, output)
    }

    /// What has to do with one key has nothing to do with another.
    fn footprint(&self, input: &M::Input, _: Option<&M::Output>) -> Option<Vec<u64>> {
        Some(alloc::vec![hash_of(&self.0.key(input))])
    }

    fn is_read(&self, input: &M::Input) -> bool {
        self.0.is_read(input)
    }

    fn owned_bytes(&self, state: &Self::State) -> usize {
        state.0.change_bytes()
    }

    fn answer(&self, state: &Self::State, input: &M::Input) -> Option<M::Output> {
        match state.0.get(&self.0.key(input)) {
            Some(state) => self.0.answer(state, input),
            None => self.0.answer(&self.0.initial(), input),
        }
    }
}
