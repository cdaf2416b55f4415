//! When elements are sure to be inside.

use alloc::vec;
use alloc::vec::Vec;

use super::Element;

impl Element {
    /// Whether it is sure to be inside at that time.
    pub(super) const fn is_inside(&self, time: u32) -> bool {
        self.put_ret < time && time < self.take_call
    }
}

/// For each time up to the end, the first one from it on when nothing is sure to be inside.
pub(super) fn empty_from(elements: &[Element], end: u32) -> Vec<u32> {
    let mut inside = vec![0_i32; end as usize + 2];
    for element in elements {
        if element.put_ret < element.take_call {
            for (at, change) in [(element.put_ret + 1, 1), (element.take_call, -1)] {
                if let Some(inside) = inside.get_mut(at as usize) {
                    *inside += change;
                }
            }
        }
    }
    let mut count = 0;
    let mut next: Vec<u32> = inside
        .into_iter()
        .map(|change| {
            count += change;
            count as u32
        })
        .collect();
    let mut first = end + 1;
    for (at, next) in next.iter_mut().enumerate().rev() {
        if *next == 0 {
            first = at as u32;
        }
        *next = first;
    }
    next
}

/// As few elements as possible, of which one or the other is sure to be inside from one time to the
/// other, both included. All of them together must be.
pub(super) fn cover(elements: impl Iterator<Item = Element>, from: u32, to: u32) -> Vec<Element> {
    let mut elements: Vec<_> = elements
        .filter(|element| element.put_ret < to && from < element.take_call)
        .filter(|element| element.put_ret < element.take_call)
        .collect();
    elements.sort_unstable_by_key(|element| element.put_ret);
    let mut chosen: Vec<Element> = Vec::new();
    let mut elements = elements.into_iter().peekable();
    let mut time = from;
    while time <= to {
        // Of those that are inside now, the one that stays longest.
        let mut best: Option<Element> = None;
        while let Some(element) = elements.next_if(|element| element.put_ret < time) {
            if best.is_none_or(|best| best.take_call < element.take_call) {
                best = Some(element);
            }
        }
        match best {
            Some(element) if element.is_inside(time) => {
                chosen.push(element);
                time = element.take_call;
            }
            _ => break,
        }
    }
    chosen
}
