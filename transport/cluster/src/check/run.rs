//! From files to verdicts.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufReader, Write as _};
use std::path::Path;
use std::process::ExitCode;

use bytes::Bytes;
use quorate_consistency::{
    Budget, CertificateError, Counter, FencedLease, Inconclusive, JsonModel, KeyValue,
    MultiRegister, Mutex, PriorityQueue, Queue, ReadHistoryError, ReadLimits, Register, Set, Stack,
    Strings, Verdict, check, linearizable, read_history, verify,
};

use super::explain::{Describe, explain};
use crate::cli::{CheckArgs, Model};

/// What came of one file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Checked {
    Holds,
    Violated,
    Unreadable,
    Undecided,
}

impl Checked {
    /// The exit code of this program for all of its files: the worst of them, and what is certain
    /// before what is not.
    fn exit_code(all: &[Self]) -> u8 {
        let any = |checked| all.contains(&checked);
        if any(Self::Violated) {
            1
        } else if any(Self::Unreadable) {
            2
        } else if any(Self::Undecided) {
            3
        } else {
            0
        }
    }
}

/// Why there is no verdict on a file.
#[derive(Debug, thiserror::Error)]
enum CheckError {
    #[error("{0}")]
    Open(#[source] io::Error),
    #[error("{0}")]
    Read(#[source] ReadHistoryError),
    #[error("it holds no operation, so there is nothing to be right or wrong")]
    Empty,
    #[error("it holds no operation to check: every one of its {weaker} asked for less")]
    OnlyWeaker { weaker: usize },
    #[error("undecided: {0}")]
    Undecided(Inconclusive),
    #[error("undecided: the checker contradicts itself; please report this history: {0}")]
    Contradiction(#[source] CertificateError),
}

/// Checks every file, and says what came of each: exit code 0 when all are linearizable, 1 when one
/// is not, 2 when one cannot be read or holds nothing to check, 3 when one cannot be decided within its budget.
pub fn run(args: CheckArgs) -> ExitCode {
    let mut all = Vec::with_capacity(args.files.len());
    for path in &args.files {
        let checked = match args.model {
            Model::Kv => check_file(&KeyValue, path, of_key),
            Model::Register => check_file(&Register::new(), path, |()| "the register".to_owned()),
            Model::MultiRegister => {
                check_file(&MultiRegister::new(), path, |()| "the registers".to_owned())
            }
            Model::Strings => check_file(&Strings, path, of_key),
            Model::Counter => check_file(&Counter::new(), path, |()| "the counter".to_owned()),
            Model::Set => check_file(&Set::new(), path, |()| "the set".to_owned()),
            Model::Queue => check_file(&Queue::new(), path, |()| "the queue".to_owned()),
            Model::Stack => check_file(&Stack::new(), path, |()| "the stack".to_owned()),
            Model::PriorityQueue => {
                check_file(&PriorityQueue::new(), path, |()| "the queue".to_owned())
            }
            Model::Mutex => check_file(&Mutex::new(), path, |()| "the lock".to_owned()),
            Model::Lease => check_file(&FencedLease::new(), path, |()| "the lease".to_owned()),
        };
        let path = path.display();
        all.push(match checked {
            Ok((checked, said)) => {
                // Nobody may be reading any more; the exit code says it all the same.
                let _ = writeln!(io::stdout().lock(), "{path}: {said}");
                checked
            }
            Err(error) => {
                eprintln!("quorate check: {path}: {error}");
                match error {
                    CheckError::Open(_)
                    | CheckError::Read(_)
                    | CheckError::Empty
                    | CheckError::OnlyWeaker { .. } => Checked::Unreadable,
                    CheckError::Undecided(_) | CheckError::Contradiction(_) => Checked::Undecided,
                }
            }
        });
    }
    ExitCode::from(Checked::exit_code(&all))
}

/// The name of an object that a key names.
fn of_key(key: &Bytes) -> String {
    String::from_utf8_lossy(key).into_owned()
}

fn check_file<M>(
    model: &M,
    path: &Path,
    name: impl Fn(&M::Key) -> String,
) -> Result<(Checked, String), CheckError>
where
    M: JsonModel<Input: Clone + Describe, Output: Clone + Describe>,
{
    let file = File::open(path).map_err(CheckError::Open)?;
    let records = read_history::<M>(BufReader::new(file), ReadLimits::default());
    let records = records.map_err(CheckError::Read)?;
    let (history, _) = linearizable(model, &records);
    // The wrong file, or a recorder that recorded nothing, must not pass for a promise kept.
    if records.is_empty() {
        return Err(CheckError::Empty);
    }
    if history.is_empty() {
        return Err(CheckError::OnlyWeaker {
            weaker: records.len(),
        });
    }
    let mut counted = counted(history.len(), "operation");
    let objects = history.operations.iter().map(|o| model.key(&o.input));
    let objects = objects.collect::<BTreeSet<_>>().len();
    if objects > 1 {
        let _ = write!(counted, " on {objects} keys");
    }
    let weaker = records.len() - history.len();
    if weaker > 0 {
        let _ = write!(counted, "; {weaker} reads asked for less");
    }
    match check(model, &history, Budget::default()) {
        Verdict::Holds(order) => {
            verify(model, &history, &order).map_err(CheckError::Contradiction)?;
            Ok((Checked::Holds, format!("linearizable ({counted})")))
        }
        Verdict::Violated(violation) => {
            let lines = explain(&name(&violation.key), &history, &violation);
            let said = format!("NOT linearizable ({counted})\n  {}", lines.join("\n  "));
            Ok((Checked::Violated, said))
        }
        Verdict::Unknown(reason) => Err(CheckError::Undecided(reason)),
    }
}

fn counted(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_counts_more_than_a_file_that_cannot_be_read() {
        use Checked::{Holds, Undecided, Unreadable, Violated};
        assert_eq!(Checked::exit_code(&[]), 0);
        assert_eq!(Checked::exit_code(&[Holds, Holds]), 0);
        assert_eq!(Checked::exit_code(&[Holds, Undecided]), 3);
        assert_eq!(Checked::exit_code(&[Undecided, Unreadable]), 2);
        assert_eq!(Checked::exit_code(&[Unreadable, Violated, Holds]), 1);
    }
}
