//! [`BroadcastMessage`], and a member of a group that gets messages of all kinds.
#![no_main]

use quorate_clocks::{
    Actor, BroadcastLimits, BroadcastMessage, CausalBroadcast, Incarnation, MatrixClock, NodeId,
};
use quorate_clocks_fuzz::{halves, read, target};

target!(|bytes| {
    let member = |node| Actor::new(NodeId(node), Incarnation(0));
    let group = MatrixClock::with_members([0, 1, 2].map(member)).expect("three members");
    let limits = BroadcastLimits::default();
    let mut me: CausalBroadcast<Vec<u8>> =
        CausalBroadcast::new(member(0), group, limits).expect("a member");
    let mut left = bytes;
    while !left.is_empty() {
        let (message, rest) = halves(left);
        left = rest;
        let decode = |bytes: &[u8]| {
            BroadcastMessage::from_bytes(bytes).map(|message| message.map(Vec::from))
        };
        if let Some(message) = read(message, decode, |message| message.to_bytes()) {
            let _ = me.receive(message);
        }
        while let Some(message) = me.poll_deliver() {
            assert!(me.delivered().includes(message.vector()));
        }
        let _ = me.missing();
    }
});
