//! Bits for the latest numbers: a number's bit is at the number modulo the width.
//!
//! The width is an argument, so that all small widths can be tried; a window passes a constant.

use super::Observed;

/// Invariant: the window covers the numbers from `top - width + 1` to `top`, and `top` is at least
/// `width - 1`. It is higher only if `top` came, so that equal windows have equal rings.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub(super) struct Ring<B> {
    pub(super) top: u64,
    pub(super) bits: B,
}

impl<B: AsRef<[u64]>> Ring<B> {
    pub(super) fn view(&self, width: u64) -> View<'_> {
        View {
            top: self.top,
            width,
            bits: self.bits.as_ref(),
        }
    }

    pub(super) const fn oldest(&self, width: u64) -> u64 {
        self.top - (width - 1)
    }

    pub(super) fn highest(&self, width: u64) -> Option<u64> {
        let view = self.view(width);
        let covered = self.oldest(width)..=self.top;
        covered.rev().find(|number| view.came(*number))
    }

    pub(super) fn check(&self, width: u64, number: u64) -> Observed {
        let oldest = self.oldest(width);
        if number < oldest {
            return Observed::TooOld { oldest };
        }
        if number <= self.top {
            return match self.view(width).came(number) {
                true => Observed::Duplicate,
                false => Observed::New { lost: 0 },
            };
        }
        let ahead = number - self.top;
        let mut lost = ahead.saturating_sub(width);
        segments(width, self.top + 1, ahead.min(width), |word, mask| {
            lost += unset(self.bits.as_ref(), word, mask);
        });
        Observed::New { lost }
    }
}

impl<B: AsRef<[u64]> + AsMut<[u64]>> Ring<B> {
    pub(super) fn observe(&mut self, width: u64, number: u64) -> Observed {
        let mut lost = 0;
        if number > self.top {
            // The numbers that come in take the places of those that fall out.
            let ahead = number - self.top;
            lost = ahead.saturating_sub(width);
            let bits = self.bits.as_mut();
            segments(width, self.top + 1, ahead.min(width), |word, mask| {
                lost += unset(bits, word, mask);
                if let Some(bits) = bits.get_mut(word) {
                    *bits &= !mask;
                }
            });
            self.top = number;
        }
        let oldest = self.oldest(width);
        if number < oldest {
            return Observed::TooOld { oldest };
        }
        let (word, mask) = place(width, number);
        match self.bits.as_mut().get_mut(word) {
            Some(bits) if *bits & mask == 0 => {
                *bits |= mask;
                Observed::New { lost }
            }
            _ => Observed::Duplicate,
        }
    }
}

/// A ring that is looked at, whatever its size.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) top: u64,
    width: u64,
    bits: &'a [u64],
}

impl View<'_> {
    /// Whether a number came that is covered.
    pub(super) fn came(&self, number: u64) -> bool {
        let (word, mask) = place(self.width, number);
        self.bits.get(word).is_some_and(|bits| bits & mask != 0)
    }
}

fn place(width: u64, number: u64) -> (usize, u64) {
    let at = number % width;
    // Below the width, which fits in memory.
    ((at / 64) as usize, 1 << (at % 64))
}

/// How many bits of the mask are not set.
fn unset(bits: &[u64], word: usize, mask: u64) -> u64 {
    let unset = bits.get(word).map_or(0, |bits| !bits & mask);
    unset.count_ones().into()
}

/// Calls with a word and a mask for the places of `count` numbers from `first` on: at most one call for
/// each word and one more.
fn segments(width: u64, first: u64, count: u64, mut with: impl FnMut(usize, u64)) {
    let start = first % width;
    let before_wrap = count.min(width - start);
    for (start, count) in [(start, before_wrap), (0, count - before_wrap)] {
        let (mut at, end) = (start, start + count);
        while at < end {
            let low = at % 64;
            let len = (end - at).min(64 - low);
            with((at / 64) as usize, (u64::MAX >> (64 - len)) << low);
            at += len;
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::vec::Vec;

    use super::super::UnseenRanges;
    use super::*;

    /// All numbers that came, and nothing clever.
    struct Model {
        width: u64,
        top: u64,
        came: BTreeSet<u64>,
    }

    impl Model {
        fn observe(&mut self, number: u64) -> (Observed, Vec<u64>) {
            let oldest = self.top + 1 - self.width;
            if number < oldest {
                return (Observed::TooOld { oldest }, Vec::new());
            }
            if !self.came.insert(number) {
                return (Observed::Duplicate, Vec::new());
            }
            self.top = self.top.max(number);
            let lost: Vec<_> = (oldest..self.top + 1 - self.width)
                .filter(|number| !self.came.contains(number))
                .collect();
            (
                Observed::New {
                    lost: lost.len() as u64,
                },
                lost,
            )
        }
    }

    fn agrees(width: u64, numbers: &[u64]) {
        let words = width.div_ceil(64) as usize;
        let mut ring = Ring {
            top: width - 1,
            bits: alloc::vec![0; words],
        };
        let mut model = Model {
            width,
            top: width - 1,
            came: BTreeSet::new(),
        };
        for &number in numbers {
            let losing = UnseenRanges::new(
                ring.view(width),
                ring.oldest(width),
                number.saturating_sub(width - 1).checked_sub(1),
            );
            let losing: Vec<_> = losing.flatten().collect();
            let checked = ring.check(width, number);
            let observed = ring.observe(width, number);
            let (expected, lost) = model.observe(number);
            assert_eq!(observed, expected, "width {width}, {numbers:?} at {number}");
            assert_eq!(checked, expected, "width {width}, {numbers:?} at {number}");
            assert_eq!(losing, lost, "width {width}, {numbers:?} at {number}");
            assert_eq!(ring.highest(width), model.came.last().copied());
        }
    }

    /// All sequences of five numbers that matter to a width of at most four.
    #[test]
    fn all_short_sequences_at_tiny_widths() {
        for width in 1..=4_u64 {
            let numbers = 2 * width + 2;
            for mut code in 0..numbers.pow(5) {
                let sequence = [(); 5].map(|()| {
                    let number = code % numbers;
                    code /= numbers;
                    number
                });
                agrees(width, &sequence);
            }
        }
    }

    /// For each width, all slides from each side of the edges, each followed by all numbers around.
    #[test]
    fn all_slides_at_each_width_to_130() {
        for width in 1..=130_u64 {
            for slide in 0..=2 * width + 1 {
                let from = width + 1;
                let to = from + slide;
                let mut numbers = alloc::vec![0, width - 1, width, from];
                numbers.extend((0..=from).rev().step_by(3));
                numbers.push(to);
                numbers.extend(to.saturating_sub(width + 1)..=to);
                numbers.extend([to, to + 1, to + 1 + width]);
                agrees(width, &numbers);
            }
        }
    }
}
