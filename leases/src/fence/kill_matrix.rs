//! Each rule is broken by itself, and the traps of the integration tests have to notice.

#[path = "../../tests/traps/fence/cases.rs"]
mod cases;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use std::boxed::Box;
use std::panic::{catch_unwind, set_hook, take_hook};
use std::thread;

use cases::TRAPS;
use expect_test::expect;

use super::weakness::{BROKEN, Weakness};

/// The names of the traps that notice.
fn noticed_by(broken: Option<Weakness>) -> String {
    BROKEN.set(broken);
    let mut noticed = String::new();
    for (name, trap) in TRAPS {
        if catch_unwind(trap).is_err() {
            let short: Vec<_> = name.split('_').take(5).collect();
            let _ = write!(noticed, " {}", short.join("_"));
        }
    }
    BROKEN.set(None);
    noticed
}

/// What is meant to fail does so without a word.
fn fail_in_silence() {
    let (loud, here) = (take_hook(), thread::current().id());
    set_hook(Box::new(move |info| {
        if thread::current().id() != here {
            loud(info);
        }
    }));
}

#[test]
fn each_broken_rule_is_noticed() {
    assert_eq!(noticed_by(None), "");
    fail_in_silence();
    let mut matrix = String::new();
    for weakness in Weakness::ALL {
        let _ = writeln!(matrix, "{weakness:?}:{}", noticed_by(Some(weakness)));
    }
    let _ = take_hook();
    assert!(
        !matrix.contains(":\n"),
        "something is not noticed:\n{matrix}"
    );
    expect![[r#"
        ComparesOnly: trap_01_a_write_with trap_02_a_crash_between trap_22_a_mark_that trap_22_no_report_of trap_22_nobody_is_refused trap_23_writes_out_of trap_24_readers_and_writers
        RaisesAtTheFirstEffect: trap_02_an_old_write trap_02_what_was_read trap_02_a_receipt_arms trap_03_the_same_owner trap_22_a_resource_that trap_24_one_grant_is trap_28_what_is_forgotten trap_28_the_oldest_marks trap_32_random_interleavings_against
        NonePasses: trap_20_tokens_that_begin trap_20_no_token_is trap_21_the_last_token
        WriterLeavesReaders: trap_20_no_token_is trap_22_random_crashes_and trap_24_readers_and_writers trap_24_one_grant_is trap_32_random_interleavings_against
        ReaderRaisesOverReaders: trap_24_readers_and_writers trap_24_who_shares_the
        ReaderLeavesWriter: trap_20_no_token_is trap_22_a_resource_that trap_22_a_mark_that trap_22_random_crashes_and trap_24_readers_and_writers trap_24_one_grant_is trap_32_random_interleavings_against
        BothModes: trap_20_no_token_is trap_24_one_grant_is
        ArmedAnywhere: trap_02_what_is_armed trap_32_random_interleavings_against
        ArmsAnotherToken: trap_02_a_receipt_arms
        ReaderWrites: trap_24_who_shares_the
        ArmedForEver: trap_02_what_was_read trap_03_the_same_owner trap_32_random_interleavings_against
        NotStored: trap_02_a_crash_between trap_22_nobody_is_refused trap_22_random_crashes_and
        ReadersNotStored: trap_22_a_mark_that trap_22_random_crashes_and
        StoredAfterTheEffect: trap_02_a_crash_between trap_22_a_mark_that trap_22_no_report_of trap_22_nobody_is_refused trap_22_random_crashes_and
        FinalBeforeStored: trap_22_nobody_is_refused trap_22_random_crashes_and
        TwoWritesAtOnce: trap_22_no_report_of
        AnyReportCounts: trap_22_no_report_of
        FailureIsIgnored: trap_22_a_mark_that trap_22_random_crashes_and
        EqualTokenOfAnother: trap_23_an_equal_token
        OperationsRepeat: trap_23_an_equal_token
        NoFloor: trap_28_what_is_forgotten trap_28_the_oldest_marks
        FloorNotSaved: trap_28_what_is_forgotten
        ForgetsTheNewest: trap_28_what_is_forgotten trap_28_the_oldest_marks
    "#]].assert_eq(&matrix);
}
