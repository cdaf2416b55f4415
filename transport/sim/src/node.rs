//! One node: its machine, its disk, its clock.

use std::collections::VecDeque;

use quorate_clocks::{Instant, NodeId};
use quorate_transport::{Receipt, Write};

use crate::fabric::Action;
use crate::process::{MessageOf, WriteOf};
use crate::{Clock, Process};

/// Messages and receipts that wait for a node that stands still. More are lost, as a socket's
/// buffer would lose them.
const MOST_STALLED: usize = 10_000;

pub(crate) struct Node<P: Process> {
    pub(crate) id: NodeId,
    pub(crate) clock: Clock,
    /// `None` when the node is down.
    pub(crate) machine: Option<P::Machine>,
    pub(crate) life: u64,
    pub(crate) paused: bool,
    /// What happened to the node while it stood still.
    pub(crate) stalled: Vec<Action<MessageOf<P>>>,
    /// What its process sees on the disk.
    pub(crate) disk: P::Disk,
    /// What is really there, when the disk has lied.
    honest: Option<P::Disk>,
    /// Writes that are not durable yet.
    pub(crate) unsynced: VecDeque<Write<WriteOf<P>>>,
    /// How many of them the disk is at.
    pub(crate) syncing: Option<usize>,
    pub(crate) syncs: u64,
    /// When a timer is on the agenda.
    pub(crate) timer_at: Option<Instant>,
    /// How often it was settled: names the draws of its turns.
    pub(crate) turns: u64,
}

impl<P: Process> Clone for Node<P> {
    fn clone(&self) -> Self {
        Self {
            id: self.id,
            clock: self.clock,
            machine: self.machine.clone(),
            life: self.life,
            paused: self.paused,
            stalled: self.stalled.clone(),
            disk: self.disk.clone(),
            honest: self.honest.clone(),
            unsynced: self.unsynced.clone(),
            syncing: self.syncing,
            syncs: self.syncs,
            timer_at: self.timer_at,
            turns: self.turns,
        }
    }
}

impl<P: Process> Node<P> {
    pub(crate) fn new(id: NodeId, clock: Clock) -> Self {
        Self {
            id,
            clock,
            machine: None,
            life: 0,
            paused: false,
            stalled: Vec::new(),
            disk: P::Disk::default(),
            honest: None,
            unsynced: VecDeque::new(),
            syncing: None,
            syncs: 0,
            timer_at: None,
            turns: 0,
        }
    }

    /// Whether it is there and not standing still.
    pub(crate) fn is_running(&self) -> bool {
        self.machine.is_some() && !self.paused
    }

    /// Keeps an action for when the node goes on. Says whether there was room.
    pub(crate) fn stall(&mut self, action: Action<MessageOf<P>>) -> bool {
        let room = self.stalled.len() < MOST_STALLED;
        if room {
            self.stalled.push(action);
        }
        room
    }

    /// The disk is done: what it was at is durable. Returns the last receipt.
    pub(crate) fn synced(&mut self, process: &mut P, honest: bool) -> Option<Receipt> {
        if honest {
            self.honest = None;
        } else {
            let disk = &self.disk;
            self.honest.get_or_insert_with(|| disk.clone());
        }
        let count = self.syncing.take()?;
        self.write_through(process, count)
    }

    /// Ends this life. The first `kept` of the writes that were under way are durable after all.
    /// Returns how many were lost.
    pub(crate) fn crash(&mut self, process: &mut P, kept: usize) -> usize {
        match self.honest.take() {
            // The disk had lied about what came before them.
            Some(honest) => self.disk = honest,
            None => {
                self.write_through(process, kept);
            }
        }
        let lost = self.unsynced.len();
        self.unsynced.clear();
        self.stalled.clear();
        self.machine = None;
        self.paused = false;
        self.syncing = None;
        self.timer_at = None;
        lost
    }

    fn write_through(&mut self, process: &mut P, count: usize) -> Option<Receipt> {
        let mut last = None;
        for write in self.unsynced.drain(..count.min(self.unsynced.len())) {
            process.persist(self.id, &mut self.disk, &write.what);
            last = Some(write.receipt);
        }
        last
    }
}
