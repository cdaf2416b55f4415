//! Crashes at each place where one can happen.

use quorate_raft_core::{Index, Persist};

use super::{SimulatedDisk, all, at, entries, hard_state, open, snapshot};
use crate::WriteError;
use crate::format::segment_name;

/// Writes that fill segments, replace entries, save and install snapshots, and purge.
///
/// Gives the last index that was acknowledged, and stops when the disk fails.
fn workload(disk: &SimulatedDisk) -> u64 {
    let mut acknowledged = 0;
    let mut run = || -> Result<(), Box<dyn std::error::Error>> {
        let (mut log, _) = open(disk)?;
        for round in 0..12_u64 {
            let first = round * 8 + 1;
            let hard_state = Some(hard_state(round + 1, 1));
            log.write(&Persist {
                hard_state,
                ..entries(round + 1, first..=first + 7)
            })?;
            log.write(&entries(round + 1, first + 4..=first + 7))?;
            log.sync()?;
            acknowledged = first + 7;
            if round % 3 == 2 {
                log.save_snapshot(&snapshot(at(round + 1, first + 2), 700))?;
                log.purge(Index(first))?;
            }
        }
        Ok(())
    };
    let _ = run();
    acknowledged
}

#[test]
fn a_crash_at_any_operation_keeps_what_was_acknowledged() {
    let healthy = SimulatedDisk::default();
    assert_eq!(workload(&healthy), 96);
    let operations = healthy.operations();
    assert!(operations > 60, "{operations}");
    for at in 0..operations {
        for seed in 0..8 {
            let disk = SimulatedDisk::default();
            disk.fail_after(at);
            let acknowledged = workload(&disk);
            let (log, opened) = open(&disk.crash(at * 8 + seed)).unwrap();
            assert!(opened.recovered.last.0 >= acknowledged, "operation {at}");
            assert!(opened.recovered.last.0 <= acknowledged + 8);
            let term = opened.recovered.hard_state.term.0;
            assert!(term >= acknowledged / 8, "operation {at}: term {term}");
            assert!(log.start().index <= opened.recovered.applied);
            assert_eq!(
                all(&log).len() as u64,
                log.last().index.0 - log.start().index.0
            );
        }
    }
}

#[test]
fn a_tail_cut_at_any_byte_is_a_prefix_with_all_that_was_synced() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = open(&disk).unwrap();
    log.write(&entries(1, 1..=5)).unwrap();
    log.sync().unwrap();
    let synced = log.stats().log_bytes;
    log.write(&entries(1, 6..=7)).unwrap();
    let first = synced + log.buffer.len() as u64;
    log.write(&entries(2, 7..=9)).unwrap();
    log.sync().unwrap();
    let end = log.stats().log_bytes;
    for cut in synced..=end {
        let disk = disk.copy();
        let name = segment_name(1);
        disk.damage(&name, |bytes| bytes.truncate(usize::try_from(cut).unwrap()));
        let (mut log, opened) = open(&disk).unwrap();
        let expected = if cut < first {
            5
        } else if cut < end {
            7
        } else {
            9
        };
        assert_eq!(opened.recovered.last, Index(expected), "cut at {cut}");
        let whole = if cut < first {
            synced
        } else if cut < end {
            first
        } else {
            end
        };
        assert!(opened.torn_bytes <= cut - whole && (cut == whole) == (opened.torn_bytes == 0));
        // It goes on from there, also over another start.
        log.write(&entries(3, expected + 1..=expected + 1)).unwrap();
        log.sync().unwrap();
        let (_, opened) = open(&disk).unwrap();
        assert_eq!(
            (opened.recovered.last, opened.torn_bytes),
            (Index(expected + 1), 0)
        );
    }
}

/// Two records in one batch: the second reaches the disk and the first does not.
#[test]
fn a_later_record_of_a_torn_batch_is_cut_with_it_and_never_comes_back() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = open(&disk).unwrap();
    log.write(&entries(1, 1..=1)).unwrap();
    log.sync().unwrap();
    let synced = usize::try_from(log.stats().log_bytes).unwrap();
    log.write(&entries(1, 2..=2)).unwrap();
    let second = synced + log.buffer.len();
    log.write(&entries(1, 3..=3)).unwrap();
    log.sync().unwrap();
    let name = segment_name(1);
    disk.damage(&name, |bytes| bytes[synced..second].fill(0));
    let (mut log, opened) = open(&disk).unwrap();
    assert_eq!(opened.recovered.last, Index(1));
    assert!(opened.torn_bytes > 0);
    // A record of the same length and sequence as the lost one, right before the cut one.
    log.write(&entries(2, 2..=2)).unwrap();
    log.sync().unwrap();
    drop(log);
    let (_, opened) = open(&disk).unwrap();
    assert_eq!(opened.recovered.last, Index(2));
}

#[test]
fn a_sync_is_one_write_and_one_sync_whatever_it_holds() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = open(&disk).unwrap();
    for round in 0..5 {
        let before = disk.writes_and_syncs();
        for index in 1..=4 {
            log.write(&entries(1, round * 4 + index..=round * 4 + index))
                .unwrap();
        }
        assert_eq!(disk.writes_and_syncs(), before);
        log.sync().unwrap();
        log.sync().unwrap();
        assert_eq!(disk.writes_and_syncs(), (before.0 + 1, before.1 + 1));
    }
    assert_eq!(log.stats().syncs, 5);
}

#[test]
fn a_failed_sync_is_never_tried_again() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = open(&disk).unwrap();
    log.write(&entries(1, 1..=1)).unwrap();
    log.sync().unwrap();
    log.write(&entries(1, 2..=2)).unwrap();
    // The write succeeds and the sync does not.
    disk.fail_after(1);
    let error = log.sync().unwrap_err();
    assert!(
        matches!(error, WriteError::Io { doing: "sync", .. }),
        "{error}"
    );
    // Even if the disk would work again.
    disk.fail_after(u64::MAX / 2);
    let before = disk.operations();
    let poisoned = |error: WriteError| matches!(error, WriteError::Poisoned { .. });
    assert!(poisoned(log.sync().unwrap_err()));
    assert!(poisoned(log.write(&entries(1, 3..=3)).unwrap_err()));
    assert!(poisoned(
        log.save_snapshot(&snapshot(at(1, 1), 1)).unwrap_err()
    ));
    assert!(poisoned(log.purge(Index(1)).unwrap_err()));
    assert!(log.entries(Index(1), Index(1), 1).is_err());
    assert!(log.latest_snapshot().is_err());
    assert_eq!(disk.operations(), before);
}

/// After a failed sync the operating system takes the pages for written, and the next process
/// reads them from its cache. What it takes for durable must be.
#[test]
fn what_a_restarted_process_finds_survives_a_power_failure() {
    let disk = SimulatedDisk::default();
    disk.forget_failed_syncs();
    let (mut log, _) = open(&disk).unwrap();
    log.write(&entries(1, 1..=2)).unwrap();
    log.sync().unwrap();
    log.write(&entries(1, 3..=5)).unwrap();
    log.write(&entries(1, 6..=9)).unwrap();
    disk.fail_after(1);
    log.sync().unwrap_err();
    drop(log);
    for seed in 0..20 {
        let lost = open(&disk.crash(seed)).unwrap().1.recovered.last;
        assert_eq!(lost, Index(2));
    }
    disk.heal();
    assert_eq!(open(&disk).unwrap().1.recovered.last, Index(9));
    for seed in 0..20 {
        let found = open(&disk.crash(seed)).unwrap().1.recovered.last;
        assert_eq!(found, Index(9));
    }
}
