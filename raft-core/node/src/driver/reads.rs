//! Reads that need the leader.

use quorate_clocks::Instant;
use quorate_raft_core::{Index, Message, ReadError, ReadTicket};
use quorate_transport::Transport;

use super::Driver;
use crate::apply::{ApplyJob, Read};
use crate::read::{Answer, ReadWork};
use crate::staleness::Proof;
use crate::{ReadFailed, ReadLevel, StateMachine};

/// A read that a majority is being asked about.
pub(super) enum WaitingRead<S> {
    /// It runs once this node is known to lead.
    Run {
        work: Box<dyn ReadWork<S>>,
        asked_at: Instant,
    },
    /// It ran on the word of a lease that ran out meanwhile. It stands if this node led after it
    /// ran: then no other leader had committed anything before.
    Tell(Answer),
}

impl<S> WaitingRead<S> {
    pub(super) fn fail(self, error: ReadFailed) {
        match self {
            Self::Run { work, .. } => work.fail(error),
            Self::Tell(answer) => answer(Err(error)),
        }
    }
}

impl<S, T> Driver<S, T>
where
    S: StateMachine,
    T: Transport<Message = Message>,
{
    pub(super) fn read(&mut self, level: ReadLevel, work: Box<dyn ReadWork<S>>) {
        let asked_at = self.now;
        if level != ReadLevel::Lease {
            self.confirm(WaitingRead::Run { work, asked_at });
            return;
        }
        // The turn may have begun a while ago, and a lease is about now.
        match self.raft.lease_read(self.clock.now()) {
            Ok(permit) => self.serve(Read {
                level,
                after: permit.index,
                until: Some(permit.until),
                proof: self.proof_now(),
                work,
            }),
            Err(ReadError::NoLease) => {
                self.counters.lease_fallbacks += 1;
                self.confirm(WaitingRead::Run { work, asked_at });
            }
            Err(error) => work.fail(failed(error)),
        }
    }

    /// Asks a majority whether this node leads, and goes on with the read when it does.
    pub(super) fn confirm(&mut self, read: WaitingRead<S>) {
        match self.raft.read(self.now) {
            Ok(ticket) => {
                self.reads.insert(ticket, read);
            }
            Err(error) => read.fail(failed(error)),
        }
    }

    pub(super) fn read_ready(&mut self, ticket: ReadTicket, index: Index) {
        match self.reads.remove(&ticket) {
            None => {}
            Some(WaitingRead::Run { work, asked_at }) => {
                self.counters.reads_confirmed += 1;
                self.serve(Read {
                    level: ReadLevel::Linearizable,
                    after: index,
                    until: None,
                    proof: Some(Proof {
                        at: asked_at,
                        commit: index,
                    }),
                    work,
                });
            }
            Some(WaitingRead::Tell(answer)) => {
                self.counters.reads_confirmed += 1;
                answer(Ok(()));
            }
        }
    }

    pub(super) fn read_lost(&mut self, ticket: ReadTicket) {
        if let Some(read) = self.reads.remove(&ticket) {
            let leader = self.raft.leader();
            read.fail(ReadFailed::NotLeader { leader });
        }
    }

    fn serve(&mut self, read: Read<S>) {
        // Its place among the open reads is its place in the queue. A state machine that is gone
        // drops the read, whose caller hears that the node has stopped.
        let _ = self.apply.jobs.try_send(ApplyJob::Read(read));
    }
}

fn failed(error: ReadError) -> ReadFailed {
    match error {
        ReadError::NotLeader { leader } => ReadFailed::NotLeader { leader },
        _ => ReadFailed::Overloaded,
    }
}
