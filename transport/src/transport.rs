//! What carries messages, and how little it promises.

use core::fmt;
use core::task::{Context, Poll};

use quorate_clocks::NodeId;

use crate::Transmit;

/// Carries messages between known nodes, and promises almost nothing.
///
/// A message may be lost, delayed, reordered or delivered twice. What is delivered is never altered
/// and never invented, and `from` is who really sent it. No call blocks, and no queue is unbounded:
/// a message that does not fit is given back at once.
///
/// A machine must be right at exactly that strength, so that a stronger transport is always legal.
pub trait Transport {
    /// What is carried.
    type Message;

    /// Hands over one message, or gives it back at once with the reason.
    fn send(&mut self, transmit: Transmit<Self::Message>) -> Result<(), Refused<Self::Message>>;

    /// Takes the next message that has arrived, or arranges for `cx` to be woken by the next one.
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Received<Self::Message>>;

    /// Sends what it still can, ends, and gives free what it holds, such as a port. Ready when that
    /// is done, which takes a bounded time. Nothing is sent or received after the first call.
    ///
    /// Dropping a transport ends it too, but says nothing about when.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let _ = cx;
        Poll::Ready(())
    }
}

/// A message that arrived.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Received<M> {
    /// Who sent it, as the transport proved it: never a field of the message.
    pub from: NodeId,
    /// What it says.
    pub message: M,
}

/// Why a message was not taken, and the message itself.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Refused<M> {
    /// The queue to that peer in that lane is full. Sending later may work.
    Full(Transmit<M>),
    /// The message is larger than a frame may be. Sending it again cannot work.
    TooLarge(Transmit<M>),
    /// There is no connection to that peer right now. Sending later may work.
    Unreachable(Transmit<M>),
    /// The peer is not in the transport's list. Sending again cannot work.
    UnknownPeer(Transmit<M>),
}

impl<M> Refused<M> {
    /// The message that was refused.
    pub fn into_transmit(self) -> Transmit<M> {
        match self {
            Self::Full(transmit)
            | Self::TooLarge(transmit)
            | Self::Unreachable(transmit)
            | Self::UnknownPeer(transmit) => transmit,
        }
    }

    fn transmit(&self) -> &Transmit<M> {
        match self {
            Self::Full(transmit)
            | Self::TooLarge(transmit)
            | Self::Unreachable(transmit)
            | Self::UnknownPeer(transmit) => transmit,
        }
    }
}

impl<M> fmt::Display for Refused<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Transmit { to, lane, .. } = self.transmit();
        match self {
            Self::Full(_) => write!(f, "the {lane} queue to {to} is full"),
            Self::TooLarge(_) => write!(f, "the {lane} message to {to} is larger than a frame"),
            Self::Unreachable(_) => write!(f, "{to} cannot be reached right now"),
            Self::UnknownPeer(_) => write!(f, "{to} is not a peer of this transport"),
        }
    }
}

impl<M: fmt::Debug> core::error::Error for Refused<M> {}

/// Messages in different lanes never wait for each other.
///
/// etcd learned it in production: a snapshot of a gigabyte in front of a heartbeat is an election.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Lane {
    /// Small and due now: heartbeats, votes, acknowledgements.
    Urgent,
    /// The stream of work: log entries.
    Log,
    /// Large and patient: snapshots.
    Bulk,
}

impl Lane {
    /// Every lane, most urgent first.
    pub const ALL: [Self; 3] = [Self::Urgent, Self::Log, Self::Bulk];

    /// The lane as it stands in a frame.
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Urgent => 0,
            Self::Log => 1,
            Self::Bulk => 2,
        }
    }

    /// The lane that a frame names, if there is one of that number.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Urgent),
            1 => Some(Self::Log),
            2 => Some(Self::Bulk),
            _ => None,
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Urgent => "urgent",
            Self::Log => "log",
            Self::Bulk => "bulk",
        })
    }
}
