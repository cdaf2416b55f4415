//! [`BloomStamp`]: two of them, and a clock that receives them.
#![no_main]

use quorate_clocks::{Actor, BloomClock, BloomStamp, Incarnation, NodeId, Relation};
use quorate_clocks_fuzz::{halves, read, related, target};

type Stamp = BloomStamp<2, 3>;

target!(|bytes| {
    let (first, second) = halves(bytes);
    let read = |bytes| read(bytes, Stamp::from_bytes, |stamp: &Stamp| stamp.to_bytes());
    let mut clock = BloomClock::new(Actor::new(NodeId(1), Incarnation(1)));
    for stamp in [first, second].into_iter().filter_map(read) {
        related(&stamp);
        let before = clock.clone();
        match clock.receive(&stamp) {
            Ok(arrival) => {
                let relation = stamp.verdict(&arrival).within(1.0);
                assert_eq!(relation, Some(Relation::Before));
            }
            Err(_) => assert_eq!(clock, before),
        }
    }
    if let (Some(a), Some(b)) = (read(first), read(second)) {
        assert_eq!(a.verdict(&b), b.verdict(&a).reverse());
    }
});
