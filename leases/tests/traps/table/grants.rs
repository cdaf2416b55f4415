//! What goes wrong with grants: their instances, their tokens and their time.

use std::time::Duration;
use std::vec::Vec;
use std::{format, string::ToString};

use quorate_clocks::Instant;
use quorate_leases::{
    AcquireError, Drift, Expired, Fence, FencingToken, Grant, LeaseClock, LeaseTable, Limits,
    ReleaseError, RenewError, SafeUntil,
};

const TTL: Duration = Duration::from_secs(10);
const NAME: &str = "accounts";

fn at(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1_000)
}

fn table() -> LeaseTable {
    super::new(Limits::default())
}

fn acquire(table: &mut LeaseTable, seconds: u64, owner: &str, request: u128) -> Grant {
    table
        .acquire(at(seconds), NAME, owner, TTL, request)
        .unwrap()
}

/// A lease that one owner has lost to another: the table, the old grant and the new one.
fn taken_over() -> (LeaseTable, Grant, Grant) {
    let mut table = table();
    let old = acquire(&mut table, 0, "ann", 1);
    let new = acquire(&mut table, 10, "bob", 1);
    (table, old, new)
}

/// M. Kleppmann, "How to do distributed locking", 2016: the garbage collection that outlasts the
/// lease.
pub(crate) fn trap_01_a_pause_past_expiry_then_a_write_with_the_old_token() {
    let (_, old, new) = taken_over();
    let mut fence = Fence::new();
    fence.check_and_raise(old.token).unwrap();
    fence.check_and_raise(new.token).unwrap();
    let stale = fence.check_and_raise(old.token).unwrap_err();
    assert_eq!((stale.presented, stale.newest), (old.token, new.token));
}

/// Plain fencing has a hole between the grant and the first write of the new holder. Raising before
/// use closes it.
pub(crate) fn trap_02_an_old_write_before_the_first_new_one_lands_unless_the_fence_was_raised() {
    let (_, old, new) = taken_over();
    let mut hole = Fence::restore(old.token);
    assert!(hole.check_and_raise(old.token).is_ok());
    let mut raised = Fence::restore(old.token);
    assert_eq!(raised.raise(new.token), Ok(old.token));
    assert!(raised.check_and_raise(old.token).is_err());
    assert!(raised.check_and_raise(new.token).is_ok());
}

/// PaxosLease revisited, "stale owner open": being the owner of the last lease is not holding it.
pub(crate) fn trap_03_expired_then_acquired_again_by_the_same_owner_is_a_new_grant() {
    let mut table = table();
    let old = acquire(&mut table, 0, "ann", 1);
    let new = acquire(&mut table, 10, "ann", 2);
    assert!(new.token > old.token);
    let renewed = table.renew(at(11), NAME, old.token, TTL);
    assert!(
        matches!(renewed, Err(RenewError::Superseded { holder, .. }) if holder.token == new.token)
    );
    assert!(table.release(at(11), NAME, old.token).is_err());
    assert_eq!(table.get(at(11), NAME).unwrap().token, new.token);
}

/// redlock-rb #36: an extension that brings an expired lock back.
pub(crate) fn trap_04_a_renewal_after_expiry_revives_nothing_even_when_nobody_took_the_lease() {
    let mut table = table();
    let grant = acquire(&mut table, 0, "ann", 1);
    let last_moment = Instant::from_nanos(at(10).as_nanos() - 1);
    let mut in_time = table.clone();
    assert!(in_time.renew(last_moment, NAME, grant.token, TTL).is_ok());
    assert_eq!(
        table.renew(at(10), NAME, grant.token, TTL),
        Err(RenewError::Ended {
            name: NAME.into(),
            token: grant.token
        })
    );
    assert!(table.get(at(10), NAME).is_none());
}

/// Oban #1488, River #197: a renewal by name alone kept two leaders for days.
pub(crate) fn trap_05_a_renewal_after_takeover_says_who_holds_it_and_touches_nothing() {
    let (mut table, old, new) = taken_over();
    let before = table.get(at(12), NAME).unwrap().expires_at;
    let lost = table.renew(at(12), NAME, old.token, TTL).unwrap_err();
    assert_eq!(
        lost.to_string(),
        "lease \"accounts\" with #1 is lost: it is held by \"bob\" with #2 for another 8s, until \
         20.000000s; stop"
    );
    let held = table.get(at(12), NAME).unwrap();
    assert_eq!((held.token, held.expires_at), (new.token, before));
}

/// PaxosLease revisited, "owner only release".
pub(crate) fn trap_06_a_release_delayed_past_reacquisition_by_the_same_owner_has_no_effect() {
    let mut table = table();
    let old = acquire(&mut table, 0, "ann", 1);
    let new = acquire(&mut table, 10, "ann", 2);
    let refused = table.release(at(11), NAME, old.token);
    assert!(matches!(refused, Err(ReleaseError::Superseded { .. })));
    assert_eq!(table.get(at(11), NAME).unwrap().token, new.token);
}

pub(crate) fn trap_07_a_clock_that_jumps_forward_ends_all_leases_in_one_order_and_tokens_keep_growing()
 {
    let mut table = table();
    for (second, name) in [(3, "c"), (1, "a"), (1, "b")] {
        // The instants go back, and count as the latest one.
        table.acquire(at(second), name, "ann", TTL, 1).unwrap();
    }
    let ended: Vec<_> = table
        .expire(at(3_600))
        .into_iter()
        .map(|lease| lease.name)
        .collect();
    assert_eq!(ended, ["c", "a", "b"]);
    assert_eq!(table.expire(at(3_600)), []);
    assert_eq!(table.next_expiry(), None);
    assert_eq!(acquire(&mut table, 3_600, "bob", 1).token, FencingToken(4));
}

pub(crate) fn trap_08_a_clock_that_jumps_back_revives_nothing_and_lengthens_nothing() {
    let mut table = table();
    let grant = acquire(&mut table, 100, "ann", 1);
    assert!(table.get(at(50), NAME).is_some());
    let renewed = table.renew(at(1), NAME, grant.token, TTL).unwrap();
    assert_eq!(renewed.expires_at, grant.expires_at);
    assert_eq!(table.expire(at(110)).len(), 1);
    assert!(table.get(at(101), NAME).is_none());
    assert!(table.renew(at(101), NAME, grant.token, TTL).is_err());
    assert_eq!(acquire(&mut table, 105, "bob", 1).expires_at, at(120));
}

/// The etcd client, Curator's LOST timer and the 2012 PaxosLease count from receipt. See also
/// node-redlock #166.
pub(crate) fn trap_10_a_grant_that_arrives_after_its_safe_time_is_never_valid() {
    let mut table = table();
    let grant = acquire(&mut table, 0, "ann", 1);
    let sent_at = at(1_000);
    let arrived_at = sent_at + TTL;
    let safe = SafeUntil::new(sent_at, grant.remaining, Drift::NONE, Duration::ZERO);
    assert!(!safe.is_safe(arrived_at));
}

/// A retry is answered with the grant of the first attempt, which has been running since. A holder
/// that took the full time to live from the sending of the retry would outlast its lease.
pub(crate) fn trap_17_the_answer_to_a_retry_counts_what_has_already_passed() {
    let mut table = table();
    let first = acquire(&mut table, 0, "ann", 1);
    let retried = acquire(&mut table, 6, "ann", 1);
    assert_eq!((retried.token, retried.expires_at), (first.token, at(10)));
    let safe = SafeUntil::new(at(6), retried.remaining, Drift::NONE, Duration::ZERO);
    assert_eq!(safe.deadline(), at(10));
}

/// An answer that took longer than the old deadline: in between the holder held nothing, and the
/// renewal is a new deadline of its own.
pub(crate) fn trap_11_a_slow_renewal_leaves_a_gap_in_which_the_holder_is_not_valid() {
    let mut table = table();
    let grant = acquire(&mut table, 0, "ann", 1);
    let first = SafeUntil::new(at(0), grant.remaining, Drift::NONE, Duration::ZERO);
    let renewed = table.renew(at(9), NAME, grant.token, TTL).unwrap();
    let second = SafeUntil::new(at(9), renewed.remaining, Drift::NONE, Duration::ZERO);
    assert!(!first.is_safe(at(11)));
    assert!(second.is_safe(at(11)));
}

/// Cockroach PR #23122: an end that was promised must not move back.
pub(crate) fn trap_08_a_renewal_with_a_shorter_time_to_live_keeps_the_promised_end() {
    let mut table = table();
    let grant = acquire(&mut table, 0, "ann", 1);
    let renewed = table
        .renew(at(1), NAME, grant.token, Duration::from_secs(1))
        .unwrap();
    assert_eq!(renewed.expires_at, grant.expires_at);
    assert_eq!(renewed.remaining, Duration::from_secs(9));
}

/// etcd #9888 and #9526, and a monotonic clock that starts at zero with every machine.
pub(crate) fn trap_14_a_change_of_leader_ends_no_lease_early() {
    for new_leaders_own_clock in [at(0), at(86_400)] {
        let mut table = table();
        acquire(&mut table, 3_600, "ann", 1);
        let clock = LeaseClock::continue_from(table.now(), new_leaders_own_clock);
        let after = |seconds| clock.at(new_leaders_own_clock + Duration::from_secs(seconds));
        assert!(table.get(after(9), NAME).is_some());
        assert_eq!(table.expire(after(9)), []);
        assert_eq!(table.expire(after(10)).len(), 1);
    }
}

/// etcd #9496, #9699: nothing is done for any lease when the leader changes, and each has what was left
/// of it, and at most the outage more. The leases are counted in the bench.
pub(crate) fn trap_14_a_change_of_leader_touches_no_lease_and_adds_no_more_than_the_outage() {
    let mut table = many(200, |number| Duration::from_secs(10 + number));
    // The old leader was last heard of when its clock showed 4 s. The outage, however long, is not counted.
    let old = LeaseClock::continue_from(table.now(), at(0));
    let new_own = at(77_000);
    let died_at = old.at(at(4));
    assert_eq!(table.expire(died_at), []);
    let new = LeaseClock::continue_from(table.now(), new_own);
    assert_eq!(new.at(new_own), died_at);
    let after = super::restore(table.limits(), &table.snapshot()).unwrap();
    assert_eq!(table, after);
    for lease in table.leases(died_at) {
        let promised = lease.expires_at.since(died_at);
        let ends = new_own + promised;
        let just_before = ends.saturating_sub(Duration::from_nanos(1));
        assert!(table.get(new.at(just_before), lease.name).is_some());
        assert!(table.get(new.at(ends), lease.name).is_none());
    }
}

/// The stamps of an old leader that did not notice come late, and are of the past: they end nothing,
/// also not what was renewed meanwhile.
pub(crate) fn trap_15_the_stamps_of_a_stalled_leader_end_nothing() {
    let mut table = table();
    let grant = acquire(&mut table, 0, "ann", 1);
    let old = LeaseClock::continue_from(table.now(), at(500));
    // It stands still; another leads, and renews by its own clock.
    let new = LeaseClock::continue_from(table.now(), at(9_000));
    let renewed = table
        .renew(new.at(at(9_009)), NAME, grant.token, TTL)
        .unwrap();
    assert_eq!(renewed.expires_at, at(19));
    // What it proposed when it woke up after what it takes for 12 s, before it heard of the other.
    assert_eq!(table.expire(old.at(at(512))), []);
    assert!(table.get(at(12), NAME).is_some());
    assert_eq!(table.get(at(18), NAME).unwrap().token, grant.token);
}

/// etcd #15247: a stalled ex-leader decides on expiry by a time that a renewal has overtaken.
pub(crate) fn trap_15_an_expiry_that_was_decided_before_a_renewal_ends_nothing() {
    let mut table = table();
    let grant = acquire(&mut table, 0, "ann", 1);
    table.renew(at(9), NAME, grant.token, TTL).unwrap();
    assert_eq!(table.expire(at(10)), []);
    assert!(table.get(at(10), NAME).is_some());
}

pub(crate) fn trap_16_an_expiry_and_a_renewal_in_either_order_have_one_winner_on_all_replicas() {
    for renew_first in [true, false] {
        let mut replicas = [table(), table()];
        for table in &mut replicas {
            let token = acquire(table, 0, "ann", 1).token;
            if renew_first {
                assert!(table.renew(at(10), NAME, token, TTL).is_err());
                assert_eq!(table.expire(at(10)).len(), 1);
            } else {
                assert_eq!(table.expire(at(10)).len(), 1);
                assert!(table.renew(at(10), NAME, token, TTL).is_err());
            }
        }
        assert_eq!(replicas[0].snapshot(), replicas[1].snapshot());
    }
}

/// Ongaro's dissertation, Figure 6.2, and Hazelcast's invocation ids: a lost answer must not lock
/// the client out of its own lease.
pub(crate) fn trap_17_a_retry_of_acquire_gets_the_same_grant() {
    let mut table = table();
    let first = acquire(&mut table, 0, "ann", 7);
    let retried = acquire(&mut table, 0, "ann", 7);
    assert_eq!(retried, first);
    // Another request of the same owner is another contender: a lease is not re-entrant.
    let other = table.acquire(at(0), NAME, "ann", TTL, 8);
    assert!(matches!(other, Err(AcquireError::Held { .. })));
    // And the request number of another owner is nobody's business.
    assert!(table.acquire(at(0), NAME, "bob", TTL, 7).is_err());
}

/// A delayed duplicate must not acquire a lease that nobody knows of.
pub(crate) fn trap_17_a_retry_after_its_grant_has_ended_is_not_a_new_grant() {
    for released in [true, false] {
        let mut table = table();
        let grant = acquire(&mut table, 0, "ann", 1);
        if released {
            table.release(at(2), NAME, grant.token).unwrap();
        }
        for noticed in [false, true] {
            if noticed {
                table.expire(at(10));
            }
            assert_eq!(
                table.acquire(at(10), NAME, "ann", TTL, 1),
                Err(AcquireError::Ended {
                    name: NAME.into(),
                    token: grant.token
                })
            );
        }
        assert!(acquire(&mut table, 10, "ann", 2).token > grant.token);
    }
}

/// CURATOR-62: what was granted to a client that has gone ends by itself.
pub(crate) fn trap_18_an_abandoned_grant_blocks_nobody_for_longer_than_it_lasts() {
    let mut table = table();
    acquire(&mut table, 0, "gone", 1);
    let refused = table.acquire(at(3), NAME, "bob", TTL, 1).unwrap_err();
    let AcquireError::Held { holder, .. } = refused else {
        panic!("{refused}")
    };
    assert_eq!(holder.expires_at, at(3) + holder.remaining);
    let retry_at = at(3) + holder.remaining;
    assert!(table.acquire(retry_at, NAME, "bob", TTL, 1).is_ok());
}

/// A restart that puts its incarnation into the owner's name is not its former life.
pub(crate) fn trap_19_a_former_life_of_the_owner_holds_nothing_of_the_new_one() {
    let mut table = table();
    let former = acquire(&mut table, 0, "ann/life 1", 1);
    assert!(table.acquire(at(1), NAME, "ann/life 2", TTL, 1).is_err());
    let new = acquire(&mut table, 10, "ann/life 2", 1);
    assert!(table.renew(at(11), NAME, former.token, TTL).is_err());
    assert!(table.release(at(11), NAME, former.token).is_err());
    assert_eq!(table.get(at(11), NAME).unwrap().token, new.token);
}

/// The crate dlock starts again at token 0 when the row of a released lock is deleted.
pub(crate) fn trap_20_no_release_expiry_forgetting_or_restore_brings_a_token_back() {
    let limits = Limits {
        remember_for: Duration::ZERO,
        ..Limits::default()
    };
    let mut table = super::new(limits);
    let released = acquire(&mut table, 0, "ann", 1).token;
    table.release(at(1), NAME, released).unwrap();
    assert_eq!(table.expire(at(1)), []);
    let expired = acquire(&mut table, 2, "ann", 1).token;
    table.expire(at(60));
    table.expire(at(60));
    assert_eq!(table.leases(at(60)).count(), 0);
    let mut restored = super::restore(limits, &table.snapshot()).unwrap();
    let newest = acquire(&mut restored, 60, "ann", 1).token;
    assert!(released < expired && expired < newest);

    // The table is lost for good; the fences still know the newest token.
    let mut rebuilt = super::with_tokens_after(limits, newest);
    assert!(acquire(&mut rebuilt, 0, "ann", 1).token > newest);
}

/// CURATOR-653: a counter that wrapped made two leaders.
pub(crate) fn trap_21_the_last_token_is_granted_and_then_none() {
    let mut table = super::with_tokens_after(Limits::default(), FencingToken(u64::MAX - 1));
    let last = acquire(&mut table, 0, "ann", 1);
    assert_eq!(last.token, FencingToken(u64::MAX));
    assert!(table.renew(at(1), NAME, last.token, TTL).is_ok());
    table.release(at(2), NAME, last.token).unwrap();
    let before = table.clone();
    let refused = table.acquire(at(2), NAME, "bob", TTL, 1);
    assert!(matches!(refused, Err(AcquireError::TokensExhausted { .. })));
    assert_eq!(table, before);
}

pub(crate) fn trap_22_a_resource_that_restarts_refuses_whom_it_refused_before() {
    let (_, old, new) = taken_over();
    let mut fence = Fence::new();
    fence.raise(new.token).unwrap();
    let saved_with_the_data = fence.newest();
    let mut restarted = Fence::restore(saved_with_the_data);
    assert!(restarted.check_and_raise(old.token).is_err());
    assert!(restarted.check_and_raise(new.token).is_ok());
}

pub(crate) fn trap_23_fenced_writes_that_arrive_out_of_order_and_twice() {
    let mut fence = Fence::new();
    let passes =
        [34, 33, 34, 33, 35, 34].map(|token| fence.check_and_raise(FencingToken(token)).is_ok());
    assert_eq!(passes, [true, false, true, false, true, false]);
}

/// A release whose answer was lost is retried, and told the same.
pub(crate) fn trap_06_a_release_that_is_repeated_is_answered_the_same_and_frees_nobody_else() {
    let mut table = table();
    let ann = acquire(&mut table, 0, "ann", 1);
    assert_eq!(table.release(at(1), NAME, ann.token), Ok(()));
    assert_eq!(table.release(at(1), NAME, ann.token), Ok(()));
    let bob = acquire(&mut table, 1, "bob", 1);
    assert!(table.release(at(2), NAME, ann.token).is_err());
    assert_eq!(table.get(at(2), NAME).unwrap().token, bob.token);
    // What has expired was not released.
    assert!(matches!(
        table.release(at(11), NAME, bob.token),
        Err(ReleaseError::Ended { .. })
    ));
}

fn many(count: u64, ttl: impl Fn(u64) -> Duration) -> LeaseTable {
    let limits = Limits {
        max_leases: 1_000_000,
        max_ttl: Duration::MAX,
        ..Limits::default()
    };
    let mut table = super::new(limits);
    for number in 0..count {
        let name = format!("lease {number}");
        let granted = table.acquire(at(0), &name, "ann", ttl(number), 1);
        assert_eq!(granted.unwrap().token.0, number + 1);
    }
    table
}

/// etcd revokes 500 at a tick. Here the caller says how many, the rest is over all the same, renewals
/// of others go on in between, and none is lost.
pub(crate) fn trap_28_a_million_piling_on_one_instant_end_in_slices() {
    const COUNT: u64 = 4_000;
    let mut table = many(COUNT, |_| TTL);
    let other = table.acquire(at(0), "other", "bob", TTL * 2, 1).unwrap();
    // Somebody renews when all the others are over, and nobody noticed.
    let renewed = table.renew(at(10), "other", other.token, TTL).unwrap();
    assert_eq!(table.leases(at(10)).count(), 1);
    let (mut slices, mut last) = (0, 0);
    while table.sort_ended(1_000) {
        slices += 1;
    }
    // A step for each lease, on each of the levels of the wheel at most.
    assert!(
        (COUNT / 1_000..=11 * COUNT / 1_000).contains(&slices),
        "{slices}"
    );
    while let Some(ended) = table.expire_next(at(10)) {
        assert_eq!((ended.token.0, ended.expired_at), (last + 1, at(10)));
        last = ended.token.0;
        if last % 1_000 == 0 {
            assert!(table.renew(at(10), "other", other.token, TTL).is_ok());
        }
    }
    assert_eq!(last, COUNT);
    assert_eq!(
        table.get(at(10), "other").unwrap().expires_at,
        renewed.expires_at
    );
}

/// tokio #5536 and restate #5017: a timer farther away than two years panicked.
pub(crate) fn trap_28_a_lease_may_end_as_far_away_as_time_can_tell() {
    let table = &mut many(64, |number| {
        Duration::from_nanos(u64::MAX >> number).max(Duration::from_secs(1))
    });
    let ended = table.expire(Instant::MAX);
    assert_eq!(ended.len(), 64);
    assert!(ended.is_sorted_by_key(|lease| (lease.expired_at, lease.token)));
    assert_eq!(ended[63].expired_at, Instant::MAX);
}

/// tokio #3270, #849, #868 and #2473: moving and removing what is just running out.
pub(crate) fn trap_29_leases_that_are_renewed_released_and_taken_while_they_run_out() {
    let mut table = many(4, |_| TTL);
    let just_before = Instant::from_nanos(at(10).as_nanos() - 1);
    assert!(
        table
            .renew(just_before, "lease 0", FencingToken(1), TTL)
            .is_ok()
    );
    assert!(
        table
            .renew(at(10), "lease 1", FencingToken(2), TTL)
            .is_err()
    );
    while table.sort_ended(1) {}
    // It is in the order of what ran out now. It cannot come back, be released, or block the name.
    assert!(
        table
            .renew(at(10), "lease 1", FencingToken(2), TTL)
            .is_err()
    );
    assert!(table.release(at(10), "lease 1", FencingToken(2)).is_err());
    let taken = table.acquire(at(10), "lease 1", "bob", TTL, 1).unwrap();
    // One that is released and acquired again ends when the new one does.
    table.release(at(11), "lease 0", FencingToken(1)).unwrap();
    let again = table.acquire(at(11), "lease 0", "bob", TTL, 1).unwrap();
    let tokens = |ended: Vec<Expired>| ended.iter().map(|lease| lease.token.0).collect::<Vec<_>>();
    assert_eq!(tokens(table.expire(at(11))), [3, 4]);
    assert_eq!(tokens(table.expire(at(20))), [taken.token.0]);
    assert_eq!(tokens(table.expire(at(21))), [again.token.0]);
    assert_eq!(table.next_expiry(), None);
}

pub(crate) fn a_full_table_refuses_new_names_until_one_has_ended() {
    let limits = Limits {
        max_leases: 2,
        ..Limits::default()
    };
    let mut table = super::new(limits);
    let a = table.acquire(at(0), "a", "ann", TTL, 1).unwrap();
    table.acquire(at(5), "b", "ann", TTL, 1).unwrap();
    let refused = table.acquire(at(6), "c", "ann", TTL, 1);
    assert!(matches!(refused, Err(AcquireError::Full { max: 2, .. })));
    // A renewal needs no room.
    assert!(table.renew(at(6), "a", a.token, TTL).is_ok());
    // A lease that is over makes room, whether its end was noticed or not.
    assert!(table.acquire(at(15), "c", "ann", TTL, 1).is_ok());
    assert!(table.get(at(15), "a").is_some() && table.get(at(15), "c").is_some());
    table.release(at(15), "a", a.token).unwrap();
    assert!(table.acquire(at(15), "d", "ann", TTL, 1).is_ok());
}

pub(crate) fn what_is_out_of_bounds_is_refused_with_the_bound_and_changes_nothing() {
    let mut table = table();
    let long = "x".repeat(256);
    let (short_ttl, long_ttl) = (Duration::from_millis(999), Duration::from_secs(3_601));
    let before = table.clone();
    for (refused, says) in [
        (
            table.acquire(at(0), "", "ann", TTL, 1),
            "0 bytes; it may have 1 to 255",
        ),
        (
            table.acquire(at(0), &long, "ann", TTL, 1),
            "256 bytes; it may have 1 to 255",
        ),
        (
            table.acquire(at(0), NAME, "", TTL, 1),
            "owner of the lease has 0 bytes",
        ),
        (
            table.acquire(at(0), NAME, &long, TTL, 1),
            "owner of the lease has 256 bytes",
        ),
        (
            table.acquire(at(0), NAME, "ann", short_ttl, 1),
            "ask for 1s to 3600s",
        ),
        (
            table.acquire(at(0), NAME, "ann", long_ttl, 1),
            "ask for 1s to 3600s",
        ),
    ] {
        let message = refused.unwrap_err().to_string();
        assert!(message.contains(says), "{message}");
    }
    assert_eq!(table, before);
    let grant = acquire(&mut table, 0, "ann", 1);
    let refused = table.renew(at(1), NAME, grant.token, Duration::ZERO);
    assert!(matches!(refused, Err(RenewError::Ttl { .. })));
}
