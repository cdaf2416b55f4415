//! The operations of a lease with fencing tokens, and of the resource that it guards.

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::Format;
use super::answers::Found;
use super::text::Text;
use crate::{FencedLease, FencedLeaseInput, FencedLeaseOutput};

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum FencedLeaseOp {
    Acquire {},
    Renew { token: u64 },
    Release { token: u64 },
    Write { token: u64, value: Text },
    Read {},
}

#[derive(Serialize)]
#[serde(untagged)]
pub enum FencedLeaseAnswer {
    Acquired(Acquired),
    Answered(Answered),
    Value(Found),
}

/// `null`: it was refused.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Acquired {
    #[serde(deserialize_with = "nullable")]
    token: Option<u64>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Answered {
    done: bool,
}

/// A field that may be null, but not left out.
fn nullable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Option::deserialize(deserializer)
}

impl Format for FencedLease<Bytes> {
    type Op = FencedLeaseOp;
    type Answer = FencedLeaseAnswer;

    fn write_input(input: &FencedLeaseInput) -> FencedLeaseOp {
        match input {
            FencedLeaseInput::Acquire => FencedLeaseOp::Acquire {},
            FencedLeaseInput::Renew { token } => FencedLeaseOp::Renew { token: *token },
            FencedLeaseInput::Release { token } => FencedLeaseOp::Release { token: *token },
            FencedLeaseInput::Write { token, value } => FencedLeaseOp::Write {
                token: *token,
                value: Text(value.clone()),
            },
            FencedLeaseInput::Read => FencedLeaseOp::Read {},
        }
    }

    fn read_input(op: FencedLeaseOp) -> FencedLeaseInput {
        match op {
            FencedLeaseOp::Acquire {} => FencedLeaseInput::Acquire,
            FencedLeaseOp::Renew { token } => FencedLeaseInput::Renew { token },
            FencedLeaseOp::Release { token } => FencedLeaseInput::Release { token },
            FencedLeaseOp::Write { token, value } => FencedLeaseInput::Write {
                token,
                value: value.0,
            },
            FencedLeaseOp::Read {} => FencedLeaseInput::Read,
        }
    }

    fn write_output(
        input: &FencedLeaseInput,
        output: &FencedLeaseOutput,
    ) -> Option<FencedLeaseAnswer> {
        use FencedLeaseInput as In;
        use FencedLeaseOutput as Out;
        Some(match (input, output) {
            (In::Acquire, &Out::Granted { token }) => {
                FencedLeaseAnswer::Acquired(Acquired { token: Some(token) })
            }
            (In::Acquire, Out::Refused) => FencedLeaseAnswer::Acquired(Acquired { token: None }),
            (
                In::Renew { .. } | In::Release { .. } | In::Write { .. },
                Out::Done | Out::Refused,
            ) => FencedLeaseAnswer::Answered(Answered {
                done: *output == Out::Done,
            }),
            (In::Read, Out::Value(value)) => FencedLeaseAnswer::Value(Found {
                value: value.clone().map(Text),
            }),
            _ => return None,
        })
    }

    fn read_output(
        input: &FencedLeaseInput,
        answer: Value,
    ) -> Result<FencedLeaseOutput, serde_json::Error> {
        Ok(match input {
            FencedLeaseInput::Acquire => {
                let Acquired { token } = serde_json::from_value(answer)?;
                token.map_or(FencedLeaseOutput::Refused, |token| {
                    FencedLeaseOutput::Granted { token }
                })
            }
            FencedLeaseInput::Renew { .. }
            | FencedLeaseInput::Release { .. }
            | FencedLeaseInput::Write { .. } => {
                let Answered { done } = serde_json::from_value(answer)?;
                if done {
                    FencedLeaseOutput::Done
                } else {
                    FencedLeaseOutput::Refused
                }
            }
            FencedLeaseInput::Read => {
                let Found { value } = serde_json::from_value(answer)?;
                FencedLeaseOutput::Value(value.map(|text| text.0))
            }
        })
    }
}
