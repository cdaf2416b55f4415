//! The operations of a queue.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Format;
use super::answers::{Done, Found, Length};
use super::text::Text;
use crate::{Queue, QueueInput, QueueOutput};

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum QueueOp {
    Enqueue { value: Text },
    Dequeue {},
    Peek {},
    Len {},
}

#[derive(Serialize)]
#[serde(untagged)]
pub enum QueueAnswer {
    Enqueued(Done),
    Value(Found),
    Len(Length),
}

impl Format for Queue<Bytes> {
    type Op = QueueOp;
    type Answer = QueueAnswer;

    fn write_input(input: &QueueInput) -> QueueOp {
        match input {
            QueueInput::Enqueue(value) => QueueOp::Enqueue {
                value: Text(value.clone()),
            },
            QueueInput::Dequeue => QueueOp::Dequeue {},
            QueueInput::Peek => QueueOp::Peek {},
            QueueInput::Len => QueueOp::Len {},
        }
    }

    fn read_input(op: QueueOp) -> QueueInput {
        match op {
            QueueOp::Enqueue { value } => QueueInput::Enqueue(value.0),
            QueueOp::Dequeue {} => QueueInput::Dequeue,
            QueueOp::Peek {} => QueueInput::Peek,
            QueueOp::Len {} => QueueInput::Len,
        }
    }

    fn write_output(input: &QueueInput, output: &QueueOutput) -> Option<QueueAnswer> {
        Some(match (input, output) {
            (QueueInput::Enqueue(_), QueueOutput::Enqueued) => QueueAnswer::Enqueued(Done {}),
            (QueueInput::Dequeue | QueueInput::Peek, QueueOutput::Value(value)) => {
                QueueAnswer::Value(Found {
                    value: value.clone().map(Text),
                })
            }
            (QueueInput::Len, &QueueOutput::Len(len)) => QueueAnswer::Len(Length { len }),
            _ => return None,
        })
    }

    fn read_output(input: &QueueInput, answer: Value) -> Result<QueueOutput, serde_json::Error> {
        Ok(match input {
            QueueInput::Enqueue(_) => {
                let Done {} = serde_json::from_value(answer)?;
                QueueOutput::Enqueued
            }
            QueueInput::Dequeue | QueueInput::Peek => {
                let Found { value } = serde_json::from_value(answer)?;
                QueueOutput::Value(value.map(|text| text.0))
            }
            QueueInput::Len => {
                let Length { len } = serde_json::from_value(answer)?;
                QueueOutput::Len(len)
            }
        })
    }
}
