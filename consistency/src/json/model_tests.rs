//! Every model has its lines, and takes no other ones.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Debug;

use bytes::Bytes;
use expect_test::{Expect, expect};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;
use crate::ReadLimits;
use crate::{
    CounterInput, CounterOutput, FencedLeaseInput, FencedLeaseOutput, MicroInput, MicroOutput,
    MutexInput, MutexOutput, Operation, PriorityQueueInput, PriorityQueueOutput, QueueInput,
    QueueOutput, Record, Recording, RegisterInput, RegisterOutput, SetInput, SetOutput, StackInput,
    StackOutput, StringsInput, StringsOutput,
};

type Asked<M> = (<M as Model>::Input, <M as Model>::Output);

fn line<M: JsonModel>(input: M::Input, output: M::Output) -> Result<String, std::io::Error> {
    let mut file = Vec::new();
    write_record::<M>(&mut file, &Operation::ok(1, input, output, 5, 9).into())?;
    Ok(String::from_utf8(file).unwrap())
}

fn read<M: JsonModel>(file: &str) -> Result<Recording<M>, ReadHistoryError> {
    read_history::<M>(file.as_bytes(), ReadLimits::default())
}

/// The lines of these, without what is the same in all, and that they are read again.
fn is_written_as<M: JsonModel>(asked: impl IntoIterator<Item = Asked<M>>, lines: Expect)
where
    M::Input: Clone + Debug,
    M::Output: Clone + Debug + PartialEq,
{
    let mut written = String::new();
    for (input, output) in asked {
        let line = line::<M>(input.clone(), output.clone()).unwrap();
        let operation = Operation::ok(1, input, output, 5, 9);
        assert_eq!(read::<M>(&line).unwrap(), [operation.into()]);
        let rest = line.strip_prefix(r#"{"process":1,"call_ns":5,"return_ns":9,"#);
        written.push_str(rest.unwrap());
    }
    lines.assert_eq(&written);
}

/// What is said of lines that are wrong, each given as the operation and the result.
fn is_refused<M: JsonModel>(lines: &[(&str, &str)], messages: Expect)
where
    M::Input: Debug,
    M::Output: Debug,
{
    let mut said = String::new();
    for (op, ok) in lines {
        let line = alloc::format!(
            r#"{{"process":1,"call_ns":5,"return_ns":9,"op":{op},"result":{{"ok":{ok}}}}}"#
        );
        let message = read::<M>(&line).unwrap_err().to_string();
        let reason = message.strip_prefix("line 1 is not a record of this model: ");
        said.push_str(reason.unwrap());
        said.push('\n');
    }
    messages.assert_eq(&said);
}

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

#[test]
fn queues_stacks_and_priority_queues() {
    is_written_as::<Queue>(
        [
            (QueueInput::Enqueue(bytes("v")), QueueOutput::Enqueued),
            (QueueInput::Dequeue, QueueOutput::Value(Some(bytes("v")))),
            (QueueInput::Peek, QueueOutput::Value(None)),
            (QueueInput::Len, QueueOutput::Len(3)),
        ],
        expect![[r#"
            "op":{"enqueue":{"value":"v"}},"result":{"ok":{}}}
            "op":{"dequeue":{}},"result":{"ok":{"value":"v"}}}
            "op":{"peek":{}},"result":{"ok":{"value":null}}}
            "op":{"len":{}},"result":{"ok":{"len":3}}}
        "#]],
    );
    is_written_as::<Stack>(
        [
            (StackInput::Push(bytes("v")), StackOutput::Pushed),
            (StackInput::Pop, StackOutput::Value(Some(bytes("v")))),
            (StackInput::Peek, StackOutput::Value(None)),
            (StackInput::Len, StackOutput::Len(3)),
        ],
        expect![[r#"
            "op":{"push":{"value":"v"}},"result":{"ok":{}}}
            "op":{"pop":{}},"result":{"ok":{"value":"v"}}}
            "op":{"peek":{}},"result":{"ok":{"value":null}}}
            "op":{"len":{}},"result":{"ok":{"len":3}}}
        "#]],
    );
    is_written_as::<PriorityQueue>(
        [
            (
                PriorityQueueInput::Insert(-7),
                PriorityQueueOutput::Inserted,
            ),
            (
                PriorityQueueInput::DeleteMin,
                PriorityQueueOutput::Value(Some(-7)),
            ),
            (PriorityQueueInput::Min, PriorityQueueOutput::Value(None)),
            (PriorityQueueInput::Len, PriorityQueueOutput::Len(3)),
        ],
        expect![[r#"
            "op":{"insert":{"value":-7}},"result":{"ok":{}}}
            "op":{"delete_min":{}},"result":{"ok":{"value":-7}}}
            "op":{"min":{}},"result":{"ok":{"value":null}}}
            "op":{"len":{}},"result":{"ok":{"len":3}}}
        "#]],
    );
    is_refused::<Queue>(
        &[
            (r#"{"enqueue":{}}"#, "{}"),
            (r#"{"dequeue":{"value":"v"}}"#, r#"{"value":"v"}"#),
            (r#"{"dequeue":{}}"#, "{}"),
            (r#"{"dequeue":{}}"#, r#"{"value":7}"#),
            (r#"{"enqueue":{"value":"v"}}"#, r#"{"value":null}"#),
            (r#"{"len":{}}"#, r#"{"len":-1}"#),
            (r#"{"pop":{}}"#, r#"{"value":null}"#),
        ],
        expect![[r#"
            missing field `value` at column 57
            unknown field `value`, there are no fields at column 63
            in "result": missing field `value`
            in "result": invalid type: integer `7`, expected a string, or {"base64url":"..."} for bytes that are not UTF-8
            in "result": unknown field `value`, there are no fields
            in "result": invalid value: integer `-1`, expected u64
            unknown variant `pop`, expected one of `enqueue`, `dequeue`, `peek`, `len` at column 50
        "#]],
    );
    is_refused::<PriorityQueue>(
        &[
            (r#"{"insert":{"value":"7"}}"#, "{}"),
            (r#"{"insert":{"value":9223372036854775808}}"#, "{}"),
            (r#"{"delete_min":{}}"#, "{}"),
            (r#"{"delete_min":{}}"#, r#"{"value":1.5}"#),
        ],
        expect![[r#"
            invalid type: string "7", expected i64 at column 66
            invalid value: integer `9223372036854775808`, expected i64 at column 82
            in "result": missing field `value`
            in "result": invalid type: floating point `1.5`, expected i64
        "#]],
    );
}

#[test]
fn sets_and_counters() {
    is_written_as::<Set>(
        [
            (SetInput::Add(bytes("v")), SetOutput::Changed(None)),
            (SetInput::Remove(bytes("v")), SetOutput::Changed(Some(true))),
            (SetInput::Contains(bytes("v")), SetOutput::Contains(false)),
            (
                SetInput::ReadAll,
                SetOutput::All(BTreeSet::from([bytes("w"), bytes("v")])),
            ),
        ],
        expect![[r#"
            "op":{"add":{"value":"v"}},"result":{"ok":{}}}
            "op":{"remove":{"value":"v"}},"result":{"ok":{"changed":true}}}
            "op":{"contains":{"value":"v"}},"result":{"ok":{"contains":false}}}
            "op":{"read":{}},"result":{"ok":{"values":["v","w"]}}}
        "#]],
    );
    is_written_as::<Counter>(
        [
            (CounterInput::Read, CounterOutput::Value(-3)),
            (CounterInput::Add(2), CounterOutput::Added),
            (CounterInput::AddAndGet(2), CounterOutput::Value(-1)),
        ],
        expect![[r#"
            "op":{"read":{}},"result":{"ok":{"value":-3}}}
            "op":{"add":{"by":2}},"result":{"ok":{}}}
            "op":{"add_and_get":{"by":2}},"result":{"ok":{"value":-1}}}
        "#]],
    );
    is_refused::<Set>(
        &[
            (r#"{"read":{}}"#, r#"{"values":["v","w","v"]}"#),
            (r#"{"read":{}}"#, r#"{"values":null}"#),
            (r#"{"read":{}}"#, r#"{}"#),
            (r#"{"contains":{"value":"v"}}"#, r#"{"changed":true}"#),
            (r#"{"add":{"value":"v"}}"#, r#"{"changed":1}"#),
        ],
        expect![[r#"
            in "result": a value stands twice in "values"
            in "result": invalid type: null, expected a sequence
            in "result": missing field `values`
            in "result": unknown field `changed`, expected `contains`
            in "result": invalid type: integer `1`, expected a boolean
        "#]],
    );
    is_refused::<Counter>(
        &[
            (r#"{"add":{"by":2}}"#, r#"{"value":2}"#),
            (r#"{"add_and_get":{"by":2}}"#, "{}"),
            (r#"{"add":{}}"#, "{}"),
        ],
        expect![[r#"
            in "result": unknown field `value`, there are no fields
            in "result": missing field `value`
            missing field `by` at column 53
        "#]],
    );
}

#[test]
fn strings_transactions_and_locks() {
    let key = || bytes("k");
    is_written_as::<Strings>(
        [
            (
                StringsInput::Get { key: key() },
                StringsOutput::Got { value: bytes("") },
            ),
            (
                StringsInput::Put {
                    key: key(),
                    value: bytes("v"),
                },
                StringsOutput::Written,
            ),
            (
                StringsInput::Append {
                    key: key(),
                    value: bytes("w"),
                },
                StringsOutput::Appended { value: None },
            ),
            (
                StringsInput::Append {
                    key: key(),
                    value: bytes("w"),
                },
                StringsOutput::Appended {
                    value: Some(bytes("vww")),
                },
            ),
        ],
        expect![[r#"
            "op":{"get":{"key":"k"}},"result":{"ok":{"value":""}}}
            "op":{"put":{"key":"k","value":"v"}},"result":{"ok":{}}}
            "op":{"append":{"key":"k","value":"w"}},"result":{"ok":{}}}
            "op":{"append":{"key":"k","value":"w"}},"result":{"ok":{"value":"vww"}}}
        "#]],
    );
    is_written_as::<MultiRegister>(
        [
            (Vec::new(), Vec::new()),
            (
                [
                    MicroInput::Read(key()),
                    MicroInput::Read(key()),
                    MicroInput::Read(key()),
                    MicroInput::Write(key(), bytes("v")),
                ]
                .into(),
                [
                    MicroOutput::Value(Some(bytes("u"))),
                    MicroOutput::Value(None),
                    MicroOutput::Untold,
                    MicroOutput::Written,
                ]
                .into(),
            ),
        ],
        expect![[r#"
            "op":{"txn":[]},"result":{"ok":{"results":[]}}}
            "op":{"txn":[{"read":{"key":"k"}},{"read":{"key":"k"}},{"read":{"key":"k"}},{"write":{"key":"k","value":"v"}}]},"result":{"ok":{"results":[{"value":"u"},{"value":null},{},{}]}}}
        "#]],
    );
    is_written_as::<Mutex>(
        [
            (MutexInput::Acquire { owner: None }, MutexOutput::Granted),
            (MutexInput::Release { owner: Some(7) }, MutexOutput::Refused),
        ],
        expect![[r#"
            "op":{"acquire":{}},"result":{"ok":{"granted":true}}}
            "op":{"release":{"owner":7}},"result":{"ok":{"granted":false}}}
        "#]],
    );
    is_written_as::<FencedLease>(
        [
            (
                FencedLeaseInput::Acquire,
                FencedLeaseOutput::Granted { token: 7 },
            ),
            (FencedLeaseInput::Acquire, FencedLeaseOutput::Refused),
            (
                FencedLeaseInput::Renew { token: 7 },
                FencedLeaseOutput::Done,
            ),
            (
                FencedLeaseInput::Release { token: 7 },
                FencedLeaseOutput::Refused,
            ),
            (
                FencedLeaseInput::Write {
                    token: 7,
                    value: bytes("v"),
                },
                FencedLeaseOutput::Done,
            ),
            (FencedLeaseInput::Read, FencedLeaseOutput::Value(None)),
        ],
        expect![[r#"
            "op":{"acquire":{}},"result":{"ok":{"token":7}}}
            "op":{"acquire":{}},"result":{"ok":{"token":null}}}
            "op":{"renew":{"token":7}},"result":{"ok":{"done":true}}}
            "op":{"release":{"token":7}},"result":{"ok":{"done":false}}}
            "op":{"write":{"token":7,"value":"v"}},"result":{"ok":{"done":true}}}
            "op":{"read":{}},"result":{"ok":{"value":null}}}
        "#]],
    );
    is_refused::<FencedLease>(
        &[
            (r#"{"acquire":{}}"#, "{}"),
            (r#"{"acquire":{}}"#, r#"{"done":true}"#),
            (r#"{"renew":{}}"#, r#"{"done":true}"#),
            (r#"{"release":{"token":7}}"#, r#"{"token":7}"#),
            (r#"{"write":{"value":"v"}}"#, r#"{"done":true}"#),
        ],
        expect![[r#"
            in "result": missing field `token`
            in "result": unknown field `done`, expected `token`
            missing field `token` at column 55
            in "result": unknown field `token`, expected `done`
            missing field `token` at column 66
        "#]],
    );
    let read = r#"{"txn":[{"read":{"key":"k"}}]}"#;
    is_refused::<MultiRegister>(
        &[
            (read, r#"{"results":[]}"#),
            (read, r#"{"results":[{},{}]}"#),
            (read, r#"[{}]"#),
            (
                r#"{"txn":[{"write":{"key":"k","value":"v"}}]}"#,
                r#"{"results":[{"value":null}]}"#,
            ),
            (r#"{"txn":[{"write":{"key":"k"}}]}"#, r#"{"results":[{}]}"#),
            (r#"{"txn":{"read":{"key":"k"}}}"#, r#"{"results":[{}]}"#),
        ],
        expect![[r#"
            in "result": 0 results to a transaction of 1
            in "result": 2 results to a transaction of 1
            in "result": invalid type: map, expected a sequence
            in "result": a write is told no value
            missing field `value` at column 72
            invalid type: map, expected a sequence at column 51
        "#]],
    );
    is_refused::<Strings>(
        &[
            (r#"{"get":{"key":"k"}}"#, r#"{"value":null}"#),
            (r#"{"delete":{"key":"k"}}"#, "{}"),
        ],
        expect![[r#"
            in "result": invalid type: null, expected a string, or {"base64url":"..."} for bytes that are not UTF-8
            unknown variant `delete`, expected one of `get`, `put`, `append` at column 53
        "#]],
    );
    is_refused::<Mutex>(
        &[
            (r#"{"acquire":{}}"#, "{}"),
            (r#"{"acquire":{"owner":-1}}"#, r#"{"granted":true}"#),
        ],
        expect![[r#"
            in "result": missing field `granted`
            invalid value: integer `-1`, expected u64 at column 66
        "#]],
    );
}

/// Answers to other questions are not written, as they would not be read again.
#[test]
fn an_answer_to_another_question_is_not_written() {
    assert!(line::<Queue>(QueueInput::Peek, QueueOutput::Enqueued).is_err());
    assert!(line::<Stack>(StackInput::Peek, StackOutput::Pushed).is_err());
    assert!(line::<PriorityQueue>(PriorityQueueInput::Min, PriorityQueueOutput::Len(1)).is_err());
    assert!(line::<Set>(SetInput::ReadAll, SetOutput::Contains(true)).is_err());
    assert!(line::<Counter>(CounterInput::Read, CounterOutput::Added).is_err());
    let get = StringsInput::Get { key: bytes("k") };
    assert!(line::<Strings>(get, StringsOutput::Written).is_err());
    let read = || Vec::from([MicroInput::Read(bytes("k"))]);
    assert!(line::<MultiRegister>(read(), Vec::new()).is_err());
    assert!(line::<MultiRegister>(read(), Vec::from([MicroOutput::Written])).is_err());
    assert!(line::<FencedLease>(FencedLeaseInput::Acquire, FencedLeaseOutput::Done).is_err());
    assert!(line::<Register>(RegisterInput::Read, RegisterOutput::Written).is_err());
}

/// Deep nesting is refused, and not followed to the end of the stack.
#[test]
fn deep_nesting_is_refused() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let maps = r#"{"value":"#.repeat(50_000) + "1" + &"}".repeat(50_000);
    for deep in [&deep, &maps] {
        let result = alloc::format!(
            r#"{{"process":1,"call_ns":5,"return_ns":9,"op":{{"read":{{}}}},"result":{{"ok":{deep}}}}}"#
        );
        let txn = alloc::format!(
            r#"{{"process":1,"call_ns":5,"op":{{"txn":{deep}}},"result":"unknown"}}"#
        );
        assert!(read::<Set>(&result).is_err());
        assert!(read::<Counter>(&result).is_err());
        assert!(read::<MultiRegister>(&txn).is_err());
    }
}

fn any_bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        "\\PC{0,6}".prop_map(Bytes::from),
        prop::collection::vec(any::<u8>(), 0..6).prop_map(Bytes::from),
    ]
}

/// Whatever is asked and answered: what is written is read again, with any byte of it changed it is a
/// record or refused, and cut short it is refused.
fn comes_back<M: JsonModel>(asked: impl Strategy<Value = Asked<M>>)
where
    M::Input: Clone + Debug,
    M::Output: Clone + Debug + PartialEq,
{
    let config = ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let change = (any::<prop::sample::Index>(), any::<u8>());
    TestRunner::new(config)
        .run(&(asked, change), |((input, output), (at, byte))| {
            let mut line = line::<M>(input.clone(), output.clone()).unwrap();
            let expected = Record::from(Operation::ok(1, input, output, 5, 9));
            prop_assert_eq!(read::<M>(&line).unwrap(), [expected]);
            let end = at.index(line.len() - 1);
            let limits = ReadLimits::default();
            let cut = read_history::<M>(&line.as_bytes()[..end], limits);
            prop_assert!(cut.is_err() || end == 0);
            let mut changed = core::mem::take(&mut line).into_bytes();
            *at.get_mut(&mut changed) = byte;
            if let Ok(records) = read_history::<M>(&changed[..], limits) {
                let mut file = Vec::new();
                write_history::<M>(&mut file, &records).unwrap();
                prop_assert_eq!(read_history::<M>(&file[..], limits).unwrap(), records);
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn whatever_is_written_is_read_again() {
    let value = || prop::option::of(any_bytes());
    comes_back::<Queue>(prop_oneof![
        any_bytes().prop_map(|value| (QueueInput::Enqueue(value), QueueOutput::Enqueued)),
        value().prop_map(|value| (QueueInput::Dequeue, QueueOutput::Value(value))),
        any::<u64>().prop_map(|len| (QueueInput::Len, QueueOutput::Len(len))),
    ]);
    comes_back::<Stack>(prop_oneof![
        any_bytes().prop_map(|value| (StackInput::Push(value), StackOutput::Pushed)),
        value().prop_map(|value| (StackInput::Pop, StackOutput::Value(value))),
    ]);
    comes_back::<PriorityQueue>(prop_oneof![
        any::<i64>().prop_map(|value| (
            PriorityQueueInput::Insert(value),
            PriorityQueueOutput::Inserted
        )),
        any::<Option<i64>>()
            .prop_map(|value| (PriorityQueueInput::Min, PriorityQueueOutput::Value(value))),
    ]);
    comes_back::<Set>(prop_oneof![
        (any_bytes(), any::<Option<bool>>())
            .prop_map(|(value, changed)| (SetInput::Add(value), SetOutput::Changed(changed))),
        prop::collection::btree_set(any_bytes(), 0..4)
            .prop_map(|all| (SetInput::ReadAll, SetOutput::All(all))),
    ]);
    comes_back::<Counter>(prop_oneof![
        any::<i64>().prop_map(|by| (CounterInput::Add(by), CounterOutput::Added)),
        any::<(i64, i64)>()
            .prop_map(|(by, sum)| (CounterInput::AddAndGet(by), CounterOutput::Value(sum))),
    ]);
    comes_back::<Strings>(
        (any_bytes(), any_bytes(), value()).prop_map(|(key, value, told)| {
            (
                StringsInput::Append { key, value },
                StringsOutput::Appended { value: told },
            )
        }),
    );
    comes_back::<Mutex>(
        (any::<Option<u64>>(), any::<bool>()).prop_map(|(owner, granted)| {
            let output = if granted {
                MutexOutput::Granted
            } else {
                MutexOutput::Refused
            };
            (MutexInput::Release { owner }, output)
        }),
    );
    comes_back::<FencedLease>(prop_oneof![
        any::<u64>().prop_map(|token| (
            FencedLeaseInput::Acquire,
            FencedLeaseOutput::Granted { token }
        )),
        (any::<u64>(), any_bytes()).prop_map(|(token, value)| (
            FencedLeaseInput::Write { token, value },
            FencedLeaseOutput::Refused
        )),
        value().prop_map(|value| (FencedLeaseInput::Read, FencedLeaseOutput::Value(value))),
    ]);
    let micro = prop_oneof![
        (any_bytes(), value())
            .prop_map(|(key, told)| (MicroInput::Read(key), MicroOutput::Value(told))),
        any_bytes().prop_map(|key| (MicroInput::Read(key), MicroOutput::Untold)),
        (any_bytes(), any_bytes())
            .prop_map(|(key, value)| (MicroInput::Write(key, value), MicroOutput::Written)),
    ];
    comes_back::<MultiRegister>(
        prop::collection::vec(micro, 0..4).prop_map(|micros| micros.into_iter().unzip()),
    );
}
