//! How current a follower is, proved without comparing two clocks and without trust in the network.
//!
//! A follower puts a mark, a random number, on its answer to a heartbeat, and remembers when. The
//! leader sends a round of heartbeats while it holds the mark. Once a majority has answered that
//! round, it did lead when it sent it, so its commit index of that moment covers all that anyone was
//! told is committed before the mark was made: the argument of ReadIndex (Raft §8, thesis §6.4). It
//! returns the mark with that index, and the follower knows, on its own clock alone, since when a
//! state that holds the entries up to there may be old. Late and lost messages make that moment
//! older, never wrong.

use alloc::collections::VecDeque;
use core::time::Duration;

use quorate_clocks::Instant;

use crate::{Index, Raft, Role};

/// On the wire: no mark.
pub(crate) const NO_MARK: u64 = 0;

/// Marks that are remembered. With so many made in an interval, they cover 32 heartbeat intervals;
/// a mark that takes longer to come back than that tells little.
const MAX_MARKS: usize = 128;

/// A new mark is made at most so many times in a heartbeat interval.
const MARKS_PER_INTERVAL: u32 = 4;

/// A follower's side: the marks that it made, and the newest that came back.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Marks {
    /// Marks and when they were made. Random, so that one of an earlier life means nothing.
    made: VecDeque<(u64, Instant)>,
    current: Option<(Instant, Index)>,
    /// The mark that came back last, and when it was made.
    redeemed: Option<(u64, Instant)>,
}

impl Marks {
    /// A mark came back, with the index that it proves.
    pub(crate) fn redeem(&mut self, mark: u64, commit: Index) {
        let Some(place) = self.made.iter().position(|(made, _)| *made == mark) else {
            return;
        };
        // Older ones prove less, and this one proves nothing new.
        if let Some((_, at)) = self.made.drain(..=place).next_back() {
            self.current = Some((at, commit));
            self.redeemed = Some((mark, at));
        }
    }

    /// How long ago a mark was made. None if this is no mark of this life, or an old one.
    pub(crate) fn age(&self, mark: u64, now: Instant) -> Option<Duration> {
        let made = self.made.iter().chain(&self.redeemed);
        let mut found = made.filter(|(made, _)| *made == mark);
        found.next().map(|&(_, at)| now.since(at))
    }
}

/// A leader's side, for one follower.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct PeerMarks {
    newest: u64,
    /// The mark that was held when a round was sent: the round, the mark, and the commit index then.
    held: Option<(u64, u64, Index)>,
    proved: (u64, Index),
}

impl PeerMarks {
    /// The follower sent a mark.
    pub(crate) const fn note(&mut self, mark: u64) {
        if mark != NO_MARK {
            self.newest = mark;
        }
    }

    /// The newest that the follower sent.
    pub(crate) const fn newest(&self) -> Option<u64> {
        match self.newest {
            NO_MARK => None,
            mark => Some(mark),
        }
    }

    /// A round is sent now, by a leader that knows that `commit` is current if it leads.
    pub(crate) fn hold(&mut self, round: u64, commit: Index) {
        if self.held.is_none() && self.newest != self.proved.0 {
            self.held = Some((round, self.newest, commit));
        }
    }

    /// A majority has answered this round.
    pub(crate) fn prove(&mut self, confirmed: u64) {
        if let Some((_, mark, commit)) = self.held.filter(|(round, _, _)| *round <= confirmed) {
            self.proved = (mark, commit);
            self.held = None;
        }
    }

    /// The newest mark that is proved, and what it proves.
    pub(crate) const fn proved(&self) -> (u64, Index) {
        self.proved
    }
}

impl Raft {
    /// How current this node can be, as a moment on its own clock and an index: a state that holds
    /// every entry up to the index shows all that anyone was told is committed before the moment.
    ///
    /// So the age of the moment bounds how stale a read of such a state is, on any member. It is a
    /// proof: it assumes neither that messages are fast nor that clocks agree, only that this
    /// node's clock runs at its rate. On a follower it is two to three heartbeat intervals and a
    /// round trip old while all goes well. A node that is cut off is left with an older and older
    /// moment. None before the first is known.
    pub fn current_as_of(&self) -> Option<(Instant, Index)> {
        if self.role != Role::Leader {
            return self.marks.current;
        }
        let at = self.round_confirmed_at()?;
        (self.commit >= self.term_start).then_some((at, self.commit))
    }

    /// The mark for an answer to a heartbeat.
    pub(crate) fn make_mark(&mut self) -> u64 {
        let now = self.now;
        let spacing = self.config.heartbeat_interval / MARKS_PER_INTERVAL;
        if let Some((mark, made)) = self.marks.made.back()
            && now.since(*made) < spacing
        {
            return *mark;
        }
        let mark = self.random.next_u64().max(NO_MARK + 1);
        if self.marks.made.len() == MAX_MARKS {
            self.marks.made.pop_front();
        }
        self.marks.made.push_back((mark, now));
        mark
    }
}
