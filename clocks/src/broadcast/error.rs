//! Why a message, or news of one, is refused.

use core::fmt;

use crate::DotRange;
use crate::{Actor, Dot, MatrixRecordError};

/// Why [`CausalBroadcast::broadcast`](crate::CausalBroadcast::broadcast) takes no message, and the
/// payload back.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NotBroadcast<P> {
    /// What was to be said.
    pub payload: P,
    /// Why it is not.
    pub error: BroadcastError,
}

impl<P> fmt::Display for NotBroadcast<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<P: fmt::Debug> core::error::Error for NotBroadcast<P> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Why a message cannot be broadcast. Nothing has changed then.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum BroadcastError {
    /// We are not a member of the group, or have left it.
    NotMember {
        /// Who we are.
        me: Actor,
    },
    /// The message is larger than the limits allow.
    TooLarge {
        /// How many bytes it takes.
        size: usize,
        /// How many it may.
        limit: usize,
    },
    /// Too many of our messages have not been seen by all.
    Backlog {
        /// How many are kept for those who have not.
        messages: usize,
        /// How many bytes these take.
        bytes: usize,
        /// Who has acknowledged the fewest.
        slowest: Actor,
    },
    /// We have sent `u64::MAX` messages.
    Exhausted {
        /// Who we are.
        me: Actor,
    },
}

impl fmt::Display for BroadcastError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotMember { me } => write!(f, "{me} is not a member of the group"),
            Self::TooLarge { size, limit } => write!(
                f,
                "the message takes {size} bytes and may take {limit}: send it in parts"
            ),
            Self::Backlog {
                messages,
                bytes,
                slowest,
            } => write!(
                f,
                "{messages} messages of {bytes} bytes have not been seen by all: wait for \
                 {slowest} to acknowledge, or remove it"
            ),
            Self::Exhausted { me } => {
                write!(
                    f,
                    "{me} has sent all messages that it can count: join as the next life"
                )
            }
        }
    }
}

impl core::error::Error for BroadcastError {}

/// Why [`CausalBroadcast::receive`](crate::CausalBroadcast::receive) refuses a message.
///
/// Nothing that was buffered or delivered has changed then. At most it is now known that the message
/// exists, so that [`missing`](crate::CausalBroadcast::missing) asks for it when there is room.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum BroadcastReceiveError {
    /// The sender is nobody that is or was a member.
    Unknown {
        /// Who sent it.
        sender: Actor,
    },
    /// The sender has left, and this message does not count.
    Left {
        /// The message.
        message: Dot,
        /// How many of the sender's messages count.
        last: u64,
    },
    /// The sender had delivered a message of somebody who is unknown here.
    UnknownCause {
        /// The message.
        message: Dot,
        /// Who is unknown.
        actor: Actor,
    },
    /// The sender had delivered a message of one that has left, which does not count.
    BeyondLast {
        /// The message.
        message: Dot,
        /// Which message its sender had delivered.
        cause: Dot,
        /// How many messages of that one count.
        last: u64,
    },
    /// There is a message of ours that we have not sent: we have forgotten it, or are not alone.
    Amnesia {
        /// Who sent the message that tells it.
        sender: Actor,
        /// Our message that we do not know.
        seen: Dot,
        /// How many we have sent.
        sent: u64,
    },
    /// There is another message of this name: two processes send as one.
    Conflict {
        /// The name.
        message: Dot,
    },
    /// The message is larger than the limits allow.
    TooLarge {
        /// The message.
        message: Dot,
        /// How many bytes it takes.
        size: usize,
        /// How many it may.
        limit: usize,
    },
    /// It waits for earlier ones, and there is no room for it until they have come.
    Overflow {
        /// Whose messages take too much room.
        sender: Actor,
        /// What to ask for again when earlier messages have been delivered.
        again: DotRange,
        /// How many messages of that sender are waiting.
        messages: usize,
        /// How many bytes these take.
        bytes: usize,
    },
}

impl fmt::Display for BroadcastReceiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { sender } => write!(
                f,
                "{sender} is not a member: let it join first and ask again, or drop the message"
            ),
            Self::Left { message, last } => write!(
                f,
                "{} left after {last} messages, so its message {} does not count",
                message.actor, message.counter
            ),
            Self::UnknownCause { message, actor } => write!(
                f,
                "message {} of {} has a cause of {actor}, which is not a member: let it join \
                 first and ask again",
                message.counter, message.actor
            ),
            Self::BeyondLast {
                message,
                cause,
                last,
            } => write!(
                f,
                "message {} of {} has a cause that does not count: message {} of {}, which left \
                 after {last}",
                message.counter, message.actor, cause.counter, cause.actor
            ),
            Self::Amnesia { sender, seen, sent } => write!(
                f,
                "{sender} has seen message {} of {}, which has sent {sent}: its state was lost, or \
                 another process uses its name; stop, and join as the next life",
                seen.counter, seen.actor
            ),
            Self::Conflict { message } => write!(
                f,
                "there are two messages {} of {}: two processes send as one",
                message.counter, message.actor
            ),
            Self::TooLarge {
                message,
                size,
                limit,
            } => write!(
                f,
                "message {} of {} takes {size} bytes and may take {limit}: give all members the \
                 same limits",
                message.counter, message.actor
            ),
            Self::Overflow {
                sender,
                again,
                messages,
                bytes,
            } => write!(
                f,
                "{messages} messages of {sender}, of {bytes} bytes, wait for earlier ones: ask for \
                 these first, and later for {again}"
            ),
        }
    }
}

impl core::error::Error for BroadcastReceiveError {}

/// Why [`CausalBroadcast::acknowledge`](crate::CausalBroadcast::acknowledge) refuses news. Nothing
/// has changed then.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum BroadcastAcknowledgeError {
    /// It is not news of a member, or of something that does not count.
    Record(MatrixRecordError),
    /// There is a message of ours that we have not sent, or one that we should have delivered: we
    /// have forgotten it, or are not alone.
    Amnesia {
        /// Who has seen it.
        from: Actor,
        /// The message that we do not know.
        seen: Dot,
        /// How many of that sender we know.
        known: u64,
    },
}

impl fmt::Display for BroadcastAcknowledgeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(error) => error.fmt(f),
            Self::Amnesia { from, seen, known } => write!(
                f,
                "{from} has seen message {} of {}, of which we know {known}: our state was lost, \
                 or another process uses our name; stop, and join as the next life",
                seen.counter, seen.actor
            ),
        }
    }
}

impl core::error::Error for BroadcastAcknowledgeError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Record(error) => Some(error),
            Self::Amnesia { .. } => None,
        }
    }
}

impl From<MatrixRecordError> for BroadcastAcknowledgeError {
    fn from(error: MatrixRecordError) -> Self {
        Self::Record(error)
    }
}
