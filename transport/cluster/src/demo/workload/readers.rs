//! One client per node that only reads, and only asks that node: what a client sees that happens to
//! be on the wrong side of a cut, or connected to a leader that was frozen.

use quorate_consistency::Level;

use super::registers::LEVELS;
use super::session::Session;
use super::{KEYS, shared_key};
use crate::client::Route;

pub(super) async fn run(mut session: Session, node: usize) {
    while !session.is_at_end() {
        let phase = session.recorder.phase();
        let key = shared_key(phase, session.random.below(KEYS));
        let level = LEVELS[session.random.index(LEVELS.len())];
        let route = match level {
            // What this node must be able to say by itself, or not at all.
            Level::Eventual => Route::Only(node),
            _ => Route::Node(node),
        };
        match session.read(&key, level, route).await {
            Some(_) => session.think().await,
            None => session.recover().await,
        }
    }
}
