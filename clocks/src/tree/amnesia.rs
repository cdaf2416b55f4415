//! Somebody else knows more of our events than we do.

use core::fmt;

use super::id::Id;
use super::step::width;
use super::{TreeEvent, TreeExhausted};

/// Somebody knows of events within our id that we do not know of. Nothing has changed.
///
/// Only the owner of an id ticks within it, so nobody can know more of that than the owner. Either our
/// stamp is **older than what it has let out**, as after a restart from a backup, or there is a second
/// owner of the id, or the event is forged. Go on with this stamp and its events look like those that
/// others have seen already, so that updates vanish. Drop it, and ask a member for a [new
/// id](crate::TreeStamp::fork).
///
/// ```
/// use quorate_clocks::{TreeReceiveError, TreeStamp};
///
/// let (mut ann, mut bob) = TreeStamp::seed().fork()?;
/// let backup = ann.to_bytes();
/// bob.receive(&ann.send()?)?;
///
/// // The disk is lost, and the backup is older than what Bob got.
/// let mut ann = TreeStamp::from_bytes(&backup)?;
/// let refused = ann.receive(&bob.send()?).unwrap_err();
/// let TreeReceiveError::Amnesia(amnesia) = refused else { panic!("{refused}") };
/// assert_eq!((amnesia.ours, amnesia.theirs), (0, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TreeAmnesia {
    /// How high we have counted, in the first part where somebody knows more.
    pub ours: u64,
    /// How high somebody knows us to have counted there.
    pub theirs: u64,
}

impl TreeAmnesia {
    pub(super) fn check(id: &Id, ours: &TreeEvent, theirs: &TreeEvent) -> Result<(), Self> {
        let mut end = 0;
        for (depth, ours, theirs) in ours.overlaps(theirs) {
            let start = end;
            end += width(depth);
            if theirs > ours && id.owns_some_of(start, end) {
                return Err(Self { ours, theirs });
            }
        }
        Ok(())
    }
}

impl fmt::Display for TreeAmnesia {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "this stamp has counted to {} within its id, and somebody knows of a count of {} there: the \
             stamp is older than what it has let out, or its id has a second owner; drop it and fork \
             that of another member",
            self.ours, self.theirs
        )
    }
}

impl core::error::Error for TreeAmnesia {}

/// Why a stamp does not take a message in. Nothing has changed: not even what the message says is
/// learnt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TreeReceiveError {
    /// The sender knows more of our events than we do.
    Amnesia(TreeAmnesia),
    /// There is no larger count for its arrival.
    Exhausted(TreeExhausted),
}

impl From<TreeAmnesia> for TreeReceiveError {
    fn from(amnesia: TreeAmnesia) -> Self {
        Self::Amnesia(amnesia)
    }
}

impl From<TreeExhausted> for TreeReceiveError {
    fn from(exhausted: TreeExhausted) -> Self {
        Self::Exhausted(exhausted)
    }
}

impl fmt::Display for TreeReceiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Amnesia(amnesia) => amnesia.fmt(f),
            Self::Exhausted(exhausted) => exhausted.fmt(f),
        }
    }
}

impl core::error::Error for TreeReceiveError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(match self {
            Self::Amnesia(amnesia) => amnesia,
            Self::Exhausted(exhausted) => exhausted,
        })
    }
}
