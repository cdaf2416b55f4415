//! [`VersionVector`]: two of them.
#![no_main]

use quorate_clocks::VersionVector;
use quorate_clocks_fuzz::{halves, read, related, target};

target!(|bytes| {
    let (first, second) = halves(bytes);
    let read = |bytes| {
        read(bytes, VersionVector::from_bytes, |value: &VersionVector| {
            value.to_bytes()
        })
    };
    if let (Some(mut a), Some(b)) = (read(first), read(second)) {
        related(&a);
        assert_eq!(a.relation(&b), b.relation(&a).reverse());
        let (common, before) = (a.meet(&b), a.clone());
        a.merge(&b);
        assert!(a.includes(&b) && a.includes(&before));
        assert!(b.includes(&common) && before.includes(&common));
        assert_eq!(a.meet(&b), b);
    }
});
