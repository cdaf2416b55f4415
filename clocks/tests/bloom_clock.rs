//! Bloom clocks on any stamps, also on those that no clock makes.

use proptest::prelude::*;
use quorate_clocks::laws::check_relation;
use quorate_clocks::{
    Actor, BloomClock, BloomReceiveError, BloomStamp, BloomVerdict, Causality, Incarnation, NodeId,
    Relation,
};

type Stamp = BloomStamp<2, 3>;

fn actor(node: u64) -> Actor {
    Actor::new(NodeId(node), Incarnation(1))
}

fn forge(node: u8, number: u8, counters: [u8; 6]) -> Stamp {
    let least = counters.iter().copied().min().unwrap_or(0);
    let above = counters.map(|count| count - least);
    let bytes = [&[2, 3, node, 1, number, least][..], &above].concat();
    Stamp::from_bytes(&bytes).expect("of this form")
}

fn any_stamp() -> impl Strategy<Value = Stamp> {
    (0..3_u8, 1..4_u8, prop::array::uniform6(0..4_u8))
        .prop_map(|(node, number, counters)| forge(node, number, counters))
}

proptest! {
    #[test]
    fn the_laws_hold_for_stamps_that_are_forged_too(
        samples in prop::collection::vec(any_stamp(), 1..25),
    ) {
        prop_assert_eq!(check_relation(&samples), Ok(()));
        for (a, b) in samples.iter().zip(samples.iter().rev()) {
            prop_assert_eq!(a.verdict(b), b.verdict(a).reverse());
            prop_assert_eq!(a.verdict(b).within(0.0), a.relate(b));
        }
    }

    #[test]
    fn bytes_survive(stamp in any_stamp()) {
        prop_assert_eq!(Stamp::from_bytes(&stamp.to_bytes()), Ok(stamp));
    }

    #[test]
    fn whatever_is_read_has_these_bytes(
        head in prop::collection::vec(prop_oneof![Just(2_u8), Just(3), any::<u8>()], 0..3),
        rest in prop::collection::vec(prop_oneof![0..4_u8, any::<u8>()], 0..16),
        is_headed: bool,
    ) {
        let head = if is_headed { vec![2, 3] } else { head };
        let bytes = [head, rest].concat();
        if let Ok(stamp) = Stamp::from_bytes(&bytes) {
            prop_assert_eq!(stamp.to_bytes(), bytes);
        }
    }

    #[test]
    fn a_clock_takes_in_any_stamp_or_is_unchanged(
        stamps in prop::collection::vec(any_stamp(), 0..20),
    ) {
        let mut clock = BloomClock::new(actor(1));
        for stamp in stamps {
            let before = clock.clone();
            match clock.receive(&stamp) {
                Ok(arrival) => {
                    let verdict = stamp.verdict(&arrival);
                    prop_assert!(verdict.within(1.0) == Some(Relation::Before), "{:?}", verdict);
                }
                Err(_) => prop_assert_eq!(clock, before.clone()),
            }
            clock = before;
            clock.tick().unwrap();
        }
    }
}

#[test]
fn two_events_of_one_actor_are_in_the_order_of_their_numbers() {
    let mut clock: BloomClock = BloomClock::new(actor(1));
    let (first, second) = (clock.tick().unwrap(), clock.tick().unwrap());
    assert_eq!(first.relate(&second), Some(Relation::Before));
    assert_eq!(second.relate(&first), Some(Relation::After));
    assert_eq!(second.relate(&second.clone()), Some(Relation::Equal));
    assert_eq!((second.actor(), second.number()), (actor(1), 2));
    assert_eq!(second.to_string(), "2@n1.1");
}

#[test]
fn two_that_count_as_one_actor_are_found_out() {
    let (mut one, mut two): (BloomClock, BloomClock) =
        (BloomClock::new(actor(1)), BloomClock::new(actor(1)));
    let mut other: BloomClock = BloomClock::new(actor(2));
    two.receive(&other.tick().unwrap()).unwrap();
    let (first, second) = (one.tick().unwrap(), two.tick().unwrap());
    assert_eq!(
        first.verdict(&second),
        BloomVerdict::Certain(Relation::Before)
    );
    // As far as the stamps can tell, that was one actor; now it cannot be.
    let third = one.tick().unwrap();
    assert_eq!(third.verdict(&second), BloomVerdict::Contradiction);
    assert_eq!(
        (third.relate(&second), second.verdict(&third).within(1.0)),
        (None, None)
    );

    let before = one.clone();
    let refused = one.receive(&second).unwrap_err();
    let (ours, theirs) = (2, 2);
    let actor = actor(1);
    assert_eq!(
        refused,
        BloomReceiveError::NotOurs {
            actor,
            ours,
            theirs
        }
    );
    assert!(refused.to_string().contains("n1.1"));
    assert_eq!(one, before);
    // Its own are no news.
    assert!(one.receive(&first).is_ok());
}

#[test]
fn a_counter_that_is_used_up_is_refused_without_a_change() {
    // All counters but those of the event itself are at their end, which its bytes may say.
    let full = |places: [usize; 2]| {
        let mut bytes = vec![2, 3, 7, 1, 1, 0];
        for at in 0..6 {
            let is_own = at == places[0] || at == 3 + places[1];
            bytes.extend(if is_own {
                &[0][..]
            } else {
                &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1]
            });
        }
        Stamp::from_bytes(&bytes)
    };
    let places = (0..9).map(|at| [at / 3, at % 3]);
    let forged: Vec<Stamp> = places.filter_map(|places| full(places).ok()).collect();
    let [forged] = &forged[..] else {
        panic!("an event has one place in each row: {forged:?}")
    };
    let mut clock = BloomClock::new(actor(1));
    let mut refused = 0;
    for _ in 0..50 {
        let mut poisoned = clock.clone();
        match poisoned.receive(forged) {
            Ok(_) => {}
            Err(error) => {
                assert!(matches!(error, BloomReceiveError::Exhausted(_)), "{error}");
                assert!(error.to_string().contains("drop the message"));
                assert_eq!(poisoned, clock);
                refused += 1;
            }
        }
        clock.tick().unwrap();
    }
    assert!(refused > 25, "{refused}");
}

#[test]
fn a_resumed_clock_continues_after_its_last_stamp() {
    let mut clock: BloomClock = BloomClock::new(actor(1));
    let mut other: BloomClock = BloomClock::new(actor(2));
    let last = clock.receive(&other.tick().unwrap()).unwrap();
    let mut revived = BloomClock::resume(&last);
    assert_eq!(revived, clock);
    assert_eq!(revived.actor(), actor(1));
    let next = revived.tick().unwrap();
    assert_eq!(last.relate(&next), Some(Relation::Before));
}
