use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::edn::Parser;
use super::input::Input;
use super::*;
use crate::{
    Budget, Counter, History, KeyValue, MicroInput, MicroOutput, Model, MultiRegister, Mutex,
    Operation, Outcome, PriorityQueue, Queue, Register, RegisterInput, RegisterOutput, Seen, Set,
    SetInput, SetOutput, Stack, Strings, check,
};

fn values(text: &str) -> Result<Vec<Edn>, FormatError> {
    let limits = ReadLimits::default();
    let mut parser = Parser::new(Input::new(text.as_bytes(), limits.line_bytes), limits.depth);
    let mut values = Vec::new();
    while let Some(value) = parser.value()? {
        values.push(value);
    }
    Ok(values)
}

fn error_of<T>(result: Result<T, FormatError>) -> String {
    match result {
        Ok(_) => String::from("no error"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn every_kind_of_value_is_read() {
    let text = r#"nil true, false 12 -3 +4 9223372036854775808 1.5 3/4 7N :a/b sym \a \newline \( "q\"\n\u00e9\ud83d\ude00"
        ( 1 ) [] {:a 1, :b [2]} #{1 2} #inst "2020" #_ [ignored (1)] ; a comment
        #_ #_ 1 2 end"#;
    let read = values(text).unwrap();
    let shown: Vec<String> = read.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "nil",
            "true",
            "false",
            "12",
            "-3",
            "4",
            "9223372036854775808",
            "1.5",
            "3/4",
            "7",
            ":a/b",
            "sym",
            "\\a",
            "\\newline",
            "\\(",
            "\"q\\\"\\n\u{e9}\u{1f600}\"",
            "(1)",
            "[]",
            "{:a 1, :b [2]}",
            "#{1 2}",
            "#inst \"2020\"",
            "end",
        ]
    );
    assert_eq!(read[6], Edn::Number("9223372036854775808".into()));
}

#[test]
fn what_is_no_value_is_refused_where_it_stands() {
    for (text, expected) in [
        (
            "[1 2",
            "line 1, column 5: found the end of the file where there should be a value",
        ),
        ("\n [1)", "line 2, column 4: found `)`"),
        ("]", "line 1, column 1: found `]`"),
        ("\"abc", "the end of a string"),
        ("\"\\q\"", "an escape that strings have"),
        ("\"\\u12g4\"", "four hexadecimal digits"),
        ("\"\\ud83d\"", "the second half of a surrogate pair"),
        ("\"\\ud83d\\u0041\"", "a surrogate pair before"),
        ("{:a}", "a map with a value for each key"),
        ("#", "a set, a tag or `_`"),
        ("#_]", "a value to leave out"),
        (":", "a colon alone"),
    ] {
        let said = error_of(values(text));
        assert!(said.contains(expected), "{text:?}: {said}");
    }
    let deep = "[".repeat(100_000);
    assert!(error_of(values(&deep)).contains("nested more than 32 deep"));
    assert!(error_of(values(&"#_ ".repeat(100_000))).contains("nested more than 32 deep"));
}

#[test]
fn events_are_read_in_whatever_they_stand() {
    let event = "{:process 0, :type :invoke, :f :read, :value nil, :time 5, :index 0}";
    for text in [
        event.to_string(),
        alloc::format!("[{event}]"),
        alloc::format!(" ; from a test\n(\n{event}\n)\n"),
        alloc::format!("#jepsen.history.Op{event}"),
    ] {
        let history = registers(&text, Notation::Edn).unwrap();
        assert_eq!(
            history.operations,
            [Operation::unknown(0, RegisterInput::Read, 0)],
            "{text}"
        );
    }
    for text in ["", "[]", "()", "; nothing"] {
        assert!(registers(text, Notation::Edn).unwrap().is_empty(), "{text}");
    }
    for (text, expected) in [
        (
            "[{:process 0, :type :invoke, :f :read}] 1",
            "the end of the file",
        ),
        (
            "[{:process 0, :type :invoke, :f :read}",
            "a closing bracket",
        ),
        ("7", "an event is a map"),
        ("{:process 0}", "needs a `:type`"),
        ("{:process 0, :type :maybe}", "is none of :invoke"),
        (
            "{:process 1.5, :type :ok}",
            "neither a number nor a keyword",
        ),
        ("{:process -1, :type :ok}", "below zero"),
        ("{:type :invoke, :f :read}", "which :process"),
        ("{:process 0, :type :invoke, :f 7}", "is no function"),
        (
            "{:process 0, :type :invoke, :f :steal}",
            "nothing that a register does",
        ),
        (
            "{:process 0, :type :invoke, :f :cas, :value 3}",
            "[expected new]",
        ),
        (
            "{:process 0, :type :ok, :f :read, :value 3}",
            "asked for nothing",
        ),
    ] {
        let said = error_of(registers(text, Notation::Edn));
        assert!(said.contains(expected), "{text:?}: {said}");
    }
    let twice = alloc::format!("{event}\n{event}");
    let said = error_of(registers(&twice, Notation::Edn));
    assert!(
        said.starts_with("line 2, column 1") && said.contains("before it was answered"),
        "{said}"
    );
}

type Registers = History<RegisterInput, RegisterOutput>;

fn registers(text: &str, notation: Notation) -> Result<Registers, FormatError> {
    read_events(
        &Register::new(),
        text.as_bytes(),
        notation,
        ReadLimits::default(),
    )
}

#[test]
fn a_log_means_what_the_tests_of_etcd_mean() {
    let log = "noise\n\
        INFO  jepsen.util - 0\t:invoke\t:cas\t[1 2]\n\
        INFO  jepsen.util - :nemesis :info :start \"cut off [n1 n2]\"\n\
        INFO  jepsen.util - 0\t:fail\t:cas\t[1 2]\n\
        INFO  jepsen.util - 1 :invoke :read nil\n\
        INFO  jepsen.util - 1 :fail :read :timed-out\n\
        INFO  jepsen.util - 2 :invoke :read nil\n\
        INFO  jepsen.util - 2 :ok :read nil\n\
        INFO  jepsen.util - 3 :invoke :cas [1 2]\n\
        INFO  jepsen.util - 3 :info :cas :timed-out\n\
        INFO  jepsen.util - 4 :invoke :cas [1 2]\n\
        INFO  jepsen.util - 4 :fail :cas :timed-out\n\
        INFO  jepsen.util - 5 :invoke :write 7\n";
    let history = registers(log, Notation::Log).unwrap();
    let outcomes: Vec<_> = history
        .operations
        .iter()
        .map(|operation| &operation.output)
        .collect();
    assert_eq!(
        outcomes,
        [
            &Outcome::Ok(RegisterOutput::Swapped(false)),
            &Outcome::Failed,
            &Outcome::Ok(RegisterOutput::Value(None)),
            &Outcome::Unknown,
            &Outcome::Failed,
            &Outcome::Unknown,
        ]
    );
    let times: Vec<_> = history
        .operations
        .iter()
        .map(|operation| operation.call)
        .collect();
    assert_eq!(times, [0, 2, 4, 6, 8, 10]);
    // And the same in EDN means what Knossos means.
    let edn = "{:process 0, :type :invoke, :f :cas, :value [1 2]} {:process 0, :type :fail, :f :cas, :value [1 2]}
        {:process 0, :type :invoke, :f :read, :value nil} {:process 0, :type :ok, :f :read, :value nil}";
    let history = registers(edn, Notation::Edn).unwrap();
    let outcomes: Vec<_> = history
        .operations
        .iter()
        .map(|operation| &operation.output)
        .collect();
    assert_eq!(outcomes, [&Outcome::Failed, &Outcome::Unknown]);

    for (log, expected) in [
        (
            "INFO  jepsen.util - 0 :invoke",
            "line 1, column 21: a process, a type and a function",
        ),
        (
            "\nINFO  jepsen.util - 0 :invoke :write [3",
            "line 2, column 40: found the end",
        ),
    ] {
        let said = error_of(registers(log, Notation::Log));
        assert!(said.contains(expected), "{log:?}: {said}");
    }
}

/// Reads a short EDN history, an event as `process type function value` in each line, and says whether it
/// is linearizable.
fn holds<M: EventModel>(model: &M, events: &str) -> bool {
    let mut text = String::new();
    for line in events
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().unwrap_or("nil");
        let (process, kind, function, value) = (word(), word(), word(), word());
        text += &alloc::format!(
            "{{:process {process}, :type {kind}, :f {function}, :value {value}}}\n"
        );
    }
    let history =
        read_events(model, text.as_bytes(), Notation::Edn, ReadLimits::default()).unwrap();
    check(model, &history, Budget::default()).holds()
}

#[test]
fn each_model_is_read_and_judged() {
    let counter = "0 :invoke :add 2\n0 :ok :add 2\n1 :invoke :read nil\n1 :ok :read ";
    assert!(holds(&Counter::new(), &alloc::format!("{counter}2")));
    assert!(!holds(&Counter::new(), &alloc::format!("{counter}3")));
    assert!(holds(&Counter::new(), &alloc::format!("{counter}nil")));

    let set = "0 :invoke :add 2\n0 :ok :add 2\n1 :invoke :read nil\n1 :ok :read ";
    assert!(holds(&Set::new(), &alloc::format!("{set}#{{2}}")));
    assert!(!holds(&Set::new(), &alloc::format!("{set}[]")));
    let contains = "0 :invoke :contains 2\n0 :ok :contains ";
    assert!(holds(&Set::new(), &alloc::format!("{contains}false")));
    assert!(!holds(&Set::new(), &alloc::format!("{contains}true")));

    let mutex = "0 :invoke :acquire\n0 :ok :acquire\n1 :invoke :acquire\n1 ";
    assert!(!holds(
        &Mutex::new(),
        &alloc::format!("{mutex}:ok :acquire")
    ));
    assert!(holds(
        &Mutex::new(),
        &alloc::format!("{mutex}:fail :acquire")
    ));

    let queue = "0 :invoke :enqueue 1\n0 :ok :enqueue 1\n0 :invoke :enqueue 2\n0 :ok :enqueue 2
        1 :invoke :dequeue nil\n1 :ok :dequeue ";
    assert!(holds(&Queue::new(), &alloc::format!("{queue}1")));
    assert!(!holds(&Queue::new(), &alloc::format!("{queue}2")));
    assert!(!holds(&Queue::new(), &alloc::format!("{queue}nil")));

    let stack = "0 :invoke :push 1\n0 :ok :push 1\n0 :invoke :push 2\n0 :ok :push 2
        1 :invoke :pop nil\n1 :ok :pop ";
    assert!(holds(&Stack::new(), &alloc::format!("{stack}2")));
    assert!(!holds(&Stack::new(), &alloc::format!("{stack}1")));

    let heap = "0 :invoke :insert 5\n0 :ok :insert 5\n0 :invoke :insert 3\n0 :ok :insert 3
        1 :invoke :delete-min nil\n1 :ok :delete-min ";
    assert!(holds(&PriorityQueue::new(), &alloc::format!("{heap}3")));
    assert!(!holds(&PriorityQueue::new(), &alloc::format!("{heap}5")));
}

#[test]
fn registers_in_transactions_are_read_in_both_forms() {
    let history = |text: &str| {
        let model = MultiRegister::new();
        read_events(
            &model,
            text.as_bytes(),
            Notation::Edn,
            ReadLimits::default(),
        )
    };
    let long = history(
        "{:process 0, :type :invoke, :f :txn, :value [[:write :x 1] [:read :y nil]]}
         {:process 0, :type :ok, :f :txn, :value [[:write :x 1] [:read :y 2]]}",
    )
    .unwrap();
    let operation = &long.operations[0];
    assert_eq!(
        operation.input,
        [
            MicroInput::Write(":x".into(), "1".into()),
            MicroInput::Read(":y".into())
        ]
    );
    assert_eq!(
        operation.output,
        Outcome::Ok(vec![
            MicroOutput::Written,
            MicroOutput::Value(Some("2".into()))
        ])
    );
    let short = history(
        "{:process 0, :type :invoke, :f :read, :value {:x nil, :y nil}}
         {:process 0, :type :ok, :f :read, :value {:x 1, :y nil}}",
    )
    .unwrap();
    assert_eq!(
        short.operations[0].output,
        Outcome::Ok(vec![
            MicroOutput::Value(Some("1".into())),
            MicroOutput::Untold
        ])
    );
    let said = error_of(history(
        "{:process 0, :type :invoke, :f :txn, :value [[:read :x nil]]}
         {:process 0, :type :ok, :f :txn, :value [[:read :y nil]]}",
    ));
    assert!(
        said.contains("another transaction than was asked for"),
        "{said}"
    );
}

#[test]
fn strings_have_keys() {
    let model = Strings;
    let text = |read: &str| {
        alloc::format!(
            "{{:process 0, :type :invoke, :f :append, :key \"k\", :value \"x y\"}}
             {{:process 0, :type :ok, :f :append, :key \"k\", :value \"x y\"}}
             {{:process 1, :type :invoke, :f :get, :key \"k\", :value nil}}
             {{:process 1, :type :ok, :f :get, :key \"k\", :value {read}}}"
        )
    };
    let read = |text: &str| {
        read_events(
            &model,
            text.as_bytes(),
            Notation::Edn,
            ReadLimits::default(),
        )
    };
    for (value, expected) in [("\"x y\"", true), ("\"\"", false)] {
        let history = read(&text(value)).unwrap();
        assert_eq!(check(&model, &history, Budget::default()).holds(), expected);
    }
    assert!(error_of(read(&text("7"))).contains("the value 7 is no string"));
    let said = error_of(read("{:process 0, :type :invoke, :f :get, :value nil}"));
    assert!(said.contains("the :key nil is no string"), "{said}");
}

#[test]
fn many_registers_are_told_apart_by_the_key_in_the_value() {
    let read = |value: &str| {
        alloc::format!(
            "{{:process 0, :type :invoke, :f :write, :value [7 3]}} {{:process 0, :type :ok, :f :write, :value [7 3]}}
             {{:process 0, :type :invoke, :f :cas, :value [8 [nil 5]]}} {{:process 0, :type :ok, :f :cas, :value [8 [nil 5]]}}
             {{:process 1, :type :invoke, :f :read, :value [8 nil]}} {{:process 1, :type :ok, :f :read, :value {value}}}"
        )
    };
    for (value, expected) in [
        ("[8 5]", "true"),
        ("[8 3]", "false"),
        ("[8 nil]", "true"),
        ("[7 3]", "another key"),
    ] {
        let text = read(value);
        let history = read_events(
            &KeyValue,
            text.as_bytes(),
            Notation::Edn,
            ReadLimits::default(),
        );
        let said = match history {
            Ok(history) => check(&KeyValue, &history, Budget::default())
                .holds()
                .to_string(),
            Err(error) => error.to_string(),
        };
        assert!(said.contains(expected), "{value}: {said}");
    }
}

#[test]
fn all_sets_are_read_as_they_were_told() {
    let text = "{:process 0, :type :invoke, :f :read} {:process 0, :type :ok, :f :read, :value [2 1 \"a\"]}";
    let history = read_events(
        &Set::new(),
        text.as_bytes(),
        Notation::Edn,
        ReadLimits::default(),
    );
    let history = history.unwrap();
    assert_eq!(history.operations[0].input, SetInput::ReadAll);
    let all = ["1", "2", "\"a\""]
        .map(bytes::Bytes::from)
        .into_iter()
        .collect();
    assert_eq!(
        history.operations[0].output,
        Outcome::Ok(SetOutput::All(all))
    );
}

#[test]
fn elles_transactions_are_read_with_and_without_questions() {
    let read = |text: &str| read_elle(text.as_bytes(), ReadLimits::default());
    let only_answers = "{:index 3 :type :ok, :value [[:append 255 8] [:r 253 [1 3 4]]]}
        {:index 4 :type :fail, :value [[:w 1 2] [:r 1 nil]]}";
    let transactions = read(only_answers).unwrap();
    let [first, second] = &transactions.operations[..] else {
        panic!()
    };
    assert_eq!((first.call, second.call), (0, 0));
    assert_ne!(first.process, second.process);
    let list = Seen::List(["1", "3", "4"].map(bytes::Bytes::from).into());
    assert_eq!(first.output, Outcome::Ok(vec![Seen::Done, list]));
    assert_eq!(second.output, Outcome::Failed);

    let said = error_of(read("{:type :ok, :f :read, :value 7}"));
    assert!(said.contains("is no transaction"), "{said}");
    let said = error_of(read("{:type :ok, :f :txn, :value [[:swap 7 8]]}"));
    assert!(said.contains("[:swap 7 8] is none of"), "{said}");
    let said = error_of(read(
        "{:process 1, :type :invoke, :f :txn, :value [[:w 7 8]]} {:process 1, :type :ok, :f :txn, :value [[:w 7 9]]}",
    ));
    assert!(said.contains("another transaction"), "{said}");
}

#[test]
fn plain_transactions_are_told_apart() {
    let limits = ReadLimits::default();
    let awdit = "w 0 0\nw 1 1\n=======\nr 0 0\n---\nw 0 2\nr 1 1\n======\n\nr 0 2\n";
    let transactions = read_awdit(awdit.as_bytes(), limits).unwrap();
    let shape: Vec<_> = transactions
        .operations
        .iter()
        .map(|operation| (operation.process, operation.input.len()))
        .collect();
    assert_eq!(shape, [(0, 2), (1, 1), (1, 2), (2, 1)]);
    for line in ["x 1 2", "r 1", "r 1 2 3"] {
        let said = error_of(read_awdit(line.as_bytes(), limits));
        assert!(
            said.starts_with("line 1, column 1: found") && said.contains("r KEY VALUE"),
            "{said}"
        );
    }

    // Sessions may be mixed, transactions of one session may not.
    let plume = "w(0,3,1,2)\nr(0,4,2,9)\nw(0,5,1,3)\nr(0,4,2,9)\nw(0,6,1,-1)\nw(0,7,1,-1)\n";
    let transactions = read_plume(plume.as_bytes(), limits).unwrap();
    let mut shape: Vec<_> = transactions
        .operations
        .iter()
        .map(|operation| {
            (
                operation.process,
                operation.input.len(),
                operation.output == Outcome::Failed,
            )
        })
        .collect();
    shape.sort_unstable();
    assert_eq!(
        shape,
        [
            (1, 1, false),
            (1, 1, false),
            (1, 1, true),
            (1, 1, true),
            (2, 2, false)
        ]
    );
    let said = error_of(read_plume(
        &b"w(0,3,1,2)\nw(0,4,1,3)\nw(0,5,1,2)"[..],
        limits,
    ));
    assert!(
        said.contains("transaction 2 of session 1 goes on"),
        "{said}"
    );
    for line in ["w(0,1,2)", "w 0 1 2 3", "q(0,1,2,3)", "w(0,1,x,3)"] {
        assert!(
            error_of(read_plume(line.as_bytes(), limits)).contains("SESSION"),
            "{line}"
        );
    }
}

#[test]
fn too_much_is_refused_before_it_is_held() {
    let event = "{:process 0, :type :invoke, :f :read, :value nil}";
    let limits = ReadLimits {
        line_bytes: 60,
        records: 2,
        ..ReadLimits::default()
    };
    let read = |text: &str, notation| {
        read_events(&Register::new(), text.as_bytes(), notation, limits)
            .map(|history| history.len())
    };
    let long = alloc::format!("[{event} {{:process 1, :value \"{}\"}}]", "x".repeat(100));
    assert!(error_of(read(&long, Notation::Edn)).contains("more than 60 bytes"));
    assert!(error_of(read(&"x".repeat(61), Notation::Log)).contains("more than 60 bytes"));
    let ended = event.replace(":invoke", ":info");
    let three = alloc::format!("{event}{ended}{event}");
    assert!(error_of(read(&three, Notation::Edn)).contains("one event more than 2"));
    assert!(error_of(read_awdit(&b"r 1 2\nr 1 2\nr 1 2\n"[..], limits)).contains("more than 2"));
    // The limit of an event counts from where it begins.
    assert_eq!(
        read(&alloc::format!("{event}{ended}"), Notation::Edn).unwrap(),
        1
    );
}

fn edn() -> impl Strategy<Value = Edn> {
    let leaf = prop_oneof![
        Just(Edn::Nil),
        any::<bool>().prop_map(Edn::Bool),
        any::<i64>().prop_map(Edn::Integer),
        "[a-z][a-z/-]{0,5}".prop_map(Edn::Keyword),
        ".{0,6}".prop_map(Edn::Text),
    ];
    leaf.prop_recursive(4, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Edn::List),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Edn::Vector),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Edn::Set),
            prop::collection::vec((inner.clone(), inner.clone()), 0..4).prop_map(Edn::Map),
            inner.prop_map(|value| Edn::Tagged("tag".into(), alloc::boxed::Box::new(value))),
        ]
    })
}

proptest! {
    #[test]
    fn a_value_survives_its_text(value in edn()) {
        prop_assert_eq!(values(&value.to_string()).unwrap(), [value]);
    }

    /// Whatever is in a file, every reader comes to an end and says something.
    #[test]
    fn no_file_is_too_strange(
        text in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "[\\[\\](){}#_:\"\\\\a-z0-9 ,;\n-]{0,200}".prop_map(String::into_bytes),
            "(\\{:process [0-2], :type :(invoke|ok|fail|info), :f :(read|write|cas|txn), :value (nil|[0-9]|\\[1 2\\]|\\[\\[:r 1 2\\]\\])\\} ?){0,8}".prop_map(String::into_bytes),
            "([rw] ?\\(?[0-9][ ,][0-9][,0-9-]{0,6}\\)?\n|-+\n|=+\n){0,10}".prop_map(String::into_bytes),
        ],
    ) {
        let limits = ReadLimits::default();
        let _ = Format::guess(&text);
        for notation in [Notation::Log, Notation::Edn] {
            let register = Register::new();
            if let Ok(history) = read_events(&register, &text[..], notation, limits) {
                let _ = check(&register, &history, Budget::steps(1_000));
            }
            let _ = read_events(&MultiRegister::new(), &text[..], notation, limits);
            let _ = read_events(&Strings, &text[..], notation, limits);
        }
        let _ = read_elle(&text[..], limits);
        let _ = read_awdit(&text[..], limits);
        let _ = read_plume(&text[..], limits);
    }
}

#[test]
fn formats_are_told_apart() {
    for (text, expected) in [
        (
            "INFO  jepsen.util - 0 :invoke :read nil",
            Some(Format::JepsenLog),
        ),
        ("[{:process 0}]", Some(Format::Edn)),
        ("; comment\n({:process 0})", Some(Format::Edn)),
        ("\n{ \"process\": 0", Some(Format::Json)),
        ("r(0,1,2,3)", Some(Format::Plume)),
        ("w 0 1\n", Some(Format::Awdit)),
        ("", None),
        ("hello", None),
        ("rw", None),
    ] {
        assert_eq!(Format::guess(text.as_bytes()), expected, "{text}");
    }
}

/// Keys do not get in each other's way.
#[test]
fn a_model_of_ones_own_is_read() {
    struct Tally;
    impl Model for Tally {
        type Key = ();
        type State = u64;
        type Input = ();
        type Output = u64;
        fn key(&self, (): &()) {}
        fn initial(&self) -> u64 {
            0
        }
        fn step(&self, state: &u64, (): &(), told: Option<&u64>) -> Option<u64> {
            told.is_none_or(|told| *told == state + 1)
                .then_some(state + 1)
        }
    }
    impl EventModel for Tally {
        fn read_input(&self, event: &Event) -> Result<(), String> {
            (event.function == "tick")
                .then_some(())
                .ok_or_else(|| "only ticks".into())
        }
        fn read_answer(&self, (): &(), event: &Event) -> Result<Outcome<u64>, String> {
            match event.value {
                Edn::Integer(number) if number > 0 => Ok(Outcome::Ok(number as u64)),
                _ => Ok(Outcome::Unknown),
            }
        }
    }
    assert!(holds(
        &Tally,
        "0 :invoke :tick\n1 :invoke :tick\n0 :ok :tick 2\n1 :ok :tick 1"
    ));
    assert!(!holds(&Tally, "0 :invoke :tick\n0 :ok :tick 2"));
}
