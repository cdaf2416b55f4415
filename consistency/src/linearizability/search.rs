//! The search for an order of one object's operations.

use alloc::vec::Vec;

use super::bits::{has_bit, set_bit};
use super::deepest::Deepest;
use super::fuel::Fuel;
use super::partition::Partition;
use super::remaining::Remaining;
use super::seen::Seen;
use super::states::{States, mixed};
use super::transitions::Transitions;
use crate::{History, Model, Outcome};

/// What a search found.
pub(super) enum Found {
    /// An order, as positions in the history.
    Order(Vec<usize>),
    /// There is none. The order that went deepest, as positions in the history.
    None { deepest: Vec<usize> },
}

/// Why a search stopped before it found anything.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Stopped {
    /// Its fuel ran out. It goes on where it was with more.
    OutOfFuel,
    /// It needs more memory than it may.
    OutOfMemory,
}

/// An operation, answered or not.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Operation {
    Answered(u32),
    Unknown(u32),
}

/// What the search is about to do.
#[derive(Clone, Copy)]
enum Next {
    /// Place what only observes and fits the state, from this event on.
    Settle { event: u32 },
    /// See whether it has been here before.
    Enter,
    /// Try the operation of this event.
    Try { event: u32 },
    /// Try this operation of unknown outcome, if it was called by the time of the first return that
    /// remains.
    TryUnknown { number: u32, first_return: u64 },
    /// Take the last choice back.
    Back,
}

/// An operation that is placed, and what it takes to take it back.
pub(super) struct Frame {
    pub(super) operation: Operation,
    state_before: u32,
    frontier_before: u32,
    end_before: u32,
    /// It only observes, so that no other choice can be better.
    is_settled: bool,
    /// For an unknown operation: the first return that remained.
    first_return: u64,
}

/// What placing an operation comes to.
enum Step {
    To(u32),
    Refused,
    OutOfFuel,
}

pub(super) struct Search<'a, M: Model> {
    model: &'a M,
    history: &'a History<M::Input, M::Output>,
    partition: Partition,
    /// For each unknown operation the one before with an equal input, plus 1, or 0.
    twins: Vec<u32>,
    remaining: Remaining,
    /// Answered operations that are placed, a bit each, and the hash of their set.
    placed: Vec<u64>,
    placed_hash: u64,
    /// All answered operations below are placed.
    frontier: u32,
    /// No answered operation from here on is placed.
    end: u32,
    /// Unknown operations that are placed, a bit each.
    unknown: Vec<u64>,
    stack: Vec<Frame>,
    answered_on_stack: usize,
    states: States<M::State>,
    /// What the states own elsewhere, in bytes.
    states_own: u64,
    transitions: Transitions,
    state: u32,
    seen: Seen,
    deepest: Deepest,
    next: Next,
    /// The key of the current configuration, built here to spare an allocation.
    key: Vec<u64>,
}

impl<'a, M: Model> Search<'a, M> {
    pub(super) fn new(
        model: &'a M,
        history: &'a History<M::Input, M::Output>,
        partition: Partition,
    ) -> Self {
        let mut states = States::new();
        let initial = model.initial();
        let states_own = model.owned_bytes(&initial) as u64;
        let state = states.number(initial);
        let unknown_words = partition.unknown.len().div_ceil(64);
        let remaining = Remaining::new(&partition);
        Self {
            model,
            history,
            twins: twins(history, &partition),
            next: Next::Settle {
                event: remaining.first(),
            },
            remaining,
            placed: alloc::vec![0; partition.answered.len().div_ceil(64)],
            placed_hash: 0,
            frontier: 0,
            end: 0,
            unknown: alloc::vec![0; unknown_words],
            stack: Vec::new(),
            answered_on_stack: 0,
            states,
            states_own,
            transitions: Transitions::new(),
            state,
            seen: Seen::new(unknown_words),
            deepest: Deepest::default(),
            key: Vec::new(),
            partition,
        }
    }

    /// The most answered operations that an order has placed so far.
    pub(super) fn placed(&self) -> usize {
        self.answered_on_stack.max(self.deepest.answered())
    }

    /// How much it remembers, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.seen.bytes() + self.states.bytes() + self.states_own + self.transitions.bytes()
    }

    /// Searches on from where it stopped.
    pub(super) fn run(&mut self, fuel: &mut Fuel, memory_bytes: u64) -> Result<Found, Stopped> {
        loop {
            self.next = match self.next {
                Next::Settle { event } => match self.partition.call_at(event) {
                    Some(number) => self.settle(number, event, fuel)?,
                    None => Next::Enter,
                },
                Next::Enter => {
                    if self.answered_on_stack == self.partition.answered.len() {
                        let order = self.stack.iter().map(|frame| frame.operation);
                        return Ok(Found::Order(self.positions(order)));
                    }
                    if self.bytes() > memory_bytes {
                        return Err(Stopped::OutOfMemory);
                    }
                    self.enter(fuel)?
                }
                Next::Try { event } => match self.partition.call_at(event) {
                    Some(number) => self.choose(Operation::Answered(number), 0, fuel)?,
                    // The first return that remains: whatever was called later is preceded by it.
                    None => Next::TryUnknown {
                        number: 0,
                        first_return: self.partition.time_of(event),
                    },
                },
                Next::TryUnknown {
                    number,
                    first_return,
                } => match self.partition.unknown_calls.get(number as usize) {
                    Some(&called) if called <= first_return => {
                        self.choose(Operation::Unknown(number), first_return, fuel)?
                    }
                    _ => Next::Back,
                },
                Next::Back => match self.take_back() {
                    Some(next) => next,
                    None => {
                        let deepest = core::mem::take(&mut self.deepest.operations);
                        let deepest = self.positions(deepest.into_iter());
                        return Ok(Found::None { deepest });
                    }
                },
            };
        }
    }

    /// Places an answered operation that only observes, if what it observed is the state. There is
    /// nothing to choose then: an order that places it later can place it now.
    fn settle(&mut self, number: u32, event: u32, fuel: &mut Fuel) -> Result<Next, Stopped> {
        let before = self.remaining.previous_of(event);
        if has_bit(&self.partition.observations, number) {
            let operation = Operation::Answered(number);
            match self.step(operation, fuel) {
                Step::OutOfFuel => return Err(Stopped::OutOfFuel),
                Step::To(state) if state == self.state => {
                    self.place(operation, state, true, 0);
                    // The event after it may have been its own return.
                    return Ok(Next::Settle {
                        event: self.remaining.next_of(before),
                    });
                }
                _ => {}
            }
        }
        Ok(Next::Settle {
            event: self.remaining.next_of(event),
        })
    }

    /// Goes on from the current configuration, unless it, or one that does as well with fewer unknown
    /// operations, has been tried.
    fn enter(&mut self, fuel: &mut Fuel) -> Result<Next, Stopped> {
        self.write_key();
        let hash = mixed(self.placed_hash ^ mixed(u64::from(self.state)));
        let mut compared = 0;
        // When this is more than there is, what is remembered stays true all the same.
        let is_new = self
            .seen
            .visit(hash, &self.key, &self.unknown, &mut compared);
        let next = if is_new {
            Next::Try {
                event: self.remaining.first(),
            }
        } else {
            Next::Back
        };
        if fuel.spend(compared) {
            return Ok(next);
        }
        self.next = next;
        Err(Stopped::OutOfFuel)
    }

    /// Places an operation next, if the model allows it.
    fn choose(
        &mut self,
        operation: Operation,
        first_return: u64,
        fuel: &mut Fuel,
    ) -> Result<Next, Stopped> {
        if let Operation::Unknown(number) = operation {
            let twin = self.twins.get(number as usize).copied().unwrap_or(0);
            let waits_for_twin = twin
                .checked_sub(1)
                .is_some_and(|twin| !has_bit(&self.unknown, twin));
            if waits_for_twin || has_bit(&self.unknown, number) {
                return if fuel.spend(1) {
                    Ok(self.after(operation, first_return))
                } else {
                    Err(Stopped::OutOfFuel)
                };
            }
        }
        match self.step(operation, fuel) {
            Step::OutOfFuel => Err(Stopped::OutOfFuel),
            Step::Refused => Ok(self.after(operation, first_return)),
            // An unknown operation that changes nothing is better kept for later, when it may.
            Step::To(state)
                if state == self.state && matches!(operation, Operation::Unknown(_)) =>
            {
                Ok(self.after(operation, first_return))
            }
            Step::To(state) => {
                self.place(operation, state, false, first_return);
                Ok(Next::Settle {
                    event: self.remaining.first(),
                })
            }
        }
    }

    fn place(&mut self, operation: Operation, state: u32, is_settled: bool, first_return: u64) {
        self.stack.push(Frame {
            operation,
            state_before: self.state,
            frontier_before: self.frontier,
            end_before: self.end,
            is_settled,
            first_return,
        });
        self.state = state;
        match operation {
            Operation::Answered(number) => {
                set_bit(&mut self.placed, number, true);
                self.placed_hash ^= mixed(u64::from(number) + 1);
                self.end = self.end.max(number + 1);
                while has_bit(&self.placed, self.frontier) {
                    self.frontier += 1;
                }
                self.remaining.lift(self.partition.ends_of(number));
                self.answered_on_stack += 1;
            }
            Operation::Unknown(number) => set_bit(&mut self.unknown, number, true),
        }
    }

    /// Takes back all that there was no choice about and the last choice, and returns what is tried in
    /// its place.
    fn take_back(&mut self) -> Option<Next> {
        self.deepest.note(&self.stack, self.answered_on_stack);
        loop {
            let frame = self.stack.pop()?;
            self.deepest.popped(self.stack.len());
            match frame.operation {
                Operation::Answered(number) => {
                    set_bit(&mut self.placed, number, false);
                    self.placed_hash ^= mixed(u64::from(number) + 1);
                    self.remaining.unlift(self.partition.ends_of(number));
                    self.answered_on_stack -= 1;
                }
                Operation::Unknown(number) => set_bit(&mut self.unknown, number, false),
            }
            self.state = frame.state_before;
            self.frontier = frame.frontier_before;
            self.end = frame.end_before;
            if !frame.is_settled {
                return Some(self.after(frame.operation, frame.first_return));
            }
        }
    }

    fn after(&self, operation: Operation, first_return: u64) -> Next {
        match operation {
            Operation::Answered(number) => Next::Try {
                event: self.remaining.next_of(self.partition.ends_of(number).0),
            },
            Operation::Unknown(number) => Next::TryUnknown {
                number: number + 1,
                first_return,
            },
        }
    }

    /// The state after an operation in the current one.
    fn step(&mut self, operation: Operation, fuel: &mut Fuel) -> Step {
        if !fuel.spend(1) {
            return Step::OutOfFuel;
        }
        let number = match operation {
            Operation::Answered(number) => number,
            Operation::Unknown(number) => self.partition.answered.len() as u32 + number,
        };
        let next = match self.transitions.get(self.state, number) {
            Some(known) => known,
            None => {
                let stepped = self.ask(operation, fuel);
                if fuel.has_run_out() {
                    return Step::OutOfFuel;
                }
                let next = stepped.map(|state| {
                    let owned = self.model.owned_bytes(&state) as u64;
                    let known = self.states.len();
                    let next = self.states.number(state);
                    if self.states.len() > known {
                        self.states_own += owned;
                    }
                    next
                });
                self.transitions
                    .put(self.state, number, next, self.states.len());
                next
            }
        };
        next.map_or(Step::Refused, Step::To)
    }

    fn ask(&self, operation: Operation, fuel: &mut Fuel) -> Option<M::State> {
        let asked = self.history.operations.get(self.position(operation)?)?;
        let output = match (operation, &asked.output) {
            (Operation::Answered(_), Outcome::Ok(output)) => Some(output),
            _ => None,
        };
        let state = self.states.get(self.state)?;
        self.model.step_within(state, &asked.input, output, fuel)
    }

    /// The answered operations and the state, in one way only: all bits below the frontier are set
    /// and none from the end on is, so the words between say it all.
    fn write_key(&mut self) {
        self.key.clear();
        self.key
            .push(u64::from(self.state) << 32 | u64::from(self.frontier));
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

/// How many different inputs of unknown outcome are compared with each other. Twins that are missed
/// cost time and nothing else, and comparing all with all would cost more.
const GROUPS: usize = 128;

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
                if groups.len() < GROUPS {
                    groups.push(number as u32);
                }
            }
        }
    }
    twins
}
