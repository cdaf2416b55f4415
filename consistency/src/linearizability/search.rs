//! The search for an order of one object's operations.

use alloc::vec::Vec;

use super::Budget;
use super::partition::Partition;
use super::seen::Seen;
use super::states::States;
use crate::{History, Inconclusive, Model, Outcome};

/// What a search found.
pub(super) enum Found {
    /// An order, as positions in the history.
    Order(Vec<usize>),
    /// There is none. The order that went deepest, as positions in the history.
    None { deepest: Vec<usize> },
    /// The budget ran out.
    GaveUp(Inconclusive),
}

/// Searches for an order, taking what it uses from `steps`.
pub(super) fn run<M: Model>(
    model: &M,
    history: &History<M::Input, M::Output>,
    partition: &Partition,
    steps: &mut u64,
    budget: Budget,
) -> Found {
    Search::new(model, history, partition).run(steps, budget)
}

/// An operation, answered or not.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Operation {
    Answered(u32),
    Unknown(u32),
}

/// What is tried next.
#[derive(Clone, Copy)]
enum Cursor {
    /// The event with this number in the list of what remains.
    Event(u32),
    /// An operation of unknown outcome, if it was called by the time of the first return that remains.
    Unknown { number: u32, first_return: u64 },
}

/// An operation that is placed, and what it takes to take it back.
struct Frame {
    operation: Operation,
    state_before: u32,
    frontier_before: u32,
    end_before: u32,
    /// For an unknown operation: the first return that remained.
    first_return: u64,
}

struct Search<'a, M: Model> {
    model: &'a M,
    history: &'a History<M::Input, M::Output>,
    partition: &'a Partition,
    /// For each unknown operation the one before with an equal input, plus 1, or 0.
    twins: Vec<u32>,
    remaining: List,
    /// Answered operations that are placed, a bit each.
    placed: Vec<u64>,
    /// All answered operations below are placed.
    frontier: u32,
    /// No answered operation from here on is placed.
    end: u32,
    /// Unknown operations that are placed, a bit each.
    unknown: Vec<u64>,
    stack: Vec<Frame>,
    answered_on_stack: usize,
    states: States<M::State>,
    state: u32,
    seen: Seen,
    deepest: Deepest,
    /// The key of the current configuration, built here to spare an allocation.
    key: Vec<u64>,
}

impl<'a, M: Model> Search<'a, M> {
    fn new(
        model: &'a M,
        history: &'a History<M::Input, M::Output>,
        partition: &'a Partition,
    ) -> Self {
        let mut states = States::new();
        let state = states.number(model.initial());
        let unknown_words = partition.unknown.len().div_ceil(64);
        Self {
            model,
            history,
            partition,
            twins: twins(history, partition),
            remaining: List::new(partition),
            placed: alloc::vec![0; partition.answered.len().div_ceil(64)],
            frontier: 0,
            end: 0,
            unknown: alloc::vec![0; unknown_words],
            stack: Vec::new(),
            answered_on_stack: 0,
            states,
            state,
            seen: Seen::new(unknown_words),
            deepest: Deepest::default(),
            key: Vec::new(),
        }
    }

    fn run(mut self, steps: &mut u64, budget: Budget) -> Found {
        let mut cursor = Cursor::Event(self.remaining.first());
        loop {
            if self.answered_on_stack == self.partition.answered.len() {
                return Found::Order(
                    self.positions(self.stack.iter().map(|frame| frame.operation)),
                );
            }
            let mut used = 1;
            let (operation, first_return) = match cursor {
                Cursor::Event(event) => match self.partition.events.get(event as usize) {
                    Some(event) if !event.is_return => (Operation::Answered(event.operation), 0),
                    // The first return that remains: whatever was called later is preceded by it.
                    Some(event) => {
                        cursor = Cursor::Unknown {
                            number: 0,
                            first_return: event.time,
                        };
                        continue;
                    }
                    None => {
                        cursor = Cursor::Unknown {
                            number: 0,
                            first_return: u64::MAX,
                        };
                        continue;
                    }
                },
                Cursor::Unknown {
                    number,
                    first_return,
                } => {
                    let called = self.partition.unknown_calls.get(number as usize);
                    if called.is_some_and(|&called| called <= first_return) {
                        (Operation::Unknown(number), first_return)
                    } else {
                        match self.take_back() {
                            Some(next) => cursor = next,
                            None => {
                                let deepest = core::mem::take(&mut self.deepest.operations);
                                return Found::None {
                                    deepest: self.positions(deepest.into_iter()),
                                };
                            }
                        }
                        continue;
                    }
                }
            };
            let placed = self.place(operation, first_return, &mut used);
            match steps.checked_sub(used) {
                Some(left) => *steps = left,
                None => {
                    *steps = 0;
                    return Found::GaveUp(Inconclusive::Steps {
                        limit: budget.steps,
                    });
                }
            }
            if placed {
                if self.seen.bytes() + self.states.bytes() > budget.memory_bytes {
                    return Found::GaveUp(Inconclusive::Memory {
                        limit: budget.memory_bytes,
                    });
                }
                cursor = Cursor::Event(self.remaining.first());
            } else {
                cursor = self.after(operation, first_return);
            }
        }
    }

    /// Places an operation next, if the model allows it and it leads to somewhere new.
    fn place(&mut self, operation: Operation, first_return: u64, used: &mut u64) -> bool {
        if let Operation::Unknown(number) = operation {
            let twin = self.twins.get(number as usize).copied().unwrap_or(0);
            let waits_for_twin = twin
                .checked_sub(1)
                .is_some_and(|twin| !has_bit(&self.unknown, twin));
            if waits_for_twin || has_bit(&self.unknown, number) {
                return false;
            }
        }
        let Some(state) = self.step(self.state, operation) else {
            return false;
        };
        let state = self.states.number(state);
        // An unknown operation that changes nothing is better kept for later, when it may.
        if state == self.state && matches!(operation, Operation::Unknown(_)) {
            return false;
        }
        let frame = Frame {
            operation,
            state_before: self.state,
            frontier_before: self.frontier,
            end_before: self.end,
            first_return,
        };
        match operation {
            Operation::Answered(number) => {
                set_bit(&mut self.placed, number, true);
                self.end = self.end.max(number + 1);
                while has_bit(&self.placed, self.frontier) {
                    self.frontier += 1;
                }
            }
            Operation::Unknown(number) => set_bit(&mut self.unknown, number, true),
        }
        self.write_key(state);
        if !self.seen.visit(&self.key, &self.unknown, used) {
            self.unset(&frame);
            return false;
        }
        if let Operation::Answered(number) = operation {
            self.remaining.lift(number);
            self.answered_on_stack += 1;
        }
        self.state = state;
        self.stack.push(frame);
        true
    }

    /// Takes the last operation back, and returns what is tried in its place.
    fn take_back(&mut self) -> Option<Cursor> {
        self.deepest.note(&self.stack, self.answered_on_stack);
        let frame = self.stack.pop()?;
        self.deepest.popped(self.stack.len());
        self.unset(&frame);
        self.state = frame.state_before;
        if let Operation::Answered(number) = frame.operation {
            self.remaining.unlift(number);
            self.answered_on_stack -= 1;
        }
        Some(self.after(frame.operation, frame.first_return))
    }

    fn unset(&mut self, frame: &Frame) {
        match frame.operation {
            Operation::Answered(number) => set_bit(&mut self.placed, number, false),
            Operation::Unknown(number) => set_bit(&mut self.unknown, number, false),
        }
        self.frontier = frame.frontier_before;
        self.end = frame.end_before;
    }

    fn after(&self, operation: Operation, first_return: u64) -> Cursor {
        match operation {
            Operation::Answered(number) => Cursor::Event(self.remaining.after_call(number)),
            Operation::Unknown(number) => Cursor::Unknown {
                number: number + 1,
                first_return,
            },
        }
    }

    fn step(&self, state: u32, operation: Operation) -> Option<M::State> {
        let at = self.position(operation)?;
        let operation = self.history.operations.get(at)?;
        let output = match &operation.output {
            Outcome::Ok(output) => Some(output),
            _ => None,
        };
        self.model
            .step(self.states.get(state)?, &operation.input, output)
    }

    /// The answered operations and the state, in one way only: all bits below the frontier are set
    /// and none from the end on is, so the words between say it all.
    fn write_key(&mut self, state: u32) {
        self.key.clear();
        self.key
            .push(u64::from(state) << 32 | u64::from(self.frontier));
        if self.end > self.frontier {
            let (first, last) = (self.frontier as usize / 64, self.end as usize / 64);
            let last = last.min(self.placed.len().saturating_sub(1));
            self.key
                .extend_from_slice(self.placed.get(first..=last).unwrap_or(&[]));
        }
    }

    fn position(&self, operation: Operation) -> Option<usize> {
        match operation {
            Operation::Answered(number) => self.partition.answered.get(number as usize),
            Operation::Unknown(number) => self.partition.unknown.get(number as usize),
        }
        .copied()
    }

    fn positions(&self, operations: impl Iterator<Item = Operation>) -> Vec<usize> {
        operations
            .filter_map(|operation| self.position(operation))
            .collect()
    }
}

/// For each unknown operation the one before with an equal input, plus 1, or 0.
fn twins<I: PartialEq, O>(history: &History<I, O>, partition: &Partition) -> Vec<u32> {
    let input = |at: usize| Some(&history.operations.get(at)?.input);
    // The last of each group so far.
    let mut groups: Vec<u32> = Vec::new();
    let mut twins = Vec::with_capacity(partition.unknown.len());
    for (number, &at) in partition.unknown.iter().enumerate() {
        let group = groups.iter_mut().find(|last| {
            let twin = partition.unknown.get(**last as usize);
            twin.is_some_and(|&twin| input(twin) == input(at))
        });
        match group {
            Some(last) => {
                twins.push(*last + 1);
                *last = number as u32;
            }
            None => {
                twins.push(0);
                groups.push(number as u32);
            }
        }
    }
    twins
}

/// The events that remain, by time: a doubly linked list over their numbers. The number after the
/// last event is both before the first and after the last.
struct List {
    next: Vec<u32>,
    previous: Vec<u32>,
    /// For each operation, its call and its return.
    ends: Vec<(u32, u32)>,
}

impl List {
    fn new(partition: &Partition) -> Self {
        let len = partition.events.len() as u32;
        let mut ends = alloc::vec![(0, 0); partition.answered.len()];
        for (number, event) in partition.events.iter().enumerate() {
            if let Some(ends) = ends.get_mut(event.operation as usize) {
                if event.is_return {
                    ends.1 = number as u32;
                } else {
                    ends.0 = number as u32;
                }
            }
        }
        Self {
            next: (1..=len).chain([0]).collect(),
            previous: [len].into_iter().chain(0..len).collect(),
            ends,
        }
    }

    fn first(&self) -> u32 {
        self.next.last().copied().unwrap_or(0)
    }

    fn after_call(&self, operation: u32) -> u32 {
        self.next_of(self.ends_of(operation).0)
    }

    fn lift(&mut self, operation: u32) {
        let (call, ret) = self.ends_of(operation);
        for event in [call, ret] {
            let (previous, next) = (self.previous_of(event), self.next_of(event));
            self.link(previous, next);
        }
    }

    /// Undoes the last [`lift`](Self::lift) that is not undone: an event that is out of the list still
    /// knows its neighbours of then.
    fn unlift(&mut self, operation: u32) {
        let (call, ret) = self.ends_of(operation);
        for event in [ret, call] {
            let (previous, next) = (self.previous_of(event), self.next_of(event));
            self.link(previous, event);
            self.link(event, next);
        }
    }

    fn link(&mut self, before: u32, after: u32) {
        if let Some(next) = self.next.get_mut(before as usize) {
            *next = after;
        }
        if let Some(previous) = self.previous.get_mut(after as usize) {
            *previous = before;
        }
    }

    fn ends_of(&self, operation: u32) -> (u32, u32) {
        self.ends.get(operation as usize).copied().unwrap_or((0, 0))
    }

    fn next_of(&self, event: u32) -> u32 {
        self.next.get(event as usize).copied().unwrap_or(0)
    }

    fn previous_of(&self, event: u32) -> u32 {
        self.previous.get(event as usize).copied().unwrap_or(0)
    }
}

/// The stack when it held the most answered operations. It shares its beginning with the stack of
/// now, so that noting it costs no more than the search itself.
#[derive(Default)]
struct Deepest {
    operations: Vec<Operation>,
    answered: usize,
    /// How many from the bottom are the same as on the stack.
    shared: usize,
}

impl Deepest {
    fn note(&mut self, stack: &[Frame], answered: usize) {
        if answered <= self.answered {
            return;
        }
        self.answered = answered;
        self.operations.truncate(self.shared);
        let new = stack.iter().skip(self.shared);
        self.operations.extend(new.map(|frame| frame.operation));
        self.shared = stack.len();
    }

    fn popped(&mut self, len: usize) {
        self.shared = self.shared.min(len);
    }
}

fn has_bit(words: &[u64], bit: u32) -> bool {
    words
        .get(bit as usize / 64)
        .is_some_and(|word| word >> (bit % 64) & 1 == 1)
}

fn set_bit(words: &mut [u64], bit: u32, to: bool) {
    if let Some(word) = words.get_mut(bit as usize / 64) {
        if to {
            *word |= 1 << (bit % 64);
        } else {
            *word &= !(1 << (bit % 64));
        }
    }
}
