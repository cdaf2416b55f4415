//! Clients that increment: what must happen exactly once although it is sent until it is answered.

use std::time::Duration;

use super::request::{Increment, Request};
use super::session::{Session, once};
use super::{COUNTERS, counter_name};
use crate::client::Outcome;
use crate::demo::record::Addition;

/// One increment in so many is abandoned by an impatient client, as when its answer is lost.
const IMPATIENT_ONE_IN: u64 = 6;
/// How long an impatient client waits for the first answer, in microseconds, at most.
const IMPATIENCE_MICROS: u64 = 8_000;
/// One increment in so many is sent once more after it was answered, as by a network that repeats.
const REPEATED_ONE_IN: u64 = 8;

pub(super) async fn run(mut session: Session) {
    while !session.is_at_end() {
        increment(&mut session).await;
        session.think().await;
    }
}

async fn increment(session: &mut Session) {
    let counter = counter_name(session.random.below(COUNTERS));
    let amount = 1 + session.random.below(9) as i64;
    let options = once(session);
    let request = Increment {
        counter: &counter,
        amount,
        options,
    };

    let call = session.recorder.now();
    let mut attempts = 0;
    if session.random.one_in(IMPATIENT_ONE_IN) {
        // Sent, and not waited for. Not counted: that it has no answer says nothing of the service.
        let patience = Duration::from_micros(session.random.below(IMPATIENCE_MICROS));
        let _ = tokio::time::timeout(patience, request.send(&mut session.client)).await;
        attempts += 1;
    }
    let (outcome, sent) = session.until_settled(&request).await;
    attempts += sent;
    let span = session.close(call);

    let acknowledged = match &outcome {
        Outcome::Ok(counter) => Some((counter.value, counter.revision)),
        _ => None,
    };
    let mut replay = None;
    if let Some(first) = acknowledged
        && session.random.one_in(REPEATED_ONE_IN)
        && !session.is_at_end()
        && let (Outcome::Ok(again), sent) = session.until_settled(&request).await
    {
        attempts += sent;
        replay = Some((again.value, again.revision) == first);
    }
    session.recorder.addition(Addition {
        session: session.number,
        span,
        counter,
        amount,
        acknowledged,
        attempts,
        replay,
    });
}
