//! The demo as a stranger runs it: it keeps its promises, says so, and leaves nothing behind.
// why: it starts a program, and reads what it says.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn quorate() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.env_remove("QUORATE_PLANT_BUG");
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a short demo that keeps its temporary files in `directory`.
fn demo(directory: &Path, arguments: &[&str]) -> Output {
    quorate()
        .args(["demo", "--seconds", "8"])
        .args(arguments)
        .env("TMPDIR", directory)
        .output()
        .unwrap()
}

#[test]
fn a_short_run_keeps_every_promise() {
    let directory = tempfile::tempdir().unwrap();
    let json = directory.path().join("report.json");
    let history = directory.path().join("history.jsonl");
    let ended = demo(
        directory.path(),
        &[
            "--seed",
            "11",
            "--json",
            json.to_str().unwrap(),
            "--history",
            history.to_str().unwrap(),
        ],
    );
    let shown = text(&ended.stdout);
    assert_eq!(
        ended.status.code(),
        Some(0),
        "{shown}\n{}",
        text(&ended.stderr)
    );
    assert!(shown.contains("seed 11"), "{shown}");
    assert!(
        !shown.contains("BROKEN") && !shown.contains("NOT TESTED"),
        "{shown}"
    );

    let report: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    let verdicts = report["verdicts"].as_array().unwrap();
    assert!(
        verdicts
            .iter()
            .all(|verdict| verdict["judgement"] == "kept")
    );
    for promise in [
        "linearizability",
        "session guarantees",
        "exactly-once increments",
        "fencing",
    ] {
        assert!(
            verdicts.iter().any(|v| v["promise"] == promise),
            "{promise}"
        );
        assert!(shown.contains(promise), "{shown}");
    }
    let attacks = report["attacks"].as_array().unwrap();
    let attacked: Vec<_> = attacks.iter().map(|attack| &attack["phase"]).collect();
    assert_eq!(
        attacked,
        ["leader killed", "leader cut off", "leader frozen"]
    );
    assert!(
        attacks
            .iter()
            .all(|attack| attack["next_leader"] != attack["node"])
    );
    // Every level was asked for in every phase.
    let table = report["table"].as_array().unwrap();
    assert_eq!(table.len(), 5 * 6);

    // Whoever doubts the verdict checks the history.
    let checked = quorate()
        .args(["check", "--model", "kv"])
        .arg(&history)
        .output()
        .unwrap();
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));

    // Nodes, logs and data are gone.
    let left: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_string_lossy().starts_with("quorate-demo-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_report_that_cannot_be_written_shows_before_the_run() {
    let directory = tempfile::tempdir().unwrap();
    let ended = demo(directory.path(), &["--json", "/nowhere/at/all.json"]);
    assert_eq!(ended.status.code(), Some(2));
    let said = text(&ended.stderr);
    assert!(
        said.contains("/nowhere/at/all.json cannot be written"),
        "{said}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_run_reports_what_there_is_and_leaves_no_process_behind() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let directory = tempfile::tempdir().unwrap();
    let mut demo = quorate()
        .args(["demo", "--seconds", "600", "--seed", "3"])
        .env("TMPDIR", directory.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The phases are told on stderr where it is no terminal: this one says that clients are at work.
    let mut stderr = BufReader::new(demo.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("healthy") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "ended too early");
    }
    let id = rustix::process::Pid::from_raw(demo.id().try_into().unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    // Whoever still held the pipe, such as a node left behind, would keep this from ending.
    let drained = std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
    let ended = demo.wait_with_output().unwrap();
    drained.join().unwrap().unwrap();
    let shown = text(&ended.stdout);
    assert!(
        shown.contains("interrupted: this is what there is"),
        "{shown}"
    );
    assert!(shown.contains("linearizability"), "{shown}");
    assert_eq!(ended.status.code(), Some(130), "{shown}");

    // Nothing of it runs any more.
    let directory = directory.path().to_str().unwrap();
    for process in std::fs::read_dir("/proc").unwrap() {
        // Most of what is there is no process, or has ended by now.
        let line = std::fs::read(process.unwrap().path().join("cmdline")).unwrap_or_default();
        assert!(!text(&line).contains(directory), "{}", text(&line));
    }
}
