//! Operations, matched into elements.

use alloc::vec;
use alloc::vec::Vec;
use core::hash::Hash;

use super::super::probe::{Plant, planted};
use super::super::times::{MOST, Values};
use super::super::{Quick, Timed};
use super::{ContainerAction, Element, Elements, Empty, NONE};

pub(super) struct Gathered {
    positions: Vec<usize>,
    /// Call and return of each operation, as numbers.
    times: Vec<(u32, u32)>,
    /// The end of all time.
    end: u32,
    elements: Vec<Element>,
    empties: Vec<Empty>,
    /// Takes of unknown outcome, each with its call and by it.
    pub(super) unknown_takes: Vec<(u32, u32)>,
    /// Operations that make no sense because of their number or their order.
    impossible: Option<Vec<u32>>,
    /// A value was put in twice and taken: it was left out.
    pub(super) ambiguous: bool,
}

enum Kind {
    Put(u32),
    Take(u32),
    Empty,
    Unknown,
}

impl Gathered {
    /// Reads the operations. `sort` says how the values, numbered as they come, are to be numbered
    /// instead. `None` when there are too many operations, or one returned before its call.
    pub(super) fn read<V: Eq + Hash>(
        operations: impl IntoIterator<Item = Timed<ContainerAction<V>>>,
        sort: impl FnOnce(&[V]) -> Option<Vec<u32>>,
    ) -> Option<Self> {
        let mut values = Values::new();
        let mut positions = Vec::new();
        let mut kinds = Vec::new();
        let mut spans = Vec::new();
        for timed in operations {
            let Timed {
                position,
                call,
                ret,
                action,
            } = timed;
            if ret.is_some_and(|ret| ret < call) || spans.len() >= MOST {
                return None;
            }
            kinds.push(match action {
                ContainerAction::Put(value) => Kind::Put(values.number(value)),
                ContainerAction::Take(_) if ret.is_none() => Kind::Unknown,
                ContainerAction::Take(Some(value)) => Kind::Take(values.number(value)),
                ContainerAction::Take(None) => Kind::Empty,
            });
            positions.push(position);
            spans.push((call, ret));
        }
        let (times, end) = numbered(&spans);
        let mut gathered = Self {
            positions,
            times,
            end,
            elements: Vec::new(),
            empties: Vec::new(),
            unknown_takes: Vec::new(),
            impossible: None,
            ambiguous: false,
        };
        let numbers = sort(values.as_slice());
        gathered.match_up(&kinds, &spans, values.len(), numbers.as_deref());
        Some(gathered)
    }

    fn time(&self, operation: u32) -> (u32, u32) {
        let time = self.times.get(operation as usize);
        time.copied().unwrap_or((self.end, self.end))
    }

    fn match_up(
        &mut self,
        kinds: &[Kind],
        spans: &[(u64, Option<u64>)],
        values: usize,
        numbers: Option<&[u32]>,
    ) {
        // How often each value was put in and taken, and by whom last.
        let mut puts = vec![(0_u32, NONE); values];
        let mut takes = puts.clone();
        for (at, kind) in kinds.iter().enumerate() {
            let at = at as u32;
            let (list, &value) = match kind {
                Kind::Put(value) => (&mut puts, value),
                Kind::Take(value) => (&mut takes, value),
                Kind::Empty => {
                    let (call, ret) = self.time(at);
                    self.empties.push(Empty {
                        operation: at,
                        call,
                        ret,
                    });
                    continue;
                }
                Kind::Unknown => {
                    self.unknown_takes.push((self.time(at).0, at));
                    continue;
                }
            };
            if let Some((count, last)) = list.get_mut(value as usize) {
                *count += 1;
                *last = at;
            }
        }
        self.unknown_takes.sort_unstable();
        for (at, kind) in kinds.iter().enumerate() {
            let Kind::Put(value) = kind else {
                continue;
            };
            let at_value = *value as usize;
            let taken = takes.get(at_value).copied().unwrap_or((0, NONE));
            let (count, _) = puts.get(at_value).copied().unwrap_or((0, NONE));
            let unknown = spans.get(at).is_some_and(|(_, ret)| ret.is_none());
            match taken {
                // It may never have been put in, and nobody saw that it was.
                (0, _) if unknown => {}
                (0, _) => self.push(at as u32, NONE, *value, numbers),
                (1, take) if count == 1 => self.push(at as u32, take, *value, numbers),
                _ => self.ambiguous = true,
            }
        }
        // More takes of a value than puts.
        let number = puts.iter().zip(&takes);
        let too_many = number
            .into_iter()
            .position(|(puts, takes)| takes.0 > puts.0);
        if let Some(value) = too_many {
            let most = puts.get(value).map_or(0, |&(count, _)| count) as usize + 1;
            let of = |kind: &Kind, put: bool| match *kind {
                Kind::Put(of) => put && of as usize == value,
                Kind::Take(of) => !put && of as usize == value,
                Kind::Empty | Kind::Unknown => false,
            };
            let chosen = |put: bool| {
                let each = kinds.iter().enumerate();
                each.filter(move |(_, kind)| of(kind, put))
                    .map(|(at, _)| at as u32)
            };
            self.impossible = Some(chosen(true).chain(chosen(false).take(most)).collect());
        }
    }

    fn push(&mut self, put: u32, take: u32, value: u32, numbers: Option<&[u32]>) {
        let (put_call, put_ret) = self.time(put);
        let (take_call, take_ret) = self.time(take);
        if take_ret < put_call {
            self.impossible = Some(vec![put, take]);
        }
        let loose = planted(Plant::LooseTakes);
        let numbered = numbers.and_then(|numbers| numbers.get(value as usize));
        self.elements.push(Element {
            put,
            take,
            put_call,
            put_ret: if loose {
                put_ret
            } else {
                put_ret.min(take_ret)
            },
            take_call: if loose {
                take_call
            } else {
                take_call.max(put_call)
            },
            take_ret,
            value: numbered.copied().unwrap_or(value),
        });
    }

    /// Operations that make no sense by number or order.
    pub(super) fn impossible(&mut self) -> Option<Vec<u32>> {
        self.impossible.take()
    }

    pub(super) fn elements(&self) -> Elements<'_> {
        Elements {
            elements: &self.elements,
            empties: &self.empties,
            end: self.end,
        }
    }

    /// Whether nobody is known to have taken it.
    pub(super) fn is_open(&self, element: &Element) -> bool {
        element.take == NONE || self.time(element.take).1 == self.end
    }

    /// When its last operation returned, of those that did.
    pub(super) fn last_return(&self, element: &Element) -> u32 {
        let (_, put) = self.time(element.put);
        let (_, take) = self.time(element.take);
        let returned = [put, take].into_iter().filter(|&ret| ret < self.end);
        returned.max().unwrap_or(0)
    }

    /// Has the element that was put in by `put` be taken by `take`.
    pub(super) fn give(&mut self, put: u32, take: u32, call: u32) {
        // Elements are in the order of their puts.
        let found = self
            .elements
            .binary_search_by_key(&put, |element| element.put);
        if let Some(element) = found.ok().and_then(|at| self.elements.get_mut(at)) {
            element.take = take;
            element.take_call = call.max(element.put_call);
        }
    }

    /// The operations of these elements.
    pub(super) fn evidence(&self, elements: &[Element], empty: Option<Empty>) -> Vec<u32> {
        let mut kept: Vec<u32> = empty.map(|empty| empty.operation).into_iter().collect();
        for element in elements {
            kept.push(element.put);
            if element.take != NONE {
                kept.push(element.take);
            }
        }
        kept
    }

    pub(super) fn positions(&self, operations: Vec<u32>) -> impl Iterator<Item = usize> {
        let positions = &self.positions;
        let position = |at: u32| positions.get(at as usize).copied();
        operations.into_iter().filter_map(position)
    }

    pub(super) fn violated(&self, kept: Vec<u32>) -> Quick {
        let mut kept: Vec<_> = self.positions(kept).collect();
        kept.sort_unstable();
        kept.dedup();
        Quick::Violated { kept }
    }
}

/// The times as numbers 0, 1, 2, ..., equal ones alike, and the number that stands for their end.
fn numbered(spans: &[(u64, Option<u64>)]) -> (Vec<(u32, u32)>, u32) {
    let mut events = Vec::with_capacity(2 * spans.len());
    for (at, &(call, ret)) in spans.iter().enumerate() {
        events.push((call, 2 * at as u32));
        events.extend(ret.map(|ret| (ret, 2 * at as u32 + 1)));
    }
    events.sort_unstable();
    let mut times = vec![(NONE, NONE); spans.len()];
    let mut number = 0;
    let mut last = None;
    for (time, event) in events {
        if last.is_some_and(|last| last != time) {
            number += 1;
        }
        last = Some(time);
        if let Some((call, ret)) = times.get_mut(event as usize / 2) {
            *(if event % 2 == 0 { call } else { ret }) = number;
        }
    }
    let end = number + 1;
    for (_, ret) in &mut times {
        if *ret == NONE {
            *ret = end;
        }
    }
    (times, end)
}
