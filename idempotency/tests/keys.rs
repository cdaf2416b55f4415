//! What must hold of the key store.

#[macro_use]
mod key_traps;

use bytes::Bytes;
use key_traps::Stores;
use quorate_idempotency::{KeyStore, Limits, Policy};

struct Sound;

impl Stores for Sound {
    fn start(&self, number: u64, limits: Limits, policy: Policy) -> KeyStore {
        let mut store = KeyStore::with_hash_secret(limits, [number, 7]);
        store.set_policy(policy).expect("it makes sense");
        store
    }

    fn restore(&self, _: u64, snapshot: &Bytes) -> KeyStore {
        KeyStore::restore(snapshot).expect("a snapshot that was taken")
    }
}

key_traps::test_traps!(Sound);
