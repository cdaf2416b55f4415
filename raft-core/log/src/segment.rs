//! Beginning a segment.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;

use bytes::BytesMut;
use quorate_raft_core::{Entries, HardState, Position};

use crate::disk::{Disk, DiskFile};
use crate::format::{SEGMENT_HEADER_BYTES, SegmentHeader, UNFINISHED_SUFFIX, segment_name};
use crate::record::Draft;

/// Zeros are written ahead in steps of this many bytes, together with the records before them.
/// A sync that does not make the file longer has no metadata to write, and so is faster.
pub(crate) const ZERO_STEP_BYTES: u64 = 256 << 10;

/// A segment of the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    pub(crate) salt: u64,
    /// Where its last durable record ends.
    pub(crate) end: u64,
}

/// The segment that is written to.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) file: Box<dyn DiskFile>,
    /// Up to where the file has room.
    pub(crate) room: u64,
}

/// What a new segment begins with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) number: u64,
    /// The sequence of its first record.
    pub(crate) sequence: u64,
    /// Repeated in each segment, so that those before it can go.
    pub(crate) hard_state: HardState,
    /// The last entry of the log.
    pub(crate) last: Position,
}

/// Begins a segment, in the place of `spare` when there is one.
///
/// It gets its name only when its header and its first record are durable. So a segment in which
/// they are not intact is damaged, and not one that was never finished.
pub(crate) fn begin(
    disk: &dyn Disk,
    opening: Opening,
    spare: Option<&str>,
) -> io::Result<(Segment, Active)> {
    let name = segment_name(opening.number);
    let salt = salt();
    let header = SegmentHeader {
        number: opening.number,
        salt,
        first_sequence: opening.sequence,
        recycled: spare.is_some(),
    };
    let draft = Draft {
        hard_state: Some(opening.hard_state),
        opening: Some(opening.last),
        snapshot: None,
        previous: Position::ZERO,
        entries: &Entries::new(),
    };
    let mut bytes = BytesMut::with_capacity(SEGMENT_HEADER_BYTES + 256);
    bytes.extend_from_slice(&header.encode());
    draft.encode(salt, opening.sequence, opening.sequence, &mut bytes);
    let end = bytes.len() as u64;
    let (file, unfinished) = match spare {
        Some(spare) => (disk.open(spare)?, spare.to_owned()),
        None => {
            let unfinished = format!("{name}{UNFINISHED_SUFFIX}");
            (disk.create(&unfinished)?, unfinished)
        }
    };
    file.write_all_at(&bytes, 0)?;
    file.sync()?;
    disk.rename(&unfinished, &name)?;
    disk.sync_names()?;
    let room = file.len()?;
    let segment = Segment {
        number: opening.number,
        salt,
        end,
    };
    Ok((segment, Active { file, room }))
}

/// A number that no earlier life of the file has had, for all practical purposes.
fn salt() -> u64 {
    // Seeded by the operating system.
    RandomState::new().build_hasher().finish()
}
