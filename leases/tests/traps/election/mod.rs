//! Elections. The traps are also run with a broken rule, by the kill matrix among the unit tests.

mod cases;
mod explore;
mod world;

use explore::{Bounds, Explored, explore};
use proptest::prelude::*;
use quorate_clocks::{Incarnation, Instant};
use quorate_leases::{Candidate, ElectionEvent, FencingToken, Progress, Refusal, Ticket};
use std::time::Duration;

macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                cases::$name();
            }
        )*

        #[test]
        fn every_case_is_a_test() {
            assert_eq!(cases::TRAPS.len(), [$(stringify!($name)),*].len());
        }
    };
}

/// All that a candidate, a rival, the table and a network can do within these bounds.
#[test]
fn trap_32_every_schedule_of_a_small_election() {
    let explore = |seconds, messages, changes, news| {
        explore(Bounds {
            seconds,
            messages,
            changes,
            news,
        })
    };
    let all = [
        explore(5, 1, 0, 0),
        explore(3, 2, 0, 0),
        explore(3, 1, 1, 0),
        explore(4, 1, 0, 1),
    ];
    let states = all.iter().map(|it| it.states).sum::<usize>();
    assert!(states > 50_000, "{states} states in {all:?}");
    // It is not that nothing happened.
    for explored in all {
        let Explored { leads, rival, .. } = explored;
        assert!(leads > 500 && rival > 500, "{explored:?}");
    }
    assert!(all[0].again > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// No order of calls, and no time, makes it panic, ask without a pause, or be told out of turn.
    #[test]
    fn any_calls_in_any_order_are_legal(
        calls in prop::collection::vec((0..16_u8, any::<u64>(), any::<u64>(), 0..6_u64), 0..200),
        far in any::<bool>(),
    ) {
        let mut config = cases::config("ann");
        config.holder.progress_within = Some(Duration::from_secs(4));
        let mut candidate = Candidate::new(config, Incarnation(1), 7).unwrap();
        let mut now = cases::at(0);
        let (mut leads, mut newest, mut last) = (None, FencingToken::NONE, FencingToken::NONE);
        for (call, time, number, term) in calls {
            now = match far {
                true => Instant::from_nanos(time),
                false => now + Duration::from_millis(time % 3_000),
            };
            let (ticket, term) = (Ticket(number % 40), FencingToken(term));
            let remaining = Duration::from_nanos(number);
            let name = ["ann", "bob"][number as usize % 2];
            match call {
                0 => candidate.campaign(now),
                1 => candidate.resign(now),
                2 => drop(candidate.yield_to(name, now)),
                3 => candidate.handle_stopped(term, now),
                4 => drop(candidate.handle_leader(term, name, now)),
                5 => candidate.handle_vacant(term, now),
                6 => candidate.handle_hand_over(term, name, now),
                7 | 8 => drop(candidate.handle_granted(ticket, term, remaining, now)),
                9 => drop(candidate.handle_renewed(ticket, remaining, now)),
                10 => drop(candidate.handle_released(ticket, now)),
                11 => {
                    let refusals = [
                        Refusal::Ended,
                        Refusal::Unavailable,
                        Refusal::Held { remaining },
                    ];
                    candidate.handle_refused(ticket, refusals[number as usize % 3], now);
                }
                12 => candidate.handle_progress(Progress(number), now),
                13 => candidate.handle_clocks(now, Instant::from_nanos(number)),
                14 => candidate.handle_disruption(Incarnation(number), now),
                _ => candidate.handle_timeout(now),
            }
            let sent = core::iter::from_fn(|| candidate.poll_transmit(now)).take(5).count();
            prop_assert!(sent <= 2);
            let events: Vec<_> = core::iter::from_fn(|| candidate.poll_event()).take(9).collect();
            prop_assert!(events.len() <= 4);
            for event in events {
                match event {
                    ElectionEvent::Elected { term, .. } => {
                        prop_assert!(leads.is_none() && term > last);
                        (leads, last) = (Some(term), term);
                    }
                    ElectionEvent::Deposed { term, .. } => prop_assert_eq!(leads.take(), Some(term)),
                    ElectionEvent::LeaderChanged { term, .. } => {
                        prop_assert!(term > newest);
                        newest = term;
                    }
                    ElectionEvent::Vacant { after } => {
                        prop_assert!(after >= newest);
                        newest = after;
                    }
                    _ => {}
                }
            }
            if let Some(standing) = candidate.standing(now) {
                prop_assert_eq!(leads, Some(standing.token));
                prop_assert!(candidate.poll_timeout() <= Some(standing.safe.deadline()));
            }
        }
    }
}

tests![
    trap_03_a_term_is_led_once,
    trap_05_news_of_a_newer_term_depose,
    trap_10_a_grant_of_a_term_that_is_over_elects_nobody,
    trap_10_who_lost_before_it_was_told_is_not_told,
    trap_18_who_resigned_does_not_ask_again,
    trap_19_a_leader_that_restarted_is_somebody_else,
    trap_20_observers_never_go_back,
    trap_30_it_stops_first_and_releases_after,
    trap_30_it_does_not_campaign_before_it_has_stopped,
    trap_30_a_leader_without_progress_lets_others,
    a_release_that_is_never_answered_ends_with_the_lease,
    a_leader_hands_over_and_the_others_hold_back,
    a_preferred_candidate_that_does_not_come_is_not_waited_for,
    old_and_repeated_wishes_do_not_count,
    who_waits_asks_when_it_hears_that_nobody_leads,
    trap_32_random_elections,
];
