//! The laws of a relation.

use alloc::format;
use core::fmt::Debug;

use super::Broken;
use crate::{Causality, Relation};

/// Checks the laws of [`Causality`] on all pairs and triples of `samples`.
///
/// Takes time in the cube of their number: a hundred are plenty.
///
/// # Errors
///
/// The first law that does not hold, with the samples that break it.
pub fn check_relation<C: Causality + Debug>(samples: &[C]) -> Result<(), Broken> {
    for a in samples {
        if !matches!(a.relate(a), None | Some(Relation::Equal)) {
            return Err(Broken {
                law: "reflexivity",
                what: format!("{a:?} is {:?} to itself", a.relate(a)),
            });
        }
        for b in samples {
            let (there, back) = (a.relate(b), b.relate(a));
            if there != back.map(Relation::reverse) {
                return Err(Broken {
                    law: "antisymmetry",
                    what: format!("{a:?} is {there:?} to {b:?}, and {back:?} the other way round"),
                });
            }
            for c in samples {
                check_transitive(a, b, c)?;
            }
        }
    }
    Ok(())
}

fn check_transitive<C: Causality + Debug>(a: &C, b: &C, c: &C) -> Result<(), Broken> {
    use Relation::{Before, Equal};
    let (Some(first), Some(second)) = (a.relate(b), b.relate(c)) else {
        return Ok(());
    };
    let expected = match (first, second) {
        (Before, Before | Equal) | (Equal, Before) => Before,
        (Equal, Equal) => Equal,
        _ => return Ok(()),
    };
    match a.relate(c) {
        Some(relation) if relation != expected => Err(Broken {
            law: "transitivity",
            what: format!(
                "{a:?} is {first} {b:?}, which is {second} {c:?}, and the first is {relation} the last"
            ),
        }),
        _ => Ok(()),
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// The game's relation: rock, paper, scissors.
    #[derive(Debug)]
    struct Circular(u8);

    impl Causality for Circular {
        fn relate(&self, other: &Self) -> Option<Relation> {
            Some(match (3 + self.0 - other.0) % 3 {
                0 => Relation::Equal,
                1 => Relation::After,
                _ => Relation::Before,
            })
        }
    }

    /// As `crdts` 7.3.2 answers for a clock with an entry of zero.
    #[derive(Debug)]
    struct BothAfter(u8);

    impl Causality for BothAfter {
        fn relate(&self, other: &Self) -> Option<Relation> {
            Some(if self.0 == other.0 {
                Relation::Equal
            } else {
                Relation::After
            })
        }
    }

    #[derive(Debug)]
    struct NotItself;

    impl Causality for NotItself {
        fn relate(&self, _: &Self) -> Option<Relation> {
            Some(Relation::Concurrent)
        }
    }

    #[test]
    fn broken_relations_are_caught() {
        let circular = [Circular(0), Circular(1), Circular(2)];
        assert_eq!(check_relation(&circular).unwrap_err().law, "transitivity");
        let both = [BothAfter(0), BothAfter(1)];
        assert_eq!(check_relation(&both).unwrap_err().law, "antisymmetry");
        assert_eq!(check_relation(&[NotItself]).unwrap_err().law, "reflexivity");
    }
}
