//! The operations of a lock.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Format;
use crate::{Mutex, MutexInput, MutexOutput};

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum MutexOp {
    Acquire {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<u64>,
    },
    Release {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<u64>,
    },
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MutexAnswer {
    granted: bool,
}

impl Format for Mutex {
    type Op = MutexOp;
    type Answer = MutexAnswer;

    fn write_input(input: &MutexInput) -> MutexOp {
        match *input {
            MutexInput::Acquire { owner } => MutexOp::Acquire { owner },
            MutexInput::Release { owner } => MutexOp::Release { owner },
        }
    }

    fn read_input(op: MutexOp) -> MutexInput {
        match op {
            MutexOp::Acquire { owner } => MutexInput::Acquire { owner },
            MutexOp::Release { owner } => MutexInput::Release { owner },
        }
    }

    fn write_output(_: &MutexInput, output: &MutexOutput) -> Option<MutexAnswer> {
        Some(MutexAnswer {
            granted: *output == MutexOutput::Granted,
        })
    }

    fn read_output(_: &MutexInput, answer: Value) -> Result<MutexOutput, serde_json::Error> {
        let MutexAnswer { granted } = serde_json::from_value(answer)?;
        Ok(if granted {
            MutexOutput::Granted
        } else {
            MutexOutput::Refused
        })
    }
}
