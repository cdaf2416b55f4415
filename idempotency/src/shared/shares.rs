//! How the limits of the whole are split over its parts.

use crate::{Key, Limits};

/// More parts than this bring nothing that is worth their memory.
const MOST_SHARDS: usize = 1024;
/// How many keys, of a scope too, and how many running attempts every part has room for. Keys fall on the
/// parts by chance, so the smaller the shares, the earlier one is full while others have room.
const LEAST: u64 = 64;

/// How many parts there are when somebody wants `wanted`.
pub(super) fn shards(limits: &Limits, wanted: usize) -> usize {
    let mut shards = wanted.clamp(1, MOST_SHARDS).next_power_of_two();
    while shards > 1 && !is_ample(limits, shards) {
        shards /= 2;
    }
    shards
}

/// What one of so many parts may remember.
pub(super) fn share(limits: &Limits, shards: usize) -> Limits {
    let of = |limit: u64| limit.div_ceil(shards.max(1) as u64);
    Limits {
        keys: of(limits.keys),
        keys_per_scope: of(limits.keys_per_scope),
        key_bytes: of(limits.key_bytes),
        all_response_bytes: of(limits.all_response_bytes),
        tombstones: of(limits.tombstones),
        tombstones_per_scope: of(limits.tombstones_per_scope),
        // A scope has keys in all parts, so each must know it. The others are not sums.
        scopes: limits.scopes,
        response_bytes: limits.response_bytes,
        lease: limits.lease,
    }
}

fn is_ample(limits: &Limits, shards: usize) -> bool {
    let share = share(limits, shards);
    let longest_key = 2 * Key::MAX_PART_BYTES as u64;
    // What is not allowed at all needs no room.
    let ample = |share: u64, least: u64| share == 0 || share >= least;
    ample(share.keys, LEAST)
        && ample(share.keys_per_scope, LEAST)
        && ample(share.key_bytes, LEAST * longest_key)
        && ample(
            share.all_response_bytes,
            share.response_bytes.saturating_mul(LEAST),
        )
        && ample(share.tombstones, LEAST)
        && ample(share.tombstones_per_scope, LEAST)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_whole_that_is_small_is_not_split() {
        let small = Limits {
            keys_per_scope: 100,
            ..Limits::default()
        };
        assert_eq!(shards(&small, 16), 1);
        assert_eq!(share(&small, 1), small);
    }

    #[test]
    fn the_default_limits_are_split_as_wanted() {
        let limits = Limits::default();
        for (wanted, shards_of) in [(0, 1), (1, 1), (3, 4), (16, 16), (64, 64), (1024, 64)] {
            assert_eq!(shards(&limits, wanted), shards_of, "of {wanted}");
        }
    }

    /// Together they are the whole, and at most one less than the number of shards over it.
    #[test]
    fn the_shares_make_up_the_whole() {
        let limits = Limits {
            keys: 1_000_001,
            ..Limits::default()
        };
        for shards in [1, 2, 16, 64] {
            let whole = share(&limits, shards).keys * shards as u64;
            assert!(whole >= limits.keys && whole < limits.keys + shards as u64);
        }
    }

    #[test]
    fn nothing_and_everything_are_limits_too() {
        let nothing = Limits {
            tombstones: 0,
            tombstones_per_scope: 0,
            ..Limits::default()
        };
        assert_eq!(shards(&nothing, 16), 16);
        assert_eq!(share(&nothing, 16).tombstones, 0);
        let all = Limits {
            keys: u64::MAX,
            keys_per_scope: u64::MAX,
            key_bytes: u64::MAX,
            response_bytes: u64::MAX,
            all_response_bytes: u64::MAX,
            scopes: u64::MAX,
            tombstones: u64::MAX,
            tombstones_per_scope: u64::MAX,
            lease: core::time::Duration::MAX,
        };
        assert_eq!(shards(&all, usize::MAX), 1);
        assert_eq!(share(&all, 0), all);
    }
}
