//! Keys with strings that are appended to.

use bytes::Bytes;

use super::Model;
use super::shared::Text;
use crate::Fuel;

/// A map of keys to strings: get, put and append, where a key that was never written holds the empty
/// string. Keys are independent.
///
/// To append is what makes this model find so much: a get shows every append before it, in order, so one
/// answer tells a whole story. It is the model that the testers of Porcupine use for key-value stores. For
/// a store with deletes, compare-and-set and revisions, use [`KeyValue`](super::KeyValue).
///
/// To append takes no longer the more there is, and a get is compared from its end, where two differ.
///
/// ```
/// use quorate_consistency::{
///     Budget, History, Operation, Strings, StringsInput as In, StringsOutput as Out, Verdict, check,
/// };
///
/// let key = || "k".into();
/// let append = |value: &'static str| In::Append { key: key(), value: value.into() };
/// let history = History::from(vec![
///     Operation::ok(1, append("a"), Out::Appended { value: None }, 0, 10),
///     Operation::ok(2, append("b"), Out::Appended { value: Some("ab".into()) }, 20, 30),
///     // "b" came after "a".
///     Operation::ok(1, In::Get { key: key() }, Out::Got { value: "ba".into() }, 40, 50),
/// ]);
/// assert!(matches!(check(&Strings, &history, Budget::default()), Verdict::Violated(_)));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Strings;

/// What is asked of [`Strings`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum StringsInput {
    /// What is the key's string?
    Get {
        /// The key.
        key: Bytes,
    },
    /// Let the key's string be this.
    Put {
        /// The key.
        key: Bytes,
        /// Its new string.
        value: Bytes,
    },
    /// Let the key's string be what it is, followed by this.
    Append {
        /// The key.
        key: Bytes,
        /// What is appended.
        value: Bytes,
    },
}

impl StringsInput {
    /// The key.
    pub const fn key(&self) -> &Bytes {
        match self {
            Self::Get { key } | Self::Put { key, .. } | Self::Append { key, .. } => key,
        }
    }
}

/// What [`Strings`] answer.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum StringsOutput {
    /// To a get.
    Got {
        /// The key's string; empty when it was never written.
        value: Bytes,
    },
    /// To a put: done.
    Written,
    /// To an append: done.
    Appended {
        /// The key's string with it, if that was told.
        value: Option<Bytes>,
    },
}

/// The string of one key of [`Strings`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct StringsState(Text);

/// How many bytes are compared or hashed in the time of a step of the search.
const BYTES_OF_A_STEP: usize = 256;

impl Model for Strings {
    type Key = Bytes;
    type State = StringsState;
    type Input = StringsInput;
    type Output = StringsOutput;

    fn key(&self, input: &StringsInput) -> Bytes {
        input.key().clone()
    }

    fn initial(&self) -> StringsState {
        StringsState(Text::new())
    }

    fn step(
        &self,
        state: &StringsState,
        input: &StringsInput,
        output: Option<&StringsOutput>,
    ) -> Option<StringsState> {
        use StringsInput as In;
        use StringsOutput as Out;
        let StringsState(text) = state;
        match (input, output) {
            (In::Get { .. }, None) => Some(state.clone()),
            (In::Get { .. }, Some(Out::Got { value })) => text.is(value).then(|| state.clone()),
            (In::Put { value, .. }, None | Some(Out::Written)) => {
                Some(StringsState(Text::new().with(value)))
            }
            (In::Append { value, .. }, None | Some(Out::Appended { value: None })) => {
                Some(StringsState(text.with(value)))
            }
            (In::Append { value, .. }, Some(Out::Appended { value: Some(told) })) => {
                Text::is_joined(told, text, value).then(|| StringsState(text.with(value)))
            }
            // An answer to another question.
            _ => None,
        }
    }

    fn step_within(
        &self,
        state: &StringsState,
        input: &StringsInput,
        output: Option<&StringsOutput>,
        fuel: &mut Fuel,
    ) -> Option<StringsState> {
        let written = match input {
            StringsInput::Get { .. } => 0,
            StringsInput::Put { value, .. } | StringsInput::Append { value, .. } => value.len(),
        };
        let told = match output {
            Some(
                StringsOutput::Got { value: told } | StringsOutput::Appended { value: Some(told) },
            ) => told.len(),
            _ => 0,
        };
        // What differs in length is not compared.
        let compared = if told == state.0.len() + written {
            told
        } else {
            0
        };
        if !fuel.spend(((compared + written) / BYTES_OF_A_STEP) as u64) {
            return None;
        }
        self.step(state, input, output)
    }

    fn is_read(&self, input: &StringsInput) -> bool {
        matches!(input, StringsInput::Get { .. })
    }

    fn owned_bytes(&self, _: &StringsState) -> usize {
        Text::PIECE_BYTES
    }

    fn answer(&self, state: &StringsState, input: &StringsInput) -> Option<StringsOutput> {
        let StringsState(text) = state;
        Some(match input {
            StringsInput::Get { .. } => StringsOutput::Got {
                value: text.to_bytes(),
            },
            StringsInput::Put { .. } => StringsOutput::Written,
            StringsInput::Append { value, .. } => StringsOutput::Appended {
                value: Some(text.with(value).to_bytes()),
            },
        })
    }
}
