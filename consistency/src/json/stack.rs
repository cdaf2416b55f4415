//! The operations of a stack.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Format;
use super::answers::{Done, Found, Length};
use super::text::Text;
use crate::{Stack, StackInput, StackOutput};

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum StackOp {
    Push { value: Text },
    Pop {},
    Peek {},
    Len {},
}

#[derive(Serialize)]
#[serde(untagged)]
pub enum StackAnswer {
    Pushed(Done),
    Value(Found),
    Len(Length),
}

impl Format for Stack<Bytes> {
    type Op = StackOp;
    type Answer = StackAnswer;

    fn write_input(input: &StackInput) -> StackOp {
        match input {
            StackInput::Push(value) => StackOp::Push {
                value: Text(value.clone()),
            },
            StackInput::Pop => StackOp::Pop {},
            StackInput::Peek => StackOp::Peek {},
            StackInput::Len => StackOp::Len {},
        }
    }

    fn read_input(op: StackOp) -> StackInput {
        match op {
            StackOp::Push { value } => StackInput::Push(value.0),
            StackOp::Pop {} => StackInput::Pop,
            StackOp::Peek {} => StackInput::Peek,
            StackOp::Len {} => StackInput::Len,
        }
    }

    fn write_output(input: &StackInput, output: &StackOutput) -> Option<StackAnswer> {
        Some(match (input, output) {
            (StackInput::Push(_), StackOutput::Pushed) => StackAnswer::Pushed(Done {}),
            (StackInput::Pop | StackInput::Peek, StackOutput::Value(value)) => {
                StackAnswer::Value(Found {
                    value: value.clone().map(Text),
                })
            }
            (StackInput::Len, &StackOutput::Len(len)) => StackAnswer::Len(Length { len }),
            _ => return None,
        })
    }

    fn read_output(input: &StackInput, answer: Value) -> Result<StackOutput, serde_json::Error> {
        Ok(match input {
            StackInput::Push(_) => {
                let Done {} = serde_json::from_value(answer)?;
                StackOutput::Pushed
            }
            StackInput::Pop | StackInput::Peek => {
                let Found { value } = serde_json::from_value(answer)?;
                StackOutput::Value(value.map(|text| text.0))
            }
            StackInput::Len => {
                let Length { len } = serde_json::from_value(answer)?;
                StackOutput::Len(len)
            }
        })
    }
}
