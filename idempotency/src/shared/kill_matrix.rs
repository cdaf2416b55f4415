//! Each rule is broken by itself, and the traps of the integration tests have to notice. What takes two
//! threads to be seen is for the models of loom.
// They have threads.
#![allow(clippy::disallowed_methods)]

#[path = "../../tests/shared_traps/mod.rs"]
mod shared_traps;

use alloc::string::String;
use core::fmt::Write;
use core::time::Duration;
use std::panic::catch_unwind;

use expect_test::expect;
use shared_traps::{Stores, TRAPS};

use super::weakness::{Weakness, Weaknesses};
use super::{SharedOptions, SharedStore, SharedStoreError};
use crate::{Limits, Policy};

#[derive(Clone, Copy)]
struct Weak(Option<Weakness>);

impl Stores for Weak {
    fn try_start(
        &self,
        limits: Limits,
        policy: Policy,
        options: SharedOptions,
    ) -> Result<SharedStore, SharedStoreError> {
        let weak = Weaknesses {
            broken: self.0,
            ahead: Duration::ZERO,
        };
        SharedStore::weakened(limits, policy, options, weak)
    }
}

/// The names of the traps that notice.
fn noticed_by(stores: Weak) -> String {
    let mut noticed = String::new();
    for (name, trap) in TRAPS {
        if catch_unwind(|| trap(&stores)).is_err() {
            let _ = write!(noticed, " {name}");
        }
    }
    noticed
}

#[test]
fn each_broken_rule_is_noticed() {
    assert_eq!(noticed_by(Weak(None)), "");
    let mut matrix = String::new();
    for weakness in Weakness::ALL {
        let noticed = noticed_by(Weak(Some(weakness)));
        let _ = writeln!(matrix, "{weakness:?}:{noticed}");
    }
    expect![[r#"
        FreedOnDrop: trap_19_a_dropped_guard_does_not_free_its_key trap_19_a_panic_does_not_free_the_key trap_19_a_future_that_is_cancelled_does_not_free_the_key a_doubt_that_is_not_accepted_is_the_next_ones a_guard_that_is_left_to_its_lease_lets_wait_until_then a_large_store_is_full_a_little_early_and_never_late
        DoubtForgottenOnDrop: trap_19_what_ends_with_its_guard_is_in_doubt_at_once
        DropsAreIgnored: trap_19_a_guard_is_dropped_before_anything_has_happened trap_19_what_ends_with_its_guard_is_in_doubt_at_once who_waits_asks_again_when_the_attempt_is_lost
        DeclinedStays: a_doubt_that_is_not_accepted_is_the_next_ones
        EndsWithoutTelling: an_attempt_is_given_back_when_its_response_is_too_large guards_and_futures_outlive_the_store all_who_wait_get_the_same_bytes who_waits_is_told_what_is_kept who_waits_asks_again_when_the_attempt_is_lost a_guard_that_is_left_to_its_lease_lets_wait_until_then who_waits_no_more_leaves_nothing_behind so_many_may_wait_and_no_more a_waker_may_use_the_store a_waker_that_panics_takes_nobody_with_it
        TakesOverWithoutTelling: who_waits_asks_again_when_the_attempt_is_lost a_guard_that_is_left_to_its_lease_lets_wait_until_then
        TooLargeIsTheEnd: an_attempt_is_given_back_when_its_response_is_too_large
        WaitsUnchecked: all_who_wait_get_the_same_bytes who_waits_is_told_what_is_kept who_waits_asks_again_when_the_attempt_is_lost a_guard_that_is_left_to_its_lease_lets_wait_until_then who_waits_is_never_told_the_answer_of_another_request
        WaitsInTwoSteps:
        WakesTheEarlier: an_attempt_is_given_back_when_its_response_is_too_large guards_and_futures_outlive_the_store all_who_wait_get_the_same_bytes who_waits_is_told_what_is_kept who_waits_asks_again_when_the_attempt_is_lost a_guard_that_is_left_to_its_lease_lets_wait_until_then who_waits_no_more_leaves_nothing_behind so_many_may_wait_and_no_more a_waker_that_panics_takes_nobody_with_it
        GoneIsCounted: who_waits_no_more_leaves_nothing_behind so_many_may_wait_and_no_more
        GoneLeavesWaker: who_waits_no_more_leaves_nothing_behind
        AnyNumberWaits: so_many_may_wait_and_no_more
        TokensOfShards: tokens_begin_where_they_are_told_to
        LimitsOfEach: a_large_store_is_full_a_little_early_and_never_late
        SweepsOne: expiry_is_in_bounded_steps_over_all_shards
    "#]].assert_eq(&matrix);
}
