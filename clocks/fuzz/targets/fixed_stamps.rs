//! The stamps of a fixed size: all bytes, or all but inverted intervals, are one.
#![no_main]

use core::hint::black_box;

use quorate_clocks::{HybridStamp, LamportStamp, NodeStamp, TimeInterval};
use quorate_clocks_fuzz::{related, target};

// What the optimiser sees through, it removes together with the check.
target!(|bytes| {
    if let Ok(bytes) = <[u8; 8]>::try_from(bytes) {
        let stamp = HybridStamp::from_bytes(black_box(bytes));
        assert_eq!(stamp.to_bytes(), bytes);
        assert_eq!(
            HybridStamp::new(stamp.millis(), stamp.counter()),
            Some(stamp)
        );
    }
    if let Ok(bytes) = <[u8; 16]>::try_from(bytes) {
        let (lamport, node) = (
            LamportStamp::from_bytes(black_box(bytes)),
            NodeStamp::from_bytes(black_box(bytes)),
        );
        assert_eq!((lamport.to_bytes(), node.to_bytes()), (bytes, bytes));
        related(&lamport);
        related(&node);
        if let Ok(interval) = TimeInterval::from_bytes(black_box(bytes)) {
            assert_eq!(interval.to_bytes(), bytes);
            related(&interval);
        }
    }
});
