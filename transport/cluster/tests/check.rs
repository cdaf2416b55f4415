//! `quorate check` on files, as a stranger runs it.
// It starts a program, and gives it files.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::path::Path;
use std::process::Command;

/// What one run said.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

fn check(model: &str, files: &[&Path]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(["check", "--model", model])
        .args(files)
        .output()
        .unwrap();
    Said {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn check_text(model: &str, text: &str) -> Said {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("history.jsonl");
    std::fs::write(&file, text).unwrap();
    check(model, &[&file])
}

const GOOD: &str = r#"
{"process":1,"call_ns":0,"return_ns":10,"op":{"put":{"key":"a","value":"1"}},"result":{"ok":{"revision":4}}}
{"process":2,"call_ns":5,"op":{"put":{"key":"a","value":"2"}},"result":"unknown"}
{"process":1,"call_ns":20,"return_ns":30,"op":{"get":{"key":"a"}},"result":{"ok":{"value":"1","revision":4}}}
{"process":1,"call_ns":40,"return_ns":50,"op":{"get":{"key":"a"}},"result":{"ok":{"value":"2","revision":7}}}
{"process":3,"call_ns":40,"return_ns":50,"op":{"get":{"key":"a"}},"result":{"ok":{"value":null}},"level":"eventual"}
{"process":1,"call_ns":60,"return_ns":70,"op":{"cas":{"key":"a","expected":{"revision":4},"value":"3"}},"result":{"ok":{"swapped":false,"revision":7}}}
"#;

const STALE: &str = r#"{"process":1,"call_ns":0,"return_ns":10,"op":{"put":{"key":"colour","value":"red"}},"result":{"ok":{}}}
{"process":1,"call_ns":20,"return_ns":30,"op":{"put":{"key":"colour","value":"blue"}},"result":{"ok":{}}}
{"process":2,"call_ns":40,"return_ns":50,"op":{"get":{"key":"colour"}},"result":{"ok":{"value":"red"}}}
"#;

#[test]
fn a_history_that_holds_is_said_to() {
    let said = check_text("kv", GOOD);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(
        said.out
            .contains("linearizable (5 operations; 1 reads asked for less)"),
        "{}",
        said.out
    );
}

#[test]
fn a_stale_read_is_shown_with_what_it_missed() {
    let said = check_text("kv", STALE);
    assert_eq!(said.code, Some(1));
    for expected in [
        "NOT linearizable (3 operations)",
        "colour: these can be put in order",
        "client 1, 0.000000 to 0.000000 s: put \"blue\": written",
        "> client 2, 0.000000 to 0.000000 s: get: \"red\" (right would be: \"blue\"",
    ] {
        assert!(said.out.contains(expected), "{expected}\n{}", said.out);
    }
}

#[test]
fn registers_are_checked_too() {
    let good = r#"{"process":1,"call_ns":0,"return_ns":10,"op":{"write":{"value":"a"}},"result":{"ok":{}}}
{"process":2,"call_ns":5,"return_ns":30,"op":{"cas":{"expected":"a","value":"b"}},"result":{"ok":{"swapped":true}}}
"#;
    assert_eq!(check_text("register", good).code, Some(0));
    let bad = format!(
        "{good}{}",
        r#"{"process":3,"call_ns":40,"return_ns":50,"op":{"read":{}},"result":{"ok":{"value":"a"}}}"#
    );
    let said = check_text("register", &bad);
    assert_eq!(said.code, Some(1));
    assert!(
        said.out.contains("the register: these can be put in order"),
        "{}",
        said.out
    );
}

#[test]
fn what_is_no_history_is_refused_with_its_line() {
    for (text, line) in [
        (format!("{STALE}not json\n"), "line 4"),
        (format!("{STALE}\n\n{{\"process\":1}}\n"), "line 6"),
        // Of the other model.
        (
            r#"{"process":1,"call_ns":0,"return_ns":1,"op":{"read":{}},"result":{"ok":{}}}"#
                .to_owned(),
            "line 1",
        ),
        // Returned before it was called.
        (
            STALE.replace("\"return_ns\":50", "\"return_ns\":5"),
            "line 3",
        ),
        // Cut off in the middle, as by a full disk.
        (STALE.trim_end().trim_end_matches('}').to_owned(), "line 3"),
    ] {
        let said = check_text("kv", &text);
        assert_eq!(said.code, Some(2), "{text}\n{}", said.out);
        assert!(
            said.err.contains("history.jsonl: ") && said.err.contains(line),
            "{}",
            said.err
        );
        assert!(said.out.is_empty(), "{}", said.out);
    }
    let bytes = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(bytes.path(), [0xff, 0xfe, 0, b'\n']).unwrap();
    assert_eq!(check("kv", &[bytes.path()]).code, Some(2));
}

#[test]
fn a_history_of_nothing_is_not_said_to_hold() {
    for text in ["", "\n\n", "\n \n"] {
        let said = check_text("kv", text);
        assert_eq!(said.code, Some(2), "{text:?} {}{}", said.out, said.err);
        assert!(said.err.contains("holds no operation"), "{}", said.err);
        assert!(said.out.is_empty(), "{}", said.out);
    }
    let weaker: String = GOOD
        .lines()
        .filter(|line| line.contains("eventual"))
        .collect();
    let said = check_text("kv", &weaker);
    assert_eq!(said.code, Some(2), "{}", said.out);
    assert!(
        said.err.contains("holds no operation to check"),
        "{}",
        said.err
    );
}

#[test]
fn a_file_that_is_not_there_is_named_and_the_others_are_checked_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let good = directory.path().join("good.jsonl");
    let bad = directory.path().join("bad.jsonl");
    let missing = directory.path().join("missing.jsonl");
    std::fs::write(&good, GOOD).unwrap();
    std::fs::write(&bad, STALE).unwrap();

    let said = check("kv", &[&missing, &good]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("missing.jsonl"), "{}", said.err);
    assert!(
        said.out.contains("good.jsonl: linearizable"),
        "{}",
        said.out
    );

    let said = check("kv", &[&missing, &bad, &good]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.out.contains("bad.jsonl: NOT linearizable"),
        "{}",
        said.out
    );
}

/// A history of two operations, one after the other.
fn two(first: (&str, &str), second: (&str, &str)) -> String {
    let line = |call: u64, (op, ok): (&str, &str)| {
        let ret = call + 5;
        format!(
            r#"{{"process":1,"call_ns":{call},"return_ns":{ret},"op":{op},"result":{{"ok":{ok}}}}}"#
        )
    };
    format!("{}\n{}\n", line(0, first), line(10, second))
}

/// Each model by its name, with an answer that is right and one that is not, and what is said of it.
#[test]
fn every_model_is_known_by_its_name() {
    for (model, first, op, right, wrong, said_of_it) in [
        (
            "register",
            (r#"{"write":{"value":"v"}}"#, "{}"),
            r#"{"read":{}}"#,
            r#"{"value":"v"}"#,
            r#"{"value":null}"#,
            r#"read: nothing (right would be: "v")"#,
        ),
        (
            "multi-register",
            (
                r#"{"txn":[{"write":{"key":"x","value":"v"}}]}"#,
                r#"{"results":[{}]}"#,
            ),
            r#"{"txn":[{"read":{"key":"x"}},{"read":{"key":"y"}}]}"#,
            r#"{"results":[{"value":"v"},{}]}"#,
            r#"{"results":[{"value":null},{}]}"#,
            r#"read "x", read "y": nothing, not told (right would be: "v", nothing)"#,
        ),
        (
            "strings",
            (r#"{"append":{"key":"k","value":"v"}}"#, "{}"),
            r#"{"append":{"key":"k","value":"w"}}"#,
            r#"{"value":"vw"}"#,
            r#"{"value":"w"}"#,
            r#"append "w": now "w" (right would be: now "vw")"#,
        ),
        (
            "counter",
            (r#"{"add":{"by":2}}"#, "{}"),
            r#"{"add_and_get":{"by":3}}"#,
            r#"{"value":5}"#,
            r#"{"value":3}"#,
            "add 3 and tell the sum: 3 (right would be: 5)",
        ),
        (
            "set",
            (r#"{"add":{"value":"v"}}"#, "{}"),
            r#"{"read":{}}"#,
            r#"{"values":["v"]}"#,
            r#"{"values":[]}"#,
            r#"read all: nothing (right would be: "v")"#,
        ),
        (
            "queue",
            (r#"{"enqueue":{"value":"v"}}"#, "{}"),
            r#"{"dequeue":{}}"#,
            r#"{"value":"v"}"#,
            r#"{"value":null}"#,
            r#"dequeue: nothing (right would be: "v")"#,
        ),
        (
            "stack",
            (r#"{"push":{"value":"v"}}"#, "{}"),
            r#"{"len":{}}"#,
            r#"{"len":1}"#,
            r#"{"len":0}"#,
            "length: 0 (right would be: 1)",
        ),
        (
            "priority-queue",
            (r#"{"insert":{"value":7}}"#, "{}"),
            r#"{"delete_min":{}}"#,
            r#"{"value":7}"#,
            r#"{"value":null}"#,
            "delete the least: nothing (right would be: 7)",
        ),
        (
            "mutex",
            (r#"{"acquire":{"owner":1}}"#, r#"{"granted":true}"#),
            r#"{"release":{"owner":2}}"#,
            r#"{"granted":false}"#,
            r#"{"granted":true}"#,
            "release by owner 2: granted (right would be: refused)",
        ),
        (
            "lease",
            (r#"{"acquire":{}}"#, r#"{"token":7}"#),
            r#"{"write":{"token":7,"value":"v"}}"#,
            r#"{"done":true}"#,
            r#"{"done":false}"#,
            r#"write "v" with token 7: refused"#,
        ),
    ] {
        let said = check_text(model, &two(first, (op, right)));
        assert_eq!(said.code, Some(0), "{model}: {}{}", said.out, said.err);
        let said = check_text(model, &two(first, (op, wrong)));
        assert_eq!(said.code, Some(1), "{model}: {}{}", said.out, said.err);
        assert!(said.out.contains(said_of_it), "{model}: {}", said.out);
    }
}

/// Runs `quorate check` on a file with this text, with more arguments.
fn check_with(model: &str, more: &[&str], text: &str) -> Said {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("history");
    std::fs::write(&file, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(["check", "--model", model])
        .args(more)
        .arg(&file)
        .output()
        .unwrap();
    Said {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

const LOG: &str = "\
INFO  jepsen.util - 0\t:invoke\t:cas\t[0 2]
INFO  jepsen.util - 1\t:invoke\t:write\t5
INFO  jepsen.util - 0\t:ok\t:cas\t[0 2]
INFO  jepsen.util - 1\t:info\t:write\t:timed-out
INFO  jepsen.util - 2\t:invoke\t:read\tnil
INFO  jepsen.util - 2\t:ok\t:read\t2
";

#[test]
fn the_histories_of_others_are_read_as_what_they_look_like() {
    let said = check_with("register", &["--initial", "0"], LOG);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let expected = "linearizable (3 operations; read as jepsen-log)";
    assert!(said.out.contains(expected), "{}", said.out);
    // An empty register does not hold 0.
    assert_eq!(check_with("register", &[], LOG).code, Some(1));
    let named = check_with(
        "register",
        &["--initial", "0", "--format", "jepsen-log"],
        LOG,
    );
    assert!(
        named.out.ends_with("linearizable (3 operations)\n"),
        "{}",
        named.out
    );

    let edn = "[{:process 0, :type :invoke, :f :enqueue, :value 1} {:process 0, :type :ok, :f :enqueue, :value 1}
        {:process 0, :type :invoke, :f :dequeue, :value nil} {:process 0, :type :ok, :f :dequeue, :value 2}]";
    let said = check_with("queue", &[], edn);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.out.contains("read as edn"), "{}", said.out);
}

#[test]
fn a_file_that_cannot_be_read_says_where_and_why() {
    for (model, text, expected) in [
        ("register", "what is this?", "none of the known formats"),
        (
            "register",
            "w 0 1\n====\nr 0 1\n",
            "it holds transactions (it looks like awdit)",
        ),
        (
            "register",
            "[{:process 0, :type :invoke, :f :read",
            "as edn: line 1, column 38: found the end",
        ),
        (
            "queue",
            LOG,
            "line 1, column 21: :cas is nothing that a queue does",
        ),
        (
            "lease",
            LOG,
            "the model Lease is read from JSON lines only, and this is jepsen-log",
        ),
        ("register", "[]", "holds no operation"),
        ("register", "  \n", "holds no operation"),
    ] {
        let said = check_with(model, &[], text);
        assert_eq!(said.code, Some(2), "{text}: {}", said.out);
        assert!(said.err.contains(expected), "{text}: {}", said.err);
    }
}

#[test]
fn programs_are_told_the_evidence() {
    let json = |said: &Said| serde_json::from_str::<serde_json::Value>(&said.out).unwrap();
    let said = check_with("register", &["--json", "--initial", "0"], LOG);
    let holds = json(&said);
    assert_eq!((said.code, &holds["verdict"]), (Some(0), &"holds".into()));
    assert_eq!(holds["order"][0]["operations"], serde_json::json!([0, 2]));

    // Positions are those of the file, where a read that asked for less stands in between.
    let stale = STALE.replace(
        "\n{\"process\":2",
        "\n{\"process\":3,\"call_ns\":1,\"return_ns\":2,\"op\":{\"get\":{\"key\":\"colour\"}},\
         \"result\":{\"ok\":{\"value\":null}},\"level\":\"eventual\"}\n{\"process\":2",
    );
    let said = check_with("kv", &["--json"], &stale);
    let violated = json(&said);
    assert_eq!(
        (said.code, &violated["verdict"]),
        (Some(1), &"violated".into())
    );
    let violation = &violated["violation"];
    assert_eq!(violation["object"], "colour");
    assert_eq!(violation["kept"], serde_json::json!([0, 1, 3]));
    assert_eq!(violation["is_minimal"], true);
    assert_eq!(violation["blocked"][0]["operation"], 3);

    let said = check_with("register", &["--json"], "what is this?");
    assert_eq!(
        (said.code, &json(&said)["verdict"]),
        (Some(2), &"unreadable".into())
    );
}

#[test]
fn what_takes_too_long_is_undecided() {
    // Clients that write and read each value twice, all at once, and one that sees an old one after.
    let mut text = String::new();
    for client in 0..60 {
        let value = client % 15;
        let (function, asked) = match client / 30 {
            0 => ("write", value.to_string()),
            _ => ("read", "nil".to_owned()),
        };
        text += &format!("{{:process {client}, :type :invoke, :f :{function}, :value {asked}}}\n");
    }
    for client in 0..60 {
        let (value, function) = (client % 15, ["write", "read"][client / 30]);
        text += &format!("{{:process {client}, :type :ok, :f :{function}, :value {value}}}\n");
    }
    for (function, value) in [("write", 99), ("read", 3)] {
        for kind in ["invoke", "ok"] {
            text += &format!("{{:process 60, :type :{kind}, :f :{function}, :value {value}}}\n");
        }
    }
    let said = check_with("register", &["--memory", "1"], &text);
    assert_eq!(said.code, Some(3), "{}{}", said.out, said.err);
    assert!(
        said.err
            .contains("undecided: no answer within 1048576 bytes"),
        "{}",
        said.err
    );
}

#[test]
fn a_history_is_drawn_where_somebody_asks() {
    let dir = tempfile::tempdir().unwrap();
    let (file, page) = (dir.path().join("h.jsonl"), dir.path().join("h.html"));
    let stale = two(
        (r#"{"put":{"key":"a<b>","value":"1"}}"#, "{}"),
        (r#"{"get":{"key":"a<b>"}}"#, r#"{"value":null}"#),
    );
    std::fs::write(&file, stale).unwrap();
    let run = |args: &[&std::ffi::OsStr]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_quorate"));
        command
            .args(["check", "--model", "kv", "--html"])
            .args(args);
        let output = command.output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), error)
    };
    assert_eq!(
        run(&[page.as_os_str(), file.as_os_str()]),
        (Some(1), String::new())
    );
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.starts_with("<!DOCTYPE html>") && html.ends_with("</html>\n"));
    assert!(html.contains("a&lt;b&gt;: not linearizable") && !html.contains("a<b>"));
    let names: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 2, "nothing is left beside it: {names:?}");

    let (code, error) = run(&[page.as_os_str(), file.as_os_str(), file.as_os_str()]);
    assert_eq!(code, Some(2));
    assert!(
        error.contains("--html draws one history, and 2 are given"),
        "{error}"
    );
    // What can not be drawn is decided all the same.
    let nowhere = dir.path().join("no/such/folder.html");
    let (code, error) = run(&[nowhere.as_os_str(), file.as_os_str()]);
    assert_eq!(code, Some(1));
    assert!(
        error.contains("the picture could not be written to"),
        "{error}"
    );
}
