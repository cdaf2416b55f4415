//! [`CausalContext`]: two of them.
#![no_main]

use quorate_clocks::{CausalContext, Dot};
use quorate_clocks_fuzz::{halves, read, related, target};

target!(|bytes| {
    let (first, second) = halves(bytes);
    let read = |bytes| {
        read(bytes, CausalContext::from_bytes, |value: &CausalContext| {
            value.to_bytes()
        })
    };
    if let (Some(mut a), Some(b)) = (read(first), read(second)) {
        related(&a);
        assert_eq!(a.relation(&b), b.relation(&a).reverse());
        let before = a.clone();
        a.merge(&b);
        assert!(a.includes(&b) && a.includes(&before));
        for run in b.runs() {
            assert!(a.contains(Dot::new(run.actor(), run.last())));
            assert!(!a.observe(Dot::new(run.actor(), run.first())));
        }
        assert!(
            CausalContext::from(&a.floor())
                .runs()
                .all(|run| run.first() == 1)
        );
    }
});
