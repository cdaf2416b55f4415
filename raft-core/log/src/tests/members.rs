//! What a log tells about the members when it is opened.

use quorate_clocks::NodeId;
use quorate_raft_core::{Entry, Index, Membership, Payload, Persist};

use super::{SimulatedDisk, at, entries, open, snapshot};
use crate::Log;

fn alone(id: u64) -> Membership {
    Membership::of_voters([NodeId(id)]).unwrap()
}

/// An entry of this term that makes `index` the only member.
fn change(term: u64, index: u64) -> Persist {
    let entry = Entry {
        position: at(term, index),
        payload: Payload::Membership(alone(index)),
    };
    Persist {
        entries: vec![entry].into(),
        ..Persist::default()
    }
}

fn write(log: &mut Log, persist: &Persist) {
    log.write(persist).unwrap();
    log.sync().unwrap();
}

fn reopened(disk: &SimulatedDisk, log: Log) -> (Log, Vec<(Index, Membership)>) {
    drop(log);
    let (log, opened) = open(disk).unwrap();
    (log, opened.recovered.memberships)
}

#[test]
fn memberships_are_told_of_the_snapshot_and_of_the_entries_after_it() {
    let disk = SimulatedDisk::default();
    let (mut log, opened) = open(&disk).unwrap();
    assert_eq!(opened.recovered.memberships, []);
    for index in 1..=6 {
        write(&mut log, &change(1, index));
    }
    // An entry that is replaced takes its membership with it.
    write(&mut log, &entries(2, 5..=7));
    let known = |of: &[u64]| -> Vec<_> { of.iter().map(|&id| (Index(id), alone(id))).collect() };
    let (mut log, told) = reopened(&disk, log);
    assert_eq!(told, known(&[1, 2, 3, 4]));
    let taken = snapshot(at(1, 3), 40);
    log.save_snapshot(&taken).unwrap();
    let (log, told) = reopened(&disk, log);
    let mut expected = vec![(Index(3), taken.membership.clone())];
    expected.extend(known(&[4]));
    assert_eq!(told, expected);
    assert_eq!(log.latest_snapshot().unwrap(), Some(taken));
}

#[test]
fn a_snapshot_of_a_leader_brings_its_membership() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = open(&disk).unwrap();
    write(&mut log, &change(1, 1));
    let taken = snapshot(at(2, 9), 10);
    let installed = Persist {
        snapshot: Some(taken.clone()),
        ..Persist::default()
    };
    write(&mut log, &installed);
    write(&mut log, &change(2, 10));
    let (_, told) = reopened(&disk, log);
    assert_eq!(told, [(Index(9), taken.membership), (Index(10), alone(10))]);
}
