//! The holder of a lease.

mod cases;
mod explore;
mod world;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cases::{Make, at, config};
use explore::{Bounds, explore};
use proptest::prelude::*;
use quorate_clocks::{Incarnation, Instant};
use quorate_leases::{
    Drift, FencingToken, HolderConfig, LeaseFlag, LeaseHolder, Observer, Refusal,
};

struct Sound;

impl Make for Sound {
    fn holder(&self, config: HolderConfig, incarnation: Incarnation, seed: u64) -> LeaseHolder {
        LeaseHolder::new(config, incarnation, seed).expect("a configuration that is sound")
    }

    fn observer(&self, drift: Drift, _: Instant) -> Observer<u64> {
        Observer::new(drift)
    }
}

macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                cases::$name(&Sound);
            }
        )*

        #[test]
        fn every_case_is_a_test() {
            assert_eq!(cases::TRAPS.len(), [$(stringify!($name)),*].len());
        }
    };
}

tests![
    trap_05_a_renewal_after_takeover_ends_it_at_once,
    trap_09_drift_within_the_bound_keeps_two_holders_apart_and_a_percent_more_does_not,
    trap_09_an_observer_waits_out_the_drift_from_what_it_saw,
    trap_10_a_grant_that_took_too_long_is_never_held,
    trap_11_a_slow_renewal_leaves_a_gap_and_resumes_aloud,
    trap_12_a_check_is_good_for_the_margin_and_no_longer,
    trap_13_a_suspension_that_the_clock_did_not_count_ends_it,
    trap_13_many_short_suspensions_end_it_too,
    trap_13_a_suspension_that_is_tolerated_is_counted,
    trap_13_a_restored_snapshot_neither_goes_on_nor_releases,
    trap_13_a_clock_that_goes_back_ends_it,
    trap_17_a_retry_is_the_same_request_and_its_answer_another,
    trap_18_a_grant_that_nobody_waits_for_is_given_back,
    trap_30_without_progress_it_lets_go,
    trap_30_it_stops_first_and_releases_then,
    trap_32_random_schedules_keep_holders_apart,
    tiny_leases_and_refusals_do_not_make_a_hot_loop,
    attempts_fit_into_what_is_left,
    renewals_are_spread,
];

/// All that a holder, a rival, a grantor and a network can do within these bounds.
#[test]
fn trap_32_every_schedule_of_a_small_world() {
    let explore = |seconds, messages, doubled, changes| {
        let bounds = Bounds {
            seconds,
            messages,
            doubled,
            changes,
        };
        explore(&Sound, bounds)
    };
    // Long, many messages, doubled ones, and a holder that lets go and wants it again.
    let long = explore(6, 1, 0, 0);
    let all = [
        long,
        explore(4, 2, 0, 0),
        explore(4, 1, 1, 0),
        explore(3, 1, 0, 2),
    ];
    let states = all.iter().map(|it| it.states).sum::<usize>();
    assert!(states > 100_000, "{states} states");
    // It is not that nothing happened.
    for explored in all {
        assert!(explored.held > 500 && explored.taken > 500, "{explored:?}");
    }
    assert!(long.resumed > 1_000, "{long:?}");
}

/// A holder that was granted the lease at the origin, and what it publishes.
fn holder() -> LeaseHolder {
    let mut holder = Sound.holder(config(), Incarnation(1), 7);
    holder.acquire(at(0));
    let ticket = holder.poll_transmit(at(0)).unwrap().ticket;
    holder.handle_granted(ticket, FencingToken(33), Duration::from_secs(10), at(0));
    holder
}

/// Cilium #42920: the callback that was to stop the work blocked, and with it all that would have noticed.
#[test]
fn trap_31_a_blocked_event_loop_cannot_keep_the_flag_true() {
    let holder = holder();
    let (mut publisher, flag) = LeaseFlag::new();
    publisher.publish(holder.standing(at(0))).unwrap();
    let pass = flag.pass(at(9_999)).unwrap();
    // The thread with the holder and the publisher hangs here. Nothing is called any more.
    let blocked = (holder, publisher);
    assert!(flag.may_act(at(9_999)) && flag.allows(&pass, at(9_999)));
    for late in [at(10_000), at(3_600_000), Instant::MAX] {
        assert!(!flag.may_act(late) && !flag.allows(&pass, late));
        assert_eq!(flag.pass(late), None);
    }
    // Not even when it dies is there a moment of which that is not true.
    drop(blocked);
    assert!(!flag.may_act(at(9_999)));
}

/// A gap, and a lease that comes back: a pass from before it stays what it was.
#[test]
fn trap_33_a_pass_from_before_a_gap_is_not_revived() {
    let mut holder = holder();
    let (mut publisher, flag) = LeaseFlag::new();
    publisher.publish(holder.standing(at(0))).unwrap();
    let old = flag.pass(at(5_000)).unwrap();
    let renewal = holder.poll_transmit(at(5_000)).unwrap().ticket;
    holder.handle_renewed(renewal, Duration::from_secs(10), at(12_000));
    publisher.publish(holder.standing(at(12_000))).unwrap();
    let new = flag.pass(at(12_000)).unwrap();
    assert_eq!(new.token(), old.token());
    assert!(flag.allows(&new, at(12_000)) && !flag.allows(&old, at(12_000)));
    // A grant that is lost is refused by the flag as soon as it is published.
    let renewal = holder.poll_transmit(at(13_000)).unwrap().ticket;
    holder.handle_refused(renewal, Refusal::Ended, at(13_001));
    publisher.publish(holder.standing(at(13_001))).unwrap();
    assert!(!flag.allows(&new, at(13_001)));
}

/// Real threads: whoever has seen the flag taken back never sees it up again, and no pass mixes two grants.
#[test]
#[expect(clippy::disallowed_methods, reason = "threads are what is tested")]
fn trap_33_threads_never_see_a_stale_or_a_torn_answer() {
    let mut holder = holder();
    let (mut publisher, flag) = LeaseFlag::new();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut newest = 0;
                while !done.load(Ordering::Acquire) {
                    // Each grant is valid at its own time, and at no other's.
                    if let Some(pass) = flag.pass(at(1_000)) {
                        assert_eq!(pass.token(), FencingToken(32 + pass.stretch()));
                        assert!(pass.stretch() >= newest);
                        newest = pass.stretch();
                    }
                }
            });
        }
        for token in 34..2_000 {
            publisher.publish(holder.standing(at(1))).unwrap();
            holder.handle_disruption(Incarnation(token), at(0));
            let ticket = holder.poll_transmit(at(100)).unwrap().ticket;
            let ttl = Duration::from_secs(10);
            holder.handle_granted(ticket, FencingToken(token), ttl, at(100));
            publisher.publish(holder.standing(at(100))).unwrap();
        }
        done.store(true, Ordering::Release);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// As trap 32, with schedules that shrink to a seed.
    #[test]
    fn whoever_believes_that_it_may_act_holds_the_lease(seed in any::<u64>()) {
        cases::random_schedule(&Sound, seed, 30);
    }

    /// No order of calls, and no time, makes it panic, ask without a pause, or forget a bound.
    #[test]
    fn any_calls_in_any_order_are_legal(
        calls in prop::collection::vec((0..11_u8, any::<u64>(), any::<u64>(), 0..4_u64), 0..200),
        far in any::<bool>(),
    ) {
        let mut holder = Sound.holder(config(), Incarnation(1), 7);
        let mut now = at(0);
        for (call, time, number, token) in calls {
            now = match far {
                true => Instant::from_nanos(time),
                false => now + Duration::from_millis(time % 3_000),
            };
            let ticket = quorate_leases::Ticket(number % 40);
            let remaining = Duration::from_nanos(number);
            match call {
                0 => holder.acquire(now),
                1 => holder.release(now),
                2 => holder.handle_stopped(number % 8, now),
                3 => holder.handle_clocks(now, Instant::from_nanos(number)),
                4 => holder.handle_disruption(Incarnation(number), now),
                5 => drop(holder.handle_granted(ticket, FencingToken(token), remaining, now)),
                6 => drop(holder.handle_renewed(ticket, remaining, now)),
                7 => drop(holder.handle_released(ticket, now)),
                8 => {
                    let refusal = [
                        Refusal::Ended,
                        Refusal::Unavailable,
                        Refusal::Held { remaining },
                    ][number as usize % 3];
                    holder.handle_refused(ticket, refusal, now);
                }
                9 => holder.handle_progress(quorate_leases::Progress(number), now),
                _ => holder.handle_timeout(now),
            }
            let sent = core::iter::from_fn(|| holder.poll_transmit(now)).take(5).count();
            prop_assert!(sent <= 2);
            let told = core::iter::from_fn(|| holder.poll_event()).take(5).count();
            prop_assert!(told <= 2);
            if let Some(standing) = holder.standing(now) {
                prop_assert!(holder.poll_timeout() <= Some(standing.safe.deadline()));
            }
        }
    }
}
