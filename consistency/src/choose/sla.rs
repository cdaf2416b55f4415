//! Ordered wishes: this model within that time, or else less.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use quorate_clocks::Instant;

use super::{ConsistencyModel, Latencies, Models, View};

/// One wish of an [`Sla`]: a model, within a time, and what that is worth.
///
/// ```
/// use core::time::Duration;
/// use quorate_consistency::choose::{ConsistencyModel, SubSla};
///
/// let fresh = SubSla {
///     model: ConsistencyModel::BoundedStaleness,
///     bound: Some(Duration::from_secs(5)),
///     latency: Duration::from_millis(100),
///     utility: 0.5,
/// };
/// assert_eq!(fresh.to_string(), "bounded-staleness of 5s within 100ms, worth 0.5");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SubSla {
    /// What the answer should keep.
    pub model: ConsistencyModel,
    /// How old the answer may be at most; needed for bounded staleness, and allowed for each model.
    pub bound: Option<Duration>,
    /// When it should be there.
    pub latency: Duration,
    /// What it is worth, in any unit; not negative, and no more than the wish before.
    pub utility: f64,
}

impl fmt::Display for SubSla {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.model)?;
        if let Some(bound) = self.bound {
            write!(f, " of {bound:?}")?;
        }
        write!(f, " within {:?}, worth {}", self.latency, self.utility)
    }
}

/// An ordered list of wishes, for a client that knows of several replicas which each differ in distance
/// and age: "what I wrote, within 300 ms; or else anything within 300 ms; or else what I wrote, within a
/// second".
///
/// Terry et al., "Consistency-Based Service Level Agreements for Cloud Storage" (Pileus, SOSP 2013),
/// sections 3 and 5: a request goes to the replica that promises the highest expected utility, and when it
/// is answered the client is told which wish came true.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::Instant;
/// use quorate_consistency::choose::{Candidate, ConsistencyModel::*, Latencies, Models, Sla, SubSla, View};
///
/// let within = |model, millis, utility| SubSla {
///     model,
///     bound: None,
///     latency: Duration::from_millis(millis),
///     utility,
/// };
/// let cart = Sla::new([
///     within(ReadYourWrites, 300, 1.0),
///     within(Eventual, 300, 0.5),
///     within(ReadYourWrites, 1_000, 0.25),
/// ])?;
///
/// let now = Instant::from_millis(5_000);
/// let mut near = Latencies::new(Duration::from_secs(60));
/// let mut far = Latencies::new(Duration::from_secs(60));
/// for _ in 0..20 {
///     near.answered(now, Duration::from_millis(10));
///     far.answered(now, Duration::from_millis(400));
/// }
/// let behind = View::<()>::new(Models::of(&[Eventual]));
/// let leader = View::<()>::new(Models::of(&[Linearizable]));
/// let candidates = [
///     Candidate { replica: "near", view: &behind, latencies: &near },
///     Candidate { replica: "far", view: &leader, latencies: &far },
/// ];
/// // The near one is behind, and half the worth is nearly sure there; what it wrote would take too long.
/// let choice = cart.choose(&candidates, now).unwrap();
/// assert_eq!((choice.replica, choice.wish), ("near", 1));
/// // It answered in 12 ms, and was not behind any more: the first wish came true.
/// let came_true = cart.delivered(Models::of(&[Pram]), None, Duration::from_millis(12));
/// assert_eq!(came_true, Some(0));
/// # Ok::<(), quorate_consistency::choose::SlaError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Sla(Vec<SubSla>);

/// A replica that a request could be sent to, and what is known of it here.
///
/// See [`Sla`] for an example.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a, R> {
    /// The replica.
    pub replica: R,
    /// What it is believed to keep. What it told with its last answer is a lower bound of what it has now.
    pub view: &'a View<()>,
    /// How fast it answered lately.
    pub latencies: &'a Latencies,
}

/// Where to send a request, as [`Sla::choose`] says; see [`Sla`] for an example.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice<R> {
    /// The replica.
    pub replica: R,
    /// The place in the list of the wish that it is to make true.
    pub wish: usize,
    /// What that is worth times the chance that it comes true.
    pub expected: f64,
}

impl Sla {
    /// As many wishes as there can be: each request looks at all of them for each replica.
    pub const MAX_WISHES: usize = 64;

    /// The wishes in this order, the dearest first.
    ///
    /// # Errors
    ///
    /// [`SlaError`] if there are none or too many, if bounded staleness has no bound, or if a utility is
    /// negative, not a number, or higher than the one before.
    pub fn new(wishes: impl IntoIterator<Item = SubSla>) -> Result<Self, SlaError> {
        let mut list: Vec<SubSla> = Vec::new();
        for wish in wishes {
            let at = list.len();
            if at == Self::MAX_WISHES {
                return Err(SlaError::TooMany);
            }
            if wish.model == ConsistencyModel::BoundedStaleness && wish.bound.is_none() {
                return Err(SlaError::NoBound { at });
            }
            let most = list.last().map_or(f64::INFINITY, |before| before.utility);
            // Also false for what is not a number.
            if !(0.0..=most).contains(&wish.utility) || wish.utility.is_infinite() {
                return Err(SlaError::Utility {
                    at,
                    utility: wish.utility,
                });
            }
            list.push(wish);
        }
        if list.is_empty() {
            return Err(SlaError::Empty);
        }
        Ok(Self(list))
    }

    /// The wishes, in order.
    pub fn wishes(&self) -> &[SubSla] {
        &self.0
    }

    /// The replica and the wish of the highest expected utility: what the wish is worth, times the chance
    /// that the replica answers in time, if it is believed to keep the model. Among equals the wish and then
    /// the replica that come first. None if no replica is believed to keep any.
    pub fn choose<R: Clone>(
        &self,
        candidates: &[Candidate<'_, R>],
        now: Instant,
    ) -> Option<Choice<R>> {
        let mut best: Option<Choice<R>> = None;
        for (wish, sub) in self.0.iter().enumerate() {
            for candidate in candidates {
                if !candidate.view.keeps(sub.model, sub.bound, now) {
                    continue;
                }
                let chance = candidate.latencies.chance_within(sub.latency, now);
                let expected = sub.utility * chance;
                if best.as_ref().is_none_or(|best| expected > best.expected) {
                    best = Some(Choice {
                        replica: candidate.replica.clone(),
                        wish,
                        expected,
                    });
                }
            }
        }
        best
    }

    /// Which wish an answer made true: the first that it keeps, in the time that it took. None if it was
    /// too late or too little for all.
    pub fn delivered(
        &self,
        achieved: Models,
        staleness: Option<Duration>,
        latency: Duration,
    ) -> Option<usize> {
        // An answer is as a replica that was current as long ago.
        let now = Instant::MAX;
        let mut view = View::<()>::new(achieved);
        view.current_as_of = staleness.map(|staleness| now.saturating_sub(staleness));
        self.0
            .iter()
            .position(|wish| latency <= wish.latency && view.keeps(wish.model, wish.bound, now))
    }
}

/// Why a list of wishes makes no sense.
///
/// ```
/// use quorate_consistency::choose::{Sla, SlaError};
///
/// assert_eq!(Sla::new([]), Err(SlaError::Empty));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum SlaError {
    /// No wish at all.
    Empty,
    /// More than [`Sla::MAX_WISHES`].
    TooMany,
    /// Bounded staleness without a bound.
    NoBound {
        /// Its place in the list.
        at: usize,
    },
    /// A utility that is negative, no number, or higher than the one before.
    Utility {
        /// Its place in the list.
        at: usize,
        /// The utility.
        utility: f64,
    },
}

impl fmt::Display for SlaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the list has no wishes: give one at least"),
            Self::TooMany => write!(f, "the list has more than {} wishes", Sla::MAX_WISHES),
            Self::NoBound { at } => write!(
                f,
                "wish {at} is bounded-staleness without a bound: say how old an answer may be"
            ),
            Self::Utility { at, utility } => write!(
                f,
                "the utility of wish {at} is {utility}: it takes a number that is not negative and not \
                 above the one before, as the dearest wish comes first"
            ),
        }
    }
}

impl core::error::Error for SlaError {}
