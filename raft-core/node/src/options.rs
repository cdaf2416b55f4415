//! The settings of a node.

use quorate_clocks::SystemClock;
use quorate_raft_core::Config;

use quorate_raft_log::Log;

use crate::StartError;

/// More than a record has besides its entries.
const RECORD_OVERHEAD: usize = 4 << 10;

/// The settings of a node: those of Raft, and those of its driver.
///
/// ```
/// use quorate_clocks::NodeId;
/// use quorate_raft_core::Config;
/// use quorate_raft_node::NodeOptions;
///
/// let members = [NodeId(1), NodeId(2), NodeId(3)];
/// let mut options = NodeOptions::new(Config::new(NodeId(1), members));
/// options.snapshot_every = 1_000_000;
/// # assert!(options.keep_entries < options.snapshot_every);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeOptions {
    /// The settings of Raft.
    pub raft: Config,
    /// Drives the election timeouts. Another one for every member and every start; the default is
    /// made of the id and the time of day.
    pub seed: u64,
    /// A snapshot is taken when this many entries were applied since the last one. Zero counts no
    /// entries.
    pub snapshot_every: u64,
    /// A snapshot is taken, too, when about this many bytes of entries were applied since the last
    /// one. Zero counts no bytes; with both at zero none is taken, and the log grows for ever.
    pub snapshot_every_bytes: u64,
    /// Entries before a snapshot that stay in the log, so that a member that was away for a short
    /// while is sent entries and not the snapshot.
    pub keep_entries: u64,
    /// About how many bytes of such entries stay at most.
    pub keep_bytes: u64,
    /// Proposals that this node has taken and not yet answered. One more is refused with
    /// [`Overloaded`](crate::ProposeFailed::Overloaded).
    pub max_open_proposals: usize,
    /// Reads that this node has taken and not yet answered. One more is refused with
    /// [`Overloaded`](crate::ReadFailed::Overloaded).
    pub max_open_reads: usize,
}

impl NodeOptions {
    /// Snapshots every 65,536 entries of which 16,384 stay or every 256 MiB of which 64 MiB stay,
    /// 65,536 open proposals, as many reads.
    pub fn new(raft: Config) -> Self {
        let wall = SystemClock::wall().as_nanos();
        Self {
            // An odd multiplier spreads small ids over all bits.
            seed: wall ^ raft.id.0.wrapping_mul(0x9E37_79B9_7F4A_7C15),
            raft,
            snapshot_every: 65_536,
            snapshot_every_bytes: 256 << 20,
            keep_entries: 16_384,
            keep_bytes: 64 << 20,
            max_open_proposals: 65_536,
            max_open_reads: 65_536,
        }
    }

    pub(crate) fn check(&self, log: &Log) -> Result<(), StartError> {
        // tokio's semaphores and channels have fewer permits than usize::MAX.
        const MOST: usize = 1 << 24;
        if self.max_open_proposals == 0 {
            return Err(StartError::Setting {
                what: "max_open_proposals is zero; nothing could be proposed",
            });
        }
        if self.max_open_reads == 0 || self.max_open_reads > MOST {
            return Err(StartError::Setting {
                what: "max_open_reads is not from 1 to 16,777,216",
            });
        }
        // The core takes one more append while less waits for the disk than may.
        let append = self.raft.max_append_bytes.max(self.raft.max_command_bytes);
        let needed_bytes = [append, RECORD_OVERHEAD]
            .into_iter()
            .fold(self.raft.max_uncommitted_bytes, usize::saturating_add);
        let limit_bytes = log.max_record_bytes();
        if needed_bytes > limit_bytes {
            return Err(StartError::RecordLimit {
                needed_bytes,
                limit_bytes,
            });
        }
        Ok(())
    }
}
