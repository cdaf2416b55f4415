//! [`TreeEvent`]: two of them.
#![no_main]

use quorate_clocks::TreeEvent;
use quorate_clocks_fuzz::{halves, read, related, target};

target!(|bytes| {
    let (first, second) = halves(bytes);
    let read = |bytes| {
        read(bytes, TreeEvent::from_bytes, |value: &TreeEvent| {
            value.to_bytes()
        })
    };
    if let (Some(mut a), Some(b)) = (read(first), read(second)) {
        related(&a);
        assert_eq!(a.relation(&b), b.relation(&a).reverse());
        let before = a.clone();
        assert_eq!(a.merge(&b), !before.includes(&b));
        assert!(a.includes(&b) && a.includes(&before));
    }
});
