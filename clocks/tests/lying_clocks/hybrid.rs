//! A few nodes with hybrid clocks, on clocks that lie, that talk over a bad network.

use std::collections::BTreeSet;
use std::time::Duration;

use quorate_clocks::{HybridClock, HybridReceiveError, HybridStamp, LyingClocks, NodeId, WallTime};

use crate::network::{Letter, Network, up_to};

/// Something happened at a node, and was stamped.
pub(crate) struct Event {
    pub(crate) node: NodeId,
    pub(crate) stamp: HybridStamp,
    /// What the wall clock of the node showed, and what it should have shown.
    pub(crate) wall: WallTime,
    pub(crate) truth: WallTime,
    /// The numbers of all events that happened before.
    pub(crate) causes: BTreeSet<usize>,
}

struct Node {
    id: NodeId,
    clock: HybridClock,
    /// Its latest event.
    last: Option<usize>,
}

pub(crate) struct HybridWorld {
    pub(crate) clocks: LyingClocks,
    pub(crate) events: Vec<Event>,
    /// How many messages were refused since their stamps were too far ahead.
    pub(crate) refused: usize,
    nodes: Vec<Node>,
    network: Network<(HybridStamp, usize)>,
    /// What waits at its node, which is busy with the event before.
    waiting: Vec<Letter<(HybridStamp, usize)>>,
    /// What a node takes for an event: by true time, and by its own clock.
    pub(crate) busy: Duration,
    pub(crate) busy_wall: Duration,
    /// How often nodes do something of their own, in all.
    pub(crate) every: Duration,
}

impl HybridWorld {
    pub(crate) fn new(
        clocks: LyingClocks,
        max_drift: Duration,
        network: Network<(HybridStamp, usize)>,
    ) -> Self {
        let node = |(id, _)| Node {
            id,
            clock: HybridClock::new(max_drift),
            last: None,
        };
        Self {
            nodes: clocks.iter().map(node).collect(),
            clocks,
            events: Vec::new(),
            refused: 0,
            network,
            waiting: Vec::new(),
            busy: Duration::ZERO,
            busy_wall: Duration::ZERO,
            every: Duration::from_millis(2),
        }
    }

    /// Lets things happen until there were so many events.
    pub(crate) fn run(&mut self, events: usize) {
        while self.events.len() < events {
            let rest = up_to(&mut self.network.random, self.every);
            let until = self.clocks.truth().saturating_add(rest);
            while let Some(due) = self.network.due().filter(|due| *due <= until) {
                self.clocks.advance(due.since(self.clocks.truth()));
                self.waiting.extend(self.network.arrived(due));
                self.take();
            }
            self.clocks.advance(until.since(self.clocks.truth()));
            self.take();
            let place = self.network.random.below(self.nodes.len() as u64) as usize;
            self.act(place);
        }
    }

    /// Nodes that are not busy take what waits for them.
    fn take(&mut self) {
        for letter in std::mem::take(&mut self.waiting) {
            let place = self.nodes.iter().position(|node| node.id == letter.to);
            let place = place.expect("letters go to nodes");
            if !self.is_free(place) {
                self.waiting.push(letter);
                continue;
            }
            let wall = self.clocks.read(letter.to).unwrap().wall;
            let (stamp, cause) = letter.message;
            match self.nodes[place].clock.receive(letter.from, stamp, wall) {
                Ok(received) => {
                    assert!(received > stamp);
                    self.happened(place, received, wall, Some(cause));
                }
                Err(HybridReceiveError::Drift { .. }) => self.refused += 1,
                Err(other) => panic!("{other}"),
            }
        }
    }

    /// A node does something, and tells another.
    fn act(&mut self, place: usize) {
        if !self.is_free(place) {
            return;
        }
        let from = self.nodes[place].id;
        let wall = self.clocks.read(from).unwrap().wall;
        let stamp = self.nodes[place].clock.now(wall).expect("few events");
        let cause = self.happened(place, stamp, wall, None);
        let to = self.network.random.below(self.nodes.len() as u64) as usize;
        if to != place {
            let (to, truth) = (self.nodes[to].id, self.clocks.truth());
            self.network.send(truth, from, to, (stamp, cause));
        }
    }

    fn is_free(&self, place: usize) -> bool {
        let node = &self.nodes[place];
        let wall = self.clocks.read(node.id).unwrap().wall;
        node.last.is_none_or(|last| {
            let last = &self.events[last];
            let tick = self.busy_wall.as_millis() as u64;
            self.clocks.truth() >= last.truth.saturating_add(self.busy)
                && wall.as_millis() >= last.wall.as_millis() + tick
        })
    }

    fn happened(
        &mut self,
        place: usize,
        stamp: HybridStamp,
        wall: WallTime,
        cause: Option<usize>,
    ) -> usize {
        let number = self.events.len();
        let node = &mut self.nodes[place];
        let mut causes = BTreeSet::new();
        for before in node.last.replace(number).into_iter().chain(cause) {
            assert!(self.events[before].stamp < stamp, "order respects cause");
            causes.extend(&self.events[before].causes);
            causes.insert(before);
        }
        self.events.push(Event {
            node: node.id,
            stamp,
            wall,
            truth: self.clocks.truth(),
            causes,
        });
        number
    }
}
