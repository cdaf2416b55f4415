//! The operations of a counter.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Format;
use super::answers::Done;
use crate::{Counter, CounterInput, CounterOutput};

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CounterOp {
    Read {},
    Add { by: i64 },
    AddAndGet { by: i64 },
}

#[derive(Serialize)]
#[serde(untagged)]
pub enum CounterAnswer {
    Value(Sum),
    Added(Done),
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sum {
    value: i64,
}

impl Format for Counter {
    type Op = CounterOp;
    type Answer = CounterAnswer;

    fn write_input(input: &CounterInput) -> CounterOp {
        match *input {
            CounterInput::Read => CounterOp::Read {},
            CounterInput::Add(by) => CounterOp::Add { by },
            CounterInput::AddAndGet(by) => CounterOp::AddAndGet { by },
        }
    }

    fn read_input(op: CounterOp) -> CounterInput {
        match op {
            CounterOp::Read {} => CounterInput::Read,
            CounterOp::Add { by } => CounterInput::Add(by),
            CounterOp::AddAndGet { by } => CounterInput::AddAndGet(by),
        }
    }

    fn write_output(input: &CounterInput, output: &CounterOutput) -> Option<CounterAnswer> {
        Some(match (input, output) {
            (CounterInput::Read | CounterInput::AddAndGet(_), &CounterOutput::Value(value)) => {
                CounterAnswer::Value(Sum { value })
            }
            (CounterInput::Add(_), CounterOutput::Added) => CounterAnswer::Added(Done {}),
            _ => return None,
        })
    }

    fn read_output(
        input: &CounterInput,
        answer: Value,
    ) -> Result<CounterOutput, serde_json::Error> {
        Ok(match input {
            CounterInput::Read | CounterInput::AddAndGet(_) => {
                let Sum { value } = serde_json::from_value(answer)?;
                CounterOutput::Value(value)
            }
            CounterInput::Add(_) => {
                let Done {} = serde_json::from_value(answer)?;
                CounterOutput::Added
            }
        })
    }
}
