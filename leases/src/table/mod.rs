//! The grantor's side: who holds which name, and until when.

mod acquire;
mod asking;
mod clock;
mod crowd;
mod ending;
mod entry;
mod error;
mod event;
mod index;
mod keeping;
#[cfg(all(test, not(loom)))]
mod kill_matrix;
mod lease;
mod limits;
mod name;
mod owners;
mod records;
mod session;
mod sessions;
mod slab;
mod snapshot;
mod taking;
mod timeline;
mod watch;
mod weakness;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};

use quorate_clocks::Instant;

pub use acquire::{Acquire, Acquired, Place, Term};
pub use clock::LeaseClock;
pub use error::{
    AcquireError, ReleaseError, RenewError, RevokeError, SessionError, StealError, WatchError,
};
pub use event::LeaseEvent;
pub use lease::{Cancelled, Expired, Grant, Holder, Lease};
pub use limits::{Limits, StealPolicy};
pub use session::{SessionGrant, SessionId};
pub use snapshot::RestoreError;

use crate::FencingToken;
use entry::Entry;
use event::Events;
use index::Secret;
use records::Records;
use watch::Watches;
use weakness::Weakness;

/// Leases by name: one holder at a time, or several that share, for a limited time, each under a token
/// that only grows.
///
/// The table is a pure function of the commands it is given, each with the instant at which it
/// happens. Apply the same commands on several replicas, in the order of a log and with the instants
/// *in* the commands, and all of them are the same table, byte for byte
/// ([`snapshot`](Self::snapshot)). [`LeaseClock`] says where the instants come from when the
/// replica that stamps them changes.
///
/// - **A grant is an instance.** It is known by its token, and only the token renews and releases
///   it. The owner's name identifies nobody: an owner that expired and acquired again is somebody
///   else, and its own late messages do it no harm.
/// - **Tokens only grow**, over all names of the table, and none is granted twice: not after a
///   release, not after an expiry, not after a restore.
/// - **A retry is not a second request.** The same owner and request number get the same grant, so
///   that a lost answer does not lock its client out of its own lease. Request numbers must not
///   repeat, also not after a restart of the owner: draw them at random, or put the incarnation into
///   the owner.
/// - **Time does not run backwards.** An instant before the last one counts as the last one.
/// - **Nothing is revived.** A lease whose time has passed is over, also when nobody noticed.
/// - **Who waits has a place.** Those who wait for a name get it in the order in which they came, and
///   each is told of its own turn only. A writer that waits is not passed by readers.
///
/// [`acquire`](Self::acquire) is for most. [`acquire_with`](Self::acquire_with) also shares, waits,
/// delays the next holder after a crash, and binds leases to a [session](Self::open_session), which
/// keeps a thousand of them with one message.
///
/// Holding the lease does not make an effect safe; see [`Fence`](crate::Fence) for what does.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::Instant;
/// use quorate_leases::{LeaseTable, Limits, RenewError};
///
/// let mut table = LeaseTable::new(Limits::default());
/// let at = Instant::from_millis;
/// let ttl = Duration::from_secs(10);
///
/// let ann = table.acquire(at(0), "disk", "ann", ttl, 1)?;
/// let again = table.acquire(at(2_000), "disk", "ann", ttl, 1)?; // the answer was lost: a retry
/// assert_eq!((again.token, again.expires_at), (ann.token, ann.expires_at));
///
/// table.renew(at(5_000), "disk", ann.token, ttl)?;
/// assert_eq!(table.get(at(5_000), "disk").map(|lease| lease.expires_at), Some(at(15_000)));
///
/// // Ann is silent for too long, and Bob is next.
/// let bob = table.acquire(at(15_000), "disk", "bob", ttl, 1)?;
/// assert!(bob.token > ann.token);
/// let lost = table.renew(at(15_001), "disk", ann.token, ttl);
/// assert!(matches!(lost, Err(RenewError::Superseded { .. })));
///
/// table.release(at(16_000), "disk", bob.token)?;
/// assert!(table.get(at(16_000), "disk").is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct LeaseTable {
    limits: Limits,
    now: Instant,
    last_token: FencingToken,
    last_session: SessionId,
    /// The last number that somebody drew who waits, or a delay.
    last_number: u64,
    records: Records,
    /// When those who wait give up and delays are over, with the number drawn, and of which name.
    alarms: BTreeMap<(Instant, u64), u32>,
    /// How many wait, for all names.
    waiting: u32,
    watches: Watches,
    /// Not part of the state: what was not polled is nobody's.
    events: Events,
}

impl LeaseTable {
    /// An empty table, whose first grant is token 1. Only for resources whose fences are new too.
    ///
    /// The names, which strangers choose, are hashed with a secret from the operating system, or,
    /// without `std`, with one that everybody knows: give one with
    /// [`with_hash_secret`](Self::with_hash_secret) then.
    pub fn new(limits: Limits) -> Self {
        Self::with_tokens_after(limits, FencingToken::NONE)
    }

    /// An empty table whose tokens all are larger than `last`: for when the table was lost for good
    /// and the newest token anybody knows of, from the fences, is `last`.
    pub fn with_tokens_after(limits: Limits, last: FencingToken) -> Self {
        Self::empty(limits, last, Secret::random())
    }

    /// The same table, with names hashed with this secret. It decides nothing: replicas need not have
    /// the same.
    #[must_use]
    pub fn with_hash_secret(self, secret: [u64; 2]) -> Self {
        let bytes = self.snapshot();
        Self::restore_with(self.limits, &bytes, Secret(secret)).unwrap_or(self)
    }

    fn empty(limits: Limits, last: FencingToken, secret: Secret) -> Self {
        Self {
            limits,
            now: Instant::ORIGIN,
            last_token: last,
            last_session: SessionId(0),
            last_number: 0,
            records: Records::new(secret),
            alarms: BTreeMap::new(),
            waiting: 0,
            watches: Watches::new(),
            events: Events::default(),
        }
    }

    /// Who holds `name` at `now`, if anybody: of several that share it, the one who has held it
    /// longest.
    pub fn get(&self, now: Instant, name: &str) -> Option<Lease<'_>> {
        self.holders(now, name).next()
    }

    /// All who hold `name` at `now`, the one who has held it longest first.
    pub fn holders(&self, now: Instant, name: &str) -> impl Iterator<Item = Lease<'_>> {
        let now = self.now.max(now);
        let anchor = self.records.find(name).into_iter();
        anchor.flat_map(move |anchor| self.leases_of(now, anchor))
    }

    /// All leases that have a holder at `now`, by name and then by token. Sorts them for that.
    pub fn leases(&self, now: Instant) -> impl Iterator<Item = Lease<'_>> {
        let now = self.now.max(now);
        let anchors = self.records.sorted().into_iter();
        anchors.flat_map(move |(anchor, _)| self.leases_of(now, anchor))
    }

    fn leases_of(&self, now: Instant, anchor: u32) -> impl Iterator<Item = Lease<'_>> {
        let asked = self.records.crowds.get(&anchor);
        let asked = asked.map_or(FencingToken::NONE, |crowd| crowd.asked);
        let holders = self.records.holders(anchor, now);
        holders.map(move |(entry, expires_at)| Lease {
            name: self.records.name(anchor),
            owner: self.records.owner(entry),
            token: entry.token,
            mode: entry.mode(),
            expires_at,
            remaining: expires_at.since(now),
            asked_to_yield: entry.token <= asked,
        })
    }

    /// How many wait for `name`.
    pub fn waiting(&self, name: &str) -> usize {
        let anchor = self.records.find(name);
        let crowd = anchor.and_then(|anchor| self.records.crowds.get(&anchor));
        crowd.map_or(0, |crowd| crowd.waiting.len())
    }

    /// What happened, in the order in which it did. Nothing when all was polled. Changed by every
    /// command.
    ///
    /// At most [`Limits::max_events`] are kept; what comes then is dropped, and told of by
    /// [`LeaseEvent::Missed`] when the others have been polled. No answer depends on it, and events
    /// that were not polled are no part of a snapshot or of what makes tables equal: on replicas they
    /// are polled, or not, by each as it likes.
    pub fn poll_event(&mut self) -> Option<LeaseEvent> {
        self.events.pop()
    }

    /// The latest instant that any command carried.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// The token of the latest grant; [`FencingToken::NONE`] before the first.
    pub const fn last_token(&self) -> FencingToken {
        self.last_token
    }

    /// The limits it was made with.
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        if self.weak(Weakness::TimeGoesBack) {
            self.now = now;
        }
        if self.weak(Weakness::TokensRestart) && self.records.entries.len() == 0 {
            self.last_token = FencingToken::NONE;
        }
        self.now
    }

    fn weak(&self, weakness: Weakness) -> bool {
        self.records.weak.has(weakness)
    }

    fn holder(&self, entry: &Entry, expires_at: Instant, now: Instant) -> Holder {
        Holder {
            owner: self.records.owner(entry).into(),
            token: entry.token,
            expires_at,
            remaining: expires_at.since(now),
        }
    }

    /// Who holds the name of that place, the one who has held it longest.
    fn first_holder(&self, anchor: u32, now: Instant) -> Option<Holder> {
        let (entry, expires_at) = self.records.holders(anchor, now).next()?;
        Some(self.holder(entry, expires_at, now))
    }
}

const fn grant(token: FencingToken, expires_at: Instant, now: Instant) -> Grant {
    Grant {
        token,
        expires_at,
        remaining: expires_at.since(now),
    }
}

/// Equal are tables of equal limits and content, whatever their histories.
impl PartialEq for LeaseTable {
    fn eq(&self, other: &Self) -> bool {
        self.limits == other.limits && self.snapshot() == other.snapshot()
    }
}

impl Eq for LeaseTable {}

impl Hash for LeaseTable {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.limits.hash(state);
        self.snapshot().hash(state);
    }
}

impl fmt::Debug for LeaseTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("LeaseTable");
        shown
            .field("now", &self.now)
            .field("last_token", &self.last_token)
            .field("leases", &self.leases(self.now).collect::<Vec<_>>());
        shown.finish_non_exhaustive()
    }
}
