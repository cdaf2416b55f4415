//! What must hold after every step, one file each.
//!
//! | invariant | where |
//! |---|---|
//! | one vote per term and node | Raft §5.2, §5.4; figure 2 |
//! | election safety | Raft §5.2, figure 3 |
//! | log matching | Raft §5.3, figure 3 |
//! | leader completeness | Raft §5.4, figure 3 |
//! | state machine safety | Raft §5.4.3, figure 3 |
//! | monotony | Raft figure 2 |
//! | acknowledged is durable | Raft §5.3, §5.5 |
//! | what was refuted stays out | thesis §6.3 |
//! | reads are linearizable | Raft §8, thesis §6.4 |
//! | currency is proved | Raft §8, thesis §6.4 |

use quorate_sim::World;

use super::cluster::Cluster;

mod acknowledged;
mod currency;
mod election_safety;
mod leader_completeness;
mod log_matching;
mod monotony;
mod one_vote;
mod reads;
mod refuted;
mod state_machine_safety;

pub(crate) trait Invariant {
    /// The name in the table.
    fn name(&self) -> &'static str;

    /// Looks at the node to which the last step happened, and at what was seen since.
    fn check(&mut self, world: &World<Cluster>) -> Result<(), String>;
}

pub(crate) fn all() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::new(one_vote::OneVote::default()),
        Box::new(election_safety::ElectionSafety::default()),
        Box::new(log_matching::LogMatching::default()),
        Box::new(leader_completeness::LeaderCompleteness::default()),
        Box::new(state_machine_safety::StateMachineSafety::default()),
        Box::new(monotony::Monotony::default()),
        Box::new(acknowledged::Acknowledged::default()),
        Box::new(refuted::Refuted::default()),
        Box::new(reads::Reads::default()),
        Box::new(currency::Currency::default()),
    ]
}
