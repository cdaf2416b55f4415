//! Interval tree clocks: causality where the participants come and go.
//!
//! P. S. Almeida, C. Baquero, V. Fonte, "Interval Tree Clocks: A Logical Clock for Dynamic Systems",
//! OPODIS 2008. The identities are disjoint parts of the interval `[0, 1)`, made by halving, and what
//! is known is a step function over it: an event raises the function within the part of the one who
//! ticks. The paper writes both as trees. Here they are the flat lists of the trees' leaves, in order,
//! so that every operation is a walk over two lists.

mod amnesia;
mod event;
mod id;
mod stamp;
mod step;
mod tick;
mod wire;

pub use amnesia::{TreeAmnesia, TreeReceiveError};
pub use event::TreeEvent;
pub use stamp::{TreeExhausted, TreeForkError, TreeJoinError, TreeStamp};
