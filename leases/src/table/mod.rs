//! The grantor's side: who holds which name, and until when.

mod clock;
mod error;
mod lease;
mod limits;
mod record;
mod snapshot;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use quorate_clocks::Instant;

pub use clock::LeaseClock;
pub use error::{AcquireError, ReleaseError, RenewError};
pub use lease::{Expired, Grant, Holder, Lease};
pub use limits::Limits;
pub use snapshot::RestoreError;

use crate::FencingToken;
use record::{Phase, Record, Records};

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
/// assert_eq!(table.next_expiry(), Some(at(15_000)));
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
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct LeaseTable {
    limits: Limits,
    now: Instant,
    last_token: FencingToken,
    records: Records,
}

impl LeaseTable {
    /// An empty table, whose first grant is token 1. Only for resources whose fences are new too.
    pub const fn new(limits: Limits) -> Self {
        Self::with_tokens_after(limits, FencingToken::NONE)
    }

    /// An empty table whose tokens all are larger than `last`: for when the table was lost for good
    /// and the newest token anybody knows of, from the fences, is `last`.
    pub const fn with_tokens_after(limits: Limits, last: FencingToken) -> Self {
        Self {
            limits,
            now: Instant::ORIGIN,
            last_token: last,
            records: Records::new(),
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
        let full = match self.records.get(name) {
            Some(record) => {
                let is_retry = &*record.owner == owner && record.request == request;
                match (record.expires_after(now), is_retry) {
                    (Some(expires_at), true) => return Ok(grant(record.token, expires_at, now)),
                    (Some(expires_at), false) => {
                        return Err(AcquireError::Held {
                            name: name.into(),
                            holder: holder(record, expires_at, now),
                        });
                    }
                    (None, true) => {
                        return Err(AcquireError::Ended {
                            name: name.into(),
                            token: record.token,
                        });
                    }
                    (None, false) => false,
                }
            }
            None => self.records.len() >= self.limits.max_leases as usize,
        };
        let Some(token) = self.last_token.next() else {
            return Err(AcquireError::TokensExhausted { name: name.into() });
        };
        if full && !self.records.forget_oldest_ended(now) {
            return Err(AcquireError::Full {
                name: name.into(),
                max: self.limits.max_leases as usize,
            });
        }
        self.last_token = token;
        let expires_at = now.saturating_add(ttl);
        let record = Record {
            owner: owner.into(),
            request,
            token,
            phase: Phase::Held { expires_at },
        };
        self.records.insert(Arc::from(name), record);
        Ok(grant(token, expires_at, now))
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
        match self.records.held(name, now) {
            Some((record, expires_at)) if record.token == token => {
                // An end that was promised is kept, when the time to live is shorter than before.
                let expires_at = expires_at.max(now.saturating_add(ttl));
                self.records.set_phase(name, Phase::Held { expires_at });
                Ok(grant(token, expires_at, now))
            }
            Some((record, expires_at)) => Err(RenewError::Superseded {
                name: name.into(),
                token,
                holder: holder(record, expires_at, now),
            }),
            None => Err(RenewError::Ended {
                name: name.into(),
                token,
            }),
        }
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
        if let Some((record, expires_at)) = self.records.held(name, now) {
            if record.token != token {
                return Err(ReleaseError::Superseded {
                    name: name.into(),
                    token,
                    holder: holder(record, expires_at, now),
                });
            }
            let forget_at = now.saturating_add(self.limits.remember_for);
            self.records.set_phase(name, Phase::Released { forget_at });
            return Ok(());
        }
        match self
            .records
            .get(name)
            .map(|record| (record.token, record.phase))
        {
            Some((released, Phase::Released { .. })) if released == token => Ok(()),
            _ => Err(ReleaseError::Ended {
                name: name.into(),
                token,
            }),
        }
    }

    /// Who holds `name` at `now`, if anybody.
    pub fn get(&self, now: Instant, name: &str) -> Option<Lease<'_>> {
        self.records
            .get_entry(name)
            .and_then(|(name, record)| lease(name, record, self.now.max(now)))
    }

    /// All leases that have a holder at `now`, by name.
    pub fn leases(&self, now: Instant) -> impl Iterator<Item = Lease<'_>> {
        let now = self.now.max(now);
        self.records
            .iter()
            .filter_map(move |(name, record)| lease(name, record, now))
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
        let Some((expired_at, name)) = self.records.first_expired(now) else {
            self.records.forget_until(now);
            return None;
        };
        let forget_at = expired_at.saturating_add(self.limits.remember_for);
        self.records.set_phase(&name, Phase::Expired { forget_at });
        let record = self.records.get(&name)?;
        Some(Expired {
            name: String::from(&*name),
            owner: String::from(&*record.owner),
            token: record.token,
            expired_at,
        })
    }

    /// When the next lease ends, if nothing is renewed. In the past when a lease has ended and
    /// [`expire`](Self::expire) was not called since. Changed by every command that succeeds.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.records.first_deadline()
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

fn holder(record: &Record, expires_at: Instant, now: Instant) -> Holder {
    Holder {
        owner: String::from(&*record.owner),
        token: record.token,
        expires_at,
        remaining: expires_at.since(now),
    }
}

fn lease<'a>(name: &'a str, record: &'a Record, now: Instant) -> Option<Lease<'a>> {
    let expires_at = record.expires_after(now)?;
    Some(Lease {
        name,
        owner: &record.owner,
        token: record.token,
        expires_at,
        remaining: expires_at.since(now),
    })
}
