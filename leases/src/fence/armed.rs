//! Raise before use, by types.

use core::fmt;

use super::weakness::{Weakness, weak};
#[cfg(target_has_atomic = "64")]
use crate::Pass;
use crate::Standing;
use crate::{FencingToken, Grant, Mode};

/// Which resource: the name of one thing that has a fence of its own.
///
/// Whoever stores the guarded data chooses it: a row's key, the number of a shard or of a disk. No two
/// resources that one holder may use have the same.
///
/// ```
/// use quorate_leases::ResourceId;
///
/// assert_eq!(ResourceId(7).to_string(), "resource 7");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ResourceId(pub u64);

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "resource {}", self.0)
    }
}

/// Something that a holder acts under, and that knows the number of its grant.
///
/// ```
/// use quorate_leases::{FencingToken, HasToken};
///
/// struct Job {
///     token: FencingToken,
///     owner: &'static str,
/// }
///
/// impl HasToken for Job {
///     fn token(&self) -> FencingToken {
///         self.token
///     }
/// }
/// # let job = Job { token: FencingToken(3), owner: "ann" };
/// # assert_eq!((job.token(), job.owner), (FencingToken(3), "ann"));
/// ```
pub trait HasToken {
    /// The number of the grant.
    fn token(&self) -> FencingToken;
}

impl HasToken for FencingToken {
    fn token(&self) -> FencingToken {
        *self
    }
}

impl HasToken for Grant {
    fn token(&self) -> FencingToken {
        self.token
    }
}

impl HasToken for Standing {
    fn token(&self) -> FencingToken {
        self.token
    }
}

#[cfg(target_has_atomic = "64")]
impl HasToken for Pass {
    fn token(&self) -> FencingToken {
        Self::token(self)
    }
}

/// The receipt of a fence: this token was raised at this resource.
///
/// It is made by a fence that has been raised ([`Fence::raise_at`](crate::Fence::raise_at)), or read from
/// the [bytes](Self::from_bytes) that the resource has sent. There is no other way to one, and only a
/// receipt [arms](Self::arm).
///
/// ```
/// use quorate_leases::{Fence, FencingToken, Mode, Raised, ResourceId};
///
/// // At the resource.
/// let mut fence = Fence::restore(FencingToken(33));
/// let receipt = fence.raise_at(ResourceId(7), FencingToken(34), Mode::Exclusive)?;
/// let answer = receipt.to_bytes();
/// // At the holder.
/// let receipt = Raised::from_bytes(&answer)?;
/// assert_eq!(receipt.newest_before(), FencingToken(33)); // there was somebody
/// let armed = receipt.arm(FencingToken(34))?;
/// # assert_eq!(armed.resource(), ResourceId(7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Raised {
    resource: ResourceId,
    token: FencingToken,
    mode: Mode,
    before: FencingToken,
}

impl Raised {
    pub(super) const fn by_a_fence(
        resource: ResourceId,
        token: FencingToken,
        mode: Mode,
        before: FencingToken,
    ) -> Self {
        Self {
            resource,
            token,
            mode,
            before,
        }
    }

    /// Where it was raised.
    pub const fn resource(&self) -> ResourceId {
        self.resource
    }

    /// What was raised.
    pub const fn token(&self) -> FencingToken {
        self.token
    }

    /// As what the holder was let in.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The newest token that the fence had seen until then. If it is another, there may be work of an
    /// earlier holder; if it is the same, this holder, or its former attempt, has been here.
    pub const fn newest_before(&self) -> FencingToken {
        self.before
    }

    /// Arms what the holder acts under, for use at this resource.
    ///
    /// # Errors
    ///
    /// [`NotArmed`], if it was another token that was raised: an answer that is older than the grant.
    pub fn arm<T: HasToken>(self, what: T) -> Result<Armed<T>, NotArmed> {
        let token = what.token();
        if token != self.token && !weak(Weakness::ArmsAnotherToken) {
            return Err(NotArmed {
                token,
                raised: self.token,
                resource: self.resource,
            });
        }
        Ok(Armed {
            what,
            raised: Self { token, ..self },
        })
    }
}

/// A token, or what has one, that was raised at a resource **before** this value existed.
///
/// # The problem
///
/// A fence that has not seen the new token lets the old holder in. Between the grant and the first write
/// of the new holder that is an open door, and what the new holder has read in the meantime, to decide
/// what to write, may be changed behind its back. The rule is easily said, *raise first and read after*,
/// and as easily forgotten, for nothing goes wrong in a test.
///
/// # The cure
///
/// Let whatever reads or writes under the lease ask for an `Armed<T>`. There is none without a
/// [receipt](Raised) of the fence, so the compiler asks for the raise:
///
/// ```compile_fail,E0451
/// use quorate_leases::{Armed, FencingToken};
///
/// let armed = Armed { what: FencingToken(34) };
/// ```
///
/// What is armed at one resource is worth nothing at another, where nobody was shut out. That cannot be a
/// type, for a program has one type of shard and a thousand shards. So it is a number that is compared
/// where the token is used: [`at`](Self::at) is the only way to get the token out. It costs eight bytes
/// and a comparison.
///
/// `T` is what the holder acts under: the token alone, a [`Pass`](crate::Pass) with which a thread
/// asks whether it may go on, or a type of its own with [`HasToken`].
///
/// ```
/// use quorate_leases::{Armed, Fence, FencingToken, Mode, ResourceId, WrongResource};
///
/// struct Shard {
///     id: ResourceId,
///     fence: Fence,
///     balance: u64,
/// }
///
/// impl Shard {
///     fn balance(&self, armed: &Armed<FencingToken>) -> Result<u64, WrongResource> {
///         armed.at(self.id)?;
///         Ok(self.balance)
///     }
/// }
///
/// let [mut one, two] = [1, 2].map(|id| Shard { id: ResourceId(id), fence: Fence::new(), balance: 70 });
/// let armed = one.fence.raise_at(one.id, FencingToken(34), Mode::Exclusive)?.arm(FencingToken(34))?;
/// assert_eq!(one.balance(&armed), Ok(70));
/// // The holder before it may still be at work at the other shard.
/// assert_eq!(
///     two.balance(&armed).unwrap_err().to_string(),
///     "token #34 was raised at resource 1 and is used at resource 2: raise it there first",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`Fenced`](crate::Fenced) is such a resource, ready made.
///
/// # What it does not say
///
/// That the token is still the newest: a newer holder may have raised its own since. Every effect is
/// checked again at the fence. A resource that may have lost its mark, since it was raised, has to be
/// raised again; keep the mark with the data.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Armed<T> {
    what: T,
    raised: Raised,
}

impl<T> Armed<T> {
    /// The token, for use at this resource.
    ///
    /// # Errors
    ///
    /// [`WrongResource`], if it was raised at another.
    #[inline]
    pub fn at(&self, resource: ResourceId) -> Result<FencingToken, WrongResource> {
        if resource == self.raised.resource || weak(Weakness::ArmedAnywhere) {
            return Ok(self.raised.token);
        }
        Err(WrongResource {
            token: self.raised.token,
            raised_at: self.raised.resource,
            used_at: resource,
        })
    }

    /// What is armed.
    pub const fn get(&self) -> &T {
        &self.what
    }

    /// Where it was raised.
    pub const fn resource(&self) -> ResourceId {
        self.raised.resource
    }

    /// As what the holder was let in.
    pub const fn mode(&self) -> Mode {
        self.raised.mode
    }

    /// The receipt.
    pub const fn raised(&self) -> Raised {
        self.raised
    }

    /// What was armed, disarmed.
    pub fn into_inner(self) -> T {
        self.what
    }
}

/// Another token was raised than the one to be armed.
///
/// ```
/// use quorate_leases::{Fence, FencingToken, Mode, ResourceId};
///
/// let receipt = Fence::new().raise_at(ResourceId(7), FencingToken(33), Mode::Exclusive)?;
/// assert_eq!(
///     receipt.arm(FencingToken(34)).unwrap_err().to_string(),
///     "the receipt of resource 7 is for token #33 and not for #34: raise that one",
/// );
/// # Ok::<(), quorate_leases::Stale>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct NotArmed {
    /// The one to be armed.
    pub token: FencingToken,
    /// The one that was raised.
    pub raised: FencingToken,
    /// Where.
    pub resource: ResourceId,
}

impl fmt::Display for NotArmed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the receipt of {} is for token {} and not for {}: raise that one",
            self.resource, self.raised, self.token
        )
    }
}

impl core::error::Error for NotArmed {}

/// A token is used where it was not raised.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct WrongResource {
    /// The token.
    pub token: FencingToken,
    /// Where it was raised.
    pub raised_at: ResourceId,
    /// Where it is used.
    pub used_at: ResourceId,
}

impl fmt::Display for WrongResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "token {} was raised at {} and is used at {}: raise it there first",
            self.token, self.raised_at, self.used_at
        )
    }
}

impl core::error::Error for WrongResource {}
