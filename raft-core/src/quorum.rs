//! Majority arithmetic.

/// How many of `voters` members decide.
pub(crate) const fn majority(voters: usize) -> usize {
    voters / 2 + 1
}

/// The largest value that a majority has reached, of one value for each voter.
///
/// Always decided by looking at all of them: the shortcuts that trust an earlier order have committed
/// entries without a quorum (openraft #1802). Clusters are small: up to [`SORTED`] values are sorted on the
/// stack, and more are counted for each, which needs no memory either.
pub(crate) fn reached_by_majority<T: Copy + Default + Ord>(
    values: impl Iterator<Item = T> + Clone,
) -> Option<T> {
    let mut sorted = [T::default(); SORTED];
    let mut count = 0_usize;
    for value in values.clone() {
        let Some(place) = sorted.get_mut(count) else {
            return counted(values);
        };
        *place = value;
        count += 1;
        let mut at = count - 1;
        while at > 0
            && let Some([before, after]) = sorted.get_mut(at - 1..=at)
            && before < after
        {
            core::mem::swap(before, after);
            at -= 1;
        }
    }
    // The value that as many have reached as make a majority, in descending order.
    let place = majority(count) - 1;
    sorted.get(..count)?.get(place).copied()
}

/// How many values are sorted.
const SORTED: usize = 9;

fn counted<T: Copy + Ord>(values: impl Iterator<Item = T> + Clone) -> Option<T> {
    let needed = majority(values.clone().count());
    values
        .clone()
        .filter(|value| values.clone().filter(|other| other >= value).count() >= needed)
        .max()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn even_clusters_need_more_than_half() {
        assert_eq!(majority(4), 3);
        assert_eq!(reached_by_majority([9, 9, 1, 1].into_iter()), Some(1));
        assert_eq!(reached_by_majority(core::iter::empty::<u64>()), None);
    }

    proptest! {
        #[test]
        fn a_majority_has_it_and_none_has_more(values in prop::collection::vec(0_u8..20, 1..15)) {
            let reached = reached_by_majority(values.iter().copied()).unwrap();
            let have = |at_least: u8| values.iter().filter(|&&value| value >= at_least).count();
            prop_assert!(have(reached) >= majority(values.len()));
            prop_assert!(have(reached + 1) < majority(values.len()));
        }
    }
}
