//! Histories whose verdict is known, as they were made so.

use quorate_clocks::SplitMix64;
use quorate_consistency::{Operation, Outcome, RegisterInput, RegisterOutput};

use super::{Access, Numbers};

/// A history of clients whose operations take effect at random within their times. With a stale read at the
/// end if it is not to be valid.
pub(super) fn history(operations: u64, clients: u64, values: u64, is_valid: bool) -> Numbers {
    let mut random = SplitMix64::new(operations ^ values);
    let mut free = vec![0; clients as usize];
    let mut pending = Vec::new();
    for number in 0..operations {
        let client = (number % clients) as usize;
        let call = free[client] + random.below(10);
        let effect = call + random.below(100);
        let ret = effect + random.below(100);
        free[client] = ret + 1;
        pending.push((effect, client as u64, call, ret));
    }
    pending.sort_unstable();
    let end = free.iter().max().copied().unwrap_or_default();
    let mut value = 0;
    let mut history = Numbers::new();
    for (number, (_, client, call, ret)) in (1..).zip(pending) {
        let (input, output) = match random.below(2) {
            0 => {
                value = match values {
                    u64::MAX => number,
                    values => 1 + random.below(values),
                };
                (RegisterInput::Write(value), RegisterOutput::Written)
            }
            _ => (RegisterInput::Read, shown(value)),
        };
        history.push(Operation::ok(client, input, output, call, ret));
    }
    // Once this is written, nothing else can be read.
    let last = operations + values.min(operations) + 1;
    let write = RegisterInput::Write(last);
    history.push(Operation::ok(
        0,
        write,
        RegisterOutput::Written,
        end + 1,
        end + 2,
    ));
    let read = if is_valid { last } else { value };
    history.push(Operation::ok(
        0,
        RegisterInput::Read,
        shown(read),
        end + 3,
        end + 4,
    ));
    history
}

fn shown(value: u64) -> RegisterOutput<u64> {
    RegisterOutput::Value((value > 0).then_some(value))
}

/// What a read saw; zero if nothing.
pub(super) fn seen(operation: &Access) -> u64 {
    match operation.output {
        Outcome::Ok(RegisterOutput::Value(value)) => value.unwrap_or_default(),
        _ => 0,
    }
}
