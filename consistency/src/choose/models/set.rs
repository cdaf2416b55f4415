//! Several models at once.

use core::fmt;

use super::ConsistencyModel;

/// Which models something keeps: a set that with each model holds all that it implies.
///
/// A replica seldom keeps just one: it may have all that the session saw, and be two seconds old.
///
/// ```
/// use quorate_consistency::choose::{ConsistencyModel::*, Models};
///
/// let keeps = Models::of(&[Pram, BoundedStaleness]);
/// assert!(keeps.contains(MonotonicReads) && keeps.contains(Eventual));
/// assert!(!keeps.contains(Causal));
/// // What each of two replicas keeps.
/// assert_eq!(keeps.both(Models::of(&[Linearizable])), keeps);
/// assert_eq!(keeps.to_string(), "bounded-staleness, pram");
/// ```
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct Models(u32);

impl Models {
    /// No model at all, not even that what is read was once written.
    pub const NONE: Self = Self(0);

    /// These and all that they imply.
    pub const fn of(models: &[ConsistencyModel]) -> Self {
        let mut set = Self::NONE;
        let mut left = models;
        while let [first, rest @ ..] = left {
            set = set.with(*first);
            left = rest;
        }
        set
    }

    /// This one more, and all that it implies.
    #[must_use]
    pub const fn with(self, model: ConsistencyModel) -> Self {
        Self(self.with_only(model).0 | model.row().weaker.0)
    }

    /// This one more, without what it implies: for building the table.
    pub(super) const fn with_only(self, model: ConsistencyModel) -> Self {
        Self(self.0 | 1 << model as u8)
    }

    /// Whether the model is among them.
    pub const fn contains(self, model: ConsistencyModel) -> bool {
        self.0 & 1 << model as u8 != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What both keep.
    #[must_use]
    pub const fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What something that keeps the one and the other keeps.
    #[must_use]
    pub const fn either(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// All of them, each after those that it follows from.
    pub fn iter(self) -> impl Iterator<Item = ConsistencyModel> {
        let all = ConsistencyModel::ALL.iter().copied();
        all.filter(move |&model| self.contains(model))
    }

    /// Those that follow from no other of them.
    pub fn strongest(self) -> impl Iterator<Item = ConsistencyModel> {
        self.iter().filter(move |&model| {
            let mut others = self.iter().filter(move |&other| other != model);
            !others.any(|other| other.implies(model))
        })
    }
}

/// The strongest of them, with commas between.
impl fmt::Display for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        for (at, model) in self.strongest().enumerate() {
            write!(f, "{}{model}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.strongest()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn a_set_holds_what_its_models_imply() {
        assert!(ConsistencyModel::ALL.len() <= u32::BITS as usize);
        for &model in ConsistencyModel::ALL {
            let set = Models::of(&[model]);
            for &other in ConsistencyModel::ALL {
                assert_eq!(set.contains(other), model.implies(other));
            }
            assert_eq!(set.strongest().collect::<Vec<_>>(), [model]);
        }
    }

    #[test]
    fn nothing_is_the_weakest() {
        assert!(Models::NONE.is_empty());
        assert_eq!(alloc::format!("{}", Models::NONE), "none");
        assert_eq!(Models::of(&[]), Models::NONE);
    }
}
