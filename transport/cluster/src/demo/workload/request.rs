//! Writes as values, so that the same one can be sent again.

use std::sync::Arc;

use super::session::encode;
use crate::api::{
    AcquireLease, CounterValue, Deleted, LeaseGranted, LeaseReleased, ReleaseLease, RenewLease,
    Written,
};
use crate::client::{Client, Outcome, WriteOptions};

/// A write that can be sent more than once.
pub(super) trait Request: Sync {
    /// What the service answers when it was done.
    type Answer: Send;

    /// Sends it once.
    fn send(&self, client: &mut Client) -> impl Future<Output = Outcome<Self::Answer>> + Send;
}

/// Gives a key a value.
pub(super) struct Put<'a> {
    pub(super) key: &'a Arc<str>,
    pub(super) value: u64,
    pub(super) options: WriteOptions,
}

impl Request for Put<'_> {
    type Answer = Written;

    async fn send(&self, client: &mut Client) -> Outcome<Written> {
        client
            .put(self.key, encode(self.value), &self.options)
            .await
    }
}

/// Removes a key.
pub(super) struct Delete<'a> {
    pub(super) key: &'a Arc<str>,
    pub(super) options: WriteOptions,
}

impl Request for Delete<'_> {
    type Answer = Deleted;

    async fn send(&self, client: &mut Client) -> Outcome<Deleted> {
        client.delete(self.key, &self.options).await
    }
}

/// Adds to a counter.
pub(super) struct Increment<'a> {
    pub(super) counter: &'a Arc<str>,
    pub(super) amount: i64,
    pub(super) options: WriteOptions,
}

impl Request for Increment<'_> {
    type Answer = CounterValue;

    async fn send(&self, client: &mut Client) -> Outcome<CounterValue> {
        client.add(self.counter, self.amount, &self.options).await
    }
}

/// Asks for a lease.
pub(super) struct Acquire {
    pub(super) lease: &'static str,
    pub(super) asked: AcquireLease,
    pub(super) options: WriteOptions,
}

impl Request for Acquire {
    type Answer = LeaseGranted;

    async fn send(&self, client: &mut Client) -> Outcome<LeaseGranted> {
        client.acquire(self.lease, &self.asked, &self.options).await
    }
}

/// Asks for more of a lease.
pub(super) struct Renew {
    pub(super) lease: &'static str,
    pub(super) asked: RenewLease,
    pub(super) options: WriteOptions,
}

impl Request for Renew {
    type Answer = LeaseGranted;

    async fn send(&self, client: &mut Client) -> Outcome<LeaseGranted> {
        client.renew(self.lease, &self.asked, &self.options).await
    }
}

/// Gives a lease back.
pub(super) struct Release {
    pub(super) lease: &'static str,
    pub(super) asked: ReleaseLease,
    pub(super) options: WriteOptions,
}

impl Request for Release {
    type Answer = LeaseReleased;

    async fn send(&self, client: &mut Client) -> Outcome<LeaseReleased> {
        client.release(self.lease, &self.asked, &self.options).await
    }
}
