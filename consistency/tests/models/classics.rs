//! Histories that people know, with the verdicts that they have.

use std::collections::BTreeSet;

use quorate_consistency::{
    Budget, Counter, CounterInput, CounterOutput, History, MicroInput, MicroOutput, Model,
    MultiRegister, Mutex, MutexInput, MutexOutput, Operation, PriorityQueue, PriorityQueueInput,
    PriorityQueueOutput, Queue, QueueInput, QueueOutput, Register, RegisterInput, RegisterOutput,
    Set, SetInput, SetOutput, Stack, StackInput, StackOutput, Strings, StringsInput, StringsOutput,
    Verdict, check,
};

/// A history from who asked what, was told what, from when to when. No answer: nobody knows.
fn history<I, O>(
    operations: impl IntoIterator<Item = (u64, I, Option<O>, u64, u64)>,
) -> History<I, O> {
    let operation = |(process, input, output, call, ret)| match output {
        Some(output) => Operation::ok(process, input, output, call, ret),
        None => Operation::unknown(process, input, call),
    };
    operations.into_iter().map(operation).collect()
}

#[track_caller]
fn holds<M: Model>(model: &M, history: &History<M::Input, M::Output>) {
    let verdict = check(model, history, Budget::default());
    assert!(matches!(verdict, Verdict::Holds(_)));
}

#[track_caller]
fn violated<M: Model>(model: &M, history: &History<M::Input, M::Output>) {
    let verdict = check(model, history, Budget::default());
    assert!(matches!(verdict, Verdict::Violated(_)));
}

/// The queues of Herlihy and Wing (1990), figure 1.
#[test]
fn the_queues_of_herlihy_and_wing() {
    let enq = QueueInput::Enqueue;
    let put = || Some(QueueOutput::Enqueued);
    let got = |value| Some(QueueOutput::Value(Some(value)));
    // a: the enqueues overlap, so y may come out first.
    let a = [
        (1, enq('x'), put(), 0, 10),
        (2, enq('y'), put(), 5, 15),
        (2, QueueInput::Dequeue, got('x'), 20, 30),
        (1, QueueInput::Dequeue, got('y'), 25, 35),
        (1, enq('z'), None, 40, 0),
    ];
    holds(&Queue::new(), &history(a));
    // b: x was in before y was, and y comes out first.
    let b = [
        (1, enq('x'), put(), 0, 10),
        (2, enq('y'), put(), 20, 30),
        (1, QueueInput::Dequeue, got('y'), 40, 50),
    ];
    violated(&Queue::new(), &history(b));
    // c: a dequeue that overlaps the enqueue of what it takes.
    let c = [
        (1, enq('x'), put(), 0, 20),
        (2, QueueInput::Dequeue, got('x'), 10, 15),
    ];
    holds(&Queue::new(), &history(c));
    // d: x comes out twice.
    let d = [
        (1, enq('x'), put(), 0, 10),
        (2, enq('y'), put(), 5, 15),
        (1, QueueInput::Dequeue, got('x'), 20, 30),
        (2, QueueInput::Dequeue, got('x'), 25, 35),
    ];
    violated(&Queue::new(), &history(d));
}

/// A dequeue whose answer was lost may have taken a value. It may not have taken two.
#[test]
fn a_lost_answer_excuses_one_lost_value() {
    let enq = |value, at| {
        (
            1,
            QueueInput::Enqueue(value),
            Some(QueueOutput::Enqueued),
            at,
            at + 1,
        )
    };
    let deq = |value, at| {
        let told = Some(QueueOutput::Value(value));
        (2, QueueInput::Dequeue, told, at, at + 1)
    };
    let lost = (3, QueueInput::Dequeue, None, 4, 0);
    let queue = Queue::new();
    violated(&queue, &history([enq(1, 0), enq(2, 2), deq(Some(2), 10)]));
    holds(
        &queue,
        &history([enq(1, 0), enq(2, 2), lost.clone(), deq(Some(2), 10)]),
    );
    violated(
        &queue,
        &history([enq(1, 0), enq(2, 2), lost, deq(None, 10)]),
    );
}

/// What an elimination stack does on purpose: a push and a pop meet while another push is under way.
#[test]
fn a_push_and_a_pop_may_meet_on_a_stack() {
    let push = |value, from, to| {
        (
            1,
            StackInput::Push(value),
            Some(StackOutput::Pushed),
            from,
            to,
        )
    };
    let pop = |value, from, to| {
        let told = Some(StackOutput::Value(value));
        (2, StackInput::Pop, told, from, to)
    };
    let stack = Stack::new();
    holds(
        &stack,
        &history([
            push(1, 0, 9),
            push(2, 10, 20),
            pop(Some(2), 12, 18),
            pop(Some(1), 30, 40),
        ]),
    );
    // The oldest first is a queue.
    violated(
        &stack,
        &history([
            push(1, 0, 9),
            push(2, 10, 20),
            pop(Some(1), 30, 40),
            pop(Some(2), 50, 60),
        ]),
    );
    // Empty in the middle of two pushes that are over.
    violated(
        &stack,
        &history([push(1, 0, 9), pop(None, 12, 18), pop(Some(1), 30, 40)]),
    );
}

#[test]
fn the_least_comes_first() {
    use {PriorityQueueInput as In, PriorityQueueOutput as Out};
    let insert = |value, from, to| (1, In::Insert(value), Some(Out::Inserted), from, to);
    let min = |value, from, to| (2, In::DeleteMin, Some(Out::Value(value)), from, to);
    let queue = PriorityQueue::new();
    holds(
        &queue,
        &history([
            insert(5, 0, 1),
            insert(3, 2, 3),
            min(Some(3), 4, 5),
            min(Some(5), 6, 7),
        ]),
    );
    violated(
        &queue,
        &history([insert(5, 0, 1), insert(3, 2, 3), min(Some(5), 4, 5)]),
    );
    // 3 may have come later than 5 went.
    holds(
        &queue,
        &history([
            insert(5, 0, 1),
            insert(3, 2, 8),
            min(Some(5), 4, 5),
            min(Some(3), 6, 9),
        ]),
    );
    // A value that was put in twice comes out twice, and not three times.
    let twice = [
        insert(5, 0, 1),
        insert(5, 2, 3),
        min(Some(5), 4, 5),
        min(Some(5), 6, 7),
    ];
    holds(
        &queue,
        &history(twice.clone().into_iter().chain([min(None, 8, 9)])),
    );
    violated(
        &queue,
        &history(twice.into_iter().chain([min(Some(5), 8, 9)])),
    );
}

#[test]
fn what_is_in_a_set_stays_until_it_is_removed() {
    let add = |value, from, to| {
        (
            1,
            SetInput::Add(value),
            Some(SetOutput::Changed(None)),
            from,
            to,
        )
    };
    let remove = |value, from, to| {
        let told = Some(SetOutput::Changed(Some(true)));
        (2, SetInput::Remove(value), told, from, to)
    };
    let all = |values: &[i32], from, to| {
        let values: BTreeSet<_> = values.iter().copied().collect();
        (3, SetInput::ReadAll, Some(SetOutput::All(values)), from, to)
    };
    let set = Set::new();
    holds(
        &set,
        &history([
            add(1, 0, 9),
            add(2, 0, 9),
            all(&[2], 1, 8),
            all(&[1, 2], 10, 11),
        ]),
    );
    // Each of two readers misses what the other saw: a long fork.
    violated(
        &set,
        &history([add(1, 0, 9), add(2, 0, 9), all(&[2], 1, 8), all(&[1], 1, 8)]),
    );
    // Lost.
    violated(
        &set,
        &history([add(1, 0, 1), add(2, 2, 3), all(&[1], 4, 5)]),
    );
    // Removed twice, and added once.
    violated(
        &set,
        &history([add(1, 0, 1), remove(1, 2, 3), remove(1, 2, 3)]),
    );
    holds(
        &set,
        &history([add(1, 0, 1), add(1, 2, 9), remove(1, 2, 3), remove(1, 4, 9)]),
    );
}

#[test]
fn two_adds_cannot_tell_the_same_sum() {
    let add = |by, sum| {
        let told = Some(CounterOutput::Value(sum));
        (1, CounterInput::AddAndGet(by), told, 0, 10)
    };
    holds(&Counter::new(), &history([add(1, 2), add(1, 1)]));
    violated(&Counter::new(), &history([add(1, 1), add(1, 1)]));
    holds(&Counter::starting_at(40), &history([add(2, 42)]));
    violated(&Counter::new(), &history([add(2, 42)]));
}

/// Who appends finds its own in what it reads, and each read goes on where the last one was.
#[test]
fn appended_strings_only_grow() {
    let key = || "k".into();
    let append = |value: &'static str, from, to| {
        let input = StringsInput::Append {
            key: key(),
            value: value.into(),
        };
        (
            1,
            input,
            Some(StringsOutput::Appended { value: None }),
            from,
            to,
        )
    };
    let get = |value: &'static str, from, to| {
        let told = Some(StringsOutput::Got {
            value: value.into(),
        });
        (2, StringsInput::Get { key: key() }, told, from, to)
    };
    holds(&Strings, &history([get("", 0, 1)]));
    holds(
        &Strings,
        &history([
            append("x", 0, 9),
            append("y", 0, 9),
            get("y", 1, 8),
            get("yx", 10, 11),
        ]),
    );
    violated(
        &Strings,
        &history([
            append("x", 0, 9),
            append("y", 0, 9),
            get("y", 1, 8),
            get("xy", 10, 11),
        ]),
    );
    violated(&Strings, &history([append("x", 0, 1), get("", 2, 3)]));
    violated(&Strings, &history([append("x", 0, 1), get("xx", 2, 3)]));
}

/// Transactions see all of each other or nothing: a fractured read, and a write skew.
#[test]
fn transactions_are_seen_whole() {
    use {MicroInput as In, MicroOutput as Out};
    let (x, y) = ("x", "y");
    let (read, wrote) = (|value| Out::Value(Some(value)), || Out::Written);
    let registers = MultiRegister::starting_at([(x, 0), (y, 0)]);
    let write_both = (
        1,
        vec![In::Write(x, 1), In::Write(y, 1)],
        Some(vec![wrote(), wrote()]),
        0,
        10,
    );
    let both = |one, other| {
        (
            2,
            vec![In::Read(x), In::Read(y)],
            Some(vec![read(one), read(other)]),
            5,
            15,
        )
    };
    holds(&registers, &history([write_both.clone(), both(0, 0)]));
    holds(&registers, &history([write_both.clone(), both(1, 1)]));
    violated(&registers, &history([write_both.clone(), both(1, 0)]));
    violated(&registers, &history([write_both, both(0, 1)]));
    // Each reads what the other writes, and neither sees the other.
    let skew = |process, from, to| {
        (
            process,
            vec![In::Read(from), In::Write(to, 1)],
            Some(vec![read(0), wrote()]),
            0,
            10,
        )
    };
    violated(&registers, &history([skew(1, x, y), skew(2, y, x)]));
    // A transaction sees what it wrote itself.
    let own = |told| {
        (
            1,
            vec![In::Write(x, 7), In::Read(x)],
            Some(vec![wrote(), read(told)]),
            0,
            10,
        )
    };
    holds(&registers, &history([own(7)]));
    violated(&registers, &history([own(0)]));
}

#[test]
fn a_lock_has_one_holder() {
    let ask = |input, told, from, to| (1, input, Some(told), from, to);
    let acquire = |owner, from, to| {
        ask(
            MutexInput::Acquire { owner },
            MutexOutput::Granted,
            from,
            to,
        )
    };
    let release = |owner, from, to| {
        ask(
            MutexInput::Release { owner },
            MutexOutput::Granted,
            from,
            to,
        )
    };
    let mutex = Mutex::new();
    holds(
        &mutex,
        &history([
            acquire(None, 0, 1),
            release(None, 2, 3),
            acquire(None, 4, 5),
        ]),
    );
    violated(&mutex, &history([acquire(None, 0, 1), acquire(None, 4, 5)]));
    violated(&mutex, &history([release(None, 0, 1)]));
    // Whose release came too late to be told of may have been in time.
    let lost = (1, MutexInput::Release { owner: Some(1) }, None, 2, 0);
    holds(
        &mutex,
        &history([acquire(Some(1), 0, 1), lost, acquire(Some(2), 4, 5)]),
    );
    violated(
        &mutex,
        &history([acquire(Some(2), 0, 1), lost, acquire(Some(2), 4, 5)]),
    );
    // Not reentrant, and not to be released by another.
    violated(
        &mutex,
        &history([acquire(Some(1), 0, 1), acquire(Some(1), 2, 3)]),
    );
    violated(
        &mutex,
        &history([acquire(Some(1), 0, 1), release(Some(2), 2, 3)]),
    );
    // Refused for no reason.
    let refused = ask(
        MutexInput::Acquire { owner: Some(2) },
        MutexOutput::Refused,
        4,
        5,
    );
    violated(&mutex, &history([refused]));
    holds(&mutex, &history([acquire(Some(1), 0, 1), refused]));
}

/// The compare-and-set register of Knossos starts out with 0 in it.
#[test]
fn a_register_starts_with_what_it_is_given() {
    let read = |value| {
        let told = Some(RegisterOutput::Value(Some(value)));
        (1, RegisterInput::Read, told, 0, 1)
    };
    holds(&Register::starting_at(0), &history([read(0)]));
    violated(&Register::new(), &history([read(0)]));
    violated(&Register::starting_at(1), &history([read(0)]));
}
