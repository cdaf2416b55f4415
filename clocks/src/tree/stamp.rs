//! The stamp: a part of the interval, and what its owner knows.

use alloc::boxed::Box;
use core::fmt;

use super::id::Id;
use super::step::{Leaf, MAX_DEPTH};
use super::tick::{Exhausted, tick};
use super::{TreeAmnesia, TreeEvent, TreeReceiveError};

/// A clock for a system whose members come and go, without names for them.
///
/// A version vector needs an identity for each node, handed out by somebody, and never forgets one.
/// Here a newcomer gets its identity from whichever member it asks: that member **forks**, and each
/// of the two has half of its id. Whoever leaves is **joined** by one that stays, which takes the id
/// and the knowledge over, and what was forked and joined again costs nothing. What is known is the
/// same as with a version vector: of any two events it is certain whether one happened before the
/// other (Almeida, Baquero, Fonte, "Interval Tree Clocks", OPODIS 2008, section 4).
///
/// The price is that an id is *property*. If two nodes tick with the same one, their events cannot be
/// told apart, and updates are lost without a trace. So a stamp can be moved, not copied: `fork` and
/// `join` consume it, and what is sent to others or kept beside a value is a [`TreeEvent`], which has
/// no id and cannot tick.
///
/// ```
/// use quorate_clocks::{Relation, TreeStamp};
///
/// let (mut ann, mut bob) = TreeStamp::seed().fork()?;
/// ann.event()?; // Ann writes
/// let write = ann.peek(); // a tag for what she wrote
/// bob.receive(&write)?; // Bob hears of it, which is an event of his
/// assert_eq!(bob.history().relation(&write), Relation::After);
///
/// // Cid comes, and asks Bob. Then Bob leaves, and Ann takes over what is his.
/// let (bob, mut cid) = bob.fork()?;
/// let mut ann = ann.join(bob)?;
/// ann.event()?;
/// cid.event()?;
/// assert_eq!(ann.history().relation(cid.history()), Relation::Concurrent);
///
/// // In the end one is left, and its id is the whole interval again.
/// let last = ann.join(cid)?;
/// assert_eq!(last.to_string(), "(1,(1,1,(0,0,1)))");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It cannot be copied, and after a fork the old stamp is gone:
///
/// ```compile_fail,E0599
/// let stamp = quorate_clocks::TreeStamp::seed();
/// let copy = stamp.clone();
/// ```
///
/// ```compile_fail,E0382
/// let mut stamp = quorate_clocks::TreeStamp::seed();
/// let (left, right) = stamp.fork().unwrap();
/// stamp.event();
/// ```
///
/// # Depth
///
/// Each fork of a stamp that has one part halves it, [`MAX_DEPTH`](Self::MAX_DEPTH) times at most.
/// Ask different members for new ids, or those with the least [`depth`](Self::depth): a thousand
/// members are ten deep if all of them fork, and do not fit if one of them makes all ids. Join the
/// stamps of those who leave: an id that is lost is never used again, and stays as a leaf in
/// everybody's events.
///
/// # Bytes
///
/// The id and then the event. The id is its tree in preorder, the highest bit of a byte first: 1
/// where the interval is halved, 00 for a part that is not owned, 01 for one that is, the last byte
/// filled with zeros. The event has the bytes of a [`TreeEvent`]. As there, each value has exactly
/// one encoding.
///
/// Bytes can be copied where a stamp cannot. They are for the disk of the one owner, or for handing
/// the id over to another: whoever reads the same bytes twice has two owners of one id. A stamp that
/// is read back must not be older than the last event that was let out: if it is, the first message
/// that knows better is [refused](TreeAmnesia).
///
/// # Trust
///
/// A peer that may lie can count for others, who are then [told](TreeAmnesia) that they have lost their
/// memory, and send events of any size: limit the length of what you read. It needs tens of millions of
/// messages to use up the counts of others, unless they join an id for which it has counted.
#[derive(Eq, Hash, PartialEq)]
pub struct TreeStamp {
    id: Id,
    event: TreeEvent,
}

impl TreeStamp {
    /// How often the interval can be halved. Trees from outside that are deeper are refused.
    pub const MAX_DEPTH: u32 = MAX_DEPTH;

    /// The first stamp of a system, of which all others are forks: it owns everything and knows of
    /// nothing. A second seed in the same system is a second owner of everything.
    pub fn seed() -> Self {
        Self::new(Id::whole(), TreeEvent::new())
    }

    pub(super) const fn new(id: Id, event: TreeEvent) -> Self {
        Self { id, event }
    }

    pub(super) const fn id(&self) -> &Id {
        &self.id
    }

    /// Two stamps in place of this one, with the same knowledge and half of its id each.
    ///
    /// # Errors
    ///
    /// When its only part has been halved [`MAX_DEPTH`](Self::MAX_DEPTH) times. Gives the stamp back.
    pub fn fork(self) -> Result<(Self, Self), TreeForkError> {
        match self.id.split() {
            Some((left, right)) => {
                let event = self.event.clone();
                Ok((Self::new(left, event), Self::new(right, self.event)))
            }
            None => Err(TreeForkError::TooDeep {
                stamp: Box::new(self),
            }),
        }
    }

    /// One stamp in place of two, with the ids and the knowledge of both.
    ///
    /// # Errors
    ///
    /// When some part belongs to both: one of them is a copy, or was restored from bytes that are
    /// older than a fork. Gives both back.
    pub fn join(self, other: Self) -> Result<Self, TreeJoinError> {
        match self.id.sum(&other.id) {
            Some(id) => {
                let mut event = self.event;
                event.merge(&other.event);
                Ok(Self::new(id, event))
            }
            None => Err(TreeJoinError::Overlap {
                stamps: Box::new((self, other)),
            }),
        }
    }

    /// Something happens: what is known from here on is more than anybody else knows.
    ///
    /// # Errors
    ///
    /// When the count is used up. Nothing is changed then.
    pub fn event(&mut self) -> Result<(), TreeExhausted> {
        Ok(tick(&self.id, &mut self.event)?)
    }

    /// What this stamp knows, for a message or as the tag of a value. It has no id, so it cannot tick.
    pub fn peek(&self) -> TreeEvent {
        self.event.clone()
    }

    /// What this stamp knows, to compare it.
    pub const fn history(&self) -> &TreeEvent {
        &self.event
    }

    /// The departure of a message is an event, and what is then known goes with it.
    ///
    /// # Errors
    ///
    /// As [`event`](Self::event).
    pub fn send(&mut self) -> Result<TreeEvent, TreeExhausted> {
        self.event()?;
        Ok(self.peek())
    }

    /// The arrival of a message, which is an event too: knows from here on of all that its sender
    /// knew of, and of the arrival.
    ///
    /// # Errors
    ///
    /// When the sender knows more of our events than we do, or the count is used up. Nothing is changed
    /// then: not even what the message says is learnt.
    pub fn receive(&mut self, message: &TreeEvent) -> Result<(), TreeReceiveError> {
        if self.event.includes(message) {
            return Ok(self.event()?);
        }
        TreeAmnesia::check(&self.id, &self.event, message)?;
        let mut event = self.event.upper_bound(message);
        tick(&self.id, &mut event).map_err(TreeExhausted::from)?;
        self.event = event;
        Ok(())
    }

    /// Learns of what somebody else knows, without an event of its own: a replica that takes over a
    /// value and writes nothing. Says whether there was anything new.
    ///
    /// # Errors
    ///
    /// When the other knows more of our events than we do. Nothing is changed then.
    pub fn merge(&mut self, other: &TreeEvent) -> Result<bool, TreeAmnesia> {
        TreeAmnesia::check(&self.id, &self.event, other)?;
        Ok(self.event.merge(other))
    }

    /// How often the smallest part of the id has been halved.
    pub fn depth(&self) -> u32 {
        self.id.depth()
    }

    /// How many separate parts the id has. More than one after a join with a stamp that was not its
    /// other half.
    pub fn part_count(&self) -> usize {
        self.id.parts().len()
    }
}

/// As the paper writes it: the id, and the event.
impl fmt::Display for TreeStamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({},{})", self.id, self.event)
    }
}

impl fmt::Debug for TreeStamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TreeStamp{self}")
    }
}

/// Why a stamp is not forked.
///
/// ```
/// use quorate_clocks::{TreeForkError, TreeStamp};
///
/// let mut stamp = TreeStamp::seed();
/// let refused = loop {
///     stamp = match stamp.fork() {
///         Ok((_, right)) => right, // the left one is lost: don't do this
///         Err(refused) => break refused,
///     };
/// };
/// let TreeForkError::TooDeep { stamp } = refused else { panic!("{refused}") };
/// assert_eq!(stamp.depth(), TreeStamp::MAX_DEPTH);
/// ```
#[derive(Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TreeForkError {
    /// Its only part is the smallest there is.
    TooDeep {
        /// The stamp, as it was.
        stamp: Box<TreeStamp>,
    },
}

impl fmt::Display for TreeForkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooDeep { stamp } => write!(
                f,
                "the id of this stamp has been halved {} times and the limit is {MAX_DEPTH}: fork \
                 the stamp of another member, or join the stamps of those who left",
                stamp.depth()
            ),
        }
    }
}

impl core::error::Error for TreeForkError {}

/// Why two stamps are not joined.
///
/// ```
/// use quorate_clocks::{TreeJoinError, TreeStamp};
///
/// // The bytes of before the fork are restored: a second owner of what was forked.
/// let stamp = TreeStamp::seed();
/// let old = TreeStamp::from_bytes(&stamp.to_bytes())?;
/// let (left, _right) = stamp.fork()?;
/// let refused = left.join(old).unwrap_err();
/// let TreeJoinError::Overlap { stamps } = refused else { panic!("{refused}") };
/// assert_eq!(stamps.0.to_string(), "((1,0),0)");
/// assert_eq!(stamps.1.to_string(), "(1,0)");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TreeJoinError {
    /// Some part of the interval belongs to both.
    Overlap {
        /// Both stamps, as they were.
        stamps: Box<(TreeStamp, TreeStamp)>,
    },
}

impl fmt::Display for TreeJoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overlap { stamps } => write!(
                f,
                "the ids {} and {} overlap: one of the stamps is a copy, or was restored from \
                 before a fork; merge what it knows, and drop its id",
                stamps.0.id, stamps.1.id
            ),
        }
    }
}

impl core::error::Error for TreeJoinError {}

/// A stamp has counted to its limit. It is unchanged.
///
/// Counting cannot get there: at a count per microsecond it takes four thousand years. The stamp was
/// read from bytes that were not a stamp's, or it was joined with one that was.
///
/// ```
/// use quorate_clocks::TreeStamp;
///
/// let forged = [&[0b0100_0000, 0][..], &[0xFF; 8], &[0x01]].concat();
/// let mut stamp = TreeStamp::from_bytes(&forged)?;
/// assert_eq!(stamp.event().unwrap_err().limit, (1 << 57) - 1);
/// assert_eq!(stamp.to_bytes(), forged);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TreeExhausted {
    /// The largest count.
    pub limit: u64,
}

impl From<Exhausted> for TreeExhausted {
    fn from(Exhausted: Exhausted) -> Self {
        Self {
            limit: Leaf::MAX_HEIGHT,
        }
    }
}

impl fmt::Display for TreeExhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "an interval tree clock cannot count past {}: the stamp is of bytes that nobody counted \
             to; drop it and fork that of another member",
            self.limit
        )
    }
}

impl core::error::Error for TreeExhausted {}
