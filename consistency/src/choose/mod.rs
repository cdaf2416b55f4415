//! Choose a consistency model for each operation, on purpose, and count what came of it.
//!
//! # Three questions
//!
//! Ask them of any design, and of any operation in it.
//!
//! 1. **What does it assume about the network?** That messages arrive, in time, once, in order? They do
//!    not. Whatever follows from a timeout is a guess, and [`View::partitioned`] is one too.
//! 2. **Where does it spend its consistency?** Every promise costs messages and waiting, so it should be
//!    bought where somebody needs it: the balance of an account, and not the number of its visitors. That
//!    is a [`Policy`] for each operation. Which promises there are, what each buys and costs, and which
//!    follows from which, is [`ConsistencyModel`].
//! 3. **What happens at the moment when a partition cuts the cluster in half?** One half has a majority, or
//!    none has. Those that are cut off can refuse or answer with less, and *both* are right for some
//!    operation. What no replica can do is to keep a model that is not
//!    [available](ConsistencyModel::availability); so a policy that says so is not compiled.
//!
//! # How to choose
//!
//! Begin with [`Linearizable`](types::Linearizable), which has no surprises, and go down only with a
//! reason:
//!
//! | If | then |
//! |---|---|
//! | two operations that contradict each other cost money | linearizable, and refuse in a partition; strict serializable, if they touch several keys |
//! | users only notice when their *own* changes vanish | read-your-writes and monotonic reads, by a [`Session`](crate::session::Session) |
//! | an answer must not be seen without its question | causal |
//! | it is shown on a screen, and a second ago is as good as now | bounded staleness |
//! | a wrong answer is better than none, always | eventual, with values that can be merged |
//! | it depends on how fast it can be had | an [`Sla`]: a list of what you would like, with what each is worth |
//!
//! Stores with quorums of replicas for each read and write make the same choice by numbers:
//! [`Quorums`] says what each choice of the numbers guarantees.
//!
//! # What came of it
//!
//! A [`Ledger`] counts each decision: what was declared, what was achieved, in a partition or not, after
//! how much waiting. So the row of PACELC that a system was designed for can be compared with the one in
//! which it lives.

mod decision;
mod latencies;
mod ledger;
mod models;
mod percentiles;
mod policy;
mod quorums;
mod rules;
mod sla;
mod view;

pub use decision::{Decision, Refusal};
pub use latencies::Latencies;
pub use ledger::{Ending, Ledger, LedgerRow, Pacelc, Shares};
pub use models::types::{self, AvailableInPartition, Consistency, StrongerThan};
pub use models::{Availability, ConsistencyModel, ModelParseError, Models};
pub use percentiles::Percentiles;
pub use policy::Policy;
pub use quorums::{QuorumError, Quorums, Registers};
pub use rules::{Rules, RulesError};
pub use sla::{Candidate, Choice, Sla, SlaError, SubSla};
pub use view::View;

#[cfg(test)]
mod tests;
