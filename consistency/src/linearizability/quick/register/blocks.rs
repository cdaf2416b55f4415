//! Blocks: what stands together in any order, and which must stand before which.

use alloc::vec;
use alloc::vec::Vec;

use super::super::Quick;
use super::super::probe::{Plant, planted, step};
use super::{Cell, INITIAL, Kind, NONE, Step};

/// A run of operations with nothing in between: a write, its reads, and a compare-and-set, its reads,
/// and so on.
pub(super) struct Block {
    /// Its operations, in order, as a range of all that are placed.
    range: (usize, usize),
    /// The first return, or nothing when the block begins before all time.
    first: Option<u64>,
    first_at: usize,
    /// The last call.
    last: Option<u64>,
    last_at: usize,
    /// How many compare-and-sets are in it.
    swaps: usize,
}

/// How many compare-and-sets that follow are told of, though they make no difference.
const MOST_SWAPS: usize = 8;

impl Block {
    /// Whether it must hold its value for a time, and not only for a moment.
    fn is_long(&self) -> bool {
        self.first < self.last
    }
}

impl Cell {
    pub(super) fn blocks(&mut self) -> Result<Vec<Block>, Quick> {
        let mut blocks = vec![self.block(None)?];
        for at in 0..self.steps.len() as u32 {
            let Some(step) = self.step(at) else {
                continue;
            };
            if let Kind::Write(number) = step.kind
                && let Some(value) = self.value(number)
                && (step.answered || value.seen && !planted(Plant::RegisterForgetsUnknown))
                && !(value.seen && value.writers > 1)
            {
                let block = self.block(Some(at))?;
                blocks.push(block);
            }
        }
        // A compare-and-set that is in no block stands in a circle of them, each of which waits for
        // the one before.
        let swaps = self.values.iter().filter(|value| value.swap != NONE);
        if swaps.count() > blocks.iter().map(|block| block.swaps).sum() {
            return Err(self.circle());
        }
        Ok(blocks)
    }

    /// The block that begins with this write, or with the beginning of time.
    fn block(&mut self, write: Option<u32>) -> Result<Block, Quick> {
        let begin = self.placed.len();
        let mut block = Block {
            range: (begin, begin),
            first: None,
            first_at: begin,
            last: None,
            last_at: begin,
            swaps: 0,
        };
        // The last call among the operations that must stand before the next one.
        let mut before = None;
        let mut writer = write;
        let mut number = INITIAL;
        loop {
            if let Some(at) = writer {
                before = self.place(&mut block, at, before)?;
                number = self.step(at).and_then(Step::writes).unwrap_or(INITIAL);
            }
            // What was written and not seen has neither reads nor a compare-and-set after it.
            let Some(value) = self.value(number).filter(|value| value.seen) else {
                break;
            };
            let (swap, reads) = (value.swap, value.reads);
            let mut after = before;
            for at in reads.0..reads.1 {
                step();
                if let Some(&read) = self.reads.get(at as usize) {
                    let next = self.place(&mut block, read, before)?;
                    after = after.max(next);
                }
            }
            before = after;
            if swap == NONE || self.placed.len() > self.steps.len() {
                break;
            }
            writer = Some(swap);
            block.swaps += 1;
        }
        if write.is_none() {
            block.first = None;
            block.first_at = block.last_at;
        }
        Ok(block)
    }

    /// Adds an operation to a block. It must not have returned before the last call `before` it, which
    /// comes with its place; returns the last call with this one.
    fn place(
        &mut self,
        block: &mut Block,
        at: u32,
        before: Option<(u64, usize)>,
    ) -> Result<Option<(u64, usize)>, Quick> {
        let Some(&step) = self.step(at) else {
            return Ok(before);
        };
        let place = self.placed.len();
        self.placed.push(at);
        if block.range.0 == place || block.first.is_some_and(|first| step.ret < first) {
            block.first = Some(step.ret);
            block.first_at = place;
        }
        if block.last.is_none_or(|last| step.call > last) {
            block.last = Some(step.call);
            block.last_at = place;
        }
        block.range.1 = place + 1;
        if let Some((call, other)) = before
            && step.ret < call
        {
            return Err(self.violated(self.evidence(block, &[place, other])));
        }
        Ok(before.max(Some((step.call, place))))
    }

    /// The operations at these places, and the writes that lead to them.
    fn evidence(&self, block: &Block, places: &[usize]) -> Vec<u32> {
        let mut end = places.iter().max().copied().unwrap_or(0);
        if block.swaps <= MOST_SWAPS {
            // Whoever looks at these is spared to find out that what follows makes no difference.
            end = block.range.1;
        }
        let mut kept = Vec::new();
        for place in block.range.0..block.range.1.min(end + 1) {
            let Some(&at) = self.placed.get(place) else {
                continue;
            };
            if places.contains(&place) || self.step(at).is_some_and(|step| step.writes().is_some())
            {
                kept.push(at);
            }
        }
        kept
    }

    /// The compare-and-sets of a circle.
    fn circle(&self) -> Quick {
        let mut placed = vec![false; self.steps.len()];
        for &at in &self.placed {
            if let Some(placed) = placed.get_mut(at as usize) {
                *placed = true;
            }
        }
        let is_free = |&at: &u32| placed.get(at as usize) == Some(&false);
        let swaps = self.values.iter().map(|value| value.swap);
        let mut kept = Vec::new();
        let mut at = swaps.filter(|&at| at != NONE).find(is_free);
        // Back from writer to writer, until one comes again.
        while let Some(last) = at
            && kept.len() <= self.steps.len()
        {
            if let Some(begin) = kept.iter().position(|&at| at == last) {
                return self.violated(kept.split_off(begin));
            }
            kept.push(last);
            let from = self.step(last).and_then(Step::sees);
            at = from.and_then(|from| Some(self.value(from)?.writer));
        }
        Quick::Unsuited
    }

    /// Whether two blocks each must stand before the other.
    pub(super) fn conflicts(&self, blocks: &[Block]) -> Result<(), Quick> {
        let conflict = |a: &Block, b: &Block| {
            let mut kept = self.evidence(a, &[a.first_at, a.last_at]);
            kept.extend(match a.first {
                Some(_) => self.evidence(b, &[b.first_at, b.last_at]),
                // Before all time: that it has not ended is enough.
                None => self.evidence(b, &[b.first_at]),
            });
            self.violated(kept)
        };
        let mut long: Vec<&Block> = blocks.iter().filter(|block| block.is_long()).collect();
        long.sort_by_key(|block| (block.first, block.last));
        for (a, b) in long.iter().zip(long.iter().skip(1)) {
            step();
            if b.first < a.last {
                return Err(conflict(a, b));
            }
        }
        if planted(Plant::RegisterForgetsShort) {
            return Ok(());
        }
        // Two that are not long never conflict. One that is conflicts with those within it, and the
        // long ones lie one after the other now.
        for short in blocks.iter().filter(|block| !block.is_long()) {
            step();
            let begun = long.partition_point(|block| block.first < short.last);
            if let Some(around) = begun.checked_sub(1).and_then(|at| long.get(at))
                && short.first < around.last
            {
                return Err(conflict(around, short));
            }
        }
        Ok(())
    }

    /// Block after block. If one must stand before another, its first return and its last call are not
    /// later than the other's, and one of them is earlier: so their sum tells.
    pub(super) fn in_order(&self, mut blocks: Vec<Block>) -> Vec<u32> {
        blocks.sort_by_key(|block| {
            let last = u128::from(block.last.unwrap_or(0));
            block.first.map(|first| u128::from(first) + last)
        });
        let mut order = Vec::with_capacity(self.placed.len());
        for Block { range, .. } in blocks {
            order.extend(self.placed.get(range.0..range.1).unwrap_or(&[]));
        }
        order
    }
}
