//! How large tokens are, as the documentation says.

use alloc::string::ToString;

use super::random::Random;
use crate::session::{Position, Session, Token};

/// Of a session that has read shards of independent logs, and written to one in four.
fn session(shards: u64, epoch: u64, indexes: u64, base: u64) -> Token {
    let mut random = Random::new(shards);
    let mut session = Session::default();
    for shard in 0..shards {
        let index = base + random.next() % indexes;
        session.observe_read(shard, Position::new(epoch, index));
        if shard % 4 == 0 {
            session.observe_write(shard, Position::new(epoch, index - random.next() % 100));
        }
    }
    session.into_token()
}

#[test]
fn tokens_are_as_large_as_documented() {
    let sizes = |epoch, indexes, base| {
        [1, 10, 100, 1_000].map(|shards| {
            let token = session(shards, epoch, indexes, base);
            (token.to_bytes().len(), token.to_string().len())
        })
    };
    // Indexes up to a million.
    let million = [(10, 14), (57, 77), (528, 705), (5_237, 6_984)];
    assert_eq!(sizes(0, 1_000_000, 1_000), million);
    // A busy store in its third epoch: indexes up to a billion.
    let billion = [(12, 17), (76, 102), (700, 934), (6_997, 9_330)];
    assert_eq!(sizes(2, 1_000_000_000, 1_000), billion);
    // Timestamps in nanoseconds, of a session that did its work in a minute.
    let stamps = [(16, 22), (84, 113), (775, 1_034), (7_786, 10_382)];
    assert_eq!(sizes(0, 60_000_000_000, 1_760_000_000_000_000_000), stamps);
}
