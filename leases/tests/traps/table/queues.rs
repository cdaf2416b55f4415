//! What goes wrong with those who share and those who wait.

use std::time::Duration;
use std::vec::Vec;
use std::{format, vec};

use quorate_clocks::Instant;
use quorate_leases::{
    Acquire, AcquireError, Acquired, Cancelled, FencingToken, LeaseEvent, LeaseTable, Limits, Mode,
};

const TTL: Duration = Duration::from_secs(10);
const WAIT: Duration = Duration::from_secs(100);
const NAME: &str = "accounts";

fn at(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1_000)
}

fn table() -> LeaseTable {
    super::new(Limits::default())
}

fn writer(owner: &str) -> Acquire<'_> {
    Acquire::new(NAME, owner, 1, TTL)
}

fn reader(owner: &str) -> Acquire<'_> {
    writer(owner).shared()
}

fn granted(table: &mut LeaseTable, seconds: u64, request: &Acquire<'_>) -> FencingToken {
    let acquired = table.acquire_with(at(seconds), request).unwrap();
    acquired.grant().expect("it waits").token
}

fn queued(table: &mut LeaseTable, seconds: u64, request: &Acquire<'_>) -> u32 {
    match table.acquire_with(at(seconds), request).unwrap() {
        Acquired::Queued(place) => place.ahead,
        other => panic!("{other:?}"),
    }
}

fn holders(table: &LeaseTable, seconds: u64) -> Vec<&str> {
    let holders = table.holders(at(seconds), NAME);
    holders.map(|lease| lease.owner).collect()
}

fn events(table: &mut LeaseTable) -> Vec<LeaseEvent> {
    core::iter::from_fn(|| table.poll_event()).collect()
}

/// Readers that keep coming must not keep a writer waiting for ever.
pub(crate) fn trap_24_a_stream_of_readers_does_not_starve_a_writer() {
    let mut table = table();
    let first = granted(&mut table, 0, &reader("ann"));
    let second = granted(&mut table, 0, &reader("bob"));
    assert_eq!(queued(&mut table, 1, &writer("wim").wait(WAIT)), 0);
    // It could be shared, but who comes now comes after the writer.
    let refused = table.acquire_with(at(2), &reader("cid")).unwrap_err();
    assert!(
        matches!(refused, AcquireError::Waiting { ahead: 1, .. }),
        "{refused}"
    );
    assert_eq!(queued(&mut table, 2, &reader("dan").wait(WAIT)), 1);
    assert_eq!(queued(&mut table, 2, &reader("eve").wait(WAIT)), 2);
    table.release(at(3), NAME, first).unwrap();
    assert_eq!(holders(&table, 3), ["bob"]);
    table.release(at(4), NAME, second).unwrap();
    assert_eq!(holders(&table, 4), ["wim"]);
    let lease = table.get(at(4), NAME).unwrap();
    assert!(lease.token > first && lease.token > second);
    assert_eq!(lease.mode, Mode::Exclusive);
    // And then all who want to share at once, after the writer.
    let token = lease.token;
    table.release(at(5), NAME, token).unwrap();
    assert_eq!(holders(&table, 5), ["dan", "eve"]);
    assert!(table.holders(at(5), NAME).all(|lease| lease.token > token));
}

pub(crate) fn trap_24_a_reader_that_expires_under_a_waiting_writer_grants_once() {
    let mut table = table();
    let ann = granted(&mut table, 0, &reader("ann"));
    granted(&mut table, 5, &reader("bob"));
    queued(&mut table, 6, &writer("wim").wait(WAIT));
    queued(&mut table, 6, &writer("xan").wait(WAIT));
    table.renew(at(6), NAME, ann, TTL).unwrap();
    let ended: Vec<_> = table
        .expire(at(16))
        .into_iter()
        .map(|lease| lease.owner)
        .collect();
    assert_eq!(ended, ["bob", "ann"]);
    assert_eq!(table.expire(at(16)), []);
    assert_eq!(holders(&table, 16), ["wim"]);
    let granted = events(&mut table);
    let granted = granted
        .iter()
        .filter(|event| matches!(event, LeaseEvent::Granted { waited: true, .. }));
    assert_eq!(granted.count(), 1);
}

pub(crate) fn trap_24_a_writer_alone_and_readers_together() {
    let mut table = table();
    let writer_token = granted(&mut table, 0, &writer("wim"));
    for mode in [reader("ann"), writer("bob")] {
        let refused = table.acquire_with(at(0), &mode);
        assert!(
            matches!(refused, Err(AcquireError::Held { holder, .. }) if holder.token == writer_token)
        );
    }
    table.release(at(1), NAME, writer_token).unwrap();
    for owner in ["ann", "bob", "cid"] {
        granted(&mut table, 1, &reader(owner));
    }
    assert_eq!(holders(&table, 1), ["ann", "bob", "cid"]);
    assert!(table.acquire_with(at(1), &writer("wim")).is_err());
    // Each reader is an instance of its own.
    let bob = table.holders(at(1), NAME).nth(1).unwrap().token;
    table.renew(at(5), NAME, bob, TTL).unwrap();
    assert_eq!(holders(&table, 11), ["bob"]);
    table.release(at(11), NAME, bob).unwrap();
    assert_eq!(table.release(at(11), NAME, bob), Ok(()));
    assert!(granted(&mut table, 11, &Acquire::new(NAME, "wim", 2, TTL)) > bob);
    // A late retry of each is told that it was.
    for owner in ["ann", "cid", "bob"] {
        let late = table.acquire_with(at(12), &reader(owner));
        assert!(
            matches!(late, Err(AcquireError::Ended { .. })),
            "{owner}: {late:?}"
        );
    }
}

/// ZooKeeper's recipes warn of the herd: a thousand who wake up for one lock.
pub(crate) fn trap_07_who_waits_is_woken_for_its_own_turn_only() {
    let mut table = table();
    let mut token = granted(&mut table, 0, &writer("first"));
    let owners: Vec<_> = (0..20).map(|number| format!("owner {number}")).collect();
    for (ahead, owner) in (0..).zip(&owners) {
        assert_eq!(queued(&mut table, 1, &writer(owner).wait(WAIT)), ahead);
    }
    events(&mut table);
    for (turn, owner) in (0..).zip(&owners) {
        if turn % 2 == 0 {
            table.release(at(2 + turn), NAME, token).unwrap();
        } else {
            table.cancel(at(2 + turn), NAME, &owners[turn as usize - 1], 1);
        }
        assert_eq!(holders(&table, 2 + turn), [owner]);
        token = table.get(at(2 + turn), NAME).unwrap().token;
        let events = events(&mut table);
        assert!(
            matches!(&events[..], [
                LeaseEvent::Released { .. },
                LeaseEvent::Granted { owner: granted, waited: true, .. },
                LeaseEvent::QueueMoved { .. },
            ] if granted == owner),
            "{events:?}"
        );
    }
}

/// A lost answer must not cost the place, and must not take two.
pub(crate) fn trap_17_a_retry_keeps_its_one_place() {
    let mut table = table();
    let token = granted(&mut table, 0, &writer("ann"));
    let bob = writer("bob").wait(Duration::from_secs(5));
    assert_eq!(queued(&mut table, 1, &bob), 0);
    assert_eq!(queued(&mut table, 1, &writer("cid").wait(WAIT)), 1);
    for seconds in 2..6 {
        assert_eq!(queued(&mut table, seconds, &bob), 0);
        assert_eq!(table.waiting(NAME), 2);
    }
    // By asking again it also showed that it is still there.
    table.release(at(9), NAME, token).unwrap();
    assert_eq!(holders(&table, 9), ["bob"]);
    // And the answer is the grant, with what is left of it.
    let grant = table.acquire_with(at(12), &bob).unwrap().grant().unwrap();
    assert_eq!(grant.remaining, Duration::from_secs(7));
    assert_eq!(table.waiting(NAME), 1);
    table.release(at(12), NAME, grant.token).unwrap();
    assert_eq!(holders(&table, 12), ["cid"]);
    assert_eq!(table.waiting(NAME), 0);
}

/// CURATOR-62: a client that gave up left its place behind, and the lock with it.
pub(crate) fn trap_18_who_cancels_is_out_wherever_it_had_got_to() {
    let mut table = table();
    let ann = granted(&mut table, 0, &writer("ann"));
    queued(&mut table, 1, &writer("bob").wait(WAIT));
    queued(&mut table, 1, &writer("cid").wait(WAIT));
    queued(&mut table, 1, &writer("dan").wait(WAIT));
    assert_eq!(table.cancel(at(2), NAME, "bob", 2), Cancelled::Nothing);
    assert_eq!(table.cancel(at(2), NAME, "bob", 1), Cancelled::Left);
    assert_eq!(table.cancel(at(2), NAME, "bob", 1), Cancelled::Nothing);
    table.release(at(3), NAME, ann).unwrap();
    // Its turn came while it gave up.
    let cid = table.get(at(3), NAME).unwrap().token;
    assert_eq!(
        table.cancel(at(3), NAME, "cid", 1),
        Cancelled::Released(cid)
    );
    assert_eq!(table.cancel(at(3), NAME, "cid", 1), Cancelled::Nothing);
    assert_eq!(holders(&table, 3), ["dan"]);
    let late = table.acquire_with(at(3), &writer("ann"));
    assert!(late.is_err());
}

pub(crate) fn trap_18_who_was_granted_it_and_has_gone_blocks_nobody_for_longer_than_it_lasts() {
    let mut table = table();
    let ann = granted(&mut table, 0, &writer("ann"));
    queued(&mut table, 1, &writer("gone").wait(WAIT));
    queued(&mut table, 1, &writer("cid").wait(WAIT));
    table.release(at(2), NAME, ann).unwrap();
    assert_eq!(holders(&table, 2), ["gone"]);
    assert_eq!(table.expire(at(12)).len(), 1);
    assert_eq!(holders(&table, 12), ["cid"]);
}

/// A turn is not given to who has stopped waiting for it, whether that was noticed or not.
pub(crate) fn trap_18_who_stops_waiting_has_no_turn() {
    for is_noticed in [false, true] {
        let mut table = table();
        let ann = granted(&mut table, 0, &writer("ann"));
        queued(&mut table, 1, &writer("bob").wait(Duration::from_secs(2)));
        queued(&mut table, 1, &writer("cid").wait(WAIT));
        if is_noticed {
            assert_eq!(table.expire(at(3)), []);
            assert_eq!(table.waiting(NAME), 1);
        }
        table.release(at(3), NAME, ann).unwrap();
        assert_eq!(holders(&table, 3), ["cid"]);
        // It may come again, at the end.
        assert_eq!(queued(&mut table, 4, &writer("bob").wait(WAIT)), 0);
    }
}

/// A lease that ended without being noticed is passed on by whoever asks for it, to who waited first.
pub(crate) fn trap_16_who_asks_first_after_the_end_comes_behind_those_who_wait() {
    let mut table = table();
    granted(&mut table, 0, &writer("ann"));
    queued(&mut table, 1, &writer("bob").wait(WAIT));
    let refused = table.acquire_with(at(11), &writer("cid")).unwrap_err();
    let AcquireError::Held { holder, .. } = refused else {
        panic!("{refused}")
    };
    assert_eq!((&*holder.owner, holder.expires_at), ("bob", at(21)));
}

pub(crate) fn queues_are_bounded_by_name_and_in_all() {
    let limits = Limits {
        max_waiting_per_name: 2,
        max_waiting: 3,
        ..Limits::default()
    };
    let mut table = super::new(limits);
    let on = |name, owner| Acquire::new(name, owner, 1, TTL).wait(WAIT);
    for name in ["a", "b"] {
        table.acquire_with(at(0), &on(name, "ann")).unwrap();
    }
    for owner in ["bob", "cid"] {
        table.acquire_with(at(0), &on("a", owner)).unwrap();
    }
    let refused = table.acquire_with(at(0), &on("a", "dan"));
    assert!(matches!(
        refused,
        Err(AcquireError::QueueFull {
            waiting: 2,
            max: 2,
            ..
        })
    ));
    table.acquire_with(at(0), &on("b", "dan")).unwrap();
    let refused = table.acquire_with(at(0), &on("b", "eve"));
    assert!(matches!(
        refused,
        Err(AcquireError::QueueFull {
            waiting: 3,
            max: 3,
            ..
        })
    ));
    // Who waits already is not refused.
    assert!(table.acquire_with(at(1), &on("a", "cid")).is_ok());
    table.cancel(at(1), "a", "bob", 1);
    assert!(table.acquire_with(at(1), &on("b", "eve")).is_ok());
}

pub(crate) fn those_who_wait_count_as_the_leases_that_they_will_be() {
    let limits = Limits {
        max_leases: 3,
        ..Limits::default()
    };
    let mut table = super::new(limits);
    let ann = granted(&mut table, 0, &writer("ann"));
    queued(&mut table, 0, &reader("bob").wait(WAIT));
    queued(&mut table, 0, &reader("cid").wait(WAIT));
    let other = Acquire::new("other", "dan", 1, TTL);
    assert!(matches!(
        table.acquire_with(at(0), &other),
        Err(AcquireError::Full { max: 3, .. })
    ));
    table.release(at(1), NAME, ann).unwrap();
    assert_eq!(holders(&table, 1), ["bob", "cid"]);
    // What is remembered of Ann makes no room: Bob and Cid hold the name. What is of Bob does.
    assert!(table.acquire_with(at(1), &other).is_err());
    let bob = table.get(at(1), NAME).unwrap().token;
    table.release(at(1), NAME, bob).unwrap();
    assert!(table.acquire_with(at(1), &other).is_ok());
    assert!(
        table
            .acquire_with(at(1), &Acquire::new("third", "dan", 2, TTL))
            .is_err()
    );
}

/// Behind another that waits still, so that nobody has noticed.
pub(crate) fn trap_18_who_stopped_waiting_and_asks_again_comes_last() {
    for is_noticed in [false, true] {
        let mut table = table();
        let ann = granted(&mut table, 0, &writer("ann"));
        table.renew(at(5), NAME, ann, 10 * TTL).unwrap();
        queued(&mut table, 5, &writer("bob").wait(WAIT));
        queued(&mut table, 5, &writer("cid").wait(TTL));
        queued(&mut table, 5, &writer("dan").wait(WAIT));
        if is_noticed {
            table.expire(at(20));
        }
        assert_eq!(queued(&mut table, 20, &writer("cid").wait(WAIT)), 2);
    }
}

/// The other name's lease is over, and nobody has taken note: to make room for one is to grant that to
/// who waits for it, under a token of its own.
pub(crate) fn trap_20_making_room_grants_no_token_twice() {
    let limits = Limits {
        max_leases: 2,
        ..Limits::default()
    };
    let mut table = super::new(limits);
    granted(&mut table, 0, &writer("ann"));
    queued(&mut table, 0, &writer("bob").wait(WAIT));
    let other = table.acquire(at(10), "other", "cid", TTL, 1).unwrap();
    let bob = table.get(at(10), NAME).unwrap();
    assert_eq!((bob.owner, bob.token), ("bob", FencingToken(2)));
    assert_eq!(other.token, FencingToken(3));
    assert!(super::restore(limits, &table.snapshot()).is_ok());
}

/// A name that others hold is kept when the lease in its own place is forgotten, and that leaves no room.
pub(crate) fn a_name_that_others_still_hold_makes_no_room_for_another() {
    let limits = Limits {
        max_leases: 3,
        ..Limits::default()
    };
    let mut table = super::new(limits);
    let first = granted(&mut table, 0, &reader("ann"));
    granted(&mut table, 0, &reader("bob"));
    table.release(at(0), NAME, first).unwrap();
    for request in 0..9 {
        // It takes the place that the one before it left.
        let again = Acquire::new(NAME, "cid", request, TTL).shared();
        let again = granted(&mut table, 0, &again);
        table.release(at(0), NAME, again).unwrap();
        let other = format!("other {request}");
        let other = table.acquire_with(at(0), &Acquire::new(&other, "dan", 1, TTL));
        assert_eq!(other.is_ok(), request == 0, "{other:?}");
    }
    assert_eq!(table.leases(at(0)).count(), 2);
}

pub(crate) fn events_beyond_the_bound_are_counted_and_change_no_answer() {
    let [mut few, mut many] = [3, 1_000].map(|max_events| {
        super::new(Limits {
            max_events,
            ..Limits::default()
        })
    });
    for table in [&mut few, &mut many] {
        for seconds in 0..4 {
            let request = u128::from(seconds);
            let token = granted(table, seconds, &Acquire::new(NAME, "ann", request, TTL));
            table.release(at(seconds), NAME, token).unwrap();
        }
    }
    assert_eq!(few.snapshot(), many.snapshot());
    let (few, many) = (events(&mut few), events(&mut many));
    assert_eq!(few[..3], many[..3]);
    assert_eq!(few[3..], [LeaseEvent::Missed { count: 5 }]);
    assert_eq!(many.len(), 8);
    let mut none = super::new(Limits {
        max_events: 0,
        ..Limits::default()
    });
    granted(&mut none, 0, &writer("ann"));
    assert_eq!(events(&mut none), vec![]);
}
