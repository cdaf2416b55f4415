//! The clients: each is a session of its own that sends one request at a time over real HTTP. Lease
//! holders are processes of their own, too.

mod counters;
mod holders;
mod mirror;
mod nomad;
mod readers;
mod registers;
mod request;
mod session;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quorate_clocks::{SplitMix64, SystemClock};
use tokio::task::JoinSet;

use super::plan::Phase;
use super::random;
use super::record::{MAX_OPERATIONS, Recorder};
use session::Session;
pub(super) use session::{VALUES_PER_SESSION, is_settled, seen};

/// Clients that read and write the shared keys.
const REGISTER_CLIENTS: u64 = 4;
/// Clients that increment the shared counters.
const COUNTER_CLIENTS: u64 = 3;
/// The mirror, the nomad, and the holder that writes in each lane.
const OTHER_CLIENTS: u64 = 4;
/// Counters.
const COUNTERS: u64 = 2;
/// Keys that are shared, in each phase.
const KEYS: u64 = 3;
/// What a client waits between two requests, at least.
const SHORTEST_PAUSE: Duration = Duration::from_millis(3);
/// How long a client waits for an answer.
pub(super) const ANSWER: Duration = Duration::from_millis(600);
/// How long a client goes on after the end for an answer to what it has begun.
pub(super) const LAST_ANSWERS: Duration = Duration::from_secs(15);

/// What every client needs.
#[derive(Clone, Debug)]
pub(super) struct Surroundings {
    pub(super) addresses: Vec<String>,
    pub(super) recorder: Recorder,
    pub(super) clock: SystemClock,
    pub(super) seed: u64,
    /// Mean pause between two requests of one client.
    pub(super) pause: Duration,
    pub(super) end: End,
}

/// When to begin nothing new, and when to give up on what was begun.
#[derive(Clone, Debug)]
pub(super) struct End(Arc<AtomicU64>);

impl Default for End {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(u64::MAX)))
    }
}

impl End {
    /// Asks all clients to end.
    pub(super) fn now(&self, clock: SystemClock) {
        let now = clock.now().as_nanos();
        self.0.fetch_min(now, Ordering::AcqRel);
    }

    /// Whether to begin nothing new.
    pub(super) fn has_come(&self) -> bool {
        self.0.load(Ordering::Acquire) != u64::MAX
    }

    /// Whether to give up on what was begun.
    fn is_over(&self, clock: SystemClock) -> bool {
        let end = self.0.load(Ordering::Acquire);
        clock
            .now()
            .as_nanos()
            .saturating_sub(LAST_ANSWERS.as_nanos() as u64)
            > end
    }
}

/// How long a client waits between two requests, so that what is recorded in `seconds` stays within
/// what is remembered.
pub(super) fn pause(seconds: u64, nodes: u64) -> Duration {
    let clients = REGISTER_CLIENTS + COUNTER_CLIENTS + OTHER_CLIENTS + nodes;
    let operations = (MAX_OPERATIONS / 2) as u64;
    let pace = Duration::from_secs(seconds.saturating_mul(clients)) / operations as u32;
    pace.max(SHORTEST_PAUSE)
}

/// The key that shared key `key` has in a phase. Every phase has keys of its own, so that the
/// history of one key, which is checked as a whole, does not grow with the length of the run.
pub(super) fn shared_key(phase: Phase, key: u64) -> Arc<str> {
    format!("shared-{}-{key}", phase as usize).into()
}

pub(super) fn counter_name(counter: u64) -> Arc<str> {
    format!("counter-{counter}").into()
}

/// All keys that clients may have written.
pub(super) fn all_keys() -> Vec<Arc<str>> {
    let shared = Phase::ALL
        .into_iter()
        .flat_map(|phase| (0..KEYS).map(move |key| shared_key(phase, key)));
    let others = Phase::ALL
        .into_iter()
        .flat_map(|phase| holders::keys(phase).chain([mirror::key(phase), nomad::key(phase)]));
    shared.chain(others).collect()
}

/// All counters that clients may have incremented.
pub(super) fn all_counters() -> Vec<Arc<str>> {
    (0..COUNTERS).map(counter_name).collect()
}

/// Starts all clients. Each ends soon after the end has come.
pub(super) fn start(surroundings: &Surroundings) -> JoinSet<()> {
    let mut clients = JoinSet::new();
    let mut number = 0;
    let mut session = || {
        number += 1;
        Session::new(surroundings.clone(), number)
    };
    for _ in 0..REGISTER_CLIENTS {
        clients.spawn(registers::run(session()));
    }
    for node in 0..surroundings.addresses.len() {
        clients.spawn(readers::run(session(), node));
    }
    for _ in 0..COUNTER_CLIENTS {
        clients.spawn(counters::run(session()));
    }
    clients.spawn(mirror::run(session()));
    clients.spawn(nomad::run(session()));
    let numbers = holders::Numbers::new(AtomicU64::new(number + 1));
    for lane in holders::Lane::ALL {
        clients.spawn(holders::run(surroundings.clone(), lane, numbers.clone()));
    }
    clients
}

/// The choices of one client.
fn random(surroundings: &Surroundings, number: u64) -> SplitMix64 {
    random::stream(surroundings.seed, number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_any_length_stays_within_what_is_remembered() {
        for seconds in [4, 20, 600, 3_600] {
            for nodes in [3, 9] {
                let clients = REGISTER_CLIENTS + COUNTER_CLIENTS + OTHER_CLIENTS + nodes;
                let per_client =
                    Duration::from_secs(seconds).as_nanos() / pause(seconds, nodes).as_nanos();
                let operations = per_client * u128::from(clients);
                assert!(
                    operations <= MAX_OPERATIONS as u128,
                    "{seconds} s: {operations}"
                );
            }
        }
    }

    #[test]
    fn the_end_comes_once_and_leaves_time_for_last_answers() {
        let end = End::default();
        let clock = SystemClock::new();
        assert!(!end.has_come() && !end.is_over(clock));
        end.now(clock);
        assert!(end.has_come() && !end.is_over(clock));
    }

    #[test]
    fn keys_are_told_apart() {
        let keys = all_keys();
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
    }
}
