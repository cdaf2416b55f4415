//! What stands in the way, in words.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use quorate_clocks::{Instant, NodeId};

use crate::progress::{Mode, Progress};
use crate::{Index, Raft, Role};

/// Why a member does not get further: why nobody leads, what a commit waits for, and why a peer lags.
///
/// It is for people, and for alarms: print it when something takes too long.
///
/// ```
/// use quorate_clocks::{Instant, NodeId};
/// use quorate_raft_core::{Config, Raft, Recovered};
///
/// let config = Config::new(NodeId(1), [1, 2, 3].map(NodeId));
/// let mut raft = Raft::new(config, Recovered::default(), 0, Instant::ORIGIN)?;
/// let due = raft.poll_timeout().unwrap();
/// raft.handle_timeout(due);
/// assert_eq!(
///     raft.explain(due).to_string(),
///     "no leader: n1 asks for votes of term 1 and lacks a quorum; no answer from n2 n3\n\
///      the log is committed to its end, 0"
/// );
/// # Ok::<(), quorate_raft_core::StartError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Explanation {
    /// Who is asked.
    pub id: NodeId,
    /// Who leads, or why nobody does.
    pub leadership: Leadership,
    /// What the next commit waits for.
    pub commit: Commitment,
    /// On a leader, how each other member is, by id.
    pub peers: Vec<(NodeId, PeerState)>,
}

/// Who leads, or why this member knows of nobody who does.
///
/// [`Explanation`] has an example.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Leadership {
    /// This member does.
    Here {
        /// To whom it hands over.
        hands_over_to: Option<NodeId>,
        /// For how long it goes on if nobody answers.
        for_another: Duration,
    },
    /// Another does.
    There {
        /// Who.
        leader: NodeId,
        /// How long ago it was heard.
        heard_ago: Option<Duration>,
    },
    /// Nobody does, and this member waits before it stands.
    Waiting {
        /// For how long.
        for_another: Duration,
        /// It gives no vote either, for an earlier leader's lease may hold.
        is_bound: bool,
    },
    /// Nobody does, and this member can not.
    CanNotLead,
    /// Nobody does, and this member stands.
    Standing {
        /// The term that it stands for.
        term: u64,
        /// It votes for itself once its disk has written so.
        waits_for_disk: bool,
        /// Who has refused.
        refused: Vec<NodeId>,
        /// Who has not answered.
        silent: Vec<NodeId>,
    },
}

/// What the next commit waits for.
///
/// [`Explanation`] has an example.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Commitment {
    /// Nothing: everything is committed.
    Complete {
        /// The last entry.
        last: Index,
    },
    /// The leader has to say more.
    WaitsForLeader {
        /// How far it is committed here.
        commit: Index,
        /// The last entry.
        last: Index,
    },
    /// A quorum does not hold it.
    WaitsForQuorum {
        /// How far it is committed.
        commit: Index,
        /// The last entry.
        last: Index,
        /// This member's disk has not written it.
        own_disk: bool,
        /// Voters who do not hold the next entry, as far as is known.
        missing: Vec<NodeId>,
    },
}

/// How a follower is, as its leader sees it.
///
/// [`Explanation`] has an example.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PeerState {
    /// It has everything.
    UpToDate,
    /// It has not answered for so long.
    Silent {
        /// How long.
        since: Duration,
    },
    /// It is looked for where the logs agree.
    Probing {
        /// The entry before which it is asked.
        next: Index,
    },
    /// It is sent entries, and lacks so many.
    Streaming {
        /// Entries that it is not known to hold.
        behind: u64,
        /// Appends on their way to it.
        in_flight: usize,
        /// No more may be on their way.
        is_full: bool,
    },
    /// It needs entries that this log no longer has, and waits for the driver to bring a snapshot.
    NeedsSnapshot,
    /// It is sent a snapshot.
    TakesSnapshot {
        /// Bytes that have arrived.
        arrived: u64,
        /// All bytes.
        total: u64,
    },
}

impl Raft {
    /// What stands in the way, at this moment. Costs more than [`status`](Self::status).
    pub fn explain(&self, now: Instant) -> Explanation {
        let now = self.now.max(now);
        Explanation {
            id: self.config.id,
            leadership: self.explain_leadership(now),
            commit: self.explain_commit(),
            peers: self
                .peers
                .iter()
                .map(|peer| (peer.id, self.explain_peer(peer, now)))
                .collect(),
        }
    }

    fn explain_leadership(&self, now: Instant) -> Leadership {
        let me = self.config.id;
        match (self.role, self.leader) {
            (Role::Leader, _) => Leadership::Here {
                hands_over_to: self.transferring(),
                for_another: self.quorum_check_at.since(now),
            },
            (_, Some(leader)) => Leadership::There {
                leader,
                heard_ago: self.leader_heard.map(|heard| now.since(heard)),
            },
            _ if !self.membership().can_lead(me) => Leadership::CanNotLead,
            (Role::Follower, None) => Leadership::Waiting {
                for_another: self.election_at.since(now),
                is_bound: now < self.no_vote_until,
            },
            (Role::PreCandidate | Role::Candidate, None) => {
                let voters = self.other_voters();
                let answered = |wanted: Option<bool>| {
                    let voters = voters.iter().copied();
                    voters
                        .filter(|id| self.votes.get(id).copied() == wanted)
                        .collect()
                };
                let term = match self.role {
                    Role::PreCandidate => self.hard_state.term.next(),
                    _ => self.hard_state.term,
                };
                Leadership::Standing {
                    term: term.0,
                    waits_for_disk: !self.gate.is_durable(self.hard_state_gate),
                    refused: answered(Some(false)),
                    silent: answered(None),
                }
            }
        }
    }

    fn explain_commit(&self) -> Commitment {
        let (commit, last) = (self.commit, self.log.last().index);
        if commit == last {
            return Commitment::Complete { last };
        }
        if self.role != Role::Leader {
            return Commitment::WaitsForLeader { commit, last };
        }
        // An entry of an earlier term commits with the first of this one (§5.4.2).
        let wanted = commit.next().max(self.term_start);
        let lacks = |peer: &&Progress| peer.matched < wanted && self.membership().is_voter(peer.id);
        Commitment::WaitsForQuorum {
            commit,
            last,
            own_disk: self.gate.durable_index() < wanted,
            missing: self
                .peers
                .iter()
                .filter(lacks)
                .map(|peer| peer.id)
                .collect(),
        }
    }

    fn explain_peer(&self, peer: &Progress, now: Instant) -> PeerState {
        let last = self.log.last().index;
        let since = now.since(peer.answered);
        match &peer.mode {
            _ if since >= self.config.election_timeout => PeerState::Silent { since },
            Mode::Probe { .. } => PeerState::Probing { next: peer.next },
            Mode::Replicate { .. } if peer.matched == last => PeerState::UpToDate,
            Mode::Replicate { in_flight } => PeerState::Streaming {
                behind: last.0.saturating_sub(peer.matched.0),
                in_flight: in_flight.len(),
                is_full: in_flight.len() >= self.config.max_appends_in_flight,
            },
            Mode::AwaitSnapshot { .. } => PeerState::NeedsSnapshot,
            Mode::SendSnapshot {
                snapshot, offset, ..
            } => PeerState::TakesSnapshot {
                arrived: *offset,
                total: snapshot.data.len() as u64,
            },
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id;
        match &self.leadership {
            Leadership::Here {
                hands_over_to,
                for_another,
            } => {
                write!(f, "{id} leads")?;
                if let Some(to) = hands_over_to {
                    write!(f, ", and hands over to {to}")?;
                }
                write!(f, "; without an answer for another {for_another:?}")?;
            }
            Leadership::There { leader, heard_ago } => {
                write!(f, "{leader} leads")?;
                if let Some(ago) = heard_ago {
                    write!(f, ", and was heard {ago:?} ago")?;
                }
            }
            Leadership::Waiting {
                for_another,
                is_bound,
            } => {
                write!(f, "no leader: {id} stands for election in {for_another:?}")?;
                if *is_bound {
                    f.write_str(", and votes for nobody while an earlier lease may hold")?;
                }
            }
            Leadership::CanNotLead => {
                write!(
                    f,
                    "no leader: {id} is no voter that holds the entries, and waits for one"
                )?;
            }
            Leadership::Standing {
                term,
                waits_for_disk,
                refused,
                silent,
            } => {
                write!(
                    f,
                    "no leader: {id} asks for votes of term {term} and lacks a quorum"
                )?;
                if *waits_for_disk {
                    f.write_str("; its own vote is not durable yet")?;
                }
                list(f, "; refused by", refused)?;
                list(f, "; no answer from", silent)?;
            }
        }
        write!(f, "\n{}", self.commit)?;
        for (id, state) in &self.peers {
            write!(f, "\n{id} {state}")?;
        }
        Ok(())
    }
}

fn list(f: &mut fmt::Formatter<'_>, title: &str, ids: &[NodeId]) -> fmt::Result {
    if ids.is_empty() {
        return Ok(());
    }
    f.write_str(title)?;
    ids.iter().try_for_each(|id| write!(f, " {id}"))
}

impl fmt::Display for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete { last } => write!(f, "the log is committed to its end, {last}"),
            Self::WaitsForLeader { commit, last } => write!(
                f,
                "the log is committed to {commit} of {last}, as far as a leader has said"
            ),
            Self::WaitsForQuorum {
                commit,
                last,
                own_disk,
                missing,
            } => {
                write!(
                    f,
                    "the log is committed to {commit} of {last}: a quorum does not hold more"
                )?;
                if *own_disk {
                    f.write_str("; the own disk has not written it")?;
                }
                list(f, "; not known to hold it:", missing)
            }
        }
    }
}

impl fmt::Display for PeerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UpToDate => f.write_str("has everything"),
            Self::Silent { since } => write!(f, "has not answered for {since:?}"),
            Self::Probing { next } => {
                write!(f, "is asked what its log has before {next}")
            }
            Self::Streaming {
                behind,
                in_flight,
                is_full,
            } => {
                write!(
                    f,
                    "lacks {behind} entries, with {in_flight} appends on their way"
                )?;
                if *is_full {
                    f.write_str(", which is as many as may be")?;
                }
                Ok(())
            }
            Self::NeedsSnapshot => {
                f.write_str("needs a snapshot, which the driver has not brought")
            }
            Self::TakesSnapshot { arrived, total } => {
                write!(f, "takes a snapshot, {arrived} of {total} bytes")
            }
        }
    }
}
