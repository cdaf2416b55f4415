//! Reads a history file.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use std::io::{self, BufRead};

use super::{JsonModel, Line, Told};
use crate::{Operation, Outcome, ReadLimits, Record, Recording};

/// Reads a recording. Empty lines are skipped, everything else must be a record: a check of half a
/// history would say nothing.
///
/// # Errors
///
/// The first line that is no record, with the reason; see [`ReadHistoryError`].
///
/// ```
/// use quorate_consistency::{
///     Budget, ReadLimits, Register, Verdict, check, linearizable, read_history,
/// };
///
/// let file = br#"
/// {"process":1,"call_ns":0,"return_ns":10,"op":{"write":{"value":"a"}},"result":{"ok":{}}}
/// {"process":2,"call_ns":5,"op":{"write":{"value":"b"}},"result":"unknown"}
/// {"process":1,"call_ns":20,"return_ns":30,"op":{"read":{}},"result":{"ok":{"value":"b"}}}
/// "#;
/// let records = read_history::<Register>(&file[..], ReadLimits::default())?;
/// let (history, _) = linearizable(&Register::new(), &records);
/// assert!(matches!(check(&Register::new(), &history, Budget::default()), Verdict::Holds(_)));
/// # Ok::<(), quorate_consistency::ReadHistoryError>(())
/// ```
pub fn read_history<M: JsonModel>(
    mut reader: impl BufRead,
    limits: ReadLimits,
) -> Result<Recording<M>, ReadHistoryError> {
    let mut records = Vec::new();
    let mut bytes = Vec::new();
    let mut line = 0;
    loop {
        line += 1;
        bytes.clear();
        if !read_line(&mut reader, &mut bytes, line, limits.line_bytes)? {
            return Ok(records);
        }
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        if records.len() == limits.records {
            return Err(ReadHistoryError::TooManyRecords {
                line,
                limit: limits.records,
            });
        }
        let record =
            parse::<M>(&bytes).map_err(|reason| ReadHistoryError::Malformed { line, reason })?;
        records.push(record);
    }
}

/// Reads a line without its end, or says that there is none. Never holds more than the limit.
fn read_line(
    reader: &mut impl BufRead,
    bytes: &mut Vec<u8>,
    line: u64,
    limit: usize,
) -> Result<bool, ReadHistoryError> {
    let mut any = false;
    loop {
        let available = match reader.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(ReadHistoryError::Io { line, error }),
        };
        if available.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = available.iter().position(|&byte| byte == b'\n');
        let part = available.get(..end.unwrap_or(available.len()));
        let part = part.unwrap_or(available);
        if bytes.len() + part.len() > limit {
            return Err(ReadHistoryError::LineTooLong { line, limit });
        }
        bytes.extend_from_slice(part);
        let used = part.len() + usize::from(end.is_some());
        reader.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}

fn parse<M: JsonModel>(bytes: &[u8]) -> Result<Record<M::Input, M::Output>, String> {
    let line: Line<M::Op, serde_json::Value> =
        serde_json::from_slice(bytes).map_err(|error| without_line(&error))?;
    let input = M::read_input(line.op);
    let output = match line.result {
        Told::Ok(answer) => Outcome::Ok(
            M::read_output(&input, answer)
                .map_err(|error| alloc::format!("in \"result\": {}", without_line(&error)))?,
        ),
        Told::Failed => Outcome::Failed,
        Told::Unknown => Outcome::Unknown,
    };
    let ret = match (line.return_ns, &output) {
        (_, Outcome::Unknown) => u64::MAX,
        (Some(ret), _) if ret < line.call_ns => {
            return Err(alloc::format!(
                "it returned at {ret} ns, before it was called at {} ns",
                line.call_ns
            ));
        }
        (Some(ret), _) => ret,
        (None, _) => return Err("an operation with a result needs \"return_ns\"".into()),
    };
    Ok(Record {
        operation: Operation {
            process: line.process,
            input,
            output,
            call: line.call_ns,
            ret,
        },
        level: line.level,
        session: line.session,
    })
}

/// The parser's message. It sees one line at a time, so only its column is worth telling.
fn without_line(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rsplit_once(" at line ") {
        Some((reason, _)) if error.column() > 0 => {
            alloc::format!("{reason} at column {}", error.column())
        }
        Some((reason, _)) => reason.into(),
        None => message,
    }
}

/// Why a file is not a history. Lines are counted from 1.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadHistoryError {
    /// The reader failed.
    Io {
        /// The line that was being read.
        line: u64,
        /// What the reader said.
        error: io::Error,
    },
    /// A line is longer than the limit.
    LineTooLong {
        /// The line.
        line: u64,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A line is not a record of the model.
    Malformed {
        /// The line.
        line: u64,
        /// Why not.
        reason: String,
    },
    /// There are more records than the limit.
    TooManyRecords {
        /// The line of the first that is too many.
        line: u64,
        /// The limit.
        limit: usize,
    },
}

impl fmt::Display for ReadHistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { line, error } => write!(f, "line {line} cannot be read: {error}"),
            Self::LineTooLong { line, limit } => write!(
                f,
                "line {line} is longer than {limit} bytes; raise the limit if the values are meant \
                 to be that long"
            ),
            Self::Malformed { line, reason } => {
                write!(f, "line {line} is not a record of this model: {reason}")
            }
            Self::TooManyRecords { line, limit } => write!(
                f,
                "line {line} is one record more than {limit}; raise the limit, or check the history \
                 in parts"
            ),
        }
    }
}

impl core::error::Error for ReadHistoryError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            _ => None,
        }
    }
}
