//! Which numbers of a sequence have come, in a fixed size.

mod ranges;
mod ring;
mod wire;

use core::fmt;

use ring::Ring;

pub use ranges::UnseenRanges;
pub use wire::WindowDecodeError;

/// Tells which numbers of a sequence are new, in a size that does not depend on the sender.
///
/// A network doubles, delays and reorders. When each message carries a number that its sender never
/// gives to another, the receiver can drop the second copy, if it remembers the numbers that came. A
/// set of all of them grows for ever; the highest one alone would drop what was overtaken. A window
/// is the middle: it remembers one bit for each of the latest `64 * WORDS` numbers. What is older
/// than these is refused too, but with another answer: [`Observed::TooOld`] may be the first copy of
/// a message that was very late, and [`Observed::Duplicate`] never is.
///
/// This is the anti-replay window of IPsec (RFC 4303, section 3.4.3; as a ring of words, RFC 6479)
/// and of QUIC's packet numbers (RFC 9000, section 12.3).
///
/// # Promises
///
/// * A number is [`Observed::New`] once at most.
/// * [`observe`](Self::observe) takes constant time, whatever the number, and the window never
///   allocates. The first number is 0, the last `u64::MAX`, and any gap is fine.
/// * No number is lost silently: [`Observed::New`] says how many numbers slide out that never came,
///   and [`losing`](Self::losing) says which.
///
/// **Whoever can send a number can move the window.** A forged `u64::MAX` makes all others too old.
/// So first [`check`](Self::check) the number, then verify that the message is the sender's, and
/// only then `observe`, as RFC 4303 demands. Keep one window for each sender.
///
/// ```
/// use quorate_idempotency::{Observed, SequenceWindow};
///
/// let mut window = SequenceWindow::<2>::new(); // the latest 128 numbers, in 24 bytes
/// assert_eq!(window.observe(0), Observed::New { lost: 0 });
/// assert_eq!(window.observe(2), Observed::New { lost: 0 });
/// assert_eq!(window.observe(1), Observed::New { lost: 0 }); // was overtaken
/// assert_eq!(window.observe(1), Observed::Duplicate);
///
/// // 3 to 72 never came, and from now on would be too old.
/// assert_eq!(window.losing(200).collect::<Vec<_>>(), [3..=72]);
/// assert_eq!(window.observe(200), Observed::New { lost: 70 });
/// assert_eq!(window.observe(72), Observed::TooOld { oldest: 73 });
/// assert_eq!(window.observe(73), Observed::New { lost: 0 });
/// ```
///
/// # Bytes
///
/// `version u8 = 1, WORDS u32, top u64, WORDS words u64`, little-endian. `top` is the highest number
/// that is covered, at least `64 * WORDS - 1`; the number `n` came if the bit `n % (64 * WORDS)` is
/// set, counted from the lowest of the first word. Windows that are equal have equal bytes, and no
/// other bytes are read.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct SequenceWindow<const WORDS: usize = 2> {
    ring: Ring<[u64; WORDS]>,
}

/// What a [`SequenceWindow`] says to a number.
///
/// ```
/// use quorate_idempotency::{Observed, SequenceWindow};
///
/// fn deliver(window: &mut SequenceWindow, number: u64) -> bool {
///     match window.observe(number) {
///         Observed::New { lost } => {
///             if lost > 0 {
///                 eprintln!("{lost} messages before {number} are not waited for any longer");
///             }
///             true
///         }
///         // It came before.
///         Observed::Duplicate => false,
///         // Nobody knows whether it came before, so it must not count as new.
///         Observed::TooOld { .. } => false,
///     }
/// }
/// let mut window = SequenceWindow::new();
/// assert!(deliver(&mut window, 7) && !deliver(&mut window, 7));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Observed {
    /// It has not come before.
    New {
        /// How many numbers never came and, from now on, are too old.
        lost: u64,
    },
    /// It has come before.
    Duplicate,
    /// It is older than what the window remembers: it may have come before or not.
    TooOld {
        /// The lowest number that is not too old.
        oldest: u64,
    },
}

impl<const WORDS: usize> SequenceWindow<WORDS> {
    /// How many numbers are told apart: `64 * WORDS`.
    pub const WIDTH: u64 = {
        assert!(WORDS > 0, "a window has at least one word");
        assert!(
            WORDS <= u32::MAX as usize,
            "a window's words are counted in 32 bits"
        );
        64 * WORDS as u64
    };

    /// A window that nothing has come to.
    pub const fn new() -> Self {
        Self {
            ring: Ring {
                top: Self::WIDTH - 1,
                bits: [0; WORDS],
            },
        }
    }

    /// A number came: says whether for the first time, and remembers it.
    pub fn observe(&mut self, number: u64) -> Observed {
        self.ring.observe(Self::WIDTH, number)
    }

    /// What [`observe`](Self::observe) would say, without remembering the number: for a message that
    /// is not yet known to be its sender's.
    pub fn check(&self, number: u64) -> Observed {
        self.ring.check(Self::WIDTH, number)
    }

    /// The lowest number that is not too old.
    pub fn oldest(&self) -> u64 {
        self.ring.oldest(Self::WIDTH)
    }

    /// The highest number that came.
    pub fn highest(&self) -> Option<u64> {
        self.ring.highest(Self::WIDTH)
    }

    /// Which numbers below the highest never came and are not too old yet, ascending: what a
    /// receiver asks the sender for.
    ///
    /// ```
    /// use quorate_idempotency::SequenceWindow;
    ///
    /// let mut window = SequenceWindow::<1>::new();
    /// for number in [1, 5, 6] {
    ///     window.observe(number);
    /// }
    /// assert_eq!(window.missing().collect::<Vec<_>>(), [0..=0, 2..=4]);
    /// ```
    pub fn missing(&self) -> UnseenRanges<'_> {
        let highest = self.highest();
        UnseenRanges::new(self.ring.view(Self::WIDTH), self.oldest(), highest)
    }

    /// Which numbers would be lost if `number` came now, ascending: those that never came and would
    /// be too old afterwards. There are at most `WIDTH / 2 + 1` ranges, however far ahead it is.
    pub fn losing(&self, number: u64) -> UnseenRanges<'_> {
        let oldest = number.saturating_sub(Self::WIDTH - 1);
        let last = oldest.checked_sub(1);
        UnseenRanges::new(self.ring.view(Self::WIDTH), self.oldest(), last)
    }
}

impl<const WORDS: usize> Default for SequenceWindow<WORDS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const WORDS: usize> fmt::Debug for SequenceWindow<WORDS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SequenceWindow")
            .field("width", &Self::WIDTH)
            .field("oldest", &self.oldest())
            .field("highest", &self.highest())
            .field("missing", &self.missing())
            .finish()
    }
}
