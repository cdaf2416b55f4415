//! What several targets do: make calls on a store that the input chooses.

use std::time::Duration;

use bytes::Bytes;
use quorate_clocks::Instant;
use quorate_idempotency::{
    AttemptToken, Claim, Class, Fingerprint, Key, KeyStore, Limits, Policy, Pressure, Remember,
    Request,
};

/// The input, read number by number; zeroes when it is at its end.
pub struct Input<'a>(pub &'a [u8]);

impl Input<'_> {
    pub fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A store so small that it makes room all the time.
pub fn small_store(input: &mut Input<'_>) -> KeyStore {
    let mut store = KeyStore::new(Limits {
        keys: 4,
        keys_per_scope: 3,
        key_bytes: 64,
        response_bytes: 4,
        all_response_bytes: 12,
        scopes: 3,
        tombstones: 4,
        tombstones_per_scope: 3,
        lease: Duration::from_nanos(50),
    });
    change_policy(&mut store, input);
    store
}

fn change_policy(store: &mut KeyStore, input: &mut Input<'_>) {
    let mut remember = || {
        let retain = Duration::from_nanos(u64::from(input.byte()));
        match input.byte() % 5 {
            0 => Remember::Replay { retain },
            1 => Remember::Applied { retain },
            2 => Remember::Resume,
            3 => Remember::Free,
            _ => Remember::InDoubt,
        }
    };
    let policy = Policy {
        success: remember(),
        rejection: remember(),
        transient: remember(),
        indeterminate: remember(),
        lease: Duration::from_nanos(u64::from(input.byte())),
        abandoned: Duration::from_nanos(u64::from(input.byte())),
        key_age: Duration::from_nanos(u64::from(input.byte())),
        key_skew: Duration::from_nanos(u64::from(input.byte())),
        pressure: match input.byte() % 4 {
            0 => Pressure::Refuse,
            _ => Pressure::DropResponses,
        },
    };
    // One that makes no sense is refused, which is a call as good as any.
    let _ = store.set_policy(policy);
}

/// What a caller remembers from call to call.
#[derive(Default)]
pub struct Caller {
    now: u64,
    latest: Vec<(u8, AttemptToken)>,
}

/// One call, as both stores are to make it.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    kind: u8,
    key: u8,
    token: AttemptToken,
    number: u8,
    now: Instant,
    policy: &'a [u8],
}

impl Caller {
    /// The next call that the input chooses.
    pub fn next<'a>(&mut self, input: &mut Input<'a>) -> Call<'a> {
        let step = input.byte();
        self.now = match step {
            0..200 => self.now.saturating_add(u64::from(step % 16)),
            200..250 => self.now.saturating_add(u64::from(step)),
            250..254 => self.now.saturating_sub(9),
            _ => self.now.saturating_add(1 << 40),
        };
        let (kind, key, number) = (input.byte(), input.byte() % 8, input.byte());
        let chosen = self
            .latest
            .get(usize::from(number) % self.latest.len().max(1));
        let (key, token) = match kind % 8 {
            0..3 => (key, AttemptToken(0)),
            _ => chosen
                .copied()
                .unwrap_or((key, AttemptToken(u64::from(number)))),
        };
        Call {
            kind,
            key,
            token,
            number,
            now: Instant::from_nanos(self.now),
            policy: input.0,
        }
    }

    /// Makes a call, and says what it answered.
    pub fn make(&mut self, store: &mut KeyStore, call: &Call<'_>) -> String {
        let Call {
            token, number, now, ..
        } = *call;
        let scope = ["a", "b", "ab", ""][usize::from(call.key % 4)];
        let key = Key::new(scope, &format!("k{}", call.key)).expect("a sound key");
        let span = Duration::from_nanos(u64::from(number % 60));
        let print = Fingerprint(u128::from(number / 200));
        let class = match number % 4 {
            0 => Class::Success,
            1 => Class::Rejection,
            2 => Class::Transient,
            _ => Class::Indeterminate,
        };
        match call.kind % 8 {
            kind @ 0..3 => {
                let mut request = Request::new(&key, print);
                if kind == 1 {
                    request =
                        request.born_at(Instant::from_nanos(now.as_nanos().saturating_sub(7)));
                }
                if kind == 2 {
                    request = request.lease(span);
                }
                let answer = store.claim(now, request);
                match &answer {
                    Ok(Claim::Run(attempt)) => self.latest.push((call.key, attempt.token)),
                    Ok(Claim::TakeOver(in_doubt)) => self.latest.push((call.key, in_doubt.token())),
                    _ => {}
                }
                format!("{answer:?}")
            }
            3 | 4 => {
                let response = Bytes::from(vec![number; usize::from(number % 6)]);
                format!("{:?}", store.complete(now, &key, token, class, response))
            }
            5 => format!("{:?}", store.fail(now, &key, token)),
            6 if number % 2 == 0 => format!("{:?}", store.extend(now, &key, token, span)),
            6 => format!("{:?}", store.step(now, &key, token, u64::from(number))),
            _ if number < 64 => {
                change_policy(store, &mut Input(call.policy));
                String::new()
            }
            _ => format!("{:?}", store.acknowledge(now, &key, print)),
        }
    }
}
