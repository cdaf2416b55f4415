//! May this replica do that for the session?

use super::{Lineage, Op, Placed, Position, Session};
use crate::session::plant::{Plant, planted};

/// Whether a replica may do something for a session, as [`Session::admit`] says.
///
/// ```
/// use quorate_consistency::session::{Admit, Op, Position, Session};
///
/// let mut session = Session::default();
/// session.observe_write(0, 500);
/// let admit = |position| session.admit(Op::Read, 0, position);
/// assert_eq!(admit(Position::new(0, 620)), Admit::Serve);
/// assert_eq!(admit(Position::new(0, 480)), Admit::Wait { until_index: 500 });
///
/// // Restored from a backup, in epoch 1. Perhaps from one that has the write; who knows.
/// let seen = Position::new(0, 500);
/// assert_eq!(admit(Position::new(1, 700)), Admit::EpochChanged { shard: 0, seen, kept: None });
///
/// // Who has seen epoch 1 may not go back to a replica that has not heard of it.
/// session.observe_read(0, Position::new(1, 1));
/// assert_eq!(session.admit(Op::Read, 0, 999), Admit::Redirect);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[must_use = "an operation that was not admitted may break what the session was promised"]
pub enum Admit {
    /// It has all that is asked for.
    Serve,
    /// It is behind, in the right log. Ask again once it has applied this index, or ask another replica.
    Wait {
        /// The lowest index that will do, in the epoch in which it is.
        until_index: u64,
    },
    /// Its log is of an epoch before one that the session saw, or the token cannot tell what the session saw.
    /// Waiting does not help. A replica that is certain to be current does: a linearizable read.
    Redirect,
    /// The log that the session saw ended, and what it saw there is lost, or nobody knows whether it is.
    /// Only the application can say whether to go on without, by [`Session::forget`].
    EpochChanged {
        /// The shard in which the session saw it: the one that was asked for, or one that it comes from.
        shard: u64,
        /// What the session saw.
        seen: Position,
        /// Up to where that epoch was kept, which is less than what was seen; `None` when nobody knows.
        kept: Option<u64>,
    },
}

impl Admit {
    /// Whether it may.
    pub const fn is_serve(self) -> bool {
        matches!(self, Self::Serve)
    }

    /// The one of two that is met last: who is behind may not know the worst.
    fn and(self, other: Self) -> Self {
        let gravity = |admit| match admit {
            Self::Serve => (0, 0),
            Self::Wait { until_index } => (1, until_index),
            Self::EpochChanged { kept: None, .. } => (2, 0),
            Self::EpochChanged { kept: Some(_), .. } => (3, 0),
            Self::Redirect => (4, 0),
        };
        if gravity(other) > gravity(self) {
            other
        } else {
            self
        }
    }
}

impl Session {
    /// Whether a replica may do something for the session that has applied the log of a shard up to a
    /// position. For a write, that is a position of the log to which the write is appended, before it.
    ///
    /// Everything that the session saw in another epoch is unknown to it. A store whose epochs change asks
    /// [`admit_by`](Self::admit_by), and one that splits and merges shards has to.
    pub fn admit(&self, op: Op, shard: u64, have: impl Into<Position>) -> Admit {
        let have: Position = have.into();
        self.admit_by(op, &Lineage::new(shard, have.epoch), have.index)
    }

    /// The same, of a replica that knows where the log of its shard comes from, and has applied it up to an
    /// index of its present epoch.
    ///
    /// ```
    /// use quorate_consistency::session::{Admit, Indexes, Lineage, Op, Position, Session};
    ///
    /// let mut session = Session::default();
    /// session.observe_write(0, 14);
    /// // A replica that had the log up to 15 took over.
    /// let mut shard = Lineage::new(0, 0);
    /// shard.failover(1, 15, Indexes::Continue)?;
    /// assert_eq!(session.admit_by(Op::Read, &shard, 12), Admit::Wait { until_index: 14 });
    /// assert_eq!(session.admit_by(Op::Read, &shard, 14), Admit::Serve);
    ///
    /// // What was acknowledged after that did not survive.
    /// session.observe_write(0, 17);
    /// let lost = Admit::EpochChanged { shard: 0, seen: Position::new(0, 17), kept: Some(15) };
    /// assert_eq!(session.admit_by(Op::Read, &shard, 30), lost);
    /// session.forget(0, 0);
    /// assert_eq!(session.admit_by(Op::Read, &shard, 30), Admit::Serve);
    /// # Ok::<(), quorate_consistency::session::LineageError>(())
    /// ```
    pub fn admit_by(&self, op: Op, lineage: &Lineage, index: u64) -> Admit {
        let mut admit = self.admit_seen_of(op, lineage, lineage.shard(), index);
        for (ancestor, _) in lineage.ancestors() {
            if !planted(Plant::AncestorsUnasked) {
                admit = admit.and(self.admit_seen_of(op, lineage, ancestor, index));
            }
        }
        admit
    }

    /// As far as it goes by what was seen of one shard.
    fn admit_seen_of(&self, op: Op, lineage: &Lineage, shard: u64, index: u64) -> Admit {
        let required = self.requirement(op, shard);
        if required.is_anything() {
            return Admit::Redirect;
        }
        let index = match planted(Plant::OneBehindWillDo) {
            true => index.saturating_add(1),
            false => index,
        };
        let mut admit = Admit::Serve;
        for seen in required.positions() {
            let mut placed = lineage.place(shard, seen);
            if planted(Plant::EpochsAreAlike) {
                placed = Placed::At { index: seen.index };
            }
            admit = admit.and(match placed {
                Placed::Apart => Admit::Serve,
                Placed::At { index: at } if at <= index => Admit::Serve,
                Placed::At { index: at } => Admit::Wait { until_index: at },
                Placed::Lost { kept } => Admit::EpochChanged {
                    shard,
                    seen,
                    kept: Some(kept),
                },
                Placed::Unknown if shard == lineage.shard() && seen.epoch > lineage.epoch() => {
                    Admit::Redirect
                }
                Placed::Unknown => Admit::EpochChanged {
                    shard,
                    seen,
                    kept: None,
                },
            });
        }
        admit
    }
}
