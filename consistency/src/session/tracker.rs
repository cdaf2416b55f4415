//! What a session has seen, and what follows from it.

use super::plant::{Plant, planted};
use super::{
    Guarantees, Lineage, MergeError, NeedsStore, Op, Placed, Position, Requirement, Token,
    WriteOrder,
};

/// Keeps track of what a session has read and written, and says which replica may serve it.
///
/// It is used at both ends. A client that picks its replicas keeps one for as long as the session lasts. A
/// server makes one out of the [`Token`] that came with a request, asks it, tells it what it did, and sends
/// its token back. Both have to agree on what the session was promised.
///
/// ```
/// use quorate_consistency::session::{Admit, Guarantees, Op, Session, Token, WriteOrder};
///
/// let new = || Session::new(Guarantees::CAUSAL, WriteOrder::WithinShard);
///
/// // A server: the token came with a read of shard 0, of which it has applied the log up to 19.
/// let mut session = new()?.with_token("2.AgAEAAIi".parse()?);
/// assert_eq!(session.admit(Op::Read, 0, 19), Admit::Serve);
/// session.observe_read(0, 19);
/// let answer = session.token().to_string();
///
/// // The next one has it up to 18, and leads: to append the session's write there would be to put it
/// // before something that the session had read.
/// let mut session = new()?.with_token(answer.parse()?);
/// assert_eq!(session.admit(Op::Write, 0, 18), Admit::Wait { until_index: 19 });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Session {
    token: Token,
    guarantees: Guarantees,
    service: u64,
}

/// Promised [`Guarantees::READS`], of any store.
impl Default for Session {
    fn default() -> Self {
        Self {
            token: Token::new(),
            guarantees: Guarantees::READS,
            service: 0,
        }
    }
}

impl Session {
    /// A session that has seen nothing.
    ///
    /// # Errors
    ///
    /// When it is promised something that nobody can keep for a store of which no more is known.
    pub fn new(guarantees: Guarantees, order: WriteOrder) -> Result<Self, NeedsStore> {
        let by_store = guarantees.by_store();
        if order == WriteOrder::Unordered && !by_store.is_empty() {
            return Err(NeedsStore {
                guarantees: by_store,
            });
        }
        Ok(Self {
            guarantees,
            ..Self::default()
        })
    }

    /// The same session, as one that has seen what a token says, and nothing else.
    #[must_use]
    pub fn with_token(self, token: Token) -> Self {
        Self { token, ..self }
    }

    /// The same session, from now on speaking of the shards of this service. The token keeps what was seen of
    /// the others.
    ///
    /// ```
    /// use quorate_consistency::session::{Admit, Op, Session};
    ///
    /// const ORDERS: u64 = 1;
    /// const INVOICES: u64 = 2;
    /// let mut session = Session::default().with_service(ORDERS);
    /// session.observe_write(0, 30);
    /// let mut session = session.with_service(INVOICES);
    /// session.observe_read(0, 5);
    /// assert_eq!(session.admit(Op::Read, 0, 10), Admit::Serve);
    /// let session = session.with_service(ORDERS);
    /// assert_eq!(session.admit(Op::Read, 0, 10), Admit::Wait { until_index: 30 });
    /// ```
    #[must_use]
    pub fn with_service(self, service: u64) -> Self {
        Self { service, ..self }
    }

    /// It read a shard, where the log had been applied up to a position.
    pub fn observe_read(&mut self, shard: u64, at: impl Into<Position>) {
        self.token.observe_read(self.service, shard, at.into());
    }

    /// It wrote to a shard, and the write was acknowledged at a position.
    pub fn observe_write(&mut self, shard: u64, at: impl Into<Position>) {
        self.token.observe_write(self.service, shard, at.into());
    }

    /// It read at a replica that knows where the log of its shard comes from. So it has seen that the shards
    /// that this one comes from have ended, and may not go back to replicas of theirs that do not know it
    /// yet: these lack what was written since. That takes an entry for each of them in the token, until it is
    /// [stable](Token::drop_stable).
    ///
    /// ```
    /// use quorate_consistency::session::{Admit, Lineage, Op, Session};
    ///
    /// let parent = Lineage::new(0, 0);
    /// let child = Lineage::heir(1, 1, &[(&parent, 40)])?;
    /// let mut session = Session::default();
    /// session.observe_read_by(&child, 3);
    /// // A key that has moved is not looked for where it was.
    /// assert_eq!(session.admit_by(Op::Read, &parent, 40), Admit::Redirect);
    /// # Ok::<(), quorate_consistency::session::LineageError>(())
    /// ```
    pub fn observe_read_by(&mut self, lineage: &Lineage, index: u64) {
        self.observe_by(lineage, index, Self::observe_read);
    }

    /// It wrote at a replica that knows where the log of its shard comes from, as
    /// [`observe_read_by`](Self::observe_read_by).
    pub fn observe_write_by(&mut self, lineage: &Lineage, index: u64) {
        self.observe_by(lineage, index, Self::observe_write);
    }

    fn observe_by(&mut self, lineage: &Lineage, index: u64, observe: fn(&mut Self, u64, Position)) {
        observe(self, lineage.shard(), Position::new(lineage.epoch(), index));
        for (ancestor, end) in lineage.ancestors() {
            if !planted(Plant::ParentsUnmarked) {
                observe(self, ancestor, Position::new(end, 0));
            }
        }
    }

    /// What has to be there of a shard before the session may do something with it.
    pub fn requirement(&self, op: Op, shard: u64) -> Requirement<'_> {
        self.token
            .requirement(self.service, shard, op, self.guarantees)
    }

    /// What has to come before a write of the session, over all shards and services: a store that keeps the
    /// order [everywhere](WriteOrder::Everywhere) stores this with the write, and gives it back to those who
    /// read the write, for whom it counts as something that they read.
    ///
    /// ```
    /// use quorate_consistency::session::{Admit, Guarantees, Op, Session, WriteOrder};
    ///
    /// // She reads a question in shard 0, and answers it in shard 1.
    /// let mut alice = Session::new(Guarantees::CAUSAL, WriteOrder::Everywhere)?;
    /// alice.observe_read(0, 20);
    /// let kept_with_it = alice.prerequisites();
    /// alice.observe_write(1, 8);
    ///
    /// // He reads the answer, and does not get to see a shard 0 without the question.
    /// let mut bob = Session::new(Guarantees::CAUSAL, WriteOrder::Everywhere)?;
    /// bob.observe_read(1, 8);
    /// bob.merge(&kept_with_it)?;
    /// assert_eq!(bob.admit(Op::Read, 0, 19), Admit::Wait { until_index: 20 });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn prerequisites(&self) -> Token {
        self.token.prerequisites(self.guarantees)
    }

    /// Sees what another session saw, or another connection of this one.
    ///
    /// # Errors
    ///
    /// When it would be more than a token keeps. Nothing has changed then.
    pub fn merge(&mut self, other: &Token) -> Result<(), MergeError> {
        self.token.merge(other)
    }

    /// Carries what was seen in earlier epochs of a shard, and in shards that it comes from, over to its
    /// present epoch, so that the token has one entry for it. What was lost or is unknown stays as it is.
    ///
    /// A replica that is not in that epoch yet has to be redirected from then on, and would not have been
    /// before if it had enough of the old one.
    ///
    /// ```
    /// use quorate_consistency::session::{Indexes, Lineage, Op, Position, Session};
    ///
    /// let mut session = Session::default();
    /// session.observe_write(0, 14);
    /// let mut shard = Lineage::new(0, 0);
    /// shard.failover(1, 15, Indexes::Continue)?;
    /// session.follow(&shard);
    /// assert!(session.requirement(Op::Read, 0).positions().eq([Position::new(1, 14)]));
    /// # Ok::<(), quorate_consistency::session::LineageError>(())
    /// ```
    pub fn follow(&mut self, lineage: &Lineage) {
        let to = lineage.shard();
        let ancestors = lineage.ancestors().map(|(ancestor, _)| ancestor);
        for from in core::iter::once(to).chain(ancestors) {
            self.token.carry(self.service, from, to, |seen| {
                match lineage.place(from, seen) {
                    Placed::At { index } => Some(Position::new(lineage.epoch(), index)),
                    Placed::Lost { .. } | Placed::Apart | Placed::Unknown => None,
                }
            });
        }
    }

    /// Goes on without what was seen in an epoch of a shard, which was [lost](super::Admit::EpochChanged) or
    /// is not known to be kept. The application knows what that means for it: perhaps an order that has to be
    /// placed again. Call [`follow`](Self::follow) before, so as to keep what was kept: what was carried over
    /// to an epoch counts as seen there.
    pub fn forget(&mut self, shard: u64, epoch: u64) {
        self.token.forget(self.service, shard, epoch);
    }

    /// What it has seen, to be sent along.
    pub const fn token(&self) -> &Token {
        &self.token
    }

    /// What it has seen.
    pub fn into_token(self) -> Token {
        self.token
    }

    /// What it is promised.
    pub const fn guarantees(&self) -> Guarantees {
        self.guarantees
    }

    /// Of which service it speaks.
    pub const fn service(&self) -> u64 {
        self.service
    }
}
