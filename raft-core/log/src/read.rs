//! Reading entries back.

use bytes::Bytes;
use quorate_raft_core::{Entry, Index};

use crate::format::{RECORD_HEADER_BYTES, RecordHeader, segment_name};
use crate::index::Span;
use crate::record::Record;
use crate::scan::{Found, Scanner};
use crate::segment::Segment;
use crate::{Log, ReadError};

/// Entries that were asked for, as they are found.
struct Wanted {
    from: Index,
    to: Index,
    bytes_left: usize,
    found: Vec<Entry>,
}

impl Wanted {
    /// Gives whether to go on.
    fn take(&mut self, entry: Entry) -> bool {
        let index = entry.position.index;
        if index < self.from {
            return true;
        }
        let Some(left) = self.bytes_left.checked_sub(entry.payload.len()) else {
            if self.found.is_empty() {
                self.found.push(entry);
            }
            return false;
        };
        self.bytes_left = left;
        self.found.push(entry);
        index < self.to
    }
}

impl Log {
    /// The entries from `from` to `to`, both inclusive, read from the files and checked.
    ///
    /// Stops before payloads add up to more than `max_bytes`, but gives at least one entry if there
    /// is one. None at all when the first one is purged or not written yet. Entries that are
    /// written and not synced are there too.
    pub fn entries(
        &self,
        from: Index,
        to: Index,
        max_bytes: usize,
    ) -> Result<Vec<Entry>, ReadError> {
        self.check_readable()?;
        let last = self.index.last().index;
        let to = to.min(last);
        if from <= self.index.start().index || from > to {
            return Ok(Vec::new());
        }
        let mut wanted = Wanted {
            from,
            to,
            bytes_left: max_bytes,
            found: Vec::new(),
        };
        for (span, after) in self.index.spans_from(from) {
            if !self.read_span(span, after, &mut wanted)? {
                break;
            }
        }
        Ok(wanted.found)
    }

    /// Reads the entries of a span, which end before `after`. Gives whether to go on.
    fn read_span(&self, span: Span, after: Index, wanted: &mut Wanted) -> Result<bool, ReadError> {
        let name = segment_name(span.segment);
        let failed = |doing| {
            let path = self.disk.path(&name);
            move |source| ReadError::Io {
                doing,
                path,
                source,
            }
        };
        let corrupt = |offset, what| ReadError::Corrupt {
            path: self.disk.path(&name),
            offset,
            what,
        };
        let at = self
            .segments
            .binary_search_by_key(&span.segment, |segment| segment.number);
        let Some(&segment) = at.ok().and_then(|at| self.segments.get(at)) else {
            return Err(corrupt(span.offset, "the segment is gone".to_owned()));
        };
        let opened;
        let file = if self.is_active(segment) {
            &*self.active.file
        } else {
            opened = self.disk.open(&name).map_err(failed("open"))?;
            &*opened
        };
        let mut scanner = Scanner::new(file, segment.end).map_err(failed("read"))?;
        let (mut offset, mut expected) = (span.offset, span.first);
        while expected < after {
            let buffered = self.is_active(segment) && offset >= segment.end;
            let found = if buffered {
                self.buffered(offset - segment.end)
            } else {
                scanner
                    .record(offset, segment.salt)
                    .map_err(failed("read"))?
            };
            let Found::Record(header, body) = found else {
                let what = "the record does not match its checksum";
                return Err(corrupt(offset, what.to_owned()));
            };
            let record = Record::decode(body).map_err(|what| corrupt(offset, what))?;
            for entry in record.entries {
                if expected >= after {
                    break;
                }
                if entry.position.index != expected {
                    let what = format!("entry {} is where {expected} should be", entry.position);
                    return Err(corrupt(offset, what));
                }
                expected = expected.next();
                if !wanted.take(entry) {
                    return Ok(false);
                }
            }
            offset += header.record_len();
        }
        Ok(true)
    }

    fn is_active(&self, segment: Segment) -> bool {
        self.segments.back() == Some(&segment)
    }

    /// A record that is in the buffer only. What was encoded a moment ago needs no checksum.
    fn buffered(&self, at: u64) -> Found {
        let bytes = usize::try_from(at)
            .ok()
            .and_then(|at| self.buffer.get(at..));
        let Some((bytes, header)) =
            bytes.and_then(|bytes| Some((bytes, RecordHeader::decode(bytes)?)))
        else {
            return Found::NoHeader;
        };
        let end = RECORD_HEADER_BYTES + header.body_len as usize;
        match bytes.get(RECORD_HEADER_BYTES..end) {
            Some(body) => Found::Record(header, Bytes::copy_from_slice(body)),
            None => Found::BadBody(header),
        }
    }
}
