//! The grantor's side: who holds which name, and until when.

mod clock;
mod entry;
mod error;
mod index;
mod lease;
mod limits;
mod name;
mod owners;
mod records;
mod slab;
mod snapshot;
mod timeline;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::time::Duration;

use quorate_clocks::Instant;

pub use clock::LeaseClock;
pub use error::{AcquireError, ReleaseError, RenewError};
pub use lease::{Expired, Grant, Holder, Lease};
pub use limits::Limits;
pub use snapshot::RestoreError;

use crate::FencingToken;
use entry::{Entry, Hold};
use index::Secret;
use records::{New, Records};

/// How many ended leases that are due to be forgotten one call of `expire` forgets, so that its work is
/// bounded. The rest waits for the next one, and at the bound of the table they make room.
const FORGET_AT_ONCE: usize = 64;

/// Leases by name: at most one holder each, for a limited time, under a token that only grows.
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
    records: Records,
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

    const fn empty(limits: Limits, last: FencingToken, secret: Secret) -> Self {
        Self {
            limits,
            now: Instant::ORIGIN,
            last_token: last,
            records: Records::new(secret),
        }
    }

    /// Grants `name` to `owner` for `ttl`, unless it is held.
    ///
    /// The same `owner` and `request` as those of the present holder are a retry: the answer is the
    /// grant that was made then, running since then, and `ttl` is not looked at but for its bounds.
    ///
    /// # Errors
    ///
    /// [`AcquireError::Held`] says who holds it and for how long; the other variants say what is out
    /// of bounds. Nothing has changed then.
    pub fn acquire(
        &mut self,
        now: Instant,
        name: &str,
        owner: &str,
        ttl: Duration,
        request: u128,
    ) -> Result<Grant, AcquireError> {
        let now = self.advance(now);
        self.check_bounds(name, owner, ttl)?;
        let full = match self.records.find(name) {
            Some(at) => {
                if let Some(grant) = self.answered(now, at, owner, request)? {
                    return Ok(grant);
                }
                false
            }
            None => self.records.len() >= self.limits.max_leases as usize,
        };
        let Some(token) = self.last_token.next() else {
            return Err(AcquireError::TokensExhausted { name: name.into() });
        };
        if full && !self.make_room(now) {
            return Err(AcquireError::Full {
                name: name.into(),
                max: self.limits.max_leases as usize,
            });
        }
        self.last_token = token;
        let until = now.saturating_add(ttl);
        let new = New {
            owner,
            request,
            token,
            until,
        };
        self.records.grant(name, &new);
        Ok(grant(token, until, now))
    }

    /// Lets the grant `token` of `name` last until `ttl` from now. Never brings its end forward.
    ///
    /// # Errors
    ///
    /// [`RenewError`] when that grant does not hold the lease (any more). Then nothing is revived,
    /// not even when nobody else has taken the lease.
    pub fn renew(
        &mut self,
        now: Instant,
        name: &str,
        token: FencingToken,
        ttl: Duration,
    ) -> Result<Grant, RenewError> {
        let now = self.advance(now);
        let Limits {
            min_ttl, max_ttl, ..
        } = self.limits;
        if ttl < min_ttl || ttl > max_ttl {
            return Err(RenewError::Ttl {
                ttl,
                min: min_ttl,
                max: max_ttl,
            });
        }
        // By the token, so that no name is hashed on the way that is always gone.
        let place = self.records.find_token(token);
        let found = place.and_then(|at| Some((at, self.records.entry(at)?)));
        if let Some((at, entry)) = found.filter(|(_, entry)| entry.is_named(name))
            && let Some(expires_at) = entry.expires_after(now)
        {
            // An end that was promised is kept, when the time to live is shorter than before.
            let expires_at = expires_at.max(now.saturating_add(ttl));
            self.records.extend(at, expires_at);
            return Ok(grant(token, expires_at, now));
        }
        Err(match self.records.held(name, now) {
            Some((entry, expires_at)) => RenewError::Superseded {
                name: name.into(),
                token,
                holder: self.holder(entry, expires_at, now),
            },
            None => RenewError::Ended {
                name: name.into(),
                token,
            },
        })
    }

    /// Ends the grant `token` of `name`: the name is free at once. Releasing again is no error while
    /// the table remembers the first time, so that a retry after a lost answer is answered the same.
    ///
    /// # Errors
    ///
    /// [`ReleaseError`] when that grant did not hold the lease (any more). Whoever holds it now
    /// keeps it.
    pub fn release(
        &mut self,
        now: Instant,
        name: &str,
        token: FencingToken,
    ) -> Result<(), ReleaseError> {
        let now = self.advance(now);
        let place = self.records.find_token(token);
        let found = place.and_then(|at| Some((at, self.records.entry(at)?)));
        if let Some((at, entry)) = found.filter(|(_, entry)| entry.is_named(name)) {
            if entry.expires_after(now).is_some() {
                let forget_at = now.saturating_add(self.limits.remember_for);
                self.records.end(at, true, forget_at);
                return Ok(());
            }
            if matches!(entry.hold, Hold::Ended { released: true, .. }) {
                return Ok(());
            }
        }
        Err(match self.records.held(name, now) {
            Some((entry, expires_at)) => ReleaseError::Superseded {
                name: name.into(),
                token,
                holder: self.holder(entry, expires_at, now),
            },
            None => ReleaseError::Ended {
                name: name.into(),
                token,
            },
        })
    }

    /// Who holds `name` at `now`, if anybody.
    pub fn get(&self, now: Instant, name: &str) -> Option<Lease<'_>> {
        let entry = self.records.entry(self.records.find(name)?)?;
        self.lease(entry, self.now.max(now))
    }

    /// All leases that have a holder at `now`, by name. Sorts them for that.
    pub fn leases(&self, now: Instant) -> impl Iterator<Item = Lease<'_>> {
        let now = self.now.max(now);
        let entries = self.records.sorted().into_iter();
        entries.filter_map(move |entry| self.lease(entry, now))
    }

    /// Takes note that time has passed, and returns the leases that ended by it, the earliest first
    /// and then by token. Each is returned once.
    ///
    /// A lease is over when its time has passed, whether this is called or not; call it to learn of
    /// it and to free memory, for example at [`next_expiry`](Self::next_expiry). Not returned are
    /// leases whose place was needed before: by the next holder of the name, or by another name at
    /// the bound of the table.
    pub fn expire(&mut self, now: Instant) -> Vec<Expired> {
        core::iter::from_fn(|| self.expire_next(now)).collect()
    }

    /// As [`expire`](Self::expire), one lease per call, for callers that bound their work. `None`
    /// when no other lease has ended.
    pub fn expire_next(&mut self, now: Instant) -> Option<Expired> {
        let now = self.advance(now);
        let Some((expired_at, at)) = self.records.first_expired(now) else {
            for _ in 0..FORGET_AT_ONCE {
                self.records.forget_one(now);
            }
            return None;
        };
        self.records
            .end(at, false, now.saturating_add(self.limits.remember_for));
        let entry = self.records.entry(at)?;
        Some(Expired {
            name: String::from(entry.name.as_str()),
            owner: String::from(self.records.owner(entry)),
            token: entry.token,
            expired_at,
        })
    }

    /// Sorts up to `steps` of the leases whose time has passed, each step in constant time, so that
    /// [`expire_next`](Self::expire_next) finds them sorted. False when all are.
    ///
    /// No answer depends on it, and it is no command: a replica may call it whenever it is idle. It is
    /// for tables of many leases that end in one moment, in which the first call of `expire_next`
    /// would otherwise sort them all, at some tens of nanoseconds for each.
    pub fn sort_ended(&mut self, steps: usize) -> bool {
        let now = self.now;
        (0..steps).all(|_| self.records.sort(now))
    }

    /// When to call [`expire`](Self::expire) next: no lease ends before that, and the first may end
    /// somewhat later. In the past when a lease has ended and `expire` was not called since. Nothing
    /// when there are no leases. Changed by every command that succeeds, and by `expire`.
    ///
    /// A hint that may differ between replicas, so nothing that must be equal may depend on it.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.records.next_end()
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
        self.now
    }

    /// The answer that a request has got before, or gets as the name is held. None if it is free.
    fn answered(
        &self,
        now: Instant,
        at: u32,
        owner: &str,
        request: u128,
    ) -> Result<Option<Grant>, AcquireError> {
        let Some(entry) = self.records.entry(at) else {
            return Ok(None);
        };
        let name = entry.name.as_str();
        let is_retry = self.records.is_retry(at, owner, request);
        match (entry.expires_after(now), is_retry) {
            (Some(expires_at), true) => Ok(Some(grant(entry.token, expires_at, now))),
            (Some(expires_at), false) => Err(AcquireError::Held {
                name: name.into(),
                holder: self.holder(entry, expires_at, now),
            }),
            (None, true) => Err(AcquireError::Ended {
                name: name.into(),
                token: entry.token,
            }),
            (None, false) => Ok(None),
        }
    }

    /// Makes room for one: forgets an ended lease, one that was noticed to have ended if there is
    /// one. False when all are held at `now`.
    fn make_room(&mut self, now: Instant) -> bool {
        if self.records.forget_first() {
            return true;
        }
        match self.records.first_expired(now) {
            Some((_, at)) => {
                self.records.end(at, false, now);
                self.records.forget_first()
            }
            None => false,
        }
    }

    fn holder(&self, entry: &Entry, expires_at: Instant, now: Instant) -> Holder {
        Holder {
            owner: String::from(self.records.owner(entry)),
            token: entry.token,
            expires_at,
            remaining: expires_at.since(now),
        }
    }

    fn lease<'a>(&'a self, entry: &'a Entry, now: Instant) -> Option<Lease<'a>> {
        let expires_at = entry.expires_after(now)?;
        Some(Lease {
            name: entry.name.as_str(),
            owner: self.records.owner(entry),
            token: entry.token,
            expires_at,
            remaining: expires_at.since(now),
        })
    }

    fn check_bounds(&self, name: &str, owner: &str, ttl: Duration) -> Result<(), AcquireError> {
        let limits = self.limits;
        let max = usize::from(limits.max_name_bytes);
        if name.is_empty() || name.len() > max {
            let bytes = name.len();
            return Err(AcquireError::Name { bytes, max });
        }
        let max = usize::from(limits.max_owner_bytes);
        if owner.is_empty() || owner.len() > max {
            let bytes = owner.len();
            return Err(AcquireError::Owner { bytes, max });
        }
        let (min, max) = (limits.min_ttl, limits.max_ttl);
        if ttl < min || ttl > max {
            return Err(AcquireError::Ttl { ttl, min, max });
        }
        Ok(())
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
            .field("last_token", &self.last_token);
        shown.field("leases", &self.leases(self.now).collect::<Vec<_>>());
        shown.finish_non_exhaustive()
    }
}
