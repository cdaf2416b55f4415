//! What happened, for a reader and for a comparison.

use core::fmt::{self, Debug};
use core::hash::{Hash, Hasher};
use std::collections::VecDeque;

use quorate_clocks::{Instant, NodeId};
use quorate_transport::Receipt;

use crate::draws::Rolling;

/// How many of the last lines a [`Failure`](crate::Failure) shows.
const LAST_LINES: usize = 60;
/// Where a long message is cut in a line.
const LINE_CHARS: usize = 220;

/// One thing that happened.
#[derive(Clone, Debug, Hash)]
pub(crate) enum Happening<M> {
    Started(NodeId, u64),
    Delivered {
        from: NodeId,
        to: NodeId,
        message: M,
    },
    Timeout(NodeId),
    Written(NodeId, Receipt),
    Unreachable(NodeId, NodeId),
    Called(NodeId),
    Crashed(NodeId, usize),
    Paused(NodeId),
    Resumed(NodeId),
    Cut(Vec<(NodeId, NodeId)>),
    Mended,
}

impl<M: Debug> fmt::Display for Happening<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started(id, life) => write!(f, "{id} starts, life {life}"),
            Self::Delivered { from, to, message } => write!(f, "{to} <- {from} {message:?}"),
            Self::Timeout(id) => write!(f, "{id} timeout"),
            Self::Written(id, receipt) => write!(f, "{id} written up to {}", receipt.0),
            Self::Unreachable(id, to) => write!(f, "{id} is told that {to} cannot be reached"),
            Self::Called(id) => write!(f, "{id} is called"),
            Self::Crashed(id, lost) => write!(f, "{id} crashes, {lost} writes lost"),
            Self::Paused(id) => write!(f, "{id} stands still"),
            Self::Resumed(id) => write!(f, "{id} goes on"),
            Self::Cut(links) => {
                f.write_str("cut")?;
                links
                    .iter()
                    .try_for_each(|(from, to)| write!(f, " {from}->{to}"))
            }
            Self::Mended => write!(f, "mended"),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Trace<M> {
    hash: Rolling,
    last: VecDeque<(Instant, u64, Happening<M>)>,
    all: Option<Vec<String>>,
}

impl<M: Clone + Debug + Hash> Trace<M> {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            hash: Rolling(seed),
            last: VecDeque::with_capacity(LAST_LINES),
            all: None,
        }
    }

    pub(crate) fn record_all(&mut self) {
        self.all.get_or_insert_default();
    }

    pub(crate) fn push(&mut self, at: Instant, step: u64, happening: Happening<M>) {
        self.hash.write_u64(at.as_nanos());
        happening.hash(&mut self.hash);
        if let Some(all) = &mut self.all {
            all.push(line(at, step, &happening));
        }
        if self.last.len() == LAST_LINES {
            self.last.pop_front();
        }
        self.last.push_back((at, step, happening));
    }

    /// Something that a check may depend on and that is too frequent for a line.
    pub(crate) fn note(&mut self, what: &impl Hash) {
        what.hash(&mut self.hash);
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash.finish()
    }

    pub(crate) fn last_lines(&self) -> Vec<String> {
        self.last
            .iter()
            .map(|(at, step, happening)| line(*at, *step, happening))
            .collect()
    }

    pub(crate) fn all_lines(&self) -> &[String] {
        self.all.as_deref().unwrap_or_default()
    }
}

fn line<M: Debug>(at: Instant, step: u64, happening: &Happening<M>) -> String {
    let text = happening.to_string();
    match text.char_indices().nth(LINE_CHARS) {
        None => format!("{at} #{step} {text}"),
        Some((end, _)) => format!("{at} #{step} {}...", text.get(..end).unwrap_or_default()),
    }
}
