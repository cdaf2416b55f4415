//! Trees over a row of numbers, for the stack.

use alloc::vec;
use alloc::vec::Vec;

use super::super::probe::step;

/// Stands for an element that a tree no longer has.
pub(super) const GONE: u32 = u32::MAX;

/// A row of numbers that finds the first, from a place on, that is small enough.
pub(super) struct Least {
    size: usize,
    /// The least number below each node. The root is 1, and node `n` is above `2n` and `2n + 1`.
    least: Vec<u32>,
}

impl Least {
    pub(super) fn new(numbers: impl ExactSizeIterator<Item = u32>) -> Self {
        let size = numbers.len().next_power_of_two();
        let mut least = vec![GONE; size];
        least.extend(numbers);
        least.resize(2 * size, GONE);
        let mut tree = Self { size, least };
        for node in (1..size).rev() {
            tree.update(node);
        }
        tree
    }

    fn get(&self, node: usize) -> u32 {
        self.least.get(node).copied().unwrap_or(GONE)
    }

    /// The number at a place.
    pub(super) fn get_at(&self, at: usize) -> u32 {
        self.get(at + self.size)
    }

    fn update(&mut self, node: usize) {
        let least = self.get(2 * node).min(self.get(2 * node + 1));
        if let Some(slot) = self.least.get_mut(node) {
            *slot = least;
        }
    }

    pub(super) fn set(&mut self, at: usize, number: u32) {
        let mut node = at + self.size;
        match self.least.get_mut(node) {
            Some(slot) if *slot != number => *slot = number,
            _ => return,
        }
        while node > 1 {
            step();
            node /= 2;
            self.update(node);
        }
    }

    /// The first place in the range whose number is not above the bound.
    pub(super) fn first(&self, (from, to): (usize, usize), bound: u32) -> Option<usize> {
        if from >= to {
            return None;
        }
        let mut node = from + self.size;
        while self.get(node) > bound {
            // To the next one on the right, as far up as possible.
            step();
            while node % 2 == 1 {
                if node <= 1 {
                    return None;
                }
                node /= 2;
            }
            node += 1;
        }
        while node < self.size {
            step();
            node *= 2;
            if self.get(node) > bound {
                node += 1;
            }
        }
        Some(node - self.size).filter(|&at| at < to)
    }
}

/// How many elements are sure to be inside at each time, in a tree that finds the next time when there
/// is none.
pub(super) struct Counts {
    size: usize,
    /// The least count below each node, without what is added above it.
    least: Vec<i32>,
    /// What is added to all counts below the node.
    added: Vec<i32>,
}

impl Counts {
    pub(super) fn new(counts: impl ExactSizeIterator<Item = i32>) -> Self {
        let size = counts.len().next_power_of_two();
        let mut least = vec![i32::MAX; size];
        least.extend(counts);
        least.resize(2 * size, i32::MAX);
        let mut tree = Self {
            size,
            least,
            added: vec![0; 2 * size],
        };
        for node in (1..size).rev() {
            tree.update(node);
        }
        tree
    }

    fn get(&self, node: usize) -> i32 {
        self.least.get(node).copied().unwrap_or(i32::MAX)
    }

    fn added(&self, node: usize) -> i32 {
        self.added.get(node).copied().unwrap_or(0)
    }

    fn update(&mut self, node: usize) {
        let below = self.get(2 * node).min(self.get(2 * node + 1));
        let least = below.saturating_add(self.added(node));
        if let Some(slot) = self.least.get_mut(node) {
            *slot = least;
        }
    }

    fn lower(&mut self, node: usize) {
        for row in [&mut self.least, &mut self.added] {
            if let Some(slot) = row.get_mut(node) {
                *slot = slot.saturating_sub(1);
            }
        }
    }

    /// One less at all times strictly between.
    pub(super) fn remove(&mut self, after: u32, before: u32) {
        let (first, last) = (after as usize + 1 + self.size, before as usize + self.size);
        let (mut left, mut right) = (first, last);
        while left < right {
            step();
            if left % 2 == 1 {
                self.lower(left);
                left += 1;
            }
            if right % 2 == 1 {
                right -= 1;
                self.lower(right);
            }
            left /= 2;
            right /= 2;
        }
        if first < last {
            for mut node in [first, last - 1] {
                while node > 1 {
                    step();
                    node /= 2;
                    self.update(node);
                }
            }
        }
    }

    /// The first time from this one on when nothing is sure to be inside.
    pub(super) fn first_empty(&self, from: u32) -> Option<u32> {
        let mut node = from as usize + self.size;
        // What is added above the node.
        let mut above = 0_i32;
        let mut up = node / 2;
        while up > 0 {
            above = above.saturating_add(self.added(up));
            up /= 2;
        }
        while self.get(node).saturating_add(above) > 0 {
            step();
            while node % 2 == 1 {
                if node <= 1 {
                    return None;
                }
                node /= 2;
                above = above.saturating_sub(self.added(node));
            }
            node += 1;
        }
        while node < self.size {
            step();
            above = above.saturating_add(self.added(node));
            node *= 2;
            if self.get(node).saturating_add(above) > 0 {
                node += 1;
            }
        }
        Some((node - self.size) as u32)
    }
}
