//! Long histories take few steps for each operation.

use alloc::vec::Vec;

use super::super::probe::steps_of;
use super::super::{ContainerAction, RegisterAction, SetAction, Timed};
use super::oracle::{First, Last, Least, Next, Plain, PlainContainer, replay};
use super::random::{Action, Rng, scale};
use super::subjects::{CasRegisters, PriorityQueues, Queues, Registers, Sets, Stacks, Subject};
use crate::Quick;

/// Operations that overlap with a number of others, a thousandth of which have no known outcome if
/// that says nothing.
fn long<S: Subject>(
    operations: u64,
    width: u64,
    mut next: impl FnMut(&mut Rng, u64) -> (Action<S>, bool),
) -> Vec<Timed<Action<S>>> {
    let mut rng = Rng(operations);
    let mut history = Vec::new();
    for at in 0..operations {
        let effect = (at + width) * 10;
        let (action, may_fail) = next(&mut rng, at);
        history.push(Timed {
            position: at as usize,
            call: effect - rng.below(5 * width),
            ret: (!may_fail || rng.below(1000) > 0).then(|| effect + rng.below(5 * width)),
            action,
        });
    }
    history
}

/// The order is right, and took no more steps for each operation than this, whether 8 operations go on
/// at once or very many.
fn takes<S: Subject>(most: u64, next: impl FnMut(&mut Rng, u64) -> (Action<S>, bool) + Clone) {
    let operations = if scale() > 1 { 1_000_000 } else { 100_000 };
    for width in [8, operations / 10] {
        let history = long::<S>(operations, width, next.clone());
        let (answer, steps) = steps_of(|| S::answer(&history));
        let Quick::Holds(order) = answer else {
            panic!("{answer:?}");
        };
        replay::<S::Plain>(&history, &order).unwrap();
        let each = steps as f64 / operations as f64;
        std::println!("{each} steps for each of {operations} operations, {width} at once");
        assert!(steps <= most * operations, "{steps} steps for {operations}");
    }
}

#[test]
fn a_long_history_of_a_register() {
    let mut held = None;
    takes::<Registers>(3, move |rng, at| {
        if rng.below(3) > 0 {
            return (RegisterAction::Read(held), true);
        }
        held = Some(at as u32);
        (RegisterAction::Write(at as u32), true)
    });
}

#[test]
fn a_long_history_of_a_register_with_compare_and_set() {
    let mut held = None;
    takes::<CasRegisters>(3, move |rng, at| {
        let expected = held;
        match rng.below(6) {
            0 => held = Some(at as u32),
            1 => {
                held = Some(at as u32);
                let action = RegisterAction::CompareAndSet {
                    expected,
                    value: at as u32,
                    swapped: true,
                };
                return (action, true);
            }
            2 => {
                let action = RegisterAction::CompareAndSet {
                    // Never there.
                    expected: Some(u32::MAX),
                    value: at as u32,
                    swapped: false,
                };
                return (action, true);
            }
            _ => return (RegisterAction::Read(expected), true),
        }
        (RegisterAction::Write(at as u32), true)
    });
}

#[test]
fn a_long_history_of_a_set() {
    let mut there = [false; 100];
    takes::<Sets>(2, move |rng, _| {
        let value = rng.below(100);
        let was = there[value as usize];
        let action = rng.below(3);
        there[value as usize] = action == 0 || was && action == 2;
        let action = match action {
            0 => SetAction::Insert(value as u32, !was),
            1 => SetAction::Remove(value as u32, was),
            _ => SetAction::Contains(value as u32, was),
        };
        (action, true)
    });
}

/// Values are put in and taken at random: `lean` percent more are put in at first, and taken later.
fn container<N: Next>(lean: u64) -> impl FnMut(&mut Rng, u64) -> Put + Clone {
    let mut inside = PlainContainer::<N>::default();
    move |rng, at| {
        let puts = if at < 50_000 { 50 + lean } else { 50 - lean };
        let action = if rng.below(100) < puts {
            // Each comes once, the small ones and the great ones mixed.
            ContainerAction::Put((at as u32).reverse_bits())
        } else {
            ContainerAction::Take(inside.next())
        };
        assert!(inside.act(&action, true));
        (action, matches!(action, ContainerAction::Put(_)))
    }
}

type Put = (ContainerAction<u32>, bool);

#[test]
fn a_long_history_of_a_queue() {
    takes::<Queues>(10, container::<First>(2));
}

#[test]
fn a_long_history_of_a_priority_queue() {
    takes::<PriorityQueues>(10, container::<Least>(0));
}

#[test]
fn a_long_history_of_a_stack() {
    takes::<Stacks>(300, container::<Last>(5));
}

/// Of histories with takes of unknown outcome, some of which had their effect, most are decided.
fn decides_unknown_takes<N, S>(histories: u64, length: u64, at_least: usize)
where
    N: Next,
    S: Subject<Plain = PlainContainer<N>>,
{
    let mut held = 0;
    for seed in 0..histories {
        let mut rng = Rng(seed);
        let mut inside = PlainContainer::<N>::default();
        let mut history = Vec::new();
        for at in 0..length {
            let effect = (at + 8) * 10;
            let action = if rng.below(2) == 0 {
                ContainerAction::Put((at as u32).reverse_bits())
            } else {
                ContainerAction::Take(inside.next())
            };
            let is_unknown = rng.below(20) == 0;
            if !is_unknown || rng.below(2) == 0 {
                assert!(inside.act(&action, true));
            }
            history.push(Timed {
                position: at as usize,
                call: effect - rng.below(40),
                ret: (!is_unknown).then(|| effect + rng.below(40)),
                action,
            });
        }
        match S::answer(&history) {
            Quick::Unsuited => {}
            Quick::Holds(order) => {
                replay::<S::Plain>(&history, &order).unwrap();
                held += 1;
            }
            Quick::Violated { kept } => panic!("{kept:?} {history:?}"),
        }
    }
    std::println!("{held} of {histories} are decided");
    assert!(held >= at_least, "{held} of {histories} are decided");
}

#[test]
fn takes_of_unknown_outcome_are_placed() {
    decides_unknown_takes::<First, Queues>(200, 300, 190);
    decides_unknown_takes::<Last, Stacks>(200, 300, 190);
    decides_unknown_takes::<Least, PriorityQueues>(200, 300, 190);
    decides_unknown_takes::<First, Queues>(2, 10_000, 2);
    decides_unknown_takes::<Last, Stacks>(2, 10_000, 2);
    decides_unknown_takes::<Least, PriorityQueues>(2, 10_000, 2);
}
