//! A process that writes is killed again and again: what it has acknowledged is there.
// The writer is a process, and a log is files.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use quorate_clocks::NodeId;
use quorate_raft_core::{
    Entry, HardState, Index, Membership, Payload, Persist, Position, Snapshot, Term,
};
use quorate_raft_log::{Log, LogOptions, Opened};

const DIRECTORY: &str = "QUORATE_RAFT_LOG_KILL_TEST";
const ACKNOWLEDGED: &str = "acknowledged ";

fn open(directory: &Path) -> (Log, Opened) {
    let options = LogOptions {
        segment_bytes: 64 << 10,
        ..LogOptions::default()
    };
    Log::open(directory, options).unwrap()
}

fn entry(index: u64) -> Entry {
    let len = usize::try_from(index * 37 % 900).unwrap();
    Entry {
        position: Position {
            term: Term(1 + index / 100),
            index: Index(index),
        },
        payload: Payload::Command(Bytes::from(vec![index as u8; len])),
    }
}

/// The process that is killed. Without the variable it is a test that does nothing.
#[test]
fn writer() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let (mut log, opened) = open(Path::new(&directory));
    let mut last = opened.recovered.last.0;
    // The test harness would capture `println!`.
    let mut out = std::io::stdout();
    // Ends by itself if nobody kills it.
    for round in 0..50_000_u64 {
        for _ in 0..=round % 3 {
            let entries = (last + 1..=last + 1 + round % 5).map(entry).collect();
            last += 1 + round % 5;
            let hard_state = Some(HardState {
                term: Term(1 + last / 100),
                vote: Some(NodeId(last)),
            });
            log.write(&Persist {
                hard_state,
                entries,
                ..Persist::default()
            })
            .unwrap();
        }
        log.sync().unwrap();
        writeln!(out, "\n{ACKNOWLEDGED}{last}").unwrap();
        out.flush().unwrap();
        if round % 50 == 49 {
            let snapshot = Snapshot {
                position: entry(last - 10).position,
                membership: Membership::default(),
                data: Bytes::from(vec![1; 10_000]),
            };
            log.save_snapshot(&snapshot).unwrap();
            log.purge(Index(last - 20)).unwrap();
        }
    }
}

#[test]
fn a_killed_process_keeps_its_word() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for life in 0..10_usize {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writer", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix(ACKNOWLEDGED)?.parse::<u64>().ok());
        // From at once to well after the third snapshot.
        let before = acknowledged;
        for index in lines.by_ref().take(life * life * 2 + 1) {
            acknowledged = index;
        }
        child.kill().unwrap();
        // What it has said before it died.
        acknowledged = lines.last().unwrap_or(acknowledged);
        child.wait().unwrap();
        assert!(acknowledged > before, "the writer made no progress");

        let (log, opened) = open(directory.path());
        let last = opened.recovered.last.0;
        assert!(last >= acknowledged, "{last} is before {acknowledged}");
        // The vote of the last record came with its entries.
        assert_eq!(opened.recovered.hard_state.vote, Some(NodeId(last)));
        let first = opened.recovered.start.index.next();
        assert!(opened.recovered.start.index <= opened.recovered.applied);
        let found = log.entries(first, Index(last), usize::MAX).unwrap();
        let expected: Vec<Entry> = (first.0..=last).map(entry).collect();
        assert_eq!(found, expected);
    }
    assert!(acknowledged > 500);
}
