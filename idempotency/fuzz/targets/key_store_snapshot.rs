//! A snapshot of a `KeyStore`: arbitrary bytes, and one that was taken and then damaged. What is read is written
//! back the same, and can be used.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use quorate_clocks::Instant;
use quorate_idempotency::KeyStore;
use quorate_idempotency_fuzz::{Caller, Input, small_store};

fn read(bytes: Bytes, input: &mut Input<'_>) {
    let Ok(mut store) = KeyStore::restore(&bytes) else {
        return;
    };
    assert_eq!(store.snapshot(), bytes, "a store with two snapshots");
    let mut caller = Caller::default();
    for _ in 0..4 {
        let call = caller.next(input);
        caller.make(&mut store, &call);
    }
    store.expire(Instant::MAX);
}

fuzz_target!(|bytes: &[u8]| {
    read(Bytes::copy_from_slice(bytes), &mut Input(bytes));

    let mut input = Input(bytes);
    let mut store = small_store(&mut input);
    let mut caller = Caller::default();
    for _ in 0..input.byte() % 32 {
        let call = caller.next(&mut input);
        caller.make(&mut store, &call);
    }
    let mut damaged = store.snapshot().to_vec();
    for _ in 0..input.byte() % 4 {
        let at = usize::from(input.byte()) << 8 | usize::from(input.byte());
        let len = damaged.len();
        if let Some(byte) = damaged.get_mut(at % len) {
            *byte = input.byte();
        }
    }
    read(damaged.into(), &mut input);
});
