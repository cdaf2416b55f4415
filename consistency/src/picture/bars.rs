//! What is drawn of an operation, without its types.

use alloc::string::String;
use alloc::vec::Vec;

use super::text::label;
use super::{Labels, Picture};
use crate::{Model, Operation, Outcome};

/// What an operation has to do with the verdict.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Role {
    /// Nothing.
    Around,
    /// It may have had an effect or not, and the violation stands all the same.
    Perhaps,
    /// Its answer contradicts those of others.
    Kept,
    /// It is one of those, and cannot come next.
    Blocked,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    Answered,
    Failed,
    /// Nobody knows.
    Open,
}

/// An operation that is drawn.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    /// What the reader may call it.
    pub(super) number: usize,
    pub(super) process: u64,
    pub(super) call: u64,
    /// Not before the call; the call itself where there is none.
    pub(super) ret: u64,
    pub(super) end: End,
    pub(super) role: Role,
    /// Where it stands in the order of the verdict, from 0.
    pub(super) place: Option<usize>,
    pub(super) input: String,
    pub(super) output: String,
    /// What it would have answered, if it could have come next.
    pub(super) allowed: Option<String>,
}

impl Bar {
    pub(super) fn new<M: Model>(
        picture: &Picture<'_, M>,
        labels: &impl Labels<M>,
        at: usize,
        operation: &Operation<M::Input, M::Output>,
    ) -> Self {
        let (end, output) = match &operation.output {
            Outcome::Ok(output) => (End::Answered, label(|to| labels.output(output, to))),
            Outcome::Failed => (End::Failed, "failed".into()),
            Outcome::Unknown => (End::Open, "no answer".into()),
        };
        let numbered = picture.numbers.and_then(|numbers| numbers.get(at));
        Self {
            number: numbered.copied().unwrap_or(at),
            process: operation.process,
            call: operation.call,
            ret: match end {
                End::Open => operation.call,
                _ => operation.ret.max(operation.call),
            },
            end,
            role: Role::Around,
            place: None,
            input: label(|to| labels.input(&operation.input, to)),
            output,
            allowed: None,
        }
    }

    /// Whether it may take effect after its return, as its answer is not looked at.
    pub(super) const fn may_be_late(&self) -> bool {
        matches!(self.end, End::Open) || matches!(self.role, Role::Perhaps)
    }
}

/// The bars of one object, ordered by call, and how many there are beside them.
#[derive(Clone, Debug, Default)]
pub(super) struct Bars {
    pub(super) bars: Vec<Bar>,
    /// The calls of those that are left out, in order.
    pub(super) left_out: Vec<u64>,
}
