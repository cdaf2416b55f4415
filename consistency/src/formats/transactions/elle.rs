//! The transactions of Elle.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use std::io::BufRead;

use bytes::Bytes;

use crate::formats::edn::Edn;
use crate::formats::event::{Event, EventKind, Events, Notation, meaningless};
use crate::formats::{FormatError, ReadLimits};
use crate::{Action, Operation, Outcome, Seen, Transactions};

/// Reads the transactions of a Jepsen test in EDN, over lists (`:append` and `:r`) or registers (`:w` and
/// `:r`), as Elle does. Values are kept the way they are written.
///
/// An answer without a question is taken to have been asked at any time before: Elle takes histories of
/// nothing but `:ok`. Where no process is named, each transaction is of its own.
///
/// # Errors
///
/// The first thing in the file that makes no sense, and where it stands.
///
/// ```
/// use quorate_consistency::formats::read_elle;
/// use quorate_consistency::{Outcome, ReadLimits, Seen};
///
/// let file = "{:process 0, :type :invoke, :f :txn, :value [[:append 1 2] [:r 1 nil]]}
///             {:process 0, :type :ok, :f :txn, :value [[:append 1 2] [:r 1 [2]]]}";
/// let transactions = read_elle(file.as_bytes(), ReadLimits::default())?;
/// let Outcome::Ok(seen) = &transactions.operations[0].output else { panic!() };
/// assert_eq!(*seen, [Seen::Done, Seen::List(vec!["2".into()])]);
/// # Ok::<(), quorate_consistency::formats::FormatError>(())
/// ```
pub fn read_elle(reader: impl BufRead, limits: ReadLimits) -> Result<Transactions, FormatError> {
    let mut events = Events::new(reader, Notation::Edn, limits);
    let mut transactions = Transactions::new();
    let mut open: BTreeMap<u64, usize> = BTreeMap::new();
    let mut time = 0;
    // Those of whom nobody says who they are get numbers from the other end.
    let mut nobody = u64::MAX;
    while let Some(event) = events.next()? {
        if time == limits.records as u64 {
            return Err(FormatError::TooMany {
                place: event.place,
                limit: limits.records,
            });
        }
        let wrong = |reason: String| meaningless(event.place, reason);
        if event.function != "txn" {
            return Err(wrong(alloc::format!(
                ":{} is no transaction; those are :txn",
                event.function
            )));
        }
        let (actions, seen) = actions(&event).map_err(wrong)?;
        let process = event.process.unwrap_or_else(|| {
            nobody -= 1;
            nobody
        });
        if event.kind == EventKind::Invoke {
            if open.insert(process, transactions.len()).is_some() {
                return Err(wrong(alloc::format!(
                    "process {process} asks for something else before it was answered"
                )));
            }
            transactions.push(Operation::unknown(process, actions, time));
        } else {
            let output = match event.kind {
                EventKind::Ok => Outcome::Ok(seen),
                EventKind::Fail => Outcome::Failed,
                EventKind::Info | EventKind::Invoke => Outcome::Unknown,
            };
            let ret = if matches!(output, Outcome::Unknown) {
                u64::MAX
            } else {
                time
            };
            let asked = open.remove(&process);
            match asked.and_then(|at| transactions.operations.get_mut(at)) {
                Some(operation) => {
                    let is_same = |(asked, told): (&Action, &Action)| {
                        asked == told
                            || (asked.key() == told.key() && is_read(asked) && is_read(told))
                    };
                    if operation.input.len() != actions.len()
                        || !operation.input.iter().zip(&actions).all(is_same)
                    {
                        return Err(wrong(alloc::format!(
                            "{} answers another transaction than was asked for",
                            event.value
                        )));
                    }
                    operation.output = output;
                    operation.ret = ret;
                }
                None => transactions.push(Operation {
                    process,
                    input: actions,
                    output,
                    call: 0,
                    ret,
                }),
            }
        }
        time += 1;
    }
    Ok(transactions)
}

const fn is_read(action: &Action) -> bool {
    matches!(action, Action::Read { .. })
}

fn actions(event: &Event) -> Result<(Vec<Action>, Vec<Seen>), String> {
    let Some(micros) = event.value.elements() else {
        return Err(alloc::format!(
            "a transaction is a list such as [[:append 1 2] [:r 1 nil]], and not {}",
            event.value
        ));
    };
    let mut both = (
        Vec::with_capacity(micros.len()),
        Vec::with_capacity(micros.len()),
    );
    for micro in micros {
        let (action, seen) = action(micro).ok_or_else(|| {
            alloc::format!(
                "{micro} is none of [:r key value], [:w key value] and [:append key value]"
            )
        })?;
        both.0.push(action);
        both.1.push(seen);
    }
    Ok(both)
}

fn action(micro: &Edn) -> Option<(Action, Seen)> {
    let Some([function, key, value]) = micro.elements() else {
        return None;
    };
    let key = written(key);
    match function.keyword()? {
        "r" => {
            let seen = match (value, value.elements()) {
                (Edn::Nil, _) => Seen::Untold,
                (_, Some(list)) => Seen::List(list.iter().map(written).collect()),
                (value, None) => Seen::Value(Some(written(value))),
            };
            Some((Action::Read { key }, seen))
        }
        "w" => Some((
            Action::Write {
                key,
                value: written(value),
            },
            Seen::Done,
        )),
        "append" => Some((
            Action::Append {
                key,
                value: written(value),
            },
            Seen::Done,
        )),
        _ => None,
    }
}

fn written(value: &Edn) -> Bytes {
    Bytes::from(value.to_string().into_bytes())
}
