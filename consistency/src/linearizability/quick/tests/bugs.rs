//! Mistakes are planted in the algorithms, and the comparison with trying everything finds each.

use super::super::probe::{Plant, with};
use super::random::{Rng, Tally, random, try_one};
use super::subjects::{CasRegisters, PriorityQueues, Queues, Registers, Sets, Stacks, Subject};

/// How many random histories it takes to notice.
fn found<S: Subject>(plant: Plant) {
    let mut rng = Rng(99);
    let mut tally = Tally::default();
    let notices = |_: &u32| {
        let history = random::<S>(&mut rng, 7);
        with(plant, || try_one::<S>(&history, &mut tally)).is_err()
    };
    let after = (1..20_000).find(notices);
    assert!(after.is_some(), "{plant:?} was not noticed");
}

#[test]
fn planted_mistakes_are_found() {
    found::<Registers>(Plant::RegisterForgetsShort);
    found::<Registers>(Plant::RegisterForgetsUnknown);
    found::<CasRegisters>(Plant::RegisterForgetsShort);
    found::<CasRegisters>(Plant::RegisterTrustsMisses);
    found::<Sets>(Plant::SetTakesLatest);
    found::<Sets>(Plant::SetReadsOnce);
    found::<Queues>(Plant::QueueForgetsLeft);
    found::<Queues>(Plant::LooseTakes);
    found::<Queues>(Plant::TakesDoNothing);
    found::<Stacks>(Plant::StackIgnoresEnd);
    found::<Stacks>(Plant::StackMisplacesShort);
    found::<Stacks>(Plant::LooseTakes);
    found::<Stacks>(Plant::TakesDoNothing);
    found::<PriorityQueues>(Plant::PriorityIgnoresSmaller);
    found::<PriorityQueues>(Plant::LooseTakes);
    found::<PriorityQueues>(Plant::TakesDoNothing);
}
