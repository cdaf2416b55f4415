//! Each rule is broken by itself, and the traps of the integration tests have to notice.

#[path = "../../tests/traps/table/delays.rs"]
mod delays;
#[path = "../../tests/traps/table/grants.rs"]
mod grants;
#[path = "../../tests/traps/table/list.rs"]
mod list;
#[path = "../../tests/traps/table/queues.rs"]
mod queues;
#[path = "../../tests/traps/table/sessions.rs"]
mod sessions;

use alloc::string::String;
use core::cell::Cell;
use core::fmt::Write;
use std::panic::catch_unwind;

use expect_test::expect;

use super::weakness::{Weakness, Weaknesses};
use crate::{FencingToken, LeaseTable, Limits, RestoreError};

std::thread_local! {
    static BROKEN: Cell<Option<Weakness>> = const { Cell::new(None) };
}

fn weaken(mut table: LeaseTable) -> LeaseTable {
    table.records.weak = Weaknesses {
        broken: BROKEN.get(),
    };
    table
}

fn new(limits: Limits) -> LeaseTable {
    weaken(LeaseTable::new(limits))
}

fn with_tokens_after(limits: Limits, last: FencingToken) -> LeaseTable {
    weaken(LeaseTable::with_tokens_after(limits, last))
}

fn restore(limits: Limits, snapshot: &[u8]) -> Result<LeaseTable, RestoreError> {
    LeaseTable::restore(limits, snapshot).map(weaken)
}

macro_rules! names {
    ($($family:ident::$name:ident),* $(,)?) => {
        const TRAPS: &[(&str, fn())] = &[$((stringify!($name), $family::$name)),*];
    };
}

list::all_traps!(names);

/// The names of the traps that notice, up to three.
fn noticed_by(broken: Option<Weakness>) -> String {
    BROKEN.set(broken);
    let mut noticed = String::new();
    let notice = |(_, trap): &&(&str, fn())| catch_unwind(trap).is_err();
    for (name, _) in TRAPS.iter().filter(notice).take(3) {
        let _ = write!(noticed, "\n    {name}");
    }
    BROKEN.set(None);
    noticed
}

#[test]
fn each_broken_rule_is_noticed() {
    assert_eq!(noticed_by(None), "");
    let mut matrix = String::new();
    for weakness in Weakness::ALL {
        let noticed = noticed_by(Some(weakness));
        let _ = writeln!(matrix, "{weakness:?}:{noticed}");
        assert_ne!(noticed, "", "nothing notices {weakness:?}");
    }
    expect![[r#"
        RenewByName:
            trap_03_expired_then_acquired_again_by_the_same_owner_is_a_new_grant
            trap_05_a_renewal_after_takeover_says_who_holds_it_and_touches_nothing
            trap_19_a_former_life_of_the_owner_holds_nothing_of_the_new_one
        ReleaseByName:
            trap_03_expired_then_acquired_again_by_the_same_owner_is_a_new_grant
            trap_06_a_release_delayed_past_reacquisition_by_the_same_owner_has_no_effect
            trap_19_a_former_life_of_the_owner_holds_nothing_of_the_new_one
        ReviveOnRenew:
            trap_04_a_renewal_after_expiry_revives_nothing_even_when_nobody_took_the_lease
            trap_16_an_expiry_and_a_renewal_in_either_order_have_one_winner_on_all_replicas
            trap_29_leases_that_are_renewed_released_and_taken_while_they_run_out
        ShortenOnRenew:
            trap_08_a_renewal_with_a_shorter_time_to_live_keeps_the_promised_end
        TokensRestart:
            trap_20_no_release_expiry_forgetting_or_restore_brings_a_token_back
            trap_21_the_last_token_is_granted_and_then_none
        TokensWrap:
            trap_21_the_last_token_is_granted_and_then_none
        TimeGoesBack:
            trap_07_a_clock_that_jumps_forward_ends_all_leases_in_one_order_and_tokens_keep_growing
            trap_08_a_clock_that_jumps_back_revives_nothing_and_lengthens_nothing
        HeldUntilNoticed:
            trap_01_a_pause_past_expiry_then_a_write_with_the_old_token
            trap_02_an_old_write_before_the_first_new_one_lands_unless_the_fence_was_raised
            trap_03_expired_then_acquired_again_by_the_same_owner_is_a_new_grant
        HolderIsStranger:
            trap_17_the_answer_to_a_retry_counts_what_has_already_passed
            trap_17_a_retry_of_acquire_gets_the_same_grant
            trap_17_a_retry_keeps_its_one_place
        EndedIsGranted:
            trap_17_a_retry_after_its_grant_has_ended_is_not_a_new_grant
            trap_24_a_writer_alone_and_readers_together
        QueuedTwice:
            trap_17_a_retry_keeps_its_one_place
            queues_are_bounded_by_name_and_in_all
            trap_18_who_stopped_waiting_and_asks_again_comes_last
        RetryLosesPlace:
            trap_17_a_retry_keeps_its_one_place
        Herd:
            trap_07_who_waits_is_woken_for_its_own_turn_only
        GrantsToTheGone:
            trap_18_who_stops_waiting_has_no_turn
            trap_18_who_waits_with_a_session_leaves_with_it
        ReadersPass:
            trap_24_a_stream_of_readers_does_not_starve_a_writer
        DelayAfterRelease:
            trap_25_a_release_delays_nobody
            trap_25_closing_a_session_releases_its_leases
        NoDelay:
            trap_25_the_next_holder_is_delayed_after_an_end_that_was_no_release
            trap_25_a_delay_survives_a_snapshot_and_keeps_who_waits_waiting
            trap_25_a_reader_that_crashed_delays_the_writer
        NoDelayForTheSame:
            trap_25_the_next_holder_is_delayed_after_an_end_that_was_no_release
        SnapshotWithoutDelay:
            trap_25_a_delay_survives_a_snapshot_and_keeps_who_waits_waiting
        SessionOutlives:
            trap_28_the_leases_of_a_session_end_with_it_and_are_freed_in_slices
            trap_16_slices_are_the_same_on_a_replica_that_was_restored_between_them
            trap_04_a_session_that_is_over_does_not_come_back
        SessionRevives:
            trap_04_a_session_that_is_over_does_not_come_back
            sessions_and_watches_are_bounded
        SessionIdAgain:
            trap_19_no_session_has_the_id_of_another
        StealBlindly:
            a_steal_takes_the_grant_that_was_seen_and_no_other
        AnybodySteals:
            a_steal_is_for_those_whom_the_policy_names
    "#]]
    .assert_eq(&matrix);
}
