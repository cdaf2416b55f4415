//! One holder at a time, and a fence for when there were two.
//!
//! # The problem
//!
//! A worker takes the lock, checks that it holds it, and is about to write. Then it stands still: a
//! garbage collection, a page fault, a suspended virtual machine, a cut network. The lock service
//! cannot tell a worker that stands still from one that is dead, so after a while it gives the lock
//! to another, which does its work. Then the first one wakes up. In its own view no time has passed,
//! the check is right behind it, and it writes, over the work of its successor.
//!
//! The same happens to an old leader that has not heard of the new one. No timeout cures it, for a
//! timeout is a guess, and no check cures it, for the pause may come between the check and the write.
//!
//! # The cure, in three parts
//!
//! - **A lease** is a lock that ends by itself: if its holder dies, the name is free after a while
//!   ([`LeaseTable`]). It bounds how long everybody waits. It does not keep two holders apart.
//! - **A deadline** on the holder's own clock, counted from when it asked, keeps a holder that *runs*
//!   from acting on a lease that may be over ([`SafeUntil`]). It does not stop one that stands still.
//!   [`LeaseHolder`] is the loop that asks, renews and stops, as a machine; `LeaseFlag` tells every
//!   thread whether it may act; [`Observer`] is for who only watches.
//! - **A fence** stands at the resource. Every grant has a larger [`FencingToken`] than those before,
//!   each write carries its token, and the resource refuses a token that is older than one it has
//!   seen ([`Fence`], [`AtomicFence`]). This is the part that is safe without any clock. A new holder
//!   raises it before the first use, which [`Armed`] makes the compiler ask for; [`fencing`] has recipes.
//!
//! ```
//! use core::time::Duration;
//! use quorate_clocks::Instant;
//! use quorate_leases::{Drift, Fence, LeaseTable, Limits, SafeUntil};
//!
//! let ttl = Duration::from_secs(10);
//! let margin = Duration::from_millis(100);
//! let mut table = LeaseTable::new(Limits::default()); // the lock service
//! let mut fence = Fence::new(); // the storage
//! let mut stored = Vec::new();
//!
//! // Ann asks, and knows until when she may act, by her own clock.
//! let (ann_sent, ann_arrived) = (Instant::from_millis(70_000), Instant::from_millis(0));
//! let ann = table.acquire(ann_arrived, "accounts", "ann", ttl, 1)?;
//! let ann_safe = SafeUntil::new(ann_sent, ann.remaining, Drift::SLEWED, margin);
//! assert!(ann_safe.is_safe(Instant::from_millis(70_500)));
//! // She has checked, and is about to write. Here she stands still for twelve seconds.
//!
//! // Bob gets the lease. He raises the fence before he reads or writes.
//! let bob = table.acquire(Instant::from_millis(11_000), "accounts", "bob", ttl, 1)?;
//! fence.raise(bob.token)?;
//! fence.check_and_raise(bob.token)?;
//! stored.push("bob's work");
//!
//! // Ann wakes up where she was: behind the check. The storage refuses her.
//! let refused = fence.check_and_raise(ann.token).unwrap_err();
//! assert_eq!(refused.newest, bob.token);
//! assert_eq!(stored, ["bob's work"]);
//!
//! // Had she looked at the clock once more, she would have known.
//! assert!(!ann_safe.is_safe(Instant::from_millis(82_500)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Elections
//!
//! A leader is whoever holds a lease, and the token is its term: [`Candidate`] stands for election, leads,
//! resigns and hands over, whatever grants the lease; [`LeaderView`] is for who only wants to know.
//!
//! # What has to be assumed of clocks
//!
//! The fence needs none. The rest needs one thing: that no clock is faster or slower than a bound says
//! ([`Drift`]). Nobody compares dates, and no two clocks have to agree on the time. How to choose the
//! bound is said there, and how long a lease should be, at [`HolderConfig`].
//!
//! # Many, in turn, and together
//!
//! [`LeaseTable`] keeps a million leases in 128 bytes each, and a renewal touches one of them. Leases can
//! be shared by readers, waited for in a fair queue, and bound to a session, which keeps a thousand of
//! them with one message ([`Acquire`]). A crashed holder's successor can be delayed, a holder can be asked
//! to yield, and a lease can be stolen by a [policy](StealPolicy).
//!
//! # Replicated
//!
//! A table on one machine is gone with the machine. [`LeaseTable`] is a deterministic state machine,
//! to be fed from a replicated log: the commands carry the instants, tokens and snapshots are the
//! same on every replica, and [`LeaseClock`] carries the clock over from one leader to the next.
//!
//! The crate does no I/O, reads no clock, starts no thread, and is `no_std`.
//!
//! # Features
//!
//! - `std` (default): the secret that names are hashed with comes from the operating system. Without it
//!   everybody knows the secret: give the table [another](LeaseTable::with_hash_secret).
//! - `serde`: `Serialize` and `Deserialize` for [`FencingToken`].
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate self as quorate_leases;
#[cfg(any(test, feature = "std"))]
extern crate std;

mod drift;
mod election;
mod fence;
mod holder;
mod mode;
mod safe_until;
#[cfg(target_has_atomic = "64")]
mod sync;
mod table;
mod token;

pub use drift::Drift;
pub use election::{
    Candidate, CandidateConfig, DeposedReason, ElectionEvent, Leader, LeaderEvent,
    LeaderNameTooLong, LeaderView,
};
#[cfg(target_has_atomic = "64")]
pub use fence::AtomicFence;
pub use fence::{
    Armed, DurableFence, DurableFenceError, Fence, FenceBytesError, FenceSet, FenceSetError,
    FenceSetLimits, Fenced, HasToken, NotArmed, Operation, Raised, ResourceId, Stale, StrictError,
    StrictFence, UseError, WrongResource, guide as fencing,
};
pub use holder::{
    Ask, EndReason, HolderConfig, HolderConfigError, HolderEvent, HolderRequest, LeaseHolder,
    Observer, Progress, Refusal, RequestId, Standing, Ticket,
};
#[cfg(target_has_atomic = "64")]
pub use holder::{FlagPublisher, LeaseFlag, Pass, Revoked};
pub use mode::Mode;
pub use safe_until::SafeUntil;
pub use table::{
    Acquire, AcquireError, Acquired, Cancelled, Expired, Grant, Holder, Lease, LeaseClock,
    LeaseEvent, LeaseTable, Limits, Place, ReleaseError, RenewError, RestoreError, RevokeError,
    SessionError, SessionGrant, SessionId, StealError, StealPolicy, Term, WatchError,
};
pub use token::FencingToken;
