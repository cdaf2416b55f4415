//! Each rule is broken by itself, and the traps of the integration tests have to notice.

#[path = "../../tests/traps/holder/cases.rs"]
mod cases;
#[path = "../../tests/traps/holder/explore.rs"]
mod explore;
#[path = "../../tests/traps/holder/world.rs"]
mod world;

use alloc::string::String;
use core::fmt::Write;
use std::boxed::Box;
use std::panic::{catch_unwind, set_hook, take_hook};
use std::thread;

use cases::{Make, TRAPS};
use expect_test::expect;
use explore::Bounds;
use quorate_clocks::{Incarnation, Instant};

use super::weakness::{Weakness, Weaknesses};
use crate::{Drift, HolderConfig, LeaseHolder, Observer};

#[derive(Clone, Copy)]
struct Weak(Option<Weakness>);

impl Make for Weak {
    fn holder(&self, config: HolderConfig, incarnation: Incarnation, seed: u64) -> LeaseHolder {
        let mut holder =
            LeaseHolder::new(config, incarnation, seed).expect("a sound configuration");
        holder.weak.broken = self.0;
        holder
    }

    fn observer(&self, drift: Drift, written_at: Instant) -> Observer<u64> {
        let mut observer = Observer::new(drift);
        observer.weak = Weaknesses {
            broken: self.0,
            written_at,
        };
        observer
    }
}

/// The names of the traps that notice.
fn noticed_by(make: Weak) -> String {
    let mut noticed = String::new();
    for (name, trap) in TRAPS {
        if catch_unwind(|| trap(&make)).is_err() {
            let short = name.split('_').take(4).collect::<alloc::vec::Vec<_>>();
            let _ = write!(noticed, " {}", short.join("_"));
        }
    }
    noticed
}

/// What is meant to fail does so without a word: to find the names of a stack takes longer than the traps.
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
    assert_eq!(noticed_by(Weak(None)), "");
    fail_in_silence();
    let mut matrix = String::new();
    for weakness in Weakness::ALL {
        let noticed = noticed_by(Weak(Some(weakness)));
        let _ = writeln!(matrix, "{weakness:?}:{noticed}");
    }
    let _ = take_hook();
    assert!(
        !matrix.contains(":\n"),
        "something is not noticed:\n{matrix}"
    );
    expect![[r#"
        DeadlineFromReceipt: trap_10_a_grant trap_11_a_slow trap_13_a_suspension trap_13_a_clock trap_17_a_retry trap_32_random_schedules
        DriftIgnored: trap_09_drift_within trap_32_random_schedules
        MarginIgnored: trap_12_a_check
        AnswerOfTheLatestAttempt: trap_17_a_retry
        LateGrantIsHeld: trap_10_a_grant
        RetryIsANewRequest: trap_17_a_retry
        SuspensionIgnored: trap_13_a_suspension trap_13_many_short
        ToleratedIsNotCounted: trap_13_a_suspension trap_13_a_clock trap_32_random_schedules
        ClockBackIgnored: trap_13_a_clock
        DisruptionIgnored: trap_13_a_restored
        OldAnswersAfterJump: trap_13_a_restored
        ReleasesAfterJump: trap_13_a_restored
        ResumesInSilence: trap_11_a_slow trap_13_a_suspension attempts_fit_into_what
        EndIgnored: trap_05_a_renewal
        RenewsWithoutProgress: trap_30_without_progress
        SameMarkIsProgress: trap_30_without_progress
        ReleasesBeforeStopped: trap_30_without_progress trap_30_it_stops
        KeepsAbandoned: trap_18_a_grant
        NoPause: tiny_leases_and_refusals attempts_fit_into_what
        BackOffPastTheEnd: attempts_fit_into_what
        NoJitter: renewals_are_spread
        ObserverCountsFromTheRecord: trap_09_an_observer
        ObserverIgnoresDrift: trap_09_an_observer
        ObserverGoesOnAfterChange: trap_09_an_observer
    "#]].assert_eq(&matrix);
}

/// What breaks the one promise that matters is noticed in a world of a few seconds, without a scenario that
/// was made for it.
#[test]
fn each_rule_of_time_is_noticed_by_exploration() {
    let bounds = Bounds {
        seconds: 4,
        messages: 2,
        doubled: 0,
        changes: 0,
    };
    let unsafe_in = |broken| catch_unwind(|| explore::explore(&Weak(broken), bounds)).is_err();
    assert!(!unsafe_in(None));
    fail_in_silence();
    let noticed = [
        Weakness::DeadlineFromReceipt,
        Weakness::DriftIgnored,
        Weakness::AnswerOfTheLatestAttempt,
    ]
    .map(|weakness| unsafe_in(Some(weakness)));
    let _ = take_hook();
    assert_eq!(noticed, [true; 3]);
}
