//! Each rule is broken by itself, and the traps of the integration tests have to notice.

#[path = "../../tests/key_traps/mod.rs"]
mod key_traps;

use alloc::string::String;
use core::fmt::Write;
use core::time::Duration;
use std::panic::catch_unwind;

use bytes::Bytes;
use expect_test::expect;
use key_traps::{Stores, TRAPS};

use super::weakness::{Weakness, Weaknesses};
use crate::{KeyStore, Limits, Policy};

#[derive(Clone, Copy)]
struct Weak(Option<Weakness>);

impl Weak {
    fn weaken(self, number: u64, mut store: KeyStore) -> KeyStore {
        store.weak = Weaknesses {
            broken: self.0,
            ahead: Duration::from_secs(24 * 60 * 60) * number as u32,
        };
        store
    }
}

impl Stores for Weak {
    fn start(&self, number: u64, limits: Limits, policy: Policy) -> KeyStore {
        let mut store = KeyStore::with_hash_secret(limits, [number, 7]);
        store.set_policy(policy).expect("it makes sense");
        self.weaken(number, store)
    }

    fn restore(&self, number: u64, snapshot: &Bytes) -> KeyStore {
        let store = KeyStore::restore(snapshot).expect("a snapshot that was taken");
        self.weaken(number, store)
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
        Unfenced: trap_02_completion_after_takeover trap_04_same_key_other_request trap_11_clock_goes_backwards trap_26_recovery_points a_failure_after_a_takeover_leaves_the_doubt a_failure_without_effect_frees_the_key an_abandoned_key_is_forgotten_in_the_end
        EvictsRunning: trap_10_what_may_run_is_never_pushed_out trap_25_room_is_made_in_the_own_scope
        EvictsWithoutTombstone: trap_10_full_of_tombstones trap_10_tombstones_say_that_it_was_applied trap_17_the_horizon_refuses_what_is_forgotten trap_25_room_is_made_in_the_own_scope time_at_its_end
        TombstoneWithoutFingerprint: trap_10_tombstones_say_that_it_was_applied
        HorizonNotRaised: trap_17_the_horizon_refuses_what_is_forgotten
        HorizonOfAllScopes: trap_17_the_horizon_refuses_what_is_forgotten
        EvictsAcrossScopes: trap_20_restore_at_every_prefix trap_25_room_is_made_in_the_own_scope
        EvictsBeforeForgetting: trap_09_a_full_store_refuses_new_keys trap_10_full_of_tombstones trap_20_restore_at_every_prefix
        LocalTime: trap_20_lowered_limits_do_not_see_what_is_over trap_20_order_does_not_show trap_20_restore_at_every_prefix trap_21_failover trap_22_lagging_replica
        TimeGoesBack: trap_11_clock_goes_backwards
        NoScope: trap_02_completion_after_takeover trap_03_late_completion trap_04_same_key_other_request trap_07_every_deadline_to_the_nanosecond trap_08_retention_starts_at_completion trap_09_a_full_store_refuses_new_keys trap_09_key_bytes_are_bounded trap_09_room_for_the_response_is_set_aside trap_10_full_of_tombstones trap_10_responses_are_dropped_first trap_10_tombstones_say_that_it_was_applied trap_10_what_may_run_is_never_pushed_out trap_11_clock_goes_backwards trap_12_clock_jumps_forward trap_13_acknowledging_again trap_14_acknowledged_before_it_completed trap_17_a_longer_age_takes_nothing_back trap_17_aged_keys_are_known_until_they_are_too_old trap_17_the_horizon_refuses_what_is_forgotten trap_18_a_new_policy_leaves_what_is_stored trap_18_each_class_is_remembered_as_the_policy_says trap_18_what_a_retry_could_change_is_not_replayed trap_18_what_is_indeterminate_is_in_doubt trap_20_lowered_limits_do_not_see_what_is_over trap_20_order_does_not_show trap_20_sweeping_decides_nothing trap_20_tokens_go_on_after_a_restart trap_21_failover trap_25_a_tenant_at_its_quota trap_25_room_is_made_in_the_own_scope trap_26_recovery_points a_failure_after_a_step_leaves_the_step a_failure_after_a_takeover_leaves_the_doubt a_failure_without_effect_frees_the_key an_abandoned_key_is_forgotten_in_the_end completing_twice_changes_nothing extending_never_shortens time_at_its_end tokens_end_in_a_refusal
        NoFingerprint: trap_04_same_key_other_request trap_10_responses_are_dropped_first trap_18_each_class_is_remembered_as_the_policy_says trap_18_what_a_retry_could_change_is_not_replayed
        MismatchIsInProgress: trap_04_same_key_other_request trap_10_responses_are_dropped_first trap_18_each_class_is_remembered_as_the_policy_says trap_18_what_a_retry_could_change_is_not_replayed
        LeaseHoldsAtItsEnd: trap_01_crash_of_the_owner trap_02_completion_after_takeover trap_05_no_lease_given trap_07_every_deadline_to_the_nanosecond trap_10_what_may_run_is_never_pushed_out trap_11_clock_goes_backwards trap_18_each_class_is_remembered_as_the_policy_says trap_18_what_is_indeterminate_is_in_doubt trap_26_recovery_points a_failure_after_a_takeover_leaves_the_doubt
        NoLongestLease: trap_05_no_lease_is_for_ever
        ZeroLeaseIsDefault: trap_06_a_span_of_zero
        ExtendShortens: extending_never_shortens
        LateCompletionRefused: trap_03_late_completion trap_11_clock_goes_backwards trap_18_each_class_is_remembered_as_the_policy_says
        TakeoverWithoutDoubt: trap_01_crash_of_the_owner trap_04_same_key_other_request trap_05_no_lease_given trap_10_what_may_run_is_never_pushed_out trap_11_clock_goes_backwards trap_17_aged_keys_are_known_until_they_are_too_old trap_18_each_class_is_remembered_as_the_policy_says trap_18_what_is_indeterminate_is_in_doubt trap_26_recovery_points a_failure_after_a_takeover_leaves_the_doubt an_abandoned_key_is_forgotten_in_the_end
        FailureForgetsDoubt: trap_04_same_key_other_request a_failure_after_a_takeover_leaves_the_doubt
        IndeterminateIsFailure: trap_18_each_class_is_remembered_as_the_policy_says trap_18_what_is_indeterminate_is_in_doubt
        StepsForgotten: trap_10_what_may_run_is_never_pushed_out trap_18_what_is_indeterminate_is_in_doubt trap_26_recovery_points a_failure_after_a_step_leaves_the_step
        RetryOfCompletionRefused: trap_07_every_deadline_to_the_nanosecond completing_twice_changes_nothing
        RetentionFromClaim: trap_07_every_deadline_to_the_nanosecond trap_09_a_full_store_refuses_new_keys trap_10_full_of_tombstones trap_10_tombstones_say_that_it_was_applied trap_11_clock_goes_backwards trap_17_a_longer_age_takes_nothing_back trap_18_each_class_is_remembered_as_the_policy_says
        TransientIsKept: trap_18_each_class_is_remembered_as_the_policy_says trap_18_what_a_retry_could_change_is_not_replayed trap_18_what_is_indeterminate_is_in_doubt
        PolicyRewritesStored: trap_18_a_new_policy_leaves_what_is_stored
        RoomNotSetAside: trap_09_room_for_the_response_is_set_aside
        TokenAgainAfterFailure: trap_20_restore_at_every_prefix trap_20_tokens_go_on_after_a_restart a_failure_without_effect_frees_the_key
        TokensAgainAfterRestart: trap_20_restore_at_every_prefix trap_20_tokens_go_on_after_a_restart
        SnapshotWithoutTombstones: trap_10_tombstones_say_that_it_was_applied trap_17_the_horizon_refuses_what_is_forgotten trap_20_restore_at_every_prefix
        SnapshotWithoutHorizons: trap_17_the_horizon_refuses_what_is_forgotten
        SnapshotWithoutFloor: trap_17_a_longer_age_takes_nothing_back trap_20_restore_at_every_prefix
        SnapshotUnsorted: trap_20_restore_at_every_prefix
        FloorGoesBack: trap_17_a_longer_age_takes_nothing_back trap_20_restore_at_every_prefix
        AgedIsForgottenEarly: trap_17_aged_keys_are_known_until_they_are_too_old trap_17_the_horizon_refuses_what_is_forgotten
        AcknowledgedIsForgotten: trap_10_responses_are_dropped_first trap_13_acknowledging_again
    "#]].assert_eq(&matrix);
    assert!(!matrix.contains(":\n"), "nothing notices one of {matrix}");
}
