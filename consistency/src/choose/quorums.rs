//! What N, R and W guarantee.

use core::fmt;

use super::{ConsistencyModel, Models};

/// The numbers of a store that keeps each value on N replicas, and asks R of them for each read and W for
/// each write.
///
/// The arithmetic is short, and it is often trusted with more than it gives: R + W > N makes each read
/// *meet* each write that was acknowledged before, and no more. What that is worth depends on how the
/// versions come about, which [`models`](Self::models) takes into account.
///
/// ```
/// use quorate_consistency::choose::{ConsistencyModel::*, Quorums, Registers};
///
/// let majorities = Quorums::new(3, 2, 2)?;
/// assert!(majorities.reads_meet_writes());
/// assert_eq!((majorities.reads_survive(), majorities.writes_survive()), (1, 1));
///
/// // Cassandra at QUORUM: the newest timestamp wins, so a write may be lost to a clock that runs ahead.
/// assert!(!majorities.models(Registers::LastWriteWins).contains(ReadYourWrites));
/// // With versions from a quorum, and reads that write back what they found.
/// assert!(majorities.models(Registers::WriteBack).contains(Linearizable));
///
/// // Fast and loose: how often does a read miss the newest write, if nothing else spreads it?
/// let one = Quorums::new(3, 1, 1)?;
/// assert!((one.chance_of_missing(1).unwrap() - 2.0 / 3.0).abs() < 1e-9);
/// # Ok::<(), quorate_consistency::choose::QuorumError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Quorums {
    replicas: u32,
    reads: u32,
    writes: u32,
    is_sloppy: bool,
}

/// How a store of quorums orders what is written to a register.
///
/// ```
/// use quorate_consistency::choose::{ConsistencyModel::*, Quorums, Registers};
///
/// // Without writing back, a reader may see a write that is under way, and the next may not.
/// let quorums = Quorums::new(5, 3, 3)?;
/// let plain = quorums.models(Registers::Versioned);
/// assert!(plain.contains(ReadYourWrites) && !plain.contains(MonotonicReads));
/// # Ok::<(), quorate_consistency::choose::QuorumError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Registers {
    /// A write carries its writer's clock, and the highest wins. A writer whose clock is behind writes
    /// what nobody will read.
    LastWriteWins,
    /// A write first asks R replicas for their versions and takes a higher one; a read returns the newest
    /// of R answers. This is the *regular* register of several writers (Shao et al., "Multiwriter
    /// Consistency Conditions for Shared Memory Registers", SIAM J. Comput. 40(1), 2011).
    Versioned,
    /// The same, and a read returns only when W replicas have what it found (Attiya, Bar-Noy and Dolev,
    /// J. ACM 42(1), 1995; for several writers Lynch and Shvartsman, FTCS 1997).
    WriteBack,
}

impl Quorums {
    /// Each value on `replicas` replicas, of which `reads` answer for a read and `writes` for a write.
    ///
    /// # Errors
    ///
    /// [`QuorumError`] if a read or a write asks for none, or for more than there are.
    pub const fn new(replicas: u32, reads: u32, writes: u32) -> Result<Self, QuorumError> {
        if reads == 0 || reads > replicas {
            return Err(QuorumError::Reads { reads, replicas });
        }
        if writes == 0 || writes > replicas {
            return Err(QuorumError::Writes { writes, replicas });
        }
        Ok(Self {
            replicas,
            reads,
            writes,
            is_sloppy: false,
        })
    }

    /// The same, where nodes outside the N stand in for replicas that are not reached, and hand over later
    /// (DeCandia et al., "Dynamo", SOSP 2007, section 4.6). Writes go on in any partition, and quorums no
    /// longer meet.
    #[must_use]
    pub const fn sloppy(mut self) -> Self {
        self.is_sloppy = true;
        self
    }

    /// Whether each read asks at least one replica that has each write that was acknowledged before:
    /// R + W > N, and not sloppy.
    pub const fn reads_meet_writes(self) -> bool {
        !self.is_sloppy && self.reads as u64 + self.writes as u64 > self.replicas as u64
    }

    /// Whether any two writes have a replica in common, so that it can tell which came first: 2 W > N, and
    /// not sloppy.
    pub const fn writes_meet_writes(self) -> bool {
        !self.is_sloppy && 2 * self.writes as u64 > self.replicas as u64
    }

    /// How many replicas may be down and reads still be answered.
    pub const fn reads_survive(self) -> u32 {
        self.replicas - self.reads
    }

    /// How many replicas may be down and writes still be acknowledged; a sloppy store does not care.
    pub const fn writes_survive(self) -> u32 {
        if self.is_sloppy {
            return self.replicas;
        }
        self.replicas - self.writes
    }

    /// Whether a client that reaches so many of the replicas can read.
    pub const fn can_read(self, reached: u32) -> bool {
        reached >= self.reads
    }

    /// Whether a client that reaches so many of the replicas can write.
    pub const fn can_write(self, reached: u32) -> bool {
        self.is_sloppy || reached >= self.writes
    }

    /// What single registers keep, that are read and written, and not compared and set.
    pub const fn models(self, registers: Registers) -> Models {
        if !self.reads_meet_writes() {
            return Models::of(&[ConsistencyModel::Eventual]);
        }
        match registers {
            Registers::LastWriteWins => Models::of(&[ConsistencyModel::Eventual]),
            // A read that begins after a write was acknowledged sees it, or a newer one; and so does
            // the query of a write that follows it. What a read saw may be on one replica only, which
            // the next read or write need not ask.
            Registers::Versioned => Models::of(&[
                ConsistencyModel::BoundedStaleness,
                ConsistencyModel::ReadYourWrites,
                ConsistencyModel::MonotonicWrites,
            ]),
            Registers::WriteBack => Models::of(&[ConsistencyModel::Linearizable]),
        }
    }

    /// With what chance a read misses all of the `versions` newest writes, if each read and write picks its
    /// replicas at random and nothing else spreads the writes, which makes it an upper bound: 0 where
    /// quorums meet. None for a sloppy store, where it depends on who stands in.
    ///
    /// Bailis et al., "Probabilistically Bounded Staleness for Practical Partial Quorums" (VLDB 2012),
    /// equations 1 and 2.
    pub fn chance_of_missing(self, versions: u32) -> Option<f64> {
        if self.is_sloppy {
            return None;
        }
        if self.reads_meet_writes() {
            return Some(if versions == 0 { 1.0 } else { 0.0 });
        }
        // Each of the R that are asked is one of those without the write.
        let without = self.replicas - self.writes;
        let mut missing_one = 1.0;
        for asked in 0..self.reads {
            missing_one *=
                f64::from(without.saturating_sub(asked)) / f64::from(self.replicas - asked);
        }
        let (mut chance, mut square, mut left) = (1.0, missing_one, versions);
        while left > 0 {
            if left % 2 == 1 {
                chance *= square;
            }
            square *= square;
            left /= 2;
        }
        Some(chance)
    }
}

impl fmt::Display for Quorums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sloppy = if self.is_sloppy { ", sloppy" } else { "" };
        write!(
            f,
            "N={} R={} W={}{sloppy}",
            self.replicas, self.reads, self.writes
        )
    }
}

/// Why the numbers of a quorum make no sense.
///
/// ```
/// use quorate_consistency::choose::Quorums;
///
/// assert_eq!(
///     Quorums::new(3, 4, 2).unwrap_err().to_string(),
///     "R is 4, and there are 3 replicas: it takes from 1 to 3"
/// );
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum QuorumError {
    /// A read asks for none, or for more than there are.
    Reads {
        /// R.
        reads: u32,
        /// N.
        replicas: u32,
    },
    /// A write asks for none, or for more than there are.
    Writes {
        /// W.
        writes: u32,
        /// N.
        replicas: u32,
    },
}

impl fmt::Display for QuorumError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, number, replicas) = match self {
            Self::Reads { reads, replicas } => ("R", reads, replicas),
            Self::Writes { writes, replicas } => ("W", writes, replicas),
        };
        write!(f, "{name} is {number}, and there are {replicas} replicas: ")?;
        match replicas {
            0 => f.write_str("it takes at least one"),
            replicas => write!(f, "it takes from 1 to {replicas}"),
        }
    }
}

impl core::error::Error for QuorumError {}
