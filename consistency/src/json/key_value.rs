//! The operations of a key-value map.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Format;
use super::text::{Text, nullable};
use crate::{Expected, KeyValue, KeyValueInput, KeyValueOutput};

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum KeyValueOp {
    Get {
        key: Text,
    },
    Put {
        key: Text,
        value: Text,
    },
    Delete {
        key: Text,
    },
    Cas {
        key: Text,
        expected: ExpectedOp,
        #[serde(deserialize_with = "nullable")]
        value: Option<Text>,
    },
    Increment {
        key: Text,
        by: i64,
    },
    Count {
        key: Text,
    },
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ExpectedOp {
    Absent,
    Present,
    Value(Text),
    Revision(u64),
}

#[derive(Serialize)]
#[serde(untagged)]
pub enum KeyValueAnswer {
    Got(Got),
    Written(Written),
    Swapped(Swapped),
    Counted(Counted),
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Got {
    #[serde(deserialize_with = "nullable")]
    value: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Swapped {
    swapped: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
}

impl Format for KeyValue {
    type Op = KeyValueOp;
    type Answer = KeyValueAnswer;

    fn write_input(input: &KeyValueInput) -> KeyValueOp {
        let key = Text(input.key().clone());
        match input {
            KeyValueInput::Get { .. } => KeyValueOp::Get { key },
            KeyValueInput::Put { value, .. } => KeyValueOp::Put {
                key,
                value: Text(value.clone()),
            },
            KeyValueInput::Delete { .. } => KeyValueOp::Delete { key },
            KeyValueInput::CompareAndSet {
                expected, value, ..
            } => KeyValueOp::Cas {
                key,
                expected: match expected {
                    Expected::Absent => ExpectedOp::Absent,
                    Expected::Present => ExpectedOp::Present,
                    Expected::Value(value) => ExpectedOp::Value(Text(value.clone())),
                    Expected::Revision(revision) => ExpectedOp::Revision(*revision),
                },
                value: value.clone().map(Text),
            },
            KeyValueInput::Increment { by, .. } => KeyValueOp::Increment { key, by: *by },
            KeyValueInput::Count { .. } => KeyValueOp::Count { key },
        }
    }

    fn read_input(op: KeyValueOp) -> KeyValueInput {
        match op {
            KeyValueOp::Get { key } => KeyValueInput::Get { key: key.0 },
            KeyValueOp::Put { key, value } => KeyValueInput::Put {
                key: key.0,
                value: value.0,
            },
            KeyValueOp::Delete { key } => KeyValueInput::Delete { key: key.0 },
            KeyValueOp::Cas {
                key,
                expected,
                value,
            } => KeyValueInput::CompareAndSet {
                key: key.0,
                expected: match expected {
                    ExpectedOp::Absent => Expected::Absent,
                    ExpectedOp::Present => Expected::Present,
                    ExpectedOp::Value(value) => Expected::Value(value.0),
                    ExpectedOp::Revision(revision) => Expected::Revision(revision),
                },
                value: value.map(|text| text.0),
            },
            KeyValueOp::Increment { key, by } => KeyValueInput::Increment { key: key.0, by },
            KeyValueOp::Count { key } => KeyValueInput::Count { key: key.0 },
        }
    }

    fn write_output(input: &KeyValueInput, output: &KeyValueOutput) -> Option<KeyValueAnswer> {
        use KeyValueInput as In;
        use KeyValueOutput as Out;
        Some(match (input, output) {
            (In::Get { .. }, Out::Got { value, revision }) => KeyValueAnswer::Got(Got {
                value: value.clone().map(Text),
                revision: *revision,
            }),
            (In::Put { .. } | In::Delete { .. }, &Out::Written { revision }) => {
                KeyValueAnswer::Written(Written { revision })
            }
            (In::CompareAndSet { .. }, &Out::Swapped { swapped, revision }) => {
                KeyValueAnswer::Swapped(Swapped { swapped, revision })
            }
            (In::Increment { .. } | In::Count { .. }, &Out::Counted { value, revision }) => {
                KeyValueAnswer::Counted(Counted { value, revision })
            }
            _ => return None,
        })
    }

    fn read_output(
        input: &KeyValueInput,
        answer: Value,
    ) -> Result<KeyValueOutput, serde_json::Error> {
        Ok(match input {
            KeyValueInput::Get { .. } => {
                let Got { value, revision } = serde_json::from_value(answer)?;
                KeyValueOutput::Got {
                    value: value.map(|text| text.0),
                    revision,
                }
            }
            KeyValueInput::Put { .. } | KeyValueInput::Delete { .. } => {
                let Written { revision } = serde_json::from_value(answer)?;
                KeyValueOutput::Written { revision }
            }
            KeyValueInput::CompareAndSet { .. } => {
                let Swapped { swapped, revision } = serde_json::from_value(answer)?;
                KeyValueOutput::Swapped { swapped, revision }
            }
            KeyValueInput::Increment { .. } | KeyValueInput::Count { .. } => {
                let Counted { value, revision } = serde_json::from_value(answer)?;
                KeyValueOutput::Counted { value, revision }
            }
        })
    }
}
