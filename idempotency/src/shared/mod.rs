//! The key store for the threads of one process.

mod claim;
mod error;
mod join;
mod running;
mod shard;
mod shares;
mod store;
mod waiting;
mod weakness;

#[cfg(all(test, not(loom)))]
mod kill_matrix;
#[cfg(all(test, loom))]
mod loom_tests;

pub use claim::{SharedClaim, SharedInDoubt};
pub use error::{SharedCompleteError, SharedStoreError};
pub use running::{OnDrop, Running};
pub use store::{SharedOptions, SharedStore};
pub use waiting::{Joined, Waiting};
