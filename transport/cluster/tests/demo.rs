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
    let (leaders, followers): (Vec<_>, Vec<_>) = attacks
        .iter()
        .partition(|attack| attack["was_leader"] == true);
    let mut attacked: Vec<_> = leaders
        .iter()
        .map(|attack| attack["phase"].as_str().unwrap())
        .collect();
    attacked.sort_unstable();
    assert_eq!(
        attacked,
        ["leader cut off", "leader frozen", "leader killed"]
    );
    assert!(
        leaders
            .iter()
            .all(|attack| attack["next_leader"] != attack["node"])
    );
    assert_eq!(followers.len(), 1, "{attacks:?}");
    // A verdict rests on what could have gone wrong.
    let count = |promise: &str, what: &str| {
        let verdict = verdicts.iter().find(|v| v["promise"] == promise).unwrap();
        verdict["counts"][what].as_u64().unwrap()
    };
    assert!(count("session guarantees", "trials") > 0, "{shown}");
    assert!(count("bounded staleness", "trials") > 0, "{shown}");
    assert!(count("fencing", "refused_by_lease") > 0, "{shown}");
    assert!(count("fencing", "refused_by_key") > 0, "{shown}");
    assert!(count("fencing", "phases") > 1, "{shown}");
    // Every level was asked for in every phase.
    let table = report["table"].as_array().unwrap();
    assert_eq!(table.len(), 5 * 6);
    // What a node that is cut off gives up, and what it does not, shows at that node.
    let at_victim = |level: &str| {
        let line = table
            .iter()
            .find(|line| line["phase"] == "leader cut off" && line["level"] == level)
            .unwrap();
        line["victims_availability_percent"].as_f64().unwrap()
    };
    assert!(at_victim("eventual") > at_victim("bounded"), "{shown}");
    assert!(at_victim("eventual") > at_victim("linearizable"), "{shown}");

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
    let left = processes_of(directory.path());
    assert!(left.is_empty(), "{left:?}");
}

/// A process that the demo has started.
#[cfg(target_os = "linux")]
#[derive(Debug)]
struct Process {
    id: rustix::process::Pid,
    is_holder: bool,
    is_stopped: bool,
}

/// All processes of a demo that was given this directory for its temporary files.
#[cfg(target_os = "linux")]
fn processes_of(directory: &Path) -> Vec<Process> {
    let directory = format!("TMPDIR={}", directory.display());
    let process = |place: std::path::PathBuf| {
        // Most of what is there is no process, or not ours to look at, or has ended by now.
        let environment = std::fs::read(place.join("environ")).ok()?;
        let mut variables = environment.split(|byte| *byte == 0);
        variables.find(|variable| *variable == directory.as_bytes())?;
        let line = std::fs::read(place.join("cmdline")).ok()?;
        let state = std::fs::read_to_string(place.join("stat")).ok()?;
        let state = state.rsplit_once(") ")?.1.chars().next()?;
        Some(Process {
            id: rustix::process::Pid::from_raw(place.file_name()?.to_str()?.parse().ok()?)?,
            is_holder: line.split(|byte| *byte == 0).nth(1) == Some(b"holder"),
            is_stopped: state == 'T',
        })
    };
    let places = std::fs::read_dir("/proc").unwrap();
    places
        .filter_map(|place| process(place.unwrap().path()))
        .collect()
}

/// Waits until some process of a demo is as it should be, or until the demo ends.
#[cfg(target_os = "linux")]
fn wait_for_a_stopped_holder(demo: &mut std::process::Child, directory: &Path) -> Process {
    loop {
        let mut processes = processes_of(directory).into_iter();
        if let Some(found) = processes.find(|process| process.is_holder && process.is_stopped) {
            return found;
        }
        assert!(demo.try_wait().unwrap().is_none(), "ended too early");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_holder_is_a_process_that_stands_still_and_is_gone_even_when_the_demo_is_killed() {
    use std::process::Stdio;

    let directory = tempfile::tempdir().unwrap();
    let mut demo = quorate()
        .args(["demo", "--seconds", "600", "--seed", "4"])
        .env("TMPDIR", directory.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let first = wait_for_a_stopped_holder(&mut demo, directory.path());
    // It goes on, is refused, and ends; and others are stopped after it.
    while processes_of(directory.path())
        .iter()
        .any(|process| process.id == first.id)
    {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    wait_for_a_stopped_holder(&mut demo, directory.path());
    demo.kill().unwrap();
    demo.wait().unwrap();
    while processes_of(directory.path())
        .iter()
        .any(|process| process.is_holder)
    {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    // Nobody could tell the nodes that the demo was killed.
    for node in processes_of(directory.path()) {
        let _ = rustix::process::kill_process(node.id, rustix::process::Signal::KILL);
    }
}

#[test]
fn a_holder_ends_when_its_standard_input_does() {
    use std::process::Stdio;

    // There is no service at this address, so it would ask for its lease for ever.
    let mut holder = quorate()
        .args(["holder", "--http", "127.0.0.1:1", "--lease", "l"])
        .args(["--key", "k", "--number", "1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = std::io::BufReader::new(holder.stdout.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut said, &mut line).unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["attempt"]["answered"], false, "{line}");
    drop(holder.stdin.take());
    assert_eq!(holder.wait().unwrap().code(), Some(0));
}
