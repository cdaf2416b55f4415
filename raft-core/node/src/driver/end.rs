//! How a node ends: everybody is answered, what was decided is kept, and all is given free.

use std::future::poll_fn;
use std::task::Poll;

use quorate_raft_core::Message;
use quorate_transport::Transport;

use super::Driver;
use crate::apply::ApplyJob;
use crate::command::Command;
use crate::disk::DiskJob;
use crate::{NodeStatus, ProposeFailed, ReadFailed, StateMachine};

impl<S, T> Driver<S, T>
where
    S: StateMachine,
    T: Transport<Message = Message>,
{
    pub(super) async fn finish(mut self) {
        self.refuse_commands().await;
        self.settle().await;
        self.stop_threads().await;
        // What is open now was proposed, and this node will never know more.
        for reply in std::mem::take(&mut self.open).into_values() {
            let _ = reply.send(Err(ProposeFailed::Unknown));
        }
        for read in std::mem::take(&mut self.reads).into_values() {
            read.fail(ReadFailed::Stopped);
        }
        self.now = self.clock.now();
        let status = NodeStatus {
            stopped: true,
            ..self.status_now()
        };
        let id = status.raft.id.0;
        let Self {
            mut transport,
            fault,
            end,
            status: published,
            ..
        } = self;
        // Whoever waits for the end may start the node again: first everything is free.
        poll_fn(|cx| transport.poll_close(cx)).await;
        drop(transport);
        published.send_replace(status);
        match fault {
            None => {
                tracing::info!(id, "the node has stopped as asked");
                end.send_replace(Some(Ok(())));
            }
            Some(fault) => {
                tracing::warn!(id, error = %fault, "the node has stopped by a fault");
                end.send_replace(Some(Err(fault)));
            }
        }
    }

    /// Nothing that was not begun is begun any more.
    async fn refuse_commands(&mut self) {
        // Nobody gets a place any more, and who has one has used it.
        self.places.close();
        self.commands.close();
        while let Some((command, _place)) = self.commands.recv().await {
            match command {
                Command::Propose { reply, .. } => {
                    let _ = reply.send(Err(ProposeFailed::Stopped));
                }
                Command::Read { work, .. } => work.fail(ReadFailed::Stopped),
                Command::Status { reply } => {
                    let _ = reply.send(self.status_now());
                }
                Command::Shutdown => {}
            }
        }
    }

    /// Makes durable what was taken, tells the peers, and applies what that commits.
    async fn settle(&mut self) {
        while self.fault.is_none() {
            self.drain();
            let busy = self.disk.writes + self.disk.others + self.apply.batches;
            if busy == 0 && self.apply.held.is_none() {
                return;
            }
            poll_fn(|cx| {
                if self.poll_reports(cx) {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
            self.now = self.clock.now();
            self.take_reports();
        }
    }

    /// Ends both threads after what they have been given, and waits for them.
    async fn stop_threads(&mut self) {
        // A closed channel means that the thread has ended.
        let _ = self.disk.jobs.send(DiskJob::Stop).await;
        let _ = self.apply.jobs.send(ApplyJob::Stop).await;
        while let Some(report) = self.disk.reports.recv().await {
            self.disk_reports.push(report);
        }
        while let Some(report) = self.apply.reports.recv().await {
            self.apply_reports.push(report);
        }
        // Their reports have ended, so they have too, but for a last breath.
        if let Some(thread) = self.disk.thread.take() {
            self.thread_ended("disk", thread.join());
        }
        if let Some(thread) = self.apply.handle.take() {
            self.thread_ended("apply", thread.join());
        }
        self.take_reports();
    }
}
