//! From files to verdicts.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bytes::Bytes;
use quorate_consistency::{
    CertificateError, Counter, FencedLease, JsonModel, KeyValue, MultiRegister, Mutex,
    PriorityQueue, Queue, Register, Set, Stack, Strings, Verdict, verify,
};
use serde_json::json;

use super::decide::{Means, Undecided};
use super::explain::Describe;
use super::load::{LoadError, ReadEvents, events, load};
use super::picture::{self, PictureError};
use super::report::{Report, report};
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
    Load(#[from] LoadError),
    #[error("undecided: {0}")]
    Undecided(#[from] Undecided),
    #[error("undecided: the checker contradicts itself; please report this history: {0}")]
    Contradiction(#[from] CertificateError),
}

/// Checks every file, and says what came of each: exit code 0 when all are linearizable, 1 when one
/// is not, 2 when one cannot be read or holds nothing to check, 3 when one cannot be decided within its
/// time and memory.
pub fn run(args: CheckArgs) -> ExitCode {
    if args.html.is_some() && args.files.len() > 1 {
        eprintln!(
            "quorate check: --html draws one history, and {} are given: check the one that is to be \
             drawn on its own",
            args.files.len()
        );
        return ExitCode::from(2);
    }
    let mut all = Vec::with_capacity(args.files.len());
    for path in &args.files {
        let said = match check_path(&args, path) {
            Ok(said) => {
                // Nobody may be reading any more; the exit code says it all the same.
                let _ = if args.json {
                    writeln!(io::stdout().lock(), "{}", said.report.json)
                } else {
                    writeln!(
                        io::stdout().lock(),
                        "{}: {}",
                        path.display(),
                        said.report.text
                    )
                };
                if let Some(error) = said.not_drawn {
                    eprintln!("quorate check: {error}");
                    all.push(Checked::Unreadable);
                }
                said.checked
            }
            Err(error) => {
                let path = path.display();
                let checked = match error {
                    CheckError::Load(_) => Checked::Unreadable,
                    CheckError::Undecided(_) | CheckError::Contradiction(_) => Checked::Undecided,
                };
                if args.json {
                    let verdict = match checked {
                        Checked::Unreadable => "unreadable",
                        _ => "unknown",
                    };
                    let said = json!({
                        "file": path.to_string(), "verdict": verdict, "reason": error.to_string(),
                    });
                    let _ = writeln!(io::stdout().lock(), "{said}");
                }
                eprintln!("quorate check: {path}: {error}");
                checked
            }
        };
        all.push(said);
    }
    ExitCode::from(Checked::exit_code(&all))
}

/// What is to be said of a file that was read and decided.
struct Said {
    checked: Checked,
    report: Report,
    /// Why there is no picture, though one was asked for.
    not_drawn: Option<PictureError>,
}

fn check_path(args: &CheckArgs, path: &Path) -> Result<Said, CheckError> {
    /// A model that is one object.
    macro_rules! one {
        ($model:expr, $name:literal) => {
            check_file(args, &$model, Some(events), path, |()| $name.to_owned())
        };
    }
    match args.model {
        Model::Kv => check_file(args, &KeyValue, Some(events), path, of_key),
        Model::Strings => check_file(args, &Strings, Some(events), path, of_key),
        Model::Register => match &args.initial {
            Some(value) => one!(
                Register::starting_at(Bytes::from(value.clone())),
                "the register"
            ),
            None => one!(Register::new(), "the register"),
        },
        Model::MultiRegister => one!(MultiRegister::new(), "the registers"),
        Model::Counter => one!(Counter::new(), "the counter"),
        Model::Set => one!(Set::new(), "the set"),
        Model::Queue => one!(Queue::new(), "the queue"),
        Model::Stack => one!(Stack::new(), "the stack"),
        Model::PriorityQueue => one!(PriorityQueue::new(), "the queue"),
        Model::Mutex => one!(Mutex::new(), "the lock"),
        Model::Lease => check_file(args, &FencedLease::new(), None, path, |()| {
            "the lease".to_owned()
        }),
    }
}

/// The name of an object that a key names.
fn of_key(key: &Bytes) -> String {
    String::from_utf8_lossy(key).into_owned()
}

fn check_file<M>(
    args: &CheckArgs,
    model: &M,
    events: Option<ReadEvents<M>>,
    path: &Path,
    name: impl Fn(&M::Key) -> String,
) -> Result<Said, CheckError>
where
    M: JsonModel<Input: Clone + Describe, Output: Clone + Describe>,
{
    let loaded = load(model, args.model, events, path, args.format)?;
    let decided = Means::new(args).decide(model, &loaded.history);
    let draw =
        |to: &PathBuf| picture::write(to, path, model, &name, &loaded, decided.as_ref()).err();
    let not_drawn = args.html.as_ref().and_then(draw);
    let verdict = match (decided, &not_drawn) {
        (Ok(verdict), _) => verdict,
        (Err(undecided), None) => return Err(undecided.into()),
        (Err(undecided), Some(error)) => {
            eprintln!("quorate check: {error}");
            return Err(undecided.into());
        }
    };
    if let Verdict::Holds(order) = &verdict {
        verify(model, &loaded.history, order)?;
    }
    Ok(Said {
        checked: if verdict.holds() {
            Checked::Holds
        } else {
            Checked::Violated
        },
        report: report(model, path, &name, &loaded, &verdict),
        not_drawn,
    })
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
