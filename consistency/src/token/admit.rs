//! May this replica answer that session?

use super::SessionToken;

/// A place in a shard's log.
///
/// ```
/// use quorate_consistency::{Admit, Position, SessionToken};
///
/// // The shard was restored from a backup: its indexes start over, so it is in epoch 1 now.
/// let mut session = SessionToken::new();
/// session.observe_write(0, 500);
/// let restored = Position { epoch: 1, index: 620 };
/// assert_eq!(session.admit_at(0, restored), Admit::OtherEpoch { wanted: 0, have: 1 });
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Position {
    /// Which log: raised when the shard's indexes start over. 0 for stores where they never do.
    pub epoch: u64,
    /// Where in that log.
    pub index: u64,
}

/// What a replica must have before it may answer a session, as
/// [`SessionToken::requirement`] says.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Requirement {
    /// Nothing: the session has not seen the shard.
    Nothing,
    /// At least this, in the same epoch.
    AtLeast(Position),
    /// The token cannot tell. Only a linearizable read is sure to be new enough.
    Forgotten,
}

/// Whether a replica may answer a session, as [`SessionToken::admit`] says.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Admit {
    /// It has seen all that the session has: answer.
    Serve,
    /// It is behind. Answer once it has applied this index, or pass the read to another replica.
    Wait {
        /// The lowest index that will do.
        until_index: u64,
    },
    /// Its log is not the one that the session saw, so their indexes do not compare. If `have` is
    /// the lower, the replica has not heard that the log was replaced: ask another. Otherwise what
    /// the session saw may be gone: only the application can say whether to go on with a new token.
    OtherEpoch {
        /// The epoch that the session saw.
        wanted: u64,
        /// The epoch of the replica.
        have: u64,
    },
    /// The token once knew the shard and had to forget it. Serve a linearizable read, which is new
    /// enough whatever the session saw.
    Forgotten,
}

impl SessionToken {
    /// What a replica of `shard` must have to read your writes and read monotonically: the higher of
    /// what was read and what was written.
    pub fn requirement(&self, shard: u64) -> Requirement {
        match self.seen(shard) {
            Some(seen) => Requirement::AtLeast(Position {
                epoch: seen.epoch,
                index: seen.read.max(seen.written),
            }),
            None if self.has_forgotten(shard) => Requirement::Forgotten,
            None => Requirement::Nothing,
        }
    }

    /// The index that a replica of `shard` must have applied, for stores that have no epochs: 0 when
    /// any will do, `u64::MAX` when the token cannot tell, so that none will.
    pub fn required(&self, shard: u64) -> u64 {
        match self.requirement(shard) {
            Requirement::Nothing => 0,
            Requirement::AtLeast(position) => position.index,
            Requirement::Forgotten => u64::MAX,
        }
    }

    /// The highest index that the session has written to `shard`, if it has written.
    pub fn written(&self, shard: u64) -> Option<Position> {
        self.seen(shard)
            .filter(|seen| seen.written > 0)
            .map(|seen| Position {
                epoch: seen.epoch,
                index: seen.written,
            })
    }

    /// Whether a replica that has applied `shard` up to the index `have` may answer the session.
    pub fn admit(&self, shard: u64, have: u64) -> Admit {
        self.admit_at(
            shard,
            Position {
                epoch: 0,
                index: have,
            },
        )
    }

    /// The same as [`admit`](Self::admit), with an epoch.
    pub fn admit_at(&self, shard: u64, have: Position) -> Admit {
        match self.requirement(shard) {
            Requirement::Nothing => Admit::Serve,
            Requirement::Forgotten => Admit::Forgotten,
            Requirement::AtLeast(wanted) if wanted.epoch != have.epoch => Admit::OtherEpoch {
                wanted: wanted.epoch,
                have: have.epoch,
            },
            Requirement::AtLeast(wanted) if wanted.index <= have.index => Admit::Serve,
            Requirement::AtLeast(wanted) => Admit::Wait {
                until_index: wanted.index,
            },
        }
    }
}
