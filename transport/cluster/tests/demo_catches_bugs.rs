//! A promise that a node breaks is a promise that the demo reports as broken.
//!
//! The bugs are planted by an environment variable that only binaries built with the feature
//! `planted-bugs` look at.
// It starts a program.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::process::Command;

/// Runs a short demo of nodes with a bug. Answers what it said.
fn demo_with(bug: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(["demo", "--seconds", "6", "--seed", "5"])
        .env("QUORATE_PLANT_BUG", bug)
        .env("TMPDIR", directory.path())
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&ended.stdout).into_owned();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{shown}\n{said}");
    // What helps to find the bug is left behind, and named.
    let history = shown
        .lines()
        .find_map(|line| line.strip_prefix("history: "));
    assert!(std::path::Path::new(history.unwrap()).exists(), "{shown}");
    shown
}

/// The verdict on a promise.
fn verdict<'a>(shown: &'a str, promise: &str) -> &'a str {
    shown
        .lines()
        .find(|line| {
            let known = ["KEPT", "BROKEN", "NOT TESTED"];
            line.contains(promise) && known.iter().any(|word| line.starts_with(word))
        })
        .unwrap_or_else(|| panic!("no verdict on {promise}:\n{shown}"))
}

#[test]
fn reads_that_any_node_answers_by_itself_are_not_linearizable() {
    let shown = demo_with("stale-linearizable-reads");
    assert!(
        verdict(&shown, "linearizability").starts_with("BROKEN"),
        "{shown}"
    );
    assert!(
        verdict(&shown, "exactly-once increments").starts_with("KEPT"),
        "{shown}"
    );
    assert!(verdict(&shown, "fencing").starts_with("KEPT"), "{shown}");
}

#[test]
fn a_stale_token_that_is_let_through_breaks_fencing() {
    let shown = demo_with("no-fence");
    assert!(verdict(&shown, "fencing").starts_with("BROKEN"), "{shown}");
    assert!(
        verdict(&shown, "linearizability").starts_with("KEPT"),
        "{shown}"
    );
}

#[test]
fn a_key_that_forgets_the_newest_token_breaks_fencing() {
    let shown = demo_with("no-key-fence");
    assert!(verdict(&shown, "fencing").starts_with("BROKEN"), "{shown}");
    assert!(
        verdict(&shown, "linearizability").starts_with("KEPT"),
        "{shown}"
    );
}

#[test]
fn a_bounded_read_that_is_answered_however_old_breaks_bounded_staleness() {
    let shown = demo_with("ignore-bound");
    assert!(
        verdict(&shown, "bounded staleness").starts_with("BROKEN"),
        "{shown}"
    );
    assert!(
        verdict(&shown, "session guarantees").starts_with("KEPT"),
        "{shown}"
    );
}

#[test]
fn a_session_read_that_does_not_wait_breaks_the_session_guarantees() {
    let shown = demo_with("ignore-session");
    assert!(
        verdict(&shown, "session guarantees").starts_with("BROKEN"),
        "{shown}"
    );
    assert!(
        verdict(&shown, "bounded staleness").starts_with("KEPT"),
        "{shown}"
    );
}

#[test]
fn a_forgotten_idempotency_key_counts_an_increment_twice() {
    let shown = demo_with("forget-idempotency");
    assert!(
        verdict(&shown, "exactly-once increments").starts_with("BROKEN"),
        "{shown}"
    );
    assert!(verdict(&shown, "fencing").starts_with("KEPT"), "{shown}");
}
