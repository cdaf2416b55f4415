//! The operations of a set.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use bytes::Bytes;
use serde::de::Error;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Format;
use super::text::Text;
use crate::{Set, SetInput, SetOutput};

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum SetOp {
    Add { value: Text },
    Remove { value: Text },
    Contains { value: Text },
    Read {},
}

#[derive(Serialize)]
#[serde(untagged)]
pub enum SetAnswer {
    Changed(Changed),
    Contains(Contains),
    All(All),
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Changed {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    changed: Option<bool>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Contains {
    contains: bool,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct All {
    values: Vec<Text>,
}

impl Format for Set<Bytes> {
    type Op = SetOp;
    type Answer = SetAnswer;

    fn write_input(input: &SetInput) -> SetOp {
        let text = |value: &Bytes| Text(value.clone());
        match input {
            SetInput::Add(value) => SetOp::Add { value: text(value) },
            SetInput::Remove(value) => SetOp::Remove { value: text(value) },
            SetInput::Contains(value) => SetOp::Contains { value: text(value) },
            SetInput::ReadAll => SetOp::Read {},
        }
    }

    fn read_input(op: SetOp) -> SetInput {
        match op {
            SetOp::Add { value } => SetInput::Add(value.0),
            SetOp::Remove { value } => SetInput::Remove(value.0),
            SetOp::Contains { value } => SetInput::Contains(value.0),
            SetOp::Read {} => SetInput::ReadAll,
        }
    }

    fn write_output(input: &SetInput, output: &SetOutput) -> Option<SetAnswer> {
        Some(match (input, output) {
            (SetInput::Add(_) | SetInput::Remove(_), &SetOutput::Changed(changed)) => {
                SetAnswer::Changed(Changed { changed })
            }
            (SetInput::Contains(_), &SetOutput::Contains(contains)) => {
                SetAnswer::Contains(Contains { contains })
            }
            (SetInput::ReadAll, SetOutput::All(all)) => SetAnswer::All(All {
                values: all.iter().cloned().map(Text).collect(),
            }),
            _ => return None,
        })
    }

    fn read_output(input: &SetInput, answer: Value) -> Result<SetOutput, serde_json::Error> {
        Ok(match input {
            SetInput::Add(_) | SetInput::Remove(_) => {
                let Changed { changed } = serde_json::from_value(answer)?;
                SetOutput::Changed(changed)
            }
            SetInput::Contains(_) => {
                let Contains { contains } = serde_json::from_value(answer)?;
                SetOutput::Contains(contains)
            }
            SetInput::ReadAll => {
                let All { values } = serde_json::from_value(answer)?;
                let given = values.len();
                let all: BTreeSet<_> = values.into_iter().map(|text| text.0).collect();
                // A store that answers so has no set, and what it has is not for this model to guess.
                if all.len() < given {
                    return Err(Error::custom("a value stands twice in \"values\""));
                }
                SetOutput::All(all)
            }
        })
    }
}
