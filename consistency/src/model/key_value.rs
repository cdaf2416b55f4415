//! A map of keys to values, with revisions and counters.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use bytes::Bytes;

use super::{Model, hash_of};

/// A map of keys to values: get, put, delete, compare-and-set, and counters. Keys are independent.
///
/// **Revisions.** Stores like etcd, and Quorate's own, answer with a revision: a number that grows
/// with every write of the key. They are optional here, operation by operation. Where they are told,
/// they are checked: a write's revision is higher than any before it on that key, and a read shows
/// the revision of the write that it read. That finds more than values alone, since two writes of
/// the same value can then be told apart.
///
/// **Counters.** A key that holds no value counts as 0 for [`Increment`](KeyValueInput::Increment)
/// and [`Count`](KeyValueInput::Count). A counter read with [`Get`](KeyValueInput::Get) is its
/// decimal text, and a value that is decimal text can be incremented. An increment of anything else,
/// or past the range of `i64`, cannot have been acknowledged.
///
/// ```
/// use bytes::Bytes;
/// use quorate_consistency::{
///     Budget, History, KeyValue, KeyValueInput, KeyValueOutput, Operation, Verdict, check,
/// };
///
/// let key = Bytes::from_static(b"colour");
/// let put = |value: &'static str| KeyValueInput::Put { key: key.clone(), value: value.into() };
/// let got = |value: &'static str, revision| KeyValueOutput::Got {
///     value: Some(value.into()),
///     revision: Some(revision),
/// };
/// let get = KeyValueInput::Get { key: key.clone() };
/// let history = History::from(vec![
///     Operation::ok(1, put("red"), KeyValueOutput::Written { revision: Some(4) }, 0, 10),
///     // Its client gave up waiting: it may be applied at any later time, or never.
///     Operation::unknown(2, put("blue"), 5),
///     Operation::ok(3, get.clone(), got("red", 4), 20, 30),
///     Operation::ok(3, get.clone(), got("blue", 9), 40, 50),
/// ]);
/// assert!(matches!(check(&KeyValue, &history, Budget::default()), Verdict::Holds(_)));
///
/// // But once it has been seen, it cannot be unseen.
/// let mut stale = history.clone();
/// stale.push(Operation::ok(3, get, got("red", 4), 60, 70));
/// assert!(matches!(check(&KeyValue, &stale, Budget::default()), Verdict::Violated(_)));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyValue;

/// What is asked of a [`KeyValue`] map.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum KeyValueInput {
    /// What is the key's value?
    Get {
        /// The key.
        key: Bytes,
    },
    /// Set the key's value.
    Put {
        /// The key.
        key: Bytes,
        /// Its new value.
        value: Bytes,
    },
    /// Take the key's value away. To delete what is not there is answered too, and may but need not
    /// raise the revision.
    Delete {
        /// The key.
        key: Bytes,
    },
    /// Set the key's value, or take it away, if it is what is expected.
    CompareAndSet {
        /// The key.
        key: Bytes,
        /// What it must be.
        expected: Expected,
        /// Its new value; `None` takes it away.
        value: Option<Bytes>,
    },
    /// Add to the counter, and tell the sum.
    Increment {
        /// The key.
        key: Bytes,
        /// How much is added.
        by: i64,
    },
    /// What is the sum of the counter?
    Count {
        /// The key.
        key: Bytes,
    },
}

impl KeyValueInput {
    /// The key.
    pub const fn key(&self) -> &Bytes {
        match self {
            Self::Get { key }
            | Self::Put { key, .. }
            | Self::Delete { key }
            | Self::CompareAndSet { key, .. }
            | Self::Increment { key, .. }
            | Self::Count { key } => key,
        }
    }

    /// Whether it asks and changes nothing.
    pub const fn is_read(&self) -> bool {
        matches!(self, Self::Get { .. } | Self::Count { .. })
    }
}

/// What a [`KeyValueInput::CompareAndSet`] expects.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Expected {
    /// The key has no value.
    Absent,
    /// The key has a value, whichever.
    Present,
    /// The key has this value.
    Value(Bytes),
    /// The key has a value, of this revision.
    Revision(u64),
}

/// What a [`KeyValue`] map answers. A revision is `None` when the store did not tell it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum KeyValueOutput {
    /// To a get.
    Got {
        /// The value; `None` when there is none.
        value: Option<Bytes>,
        /// The revision of the write that made it so. For a key without a value: that of the
        /// delete, or 0 if there was none.
        revision: Option<u64>,
    },
    /// To a put or a delete: done.
    Written {
        /// The revision of the write.
        revision: Option<u64>,
    },
    /// To a compare-and-set.
    Swapped {
        /// Whether the value was as expected, and has been set.
        swapped: bool,
        /// The revision of the write; if it did not swap, the revision that was found, and 0 for a
        /// key without a value.
        revision: Option<u64>,
    },
    /// To an increment or a count.
    Counted {
        /// The sum, including what was added; `None` when the store did not tell.
        value: Option<i64>,
        /// The revision of the increment, or for a count that of the last one.
        revision: Option<u64>,
    },
}

/// What is known of one key of a [`KeyValue`] map.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct KeyValueState {
    content: Content,
    revision: Revision,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Content {
    Absent,
    Value(Bytes),
    Counter(i64),
}

/// The revision of the last write to a key.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Revision {
    Exactly(u64),
    /// The write did not tell. It is higher than that of the write before.
    Above(u64),
}

impl Revision {
    /// After a write that told `told`, or `None` when it cannot have.
    fn after_write(self, told: Option<u64>) -> Option<Self> {
        let (Self::Exactly(floor) | Self::Above(floor)) = self;
        match told {
            Some(told) if told > floor => Some(Self::Exactly(told)),
            Some(_) => None,
            None => Some(Self::Above(match self {
                Self::Exactly(floor) => floor,
                // Two steps above are at least one more. Saturating only knows less.
                Self::Above(floor) => floor.saturating_add(1),
            })),
        }
    }

    /// After a read that told `told`, or `None` when it cannot have.
    fn after_read(self, told: Option<u64>) -> Option<Self> {
        match (self, told) {
            (known, None) => Some(known),
            (Self::Exactly(known), Some(told)) => (known == told).then_some(self),
            (Self::Above(floor), Some(told)) => (told > floor).then_some(Self::Exactly(told)),
        }
    }

    const fn known(self) -> Option<u64> {
        match self {
            Self::Exactly(revision) => Some(revision),
            Self::Above(_) => None,
        }
    }
}

impl Content {
    /// The number that a counter with this content has.
    fn number(&self) -> Option<i64> {
        match self {
            Self::Absent => Some(0),
            Self::Counter(number) => Some(*number),
            Self::Value(value) => core::str::from_utf8(value).ok()?.parse().ok(),
        }
    }

    /// The value that a get shows.
    fn value(&self) -> Option<Bytes> {
        match self {
            Self::Absent => None,
            Self::Value(value) => Some(value.clone()),
            Self::Counter(number) => Some(Bytes::from(String::into_bytes(number.to_string()))),
        }
    }

    fn is(&self, value: Option<&Bytes>) -> bool {
        match (self, value) {
            (Self::Absent, None) => true,
            (Self::Value(held), Some(value)) => held == value,
            (Self::Counter(number), Some(value)) => number.to_string().as_bytes() == value,
            _ => false,
        }
    }
}

impl From<Option<Bytes>> for Content {
    fn from(value: Option<Bytes>) -> Self {
        value.map_or(Self::Absent, Self::Value)
    }
}

impl KeyValueState {
    fn written(&self, content: Content, told: Option<u64>) -> Option<Self> {
        let revision = self.revision.after_write(told)?;
        Some(Self { content, revision })
    }

    /// To delete what is not there is a write to some stores and nothing to others.
    fn deleted(&self, told: Option<u64>) -> Option<Self> {
        if self.content != Content::Absent {
            return self.written(Content::Absent, told);
        }
        let (Revision::Exactly(floor) | Revision::Above(floor)) = self.revision;
        match told {
            None => Some(self.clone()),
            Some(told) => (told >= floor).then_some(Self {
                content: Content::Absent,
                revision: Revision::Exactly(told),
            }),
        }
    }

    fn read(&self, told: Option<u64>) -> Option<Self> {
        // For a key without a value, stores tell 0 or the revision of the delete.
        let told = match self.content {
            Content::Absent => told.filter(|told| *told != 0),
            _ => told,
        };
        let revision = self.revision.after_read(told)?;
        Some(Self {
            content: self.content.clone(),
            revision,
        })
    }

    /// Whether the key is as expected: `None` when it may or may not be, with the state in which it
    /// is.
    fn matches(&self, expected: &Expected) -> Match {
        let known = |matches: bool| {
            if matches {
                Match::Yes(self.clone())
            } else {
                Match::No
            }
        };
        match expected {
            Expected::Absent => known(self.content == Content::Absent),
            Expected::Present => known(self.content != Content::Absent),
            Expected::Value(value) => known(self.content.is(Some(value))),
            Expected::Revision(_) if self.content == Content::Absent => Match::No,
            Expected::Revision(revision) => match self.revision.after_read(Some(*revision)) {
                None => Match::No,
                Some(exact) => {
                    let state = Self {
                        content: self.content.clone(),
                        revision: exact,
                    };
                    match self.revision {
                        Revision::Exactly(_) => Match::Yes(state),
                        Revision::Above(_) => Match::Perhaps(state),
                    }
                }
            },
        }
    }
}

enum Match {
    Yes(KeyValueState),
    Perhaps(KeyValueState),
    No,
}

impl Model for KeyValue {
    type Key = Bytes;
    type State = KeyValueState;
    type Input = KeyValueInput;
    type Output = KeyValueOutput;

    fn key(&self, input: &KeyValueInput) -> Bytes {
        input.key().clone()
    }

    fn initial(&self) -> KeyValueState {
        KeyValueState {
            content: Content::Absent,
            revision: Revision::Exactly(0),
        }
    }

    fn step(
        &self,
        state: &KeyValueState,
        input: &KeyValueInput,
        output: Option<&KeyValueOutput>,
    ) -> Option<KeyValueState> {
        use KeyValueInput as In;
        use KeyValueOutput as Out;
        match (input, output) {
            (In::Get { .. } | In::Count { .. }, None) => Some(state.clone()),
            (In::Get { .. }, Some(Out::Got { value, revision })) => state
                .content
                .is(value.as_ref())
                .then(|| state.read(*revision))?,
            (In::Count { .. }, Some(Out::Counted { value, revision })) => {
                let number = state.content.number()?;
                value
                    .is_none_or(|value| value == number)
                    .then(|| state.read(*revision))?
            }
            (In::Put { value, .. }, None) => state.written(Content::Value(value.clone()), None),
            (In::Put { value, .. }, Some(Out::Written { revision })) => {
                state.written(Content::Value(value.clone()), *revision)
            }
            (In::Delete { .. }, None) => state.deleted(None),
            (In::Delete { .. }, Some(Out::Written { revision })) => state.deleted(*revision),
            (In::Increment { by, .. }, None | Some(Out::Counted { .. })) => {
                let sum = state.content.number()?.checked_add(*by)?;
                let (value, revision) = match output {
                    Some(Out::Counted { value, revision }) => (*value, *revision),
                    _ => (None, None),
                };
                value
                    .is_none_or(|value| value == sum)
                    .then(|| state.written(Content::Counter(sum), revision))?
            }
            (
                In::CompareAndSet {
                    expected, value, ..
                },
                None | Some(Out::Swapped { .. }),
            ) => {
                let swap = |matched: &KeyValueState, told| {
                    matched.written(Content::from(value.clone()), told)
                };
                let (swapped, told) = match output {
                    Some(Out::Swapped { swapped, revision }) => (Some(*swapped), *revision),
                    _ => (None, None),
                };
                match (state.matches(expected), swapped) {
                    (Match::Yes(matched) | Match::Perhaps(matched), Some(true)) => {
                        swap(&matched, told)
                    }
                    // Where it may have matched and nobody knows, assume so: had it not, then it
                    // would have changed nothing, and it need not be placed at all.
                    (Match::Yes(matched) | Match::Perhaps(matched), None) => swap(&matched, None),
                    (Match::No, None) => Some(state.clone()),
                    (Match::No | Match::Perhaps(_), Some(false)) => state.read(told),
                    (Match::No, Some(true)) | (Match::Yes(_), Some(false)) => None,
                }
            }
            // An answer to another question.
            _ => None,
        }
    }

    fn is_observation(&self, input: &KeyValueInput, output: &KeyValueOutput) -> bool {
        input.is_read() || matches!(output, KeyValueOutput::Swapped { swapped: false, .. })
    }

    fn footprint(
        &self,
        input: &KeyValueInput,
        output: Option<&KeyValueOutput>,
    ) -> Option<Vec<u64>> {
        let of = |value: Option<&Bytes>| hash_of(&value);
        match (input, output) {
            (KeyValueInput::Get { .. }, Some(KeyValueOutput::Got { value, .. })) => {
                Some(alloc::vec![of(value.as_ref())])
            }
            (KeyValueInput::Put { value, .. }, _) => Some(alloc::vec![of(Some(value))]),
            // Sums depend on all that was added, and whether a delete was a write on what was there.
            _ => None,
        }
    }

    fn is_read(&self, input: &KeyValueInput) -> bool {
        input.is_read()
    }

    fn answer(&self, state: &KeyValueState, input: &KeyValueInput) -> Option<KeyValueOutput> {
        Some(match input {
            KeyValueInput::Get { .. } => KeyValueOutput::Got {
                value: state.content.value(),
                revision: state.revision.known(),
            },
            KeyValueInput::Count { .. } => KeyValueOutput::Counted {
                value: Some(state.content.number()?),
                revision: state.revision.known(),
            },
            KeyValueInput::Put { .. } | KeyValueInput::Delete { .. } => {
                KeyValueOutput::Written { revision: None }
            }
            KeyValueInput::Increment { by, .. } => KeyValueOutput::Counted {
                value: Some(state.content.number()?.checked_add(*by)?),
                revision: None,
            },
            KeyValueInput::CompareAndSet { expected, .. } => match state.matches(expected) {
                Match::Yes(_) => KeyValueOutput::Swapped {
                    swapped: true,
                    revision: None,
                },
                Match::No => KeyValueOutput::Swapped {
                    swapped: false,
                    revision: state.revision.known(),
                },
                Match::Perhaps(_) => return None,
            },
        })
    }
}
