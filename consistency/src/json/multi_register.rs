//! Transactions on several registers.

use alloc::vec::Vec;

use bytes::Bytes;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::Format;
use super::text::Text;
use crate::{MicroInput, MicroOutput, MultiRegister};

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum MultiRegisterOp {
    Txn(Vec<MicroOp>),
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum MicroOp {
    Read { key: Text },
    Write { key: Text, value: Text },
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MultiRegisterAnswer {
    results: Vec<MicroAnswer>,
}

/// `{"value":V or null}`, or `{}` for a write, and for a read that was told nothing.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct MicroAnswer {
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    value: Option<Option<Text>>,
}

/// Tells a field that is null from one that is left out.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Text>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Format for MultiRegister<Bytes, Bytes> {
    type Op = MultiRegisterOp;
    type Answer = MultiRegisterAnswer;

    fn write_input(input: &Vec<MicroInput>) -> MultiRegisterOp {
        let micro = |input: &MicroInput| match input {
            MicroInput::Read(key) => MicroOp::Read {
                key: Text(key.clone()),
            },
            MicroInput::Write(key, value) => MicroOp::Write {
                key: Text(key.clone()),
                value: Text(value.clone()),
            },
        };
        MultiRegisterOp::Txn(input.iter().map(micro).collect())
    }

    fn read_input(MultiRegisterOp::Txn(micros): MultiRegisterOp) -> Vec<MicroInput> {
        let micro = |micro| match micro {
            MicroOp::Read { key } => MicroInput::Read(key.0),
            MicroOp::Write { key, value } => MicroInput::Write(key.0, value.0),
        };
        micros.into_iter().map(micro).collect()
    }

    fn write_output(
        input: &Vec<MicroInput>,
        output: &Vec<MicroOutput>,
    ) -> Option<MultiRegisterAnswer> {
        let micro = |(input, output): (&MicroInput, &MicroOutput)| {
            Some(MicroAnswer {
                value: match (input, output) {
                    (MicroInput::Read(_), MicroOutput::Value(value)) => {
                        Some(value.clone().map(Text))
                    }
                    (MicroInput::Read(_), MicroOutput::Untold)
                    | (MicroInput::Write(..), MicroOutput::Written) => None,
                    _ => return None,
                },
            })
        };
        let results = input.iter().zip(output).map(micro).collect::<Option<_>>()?;
        (input.len() == output.len()).then_some(MultiRegisterAnswer { results })
    }

    fn read_output(
        input: &Vec<MicroInput>,
        answer: Value,
    ) -> Result<Vec<MicroOutput>, serde_json::Error> {
        let MultiRegisterAnswer { results } = serde_json::from_value(answer)?;
        if results.len() != input.len() {
            return Err(Error::custom(format_args!(
                "{} results to a transaction of {}",
                results.len(),
                input.len()
            )));
        }
        let micro = |(input, answer): (&MicroInput, MicroAnswer)| match (input, answer.value) {
            (MicroInput::Read(_), Some(value)) => Ok(MicroOutput::Value(value.map(|text| text.0))),
            (MicroInput::Read(_), None) => Ok(MicroOutput::Untold),
            (MicroInput::Write(..), None) => Ok(MicroOutput::Written),
            (MicroInput::Write(..), Some(_)) => Err(Error::custom("a write is told no value")),
        };
        input.iter().zip(results).map(micro).collect()
    }
}
