//! One client per node that only reads, and only asks that node: what a client sees that happens to
//! be on the wrong side of a cut, or connected to a leader that was frozen.

use quorate_consistency::Level;

use super::registers::LEVELS;
use super::session::Session;
use super::{KEYS, shared_key};
use crate::client::Route;

/// After a bounded read without an answer, the next is bounded too, all but once in so many times.
/// So the first answer of a node that was cut off is often one that it must not give too early.
const OTHER_LEVEL_ONE_IN: u64 = 4;

pub(super) async fn run(mut session: Session, node: usize) {
    let mut unanswered = None;
    while !session.is_at_end() {
        let phase = session.recorder.phase();
        let key = shared_key(phase, session.random.below(KEYS));
        let level = match unanswered {
            Some(level @ Level::Bounded(_)) if !session.random.one_in(OTHER_LEVEL_ONE_IN) => level,
            _ => LEVELS[session.random.index(LEVELS.len())],
        };
        let route = match level {
            // What this node must be able to say by itself, or not at all.
            Level::Eventual => Route::Only(node),
            _ => Route::Node(node),
        };
        let answered = session.read(&key, level, route).await.is_some();
        unanswered = (!answered).then_some(level);
        // One client per node is no storm: it need not wait for longer than after an answer.
        session.think().await;
    }
}
