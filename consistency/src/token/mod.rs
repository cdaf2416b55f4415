//! What a session has seen, small enough to travel with every request.

mod admit;
mod text;

pub use admit::{Admit, Position, Requirement};
pub use text::TokenParseError;

use alloc::collections::BTreeMap;

/// What a session has read and written, per shard: the client sends it with every request, and a
/// replica that has not seen as much may not answer.
///
/// That keeps two of the session guarantees of Terry et al. (1994) over any replica:
///
/// - **read your writes**: a read shows the session's own earlier writes;
/// - **monotonic reads**: a read shows what the session's earlier reads showed.
///
/// The other two, monotonic writes and writes follow reads, are promises about the order in which a
/// store applies writes. A log gives them; no token can.
///
/// A **shard** is whatever has one log with growing indexes: a Raft group, a partition. Stores with
/// a single log use shard 0. An **epoch** tells two logs of the same shard apart: raise it when a
/// shard is restored from a backup and its indexes start over. Methods without a [`Position`] mean
/// epoch 0.
///
/// # The algebra
///
/// Tokens form a join semilattice: [`merge`](Self::merge) is commutative, associative and idempotent,
/// so several connections of one client may update their tokens in any order and merge them. Within
/// a shard the higher epoch wins whole, and within an epoch the higher index wins.
///
/// # Bounds
///
/// At most [`MAX_SHARDS`](Self::MAX_SHARDS) shards, and at most
/// [`MAX_TEXT_BYTES`](Self::MAX_TEXT_BYTES) bytes of text. A token that would exceed them forgets the
/// shards with the highest numbers, remembers that it did, and from then on answers
/// [`Admit::Forgotten`] for those: a guarantee is never dropped in silence.
///
/// # Trust
///
/// A token is not signed. A client that forges one can make its own reads wait or go stale, and
/// nothing else, as long as the server bounds how long it waits.
///
/// ```
/// use quorate_consistency::{Admit, SessionToken};
///
/// let mut session = SessionToken::default();
/// session.observe_write(0, 17); // acknowledged at index 17
///
/// // A replica that has applied the log up to 15 must not answer yet.
/// assert_eq!(session.admit(0, 15), Admit::Wait { until_index: 17 });
/// assert_eq!(session.admit(0, 17), Admit::Serve);
/// session.observe_read(0, 19); // it had 19 in the end: no later read may show less
/// assert_eq!(session.required(0), 19);
///
/// // Over HTTP it is a header.
/// let header = session.to_string();
/// assert_eq!(header, "1.AgAAExE");
/// assert_eq!(header.parse(), Ok(session));
/// ```
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct SessionToken {
    shards: BTreeMap<u64, Seen>,
    /// Shards above the last one in the map were known once and had to go.
    forgot: bool,
}

/// What was seen of one shard. The default is "nothing", and is not stored.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
struct Seen {
    epoch: u64,
    read: u64,
    written: u64,
}

impl Seen {
    fn join(self, other: Self) -> Self {
        match self.epoch.cmp(&other.epoch) {
            core::cmp::Ordering::Less => other,
            core::cmp::Ordering::Greater => self,
            core::cmp::Ordering::Equal => Self {
                epoch: self.epoch,
                read: self.read.max(other.read),
                written: self.written.max(other.written),
            },
        }
    }
}

impl SessionToken {
    /// How many shards a token can tell apart.
    pub const MAX_SHARDS: usize = 64;

    /// A session that has seen nothing, and may read anywhere.
    pub const fn new() -> Self {
        Self {
            shards: BTreeMap::new(),
            forgot: false,
        }
    }

    /// The session read `shard` where it had been applied up to `index`.
    pub fn observe_read(&mut self, shard: u64, index: u64) {
        self.observe_read_at(shard, Position { epoch: 0, index });
    }

    /// The session wrote to `shard`, and the write was acknowledged at `index`.
    pub fn observe_write(&mut self, shard: u64, index: u64) {
        self.observe_write_at(shard, Position { epoch: 0, index });
    }

    /// The same as [`observe_read`](Self::observe_read), with an epoch.
    pub fn observe_read_at(&mut self, shard: u64, position: Position) {
        self.observe(
            shard,
            Seen {
                epoch: position.epoch,
                read: position.index,
                written: 0,
            },
        );
    }

    /// The same as [`observe_write`](Self::observe_write), with an epoch.
    pub fn observe_write_at(&mut self, shard: u64, position: Position) {
        self.observe(
            shard,
            Seen {
                epoch: position.epoch,
                read: 0,
                written: position.index,
            },
        );
    }

    /// Learns what another token of the same session knows: the least token that demands as much as
    /// either.
    pub fn merge(&mut self, other: &Self) {
        self.forgot |= other.forgot;
        for (&shard, &seen) in &other.shards {
            self.observe(shard, seen);
        }
        self.shrink();
    }

    /// Whether the session has seen nothing.
    pub fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }

    /// How many shards the token tells apart.
    pub fn len(&self) -> usize {
        self.shards.len()
    }

    /// Whether shards had to be forgotten, see the bounds above.
    pub fn is_partial(&self) -> bool {
        self.forgot
    }

    fn observe(&mut self, shard: u64, seen: Seen) {
        if seen == Seen::default() {
            return;
        }
        let entry = self.shards.entry(shard).or_default();
        *entry = entry.join(seen);
        self.shrink();
    }

    /// Keeps the lowest shards. Which ones are kept does not depend on the order of calls: a shard
    /// among the lowest of all is among the lowest of every part. That keeps `merge` associative.
    fn shrink(&mut self) {
        while self.shards.len() > Self::MAX_SHARDS {
            self.shards.pop_last();
            self.forgot = true;
        }
    }

    fn seen(&self, shard: u64) -> Option<Seen> {
        self.shards.get(&shard).copied()
    }

    /// Whether the token may have known the shard. One below the last that is kept never had to go.
    fn has_forgotten(&self, shard: u64) -> bool {
        self.forgot
            && self
                .shards
                .last_key_value()
                .is_none_or(|(&last, _)| shard > last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// A token as a list of what was observed, over few shards and numbers so that they collide.
    fn tokens(shards: u64, observations: usize) -> impl Strategy<Value = SessionToken> {
        let observation = (0..shards, 0..3_u64, 0..5_u64, any::<bool>());
        prop::collection::vec(observation, 0..observations).prop_map(|observed| {
            let mut token = SessionToken::new();
            for (shard, epoch, index, write) in observed {
                let position = Position { epoch, index };
                if write {
                    token.observe_write_at(shard, position);
                } else {
                    token.observe_read_at(shard, position);
                }
            }
            token
        })
    }

    fn merged(a: &SessionToken, b: &SessionToken) -> SessionToken {
        let mut merged = a.clone();
        merged.merge(b);
        merged
    }

    fn check_laws(a: &SessionToken, b: &SessionToken, c: &SessionToken) {
        assert_eq!(merged(a, a), *a);
        assert_eq!(merged(a, b), merged(b, a));
        assert_eq!(merged(&merged(a, b), c), merged(a, &merged(b, c)));
        assert_eq!(merged(a, &SessionToken::new()), *a);
        // The join is an upper bound: whatever it admits, both admit, or have had their log replaced.
        let joined = merged(a, b);
        assert_eq!(merged(&joined, a), joined);
        for shard in 0..200 {
            for index in 0..6 {
                for epoch in 0..3 {
                    let have = Position { epoch, index };
                    if joined.admit_at(shard, have) == Admit::Serve {
                        for part in [a, b] {
                            match part.admit_at(shard, have) {
                                Admit::Serve => {}
                                Admit::OtherEpoch { wanted, .. } => assert!(wanted < epoch),
                                other => panic!("{other:?} of {part:?} for {have:?}"),
                            }
                        }
                    }
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn merge_is_a_join(a in tokens(4, 8), b in tokens(4, 8), c in tokens(4, 8)) {
            check_laws(&a, &b, &c);
        }

        #[test]
        fn merge_is_a_join_past_the_bound_too(
            a in tokens(150, 120), b in tokens(150, 120), c in tokens(150, 120),
        ) {
            check_laws(&a, &b, &c);
            prop_assert!(merged(&a, &b).len() <= SessionToken::MAX_SHARDS);
        }

        /// What the token admits over any run of reads keeps both guarantees, and what it makes
        /// wait would have broken one.
        #[test]
        fn admits_exactly_what_keeps_the_guarantees(
            run in prop::collection::vec((any::<bool>(), 0..10_u64, 0..10_u64), 0..30),
        ) {
            let mut session = SessionToken::new();
            let (mut highest_read, mut highest_written) = (0, 0);
            for (write, have, written) in run {
                if write {
                    session.observe_write(7, written);
                    highest_written = highest_written.max(written);
                    continue;
                }
                let keeps = have >= highest_read && have >= highest_written;
                prop_assert_eq!(session.admit(7, have) == Admit::Serve, keeps);
                if keeps {
                    session.observe_read(7, have);
                    highest_read = have;
                }
            }
        }
    }

    #[test]
    fn a_shard_that_was_forgotten_is_never_taken_for_one_never_seen() {
        let mut session = SessionToken::new();
        for shard in (0..100).rev() {
            session.observe_write(shard, 5);
        }
        assert_eq!(session.len(), SessionToken::MAX_SHARDS);
        assert!(session.is_partial());
        for shard in 0..100 {
            let known = shard < SessionToken::MAX_SHARDS as u64;
            let expected = if known {
                Admit::Wait { until_index: 5 }
            } else {
                Admit::Forgotten
            };
            assert_eq!(session.admit(shard, 4), expected);
            assert_eq!(session.required(shard), if known { 5 } else { u64::MAX });
        }
    }

    #[test]
    fn another_epoch_is_neither_old_nor_new_enough() {
        let mut session = SessionToken::new();
        session.observe_write_at(0, Position { epoch: 2, index: 9 });
        // Told of the log before it was replaced: that says nothing of the one now.
        session.observe_read_at(
            0,
            Position {
                epoch: 1,
                index: 1_000,
            },
        );
        let answers: Vec<_> = [(1, 1_000), (2, 8), (2, 9), (3, 1_000)]
            .map(|(epoch, index)| session.admit_at(0, Position { epoch, index }))
            .into();
        assert_eq!(
            answers,
            [
                Admit::OtherEpoch { wanted: 2, have: 1 },
                Admit::Wait { until_index: 9 },
                Admit::Serve,
                Admit::OtherEpoch { wanted: 2, have: 3 },
            ]
        );
    }
}
