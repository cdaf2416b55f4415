//! The kinds of objects, their algorithms, and what clients ask of them.

use alloc::vec::Vec;

use super::super::{
    ContainerAction, RegisterAction, SetAction, Timed, priority_queue, queue, register, set, stack,
};
use super::oracle::{First, Last, Least, Plain, PlainContainer, PlainRegister, PlainSet};
use super::random::Action;
use crate::Quick;

/// A kind of object, its algorithm, and how to make up histories of it.
pub(super) trait Subject {
    type Plain: Plain;

    /// What a client could ask and be told, of values below `values`.
    fn actions(values: u32) -> Vec<Action<Self>>;

    fn answer(history: &[Timed<Action<Self>>]) -> Quick;
}

pub(super) struct Registers;

impl Subject for Registers {
    type Plain = PlainRegister;

    fn actions(values: u32) -> Vec<RegisterAction<u32>> {
        let read = [None].into_iter().chain((0..values).map(Some));
        let mut actions: Vec<_> = read.map(RegisterAction::Read).collect();
        actions.extend((0..values).map(RegisterAction::Write));
        actions
    }

    fn answer(history: &[Timed<RegisterAction<u32>>]) -> Quick {
        register(history.iter().copied())
    }
}

pub(super) struct CasRegisters;

impl Subject for CasRegisters {
    type Plain = PlainRegister;

    fn actions(values: u32) -> Vec<RegisterAction<u32>> {
        let mut actions = Registers::actions(values);
        for expected in [None].into_iter().chain((0..values).map(Some)) {
            for value in 0..values {
                for swapped in [false, true] {
                    actions.push(RegisterAction::CompareAndSet {
                        expected,
                        value,
                        swapped,
                    });
                }
            }
        }
        actions
    }

    fn answer(history: &[Timed<RegisterAction<u32>>]) -> Quick {
        register(history.iter().copied())
    }
}

pub(super) struct Sets;

impl Subject for Sets {
    type Plain = PlainSet;

    fn actions(values: u32) -> Vec<SetAction<u32>> {
        let mut actions = Vec::new();
        for value in 0..values.min(2) {
            for answer in [false, true] {
                actions.push(SetAction::Insert(value, answer));
                actions.push(SetAction::Remove(value, answer));
                actions.push(SetAction::Contains(value, answer));
            }
        }
        actions
    }

    fn answer(history: &[Timed<SetAction<u32>>]) -> Quick {
        set(history.iter().copied())
    }
}

fn container_actions(values: u32) -> Vec<ContainerAction<u32>> {
    let take = [None].into_iter().chain((0..values).map(Some));
    let mut actions: Vec<_> = take.map(ContainerAction::Take).collect();
    actions.extend((0..values).map(ContainerAction::Put));
    actions
}

pub(super) struct Queues;

impl Subject for Queues {
    type Plain = PlainContainer<First>;

    fn actions(values: u32) -> Vec<ContainerAction<u32>> {
        container_actions(values)
    }

    fn answer(history: &[Timed<ContainerAction<u32>>]) -> Quick {
        queue(history.iter().copied())
    }
}

pub(super) struct PriorityQueues;

impl Subject for PriorityQueues {
    type Plain = PlainContainer<Least>;

    fn actions(values: u32) -> Vec<ContainerAction<u32>> {
        container_actions(values)
    }

    fn answer(history: &[Timed<ContainerAction<u32>>]) -> Quick {
        priority_queue(history.iter().copied())
    }
}

pub(super) struct Stacks;

impl Subject for Stacks {
    type Plain = PlainContainer<Last>;

    fn actions(values: u32) -> Vec<ContainerAction<u32>> {
        container_actions(values)
    }

    fn answer(history: &[Timed<ContainerAction<u32>>]) -> Quick {
        stack(history.iter().copied())
    }
}
