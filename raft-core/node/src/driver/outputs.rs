//! What goes out: writes to the disk, messages to the peers, events to who they concern.

use std::time::Duration;

use quorate_clocks::NodeId;
use quorate_raft_core::wire::entry_len;
use quorate_raft_core::{Entries, Event, Fate, Index, Message};
use quorate_transport::{Lane, Refused, Transport};

use super::Driver;
use crate::apply::{ApplyJob, MAX_BATCHES};
use crate::disk::{DiskJob, MAX_WRITES};
use crate::{ProposeFailed, StateMachine};

/// How often a refusal that no retry mends is warned of.
const WARN_EVERY: Duration = Duration::from_secs(10);

impl<S, T> Driver<S, T>
where
    S: StateMachine,
    T: Transport<Message = Message>,
{
    /// Takes out of the core whatever there is room for. Each kind may make more of the others.
    pub(super) fn drain(&mut self) {
        loop {
            let wrote = self.drain_writes();
            let sent = self.drain_transmits();
            let told = self.drain_events();
            if !(wrote || sent || told) {
                return;
            }
        }
    }

    fn drain_writes(&mut self) -> bool {
        let mut moved = false;
        // What stays in the core becomes one larger write.
        while self.disk.writes < MAX_WRITES
            && let Some(write) = self.raft.poll_write()
        {
            if let Some(snapshot) = &write.what.snapshot {
                self.snapshots.newest = self.snapshots.newest.max(snapshot.position.index);
            }
            // A disk that is gone says so in its reports.
            let _ = self.disk.jobs.try_send(DiskJob::Write(write));
            self.disk.writes += 1;
            moved = true;
        }
        moved
    }

    fn drain_transmits(&mut self) -> bool {
        let mut moved = false;
        while let Some(transmit) = self.raft.poll_transmit() {
            moved = true;
            match self.transport.send(transmit) {
                Ok(()) => self.counters.messages_sent += 1,
                Err(refused) => self.take_refusal(refused),
            }
        }
        moved
    }

    /// Raft sends again what matters; all it needs is to know whom not to stream to.
    fn take_refusal(&mut self, refused: Refused<Message>) {
        self.counters.messages_refused += 1;
        match &refused {
            Refused::Unreachable(transmit) => self.raft.handle_unreachable(transmit.to, self.now),
            // The stream has a hole now: what follows would be refused by the follower anyway.
            Refused::Full(transmit) if transmit.lane == Lane::Log => {
                self.raft.handle_unreachable(transmit.to, self.now);
            }
            Refused::Full(_) => {}
            _ => {
                let quiet_until = self.warned_at.map(|at| at + WARN_EVERY);
                if quiet_until.is_none_or(|until| self.now >= until) {
                    self.warned_at = Some(self.now);
                    let id = self.raft.config().id.0;
                    tracing::warn!(id, %refused, "a message can not be sent, now or later");
                }
            }
        }
    }

    fn drain_events(&mut self) -> bool {
        let mut moved = false;
        while self.apply.held.is_none()
            && let Some(event) = self.raft.poll_event()
        {
            moved = true;
            self.take_event(event);
        }
        let has_room = self.apply.batches < MAX_BATCHES;
        if has_room && let Some(event) = self.apply.held.take() {
            moved = true;
            self.take_event(event);
        }
        moved
    }

    fn take_event(&mut self, event: Event) {
        match event {
            Event::Committed { .. } | Event::Restore { .. }
                if self.apply.batches >= MAX_BATCHES =>
            {
                self.apply.held = Some(event);
            }
            Event::Committed { entries } => self.apply_entries(entries),
            Event::Restore { snapshot } => {
                self.settle_covered(snapshot.position.index);
                self.ask_apply(ApplyJob::Restore(snapshot));
            }
            Event::Load {
                from,
                to,
                max_bytes,
            } => self.ask_disk(DiskJob::Load {
                from,
                to,
                max_bytes,
            }),
            Event::SnapshotWanted { to } => self.ask_snapshot_for(to),
            Event::ProposalLost { position, fate } => {
                if let Some(reply) = self.open.remove(&position) {
                    let _ = reply.send(Err(match fate {
                        Fate::Replaced => ProposeFailed::Lost,
                        Fate::Unknown => ProposeFailed::Unknown,
                    }));
                }
            }
            Event::ReadReady { ticket, index } => self.read_ready(ticket, index),
            Event::ReadLost { ticket } => self.read_lost(ticket),
            // The role is looked at after each input, where the cause is known.
            _ => {}
        }
    }

    /// What a snapshot covers, and was not handed out before, is never handed out.
    fn settle_covered(&mut self, through: Index) {
        let open = self.open.keys().copied();
        let covered: Vec<_> = open.filter(|open| open.index <= through).collect();
        for reply in covered.iter().filter_map(|open| self.open.remove(open)) {
            let _ = reply.send(Err(ProposeFailed::Unknown));
        }
    }

    fn apply_entries(&mut self, entries: Entries) {
        let (open, sizes) = (&mut self.open, &mut self.snapshots.sizes);
        let batch = entries
            .into_iter()
            .map(|entry| {
                sizes.note(entry.position.index, entry_len(&entry) as u64);
                let reply = open.remove(&entry.position);
                (entry, reply)
            })
            .collect();
        self.ask_apply(ApplyJob::Apply(batch));
    }

    fn ask_apply(&mut self, job: ApplyJob<S>) {
        // A state machine that is gone says so by the end of its reports.
        let _ = self.apply.jobs.try_send(job);
        self.apply.batches += 1;
    }

    fn ask_snapshot_for(&mut self, to: NodeId) {
        // A leader that lost and won its office again may ask twice; one answer serves both.
        if self.disk.snapshots_for.insert(to) {
            self.ask_disk(DiskJob::LoadSnapshot { to });
        }
    }

    /// Asks for something that is not a write. There are few of these, and each waits its turn.
    pub(super) fn ask_disk(&mut self, job: DiskJob) {
        let _ = self.disk.jobs.try_send(job);
        self.disk.others += 1;
    }
}
