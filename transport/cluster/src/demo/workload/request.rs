//! Writes as values, so that the same one can be sent again.

use std::sync::Arc;

use super::session::encode;
use crate::api::{CounterValue, Deleted, Written};
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
