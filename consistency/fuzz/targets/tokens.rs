//! Session tokens: what is read has one encoding, and joins.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_consistency::session::Token;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = core::str::from_utf8(bytes)
        && let Ok(token) = text.parse::<Token>()
    {
        assert_eq!(token.to_string(), text, "a token with two texts");
    }
    let (one, other) = bytes.split_at(bytes.len() / 2);
    let Ok(token) = Token::from_bytes(one) else {
        return;
    };
    assert_eq!(token.to_bytes(), one, "a token with two encodings");
    assert_eq!(token.to_string().parse(), Ok(token.clone()));
    let mut small = token.clone();
    let _ = small.fit(one.len() / 2);
    assert_eq!(Token::from_bytes(&small.to_bytes()), Ok(small));
    if let Ok(other) = Token::from_bytes(other) {
        let (mut joined, mut reversed) = (token.clone(), other.clone());
        let taken = joined.merge(&other).is_ok();
        assert_eq!(reversed.merge(&token).is_ok(), taken);
        if taken {
            assert_eq!(joined, reversed, "a join with two outcomes");
            let before = joined.clone();
            assert!(joined.merge(&token).is_ok() && joined.merge(&other).is_ok());
            assert_eq!(joined, before, "a join that is not idempotent");
        }
    }
});
