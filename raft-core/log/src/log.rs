//! The log: buffering, syncing, snapshots, purging.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use bytes::BytesMut;
use quorate_raft_core::{HardState, Index, Persist, Position, Recovered, Snapshot};

use crate::disk::{Disk, LockedDirectory};
use crate::format::{segment_name, spare_name};
use crate::index::{LogIndex, follow};
use crate::record::Draft;
use crate::recovery::recover;
use crate::segment::{Active, Opening, Segment, ZERO_STEP_BYTES, begin};
use crate::snapshot::{self, BadSnapshot, Origin};
use crate::{LogOptions, LogStats, OpenError, ReadError, WriteError};

/// Purged segments that are kept to become segments again, which saves filling new ones.
pub(crate) const MAX_SPARES: usize = 4;

/// Memory that the buffer keeps between syncs.
const KEPT_BUFFER_BYTES: usize = 4 << 20;

/// The durable part of a Raft member: hard state, entries and snapshots, in one directory.
///
/// Not for several threads at once; send it to the one that writes. Dropping it drops what is not
/// synced, and unlocks the directory.
///
/// The crate's documentation has an example.
pub struct Log {
    pub(crate) disk: Box<dyn Disk>,
    options: LogOptions,
    hard_state: HardState,
    pub(crate) index: LogIndex,
    /// The newest durable snapshot that goes with the log.
    snapshot: Option<Position>,
    /// A snapshot in the buffer's records: its file is durable, that it counts is not yet.
    buffered_snapshot: Option<Position>,
    /// All snapshot files.
    snapshots: Vec<Position>,
    /// All segments, the active one last.
    pub(crate) segments: VecDeque<Segment>,
    pub(crate) active: Active,
    spares: Vec<String>,
    /// Records that are not written yet, to come at the end of the active segment.
    pub(crate) buffer: BytesMut,
    /// The sequence of the next record.
    sequence: u64,
    /// The sequence of the first record in the buffer, or of the next one.
    batch: u64,
    /// The failure after which nothing is known of the disk.
    pub(crate) poison: Option<String>,
    stats: LogStats,
}

/// What a log had in it when it was opened.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Opened {
    /// What [`Raft::new`](quorate_raft_core::Raft::new) needs. `applied` is the snapshot's index,
    /// or zero: raise it when the application keeps its own state durable.
    pub recovered: Recovered,
    /// The newest snapshot: restore the application's state from it.
    pub snapshot: Option<Snapshot>,
    /// Bytes at the end of the log that a crash left unfinished, and that were cut. They were
    /// never acknowledged. Where a recycled file makes it hard to tell, it may be less than there
    /// were.
    pub torn_bytes: u64,
    /// Snapshots that are damaged, and not needed because the log reaches back far enough.
    pub damaged_snapshots: Vec<PathBuf>,
}

impl Log {
    /// Opens the log in `directory`, which is created when it is not there, and locks it.
    ///
    /// Reads all of the log and checks all of it. What a crash left unfinished at the end is cut
    /// and reported. Damage anywhere else is an error, and then nothing is changed.
    pub fn open(directory: &Path, options: LogOptions) -> Result<(Self, Opened), OpenError> {
        let disk = LockedDirectory::open(directory)?;
        Self::open_on(Box::new(disk), options)
    }

    pub(crate) fn open_on(
        disk: Box<dyn Disk>,
        options: LogOptions,
    ) -> Result<(Self, Opened), OpenError> {
        let options = options.bounded();
        let recovery = recover(&*disk, &options)?;
        let snapshot = recovery.snapshot.as_ref().map(|found| found.position);
        let applied = snapshot.map_or(Index::ZERO, |position| position.index);
        let of_snapshot = recovery.snapshot.as_ref();
        let of_snapshot = of_snapshot.map(|taken| (taken.position.index, taken.membership.clone()));
        let of_entries = recovery.index.memberships_after(applied);
        let opened = Opened {
            recovered: Recovered {
                hard_state: recovery.hard_state,
                start: recovery.index.start(),
                applied,
                runs: recovery.index.runs().collect(),
                memberships: of_snapshot.into_iter().chain(of_entries).collect(),
                last: recovery.index.last().index,
                tail: recovery.tail.into(),
            },
            snapshot: recovery.snapshot,
            torn_bytes: recovery.torn_bytes,
            damaged_snapshots: recovery.damaged_snapshots,
        };
        let log = Self {
            disk,
            options,
            hard_state: recovery.hard_state,
            index: recovery.index,
            snapshot,
            buffered_snapshot: None,
            snapshots: recovery.snapshots,
            segments: recovery.segments,
            active: recovery.active,
            spares: recovery.spares,
            buffer: BytesMut::new(),
            sequence: recovery.sequence,
            batch: recovery.sequence,
            poison: None,
            stats: LogStats::default(),
        };
        Ok((log, opened))
    }

    /// Takes a write, to become durable with the next [`sync`](Self::sync): after a crash, either
    /// all of it is there or nothing.
    ///
    /// Entries replace what the log has at the first one's index and after it. A snapshot takes the
    /// place of the whole log, and its file is written at once. Writes stay in memory until they
    /// are synced.
    pub fn write(&mut self, persist: &Persist) -> Result<(), WriteError> {
        self.check_health()?;
        if *persist == Persist::default() {
            return Ok(());
        }
        let previous = self.check(persist)?;
        let draft = Draft {
            hard_state: persist.hard_state,
            opening: None,
            snapshot: persist.snapshot.as_ref().map(|taken| taken.position),
            previous,
            entries: &persist.entries,
        };
        let (bytes, limit) = (draft.body_len(), self.options.max_record_bytes);
        if bytes > limit {
            return Err(WriteError::TooLarge { bytes, limit });
        }
        if self.buffer.is_empty() && self.segment().end >= self.options.segment_bytes {
            self.begin_segment()?;
        }
        if let Some(taken) = &persist.snapshot {
            self.write_snapshot(taken, Origin::Installed)?;
            self.buffered_snapshot = Some(taken.position);
            self.index = LogIndex::new(taken.position);
        }
        let segment = self.segment();
        let offset = segment.end + self.buffer.len() as u64;
        draft.encode(segment.salt, self.sequence, self.batch, &mut self.buffer);
        self.sequence = self.sequence.saturating_add(1);
        self.hard_state = persist.hard_state.unwrap_or(self.hard_state);
        self.index.append(&persist.entries, segment.number, offset);
        self.stats.records += 1;
        Ok(())
    }

    /// Makes all writes since the last call durable, with one write to the file and one
    /// `fdatasync`. Without any it does nothing.
    ///
    /// After an error the log takes nothing more: what the disk holds is not known, and trying
    /// again could report as durable what the operating system has dropped.
    pub fn sync(&mut self) -> Result<(), WriteError> {
        self.check_health()?;
        if self.buffer.is_empty() {
            return Ok(());
        }
        let segment = self.segment();
        let batch_bytes = self.buffer.len();
        let end = segment.end + batch_bytes as u64;
        if end > self.active.room {
            // Room for the batches to come, in the same write.
            let room = end.next_multiple_of(ZERO_STEP_BYTES);
            let room = room.min(self.options.segment_bytes.max(end));
            let ahead = usize::try_from(room - end).unwrap_or(0);
            self.buffer.resize(batch_bytes + ahead, 0);
            self.active.room = room;
        }
        let written = self.active.file.write_all_at(&self.buffer, segment.end);
        let name = segment_name(segment.number);
        self.done("write", &name, written)?;
        let synced = self.active.file.sync();
        self.done("sync", &name, synced)?;
        self.stats.syncs += 1;
        self.stats.written_bytes += self.buffer.len() as u64;
        self.buffer.clear();
        if self.buffer.capacity() > KEPT_BUFFER_BYTES {
            self.buffer = BytesMut::new();
        }
        self.batch = self.sequence;
        if let Some(active) = self.segments.back_mut() {
            active.end = end;
        }
        if let Some(taken) = self.buffered_snapshot.take() {
            self.snapshot = Some(taken);
            self.remove_old_snapshots(taken)?;
        }
        Ok(())
    }

    /// Makes a snapshot that this node has taken of itself durable, and everything written before
    /// it. The entries stay until they are [purged](Self::purge).
    ///
    /// One that is not newer than the newest is not kept: that is no error.
    pub fn save_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), WriteError> {
        self.sync()?;
        let position = snapshot.position;
        if position.index <= self.snapshot_index() {
            return Ok(());
        }
        if !self.index.holds(position) {
            return Err(WriteError::SnapshotOutsideLog {
                position,
                start: self.index.start(),
                last: self.index.last(),
            });
        }
        self.write_snapshot(snapshot, Origin::Own)?;
        self.snapshot = Some(position);
        self.remove_old_snapshots(position)
    }

    /// The newest durable snapshot, read from its file and checked.
    pub fn latest_snapshot(&self) -> Result<Option<Snapshot>, ReadError> {
        self.check_readable()?;
        let Some(position) = self.snapshot else {
            return Ok(None);
        };
        let path = self.disk.path(&snapshot::name(position));
        match snapshot::read(&*self.disk, position) {
            Ok(snapshot) => Ok(Some(snapshot)),
            Err(BadSnapshot::Io(source)) => Err(ReadError::Io {
                doing: "read",
                path,
                source,
            }),
            Err(BadSnapshot::Damaged { offset, what }) => {
                Err(ReadError::Corrupt { path, offset, what })
            }
            Err(BadSnapshot::Version(version)) => Err(ReadError::Corrupt {
                path,
                offset: 0,
                what: format!("its format version has changed to {version}"),
            }),
        }
    }

    /// Gives back segments whose entries are all at `through` or before, as far as the newest
    /// durable snapshot holds them. Makes durable what was written before.
    ///
    /// Entries go in whole segments, so older ones than `through` may stay.
    pub fn purge(&mut self, through: Index) -> Result<(), WriteError> {
        // What replaces an entry must be durable before the replaced one is given back.
        self.sync()?;
        let through = through.min(self.snapshot_index());
        while self.segments.len() > 1 {
            let Some(oldest) = self.segments.front().copied() else {
                break;
            };
            if self.index.last_in(oldest.number) > through {
                break;
            }
            let name = segment_name(oldest.number);
            let reuse = self.spares.len() < MAX_SPARES
                && oldest.end <= self.options.segment_bytes.saturating_mul(2);
            if reuse {
                let spare = spare_name(oldest.number);
                let renamed = self.disk.rename(&name, &spare);
                self.done("rename", &name, renamed)?;
                self.spares.push(spare);
            } else {
                let removed = self.disk.remove(&name);
                self.done("remove", &name, removed)?;
            }
            // One by one, for a crash must not leave a hole in the numbers.
            let synced = self.disk.sync_names();
            self.done("sync the directory of", &name, synced)?;
            self.index.forget(oldest.number);
            self.segments.pop_front();
        }
        Ok(())
    }

    /// The durable and buffered term and vote.
    pub const fn hard_state(&self) -> HardState {
        self.hard_state
    }

    /// What the log starts after: the last entry that only a snapshot holds.
    pub const fn start(&self) -> Position {
        self.index.start()
    }

    /// The last entry of the log, durable or buffered.
    pub fn last(&self) -> Position {
        self.index.last()
    }

    /// The most bytes that one [`write`](Self::write) may have, as they are encoded.
    pub const fn max_record_bytes(&self) -> usize {
        self.options.max_record_bytes
    }

    /// What the log has done since it was opened, and how large it is.
    pub fn stats(&self) -> LogStats {
        LogStats {
            segments: self.segments.len() as u64,
            log_bytes: self.segments.iter().map(|segment| segment.end).sum(),
            ..self.stats
        }
    }

    fn segment(&self) -> Segment {
        // There is always one.
        self.segments.back().copied().unwrap_or(Segment {
            number: 0,
            salt: 0,
            end: 0,
        })
    }

    fn snapshot_index(&self) -> Index {
        let newest = self.buffered_snapshot.or(self.snapshot);
        newest.map_or(Index::ZERO, |position| position.index)
    }

    /// Whether a write goes on from what is there. Gives the position before its first entry.
    fn check(&self, persist: &Persist) -> Result<Position, WriteError> {
        let refuse = |(after, found, what)| WriteError::OutOfOrder { after, found, what };
        let newest = Position {
            index: self.snapshot_index(),
            ..self.buffered_snapshot.or(self.snapshot).unwrap_or_default()
        };
        if let Some(taken) = &persist.snapshot {
            let position = taken.position;
            if position.index <= newest.index {
                let what = "the newest snapshot holds it already";
                return Err(refuse((newest, position, what)));
            }
            return follow(position, &persist.entries)
                .map(|()| position)
                .map_err(refuse);
        }
        if let Some(first) = persist.entries.first()
            && first.position.index <= newest.index
        {
            let what = "it would replace what a snapshot holds";
            return Err(refuse((newest, first.position, what)));
        }
        self.index.check(&persist.entries).map_err(refuse)
    }

    /// Begins the next segment. Only while nothing is buffered.
    fn begin_segment(&mut self) -> Result<(), WriteError> {
        let opening = Opening {
            number: self.segment().number.saturating_add(1),
            sequence: self.sequence,
            hard_state: self.hard_state,
            last: self.index.last(),
        };
        let spare = self.spares.pop();
        let begun = begin(&*self.disk, opening, spare.as_deref());
        let (segment, active) = self.done("begin", &segment_name(opening.number), begun)?;
        self.segments.push_back(segment);
        self.active = active;
        self.sequence = self.sequence.saturating_add(1);
        self.batch = self.sequence;
        Ok(())
    }

    fn write_snapshot(&mut self, taken: &Snapshot, origin: Origin) -> Result<(), WriteError> {
        let written = snapshot::write(&*self.disk, taken, origin);
        self.done("write", &snapshot::name(taken.position), written)?;
        self.snapshots.retain(|&found| found != taken.position);
        self.snapshots.push(taken.position);
        self.stats.snapshots += 1;
        self.stats.written_bytes += taken.data.len() as u64;
        Ok(())
    }

    /// Not synced: one that comes back in a crash is removed when the log is opened.
    fn remove_old_snapshots(&mut self, newest: Position) -> Result<(), WriteError> {
        for old in std::mem::replace(&mut self.snapshots, vec![newest]) {
            if old != newest {
                let name = snapshot::name(old);
                let removed = self.disk.remove(&name);
                self.done("remove", &name, removed)?;
            }
        }
        Ok(())
    }

    /// Poisons the log when something failed.
    fn done<T>(
        &mut self,
        doing: &'static str,
        name: &str,
        result: io::Result<T>,
    ) -> Result<T, WriteError> {
        result.map_err(|source| {
            let path = self.disk.path(name);
            let error = WriteError::Io {
                doing,
                path,
                source,
            };
            self.poison = Some(error.to_string());
            error
        })
    }

    fn check_health(&self) -> Result<(), WriteError> {
        match &self.poison {
            Some(first) => Err(WriteError::Poisoned {
                first: first.clone(),
            }),
            None => Ok(()),
        }
    }

    pub(crate) fn check_readable(&self) -> Result<(), ReadError> {
        match &self.poison {
            Some(first) => Err(ReadError::Poisoned {
                first: first.clone(),
            }),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("directory", &self.disk.path(""))
            .field("hard_state", &self.hard_state)
            .field("start", &self.index.start())
            .field("last", &self.index.last())
            .field("snapshot", &self.snapshot)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
