//! What a port meets in the wild. Each test has good nodes beside it, which must not notice.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]
// why: tests of sockets have sockets.

mod common;

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use common::*;
use quorate_clocks::{Incarnation, NodeId};
use quorate_transport::{Frame, Hello, Lane, LaneGroup, Refused, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn a_node_of_another_cluster_is_turned_away_by_both_sides() {
    let mut ports = Ports::new(3);
    let mut one = ports.node(1).await;
    let mut two = ports.node(2).await;
    let mut options = ports.options(3);
    options.cluster = CLUSTER + 1;
    let three = bind(options).await;

    connected(&one, &[2]).await;
    connected(&two, &[1]).await;
    let stats = three.stats();
    eventually("it was turned away", || {
        stats.counts().connections_refused > 4
    })
    .await;
    exchange((1, &mut one), (2, &mut two)).await;
    assert!(three.connected().is_empty());
    let counts = stats.counts();
    assert_eq!(
        (counts.connections_opened, counts.connections_accepted),
        (0, 0)
    );
}

#[tokio::test]
async fn a_node_at_the_address_of_another_is_not_taken_for_it() {
    let mut ports = Ports::new(3);
    let mut options = ports.options(1);
    // Node 3 answers at what node 1 thinks is the address of node 2.
    let wrong = ports.table[&NodeId(3)].clone();
    options.peers.insert(NodeId(2), wrong);
    let mut one = bind(options).await;
    let mut two = ports.node(2).await;
    let mut three = ports.node(3).await;

    connected(&one, &[3]).await;
    connected(&two, &[1, 3]).await;
    let stats = three.stats();
    eventually("it was turned away", || {
        stats.counts().connections_refused > 0
    })
    .await;
    let meant_for_two = note(2, Lane::Log, 1);
    assert_eq!(
        one.send(meant_for_two.clone()),
        Err(Refused::Unreachable(meant_for_two))
    );
    exchange((2, &mut two), (3, &mut three)).await;
    exchange((1, &mut one), (3, &mut three)).await;
}

#[tokio::test]
async fn the_dialed_side_names_itself_even_when_it_refuses() {
    let mut ports = Ports::new(2);
    let one = ports.node(1).await;
    let wrong_node = hello(2, 5, 0);
    let (mut stream, answer) = knock(one.local_addr(), &wrong_node).await;
    assert_eq!(answer.unwrap().node, NodeId(1));
    closed(&mut stream).await;

    let newer = Hello {
        versions: 2..=9,
        ..hello(2, 1, 0)
    };
    let (mut stream, answer) = knock(one.local_addr(), &newer).await;
    assert_eq!(answer.unwrap().versions, 1..=1);
    closed(&mut stream).await;

    // It is not in the list: nothing that it could correct, and it must not think that it is in.
    let (mut stream, answer) = knock(one.local_addr(), &hello(9, 1, 0)).await;
    assert_eq!(answer, None);
    closed(&mut stream).await;
}

#[tokio::test]
async fn garbage_is_turned_away_before_the_timeout() {
    let mut ports = Ports::new(2);
    let mut options = ports.options(1);
    options.handshake_timeout = 10 * PATIENCE;
    let mut one = bind(options).await;
    let mut two = ports.node(2).await;
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 8], &[0xFF; 4_096]] {
        let mut stranger = TcpStream::connect(one.local_addr()).await.unwrap();
        stranger.write_all(garbage).await.unwrap();
        closed(&mut stranger).await;
    }
    connected(&one, &[2]).await;
    connected(&two, &[1]).await;
    exchange((1, &mut one), (2, &mut two)).await;
    assert_eq!(one.stats().counts().connections_refused, 3);
}

#[tokio::test]
async fn the_silent_and_the_slow_are_closed_at_the_handshake_timeout() {
    let mut ports = Ports::new(2);
    let mut options = ports.options(1);
    options.handshake_timeout = Duration::from_millis(300);
    let mut one = bind(options).await;
    let mut two = ports.node(2).await;

    let start = Instant::now();
    let mut silent = TcpStream::connect(one.local_addr()).await.unwrap();
    let (mut slow_reader, mut slow_writer) = TcpStream::connect(one.local_addr())
        .await
        .unwrap()
        .into_split();
    let slow = tokio::spawn(async move {
        for byte in hello(2, 1, 0).encode() {
            if slow_writer.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        slow_writer
    });
    closed(&mut silent).await;
    assert!(start.elapsed() >= Duration::from_millis(300));
    // One byte each 50 ms takes 2.8 s for a hello: it is not answered.
    assert_eq!(slow_reader.read(&mut [0; 1]).await.unwrap_or(0), 0);
    slow.await.unwrap();

    connected(&one, &[2]).await;
    exchange((1, &mut one), (2, &mut two)).await;
}

#[tokio::test]
async fn a_crowd_of_silent_connections_is_bounded() {
    let mut ports = Ports::new(2);
    let mut options = ports.options(1);
    options.max_handshakes = 4;
    options.handshake_timeout = 10 * PATIENCE;
    let mut one = bind(options).await;

    let mut crowd = Vec::new();
    for _ in 0..10 {
        crowd.push(TcpStream::connect(one.local_addr()).await.unwrap());
    }
    // They were accepted in order: the first four wait, the rest is closed long before the timeout.
    for late in &mut crowd[4..] {
        closed(late).await;
    }
    assert_eq!(one.stats().counts().connections_refused, 6);
    crowd.clear();
    let mut two = ports.node(2).await;
    connected(&two, &[1]).await;
    exchange((1, &mut one), (2, &mut two)).await;
}

/// A peer of the list that passes the handshake and then sends nonsense loses its connection, and
/// nobody else does.
#[tokio::test]
async fn a_bad_frame_closes_its_connection_only() {
    let mut ports = Ports::new(3);
    let mut one = ports.node(1).await;
    let mut two = ports.node(2).await;
    connected(&one, &[2]).await;
    connected(&two, &[1]).await;

    let good = Frame {
        version: 1,
        channel: 0,
        lane: Lane::Log,
        kind: 0,
        body: Bytes::from_static(&[9; 8]),
    };
    let encoded = |frame: &Frame| {
        let mut bytes = BytesMut::new();
        frame.encode(1 << 20, &mut bytes).unwrap();
        bytes
    };
    let mut flipped = encoded(&good);
    flipped[15] ^= 1;
    let bad_frames = [
        BytesMut::from(&[0xFF; 64][..]),
        flipped,
        encoded(&Frame {
            kind: 7,
            ..good.clone()
        }),
        encoded(&Frame {
            channel: 1,
            ..good.clone()
        }),
        encoded(&Frame {
            lane: Lane::Bulk,
            ..good.clone()
        }),
        encoded(&Frame {
            body: Bytes::from_static(&[9; 7]),
            ..good.clone()
        }),
    ];
    for (bad, count) in bad_frames.into_iter().zip(1..) {
        let (mut three, answer) = knock(one.local_addr(), &hello(3, 1, 0)).await;
        assert!(answer.is_some());
        // What came before the bad frame counts.
        three.write_all(&encoded(&good)).await.unwrap();
        let received = receive(&mut one).await;
        assert_eq!(received.from, NodeId(3));
        three.write_all(&bad).await.unwrap();
        closed(&mut three).await;
        let stats = one.stats();
        eventually("it is counted", || stats.counts().frames_bad == count).await;
    }
    exchange((1, &mut one), (2, &mut two)).await;
    assert_eq!(
        two.stats().counts().connections_opened,
        2,
        "never reconnected"
    );
}

#[tokio::test]
async fn a_new_life_of_a_peer_replaces_the_old_one_and_a_ghost_is_refused() {
    let mut ports = Ports::new(2);
    let one = ports.node(1).await;
    let address = one.local_addr();
    let bulk = Hello {
        group: LaneGroup::Bulk,
        ..hello(2, 1, 5)
    };
    let (mut old_bulk, answer) = knock(address, &bulk).await;
    assert!(answer.is_some());
    let (mut old, answer) = knock(address, &hello(2, 1, 5)).await;
    assert_eq!(answer.unwrap().incarnation, Incarnation(0));

    let (mut ghost, answer) = knock(address, &hello(2, 1, 4)).await;
    assert_eq!(answer, None);
    closed(&mut ghost).await;

    let (new, answer) = knock(address, &hello(2, 1, 6)).await;
    assert!(answer.is_some());
    closed(&mut old).await;
    closed(&mut old_bulk).await;

    // In the same life the newer connection wins: the older one may be dead without knowing.
    let (_newer, answer) = knock(address, &hello(2, 1, 6)).await;
    assert!(answer.is_some());
    let mut new = new;
    closed(&mut new).await;
}

/// A peer that lost its power closed nothing, so the connections to it look alive. Its first hello
/// says that they are not.
#[tokio::test]
async fn a_new_life_of_a_peer_is_dialed_at_once() {
    let mut ports = Ports::new(2);
    let peer = Puppet::new(ports.listener(2));
    let mut options = ports.options(1);
    options.redial_base = 100 * PATIENCE;
    options.redial_cap = 100 * PATIENCE;
    options.write_timeout = 100 * PATIENCE;
    let one = bind(options).await;
    let mut dead = [peer.accept(5).await, peer.accept(5).await];
    connected(&one, &[2]).await;

    // A connection of the life that is connected changes nothing.
    let (_same, answer) = knock(one.local_addr(), &hello(2, 1, 5)).await;
    assert!(answer.is_some());
    let (_new, answer) = knock(one.local_addr(), &hello(2, 1, 6)).await;
    assert!(answer.is_some());
    for (_, stream) in &mut dead {
        closed(stream).await;
    }
    let _living = [peer.accept(6).await, peer.accept(6).await];
    eventually("both groups are connected", || fully_connected(&one) == 1).await;
    assert_eq!(one.stats().counts().connections_opened, 4);
}

/// A process that is stopped still has its sockets: the kernel takes bytes until its buffers are
/// full, and nobody closes anything.
#[tokio::test]
async fn a_peer_that_stops_reading_is_given_up() {
    let mut ports = Ports::new(2);
    let stopped = Puppet::new(ports.listener(2));
    let mut options = ports.options(1);
    options.write_timeout = Duration::from_millis(200);
    options.queue_frames = 4;
    let mut one = bind(options).await;

    // Answers both hellos, and then never reads again.
    let _held = [stopped.accept(0).await, stopped.accept(0).await];
    connected(&one, &[2]).await;
    let start = Instant::now();
    while !one.connected().is_empty() {
        let _ = one.send(filled(2, Lane::Log, 0, 1 << 20));
        assert!(start.elapsed() < PATIENCE, "it was never given up");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(one.stats().counts().frames_lost > 0);
    let message = note(2, Lane::Urgent, 0);
    assert_eq!(
        one.send(message.clone()),
        Err(Refused::Unreachable(message))
    );
    // The lanes are apart: nothing was written in bulk, so that connection is not in doubt.
    assert!(one.stats().is_connected(NodeId(2), LaneGroup::Bulk));
}

/// Few bytes do not wait in the transport: they wait in the kernel, which takes them from a writer
/// whether or not the peer ever does.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_peer_that_takes_nothing_is_given_up_however_little_is_written_to_it() {
    use rustix::net::sockopt;

    let mut ports = Ports::new(2);
    let stopped = ports.listener(2);
    // The least there is, so that its window closes long before the writer's buffer is full.
    sockopt::set_socket_recv_buffer_size(&stopped, 1).unwrap();
    let stopped = Puppet::new(stopped);
    let mut options = ports.options(1);
    options.write_timeout = Duration::from_millis(200);
    let mut one = bind(options).await;
    let _held = [stopped.accept(0).await, stopped.accept(0).await];
    connected(&one, &[2]).await;

    let notes = 64;
    for number in 0..notes {
        one.send(filled(2, Lane::Log, number, 1_000)).unwrap();
    }
    let stats = one.stats();
    eventually("the kernel took all", || {
        stats.counts().frames_sent == notes
    })
    .await;
    connected(&one, &[]).await;
    assert!(stats.is_connected(NodeId(2), LaneGroup::Bulk));
}

/// Nobody writes on a connection whose peer is idle, so only the kernel can find that it is dead.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_idle_connection_is_watched_by_both_sides() {
    let mut ports = Ports::new(2);
    let one = ports.node(1).await;
    let two = ports.node(2).await;
    connected(&one, &[2]).await;
    connected(&two, &[1]).await;
    let listening = [one.local_addr(), two.local_addr()];
    let watched = || {
        // Each row has a number, the local and the remote address, the state, the queues, and the
        // timer, of which 02 is that of keepalive.
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let address = |text: &str| {
            let (ip, port) = text.split_once(':').unwrap();
            let ip = u32::from_str_radix(ip, 16).unwrap().to_ne_bytes();
            std::net::SocketAddr::from((ip, u16::from_str_radix(port, 16).unwrap()))
        };
        let (mut accepted, mut dialed) = (0, 0);
        for row in table.lines().skip(1) {
            let fields: Vec<_> = row.split_whitespace().collect();
            if fields[3] == "01" && fields[5].starts_with("02:") {
                accepted += u32::from(listening.contains(&address(fields[1])));
                dialed += u32::from(listening.contains(&address(fields[2])));
            }
        }
        (accepted, dialed) == (4, 4)
    };
    eventually("keepalive runs on all ends", watched).await;
}

#[tokio::test]
async fn a_peer_that_speaks_where_it_should_listen_is_dialed_anew() {
    let mut ports = Ports::new(2);
    let rude = Puppet::new(ports.listener(2));
    let one = ports.node(1).await;
    for _ in 0..4 {
        let (_, mut stream) = rude.accept(0).await;
        stream.write_all(b"hey").await.unwrap();
        closed(&mut stream).await;
    }
    assert!(one.stats().counts().connections_opened >= 3);
}
