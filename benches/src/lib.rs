//! The workloads that the benches, and the comparison with the rivals, measure.
//!
//! A workload is the same work whoever does it: the payloads, the batches, what counts as done and
//! what is dropped when are fixed here, and each system is driven the way that suits it best.

mod raft;

pub use raft::RaftCluster;

/// Every this many entries, each member forgets its log up to what it has applied.
pub const COMPACT_EVERY: u64 = 1024;

/// A group of members in one thread that agree on entries: workload W1 and W2.
///
/// One call of [`commit`](Self::commit) proposes a batch, with payloads that are allocated and
/// copied from a template as a decoded request would be, and returns when *every* member has
/// applied all of it, having looked at the first byte of each payload.
pub trait Replicated {
    /// Proposes `count` entries with the bytes of `template`, and drives them to the end.
    fn commit(&mut self, count: usize, template: &[u8]);

    /// How many entries the member that is furthest behind has applied.
    fn applied(&self) -> u64;

    /// A sum of the first bytes that all members have read, so that no reading can be left out.
    fn checksum(&self) -> u64;
}
