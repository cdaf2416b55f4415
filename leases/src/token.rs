//! The number that tells an old holder from a new one.

use core::fmt;

/// The number of a grant. A later grant of the same table has a larger one, and none is used twice.
///
/// A holder sends it with everything that it does under the lease, and the resource refuses what
/// comes with a smaller number than it has seen ([`Fence`](crate::Fence)). It is a number, not a
/// secret: whoever knows it can renew and release the lease, so keep strangers out by other means.
///
/// ```
/// use quorate_leases::FencingToken;
///
/// let (old, new) = (FencingToken(33), FencingToken(34));
/// assert!(old < new);
/// assert_eq!(new.to_string(), "#34");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(transparent)
)]
pub struct FencingToken(pub u64);

impl FencingToken {
    /// Smaller than every token. It is never granted, and no fence lets it pass.
    pub const NONE: Self = Self(0);

    /// The token of the next grant, while there is one.
    pub(crate) const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(next) => Some(Self(next)),
            None => None,
        }
    }
}

impl fmt::Display for FencingToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}
