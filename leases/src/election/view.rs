//! Who leads, as somebody sees it who does not.

use alloc::sync::Arc;
use core::fmt;

use super::ElectionEvent;
use super::weakness::{Weakness, weak};
use crate::FencingToken;

/// Who leads, as far as is known: term after term, and never back.
///
/// # The problem
///
/// News of leaders comes by many ways: a watch, a read of a replica that is behind, an answer that was
/// delayed, a redirection by a node that has slept. Whoever believes the *latest* news goes back to a
/// leader of before, sends it what it should not get any more, and forth again. And whoever compares
/// *names* does not notice that a leader has restarted and forgotten everything.
///
/// # The cure
///
/// Each piece of news carries its term. An older one is no news. The same name with another term is
/// another leader, and a term that was over does not come back.
///
/// What is seen may be out of date; so it decides where to *ask*, never whether to *act*.
///
/// ```
/// use quorate_leases::{FencingToken, LeaderEvent, LeaderView};
///
/// let mut view = LeaderView::new(255);
/// view.handle_leader(FencingToken(7), "ann")?;
/// view.handle_leader(FencingToken(5), "bob")?; // from a replica that is behind
/// assert_eq!(view.leader().map(|leader| leader.name), Some("ann"));
///
/// view.handle_leader(FencingToken(8), "ann")?; // she restarted: another leader
/// let Some(LeaderEvent::Changed { term, .. }) = view.poll_event() else { panic!() };
/// assert_eq!(term, FencingToken(8));
/// # Ok::<(), quorate_leases::LeaderNameTooLong>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct LeaderView {
    max_name_bytes: u16,
    /// The newest term that was heard of.
    newest: FencingToken,
    /// Who leads in it, if that is known and it is not over.
    leader: Option<Arc<str>>,
    over: bool,
    /// There is something to tell.
    news: bool,
}

/// A leader, known by its term.
///
/// ```
/// use quorate_leases::{FencingToken, LeaderView};
///
/// let mut view = LeaderView::new(255);
/// view.handle_leader(FencingToken(7), "node-3:7070")?;
/// let leader = view.leader().expect("there is one");
/// assert_eq!((leader.term, leader.name), (FencingToken(7), "node-3:7070"));
/// # Ok::<(), quorate_leases::LeaderNameTooLong>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Leader<'a> {
    /// The number of the term.
    pub term: FencingToken,
    /// What it is called.
    pub name: &'a str,
}

/// Something changed. Of several changes the last is told.
///
/// ```
/// use quorate_leases::{FencingToken, LeaderEvent, LeaderView};
///
/// let mut view = LeaderView::new(255);
/// view.handle_leader(FencingToken(7), "ann")?;
/// view.handle_vacant(FencingToken(7));
/// assert_eq!(view.poll_event(), Some(LeaderEvent::Vacant { after: FencingToken(7) }));
/// assert_eq!(view.poll_event(), None);
/// # Ok::<(), quorate_leases::LeaderNameTooLong>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum LeaderEvent {
    /// There is a leader of a newer term.
    Changed {
        /// Its name.
        leader: Arc<str>,
        /// The number of its term.
        term: FencingToken,
    },
    /// The newest term is over.
    Vacant {
        /// The number of that term.
        after: FencingToken,
    },
}

impl From<LeaderEvent> for ElectionEvent {
    fn from(event: LeaderEvent) -> Self {
        match event {
            LeaderEvent::Changed { leader, term } => Self::LeaderChanged { leader, term },
            LeaderEvent::Vacant { after } => Self::Vacant { after },
        }
    }
}

impl LeaderView {
    /// One that has heard of nobody. Names may have so many bytes.
    pub const fn new(max_name_bytes: u16) -> Self {
        Self {
            max_name_bytes,
            newest: FencingToken::NONE,
            leader: None,
            over: false,
            news: false,
        }
    }

    /// There was a leader in this term. Returns whether that is news.
    ///
    /// # Errors
    ///
    /// [`LeaderNameTooLong`]: the term counts, and nobody is known to lead in it.
    pub fn handle_leader(
        &mut self,
        term: FencingToken,
        name: &str,
    ) -> Result<bool, LeaderNameTooLong> {
        let (length, max) = (name.len(), usize::from(self.max_name_bytes));
        let name = (length <= max).then_some(name);
        let news = self.hear(term, name);
        match name {
            Some(_) => Ok(news),
            None => Err(LeaderNameTooLong { term, length, max }),
        }
    }

    /// The term is over, and no newer one is known. Returns whether that is news.
    pub fn handle_vacant(&mut self, after: FencingToken) -> bool {
        if after < self.newest || after == FencingToken::NONE || (after == self.newest && self.over)
        {
            return false;
        }
        self.newest = after;
        self.leader = None;
        self.over = true;
        self.news = true;
        true
    }

    /// The leader of the newest term that was heard of, unless that is over or its name is not known.
    pub fn leader(&self) -> Option<Leader<'_>> {
        Some(Leader {
            term: self.newest,
            name: self.leader.as_deref()?,
        })
    }

    /// The newest term that was heard of; [`FencingToken::NONE`] before the first.
    pub const fn newest_term(&self) -> FencingToken {
        self.newest
    }

    /// What has changed since the last call. Changed by what is handled; empty after one.
    pub fn poll_event(&mut self) -> Option<LeaderEvent> {
        if !core::mem::take(&mut self.news) {
            return None;
        }
        let (leader, term) = (self.leader.clone(), self.newest);
        match leader {
            Some(leader) => Some(LeaderEvent::Changed { leader, term }),
            None => self.over.then_some(LeaderEvent::Vacant { after: term }),
        }
    }

    /// Whether this term has ended, as far as is known.
    pub(super) fn is_over(&self, term: FencingToken) -> bool {
        term < self.newest || (term == self.newest && self.over)
    }

    pub(super) fn hear(&mut self, term: FencingToken, name: Option<&str>) -> bool {
        let older = term < self.newest && !weak(Weakness::OlderTermIsNews);
        if older || term == FencingToken::NONE {
            return false;
        }
        if term == self.newest {
            let over = self.over && !weak(Weakness::EndedTermComesBack);
            let known = self.leader.is_some() && !weak(Weakness::ToldTwice);
            if over || known || name.is_none() {
                return false;
            }
        }
        self.newest = term;
        self.leader = name.map(Arc::from);
        self.over = false;
        self.news = self.leader.is_some();
        true
    }
}

/// The name of a leader is longer than the limit.
///
/// ```
/// use quorate_leases::{FencingToken, LeaderView};
///
/// let mut view = LeaderView::new(4);
/// assert_eq!(
///     view.handle_leader(FencingToken(7), "node-3").unwrap_err().to_string(),
///     "the leader of term #7 has a name of 6 bytes, longer than 4: shorten it, or raise `max_name_bytes`",
/// );
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LeaderNameTooLong {
    /// The number of the term.
    pub term: FencingToken,
    /// How many bytes the name has.
    pub length: usize,
    /// How many it may have.
    pub max: usize,
}

impl fmt::Display for LeaderNameTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the leader of term {} has a name of {} bytes, longer than {}: shorten it, or raise \
             `max_name_bytes`",
            self.term, self.length, self.max
        )
    }
}

impl core::error::Error for LeaderNameTooLong {}
