use super::*;
use crate::ReadLimits;
use crate::{
    Expected, KeyValueInput, KeyValueOutput, Operation, Outcome, Record, Recording, RegisterInput,
    RegisterOutput,
};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;
use expect_test::expect;
use proptest::prelude::*;

type KvRecord = Record<KeyValueInput, KeyValueOutput>;

fn read<M: JsonModel>(file: &str) -> Result<Recording<M>, ReadHistoryError> {
    read_history::<M>(file.as_bytes(), ReadLimits::default())
}

fn written<M: JsonModel>(records: &[Record<M::Input, M::Output>]) -> String {
    let mut file = Vec::new();
    write_history::<M>(&mut file, records).unwrap();
    String::from_utf8(file).unwrap()
}

/// The file is a format: whatever changes here breaks the files that people have.
#[test]
fn every_operation_has_its_line() {
    let key = || Bytes::from_static(b"k");
    let not_utf8 = || Bytes::from_static(&[0xFF, 0x00]);
    let cas = |expected, value| KeyValueInput::CompareAndSet {
        key: key(),
        expected,
        value,
    };
    let ok = |input, output| Record::from(Operation::ok(1, input, output, 5, 9));
    let got = |value, revision| KeyValueOutput::Got { value, revision };
    let swapped = |swapped, revision| KeyValueOutput::Swapped { swapped, revision };
    let counted = |value, revision| KeyValueOutput::Counted { value, revision };
    let done = KeyValueOutput::Written { revision: Some(7) };
    let get = || KeyValueInput::Get { key: key() };
    let put = |value| KeyValueInput::Put { key: key(), value };
    let records: Vec<KvRecord> = [
        ok(get(), got(Some("v".into()), Some(7))),
        ok(get(), got(None, None)),
        Record {
            level: Some(Level::Bounded(Duration::from_millis(250))),
            session: Some(4),
            ..ok(get(), got(Some(not_utf8()), None))
        },
        ok(put(not_utf8()), done.clone()),
        ok(KeyValueInput::Delete { key: key() }, done),
        ok(cas(Expected::Absent, None), swapped(false, Some(3))),
        ok(
            cas(Expected::Present, Some("v".into())),
            swapped(true, None),
        ),
        ok(
            cas(Expected::Value("u".into()), Some("v".into())),
            swapped(true, Some(8)),
        ),
        ok(
            cas(Expected::Revision(6), Some("v".into())),
            swapped(true, Some(8)),
        ),
        ok(
            KeyValueInput::Increment { key: key(), by: -2 },
            counted(Some(40), Some(9)),
        ),
        ok(KeyValueInput::Count { key: key() }, counted(Some(40), None)),
        Operation::failed(1, put("v".into()), 5, 9).into(),
        Operation::unknown(1, put("v".into()), 5).into(),
    ]
    .into();
    let file = written::<KeyValue>(&records);
    expect![[r#"
        {"process":1,"call_ns":5,"return_ns":9,"op":{"get":{"key":"k"}},"result":{"ok":{"value":"v","revision":7}}}
        {"process":1,"call_ns":5,"return_ns":9,"op":{"get":{"key":"k"}},"result":{"ok":{"value":null}}}
        {"process":1,"call_ns":5,"return_ns":9,"op":{"get":{"key":"k"}},"result":{"ok":{"value":{"base64url":"_wA"}}},"level":"bounded-250","session":4}
        {"process":1,"call_ns":5,"return_ns":9,"op":{"put":{"key":"k","value":{"base64url":"_wA"}}},"result":{"ok":{"revision":7}}}
        {"process":1,"call_ns":5,"return_ns":9,"op":{"delete":{"key":"k"}},"result":{"ok":{"revision":7}}}
        {"process":1,"call_ns":5,"return_ns":9,"op":{"cas":{"key":"k","expected":"absent","value":null}},"result":{"ok":{"swapped":false,"revision":3}}}
        {"process":1,"call_ns":5,"return_ns":9,"op":{"cas":{"key":"k","expected":"present","value":"v"}},"result":{"ok":{"swapped":true}}}
        {"process":1,"call_ns":5,"return_ns":9,"op":{"cas":{"key":"k","expected":{"value":"u"},"value":"v"}},"result":{"ok":{"swapped":true,"revision":8}}}
        {"process":1,"call_ns":5,"return_ns":9,"op":{"cas":{"key":"k","expected":{"revision":6},"value":"v"}},"result":{"ok":{"swapped":true,"revision":8}}}
        {"process":1,"call_ns":5,"return_ns":9,"op":{"increment":{"key":"k","by":-2}},"result":{"ok":{"value":40,"revision":9}}}
        {"process":1,"call_ns":5,"return_ns":9,"op":{"count":{"key":"k"}},"result":{"ok":{"value":40}}}
        {"process":1,"call_ns":5,"return_ns":9,"op":{"put":{"key":"k","value":"v"}},"result":"failed"}
        {"process":1,"call_ns":5,"op":{"put":{"key":"k","value":"v"}},"result":"unknown"}
    "#]]
    .assert_eq(&file);
    assert_eq!(read::<KeyValue>(&file).unwrap(), records);

    let cas = |expected: Option<Bytes>| RegisterInput::CompareAndSet {
        expected,
        value: "v".into(),
    };
    let ok = |input, output| Record::from(Operation::ok(1, input, output, 5, 9));
    let records = [
        ok(RegisterInput::Read, RegisterOutput::Value(None)),
        ok(RegisterInput::Write("v".into()), RegisterOutput::Written),
        ok(cas(None), RegisterOutput::Swapped(true)),
        ok(cas(Some("u".into())), RegisterOutput::Swapped(false)),
    ];
    let file = written::<Register>(&records);
    expect![[r#"
        {"process":1,"call_ns":5,"return_ns":9,"op":{"read":{}},"result":{"ok":{"value":null}}}
        {"process":1,"call_ns":5,"return_ns":9,"op":{"write":{"value":"v"}},"result":{"ok":{}}}
        {"process":1,"call_ns":5,"return_ns":9,"op":{"cas":{"expected":null,"value":"v"}},"result":{"ok":{"swapped":true}}}
        {"process":1,"call_ns":5,"return_ns":9,"op":{"cas":{"expected":"u","value":"v"}},"result":{"ok":{"swapped":false}}}
    "#]]
    .assert_eq(&file);
    assert_eq!(read::<Register>(&file).unwrap(), records);
}

#[test]
fn what_is_no_record_is_refused_with_its_line_and_the_reason() {
    let good = r#"{"process":1,"call_ns":5,"return_ns":9,"op":{"get":{"key":"k"}},"result":{"ok":{"value":"v"}}}"#;
    assert_eq!(read::<KeyValue>(good).unwrap().len(), 1);
    let mut messages = String::new();
    for (from, to) in [
        (r#""process":1,"#, ""),
        (r#""process":1"#, r#""process":-1"#),
        (r#""process":1"#, r#""process":1,"levle":"session""#),
        (r#""process":1"#, r#""process":1,"level":"strong""#),
        (r#","return_ns":9"#, ""),
        (r#""return_ns":9"#, r#""return_ns":4"#),
        (r#""get""#, r#""fetch""#),
        (r#""key":"k""#, r#""key":7"#),
        (r#""key":"k""#, r#""key":{"base64url":"/w=="}"#),
        (r#""key":"k""#, r#""key":{"base64":"_w"}"#),
        (r#"{"ok":{"value":"v"}}"#, r#""maybe""#),
        (r#"{"value":"v"}"#, "{}"),
        (r#"{"value":"v"}"#, r#"{"value":"v","swapped":true}"#),
        (r#"{"ok":{"value":"v"}}}"#, r#"{"ok":{"value":"v"}"#),
        (r#""op":{"get":{"key":"k"}}"#, r#""op":{"read":{}}"#),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good);
        let error = read::<KeyValue>(&alloc::format!("{good}\n\n{bad}\n{good}\n")).unwrap_err();
        messages.push_str(&error.to_string());
        messages.push('\n');
    }
    expect![[r#"
        line 3 is not a record of this model: missing field `process` at column 82
        line 3 is not a record of this model: invalid value: integer `-1`, expected u64 at column 13
        line 3 is not a record of this model: unknown field `levle`, expected one of `process`, `call_ns`, `return_ns`, `op`, `result`, `level`, `session` at column 20
        line 3 is not a record of this model: "strong" is no consistency level; write linearizable, lease, session, bounded-<milliseconds> (such as bounded-500) or eventual at column 29
        line 3 is not a record of this model: an operation with a result needs "return_ns"
        line 3 is not a record of this model: it returned at 4 ns, before it was called at 5 ns
        line 3 is not a record of this model: unknown variant `fetch`, expected one of `get`, `put`, `delete`, `cas`, `increment`, `count` at column 52
        line 3 is not a record of this model: invalid type: integer `7`, expected a string, or {"base64url":"..."} for bytes that are not UTF-8 at column 59
        line 3 is not a record of this model: character 0 is not what base64url without padding has there at column 78
        line 3 is not a record of this model: unknown field `base64`, expected `base64url` at column 73
        line 3 is not a record of this model: unknown variant `maybe`, expected one of `ok`, `failed`, `unknown` at column 80
        line 3 is not a record of this model: in "result": missing field `value`
        line 3 is not a record of this model: in "result": unknown field `swapped`, expected `value` or `revision`
        line 3 is not a record of this model: EOF while parsing an object at column 92
        line 3 is not a record of this model: unknown variant `read`, expected one of `get`, `put`, `delete`, `cas`, `increment`, `count` at column 51
    "#]].assert_eq(&messages);
}

#[test]
fn limits_hold_to_the_byte_and_the_record() {
    let line = r#"{"process":1,"call_ns":5,"op":{"read":{}},"result":"unknown"}"#;
    let limits = ReadLimits {
        line_bytes: line.len(),
        records: 2,
        ..ReadLimits::default()
    };
    let read = |file: String| read_history::<Register>(file.as_bytes(), limits);
    assert_eq!(read(alloc::format!("{line}\n{line}")).unwrap().len(), 2);
    assert_eq!(read(alloc::format!("{line}\n{line}\n\n")).unwrap().len(), 2);
    assert!(matches!(
        read(alloc::format!("{line}\n{line} \n")),
        Err(ReadHistoryError::LineTooLong { line: 2, .. })
    ));
    assert!(matches!(
        read(alloc::format!("{line}\n\n{line}\n{line}\n")),
        Err(ReadHistoryError::TooManyRecords { line: 4, limit: 2 })
    ));
}

#[test]
fn an_output_that_answers_another_question_is_not_written() {
    let record: KvRecord = Operation::ok(
        1,
        KeyValueInput::Get { key: "k".into() },
        KeyValueOutput::Written { revision: None },
        0,
        1,
    )
    .into();
    let mut file = Vec::new();
    let error = write_record::<KeyValue>(&mut file, &record).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    assert!(file.is_empty());
}

/// The lines in the crate's documentation.
#[test]
fn the_documented_lines_are_records() {
    let lines: Vec<_> = include_str!("../lib.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! "))
        .filter(|line| line.starts_with(r#"{"process""#))
        .collect();
    assert_eq!(lines.len(), 3);
    let records = read::<KeyValue>(&lines.join("\n")).unwrap();
    assert_eq!(written::<KeyValue>(&records).trim_end(), lines.join("\n"));
}

#[test]
fn levels_and_tokens_are_their_texts_in_serde() {
    let mut session = crate::session::Session::default();
    session.observe_write(0, 17);
    let token = session.into_token();
    let json = serde_json::to_string(&(Level::Lease, &token)).unwrap();
    assert_eq!(json, r#"["lease","2.AgAEAAIi"]"#);
    assert_eq!(
        serde_json::from_str::<(Level, _)>(&json).unwrap(),
        (Level::Lease, token)
    );
    assert!(serde_json::from_str::<crate::session::Token>(r#""2.A""#).is_err());
}

fn bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        "\\PC{0,8}".prop_map(Bytes::from),
        prop::collection::vec(any::<u8>(), 0..8).prop_map(Bytes::from),
    ]
}

fn kv_record() -> impl Strategy<Value = KvRecord> {
    let revision = || prop::option::of(any::<u64>());
    let expected = prop_oneof![
        Just(Expected::Absent),
        Just(Expected::Present),
        bytes().prop_map(Expected::Value),
        any::<u64>().prop_map(Expected::Revision),
    ];
    let operation = prop_oneof![
        (bytes(), prop::option::of(bytes()), revision()).prop_map(|(key, value, revision)| {
            let output = KeyValueOutput::Got { value, revision };
            (KeyValueInput::Get { key }, output)
        }),
        (bytes(), bytes(), revision()).prop_map(|(key, value, revision)| {
            let output = KeyValueOutput::Written { revision };
            (KeyValueInput::Put { key, value }, output)
        }),
        (
            bytes(),
            expected,
            prop::option::of(bytes()),
            any::<bool>(),
            revision()
        )
            .prop_map(|(key, expected, value, swapped, revision)| {
                let input = KeyValueInput::CompareAndSet {
                    key,
                    expected,
                    value,
                };
                (input, KeyValueOutput::Swapped { swapped, revision })
            }),
        (
            bytes(),
            any::<i64>(),
            prop::option::of(any::<i64>()),
            revision()
        )
            .prop_map(|(key, by, value, revision)| {
                let output = KeyValueOutput::Counted { value, revision };
                (KeyValueInput::Increment { key, by }, output)
            }),
    ];
    let level = prop::option::of(prop_oneof![
        Just(Level::Session),
        any::<u64>().prop_map(|millis| Level::Bounded(Duration::from_millis(millis))),
    ]);
    let outcome = 0..3_u8;
    let session = prop::option::of(any::<u64>());
    (
        any::<u64>(),
        operation,
        outcome,
        any::<u64>(),
        any::<u64>(),
        level,
        session,
    )
        .prop_map(
            |(process, (input, output), outcome, call, ret, level, session)| {
                let output = match outcome {
                    0 => Outcome::Ok(output),
                    1 => Outcome::Failed,
                    _ => Outcome::Unknown,
                };
                let ret = match output {
                    Outcome::Unknown => u64::MAX,
                    _ => ret.max(call),
                };
                Record {
                    operation: Operation {
                        process,
                        input,
                        output,
                        call,
                        ret,
                    },
                    level,
                    session,
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_record_survives_its_line(records in prop::collection::vec(kv_record(), 0..5)) {
        let file = written::<KeyValue>(&records);
        prop_assert_eq!(file.lines().count(), records.len());
        prop_assert_eq!(read::<KeyValue>(&file).unwrap(), records);
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(file in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_history::<KeyValue>(&file[..], ReadLimits::default());
        let _ = read_history::<Register>(&file[..], ReadLimits::default());
    }

    /// Nearly right is worse than random: it gets further.
    #[test]
    fn damaged_lines_do_not_panic(
        record in kv_record(),
        at in any::<prop::sample::Index>(),
        with in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut file = written::<KeyValue>(&[record]).into_bytes();
        *at.get_mut(&mut file) = with;
        let _ = read_history::<KeyValue>(&file[..], ReadLimits::default());
        file.truncate(cut.index(file.len()));
        let _ = read_history::<KeyValue>(&file[..], ReadLimits::default());
    }
}
