//! What comes in: messages, commands, reports of the disk and the state machine, and time.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use quorate_raft_core::{Index, Message, ProposeError, Role, Snapshot};
use quorate_transport::Transport;

use super::Driver;
use super::reads::WaitingRead;
use super::tell::Cause;
use crate::apply::{ApplyJob, ApplyReport, Reply};
use crate::command::Command;
use crate::disk::{DiskJob, DiskReport};
use crate::{Fault, ProposeFailed, StateMachine};

/// Inputs of one kind in one turn: enough to batch well, few enough to be fair.
const MOST: usize = 256;

impl<S, T> Driver<S, T>
where
    S: StateMachine,
    T: Transport<Message = Message>,
{
    /// Gathers all that is there. Ready when anything is.
    pub(super) fn poll_inputs(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Messages come last: tokio lets a task take so many things in one turn, and peers that
        // always have more must not use all of them up.
        let mut ready = self.poll_reports(cx);
        match self.commands.poll_recv_many(cx, &mut self.taken, MOST) {
            Poll::Pending => {}
            Poll::Ready(count) => {
                ready = true;
                // Nobody can ask anything any more.
                self.stopping |= count == 0;
            }
        }
        if Pin::new(&mut self.gone).poll(cx).is_ready() {
            self.stopping = true;
            ready = true;
        }
        ready |= self.timer.as_mut().poll(cx).is_ready();
        ready |= self.poll_messages(cx);
        if ready {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    fn poll_messages(&mut self, cx: &mut Context<'_>) -> bool {
        while self.received.len() < MOST {
            match self.transport.poll_recv(cx) {
                Poll::Ready(received) => self.received.push(received),
                Poll::Pending => break,
            }
        }
        !self.received.is_empty()
    }

    pub(super) fn poll_reports(&mut self, cx: &mut Context<'_>) -> bool {
        let mut ready = false;
        let disk = &mut self.disk.reports;
        if let Poll::Ready(count) = disk.poll_recv_many(cx, &mut self.disk_reports, MOST) {
            ready = true;
            if count == 0 {
                self.disk_ended();
            }
        }
        let apply = &mut self.apply.reports;
        if let Poll::Ready(count) = apply.poll_recv_many(cx, &mut self.apply_reports, MOST) {
            ready = true;
            if count == 0 {
                self.apply_ended();
            }
        }
        ready
    }

    pub(super) fn take_inputs(&mut self) {
        self.now = self.clock.now();
        self.take_reports();
        self.take_messages();
        self.take_commands();
        if self.raft.poll_timeout().is_some_and(|due| due <= self.now) {
            self.raft.handle_timeout(self.now);
            self.tell_role(Cause::Timeout);
        }
        self.publish_soon();
    }

    pub(super) fn take_reports(&mut self) {
        let mut reports = std::mem::take(&mut self.disk_reports);
        for report in reports.drain(..) {
            self.take_disk_report(report);
        }
        self.disk_reports = reports;
        let mut reports = std::mem::take(&mut self.apply_reports);
        for report in reports.drain(..) {
            self.take_apply_report(report);
        }
        self.apply_reports = reports;
    }

    fn take_messages(&mut self) {
        let mut received = std::mem::take(&mut self.received);
        self.counters.messages_received += received.len() as u64;
        for received in received.drain(..) {
            let (from, message) = (received.from, received.message);
            let kind = kind(&message);
            self.raft.handle_message(from, message, self.now);
            self.tell_role(Cause::Message { kind, from });
        }
        self.received = received;
    }

    fn take_commands(&mut self) {
        let mut taken = std::mem::take(&mut self.taken);
        for (command, _place) in taken.drain(..) {
            match command {
                Command::Propose { command, reply } => self.propose(command, reply),
                Command::Read { level, work } => self.read(level, work),
                Command::Status { reply } => {
                    // Whoever asked may have gone.
                    let _ = reply.send(self.status_now());
                }
                Command::Shutdown => self.stopping = true,
            }
        }
        self.taken = taken;
    }

    fn propose(&mut self, command: Bytes, reply: Reply<S::Response>) {
        let failed = if self.stopping {
            ProposeFailed::Stopped
        } else if self.raft.role() == Role::Leader
            && self.open.len() >= self.options.max_open_proposals
        {
            ProposeFailed::Overloaded
        } else {
            match self.raft.propose(command, self.now) {
                Ok(position) => {
                    self.counters.proposals += 1;
                    self.open.insert(position, reply);
                    return;
                }
                Err(ProposeError::NotLeader { leader, .. }) => ProposeFailed::NotLeader { leader },
                Err(ProposeError::TooLarge {
                    limit_bytes,
                    command,
                }) => ProposeFailed::TooLarge {
                    bytes: command.len(),
                    limit_bytes,
                },
                // Refused for want of room, whatever kind of room it is.
                Err(_) => ProposeFailed::Overloaded,
            }
        };
        self.counters.proposals_refused += 1;
        let _ = reply.send(Err(failed));
    }

    fn take_disk_report(&mut self, report: DiskReport) {
        match report {
            DiskReport::Written {
                receipt,
                writes,
                entries,
                bytes,
            } => {
                self.disk.writes = self.disk.writes.saturating_sub(writes);
                self.counters.log_syncs += 1;
                self.counters.log_entries += entries;
                self.counters.log_bytes += bytes;
                self.raft.handle_written(receipt, self.now);
                self.tell_role(Cause::Written);
                return;
            }
            DiskReport::Loaded { from, entries } => {
                self.raft.provide_entries(from, entries.into(), self.now);
            }
            DiskReport::SnapshotLoaded { to, snapshot } => {
                self.disk.snapshots_for.remove(&to);
                self.raft.provide_snapshot(to, snapshot, self.now);
            }
            DiskReport::Saved { position, bytes } => {
                self.counters.snapshots_saved += 1;
                self.counters.log_bytes += bytes;
                self.snapshots.durable = self.snapshots.durable.max(position.index);
                let kept = Index(position.index.0.saturating_sub(self.options.keep_entries));
                let kept_bytes = self.snapshots.sizes.before(self.options.keep_bytes);
                // Whatever is the less to keep, and nothing that the snapshot does not cover.
                let through = kept.max(kept_bytes.min(position.index));
                self.snapshots.sizes.forget(through);
                self.raft.compact(through);
                self.ask_disk(DiskJob::Purge { through });
            }
            DiskReport::Purged => {
                self.snapshots.busy = false;
                // Another may have fallen due meanwhile, and maybe nothing more is applied.
                self.snapshot_when_due();
            }
            DiskReport::Failed(fault) => {
                self.fault.get_or_insert(fault);
                return;
            }
        }
        self.disk.others = self.disk.others.saturating_sub(1);
    }

    fn take_apply_report(&mut self, report: ApplyReport<S>) {
        match report {
            ApplyReport::Applied { index } => {
                self.apply.batches = self.apply.batches.saturating_sub(1);
                let before = std::mem::replace(&mut self.apply.applied, index);
                self.counters.entries_applied += index.0.saturating_sub(before.0);
                self.snapshot_when_due();
            }
            ApplyReport::Restored { position } => {
                self.apply.batches = self.apply.batches.saturating_sub(1);
                self.apply.applied = position.index;
                self.counters.snapshots_restored += 1;
                self.snapshots.durable = self.snapshots.durable.max(position.index);
            }
            ApplyReport::SnapshotTaken { position, data } => {
                // A leader's snapshot may have overtaken it.
                let is_newest = position.index > self.snapshots.newest;
                if is_newest && let Some(membership) = self.raft.membership_at(position.index) {
                    let membership = membership.clone();
                    self.snapshots.newest = position.index;
                    self.ask_disk(DiskJob::Save(Snapshot {
                        position,
                        membership,
                        data,
                    }));
                } else {
                    self.snapshots.busy = false;
                }
            }
            ApplyReport::LeaseOver(work) => {
                self.counters.lease_fallbacks += 1;
                let asked_at = self.now;
                self.confirm(WaitingRead::Run { work, asked_at });
            }
            ApplyReport::LeaseOverAfter(answer) => {
                self.counters.lease_fallbacks += 1;
                self.confirm(WaitingRead::Tell(answer));
            }
            ApplyReport::Failed(fault) => {
                self.fault.get_or_insert(fault);
            }
        }
    }

    fn snapshot_when_due(&mut self) {
        let (every, every_bytes) = (
            self.options.snapshot_every,
            self.options.snapshot_every_bytes,
        );
        if self.snapshots.busy || self.apply.applied <= self.snapshots.newest {
            return;
        }
        let newest = self.snapshots.newest;
        let since = self.apply.applied.0.saturating_sub(newest.0);
        let by_entries = every > 0 && since >= every;
        if by_entries || (every_bytes > 0 && self.snapshots.sizes.after(newest) >= every_bytes) {
            self.snapshots.busy = self.apply.jobs.try_send(ApplyJob::TakeSnapshot).is_ok();
        }
    }

    fn disk_ended(&mut self) {
        if let Some(thread) = self.disk.thread.take() {
            self.thread_ended("disk", thread.join());
        }
    }

    fn apply_ended(&mut self) {
        if let Some(thread) = self.apply.handle.take() {
            self.thread_ended("apply", thread.join());
        }
    }

    pub(super) fn thread_ended(&mut self, name: &'static str, ended: std::thread::Result<()>) {
        let Err(panic) = ended else {
            return;
        };
        let message = panic.downcast_ref::<&str>().map(ToString::to_string);
        let message = message.or_else(|| panic.downcast_ref::<String>().cloned());
        let fault = Fault::Panicked {
            thread: name,
            message: message.unwrap_or_else(|| "nothing that can be printed".to_owned()),
        };
        tracing::warn!(id = self.raft.config().id.0, error = %fault, "the node stops");
        self.fault.get_or_insert(fault);
    }
}

fn kind(message: &Message) -> &'static str {
    match message {
        Message::PreVote(_) => "pre_vote",
        Message::PreVoteReply(_) => "pre_vote_reply",
        Message::Vote(_) => "vote",
        Message::VoteReply(_) => "vote_reply",
        Message::Append(_) => "append",
        Message::AppendReply(_) => "append_reply",
        Message::Heartbeat(_) => "heartbeat",
        Message::HeartbeatReply(_) => "heartbeat_reply",
        Message::SnapshotChunk(_) => "snapshot_chunk",
        Message::SnapshotReply(_) => "snapshot_reply",
        Message::Commit(_) => "commit",
        Message::TimeoutNow(_) => "timeout_now",
        Message::ReadRequest(_) => "read_request",
        Message::ReadReply(_) => "read_reply",
        _ => "another",
    }
}
