//! A table as bytes.
//!
//! All numbers are little-endian.
//!
//! ```text
//! version u8 = 2 | now u64 (ns) | last token u64 | records u32
//! then per record, in ascending order of the names' bytes:
//! name length u16 | name | owner length u16 | owner | request u128 | token u64
//!   | phase u8 (0 held, 1 expired, 2 released) | expires at or forget at u64 (ns)
//! and the tokens u64 of those that expired or were released, the first to be forgotten first
//! ```

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use quorate_clocks::Instant;

use super::entry::Hold;
use super::index::Secret;
use super::records::{New, Records};
use super::{LeaseTable, Limits};
use crate::FencingToken;

const VERSION: u8 = 2;
const HEAD_BYTES: usize = 1 + 8 + 8 + 4;
/// A record with an empty name and an empty owner.
const RECORD_BYTES: usize = 2 + 2 + 16 + 8 + 1 + 8;

impl LeaseTable {
    /// The whole state but the limits, in canonical bytes: equal tables have equal bytes, on every
    /// machine. The layout is stable within its version, which is the first byte.
    pub fn snapshot(&self) -> Vec<u8> {
        let entries = self.records.sorted();
        let texts = entries
            .iter()
            .map(|entry| entry.name.as_bytes().len() + self.records.owner(entry).len());
        let text_bytes: usize = texts.sum();
        let mut out =
            Vec::with_capacity(HEAD_BYTES + entries.len() * (RECORD_BYTES + 8) + text_bytes);
        out.push(VERSION);
        out.extend(self.now.as_nanos().to_le_bytes());
        out.extend(self.last_token.0.to_le_bytes());
        // The limits count leases in 32 bits, and a snapshot that is restored has no more either.
        out.extend(
            u32::try_from(entries.len())
                .unwrap_or(u32::MAX)
                .to_le_bytes(),
        );
        for entry in entries {
            push_text(&mut out, entry.name.as_str());
            push_text(&mut out, self.records.owner(entry));
            out.extend(entry.request().to_le_bytes());
            out.extend(entry.token.0.to_le_bytes());
            let (phase, at) = match entry.hold {
                Hold::Until { until, .. } => (0, until),
                Hold::Ended {
                    released,
                    forget_at,
                    ..
                } => (1 + u8::from(released), forget_at),
            };
            out.push(phase);
            out.extend(at.as_nanos().to_le_bytes());
        }
        for entry in self.records.ended() {
            out.extend(entry.token.0.to_le_bytes());
        }
        out
    }

    /// The table whose [`snapshot`](Self::snapshot) these bytes are: it answers as that one would.
    ///
    /// Allocates in proportion to `bytes`, whatever they claim.
    ///
    /// # Errors
    ///
    /// [`RestoreError`] when no table has these bytes.
    pub fn restore(limits: Limits, bytes: &[u8]) -> Result<Self, RestoreError> {
        Self::restore_with(limits, bytes, Secret::random())
    }

    pub(super) fn restore_with(
        limits: Limits,
        bytes: &[u8],
        secret: Secret,
    ) -> Result<Self, RestoreError> {
        let mut reader = Reader { left: bytes };
        let [version] = reader.array()?;
        if version != VERSION {
            return Err(RestoreError::UnknownVersion {
                version,
                newest: VERSION,
            });
        }
        let now = reader.instant()?;
        let last_token = FencingToken(u64::from_le_bytes(reader.array()?));
        let count = u32::from_le_bytes(reader.array()?);
        let mut records = Records::new(secret);
        // Those that have ended: which record it is, and how and until when it is remembered.
        let mut ended = BTreeMap::new();
        let mut previous: Option<&str> = None;
        for record in 0..count {
            let invalid = |what| Err(RestoreError::Invalid { record, what });
            let name = reader.text(record)?;
            if previous.is_some_and(|previous| previous >= name) {
                return invalid("its name is not after the name before");
            }
            previous = Some(name);
            let owner = reader.text(record)?;
            let request = u128::from_le_bytes(reader.array()?);
            let token = FencingToken(u64::from_le_bytes(reader.array()?));
            if token == FencingToken::NONE || token > last_token {
                return invalid("its token was never granted");
            }
            if records.find_token(token).is_some() {
                return invalid("its token is also another's");
            }
            let [phase] = reader.array()?;
            let at = reader.instant()?;
            if phase > 2 {
                return invalid("its phase is none of 0, 1 and 2");
            }
            let new = New {
                owner,
                request,
                token,
                until: at,
            };
            records.grant(name, &new);
            if phase != 0 {
                ended.insert(token, (record, phase == 2, at));
            }
        }
        let mut last = Instant::ORIGIN;
        while !ended.is_empty() {
            let token = FencingToken(u64::from_le_bytes(reader.array()?));
            let Some((record, released, forget_at)) = ended.remove(&token) else {
                return Err(RestoreError::Invalid {
                    record: count,
                    what: "a token in the list of those that ended has not, or is there twice",
                });
            };
            if forget_at < last {
                let what = "it is to be forgotten before others that ended before it";
                return Err(RestoreError::Invalid { record, what });
            }
            last = forget_at;
            if let Some(at) = records.find_token(token) {
                records.end(at, released, forget_at);
            }
        }
        if !reader.left.is_empty() {
            return Err(RestoreError::Trailing {
                left: reader.left.len(),
            });
        }
        Ok(Self {
            limits,
            now,
            last_token,
            records,
        })
    }
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    // The limits count the bytes of a name and of an owner in 16 bits.
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    out.extend(length.to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], RestoreError> {
        let Some((head, tail)) = self.left.split_first_chunk() else {
            return Err(self.truncated(N));
        };
        self.left = tail;
        Ok(*head)
    }

    fn instant(&mut self) -> Result<Instant, RestoreError> {
        Ok(Instant::from_nanos(u64::from_le_bytes(self.array()?)))
    }

    fn text(&mut self, record: u32) -> Result<&'a str, RestoreError> {
        let length = usize::from(u16::from_le_bytes(self.array()?));
        let Some((head, tail)) = self.left.split_at_checked(length) else {
            return Err(self.truncated(length));
        };
        self.left = tail;
        match core::str::from_utf8(head) {
            Ok("") => Err(RestoreError::Invalid {
                record,
                what: "its name or its owner is empty",
            }),
            Ok(text) => Ok(text),
            Err(_) => Err(RestoreError::Invalid {
                record,
                what: "its name or its owner is not UTF-8",
            }),
        }
    }

    const fn truncated(&self, needed: usize) -> RestoreError {
        RestoreError::Truncated {
            needed,
            left: self.left.len(),
        }
    }
}

/// Why bytes are not the snapshot of a lease table.
///
/// ```
/// use quorate_leases::{LeaseTable, Limits, RestoreError};
///
/// let snapshot = LeaseTable::new(Limits::default()).snapshot();
/// let cut = LeaseTable::restore(Limits::default(), &snapshot[..18]);
/// assert_eq!(cut, Err(RestoreError::Truncated { needed: 4, left: 1 }));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RestoreError {
    /// The bytes end before the table does.
    Truncated {
        /// How many bytes the next field has.
        needed: usize,
        /// How many are left.
        left: usize,
    },
    /// Bytes are left over after the table.
    Trailing {
        /// How many.
        left: usize,
    },
    /// A version that this crate does not know wrote the bytes.
    UnknownVersion {
        /// The version that the bytes claim.
        version: u8,
        /// The newest version that is known.
        newest: u8,
    },
    /// A record holds what it may not hold.
    Invalid {
        /// Which record, from zero.
        record: u32,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the snapshot of a lease table: ")?;
        match self {
            Self::Truncated { needed, left } => write!(
                f,
                "it ends early, the next field has {needed} bytes and {left} are left"
            ),
            Self::Trailing { left } => write!(f, "{left} bytes are left over"),
            Self::UnknownVersion { version, newest } => write!(
                f,
                "version {version} is not understood, the newest here is {newest}"
            ),
            Self::Invalid { record, what } => write!(f, "in record {record}, {what}"),
        }
    }
}

impl core::error::Error for RestoreError {}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use core::time::Duration;
    use proptest::prelude::*;

    fn sample() -> LeaseTable {
        let mut table = LeaseTable::with_tokens_after(Limits::default(), FencingToken(32));
        let at = Instant::from_nanos;
        let ttl = Duration::from_secs(1);
        table.acquire(at(0), "b", "ann", ttl, 7).unwrap();
        table.acquire(at(1), "a", "bob", ttl, 1 << 64).unwrap();
        table.acquire(at(2), "c", "c", ttl, 0).unwrap();
        table.release(at(3), "b", FencingToken(33)).unwrap();
        table
            .renew(at(500_000_000), "c", FencingToken(35), ttl)
            .unwrap();
        assert_eq!(table.expire(at(1_000_000_001)).len(), 1);
        table
    }

    #[test]
    fn golden_bytes() {
        let mut expected = Vec::new();
        expected.push(2); // version
        expected.extend(1_000_000_001_u64.to_le_bytes()); // now
        expected.extend([35, 0, 0, 0, 0, 0, 0, 0]); // last token
        expected.extend([3, 0, 0, 0]); // records

        expected.extend([1, 0, b'a', 3, 0, b'b', b'o', b'b']);
        expected.extend([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]); // request
        expected.extend([34, 0, 0, 0, 0, 0, 0, 0]); // token
        expected.push(1); // expired
        expected.extend(61_000_000_001_u64.to_le_bytes()); // forget at

        expected.extend([1, 0, b'b', 3, 0, b'a', b'n', b'n']);
        expected.extend([7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend([33, 0, 0, 0, 0, 0, 0, 0]);
        expected.push(2); // released
        expected.extend(60_000_000_003_u64.to_le_bytes());

        expected.extend([1, 0, b'c', 1, 0, b'c']);
        expected.extend([0; 16]);
        expected.extend([35, 0, 0, 0, 0, 0, 0, 0]);
        expected.push(0); // held
        expected.extend([0x00, 0x2F, 0x68, 0x59, 0, 0, 0, 0]); // 1.5 s: expires at

        // In the order in which they ended.
        expected.extend([33, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend([34, 0, 0, 0, 0, 0, 0, 0]);

        assert_eq!(sample().snapshot(), expected);
        assert_eq!(
            LeaseTable::restore(Limits::default(), &expected),
            Ok(sample())
        );
    }

    #[test]
    fn every_cut_and_every_extra_byte_is_refused() {
        let bytes = sample().snapshot();
        for length in 0..bytes.len() {
            let cut = LeaseTable::restore(Limits::default(), &bytes[..length]);
            assert!(
                matches!(cut, Err(RestoreError::Truncated { .. })),
                "{length}"
            );
        }
        let mut longer = bytes;
        longer.push(0);
        let refused = LeaseTable::restore(Limits::default(), &longer);
        assert_eq!(refused, Err(RestoreError::Trailing { left: 1 }));
    }

    #[test]
    fn a_count_of_four_billion_is_refused_at_the_first_missing_record() {
        let mut bytes = LeaseTable::new(Limits::default()).snapshot();
        bytes[17..21].copy_from_slice(&u32::MAX.to_le_bytes());
        let refused = LeaseTable::restore(Limits::default(), &bytes);
        assert_eq!(refused, Err(RestoreError::Truncated { needed: 2, left: 0 }));
    }

    #[test]
    fn records_that_no_table_has_are_refused() {
        let bytes = sample().snapshot();
        let invalid = |at: usize, value: u8| {
            let mut bytes = bytes.clone();
            bytes[at] = value;
            match LeaseTable::restore(Limits::default(), &bytes) {
                Err(RestoreError::Invalid { what, .. }) => what,
                other => panic!("{other:?}"),
            }
        };
        let first = HEAD_BYTES;
        let second = first + RECORD_BYTES + 4;
        assert!(invalid(first + 2, b'b').contains("not after"));
        assert!(invalid(first + 2, 0xFF).contains("UTF-8"));
        assert!(invalid(first + 24, 36).contains("never granted"));
        assert!(invalid(first + 24, 0).contains("never granted"));
        assert!(invalid(second + 24, 34).contains("another's"));
        assert!(invalid(first + 32, 3).contains("phase"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// Bytes are refused, or they are the canonical bytes of the table that they make.
        #[test]
        fn damaged_snapshots_are_refused_or_canonical(
            flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)
        ) {
            let mut bytes = sample().snapshot();
            for (at, value) in flips {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            if let Ok(table) = LeaseTable::restore(Limits::default(), &bytes) {
                prop_assert_eq!(table.snapshot(), bytes);
            }
        }
    }
}
