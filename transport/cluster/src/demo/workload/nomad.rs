//! A client that writes, and then goes to whichever node, as a browser does behind a load balancer.
//!
//! While a node is cut off, this one soon asks it for what it has just written elsewhere. The node
//! cannot have it, so it must not answer at level `session`, nor at level `bounded` once the bound is
//! over.

use std::sync::Arc;

use quorate_consistency::Level;

use super::registers::BOUND;
use super::request::Put;
use super::session::{Session, change, once};
use crate::client::Route;
use crate::demo::plan::Phase;
use crate::demo::record::{Action, Change};

/// Reads after each write.
const LEVELS: [Level; 3] = [Level::Session, Level::Bounded(BOUND), Level::Bounded(BOUND)];

/// The key that nobody else writes.
pub(super) fn key(phase: Phase) -> Arc<str> {
    format!("nomad-{}", phase as usize).into()
}

pub(super) async fn run(mut session: Session) {
    while !session.is_at_end() {
        let phase = session.recorder.phase();
        let key = key(phase);
        let value = session.fresh_value();
        let options = once(&mut session);
        let put = Put {
            key: &key,
            value,
            options,
        };
        let call = session.recorder.now();
        let (outcome, _) = session.until_settled(&put).await;
        let span = session.close(call);
        let Some(result) = change(&outcome, |written| written.revision) else {
            session.recover().await;
            continue;
        };
        session.record(phase, span, &key, Action::Put { value, result });
        if result == Change::Unknown {
            continue;
        }
        for level in LEVELS {
            let node = session.any_node();
            session.read(&key, level, Route::Node(node)).await;
        }
        session.think().await;
    }
}
