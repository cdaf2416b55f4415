//! Models that leave several things open: the set of states that are possible against a search that
//! chooses one after the other.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use quorate_consistency::{
    Branches, Budget, History, Inconclusive, Model, Nondeterministic, Operation, Outcome, PowerSet,
    Queue, QueueInput, QueueOutput, Register, RegisterInput, RegisterOutput, Verdict, check,
};

use crate::differential as draw;
use crate::oracle::{Asked, agrees};

/// Whether there is an order and for each operation in it a choice of what it did, by trying all.
pub(crate) fn has_order<N: Nondeterministic<Key = ()>>(
    model: &N,
    history: &History<N::Input, N::Output>,
) -> bool {
    fn extend<N: Nondeterministic<Key = ()>>(
        model: &N,
        operations: &[Operation<N::Input, N::Output>],
        placed: &mut Vec<bool>,
        state: &N::State,
    ) -> bool {
        let is_open = |at: &usize| !placed[*at] && matches!(operations[*at].output, Outcome::Ok(_));
        let open: Vec<_> = (0..placed.len()).filter(is_open).collect();
        if open.is_empty() {
            return true;
        }
        for (next, operation) in operations.iter().enumerate() {
            let output = match &operation.output {
                Outcome::Ok(output) => Some(output),
                Outcome::Unknown => None,
                Outcome::Failed => continue,
            };
            if placed[next] || open.iter().any(|&at| operations[at].ret < operation.call) {
                continue;
            }
            // One choice after the other: each time all but one are left out.
            for chosen in choices(model, state, &operation.input, output) {
                placed[next] = true;
                let found = extend(model, operations, placed, &chosen);
                placed[next] = false;
                if found {
                    return true;
                }
            }
        }
        false
    }
    model.initial().iter().any(|state| {
        let mut placed = vec![false; history.len()];
        extend(model, &history.operations, &mut placed, state)
    })
}

/// What may follow one state, as a power set of one state shows it.
fn choices<N: Nondeterministic<Key = ()>>(
    model: &N,
    state: &N::State,
    input: &N::Input,
    output: Option<&N::Output>,
) -> Vec<N::State> {
    struct From<'a, N: Nondeterministic>(&'a N, &'a N::State);
    impl<N: Nondeterministic<Key = ()>> Nondeterministic for From<'_, N> {
        type Key = ();
        type State = N::State;
        type Input = N::Input;
        type Output = N::Output;

        fn key(&self, _: &N::Input) {}

        fn initial(&self) -> Vec<N::State> {
            vec![self.1.clone()]
        }

        fn step(
            &self,
            state: &N::State,
            input: &N::Input,
            output: Option<&N::Output>,
            next: &mut Branches<N::State>,
        ) {
            self.0.step(state, input, output, next);
        }
    }
    let model = PowerSet::new(From(model, state));
    let next = model.step(&model.initial(), input, output);
    next.map_or_else(Vec::new, |next| next.states().to_vec())
}

/// A model that leaves nothing open.
struct Determined<M>(M);

impl<M: Model<State: Ord>> Nondeterministic for Determined<M> {
    type Key = M::Key;
    type State = M::State;
    type Input = M::Input;
    type Output = M::Output;

    fn key(&self, input: &M::Input) -> M::Key {
        self.0.key(input)
    }

    fn initial(&self) -> Vec<M::State> {
        vec![self.0.initial()]
    }

    fn step(
        &self,
        state: &M::State,
        input: &M::Input,
        output: Option<&M::Output>,
        next: &mut Branches<M::State>,
    ) {
        if let Some(state) = self.0.step(state, input, output) {
            next.add(state);
        }
    }

    fn is_read(&self, input: &M::Input) -> bool {
        self.0.is_read(input)
    }

    fn answer(&self, state: &M::State, input: &M::Input) -> Option<M::Output> {
        self.0.answer(state, input)
    }
}

#[test]
fn one_possible_state_is_no_different_from_a_state() {
    let register = PowerSet::new(Determined(Register::new())).at_most(1);
    agrees(400, &register, draw::register());
}

/// A queue whose dequeues may hand out a value and leave it there, once in a while, and which begins
/// empty or with a 0 in it.
struct Twice;

impl Nondeterministic for Twice {
    type Key = ();
    type State = Vec<u8>;
    type Input = QueueInput<u8>;
    type Output = QueueOutput<u8>;

    fn key(&self, _: &QueueInput<u8>) {}

    fn initial(&self) -> Vec<Vec<u8>> {
        vec![vec![], vec![0]]
    }

    fn step(
        &self,
        state: &Vec<u8>,
        input: &QueueInput<u8>,
        output: Option<&QueueOutput<u8>>,
        next: &mut Branches<Vec<u8>>,
    ) {
        let front = QueueOutput::Value(state.first().copied());
        let answer = match input {
            QueueInput::Enqueue(_) => QueueOutput::Enqueued,
            QueueInput::Dequeue | QueueInput::Peek => front,
            QueueInput::Len => QueueOutput::Len(state.len() as u64),
        };
        if output.is_some_and(|output| *output != answer) {
            return;
        }
        match input {
            QueueInput::Enqueue(value) => next.add([state.as_slice(), &[*value]].concat()),
            QueueInput::Dequeue => {
                next.add(state.get(1..).unwrap_or(&[]).to_vec());
                next.add(state.clone());
            }
            QueueInput::Peek | QueueInput::Len => next.add(state.clone()),
        }
    }

    fn is_read(&self, input: &QueueInput<u8>) -> bool {
        matches!(input, QueueInput::Peek | QueueInput::Len)
    }
}

pub(crate) fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        max_shrink_iters: 5_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Histories of up to six operations with these questions and answers.
pub(crate) fn histories<I, O>(
    asked: impl Strategy<Value = (I, O)>,
) -> impl Strategy<Value = History<I, O>>
where
    I: std::fmt::Debug + Clone,
    O: std::fmt::Debug + Clone,
{
    let operation = (asked, 0..8_u8, 0..12_u64, 0..5_u64).prop_map(
        |((input, output), outcome, call, length)| match outcome {
            0 => Operation::unknown(1, input, call),
            _ => Operation::ok(1, input, output, call, call + length),
        },
    );
    prop::collection::vec(operation, 1..7).prop_map(History::from)
}

#[test]
fn a_set_of_states_is_as_good_as_every_choice() {
    let mut verdicts = [0; 2];
    let counted = std::cell::RefCell::new(&mut verdicts);
    let asked: BoxedStrategy<Asked<Queue<u8>>> = draw::queue().boxed();
    TestRunner::new(config(1_500))
        .run(&histories(asked), |history| {
            let holds = has_order(&Twice, &history);
            let verdict = check(&PowerSet::new(Twice), &history, Budget::default());
            prop_assert_eq!(verdict.holds(), holds);
            prop_assert_eq!(verdict.violation().is_none(), holds);
            counted.borrow_mut()[usize::from(holds)] += 1;
            // With fewer states allowed the answer is the same, or there is none.
            for limit in 1..4 {
                let fewer = PowerSet::new(Twice).at_most(limit);
                match check(&fewer, &history, Budget::default()) {
                    Verdict::Unknown(reason) => {
                        prop_assert_eq!(reason, Inconclusive::TooManyStates { limit });
                    }
                    verdict => prop_assert_eq!(verdict.holds(), holds),
                }
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(verdicts.iter().all(|&times| times > 50), "{verdicts:?}");
}

/// A register whose every write may be followed by any of many others.
struct Exploding;

impl Nondeterministic for Exploding {
    type Key = bool;
    type State = u64;
    type Input = RegisterInput<bool>;
    type Output = RegisterOutput<bool>;

    fn key(&self, input: &RegisterInput<bool>) -> bool {
        *input == RegisterInput::Read
    }

    fn initial(&self) -> Vec<u64> {
        vec![0]
    }

    fn step(
        &self,
        state: &u64,
        input: &RegisterInput<bool>,
        output: Option<&RegisterOutput<bool>>,
        next: &mut Branches<u64>,
    ) {
        match input {
            RegisterInput::Read if output == Some(&RegisterOutput::Value(None)) => next.add(*state),
            RegisterInput::Read => {}
            _ => {
                for bit in 0..u64::MAX {
                    next.add(state.wrapping_mul(31) + bit);
                    if next.are_too_many() {
                        return;
                    }
                }
            }
        }
    }
}

#[test]
fn too_many_states_are_no_verdict() {
    let write = || Operation::ok(1, RegisterInput::Write(true), RegisterOutput::Written, 0, 1);
    let read = |value| Operation::ok(1, RegisterInput::Read, RegisterOutput::Value(value), 5, 6);
    let model = PowerSet::new(Exploding).at_most(100);
    let verdict = check(&model, &History::from(vec![write()]), Budget::default());
    let Verdict::Unknown(reason) = verdict else {
        panic!("{verdict:?}")
    };
    assert_eq!(reason, Inconclusive::TooManyStates { limit: 100 });
    assert!(reason.to_string().contains("100 states"), "{reason}");
    // Of the other objects there is one.
    let with = |value| History::from(vec![write(), read(value)]);
    let verdict = check(&model, &with(Some(true)), Budget::default());
    assert!(matches!(verdict, Verdict::Violated(_)));
    let verdict = check(&model, &with(None), Budget::default());
    assert!(matches!(
        verdict,
        Verdict::Unknown(Inconclusive::TooManyStates { .. })
    ));
}
