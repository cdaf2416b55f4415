//! What must hold of the store that threads share.
#![cfg(feature = "shared")]
// It has threads.
#![allow(clippy::disallowed_methods)]

#[macro_use]
mod shared_traps;

use quorate_idempotency::{Limits, Policy, SharedOptions, SharedStore, SharedStoreError};
use shared_traps::Stores;

struct Sound;

impl Stores for Sound {
    fn try_start(
        &self,
        limits: Limits,
        policy: Policy,
        options: SharedOptions,
    ) -> Result<SharedStore, SharedStoreError> {
        SharedStore::with_options(limits, policy, options)
    }
}

shared_traps::test_traps!(Sound);
