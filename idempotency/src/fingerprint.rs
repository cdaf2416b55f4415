//! Whether two requests with one key are one request.

use core::fmt;

/// A short stand-in for what a request asks for, to catch a key that is used for two requests.
///
/// It covers the fields that the caller names and no others: the method and the body, but not the
/// trace id or the time of sending, which differ between a request and its retry. Each name and
/// each value is preceded by its length, so that `("ab", "c")` and `("a", "bc")` differ, and the
/// order of the fields counts.
///
/// It is BLAKE3 in its key derivation mode with the context
/// `quorate-idempotency 2026 request fingerprint v1`, over `len(name) as u64 little-endian, name,
/// len(value) as u64 little-endian, value` for each field, cut to its first 16 bytes, little-endian.
/// The same fields give the same fingerprint on every machine and in every version 1.
///
/// # Adversaries
///
/// To find another request with a *given* fingerprint takes about 2^128 trials, and to find any two
/// requests that share one takes about 2^64, of the attacker's own making, under one key in the
/// attacker's own scope. The hash has no secret: who can guess all fields of a request can check
/// the guess against its fingerprint. Do not hand fingerprints of secret fields to strangers.
///
/// ```
/// use quorate_idempotency::Fingerprint;
///
/// let pay = Fingerprint::of([("method", &b"POST"[..]), ("body", br#"{"amount":100}"#)]);
/// let pay_more = Fingerprint::of([("method", &b"POST"[..]), ("body", br#"{"amount":900}"#)]);
/// assert_ne!(pay, pay_more);
///
/// // The same, field by field.
/// let built = Fingerprint::builder()
///     .field("method", b"POST")
///     .field("body", br#"{"amount":100}"#)
///     .finish();
/// assert_eq!(built, pay);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Fingerprint(pub u128);

impl Fingerprint {
    /// The fingerprint of these fields, each a name and a value, in this order.
    pub fn of<'a>(fields: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        fields
            .into_iter()
            .fold(Self::builder(), |builder, (name, value)| {
                builder.field(name, value)
            })
            .finish()
    }

    /// A fingerprint of no field yet.
    pub fn builder() -> FingerprintBuilder {
        FingerprintBuilder {
            hasher: blake3::Hasher::new_derive_key(CONTEXT),
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

const CONTEXT: &str = "quorate-idempotency 2026 request fingerprint v1";

/// A [`Fingerprint`] in the making. See there for an example.
#[derive(Clone, Debug)]
pub struct FingerprintBuilder {
    hasher: blake3::Hasher,
}

impl FingerprintBuilder {
    /// Adds a field.
    #[must_use]
    pub fn field(mut self, name: &str, value: &[u8]) -> Self {
        for part in [name.as_bytes(), value] {
            self.hasher.update(&(part.len() as u64).to_le_bytes());
            self.hasher.update(part);
        }
        self
    }

    /// The fingerprint of all fields so far.
    pub fn finish(&self) -> Fingerprint {
        Fingerprint(u128::from_le_bytes(first_half(&self.hasher)))
    }
}

/// The first 128 bits of a hash: 2^64 trials to find two things that share them.
pub(crate) fn first_half(hasher: &blake3::Hasher) -> [u8; 16] {
    let mut half = [0; 16];
    for (to, from) in half.iter_mut().zip(hasher.finalize().as_bytes()) {
        *to = *from;
    }
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fields that run together alike must not look like one request.
    #[test]
    fn trap_24_fields_are_framed() {
        let of = |fields: &[(&'static str, &'static [u8])]| Fingerprint::of(fields.iter().copied());
        let all = [
            of(&[]),
            of(&[("", b"")]),
            of(&[("ab", b"c")]),
            of(&[("a", b"bc")]),
            of(&[("a", b"b"), ("c", b"")]),
            of(&[("c", b""), ("a", b"b")]),
        ];
        for (at, one) in all.iter().enumerate() {
            for other in &all[at + 1..] {
                assert_ne!(one, other);
            }
        }
    }

    /// The value is stored beside responses that outlive a process and a release.
    #[test]
    fn the_value_is_pinned() {
        let fingerprint = Fingerprint::of([("method", &b"POST"[..]), ("body", b"x")]);
        expect_test::expect!["29b0d5e5682f64a8c03cef988bb3063e"]
            .assert_eq(&alloc::format!("{fingerprint}"));
    }
}
