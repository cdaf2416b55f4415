//! What goes wrong at the resource.

use std::format;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::vec::Vec;

use quorate_clocks::{Incarnation, SplitMix64};
use quorate_leases::{
    DurableFence, DurableFenceError, Fence, FenceBytesError, FenceSet, FenceSetError,
    FenceSetLimits, Fenced, FencingToken, Mode, Operation, Raised, ResourceId, StrictError,
    StrictFence, UseError,
};

pub(crate) type Trap = (&'static str, fn());

macro_rules! traps {
    ($($name:ident),* $(,)?) => {
        pub(crate) const TRAPS: &[Trap] = &[$((stringify!($name), $name)),*];
    };
}

traps![
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

const ANN: FencingToken = FencingToken(33);
const BOB: FencingToken = FencingToken(34);
const DISK: ResourceId = ResourceId(7);

/// Ann is paused and Bob writes. Then Ann wakes up behind her check.
pub(crate) fn trap_01_a_write_with_the_old_token_after_a_new_one_is_refused() {
    let mut fence = Fence::new();
    fence.check_and_raise(ANN).unwrap();
    fence.check_and_raise(BOB).unwrap();
    let stale = fence.check_and_raise(ANN).unwrap_err();
    assert_eq!((stale.presented, stale.newest), (ANN, BOB));
}

/// The hole in plain fencing: Bob has the lease, and has not written yet.
pub(crate) fn trap_02_an_old_write_before_the_first_new_one_is_refused() {
    let mut hole = Fence::restore(ANN);
    assert!(hole.check_and_raise(ANN).is_ok());
    let mut raised = Fence::restore(ANN);
    assert_eq!(raised.raise(BOB), Ok(ANN));
    assert!(raised.check_and_raise(ANN).is_err());
    assert!(raised.check_and_raise(BOB).is_ok());
}

/// Ann reads, is paused, and would write what she has computed from that.
pub(crate) fn trap_02_what_was_read_before_the_raise_is_not_written_after_the_next() {
    let mut account = Fenced::new(DISK, 70);
    let ann = account
        .raise(ANN, Mode::Exclusive)
        .unwrap()
        .arm(ANN)
        .unwrap();
    let read = *account.read(&ann).unwrap();
    let bob = account
        .raise(BOB, Mode::Exclusive)
        .unwrap()
        .arm(BOB)
        .unwrap();
    // Bob has read nothing and written nothing yet.
    let refused = account.write(&ann).map(|balance| *balance = read - 70);
    assert!(matches!(refused, Err(UseError::Stale(_))));
    assert!(matches!(account.read(&ann), Err(UseError::Stale(_))));
    *account.write(&bob).unwrap() += 5;
    assert_eq!(account.read(&bob), Ok(&75));
}

/// Bob has raised one disk. At the other Ann is still at work.
pub(crate) fn trap_02_what_is_armed_at_one_resource_is_nothing_at_another() {
    let mut one = Fenced::new(ResourceId(1), 0);
    let mut two = Fenced::new(ResourceId(2), 0);
    let bob = one.raise(BOB, Mode::Exclusive).unwrap().arm(BOB).unwrap();
    assert!(one.read(&bob).is_ok());
    assert!(matches!(two.read(&bob), Err(UseError::WrongResource(_))));
    assert!(matches!(two.write(&bob), Err(UseError::WrongResource(_))));
    assert!(bob.at(ResourceId(2)).is_err());
    // Nor did it raise anything there.
    let ann = two.raise(ANN, Mode::Exclusive).unwrap().arm(ANN).unwrap();
    assert!(two.write(&ann).is_ok());
}

/// The answer to the raise of the lease before arrives late.
pub(crate) fn trap_02_a_receipt_arms_the_token_that_was_raised() {
    let mut fence = Fence::new();
    let late = fence.raise_at(DISK, ANN, Mode::Exclusive).unwrap();
    let late = Raised::from_bytes(&late.to_bytes()).unwrap();
    let refused = late.arm(BOB).unwrap_err();
    assert_eq!((refused.token, refused.raised), (BOB, ANN));
    let receipt = fence.raise_at(DISK, BOB, Mode::Exclusive).unwrap();
    assert_eq!(receipt.newest_before(), ANN);
    assert_eq!(receipt.arm(BOB).unwrap().at(DISK), Ok(BOB));
}

/// Bob's raise was answered, so it is durable.
pub(crate) fn trap_02_a_crash_between_raise_and_effect_lets_the_old_one_in_nowhere() {
    let mut disk = Fence::restore(ANN).to_bytes();
    let mut fence = DurableFence::restart(&disk).unwrap();
    let mut receipt = fence.raise_at(DISK, BOB, Mode::Exclusive);
    if receipt.is_err() {
        let mark = fence.poll_write().expect("a mark to store");
        disk = mark.to_bytes();
        fence.handle_written(&mark);
        receipt = fence.raise_at(DISK, BOB, Mode::Exclusive);
    }
    let armed = receipt.unwrap().arm(BOB).unwrap();
    let mut fence = DurableFence::restart(&disk).unwrap();
    let refused = fence.check_and_raise(ANN);
    assert!(matches!(refused, Err(DurableFenceError::Stale(_))));
    assert_eq!(fence.check_and_raise(armed.at(DISK).unwrap()), Ok(()));
}

/// Whose lease ended and who got it again is somebody else.
pub(crate) fn trap_03_the_same_owner_with_a_new_token_shuts_out_its_old_one() {
    let mut page = Fenced::new(DISK, "");
    let before = page.raise(ANN, Mode::Exclusive).unwrap().arm(ANN).unwrap();
    let again = page.raise(BOB, Mode::Exclusive).unwrap().arm(BOB).unwrap();
    assert!(page.write(&before).is_err());
    assert!(page.write(&again).is_ok());
}

/// dlock deletes the row on release, and counts from zero.
pub(crate) fn trap_20_tokens_that_begin_again_let_nobody_in() {
    let mut fence = Fence::restore(BOB);
    let mut fences = FenceSet::with_floor(FenceSetLimits::default(), fence.clone());
    let mut strict = StrictFence::new();
    let operation = |number| Operation {
        incarnation: Incarnation(1),
        number,
    };
    strict.check_and_raise(BOB, operation(1)).unwrap();
    for token in (0..BOB.0).map(FencingToken) {
        assert!(fence.check_and_raise(token).is_err());
        assert!(fences.check_and_raise("disk", token).is_err());
        let refused = strict.check_and_raise(token, operation(token.0 + 2));
        assert!(matches!(refused, Err(StrictError::Stale(_))));
    }
}

pub(crate) fn trap_20_no_token_is_smaller_than_every_token() {
    for mode in [Mode::Exclusive, Mode::Shared] {
        let mut fence = Fence::new();
        assert!(fence.raise_as(FencingToken::NONE, mode).is_err());
        assert!(fence.check_and_raise_as(FencingToken::NONE, mode).is_err());
        assert!(fence.raise_as(FencingToken(1), mode).is_ok());
    }
}

pub(crate) fn trap_21_the_last_token_passes_and_shuts_out_all_others() {
    let last = FencingToken(u64::MAX);
    let mut fence = Fence::new();
    fence.raise(last).unwrap();
    assert!(fence.check_and_raise(last).is_ok());
    for token in [0, 1, u64::MAX - 1] {
        assert!(fence.check_and_raise(FencingToken(token)).is_err());
    }
    assert_eq!(Fence::from_bytes(&fence.to_bytes()), Ok(fence));
}

pub(crate) fn trap_22_a_resource_that_restarts_refuses_whom_it_refused_before() {
    let mut fence = Fence::new();
    fence.raise(BOB).unwrap();
    let mut restarted = Fence::from_bytes(&fence.to_bytes()).unwrap();
    assert!(restarted.check_and_raise(ANN).is_err());
    assert!(restarted.check_and_raise(BOB).is_ok());
    // So do readers, which are shut out by a writer and shut a writer out.
    restarted
        .raise_as(FencingToken(35), Mode::Shared)
        .expect("it is newer");
    let mut again = Fence::from_bytes(&restarted.to_bytes()).unwrap();
    assert!(again.check_and_raise(BOB).is_err());
}

/// A file that was cut off is not an empty one.
pub(crate) fn trap_22_a_mark_that_is_lost_lets_nobody_in() {
    let stored = Fence::restore(BOB).to_bytes();
    for length in 0..stored.len() {
        let cut = DurableFence::restart(&stored[..length]);
        assert!(matches!(cut, Err(FenceBytesError::Truncated { .. })));
    }
    // With the newest token that was ever granted, whoever comes next gets in.
    let mut fence = Fence::restore(FencingToken(40));
    assert!(fence.check_and_raise(BOB).is_err());
    assert!(fence.check_and_raise(FencingToken(41)).is_ok());
}

pub(crate) fn trap_22_a_mark_that_is_not_durable_lets_nobody_in() {
    for mode in [Mode::Exclusive, Mode::Shared] {
        let mut fence = DurableFence::restart(&Fence::restore(ANN).to_bytes()).unwrap();
        let wait = Err(DurableFenceError::PersistFirst { token: BOB });
        assert_eq!(fence.check_and_raise_as(BOB, mode), wait);
        assert!(fence.raise_at(DISK, BOB, mode).is_err());
        let mark = fence.poll_write().unwrap();
        // It is on its way.
        assert_eq!(fence.check_and_raise_as(BOB, mode), wait);
        fence.handle_write_failed(&mark);
        assert_eq!(fence.check_and_raise_as(BOB, mode), wait);
        assert_eq!(fence.poll_write(), Some(mark.clone()));
        fence.handle_written(&mark);
        assert_eq!(fence.check_and_raise_as(BOB, mode), Ok(()));
        assert_eq!(fence.poll_write(), None);
        let mut restarted = DurableFence::restart(&mark.to_bytes()).unwrap();
        assert!(restarted.check_and_raise(ANN).is_err());
    }
}

pub(crate) fn trap_22_no_report_of_another_write_makes_a_mark_durable() {
    let mut fence = DurableFence::new();
    assert!(fence.check_and_raise(ANN).is_err());
    let first = fence.poll_write().unwrap();
    assert!(fence.check_and_raise(BOB).is_err());
    // Two writes at a time could overtake each other.
    assert_eq!(fence.poll_write(), None);
    fence.handle_written(&first);
    let second = fence.poll_write().unwrap();
    assert_eq!(second.newest(), BOB);
    fence.handle_written(&first); // again
    fence.handle_write_failed(&first);
    let wait = DurableFenceError::PersistFirst { token: BOB };
    assert_eq!(fence.check_and_raise(BOB), Err(wait));
    fence.handle_written(&second);
    assert_eq!(fence.check_and_raise(BOB), Ok(()));
}

/// Stale is for ever. A mark that may be forgotten is not.
pub(crate) fn trap_22_nobody_is_refused_for_good_by_a_mark_that_a_crash_forgets() {
    let disk = Fence::restore(ANN).to_bytes();
    let mut fence = DurableFence::restart(&disk).unwrap();
    assert!(fence.check_and_raise(BOB).is_err());
    let wait = DurableFenceError::Superseding {
        token: ANN,
        newer: BOB,
    };
    assert_eq!(fence.check_and_raise(ANN), Err(wait));
    let mut fence = DurableFence::restart(&disk).unwrap();
    assert_eq!(fence.check_and_raise(ANN), Ok(()));
}

/// One resource, any number of lives.
pub(crate) fn trap_22_random_crashes_and_lost_writes() {
    for seed in 0..300 {
        let mut random = SplitMix64::new(seed);
        let mut disk = Fence::new().to_bytes();
        let mut fence = DurableFence::restart(&disk).unwrap();
        let mut writing: Option<Fence> = None;
        let mut passed = Vec::new();
        let mut refused = Vec::new();
        for _ in 0..60 {
            match random.below(8) {
                0 => {
                    // It may reach the disk although nobody hears of it.
                    if let Some(mark) = writing.take().filter(|_| random.below(2) == 0) {
                        disk = mark.to_bytes();
                    }
                    fence = DurableFence::restart(&disk).unwrap();
                }
                1 => writing = fence.poll_write().or(writing),
                2 => {
                    if let Some(mark) = writing.take() {
                        match random.below(3) {
                            0 => fence.handle_write_failed(&mark),
                            1 => {
                                disk = mark.to_bytes();
                                fence.handle_write_failed(&mark);
                            }
                            _ => {
                                disk = mark.to_bytes();
                                fence.handle_written(&mark);
                            }
                        }
                    }
                }
                _ => {
                    let token = FencingToken(1 + random.below(9));
                    let mode = mode_of(token);
                    match fence.check_and_raise_as(token, mode) {
                        Ok(()) => {
                            assert!(!refused.contains(&token), "seed {seed}");
                            assert!(may_follow(token, mode, &passed), "seed {seed}");
                            passed.push((token, mode));
                        }
                        Err(DurableFenceError::Stale(_)) => refused.push(token),
                        Err(_) => {}
                    }
                }
            }
        }
    }
}

/// Each grant is of one mode: every third is shared with the one after it.
fn mode_of(token: FencingToken) -> Mode {
    match token.0 % 4 {
        2 | 3 => Mode::Shared,
        _ => Mode::Exclusive,
    }
}

/// Nothing newer has passed of which either is exclusive.
fn may_follow(token: FencingToken, mode: Mode, passed: &[(FencingToken, Mode)]) -> bool {
    passed
        .iter()
        .all(|&(other, its)| other <= token || mode.goes_with(its))
}

pub(crate) fn trap_23_writes_out_of_order_and_twice_pass_exactly_as_granted() {
    let mut fence = Fence::new();
    let passes =
        [34, 33, 34, 33, 35, 34].map(|token| fence.check_and_raise(FencingToken(token)).is_ok());
    assert_eq!(passes, [true, false, true, false, true, false]);
}

/// A machine was restored from a snapshot beside itself, and the network repeats what both send.
pub(crate) fn trap_23_an_equal_token_passes_for_one_holder_and_in_its_order() {
    let operation = |life, number| Operation {
        incarnation: Incarnation(life),
        number,
    };
    let mut fence = StrictFence::new();
    let mut passes = |token, life, number| {
        let passes = fence.check_and_raise(FencingToken(token), operation(life, number));
        // A restart between any two makes no difference.
        fence = StrictFence::from_bytes(&fence.to_bytes()).unwrap();
        passes.is_ok()
    };
    assert!(passes(34, 1, 1));
    assert!(passes(34, 1, 3));
    assert!(!passes(34, 1, 3)); // twice
    assert!(!passes(34, 1, 2)); // late
    assert!(!passes(34, 2, 4)); // of the copy
    assert!(passes(34, 1, 4));
    assert!(passes(35, 2, 1)); // a lease of its own
    assert!(!passes(34, 1, 5));
}

pub(crate) fn trap_24_readers_and_writers_pass_in_the_order_of_their_grants() {
    let (writer, reader) = (Mode::Exclusive, Mode::Shared);
    let mut fence = Fence::new();
    let mut passes = |token, mode| fence.check_and_raise_as(FencingToken(token), mode).is_ok();
    assert!(passes(4, writer));
    // Readers together, in any order, any number of times.
    for token in [7, 6, 7, 5, 6] {
        assert!(passes(token, reader));
    }
    // They have read, so the writer before them does not write any more.
    assert!(!passes(4, writer));
    // The next writer shuts them out.
    assert!(passes(8, writer));
    for token in [5, 6, 7] {
        assert!(!passes(token, reader));
    }
    assert!(passes(8, writer) && passes(9, reader) && !passes(8, writer));
}

pub(crate) fn trap_24_who_shares_the_lease_does_not_write() {
    let mut page = Fenced::new(DISK, "draft");
    let [one, two] = [ANN, BOB].map(|token| {
        let receipt = page.raise(token, Mode::Shared).unwrap();
        receipt.arm(token).unwrap()
    });
    assert_eq!(page.read(&one), Ok(&"draft"));
    assert_eq!(page.read(&two), Ok(&"draft"));
    assert_eq!(page.write(&two), Err(UseError::SharedWrites { token: BOB }));
}

pub(crate) fn trap_24_one_grant_is_of_one_mode() {
    let mut fence = Fence::restore(BOB);
    assert!(fence.raise_as(BOB, Mode::Shared).is_err());
    fence.raise_as(FencingToken(35), Mode::Shared).unwrap();
    assert!(fence.raise_as(FencingToken(35), Mode::Exclusive).is_err());
}

const SMALL: FenceSetLimits = FenceSetLimits {
    max_fences: 2,
    max_name_bytes: 8,
};

/// The paused holder comes back after a million other names.
pub(crate) fn trap_28_what_is_forgotten_is_forgotten_on_the_safe_side() {
    let mut fences = FenceSet::new(SMALL);
    fences.check_and_raise("disk", BOB).unwrap();
    for other in 0..10 {
        let token = FencingToken(100 + other);
        fences.check_and_raise(&format!("n{other}"), token).unwrap();
    }
    assert_eq!(fences.len(), 2);
    let restored = FenceSet::restore(SMALL, &fences.snapshot()).unwrap();
    for mut fences in [fences, restored] {
        let refused = fences.check_and_raise("disk", ANN);
        assert!(matches!(refused, Err(FenceSetError::BelowFloor { .. })));
        // A new lease is above the floor.
        assert!(fences.check_and_raise("disk", FencingToken(200)).is_ok());
    }
    // A resource that is deleted and made again under its old name.
    let mut fences = FenceSet::new(SMALL);
    fences.check_and_raise("disk", BOB).unwrap();
    assert!(fences.forget("disk"));
    assert!(fences.check_and_raise("disk", ANN).is_err());
}

/// Or else one young lease would lock out every name that is not kept.
pub(crate) fn trap_28_the_oldest_marks_are_forgotten_first() {
    let mut fences = FenceSet::new(SMALL);
    for (name, token) in [("a", 31), ("b", 90), ("c", 32), ("a", 91), ("d", 92)] {
        fences.check_and_raise(name, FencingToken(token)).unwrap();
    }
    let kept: Vec<_> = fences.iter().map(|(name, _)| name).collect();
    assert_eq!(kept, ["a", "d"]);
    assert_eq!(fences.floor().newest(), FencingToken(90));
}

/// Three resources, five holders, any order, crashes of the resource: per resource the tokens of accepted
/// writes never decrease, and nobody who was refused gets in later.
pub(crate) fn trap_32_random_interleavings_against_all_that_passed() {
    for seed in 0..200 {
        let run = AssertUnwindSafe(|| random_interleaving(seed));
        assert!(catch_unwind(run).is_ok(), "seed {seed}");
    }
}

fn random_interleaving(seed: u64) {
    let mut random = SplitMix64::new(seed);
    let mut resources = [1, 2, 3].map(|id| Fenced::new(ResourceId(id), Vec::new()));
    let mut armed = Vec::new();
    let mut passed = [(); 3].map(|()| Vec::new());
    let mut refused = [(); 3].map(|()| Vec::new());
    for _ in 0..80 {
        let at = random.below(3) as usize;
        let resource = &mut resources[at];
        let token = FencingToken(1 + random.below(12));
        let mode = mode_of(token);
        match random.below(4) {
            0 => match resource.raise(token, mode) {
                Ok(receipt) => {
                    assert!(may_follow(token, mode, &passed[at]) && !refused[at].contains(&token));
                    passed[at].push((token, mode));
                    armed.push(receipt.arm(token).unwrap());
                }
                Err(_) => refused[at].push(token),
            },
            1 => {
                let (fence, data) = resource.parts();
                let fence = Fence::from_bytes(&fence.to_bytes()).unwrap();
                *resource = Fenced::restore(resource.resource(), fence, data.clone());
            }
            _ if armed.is_empty() => {}
            _ => {
                let armed = &armed[random.below(armed.len() as u64) as usize];
                let (token, mode) = (*armed.get(), armed.mode());
                let done = match mode {
                    Mode::Shared => resource.read(armed).map(|_| ()),
                    Mode::Exclusive => resource.write(armed).map(|data| data.push(token)),
                };
                match done {
                    Ok(()) => {
                        assert_eq!(armed.resource(), resource.resource());
                        assert!(may_follow(token, mode, &passed[at]));
                        assert!(!refused[at].contains(&token));
                    }
                    Err(UseError::Stale(_)) => refused[at].push(token),
                    Err(_) => assert_ne!(armed.resource(), resource.resource()),
                }
            }
        }
    }
    for resource in resources {
        assert!(resource.parts().1.is_sorted());
    }
}
