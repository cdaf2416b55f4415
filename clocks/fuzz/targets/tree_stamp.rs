//! [`TreeStamp`]: two of them, which may overlap.
#![no_main]

use quorate_clocks::TreeStamp;
use quorate_clocks_fuzz::{halves, read, target};

target!(|bytes| {
    let (first, second) = halves(bytes);
    let read = |bytes| {
        read(bytes, TreeStamp::from_bytes, |stamp: &TreeStamp| {
            stamp.to_bytes()
        })
    };
    if let (Some(mut a), Some(b)) = (read(first), read(second)) {
        let before = a.peek();
        if a.receive(b.history()).is_ok() {
            assert!(a.history().includes(b.history()));
            assert!(a.history().includes(&before) && !before.includes(a.history()));
        }
        let whole = match a.join(b) {
            Ok(whole) => whole,
            Err(_) => return,
        };
        let id = whole.to_bytes();
        if let Ok((left, right)) = whole.fork() {
            let joined = left
                .join(right)
                .expect("the halves of one stamp do not overlap");
            assert_eq!(joined.to_bytes(), id);
        }
    }
});
