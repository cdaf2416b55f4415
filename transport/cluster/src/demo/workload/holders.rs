//! Two clients that take turns in holding a lease, of which the first always oversleeps.

use std::sync::Arc;
use std::time::Duration;

use quorate_leases::SafeUntil;
use tokio::time::sleep;

use super::request::{Acquire, Put, Release, Renew};
use super::session::{Session, change, is_settled, once};
use crate::api::{AcquireLease, LeaseGranted, ProblemKind, ReleaseLease, RenewLease};
use crate::client::Outcome;
use crate::demo::plan::Phase;
use crate::demo::record::{Action, Change, GuardedWrite, Pause, StaleWrite};

/// The lease that both want.
const LEASE: &str = "lock";
/// How long it lasts.
const TTL: Duration = Duration::from_millis(600);
/// How wrong the rate of either clock may be, in parts per million.
const DRIFT_PPM: u32 = 500;
/// How long a write under the lease may take at most, by the holder's reckoning.
const MARGIN: Duration = Duration::from_millis(20);
/// Writes under the lease, each time it is held.
const WRITES: usize = 3;
/// The longest wait before a lease that is held is asked for again.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// The key that is written only under the lease.
pub(super) fn key(phase: Phase) -> Arc<str> {
    format!("guarded-{}", phase as usize).into()
}

/// A lease that is held.
struct Held {
    token: u64,
    safe: SafeUntil,
}

pub(super) async fn run(mut sleeper: Session, mut other: Session) {
    while !sleeper.is_at_end() {
        turn(&mut sleeper, &mut other).await;
        std::mem::swap(&mut sleeper, &mut other);
    }
}

/// One oversleeps; the other acquires the lease and writes; then the first wakes up and writes.
async fn turn(sleeper: &mut Session, other: &mut Session) -> Option<()> {
    let phase = sleeper.recorder.phase();
    let key = key(phase);
    let old = acquire(sleeper).await?;
    for _ in 0..WRITES {
        if !old.safe.is_safe(sleeper.clock.now()) {
            break;
        }
        write(sleeper, &key, old.token).await;
    }
    let old = renew(sleeper, old).await;

    // From here on the sleeper sleeps: it neither renews nor looks at its clock. No clock is
    // waited for either: the other asks until the service grants it the lease.
    let new = acquire(other).await?;
    let overlapped = old.safe.is_safe(other.clock.now());
    write(other, &key, new.token).await?;

    let stale_write = match write(sleeper, &key, old.token).await {
        Some(true) => StaleWrite::LetThrough,
        Some(false) => StaleWrite::Refused,
        None => StaleWrite::Unanswered,
    };
    sleeper.recorder.pause(Pause {
        phase,
        old_token: old.token,
        new_token: new.token,
        stale_write,
        overlapped,
    });
    write(other, &key, new.token).await;
    release(other, new.token).await;
    Some(())
}

/// Asks until the lease is granted; `None` at the end of the run.
async fn acquire(session: &mut Session) -> Option<Held> {
    let asked = AcquireLease {
        owner: format!("client-{}", session.number),
        ttl_ms: TTL.as_millis() as u64,
    };
    loop {
        let options = once(session);
        // Counted from the first sending: a retry is answered with the first answer.
        let sent_at = session.clock.now();
        let acquire = Acquire {
            lease: LEASE,
            asked: asked.clone(),
            options,
        };
        let outcome = session.until_settled(&acquire).await.0;
        if let Outcome::Ok(LeaseGranted { token, .. }) = outcome {
            return Some(Held {
                token,
                safe: SafeUntil::new(sent_at, TTL, DRIFT_PPM, MARGIN),
            });
        }
        if session.is_at_end() {
            return None;
        }
        let wait = match &outcome {
            Outcome::Refused(problem) => problem.remaining_ms.map(Duration::from_millis),
            _ => None,
        };
        sleep(wait.unwrap_or(ASK_AGAIN).min(ASK_AGAIN)).await;
    }
}

/// Asks once for more time. Without an answer the holder keeps what it had.
async fn renew(session: &mut Session, held: Held) -> Held {
    let asked = RenewLease {
        token: held.token,
        ttl_ms: TTL.as_millis() as u64,
    };
    let options = once(session);
    let sent_at = session.clock.now();
    let renew = Renew {
        lease: LEASE,
        asked,
        options,
    };
    match session.attempt(&renew).await {
        Outcome::Ok(_) => Held {
            safe: SafeUntil::new(sent_at, TTL, DRIFT_PPM, MARGIN),
            ..held
        },
        _ => held,
    }
}

async fn release(session: &mut Session, token: u64) {
    let asked = ReleaseLease { token };
    let options = once(session);
    // A lease that is not given back ends by itself.
    let release = Release {
        lease: LEASE,
        asked,
        options,
    };
    let _ = session.attempt(&release).await;
}

/// Writes under the lease. `Some(true)` when it was written, `Some(false)` when the token was
/// refused as stale, `None` when neither is known.
async fn write(session: &mut Session, key: &Arc<str>, token: u64) -> Option<bool> {
    let phase = session.recorder.phase();
    let value = session.fresh_value();
    let options = once(session).under_lease(LEASE, token);
    let call = session.recorder.now();
    let put = Put {
        key,
        value,
        options,
    };
    let (outcome, _) = session.until_settled(&put).await;
    let span = session.close(call);
    if let Some(result) = change(&outcome, |written| written.revision) {
        session.record(phase, span, key, Action::Put { value, result });
        if let Change::Made(revision) = result {
            session.recorder.guarded(GuardedWrite { token, revision });
            return Some(true);
        }
    }
    let refused = is_settled(&outcome) && outcome.refusal() == Some(ProblemKind::StaleToken);
    refused.then_some(false)
}
