//! The log on a disk that crashes, fails and decays.

mod crash;
mod damage;
mod members;
mod model;
mod rules;
mod simulated;

use quorate_clocks::NodeId;
use quorate_raft_core::{
    Entry, HardState, Index, Membership, Payload, Persist, Position, Snapshot, Term,
};

pub(crate) use simulated::{Random, SimulatedDisk};

use crate::{Log, LogOptions, OpenError, Opened};

/// Small segments, so that a short test has many.
pub(crate) fn options() -> LogOptions {
    LogOptions {
        segment_bytes: 4 << 10,
        ..LogOptions::default()
    }
}

pub(crate) fn open(disk: &SimulatedDisk) -> Result<(Log, Opened), OpenError> {
    Log::open_on(Box::new(disk.clone()), options())
}

pub(crate) fn at(term: u64, index: u64) -> Position {
    Position {
        term: Term(term),
        index: Index(index),
    }
}

pub(crate) fn entry(term: u64, index: u64, payload_bytes: usize) -> Entry {
    // Says which entry it is, so that one can not pass for another.
    let text = format!("{index}/{term} ");
    let payload: Vec<u8> = text.bytes().cycle().take(payload_bytes).collect();
    Entry {
        position: at(term, index),
        payload: match payload.is_empty() {
            true => Payload::Empty,
            false => Payload::Command(payload.into()),
        },
    }
}

pub(crate) fn entries(term: u64, indexes: std::ops::RangeInclusive<u64>) -> Persist {
    Persist {
        entries: indexes.map(|index| entry(term, index, 100)).collect(),
        ..Persist::default()
    }
}

pub(crate) fn hard_state(term: u64, vote: u64) -> HardState {
    HardState {
        term: Term(term),
        vote: Some(NodeId(vote)),
    }
}

pub(crate) fn snapshot(position: Position, bytes: usize) -> Snapshot {
    let text = format!("{position} ");
    let data: Vec<u8> = text.bytes().cycle().take(bytes).collect();
    let members = [1, bytes as u64 + 2].map(NodeId);
    Snapshot {
        position,
        membership: Membership::of_voters(members).unwrap(),
        data: data.into(),
    }
}

/// All entries of a log.
pub(crate) fn all(log: &Log) -> Vec<Entry> {
    log.entries(log.start().index.next(), log.last().index, usize::MAX)
        .unwrap()
}
