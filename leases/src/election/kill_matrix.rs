//! Each rule is broken by itself, and the traps of the integration tests have to notice.

#[path = "../../tests/traps/election/cases.rs"]
mod cases;
#[path = "../../tests/traps/election/world.rs"]
mod world;

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
        ReleasesBeforeStopped: trap_30_it_stops_first trap_32_random_elections
        ResignedBeforeReleased: trap_30_it_stops_first a_release_that_is_never
        CampaignsBeforeStopped: trap_30_it_does_not trap_32_random_elections
        TermGoesOn: trap_03_a_term_is trap_10_who_lost_before trap_30_it_does_not trap_32_random_elections
        NewerTermIgnored: trap_05_news_of_a trap_19_a_leader_that
        LeadsOlderTerm: trap_10_a_grant_of
        LeadsByName: trap_19_a_leader_that trap_32_random_elections
        OlderTermIsNews: trap_20_observers_never_go trap_32_random_elections
        EndedTermComesBack: trap_20_observers_never_go trap_32_random_elections
        ToldTwice: trap_20_observers_never_go trap_32_random_elections
        StalledCampaigns: trap_30_a_leader_without
        PreferenceIgnored: a_leader_hands_over_and a_preferred_candidate_that_does
        HoldsBackForEver: a_preferred_candidate_that_does old_and_repeated_wishes_do
        OldPreferenceCounts: old_and_repeated_wishes_do
        CopiesProlong: old_and_repeated_wishes_do
        AsksAgainAtOnce: a_leader_hands_over_and a_preferred_candidate_that_does
        ResignedCampaigns: trap_18_who_resigned_does trap_30_it_stops_first a_release_that_is_never
        ToldTooLate: trap_10_who_lost_before
    "#]].assert_eq(&matrix);
}
