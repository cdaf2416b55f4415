//! What a holder is told.

use core::fmt;

use crate::{FencingToken, SafeUntil};

/// An uninterrupted stretch of holding, known by its number.
///
/// A lease that is renewed too late and then goes on is the same grant, with the same token, and another
/// stretch. Work begins in a stretch and ends with it: whoever was told to stop does not go on because the
/// lease came back.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Standing {
    /// The number of the stretch. Each has a larger one than those before.
    pub stretch: u64,
    /// The number of the grant, to be sent with everything that is done under it.
    pub token: FencingToken,
    /// Until when it may be done.
    pub safe: SafeUntil,
}

/// What the holder should know or do.
///
/// They come in turns: one that begins a stretch, then the [`Ended`](Self::Ended) of that stretch. A stretch
/// that is over before it was told is not told.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum HolderEvent {
    /// The lease was granted. [Raise the fence](crate::Fence::raise), and begin.
    Acquired(Standing),
    /// The grant that had lapsed was renewed after all, and nobody else has held the lease in between. What
    /// was begun before the gap has been aborted. Begin anew.
    Resumed(Standing),
    /// Stop what is done in this stretch. When nothing of it runs any more, say so:
    /// [`handle_stopped`](crate::LeaseHolder::handle_stopped).
    Ended {
        /// The number of the stretch.
        stretch: u64,
        /// The number of the grant.
        token: FencingToken,
        /// Why.
        why: EndReason,
    },
}

/// Why a stretch of holding ended.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum EndReason {
    /// No renewal was answered in time. It may come back, by [`HolderEvent::Resumed`].
    Lapsed,
    /// The grantor said that the grant has ended, or gave a newer one.
    Lost,
    /// The holder asked for it.
    Released,
    /// The holder showed no [`Progress`](crate::Progress) within its budget.
    Stalled,
    /// The two clocks disagree on how much time has passed: the machine stood still, or a clock was set.
    ClocksDisagree,
    /// The clock went back.
    ClockWentBack,
    /// The machine was disrupted: a snapshot was restored, or it was moved.
    Disrupted,
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lapsed => "no renewal was answered in time",
            Self::Lost => "the grant has ended at the grantor",
            Self::Released => "it was released",
            Self::Stalled => "there was no progress within its budget",
            Self::ClocksDisagree => "two clocks disagree on how much time has passed",
            Self::ClockWentBack => "the clock went back",
            Self::Disrupted => "the machine was disrupted",
        })
    }
}

/// A proof that work gets done: a number that grows with it.
///
/// The thread that renews is often healthy when the worker is not: the disk hangs, a lock is never freed, a
/// queue is full, and the lease is kept for a holder that does nothing (LavinMQ #2151). So a holder can be
/// made to show progress, and only a mark that is *larger* than the last counts. Take it from where the
/// work ends and not from where it begins: the last position that was synced, the number of answers sent. A
/// worker that has nothing to do writes something small.
///
/// ```
/// use quorate_leases::Progress;
///
/// let synced_up_to = 4_096;
/// assert!(Progress(synced_up_to) > Progress(1_024));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Progress(pub u64);
