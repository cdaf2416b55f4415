//! Opening: reads everything, tells a torn tail from damage, and only then changes anything.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;

use quorate_raft_core::{Entry, HardState, Index, Position, Snapshot};

use crate::disk::{Disk, DiskFile};
use crate::format::{
    BadSegment, SEGMENT_HEADER_BYTES, SegmentHeader, VERSION, is_spare, is_unfinished,
    segment_name, segment_number,
};
use crate::index::LogIndex;
use crate::log::MAX_SPARES;
use crate::record::Record;
use crate::replay::Replay;
use crate::scan::{Found, Scanner};
use crate::segment::{Active, Opening, Segment, begin};
use crate::snapshot::{self, BadSnapshot, Origin};
use crate::{LogOptions, OpenError};

/// What was found, and the file to go on writing to.
#[derive(Debug)]
pub(crate) struct Recovery {
    pub(crate) hard_state: HardState,
    pub(crate) index: LogIndex,
    pub(crate) tail: VecDeque<Entry>,
    /// The sequence of the next record.
    pub(crate) sequence: u64,
    pub(crate) segments: VecDeque<Segment>,
    pub(crate) active: Active,
    pub(crate) spares: Vec<String>,
    pub(crate) snapshot: Option<Snapshot>,
    /// All snapshot files that are left.
    pub(crate) snapshots: Vec<Position>,
    pub(crate) torn_bytes: u64,
    pub(crate) damaged_snapshots: Vec<PathBuf>,
}

pub(crate) fn recover(disk: &dyn Disk, options: &LogOptions) -> Result<Recovery, OpenError> {
    let reader = Reader { disk };
    let names = disk
        .names()
        .map_err(reader.failed("list the directory", ""))?;
    let headers = reader.segment_headers(&names)?;
    if headers.is_empty() {
        return reader.begin(&names);
    }
    let mut replay = Replay::new(options.tail_bytes);
    let mut segments = VecDeque::new();
    let mut last = None;
    for (at, header) in headers.iter().enumerate() {
        let until = headers.get(at + 1).map(|next| next.first_sequence);
        let (segment, end) = reader.replay_segment(*header, until, &mut replay)?;
        segments.push_back(segment);
        last = Some(end);
    }
    let snapshots = reader.snapshots(&names, &replay.index, segments.back())?;
    let Some(LastSegment {
        file,
        batch_at,
        torn,
        room,
    }) = last
    else {
        return reader.begin(&names);
    };
    // Everything is understood: from here on the directory is changed.
    let end = segments.back().map_or(0, |segment| segment.end);
    let name = segment_name(segments.back().map_or(0, |segment| segment.number));
    rewrite(&*file, batch_at, end)
        .and_then(|()| {
            if torn > 0 {
                erase(&*file, end, room)
            } else {
                Ok(())
            }
        })
        .and_then(|()| file.sync())
        .map_err(reader.failed("make durable what is in", &name))?;
    let mut spares: Vec<_> = names.iter().filter(|name| is_spare(name)).collect();
    let excess = spares.split_off(spares.len().min(MAX_SPARES));
    let unfinished = names.iter().filter(|name| is_unfinished(name));
    let obsolete = snapshots.obsolete.iter().map(|&old| snapshot::name(old));
    let removed: Vec<String> = excess
        .into_iter()
        .chain(unfinished)
        .cloned()
        .chain(obsolete)
        .collect();
    for name in &removed {
        disk.remove(name).map_err(reader.failed("remove", name))?;
    }
    // What is there may not be durable yet, and what is removed now must not come back later.
    disk.sync_names()
        .map_err(reader.failed("sync the directory", ""))?;
    Ok(Recovery {
        hard_state: replay.hard_state,
        index: replay.index,
        tail: replay.tail,
        sequence: replay.sequence,
        segments,
        active: Active { file, room },
        spares: spares.into_iter().cloned().collect(),
        snapshot: snapshots.newest,
        snapshots: snapshots.kept,
        torn_bytes: torn,
        damaged_snapshots: snapshots.damaged,
    })
}

/// What [`rewrite`] and [`erase`] write in one piece.
const PIECE_BYTES: usize = 64 << 10;

/// Writes the last batch again, as it is.
///
/// If the process died before its sync, or its sync failed, then what was read may be in the
/// operating system's cache only, and marked there as written. It counts from now on, so it must
/// get to the disk.
fn rewrite(file: &dyn DiskFile, from: u64, to: u64) -> io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    in_pieces(from, to, |at, count| {
        let piece = piece.get_mut(..count).unwrap_or_default();
        file.read_exact_at(piece, at)?;
        file.write_all_at(piece, at)
    })
}

/// Writes zeros over what a crash left, so that it never counts as a record later on.
fn erase(file: &dyn DiskFile, from: u64, to: u64) -> io::Result<()> {
    let zeros = vec![0; PIECE_BYTES];
    in_pieces(from, to, |at, count| {
        file.write_all_at(zeros.get(..count).unwrap_or_default(), at)
    })
}

fn in_pieces(
    mut from: u64,
    to: u64,
    mut each: impl FnMut(u64, usize) -> io::Result<()>,
) -> io::Result<()> {
    while from < to {
        let count = usize::try_from(to - from).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
        each(from, count)?;
        from += count as u64;
    }
    Ok(())
}

/// How the last segment ends.
struct LastSegment {
    file: Box<dyn DiskFile>,
    /// Where its last batch begins.
    batch_at: u64,
    /// Bytes of unfinished records after its last one.
    torn: u64,
    /// The length of the file.
    room: u64,
}

struct Snapshots {
    newest: Option<Snapshot>,
    kept: Vec<Position>,
    obsolete: Vec<Position>,
    damaged: Vec<PathBuf>,
}

struct Reader<'a> {
    disk: &'a dyn Disk,
}

impl Reader<'_> {
    fn failed(&self, doing: &'static str, name: &str) -> impl Fn(io::Error) -> OpenError + use<> {
        let path = self.disk.path(name);
        move |source| OpenError::Io {
            doing,
            path: path.clone(),
            source,
        }
    }

    fn corrupt(
        &self,
        name: &str,
        offset: u64,
        what: impl Into<String>,
        intact: Index,
    ) -> OpenError {
        OpenError::Corrupt {
            path: self.disk.path(name),
            offset,
            what: what.into(),
            intact,
        }
    }

    /// Begins a log in a directory without one.
    fn begin(&self, names: &[String]) -> Result<Recovery, OpenError> {
        let name = segment_name(1);
        let rest = names
            .iter()
            .find(|name| is_spare(name) || snapshot::position(name).is_some());
        if let Some(rest) = rest {
            let what = format!("the directory has {rest}, but no segments");
            return Err(self.corrupt(&name, 0, what, Index::ZERO));
        }
        for name in names.iter().filter(|name| is_unfinished(name)) {
            self.disk
                .remove(name)
                .map_err(self.failed("remove", name))?;
        }
        let opening = Opening {
            number: 1,
            sequence: 1,
            hard_state: HardState::default(),
            last: Position::ZERO,
        };
        let (segment, active) =
            begin(self.disk, opening, None).map_err(self.failed("begin", &name))?;
        Ok(Recovery {
            hard_state: opening.hard_state,
            index: LogIndex::new(opening.last),
            tail: VecDeque::new(),
            sequence: 2,
            segments: VecDeque::from([segment]),
            active,
            spares: Vec::new(),
            snapshot: None,
            snapshots: Vec::new(),
            torn_bytes: 0,
            damaged_snapshots: Vec::new(),
        })
    }

    /// The headers of all segments, which must be numbered without holes.
    fn segment_headers(&self, names: &[String]) -> Result<Vec<SegmentHeader>, OpenError> {
        let mut numbers: Vec<u64> = names
            .iter()
            .filter_map(|name| segment_number(name))
            .collect();
        numbers.sort_unstable();
        let mut headers: Vec<SegmentHeader> = Vec::with_capacity(numbers.len());
        for number in numbers {
            let expected = headers
                .last()
                .map_or(number, |before| before.number.saturating_add(1));
            if number != expected {
                let what = format!("the segment is missing, though segment {number} is there");
                return Err(self.corrupt(&segment_name(expected), 0, what, Index::ZERO));
            }
            headers.push(self.segment_header(number)?);
        }
        Ok(headers)
    }

    fn segment_header(&self, number: u64) -> Result<SegmentHeader, OpenError> {
        let name = segment_name(number);
        let corrupt = |what| Err(self.corrupt(&name, 0, what, Index::ZERO));
        let file = self.disk.open(&name).map_err(self.failed("open", &name))?;
        let len = file.len().map_err(self.failed("read", &name))?;
        if len < SEGMENT_HEADER_BYTES as u64 {
            return corrupt("the file is shorter than its header".to_owned());
        }
        let mut header = [0; SEGMENT_HEADER_BYTES];
        file.read_exact_at(&mut header, 0)
            .map_err(self.failed("read", &name))?;
        match SegmentHeader::decode(&header) {
            Ok(header) if header.number == number => Ok(header),
            Ok(header) => corrupt(format!("the header is that of segment {}", header.number)),
            Err(BadSegment::Damaged) => {
                corrupt("the header does not match its checksum".to_owned())
            }
            Err(BadSegment::Version(version)) => Err(OpenError::UnknownVersion {
                path: self.disk.path(&name),
                version,
                newest: VERSION,
            }),
        }
    }

    /// Replays a segment: up to the record before `until`, or to the end of the log.
    fn replay_segment(
        &self,
        header: SegmentHeader,
        until: Option<u64>,
        replay: &mut Replay,
    ) -> Result<(Segment, LastSegment), OpenError> {
        let name = segment_name(header.number);
        let failed = self.failed("read", &name);
        let file = self.disk.open(&name).map_err(self.failed("open", &name))?;
        let mut scanner = Scanner::new(&*file, u64::MAX).map_err(&failed)?;
        let mut offset = SEGMENT_HEADER_BYTES as u64;
        let mut batch_at = offset;
        let mut torn = 0;
        if !replay.begins(header.first_sequence) {
            let what = "its first record does not go on from the segment before it";
            return Err(self.corrupt(&name, 0, what, replay.intact()));
        }
        while until != Some(replay.sequence) {
            let found = scanner.record(offset, header.salt).map_err(&failed)?;
            match found {
                Found::Record(found, body)
                    if found.sequence == replay.sequence && found.batch <= found.sequence =>
                {
                    let opens = found.sequence == header.first_sequence;
                    Record::decode(body)
                        .and_then(|record| replay.apply(record, header.number, offset, opens))
                        .map_err(|what| self.corrupt(&name, offset, what, replay.intact()))?;
                    if found.batch == found.sequence {
                        batch_at = offset;
                    }
                    offset += found.record_len();
                }
                // The first record was durable before the segment got its name, and so was all of
                // the segment before the next one began.
                _ if replay.sequence == header.first_sequence || until.is_some() => {
                    let what = "a record does not match its checksum, or is missing";
                    return Err(self.corrupt(&name, offset, what, replay.intact()));
                }
                _ => {
                    torn = self.torn_bytes(&mut scanner, header, offset, replay)?;
                    break;
                }
            }
        }
        let room = scanner.len();
        let segment = Segment {
            number: header.number,
            salt: header.salt,
            end: offset,
        };
        let last = LastSegment {
            file,
            batch_at,
            torn,
            room,
        };
        Ok((segment, last))
    }

    /// How many bytes at the end of the last segment are torn, or that they are damaged.
    ///
    /// A batch is written only once the one before it is durable. So a crash tears records of one
    /// batch, and any record of a later batch proves that what is unreadable before it was durable.
    fn torn_bytes(
        &self,
        scanner: &mut Scanner<'_>,
        header: SegmentHeader,
        offset: u64,
        replay: &Replay,
    ) -> Result<u64, OpenError> {
        let name = segment_name(header.number);
        let failed = self.failed("read", &name);
        let mut end = offset;
        let mut from = offset;
        while let Some((at, found)) = scanner.next_header(from, header.salt).map_err(&failed)? {
            if found.batch > replay.sequence {
                let what = format!(
                    "a record does not match its checksum, but one that was written after it was durable is at byte {at}"
                );
                return Err(self.corrupt(&name, offset, what, replay.intact()));
            }
            end = end.max(at.saturating_add(found.record_len()));
            from = at + 1;
        }
        if header.recycled {
            // What is not a record of this segment may be left from an earlier one.
            Ok(end.min(scanner.len()) - offset)
        } else {
            let end = scanner.end_of_data(offset).map_err(&failed)?;
            Ok(end - offset)
        }
    }

    /// The newest intact snapshot that goes with the log.
    ///
    /// One that the log does not hold was being installed when the write that makes it count was
    /// lost. One that the log does hold is of committed entries, whoever took it.
    fn snapshots(
        &self,
        names: &[String],
        index: &LogIndex,
        last: Option<&Segment>,
    ) -> Result<Snapshots, OpenError> {
        let mut positions: Vec<Position> = names
            .iter()
            .filter_map(|name| snapshot::position(name))
            .collect();
        positions.sort_unstable_by_key(|position| (position.index, position.term));
        let mut found = Snapshots {
            newest: None,
            kept: Vec::new(),
            obsolete: Vec::new(),
            damaged: Vec::new(),
        };
        let mut missing = "there is none".to_owned();
        for &position in positions.iter().rev() {
            if position.index > index.last().index {
                self.check_not_own(position, index, last)?;
            }
            if found.newest.is_some() || !index.holds(position) {
                found.obsolete.push(position);
                continue;
            }
            let name = snapshot::name(position);
            match snapshot::read(self.disk, position) {
                Ok(snapshot) => {
                    found.newest = Some(snapshot);
                    found.kept.push(position);
                }
                Err(BadSnapshot::Io(source)) => return Err(self.failed("read", &name)(source)),
                Err(BadSnapshot::Version(version)) => {
                    return Err(OpenError::UnknownVersion {
                        path: self.disk.path(&name),
                        version,
                        newest: VERSION,
                    });
                }
                Err(BadSnapshot::Damaged { offset, what }) => {
                    missing = format!("{name} is damaged at byte {offset}: {what}");
                    found.kept.push(position);
                    found.damaged.push(self.disk.path(&name));
                }
            }
        }
        if found.newest.is_none() && index.start().index > Index::ZERO {
            return Err(OpenError::SnapshotMissing {
                path: self.disk.path(""),
                start: index.start(),
                what: missing,
            });
        }
        Ok(found)
    }

    /// A member takes a snapshot only of entries that are durable in its log. So one of its own
    /// that is newer than all of them proves that the log has lost its end, even where what is left
    /// looks like a torn write.
    fn check_not_own(
        &self,
        position: Position,
        index: &LogIndex,
        last: Option<&Segment>,
    ) -> Result<(), OpenError> {
        match snapshot::origin(self.disk, position) {
            Ok(Origin::Own) => {
                let (number, end) = last.map_or((1, 0), |last| (last.number, last.end));
                let what = format!(
                    "the log ends here, but a snapshot was taken when entries up to {position} were durable"
                );
                Err(self.corrupt(&segment_name(number), end, what, index.last().index))
            }
            Err(BadSnapshot::Io(source)) => {
                Err(self.failed("read", &snapshot::name(position))(source))
            }
            // One that is damaged proves nothing.
            Ok(Origin::Installed) | Err(_) => Ok(()),
        }
    }
}
