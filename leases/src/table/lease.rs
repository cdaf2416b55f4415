//! What a lease table answers with.

use alloc::string::String;
use core::fmt;
use core::time::Duration;

use quorate_clocks::Instant;

use crate::{FencingToken, Mode};

/// A lease was granted, or renewed.
///
/// Instants are the table's. A holder counts on its own clock instead: see
/// [`SafeUntil`](crate::SafeUntil), which takes `remaining`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Grant {
    /// The number of this grant, to be sent with everything that is done under it.
    pub token: FencingToken,
    /// When the lease ends unless it is renewed, on the table's clock.
    pub expires_at: Instant,
    /// How long that is from the instant of the command.
    pub remaining: Duration,
}

/// A lease that has a holder.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Lease<'a> {
    /// The name that is held.
    pub name: &'a str,
    /// Who holds it.
    pub owner: &'a str,
    /// The number of the grant.
    pub token: FencingToken,
    /// Alone or with others.
    pub mode: Mode,
    /// When the lease ends unless it is renewed, on the table's clock.
    pub expires_at: Instant,
    /// How long that is from the instant of the query.
    pub remaining: Duration,
    /// Whether it was asked to give the lease up when it can.
    pub asked_to_yield: bool,
}

/// Who holds a lease that was asked for, and until when.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Holder {
    /// Who holds it.
    pub owner: String,
    /// The number of its grant.
    pub token: FencingToken,
    /// When its lease ends unless it is renewed, on the table's clock.
    pub expires_at: Instant,
    /// How long that is from the instant of the command: when to ask again.
    pub remaining: Duration,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} with {} for another {:?}, until {}",
            self.owner, self.token, self.remaining, self.expires_at
        )
    }
}

/// A lease ended because its time had passed.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Expired {
    /// The name that is free now.
    pub name: String,
    /// Who held it.
    pub owner: String,
    /// The number of the grant that ended.
    pub token: FencingToken,
    /// When it ended, on the table's clock.
    pub expired_at: Instant,
}

/// What a request was that does not want its lease any more.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Cancelled {
    /// It waited, and has left the queue.
    Left,
    /// It had been granted, and the grant is released.
    Released(FencingToken),
    /// It neither waits nor holds the lease: it never came, or was cancelled before, or has ended.
    Nothing,
}
