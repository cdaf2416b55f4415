//! The operations of a priority queue of numbers.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::Format;
use super::answers::{Done, Length};
use crate::{PriorityQueue, PriorityQueueInput, PriorityQueueOutput};

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PriorityQueueOp {
    Insert { value: i64 },
    DeleteMin {},
    Min {},
    Len {},
}

#[derive(Serialize)]
#[serde(untagged)]
pub enum PriorityQueueAnswer {
    Inserted(Done),
    Value(Least),
    Len(Length),
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Least {
    #[serde(deserialize_with = "nullable")]
    value: Option<i64>,
}

/// A field that may be null, but not left out.
fn nullable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Option::deserialize(deserializer)
}

impl Format for PriorityQueue<i64> {
    type Op = PriorityQueueOp;
    type Answer = PriorityQueueAnswer;

    fn write_input(input: &PriorityQueueInput) -> PriorityQueueOp {
        match *input {
            PriorityQueueInput::Insert(value) => PriorityQueueOp::Insert { value },
            PriorityQueueInput::DeleteMin => PriorityQueueOp::DeleteMin {},
            PriorityQueueInput::Min => PriorityQueueOp::Min {},
            PriorityQueueInput::Len => PriorityQueueOp::Len {},
        }
    }

    fn read_input(op: PriorityQueueOp) -> PriorityQueueInput {
        match op {
            PriorityQueueOp::Insert { value } => PriorityQueueInput::Insert(value),
            PriorityQueueOp::DeleteMin {} => PriorityQueueInput::DeleteMin,
            PriorityQueueOp::Min {} => PriorityQueueInput::Min,
            PriorityQueueOp::Len {} => PriorityQueueInput::Len,
        }
    }

    fn write_output(
        input: &PriorityQueueInput,
        output: &PriorityQueueOutput,
    ) -> Option<PriorityQueueAnswer> {
        use PriorityQueueInput as In;
        use PriorityQueueOutput as Out;
        Some(match (input, output) {
            (In::Insert(_), Out::Inserted) => PriorityQueueAnswer::Inserted(Done {}),
            (In::DeleteMin | In::Min, &Out::Value(value)) => {
                PriorityQueueAnswer::Value(Least { value })
            }
            (In::Len, &Out::Len(len)) => PriorityQueueAnswer::Len(Length { len }),
            _ => return None,
        })
    }

    fn read_output(
        input: &PriorityQueueInput,
        answer: Value,
    ) -> Result<PriorityQueueOutput, serde_json::Error> {
        Ok(match input {
            PriorityQueueInput::Insert(_) => {
                let Done {} = serde_json::from_value(answer)?;
                PriorityQueueOutput::Inserted
            }
            PriorityQueueInput::DeleteMin | PriorityQueueInput::Min => {
                let Least { value } = serde_json::from_value(answer)?;
                PriorityQueueOutput::Value(value)
            }
            PriorityQueueInput::Len => {
                let Length { len } = serde_json::from_value(answer)?;
                PriorityQueueOutput::Len(len)
            }
        })
    }
}
