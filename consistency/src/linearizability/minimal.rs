//! From a violation to the few operations that it takes.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::fuel::Fuel;
use super::partition::Partition;
use super::search::{Found, Search};
use super::verdict::Core;
use crate::{History, Model, Outcome};

/// Makes violations smaller, see [`Core`].
pub(super) struct Minimizer<'a, M: Model> {
    model: &'a M,
    history: &'a History<M::Input, M::Output>,
    /// How much a single attempt may cost.
    attempt: u64,
    memory_bytes: u64,
}

/// The operations that are left, each as a position in the history.
#[derive(Clone)]
struct Left {
    kept: Vec<usize>,
    perhaps: Vec<usize>,
}

/// Operations that have to do with each other's values.
#[derive(Default)]
struct Group {
    members: Vec<usize>,
    has_kept: bool,
}

/// The fuel ran out, or did not suffice to be sure.
struct Stopped;

impl<'a, M: Model> Minimizer<'a, M> {
    pub(super) const fn new(
        model: &'a M,
        history: &'a History<M::Input, M::Output>,
        attempt: u64,
        memory_bytes: u64,
    ) -> Self {
        Self {
            model,
            history,
            attempt,
            memory_bytes,
        }
    }

    /// Leaves out what it can. What is left is a violation too, however little fuel there is.
    pub(super) fn shrink(&self, core: &mut Core, fuel: &mut Fuel) {
        let mut left = Left {
            kept: core::mem::take(&mut core.kept),
            perhaps: core::mem::take(&mut core.perhaps),
        };
        left.kept.sort_by_key(|&at| (self.ret(at), at));
        core.is_minimal = self.shrink_all(&mut left, fuel).is_ok();
        left.kept.sort_unstable();
        left.perhaps.sort_unstable();
        core.kept = left.kept;
        core.perhaps = left.perhaps;
    }

    fn shrink_all(&self, left: &mut Left, fuel: &mut Fuel) -> Result<(), Stopped> {
        self.cut(left, fuel)?;
        loop {
            let before = left.kept.len();
            self.leave_out_values(left, fuel)?;
            let is_sure = self.relax(left, fuel)?;
            if left.kept.len() == before {
                return if is_sure { Ok(()) } else { Err(Stopped) };
            }
        }
    }

    /// Ends the history at the first return by which it cannot be explained any more: a history that is
    /// linearizable is so at every moment (Herlihy and Wing 1990, section 2: closed under prefixes).
    fn cut(&self, left: &mut Left, fuel: &mut Fuel) -> Result<(), Stopped> {
        // The first `low` returns can be explained, or that is not known; the first `high` cannot.
        let (mut low, mut high) = (0, left.kept.len());
        let mut shortest = None;
        while low + 1 < high {
            let middle = low.midpoint(high);
            let attempt = self.relaxed(left, |number| number >= middle);
            if self.is_violation(&attempt, fuel)? == Some(true) {
                high = middle;
                shortest = Some(attempt);
            } else {
                low = middle;
            }
        }
        if let Some(shortest) = shortest {
            *left = shortest;
        }
        Ok(())
    }

    /// Leaves out values that the violation is not about, with all operations on them.
    fn leave_out_values(&self, left: &mut Left, fuel: &mut Fuel) -> Result<(), Stopped> {
        let Some(mut groups) = self.groups(left) else {
            return Ok(());
        };
        let mut size = groups.len().div_ceil(2);
        while size > 0 && groups.len() > 1 {
            let mut at = 0;
            while at < groups.len() {
                let end = (at + size).min(groups.len());
                let dropped = groups.get(at..end).unwrap_or(&[]).iter();
                let attempt = without(left, dropped.flat_map(|group| &group.members));
                if !attempt.kept.is_empty() && self.is_violation(&attempt, fuel)? == Some(true) {
                    *left = attempt;
                    groups.drain(at..end);
                } else {
                    at = end;
                }
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
        Ok(())
    }

    /// Takes answers for unknown, in chunks and then one by one. Returns whether each that is left is
    /// known to be needed.
    fn relax(&self, left: &mut Left, fuel: &mut Fuel) -> Result<bool, Stopped> {
        let mut is_sure = true;
        let mut size = left.kept.len().div_ceil(2);
        while size > 0 && left.kept.len() > 1 {
            let mut at = 0;
            while at < left.kept.len() {
                let end = at + size;
                let attempt = self.relaxed(left, |number| (at..end).contains(&number));
                match self.is_violation(&attempt, fuel)? {
                    Some(true) => *left = attempt,
                    known => {
                        is_sure &= known.is_some() || size > 1;
                        at = end;
                    }
                }
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
        Ok(is_sure)
    }

    /// What is left when the answers of some operations count no more. Those that change nothing are
    /// gone then, and so are those that begin after all is told, and those on values that nobody saw.
    fn relaxed(&self, left: &Left, relax: impl Fn(usize) -> bool) -> Left {
        let mut next = Left {
            kept: Vec::with_capacity(left.kept.len()),
            perhaps: left.perhaps.clone(),
        };
        for (number, &at) in left.kept.iter().enumerate() {
            if !relax(number) {
                next.kept.push(at);
            } else if !self.is_observation(at) {
                next.perhaps.push(at);
            }
        }
        let last = next.kept.iter().map(|&at| self.ret(at)).max();
        next.perhaps
            .retain(|&at| last.is_some_and(|last| self.call(at) <= last));
        if let Some(groups) = self.groups(&next) {
            let unseen = groups.iter().filter(|group| !group.has_kept);
            next = without(&next, unseen.flat_map(|group| &group.members));
        }
        next
    }

    /// Whether these make no sense, or `None` when an attempt does not tell.
    fn is_violation(&self, left: &Left, fuel: &mut Fuel) -> Result<Option<bool>, Stopped> {
        // To lay them out is work too.
        if !fuel.spend((left.kept.len() + left.perhaps.len()) as u64) {
            return Err(Stopped);
        }
        let partition = Partition::new(self.model, self.history, &left.kept, &left.perhaps);
        let mut attempt = Fuel::new(self.attempt.min(fuel.left()));
        let given = attempt.left();
        let found =
            Search::new(self.model, self.history, partition).run(&mut attempt, self.memory_bytes);
        let is_affordable = fuel.spend(given - attempt.left());
        match found {
            Ok(Found::None { .. }) => Ok(Some(true)),
            Ok(Found::Order(_)) => Ok(Some(false)),
            Err(_) if is_affordable && fuel.left() > 0 => Ok(None),
            Err(_) => Err(Stopped),
        }
    }

    /// Operations that have to do with each other's values, together. `None` when the model cannot say.
    fn groups(&self, left: &Left) -> Option<Vec<Group>> {
        // By value: the group that it is in. Groups are joined by pointing one to the other.
        let mut of_value = BTreeMap::new();
        let mut parent: Vec<usize> = Vec::new();
        let root = |parent: &[usize], mut at: usize| {
            while let Some(&up) = parent.get(at).filter(|&&up| up != at) {
                at = up;
            }
            at
        };
        for (number, &at) in left.kept.iter().chain(&left.perhaps).enumerate() {
            let mut group = number;
            parent.push(group);
            for value in self.footprint(at)? {
                let other = *of_value.entry(value).or_insert(group);
                let (one, other) = (root(&parent, group), root(&parent, other));
                let (low, high) = (one.min(other), one.max(other));
                if let Some(up) = parent.get_mut(high) {
                    *up = low;
                }
                group = low;
            }
        }
        let mut groups: Vec<Group> = Vec::new();
        groups.resize_with(parent.len(), Group::default);
        for (number, &at) in left.kept.iter().chain(&left.perhaps).enumerate() {
            if let Some(group) = groups.get_mut(root(&parent, number)) {
                group.members.push(at);
                group.has_kept |= number < left.kept.len();
            }
        }
        groups.retain(|group| !group.members.is_empty());
        Some(groups)
    }

    /// Of what is taken for unknown too, the answer counts: if an order of all with their answers makes
    /// sense, it does without some values, and then it does with fewer answers.
    fn footprint(&self, at: usize) -> Option<Vec<u64>> {
        let operation = self.history.operations.get(at)?;
        let output = match &operation.output {
            Outcome::Ok(output) => Some(output),
            _ => None,
        };
        self.model.footprint(&operation.input, output)
    }

    fn is_observation(&self, at: usize) -> bool {
        let Some(operation) = self.history.operations.get(at) else {
            return false;
        };
        match &operation.output {
            Outcome::Ok(output) => self.model.is_observation(&operation.input, output),
            _ => self.model.is_read(&operation.input),
        }
    }

    fn call(&self, at: usize) -> u64 {
        self.history
            .operations
            .get(at)
            .map_or(0, |operation| operation.call)
    }

    fn ret(&self, at: usize) -> u64 {
        self.history
            .operations
            .get(at)
            .map_or(0, |operation| operation.ret)
    }
}

fn without<'a>(left: &Left, dropped: impl Iterator<Item = &'a usize>) -> Left {
    let mut dropped: Vec<usize> = dropped.copied().collect();
    dropped.sort_unstable();
    let keep = |operations: &[usize]| {
        let stays = |at: &usize| dropped.binary_search(at).is_err();
        operations.iter().copied().filter(stays).collect()
    };
    Left {
        kept: keep(&left.kept),
        perhaps: keep(&left.perhaps),
    }
}
