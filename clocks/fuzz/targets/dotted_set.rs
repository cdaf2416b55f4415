//! [`DottedSet`]: two of them.
#![no_main]

use quorate_clocks::{Actor, DottedSet};
use quorate_clocks_fuzz::{halves, read, related, target};

target!(|bytes| {
    let (first, second) = halves(bytes);
    fn set(bytes: &[u8]) -> Option<DottedSet<Vec<u8>>> {
        let decode = |bytes: &[u8]| DottedSet::from_bytes(bytes).map(|set| set.map(Vec::from));
        read(bytes, decode, |set| set.to_bytes())
    }
    if let (Some(mut a), Some(b)) = (set(first), set(second)) {
        related(&a);
        assert_eq!(a.relation(&b), b.relation(&a).reverse());
        let before = a.clone();
        if a.sync(&b).is_ok() {
            assert!(a.relation(&b).includes() && a.relation(&before).includes());
            let mut back = b.clone();
            assert_eq!(back.sync(&before), Ok(()));
            assert_eq!(back, a);
        }
        let seen = b.context();
        let _ = a.put(&seen, Actor::default(), Vec::new());
        assert!(
            a.dots()
                .all(|(dot, _)| dot.actor == Actor::default() || !seen.contains(dot))
        );
    }
});
