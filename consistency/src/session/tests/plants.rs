//! The simulation, and the mistakes that it finds.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use expect_test::expect;

use super::cases::CASES;
use super::simulation::{Setting, Tally, run};
use crate::session::plant::{Plant, with};
use crate::session::{Guarantees, WriteOrder};

const SETTINGS: [Setting; 6] = [
    // A store like Raft, or like a primary with standbys: what happened to an epoch is unknown.
    Setting {
        guarantees: Guarantees::READS,
        order: WriteOrder::Unordered,
        by_lineage: false,
        coarse: false,
        services: 1,
    },
    Setting {
        guarantees: Guarantees::CAUSAL,
        order: WriteOrder::WithinShard,
        by_lineage: true,
        coarse: false,
        services: 1,
    },
    Setting {
        guarantees: Guarantees::READ_YOUR_WRITES.with(Guarantees::WRITES_FOLLOW_READS),
        order: WriteOrder::WithinShard,
        by_lineage: true,
        coarse: false,
        services: 1,
    },
    Setting {
        guarantees: Guarantees::MONOTONIC_READS.with(Guarantees::MONOTONIC_WRITES),
        order: WriteOrder::WithinShard,
        by_lineage: true,
        coarse: false,
        services: 2,
    },
    Setting {
        guarantees: Guarantees::CAUSAL,
        order: WriteOrder::Everywhere,
        by_lineage: true,
        coarse: false,
        services: 2,
    },
    Setting {
        guarantees: Guarantees::CAUSAL,
        order: WriteOrder::Everywhere,
        by_lineage: true,
        coarse: true,
        services: 2,
    },
];

#[test]
fn nothing_is_served_that_breaks_a_promise_and_nothing_waits_that_need_not() {
    let mut total = Tally::default();
    for seed in 0..400 {
        for setting in SETTINGS {
            match run(seed, setting) {
                Ok(tally) => total.add(tally),
                Err(error) => panic!("{setting:?}: {error}"),
            }
        }
    }
    // All that can happen did, and often.
    let Tally {
        served,
        waited,
        redirected,
        lost,
        unknown,
        judged,
    } = total;
    assert!(served > 50_000, "{total:?}");
    for number in [waited, redirected, lost, unknown, judged] {
        assert!(number > 1_000, "{total:?}");
    }
}

#[test]
fn any_of_the_guarantees_are_kept_alone_and_together() {
    for (seed, some) in (1_000..).zip((1..16).cycle().take(150)) {
        let chosen = Guarantees::CAUSAL.iter().zip(0..);
        let chosen = chosen.filter(|(_, bit)| some >> bit & 1 == 1);
        let guarantees = chosen.fold(Guarantees::NONE, |set, (one, _)| set | one.into());
        for (order, by_lineage, coarse) in [
            (WriteOrder::WithinShard, true, true),
            (WriteOrder::WithinShard, false, true),
            (WriteOrder::Everywhere, true, false),
            (WriteOrder::Everywhere, false, false),
        ] {
            let setting = Setting {
                guarantees,
                order,
                by_lineage,
                coarse,
                services: 1 + seed % 2,
            };
            if let Err(error) = run(seed, setting) {
                panic!("{setting:?}: {error}");
            }
        }
    }
}

/// What notices a mistake: a run by chance, or else the first case.
fn noticed_by(plant: Plant) -> Option<String> {
    let is_caught = |work: &dyn Fn() -> bool| {
        let work = AssertUnwindSafe(|| with(plant, work));
        catch_unwind(work).unwrap_or(true)
    };
    let by_chance = |&seed: &u64| {
        SETTINGS
            .iter()
            .any(|&setting| is_caught(&|| run(seed, setting).is_err()))
    };
    if let Some(seed) = (0..40).find(by_chance) {
        return Some(format!("seed {seed}"));
    }
    let in_a_case = |(_, case): &&(&str, fn())| {
        is_caught(&|| {
            case();
            false
        })
    };
    CASES
        .iter()
        .find(in_a_case)
        .map(|(name, _)| name.to_string())
}

#[test]
fn each_mistake_is_noticed() {
    for (_, case) in CASES {
        case();
    }
    let mut matrix = String::new();
    for plant in Plant::ALL {
        let by = noticed_by(plant).unwrap_or_else(|| panic!("nothing notices {plant:?}"));
        let _ = writeln!(matrix, "{plant:?}: {by}");
    }
    expect![[r#"
        ReadsNeedNoWrites: seed 0
        ReadsNeedNoReads: seed 0
        WritesNeedNoWrites: seed 0
        WritesNeedNoReads: seed 0
        LastCounts: seed 0
        HigherEpochCounts: seed 0
        BeginningsAreNothing: seed 0
        OneBehindWillDo: seed 0
        EpochsAreAlike: seed 0
        LostIsThere: seed 0
        UnknownIsThere: seed 0
        FailoverCutsNothing: a_second_failover_takes_from_the_first_epoch_too
        IndexesAlwaysContinue: seed 0
        HeirForgetsGrandparents: seed 0
        HeirTakesTheMore: what_only_one_half_kept_is_lost_of_the_whole
        HeirHasItAll: seed 0
        AncestorsUnasked: seed 0
        ParentsUnmarked: seed 0
        FollowDropsTheLost: seed 5
        CoarseForgets: seed 4
        CoarseTakesTheLast: a_shared_entry_has_all_epochs
        UnlistedServiceIsNew: seed 4
        StableInAll: seed 17
        StableAndOneMore: what_is_stable_is_dropped_and_nothing_else
        MergeTakesTheLess: seed 0
        ServicesAreAlike: seed 0
        NoPrerequisites: seed 31
        BytesWithoutWrites: seed 0
        BytesWithoutNothing: what_is_not_seen_of_a_shard_survives_the_bytes_of_a_coarse_token
        TagsUnchecked: what_was_sealed_opens_and_nothing_else
        VersionsOfAllEpochs: versions_are_counted_within_an_epoch
        NewestKnownIsNewest: versions_are_counted_within_an_epoch
        OldestAtBest: no_age_is_certain_that_is_not_so
        YoungestAtWorst: no_age_is_certain_that_is_not_so
    "#]]
    .assert_eq(&matrix);
}
