//! Long histories take few steps for each operation.

use alloc::vec::Vec;

use super::super::probe::steps_of;
use super::super::{RegisterAction, SetAction, Timed};
use super::oracle::replay;
use super::random::{Action, Rng, scale};
use super::subjects::{CasRegisters, Registers, Sets, Subject};
use crate::Quick;

/// Eight clients at once for a long time, a thousandth of whose operations have no known outcome.
fn long<S: Subject>(
    operations: u64,
    mut next: impl FnMut(&mut Rng, u64) -> Action<S>,
) -> Vec<Timed<Action<S>>> {
    let mut rng = Rng(operations);
    let mut history = Vec::new();
    for at in 0..operations {
        let effect = at * 10 + 40;
        history.push(Timed {
            position: at as usize,
            call: effect - rng.below(40),
            ret: (rng.below(1000) > 0).then(|| effect + rng.below(40)),
            action: next(&mut rng, at),
        });
    }
    history
}

/// The order is right, and took no more steps for each operation than this.
fn takes<S: Subject>(most: u64, next: impl FnMut(&mut Rng, u64) -> Action<S>) {
    let operations = if scale() > 1 { 1_000_000 } else { 100_000 };
    let history = long::<S>(operations, next);
    let (answer, steps) = steps_of(|| S::answer(&history));
    let Quick::Holds(order) = answer else {
        panic!("{answer:?}");
    };
    replay::<S::Plain>(&history, &order).unwrap();
    std::println!(
        "{} steps for each operation",
        steps as f64 / operations as f64
    );
    assert!(steps <= most * operations, "{steps} steps for {operations}");
}

#[test]
fn a_long_history_of_a_register() {
    let mut held = None;
    takes::<Registers>(3, |rng, at| {
        if rng.below(3) > 0 {
            return RegisterAction::Read(held);
        }
        held = Some(at as u32);
        RegisterAction::Write(at as u32)
    });
    held = None;
    takes::<CasRegisters>(3, |rng, at| {
        let expected = held;
        match rng.below(6) {
            0 => held = Some(at as u32),
            1 => {
                held = Some(at as u32);
                return RegisterAction::CompareAndSet {
                    expected,
                    value: at as u32,
                    swapped: true,
                };
            }
            2 => {
                return RegisterAction::CompareAndSet {
                    // Long gone, or never there.
                    expected: Some((at / 2) as u32 | 1 << 31),
                    value: at as u32,
                    swapped: false,
                };
            }
            _ => return RegisterAction::Read(expected),
        }
        RegisterAction::Write(at as u32)
    });
}

#[test]
fn a_long_history_of_a_set() {
    let mut there = [false; 100];
    takes::<Sets>(2, |rng, _| {
        let value = rng.below(100);
        let was = there[value as usize];
        let action = rng.below(3);
        there[value as usize] = action == 0 || was && action == 2;
        match action {
            0 => SetAction::Insert(value as u32, !was),
            1 => SetAction::Remove(value as u32, was),
            _ => SetAction::Contains(value as u32, was),
        }
    });
}
