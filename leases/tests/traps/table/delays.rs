//! What goes wrong between an old holder and a new one: delays, theft and being asked to go.

use std::time::Duration;
use std::vec::Vec;

use quorate_clocks::Instant;
use quorate_leases::{
    Acquire, AcquireError, LeaseEvent, LeaseTable, Limits, StealError, StealPolicy,
};

const TTL: Duration = Duration::from_secs(10);
const DELAY: Duration = Duration::from_secs(5);
const NAME: &str = "accounts";

fn at(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1_000)
}

fn limits(steal: StealPolicy) -> Limits {
    Limits {
        steal,
        ..Limits::default()
    }
}

fn request(owner: &str, request: u128) -> Acquire<'_> {
    Acquire::new(NAME, owner, request, TTL)
}

fn delayed(table: &mut LeaseTable, seconds: u64, owner: &str) -> Option<Instant> {
    match table.acquire_with(at(seconds), &request(owner, 100)) {
        Err(AcquireError::Delayed {
            until, remaining, ..
        }) => {
            assert_eq!(until, at(seconds) + remaining);
            Some(until)
        }
        other => {
            other.unwrap();
            None
        }
    }
}

/// Chubby's lock-delay: after a crash, and only then.
pub(crate) fn trap_25_the_next_holder_is_delayed_after_an_end_that_was_no_release() {
    for is_noticed in [false, true] {
        let mut table = super::new(Limits::default());
        let asked = request("ann", 1).lock_delay(DELAY);
        table.acquire_with(at(0), &asked).unwrap();
        if is_noticed {
            assert_eq!(table.expire(at(10)).len(), 1);
        }
        assert_eq!(delayed(&mut table, 12, "bob"), Some(at(15)));
        // The same owner does not know either what of its former life is still on its way.
        assert_eq!(delayed(&mut table, 14, "ann"), Some(at(15)));
        assert_eq!(delayed(&mut table, 15, "bob"), None);
    }
    let mut table = super::new(Limits::default());
    let asked = request("ann", 1).lock_delay(DELAY);
    let ann = table.acquire_with(at(0), &asked).unwrap().grant().unwrap();
    table.revoke(at(1), NAME, ann.token).unwrap();
    assert!(table.revoke(at(1), NAME, ann.token).is_err());
    assert_eq!(delayed(&mut table, 2, "bob"), Some(at(6)));
}

pub(crate) fn trap_25_a_release_delays_nobody() {
    let mut table = super::new(Limits::default());
    let asked = request("ann", 1).lock_delay(DELAY);
    let ann = table.acquire_with(at(0), &asked).unwrap().grant().unwrap();
    table.release(at(1), NAME, ann.token).unwrap();
    assert_eq!(delayed(&mut table, 1, "bob"), None);
}

pub(crate) fn trap_25_a_delay_survives_a_snapshot_and_keeps_who_waits_waiting() {
    let mut table = super::new(Limits::default());
    let asked = request("ann", 1).lock_delay(DELAY);
    let ann = table.acquire_with(at(0), &asked).unwrap().grant().unwrap();
    let waits = request("bob", 1).wait(Duration::from_secs(100));
    table.acquire_with(at(1), &waits).unwrap();
    let mut table = super::restore(Limits::default(), &table.snapshot()).unwrap();
    assert_eq!(table.expire(at(10)).len(), 1);
    let mut table = super::restore(Limits::default(), &table.snapshot()).unwrap();
    assert!(table.get(at(14), NAME).is_none());
    assert_eq!(delayed(&mut table, 14, "cid"), Some(at(15)));
    assert_eq!(table.next_expiry(), Some(at(15)));
    assert_eq!(table.expire(at(15)), []);
    let lease = table.get(at(15), NAME).unwrap();
    assert_eq!((lease.owner, lease.expires_at), ("bob", at(25)));
    assert!(lease.token > ann.token);
}

pub(crate) fn trap_25_a_reader_that_crashed_delays_the_writer() {
    let mut table = super::new(Limits::default());
    let asked = request("ann", 1).shared().lock_delay(DELAY);
    table.acquire_with(at(0), &asked).unwrap();
    let bob = table.acquire_with(at(1), &request("bob", 1).shared().lock_delay(DELAY));
    table
        .release(at(2), NAME, bob.unwrap().grant().unwrap().token)
        .unwrap();
    assert_eq!(delayed(&mut table, 11, "wim"), Some(at(15)));
    assert_eq!(delayed(&mut table, 15, "wim"), None);
}

/// One of several readers crashes. Those who hold the name with it are not disturbed, and no more is who
/// joins them; but when the last of them has gone, what it asked for is kept.
pub(crate) fn trap_25_a_reader_that_crashed_delays_those_who_come_after_all_readers() {
    for is_noticed in [false, true] {
        let mut table = super::new(Limits::default());
        let ann = request("ann", 1).shared();
        let ann = table.acquire_with(at(0), &ann).unwrap().grant().unwrap();
        let bob = request("bob", 1).shared();
        let bob = table.acquire_with(at(0), &bob).unwrap().grant().unwrap();
        let cid = request("cid", 1).shared().lock_delay(4 * DELAY);
        table.acquire_with(at(0), &cid).unwrap();
        for grant in [ann, bob] {
            table.renew(at(9), NAME, grant.token, TTL).unwrap();
        }
        if is_noticed {
            table.expire(at(11));
        }
        let dan = request("dan", 1).shared();
        let dan = table.acquire_with(at(11), &dan).unwrap().grant().unwrap();
        let refused = table.acquire(at(12), NAME, "wim", TTL, 1);
        assert!(matches!(refused, Err(AcquireError::Held { .. })));
        for grant in [ann, bob, dan] {
            table.release(at(12), NAME, grant.token).unwrap();
        }
        assert_eq!(delayed(&mut table, 12, "wim"), Some(at(30)));
    }
}

/// A steal takes what it saw, or nothing: in between somebody else may have got it.
pub(crate) fn a_steal_takes_the_grant_that_was_seen_and_no_other() {
    let mut table = super::new(limits(StealPolicy::Anybody));
    let ann = table.acquire(at(0), NAME, "ann", TTL, 1).unwrap();
    let bob = table.acquire(at(10), NAME, "bob", TTL, 1).unwrap();
    let before = table.snapshot();
    let refused = table
        .steal(at(10), ann.token, &request("eve", 1))
        .unwrap_err();
    assert!(
        matches!(&refused, StealError::NotHeldBy { holder: Some(holder), .. } if holder.token == bob.token),
        "{refused}"
    );
    assert_eq!(table.snapshot(), before);
    let stolen = table.steal(at(11), bob.token, &request("eve", 1)).unwrap();
    assert!(stolen.token > bob.token);
    assert!(table.renew(at(11), NAME, bob.token, TTL).is_err());
    // The answer was lost.
    assert_eq!(
        table.steal(at(11), bob.token, &request("eve", 1)),
        Ok(stolen)
    );
    assert_eq!(table.get(at(11), NAME).unwrap().token, stolen.token);
    let free = table.steal(at(21), stolen.token, &request("dan", 1));
    assert!(matches!(
        free,
        Err(StealError::NotHeldBy { holder: None, .. })
    ));
}

pub(crate) fn a_steal_is_for_those_whom_the_policy_names() {
    for (policy, same, other) in [
        (StealPolicy::Nobody, false, false),
        (StealPolicy::SameOwner, true, false),
        (StealPolicy::Anybody, true, true),
    ] {
        for (owner, allowed) in [("ann", same), ("eve", other)] {
            let mut table = super::new(limits(policy));
            let ann = table.acquire(at(0), NAME, "ann", TTL, 1).unwrap();
            let stolen = table.steal(at(1), ann.token, &request(owner, 2));
            assert_eq!(stolen.is_ok(), allowed, "{policy:?}, {owner}: {stolen:?}");
            let held = table.get(at(1), NAME).unwrap().token;
            assert_eq!(held == ann.token, !allowed);
        }
    }
}

/// Readers that are over, whether anybody noticed or not, hold nothing beside the thief.
pub(crate) fn a_steal_from_readers_leaves_none_of_them_behind() {
    let limits = limits(StealPolicy::Anybody);
    let mut table = super::new(limits);
    let [ann, bob, _] = ["ann", "bob", "cid"].map(|owner| {
        let reader = table.acquire_with(at(0), &request(owner, 1).shared());
        reader.unwrap().grant().unwrap()
    });
    // Cid's is over, behind two that are not.
    for reader in [ann, bob] {
        table
            .renew(at(5), NAME, reader.token, Duration::from_secs(60))
            .unwrap();
    }
    let eve = table.steal(at(11), ann.token, &request("eve", 1)).unwrap();
    assert_eq!(table.holders(at(11), NAME).count(), 1);
    assert_eq!(super::restore(limits, &table.snapshot()), Ok(table.clone()));
    let ended = table.expire(at(21));
    let ended: Vec<_> = ended.iter().map(|lease| lease.token).collect();
    assert_eq!(ended, [eve.token]);
}

/// Who waits and would rather steal may find that it is its turn. That answer is a change, too.
pub(crate) fn a_steal_that_finds_it_is_its_turn_forgets_who_was_asked_to_yield() {
    let limits = limits(StealPolicy::Anybody);
    let mut table = super::new(limits);
    let ann = table.acquire(at(0), NAME, "ann", TTL, 1).unwrap();
    let bob = request("bob", 1).wait(2 * TTL);
    table.acquire_with(at(1), &bob).unwrap();
    table.request_yield(at(1), NAME);
    assert!(table.steal(at(10), ann.token, &bob).is_ok());
    assert_eq!(super::restore(limits, &table.snapshot()), Ok(table));
}

/// A reader that comes later may be written down in the place that an earlier one has left.
pub(crate) fn a_reader_in_a_place_that_was_left_is_not_taken_for_the_oldest() {
    let mut table = super::new(Limits {
        max_leases: 2,
        ..Limits::default()
    });
    let reader = |owner| request(owner, 1).shared();
    let ann = table.acquire_with(at(0), &reader("ann")).unwrap();
    table.acquire_with(at(0), &reader("bob")).unwrap();
    table.request_yield(at(1), NAME);
    let ann = ann.grant().unwrap().token;
    table.release(at(1), NAME, ann).unwrap();
    table.acquire_with(at(1), &reader("cid")).unwrap();
    let holders = table.holders(at(1), NAME);
    let holders: Vec<_> = holders.map(|it| (it.owner, it.asked_to_yield)).collect();
    assert_eq!(holders, [("bob", true), ("cid", false)]);
    assert_eq!(table.get(at(1), NAME).unwrap().owner, "bob");
}

/// Kubernetes' coordinated election: the holder is asked, and goes when it can.
pub(crate) fn a_holder_that_is_asked_to_yield_is_told_once_and_keeps_what_it_has() {
    let mut table = super::new(Limits::default());
    let ann = table.acquire(at(0), NAME, "ann", TTL, 1).unwrap();
    core::iter::from_fn(|| table.poll_event()).for_each(drop);
    for _ in 0..2 {
        assert_eq!(table.request_yield(at(1), NAME), Some(ann.token));
    }
    let events: Vec<_> = core::iter::from_fn(|| table.poll_event()).collect();
    assert!(
        matches!(&events[..], [LeaseEvent::YieldRequested { token, .. }] if *token == ann.token),
        "{events:?}"
    );
    assert!(table.get(at(1), NAME).unwrap().asked_to_yield);
    table.renew(at(2), NAME, ann.token, TTL).unwrap();
    table.release(at(3), NAME, ann.token).unwrap();
    table.acquire(at(3), NAME, "bob", TTL, 1).unwrap();
    assert!(!table.get(at(3), NAME).unwrap().asked_to_yield);
    assert_eq!(table.request_yield(at(3), "other"), None);
}
