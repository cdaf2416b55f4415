//! A disk in memory that crashes: it forgets or tears what was not synced, and fails on demand.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::disk::{Disk, DiskFile};

/// What a disk writes in one piece, for the pessimist.
const SECTOR_BYTES: usize = 512;

/// Small, seeded randomness.
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        // SplitMix64 (Steele, Lea, Flood 2014).
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

#[derive(Clone, Debug, Default)]
struct Inode {
    durable: Vec<u8>,
    current: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
}

#[derive(Clone, Debug)]
enum NameChange {
    Set(String, usize),
    Rename(String, String),
    Remove(String),
}

impl NameChange {
    fn apply(self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Set(name, inode) => {
                names.insert(name, inode);
            }
            Self::Rename(from, to) => {
                if let Some(inode) = names.remove(&from) {
                    names.insert(to, inode);
                }
            }
            Self::Remove(name) => {
                names.remove(&name);
            }
        }
    }
}

#[derive(Clone, Debug, Default)]
struct State {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    unsynced_names: Vec<NameChange>,
    /// Operations that change something, so far.
    operations: u64,
    /// The operation from which on all fail.
    fails_at: Option<u64>,
    forgets: bool,
    syncs: u64,
    writes: u64,
}

/// The disk. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct SimulatedDisk(Arc<Mutex<State>>);

impl SimulatedDisk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Every operation that changes something fails from the given number of them on.
    pub(crate) fn fail_after(&self, operations: u64) {
        let mut state = self.state();
        state.fails_at = Some(state.operations + operations);
    }

    /// From now on, pages whose sync failed stay in the cache and count as written, as on Linux.
    pub(crate) fn forget_failed_syncs(&self) {
        self.state().forgets = true;
    }

    /// Nothing fails any more.
    pub(crate) fn heal(&self) {
        self.state().fails_at = None;
    }

    pub(crate) fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Writes to files and syncs of files, so far.
    pub(crate) fn writes_and_syncs(&self) -> (u64, u64) {
        let state = self.state();
        (state.writes, state.syncs)
    }

    /// The disk as the next boot finds it: what was synced, and of the rest some sectors and some
    /// changes of names.
    pub(crate) fn crash(&self, seed: u64) -> Self {
        let mut random = Random(seed);
        let state = self.state();
        // From losing all that was not synced to losing none of it.
        let chance = random.below(5);
        let mut inodes = state.inodes.clone();
        for inode in &mut inodes {
            for (offset, bytes) in std::mem::take(&mut inode.unsynced) {
                for (at, sector) in (offset..)
                    .step_by(SECTOR_BYTES)
                    .zip(bytes.chunks(SECTOR_BYTES))
                {
                    if random.below(4) < chance {
                        put(&mut inode.durable, at, sector);
                    }
                }
            }
            inode.current.clone_from(&inode.durable);
        }
        let mut names = state.durable_names.clone();
        for change in &state.unsynced_names {
            if random.below(4) < chance {
                change.clone().apply(&mut names);
            }
        }
        Self(Arc::new(Mutex::new(State {
            inodes,
            durable_names: names.clone(),
            names,
            ..State::default()
        })))
    }

    /// An independent copy, all of it durable.
    pub(crate) fn copy(&self) -> Self {
        let mut state = self.state().clone();
        for inode in &mut state.inodes {
            inode.durable.clone_from(&inode.current);
            inode.unsynced.clear();
        }
        state.durable_names.clone_from(&state.names);
        state.unsynced_names.clear();
        state.fails_at = None;
        Self(Arc::new(Mutex::new(state)))
    }

    /// Changes the bytes of a file behind the log's back.
    pub(crate) fn damage(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        let inode = state.names[name];
        let inode = &mut state.inodes[inode];
        change(&mut inode.current);
        inode.durable.clone_from(&inode.current);
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        let state = self.state();
        state.inodes[state.names[name]].current.clone()
    }

    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state();
        let files = state.names.iter();
        files
            .map(|(name, &inode)| (name.clone(), state.inodes[inode].current.clone()))
            .collect()
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state();
        state.operations += 1;
        if state.fails_at.is_some_and(|at| state.operations > at) {
            return Err(io::Error::other("the simulated disk failed"));
        }
        change(&mut state)
    }

    fn file(&self, inode: usize) -> Box<dyn DiskFile> {
        let disk = self.clone();
        Box::new(SimulatedFile { disk, inode })
    }
}

fn put(bytes: &mut Vec<u8>, at: usize, what: &[u8]) {
    let end = at + what.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[at..end].copy_from_slice(what);
}

fn not_found() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

impl Disk for SimulatedDisk {
    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from("/simulated").join(name)
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.state().names.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let inode = self.state().names.get(name).copied();
        Ok(self.file(inode.ok_or_else(not_found)?))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let inode = self.change(|state| {
            let inode = state.inodes.len();
            state.inodes.push(Inode::default());
            let change = NameChange::Set(name.to_owned(), inode);
            change.clone().apply(&mut state.names);
            state.unsynced_names.push(change);
            Ok(inode)
        })?;
        Ok(self.file(inode))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.change(|state| {
            if !state.names.contains_key(from) {
                return Err(not_found());
            }
            let change = NameChange::Rename(from.to_owned(), to.to_owned());
            change.clone().apply(&mut state.names);
            state.unsynced_names.push(change);
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.change(|state| {
            if !state.names.contains_key(name) {
                return Err(not_found());
            }
            let change = NameChange::Remove(name.to_owned());
            change.clone().apply(&mut state.names);
            state.unsynced_names.push(change);
            Ok(())
        })
    }

    fn sync_names(&self) -> io::Result<()> {
        self.change(|state| {
            state.durable_names.clone_from(&state.names);
            state.unsynced_names.clear();
            Ok(())
        })
    }
}

#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    inode: usize,
}

impl DiskFile for SimulatedFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().inodes[self.inode].current.len() as u64)
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.disk.state();
        let current = &state.inodes[self.inode].current;
        let offset = usize::try_from(offset).unwrap();
        let found = offset
            .checked_add(bytes.len())
            .and_then(|end| current.get(offset..end))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        bytes.copy_from_slice(found);
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap();
        let write = |state: &mut State, bytes: &[u8]| {
            let inode = &mut state.inodes[self.inode];
            put(&mut inode.current, offset, bytes);
            inode.unsynced.push((offset, bytes.to_vec()));
        };
        let result = self.disk.change(|state| {
            state.writes += 1;
            write(state, bytes);
            Ok(())
        });
        if result.is_err() {
            // A write that fails may have got half of the way.
            write(&mut self.disk.state(), &bytes[..bytes.len() / 2]);
        }
        result
    }

    fn sync(&self) -> io::Result<()> {
        let result = self.disk.change(|state| {
            state.syncs += 1;
            let inode = &mut state.inodes[self.inode];
            for (offset, bytes) in std::mem::take(&mut inode.unsynced) {
                put(&mut inode.durable, offset, &bytes);
            }
            Ok(())
        });
        if result.is_err() {
            let mut state = self.disk.state();
            if state.forgets {
                state.inodes[self.inode].unsynced.clear();
            }
        }
        result
    }
}
