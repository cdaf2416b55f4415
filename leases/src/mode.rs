//! Alone, or together with others.

/// How a lease is held.
///
/// Whoever changes what the lease protects holds it alone. Those who only need that nobody changes it
/// meanwhile share it.
///
/// ```
/// use quorate_leases::Mode;
///
/// assert!(Mode::Shared.goes_with(Mode::Shared));
/// assert!(!Mode::Shared.goes_with(Mode::Exclusive));
/// assert_eq!(Mode::default(), Mode::Exclusive);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Mode {
    /// By one holder at a time: a writer.
    #[default]
    Exclusive,
    /// By any number of holders at a time, with no exclusive one among them: a reader.
    Shared,
}

impl Mode {
    /// Whether holders of these modes may hold the same lease at the same time.
    pub const fn goes_with(self, other: Self) -> bool {
        matches!((self, other), (Self::Shared, Self::Shared))
    }
}
