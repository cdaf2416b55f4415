//! Order that respects cause, from counters alone.

use core::fmt;

use crate::{Causality, NodeId, Relation};

/// When an event happened on a [`LamportClock`]: a count, and the node that counted.
///
/// Stamps are totally ordered, by `time` and then by `node`, so two nodes never disagree about which
/// of two stamps is the smaller. If one event can have influenced another, its stamp is the smaller.
/// The converse does not hold: a smaller stamp does **not** mean that the event came first.
///
/// ```
/// use quorate_clocks::{LamportStamp, NodeId};
///
/// let a = LamportStamp { time: 4, node: NodeId(2) };
/// let b = LamportStamp { time: 5, node: NodeId(1) };
/// let c = LamportStamp { time: 5, node: NodeId(2) };
/// assert!(a < b && b < c);
/// assert!(a.to_bytes() < b.to_bytes()); // bytes sort as stamps do
/// assert_eq!(LamportStamp::from_bytes(b.to_bytes()), b);
/// assert_eq!(c.to_string(), "5@n2");
/// ```
// The order of the fields is the order of the stamps.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LamportStamp {
    /// How many events the longest chain of causes that leads here has, this one included.
    pub time: u64,
    /// The node the event happened on. Breaks ties.
    pub node: NodeId,
}

impl LamportStamp {
    /// The canonical bytes: `time` then `node`, both big-endian, so that bytes sort as stamps do.
    pub const fn to_bytes(self) -> [u8; 16] {
        let both = ((self.time as u128) << 64) | self.node.0 as u128;
        both.to_be_bytes()
    }

    /// The stamp with these canonical bytes. Every sixteen bytes are a stamp.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        let both = u128::from_be_bytes(bytes);
        Self {
            time: (both >> 64) as u64,
            node: NodeId(both as u64),
        }
    }
}

/// Two stamps of one node are in the order of their events. Two of different nodes with one time are
/// of concurrent events, since an effect has the larger time. Of the others nothing is known: the
/// smaller may belong to a cause, or to an event that knows nothing of this one.
impl Causality for LamportStamp {
    fn relate(&self, other: &Self) -> Option<Relation> {
        let (mine, theirs) = (self.time, other.time);
        if self.node == other.node {
            return Some(Relation::from_surplus(mine > theirs, mine < theirs));
        }
        (mine == theirs).then_some(Relation::Concurrent)
    }
}

impl fmt::Display for LamportStamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.time, self.node)
    }
}

/// A logical clock: it counts events, and jumps ahead of whatever it hears about.
///
/// L. Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System", Communications of
/// the ACM 21(7), 1978: rules IR1 (tick between events) and IR2 (a receiver moves past the stamp of
/// the message), and the total order of the section "Ordering the Events Totally".
///
/// Nothing bounds what a peer may claim: one stamp near `u64::MAX` uses the clock up, for everyone
/// who hears of it. Where peers are not trusted that far, use a
/// [`HybridClock`](crate::HybridClock), which rejects stamps from the far future.
///
/// ```
/// use quorate_clocks::{LamportClock, NodeId};
///
/// let (mut ann, mut bob) = (LamportClock::new(NodeId(1)), LamportClock::new(NodeId(2)));
/// let asked = ann.tick()?;
/// let heard = bob.receive(asked)?;
/// let answered = bob.tick()?;
/// assert!(asked < heard && heard < answered);
/// # Ok::<(), quorate_clocks::LamportExhausted>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct LamportClock {
    node: NodeId,
    time: u64,
}

impl LamportClock {
    /// The clock of `node`, before its first event.
    pub const fn new(node: NodeId) -> Self {
        Self { node, time: 0 }
    }

    /// The clock of `node` after a restart. Every stamp from here on is larger than `last`, which
    /// the node must have made durable before it let that stamp out.
    pub const fn resume(node: NodeId, last: LamportStamp) -> Self {
        Self {
            node,
            time: last.time,
        }
    }

    /// The stamp of an event of this node: something happened, or a message leaves.
    ///
    /// # Errors
    ///
    /// When the count is used up. The clock is then unchanged.
    pub fn tick(&mut self) -> Result<LamportStamp, LamportExhausted> {
        self.move_past(self.time)
    }

    /// The stamp of the arrival of a message that was stamped `stamp`.
    ///
    /// # Errors
    ///
    /// When there is no larger count than the message's. The clock is then unchanged.
    pub fn receive(&mut self, stamp: LamportStamp) -> Result<LamportStamp, LamportExhausted> {
        self.move_past(self.time.max(stamp.time))
    }

    /// The latest stamp: the one to make durable for [`resume`](Self::resume). Its time is zero
    /// before the first event.
    pub const fn last(&self) -> LamportStamp {
        LamportStamp {
            time: self.time,
            node: self.node,
        }
    }

    fn move_past(&mut self, time: u64) -> Result<LamportStamp, LamportExhausted> {
        let Some(next) = time.checked_add(1) else {
            return Err(LamportExhausted { node: self.node });
        };
        self.time = next;
        Ok(self.last())
    }
}

/// A Lamport clock has counted to `u64::MAX`, or was told of a stamp that has.
///
/// Counting cannot get there: a count per nanosecond takes 584 years. A peer sent a stamp that it
/// did not count to.
///
/// ```
/// use quorate_clocks::{LamportClock, LamportStamp, NodeId};
///
/// let mut clock = LamportClock::new(NodeId(1));
/// let forged = LamportStamp { time: u64::MAX, node: NodeId(9) };
/// assert!(clock.receive(forged).is_err());
/// assert_eq!(clock.tick().unwrap().time, 1); // the clock is unharmed
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LamportExhausted {
    /// The node whose clock it is.
    pub node: NodeId,
}

impl fmt::Display for LamportExhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the Lamport clock of {} cannot count past {}; a peer sent a stamp that it did not \
             count to: drop the message",
            self.node,
            u64::MAX
        )
    }
}

impl core::error::Error for LamportExhausted {}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::string::ToString;

    const fn stamp(time: u64, node: u64) -> LamportStamp {
        LamportStamp {
            time,
            node: NodeId(node),
        }
    }

    #[test]
    fn receive_moves_past_the_larger_of_the_two() {
        let mut clock = LamportClock::new(NodeId(1));
        assert_eq!(clock.receive(stamp(7, 2)), Ok(stamp(8, 1)));
        assert_eq!(clock.receive(stamp(3, 2)), Ok(stamp(9, 1)));
        assert_eq!(clock.tick(), Ok(stamp(10, 1)));
    }

    #[test]
    fn the_last_count_is_used_and_then_refused_without_a_change() {
        let mut clock = LamportClock::new(NodeId(1));
        assert_eq!(
            clock.receive(stamp(u64::MAX - 1, 2)),
            Ok(stamp(u64::MAX, 1))
        );
        let full = clock.clone();
        let refusal = clock.tick().unwrap_err();
        assert_eq!(clock.receive(stamp(0, 2)), Err(refusal));
        assert_eq!(clock, full);
        assert!(refusal.to_string().contains("n1"));
    }

    #[test]
    fn a_resumed_clock_continues_after_its_last_stamp() {
        let mut clock = LamportClock::new(NodeId(1));
        let last = clock.receive(stamp(41, 2)).unwrap();
        let mut revived = LamportClock::resume(NodeId(1), clock.last());
        assert!(revived.tick().unwrap() > last);
    }

    #[test]
    fn golden_bytes_are_time_then_node_big_endian() {
        let bytes = stamp(0x0102_0304_0506_0708, 0x1112_1314_1516_1718).to_bytes();
        assert_eq!(
            bytes,
            [
                1, 2, 3, 4, 5, 6, 7, 8, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18
            ]
        );
        assert_eq!(LamportStamp::from_bytes(bytes).to_bytes(), bytes);
    }
}
