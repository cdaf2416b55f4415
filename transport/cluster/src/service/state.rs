//! The state, and what each command does to it.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use quorate_clocks::Instant;
use quorate_idempotency::{
    Claim, ClaimError, Class, Fingerprint, Key, KeyStore, Limits as KeyLimits, Policy, Pressure,
    Remember, Request,
};
use quorate_leases::{AcquireError, Fence, FencingToken, LeaseTable, Limits as LeaseLimits};

use super::codec::CodecError;
use super::fencing::{Tokens, fence_bytes};
use super::{Answer, Command, Condition, Guard, Operation, Outcome};
use crate::api::{MAX_LEASE_TTL_MS, MAX_NAME_BYTES, MAX_OWNER_BYTES, MIN_LEASE_TTL_MS};
use crate::planted::PlantedBug;

/// How long an answer is remembered for its idempotency key, in the log's time. A retry that comes
/// later runs again. Part of the state machine: it must be the same on every node.
pub const RETENTION: Duration = Duration::from_secs(600);

/// Bytes of names and values, each with 64 more, that may be held. Further writes answer
/// [`Outcome::Full`]. Part of the state machine, as is [`RETENTION`].
pub const MAX_HELD_BYTES: u64 = 512 << 20;

/// What an entry counts besides its name and its value.
const ENTRY_BYTES: u64 = 64;

/// Idempotency keys that are remembered at once. Writes with further ones answer
/// [`Answer::KeysFull`]. Part of the state machine, as is [`RETENTION`].
pub const MAX_IDEMPOTENCY_KEYS: u64 = 1_000_000;

/// Steps towards clearing away idempotency keys that one command does. Each brings one key at most, which
/// costs a dozen, so this keeps up; and a
/// million whose time is over at once, after a silence, do not hold up the log. No answer depends on
/// it: a key whose time is over counts as absent, cleared away or not.
const FORGET_AT_ONCE: u64 = 64;

/// How long an attempt may run. It begins and completes in one command, so any time will do.
const ATTEMPT: Duration = Duration::from_secs(1);

/// The replicated state.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Service {
    /// The log's time: the newest stamp applied.
    pub(super) now: Instant,
    pub(super) values: BTreeMap<String, Value>,
    pub(super) counters: BTreeMap<String, Counter>,
    /// The newest token that each name has seen, of names that exist.
    pub(super) fences: BTreeMap<(Space, String), Fence>,
    /// And of names that do not exist any more: a stale holder must not bring back what its
    /// successor has deleted.
    pub(super) gone_fences: Tokens<(Space, String)>,
    /// The largest token of a fence that was dropped.
    pub(super) fence_floor: FencingToken,
    pub(super) leases: LeaseTable,
    /// The last token of each lease that has ended and that nobody has taken since.
    pub(super) ended_leases: Tokens<String>,
    pub(super) keys: KeyStore,
    /// What the maps hold, as [`MAX_HELD_BYTES`] counts. Follows from them.
    pub(super) held_bytes: u64,
}

/// A value, and the index of the command that wrote it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Value {
    pub(super) revision: u64,
    pub(super) bytes: Bytes,
}

/// A sum, and the index of the last command that changed it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Counter {
    pub(super) revision: u64,
    pub(super) sum: i64,
}

/// What a fenced name is the name of.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Space {
    Value,
    Counter,
}

/// How much the state holds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Sizes {
    /// Keys with a value.
    pub keys: u64,
    /// Counters.
    pub counters: u64,
    /// Leases that have not ended.
    pub leases: u64,
    /// Idempotency keys that take up room: those that are remembered, and those whose time is over
    /// and that are not cleared away yet.
    pub idempotency_keys: u64,
    /// Bytes, as [`MAX_HELD_BYTES`] counts them.
    pub held_bytes: u64,
    /// The log's time.
    pub log_time: Instant,
}

impl Default for Service {
    fn default() -> Self {
        Self::new()
    }
}

impl Service {
    /// The state before the first command.
    pub fn new() -> Self {
        Self {
            now: Instant::ORIGIN,
            values: BTreeMap::new(),
            counters: BTreeMap::new(),
            fences: BTreeMap::new(),
            gone_fences: Tokens::default(),
            fence_floor: FencingToken::NONE,
            leases: LeaseTable::new(lease_limits()),
            ended_leases: Tokens::default(),
            keys: key_store(),
            held_bytes: 0,
        }
    }

    /// Applies the command at `index` of the log. Indexes must ascend.
    pub fn apply(&mut self, index: u64, command: &Bytes) -> Answer {
        let (command, payload) = match Command::decode_with_payload(command) {
            Ok(decoded) => decoded,
            Err(error) => return Answer::Malformed(error),
        };
        // A stamp of an old leader may come after one of its successor; time does not go back.
        self.now = self.now.max(command.stamp);
        let expired = self.leases.expire(self.now);
        self.note_ended(expired);
        self.keys.expire_some(self.now, FORGET_AT_ONCE);
        match command.idempotency_key {
            Some(name) if !PlantedBug::ForgetIdempotency.is_planted() => {
                match Key::new("", &name) {
                    Ok(key) => self.run_once(index, &key, &payload, command.operation),
                    Err(error) => Answer::Malformed(CodecError::invalid(error.to_string())),
                }
            }
            _ => Answer::Ran(self.run(index, command.operation)),
        }
    }

    /// Runs the operation, unless one with the same key ran before. Recording the answer and having
    /// the effect are one command, so neither can be there without the other.
    fn run_once(&mut self, index: u64, key: &Key, payload: &Bytes, operation: Operation) -> Answer {
        let fingerprint = Fingerprint::of([("operation", &payload[..])]);
        let request = Request::new(key, fingerprint);
        let token = match self.keys.claim(self.now, request) {
            Ok(Claim::Run(attempt)) => attempt.token,
            Ok(Claim::Replay(stored)) => {
                return match Outcome::decode(&stored) {
                    Ok(outcome) => Answer::Replayed(outcome),
                    Err(error) => Answer::Malformed(error),
                };
            }
            Ok(Claim::Mismatch { .. }) => return Answer::KeyReused,
            // No attempt is ever left running by a command, and no response is dropped.
            Ok(
                Claim::InProgress { .. }
                | Claim::TakeOver(_)
                | Claim::AlreadyApplied
                | Claim::TooOld { .. },
            ) => {
                return Answer::KeysFull { retry_after: None };
            }
            Err(ClaimError::Full { .. }) => {
                let forgotten = self.keys.next_expiry();
                return Answer::KeysFull {
                    retry_after: forgotten.map(|at| at.since(self.now)),
                };
            }
            Err(_) => return Answer::KeysFull { retry_after: None },
        };
        let outcome = self.run(index, operation);
        // The attempt was begun a moment ago, so neither can be refused; and if it were, the key
        // would only stay taken for `ATTEMPT`.
        if outcome.is_final() {
            let _ = self
                .keys
                .complete(self.now, key, token, Class::Success, outcome.encode());
        } else {
            let _ = self.keys.fail(self.now, key, token);
        }
        Answer::Ran(outcome)
    }

    fn run(&mut self, index: u64, operation: Operation) -> Outcome {
        match operation {
            Operation::Put {
                key,
                value,
                condition,
                guard,
            } => self.put(index, key, value, condition, guard),
            Operation::Delete {
                key,
                condition,
                guard,
            } => self.delete(index, key, condition, guard),
            Operation::Add {
                name,
                amount,
                guard,
            } => self.add(index, name, amount, guard),
            Operation::Acquire {
                name,
                owner,
                ttl_ms,
            } => self.acquire(index, name, owner, ttl_ms),
            Operation::Renew {
                name,
                token,
                ttl_ms,
            } => self.renew(index, name, token, ttl_ms),
            Operation::AtAny { revisions, write } => self.run_at_any(index, &revisions, *write),
            Operation::Release { name, token } => self.release(index, name, token),
        }
    }

    /// Runs a put or a delete when the key is at one of the revisions.
    fn run_at_any(&mut self, index: u64, revisions: &[u64], mut write: Operation) -> Outcome {
        if let Operation::Put { key, condition, .. } | Operation::Delete { key, condition, .. } =
            &mut write
        {
            let found = self.values.get(key).map_or(0, |value| value.revision);
            let is_named = revisions.contains(&found);
            // No key is at revision 0.
            *condition = Condition::Revision(if is_named { found } else { 0 });
        }
        self.run(index, write)
    }

    fn put(
        &mut self,
        index: u64,
        key: String,
        bytes: Bytes,
        condition: Condition,
        guard: Option<Guard>,
    ) -> Outcome {
        let fence = match self.may_write(&key, condition, guard.as_ref()) {
            Ok(fence) => fence,
            Err(refused) => return refused,
        };
        let freed = self.values.get(&key).map_or(0, |old| old.size(&key));
        let value = Value {
            revision: index,
            // The command is a slice of a frame or of a piece of the log, which may be a thousand
            // times as large: a value that shared its memory would hold all of that for ever.
            bytes: Bytes::copy_from_slice(&bytes),
        };
        if !self.make_room(freed, value.size(&key) + fence_bytes(&key, fence)) {
            return Outcome::Full;
        }
        self.fence(Space::Value, &key, fence);
        self.values.insert(key, value);
        Outcome::Written { revision: index }
    }

    fn delete(
        &mut self,
        index: u64,
        key: String,
        condition: Condition,
        guard: Option<Guard>,
    ) -> Outcome {
        let fence = match self.may_write(&key, condition, guard.as_ref()) {
            Ok(fence) => fence,
            Err(refused) => return refused,
        };
        let freed = self.values.get(&key).map_or(0, |old| old.size(&key));
        if !self.make_room(freed, fence_bytes(&key, fence)) {
            return Outcome::Full;
        }
        let removed = self.values.remove(&key);
        self.leave_fence(Space::Value, &key, fence);
        Outcome::Deleted {
            revision: index,
            existed: removed.is_some(),
        }
    }

    fn add(&mut self, index: u64, name: String, amount: i64, guard: Option<Guard>) -> Outcome {
        let fence = match self.pass(Space::Counter, &name, guard.as_ref()) {
            Ok(fence) => fence,
            Err(refused) => return refused,
        };
        let before = self.counters.get(&name).copied();
        let Some(sum) = before.map_or(0, |counter| counter.sum).checked_add(amount) else {
            return Outcome::Overflow;
        };
        let counter_bytes = before.map_or_else(|| entry_bytes(&name), |_| 0);
        if !self.make_room(0, counter_bytes + fence_bytes(&name, fence)) {
            return Outcome::Full;
        }
        self.fence(Space::Counter, &name, fence);
        let counter = Counter {
            revision: index,
            sum,
        };
        self.counters.insert(name, counter);
        Outcome::Added {
            value: sum,
            revision: index,
        }
    }

    fn acquire(&mut self, index: u64, name: String, owner: String, ttl_ms: u64) -> Outcome {
        let ttl = Duration::from_millis(ttl_ms);
        // Retries are recognised by their idempotency key, so every command is a request of its own.
        let request = u128::from(index);
        match self.leases.acquire(self.now, &name, &owner, ttl, request) {
            Ok(grant) => {
                self.ended_leases.remove(name.as_str());
                Outcome::Granted {
                    name,
                    owner,
                    token: grant.token.0,
                    ttl_ms,
                    revision: index,
                }
            }
            Err(AcquireError::Held { holder, .. }) => Outcome::Held {
                holder: holder.owner,
                remaining_ms: millis_up(holder.remaining),
            },
            // The bounds were checked when the command was read.
            Err(_) => Outcome::Full,
        }
    }

    fn renew(&mut self, index: u64, name: String, token: u64, ttl_ms: u64) -> Outcome {
        let ttl = Duration::from_millis(ttl_ms);
        let token = FencingToken(token);
        let Ok(grant) = self.leases.renew(self.now, &name, token, ttl) else {
            return Outcome::Lost;
        };
        let owner = self
            .leases
            .get(self.now, &name)
            .map_or_else(String::new, |lease| lease.owner.to_owned());
        Outcome::Granted {
            name,
            owner,
            token: token.0,
            // Longer than asked for when more than that was promised before.
            ttl_ms: u64::try_from(grant.remaining.as_millis()).unwrap_or(ttl_ms),
            revision: index,
        }
    }

    fn release(&mut self, index: u64, name: String, token: u64) -> Outcome {
        match self.leases.release(self.now, &name, FencingToken(token)) {
            Ok(()) => {
                self.note_end_of(name.clone(), FencingToken(token));
                Outcome::Released {
                    name,
                    token,
                    revision: index,
                }
            }
            Err(_) => Outcome::Lost,
        }
    }

    /// Whether a write to a key may happen, as [`pass`](Self::pass) tells it. The fence of a key is
    /// raised before its revision is looked at: a new holder shuts the old one out even when it
    /// finds the key changed.
    fn may_write(
        &mut self,
        key: &str,
        condition: Condition,
        guard: Option<&Guard>,
    ) -> Result<Option<FencingToken>, Outcome> {
        let fence = self.pass(Space::Value, key, guard)?;
        self.meets(key, condition)?;
        Ok(fence)
    }

    /// Whether the key is as the write wants it.
    fn meets(&self, key: &str, condition: Condition) -> Result<(), Outcome> {
        let revision = self.values.get(key).map_or(0, |value| value.revision);
        let holds = match condition {
            Condition::Always => true,
            Condition::Revision(wanted) => revision == wanted && revision != 0,
            Condition::Exists => revision != 0,
            Condition::Absent => revision == 0,
        };
        if holds {
            Ok(())
        } else {
            Err(Outcome::RevisionMismatch { revision })
        }
    }

    /// Counts the bytes, unless they are too many.
    fn make_room(&mut self, freed: u64, taken: u64) -> bool {
        let held = self.held_bytes.saturating_sub(freed).saturating_add(taken);
        // What makes the state no larger is always let through.
        let fits = held <= MAX_HELD_BYTES || taken <= freed;
        if fits {
            self.held_bytes = held;
        }
        fits
    }

    /// The log's time: the newest stamp applied.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// A key's revision and value.
    pub fn get(&self, key: &str) -> Option<(u64, Bytes)> {
        let value = self.values.get(key)?;
        Some((value.revision, value.bytes.clone()))
    }

    /// A counter's revision and sum.
    pub fn counter(&self, name: &str) -> Option<(u64, i64)> {
        let counter = self.counters.get(name)?;
        Some((counter.revision, counter.sum))
    }

    /// Who holds a lease: the owner, the token, and when in the log's time it ends.
    pub fn lease(&self, name: &str) -> Option<(String, u64, Instant)> {
        let lease = self.leases.get(self.now, name)?;
        Some((lease.owner.to_owned(), lease.token.0, lease.expires_at))
    }

    /// How much it holds.
    pub fn sizes(&self) -> Sizes {
        Sizes {
            keys: self.values.len() as u64,
            counters: self.counters.len() as u64,
            leases: self.leases.leases(self.now).count() as u64,
            idempotency_keys: self.keys.len() as u64,
            held_bytes: self.held_bytes,
            log_time: self.now,
        }
    }
}

impl Value {
    pub(super) fn size(&self, key: &str) -> u64 {
        entry_bytes(key) + self.bytes.len() as u64
    }
}

/// What an entry counts without its value.
pub(super) fn entry_bytes(name: &str) -> u64 {
    ENTRY_BYTES + name.len() as u64
}

/// Milliseconds, rounded up: waiting that long is long enough.
pub(crate) fn millis_up(span: Duration) -> u64 {
    u64::try_from(span.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// The bounds of the lease table. Part of the state machine.
pub(super) fn lease_limits() -> LeaseLimits {
    LeaseLimits {
        max_name_bytes: MAX_NAME_BYTES as u16,
        max_owner_bytes: MAX_OWNER_BYTES as u16,
        min_ttl: Duration::from_millis(MIN_LEASE_TTL_MS),
        max_ttl: Duration::from_millis(MAX_LEASE_TTL_MS),
        // Nobody polls them.
        max_events: 0,
        ..LeaseLimits::default()
    }
}

/// The bounds of the key store. Part of the state machine.
pub(super) fn key_limits() -> KeyLimits {
    KeyLimits {
        keys: MAX_IDEMPOTENCY_KEYS,
        keys_per_scope: MAX_IDEMPOTENCY_KEYS,
        response_bytes: 2_048,
        ..KeyLimits::default()
    }
}

/// What is remembered of a write: its answer, whatever becomes of the room. Part of the state machine.
pub(super) fn key_policy() -> Policy {
    Policy {
        success: Remember::Replay { retain: RETENTION },
        lease: ATTEMPT,
        abandoned: RETENTION,
        pressure: Pressure::Refuse,
        ..Policy::default()
    }
}

fn key_store() -> KeyStore {
    let mut keys = KeyStore::new(key_limits());
    // A constant that makes sense, as every test would notice.
    let _ = keys.set_policy(key_policy());
    keys
}
