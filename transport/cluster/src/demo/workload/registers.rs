//! Clients that share a few keys: reads at every level, writes, deletes and compare-and-set.

use std::sync::Arc;
use std::time::Duration;

use quorate_consistency::Level;

use super::request::{Delete, Put};
use super::session::{Seen, Session, change, once};
use super::{KEYS, shared_key};
use crate::client::{Route, WriteOptions};
use crate::demo::record::{Action, Change};

/// By how much a bounded read may be behind.
pub(super) const BOUND: Duration = Duration::from_millis(500);
/// The levels, as often as each is asked for.
pub(super) const LEVELS: [Level; 6] = [
    Level::Linearizable,
    Level::Linearizable,
    Level::Lease,
    Level::Session,
    Level::Bounded(BOUND),
    Level::Eventual,
];

pub(super) async fn run(mut session: Session) {
    while !session.is_at_end() {
        let phase = session.recorder.phase();
        let number = session.random.below(KEYS);
        let key = shared_key(phase, number);
        let answered = match session.random.below(100) {
            0..25 => put(&mut session, &key).await,
            25..30 => delete(&mut session, &key).await,
            30..45 => swap(&mut session, &key).await,
            _ => {
                let level = LEVELS[session.random.index(LEVELS.len())];
                read(&mut session, &key, level).await.is_some()
            }
        };
        match answered {
            true => session.think().await,
            false => session.recover().await,
        }
    }
}

async fn read(session: &mut Session, key: &Arc<str>, level: Level) -> Option<Seen> {
    // Half of the reads that only a leader can answer go to any node, which must redirect them.
    let to_leader = matches!(level, Level::Linearizable | Level::Lease) && session.random.one_in(2);
    let route = match to_leader {
        true => Route::Leader,
        false => Route::Node(session.any_node()),
    };
    session.read(key, level, route).await
}

async fn put(session: &mut Session, key: &Arc<str>) -> bool {
    let phase = session.recorder.phase();
    let value = session.fresh_value();
    // Half of the writes carry no idempotency key: what came of one without an answer stays unknown.
    let retried = session.random.one_in(2);
    let options = match retried {
        true => once(session),
        false => WriteOptions::default(),
    };
    let call = session.recorder.now();
    let put = Put {
        key,
        value,
        options,
    };
    let outcome = match retried {
        true => session.until_settled(&put).await.0,
        false => session.attempt(&put).await,
    };
    let span = session.close(call);
    match change(&outcome, |written| written.revision) {
        Some(result) => {
            session.record(phase, span, key, Action::Put { value, result });
            result != Change::Unknown
        }
        None => false,
    }
}

async fn delete(session: &mut Session, key: &Arc<str>) -> bool {
    let phase = session.recorder.phase();
    let options = once(session);
    let call = session.recorder.now();
    let (outcome, _) = session.until_settled(&Delete { key, options }).await;
    let span = session.close(call);
    match change(&outcome, |deleted| deleted.revision) {
        Some(result) => {
            session.record(phase, span, key, Action::Delete { result });
            result != Change::Unknown
        }
        None => false,
    }
}

/// Reads, and replaces what was read unless somebody else did so first.
async fn swap(session: &mut Session, key: &Arc<str>) -> bool {
    let Some(seen) = read(session, key, Level::Session).await else {
        return false;
    };
    let phase = session.recorder.phase();
    let value = session.fresh_value();
    let options = match seen {
        Some((_, revision)) => once(session).at_revision(revision),
        None => once(session).when_absent(),
    };
    let call = session.recorder.now();
    let put = Put {
        key,
        value,
        options,
    };
    let (outcome, _) = session.until_settled(&put).await;
    let span = session.close(call);
    match change(&outcome, |written| written.revision) {
        Some(result) => {
            let expected = seen.map_or(0, |(_, revision)| revision);
            let action = Action::Swap {
                expected,
                value,
                result,
            };
            session.record(phase, span, key, action);
            result != Change::Unknown
        }
        None => false,
    }
}
