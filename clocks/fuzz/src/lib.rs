//! What every fuzz target checks of a decoder.

use quorate_clocks::{Causality, Relation};

/// Whatever these bytes are, reading them does not panic; and if they are a value, then they are its
/// only bytes. Gives the value.
pub fn read<T, E>(
    bytes: &[u8],
    decode: impl FnOnce(&[u8]) -> Result<T, E>,
    encode: impl FnOnce(&T) -> Vec<u8>,
) -> Option<T> {
    let value = decode(bytes).ok()?;
    assert_eq!(encode(&value), bytes, "a value with two encodings");
    Some(value)
}

/// A stamp that stands wrongly to itself would be two stamps.
pub fn related<T: Causality>(value: &T) {
    assert!(matches!(value.relate(value), None | Some(Relation::Equal)));
}

/// The two halves of the input, cut where its first byte says.
pub fn halves(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.split_first() {
        Some((at, rest)) => rest.split_at(usize::from(*at).min(rest.len())),
        None => (bytes, bytes),
    }
}

/// Declares a target: what is done with the bytes.
#[macro_export]
macro_rules! target {
    (|$bytes:ident| $body:expr) => {
        libfuzzer_sys::fuzz_target!(|$bytes: &[u8]| {
            $body;
        });
    };
}
