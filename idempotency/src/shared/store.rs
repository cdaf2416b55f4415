//! The store itself.

use alloc::vec::Vec;
use core::fmt;

use quorate_clocks::Instant;

use super::shard::{Crowd, Inner, Shard, Ticket};
use super::shares::{shards, share};
use super::weakness::{Weakness, Weaknesses};
use super::{Running, SharedClaim, SharedInDoubt, SharedStoreError, Waiting};
use crate::store::HashSecret;
use crate::sync::{Arc, AtomicU64, Ordering};
use crate::{
    AcknowledgeError, AttemptToken, Claim, ClaimError, Fingerprint, Forgotten, Key, KeyStore,
    Limits, Policy, PolicyError, Request,
};

/// The largest [`SharedOptions::first_token`]: as many are left as a store can take in centuries.
const LARGEST_FIRST: u64 = u64::MAX / 2;
/// From here on no token is given. What threads take beside each other does not get to the end.
const LAST_TOKEN: u64 = u64::MAX - (1 << 32);
/// How many steps of forgetting are taken under one lock: for less than 100 µs.
const STEPS: u64 = 256;

/// A [`KeyStore`] for all threads of a process: the same promises, for each key, and two things more. Every
/// attempt has a [guard](Running), which says when it is lost. And a duplicate need not be turned away: it
/// can [wait](Waiting) for the answer of the first.
///
/// A clone is the same store.
///
/// ```
/// use std::thread;
/// use bytes::Bytes;
/// use quorate_clocks::Instant;
/// use quorate_idempotency::{
///     Class, Fingerprint, Key, Limits, Policy, Request, SharedClaim, SharedStore,
/// };
///
/// let store = SharedStore::new(Limits::default(), Policy::default(), 8)?;
/// let key = Key::new("tenant-7", "order-4711")?;
/// let now = Instant::from_millis(1_000);
///
/// // The same request comes to four threads at once.
/// let runs: usize = thread::scope(|scope| {
///     let handler = || match store.claim(now, Request::new(&key, Fingerprint(7))) {
///         Ok(SharedClaim::Run(running)) => {
///             let response = Bytes::from_static(b"placed");
///             running.complete(now, Class::Success, response).expect("nobody took over");
///             1
///         }
///         Ok(SharedClaim::InProgress(_)) => 0, // wait, or answer 409 with `Retry-After`
///         Ok(SharedClaim::Replay(response)) => {
///             assert_eq!(response, "placed");
///             0
///         }
///         other => panic!("{other:?}"),
///     };
///     let threads: Vec<_> = (0..4).map(|_| scope.spawn(handler)).collect();
///     threads.into_iter().map(|thread| thread.join().unwrap()).sum()
/// });
/// assert_eq!(runs, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # When to use it
///
/// When one process answers, on several threads, and its memory may be all there is. It is faster than a
/// [`KeyStore`] behind a lock, as threads rarely meet, and no duplicate has to come again.
///
/// What it does **not** give is durability: when the process dies, **everything is forgotten**, and a retry
/// runs again. Three ways to live with that:
///
/// * the effect goes into a database of your own: store the key there in the same transaction, under a unique
///   index. The database tells you of a second run after a crash; this store spares it the others;
/// * the effect is elsewhere: give every call [`Key::downstream`], and it happens once though it is asked for
///   twice. After a crash every request runs as if it were in doubt;
/// * neither: replicate a [`KeyStore`] through a log, and this one is not for you.
///
/// Resources that are fenced by tokens outlive the process: set [`SharedOptions::first_token`] above all
/// that went before, or they refuse everything.
///
/// It has no snapshot, as its parts are at different times: there is no moment at which all of it could be
/// one [`KeyStore`].
///
/// # Parts
///
/// It consists of [`shards`](Self::shards), each a [`KeyStore`] behind a lock of its own. The hash of the key,
/// by a secret, says which one is a key's. So what holds of a [`KeyStore`] holds for each key, and:
///
/// * **Limits** are for the whole, and split evenly: each shard may remember its share of
///   [`keys`](Limits::keys), [`keys_per_scope`](Limits::keys_per_scope), [`key_bytes`](Limits::key_bytes),
///   [`all_response_bytes`](Limits::all_response_bytes), [`tombstones`](Limits::tombstones) and
///   [`tombstones_per_scope`](Limits::tombstones_per_scope), rounded up. A shard that is full makes room or
///   refuses as a [`KeyStore`] does, also when others have room: keys fall on the shards by chance, so
///   with 16 of them the first is full when about 80 % of the limit are taken if a share is 64, 90 % if it is
///   1,000, and 97 % if it is 10,000.
///   There are fewer shards than were asked for if a share were less than 64 keys, of one scope too, or
///   64 of the largest responses; a store with small limits has one shard, and exact ones.
///   [`scopes`](Limits::scopes) is of each shard, as a scope has keys in many.
/// * **Time** never goes back for a key. A shard has the latest time that one of its own calls brought.
/// * **Tokens** are ordered over the whole store, and taken while the key's shard is locked.
///
/// Counters for the whole would make the limits exact, but not better: room can only be made where the lock
/// is held, and a shard with nothing to spare would refuse while others have something to forget.
#[derive(Clone)]
pub struct SharedStore {
    whole: Arc<Whole>,
}

struct Whole {
    limits: Limits,
    policy: Policy,
    secret: HashSecret,
    /// There is always one.
    first: Arc<Shard>,
    /// With the first.
    shards: Vec<Arc<Shard>>,
    crowd: Arc<Crowd>,
    tokens: Tokens,
    /// Where the next sweep begins.
    sweep: AtomicU64,
}

/// The next token. Alone on its line: every claim changes it.
#[repr(align(128))]
struct Tokens(AtomicU64);

impl Tokens {
    fn take(&self) -> Option<u64> {
        let token = self.0.fetch_add(1, Ordering::AcqRel);
        if token >= LAST_TOKEN {
            self.0.fetch_sub(1, Ordering::AcqRel);
            return None;
        }
        Some(token)
    }
}

/// How to set up a [`SharedStore`].
///
/// ```
/// use quorate_idempotency::{AttemptToken, Limits, Policy, SharedOptions, SharedStore};
///
/// // Tokens fence a database that outlives the process: later than all of the last one's. At fewer than a
/// // billion attempts a second, nanoseconds since 1970 are.
/// let since_1970 = std::time::UNIX_EPOCH.elapsed()?;
/// let options = SharedOptions {
///     shards: 32,
///     first_token: AttemptToken(since_1970.as_nanos() as u64),
///     ..SharedOptions::default()
/// };
/// let store = SharedStore::with_options(Limits::default(), Policy::default(), options)?;
/// assert_eq!(store.shards(), 32);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SharedOptions {
    /// How many parts there are, at most: rounded up to a power of two, 1 to 1,024, and halved until each
    /// has a fair share of the limits. Eight for each busy thread are enough. Default 16.
    pub shards: usize,
    /// How many [`Waiting`]s may wait at once. Default 10,000.
    pub waiting: u64,
    /// The token of the first attempt, 1 at least and half of `u64::MAX` at most. Default 1.
    pub first_token: AttemptToken,
    /// What keys are hashed with. Default: a secret from the operating system.
    pub hash_secret: Option<[u64; 2]>,
}

impl Default for SharedOptions {
    fn default() -> Self {
        Self {
            shards: 16,
            waiting: 10_000,
            first_token: AttemptToken(1),
            hash_secret: None,
        }
    }
}

impl SharedStore {
    /// An empty store of so many shards, or [fewer](SharedOptions::shards).
    ///
    /// # Errors
    ///
    /// When the policy makes no sense.
    pub fn new(limits: Limits, policy: Policy, shards: usize) -> Result<Self, SharedStoreError> {
        let options = SharedOptions {
            shards,
            ..SharedOptions::default()
        };
        Self::with_options(limits, policy, options)
    }

    /// An empty store.
    ///
    /// # Errors
    ///
    /// When the policy makes no sense, or the first token is too large.
    pub fn with_options(
        limits: Limits,
        policy: Policy,
        options: SharedOptions,
    ) -> Result<Self, SharedStoreError> {
        Self::weakened(limits, policy, options, Weaknesses::NONE)
    }

    pub(super) fn weakened(
        limits: Limits,
        policy: Policy,
        options: SharedOptions,
        weak: Weaknesses,
    ) -> Result<Self, SharedStoreError> {
        let first_token = options.first_token;
        if first_token.0 > LARGEST_FIRST {
            return Err(SharedStoreError::FirstToken {
                first: first_token,
                limit: AttemptToken(LARGEST_FIRST),
            });
        }
        let secret = match options.hash_secret {
            Some(secret) => HashSecret::Given(secret),
            None => HashSecret::random(),
        };
        let crowd = Arc::new(Crowd {
            len: AtomicU64::new(0),
            limit: options.waiting,
        });
        let count = shards(&limits, options.shards);
        let share = match weak.has(Weakness::LimitsOfEach) {
            true => limits,
            false => share(&limits, count),
        };
        let shard = || {
            let part = KeyStore::part(share, policy, secret.clone())?;
            Ok::<_, PolicyError>(Arc::new(Shard::new(part, Arc::clone(&crowd), weak)))
        };
        let first = shard()?;
        let mut shards = alloc::vec![Arc::clone(&first)];
        for _ in 1..count {
            shards.push(shard()?);
        }
        Ok(Self {
            whole: Arc::new(Whole {
                limits,
                policy,
                secret,
                first,
                shards,
                crowd,
                tokens: Tokens(AtomicU64::new(first_token.0.max(1))),
                sweep: AtomicU64::new(0),
            }),
        })
    }

    /// A request has come: says whether to run it.
    ///
    /// # Errors
    ///
    /// When there is no room, the lease is zero or over [`Limits::lease`], or the key says that it was
    /// made in the future. Nothing runs then.
    pub fn claim(&self, now: Instant, request: Request<'_>) -> Result<SharedClaim, ClaimError> {
        let (hash, shard) = self.shard_of(request.key);
        // The attempt may be without the store, but not without the shard.
        let shard = Arc::clone(shard);
        let ticket = |token| Ticket {
            key: request.key.clone(),
            hash,
            token,
        };
        let mut inner = shard.lock();
        let tokens = &self.whole.tokens;
        let claim = inner.store.claim_hashed(now, request, hash as u32, |own| {
            if shard.weak.has(Weakness::TokensOfShards) {
                *own += 1;
                return Some(*own);
            }
            tokens.take()
        })?;
        let (attempt, in_doubt) = match claim {
            Claim::Run(attempt) => (attempt, false),
            Claim::TakeOver(in_doubt) => (in_doubt.attempt, true),
            Claim::Replay(response) => return Ok(SharedClaim::Replay(response)),
            Claim::AlreadyApplied => return Ok(SharedClaim::AlreadyApplied),
            Claim::InProgress {
                token,
                until,
                retry_after,
            } => {
                drop(inner);
                let waiting = Waiting::new(shard, ticket(token), until, retry_after);
                return Ok(SharedClaim::InProgress(waiting));
            }
            Claim::Mismatch { stored, applied } => {
                return Ok(SharedClaim::Mismatch { stored, applied });
            }
            Claim::TooOld { horizon } => return Ok(SharedClaim::TooOld { horizon }),
        };
        let ticket = ticket(attempt.token);
        let telling = shard.begin(&mut inner, &ticket);
        drop(inner);
        if let Some(telling) = telling {
            telling.tell();
        }
        let running = Running::new(shard, ticket, attempt);
        Ok(match in_doubt {
            true => SharedClaim::TakeOver(SharedInDoubt::new(running.in_doubt())),
            false => SharedClaim::Run(running),
        })
    }

    /// The client has the answer: its response is dropped, and a copy of the request that is still on
    /// its way is told [`AlreadyApplied`](SharedClaim::AlreadyApplied). Acknowledging again changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// When the request has not completed, or the key is not known, or of another request.
    pub fn acknowledge(
        &self,
        now: Instant,
        key: &Key,
        fingerprint: Fingerprint,
    ) -> Result<(), AcknowledgeError> {
        let (_, shard) = self.shard_of(key);
        shard.lock().store.acknowledge(now, key, fingerprint)
    }

    /// Forgets every key whose time is over and says how many there were, tombstones included. It frees
    /// memory and changes no answer.
    pub fn expire(&self, now: Instant) -> u64 {
        self.expire_some(now, u64::MAX).forgotten
    }

    /// As [`expire`](Self::expire), but does `most` steps of work at most, each of constant time, for a task
    /// in the background: call it now and then, and again as long as it is not done. It begins with another
    /// shard every time, and holds the lock of one for at most 256 steps.
    pub fn expire_some(&self, now: Instant, most: u64) -> Forgotten {
        let shards = &self.whole.shards;
        let first = self.whole.sweep.fetch_add(1, Ordering::AcqRel) as usize % shards.len().max(1);
        let mut forgotten = 0;
        let mut left = most;
        // How many in a row had nothing.
        let mut idle = 0;
        for shard in shards.iter().cycle().skip(first) {
            if left == 0 || idle == shards.len() {
                break;
            }
            let (swept, steps) = shard.lock().store.expire_steps(now, left.min(STEPS));
            forgotten += swept.forgotten;
            // To look costs too.
            left = left.saturating_sub(steps.max(1));
            if swept.is_done && shard.weak.has(Weakness::SweepsOne) {
                idle = shards.len();
                break;
            }
            idle = if swept.is_done { idle + 1 } else { 0 };
        }
        Forgotten {
            forgotten,
            is_done: idle == shards.len(),
        }
    }

    /// When to look again whether [`expire`](Self::expire) has something to forget: not before.
    pub fn next_expiry(&self) -> Option<Instant> {
        let shards = self.whole.shards.iter();
        shards
            .filter_map(|shard| shard.lock().store.next_expiry())
            .min()
    }

    /// How many keys take up room, those included that are over and not yet forgotten, and without
    /// tombstones. Counted shard by shard, while other threads go on.
    pub fn len(&self) -> usize {
        self.sum(|inner| inner.store.len() as u64) as usize
    }

    /// Whether nothing takes up room.
    pub fn is_empty(&self) -> bool {
        let mut shards = self.whole.shards.iter();
        shards.all(|shard| shard.lock().store.is_empty())
    }

    /// How many attempts have neither completed nor failed.
    pub fn running(&self) -> u64 {
        self.sum(|inner| inner.store.running())
    }

    /// How many requests are known to be applied of which nothing else is left.
    pub fn tombstones(&self) -> u64 {
        self.sum(|inner| inner.store.tombstones())
    }

    /// Bytes of responses, with [`Limits::response_bytes`] set aside for each running attempt.
    pub fn response_bytes(&self) -> u64 {
        self.sum(|inner| inner.store.response_bytes())
    }

    /// How many [`Waiting`]s wait.
    pub fn waiting(&self) -> u64 {
        self.whole.crowd.len.load(Ordering::Acquire)
    }

    /// How many attempts somebody waits for.
    #[cfg(all(test, loom))]
    pub(super) fn waited_for(&self) -> u64 {
        self.sum(|inner| inner.waited_for())
    }

    /// How many parts it has.
    pub fn shards(&self) -> usize {
        self.whole.shards.len()
    }

    /// The limits of the whole.
    pub fn limits(&self) -> &Limits {
        &self.whole.limits
    }

    /// What is remembered of outcomes.
    pub fn policy(&self) -> &Policy {
        &self.whole.policy
    }

    /// The key's hash, of which the shard's own table sees one half, and its shard, by the other half.
    fn shard_of(&self, key: &Key) -> (u64, &Arc<Shard>) {
        let whole = &*self.whole;
        let hash = whole.secret.hash_whole(key);
        // Their number is a power of two.
        let at = (hash >> 32) as usize & whole.shards.len().wrapping_sub(1);
        (hash, whole.shards.get(at).unwrap_or(&whole.first))
    }

    fn sum(&self, of: impl Fn(&Inner) -> u64) -> u64 {
        let shards = self.whole.shards.iter();
        shards.fold(0, |sum, shard| sum.saturating_add(of(&shard.lock())))
    }
}

impl fmt::Debug for SharedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedStore")
            .field("shards", &self.shards())
            .field("limits", self.limits())
            .finish_non_exhaustive()
    }
}
