//! Transactions over registers, a read or a write in each line.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use std::io::BufRead;

use bytes::Bytes;

use crate::formats::error::{FormatError, Place};
use crate::formats::event::meaningless;
use crate::formats::input::Input;
use crate::formats::limits::ReadLimits;
use crate::{Action, Operation, Outcome, Seen, Transactions};

/// Reads the transactions of AWDIT's tests: `r KEY VALUE` or `w KEY VALUE` in each line, transactions
/// parted by lines of `-`, sessions by lines of `=`. The initial values are written by a session. No times
/// are told.
///
/// # Errors
///
/// The first line that is none of these.
///
/// ```
/// use quorate_consistency::ReadLimits;
/// use quorate_consistency::formats::read_awdit;
///
/// let file = "w 0 0\n====\nr 0 0\n----\nw 0 1\n";
/// let transactions = read_awdit(file.as_bytes(), ReadLimits::default())?;
/// let processes: Vec<u64> = transactions.operations.iter().map(|one| one.process).collect();
/// assert_eq!(processes, [0, 1, 1]);
/// # Ok::<(), quorate_consistency::formats::FormatError>(())
/// ```
pub fn read_awdit(reader: impl BufRead, limits: ReadLimits) -> Result<Transactions, FormatError> {
    let mut input = Input::new(reader, limits.line_bytes);
    let mut transactions = Transactions::new();
    let mut session = 0;
    let mut current = Open::default();
    let mut lines = 0;
    while let Some((place, line)) = input.line()? {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let is_rule = |of: char| line.chars().all(|character| character == of);
        if is_rule('-') || is_rule('=') {
            current.end(session, &mut transactions);
            session += u64::from(is_rule('='));
            continue;
        }
        count(&mut lines, place, limits)?;
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [kind, key, value] = words[..] else {
            return Err(no_event(place, line, "`r KEY VALUE` or `w KEY VALUE`"));
        };
        current
            .add(kind, key, value)
            .ok_or_else(|| no_event(place, line, "`r KEY VALUE` or `w KEY VALUE`"))?;
    }
    current.end(session, &mut transactions);
    Ok(transactions)
}

/// Reads the transactions of Plume and PolySI as text: `r(KEY,VALUE,SESSION,TRANSACTION)` or `w(...)` in each
/// line. The transaction -1 was aborted. The value 0 is the initial one, and is read as such. No times
/// are told.
///
/// # Errors
///
/// The first line that is none of these, or that goes on with a transaction after its session has begun
/// another.
///
/// ```
/// use quorate_consistency::formats::read_plume;
/// use quorate_consistency::{Outcome, ReadLimits, Seen};
///
/// let file = "r(0,0,2,5)\nw(0,7,2,-1)\n";
/// let transactions = read_plume(file.as_bytes(), ReadLimits::default())?;
/// let outcomes: Vec<_> = transactions.operations.iter().map(|one| &one.output).collect();
/// assert_eq!(*outcomes[0], Outcome::Ok(vec![Seen::Value(None)]));
/// assert_eq!(*outcomes[1], Outcome::Failed);
/// # Ok::<(), quorate_consistency::formats::FormatError>(())
/// ```
pub fn read_plume(reader: impl BufRead, limits: ReadLimits) -> Result<Transactions, FormatError> {
    const FORM: &str = "`r(KEY,VALUE,SESSION,TRANSACTION)` or `w(...)`";
    let mut input = Input::new(reader, limits.line_bytes);
    let mut transactions = Transactions::new();
    // By session: the transaction that it is in, and what it has done.
    let mut sessions: BTreeMap<u64, (i64, Open)> = BTreeMap::new();
    // Which transactions are over.
    let mut over: BTreeMap<(u64, i64), Place> = BTreeMap::new();
    let mut lines = 0;
    while let Some((place, line)) = input.line()? {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        count(&mut lines, place, limits)?;
        let fields = line.strip_suffix(')').and_then(|line| line.split_once('('));
        let Some((kind, fields)) = fields else {
            return Err(no_event(place, line, FORM));
        };
        let fields: Vec<&str> = fields.split(',').map(str::trim).collect();
        let [key, value, session, transaction] = fields[..] else {
            return Err(no_event(place, line, FORM));
        };
        let (Ok(session), Ok(transaction)) = (session.parse::<u64>(), transaction.parse::<i64>())
        else {
            return Err(no_event(place, line, FORM));
        };
        let (current, open) = sessions.entry(session).or_default();
        if *current != transaction || transaction == ABORTED {
            if !open.actions.is_empty() {
                over.insert((session, *current), place);
            }
            open.end(session, &mut transactions);
            *current = transaction;
            if transaction != ABORTED && over.contains_key(&(session, transaction)) {
                return Err(meaningless(
                    place,
                    alloc::format!(
                        "transaction {transaction} of session {session} goes on after another has begun"
                    ),
                ));
            }
        }
        let initial = kind == "r" && value == "0";
        open.add(kind, key, value)
            .ok_or_else(|| no_event(place, line, FORM))?;
        if initial && let Some(seen) = open.seen.last_mut() {
            *seen = Seen::Value(None);
        }
        open.is_aborted = transaction == ABORTED;
    }
    for (session, (_, mut open)) in sessions {
        open.end(session, &mut transactions);
    }
    Ok(transactions)
}

/// The number of all transactions that were aborted.
const ABORTED: i64 = -1;

/// The transaction that is being read.
#[derive(Default)]
struct Open {
    actions: Vec<Action>,
    seen: Vec<Seen>,
    is_aborted: bool,
}

impl Open {
    /// `None` when the kind is neither `r` nor `w`.
    fn add(&mut self, kind: &str, key: &str, value: &str) -> Option<()> {
        let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        let (key, value) = (bytes(key), bytes(value));
        let (action, seen) = match kind {
            "r" => (Action::Read { key }, Seen::Value(Some(value))),
            "w" => (Action::Write { key, value }, Seen::Done),
            _ => return None,
        };
        self.actions.push(action);
        self.seen.push(seen);
        Some(())
    }

    fn end(&mut self, session: u64, transactions: &mut Transactions) {
        let Self {
            actions,
            seen,
            is_aborted,
        } = core::mem::take(self);
        if actions.is_empty() {
            return;
        }
        transactions.push(Operation {
            process: session,
            input: actions,
            output: if is_aborted {
                Outcome::Failed
            } else {
                Outcome::Ok(seen)
            },
            call: 0,
            ret: u64::MAX,
        });
    }
}

fn count(lines: &mut usize, place: Place, limits: ReadLimits) -> Result<(), FormatError> {
    if *lines == limits.records {
        return Err(FormatError::TooMany {
            place,
            limit: limits.records,
        });
    }
    *lines += 1;
    Ok(())
}

fn no_event(place: Place, line: &str, expected: &'static str) -> FormatError {
    let found: String = line.chars().take(40).collect();
    FormatError::Syntax {
        place,
        found: alloc::format!("{:?}", found.to_string()),
        expected,
    }
}
