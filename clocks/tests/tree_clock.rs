//! Interval tree clocks against sets of events, and the laws.

use std::collections::BTreeSet;

use proptest::prelude::*;
use quorate_clocks::laws::{Plan, Subject, check_histories, check_merge, check_relation};
use quorate_clocks::{Relation, TreeEvent, TreeStamp};

/// A fixed set of stamps, as many as there are processes.
struct Fixed(Vec<TreeStamp>);

impl Fixed {
    fn new(processes: usize, deepest_first: bool) -> Self {
        let mut stamps = vec![TreeStamp::seed()];
        while stamps.len() < processes {
            let at = if deepest_first { stamps.len() - 1 } else { 0 };
            let (left, right) = stamps.remove(at).fork().unwrap();
            stamps.extend([left, right]);
        }
        Self(stamps)
    }
}

impl Subject for Fixed {
    type Stamp = TreeEvent;

    fn event(&mut self, process: usize) -> TreeEvent {
        self.0[process].send().unwrap()
    }

    fn receive(&mut self, process: usize, stamp: &TreeEvent) -> TreeEvent {
        self.0[process].receive(stamp).unwrap();
        self.0[process].peek()
    }
}

#[test]
fn the_relation_of_every_two_events_is_known_and_right() {
    for seed in 0..30 {
        let processes = 1 + seed as usize % 12;
        for deepest_first in [false, true] {
            let plan = Plan {
                processes,
                exact: true,
                ..Plan::new(seed)
            };
            let report = check_histories(plan, Fixed::new(processes, deepest_first)).unwrap();
            assert_eq!(report.unknown, 0);
            assert_eq!(report.concurrent > 0, processes > 1);
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Fork(usize),
    Join(usize, usize),
    Event(usize),
    Peek(usize),
    /// The stamp, and which of the peeked events.
    Receive(usize, usize),
    Merge(usize, usize),
    /// Through bytes, and back.
    Restart(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let any = || any::<prop::sample::Index>().prop_map(|index| index.index(1 << 16));
    let step = prop_oneof![
        2 => any().prop_map(Step::Fork),
        2 => (any(), any()).prop_map(|(a, b)| Step::Join(a, b)),
        4 => any().prop_map(Step::Event),
        3 => any().prop_map(Step::Peek),
        3 => (any(), any()).prop_map(|(a, b)| Step::Receive(a, b)),
        1 => (any(), any()).prop_map(|(a, b)| Step::Merge(a, b)),
        1 => any().prop_map(Step::Restart),
    ];
    prop::collection::vec(step, 1..120)
}

/// What the sets say, which are the definition of what the clock must say (section 3 of the paper).
fn truth(a: &BTreeSet<usize>, b: &BTreeSet<usize>) -> Relation {
    Relation::from_surplus(!a.is_subset(b), !b.is_subset(a))
}

/// Stamps with the sets of events that they know of, and everything that was peeked at.
#[derive(Default)]
struct World {
    stamps: Vec<(TreeStamp, BTreeSet<usize>)>,
    peeked: Vec<(TreeEvent, BTreeSet<usize>)>,
}

fn run(steps: &[Step]) -> World {
    let mut world = World {
        stamps: vec![(TreeStamp::seed(), BTreeSet::new())],
        peeked: vec![(TreeEvent::new(), BTreeSet::new())],
    };
    for (number, step) in steps.iter().enumerate() {
        let World { stamps, peeked } = &mut world;
        let count = stamps.len();
        match *step {
            Step::Fork(at) => {
                let (stamp, known) = stamps.swap_remove(at % count);
                let (left, right) = stamp.fork().unwrap();
                stamps.extend([(left, known.clone()), (right, known)]);
            }
            Step::Join(a, b) if count > 1 => {
                let (left, mut known) = stamps.swap_remove(a % count);
                let (right, more) = stamps.swap_remove(b % (count - 1));
                known.extend(more);
                stamps.push((left.join(right).unwrap(), known));
            }
            Step::Join(..) => {}
            Step::Event(at) => {
                let (stamp, known) = &mut stamps[at % count];
                stamp.event().unwrap();
                known.insert(number);
            }
            Step::Peek(at) => {
                let (stamp, known) = &stamps[at % count];
                peeked.push((stamp.peek(), known.clone()));
            }
            Step::Receive(at, message) => {
                let (event, more) = &peeked[message % peeked.len()];
                let (stamp, known) = &mut stamps[at % count];
                stamp.receive(event).unwrap();
                known.extend(more);
                known.insert(number);
            }
            Step::Merge(at, message) => {
                let (event, more) = &peeked[message % peeked.len()];
                let (stamp, known) = &mut stamps[at % count];
                let news = !more.is_subset(known);
                assert_eq!(stamp.merge(event), Ok(news));
                known.extend(more);
            }
            Step::Restart(at) => {
                let (stamp, _) = &mut stamps[at % count];
                *stamp = TreeStamp::from_bytes(&stamp.to_bytes()).unwrap();
            }
        }
    }
    for (stamp, known) in &world.stamps {
        world.peeked.push((stamp.peek(), known.clone()));
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn stamps_that_fork_and_join_know_what_sets_of_events_know(steps in steps()) {
        let world = run(&steps);
        for (a, a_known) in &world.peeked {
            prop_assert_eq!(&TreeEvent::from_bytes(&a.to_bytes()).unwrap(), a);
            for (b, b_known) in &world.peeked {
                prop_assert_eq!(
                    a.relation(b), truth(a_known, b_known),
                    "{} of {:?}, {} of {:?}", a, a_known, b, b_known
                );
                prop_assert_eq!(a == b, a_known == b_known);
            }
        }
    }

    #[test]
    fn all_ids_together_are_the_whole(steps in steps()) {
        let stamps = run(&steps).stamps.into_iter().map(|(stamp, _)| stamp);
        let last = stamps.reduce(|a, b| a.join(b).unwrap()).unwrap();
        prop_assert_eq!((last.depth(), last.part_count()), (0, 1));
    }

    #[test]
    fn events_keep_the_laws_of_a_relation_and_of_a_merge(steps in steps()) {
        let mut samples: Vec<_> = run(&steps).peeked.into_iter().map(|(event, _)| event).collect();
        samples.truncate(16);
        prop_assert_eq!(check_relation(&samples), Ok(()));
        let merge = |a: &TreeEvent, b: &TreeEvent| {
            let mut both = a.clone();
            both.merge(b);
            both
        };
        prop_assert_eq!(check_merge(&samples, merge), Ok(()));
    }

    #[test]
    fn no_bytes_make_it_panic_and_what_is_read_is_written_the_same(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0..4_u8], 0..24),
        others in prop::collection::vec(prop_oneof![any::<u8>(), 0..4_u8], 0..24),
    ) {
        if let (Ok(a), Ok(b)) = (TreeEvent::from_bytes(&bytes), TreeEvent::from_bytes(&others)) {
            prop_assert_eq!(&a.to_bytes(), &bytes);
            let mut both = a.clone();
            prop_assert_eq!(both.merge(&b), !a.includes(&b));
            prop_assert!(both.includes(&a) && both.includes(&b));
            prop_assert_eq!(TreeEvent::from_bytes(&both.to_bytes()).unwrap(), both);
        }
        if let Ok(mut stamp) = TreeStamp::from_bytes(&bytes) {
            prop_assert_eq!(&stamp.to_bytes(), &bytes);
            let before = stamp.peek();
            match stamp.event() {
                Ok(()) => prop_assert_eq!(before.relation(stamp.history()), Relation::Before),
                Err(_) => prop_assert_eq!(&stamp.to_bytes(), &bytes),
            }
            let _ = stamp.to_string();
            let now = stamp.to_bytes();
            if let Ok((left, right)) = stamp.fork() {
                prop_assert_eq!(left.join(right).unwrap().to_bytes(), now);
            }
        }
    }

    #[test]
    fn no_bit_of_an_encoding_is_idle(steps in steps(), at in any::<prop::sample::Index>()) {
        for (stamp, _) in run(&steps).stamps {
            let mut bytes = stamp.to_bytes();
            let bit = at.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Ok(other) = TreeStamp::from_bytes(&bytes) {
                prop_assert_ne!(other, stamp);
            }
        }
    }
}
