//! The operations of strings that are appended to.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Format;
use super::answers::Done;
use super::text::Text;
use crate::{Strings, StringsInput, StringsOutput};

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum StringsOp {
    Get { key: Text },
    Put { key: Text, value: Text },
    Append { key: Text, value: Text },
}

#[derive(Serialize)]
#[serde(untagged)]
pub enum StringsAnswer {
    Got(Got),
    Written(Done),
    Appended(Appended),
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Got {
    value: Text,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Appended {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<Text>,
}

impl Format for Strings {
    type Op = StringsOp;
    type Answer = StringsAnswer;

    fn write_input(input: &StringsInput) -> StringsOp {
        let key = Text(input.key().clone());
        let text = |value: &bytes::Bytes| Text(value.clone());
        match input {
            StringsInput::Get { .. } => StringsOp::Get { key },
            StringsInput::Put { value, .. } => StringsOp::Put {
                key,
                value: text(value),
            },
            StringsInput::Append { value, .. } => StringsOp::Append {
                key,
                value: text(value),
            },
        }
    }

    fn read_input(op: StringsOp) -> StringsInput {
        match op {
            StringsOp::Get { key } => StringsInput::Get { key: key.0 },
            StringsOp::Put { key, value } => StringsInput::Put {
                key: key.0,
                value: value.0,
            },
            StringsOp::Append { key, value } => StringsInput::Append {
                key: key.0,
                value: value.0,
            },
        }
    }

    fn write_output(input: &StringsInput, output: &StringsOutput) -> Option<StringsAnswer> {
        use StringsInput as In;
        use StringsOutput as Out;
        Some(match (input, output) {
            (In::Get { .. }, Out::Got { value }) => StringsAnswer::Got(Got {
                value: Text(value.clone()),
            }),
            (In::Put { .. }, Out::Written) => StringsAnswer::Written(Done {}),
            (In::Append { .. }, Out::Appended { value }) => StringsAnswer::Appended(Appended {
                value: value.clone().map(Text),
            }),
            _ => return None,
        })
    }

    fn read_output(
        input: &StringsInput,
        answer: Value,
    ) -> Result<StringsOutput, serde_json::Error> {
        Ok(match input {
            StringsInput::Get { .. } => {
                let Got { value } = serde_json::from_value(answer)?;
                StringsOutput::Got { value: value.0 }
            }
            StringsInput::Put { .. } => {
                let Done {} = serde_json::from_value(answer)?;
                StringsOutput::Written
            }
            StringsInput::Append { .. } => {
                let Appended { value } = serde_json::from_value(answer)?;
                StringsOutput::Appended {
                    value: value.map(|text| text.0),
                }
            }
        })
    }
}
