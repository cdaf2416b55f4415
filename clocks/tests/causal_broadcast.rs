//! Causal broadcast over a network that loses, doubles and reorders, against sets of causes.
//!
//! The oracle keeps, for each message, the set of all that its sender had delivered before it: its
//! causal history (Schwarz and Mattern 1994). A member must deliver a message exactly once, and not
//! before its history.
#![cfg(not(loom))]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use quorate_clocks::{
    Actor, BroadcastError, BroadcastLimits, BroadcastMessage, CausalBroadcast, Dot, Incarnation,
    MatrixClock, NodeId,
};

type Payload = Vec<u8>;
type Machine = CausalBroadcast<Payload>;
/// An actor's node and the counter.
type Name = (u64, u64);

fn name(dot: Dot) -> Name {
    (dot.actor.node.0, dot.counter)
}

const fn actor(node: u64) -> Actor {
    Actor::new(NodeId(node), Incarnation(1))
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Somebody says something of some size.
    Broadcast(usize, usize),
    /// One of the messages under way arrives somewhere, and stays under way.
    Arrive(usize, usize),
    /// One of the messages under way is lost.
    Lose(usize),
    /// The application takes one delivery.
    Poll(usize),
    /// One tells another what it has delivered.
    Acknowledge(usize, usize),
    /// One asks another for the first thing that it misses.
    Ask(usize, usize),
    /// One stops for ever, and the others agree on its end.
    Crash(usize),
    /// A new one starts from a snapshot of another.
    Join(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let any = any::<prop::sample::Index>;
    let index = move || any().prop_map(|index| index.index(1 << 16));
    prop_oneof![
        8 => (index(), 0..80_usize).prop_map(|(who, size)| Step::Broadcast(who, size)),
        24 => (index(), index()).prop_map(|(who, message)| Step::Arrive(who, message)),
        4 => index().prop_map(Step::Lose),
        16 => index().prop_map(Step::Poll),
        4 => (index(), index()).prop_map(|(from, to)| Step::Acknowledge(from, to)),
        4 => (index(), index()).prop_map(|(from, to)| Step::Ask(from, to)),
        1 => index().prop_map(Step::Crash),
        1 => index().prop_map(Step::Join),
    ]
}

fn limits() -> impl Strategy<Value = BroadcastLimits> {
    let (messages, bytes) = (1..6_u64, 400..900_usize);
    (messages, bytes.clone(), 1..6_usize, bytes, any::<bool>()).prop_map(
        |(pending_messages, pending_bytes, kept_messages, kept_bytes, relay)| BroadcastLimits {
            pending_messages,
            pending_bytes,
            kept_messages,
            kept_bytes,
            relay,
        },
    )
}

struct Member {
    machine: Machine,
    delivered: BTreeSet<Name>,
}

struct World {
    limits: BroadcastLimits,
    members: Vec<Member>,
    next_node: u64,
    under_way: Vec<Vec<u8>>,
    histories: BTreeMap<Name, BTreeSet<Name>>,
    /// How many messages count of those that have crashed.
    ended: BTreeMap<u64, u64>,
}

impl World {
    fn new(limits: BroadcastLimits) -> Self {
        let actors: Vec<_> = (1..=4).map(actor).collect();
        let matrix = MatrixClock::with_members(actors.iter().copied()).expect("four");
        let member = |me: &Actor| Member {
            machine: Machine::new(*me, matrix.clone(), limits).expect("a member"),
            delivered: BTreeSet::new(),
        };
        Self {
            limits,
            members: actors.iter().map(member).collect(),
            next_node: 5,
            under_way: Vec::new(),
            histories: BTreeMap::new(),
            ended: BTreeMap::new(),
        }
    }

    fn take(&mut self, step: Step) {
        let count = self.members.len();
        match step {
            Step::Broadcast(who, size) => {
                let member = &mut self.members[who % count];
                match member.machine.broadcast(vec![7; size]) {
                    Ok(message) => {
                        let name = name(message.dot());
                        self.histories.insert(name, member.delivered.clone());
                        assert!(member.delivered.insert(name));
                        self.under_way.push(message.to_bytes());
                    }
                    Err(refused) => {
                        assert_eq!(refused.payload.len(), size);
                        assert!(
                            matches!(
                                refused.error,
                                BroadcastError::Backlog { .. } | BroadcastError::TooLarge { .. }
                            ),
                            "{refused}"
                        );
                    }
                }
            }
            Step::Arrive(who, message) => {
                if !self.under_way.is_empty() {
                    let message = self.under_way[message % self.under_way.len()].clone();
                    self.arrive(who % count, &message);
                }
            }
            Step::Lose(message) => {
                if !self.under_way.is_empty() {
                    let message = message % self.under_way.len();
                    self.under_way.swap_remove(message);
                }
            }
            Step::Poll(who) => {
                self.poll(who % count);
            }
            Step::Acknowledge(from, to) => self.acknowledge(from % count, to % count),
            Step::Ask(from, to) => {
                let missing = self.members[from % count].machine.missing();
                if let Some(range) = missing.first() {
                    let kept = self.members[to % count].machine.kept(*range);
                    let answer: Vec<_> = kept.map(BroadcastMessage::to_bytes).collect();
                    self.under_way.extend(answer);
                }
            }
            // Without relays, what only a failed sender kept is lost.
            Step::Crash(who) if count > 2 && self.limits.relay => self.crash(who % count),
            Step::Join(sponsor) if count < 6 => self.join(sponsor % count),
            Step::Crash(_) | Step::Join(_) => {}
        }
    }

    fn arrive(&mut self, who: usize, message: &[u8]) {
        let message = BroadcastMessage::from_bytes(message).expect("as it was written");
        let machine = &mut self.members[who].machine;
        // Refusals are back-pressure, or of those that have left.
        let _ = machine.receive(message.map(Payload::from));
        for node in 1..self.next_node {
            let (messages, bytes) = machine.pending(actor(node));
            assert!(messages as u64 <= self.limits.pending_messages);
            assert!(bytes <= self.limits.pending_bytes);
        }
    }

    fn poll(&mut self, who: usize) -> bool {
        let member = &mut self.members[who];
        let Some(message) = member.machine.poll_deliver() else {
            return false;
        };
        let name = name(message.dot());
        let history = &self.histories[&name];
        assert!(history.is_subset(&member.delivered), "{name:?} too early");
        assert!(member.delivered.insert(name), "{name:?} again");
        let last = self.ended.get(&name.0).copied().unwrap_or(u64::MAX);
        assert!(name.1 <= last, "{name:?} does not count");
        true
    }

    fn acknowledge(&mut self, from: usize, to: usize) {
        if from == to {
            return;
        }
        let (me, delivered) = {
            let machine = &self.members[from].machine;
            (machine.me(), machine.delivered().clone())
        };
        let acknowledged = self.members[to].machine.acknowledge(me, &delivered);
        acknowledged.expect("a member");
    }

    fn crash(&mut self, who: usize) {
        // One that holds the last messages of another that has crashed does not crash too.
        let has_all = |member: &Member| {
            let delivered = member.machine.delivered();
            let mut ended = self.ended.iter();
            ended.all(|(node, last)| delivered.get(actor(*node)) == *last)
        };
        if !self.members.iter().all(has_all) {
            return;
        }
        let gone = self.members.remove(who).machine.me();
        let delivered = |member: &Member| member.machine.delivered().get(gone);
        let last = self.members.iter().map(delivered).max().unwrap_or(0);
        for member in &mut self.members {
            member.machine.leave(gone, last).expect("what all agree on");
        }
        self.ended.insert(gone.node.0, last);
    }

    fn join(&mut self, sponsor: usize) {
        let me = actor(self.next_node);
        let start = self.members[sponsor].machine.delivered().clone();
        // A snapshot that is too old is refused by somebody. Then nobody lets it in.
        let admits = |member: &Member| member.machine.matrix().clone().join(me, &start).is_ok();
        if !self.members.iter().all(admits) {
            return;
        }
        for member in &mut self.members {
            member.machine.join(me, &start).expect("it was tried");
        }
        let sponsor = &self.members[sponsor];
        let matrix = sponsor.machine.matrix().to_bytes();
        let matrix = MatrixClock::from_bytes(&matrix).expect("as it was written");
        let mut machine = Machine::new(me, matrix, self.limits).expect("it has joined");
        for message in sponsor.machine.all_kept() {
            assert_eq!(machine.restore(message.clone()), self.limits.relay);
        }
        let delivered = sponsor.delivered.clone();
        let member = Member { machine, delivered };
        self.members.push(member);
        self.next_node += 1;
    }

    /// Lets everything arrive, by asking for it.
    fn settle(&mut self) {
        for _ in 0..1000 {
            let mut moved = false;
            for who in 0..self.members.len() {
                for other in 0..self.members.len() {
                    self.acknowledge(other, who);
                    for range in self.members[who].machine.missing() {
                        let kept = self.members[other].machine.kept(range);
                        let answer: Vec<_> = kept.map(BroadcastMessage::to_bytes).collect();
                        for message in answer {
                            self.arrive(who, &message);
                        }
                    }
                }
                while self.poll(who) {
                    moved = true;
                }
            }
            if !moved {
                return;
            }
        }
        panic!("it does not come to rest");
    }

    fn check_the_end(&self) {
        let counts = |name: &Name| self.ended.get(&name.0).is_none_or(|last| name.1 <= *last);
        let all: BTreeSet<_> = self.histories.keys().copied().filter(counts).collect();
        for Member { machine, delivered } in &self.members {
            assert_eq!(delivered, &all, "at {}", machine.me());
            assert_eq!(machine.missing(), []);
            assert_eq!(machine.poll_deliver_clone(), None);
            // All have acknowledged all, so nothing is kept.
            assert_eq!(&machine.certificate().stable().clone(), machine.delivered());
            for node in 1..self.next_node {
                let all = quorate_clocks::DotRange::new(actor(node), 1, u64::MAX).expect("many");
                assert_eq!(machine.kept(all).count(), 0);
                assert_eq!(machine.pending(actor(node)), (0, 0));
            }
        }
    }
}

/// The next delivery, without taking it.
trait Peek {
    fn poll_deliver_clone(&self) -> Option<BroadcastMessage<Payload>>;
}

impl Peek for Machine {
    fn poll_deliver_clone(&self) -> Option<BroadcastMessage<Payload>> {
        self.clone().poll_deliver()
    }
}

proptest! {
    #[test]
    fn everything_is_delivered_once_and_after_its_causes(
        limits in limits(),
        steps in prop::collection::vec(step(), 0..400),
    ) {
        let mut world = World::new(limits);
        for step in steps {
            world.take(step);
        }
        world.settle();
        world.check_the_end();
    }

    #[test]
    fn the_same_calls_give_the_same_state(
        limits in limits(),
        steps in prop::collection::vec(step(), 0..100),
    ) {
        let run = || {
            let mut world = World::new(limits);
            for step in &steps {
                world.take(*step);
            }
            world
        };
        let (one, two) = (run(), run());
        for (one, two) in one.members.iter().zip(&two.members) {
            prop_assert_eq!(&one.machine, &two.machine);
        }
    }
}

/// Six messages of three members with causes in all directions: every order of their arrival.
#[test]
fn every_order_of_arrival_gives_an_order_of_causes() {
    let [a, b, c, d] = [1, 2, 3, 4].map(actor);
    let matrix = MatrixClock::with_members([a, b, c, d]).expect("four");
    let member = |me| Machine::new(me, matrix.clone(), BroadcastLimits::default()).expect("one");
    let (mut first, mut second, mut third) = (member(a), member(b), member(c));
    let mut messages = Vec::new();
    let mut say = |from: &mut Machine, to: &mut [&mut Machine]| {
        let message = from.broadcast(Vec::new()).expect("there is room");
        for machine in to {
            machine.receive(message.clone()).expect("a member");
            while machine.poll_deliver().is_some() {}
        }
        messages.push(message);
    };
    say(&mut first, &mut [&mut second]);
    say(&mut second, &mut [&mut third]);
    say(&mut third, &mut [&mut first]);
    say(&mut second, &mut []);
    say(&mut first, &mut [&mut second]);
    say(&mut second, &mut [&mut third]);

    let mut orders = 0;
    permute(&mut messages, 0, &mut |arrivals| {
        orders += 1;
        let mut machine = member(d);
        let mut order: Vec<BroadcastMessage<Payload>> = Vec::new();
        for message in arrivals {
            for _ in 0..2 {
                machine.receive(message.clone()).expect("a member");
            }
            while let Some(message) = machine.poll_deliver() {
                assert!(
                    order
                        .iter()
                        .all(|earlier| !earlier.vector().includes(message.vector())),
                    "{:?} came after what it caused",
                    message.dot()
                );
                order.push(message);
            }
        }
        assert_eq!(order.len(), arrivals.len());
        assert_eq!(machine.missing(), []);
    });
    assert_eq!(orders, 720);
}

fn permute<T: Clone>(items: &mut [T], from: usize, visit: &mut impl FnMut(&[T])) {
    if from == items.len() {
        return visit(items);
    }
    for other in from..items.len() {
        items.swap(from, other);
        permute(items, from + 1, visit);
        items.swap(from, other);
    }
}
