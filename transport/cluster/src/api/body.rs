//! JSON bodies of requests and answers.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// A value was written.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Written {
    /// The key's new revision.
    pub revision: u64,
}

/// A key was removed, or was not there.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Deleted {
    /// The index in the log of the removal.
    pub revision: u64,
    /// Whether there was a value.
    pub existed: bool,
}

/// Add to a counter.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Add {
    /// How much; may be negative.
    pub add: i64,
}

/// What a counter holds. One that was never added to is zero at revision zero.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct CounterValue {
    /// The sum of all that was added.
    pub value: i64,
    /// The index in the log of the last addition.
    pub revision: u64,
}

/// Ask for a lease.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AcquireLease {
    /// Who asks: any text that tells holders apart.
    pub owner: String,
    /// For how long, in milliseconds.
    pub ttl_ms: u64,
}

/// Ask for more of a lease that is held.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RenewLease {
    /// The token that was granted.
    pub token: u64,
    /// For how long from now, in milliseconds.
    pub ttl_ms: u64,
}

/// Give a lease back.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseLease {
    /// The token that was granted.
    pub token: u64,
}

/// A lease is held.
///
/// The holder must count `ttl_ms` from when it *sent* the request, never from when the answer came,
/// and send `Fencing-Token: <name>:<token>` with every write that the lease is to protect.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct LeaseGranted {
    /// The lease.
    pub name: String,
    /// Who holds it.
    pub owner: String,
    /// The fencing token: larger than that of every earlier grant of any lease.
    pub token: u64,
    /// For how long, in milliseconds.
    pub ttl_ms: u64,
    /// The index in the log of the grant or renewal.
    pub revision: u64,
}

/// Who holds a lease, as `GET` tells it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct LeaseState {
    /// The lease.
    pub name: String,
    /// Who holds it.
    pub owner: String,
    /// The fencing token of its grant.
    pub token: u64,
    /// For how long still at most, in milliseconds, unless it is renewed or given back. 0 when its
    /// time is over and no write has come since that would have ended it.
    pub remaining_ms: u64,
}

/// A lease was given back.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct LeaseReleased {
    /// The lease.
    pub name: String,
    /// The token that ended.
    pub token: u64,
    /// The index in the log of the release.
    pub revision: u64,
}

/// What is wrong with this node's links, on purpose. A `PUT` replaces all of it; `{}` heals.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// Peers with which no message is exchanged, in neither direction.
    #[serde(default)]
    pub cut: BTreeSet<u64>,
    /// By peer, how long each message to and from it is held back, in milliseconds.
    #[serde(default)]
    pub delay_ms: BTreeMap<u64, u64>,
}
