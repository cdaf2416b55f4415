//! What a candidate is told.

use alloc::sync::Arc;
use core::fmt;

use crate::{EndReason, FencingToken, SafeUntil};

/// What a candidate should know or do.
///
/// Each term that is led is told by [`Elected`](Self::Elected) and ends with [`Deposed`](Self::Deposed). One that
/// is over before it was told is not told.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{Incarnation, Instant};
/// use quorate_leases::{Candidate, CandidateConfig, ElectionEvent, FencingToken};
///
/// let (now, ttl) = (Instant::from_millis(0), Duration::from_secs(10));
/// let mut ann = Candidate::new(CandidateConfig::new("ann", ttl), Incarnation(1), 7)?;
/// ann.campaign(now);
/// let request = ann.poll_transmit(now).expect("it wants to lead");
/// ann.handle_granted(request.ticket, FencingToken(33), ttl, now);
///
/// let events: Vec<_> = core::iter::from_fn(|| ann.poll_event()).collect();
/// let [ElectionEvent::Elected { term, .. }, ElectionEvent::LeaderChanged { leader, .. }] = &events[..]
///     else { panic!("{events:?}") };
/// assert_eq!((*term, &**leader), (FencingToken(33), "ann"));
/// # Ok::<(), quorate_leases::HolderConfigError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ElectionEvent {
    /// This candidate leads. [Raise](crate::Fence::raise) the term at every resource, and begin.
    Elected {
        /// The number of the term, to be sent with everything that is done in it. Each is larger than those
        /// before, of whomever, and is led once.
        term: FencingToken,
        /// Until when, if it is not prolonged: counted from when the candidate asked. Later see
        /// [`Candidate::standing`](crate::Candidate::standing).
        safe_until: SafeUntil,
    },
    /// It does not lead any more. Stop what is done in this term. When nothing of it runs any more, say so:
    /// [`Candidate::handle_stopped`](crate::Candidate::handle_stopped). Until then it does not stand for election
    /// again.
    Deposed {
        /// The number of the term.
        term: FencingToken,
        /// Why.
        why: DeposedReason,
    },
    /// A term that was [resigned](crate::Candidate::resign) is given back, or has run out meanwhile: whoever comes
    /// next need not wait.
    Resigned {
        /// The number of the term.
        term: FencingToken,
        /// Who should lead next. Tell the others, who take it by
        /// [`Candidate::handle_hand_over`](crate::Candidate::handle_hand_over).
        preferred: Option<Arc<str>>,
    },
    /// There is a leader of a newer term: this candidate or another.
    LeaderChanged {
        /// Its name.
        leader: Arc<str>,
        /// The number of its term.
        term: FencingToken,
    },
    /// The newest term that is known of is over.
    Vacant {
        /// The number of that term.
        after: FencingToken,
    },
}

/// Why a candidate does not lead any more.
///
/// ```
/// use quorate_leases::{DeposedReason, EndReason, FencingToken};
///
/// let why = DeposedReason::Superseded { newest: FencingToken(34) };
/// assert_eq!(why.to_string(), "term #34 has been heard of");
/// let why = DeposedReason::Lease(EndReason::Lapsed);
/// assert_eq!(why.to_string(), "no renewal was answered in time");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum DeposedReason {
    /// It [resigned](crate::Candidate::resign).
    Resigned,
    /// It [hands over](crate::Candidate::yield_to) to another.
    Yielded,
    /// There is a newer term, or the grantor's record says that this one is over.
    Superseded {
        /// The newest term that is known of.
        newest: FencingToken,
    },
    /// Its lease ended.
    Lease(EndReason),
}

impl fmt::Display for DeposedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resigned => f.write_str("it resigned"),
            Self::Yielded => f.write_str("it hands over to another"),
            Self::Superseded { newest } => write!(f, "term {newest} has been heard of"),
            Self::Lease(why) => why.fmt(f),
        }
    }
}
