//! Many operations: the work must grow with their number, and not with the square of it.

use bytes::Bytes;
use quorate_consistency::{
    Checker, Fuel, History, MicroInput, Model, MultiRegister, Operation, PriorityQueue,
    PriorityQueueInput, Queue, QueueInput, Set, SetInput, SetOutput, Stack, StackInput, Strings,
    StringsInput, StringsOutput,
};

/// What a model answers to these, one after the other, each twice as long as the time to the next.
fn answered<M: Model>(
    model: &M,
    inputs: impl IntoIterator<Item = M::Input>,
) -> History<M::Input, M::Output> {
    let mut state = model.initial();
    let mut history = History::new();
    for (input, at) in inputs.into_iter().zip(0..) {
        let output = model.answer(&state, &input).unwrap();
        state = model.step(&state, &input, Some(&output)).unwrap();
        let (call, ret) = (10 * at, 10 * at + 5);
        history.push(Operation::ok(at % 2, input, output, call, ret));
    }
    history
}

/// Checks by the general search that the history holds, in a few steps for each operation.
#[track_caller]
fn takes_few_steps<M: Model>(model: &M, history: &History<M::Input, M::Output>) {
    let mut fuel = Fuel::new(4 * history.len() as u64 + 100);
    let verdict = Checker::new(model, history).general().run(&mut fuel);
    assert!(verdict.is_some_and(|verdict| verdict.holds()));
}

const MANY: u64 = 10_000;

/// To copy ten thousand values at each of twenty thousand steps would take a minute, and the memory of
/// all copies is more than there is.
#[test]
fn long_queues_and_stacks_are_not_copied() {
    let filled = (0..MANY).map(QueueInput::Enqueue);
    let emptied = (0..MANY).map(|_| QueueInput::Dequeue);
    let history = answered(&Queue::new(), filled.chain(emptied));
    takes_few_steps(&Queue::new(), &history);

    let filled = (0..MANY).map(StackInput::Push);
    let emptied = (0..MANY).map(|_| StackInput::Pop);
    let history = answered(&Stack::new(), filled.chain(emptied));
    takes_few_steps(&Stack::new(), &history);

    let filled = (0..MANY).map(|at| PriorityQueueInput::Insert(at * 7_919 % 10_007));
    let emptied = (0..MANY).map(|_| PriorityQueueInput::DeleteMin);
    let history = answered(&PriorityQueue::new(), filled.chain(emptied));
    takes_few_steps(&PriorityQueue::new(), &history);
}

#[test]
fn large_sets_and_many_registers_are_not_copied() {
    let history = answered(&Set::new(), (0..MANY).map(SetInput::Add));
    takes_few_steps(&Set::new(), &history);

    let transaction = |at| vec![MicroInput::Read(at / 2), MicroInput::Write(at, at)];
    let history = answered(&MultiRegister::new(), (0..MANY).map(transaction));
    takes_few_steps(&MultiRegister::new(), &history);
}

#[test]
fn long_strings_are_not_copied() {
    let append = |at: u64| StringsInput::Append {
        key: Bytes::from_static(b"k"),
        value: Bytes::from(format!("x {at} y")),
    };
    let untold = |at| {
        let told = StringsOutput::Appended { value: None };
        Operation::ok(1, append(at), told, 10 * at, 10 * at + 5)
    };
    let mut history: History<_, _> = (0..MANY).map(untold).collect();
    let all: String = (0..MANY).map(|at| format!("x {at} y")).collect();
    let get = |value: String, at| {
        let key = Bytes::from_static(b"k");
        let told = StringsOutput::Got {
            value: value.into(),
        };
        Operation::ok(2, StringsInput::Get { key }, told, 10 * at, 10 * at + 5)
    };
    let mut wrong = history.clone();
    history.push(get(all.clone(), MANY));
    takes_few_steps(&Strings, &history);
    wrong.push(get(all.replacen('x', "z", 1), MANY));
    let verdict = Checker::new(&Strings, &wrong).run(&mut Fuel::new(100_000));
    assert!(verdict.unwrap().violation().is_some());
}

/// One step that takes as long as many is paid for as many.
#[test]
fn a_long_step_takes_fuel() {
    let spent = |model: &dyn Fn(&mut Fuel)| {
        let mut fuel = Fuel::new(u64::MAX);
        model(&mut fuel);
        u64::MAX - fuel.left()
    };
    let transaction: Vec<_> = (0..MANY).map(|at| MicroInput::Write(at, at)).collect();
    let registers = MultiRegister::new();
    let long = spent(&|fuel| {
        registers.step_within(&registers.initial(), &transaction, None, fuel);
    });
    assert_eq!(long, MANY);

    let set = Set::new();
    let all: std::collections::BTreeSet<_> = (0..MANY).collect();
    let full = all.iter().fold(set.initial(), |state, &value| {
        set.step(&state, &SetInput::Add(value), None).unwrap()
    });
    let told = SetOutput::All(all);
    let long = spent(&|fuel| {
        assert!(
            set.step_within(&full, &SetInput::ReadAll, Some(&told), fuel)
                .is_some()
        );
    });
    assert_eq!(long, MANY);
    // There is nothing to compare with an empty one.
    let short = spent(&|fuel| {
        let empty = set.initial();
        assert!(
            set.step_within(&empty, &SetInput::ReadAll, Some(&told), fuel)
                .is_none()
        );
    });
    assert_eq!(short, 0);

    let long = spent(&|fuel| {
        let value = Bytes::from(vec![b'x'; 1 << 20]);
        let put = StringsInput::Put {
            key: Bytes::new(),
            value,
        };
        Strings.step_within(&Strings.initial(), &put, None, fuel);
    });
    assert_eq!(long, 1 << 12);
}
