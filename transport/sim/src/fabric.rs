//! What lies between the nodes: the network, the agenda, and the book that is kept of it all.

use core::cmp::Ordering;
use core::fmt::Debug;
use core::hash::Hash;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use quorate_clocks::{Instant, NodeId};
use quorate_transport::Receipt;

use crate::trace::{Happening, Trace};
use crate::{Draws, Faults, Knob, Link, Stats};

const LOSS: Knob = Knob::named("loss");
const DUPLICATE: Knob = Knob::named("duplicate");
const SLOW: Knob = Knob::named("slow");
const HINT: Knob = Knob::named("hint");
const TIE: Knob = Knob::named("tie");
/// The delay of a message's first copy, and of its second.
const DELAYS: [Knob; 2] = [Knob::named("delay"), Knob::named("second delay")];

/// Something that is going to happen.
#[derive(Clone, Debug)]
pub(crate) enum Action<M> {
    Deliver {
        from: NodeId,
        to: NodeId,
        number: u64,
        copy: usize,
        message: M,
    },
    /// The time of a node may have come. The node knows better.
    Timer {
        node: usize,
        life: u64,
    },
    /// The disk is done with what it had begun.
    Synced {
        node: usize,
        life: u64,
    },
    /// A node hears that its disk is done.
    Written {
        node: usize,
        life: u64,
        receipt: Receipt,
    },
    Unreachable {
        node: usize,
        life: u64,
        to: NodeId,
    },
    Nemesis {
        epoch: u64,
        turn: Turn,
    },
}

/// What the schedule of faults does next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Turn {
    Crash,
    Restart { node: usize, life: u64 },
    Pause,
    Resume { node: usize, life: u64 },
    Partition,
    Mend { partition: u64 },
}

#[derive(Clone, Debug)]
struct Scheduled<M> {
    at: Instant,
    tie: u64,
    number: u64,
    action: Action<M>,
}

impl<M> Scheduled<M> {
    const fn order(&self) -> (Instant, u64, u64) {
        (self.at, self.tie, self.number)
    }
}

impl<M> Ord for Scheduled<M> {
    /// The next to happen is the greatest, as a heap has it.
    fn cmp(&self, other: &Self) -> Ordering {
        other.order().cmp(&self.order())
    }
}

impl<M> PartialOrd for Scheduled<M> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<M> PartialEq for Scheduled<M> {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl<M> Eq for Scheduled<M> {}

#[derive(Clone, Debug, Default)]
struct LinkState {
    own: Option<Link>,
    sent: u64,
    last_delivered: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Fabric<M> {
    pub(crate) now: Instant,
    pub(crate) draws: Draws,
    pub(crate) faults: Faults,
    pub(crate) stats: Stats,
    pub(crate) trace: Trace<M>,
    agenda: BinaryHeap<Scheduled<M>>,
    scheduled: u64,
    links: BTreeMap<(NodeId, NodeId), LinkState>,
    /// Cut links, by the partition that cut them.
    cuts: BTreeMap<u64, BTreeSet<(NodeId, NodeId)>>,
    partitions: u64,
}

impl<M: Clone + Debug + Hash> Fabric<M> {
    pub(crate) fn new(seed: u64, faults: Faults) -> Self {
        Self {
            now: Instant::ORIGIN,
            draws: Draws::new(seed),
            faults,
            stats: Stats::default(),
            trace: Trace::new(seed),
            agenda: BinaryHeap::new(),
            scheduled: 0,
            links: BTreeMap::new(),
            cuts: BTreeMap::new(),
            partitions: 0,
        }
    }

    /// `place` and `count` name the action among those of the same instant, so that their order
    /// does not depend on what else is on the agenda.
    pub(crate) fn schedule(
        &mut self,
        at: Instant,
        place: (u64, u64),
        count: u64,
        action: Action<M>,
    ) {
        self.scheduled += 1;
        self.agenda.push(Scheduled {
            at: at.max(self.now),
            tie: self.draws.bits(TIE, place.0, place.1, count),
            number: self.scheduled,
            action,
        });
    }

    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.agenda.peek().map(|next| next.at)
    }

    pub(crate) fn pop(&mut self) -> Option<Action<M>> {
        let next = self.agenda.pop()?;
        self.now = next.at;
        Some(next.action)
    }

    pub(crate) fn happened(&mut self, happening: Happening<M>) {
        self.trace.push(self.now, self.stats.steps, happening);
    }

    /// Takes a message, and says whether its sender is to be told that it cannot arrive. `up` says
    /// whether the receiver is there.
    pub(crate) fn send(&mut self, from: NodeId, to: NodeId, up: bool, message: M) -> bool {
        self.stats.sent += 1;
        let state = self.links.entry((from, to)).or_default();
        state.sent += 1;
        let number = state.sent;
        let link = state.own.unwrap_or(self.faults.link);
        let is_cut = self.is_cut(from, to);
        let (a, b) = (from.0, to.0);
        if is_cut || !up {
            let count = if is_cut {
                &mut self.stats.cut
            } else {
                &mut self.stats.undeliverable
            };
            *count += 1;
            return self.draws.chance(HINT, a, b, number, self.faults.hint_ppm);
        }
        if self.draws.chance(LOSS, a, b, number, link.loss_ppm) {
            self.stats.lost += 1;
            return false;
        }
        let twice = self
            .draws
            .chance(DUPLICATE, a, b, number, link.duplicate_ppm);
        for (copy, knob) in DELAYS.into_iter().enumerate().take(1 + usize::from(twice)) {
            let slow = copy == 0 && self.draws.chance(SLOW, a, b, number, link.slow_ppm);
            let span = if slow { link.slow_delay } else { link.delay };
            self.stats.slowed += u64::from(slow);
            let delay = self.draws.within(knob, a, b, number, span);
            let action = Action::Deliver {
                from,
                to,
                number,
                copy,
                message: message.clone(),
            };
            self.schedule(self.now + delay, (a, b), number * 2 + copy as u64, action);
        }
        false
    }

    /// Counts a message that has arrived.
    pub(crate) fn count_delivery(&mut self, from: NodeId, to: NodeId, number: u64, copy: usize) {
        let state = self.links.entry((from, to)).or_default();
        self.stats.delivered += 1;
        self.stats.duplicated += copy as u64;
        self.stats.reordered += u64::from(copy == 0 && number < state.last_delivered);
        state.last_delivered = state.last_delivered.max(number);
    }

    pub(crate) fn set_link(&mut self, from: NodeId, to: NodeId, link: Option<Link>) {
        self.links.entry((from, to)).or_default().own = link;
    }

    pub(crate) fn clear_links(&mut self) {
        for state in self.links.values_mut() {
            state.own = None;
        }
    }

    pub(crate) fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.cuts.values().any(|links| links.contains(&(from, to)))
    }

    /// Cuts the links, and gives the number to mend them by.
    pub(crate) fn cut(&mut self, links: BTreeSet<(NodeId, NodeId)>) -> u64 {
        self.happened(Happening::Cut(links.iter().copied().collect()));
        self.partitions += 1;
        self.stats.partitions += 1;
        let one_way = links
            .iter()
            .all(|(from, to)| !links.contains(&(*to, *from)));
        self.stats.one_way_partitions += u64::from(one_way && !links.is_empty());
        self.cuts.insert(self.partitions, links);
        self.partitions
    }

    pub(crate) fn mend(&mut self, partition: u64) {
        if self.cuts.remove(&partition).is_some() {
            self.happened(Happening::Mended);
        }
    }

    pub(crate) fn mend_link(&mut self, from: NodeId, to: NodeId) {
        for links in self.cuts.values_mut() {
            links.remove(&(from, to));
        }
        self.happened(Happening::Mended);
    }

    pub(crate) fn mend_all(&mut self) {
        if !self.cuts.is_empty() {
            self.cuts.clear();
            self.happened(Happening::Mended);
        }
    }
}
