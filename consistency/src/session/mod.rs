//! Keep what a session was promised, whichever replica it asks.
//!
//! # The problem
//!
//! A user changes a name and reloads the page. The write went to the leader; the read goes to a replica
//! nearby, which has not heard of it yet, and shows the old name. Or two reads go to two replicas, and the
//! second shows less than the first. Nothing is broken, and nobody can explain it to the user.
//!
//! It does not take a linearizable read to prevent that. It takes a note of *how far the user has seen*,
//! which travels with each request: a replica that has not come as far waits, or sends the request on. That
//! note is a [`Token`], and a [`Session`] is what keeps it and decides by it.
//!
//! ```
//! use quorate_consistency::session::{Admit, Op, Session, Token};
//!
//! // The leader acknowledged the write at index 17 of shard 0, and said so in a header.
//! let mut session = Session::default();
//! session.observe_write(0, 17);
//! let header = session.token().to_string();
//!
//! // A replica that has applied the log up to 15 gets the read.
//! let token: Token = header.parse()?;
//! let mut session = Session::default().with_token(token);
//! assert_eq!(session.admit(Op::Read, 0, 15), Admit::Wait { until_index: 17 });
//! // A moment later it has come as far as 18, and that is what the user has seen then.
//! assert_eq!(session.admit(Op::Read, 0, 18), Admit::Serve);
//! session.observe_read(0, 18);
//! let header = session.token().to_string();
//! assert!(header.len() <= 16);
//! # Ok::<(), quorate_consistency::session::TokenError>(())
//! ```
//!
//! # What can be promised
//!
//! Four things (Terry et al., "Session Guarantees for Weakly Consistent Replicated Data", 1994), of which a
//! client can keep two alone:
//!
//! | Guarantee | | kept by |
//! |---|---|---|
//! | read your writes | a read shows what the session wrote before | the token |
//! | monotonic reads | a read shows what the session read before | the token |
//! | monotonic writes | everybody sees the session's writes in their order | the token, and a store that [orders writes](WriteOrder) |
//! | writes follow reads | everybody who sees a write sees what its session had read before | the same |
//!
//! All four are causal consistency. [`Session::new`] refuses to promise what the store cannot help to keep.
//!
//! # What can happen to a shard
//!
//! A token says: *index 17 of shard 0*. That means something as long as shard 0 has one log, which only
//! grows. When a replica that lagged takes over, or a backup is restored, index 17 is another entry, and to
//! compare numbers is to be wrong without noticing. So each [`Position`] has an **epoch**, and positions of
//! two epochs do not compare. What a replica knows of how its log came about is a [`Lineage`]; with that,
//! what the session saw is *there*, or *lost*, or *unknown*. The session is told which
//! ([`Admit::EpochChanged`]), and unknown never counts as there. Splits and merges of shards are the same
//! thing, with other shards' logs.
//!
//! | The store | asks | tells the session |
//! |---|---|---|
//! | never loses what it acknowledged, and does not split shards: a Raft group | [`admit`](Session::admit) | [`observe_read`](Session::observe_read), [`observe_write`](Session::observe_write) |
//! | fails over to replicas that may lag | [`admit_by`](Session::admit_by) a lineage; `admit` takes each failover for a loss | the same |
//! | splits and merges shards | [`admit_by`](Session::admit_by) | [`observe_read_by`](Session::observe_read_by), [`observe_write_by`](Session::observe_write_by) |
//!
//! # With a policy
//!
//! A session says whether a replica has what *this user* saw. Whether to wait for it, to send the request on or
//! to answer with less is for a [policy](crate::choose::Policy), to which it is one more thing that the
//! replica can offer or not:
//!
//! ```
//! use core::time::Duration;
//! use quorate_clocks::Instant;
//! use quorate_consistency::choose::{ConsistencyModel::*, Decision, Models, Policy, View, types};
//! use quorate_consistency::session::{Op, Session};
//!
//! let mut session = Session::default();
//! session.observe_write(0, 17);
//! let policy = Policy::<types::ReadYourWrites>::new().wait_at_most(Duration::from_millis(50));
//! let decide = |applied| {
//!     let offers = match session.admit(Op::Read, 0, applied).is_serve() {
//!         true => Models::of(&[ReadYourWrites, MonotonicReads]),
//!         false => Models::of(&[Eventual]),
//!     };
//!     let now = Instant::from_millis(1_000);
//!     policy.decide(&View::<u64>::new(offers), now, now)
//! };
//! assert_eq!(decide(17), Decision::Serve { achieved: ReadYourWrites, staleness: None });
//! assert_eq!(decide(16), Decision::Wait { until: Instant::from_millis(1_050) });
//! ```
//!
//! # What it costs
//!
//! About 5 bytes for each shard that the session touched ([`Token`] has a table), some 20 ns to admit an
//! operation or to observe one, and 90 ns for each shard to read a token and write it again. A token can be
//! made to [fit](Token::fit) any budget; then it asks for more than the session saw, never for less, and says
//! so. It can be [sealed](SealedToken), so that nobody makes one up.
//!
//! A session says nothing of what others wrote: who has seen nothing may be shown anything. Ask how old it is
//! at most, by [versions](Newest) or by [time](Age).
mod admit;
mod guarantees;
mod lineage;
mod plant;
mod position;
mod staleness;
mod token;
mod tracker;
mod varint;

pub use admit::Admit;
pub use guarantees::{Guarantees, NeedsStore, Op, WriteOrder};
pub use lineage::{Indexes, Lineage, LineageBytesError, LineageError, Placed};
pub use position::Position;
pub use staleness::{Age, Certainty, Newest};
pub use token::{
    Coarsened, MergeError, OpenError, Requirement, Seal, SealedToken, TagError, Token, TokenError,
};
pub use tracker::Session;

#[cfg(test)]
mod tests;
