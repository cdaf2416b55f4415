//! [`MatrixClock`]: two of them.
#![no_main]

use quorate_clocks::MatrixClock;
use quorate_clocks_fuzz::{halves, read, related, target};

target!(|bytes| {
    let (first, second) = halves(bytes);
    let read = |bytes| {
        read(bytes, MatrixClock::from_bytes, |matrix: &MatrixClock| {
            matrix.to_bytes()
        })
    };
    if let (Some(mut a), Some(b)) = (read(first), read(second)) {
        related(&a);
        let stable = a.stable();
        if a.merge(&b).is_ok() {
            assert!(a.stable().includes(&stable), "what was stable stays so");
        }
        assert_eq!(a.certificate().stable(), &a.stable());
        assert_eq!(MatrixClock::from_bytes(&a.to_bytes()).as_ref(), Ok(&a));
    }
});
