//! What may be written, and what stays.

use quorate_raft_core::{HardState, Index, Persist, Position, Term};

use super::{SimulatedDisk, all, at, entries, entry, hard_state, open, options, snapshot};
use crate::{Log, LogOptions, WriteError};

#[test]
fn what_does_not_go_on_from_the_log_is_refused_and_changes_nothing() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = open(&disk).unwrap();
    log.write(&entries(2, 1..=5)).unwrap();
    log.save_snapshot(&snapshot(at(2, 3), 1)).unwrap();
    let refused = |log: &mut Log, persist: &Persist| {
        let error = log.write(persist).unwrap_err();
        matches!(error, WriteError::OutOfOrder { .. })
    };
    assert!(refused(&mut log, &entries(2, 7..=8)), "a hole");
    assert!(
        refused(&mut log, &entries(1, 6..=6)),
        "a term that goes back"
    );
    assert!(refused(&mut log, &entries(3, 3..=3)), "in the snapshot");
    assert!(refused(&mut log, &entries(3, 0..=0)), "there is no entry 0");
    let mut torn = entries(2, 6..=9);
    let mut with_a_hole = Vec::from(torn.entries);
    with_a_hole.remove(1);
    torn.entries = with_a_hole.into();
    assert!(refused(&mut log, &torn), "a hole between entries");
    let old = Persist {
        snapshot: Some(snapshot(at(2, 3), 1)),
        ..Persist::default()
    };
    assert!(refused(&mut log, &old), "an old snapshot");
    let error = log.save_snapshot(&snapshot(at(2, 6), 1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a snapshot at 6/t2 is not of this log, which has 0/t0 to 5/t2"
    );
    assert!(
        log.save_snapshot(&snapshot(at(1, 4), 1)).is_err(),
        "another term"
    );
    log.save_snapshot(&snapshot(at(2, 2), 1)).unwrap();
    assert_eq!(log.latest_snapshot().unwrap().unwrap().position, at(2, 3));
    log.write(&entries(2, 6..=6)).unwrap();
    log.sync().unwrap();
    assert_eq!(all(&log).len(), 6);
}

#[test]
fn records_over_the_limit_are_refused() {
    let disk = SimulatedDisk::default();
    let options = LogOptions {
        max_record_bytes: 200,
        ..options()
    };
    let (mut log, _) = Log::open_on(Box::new(disk), options).unwrap();
    let error = log.write(&entries(1, 1..=2)).unwrap_err();
    assert!(
        matches!(
            error,
            WriteError::TooLarge {
                bytes: 263,
                limit: 200
            }
        ),
        "{error}"
    );
    log.write(&entries(1, 1..=1)).unwrap();
    log.sync().unwrap();
    assert_eq!(log.last(), at(1, 1));
}

#[test]
fn a_batch_larger_than_a_segment_fits() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = open(&disk).unwrap();
    for index in 1..=3 {
        let entries = vec![entry(1, index, 100_000)].into();
        let persist = Persist {
            entries,
            ..Persist::default()
        };
        log.write(&persist).unwrap();
        log.sync().unwrap();
    }
    let written = all(&log);
    drop(log);
    let (log, opened) = open(&disk).unwrap();
    assert_eq!(all(&log), written);
    assert_eq!(opened.recovered.tail, written);
}

#[test]
fn the_vote_outlives_the_segment_that_it_was_written_to() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = open(&disk).unwrap();
    let state = hard_state(7, 3);
    log.write(&Persist {
        hard_state: Some(state),
        ..Persist::default()
    })
    .unwrap();
    log.write(&entries(7, 1..=200)).unwrap();
    log.sync().unwrap();
    log.write(&entries(7, 201..=201)).unwrap();
    log.save_snapshot(&snapshot(at(7, 200), 5)).unwrap();
    log.purge(Index(200)).unwrap();
    assert_eq!(log.start(), at(7, 200));
    drop(log);
    let (log, opened) = open(&disk).unwrap();
    assert_eq!(opened.recovered.hard_state, state);
    assert_eq!(opened.recovered.start, at(7, 200));
    assert_eq!(opened.recovered.runs, [at(7, 201)]);
    assert_eq!(log.hard_state(), state);
}

#[test]
fn nothing_is_purged_that_no_snapshot_holds() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = open(&disk).unwrap();
    for round in 0..20 {
        log.write(&entries(1, round * 10 + 1..=round * 10 + 10))
            .unwrap();
        log.sync().unwrap();
    }
    log.purge(Index(u64::MAX)).unwrap();
    assert_eq!(log.start(), Position::ZERO);
    log.save_snapshot(&snapshot(at(1, 100), 5)).unwrap();
    log.purge(Index(60)).unwrap();
    assert!(log.start().index <= Index(60) && log.start().index > Index(20));
    log.purge(Index(u64::MAX)).unwrap();
    assert!(log.start().index <= Index(100) && log.start().index > Index(60));
    assert_eq!(log.last(), at(1, 200));
    assert!(log.entries(Index(1), Index(5), 1).unwrap().is_empty());
}

/// The first kept segment begins after entries that were replaced later on.
#[test]
fn a_log_whose_first_segment_begins_in_replaced_entries_opens() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = open(&disk).unwrap();
    log.write(&entries(1, 1..=60)).unwrap();
    log.sync().unwrap();
    log.write(&entries(1, 61..=62)).unwrap();
    log.sync().unwrap();
    assert_eq!(log.stats().segments, 2);
    let persist = Persist {
        hard_state: Some(HardState {
            term: Term(2),
            vote: None,
        }),
        ..entries(2, 41..=45)
    };
    log.write(&persist).unwrap();
    log.save_snapshot(&snapshot(at(1, 40), 5)).unwrap();
    log.purge(Index(40)).unwrap();
    assert_eq!((log.stats().segments, log.start()), (1, at(1, 40)));
    let written = all(&log);
    drop(log);
    let (log, opened) = open(&disk).unwrap();
    assert_eq!(opened.recovered.start, at(1, 40));
    assert_eq!(opened.recovered.runs, [at(2, 41)]);
    assert_eq!(all(&log), written);
}

#[test]
fn an_installed_snapshot_takes_the_place_of_the_log_as_one_with_its_write() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = open(&disk).unwrap();
    log.write(&entries(1, 1..=20)).unwrap();
    log.save_snapshot(&snapshot(at(1, 5), 9)).unwrap();
    let install = Persist {
        hard_state: Some(hard_state(4, 1)),
        snapshot: Some(snapshot(at(3, 10), 7)),
        entries: vec![entry(4, 11, 3)].into(),
    };
    log.write(&install).unwrap();
    // Its file is there, but not the record that makes it count.
    let before = disk.copy();
    log.sync().unwrap();
    drop(log);
    let (_, opened) = open(&before).unwrap();
    assert_eq!(opened.snapshot.unwrap().position, at(1, 5));
    assert_eq!(opened.recovered.last, Index(20));
    assert_eq!(opened.recovered.hard_state, HardState::default());
    assert_eq!(
        before.files().len(),
        2,
        "the snapshot that does not count is removed"
    );
    let (log, opened) = open(&disk).unwrap();
    assert_eq!(opened.snapshot, install.snapshot);
    assert_eq!(opened.recovered.start, at(3, 10));
    assert_eq!(opened.recovered.hard_state, hard_state(4, 1));
    assert_eq!(all(&log), Vec::from(install.entries));
    assert_eq!(disk.files().len(), 2, "the old snapshot is removed");
}

#[test]
fn the_tail_is_as_large_as_asked_for() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = open(&disk).unwrap();
    log.write(&entries(1, 1..=100)).unwrap();
    log.sync().unwrap();
    drop(log);
    for (tail_bytes, count) in [(0, 0), (163, 0), (164, 1), (1640, 10), (1 << 20, 100)] {
        let options = LogOptions {
            tail_bytes,
            ..options()
        };
        let (_, opened) = Log::open_on(Box::new(disk.clone()), options).unwrap();
        assert_eq!(opened.recovered.tail.len(), count);
        assert_eq!(opened.recovered.last, Index(100));
    }
}
