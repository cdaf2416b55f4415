//! Policies as data, and the decision itself.

use core::fmt;
use core::time::Duration;

use quorate_clocks::Instant;

use super::{ConsistencyModel, Decision, Refusal, View};

/// A policy that is only known when the program runs, from a configuration or from a request.
///
/// It makes the same checks as [`Policy`](super::Policy), where it is built.
///
/// ```
/// use core::time::Duration;
/// use quorate_consistency::choose::{ConsistencyModel::*, Rules, RulesError};
///
/// let rules = Rules::new(Linearizable, None)?
///     .degrade_to(Eventual)?
///     .while_within(Duration::from_secs(30))
///     .wait_at_most(Duration::from_millis(200));
/// assert_eq!(rules.declared(), Linearizable);
///
/// // To degrade to what a replica that is cut off cannot keep is no way out.
/// assert_eq!(
///     rules.degrade_to(Sequential),
///     Err(RulesError::NotAvailable { to: Sequential })
/// );
/// # Ok::<(), RulesError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Rules {
    declared: ConsistencyModel,
    /// How old an answer may be at most, where bounded staleness is declared.
    bound: Option<Duration>,
    degrade_to: Option<ConsistencyModel>,
    degrade_within: Option<Duration>,
    nearest_within: Option<Duration>,
    wait: Duration,
}

impl Rules {
    /// Promises the model, refuses in a partition, and does not wait. Bounded staleness takes a bound, and
    /// the other models none.
    ///
    /// # Errors
    ///
    /// [`RulesError::NoBound`] or [`RulesError::Bound`] if it is not so.
    pub const fn new(
        declared: ConsistencyModel,
        bound: Option<Duration>,
    ) -> Result<Self, RulesError> {
        match (declared, bound) {
            (ConsistencyModel::BoundedStaleness, None) => Err(RulesError::NoBound),
            (ConsistencyModel::BoundedStaleness, Some(_)) | (_, None) => {
                Ok(Self::unchecked(declared, bound))
            }
            (declared, Some(bound)) => Err(RulesError::Bound { declared, bound }),
        }
    }

    pub(super) const fn unchecked(declared: ConsistencyModel, bound: Option<Duration>) -> Self {
        Self {
            declared,
            bound,
            degrade_to: None,
            degrade_within: None,
            nearest_within: None,
            wait: Duration::ZERO,
        }
    }

    /// In a partition, answers with this weaker model.
    ///
    /// # Errors
    ///
    /// [`RulesError::NotWeaker`] if it is not weaker than what is declared, and
    /// [`RulesError::NotAvailable`] if a replica that is cut off cannot keep it either.
    pub const fn degrade_to(self, to: ConsistencyModel) -> Result<Self, RulesError> {
        if self.declared as u8 == to as u8 || !self.declared.implies(to) {
            return Err(RulesError::NotWeaker {
                declared: self.declared,
                to,
            });
        }
        if !to.availability().survives_partition() {
            return Err(RulesError::NotAvailable { to });
        }
        Ok(self.unchecked_degrade_to(to))
    }

    pub(super) const fn unchecked_degrade_to(mut self, to: ConsistencyModel) -> Self {
        self.degrade_to = Some(to);
        self
    }

    /// In a partition, answers with less only as long as the answer is known to be no older than this.
    #[must_use]
    pub const fn while_within(mut self, bound: Duration) -> Self {
        self.degrade_within = Some(bound);
        self
    }

    /// Without a partition, answers at once if the answer is known to be no older than this.
    ///
    /// # Errors
    ///
    /// [`RulesError::NotWeaker`] if bounded staleness is not weaker than what is declared.
    pub const fn nearest_within(self, bound: Duration) -> Result<Self, RulesError> {
        let (declared, to) = (self.declared, ConsistencyModel::BoundedStaleness);
        if matches!(declared, ConsistencyModel::BoundedStaleness) || !declared.implies(to) {
            return Err(RulesError::NotWeaker { declared, to });
        }
        Ok(self.unchecked_nearest_within(bound))
    }

    pub(super) const fn unchecked_nearest_within(mut self, bound: Duration) -> Self {
        self.nearest_within = Some(bound);
        self
    }

    /// Without a partition, waits for at most so long.
    #[must_use]
    pub const fn wait_at_most(mut self, limit: Duration) -> Self {
        self.wait = limit;
        self
    }

    /// The model that is promised.
    pub const fn declared(&self) -> ConsistencyModel {
        self.declared
    }

    /// The model that is settled for in a partition, if any.
    pub const fn degrades_to(&self) -> Option<ConsistencyModel> {
        self.degrade_to
    }

    /// What to do now with a request that came at `asked`.
    ///
    /// What is promised is served whenever the replica can, cut off or not. Otherwise the two halves of the
    /// policy are kept apart: a replica that takes itself to be cut off redirects, if it knows of a replica
    /// that offers more; or degrades, or refuses, at once, as nobody knows how long a partition lasts. One
    /// that does not answers with what is fresh enough, waits, redirects or refuses, in this order; if it
    /// knows that waiting will be in vain, it redirects at once.
    pub fn decide<R: Clone>(&self, view: &View<R>, asked: Instant, now: Instant) -> Decision<R> {
        let serve = |achieved| Decision::Serve {
            achieved,
            staleness: view.staleness(now),
        };
        if view.keeps(self.declared, self.bound, now) {
            return serve(self.declared);
        }
        let redirect = view.elsewhere.clone().map(|to| Decision::Redirect { to });
        if view.partitioned {
            return redirect.unwrap_or_else(|| match self.degraded(view, now) {
                Ok(achieved) => serve(achieved),
                Err(refusal) => Decision::Refuse(refusal),
            });
        }
        if self
            .nearest_within
            .is_some_and(|bound| view.is_within(bound, now))
        {
            return serve(ConsistencyModel::BoundedStaleness);
        }
        let deadline = asked + self.wait;
        let is_in_vain = view.ready_at.is_some_and(|ready| ready > deadline);
        match redirect {
            Some(redirect) if is_in_vain || now >= deadline => redirect,
            // What was expected for an instant that is over may come at any time.
            _ if now < deadline => Decision::Wait {
                until: view.ready_at.map_or(deadline, |ready| {
                    if ready > now {
                        ready.min(deadline)
                    } else {
                        deadline
                    }
                }),
            },
            _ => Decision::Refuse(Refusal::Waited {
                declared: self.declared,
                limit: self.wait,
            }),
        }
    }

    /// What a replica that is cut off may settle for.
    fn degraded<R>(&self, view: &View<R>, now: Instant) -> Result<ConsistencyModel, Refusal> {
        let declared = self.declared;
        let to = self.degrade_to.ok_or(Refusal::CutOff { declared })?;
        if !view.offers.contains(to) {
            return Err(Refusal::CannotDegrade { to });
        }
        match self.degrade_within {
            Some(bound) if !view.is_within(bound, now) => Err(Refusal::TooStale {
                staleness: view.staleness(now),
                bound,
            }),
            _ => Ok(to),
        }
    }
}

/// Why a policy makes no sense.
///
/// ```
/// use quorate_consistency::choose::{ConsistencyModel, Rules};
///
/// let error = Rules::new(ConsistencyModel::BoundedStaleness, None).unwrap_err();
/// assert_eq!(error.to_string(), "bounded-staleness takes a bound: say how old an answer may be");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RulesError {
    /// Bounded staleness without a bound.
    NoBound,
    /// A bound for a model that has none.
    Bound {
        /// The model.
        declared: ConsistencyModel,
        /// The bound.
        bound: Duration,
    },
    /// What it settles for promises something that is not promised in the first place, or the same.
    NotWeaker {
        /// What is promised.
        declared: ConsistencyModel,
        /// What it would settle for.
        to: ConsistencyModel,
    },
    /// What it settles for in a partition is not available in a partition.
    NotAvailable {
        /// What it would settle for.
        to: ConsistencyModel,
    },
}

impl fmt::Display for RulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBound => {
                f.write_str("bounded-staleness takes a bound: say how old an answer may be")
            }
            Self::Bound { declared, bound } => write!(
                f,
                "{declared} takes no bound, and {bound:?} was given: declare bounded-staleness, or let \
                 `nearest_within` say what is fresh enough"
            ),
            Self::NotWeaker { declared, to } => write!(
                f,
                "{to} is not weaker than {declared}: settle for what {declared} implies"
            ),
            Self::NotAvailable { to } => write!(
                f,
                "a replica that is cut off cannot keep {to}: settle for what is sticky or totally \
                 available, such as causal or eventual"
            ),
        }
    }
}

impl core::error::Error for RulesError {}
