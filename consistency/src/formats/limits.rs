//! How much is read.

/// How much is read before a file is refused.
///
/// ```
/// use quorate_consistency::ReadLimits;
///
/// let small = ReadLimits { records: 1_000, ..ReadLimits::default() };
/// assert_eq!(small.line_bytes, 4 << 20);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ReadLimits {
    /// The longest line, in bytes without its end, or the longest event where events are no lines.
    /// 4 MiB by default.
    pub line_bytes: usize,
    /// The most records or events. 10 million by default.
    pub records: usize,
    /// How deep values may be nested. 32 by default.
    pub depth: usize,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            line_bytes: 4 << 20,
            records: 10_000_000,
            depth: 32,
        }
    }
}
