//! The laws of a merge.

use alloc::format;
use core::fmt::Debug;

use super::Broken;
use crate::{Causality, Relation};

/// Checks that `merge` gives the least upper bound, on all triples of `samples`: it is commutative,
/// associative and idempotent, includes both sides, and nothing that is not in one of them.
///
/// Takes time in the cube of their number: a hundred are plenty.
///
/// # Errors
///
/// The first law that does not hold, with the samples that break it.
pub fn check_merge<C>(samples: &[C], merge: impl Fn(&C, &C) -> C) -> Result<(), Broken>
where
    C: Causality + Eq + Debug,
{
    let broken = |law, what| Err(Broken { law, what });
    for a in samples {
        if merge(a, a) != *a {
            return broken("idempotence of merge", format!("{a:?}"));
        }
        for b in samples {
            let both = merge(a, b);
            if both != merge(b, a) {
                return broken("commutativity of merge", format!("{a:?} and {b:?}"));
            }
            if !includes(&both, a) || !includes(&both, b) {
                return broken(
                    "merge as an upper bound",
                    format!("{a:?} and {b:?} give {both:?}"),
                );
            }
            for c in samples {
                if merge(&both, c) != merge(a, &merge(b, c)) {
                    return broken("associativity of merge", format!("{a:?}, {b:?} and {c:?}"));
                }
                if includes(c, a) && includes(c, b) && !includes(c, &both) {
                    return broken(
                        "merge as the least upper bound",
                        format!("{c:?} includes {a:?} and {b:?}, but not {both:?}"),
                    );
                }
            }
        }
    }
    Ok(())
}

fn includes<C: Causality>(a: &C, b: &C) -> bool {
    a.relate(b).is_some_and(Relation::includes)
}
