//! Random calls against a store that is too simple to be wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use quorate_clocks::Instant;
use quorate_idempotency::{
    AttemptToken, Claim, ClaimError, Class, CompleteError, Completion, Fingerprint, Key, KeyStore,
    Limits, Policy, Pressure, Remember, Request,
};

const RETAIN: u64 = 100;
const ABANDONED: u64 = 60;

fn limits() -> Limits {
    Limits {
        keys: 4,
        keys_per_scope: 3,
        key_bytes: 1_000,
        response_bytes: 4,
        all_response_bytes: 12,
        lease: Duration::from_nanos(50),
        ..Limits::default()
    }
}

fn store() -> KeyStore {
    let mut store = KeyStore::new(limits());
    let policy = Policy {
        success: Remember::Replay {
            retain: Duration::from_nanos(RETAIN),
        },
        abandoned: Duration::from_nanos(ABANDONED),
        pressure: Pressure::Refuse,
        ..Policy::default()
    };
    store.set_policy(policy).unwrap();
    store
}

#[derive(Clone, Debug)]
enum Call {
    Claim {
        key: u8,
        fingerprint: u8,
        lease: u64,
    },
    /// `attempt` picks one of all attempts that there ever were.
    Complete {
        attempt: usize,
        response: Vec<u8>,
    },
    Fail {
        attempt: usize,
    },
    Extend {
        attempt: usize,
        lease: u64,
    },
    Expire {
        most: u64,
    },
}

/// A call, and how the time moves before it: mostly forward.
fn calls() -> impl Strategy<Value = Vec<(i64, Call)>> {
    let call = prop_oneof![
        5 => (0..6_u8, 0..10_u8, 0..55_u64).prop_map(|(key, fingerprint, lease)| Call::Claim {
            key,
            fingerprint: fingerprint / 9,
            lease,
        }),
        3 => (any::<usize>(), vec(any::<u8>(), 0..6)).prop_map(
            |(attempt, response)| Call::Complete { attempt, response }
        ),
        1 => any::<usize>().prop_map(|attempt| Call::Fail { attempt }),
        1 => (any::<usize>(), 0..55_u64).prop_map(|(attempt, lease)| Call::Extend { attempt, lease }),
        1 => (0..3_u64).prop_map(|most| Call::Expire { most }),
    ];
    vec(
        (
            prop_oneof![6 => 0..20_i64, 1 => -50..0_i64, 1 => 50..200_i64],
            call,
        ),
        0..120,
    )
}

fn key(number: u8) -> Key {
    Key::new(["a", "b"][usize::from(number % 2)], &format!("k{number}")).unwrap()
}

/// What a call answered, in a form that all stores can be compared in.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Answer(String);

fn answer(answer: impl std::fmt::Debug) -> Answer {
    Answer(format!("{answer:?}"))
}

/// Makes the calls on a store, and remembers the attempts so that they can be named.
#[derive(Clone, Default)]
struct Caller {
    now: i64,
    attempts: Vec<(u8, AttemptToken)>,
}

impl Caller {
    fn make(&mut self, store: &mut KeyStore, step: i64, call: &Call) -> Answer {
        self.now = (self.now + step).max(0);
        let now = Instant::from_nanos(self.now as u64);
        let nanos = Duration::from_nanos;
        let attempt = |at: usize| match self.attempts.len() {
            0 => (0, AttemptToken(3)),
            len => self.attempts[at % len],
        };
        match call {
            Call::Claim {
                key: k,
                fingerprint,
                lease,
            } => {
                let named = key(*k);
                let request = Request::new(&named, Fingerprint((*fingerprint).into()));
                let begun = store.claim(now, request.lease(nanos(*lease)));
                match &begun {
                    Ok(Claim::Run(attempt)) => self.attempts.push((*k, attempt.token)),
                    Ok(Claim::TakeOver(in_doubt)) => self.attempts.push((*k, in_doubt.token())),
                    _ => {}
                }
                answer(begun)
            }
            Call::Complete {
                attempt: at,
                response,
            } => {
                let (k, token) = attempt(*at);
                let response = Bytes::from(response.clone());
                answer(store.complete(now, &key(k), token, Class::Success, response))
            }
            Call::Fail { attempt: at } => {
                let (k, token) = attempt(*at);
                answer(store.fail(now, &key(k), token))
            }
            Call::Extend { attempt: at, lease } => {
                let (k, token) = attempt(*at);
                answer(store.extend(now, &key(k), token, nanos(*lease)))
            }
            Call::Expire { most } => {
                store.expire_some(now, *most);
                answer(())
            }
        }
    }
}

/// A list of all that ever happened, searched from its end for every answer.
#[derive(Default)]
struct Naive {
    now: u64,
    /// Key, attempt, when, lease's end: every attempt.
    begun: Vec<(u8, AttemptToken, u64)>,
    fingerprints: BTreeMap<AttemptToken, u8>,
    until: BTreeMap<AttemptToken, u64>,
    failed: Vec<(AttemptToken, u64)>,
    completed: BTreeMap<AttemptToken, (Vec<u8>, u64)>,
}

impl Naive {
    fn latest(&self, k: u8) -> Option<AttemptToken> {
        self.begun
            .iter()
            .rev()
            .find(|(key, ..)| *key == k)
            .map(|(_, token, _)| *token)
    }

    /// When the key is free again, whatever its latest attempt did.
    fn over(&self, token: AttemptToken) -> u64 {
        let abandoned = ABANDONED;
        if let Some((_, end)) = self.completed.get(&token) {
            return *end;
        }
        if let Some((_, at)) = self.failed.iter().find(|(failed, _)| *failed == token) {
            return if self.in_doubt(token) {
                at + abandoned
            } else {
                0
            };
        }
        self.until[&token] + abandoned
    }

    /// Whether the attempt began after one that vanished.
    fn in_doubt(&self, token: AttemptToken) -> bool {
        let (k, _, began) = self
            .begun
            .iter()
            .find(|(_, t, _)| *t == token)
            .copied()
            .unwrap();
        let before = self
            .begun
            .iter()
            .rev()
            .find(|(key, t, _)| *key == k && *t < token);
        before.is_some_and(|(_, earlier, _)| began < self.over(*earlier))
    }

    /// Checks one answer of the real store, and notes what it did.
    fn check(&mut self, now: u64, call: &Call, attempts: &[(u8, AttemptToken)], got: &Answer) {
        self.now = self.now.max(now);
        let now = self.now;
        let pick = |at: usize| match attempts.len() {
            0 => (0, AttemptToken(3)),
            len => attempts[at % len],
        };
        match call {
            Call::Claim {
                key,
                fingerprint,
                lease,
            } => {
                if *lease == 0 {
                    assert_eq!(*got, answer(Err::<Claim, _>(ClaimError::ZeroLease)));
                    return;
                }
                if *lease > 50 {
                    assert!(got.0.contains("LeaseTooLong"), "{got:?}");
                    return;
                }
                let earlier = self.latest(*key).filter(|token| now < self.over(*token));
                if let Some(token) = earlier {
                    let expected = if self.fingerprints[&token] != *fingerprint {
                        Some(Claim::Mismatch {
                            stored: Fingerprint(self.fingerprints[&token].into()),
                            applied: self.completed.contains_key(&token),
                        })
                    } else if let Some((response, _)) = self.completed.get(&token) {
                        Some(Claim::Replay(response.clone().into()))
                    } else if now < self.until[&token]
                        && self.failed.iter().all(|(failed, _)| *failed != token)
                    {
                        Some(Claim::InProgress {
                            token,
                            until: Instant::from_nanos(self.until[&token]),
                            retry_after: Duration::from_nanos(self.until[&token] - now),
                        })
                    } else {
                        None
                    };
                    if let Some(expected) = expected {
                        assert_eq!(*got, answer(Ok::<_, ClaimError>(expected)));
                        return;
                    }
                }
                let live: Vec<u8> = (0..6)
                    .filter(|k| self.latest(*k).is_some_and(|token| now < self.over(token)))
                    .collect();
                let held: u64 = live
                    .iter()
                    .map(|k| {
                        let token = self.latest(*k).unwrap();
                        match self.completed.get(&token) {
                            Some((response, _)) => response.len() as u64,
                            None if self.failed.iter().any(|(failed, _)| *failed == token) => 0,
                            None => 4,
                        }
                    })
                    .sum();
                let new = !live.contains(key);
                let of_scope = live.iter().filter(|k| *k % 2 == key % 2).count();
                let needs = match earlier {
                    Some(token) if self.failed.iter().all(|(failed, _)| *failed != token) => 0,
                    _ => 4,
                };
                let full =
                    new && (live.len() >= 4 || of_scope >= 3) || needs > 0 && held + needs > 12;
                assert_eq!(got.0.contains("Full"), full, "{got:?} {live:?} {held}");
                if full {
                    return;
                }
                let token = AttemptToken(self.begun.len() as u64 + 1);
                assert!(got.0.contains(&format!("{token:?}")), "{got:?}");
                assert!(got.0.contains("TakeOver") == earlier.is_some(), "{got:?}");
                self.begun.push((*key, token, now));
                self.fingerprints.insert(token, *fingerprint);
                self.until.insert(token, now + lease);
            }
            Call::Complete { attempt, response } => {
                let (k, token) = pick(*attempt);
                match self.verdict(k, token) {
                    Err(why) => assert!(got.0.contains(why), "{got:?}, not {why}"),
                    Ok(()) if self.completed.contains_key(&token) => {
                        assert_eq!(got.0, "Ok(Repeated)");
                    }
                    Ok(()) if response.len() > 4 => assert!(got.0.contains("TooLarge")),
                    Ok(()) => {
                        let until = Instant::from_nanos(now + RETAIN);
                        let kept = Completion::Kept { until };
                        assert_eq!(*got, answer(Ok::<_, CompleteError>(kept)));
                        self.completed
                            .insert(token, (response.clone(), now + RETAIN));
                    }
                }
            }
            Call::Fail { attempt } => {
                let (k, token) = pick(*attempt);
                match self.verdict(k, token) {
                    Err(why) => assert!(got.0.contains(why), "{got:?}, not {why}"),
                    Ok(()) if self.completed.contains_key(&token) => {
                        assert!(got.0.contains("Completed"));
                    }
                    Ok(()) => {
                        assert_eq!(got.0, "Ok(())");
                        self.failed.push((token, now));
                    }
                }
            }
            Call::Extend { attempt, lease } => {
                let (k, token) = pick(*attempt);
                if *lease == 0 || *lease > 50 {
                    assert!(got.0.contains("Lease"));
                    return;
                }
                match self.verdict(k, token) {
                    Err(why) => assert!(got.0.contains(why), "{got:?}, not {why}"),
                    Ok(()) if self.completed.contains_key(&token) => {
                        assert!(got.0.contains("Completed"));
                    }
                    Ok(()) => {
                        let until = self.until[&token].max(now + lease);
                        assert_eq!(*got, answer(Ok::<_, ()>(Instant::from_nanos(until))));
                        self.until.insert(token, until);
                    }
                }
            }
            Call::Expire { .. } => {}
        }
    }

    /// Whether the attempt may still say something.
    fn verdict(&self, k: u8, token: AttemptToken) -> Result<(), &'static str> {
        match self.latest(k) {
            Some(latest) if self.now < self.over(latest) => {
                if latest > token {
                    Err("Superseded")
                } else if self.failed.iter().any(|(failed, _)| *failed == token) {
                    Err("Unknown")
                } else {
                    Ok(())
                }
            }
            _ => Err("Unknown"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_answer_is_the_naive_one(calls in calls()) {
        let mut store = store();
        let mut caller = Caller::default();
        let mut naive = Naive::default();
        for (step, call) in &calls {
            let attempts = caller.attempts.clone();
            let got = caller.make(&mut store, *step, call);
            naive.check(caller.now as u64, call, &attempts, &got);
        }
    }

    /// A replica that restarts from a snapshot at every step, one that forgets at once and one that
    /// never forgets answer alike and have equal snapshots.
    #[test]
    fn restarting_and_forgetting_change_no_answer(calls in calls()) {
        let mut plain = (store(), Caller::default());
        let mut restarted = plain.clone();
        let mut eager = plain.clone();
        for (step, call) in &calls {
            let expected = match call {
                Call::Expire { .. } => {
                    // Only the time goes on.
                    plain.1.make(&mut plain.0, *step, &Call::Expire { most: 0 })
                }
                call => plain.1.make(&mut plain.0, *step, call),
            };
            prop_assert_eq!(&restarted.1.make(&mut restarted.0, *step, call), &expected);
            prop_assert_eq!(&eager.1.make(&mut eager.0, *step, call), &expected);
            let now = eager.0.now();
            eager.0.expire(now);
            let snapshot = plain.0.snapshot();
            prop_assert_eq!(&eager.0.snapshot(), &snapshot);
            restarted.0 = KeyStore::restore(&restarted.0.snapshot()).unwrap();
            prop_assert_eq!(&restarted.0.snapshot(), &snapshot);
            prop_assert_eq!(&restarted.0, &eager.0);
        }
    }

    /// The law itself, without a model: between the start of an attempt and the end of its lease no
    /// other is started, tokens only grow, and a completed key answers the same bytes to the end.
    #[test]
    fn a_key_runs_once_at_a_time_and_replays_the_same_bytes(calls in calls()) {
        let mut store = store();
        let mut caller = Caller::default();
        let mut held: BTreeMap<u8, (AttemptToken, Instant)> = BTreeMap::new();
        let mut kept: BTreeMap<u8, (Bytes, Instant)> = BTreeMap::new();
        let mut newest = AttemptToken(0);
        for (step, call) in &calls {
            caller.now = (caller.now + step).max(0);
            let now = Instant::from_nanos(caller.now as u64);
            let pick = |at: usize| caller.attempts.get(at % caller.attempts.len().max(1)).copied();
            match call {
                Call::Claim { key: k, lease, .. } => {
                    let named = key(*k);
                    let request = Request::new(&named, Fingerprint(0));
                    let answer = store.claim(now, request.lease(Duration::from_nanos(*lease)));
                    let now = store.now();
                    let attempt = match &answer {
                        Ok(Claim::Run(attempt)) => Some(*attempt),
                        Ok(Claim::TakeOver(in_doubt)) => Some(in_doubt.accept()),
                        _ => None,
                    };
                    if let Some(attempt) = attempt {
                        prop_assert!(attempt.token > newest);
                        newest = attempt.token;
                        prop_assert!(held.get(k).is_none_or(|(_, until)| *until <= now));
                        prop_assert!(kept.get(k).is_none_or(|(_, end)| *end <= now));
                        held.insert(*k, (attempt.token, attempt.until));
                        caller.attempts.push((*k, attempt.token));
                    }
                    if let (Some((bytes, end)), Ok(answer)) = (kept.get(k), &answer)
                        && now < *end
                    {
                        prop_assert_eq!(answer, &Claim::Replay(bytes.clone()));
                    }
                }
                Call::Complete { attempt, response } => {
                    let Some((k, token)) = pick(*attempt) else { continue };
                    let response = Bytes::from(response.clone());
                    let known = store.clone();
                    let answer = store.complete(now, &key(k), token, Class::Success, response.clone());
                    match answer {
                        Ok(_) => {
                            prop_assert_eq!(held[&k].0, token);
                            let end = store.now() + Duration::from_nanos(RETAIN);
                            kept.entry(k)
                                .and_modify(|kept| if kept.1 <= store.now() { *kept = (response.clone(), end) })
                                .or_insert((response, end));
                            held.insert(k, (token, Instant::ORIGIN));
                        }
                        Err(CompleteError::Superseded { by }) => prop_assert!(by > token),
                        Err(_) => prop_assert_eq!(known.len(), store.len()),
                    }
                }
                Call::Fail { attempt } => {
                    let Some((k, token)) = pick(*attempt) else { continue };
                    if store.fail(now, &key(k), token).is_ok() {
                        held.remove(&k);
                    }
                }
                Call::Extend { attempt, lease } => {
                    let Some((k, token)) = pick(*attempt) else { continue };
                    if let Ok(until) = store.extend(now, &key(k), token, Duration::from_nanos(*lease)) {
                        prop_assert_eq!(held[&k].0, token);
                        held.insert(k, (token, until));
                    }
                }
                Call::Expire { most } => {
                    store.expire_some(now, *most);
                }
            }
            prop_assert!(store.len() as u64 <= limits().keys);
            prop_assert!(store.response_bytes() <= limits().all_response_bytes);
        }
    }
}
