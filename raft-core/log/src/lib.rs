//! The durable part of a Raft member: its vote, its log and its snapshots, in one directory.
//!
//! # The problem
//!
//! A member of a Raft cluster promises things: a vote, and entries that it has acknowledged. If it
//! forgets one after a crash, two leaders win one term, or a committed entry is gone. So a promise
//! may be told only once it is on the disk, and waiting for the disk is what a Raft cluster spends
//! its time on. And disks lie in more ways than losing the last write: a write that was cut short
//! by a power failure, a sync that fails and then seems to succeed, a bit that flips, an old block
//! that comes back.
//!
//! # What it does
//!
//! * Each [`Persist`](quorate_raft_core::Persist) is one record: after a crash all of it is there,
//!   or nothing. Votes and entries are in the same file, so a vote costs no sync of its own.
//! * [`Log::sync`] makes everything since the last call durable with one write and one `fdatasync`,
//!   so its cost is shared by all that came in meanwhile. Space is filled with zeros ahead, and
//!   purged segments are used again, for a sync is slower when it makes a file longer.
//! * An error when writing or syncing ends the log. It never tries again: after a failed sync the
//!   operating system may have dropped the data and report success the next time.
//! * [`Log::open`] tells a torn end from damage. A record that is not intact with nothing after it
//!   was never acknowledged, and is cut. One with later records after it was, and so opening is
//!   refused, with the file and the place, and nothing is changed. The last batch is written and
//!   synced once more, for it may have been read from the cache of the operating system only.
//! * Snapshots are written beside, synced and renamed. A snapshot from the leader counts from the
//!   moment on when the record that names it does, so it comes as one with the term, and with the
//!   entries after it. One that the member took itself, of entries that the log has no more, shows
//!   that the log has lost its end, and opening is refused.
//! * [`Log::purge`] gives back whole segments, never beyond the newest durable snapshot.
//!
//! # Example
//!
//! ```
//! use quorate_clocks::NodeId;
//! use quorate_raft_core::{
//!     Entry, HardState, Index, Membership, Payload, Persist, Position, Snapshot, Term,
//! };
//! use quorate_raft_log::{Log, LogOptions};
//!
//! let directory = tempfile::tempdir()?;
//! let (mut log, opened) = Log::open(directory.path(), LogOptions::default())?;
//! assert_eq!(opened.recovered.last, Index(0));
//!
//! // What `Raft::poll_write` asks for. A driver writes all that there is, then syncs once.
//! let entry = |index| Entry {
//!     position: Position { term: Term(1), index: Index(index) },
//!     payload: Payload::Command("x = 1".into()),
//! };
//! log.write(&Persist {
//!     hard_state: Some(HardState { term: Term(1), vote: None }),
//!     entries: vec![entry(1), entry(2)].into(),
//!     ..Persist::default()
//! })?;
//! log.write(&Persist { entries: vec![entry(3)].into(), ..Persist::default() })?;
//! log.sync()?;
//! // Now the receipts may be handed to `Raft::handle_written`.
//!
//! // What the application holds once it has applied two entries.
//! let position = Position { term: Term(1), index: Index(2) };
//! let membership = Membership::of_voters([NodeId(1), NodeId(2), NodeId(3)])?;
//! log.save_snapshot(&Snapshot { position, membership, data: "x = 1".into() })?;
//! log.purge(Index(2))?;
//!
//! drop(log);
//! let (log, opened) = Log::open(directory.path(), LogOptions::default())?;
//! assert_eq!(opened.recovered.hard_state.term, Term(1));
//! assert_eq!(opened.recovered.last, Index(3));
//! assert_eq!(opened.snapshot.map(|snapshot| snapshot.position), Some(position));
//! // A purge takes whole segments, and this one is in use.
//! assert_eq!(log.entries(Index(1), Index(3), 1 << 20)?.len(), 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The files
//!
//! | name | what it is |
//! |---|---|
//! | `lock` | empty; locked with `flock` while the log is open |
//! | `segment-<number>.log` | records; the numbers have no holes |
//! | `spare-<number>.log` | a purged segment that waits to be used again; at most four |
//! | `snapshot-<index>-<term>.snapshot` | a snapshot; only the newest stays |
//! | `*.tmp` | not finished; removed when the log is opened |
//!
//! All numbers are little-endian, all checksums crc32. A segment begins with a header:
//!
//! | bytes | field |
//! |---|---|
//! | 8 | `QRTLOG\r\n` |
//! | 4 | format version: 1 |
//! | 4 | flags: bit 0 says that the file held something else before |
//! | 8 | number of the segment, as in the name |
//! | 8 | salt, random |
//! | 8 | sequence of the first record |
//! | 4 | zero |
//! | 4 | checksum of all that |
//!
//! Then come records, until bytes that are none of the segment's:
//!
//! | bytes | field |
//! |---|---|
//! | 4 | `QRec` |
//! | 4 | checksum of the rest of the header |
//! | 8 | salt of the segment: what the file held before never counts |
//! | 8 | sequence: one more than the record's before, over all segments |
//! | 8 | batch: the sequence of the first record that was synced together with this one |
//! | 4 | length of the body |
//! | 4 | checksum of the body |
//! | 1 | body: flags that say which of the following are there |
//! | 17 | bit 0, the hard state: term 8, whether there is a vote 1, the vote 8 |
//! | 16 | bit 1, in a segment's first record: the last entry before; term 8, index 8 |
//! | 16 | bit 2, the snapshot that takes the place of the log: term 8, index 8 |
//! | 20 and entries | bit 3: the position before the first entry 16, how many 4, each [as on the wire](quorate_raft_core::wire) |
//!
//! A segment's first record repeats the hard state, so that the segments before it can go. A
//! segment gets its name only once its first record is durable.
//!
//! The batch makes the difference between torn and damaged. A batch is written only when the one
//! before it is durable. So where a record is not intact, and there is a header of a later batch
//! after it, what is not intact was durable once.
//!
//! # Limits
//!
//! Damage that reaches from some record to the end of the log looks like a torn end: the two can
//! not always be told apart (Alagappan and others, *Protocol-Aware Recovery for Consensus-Based
//! Storage*, TOS 2018). Opening reads the whole log. One member per directory. Unix only.
// why: this crate is the one that touches the disk, so the lint against files is off.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod directories;
mod disk;
mod error;
mod format;
mod index;
mod log;
mod options;
mod read;
mod record;
mod recovery;
mod replay;
mod scan;
mod segment;
mod snapshot;
mod stats;
#[cfg(test)]
mod tests;

pub use error::{OpenError, ReadError, WriteError};
pub use log::{Log, Opened};
pub use options::LogOptions;
pub use stats::LogStats;
