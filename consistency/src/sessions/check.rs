//! The check of session guarantees, by revisions.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

/// One access of one session to one key.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct SessionAccess<K> {
    /// How the caller names the operation; a violation repeats it.
    pub operation: usize,
    /// The session.
    pub session: u64,
    /// The key. Sessions are checked key by key.
    pub key: K,
    /// What was done, and at which revision.
    pub access: Access,
    /// When it was called, in nanoseconds of one monotonic clock.
    pub call: u64,
    /// When it returned.
    pub ret: u64,
}

/// What a session did. Revisions of a key grow with each write of it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Access {
    /// It read the write of this revision; 0 when the key had not been written.
    Read {
        /// The revision.
        revision: u64,
    },
    /// It read, and the store did not tell which revision; it cannot have been above this one. A
    /// key without a value is read so, when it is known which deletes there were.
    ReadAtMost {
        /// The revision.
        revision: u64,
    },
    /// It wrote, and was told this revision.
    Write {
        /// The revision.
        revision: u64,
    },
}

impl Access {
    const fn revision(self) -> u64 {
        let (Self::Read { revision } | Self::ReadAtMost { revision } | Self::Write { revision }) =
            self;
        revision
    }
}

/// A session guarantee (Terry et al., "Session Guarantees for Weakly Consistent Replicated Data",
/// 1994), for the accesses of one session to one key.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Guarantee {
    /// A read shows what the session wrote before, or something newer.
    ReadYourWrites,
    /// A read shows what the session read before, or something newer.
    MonotonicReads,
    /// A write comes after what the session wrote before.
    MonotonicWrites,
    /// A write comes after what the session read before.
    WritesFollowReads,
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReadYourWrites => "read your writes",
            Self::MonotonicReads => "monotonic reads",
            Self::MonotonicWrites => "monotonic writes",
            Self::WritesFollowReads => "writes follow reads",
        })
    }
}

/// Two accesses of a session that break a guarantee.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct SessionViolation<K> {
    /// Which guarantee.
    pub guarantee: Guarantee,
    /// The access that set the standard.
    pub earlier: SessionAccess<K>,
    /// The access that fell behind it.
    pub later: SessionAccess<K>,
}

impl<K: fmt::Debug> fmt::Display for SessionViolation<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "session {} broke {} on {:?}: operation {} was at revision {}, and operation {}, called \
             after it had returned, at revision {}",
            self.later.session,
            self.guarantee,
            self.later.key,
            self.earlier.operation,
            self.earlier.access.revision(),
            self.later.operation,
            self.later.access.revision(),
        )
    }
}

impl<K: fmt::Debug> core::error::Error for SessionViolation<K> {}

/// Checks the session guarantees of all sessions, in time `n log n`.
///
/// An access counts for those that were called when it had returned. Accesses that overlap are free.
/// When one returns in the very nanosecond in which another is called, the order of the slice
/// decides, so a client that asks for one thing at a time needs no finer clock than it has.
///
/// # Errors
///
/// Of the accesses that break a guarantee, the one that was called first, with the highest of the
/// earlier ones that it fell behind.
///
/// ```
/// use quorate_consistency::{Access, Guarantee, SessionAccess, check_sessions};
///
/// let at = |operation, access, call| SessionAccess {
///     operation, session: 1, key: "colour", access, call, ret: call + 5,
/// };
/// let accesses = [
///     at(0, Access::Write { revision: 7 }, 0),
///     at(1, Access::Read { revision: 9 }, 10), // somebody else's write: fine
///     at(2, Access::Read { revision: 7 }, 20), // the own write, but older than the last read
/// ];
/// let violation = check_sessions(&accesses).unwrap_err();
/// assert_eq!(violation.guarantee, Guarantee::MonotonicReads);
/// assert_eq!((violation.earlier.operation, violation.later.operation), (1, 2));
/// ```
pub fn check_sessions<K: Clone + Ord>(
    accesses: &[SessionAccess<K>],
) -> Result<(), SessionViolation<K>> {
    let mut lanes = BTreeMap::<_, Vec<_>>::new();
    for (position, access) in accesses.iter().enumerate() {
        let lane = lanes.entry((access.session, &access.key)).or_default();
        lane.push((position, access));
    }
    let mut first: Option<(u64, usize, SessionViolation<K>)> = None;
    for mut lane in lanes.into_values() {
        let mut by_return = lane.clone();
        by_return.sort_by_key(|&(position, access)| (access.ret, position));
        lane.sort_by_key(|&(position, access)| (access.call, position));
        let mut returned = by_return.into_iter().peekable();
        // The highest that was read and written, each with the access that did.
        let mut read: Option<&SessionAccess<K>> = None;
        let mut written: Option<&SessionAccess<K>> = None;
        for (position, later) in lane {
            while let Some((_, earlier)) = returned
                .next_if(|(before, earlier)| (earlier.ret, *before) < (later.call, position))
            {
                let highest = match earlier.access {
                    Access::Read { .. } => &mut read,
                    Access::Write { .. } => &mut written,
                    Access::ReadAtMost { .. } => continue,
                };
                if highest
                    .is_none_or(|highest| highest.access.revision() < earlier.access.revision())
                {
                    *highest = Some(earlier);
                }
            }
            let guarantees = match later.access {
                Access::Write { .. } => [
                    (Guarantee::MonotonicWrites, written),
                    (Guarantee::WritesFollowReads, read),
                ],
                Access::Read { .. } | Access::ReadAtMost { .. } => [
                    (Guarantee::ReadYourWrites, written),
                    (Guarantee::MonotonicReads, read),
                ],
            };
            let broken = guarantees.into_iter().find_map(|(guarantee, earlier)| {
                let earlier = earlier?;
                (later.access.revision() < earlier.access.revision())
                    .then_some((guarantee, earlier))
            });
            if let Some((guarantee, earlier)) = broken {
                if first
                    .as_ref()
                    .is_none_or(|(call, at, _)| (later.call, position) < (*call, *at))
                {
                    first = Some((
                        later.call,
                        position,
                        SessionViolation {
                            guarantee,
                            earlier: earlier.clone(),
                            later: later.clone(),
                        },
                    ));
                }
                break;
            }
        }
    }
    match first {
        Some((_, _, violation)) => Err(violation),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;
    use proptest::prelude::*;

    fn at(
        operation: usize,
        session: u64,
        access: Access,
        call: u64,
        ret: u64,
    ) -> SessionAccess<u8> {
        SessionAccess {
            operation,
            session,
            key: 0,
            access,
            call,
            ret,
        }
    }

    fn broken(accesses: &[SessionAccess<u8>]) -> Option<(Guarantee, usize, usize)> {
        let violation = check_sessions(accesses).err()?;
        Some((
            violation.guarantee,
            violation.earlier.operation,
            violation.later.operation,
        ))
    }

    #[test]
    fn each_guarantee_is_seen_to_break() {
        use Access::*;
        let (old, new) = (3, 8);
        for (earlier, later, guarantee) in [
            (
                Write { revision: new },
                Read { revision: old },
                Guarantee::ReadYourWrites,
            ),
            (
                Write { revision: new },
                ReadAtMost { revision: 0 },
                Guarantee::ReadYourWrites,
            ),
            (
                Read { revision: new },
                Read { revision: old },
                Guarantee::MonotonicReads,
            ),
            (
                Write { revision: new },
                Write { revision: old },
                Guarantee::MonotonicWrites,
            ),
            (
                Read { revision: new },
                Write { revision: old },
                Guarantee::WritesFollowReads,
            ),
        ] {
            let run = vec![at(0, 1, earlier, 0, 5), at(1, 1, later, 5, 9)];
            assert_eq!(broken(&run), Some((guarantee, 0, 1)));
            // Not when they overlap, and not across sessions.
            assert_eq!(
                broken(&[at(0, 1, earlier, 0, 6), at(1, 1, later, 5, 9)]),
                None
            );
            assert_eq!(
                broken(&[at(0, 1, earlier, 0, 5), at(1, 2, later, 6, 9)]),
                None
            );
            assert!(
                check_sessions(&run)
                    .unwrap_err()
                    .to_string()
                    .contains("session 1 broke")
            );
        }
    }

    #[test]
    fn a_bound_on_what_was_read_sets_no_standard() {
        let run = [
            at(0, 1, Access::ReadAtMost { revision: 9 }, 0, 1),
            at(1, 1, Access::Read { revision: 4 }, 2, 3),
        ];
        assert_eq!(broken(&run), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        /// The check against its definition, pair by pair.
        #[test]
        fn agrees_with_comparing_all_pairs(
            run in prop::collection::vec((0..2_u64, 0..4_u64, any::<bool>(), 0..12_u64, 0..3_u64), 0..9),
        ) {
            let run: Vec<_> = run
                .into_iter()
                .enumerate()
                .map(|(operation, (session, revision, write, call, length))| {
                    let access = if write {
                        Access::Write { revision }
                    } else {
                        Access::Read { revision }
                    };
                    at(operation, session, access, call, call + length)
                })
                .collect();
            let breaks = |a: &SessionAccess<u8>, b: &SessionAccess<u8>| {
                a.session == b.session
                    && (a.ret, a.operation) < (b.call, b.operation)
                    && b.access.revision() < a.access.revision()
            };
            let expected = run
                .iter()
                .filter(|b| run.iter().any(|a| a.operation != b.operation && breaks(a, b)))
                .min_by_key(|b| (b.call, b.operation))
                .map(|b| b.operation);
            let found = check_sessions(&run).err();
            prop_assert_eq!(found.as_ref().map(|violation| violation.later.operation), expected);
            if let Some(violation) = found {
                prop_assert!(breaks(&violation.earlier, &violation.later));
            }
        }
    }
}
