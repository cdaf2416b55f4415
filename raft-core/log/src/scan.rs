//! Reading records from a file, also from one that is damaged.

use std::io;

use bytes::Bytes;

use crate::disk::DiskFile;
use crate::format::{RECORD_FIRST_BYTE, RECORD_HEADER_BYTES, RecordHeader};

const WINDOW_BYTES: usize = 64 << 10;

/// Reads a file from front to back through a window. Allocates no more than the file is long.
#[derive(Debug)]
pub(crate) struct Scanner<'a> {
    file: &'a dyn DiskFile,
    len: u64,
    window: Vec<u8>,
    window_at: u64,
}

/// What is at a place in a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Found {
    Record(RecordHeader, Bytes),
    /// There is no header of the segment.
    NoHeader,
    /// There is a header, but not what it announces.
    BadBody(RecordHeader),
}

impl<'a> Scanner<'a> {
    /// Reads `file` up to `len`, or to its end.
    pub(crate) fn new(file: &'a dyn DiskFile, len: u64) -> io::Result<Self> {
        Ok(Self {
            file,
            len: file.len()?.min(len),
            window: Vec::new(),
            window_at: 0,
        })
    }

    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    /// The bytes from `offset` on: at least `wanted` of them, or all that there are.
    fn window(&mut self, offset: u64, wanted: usize) -> io::Result<&[u8]> {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = wanted.min(left);
        let there = |at: u64, window: &[u8]| {
            let skip = usize::try_from(offset.checked_sub(at)?).ok()?;
            (window.len().checked_sub(skip)? >= wanted).then_some(skip)
        };
        let skip = match there(self.window_at, &self.window) {
            Some(skip) => skip,
            None => {
                self.window.resize(WINDOW_BYTES.max(wanted).min(left), 0);
                // Says that there is nothing, if reading fails.
                self.window_at = u64::MAX;
                self.file.read_exact_at(&mut self.window, offset)?;
                self.window_at = offset;
                0
            }
        };
        Ok(self.window.get(skip..).unwrap_or_default())
    }

    /// What is at `offset`. Sequences are for the caller to compare.
    pub(crate) fn record(&mut self, offset: u64, salt: u64) -> io::Result<Found> {
        let bytes = self.window(offset, RECORD_HEADER_BYTES)?;
        let Some(header) = RecordHeader::decode(bytes).filter(|header| header.salt == salt) else {
            return Ok(Found::NoHeader);
        };
        if offset.saturating_add(header.record_len()) > self.len {
            return Ok(Found::BadBody(header));
        }
        let body_len = header.body_len as usize;
        let body_at = offset + RECORD_HEADER_BYTES as u64;
        let body = if body_len <= WINDOW_BYTES {
            let bytes = self.window(body_at, body_len)?;
            Bytes::copy_from_slice(bytes.get(..body_len).unwrap_or_default())
        } else {
            let mut body = vec![0; body_len];
            self.file.read_exact_at(&mut body, body_at)?;
            body.into()
        };
        if crc32fast::hash(&body) != header.body_crc {
            return Ok(Found::BadBody(header));
        }
        Ok(Found::Record(header, body))
    }

    /// The next header of the segment at `offset` or after it, at any byte.
    ///
    /// A header has a checksum of its own and the segment's salt, so it is proof enough that such a
    /// record was written, whatever has become of its body.
    pub(crate) fn next_header(
        &mut self,
        mut offset: u64,
        salt: u64,
    ) -> io::Result<Option<(u64, RecordHeader)>> {
        while offset < self.len {
            let bytes = self.window(offset, RECORD_HEADER_BYTES)?;
            if bytes.len() < RECORD_HEADER_BYTES {
                return Ok(None);
            }
            let starts = bytes.len() - RECORD_HEADER_BYTES + 1;
            let mut at = 0;
            while let Some(skip) = bytes
                .get(at..starts)
                .and_then(|rest| rest.iter().position(|&byte| byte == RECORD_FIRST_BYTE))
            {
                at += skip;
                let header = bytes.get(at..).and_then(RecordHeader::decode);
                if let Some(header) = header.filter(|header| header.salt == salt) {
                    return Ok(Some((offset + at as u64, header)));
                }
                at += 1;
            }
            offset += starts as u64;
        }
        Ok(None)
    }

    /// The end of the last byte at `offset` or after it that is not zero; `offset` if there is none.
    pub(crate) fn end_of_data(&mut self, offset: u64) -> io::Result<u64> {
        let (mut at, mut end) = (offset, offset);
        while at < self.len {
            let bytes = self.window(at, 1)?;
            if let Some(last) = bytes.iter().rposition(|&byte| byte != 0) {
                end = at + last as u64 + 1;
            }
            at += bytes.len() as u64;
        }
        Ok(end)
    }
}
