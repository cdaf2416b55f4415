//! Numbers for a dashboard.

/// What a log has done since it was opened, and how large it is now.
///
/// ```
/// use quorate_raft_log::{Log, LogOptions};
///
/// let directory = tempfile::tempdir()?;
/// let (log, _) = Log::open(directory.path(), LogOptions::default())?;
/// assert_eq!((log.stats().segments, log.stats().syncs), (1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct LogStats {
    /// Writes that were taken.
    pub records: u64,
    /// Syncs that had something to make durable.
    pub syncs: u64,
    /// Bytes written to segments and snapshots, with the zeros written ahead.
    pub written_bytes: u64,
    /// Snapshots written.
    pub snapshots: u64,
    /// Segments that there are.
    pub segments: u64,
    /// Bytes that records take in them.
    pub log_bytes: u64,
}
