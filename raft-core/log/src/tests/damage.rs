//! Files that decay: what was acknowledged is never lost without a word.

use proptest::prelude::*;
use quorate_raft_core::{Entry, Index, Persist};

use super::{SimulatedDisk, all, at, entries, entry, hard_state, open, snapshot};
use crate::format::{SEGMENT_HEADER_BYTES, segment_name};
use crate::{Log, OpenError, ReadError};

/// A log of batches with one record each; gives where each record ends.
fn filled(disk: &SimulatedDisk, batches: u64) -> (Log, Vec<usize>) {
    let (mut log, _) = open(disk).unwrap();
    let mut ends = Vec::new();
    for index in 1..=batches {
        log.write(&Persist {
            hard_state: Some(hard_state(index, 1)),
            entries: vec![entry(index, index, 60)].into(),
            ..Persist::default()
        })
        .unwrap();
        log.sync().unwrap();
        ends.push(usize::try_from(log.segments.back().unwrap().end).unwrap());
    }
    (log, ends)
}

fn is_corrupt<T>(result: &Result<T, OpenError>) -> bool {
    matches!(result, Err(OpenError::Corrupt { .. }))
}

#[test]
fn no_flipped_bit_before_the_last_batch_goes_unnoticed() {
    let disk = SimulatedDisk::default();
    let (_, ends) = filled(&disk, 6);
    let name = segment_name(1);
    let before_last = ends[4];
    for byte in 0..before_last {
        let damaged = disk.copy();
        damaged.damage(&name, |bytes| bytes[byte] ^= 1 << (byte % 8));
        let files = damaged.files();
        match open(&damaged) {
            Err(OpenError::Corrupt {
                offset,
                path,
                intact,
                ..
            }) => {
                assert!(offset <= byte as u64 && path.ends_with(&name));
                let whole = ends.iter().filter(|&&end| end <= byte).count() as u64;
                assert!(intact == Index(whole) || byte < SEGMENT_HEADER_BYTES);
            }
            // The version is looked at first.
            Err(OpenError::UnknownVersion { .. }) => assert!((8..12).contains(&byte)),
            other => panic!("bit of byte {byte}: {other:?}"),
        }
        assert_eq!(damaged.files(), files, "a refused log is left as it is");
    }
    // In the last batch it can not be told from a torn write (Alagappan et al., TOS 2018, §3.3.3).
    for byte in before_last..ends[5] {
        let damaged = disk.copy();
        damaged.damage(&name, |bytes| bytes[byte] ^= 1 << (byte % 8));
        let (_, opened) = open(&damaged).unwrap();
        assert_eq!(opened.recovered.last, Index(5));
        assert!(opened.torn_bytes > 0);
    }
}

#[test]
fn damage_in_a_segment_before_the_last_is_never_a_torn_tail() {
    let disk = SimulatedDisk::default();
    let (log, _) = filled(&disk, 80);
    let closed = log.segments[1];
    assert!(log.segments.len() >= 3);
    drop(log);
    let name = segment_name(closed.number);
    let end = usize::try_from(closed.end).unwrap();
    for byte in (0..end).step_by(7).chain([end - 1]) {
        let damaged = disk.copy();
        damaged.damage(&name, |bytes| bytes[byte] ^= 0x10);
        assert!(open(&damaged).is_err(), "byte {byte}");
    }
    for cut in [end - 1, end / 2, SEGMENT_HEADER_BYTES, 10, 0] {
        let damaged = disk.copy();
        damaged.damage(&name, |bytes| bytes.truncate(cut));
        assert!(is_corrupt(&open(&damaged)), "cut at {cut}");
    }
}

#[test]
fn a_zeroed_page_in_the_middle_is_damage() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = Log::open_on(Box::new(disk.clone()), Default::default()).unwrap();
    for index in 1..=100 {
        log.write(&entries(1, index..=index)).unwrap();
        log.sync().unwrap();
    }
    let end = usize::try_from(log.stats().log_bytes).unwrap();
    drop(log);
    for from in [0, 4096, 8192] {
        let damaged = disk.copy();
        damaged.damage(&segment_name(1), |bytes| bytes[from..from + 4096].fill(0));
        assert!(is_corrupt(&open(&damaged)), "page at {from}");
    }
    // What lies in the last batch is cut.
    disk.damage(&segment_name(1), |bytes| bytes[end - 100..end].fill(0));
    assert_eq!(open(&disk).unwrap().1.recovered.last, Index(99));
}

#[test]
fn missing_segments_are_noticed() {
    let disk = SimulatedDisk::default();
    let (log, _) = filled(&disk, 120);
    assert!(log.segments.len() >= 4);
    drop(log);
    let without = |number: u64| {
        let disk = disk.copy();
        crate::disk::Disk::remove(&disk, &segment_name(number)).unwrap();
        open(&disk)
    };
    assert!(is_corrupt(&without(2)));
    let first = without(1);
    assert!(
        matches!(first, Err(OpenError::SnapshotMissing { .. })),
        "{first:?}"
    );
}

/// A purged segment becomes a new one, with its old records behind the new ones.
#[test]
fn old_records_in_a_recycled_segment_never_count() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = filled(&disk, 80);
    let last = log.last();
    log.save_snapshot(&snapshot(last, 10)).unwrap();
    log.purge(last.index).unwrap();
    assert_eq!(log.stats().segments, 1);
    let spares = |disk: &SimulatedDisk| {
        let names = disk.files().into_keys();
        names.filter(|name| crate::format::is_spare(name)).count()
    };
    let spare_count = spares(&disk);
    assert!(spare_count > 0);
    // Entries of the same size, up to just after the spare has become a segment.
    let mut index = last.index.0;
    while spares(&disk) == spare_count {
        index += 1;
        log.write(&Persist {
            hard_state: Some(hard_state(index, 1)),
            entries: vec![entry(index, index, 60)].into(),
            ..Persist::default()
        })
        .unwrap();
        log.sync().unwrap();
    }
    let active = *log.segments.back().unwrap();
    let name = segment_name(active.number);
    let bytes = disk.bytes(&name);
    let after = &bytes[usize::try_from(active.end).unwrap()..];
    assert!(
        after.windows(4).any(|bytes| bytes == b"QRec"),
        "nothing is stale"
    );
    let written = all(&log);
    drop(log);
    let (log, opened) = open(&disk).unwrap();
    assert_eq!((all(&log), opened.torn_bytes), (written, 0));
    drop(log);
    // Damage before the last batch is noticed there too.
    disk.damage(&name, |bytes| bytes[SEGMENT_HEADER_BYTES + 50] ^= 1);
    assert!(is_corrupt(&open(&disk)));
}

/// Nor do records that would go on from the last one, if they are of another life of the file.
#[test]
fn a_record_with_another_salt_never_counts() {
    for (other, last) in [(0, 4), (1, 3)] {
        let disk = SimulatedDisk::default();
        let (log, ends) = filled(&disk, 3);
        let salt = log.segments[0].salt ^ other;
        drop(log);
        disk.damage(&segment_name(1), |bytes| {
            let entries = vec![entry(3, 4, 60)].into();
            let draft = crate::record::Draft {
                hard_state: None,
                opening: None,
                snapshot: None,
                previous: at(3, 3),
                entries: &entries,
            };
            let mut record = bytes::BytesMut::new();
            draft.encode(salt, 5, 5, &mut record);
            bytes[ends[2]..ends[2] + record.len()].copy_from_slice(&record);
        });
        assert_eq!(open(&disk).unwrap().1.recovered.last, Index(last));
    }
}

#[test]
fn a_damaged_snapshot_is_refused_only_when_it_is_needed() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = filled(&disk, 80);
    let position = at(50, 50);
    log.save_snapshot(&snapshot(position, 300_000)).unwrap();
    let name = crate::snapshot::name(position);
    let len = disk.bytes(&name).len();
    let kept = disk.copy();
    log.purge(position.index).unwrap();
    assert!(log.start().index > Index::ZERO);
    drop(log);
    for byte in (0..60).chain((60..len).step_by(997)).chain([len - 1]) {
        let damaged = disk.copy();
        damaged.damage(&name, |bytes| bytes[byte] ^= 4);
        let error = open(&damaged).unwrap_err();
        assert!(
            matches!(
                error,
                OpenError::SnapshotMissing { .. } | OpenError::UnknownVersion { .. }
            ),
            "byte {byte}: {error}"
        );
    }
    for cut in [0, 20, 47, 48, len - 1] {
        let damaged = disk.copy();
        damaged.damage(&name, |bytes| bytes.truncate(cut));
        assert!(open(&damaged).is_err(), "cut at {cut}");
    }
    // All entries are still there: the application starts from nothing and replays them.
    kept.damage(&name, |bytes| bytes[len / 2] ^= 1);
    let (mut log, opened) = open(&kept).unwrap();
    assert_eq!(opened.snapshot, None);
    assert_eq!(opened.damaged_snapshots.len(), 1);
    assert_eq!(opened.recovered.start, quorate_raft_core::Position::ZERO);
    // The next one takes its place.
    log.save_snapshot(&snapshot(at(60, 60), 10)).unwrap();
    assert!(!kept.files().contains_key(&name));
}

#[test]
fn an_own_snapshot_after_the_end_of_the_log_shows_that_the_end_is_lost() {
    let disk = SimulatedDisk::default();
    let (mut log, ends) = filled(&disk, 6);
    log.save_snapshot(&snapshot(at(6, 6), 10)).unwrap();
    drop(log);
    // Without the snapshot it is taken for a write that was torn.
    let cut = |disk: &SimulatedDisk| disk.damage(&segment_name(1), |bytes| bytes[ends[5] - 1] ^= 1);
    let own = disk.copy();
    cut(&own);
    let files = own.files();
    match open(&own) {
        Err(OpenError::Corrupt {
            path,
            offset,
            what,
            intact,
        }) => {
            assert!(path.ends_with(segment_name(1)));
            assert_eq!((offset, intact), (ends[4] as u64, Index(5)));
            assert!(what.contains("entries up to 6/t6 were durable"), "{what}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(own.files(), files, "a refused log is left as it is");

    // One that was being installed is newer than the log for a good reason.
    let (mut log, _) = open(&disk).unwrap();
    log.write(&Persist {
        snapshot: Some(snapshot(at(7, 50), 10)),
        ..Persist::default()
    })
    .unwrap();
    drop(log);
    let installed = crate::snapshot::name(at(7, 50));
    assert!(disk.files().contains_key(&installed));
    let (_, opened) = open(&disk).unwrap();
    assert_eq!(opened.recovered.last, Index(6));
    assert!(!disk.files().contains_key(&installed));
}

#[test]
fn reading_notices_what_decayed_after_opening() {
    let disk = SimulatedDisk::default();
    let (log, ends) = filled(&disk, 10);
    disk.damage(&segment_name(1), |bytes| bytes[ends[4] + 80] ^= 1);
    let found: Vec<Entry> = log.entries(Index(1), Index(5), usize::MAX).unwrap();
    assert_eq!(found.len(), 5);
    let error = log.entries(Index(1), Index(10), usize::MAX).unwrap_err();
    assert!(
        matches!(&error, ReadError::Corrupt { offset, .. } if *offset == ends[4] as u64),
        "{error}"
    );
}

#[test]
fn another_format_version_is_named() {
    let disk = SimulatedDisk::default();
    drop(filled(&disk, 3));
    disk.damage(&segment_name(1), |bytes| bytes[8] = 9);
    let error = open(&disk).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/simulated/segment-00000000000000000001.log has format version 9, and the newest that is known here is 1; \
         run a newer version of this program"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn arbitrary_bytes_in_any_file_do_not_panic(
        mut edits in proptest::collection::vec((any::<u32>(), any::<Vec<u8>>()), 1..4),
        file in 0..4_usize,
        header_too in any::<bool>(),
    ) {
        let disk = SimulatedDisk::default();
        let (mut log, _) = filled(&disk, 80);
        log.save_snapshot(&snapshot(at(70, 70), 100)).unwrap();
        log.purge(Index(40)).unwrap();
        drop(log);
        let names: Vec<String> = disk.files().into_keys().collect();
        let name = names[file % names.len()].clone();
        if header_too {
            edits.push((0, vec![7; 60]));
        }
        disk.damage(&name, |bytes| {
            for (at, edit) in edits {
                let at = at as usize % bytes.len();
                let end = (at + edit.len()).min(bytes.len());
                bytes[at..end].copy_from_slice(&edit[..end - at]);
            }
        });
        if let Ok((log, _)) = open(&disk) {
            all(&log);
        }
    }

    #[test]
    fn arbitrary_records_behind_good_headers_do_not_panic(
        bodies in proptest::collection::vec(any::<Vec<u8>>(), 1..4),
        sequence in prop_oneof![Just(3_u64), any::<u64>()],
    ) {
        let disk = SimulatedDisk::default();
        let (log, ends) = filled(&disk, 1);
        let salt = log.segments[0].salt;
        drop(log);
        disk.damage(&segment_name(1), |bytes| {
            bytes.truncate(ends[0]);
            for (sequence, body) in (sequence..).zip(&bodies) {
                let header = crate::format::RecordHeader {
                    salt,
                    sequence,
                    batch: sequence,
                    body_len: u32::try_from(body.len()).unwrap(),
                    body_crc: crc32fast::hash(body),
                };
                bytes.extend_from_slice(&header.encode());
                bytes.extend_from_slice(body);
            }
        });
        if let Ok((log, _)) = open(&disk) {
            all(&log);
        }
    }
}
