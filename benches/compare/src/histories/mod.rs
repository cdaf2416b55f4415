//! Checking histories for linearizability: what was generated, with every peer that can take it, and what
//! others recorded.
//!
//! `lincheck` 0.2 is not among them: what it checks it has to have run itself, under loom or its own recorder,
//! and no history can be handed to it.

mod generated;
mod recorded;

use std::hint::black_box;
use std::rc::Rc;

use quorate_consistency::{
    Budget, History, Operation, Register, RegisterInput, RegisterOutput, check,
};
use stateright::semantics::register::{Register as Spec, RegisterOp, RegisterRet};
use stateright::semantics::{ConsistencyTester, LinearizabilityTester};
use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History as Actions};
use todc_utils::specifications::register::{RegisterOperation, RegisterSpecification};

use crate::measure::Peer;
use crate::table::{self, Table};

/// A history of a register of numbers, which is empty at first: for peers who know no empty one, zero.
type Numbers = History<RegisterInput<u64>, RegisterOutput<u64>>;

type Access = Operation<RegisterInput<u64>, RegisterOutput<u64>>;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    table: table::Arguments,
    /// Prints the most memory that checking the largest recorded history took, and nothing else.
    #[arg(long, hide = true)]
    own_memory: bool,
}

pub(crate) fn report(arguments: &Arguments) {
    if arguments.own_memory {
        recorded::print_own_memory();
        return;
    }
    let mut tables = Vec::new();
    for (what, is_valid) in [("holds", true), ("has a stale read", false)] {
        for (operations, values) in [(16, 3), (100, 3), (1_000, u64::MAX), (1_000, 3)] {
            let history = generated::history(operations, 4, values, is_valid);
            let of_values = match values {
                u64::MAX => "all different".to_owned(),
                values => format!("of {values}"),
            };
            let title = format!(
                "a history that {what}: {operations} operations by 4 clients at once, values {of_values}"
            );
            let peers = peers(&history, is_valid);
            tables.push(Table { title, peers });
        }
    }
    table::report(
        "Linearizability of a register: ns for each operation of the history.",
        tables,
        &arguments.table,
    );
    recorded::report();
}

/// Everybody who gets through the history in time. Their verdicts are compared.
fn peers(history: &Numbers, is_valid: bool) -> Vec<Peer<'static>> {
    let mut peers = vec![ours(history, is_valid), todc(history, is_valid)];
    // It searches without a memory of where it has been, and copies all that is left at each step.
    if history.len() <= 18 {
        peers.push(stateright(history, is_valid));
    }
    peers
}

fn peer(
    name: &str,
    operations: usize,
    is_valid: bool,
    check: impl Fn() -> bool + 'static,
) -> Peer<'static> {
    let check = Rc::new(check);
    Peer {
        name: name.to_owned(),
        start: Box::new(move || {
            let check = Rc::clone(&check);
            Box::new(move || {
                assert_eq!(black_box(check()), is_valid, "the peers do not agree");
                operations as u64
            })
        }),
    }
}

fn ours(history: &Numbers, is_valid: bool) -> Peer<'static> {
    let history = history.clone();
    peer("quorate", history.len(), is_valid, move || {
        check(&Register::new(), &history, Budget::default()).holds()
    })
}

fn todc(history: &Numbers, is_valid: bool) -> Peer<'static> {
    let actions = actions(history);
    // It uses the history up, so the copy is measured, too.
    peer("todc-utils 0.1", history.len(), is_valid, move || {
        WGLChecker::<RegisterSpecification<u64>>::is_linearizable(actions.clone())
    })
}

/// The history as events: at one time, calls come before returns.
fn events(history: &Numbers) -> Vec<(bool, &Access)> {
    let operations = history.operations.iter();
    let mut events: Vec<_> = operations
        .flat_map(|operation| {
            [
                (operation.call, false, operation),
                (operation.ret, true, operation),
            ]
        })
        .collect();
    events.sort_by_key(|&(time, is_return, _)| (time, is_return));
    events
        .into_iter()
        .map(|(_, is_return, operation)| (is_return, operation))
        .collect()
}

fn actions(history: &Numbers) -> Actions<RegisterOperation<u64>> {
    let action = |(is_return, operation): (bool, &Access)| {
        let read = generated::seen(operation);
        let said = match operation.input {
            RegisterInput::Write(value) => RegisterOperation::Write(value),
            _ => RegisterOperation::Read(is_return.then_some(read)),
        };
        let action = match is_return {
            true => Action::Response(said),
            false => Action::Call(said),
        };
        (operation.process as usize, action)
    };
    Actions::from_actions(events(history).into_iter().map(action).collect())
}

fn stateright(history: &Numbers, is_valid: bool) -> Peer<'static> {
    let mut tester = LinearizabilityTester::new(Spec(0));
    for (is_return, operation) in events(history) {
        let process = operation.process;
        let (op, ret) = match operation.input {
            RegisterInput::Write(value) => (RegisterOp::Write(value), RegisterRet::WriteOk),
            _ => (
                RegisterOp::Read,
                RegisterRet::ReadOk(generated::seen(operation)),
            ),
        };
        let taken = match is_return {
            true => tester.on_return(process, ret),
            false => tester.on_invoke(process, op),
        };
        taken.expect("each client does one thing at a time");
    }
    peer("stateright 0.31", history.len(), is_valid, move || {
        tester.is_consistent()
    })
}
