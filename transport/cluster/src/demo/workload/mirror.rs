//! A client that writes and at once asks every node what it wrote.
//!
//! A node that answers a linearizable read from a state of its own shows here, within the
//! millisecond that it takes the write to reach it.

use std::sync::Arc;

use quorate_consistency::Level;

use super::request::Put;
use super::session::{Session, change, once};
use crate::client::Route;
use crate::demo::plan::Phase;
use crate::demo::record::{Action, Change};

/// The key that nobody else writes.
pub(super) fn key(phase: Phase) -> Arc<str> {
    format!("mirror-{}", phase as usize).into()
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
        let first = session.any_node();
        for step in 0..session.client.nodes() {
            let node = (first + step) % session.client.nodes();
            let level = match session.random.below(4) {
                0 | 1 => Level::Linearizable,
                2 => Level::Lease,
                _ => Level::Session,
            };
            session.read(&key, level, Route::Node(node)).await;
        }
        session.think().await;
    }
}
