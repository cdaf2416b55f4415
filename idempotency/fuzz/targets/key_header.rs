//! An `Idempotency-Key` header: a key that may be one, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_idempotency::Key;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(key) = Key::parse_header("tenant", bytes) {
        assert!((1..=255).contains(&key.name().len()));
        assert!(key.name().bytes().all(|byte| byte.is_ascii_graphic()));
        assert_eq!(Key::new("tenant", key.name()).as_ref(), Ok(&key));
        let _ = key.born_at();
    }
    if let Ok(name) = core::str::from_utf8(bytes) {
        let _ = Key::new(name, name);
    }
});
