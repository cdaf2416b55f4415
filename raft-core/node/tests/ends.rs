//! How nodes end, and that nobody is left waiting.

// Readers on threads of their own race the end.
#![allow(clippy::disallowed_methods)]

mod common;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use common::{Cluster, Ledger, soon};
use quorate_clocks::NodeId;
use quorate_raft_core::{Config, Index, Message};
use quorate_raft_log::{Log, LogOptions};
use quorate_raft_node::{
    Fault, Node, NodeOptions, NodeStatus, ProposeFailed, ReadFailed, ReadLevel, RestoreError,
    StartError, StateMachine, Stopped,
};
use quorate_transport::{Memory, Received, Refused, Transmit, Transport};
use tokio::task::JoinSet;

/// A leader without a majority, with proposals that can not end by themselves.
async fn stranded() -> (Cluster, usize, JoinSet<Result<usize, ProposeFailed>>) {
    let cluster = Cluster::start_with(3, |options| options.max_open_proposals = 3);
    loop {
        cluster.propose("x").await;
        let leader = cluster.leader().await;
        cluster.cut(leader, true);
        let mut proposals = JoinSet::new();
        for count in 0..3 {
            let propose = cluster.node(leader).propose(format!("{count}").into());
            proposals.spawn(async move { propose.await.map(|applied| applied.response) });
        }
        // All of them are taken, or it had lost its office just before.
        let taken = cluster.wait_status(leader, "proposals", |status| {
            status.open_proposals == 3 || status.counters.proposals_refused > 0
        });
        if taken.await.open_proposals == 3 {
            return (cluster, leader, proposals);
        }
        cluster.cut(leader, false);
    }
}

#[tokio::test]
async fn what_is_open_ends_as_unknown_when_the_last_handle_is_dropped() {
    let (mut cluster, leader, proposals) = stranded().await;
    let node = cluster.nodes[leader].take().unwrap();
    let applied = node.wait_applied(Index(1_000_000));
    let mut status = node.subscribe();
    drop(node);
    let answers = soon("answers", proposals.join_all()).await;
    assert_eq!(answers, [const { Err(ProposeFailed::Unknown) }; 3]);
    assert_eq!(soon("the end", applied).await, Err(Stopped));
    let stopped = soon("the end", status.wait_for(|status| status.stopped)).await;
    assert!(stopped.is_ok());
}

#[tokio::test]
async fn what_is_open_ends_as_unknown_at_a_shutdown_and_nothing_is_taken_after_it() {
    let (cluster, leader, proposals) = stranded().await;
    let node = cluster.node(leader).clone();
    soon("a shutdown", node.shutdown()).await.unwrap();
    let answers = soon("answers", proposals.join_all()).await;
    assert_eq!(answers, [const { Err(ProposeFailed::Unknown) }; 3]);
    assert_eq!(
        soon("a refusal", node.propose("x".into())).await,
        Err(ProposeFailed::Stopped)
    );
    for level in [ReadLevel::Local, ReadLevel::Lease, ReadLevel::Linearizable] {
        let read = soon("a refusal", node.read(level, |_, _| ())).await;
        assert_eq!(read, Err(ReadFailed::Stopped));
    }
    assert!(soon("no fault", node.failed()).await.is_none());
    assert!(soon("a second shutdown", node.shutdown()).await.is_ok());
    assert!(node.status().stopped);
    assert_eq!(soon("a refusal", node.leader()).await, Err(Stopped));
}

#[tokio::test]
async fn more_open_proposals_than_allowed_are_refused() {
    let (cluster, leader, _proposals) = stranded().await;
    let answer = soon("a refusal", cluster.node(leader).propose("x".into())).await;
    // It may have noticed by now that it is alone.
    assert!(matches!(
        answer,
        Err(ProposeFailed::Overloaded | ProposeFailed::NotLeader { .. })
    ));
}

#[tokio::test]
async fn what_a_new_leader_replaced_is_lost() {
    let (cluster, old, proposals) = stranded().await;
    // A proposal is known to be lost once something else is committed in its place.
    for command in common::commands(3) {
        cluster.propose(command).await;
    }
    cluster.cut(old, false);
    let answers = soon("answers", proposals.join_all()).await;
    assert_eq!(answers, [const { Err(ProposeFailed::Lost) }; 3]);
}

#[tokio::test]
async fn a_disk_that_fails_ends_the_node_and_everybody_hears_of_it() {
    let cluster = Cluster::start_with(1, |options| options.snapshot_every = 1);
    cluster.propose("x").await;
    let node = cluster.node(0).clone();
    // Files that are open can still be written, but no snapshot can be saved.
    // One that is being saved meanwhile may put a file into the directory.
    while cluster.log_dir(0).exists() {
        let _ = std::fs::remove_dir_all(cluster.log_dir(0));
        tokio::task::yield_now().await;
    }
    let mut proposals = JoinSet::new();
    for count in 0..100 {
        let propose = node.propose(format!("{count}").into());
        proposals.spawn(async move { propose.await.map(|applied| applied.response) });
    }
    let fault = soon("a fault", node.failed()).await.unwrap();
    assert!(matches!(fault, Fault::Write { .. }), "{fault}");
    for answer in soon("answers", proposals.join_all()).await {
        assert!(
            matches!(
                answer,
                Ok(_) | Err(ProposeFailed::Unknown | ProposeFailed::Stopped)
            ),
            "{answer:?}"
        );
    }
    assert!(soon("a fault", node.shutdown()).await.is_err());
    assert_eq!(
        soon("a refusal", node.propose("x".into())).await,
        Err(ProposeFailed::Stopped)
    );
}

#[tokio::test]
async fn a_state_machine_that_panics_ends_the_node() {
    let cluster = Cluster::start(1);
    cluster.propose("x").await;
    let node = cluster.node(0);
    let answer = soon("an answer", node.propose("panic".into())).await;
    assert_eq!(answer, Err(ProposeFailed::Unknown));
    let fault = soon("a fault", node.failed()).await.unwrap();
    let Fault::Panicked { thread, message } = fault else {
        panic!("{fault}");
    };
    assert_eq!(thread, "apply");
    assert!(message.contains("as it was asked to"), "{message}");
}

#[test]
fn what_is_open_ends_when_the_runtime_does() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (_, node, proposals) = runtime.block_on(async {
        let (cluster, leader, proposals) = stranded().await;
        let node = cluster.node(leader).clone();
        (cluster, node, proposals)
    });
    drop(proposals);
    let late = node.propose("x".into());
    runtime.shutdown_timeout(Duration::from_secs(10));
    let other = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    other.block_on(async {
        let fault = soon("the end", node.failed()).await;
        assert!(matches!(fault, Some(Fault::Abandoned)));
        assert_eq!(soon("an end", late).await, Err(ProposeFailed::Stopped));
        let read = soon("an end", node.read(ReadLevel::Local, |_, _| ())).await;
        assert_eq!(read, Err(ReadFailed::Stopped));
        let applied = soon("an end", node.wait_applied(Index(1_000_000))).await;
        assert_eq!(applied, Err(Stopped));
    });
}

/// A state machine that takes no snapshot for its own.
struct Picky;

impl StateMachine for Picky {
    type Response = ();

    fn apply(&mut self, _: Index, _: &Bytes) {}

    fn snapshot(&self) -> Bytes {
        Bytes::new()
    }

    fn restore(&mut self, _: &Bytes) -> Result<(), RestoreError> {
        Err(RestoreError::new("not mine"))
    }
}

fn start<S: StateMachine>(
    dir: &std::path::Path,
    voters: &[NodeId],
    state: S,
) -> Result<Node<S>, StartError> {
    let (log, opened) = Log::open(dir, LogOptions::default()).unwrap();
    let transport = Memory::<Message>::mesh([NodeId(0)], 1).pop().unwrap();
    let options = NodeOptions::new(Config::new(NodeId(0), voters.iter().copied()));
    Node::start(options, log, opened, transport, state)
}

#[tokio::test]
async fn a_node_does_not_start_on_what_it_can_not_run() {
    let mut cluster = Cluster::start_with(1, |options| options.snapshot_every = 1);
    let applied = cluster.propose("x").await;
    let saved = cluster.wait_status(0, "a snapshot", |status| {
        status.counters.snapshots_saved > 0
    });
    saved.await;
    cluster.stop_node(0).await;
    let dir = cluster.log_dir(0);
    assert!(matches!(
        start(&dir, &[NodeId(0)], Picky),
        Err(StartError::Restore { .. })
    ));
    // Refusing leaves the log as it was, and free.
    let (log, opened) = Log::open(&dir, LogOptions::default()).unwrap();
    let mut options = NodeOptions::new(Config::new(NodeId(0), [NodeId(0)]));
    options.raft.heartbeat_interval = Duration::ZERO;
    let transport = Memory::mesh([NodeId(0)], 1).pop().unwrap();
    let started = Node::start(options, log, opened, transport, Ledger::default());
    assert!(matches!(started, Err(StartError::Raft(_))));
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(
        start(empty.path(), &[NodeId(7)], Ledger::default()),
        Err(StartError::Raft(_))
    ));
    let small = LogOptions {
        max_record_bytes: 1 << 20,
        ..LogOptions::default()
    };
    let (log, opened) = Log::open(&dir, small).unwrap();
    let options = NodeOptions::new(Config::new(NodeId(0), [NodeId(0)]));
    let transport = Memory::mesh([NodeId(0)], 1).pop().unwrap();
    let started = Node::start(options, log, opened, transport, Ledger::default());
    assert!(matches!(
        started,
        Err(StartError::RecordLimit {
            limit_bytes: 0x10_0000,
            ..
        })
    ));
    let node = start(&dir, &[NodeId(0)], Ledger::default()).unwrap();
    let again = node.wait_applied(applied.position.index);
    soon("what the log holds", again).await.unwrap();
    let read = node.read(ReadLevel::Local, |ledger, _| ledger.0.len());
    assert_eq!(soon("a read", read).await, Ok(1));
}

#[test]
fn outside_of_a_runtime_is_said_and_not_panicked() {
    let dir = tempfile::tempdir().unwrap();
    let started = start(dir.path(), &[NodeId(0)], Ledger::default());
    assert!(matches!(started, Err(StartError::NoRuntime)));
}

/// Its caller waits for something else, and polls it no more.
#[tokio::test]
async fn a_proposal_that_nobody_polls_does_not_keep_a_shutdown_from_ending() {
    let cluster = Cluster::start(1);
    cluster.leader().await;
    let node = cluster.node(0);
    // As many as find a place, and one that waits for the next.
    let propose = || Box::pin(node.propose(Bytes::from("x")));
    let mut placed: Vec<_> = (0..1_024).map(|_| propose()).collect();
    let mut waiting = pin!(node.propose(Bytes::from("y")));
    poll_fn(|cx| {
        for proposal in &mut placed {
            assert!(proposal.as_mut().poll(cx).is_pending());
        }
        assert!(waiting.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    soon("a shutdown", node.shutdown()).await.unwrap();
    for proposal in placed {
        soon("an answer", proposal).await.ok();
    }
    let refused = soon("a refusal", waiting).await;
    assert_eq!(
        refused.map(|applied| applied.response),
        Err(ProposeFailed::Stopped)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn local_reads_that_race_the_end_are_answered() {
    for _ in 0..400 {
        let mut cluster = Cluster::start(1);
        let node = cluster.nodes[0].take().unwrap();
        let (begun, reading) = mpsc::channel();
        let readers = [(); 3].map(|()| {
            let (node, begun) = (node.clone(), begun.clone());
            std::thread::spawn(move || {
                let mut context = Context::from_waker(Waker::noop());
                let mut waiting = Vec::new();
                let mut refused = 0;
                while refused < 10 {
                    let mut read = Box::pin(node.read(ReadLevel::Local, |_, _| ()));
                    match read.as_mut().poll(&mut context) {
                        Poll::Pending => waiting.push(read),
                        Poll::Ready(Err(ReadFailed::Stopped)) => refused += 1,
                        Poll::Ready(_) => {}
                    }
                    waiting.retain_mut(|read| read.as_mut().poll(&mut context).is_pending());
                    let _ = begun.send(());
                }
                waiting
            })
        });
        for _ in 0..500 {
            reading.recv().unwrap();
        }
        soon("a shutdown", node.shutdown()).await.unwrap();
        for reader in readers {
            for read in reader.join().unwrap() {
                soon("an answer", read).await.ok();
            }
        }
    }
}

/// What was committed waits for a busy state machine, and a new leader's snapshot overtakes it.
#[tokio::test]
async fn what_a_snapshot_overtakes_ends_as_unknown() {
    let cluster = Cluster::start_with(3, |options| {
        options.snapshot_every = 10;
        options.keep_entries = 0;
    });
    cluster.propose("x").await;
    let (old, release, mut proposals) = loop {
        let old = cluster.leader().await;
        let (release, released) = mpsc::channel::<()>();
        let busy = cluster.node(old).read(ReadLevel::Local, move |_, _| {
            let _ = released.recv();
        });
        tokio::spawn(busy);
        let mut proposals = JoinSet::new();
        let before = cluster.node(old).status().raft.commit;
        // Each in a batch of its own, and more than may wait for the state machine.
        for count in 0..40 {
            let propose = cluster.node(old).propose(format!("{count}").into());
            proposals.spawn(async move { propose.await.map(|applied| applied.response) });
            let proposed = |status: &NodeStatus| {
                status.raft.commit.0 > before.0 + count || status.counters.proposals_refused > 0
            };
            cluster.wait_status(old, "a commit", proposed).await;
        }
        if cluster.node(old).status().counters.proposals_refused == 0 {
            break (old, release, proposals);
        }
    };
    cluster.cut(old, true);
    let mut last = Index::ZERO;
    for command in common::commands(30) {
        last = cluster.propose(command).await.position.index;
    }
    cluster.cut(old, false);
    cluster
        .wait_status(old, "a snapshot", |status| status.raft.last.index >= last)
        .await;
    drop(release);
    let mut unknown = 0;
    while let Some(answer) = soon("an answer", proposals.join_next()).await {
        match answer.unwrap() {
            Ok(_) => {}
            Err(ProposeFailed::Unknown) => unknown += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(unknown > 0, "the snapshot overtook nothing");
}

/// Takes a while to give its port free.
struct Slow {
    left: u32,
    closed: Arc<AtomicBool>,
}

impl Transport for Slow {
    type Message = Message;

    fn send(&mut self, _: Transmit<Message>) -> Result<(), Refused<Message>> {
        Ok(())
    }

    fn poll_recv(&mut self, _: &mut Context<'_>) -> Poll<Received<Message>> {
        Poll::Pending
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.left > 0 {
            self.left -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.closed.store(true, Ordering::Relaxed);
        Poll::Ready(())
    }
}

#[tokio::test]
async fn a_shutdown_ends_when_the_transport_has() {
    let dir = tempfile::tempdir().unwrap();
    let (log, opened) = Log::open(dir.path(), LogOptions::default()).unwrap();
    let closed = Arc::new(AtomicBool::new(false));
    let transport = Slow {
        left: 100,
        closed: Arc::clone(&closed),
    };
    let options = NodeOptions::new(Config::new(NodeId(1), [NodeId(1)]));
    let node = Node::start(options, log, opened, transport, Ledger::default()).unwrap();
    soon("a shutdown", node.shutdown()).await.unwrap();
    assert!(closed.load(Ordering::Relaxed));
}
