//! What good nodes do to each other: exchange, refuse what does not fit, come back.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]
// why: tests of sockets have sockets.

mod common;

use std::time::Duration;

use common::*;
use quorate_clocks::{Incarnation, NodeId};
use quorate_tcp::{BindError, TcpOptions, TcpTransport};
use quorate_transport::{Lane, Refused, Transport};

#[tokio::test]
async fn everyone_reaches_everyone_in_every_lane() {
    let (_ports, mut nodes) = cluster(3).await;
    for one in 0..3 {
        for other in one + 1..3 {
            let (left, right) = nodes.split_at_mut(other);
            let ids = (one as u64 + 1, other as u64 + 1);
            exchange((ids.0, &mut left[one]), (ids.1, &mut right[0])).await;
        }
    }
    for node in &nodes {
        let stats = node.stats();
        // A frame is counted after its write, when its receiver may have it already.
        eventually("all are counted", || stats.counts().frames_sent == 6).await;
        let counts = stats.counts();
        assert_eq!(counts.frames_received, 6);
        assert_eq!((counts.connections_opened, counts.frames_bad), (4, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_keeps_its_order_and_loses_nothing_while_the_connection_lives() {
    const NOTES: u64 = 5_000;
    let (_ports, mut nodes) = cluster(2).await;
    let mut two = nodes.pop().unwrap();
    let mut one = nodes.pop().unwrap();
    let sender = tokio::spawn(async move {
        for number in 0..NOTES {
            send(
                &mut one,
                filled(2, Lane::Log, number, number as usize % 700),
            )
            .await;
        }
        one
    });
    for number in 0..NOTES {
        let note = receive(&mut two).await.message;
        assert_eq!(
            (note.number, note.filling.len() as u64),
            (number, number % 700)
        );
    }
    let stats = sender.await.unwrap().stats();
    eventually("all are counted", || stats.counts().frames_sent == NOTES).await;
    let counts = stats.counts();
    assert!(counts.writes < NOTES, "not batched at all: {counts:?}");
}

#[tokio::test]
async fn messages_of_many_sizes_arrive_whole() {
    let (_ports, mut nodes) = cluster(2).await;
    for (number, bytes) in [0, 1, 4_095, 65_536, 1 << 20, 5 << 20]
        .into_iter()
        .enumerate()
    {
        for lane in [Lane::Log, Lane::Bulk] {
            let sent = filled(2, lane, number as u64, bytes);
            send(&mut nodes[0], sent.clone()).await;
            assert!(
                receive(&mut nodes[1]).await.message == sent.message,
                "{bytes} bytes"
            );
        }
    }
}

/// The receiver takes nothing, so that everything on the way is full. What was taken still arrives
/// once it does, and an urgent note comes before the log notes that were queued before it.
#[tokio::test]
async fn a_full_queue_refuses_and_urgent_overtakes_it() {
    let mut ports = Ports::new(2);
    let mut options = ports.options(1);
    options.queue_frames = 8;
    options.write_timeout = 2 * PATIENCE;
    let mut one = bind(options).await;
    let mut options = ports.options(2);
    options.receive_frames = 1;
    let mut two = bind(options).await;
    connected(&one, &[2]).await;

    // The writer goes on as long as the kernel takes bytes: full for a while is full for good.
    let (mut taken, mut refused_in_a_row) = (0, 0);
    loop {
        match one.send(filled(2, Lane::Log, taken, 256 << 10)) {
            Ok(()) => (taken, refused_in_a_row) = (taken + 1, 0),
            Err(refused) => {
                assert!(matches!(refused, Refused::Full(_)), "{refused}");
                assert_eq!(refused.to_string(), "the log queue to n2 is full");
                refused_in_a_row += 1;
            }
        }
        if refused_in_a_row == 100 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    assert!(one.stats().counts().frames_refused >= 100);
    // The lanes are apart: another lane has room.
    one.send(note(2, Lane::Urgent, u64::MAX)).unwrap();
    one.send(note(2, Lane::Bulk, u64::MAX - 1)).unwrap();

    let (mut log, mut urgent_after) = (0, None);
    let mut bulk = 0;
    for _ in 0..taken + 2 {
        match receive(&mut two).await.message.number {
            u64::MAX => urgent_after = Some(log),
            number if number == u64::MAX - 1 => bulk += 1,
            number => {
                assert_eq!(number, log);
                log += 1;
            }
        }
    }
    assert_eq!((log, bulk), (taken, 1));
    let overtaken = taken - urgent_after.unwrap();
    assert!(overtaken >= 8, "overtook {overtaken} of {taken}");
}

/// A receiver that is slow holds so many bytes of each peer, and not the number of messages times
/// the largest of them.
#[tokio::test]
async fn a_peer_that_floods_is_held_back_by_bytes_and_holds_back_nobody_else() {
    const NOTES: u64 = 200;
    const FILLING: usize = 64 << 10;
    const FIT: u64 = 4;
    let mut ports = Ports::new(3);
    let mut options = ports.options(1);
    options.write_timeout = 2 * PATIENCE;
    let mut flood = bind(options).await;
    let mut options = ports.options(2);
    options.receive_bytes = FIT as usize * (FILLING + 100);
    let mut slow = bind(options).await;
    let mut calm = ports.node(3).await;
    connected(&flood, &[2, 3]).await;
    connected(&calm, &[1, 2]).await;

    for number in 0..NOTES {
        let flooding = filled(2, Lane::Log, number, FILLING);
        flood.send(flooding).unwrap();
    }
    let stats = slow.stats();
    let arrived = || stats.counts().frames_received;
    eventually("as many as fit wait", || arrived() >= FIT).await;
    // Another lane of that peer and another peer get through, and nothing more of the flood does.
    send(&mut flood, note(2, Lane::Bulk, NOTES)).await;
    send(&mut calm, note(2, Lane::Log, NOTES + 1)).await;
    eventually("the others arrive", || arrived() >= FIT + 2).await;
    assert_eq!(arrived(), FIT + 2);

    let (mut next, mut others) = (0, Vec::new());
    for taken in 1..=NOTES + 2 {
        let received = receive(&mut slow).await;
        let others_left = 2 - others.len() as u64;
        match received.message.number {
            number if number < NOTES => {
                assert_eq!(number, next);
                next += 1;
            }
            number => others.push(number),
        }
        let waiting = arrived() - taken;
        assert!(waiting <= FIT + others_left, "{waiting} wait");
    }
    others.sort_unstable();
    assert_eq!(others, [NOTES, NOTES + 1]);
}

#[tokio::test]
async fn a_message_of_more_bytes_than_may_wait_arrives_alone() {
    let mut ports = Ports::new(2);
    let mut options = ports.options(1);
    options.write_timeout = 2 * PATIENCE;
    let mut one = bind(options).await;
    let mut options = ports.options(2);
    options.receive_bytes = 1;
    let mut two = bind(options).await;
    connected(&one, &[2]).await;
    for number in 0..4 {
        one.send(filled(2, Lane::Log, number, 100_000)).unwrap();
    }
    let stats = two.stats();
    for number in 0..4 {
        assert_eq!(receive(&mut two).await.message.number, number);
        let arrived = stats.counts().frames_received;
        assert!(arrived <= number + 2, "{arrived} arrived");
    }
}

/// A peer that talks a lot does not keep the bulk lane from being received.
#[tokio::test]
async fn bulk_gets_its_turn() {
    let (_ports, mut nodes) = cluster(2).await;
    for number in 0..200 {
        nodes[0].send(note(2, Lane::Urgent, number)).unwrap();
    }
    nodes[0].send(note(2, Lane::Bulk, u64::MAX)).unwrap();
    let stats = nodes[1].stats();
    eventually("all arrived", || stats.counts().frames_received == 201).await;
    let mut before = 0;
    while receive(&mut nodes[1]).await.message.number != u64::MAX {
        before += 1;
    }
    assert!(
        (1..100).contains(&before),
        "{before} urgent ones came first"
    );
}

#[tokio::test]
async fn what_cannot_be_sent_comes_back_with_the_reason() {
    let mut ports = Ports::new(3);
    let mut options = ports.options(1);
    options.max_frame_bytes = 1_000;
    let mut one = bind(options).await;
    let mut two = ports.node(2).await;
    connected(&one, &[2]).await;

    let larger = filled(2, Lane::Log, 1, 993);
    assert_eq!(one.send(larger.clone()), Err(Refused::TooLarge(larger)));
    send(&mut one, filled(2, Lane::Log, 2, 992)).await;
    assert_eq!(receive(&mut two).await.message.number, 2);

    for stranger in [0, 1, 4] {
        let stranger = note(stranger, Lane::Urgent, 0);
        assert_eq!(
            one.send(stranger.clone()),
            Err(Refused::UnknownPeer(stranger))
        );
    }
    // The port of node 3 is open, and nobody answers a hello there.
    for lane in Lane::ALL {
        let absent = note(3, lane, 0);
        assert_eq!(one.send(absent.clone()), Err(Refused::Unreachable(absent)));
    }
    assert_eq!(one.stats().counts().frames_refused, 7);
}

#[tokio::test]
async fn a_restarted_peer_is_found_again_and_old_messages_are_not() {
    let (mut ports, mut nodes) = cluster(3).await;
    let mut three = nodes.pop().unwrap();
    let two = nodes.pop().unwrap();
    let mut one = nodes.pop().unwrap();

    let mut refused = 0;
    two.close().await;
    connected(&one, &[3]).await;
    for number in 0..100 {
        refused += u32::from(one.send(note(2, Lane::Log, number)).is_err());
    }
    assert_eq!(refused, 100, "nothing piles up for who is away");
    exchange((1, &mut one), (3, &mut three)).await;

    let mut options = ports.options(2);
    options.incarnation = Incarnation(1);
    let mut two = bind(options).await;
    connected(&one, &[2, 3]).await;
    connected(&two, &[1, 3]).await;
    exchange((1, &mut one), (2, &mut two)).await;
    exchange((2, &mut two), (3, &mut three)).await;
}

/// A peer that comes back dials at once, which tells those who wait out a long backoff.
#[tokio::test]
async fn a_peer_that_dials_is_dialed_without_waiting() {
    let mut ports = Ports::new(2);
    drop(ports.listener(2));
    let mut options = ports.options(1);
    options.redial_base = 100 * PATIENCE;
    options.redial_cap = 100 * PATIENCE;
    let mut one = bind(options).await;
    let stats = one.stats();
    eventually("both groups wait", || {
        stats.counts().connections_failed == 2
    })
    .await;
    let mut two = ports.node(2).await;
    connected(&one, &[2]).await;
    exchange((1, &mut one), (2, &mut two)).await;
}

#[tokio::test]
async fn close_writes_what_is_queued() {
    let (_ports, mut nodes) = cluster(2).await;
    let mut two = nodes.pop().unwrap();
    let mut one = nodes.pop().unwrap();
    for number in 0..500 {
        one.send(note(2, Lane::Log, number)).unwrap();
    }
    one.close().await;
    for number in 0..500 {
        assert_eq!(receive(&mut two).await.message.number, number);
    }
    connected(&two, &[]).await;
}

#[tokio::test]
async fn a_port_in_use_is_named_with_the_cause() {
    let mut ports = Ports::new(1);
    let one = ports.node(1).await;
    let address = one.local_addr();
    let mut options = ports.options(1);
    options.peers.clear();
    let error = TcpTransport::<Note>::bind(options).await.unwrap_err();
    assert!(matches!(error, BindError::Listen { .. }));
    let error = error.to_string();
    assert!(
        error.starts_with(&format!("cannot listen on {address}: ")),
        "{error}"
    );
    assert!(error.to_lowercase().contains("in use"), "{error}");

    // The port is free again as soon as the node is closed.
    one.close().await;
    ports.node(1).await.close().await;
}

#[tokio::test]
async fn options_that_cannot_work_are_refused_by_name() {
    let mut ports = Ports::new(1);
    let mut refused = async |change: &dyn Fn(&mut TcpOptions)| {
        let mut options = ports.options(1);
        change(&mut options);
        TcpTransport::<Note>::bind(options)
            .await
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        refused(&|options| options.queue_frames = 0).await,
        "queue_frames is 0, it must be between 1 and 16777216"
    );
    assert_eq!(
        refused(&|options| options.receive_bytes = 0).await,
        "receive_bytes is 0, it must be between 1 and 4294967295"
    );
    assert_eq!(
        refused(&|options| options.max_frame_bytes = 2 << 30).await,
        "max_frame_bytes is 2147483648, it must be between 1 and 1073741824"
    );
    for address in ["here", "host:", "host:0", "host:65536", "host:http"] {
        let change = |options: &mut TcpOptions| {
            options.peers.insert(NodeId(4), address.to_owned());
        };
        assert_eq!(
            refused(&change).await,
            format!(
                "the address of n4 is \"{address}\", it must be host:port with a port from 1 to 65535"
            )
        );
    }
}
