//! What every node runs: the core, a disk, and an application that keeps a list of commands.

use std::collections::BTreeMap;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use quorate_clocks::{Instant, NodeId};
use quorate_raft_core::{
    Cause, Config, Entries, Entry, Event, Fate, Index, Message, Payload, Persist, Position, Raft,
    ReadTicket, Role, Snapshot,
};
use quorate_sim::{Life, Process, World};
use quorate_transport::Wire;

use super::book::{Book, Seen};
use super::disk::Disk;

/// What is wrong with the driver or the application. The core is always the real one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Plant {
    Nothing,
    /// A restart forgets for whom the node voted.
    ForgetsVote,
    /// Whoever is asked for a vote gives it.
    GrantsEveryVote,
    /// A node falls back to what it was a while ago, without a restart.
    GoesBack,
    /// A client is told that its command is committed as soon as it is proposed.
    AcknowledgesEarly,
    /// The application sometimes leaves a command out.
    SkipsCommand,
    /// A read is served from whatever is applied when it is asked for.
    ReadsAtOnce,
    /// The network changes a command on its way.
    AltersCommand,
    /// A client whose leader lost its leadership is told that its command is lost for good.
    RefutesEarly,
    /// The application applies what its log holds before it is committed.
    AppliesUncommitted,
    /// A follower is told that it is current once it has what it may commit.
    CountsLaggardsAsCurrent,
}

/// What of a node's application a crash loses.
#[derive(Clone, Debug, Default)]
struct Application {
    applied: Position,
    commands: Vec<Bytes>,
    /// Proposals of clients of this node.
    open: BTreeMap<Position, Bytes>,
    /// Reads that the core has not answered: what had been acknowledged before they were asked.
    asked: BTreeMap<ReadTicket, Index>,
    /// Reads that wait for their index to be applied.
    ready: Vec<(Index, Index)>,
    /// What the machine was, for [`Plant::GoesBack`].
    kept: Option<Raft>,
}

#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) config: Config,
    pub(crate) plant: Plant,
    /// Applied entries between two snapshots of a node.
    pub(crate) snapshot_every: u64,
    /// Entries that stay in the log although a snapshot covers them.
    pub(crate) keep_entries: u64,
    pub(crate) book: Book,
    /// Elections for which a leader asked its successor.
    pub(crate) handed_over: u64,
    /// Reads that a member which does not lead was shown.
    pub(crate) forwarded: u64,
    applications: BTreeMap<NodeId, Application>,
}

impl Cluster {
    pub(crate) fn new(config: Config, plant: Plant) -> Self {
        Self {
            config,
            plant,
            snapshot_every: 20,
            keep_entries: 5,
            book: Book::default(),
            handed_over: 0,
            forwarded: 0,
            applications: BTreeMap::new(),
        }
    }

    /// How far a node's application is.
    pub(crate) fn applied(&self, id: NodeId) -> Index {
        self.applications
            .get(&id)
            .map_or(Index::ZERO, |application| application.applied.index)
    }

    fn apply(&mut self, id: NodeId, machine: &Raft, entries: Entries) {
        let application = self.applications.entry(id).or_default();
        for entry in entries {
            let skipped =
                self.plant == Plant::SkipsCommand && entry.position.index.0 % 31 == id.0 + 3;
            if skipped {
                continue;
            }
            application.applied = entry.position;
            if let Payload::Command(command) = &entry.payload {
                application.commands.push(command.clone());
            }
            let acknowledged = application.open.remove(&entry.position);
            if let Some(command) = acknowledged
                && self.plant != Plant::AcknowledgesEarly
            {
                let position = entry.position;
                self.book.note(Seen::Acknowledged { position, command });
            }
            self.book.note(Seen::Applied {
                node: id,
                known: machine.term(),
                entry,
            });
        }
    }

    /// A client has asked for a read.
    fn asked(&mut self, id: NodeId, ticket: ReadTicket, acknowledged: Index) {
        let application = self.applications.entry(id).or_default();
        if self.plant == Plant::ReadsAtOnce {
            application.ready.push((Index::ZERO, acknowledged));
            self.show(id);
        } else {
            application.asked.insert(ticket, acknowledged);
        }
    }

    /// Shows the state to the readers whose index is applied by now.
    fn show(&mut self, id: NodeId) {
        let application = self.applications.entry(id).or_default();
        let shown = application.applied.index;
        let book = &mut self.book;
        application.ready.retain(|(index, acknowledged)| {
            if *index <= shown {
                book.note(Seen::Read {
                    node: id,
                    level: "linearizable",
                    acknowledged: *acknowledged,
                    shown,
                });
            }
            *index > shown
        });
    }

    fn snapshot(&mut self, id: NodeId, machine: &mut Raft, disk: &mut Disk) {
        let application = self.applications.entry(id).or_default();
        let covered = disk
            .snapshot
            .as_ref()
            .map_or(Index::ZERO, |snapshot| snapshot.position.index);
        if application.applied.index.0 < covered.0 + self.snapshot_every {
            return;
        }
        let position = application.applied;
        let Some(membership) = machine.membership_at(position.index) else {
            return;
        };
        let snapshot = Snapshot {
            position,
            membership: membership.clone(),
            data: pack(&application.commands),
        };
        machine.compact(disk.compact(snapshot, self.keep_entries));
    }
}

impl Process for Cluster {
    type Machine = Raft;
    type Disk = Disk;

    fn start(&mut self, life: Life, disk: &Disk) -> Raft {
        let mut application = Application::default();
        if let Some(snapshot) = &disk.snapshot {
            application.applied = snapshot.position;
            application.commands = unpack(snapshot.data.clone());
        }
        self.book.note(Seen::Started {
            node: life.id,
            applied: application.applied.index,
        });
        self.applications.insert(life.id, application);
        let config = Config {
            id: life.id,
            ..self.config.clone()
        };
        let mut recovered = disk.recover((life.seed % 8) as usize);
        if self.plant == Plant::ForgetsVote {
            recovered.hard_state.vote = None;
        }
        Raft::new(config, recovered, life.seed, life.now).unwrap()
    }

    fn persist(&mut self, id: NodeId, disk: &mut Disk, write: &Persist) {
        disk.write(id, write, &mut self.book);
    }

    fn event(
        &mut self,
        id: NodeId,
        machine: &mut Raft,
        disk: &mut Disk,
        event: Event,
        now: Instant,
    ) {
        match event {
            Event::Committed { entries } => {
                self.apply(id, machine, entries);
                self.show(id);
                self.snapshot(id, machine, disk);
                if self.plant == Plant::GoesBack && machine.applied().0.is_multiple_of(40) {
                    let application = self.applications.entry(id).or_default();
                    if let Some(kept) = application.kept.replace(machine.clone()) {
                        *machine = kept;
                    }
                }
            }
            Event::Restore { snapshot } => {
                let commands = unpack(snapshot.data);
                let application = self.applications.entry(id).or_default();
                application.applied = snapshot.position;
                application.commands.clone_from(&commands);
                self.book.note(Seen::Restored {
                    node: id,
                    through: snapshot.position,
                    commands,
                });
                self.show(id);
            }
            Event::Load {
                from,
                to,
                max_bytes,
            } => {
                let mut bytes = 0;
                let entries = (from.0..=to.0)
                    .map_while(|index| disk.entry(Index(index)))
                    .take_while(|entry| {
                        let first = bytes == 0;
                        bytes += entry.payload.len() + 1;
                        first || bytes <= max_bytes
                    });
                machine.provide_entries(from, entries.cloned().collect(), now);
            }
            Event::SnapshotWanted { to } => {
                machine.provide_snapshot(to, disk.snapshot.clone(), now);
            }
            Event::ProposalLost { position, fate } => {
                let application = self.applications.entry(id).or_default();
                let command = application.open.remove(&position);
                if let (Some(command), Fate::Replaced) = (command, fate) {
                    self.book.note(Seen::Refuted { command });
                }
            }
            Event::ReadReady { ticket, index } => {
                self.forwarded += u64::from(machine.role() != Role::Leader);
                let application = self.applications.entry(id).or_default();
                if let Some(acknowledged) = application.asked.remove(&ticket) {
                    application.ready.push((index, acknowledged));
                }
                self.show(id);
            }
            Event::ReadLost { ticket } => {
                let application = self.applications.entry(id).or_default();
                application.asked.remove(&ticket);
            }
            Event::RoleChanged { role, cause, .. } => {
                self.handed_over += u64::from(matches!(cause, Cause::HandedOver { .. }));
                let application = self.applications.entry(id).or_default();
                if self.plant == Plant::RefutesEarly && role != Role::Leader {
                    for (_, command) in core::mem::take(&mut application.open) {
                        self.book.note(Seen::Refuted { command });
                    }
                }
                if self.plant == Plant::AppliesUncommitted && role == Role::Leader {
                    let from = application.applied.index.next().0;
                    let entries: Vec<Entry> = (from..=disk.last().index.0)
                        .map_while(|index| disk.entry(Index(index)).cloned())
                        .collect();
                    for entry in entries {
                        let known = machine.term();
                        self.book.note(Seen::Applied {
                            node: id,
                            known,
                            entry,
                        });
                    }
                }
            }
            // The network reaches everybody, and whoever still leads says so itself.
            Event::MembershipChanged { .. } | Event::TransferFailed { .. } => {}
            other => panic!("an event that this driver does not know: {other:?}"),
        }
    }

    /// Every message goes through its bytes.
    fn carry(&mut self, _: NodeId, to: NodeId, mut message: Message) -> Option<Message> {
        if self.plant == Plant::AltersCommand
            && let Message::Append(append) = &mut message
            && to.0 == 2
        {
            let mut entries = Vec::from(core::mem::take(&mut append.entries));
            for entry in &mut entries {
                if entry.position.index.0 % 7 == 3
                    && let Payload::Command(command) = &mut entry.payload
                {
                    *command = Bytes::from(vec![b'?'; command.len()]);
                }
            }
            append.entries = entries.into();
        }
        if self.plant == Plant::CountsLaggardsAsCurrent
            && let Message::Heartbeat(heartbeat) = &mut message
        {
            heartbeat.mark_commit = heartbeat.commit;
        }
        if self.plant == Plant::GrantsEveryVote
            && let Message::VoteReply(reply) | Message::PreVoteReply(reply) = &mut message
        {
            reply.granted = true;
            reply.term = reply.asked;
        }
        let mut body = BytesMut::new();
        message.encode(&mut body);
        assert_eq!(body.len(), message.encoded_len());
        let decoded = Message::decode(Message::VERSION, message.kind(), body.freeze());
        assert_eq!(decoded.as_ref(), Ok(&message));
        decoded.ok()
    }
}

/// What clients do.
pub(crate) trait Client {
    /// Proposes a command to a node. Says whether it was taken.
    fn propose(&mut self, id: NodeId, command: Bytes) -> bool;
    /// Asks a node for a read that sees all that was acknowledged.
    fn read(&mut self, id: NodeId);
    /// The same of a node that need not lead.
    fn read_anywhere(&mut self, id: NodeId);
    /// The same on the word of a lease.
    fn lease_read(&mut self, id: NodeId);
}

impl Client for World<Cluster> {
    fn propose(&mut self, id: NodeId, command: Bytes) -> bool {
        let proposed = self.call(id, |raft, now| raft.propose(command.clone(), now));
        let Some(Ok(position)) = proposed else {
            return false;
        };
        let cluster = self.process_mut();
        if cluster.plant == Plant::AcknowledgesEarly {
            let command = command.clone();
            cluster.book.note(Seen::Acknowledged { position, command });
        }
        let application = cluster.applications.entry(id).or_default();
        application.open.insert(position, command);
        true
    }

    fn read(&mut self, id: NodeId) {
        let acknowledged = self.process().book.acknowledged;
        let ticket = self.call(id, |raft, now| raft.read(now));
        if let Some(Ok(ticket)) = ticket {
            self.process_mut().asked(id, ticket, acknowledged);
        }
    }

    fn read_anywhere(&mut self, id: NodeId) {
        let acknowledged = self.process().book.acknowledged;
        let ticket = self.call(id, |raft, now| raft.read_anywhere(now));
        if let Some(Ok(ticket)) = ticket {
            self.process_mut().asked(id, ticket, acknowledged);
        }
    }

    fn lease_read(&mut self, id: NodeId) {
        let acknowledged = self.process().book.acknowledged;
        let permit = self.call(id, |raft, now| (raft.lease_read(now), now));
        let Some((Ok(permit), now)) = permit else {
            return;
        };
        let shown = self.process().applied(id);
        if shown >= permit.index && now < permit.until {
            self.process_mut().book.note(Seen::Read {
                node: id,
                level: "lease",
                acknowledged,
                shown,
            });
        }
    }
}

fn pack(commands: &[Bytes]) -> Bytes {
    let mut out = BytesMut::new();
    for command in commands {
        out.put_u32_le(command.len() as u32);
        out.put_slice(command);
    }
    out.freeze()
}

fn unpack(mut data: Bytes) -> Vec<Bytes> {
    let mut commands = Vec::new();
    while !data.is_empty() {
        let len = data.get_u32_le() as usize;
        commands.push(data.split_to(len));
    }
    commands
}
