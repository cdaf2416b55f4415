//! Elections: who leads, by the number of its term.

mod candidate;
mod config;
mod event;
#[cfg(all(test, not(loom)))]
mod kill_matrix;
mod turn;
mod view;
mod weakness;

pub use candidate::Candidate;
pub use config::CandidateConfig;
pub use event::{DeposedReason, ElectionEvent};
pub use view::{Leader, LeaderEvent, LeaderNameTooLong, LeaderView};
