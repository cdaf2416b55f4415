//! What queues, stacks and priority queues have in common.
//!
//! A value is put in once, and taken once or never. Its put and its take are an **element**, and the
//! three differ only in which elements may be taken before which. If the operations on some values are
//! left out of an order that makes sense, the rest of the order still does. So a few elements that
//! contradict each other contradict every history that has them.
//!
//! What is known of an element can be **tightened**: its put is done at the latest when its take
//! returns, and its take begins at the earliest when its put was called. From then on, an element is
//! sure to be inside strictly between the return of its put and the call of its take.

mod gather;
mod inside;

mod priority_queue;
mod queue;
mod spare;
mod stack;
mod trees;

pub use priority_queue::priority_queue;
pub use queue::queue;
pub use stack::stack;

use alloc::vec::Vec;

use super::Quick;
use super::probe::{Plant, planted};
use gather::Gathered;
use spare::{Law, deadlines};

/// What a queue, a stack or a priority queue was asked and answered, for [`queue`], [`stack`] and
/// [`priority_queue`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ContainerAction<V> {
    /// Put this value in.
    Put(V),
    /// Take the one out whose turn it is; `None` if there was none.
    Take(Option<V>),
}

/// Stands for no operation.
const NONE: u32 = u32::MAX;

/// A value's put and take. Times are numbers: equal times have equal ones.
#[derive(Clone, Copy)]
struct Element {
    /// The put, as a number among the operations.
    put: u32,
    /// The take, or `NONE`: then it is taken at the end of all time.
    take: u32,
    put_call: u32,
    put_ret: u32,
    take_call: u32,
    take_ret: u32,
    value: u32,
}

/// A take that found nothing.
#[derive(Clone, Copy)]
struct Empty {
    operation: u32,
    call: u32,
    ret: u32,
}

/// Elements, and takes that found nothing, for an algorithm.
struct Elements<'a> {
    elements: &'a [Element],
    empties: &'a [Empty],
    /// The end of all time, later than any call or return.
    end: u32,
}

/// What an algorithm makes of it.
enum Found {
    /// An order of the operations.
    Order(Vec<u32>),
    /// These elements contradict each other, or this take that found nothing.
    Broken {
        elements: Vec<Element>,
        empty: Option<Empty>,
    },
}

/// How many takes of unknown outcome are tried on elements that stand in the way.
const TRIES: usize = 32;
/// How many takes of unknown outcome are told of, of those that make no difference.
const MOST_SPARE: usize = 8;

/// Asks the algorithm, and sees what takes of unknown outcome could change about the answer.
fn decide(mut gathered: Gathered, law: Law, algorithm: impl Fn(&Elements<'_>) -> Found) -> Quick {
    if let Some(kept) = gathered.impossible() {
        return gathered.violated(kept);
    }
    let unknown = core::mem::take(&mut gathered.unknown_takes);
    let mut spare = unknown.iter().copied();
    for tried in 0..=TRIES {
        let (elements, empty) = match algorithm(&gathered.elements()) {
            Found::Order(_) if gathered.ambiguous => return Quick::Unsuited,
            Found::Order(order) => return Quick::Holds(gathered.positions(order).collect()),
            Found::Broken { elements, empty } => (elements, empty),
        };
        // Whatever is taken, values that were taken by others contradict each other all the same. And
        // so do all, if nothing could be taken before they have returned.
        let last = elements.iter().map(|element| gathered.last_return(element));
        let last = last.chain(empty.map(|empty| empty.ret)).max().unwrap_or(0);
        let mut in_time = unknown
            .iter()
            .take_while(|&&(call, _)| call <= last)
            .peekable();
        let in_the_way = elements.iter().filter(|element| gathered.is_open(element));
        let in_the_way = in_the_way.min_by_key(|element| element.put_ret).copied();
        if in_the_way.is_none()
            || tried == 0 && in_time.peek().is_none()
            || planted(Plant::TakesDoNothing)
        {
            let mut kept = gathered.evidence(&elements, empty);
            // Whoever looks at these must be told of all that could have been taken.
            kept.extend(in_time.take(MOST_SPARE).map(|&(_, take)| take));
            return gathered.violated(kept);
        }
        if tried == 0 {
            for (_, put) in deadlines(law, &gathered.elements()) {
                if let Some((call, take)) = spare.next() {
                    gathered.give(put, take, call);
                }
            }
            continue;
        }
        // What stands in the way even so is given to the next of them.
        match (in_the_way, spare.next()) {
            (Some(element), Some((call, take))) if element.take == NONE => {
                gathered.give(element.put, take, call);
            }
            _ => break,
        }
    }
    Quick::Unsuited
}
