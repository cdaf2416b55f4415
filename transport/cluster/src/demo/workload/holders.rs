//! Lease holders that are stopped past their lease, and go on as if no time had passed.
//!
//! In every turn a process acquires a lease and writes a key under it, and is then stopped with
//! SIGSTOP. Once another process has a lease for the same key and has written, the first goes on, and
//! sends its next write in good faith: the write that fencing tokens are for. There are two ways in
//! which it must be refused, and each has a lane of its own: see [`Lane`].

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quorate_clocks::{Instant, SplitMix64};
use quorate_leases::{Drift, SafeUntil};
use tokio::time::sleep;

use super::{Surroundings, random};
use crate::demo::holder::{Begin, Holder};
use crate::demo::plan::Phase;
use crate::demo::record::{Pause, StaleWrite, Succession};

/// How long a lease lasts.
const TTL: Duration = Duration::from_millis(600);
/// How wrong the rate of either clock may be.
const DRIFT: Drift = Drift::SLEWED;
/// How long a write under the lease may take at most, by the holder's reckoning.
const MARGIN: Duration = Duration::from_millis(20);
/// A holder is stopped after so many writes, or somewhere in the next one.
const WRITES: u64 = 3;
/// Where in the next one, in microseconds, at most.
const SOMEWHERE_MICROS: u64 = 20_000;
/// What is waited after a turn that came to nothing.
const AFTER_FAILURE: Duration = Duration::from_millis(200);

/// How the second holder of a turn gets the right to write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Lane {
    /// It acquires the very lease that the first has overslept. Then it holds it when the first goes
    /// on, or, in every second turn, has given it back already.
    SameLease,
    /// It acquires a lease of another name that guards the same key, as after an upgrade which
    /// renamed the lock. The lease of the first was never granted again, so nothing but the key
    /// itself can tell that the first is late.
    OtherLease,
}

impl Lane {
    pub(super) const ALL: [Self; 2] = [Self::SameLease, Self::OtherLease];

    /// The leases of the first and of the second holder.
    fn leases(self) -> (&'static str, &'static str) {
        match self {
            Self::SameLease => ("lock", "lock"),
            Self::OtherLease => ("lock-before-upgrade", "lock-after-upgrade"),
        }
    }

    /// How the second holder follows the first in a turn.
    fn succession(self, turn: u64) -> Succession {
        match (self, turn.is_multiple_of(2)) {
            (Self::SameLease, true) => Succession::Holding,
            (Self::SameLease, false) => Succession::Released,
            (Self::OtherLease, _) => Succession::OtherLease,
        }
    }
}

/// The key that is written only under a lease of a lane.
fn key(lane: Lane, phase: Phase) -> Arc<str> {
    format!("guarded-{}-{}", phase as usize, lane as usize).into()
}

/// All keys that are written only under a lease, in a phase.
pub(super) fn keys(phase: Phase) -> impl Iterator<Item = Arc<str>> {
    Lane::ALL.into_iter().map(move |lane| key(lane, phase))
}

/// The numbers of the holders' sessions, which no other client has.
pub(super) type Numbers = Arc<AtomicU64>;

pub(super) async fn run(surroundings: Surroundings, lane: Lane, numbers: Numbers) {
    let stream = numbers.fetch_add(1, Ordering::Relaxed);
    let mut turns = Turns {
        random: random(&surroundings, stream),
        surroundings,
        lane,
        numbers,
    };
    let mut turn = turns.random.below(2);
    while !turns.surroundings.end.has_come() {
        match turns.turn(lane.succession(turn)).await {
            Some(()) => turn += 1,
            None => sleep(AFTER_FAILURE).await,
        }
    }
}

struct Turns {
    surroundings: Surroundings,
    lane: Lane,
    random: SplitMix64,
    numbers: Numbers,
}

impl Turns {
    /// One is stopped past its lease; another gets one and writes; then the first goes on.
    async fn turn(&mut self, succession: Succession) -> Option<()> {
        let phase = self.surroundings.recorder.phase();
        let (first, _) = self.lane.leases();
        let mut sleeper = self.start(first, phase)?;
        let mut successor = None;
        let done = self
            .oversleep(succession, phase, &mut sleeper, &mut successor)
            .await;
        sleeper.end().await;
        if let Some(mut successor) = successor {
            if done.is_some() {
                // A lease that is not given back ends by itself.
                successor.release().await;
                let end = &self.surroundings.end;
                let _ = successor.until(|it| it.released, || end.has_come()).await;
            }
            successor.end().await;
        }
        done
    }

    async fn oversleep(
        &mut self,
        succession: Succession,
        phase: Phase,
        sleeper: &mut Holder,
        successor: &mut Option<Holder>,
    ) -> Option<()> {
        let end = self.surroundings.end.clone();
        let clock = self.surroundings.clock;
        let at_end = || end.has_come();
        let over = || end.is_over(clock);

        sleeper.until(|it| it.written >= WRITES, at_end).await?;
        sleep(Duration::from_micros(self.random.below(SOMEWHERE_MICROS))).await;
        told(sleeper.stop())?;
        if succession == Succession::OtherLease {
            // Nobody else asks for this lease, so nobody but the clock tells that it has passed. Here
            // it need not be exact: the key refuses the older token however long ago that was granted.
            sleep(TTL).await;
        }

        let (_, second) = self.lane.leases();
        let successor = successor.insert(self.start(second, phase)?);
        let new = successor.until(|it| it.written > 0, at_end).await?;
        if succession == Succession::Released {
            successor.release().await;
            successor.until(|it| it.released, at_end).await?;
        }

        // What the first did until it was stopped is what it believes in now.
        let old = sleeper.progress();
        told(sleeper.go_on())?;
        // A write that was under way when it was stopped may have been made before: what counts is
        // whether one was made after the other's.
        let late = |revision: u64| revision > new.first_revision;
        let woken = sleeper
            .until(|it| it.refused || late(it.last_revision), over)
            .await;
        let safe = SafeUntil::new(Instant::from_nanos(old.lease_from), TTL, DRIFT, MARGIN);
        self.surroundings.recorder.pause(Pause {
            phase,
            succession,
            old_token: old.token.unwrap_or_default(),
            new_token: new.token.unwrap_or_default(),
            stale_write: match woken {
                Some(it) if late(it.last_revision) => StaleWrite::LetThrough,
                Some(_) => StaleWrite::Refused,
                None => StaleWrite::Unanswered,
            },
            overlapped: succession != Succession::OtherLease
                && safe.is_safe(Instant::from_nanos(new.granted)),
        });
        Some(())
    }

    fn start(&self, lease: &str, phase: Phase) -> Option<Holder> {
        let begin = Begin {
            addresses: &self.surroundings.addresses,
            lease,
            ttl: TTL,
            key: key(self.lane, phase),
            number: self.numbers.fetch_add(1, Ordering::Relaxed),
            run: self.surroundings.seed,
        };
        told(Holder::start(&begin, &self.surroundings.recorder))
    }
}

/// What was done to a process, unless it could not be done.
fn told<T>(done: io::Result<T>) -> Option<T> {
    done.inspect_err(|error| tracing::error!(%error, "a lease holder cannot be started or stopped"))
        .ok()
}
