//! What goes wrong with sessions.

use std::time::Duration;
use std::{format, vec::Vec};

use quorate_clocks::Instant;
use quorate_leases::{
    Acquire, AcquireError, LeaseEvent, LeaseTable, Limits, RenewError, SessionError, SessionId,
    WatchError,
};

const TTL: Duration = Duration::from_secs(10);

fn at(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1_000)
}

/// A session of ten seconds with so many leases.
fn with_leases(limits: Limits, count: u32) -> (LeaseTable, SessionId) {
    let mut table = super::new(limits);
    let session = table.open_session(at(0), TTL).unwrap().session;
    for number in 0..count {
        let name = format!("lease {number}");
        let request = Acquire::in_session(&name, "ann", u128::from(number), session);
        let granted = table
            .acquire_with(at(1), &request)
            .unwrap()
            .grant()
            .unwrap();
        assert_eq!(granted.expires_at, at(10));
    }
    (table, session)
}

/// None of its leases is held from the deadline on: not when their slice comes, and not for others who
/// ask for one before that.
pub(crate) fn trap_28_the_leases_of_a_session_end_with_it_and_are_freed_in_slices() {
    let (mut table, session) = with_leases(Limits::default(), 1_000);
    table.keep_alive(at(5), session).unwrap();
    assert_eq!(table.leases(at(14)).count(), 1_000);
    assert_eq!(table.leases(at(15)).count(), 0);
    let taken = table.acquire(at(15), "lease 900", "bob", TTL, 1).unwrap();
    let mut tokens = Vec::new();
    for slice in 0.. {
        let ended = table.expire_some(at(15), 100);
        if ended.is_empty() {
            assert_eq!(slice, 10);
            break;
        }
        assert!(ended.len() <= 100);
        assert!(ended.iter().all(|lease| lease.expired_at == at(15)));
        tokens.extend(ended.iter().map(|lease| lease.token.0));
        assert_eq!(table.leases(at(15)).count(), 1);
    }
    assert_eq!(
        tokens,
        (1..=1_000)
            .filter(|token| *token != 901)
            .collect::<Vec<_>>()
    );
    assert_eq!(table.get(at(15), "lease 900").unwrap().token, taken.token);
}

/// A session that lost its last lease while its end was being taken note of comes in the same place on a
/// replica that was restored in between.
pub(crate) fn trap_16_slices_are_the_same_on_a_replica_that_was_restored_between_them() {
    let mut table = super::new(Limits::default());
    for (request, name) in (0..).zip(["a", "b", "c"]) {
        let session = table.open_session(at(0), TTL).unwrap().session;
        let bound = Acquire::in_session(name, "ann", request, session);
        table.acquire_with(at(0), &bound).unwrap();
    }
    let first = table.expire_some(at(10), 1);
    assert_eq!(first[0].name, "a");
    table.acquire(at(10), "c", "bob", TTL, 9).unwrap();
    let mut replica = super::restore(Limits::default(), &table.snapshot()).unwrap();
    for _ in 0..6 {
        assert_eq!(table.expire_some(at(10), 1), replica.expire_some(at(10), 1));
        assert_eq!(table.snapshot(), replica.snapshot());
    }
    assert_eq!(table.leases(at(10)).count(), 1);
}

pub(crate) fn trap_04_a_session_that_is_over_does_not_come_back() {
    let (mut table, session) = with_leases(Limits::default(), 2);
    let ended = Err(SessionError::Ended { session });
    assert_eq!(table.keep_alive(at(10), session).map(drop), ended);
    assert_eq!(table.leases(at(10)).count(), 0);
    let bound = Acquire::in_session("another", "ann", 9, session);
    assert!(matches!(
        table.acquire_with(at(10), &bound),
        Err(AcquireError::NoSession { .. })
    ));
    assert_eq!(table.expire(at(10)).len(), 2);
    assert_eq!(table.keep_alive(at(11), session).map(drop), ended);
    assert_eq!(table.close_session(at(11), session), ended);
}

/// A former life of the client, or a message that was long on its way, must not keep another's session.
pub(crate) fn trap_19_no_session_has_the_id_of_another() {
    let (mut table, first) = with_leases(Limits::default(), 1);
    table.close_session(at(2), first).unwrap();
    table.expire(at(2));
    let mut table = super::restore(Limits::default(), &table.snapshot()).unwrap();
    let second = table.open_session(at(3), TTL).unwrap().session;
    assert!(second > first);
    assert!(table.keep_alive(at(4), first).is_err());
    assert_eq!(table.session(at(4), second).unwrap().expires_at, at(13));
}

/// A lease of a session that was closed was given up: it does not delay the next holder, and a client
/// that wants it can have it at once.
pub(crate) fn trap_25_closing_a_session_releases_its_leases() {
    let (mut table, session) = with_leases(Limits::default(), 1);
    let delayed = Acquire::in_session("disk", "ann", 9, session).lock_delay(TTL);
    table.acquire_with(at(1), &delayed).unwrap();
    table.close_session(at(2), session).unwrap();
    assert!(table.get(at(2), "disk").is_none());
    assert!(table.acquire(at(2), "disk", "bob", TTL, 1).is_ok());
    assert_eq!(table.expire(at(2)), []);
    assert_eq!(table.leases(at(2)).count(), 1);
    let events: Vec<_> = core::iter::from_fn(|| table.poll_event()).collect();
    let expired = |event: &LeaseEvent| matches!(event, LeaseEvent::Expired { .. });
    assert!(!events.iter().any(expired), "{events:?}");
    assert!(events.contains(&LeaseEvent::SessionEnded {
        session,
        closed: true
    }));

    // One that ends by time does.
    let (mut table, session) = with_leases(Limits::default(), 0);
    let delayed = Acquire::in_session("disk", "ann", 9, session).lock_delay(TTL);
    table.acquire_with(at(1), &delayed).unwrap();
    let refused = table.acquire(at(11), "disk", "bob", TTL, 1);
    assert!(matches!(refused, Err(AcquireError::Delayed { until, .. }) if until == at(20)));
}

pub(crate) fn trap_18_who_waits_with_a_session_leaves_with_it() {
    let (mut table, session) = with_leases(Limits::default(), 0);
    let wait = Duration::from_secs(1_000);
    let long = Duration::from_secs(20);
    let ann = table.acquire(at(0), "disk", "ann", long, 1).unwrap();
    let gone = Acquire::in_session("disk", "gone", 1, session).wait(wait);
    table.acquire_with(at(1), &gone).unwrap();
    table
        .acquire_with(at(1), &Acquire::new("disk", "bob", 1, TTL).wait(wait))
        .unwrap();
    for is_noticed in [true, false] {
        let mut table = table.clone();
        if is_noticed {
            assert_eq!(table.expire(at(10)), []);
            assert_eq!(table.waiting("disk"), 1);
        }
        table.release(at(10), "disk", ann.token).unwrap();
        assert_eq!(table.get(at(10), "disk").unwrap().owner, "bob");
    }
}

/// Its leases are not renewed one by one, and are released one by one.
pub(crate) fn a_lease_of_a_session_is_kept_by_it_alone() {
    let (mut table, session) = with_leases(Limits::default(), 2);
    let token = table.get(at(1), "lease 0").unwrap().token;
    let refused = table.renew(at(1), "lease 0", token, TTL * 2);
    assert!(matches!(refused, Err(RenewError::OfSession { session: of, .. }) if of == session));
    assert_eq!(table.get(at(1), "lease 0").unwrap().expires_at, at(10));
    table.release(at(2), "lease 0", token).unwrap();
    assert_eq!(table.leases(at(2)).count(), 1);
    assert_eq!(table.expire(at(10)).len(), 1);
    assert_eq!(table.next_expiry(), None);
}

/// A release that comes after the session was closed, and so after it was done.
pub(crate) fn what_a_closed_session_held_counts_as_released_before_it_is_freed() {
    for is_freed in [false, true] {
        let (mut table, session) = with_leases(Limits::default(), 1);
        let lease = table.leases(at(1)).next().unwrap();
        let (name, token) = (std::string::String::from(lease.name), lease.token);
        table.close_session(at(2), session).unwrap();
        if is_freed {
            table.expire(at(2));
        }
        assert_eq!(table.release(at(3), &name, token), Ok(()));
    }
}

pub(crate) fn sessions_and_watches_are_bounded() {
    let limits = Limits {
        max_sessions: 2,
        max_watches: 2,
        ..Limits::default()
    };
    let (mut table, session) = with_leases(limits, 1);
    let other = table.open_session(at(1), TTL).unwrap().session;
    assert_eq!(
        table.open_session(at(1), TTL),
        Err(SessionError::Full { max: 2 })
    );
    assert!(matches!(
        table.open_session(at(1), Duration::ZERO),
        Err(SessionError::Ttl { .. })
    ));
    for _ in 0..2 {
        table.watch(at(1), "disk", session).unwrap();
        table.watch(at(1), "disk", other).unwrap();
    }
    assert_eq!(
        table.watch(at(1), "tape", other),
        Err(WatchError::Full { max: 2 })
    );
    assert!(table.watchers("disk").eq([session, other]));
    table.unwatch(at(1), "disk", other);
    table.watch(at(1), "tape", other).unwrap();
    // They end with their sessions, also before those are freed.
    assert!(table.keep_alive(at(11), other).is_err());
    assert_eq!(table.watchers("disk").count(), 0);
    assert_eq!(table.expire(at(11)).len(), 1);
    assert_eq!(
        table.watchers("disk").count() + table.watchers("tape").count(),
        0
    );
    assert!(matches!(
        table.watch(at(11), "disk", other),
        Err(WatchError::NoSession { .. })
    ));
    assert!(table.open_session(at(11), TTL).is_ok());
}
