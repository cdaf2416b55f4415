//! Threads call the shared store as they like. What they were answered must be what one [`KeyStore`] answers
//! that is called by one thread, in some order in which no call comes before one that had ended when it began
//! (Herlihy and Wing, "Linearizability", 1990), key by key.
#![cfg(feature = "shared")]
// It has threads.
#![allow(clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use quorate_clocks::Instant;
use quorate_idempotency::{
    Attempt, AttemptToken, Claim, Class, CompleteError, Completion, ExtendError, FailError,
    Fingerprint, Joined, Key, KeyStore, Limits, OnDrop, Policy, Remember, Request, Running,
    SharedClaim, SharedCompleteError, SharedOptions, SharedStore, StepError, Waiting,
};

const THREADS: u64 = 3;
const KEYS: u64 = 12;
/// All calls of a phase bring one time, and the leases that are given in it end with it.
const PHASES: u64 = 6;
const CALLS: u64 = 120;
const LEASE: Duration = Duration::from_secs(10);

fn now(phase: u64) -> Instant {
    Instant::from_millis(10_000 * phase)
}

fn key(number: u64) -> Key {
    Key::new(["a", "b"][number as usize % 2], &format!("k{number}")).unwrap()
}

fn policy() -> Policy {
    Policy {
        success: Remember::Replay {
            retain: Duration::from_secs(20),
        },
        abandoned: Duration::from_secs(20),
        ..Policy::default()
    }
}

fn response(token: AttemptToken) -> Bytes {
    format!("answer of {token}").into()
}

#[derive(Clone, Debug)]
enum Call {
    Claim { fingerprint: Fingerprint },
    Complete(AttemptToken, Class),
    Fail(AttemptToken),
    Step(AttemptToken, u64),
    Extend(AttemptToken, Duration),
    Drop(AttemptToken, OnDrop),
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Answer {
    Attempt(Attempt, bool),
    InProgress(AttemptToken, Instant),
    Replay(Bytes),
    AlreadyApplied,
    Mismatch(Fingerprint, bool),
    Complete(Result<Completion, CompleteError>),
    Fail(Result<(), FailError>),
    Step(Result<(), StepError>),
    Extend(Result<Instant, ExtendError>),
    Dropped,
}

/// A call, when it was made, and what it was answered.
#[derive(Clone, Debug)]
struct Event {
    start: u64,
    end: u64,
    phase: u64,
    key: u64,
    call: Call,
    answer: Answer,
}

/// Somebody who waits.
struct Waiter {
    waiting: Waiting,
    woken: Arc<Woken>,
    since: u64,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

impl Waiter {
    fn poll(&mut self) -> Poll<Joined> {
        let waker = Waker::from(Arc::clone(&self.woken));
        Pin::new(&mut self.waiting).poll(&mut Context::from_waker(&waker))
    }
}

/// What one who waited was told, of which attempt, and whether it had been given its lease in this phase.
type Told = (AttemptToken, Joined, bool);

struct Thread<'a> {
    store: SharedStore,
    ticks: &'a AtomicU64,
    random: u64,
    phase: u64,
    running: Vec<(u64, Running)>,
    waiters: Vec<Waiter>,
    events: Vec<Event>,
    told: Vec<Told>,
}

impl Thread<'_> {
    /// xorshift64 (Marsaglia 2003).
    fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % below
    }

    fn record(&mut self, key: u64, call: impl FnOnce(&mut Self, Instant) -> (Call, Answer)) {
        let phase = self.phase;
        let start = self.ticks.fetch_add(1, Ordering::SeqCst);
        // Calls overlap on one processor too.
        if self.random(4) == 0 {
            std::thread::yield_now();
        }
        let (call, answer) = call(self, now(phase));
        if self.random(4) == 0 {
            std::thread::yield_now();
        }
        let end = self.ticks.fetch_add(1, Ordering::SeqCst);
        self.events.push(Event {
            start,
            end,
            phase,
            key,
            call,
            answer,
        });
    }

    fn call(&mut self) {
        match self.random(20) {
            0..10 => self.claim(),
            10..17 => self.settle(),
            17..19 => self.poll(),
            _ => {
                self.store.expire_some(now(self.phase), 3);
            }
        }
    }

    fn claim(&mut self) {
        let number = self.random(KEYS);
        let fingerprint = Fingerprint(u128::from(self.random(20) / 19));
        let accepts = self.random(4) > 0;
        let mut declined = None;
        self.record(number, |thread, now| {
            let key = key(number);
            let request = Request::new(&key, fingerprint).lease(LEASE);
            let answer = match thread.store.claim(now, request).unwrap() {
                SharedClaim::Run(running) => {
                    let attempt = running.attempt();
                    thread.running.push((number, running));
                    Answer::Attempt(attempt, false)
                }
                SharedClaim::TakeOver(in_doubt) => {
                    if accepts {
                        let running = in_doubt.accept();
                        let attempt = running.attempt();
                        thread.running.push((number, running));
                        Answer::Attempt(attempt, true)
                    } else {
                        // It is told by what it is when it is accepted, and so is recorded below.
                        declined = Some(in_doubt);
                        Answer::Dropped
                    }
                }
                SharedClaim::InProgress(waiting) => {
                    let answer = Answer::InProgress(waiting.token(), waiting.until());
                    let since = thread.phase;
                    let woken = Arc::new(Woken(AtomicBool::new(false)));
                    thread.waiters.push(Waiter {
                        waiting,
                        woken,
                        since,
                    });
                    answer
                }
                SharedClaim::Replay(response) => Answer::Replay(response),
                SharedClaim::AlreadyApplied => Answer::AlreadyApplied,
                SharedClaim::Mismatch { stored, applied } => Answer::Mismatch(stored, applied),
                SharedClaim::TooOld { .. } => panic!("no key tells its age"),
            };
            (Call::Claim { fingerprint }, answer)
        });
        if let Some(in_doubt) = declined {
            let token = in_doubt.token();
            if let Some(event) = self.events.last_mut() {
                // What else an attempt has is compared where it is accepted.
                event.answer = Answer::Attempt(
                    Attempt {
                        token,
                        number: 0,
                        reached: in_doubt.reached(),
                        until: now(self.phase + 1),
                    },
                    true,
                );
            }
            self.record(number, |_, _| {
                drop(in_doubt);
                (Call::Drop(token, OnDrop::Free), Answer::Dropped)
            });
        }
    }

    fn settle(&mut self) {
        if self.running.is_empty() {
            return self.claim();
        }
        let at = self.random(self.running.len() as u64) as usize;
        let (key, mut running) = self.running.swap_remove(at);
        let token = running.token();
        let choice = self.random(16);
        let step = self.random(4);
        self.record(key, |thread, now| match choice {
            0..5 => {
                let class = match choice {
                    0 => Class::Transient,
                    1 => Class::Indeterminate,
                    _ => Class::Success,
                };
                let answer = match running.complete(now, class, response(token)) {
                    Ok(completion) => Ok(completion),
                    Err(SharedCompleteError::Ended(error)) => Err(error),
                    Err(other) => panic!("{other}"),
                };
                (Call::Complete(token, class), Answer::Complete(answer))
            }
            5..7 => (Call::Fail(token), Answer::Fail(running.fail(now))),
            7..10 => {
                let on_drop = [OnDrop::Lease, OnDrop::Free, OnDrop::InDoubt][choice as usize - 7];
                running.on_drop(on_drop);
                drop(running);
                (Call::Drop(token, on_drop), Answer::Dropped)
            }
            10..12 => {
                let answer = running.step(now, step);
                thread.running.push((key, running));
                (Call::Step(token, step), Answer::Step(answer))
            }
            _ => {
                let lease = LEASE * if choice == 12 { 2 } else { 1 };
                let answer = running.extend(now, lease);
                thread.running.push((key, running));
                (Call::Extend(token, lease), Answer::Extend(answer))
            }
        });
    }

    fn poll(&mut self) {
        if self.waiters.is_empty() {
            return;
        }
        let at = self.random(self.waiters.len() as u64) as usize;
        let token = self.waiters[at].waiting.token();
        let same_phase = self.waiters[at].since == self.phase;
        if let Poll::Ready(told) = self.waiters[at].poll() {
            self.told.push((token, told, same_phase));
            self.waiters.swap_remove(at);
        } else if self.random(8) == 0 {
            self.waiters.swap_remove(at);
        }
    }
}

/// One store, and which tokens of it stand for which of the shared one.
#[derive(Clone)]
struct Model {
    store: KeyStore,
    real: BTreeMap<AttemptToken, AttemptToken>,
}

impl Model {
    fn new() -> Self {
        let mut store = KeyStore::with_hash_secret(Limits::default(), [1, 2]);
        store.set_policy(policy()).unwrap();
        Self {
            store,
            real: BTreeMap::new(),
        }
    }

    fn own(&self, real: AttemptToken) -> AttemptToken {
        let own = self.real.iter().find(|(_, other)| **other == real);
        // One that is not given yet.
        own.map_or(AttemptToken(u64::MAX), |(own, _)| *own)
    }

    fn real(&self, own: AttemptToken) -> AttemptToken {
        self.real.get(&own).copied().unwrap_or(AttemptToken(0))
    }

    /// Whether it answers the same.
    fn apply(&mut self, event: &Event) -> bool {
        let now = now(event.phase);
        let key = key(event.key);
        let answer = match event.call {
            Call::Claim { fingerprint } => {
                let request = Request::new(&key, fingerprint).lease(LEASE);
                match self.store.claim(now, request).unwrap() {
                    Claim::Run(attempt) => self.attempt(attempt, false, event),
                    Claim::TakeOver(in_doubt) => self.attempt(in_doubt.accept(), true, event),
                    Claim::InProgress { token, until, .. } => {
                        Answer::InProgress(self.real(token), until)
                    }
                    Claim::Replay(response) => Answer::Replay(response),
                    Claim::AlreadyApplied => Answer::AlreadyApplied,
                    Claim::Mismatch { stored, applied } => Answer::Mismatch(stored, applied),
                    Claim::TooOld { .. } => return false,
                }
            }
            Call::Complete(real, class) => {
                let own = self.own(real);
                let answer = self.store.complete(now, &key, own, class, response(real));
                Answer::Complete(answer.map_err(|error| match error {
                    CompleteError::Superseded { by } => {
                        let by = self.real(by);
                        CompleteError::Superseded { by }
                    }
                    CompleteError::Unknown { .. } => CompleteError::Unknown { token: real },
                    other => other,
                }))
            }
            Call::Fail(real) => {
                let answer = self.store.fail(now, &key, self.own(real));
                Answer::Fail(answer.map_err(|error| match error {
                    FailError::Superseded { by } => {
                        let by = self.real(by);
                        FailError::Superseded { by }
                    }
                    FailError::Unknown { .. } => FailError::Unknown { token: real },
                    other => other,
                }))
            }
            Call::Step(real, step) => {
                let answer = self.store.step(now, &key, self.own(real), step);
                Answer::Step(answer.map_err(|error| match error {
                    StepError::Superseded { by } => {
                        let by = self.real(by);
                        StepError::Superseded { by }
                    }
                    StepError::Unknown { .. } => StepError::Unknown { token: real },
                    other => other,
                }))
            }
            Call::Extend(real, lease) => {
                let answer = self.store.extend(now, &key, self.own(real), lease);
                Answer::Extend(answer.map_err(|error| match error {
                    ExtendError::Superseded { by } => {
                        let by = self.real(by);
                        ExtendError::Superseded { by }
                    }
                    ExtendError::Unknown { .. } => ExtendError::Unknown { token: real },
                    other => other,
                }))
            }
            Call::Drop(real, on_drop) => {
                let own = self.own(real);
                match on_drop {
                    OnDrop::Lease => {}
                    OnDrop::Free => drop(self.store.fail(now, &key, own)),
                    OnDrop::InDoubt => {
                        let class = Class::Indeterminate;
                        drop(self.store.complete(now, &key, own, class, Bytes::new()));
                    }
                }
                Answer::Dropped
            }
        };
        answer == event.answer
    }

    /// The shared store's token for this attempt is in the event. It must be later than all before.
    fn attempt(&mut self, attempt: Attempt, takes_over: bool, event: &Event) -> Answer {
        let Answer::Attempt(real, _) = &event.answer else {
            return Answer::Attempt(attempt, takes_over);
        };
        if self.real.values().all(|earlier| *earlier < real.token) {
            self.real.insert(attempt.token, real.token);
        }
        let number = match real.number {
            0 => 0,
            _ => attempt.number,
        };
        let token = self.real(attempt.token);
        Answer::Attempt(
            Attempt {
                token,
                number,
                ..attempt
            },
            takes_over,
        )
    }
}

/// Which calls were still to be made, by when they began, and what the model remembered.
type Seen = BTreeSet<(Vec<u64>, Vec<u8>)>;

/// Whether there is an order in which the model answers all of them so (Wing and Gong 1993), without looking
/// twice at what is left of them with the same model (Lowe 2017).
fn is_linearizable(events: &[Event]) -> bool {
    fn search(model: &Model, left: &mut Vec<Event>, seen: &mut Seen) -> bool {
        let Some(first_end) = left.iter().map(|event| event.end).min() else {
            return true;
        };
        let starts = left.iter().map(|event| event.start).collect();
        if !seen.insert((starts, model.store.snapshot().to_vec())) {
            return false;
        }
        // Those that began before any other had ended.
        let next = left.iter().take_while(|event| event.start < first_end);
        for at in 0..next.count() {
            let event = left.remove(at);
            let mut model = model.clone();
            if model.apply(&event) && search(&model, left, seen) {
                return true;
            }
            left.insert(at, event);
        }
        false
    }
    let mut left = events.to_vec();
    left.sort_by_key(|event| event.start);
    search(&Model::new(), &mut left, &mut Seen::new())
}

/// All that happened: calls, what those were told who waited, and who waited to the end.
fn history(seed: u64) -> (Vec<Event>, Vec<Told>, Vec<Waiter>, SharedStore) {
    let options = SharedOptions {
        shards: 4,
        ..SharedOptions::default()
    };
    let store = SharedStore::with_options(Limits::default(), policy(), options).unwrap();
    assert_eq!(store.shards(), 4);
    let ticks = AtomicU64::new(0);
    let barrier = Barrier::new(THREADS as usize);
    let (mut events, mut told, mut waiters) = (Vec::new(), Vec::new(), Vec::new());
    let run = |number: u64| {
        let mut thread = Thread {
            store: store.clone(),
            ticks: &ticks,
            random: (seed * THREADS + number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            phase: 0,
            running: Vec::new(),
            waiters: Vec::new(),
            events: Vec::new(),
            told: Vec::new(),
        };
        for phase in 0..PHASES {
            thread.phase = phase;
            barrier.wait();
            for _ in 0..CALLS {
                thread.call();
            }
            barrier.wait();
        }
        (thread.events, thread.told, thread.waiters)
    };
    std::thread::scope(|scope| {
        let run = &run;
        let threads: Vec<_> = (0..THREADS)
            .map(|number| scope.spawn(move || run(number)))
            .collect();
        for thread in threads {
            let (more_events, more_told, more_waiters) = thread.join().expect("no panic");
            events.extend(more_events);
            told.extend(more_told);
            waiters.extend(more_waiters);
        }
    });
    (events, told, waiters, store)
}

#[test]
fn what_threads_are_answered_is_what_one_thread_would_be() {
    let (mut attempts, mut overlaps) = (0, 0);
    for seed in 0..12 {
        let (events, ..) = history(seed);
        for number in 0..KEYS {
            let of_key = events.iter().filter(|event| event.key == number);
            let mut of_key: Vec<_> = of_key.cloned().collect();
            assert!(
                is_linearizable(&of_key),
                "key {number} of seed {seed}: {of_key:#?}"
            );
            of_key.sort_by_key(|event| event.start);
            overlaps += of_key
                .windows(2)
                .filter(|pair| pair[0].end > pair[1].start)
                .count();
        }
        // Over all keys too, no token is given twice, and one that is asked for later is larger.
        let claimed = events.iter().filter_map(|event| match &event.answer {
            Answer::Attempt(attempt, _) => Some((event.start, event.end, attempt.token)),
            _ => None,
        });
        let mut claimed: Vec<_> = claimed.collect();
        claimed.sort_unstable_by_key(|(_, _, token)| *token);
        assert!(claimed.is_sorted_by(|one, next| one.2 < next.2));
        let mut latest_start = 0;
        for (start, end, token) in &claimed {
            assert!(
                *end > latest_start,
                "{token} was given before a smaller one was asked for"
            );
            latest_start = latest_start.max(*start);
        }
        attempts += claimed.len();
    }
    assert!(attempts > 300 && overlaps > 20, "{attempts}, {overlaps}");
}

/// The checker is no good if it takes anything.
#[test]
fn an_answer_that_cannot_be_is_noticed() {
    let (events, ..) = history(99);
    let of_key: Vec<_> = events.into_iter().filter(|event| event.key == 1).collect();
    assert!(is_linearizable(&of_key));
    let mut noticed = 0;
    for at in 0..of_key.len() {
        let mut wrong = of_key.clone();
        match &mut wrong[at].answer {
            Answer::Attempt(attempt, _) => attempt.reached = 999,
            Answer::InProgress(token, _) => token.0 += 1_000,
            Answer::Replay(response) => *response = Bytes::from_static(b"another's"),
            _ => continue,
        }
        assert!(!is_linearizable(&wrong));
        noticed += 1;
    }
    assert!(noticed > 10);
}

#[test]
fn all_who_wait_are_told_what_came_of_it() {
    let mut replays = 0;
    for seed in 100..112 {
        let (events, mut told, waiters, store) = history(seed);
        let kept = |token| {
            events.iter().any(|event| {
                matches!(event.call, Call::Complete(of, _) if of == token)
                    && matches!(event.answer, Answer::Complete(Ok(Completion::Kept { .. })))
            })
        };
        for mut waiter in waiters {
            let token = waiter.waiting.token();
            let was_woken = waiter.woken.0.load(Ordering::Acquire);
            if let Poll::Ready(joined) = waiter.poll() {
                told.push((token, joined, false));
            } else {
                // Nothing came of it, as far as anybody knows.
                assert!(!was_woken && !kept(token), "{token}");
            }
        }
        for (token, joined, same_phase) in told {
            match joined {
                Joined::Replay(bytes) => {
                    assert!(kept(token) && bytes == response(token));
                    replays += 1;
                }
                // Its lease was over when it was asked about, or it was.
                Joined::AskAgain => assert!(!same_phase || !kept(token), "{token}"),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(store.waiting(), 0);
    }
    assert!(replays > 20, "{replays}");
}
