//! Lamport clocks.

use quorate_clocks::{Causality, LamportClock, LamportStamp, NodeId, Relation};

const fn stamp(time: u64, node: u64) -> LamportStamp {
    LamportStamp {
        time,
        node: NodeId(node),
    }
}

/// A receiver moves past the larger of the two, ties are broken by the node, the end of the count is
/// an error, and a smaller stamp is not sold as an earlier event.
#[test]
fn trap_22_a_receipt_passes_both_and_a_smaller_stamp_is_no_cause() {
    let mut clock = LamportClock::new(NodeId(1));
    assert_eq!(clock.receive(stamp(7, 2)), Ok(stamp(8, 1)));
    assert_eq!(clock.receive(stamp(3, 2)), Ok(stamp(9, 1)));
    assert_eq!(clock.receive(stamp(9, 2)), Ok(stamp(10, 1)));

    // From the wire: nothing is above it, so it is refused, and nothing changes.
    for _ in 0..2 {
        let refused = clock.receive(stamp(u64::MAX, 2)).unwrap_err();
        assert_eq!(refused.node, NodeId(1));
        assert_eq!(clock.last(), stamp(10, 1));
    }
    assert_eq!(clock.tick(), Ok(stamp(11, 1)));
    let mut full = LamportClock::resume(NodeId(1), stamp(u64::MAX, 1));
    assert!(full.tick().is_err() && full.tick().is_err());
    assert_eq!(full.last(), stamp(u64::MAX, 1));

    // One total order, whoever sorts, and the bytes have it too.
    let mut stamps = [stamp(5, 2), stamp(4, 9), stamp(5, 1), stamp(6, 0)];
    stamps.sort_unstable();
    assert_eq!(stamps, [stamp(4, 9), stamp(5, 1), stamp(5, 2), stamp(6, 0)]);
    for a in stamps {
        for b in stamps {
            assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            assert_eq!(a.cmp(&b), a.to_bytes().cmp(&b.to_bytes()));
            assert_eq!(a.cmp(&b).is_eq(), a == b);
        }
    }

    // A cause is smaller. What is smaller is not therefore a cause.
    let (mut ann, mut bob) = (LamportClock::new(NodeId(1)), LamportClock::new(NodeId(2)));
    let cause = ann.tick().unwrap();
    let alone = bob.tick().unwrap();
    let effect = bob.receive(cause).unwrap();
    assert!(cause < effect);
    assert_eq!(cause.relate(&effect), None);
    assert_eq!(alone.relate(&effect), Some(Relation::Before));
    assert_eq!(cause.relate(&alone), Some(Relation::Concurrent));
}
