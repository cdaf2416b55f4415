//! The bytes of a file, one at a time.

use alloc::string::String;
use std::io::{self, BufRead};

use super::error::{FormatError, Place};

/// The bytes of a file, one at a time, and where they stand.
pub(super) struct Input<R> {
    reader: R,
    place: Place,
    /// How many bytes since the last [`begin`](Self::begin), and how many there may be.
    used: usize,
    limit: usize,
}

impl<R: BufRead> Input<R> {
    pub(super) const fn new(reader: R, limit: usize) -> Self {
        Self {
            reader,
            place: Place { line: 1, column: 1 },
            used: 0,
            limit,
        }
    }

    /// Where the next byte stands.
    pub(super) const fn place(&self) -> Place {
        self.place
    }

    /// From here on, the limit counts anew.
    pub(super) const fn begin(&mut self) {
        self.used = 0;
    }

    /// The next byte, which stays; `None` at the end.
    pub(super) fn peek(&mut self) -> Result<Option<u8>, FormatError> {
        loop {
            match self.reader.fill_buf() {
                Ok(available) => return Ok(available.first().copied()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(FormatError::Io {
                        place: self.place,
                        error,
                    });
                }
            }
        }
    }

    /// Goes past the byte that was peeked at.
    pub(super) fn advance(&mut self, peeked: u8) -> Result<(), FormatError> {
        if self.used == self.limit {
            return Err(FormatError::TooLong {
                place: self.place,
                limit: self.limit,
            });
        }
        self.used += 1;
        self.reader.consume(1);
        if peeked == b'\n' {
            self.place.line += 1;
            self.place.column = 1;
        } else {
            self.place.column += 1;
        }
        Ok(())
    }

    /// The next byte, which is gone then.
    pub(super) fn next(&mut self) -> Result<Option<u8>, FormatError> {
        let peeked = self.peek()?;
        if let Some(byte) = peeked {
            self.advance(byte)?;
        }
        Ok(peeked)
    }

    /// An error that says what is found here.
    pub(super) fn unexpected(&mut self, expected: &'static str) -> FormatError {
        let place = self.place;
        let found = match self.peek() {
            Ok(Some(byte)) => shown(byte),
            Ok(None) => "the end of the file".into(),
            Err(error) => return error,
        };
        FormatError::Syntax {
            place,
            found,
            expected,
        }
    }

    /// A line without its end, or `None` at the end of the file.
    pub(super) fn line(&mut self) -> Result<Option<(Place, String)>, FormatError> {
        self.begin();
        let place = self.place;
        let mut bytes = alloc::vec::Vec::new();
        if self.peek()?.is_none() {
            return Ok(None);
        }
        while let Some(byte) = self.next()? {
            if byte == b'\n' {
                break;
            }
            bytes.push(byte);
        }
        match String::from_utf8(bytes) {
            Ok(line) => Ok(Some((place, line))),
            Err(error) => Err(FormatError::Syntax {
                place,
                found: shown(
                    error
                        .as_bytes()
                        .get(error.utf8_error().valid_up_to())
                        .copied()
                        .unwrap_or(0),
                ),
                expected: "UTF-8",
            }),
        }
    }
}

/// A byte, for a message.
pub(super) fn shown(byte: u8) -> String {
    if byte.is_ascii_graphic() {
        alloc::format!("`{}`", char::from(byte))
    } else {
        match byte {
            b'\n' => "the end of the line".into(),
            b' ' => "a space".into(),
            b'\t' => "a tab".into(),
            _ => alloc::format!("the byte {byte:#04x}"),
        }
    }
}
