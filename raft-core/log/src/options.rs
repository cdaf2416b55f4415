//! The settings of a log.

/// The settings of a log. They may differ from one opening to the next.
///
/// ```
/// use quorate_raft_log::LogOptions;
///
/// let options = LogOptions { segment_bytes: 64 << 20, ..LogOptions::default() };
/// assert_eq!(options.tail_bytes, 16 << 20);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogOptions {
    /// A segment that has reached this many bytes is closed, and a new one begun. Space is given
    /// back in whole segments, so this is also about how much a purge leaves behind. At least
    /// 4 KiB; 8 MiB by default.
    pub segment_bytes: u64,
    /// How many bytes of the newest entries [`Log::open`](crate::Log::open) hands over in memory:
    /// payloads, and 64 for each entry. 16 MiB by default.
    pub tail_bytes: usize,
    /// The largest record, which is one [`Persist`](quorate_raft_core::Persist) without its
    /// snapshot. Larger ones are refused. At most 1 GiB; 256 MiB by default.
    pub max_record_bytes: usize,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 8 << 20,
            tail_bytes: 16 << 20,
            max_record_bytes: 256 << 20,
        }
    }
}

impl LogOptions {
    /// The settings within their bounds.
    pub(crate) fn bounded(mut self) -> Self {
        self.segment_bytes = self.segment_bytes.max(4 << 10);
        self.max_record_bytes = self.max_record_bytes.min(1 << 30);
        self
    }
}
