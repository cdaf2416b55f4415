//! One error per operation, each with the file and the place in it.

use std::io;
use std::path::PathBuf;

use quorate_raft_core::{Index, Position};
use thiserror::Error;

/// Why a log was not opened. Its files are as they were.
///
/// ```
/// use quorate_raft_log::{Log, LogOptions, OpenError};
///
/// let directory = tempfile::tempdir()?;
/// let _log = Log::open(directory.path(), LogOptions::default())?;
/// let second = Log::open(directory.path(), LogOptions::default());
/// assert!(matches!(second, Err(OpenError::Locked { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The operating system refused something.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The path is a file, not a directory.
    #[error("{} is not a directory; a log needs a directory of its own", path.display())]
    NotADirectory {
        /// The path.
        path: PathBuf,
    },
    /// Another log, of this process or another one, has the directory open.
    #[error(
        "{} is in use by another process, or by another log of this one; a directory serves one member at a time",
        path.display()
    )]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The file was written by a version of this crate that is newer than this one.
    #[error(
        "{} has format version {version}, and the newest that is known here is {newest}; run a newer version of this program",
        path.display()
    )]
    UnknownVersion {
        /// The file.
        path: PathBuf,
        /// Its format version.
        version: u32,
        /// The newest version that is known.
        newest: u32,
    },
    /// The log is damaged where a crash can not have damaged it, so entries or a vote that this
    /// member has promised to keep may be lost.
    #[error(
        "{} is damaged at byte {offset}: {what}; the log is intact up to {intact}. Nothing was changed. Restore the \
         file from a copy; do not start this member with an emptied directory, for it would forget its vote \
         and entries that it has acknowledged",
        path.display()
    )]
    Corrupt {
        /// The file, or where it should be.
        path: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// What is wrong there.
        what: String,
        /// The last entry before the damage.
        intact: Index,
    },
    /// The log starts after an entry, but there is no intact snapshot that holds what is before.
    #[error(
        "{} has no intact snapshot that reaches {start}, where its log starts: {what}. Nothing was changed. Restore \
         the snapshot from a copy; do not start this member with an emptied directory, for it would forget its vote \
         and entries that it has acknowledged",
        path.display()
    )]
    SnapshotMissing {
        /// The directory.
        path: PathBuf,
        /// The last entry that is not in the log.
        start: Position,
        /// What was found.
        what: String,
    },
}

/// Why something was not made durable.
///
/// ```
/// use quorate_raft_core::{Entry, Index, Payload, Persist, Position, Term};
/// use quorate_raft_log::{Log, LogOptions};
///
/// let directory = tempfile::tempdir()?;
/// let (mut log, _) = Log::open(directory.path(), LogOptions::default())?;
/// let position = Position { term: Term(1), index: Index(5) };
/// let entries = vec![Entry { position, payload: Payload::Empty }].into();
/// let refused = log.write(&Persist { entries, ..Persist::default() }).unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "5/t1 can not be written after 0/t0: entries between them are missing"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The operating system refused something. What is on the disk is not known any more, so the
    /// log takes nothing more: drop it, and open it again.
    #[error("cannot {doing} {}: {source}; the log must be opened again", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// An earlier call failed with [`WriteError::Io`].
    #[error("the log takes nothing more since it failed: {first}")]
    Poisoned {
        /// The earlier failure.
        first: String,
    },
    /// The record is over the limit. Nothing was written, and the log goes on.
    #[error(
        "a record of {bytes} bytes is over LogOptions::max_record_bytes, which is {limit}; write fewer entries at once"
    )]
    TooLarge {
        /// The record's length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The entries do not go on from the log, or from each other, or would replace what a snapshot
    /// holds. Nothing was written, and the log goes on.
    #[error("{found} can not be written after {after}: {what}")]
    OutOfOrder {
        /// What comes before it.
        after: Position,
        /// The entry or snapshot.
        found: Position,
        /// What is wrong with that.
        what: &'static str,
    },
    /// A snapshot of this node that holds an entry which the log does not have. Nothing was
    /// written, and the log goes on.
    #[error("a snapshot at {position} is not of this log, which has {start} to {last}")]
    SnapshotOutsideLog {
        /// The last entry in the snapshot.
        position: Position,
        /// What the log starts after.
        start: Position,
        /// The last entry of the log.
        last: Position,
    },
}

/// Why something was not read. That entries are purged is no error: then there are none.
///
/// ```
/// use quorate_raft_core::Index;
/// use quorate_raft_log::{Log, LogOptions, ReadError};
///
/// let directory = tempfile::tempdir()?;
/// let (log, _) = Log::open(directory.path(), LogOptions::default())?;
/// match log.entries(Index(1), Index(9), 1 << 20) {
///     Ok(entries) => assert!(entries.is_empty()),
///     Err(damaged @ ReadError::Corrupt { .. }) => return Err(damaged.into()),
///     Err(other) => return Err(other.into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The operating system refused something.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file is damaged.
    #[error("{} is damaged at byte {offset}: {what}; restore it from a copy", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// A write failed earlier, and what the disk holds is not known any more.
    #[error("the log is not read any more since it failed: {first}")]
    Poisoned {
        /// The failure.
        first: String,
    },
}
