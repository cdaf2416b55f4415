//! Rules that can be broken one at a time, in unit tests only, to see that the tests notice. Elsewhere none
//! is ever broken, and nothing is left of this.

use core::time::Duration;

/// Which rule is broken, of those that `W` names.
#[cfg(test)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weaknesses<W> {
    pub(crate) broken: Option<W>,
    /// By how much this replica's own clock is ahead of the log.
    pub(crate) ahead: Duration,
}

#[cfg(test)]
impl<W: Copy + PartialEq> Weaknesses<W> {
    pub(crate) const NONE: Self = Self {
        broken: None,
        ahead: Duration::ZERO,
    };

    pub(crate) fn has(self, weakness: W) -> bool {
        self.broken == Some(weakness)
    }

    pub(crate) const fn ahead(self) -> Duration {
        self.ahead
    }
}

#[cfg(not(test))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weaknesses<W>(core::marker::PhantomData<W>);

#[cfg(not(test))]
impl<W: Copy> Weaknesses<W> {
    pub(crate) const NONE: Self = Self(core::marker::PhantomData);

    pub(crate) const fn has(self, _: W) -> bool {
        false
    }

    pub(crate) const fn ahead(self) -> Duration {
        Duration::ZERO
    }
}
