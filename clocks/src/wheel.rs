//! Many deadlines, each in constant time.

use alloc::vec::Vec;

use crate::Instant;

/// Bits of a deadline that one level tells apart, and how many levels that makes for 64 bits.
const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;
const LEVELS: usize = u64::BITS.div_ceil(BITS) as usize;
const NONE: u32 = u32::MAX;

/// A set of deadlines in which setting, moving and cancelling one takes constant time, however many
/// there are.
///
/// Leases, retention times and election timeouts are mostly moved or cancelled, and seldom run out. A
/// heap or a tree pays the logarithm of their number for each of those, and a cache miss for each step
/// of it. A wheel sorts coarsely at first, and finer as the time comes near: a hierarchical timing
/// wheel (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987, scheme 7), with
/// eleven levels of 64 slots, so that every nanosecond of a `u64` can be told apart. A deadline is
/// moved down at most ten times in its life.
///
/// It has no clock. What runs out comes in the order of the deadlines; of those that are equal the
/// order is the same whenever the calls were the same. [`step`](Self::step) does a constant amount of
/// work, for those who must bound what they do at once; [`pop`](Self::pop) does as much as is needed.
///
/// ```
/// use quorate_clocks::{Instant, TimingWheel};
///
/// let at = Instant::from_millis;
/// let mut wheel = TimingWheel::new();
/// let first = wheel.insert(at(10), "lease of Ann");
/// wheel.insert(at(20), "lease of Bob");
/// let third = wheel.insert(at(15), "lease of Cid");
///
/// assert!(wheel.reschedule(first, at(40))); // Ann renews
/// assert_eq!(wheel.cancel(third), Some("lease of Cid"));
/// assert_eq!(wheel.pop(at(19)), None);
/// assert_eq!(wheel.pop(at(30)), Some((at(20), "lease of Bob")));
/// assert_eq!(wheel.pop(at(30)), None);
/// assert_eq!(wheel.len(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct TimingWheel<T> {
    /// What is not after this has run out. Deadlines are sorted by the highest digit in which they
    /// differ from it.
    elapsed: u64,
    /// For each level, which slots have something in them.
    occupied: [u64; LEVELS],
    /// The first and the last of each slot, level by level.
    lists: Vec<(u32, u32)>,
    /// The slot that has begun, whose deadlines are on their way to lower levels. It gets no others:
    /// they differ from `elapsed`, which is its beginning, in lower digits only.
    begun: usize,
    nodes: Vec<Node<T>>,
    /// The first of the nodes that are free.
    free: u32,
    len: usize,
}

#[derive(Clone, Debug)]
struct Node<T> {
    /// What it is for, if it is not free.
    item: Option<T>,
    at: u64,
    previous: u32,
    /// Also of the free ones.
    next: u32,
    /// Which life of the node this is, so that a name of an earlier one means nothing.
    generation: u32,
    list: u16,
}

/// The name of a deadline in a [`TimingWheel`], until it has run out or was cancelled. After that it
/// names nothing (until four billion other deadlines had its place).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct TimerId {
    index: u32,
    generation: u32,
}

/// What a [`TimingWheel::step`] did.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum WheelStep<T> {
    /// A deadline has run out.
    Expired {
        /// When it was.
        at: Instant,
        /// What it was for.
        item: T,
    },
    /// Nothing yet: something was sorted finer. Step again.
    Sorted,
    /// Nothing has run out by now.
    Idle,
}

impl<T> TimingWheel<T> {
    /// No deadlines.
    pub const fn new() -> Self {
        Self {
            elapsed: 0,
            occupied: [0; LEVELS],
            lists: Vec::new(),
            begun: 0,
            nodes: Vec::new(),
            free: NONE,
            len: 0,
        }
    }

    /// How many deadlines there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Sets a deadline. One that is in the past runs out at the next opportunity.
    ///
    /// There can be about four billion. More are not set, and their name names nothing.
    pub fn insert(&mut self, at: Instant, item: T) -> TimerId {
        let node = Node {
            item: Some(item),
            at: at.as_nanos(),
            previous: NONE,
            next: NONE,
            generation: 0,
            list: 0,
        };
        let index = self.take(node);
        let generation = match self.nodes.get(index as usize) {
            Some(node) => node.generation,
            None => {
                return TimerId {
                    index,
                    generation: 0,
                };
            }
        };
        self.len += 1;
        self.link(index);
        TimerId { index, generation }
    }

    /// Removes a deadline, and gives back what it was for, if it had not run out.
    pub fn cancel(&mut self, id: TimerId) -> Option<T> {
        self.named(id)?;
        self.unlink(id.index);
        self.release(id.index)
    }

    /// Moves a deadline, unless it has run out.
    pub fn reschedule(&mut self, id: TimerId, at: Instant) -> bool {
        if self.named(id).is_none() {
            return false;
        }
        self.unlink(id.index);
        if let Some(node) = self.nodes.get_mut(id.index as usize) {
            node.at = at.as_nanos();
        }
        self.link(id.index);
        true
    }

    /// When a deadline is, and what for, unless it has run out.
    pub fn get(&self, id: TimerId) -> Option<(Instant, &T)> {
        let node = self.named(id)?;
        Some((Instant::from_nanos(node.at), node.item.as_ref()?))
    }

    /// The earliest deadline that has run out, if any has: one that is not after `now`.
    ///
    /// Sorts as much as it has to before: at worst once everything that is far away.
    pub fn pop(&mut self, now: Instant) -> Option<(Instant, T)> {
        loop {
            match self.step(now) {
                WheelStep::Expired { at, item } => return Some((at, item)),
                WheelStep::Sorted => {}
                WheelStep::Idle => return None,
            }
        }
    }

    /// As [`pop`](Self::pop), but in constant time: it may have to be called again.
    pub fn step(&mut self, now: Instant) -> WheelStep<T> {
        if let Some(index) = self.moving() {
            self.unlink(index);
            self.link(index);
            return WheelStep::Sorted;
        }
        // Its slot may get others from now on.
        self.begun = 0;
        // Time that goes back is no time at all.
        let now = now.as_nanos().max(self.elapsed);
        let begins = self.earliest().filter(|(_, start)| *start <= now);
        let Some((list, start)) = begins else {
            // No slot begins between the two, so none has `now` inside, and all stay where they are.
            self.elapsed = now;
            return WheelStep::Idle;
        };
        self.elapsed = start;
        if list >= SLOTS {
            self.begun = list;
            self.clear(list);
            return WheelStep::Sorted;
        }
        // On the lowest level, all deadlines of a slot are the same.
        let expired = self.first(list).and_then(|index| {
            let at = self.nodes.get(index as usize)?.at;
            self.unlink(index);
            Some((at, self.release(index)?))
        });
        match expired {
            Some((at, item)) => WheelStep::Expired {
                at: Instant::from_nanos(at),
                item,
            },
            None => WheelStep::Idle,
        }
    }

    /// An instant before which nothing runs out: the earliest deadline, or somewhat before it.
    /// Nothing, when there are no deadlines.
    pub fn next(&self) -> Option<Instant> {
        if self.moving().is_some() {
            return Some(Instant::from_nanos(self.elapsed));
        }
        let (_, start) = self.earliest()?;
        Some(Instant::from_nanos(start))
    }

    /// The slot of the earliest deadlines, and when it begins.
    fn earliest(&self) -> Option<(usize, u64)> {
        // What is on a lower level differs from `elapsed` in lower digits only, and is earlier.
        let level = self.occupied.iter().position(|slots| *slots != 0)?;
        let slot = self.occupied.get(level)?.trailing_zeros();
        let shift = BITS * level as u32;
        // The digits above are those of `elapsed`, and those below are zero.
        let above = u64::MAX.checked_shl(shift + BITS).unwrap_or(0);
        let start = (self.elapsed & above) | u64::from(slot) << shift;
        Some((level * SLOTS + slot as usize, start))
    }

    /// The next that is on its way to a lower level.
    fn moving(&self) -> Option<u32> {
        (self.begun >= SLOTS).then(|| self.first(self.begun))?
    }

    /// Where a deadline belongs now.
    fn list_of(&self, at: u64) -> usize {
        // What has run out waits in the slot of now.
        let at = at.max(self.elapsed);
        let differs = at ^ self.elapsed;
        let level = (u64::BITS - (differs | 1).leading_zeros() - 1) / BITS;
        let slot = (at >> (BITS * level)) as usize % SLOTS;
        level as usize * SLOTS + slot
    }

    fn link(&mut self, index: u32) {
        let Some(at) = self.nodes.get(index as usize).map(|node| node.at) else {
            return;
        };
        self.append(index, self.list_of(at));
    }

    fn append(&mut self, index: u32, list: usize) {
        if self.lists.is_empty() {
            self.lists.resize(LEVELS * SLOTS, (NONE, NONE));
        }
        let Some(ends) = self.lists.get_mut(list) else {
            return;
        };
        let last = core::mem::replace(&mut ends.1, index);
        if last == NONE {
            ends.0 = index;
        }
        if let Some(node) = self.nodes.get_mut(index as usize) {
            (node.previous, node.next) = (last, NONE);
            node.list = list as u16;
        }
        if let Some(last) = self.nodes.get_mut(last as usize) {
            last.next = index;
        }
        if let Some(slots) = self.occupied.get_mut(list / SLOTS) {
            *slots |= 1 << (list % SLOTS);
        }
    }

    fn unlink(&mut self, index: u32) {
        let Some(node) = self.nodes.get(index as usize) else {
            return;
        };
        let (previous, next, list) = (node.previous, node.next, usize::from(node.list));
        let Some(ends) = self.lists.get_mut(list) else {
            return;
        };
        match previous {
            NONE => ends.0 = next,
            _ => {
                if let Some(previous) = self.nodes.get_mut(previous as usize) {
                    previous.next = next;
                }
            }
        }
        match next {
            NONE => ends.1 = previous,
            _ => {
                if let Some(next) = self.nodes.get_mut(next as usize) {
                    next.previous = previous;
                }
            }
        }
        if ends.0 == NONE {
            self.clear(list);
        }
    }

    fn clear(&mut self, list: usize) {
        if let Some(slots) = self.occupied.get_mut(list / SLOTS) {
            *slots &= !(1 << (list % SLOTS));
        }
    }

    fn first(&self, list: usize) -> Option<u32> {
        let (first, _) = self.lists.get(list)?;
        (*first != NONE).then_some(*first)
    }

    fn named(&self, id: TimerId) -> Option<&Node<T>> {
        let node = self.nodes.get(id.index as usize)?;
        (node.generation == id.generation && node.item.is_some()).then_some(node)
    }

    /// A place for a node, or that which names nothing.
    fn take(&mut self, mut node: Node<T>) -> u32 {
        if let Some(free) = self.nodes.get_mut(self.free as usize) {
            let index = self.free;
            node.generation = free.generation;
            self.free = free.next;
            *free = node;
            return index;
        }
        match u32::try_from(self.nodes.len()) {
            Ok(index) if index != NONE => {
                self.nodes.push(node);
                index
            }
            _ => NONE,
        }
    }

    fn release(&mut self, index: u32) -> Option<T> {
        let node = self.nodes.get_mut(index as usize)?;
        let item = node.item.take()?;
        node.generation = node.generation.wrapping_add(1);
        node.next = self.free;
        self.free = index;
        self.len -= 1;
        Some(item)
    }
}

impl<T> Default for TimingWheel<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use alloc::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Call {
        Insert(u64),
        Cancel(prop::sample::Index),
        Reschedule(prop::sample::Index, u64),
        Advance(u64),
    }

    /// Times of all magnitudes, so that all levels are used.
    fn spans() -> impl Strategy<Value = u64> {
        (0..64_u32, any::<u64>()).prop_map(|(bits, number)| number >> bits)
    }

    fn calls() -> impl Strategy<Value = Vec<Call>> {
        let call = prop_oneof![
            4 => spans().prop_map(Call::Insert),
            1 => any::<prop::sample::Index>().prop_map(Call::Cancel),
            1 => (any::<prop::sample::Index>(), spans()).prop_map(|(of, at)| Call::Reschedule(of, at)),
            2 => spans().prop_map(Call::Advance),
        ];
        prop::collection::vec(call, 1..120)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        /// A sorted map, with the rule that time never goes back.
        #[test]
        fn it_is_a_sorted_map(calls in calls()) {
            let mut wheel = TimingWheel::new();
            let mut model = BTreeMap::new();
            let mut ids = Vec::new();
            let mut now = 0_u64;
            for (number, call) in calls.into_iter().enumerate() {
                match call {
                    Call::Insert(after) => {
                        let at = now.saturating_add(after).saturating_sub(after / 8);
                        ids.push(wheel.insert(Instant::from_nanos(at), number));
                        model.insert(number, at);
                    }
                    Call::Cancel(of) if !ids.is_empty() => {
                        let id = ids[of.index(ids.len())];
                        let known = wheel.get(id).map(|(at, item)| (*item, at.as_nanos()));
                        prop_assert_eq!(wheel.cancel(id), known.map(|(item, _)| item));
                        if let Some((item, at)) = known {
                            prop_assert_eq!(model.remove(&item), Some(at));
                        }
                        prop_assert!(wheel.get(id).is_none());
                    }
                    Call::Reschedule(of, at) if !ids.is_empty() => {
                        let id = ids[of.index(ids.len())];
                        let item = wheel.get(id).map(|(_, item)| *item);
                        prop_assert_eq!(wheel.reschedule(id, Instant::from_nanos(at)), item.is_some());
                        item.map(|item| model.insert(item, at));
                    }
                    Call::Cancel(_) | Call::Reschedule(..) => {}
                    Call::Advance(by) => {
                        let before = now;
                        now = now.saturating_add(by);
                        let mut last = 0;
                        if let Some(next) = wheel.next() {
                            let first = model.values().min().copied().unwrap_or(u64::MAX);
                            prop_assert!(next.as_nanos() <= first.max(before));
                        }
                        while let Some((at, item)) = wheel.pop(Instant::from_nanos(now)) {
                            prop_assert_eq!(model.remove(&item), Some(at.as_nanos()));
                            // Those that were late when they were set come when they are seen.
                            let at = at.as_nanos().max(before);
                            prop_assert!(at >= last && at <= now);
                            last = at;
                        }
                        let early = model.values().find(|at| **at <= now);
                        prop_assert_eq!(early, None);
                    }
                }
                prop_assert_eq!(wheel.len(), model.len());
                prop_assert_eq!(wheel.next().is_none(), model.is_empty());
            }
        }
    }

    #[test]
    fn a_step_is_bounded_however_many_deadlines_come_near() {
        let mut wheel = TimingWheel::new();
        for number in 0..10_000 {
            wheel.insert(Instant::from_nanos(1 << 40 | number), ());
        }
        // One step for the slot, and one for each deadline and level.
        let (mut steps, mut expired) = (0, 0);
        loop {
            match wheel.step(Instant::MAX) {
                WheelStep::Expired { .. } => expired += 1,
                WheelStep::Sorted => steps += 1,
                WheelStep::Idle => break,
            }
        }
        assert_eq!(expired, 10_000);
        assert!(steps <= 10_000 * LEVELS);
    }

    #[test]
    fn names_of_the_dead_name_nothing() {
        let mut wheel = TimingWheel::new();
        let first = wheel.insert(Instant::from_nanos(1), 'a');
        assert_eq!(wheel.cancel(first), Some('a'));
        let second = wheel.insert(Instant::from_nanos(1), 'b');
        assert_eq!(wheel.get(first), None);
        assert_eq!(wheel.cancel(first), None);
        assert!(!wheel.reschedule(first, Instant::from_nanos(9)));
        assert_eq!(wheel.get(second), Some((Instant::from_nanos(1), &'b')));
    }
}
