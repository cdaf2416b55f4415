//! The log on real files: who may open it, and what is said when something is in the way.
// A log is files.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fs;
use std::path::Path;

use bytes::Bytes;
use quorate_raft_core::{Entry, Index, Membership, Payload, Persist, Position, Snapshot, Term};
use quorate_raft_log::{Log, LogOptions, OpenError, Opened};

fn open(directory: &Path) -> Result<(Log, Opened), OpenError> {
    Log::open(directory, LogOptions::default())
}

fn position(index: u64) -> Position {
    Position {
        term: Term(1),
        index: Index(index),
    }
}

fn entries(indexes: std::ops::RangeInclusive<u64>) -> Persist {
    let entry = |index| Entry {
        position: position(index),
        payload: Payload::Command(Bytes::from(vec![7; 1000])),
    };
    Persist {
        entries: indexes.map(entry).collect(),
        ..Persist::default()
    }
}

#[test]
fn a_directory_serves_one_log_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("below/member-1");
    let (log, _) = open(&path).unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, OpenError::Locked { .. }));
    assert_eq!(
        error.to_string(),
        format!(
            "{}/lock is in use by another process, or by another log of this one; \
             a directory serves one member at a time",
            path.display()
        )
    );
    drop(log);
    open(&path).unwrap();
}

/// Directories are created as they are needed, in whatever form the path is given.
#[test]
fn any_path_that_can_be_created_opens_a_log() {
    let directory = tempfile::tempdir().unwrap();
    let above = directory.path();
    for path in ["one", "with/a/slash/", "some/./where", "up/../and/down"] {
        let path = above.join(path);
        for _ in 0..2 {
            drop(open(&path).unwrap());
            assert!(path.is_dir());
        }
    }
    // A name alone is in the directory of the process, which for a test is that of its package.
    let name = format!("log-of-test-{}", std::process::id());
    let path = Path::new(&name);
    let opened = [open(path).map(drop), open(path).map(drop)];
    fs::remove_dir_all(path).unwrap();
    assert!(opened.iter().all(Result::is_ok), "{opened:?}");
}

#[test]
fn a_file_in_the_place_of_the_directory_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, "mine").unwrap();
    let error = open(&path).unwrap_err();
    let said = format!(
        "{} is not a directory; a log needs a directory of its own",
        path.display()
    );
    assert_eq!(error.to_string(), said);
    assert_eq!(fs::read(&path).unwrap(), b"mine");
    let error = open(&path.join("below")).unwrap_err();
    assert!(error.to_string().contains(&*path.to_string_lossy()));
    // A directory in the place of a file.
    let path = directory.path().join("log");
    fs::create_dir_all(path.join("segment-00000000000000000001.log")).unwrap();
    let error = open(&path).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("cannot open {}/segment-", path.display())),
        "{error}"
    );
}

#[test]
fn what_is_synced_is_there_with_segments_snapshots_and_purges() {
    let directory = tempfile::tempdir().unwrap();
    let options = || LogOptions {
        segment_bytes: 64 << 10,
        tail_bytes: 100_000,
        ..LogOptions::default()
    };
    let (mut log, _) = Log::open(directory.path(), options()).unwrap();
    let data = Bytes::from(vec![3; 1_000_000]);
    for round in 0..60 {
        let last = round * 10 + 10;
        log.write(&entries(last - 9..=last)).unwrap();
        log.sync().unwrap();
        if round % 20 == 19 {
            let snapshot = Snapshot {
                position: position(last - 50),
                membership: Membership::default(),
                data: data.clone(),
            };
            log.save_snapshot(&snapshot).unwrap();
            log.purge(Index(last - 100)).unwrap();
        }
    }
    let start = log.start();
    assert!(
        start.index > Index(400) && start.index <= Index(500),
        "{start}"
    );
    let stats = log.stats();
    assert_eq!((stats.records, stats.snapshots), (60, 3));
    drop(log);
    let (log, opened) = Log::open(directory.path(), options()).unwrap();
    assert_eq!(opened.torn_bytes, 0);
    assert_eq!(opened.recovered.start, start);
    assert_eq!(opened.recovered.applied, Index(550));
    assert_eq!(opened.recovered.last, Index(600));
    assert_eq!(opened.recovered.tail.len(), 100_000 / 1064);
    assert_eq!(opened.snapshot.unwrap().data, data);
    let found = log.entries(Index(500), Index(600), usize::MAX).unwrap();
    assert_eq!(found, Vec::from(entries(500..=600).entries));
    let snapshots = |name: &str| name.ends_with(".snapshot");
    let names = fs::read_dir(directory.path()).unwrap();
    let names: Vec<String> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names.iter().filter(|name| snapshots(name)).count(), 1);
}

#[test]
fn what_is_not_synced_is_gone_when_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, _) = open(directory.path()).unwrap();
    log.write(&entries(1..=2)).unwrap();
    log.sync().unwrap();
    log.write(&entries(3..=4)).unwrap();
    assert_eq!(
        log.entries(Index(1), Index(4), usize::MAX).unwrap().len(),
        4
    );
    drop(log);
    let (_, opened) = open(directory.path()).unwrap();
    assert_eq!((opened.recovered.last, opened.torn_bytes), (Index(2), 0));
}

#[test]
fn unfinished_files_are_removed_and_foreign_ones_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()).unwrap());
    let unfinished = directory
        .path()
        .join("snapshot-00000000000000000009-00000000000000000001.snapshot.tmp");
    let foreign = directory.path().join("notes.txt");
    fs::write(&unfinished, "half").unwrap();
    fs::write(&foreign, "mine").unwrap();
    open(directory.path()).unwrap();
    assert!(!unfinished.exists() && foreign.exists());
}
