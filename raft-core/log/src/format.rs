//! The headers of segments and records, and the names of files.

use bytes::{Buf, BufMut};

/// The format that is written here.
pub(crate) const VERSION: u32 = 1;

const SEGMENT_MAGIC: &[u8; 8] = b"QRTLOG\r\n";
const RECORD_MAGIC: u32 = u32::from_le_bytes(*b"QRec");

pub(crate) const SEGMENT_HEADER_BYTES: usize = 48;
pub(crate) const RECORD_HEADER_BYTES: usize = 40;

/// The first byte of a record, to look for.
pub(crate) const RECORD_FIRST_BYTE: u8 = b'Q';

/// The header of a segment.
///
/// magic 8, version 4, flags 4, number 8, salt 8, first sequence 8, reserved 4, crc32 of all that 4.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SegmentHeader {
    /// Segments are numbered from one, without holes.
    pub(crate) number: u64,
    /// In each of the segment's records, so that what the file held before never counts.
    pub(crate) salt: u64,
    /// The sequence of the segment's first record.
    pub(crate) first_sequence: u64,
    /// Whether the file held something else before.
    pub(crate) recycled: bool,
}

/// Why a segment header was not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BadSegment {
    Version(u32),
    Damaged,
}

impl SegmentHeader {
    pub(crate) fn encode(self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut header = [0; SEGMENT_HEADER_BYTES];
        let mut out = &mut header[..];
        out.put_slice(SEGMENT_MAGIC);
        out.put_u32_le(VERSION);
        out.put_u32_le(u32::from(self.recycled));
        out.put_u64_le(self.number);
        out.put_u64_le(self.salt);
        out.put_u64_le(self.first_sequence);
        out.put_u32_le(0);
        let crc = crc32fast::hash(&header[..SEGMENT_HEADER_BYTES - 4]);
        header[SEGMENT_HEADER_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
        header
    }

    pub(crate) fn decode(header: &[u8; SEGMENT_HEADER_BYTES]) -> Result<Self, BadSegment> {
        let (checked, mut crc) = header.split_at(SEGMENT_HEADER_BYTES - 4);
        let Some(mut fields) = checked.strip_prefix(SEGMENT_MAGIC) else {
            return Err(BadSegment::Damaged);
        };
        // Before the checksum, which another version may have elsewhere.
        let version = fields.get_u32_le();
        if version != VERSION {
            return Err(BadSegment::Version(version));
        }
        if crc.get_u32_le() != crc32fast::hash(checked) {
            return Err(BadSegment::Damaged);
        }
        let flags = fields.get_u32_le();
        Ok(Self {
            recycled: flags & 1 == 1,
            number: fields.get_u64_le(),
            salt: fields.get_u64_le(),
            first_sequence: fields.get_u64_le(),
        })
    }
}

/// The header of a record.
///
/// magic 4, crc32 of the rest 4, salt 8, sequence 8, batch 8, length of the body 4, its crc32 4.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct RecordHeader {
    /// The segment's.
    pub(crate) salt: u64,
    /// Records are numbered from one, without holes, over all segments.
    pub(crate) sequence: u64,
    /// The sequence of the first record that was synced together with this one. So all records
    /// before that one were durable before this one was written.
    pub(crate) batch: u64,
    pub(crate) body_len: u32,
    pub(crate) body_crc: u32,
}

impl RecordHeader {
    pub(crate) fn encode(self) -> [u8; RECORD_HEADER_BYTES] {
        let mut header = [0; RECORD_HEADER_BYTES];
        let mut out = &mut header[8..];
        out.put_u64_le(self.salt);
        out.put_u64_le(self.sequence);
        out.put_u64_le(self.batch);
        out.put_u32_le(self.body_len);
        out.put_u32_le(self.body_crc);
        let crc = crc32fast::hash(&header[8..]);
        header[..4].copy_from_slice(&RECORD_MAGIC.to_le_bytes());
        header[4..8].copy_from_slice(&crc.to_le_bytes());
        header
    }

    /// None when it is not a header.
    pub(crate) fn decode(mut header: &[u8]) -> Option<Self> {
        if header.len() < RECORD_HEADER_BYTES || header.get_u32_le() != RECORD_MAGIC {
            return None;
        }
        let crc = header.get_u32_le();
        let mut fields = header.get(..RECORD_HEADER_BYTES - 8)?;
        if crc != crc32fast::hash(fields) {
            return None;
        }
        Some(Self {
            salt: fields.get_u64_le(),
            sequence: fields.get_u64_le(),
            batch: fields.get_u64_le(),
            body_len: fields.get_u32_le(),
            body_crc: fields.get_u32_le(),
        })
    }

    pub(crate) const fn record_len(self) -> u64 {
        RECORD_HEADER_BYTES as u64 + self.body_len as u64
    }
}

const SEGMENT_PREFIX: &str = "segment-";
const SEGMENT_SUFFIX: &str = ".log";
const SPARE_PREFIX: &str = "spare-";
/// Of files that are not finished.
pub(crate) const UNFINISHED_SUFFIX: &str = ".tmp";

pub(crate) fn segment_name(number: u64) -> String {
    format!("{SEGMENT_PREFIX}{number:020}{SEGMENT_SUFFIX}")
}

pub(crate) fn segment_number(name: &str) -> Option<u64> {
    let number = name
        .strip_prefix(SEGMENT_PREFIX)?
        .strip_suffix(SEGMENT_SUFFIX)?;
    number
        .parse()
        .ok()
        .filter(|&number| segment_name(number) == name)
}

/// A file that was a segment and waits to be one again.
pub(crate) fn spare_name(number: u64) -> String {
    format!("{SPARE_PREFIX}{number:020}{SEGMENT_SUFFIX}")
}

pub(crate) fn is_spare(name: &str) -> bool {
    name.starts_with(SPARE_PREFIX) && name.ends_with(SEGMENT_SUFFIX)
}

/// Whether it is a file of ours that a crash left unfinished.
pub(crate) fn is_unfinished(name: &str) -> bool {
    name.ends_with(UNFINISHED_SUFFIX)
        && (name.starts_with(SEGMENT_PREFIX) || name.starts_with(crate::snapshot::PREFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back_and_any_changed_bit_is_noticed() {
        let segment = SegmentHeader {
            number: 7,
            salt: 0x1234_5678_9abc_def0,
            first_sequence: 99,
            recycled: true,
        };
        let bytes = segment.encode();
        assert_eq!(SegmentHeader::decode(&bytes), Ok(segment));
        let record = RecordHeader {
            salt: 1,
            sequence: 2,
            batch: 2,
            body_len: 3,
            body_crc: 4,
        };
        let record_bytes = record.encode();
        assert_eq!(record_bytes[0], RECORD_FIRST_BYTE);
        assert_eq!(RecordHeader::decode(&record_bytes), Some(record));
        for bit in 0..SEGMENT_HEADER_BYTES * 8 {
            let mut bytes = bytes;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(SegmentHeader::decode(&bytes).is_err(), "bit {bit}");
        }
        for bit in 0..RECORD_HEADER_BYTES * 8 {
            let mut bytes = record_bytes;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(RecordHeader::decode(&bytes), None, "bit {bit}");
        }
    }

    #[test]
    fn names_come_back_and_foreign_ones_do_not() {
        assert_eq!(segment_number(&segment_name(42)), Some(42));
        for foreign in [
            "segment-42.log",
            "segment-+0000000000000000042.log",
            "lock",
            "",
        ] {
            assert_eq!(segment_number(foreign), None, "{foreign}");
        }
        assert!(is_spare(&spare_name(3)) && !is_spare(&segment_name(3)));
    }
}
