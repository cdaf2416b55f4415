//! Histories as files: one JSON object per line.

mod answers;
mod counter;
mod fenced_lease;
mod key_value;
mod multi_register;
mod mutex;
mod priority_queue;
mod queue;
mod read;
mod register;
mod set;
mod stack;
mod strings;
mod text;
mod write;

pub use read::{ReadHistoryError, read_history};
pub use write::{write_history, write_record};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Counter, FencedLease, KeyValue, Level, Model, MultiRegister, Mutex, PriorityQueue, Queue,
    Register, Set, Stack, Strings,
};

/// A model whose histories have a file format: all models of this crate, of bytes where they hold
/// values, and [`PriorityQueue`] of numbers.
pub trait JsonModel: Format {}

impl JsonModel for Counter {}
impl JsonModel for FencedLease {}
impl JsonModel for KeyValue {}
impl JsonModel for MultiRegister {}
impl JsonModel for Mutex {}
impl JsonModel for PriorityQueue {}
impl JsonModel for Queue {}
impl JsonModel for Register {}
impl JsonModel for Set {}
impl JsonModel for Stack {}
impl JsonModel for Strings {}

/// How a model's operations are written.
pub trait Format: Model {
    /// What stands after `"op"`.
    type Op: Serialize + DeserializeOwned;

    /// What stands after `"ok"`.
    type Answer: Serialize;

    fn write_input(input: &Self::Input) -> Self::Op;

    fn read_input(op: Self::Op) -> Self::Input;

    /// `None` when `output` answers another question than `input`.
    fn write_output(input: &Self::Input, output: &Self::Output) -> Option<Self::Answer>;

    fn read_output(input: &Self::Input, answer: Value) -> Result<Self::Output, serde_json::Error>;
}

/// A line, with what is the same for all models.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Line<Op, Answer> {
    process: u64,
    call_ns: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    return_ns: Option<u64>,
    op: Op,
    result: Told<Answer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    level: Option<Level>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<u64>,
}

/// What stands after `"result"`.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Told<Answer> {
    Ok(Answer),
    Failed,
    Unknown,
}

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;
