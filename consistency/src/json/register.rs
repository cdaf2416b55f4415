//! The operations of a register.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Format;
use super::text::{Text, nullable};
use crate::{Register, RegisterInput, RegisterOutput};

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum RegisterOp {
    Read {},
    Write {
        value: Text,
    },
    Cas {
        #[serde(deserialize_with = "nullable")]
        expected: Option<Text>,
        value: Text,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
pub enum RegisterAnswer {
    Read(Read),
    Written(Written),
    Swapped(Swapped),
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Read {
    #[serde(deserialize_with = "nullable")]
    value: Option<Text>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Written {}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Swapped {
    swapped: bool,
}

impl Format for Register<Bytes> {
    type Op = RegisterOp;
    type Answer = RegisterAnswer;

    fn write_input(input: &RegisterInput) -> RegisterOp {
        match input {
            RegisterInput::Read => RegisterOp::Read {},
            RegisterInput::Write(value) => RegisterOp::Write {
                value: Text(value.clone()),
            },
            RegisterInput::CompareAndSet { expected, value } => RegisterOp::Cas {
                expected: expected.clone().map(Text),
                value: Text(value.clone()),
            },
        }
    }

    fn read_input(op: RegisterOp) -> RegisterInput {
        match op {
            RegisterOp::Read {} => RegisterInput::Read,
            RegisterOp::Write { value } => RegisterInput::Write(value.0),
            RegisterOp::Cas { expected, value } => RegisterInput::CompareAndSet {
                expected: expected.map(|text| text.0),
                value: value.0,
            },
        }
    }

    fn write_output(input: &RegisterInput, output: &RegisterOutput) -> Option<RegisterAnswer> {
        Some(match (input, output) {
            (RegisterInput::Read, RegisterOutput::Value(value)) => RegisterAnswer::Read(Read {
                value: value.clone().map(Text),
            }),
            (RegisterInput::Write(_), RegisterOutput::Written) => {
                RegisterAnswer::Written(Written {})
            }
            (RegisterInput::CompareAndSet { .. }, &RegisterOutput::Swapped(swapped)) => {
                RegisterAnswer::Swapped(Swapped { swapped })
            }
            _ => return None,
        })
    }

    fn read_output(
        input: &RegisterInput,
        answer: Value,
    ) -> Result<RegisterOutput, serde_json::Error> {
        Ok(match input {
            RegisterInput::Read => {
                let Read { value } = serde_json::from_value(answer)?;
                RegisterOutput::Value(value.map(|text| text.0))
            }
            RegisterInput::Write(_) => {
                let Written {} = serde_json::from_value(answer)?;
                RegisterOutput::Written
            }
            RegisterInput::CompareAndSet { .. } => {
                let Swapped { swapped } = serde_json::from_value(answer)?;
                RegisterOutput::Swapped(swapped)
            }
        })
    }
}
