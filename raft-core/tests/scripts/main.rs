//! Scripts: what a cluster is told, step by step, and what it looks like then.
//!
//! The commands are those of the interaction tests of etcd's Raft library (rafttest), so that what others have
//! written down about Raft can be asked of this core. Own scripts lie beside this file, and all that they print
//! is compared; `QUORATE_REWRITE=1` writes what came into them. `QUORATE_RAFT_SCRIPTS` names a folder of others'
//! scripts: of these only `raft-log` and `raft-state` are compared, which tell what a cluster has decided,
//! and not by which messages.
//!
//! Own scripts have four commands more: `read`, `read-anywhere`, `reads`, and `withhold-snapshots`, and witnesses
//! (`witnesses=(3)`, `w3`), and `hand-over=`.
//!
//! # Where this core does otherwise by design
//!
//! | what | this core | the other | what the harness does |
//! |---|---|---|---|
//! | the term of a first snapshot | its log is behind its term | term 1, while the node is in term 0 | the snapshot has term 0 |
//! | pre-votes | always | `prevote=` | answers them with yes itself |
//! | votes while a leader is heard | refused | given without `checkquorum=` | lets a long time pass for the voter first |
//! | a leader that reaches no quorum | steps down | only with `checkquorum=` | its election timeout is an hour |
//! | the quorum check | within a timeout of each answer | once in each timeout, for the one before | the timeout is two of the script's |
//! | votes asked of one that hears a leader | refused, and said so | not answered | the answer is not sent |
//! | a candidate that a majority refused | waits for its timeout | a follower | shows a follower |
//! | an append that was lost | shows by two answers to heartbeats, an interval apart | by one | gives each answer twice |
//! | an heir is told to stand | once it has answered a heartbeat lately | at once | it answers one, past the network |
//! | members hold | from their entry on | from applying it | `(Voter)` is shown as of the commit; the quorum of the commit itself is the new one |
//! | a change before the first commit of a term | refused | taken | it waits, with what is proposed after it |
//! | a change that is not allowed | refused | an entry without a change | proposes an empty command |
//! | a change of nothing | refused | an entry | proposes an empty command, shown as the change |
//! | `disable-conf-change-validation=` | can not be had | makes every change | proposes an empty command, shown as the change |
//! | a removed leader | hands over | does not | sends no word to the heir, without `hand-over=` |
//! | a removed leader | steps down | leads on without `step-down-on-removal=` | shows it as leader until its term ends; it sends nothing |
//! | a message of an earlier term | answered with the newer one | ignored, without `prevote=` and `checkquorum=` | not delivered |
//! | what waits for a write | is sent when the node is processed | is sent by the thread that writes | so, but for a leader |
//! | a follower's proposal | refused, with the leader's name | passed on | passes it on |
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "scripts are files, and a variable names others"
)]

mod node;
mod parcel;
mod proposals;
mod script;
mod status;
mod world;

use std::io::Write;
use std::path::{Path, PathBuf};

use script::Compared;

fn scripts(folder: &Path) -> Vec<PathBuf> {
    let read = std::fs::read_dir(folder);
    let read = read.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = read.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "txt"));
    files.sort_unstable();
    files
}

/// Runs all, and says what each of them has to say.
fn run_all(folder: &Path, compared: Compared) -> usize {
    let files = scripts(folder);
    assert!(!files.is_empty(), "{} has no scripts", folder.display());
    let (mut count, mut wrong) = (0, Vec::new());
    for file in &files {
        match script::run(file, compared) {
            Ok((outputs, text)) => {
                count += outputs;
                let old = std::fs::read_to_string(file).unwrap();
                if compared == Compared::Everything && text != old {
                    std::fs::write(file, text).unwrap();
                }
            }
            Err(error) => wrong.push(error),
        }
    }
    eprintln!(
        "{} scripts, {} wrong, {count} outputs as they should be",
        files.len(),
        wrong.len()
    );
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    count
}

#[test]
fn own_scripts_print_what_they_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    assert!(run_all(&folder, Compared::Everything) > 50);
}

#[test]
fn scripts_of_others_decide_the_same() {
    let Some(folder) = std::env::var_os("QUORATE_RAFT_SCRIPTS") else {
        // Past the capture of the test runner: what was not run must not look as if it had passed.
        let loud =
            b"\nNOT RUN: QUORATE_RAFT_SCRIPTS names no folder, so no script of others was run\n";
        std::io::stderr().write_all(loud).unwrap();
        return;
    };
    run_all(Path::new(&folder), Compared::States);
}

#[test]
fn what_a_script_gets_wrong_is_said_with_its_place() {
    let folder = std::env::temp_dir().join(format!("quorate-scripts-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let error_of = |text: &str| {
        let file = folder.join("wrong.txt");
        std::fs::write(&file, text).unwrap();
        script::run(&file, Compared::States).unwrap_err()
    };
    let error = error_of("# A cluster.\nadd-nodes 1 voters=(1)\n----\nok\n\nfly 1\n----\nok\n");
    assert!(
        error.ends_with("wrong.txt:6: fly: there is no such command"),
        "{error}"
    );
    let error = error_of("add-nodes 1 voters=(1)\n----\nok\n\nraft-state\n----\n1: StateLeader\n");
    assert!(
        error.contains("wrong.txt:5: raft-state should print"),
        "{error}"
    );
    let error = error_of("add-nodes 1 voters=(1) colour=red\n----\nok\n");
    assert!(error.ends_with("there is no argument colour"), "{error}");
    std::fs::remove_dir_all(&folder).unwrap();
}
