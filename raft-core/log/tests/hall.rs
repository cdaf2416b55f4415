//! The part of the hall of known bugs that is about the disk. The other rooms are in quorate-raft-core.
// A log is files.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use quorate_raft_core::{Entry, HardState, Index, Payload, Persist, Position, Term};
use quorate_raft_log::{Log, LogOptions, Opened};

fn open(directory: &Path) -> (Log, Opened) {
    Log::open(directory, LogOptions::default()).unwrap()
}

fn entries(term: u64, indexes: std::ops::RangeInclusive<u64>) -> Persist {
    let entry = |index| Entry {
        position: Position {
            term: Term(term),
            index: Index(index),
        },
        payload: Payload::Command(Bytes::from(format!("{index}/{term}"))),
    };
    Persist {
        hard_state: Some(HardState {
            term: Term(term),
            vote: None,
        }),
        entries: indexes.map(entry).collect(),
        ..Persist::default()
    }
}

/// The terms of all entries that a log has.
fn terms(log: &Log) -> Vec<u64> {
    let all = log.entries(Index(1), log.last().index, usize::MAX).unwrap();
    all.iter().map(|entry| entry.position.term.0).collect()
}

/// The files of a log, with their content.
fn files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = fs::read_dir(directory).unwrap().map(|file| file.unwrap());
    let files = files.filter(|file| file.file_name() != "lock");
    let mut files: Vec<_> = files
        .map(|file| (file.path(), fs::read(file.path()).unwrap()))
        .collect();
    files.sort();
    files
}

/// B-48: a write that removes entries and appends others in their place is one: a crash in the middle of it
/// leaves the log of before, with all that was acknowledged, or the one of after, and the term is never
/// behind.
///
/// Source: openraft 9540c904; hashicorp/raft `raft.go`.
#[test]
fn b_48_replacing_entries_is_atomic_in_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, _) = open(directory.path());
    log.write(&entries(1, 1..=5)).unwrap();
    log.sync().unwrap();
    let before = files(directory.path());
    // A leader of term 2 knows other entries from the third on.
    log.write(&entries(2, 3..=4)).unwrap();
    log.sync().unwrap();
    drop(log);
    let after = files(directory.path());
    let (path, new) = after
        .iter()
        .find(|(path, content)| !before.contains(&(path.clone(), content.clone())))
        .expect("something was written");
    let (_, old) = before.iter().find(|(known, _)| known == path).unwrap();
    let end = (0..new.len()).rev().find(|&at| new.get(at) != old.get(at));
    let end = end.unwrap() + 1;
    let start = (0..end).find(|&at| new.get(at) != old.get(at)).unwrap();
    let mut seen = [false; 2];
    for cut in start..=end {
        // The disk has taken the write up to here.
        let torn = [&new[..cut], old.get(cut..).unwrap_or_default()].concat();
        fs::write(path, torn).unwrap();
        let (log, opened) = open(directory.path());
        let found = terms(&log);
        let is_after = found == [1, 1, 2, 2];
        assert!(is_after || found == [1; 5], "cut at {cut}: {found:?}");
        let term = opened.recovered.hard_state.term;
        assert_eq!(term, Term(if is_after { 2 } else { 1 }), "cut at {cut}");
        seen[usize::from(is_after)] = true;
    }
    assert_eq!(
        seen, [true; 2],
        "some cuts lose the write, and the last does not"
    );
}
