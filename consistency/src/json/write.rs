//! Writes a history file.

use std::io::{self, Write};

use super::{JsonModel, Line, Told};
use crate::{Outcome, Record};

/// Writes a recording, one record per line.
///
/// # Errors
///
/// As [`write_record`].
pub fn write_history<'a, M: JsonModel<Input: 'a, Output: 'a>>(
    mut writer: impl Write,
    records: impl IntoIterator<Item = &'a Record<M::Input, M::Output>>,
) -> io::Result<()> {
    for record in records {
        write_record::<M>(&mut writer, record)?;
    }
    Ok(())
}

/// Writes one record, with the end of its line, in one call of `write_all`: lines of several threads
/// that share an unbuffered file opened for appending do not mix.
///
/// # Errors
///
/// Those of the writer, and `InvalidInput` when the output answers another question than the input,
/// in which case nothing is written.
///
/// ```
/// use quorate_consistency::{KeyValue, KeyValueInput, KeyValueOutput, Operation, write_record};
///
/// let record = Operation::ok(
///     3,
///     KeyValueInput::Get { key: "colour".into() },
///     KeyValueOutput::Got { value: Some("red".into()), revision: Some(7) },
///     120,
///     450,
/// );
/// let mut file = Vec::new();
/// write_record::<KeyValue>(&mut file, &record.into())?;
/// assert_eq!(
///     String::from_utf8_lossy(&file),
///     r#"{"process":3,"call_ns":120,"return_ns":450,"op":{"get":{"key":"colour"}},"#.to_owned()
///         + r#""result":{"ok":{"value":"red","revision":7}}}"#
///         + "\n",
/// );
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn write_record<M: JsonModel>(
    mut writer: impl Write,
    record: &Record<M::Input, M::Output>,
) -> io::Result<()> {
    let operation = &record.operation;
    let result = match &operation.output {
        Outcome::Ok(output) => {
            Told::Ok(M::write_output(&operation.input, output).ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "the output of the record answers another question than its input",
                )
            })?)
        }
        Outcome::Failed => Told::Failed,
        Outcome::Unknown => Told::Unknown,
    };
    let line = Line {
        process: operation.process,
        call_ns: operation.call,
        return_ns: (!matches!(operation.output, Outcome::Unknown)).then_some(operation.ret),
        op: M::write_input(&operation.input),
        result,
        level: record.level,
        session: record.session,
    };
    let mut bytes = serde_json::to_vec(&line)?;
    bytes.push(b'\n');
    writer.write_all(&bytes)
}
