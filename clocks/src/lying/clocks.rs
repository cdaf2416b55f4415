//! The clocks of several machines, and the true time.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use super::mischief::Draws;
use super::{ClockFault, ClockMischief, ClockReading, LyingClock};
use crate::SplitMix64;
use crate::{NodeId, WallTime};

/// The clocks of several machines, none of which can be trusted, and the true time that none of them
/// knows.
///
/// Code that reads clocks is tested on a machine whose clock is fine, or with one that the test moves by
/// hand, and then meets a leap second, a virtual machine that was paused, and a crystal that is hot. Here
/// is what it meets: clocks that are skewed, drift, are set, stand still and go on, by a script or by a
/// seed, and an oracle that knows what is true, so that what the code claims can be checked.
///
/// - [`new`](Self::new) makes clocks that are right; [`seeded`](Self::seeded), clocks to which things
///   [happen](ClockMischief) all the time.
/// - [`advance`](Self::advance) lets true time pass, [`read`](Self::read) is what a machine sees, and
///   [`truth`](Self::truth) what it does not.
/// - [`schedule`](Self::schedule) and [`strike`](Self::strike) make [something](ClockFault) happen, at
///   some true date or now.
/// - [`clock`](Self::clock) gives the [`LyingClock`] of a machine, which says how wrong it has been.
///
/// The same seed and the same calls give the same readings. What is read at a date does not depend on
/// how many steps led to it.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{ClockFault, HybridClock, LyingClocks, NodeId, WallTime};
///
/// let [ann, bob] = [NodeId(1), NodeId(2)];
/// let noon = WallTime::from_millis(1_700_000_000_000);
/// let mut clocks = LyingClocks::new(noon, [ann, bob]);
/// // In a second, somebody sets Bob's clock back by a minute.
/// let soon = noon.saturating_add(Duration::from_secs(1));
/// clocks.schedule(soon, bob, ClockFault::WallBack(Duration::from_secs(60)));
///
/// let mut at_bob = HybridClock::new(Duration::from_secs(120));
/// let wall = |clocks: &LyingClocks, of| clocks.read(of).map(|reading| reading.wall);
/// let before = at_bob.now(wall(&clocks, bob).expect("a machine"))?;
/// let struck = clocks.advance(Duration::from_secs(2));
/// assert_eq!(struck[0].to_string(), "n2 at 1700000001.000000000 s since 1970: the wall clock is set back by 60s");
///
/// // The date of what Bob does now is before that of what he did. Its stamp is not.
/// assert!(wall(&clocks, bob).expect("a machine") < noon);
/// assert!(at_bob.now(wall(&clocks, bob).expect("a machine"))? > before);
/// assert_eq!(clocks.read(ann).expect("a machine").wall, clocks.truth());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct LyingClocks {
    truth: WallTime,
    machines: BTreeMap<NodeId, Machine>,
    script: BTreeMap<(WallTime, u64), (NodeId, ClockFault)>,
    scheduled: u64,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Machine {
    clock: LyingClock,
    draws: Option<Draws>,
}

/// Something that happened to a clock.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{ClockFault, LyingClocks, NodeId, WallTime};
///
/// let mut clocks = LyingClocks::new(WallTime::from_millis(1_000), [NodeId(1)]);
/// clocks.schedule(WallTime::from_millis(1_500), NodeId(1), ClockFault::Drift { ppb: -50_000 });
/// let struck = clocks.advance(Duration::from_secs(1));
/// assert_eq!(struck.len(), 1);
/// assert_eq!(struck[0].at, WallTime::from_millis(1_500));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct StruckFault {
    /// When, by true time.
    pub at: WallTime,
    /// Whose clock it was.
    pub node: NodeId,
    /// What happened.
    pub fault: ClockFault,
}

impl core::fmt::Display for StruckFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} at {}: {}", self.node, self.at, self.fault)
    }
}

impl LyingClocks {
    /// Machines whose clocks are right, and start at this true date.
    pub fn new(truth: WallTime, nodes: impl IntoIterator<Item = NodeId>) -> Self {
        let machine = |node| {
            let clock = LyingClock::new(truth);
            (node, Machine { clock, draws: None })
        };
        Self {
            truth,
            machines: nodes.into_iter().map(machine).collect(),
            script: BTreeMap::new(),
            scheduled: 0,
        }
    }

    /// Machines whose clocks are as bad as this. Every machine has its own randomness, so that one more
    /// machine changes nothing for the others, and its own monotonic origin.
    ///
    /// A test that runs many seeds checks what the code claims, wherever what the code assumes did hold:
    ///
    /// ```
    /// use core::time::Duration;
    /// use quorate_clocks::{
    ///     ClockMischief, DriftRate, Hands, IntervalClock, LyingClocks, NodeId, TimeInterval, WallTime,
    /// };
    ///
    /// let noon = WallTime::from_millis(1_700_000_000_000);
    /// let drift = DriftRate::from_ppm(200).expect("less than 100 %");
    /// let mischief = ClockMischief::new()
    ///     .with_drift(drift)
    ///     .with_freezes(Hands::Monotonic, Duration::from_secs(5));
    /// let (mut right, mut wrong) = (0, 0);
    /// for seed in 0..100 {
    ///     let mut clocks = LyingClocks::seeded(noon, [NodeId(1)], &mischief, seed);
    ///     let read = |clocks: &LyingClocks| clocks.read(NodeId(1)).map(|reading| reading.now);
    ///     let mut interval = IntervalClock::new(drift);
    ///     let told = TimeInterval::around(noon, Duration::from_micros(1));
    ///     interval.step(read(&clocks).expect("a machine"), told);
    ///
    ///     clocks.advance(Duration::from_secs(20));
    ///     let now = interval.now(read(&clocks).expect("a machine"))?;
    ///     let kept = clocks.clock(NodeId(1)).and_then(|clock| clock.kept(clocks.truth()));
    ///     if kept.is_some_and(|kept| kept <= drift) {
    ///         assert!(now.contains(clocks.truth()), "seed {seed}");
    ///         right += 1;
    ///     } else {
    ///         wrong += usize::from(!now.contains(clocks.truth()));
    ///     }
    /// }
    /// // The test is not blind: there were seeds of both kinds.
    /// assert!(right > 0 && wrong > 0);
    /// # Ok::<(), quorate_clocks::NotSynchronised>(())
    /// ```
    pub fn seeded(
        truth: WallTime,
        nodes: impl IntoIterator<Item = NodeId>,
        mischief: &ClockMischief,
        seed: u64,
    ) -> Self {
        let mut clocks = Self::new(truth, nodes);
        for (node, machine) in &mut clocks.machines {
            let own = SplitMix64::new(SplitMix64::new(seed).next_u64() ^ node.0).next_u64();
            let mut draws = Draws::new(mischief.clone(), own, truth);
            machine.clock = draws.first(truth);
            machine.draws = Some(draws);
        }
        clocks
    }

    /// Puts a machine with this clock in, in the place of one with the same id. Nothing happens to it but
    /// what is scheduled.
    pub fn insert(&mut self, node: NodeId, clock: LyingClock) {
        self.machines.insert(node, Machine { clock, draws: None });
    }

    /// The true time.
    pub const fn truth(&self) -> WallTime {
        self.truth
    }

    /// What a machine's clocks show, or nothing when there is no such machine.
    pub fn read(&self, node: NodeId) -> Option<ClockReading> {
        Some(self.clock(node)?.read(self.truth))
    }

    /// The clock of a machine.
    pub fn clock(&self, node: NodeId) -> Option<&LyingClock> {
        Some(&self.machines.get(&node)?.clock)
    }

    /// All machines and their clocks, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &LyingClock)> {
        let machines = self.machines.iter();
        machines.map(|(node, machine)| (*node, &machine.clock))
    }

    /// How far any two wall clocks have been apart at most, up to now: the ε of Kulkarni et al. (OPODIS
    /// 2014). No more than twice the largest error.
    ///
    /// ```
    /// use core::time::Duration;
    /// use quorate_clocks::{ClockFault, LyingClocks, NodeId, WallTime};
    ///
    /// let mut clocks = LyingClocks::new(WallTime::from_millis(1_000), [1, 2, 3].map(NodeId));
    /// clocks.strike(NodeId(1), ClockFault::WallForward(Duration::from_millis(30)));
    /// clocks.strike(NodeId(2), ClockFault::WallBack(Duration::from_millis(10)));
    /// assert!(clocks.worst_skew() >= Duration::from_millis(40));
    /// ```
    pub fn worst_skew(&self) -> Duration {
        let errors = self
            .iter()
            .map(|(_, clock)| clock.worst_wall_error(self.truth));
        let add = |(first, second): (Duration, Duration), error| {
            (first.max(error), second.max(first.min(error)))
        };
        let (first, second) = errors.fold((Duration::ZERO, Duration::ZERO), add);
        first.saturating_add(second)
    }

    /// Something happens to a machine's clock now. Says whether there is such a machine.
    pub fn strike(&mut self, node: NodeId, fault: ClockFault) -> bool {
        let machine = self.machines.get_mut(&node);
        machine.is_some_and(|machine| {
            machine.clock.strike(self.truth, fault);
            true
        })
    }

    /// Something happens to a machine's clock at a true date, or with the next
    /// [`advance`](Self::advance) when that is past. To a machine that is not there, nothing happens.
    pub fn schedule(&mut self, at: WallTime, node: NodeId, fault: ClockFault) {
        let at = at.max(self.truth);
        self.script.insert((at, self.scheduled), (node, fault));
        self.scheduled = self.scheduled.saturating_add(1);
    }

    /// Lets true time pass, at most to [`WallTime::MAX`], and says what happened on the way, in order.
    /// The work is in what happens, and not in how long it takes.
    pub fn advance(&mut self, by: Duration) -> Vec<StruckFault> {
        let until = self.truth.saturating_add(by);
        let mut struck = Vec::new();
        loop {
            let drawn = self.machines.iter().filter_map(|(node, machine)| {
                let due = machine.draws.as_ref()?.due()?;
                Some((due, *node))
            });
            let drawn = drawn.min();
            let scripted = self.script.first_key_value().map(|((at, _), _)| *at);
            let next = match (scripted, drawn) {
                (Some(at), Some((due, _))) => at.min(due),
                (Some(at), None) | (None, Some((at, _))) => at,
                (None, None) => break,
            };
            if next > until {
                break;
            }
            self.truth = next;
            let mut happens = |clocks: &mut Self, node, fault| {
                if clocks.strike(node, fault) {
                    struck.push(StruckFault {
                        at: next,
                        node,
                        fault,
                    });
                }
            };
            if scripted == Some(next) {
                if let Some((_, (node, fault))) = self.script.pop_first() {
                    happens(self, node, fault);
                }
            } else if let Some((_, node)) = drawn {
                let draws = self.machines.get_mut(&node);
                let draws = draws.and_then(|machine| machine.draws.as_mut());
                let faults = draws.map_or([None; 2], Draws::take);
                for fault in faults.into_iter().flatten() {
                    happens(self, node, fault);
                }
            }
        }
        self.truth = until;
        struck
    }
}
