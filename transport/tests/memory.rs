//! The transport inside one process.
#![cfg(feature = "std")]
#![allow(clippy::disallowed_methods)]
// why: the endpoints are made for threads, so the tests have some.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use quorate_clocks::NodeId;
use quorate_transport::{Lane, Memory, Received, Refused, Transmit, Transport};

fn to<M>(to: u64, lane: Lane, message: M) -> Transmit<M> {
    Transmit {
        to: NodeId(to),
        lane,
        message,
    }
}

fn mesh<M>(nodes: u64, capacity: usize) -> Vec<Memory<M>> {
    Memory::mesh((1..=nodes).map(NodeId), capacity)
}

#[test]
fn every_node_reaches_every_other_and_the_sender_is_named() {
    let mut mesh = mesh(3, 8);
    assert_eq!(
        mesh.iter().map(Memory::id).collect::<Vec<_>>(),
        [1, 2, 3].map(NodeId)
    );
    for (from, endpoint) in mesh.iter_mut().enumerate() {
        for other in (0..3).filter(|other| *other != from) {
            let message = to(other as u64 + 1, Lane::Log, (from, other));
            assert_eq!(endpoint.send(message), Ok(()));
        }
    }
    for (me, endpoint) in mesh.iter_mut().enumerate() {
        let mut senders = Vec::new();
        while let Some(Received { from, message }) = endpoint.try_recv() {
            assert_eq!(message, (from.0 as usize - 1, me));
            senders.push(message.0);
        }
        senders.sort_unstable();
        assert_eq!(
            senders,
            (0..3).filter(|from| *from != me).collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_full_lane_refuses_and_the_others_do_not() {
    let mut mesh = mesh(2, 2);
    for round in 0..2 {
        for lane in Lane::ALL {
            assert_eq!(mesh[0].send(to(2, lane, round)), Ok(()));
        }
    }
    let more = to(2, Lane::Bulk, 9);
    assert_eq!(mesh[0].send(more.clone()), Err(Refused::Full(more)));

    // The most urgent comes first, and each lane keeps its order.
    let order: Vec<_> = std::iter::from_fn(|| mesh[1].try_recv())
        .map(|received| received.message)
        .collect();
    assert_eq!(order, [0, 1, 0, 1, 0, 1]);
    assert_eq!(mesh[0].send(to(2, Lane::Bulk, 9)), Ok(()));
}

#[test]
fn strangers_and_oneself_are_not_peers() {
    let mut mesh = mesh(2, 2);
    for stranger in [0, 1, 3] {
        let message = to(stranger, Lane::Urgent, ());
        assert_eq!(
            mesh[0].send(message.clone()),
            Err(Refused::UnknownPeer(message))
        );
    }
}

#[test]
fn a_dropped_endpoint_is_unreachable_and_comes_back_empty() {
    let mut mesh = mesh(2, 2);
    assert_eq!(mesh[0].send(to(2, Lane::Log, "before")), Ok(()));
    assert!(mesh[0].rejoin(NodeId(2)).is_none(), "it lives");
    mesh.pop();
    let lost = to(2, Lane::Log, "meanwhile");
    assert_eq!(mesh[0].send(lost.clone()), Err(Refused::Unreachable(lost)));

    let mut two = mesh[0].rejoin(NodeId(2)).unwrap();
    assert!(mesh[0].rejoin(NodeId(3)).is_none(), "never was there");
    assert_eq!(two.try_recv(), None);
    assert_eq!(mesh[0].send(to(2, Lane::Log, "after")), Ok(()));
    assert_eq!(two.try_recv().unwrap().message, "after");
}

#[test]
fn a_message_wakes_the_one_who_waits() {
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::AcqRel);
        }
    }
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&count));
    let mut cx = Context::from_waker(&waker);

    let mut mesh = mesh(2, 2);
    assert!(mesh[1].poll_recv(&mut cx).is_pending());
    assert_eq!(count.0.load(Ordering::Acquire), 0);
    mesh[0].send(to(2, Lane::Log, 1)).unwrap();
    assert_eq!(count.0.load(Ordering::Acquire), 1);
    let one = Received {
        from: NodeId(1),
        message: 1,
    };
    assert_eq!(mesh[1].poll_recv(&mut cx), Poll::Ready(one));
}

#[test]
fn threads_exchange_everything_that_was_taken() {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    const MESSAGES: u64 = 5_000;
    let mut mesh = mesh(3, 16);
    let mut receiver = mesh.pop().unwrap();
    let received = thread::scope(|scope| {
        for mut sender in mesh {
            scope.spawn(move || {
                for message in 0..MESSAGES {
                    let mut transmit = to(3, Lane::Log, message);
                    while let Err(refused) = sender.send(transmit) {
                        assert!(matches!(refused, Refused::Full(_)));
                        transmit = refused.into_transmit();
                        thread::yield_now();
                    }
                }
                // Stay until the receiver has everything: a dropped sender takes nothing back.
            });
        }
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut cx = Context::from_waker(&waker);
        let mut received = Vec::new();
        while received.len() < 2 * MESSAGES as usize {
            match receiver.poll_recv(&mut cx) {
                Poll::Ready(message) => received.push(message),
                Poll::Pending => thread::park(),
            }
        }
        received
    });
    for from in [NodeId(1), NodeId(2)] {
        let of = received.iter().filter(|received| received.from == from);
        assert!(of.map(|received| received.message).eq(0..MESSAGES));
    }
}
