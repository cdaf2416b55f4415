//! What a replica knows about itself when it is asked.

use core::time::Duration;

use quorate_clocks::Instant;

use super::{ConsistencyModel, Models};

/// What a replica knows about itself at the moment when it has to decide about a request.
///
/// All of it is a statement of the replica's own, and most of it is a lower bound: a replica that does not
/// know whether it is current says nothing, and is taken to be as old as anything.
///
/// [`current_as_of`](Self::current_as_of) needs no clocks that agree. A replica asks a majority how far the
/// log is committed, and notes on its own clock when it *asked*: once it has applied that much, it has all
/// that was acknowledged before it asked.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::Instant;
/// use quorate_consistency::choose::{ConsistencyModel::*, Models, View};
///
/// // A follower that has applied all that was committed when it asked, 300 ms ago.
/// let view: View = View::new(Models::of(&[Sequential])).current_as_of(Instant::from_millis(1_000));
/// let now = Instant::from_millis(1_300);
/// assert_eq!(view.staleness(now), Some(Duration::from_millis(300)));
/// assert!(view.keeps(BoundedStaleness, Some(Duration::from_millis(500)), now));
/// assert!(!view.keeps(BoundedStaleness, Some(Duration::from_millis(200)), now));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct View<R = u64> {
    /// Which models an answer that is given now, out of what the replica has, would keep. What depends on
    /// the client belongs here too: read-your-writes if the replica has what the client's session wrote.
    pub offers: Models,
    /// Whether it takes itself to be cut off from the majority. It cannot know: a timeout is a guess.
    pub partitioned: bool,
    /// Every write that was acknowledged before this is in what the replica has; none if it cannot tell.
    pub current_as_of: Option<Instant>,
    /// When it expects to offer more, such as the end of a round of messages; none if it cannot tell.
    pub ready_at: Option<Instant>,
    /// A replica that is believed to be reachable for the client and to offer more. Leave it out for a
    /// request that was redirected already, or two replicas may send it back and forth.
    pub elsewhere: Option<R>,
}

impl<R> View<R> {
    /// A replica that is in touch with the majority, and knows nothing else of itself.
    pub const fn new(offers: Models) -> Self {
        Self {
            offers,
            partitioned: false,
            current_as_of: None,
            ready_at: None,
            elsewhere: None,
        }
    }

    /// The same, cut off from the majority.
    #[must_use]
    pub fn cut_off(mut self) -> Self {
        self.partitioned = true;
        self
    }

    /// The same, with all that was acknowledged before `at`.
    #[must_use]
    pub fn current_as_of(mut self, at: Instant) -> Self {
        self.current_as_of = Some(at);
        self
    }

    /// The same, expecting to offer more at `at`.
    #[must_use]
    pub fn ready_at(mut self, at: Instant) -> Self {
        self.ready_at = Some(at);
        self
    }

    /// The same, knowing of a replica that offers more.
    #[must_use]
    pub fn elsewhere(mut self, replica: R) -> Self {
        self.elsewhere = Some(replica);
        self
    }

    /// How old an answer given now may be at most: no write that was acknowledged longer ago is missing.
    /// None if that is not known. Zero for what is linearizable.
    pub fn staleness(&self, now: Instant) -> Option<Duration> {
        if self.offers.contains(ConsistencyModel::Linearizable) {
            return Some(Duration::ZERO);
        }
        self.current_as_of.map(|at| now.since(at))
    }

    /// Whether an answer given now keeps the model, and is no staler than the bound if there is one.
    ///
    /// Bounded staleness is judged by the bound alone, and without a bound not kept by any view.
    pub fn keeps(&self, model: ConsistencyModel, bound: Option<Duration>, now: Instant) -> bool {
        let is_fresh = bound.map(|bound| self.is_within(bound, now));
        match model {
            ConsistencyModel::BoundedStaleness => is_fresh == Some(true),
            model => self.offers.contains(model) && is_fresh != Some(false),
        }
    }

    /// Whether an answer given now is known to be no staler than the bound.
    pub fn is_within(&self, bound: Duration, now: Instant) -> bool {
        self.staleness(now)
            .is_some_and(|staleness| staleness <= bound)
    }
}
