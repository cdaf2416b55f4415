//! What to do in a partition, and what otherwise.

use core::marker::PhantomData;
use core::time::Duration;

use quorate_clocks::Instant;

use super::types::{
    AvailableInPartition, BoundedStaleness, Consistency, StrongerThan, WithoutBound,
};
use super::{Decision, Rules, View};

/// What an operation is promised, and what to give up when that cannot be had: the choices of CAP and
/// PACELC, made on purpose and checked when they are compiled.
///
/// **If there is a partition**, a replica that is cut off from the majority can refuse, which is what a
/// new policy says, or answer with less: [`degrade_to`](Self::degrade_to). **Else**, a replica that does
/// not have what was promised yet can wait for it, for at most [`wait_at_most`](Self::wait_at_most), or
/// answer at once with what is not too old: [`nearest_within`](Self::nearest_within). (Abadi,
/// "Consistency Tradeoffs in Modern Distributed Database System Design", IEEE Computer, 2012.)
///
/// | | refuse in a partition | degrade in a partition |
/// |---|---|---|
/// | wait otherwise | PC/EC: a bank account | PA/EC: a session store |
/// | nearest otherwise | PC/EL: a profile, in PNUTS | PA/EL: a shopping cart, in Dynamo |
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::Instant;
/// use quorate_consistency::choose::{ConsistencyModel, Decision, Models, Policy, Refusal, View, types};
///
/// // The balance: right or not at all.
/// let balance = Policy::<types::Linearizable>::new().wait_at_most(Duration::from_millis(500));
/// // The timeline: what this replica has is better than nothing, as long as no effect is seen without
/// // its cause.
/// let timeline = Policy::<types::Linearizable>::new().degrade_to::<types::Causal>();
///
/// let (asked, now) = (Instant::from_millis(10), Instant::from_millis(12));
/// let cut_off = View::<u64>::new(Models::of(&[ConsistencyModel::Causal])).cut_off();
/// assert_eq!(
///     balance.decide(&cut_off, asked, now),
///     Decision::Refuse(Refusal::CutOff { declared: ConsistencyModel::Linearizable }),
/// );
/// assert_eq!(
///     timeline.decide(&cut_off, asked, now),
///     Decision::Serve { achieved: ConsistencyModel::Causal, staleness: None },
/// );
/// ```
///
/// What cannot be is not compiled. To degrade to what is stronger:
///
/// ```compile_fail
/// use quorate_consistency::choose::{Policy, types};
///
/// Policy::<types::Causal>::new().degrade_to::<types::Linearizable>();
/// ```
///
/// To degrade to what a replica that is cut off cannot keep either:
///
/// ```compile_fail
/// use quorate_consistency::choose::{Policy, types};
///
/// Policy::<types::Linearizable>::new().degrade_to::<types::Sequential>();
/// ```
///
/// To answer with what is stale by a bound for what need not be fresh in the first place:
///
/// ```compile_fail
/// use core::time::Duration;
/// use quorate_consistency::choose::{Policy, types};
///
/// Policy::<types::Causal>::new().nearest_within(Duration::from_secs(1));
/// ```
///
/// Bounded staleness without its bound:
///
/// ```compile_fail
/// use quorate_consistency::choose::{Policy, types};
///
/// Policy::<types::BoundedStaleness>::new();
/// ```
///
/// Policies that are only known when the program runs, from a configuration or a request, are
/// [`Rules`], which make the same checks then.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Policy<M> {
    rules: Rules,
    declared: PhantomData<fn() -> M>,
}

impl<M: Consistency> Policy<M> {
    /// Promises the model, refuses in a partition, and does not wait.
    pub const fn new() -> Self
    where
        M: WithoutBound,
    {
        Self::of(Rules::unchecked(M::MODEL, None))
    }

    const fn of(rules: Rules) -> Self {
        Self {
            rules,
            declared: PhantomData,
        }
    }

    /// In a partition, answers with this weaker model, which a replica that is cut off can keep.
    #[must_use]
    pub const fn degrade_to<W: AvailableInPartition>(self) -> Self
    where
        M: StrongerThan<W>,
    {
        Self::of(self.rules.unchecked_degrade_to(W::MODEL))
    }

    /// In a partition, answers with less only as long as the answer is known to be no older than this.
    /// Sooner or later a partition that lasts is refused then. No change to a policy that refuses anyway.
    #[must_use]
    pub const fn while_within(self, bound: Duration) -> Self {
        Self::of(self.rules.while_within(bound))
    }

    /// Without a partition, answers at once if the answer is known to be no older than this: latency
    /// before consistency.
    #[must_use]
    pub const fn nearest_within(self, bound: Duration) -> Self
    where
        M: StrongerThan<BoundedStaleness>,
    {
        Self::of(self.rules.unchecked_nearest_within(bound))
    }

    /// Without a partition, waits for at most so long until the model can be kept, and then redirects or
    /// refuses.
    #[must_use]
    pub const fn wait_at_most(self, limit: Duration) -> Self {
        Self::of(self.rules.wait_at_most(limit))
    }

    /// What to do now with a request that came at `asked`. See [`Rules::decide`].
    pub fn decide<R: Clone>(&self, view: &View<R>, asked: Instant, now: Instant) -> Decision<R> {
        self.rules.decide(view, asked, now)
    }

    /// The same as data.
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }
}

impl Policy<BoundedStaleness> {
    /// Promises that every write that was acknowledged longer ago than the bound is seen; refuses in a
    /// partition once that cannot be told any more, and does not wait.
    pub const fn within(bound: Duration) -> Self {
        Self::of(Rules::unchecked(BoundedStaleness::MODEL, Some(bound)))
    }
}

impl<M: WithoutBound> Default for Policy<M> {
    fn default() -> Self {
        Self::new()
    }
}
