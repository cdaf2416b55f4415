//! Calls on a `KeyStore` in any order, with any times: one store that forgets when it must, and one that forgets
//! at once and is restored from its snapshot at every step, answer alike. What they hold stays within the limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_idempotency::KeyStore;
use quorate_idempotency_fuzz::{Caller, Input, small_store};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    let mut store = small_store(&mut input);
    let mut other = store.clone();
    let (mut caller, mut other_caller) = (Caller::default(), Caller::default());
    while !input.is_empty() {
        let call = caller.next(&mut input);
        let answer = caller.make(&mut store, &call);
        assert_eq!(other_caller.make(&mut other, &call), answer, "{call:?}");
        other.expire(other.now());
        other = KeyStore::restore(&other.snapshot()).expect("its own snapshot");
        assert_eq!(store.snapshot(), other.snapshot(), "{call:?}");
        let limits = store.limits();
        assert!(store.len() as u64 <= limits.keys);
        assert!(store.key_bytes() <= limits.key_bytes);
        assert!(store.response_bytes() <= limits.all_response_bytes);
        assert!(store.tombstones() <= limits.tombstones);
    }
});
