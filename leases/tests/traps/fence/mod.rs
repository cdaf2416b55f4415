//! The resource's side. The traps are also run with a broken rule, by the kill matrix among the unit tests.

mod cases;

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

tests![
    trap_01_a_write_with_the_old_token_after_a_new_one_is_refused,
    trap_02_an_old_write_before_the_first_new_one_is_refused,
    trap_02_what_was_read_before_the_raise_is_not_written_after_the_next,
    trap_02_what_is_armed_at_one_resource_is_nothing_at_another,
    trap_02_a_receipt_arms_the_token_that_was_raised,
    trap_02_a_crash_between_raise_and_effect_lets_the_old_one_in_nowhere,
    trap_03_the_same_owner_with_a_new_token_shuts_out_its_old_one,
    trap_20_tokens_that_begin_again_let_nobody_in,
    trap_20_no_token_is_smaller_than_every_token,
    trap_21_the_last_token_passes_and_shuts_out_all_others,
    trap_22_a_resource_that_restarts_refuses_whom_it_refused_before,
    trap_22_a_mark_that_is_lost_lets_nobody_in,
    trap_22_a_mark_that_is_not_durable_lets_nobody_in,
    trap_22_no_report_of_another_write_makes_a_mark_durable,
    trap_22_nobody_is_refused_for_good_by_a_mark_that_a_crash_forgets,
    trap_22_random_crashes_and_lost_writes,
    trap_23_writes_out_of_order_and_twice_pass_exactly_as_granted,
    trap_23_an_equal_token_passes_for_one_holder_and_in_its_order,
    trap_24_readers_and_writers_pass_in_the_order_of_their_grants,
    trap_24_who_shares_the_lease_does_not_write,
    trap_24_one_grant_is_of_one_mode,
    trap_28_what_is_forgotten_is_forgotten_on_the_safe_side,
    trap_28_the_oldest_marks_are_forgotten_first,
    trap_32_random_interleavings_against_all_that_passed,
];
