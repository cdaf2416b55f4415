//! What a member of a group keeps at most, and what it has counted.

/// What a [`CausalBroadcast`](crate::CausalBroadcast) keeps at most, for each sender of its group.
///
/// Give all members the same: what one may send is what the others must be able to hold. A message
/// takes [`BroadcastMessage::size`](crate::BroadcastMessage::size) bytes.
///
/// ```
/// use quorate_clocks::BroadcastLimits;
///
/// let limits = BroadcastLimits { pending_messages: 64, ..BroadcastLimits::default() };
/// assert!(limits.relay);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct BroadcastLimits {
    /// How far past the last delivered message of a sender its messages are taken, waiting for
    /// earlier ones. At least one is.
    pub pending_messages: u64,
    /// How many bytes these take. No single message may take more.
    pub pending_bytes: usize,
    /// How many messages of a sender are kept to be sent again. A sender of so many that are not
    /// stable yet has to wait. At least one is.
    pub kept_messages: usize,
    /// How many bytes these take. No single message may take more.
    pub kept_bytes: usize,
    /// Whether messages of others are kept too, so that they can still be had when their sender is
    /// gone. Without it, a sender that fails half-way through a broadcast leaves some members with a
    /// message that the others can never get.
    pub relay: bool,
}

impl Default for BroadcastLimits {
    /// A thousand messages or 16 MiB, waiting and kept, and others' messages are kept too.
    fn default() -> Self {
        Self {
            pending_messages: 1024,
            pending_bytes: 16 << 20,
            kept_messages: 1024,
            kept_bytes: 16 << 20,
            relay: true,
        }
    }
}

impl BroadcastLimits {
    /// How large a message may be.
    pub(super) fn message(&self) -> usize {
        self.pending_bytes.min(self.kept_bytes)
    }
}

/// What a [`CausalBroadcast`](crate::CausalBroadcast) has done, for those who watch it.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct BroadcastCounts {
    /// Own messages.
    pub broadcast: u64,
    /// Messages of others that were handed out.
    pub delivered: u64,
    /// Messages that had arrived before.
    pub duplicates: u64,
    /// Messages that were refused, for whatever reason.
    pub refused: u64,
    /// Messages that were dropped to make room for earlier ones.
    pub evicted: u64,
    /// Messages that were dropped because their sender left before them.
    pub uncounted: u64,
}
