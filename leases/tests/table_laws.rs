//! The laws of the lease table, over random commands with a clock that stands still, jumps and goes
//! back, against a model that remembers every grant and never forgets.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use quorate_clocks::Instant;
use quorate_leases::{
    AcquireError, Expired, FencingToken, Grant, LeaseTable, Limits, ReleaseError, RenewError,
};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const OWNERS: [&str; 3] = ["ann", "bob", "cid"];

#[derive(Clone, Debug)]
enum Command {
    Acquire {
        name: usize,
        owner: usize,
        ttl: u64,
        request: u128,
    },
    Renew {
        name: usize,
        token: u64,
        ttl: u64,
    },
    Release {
        name: usize,
        token: u64,
    },
    Expire,
}

#[derive(Clone, Debug, PartialEq)]
enum Answer {
    Acquire(Result<Grant, AcquireError>),
    Renew(Result<Grant, RenewError>),
    Release(Result<(), ReleaseError>),
    Expire(Vec<Expired>),
}

fn limits() -> Limits {
    Limits {
        // One less than there are names, so that the bound is met.
        max_leases: 3,
        min_ttl: Duration::from_secs(1),
        max_ttl: Duration::from_secs(8),
        remember_for: Duration::from_secs(4),
        ..Limits::default()
    }
}

/// A command, and how far the clock moves before it, in seconds.
fn commands() -> impl Strategy<Value = Vec<(i64, Command)>> {
    let acquire = (0..NAMES.len(), 0..OWNERS.len(), 0..10_u64, 0..3_u128).prop_map(
        |(name, owner, ttl, request)| Command::Acquire {
            name,
            owner,
            ttl,
            request,
        },
    );
    // Tokens are drawn from the latest few, so that the right one is met often.
    let renew = (0..NAMES.len(), 0..5_u64, 0..10_u64)
        .prop_map(|(name, token, ttl)| Command::Renew { name, token, ttl });
    let release =
        (0..NAMES.len(), 0..5_u64).prop_map(|(name, token)| Command::Release { name, token });
    let command = prop_oneof![4 => acquire, 3 => renew, 2 => release, 1 => Just(Command::Expire)];
    let step = prop_oneof![3 => Just(0), 4 => 1..3_i64, 1 => 5..15_i64, 1 => -10..0_i64];
    prop::collection::vec((step, command), 1..120)
}

fn apply(table: &mut LeaseTable, now: Instant, command: &Command) -> Answer {
    let latest = |back: u64| FencingToken((table.last_token().0 + 1).saturating_sub(back));
    match *command {
        Command::Acquire {
            name,
            owner,
            ttl,
            request,
        } => {
            let ttl = Duration::from_secs(ttl);
            Answer::Acquire(table.acquire(now, NAMES[name], OWNERS[owner], ttl, request))
        }
        Command::Renew { name, token, ttl } => {
            let token = latest(token);
            Answer::Renew(table.renew(now, NAMES[name], token, Duration::from_secs(ttl)))
        }
        Command::Release { name, token } => {
            let token = latest(token);
            Answer::Release(table.release(now, NAMES[name], token))
        }
        Command::Expire => Answer::Expire(table.expire(now)),
    }
}

/// What the model knows of the latest grant of a name, from the answers alone.
#[derive(Clone, Debug)]
struct Promise {
    owner: usize,
    request: u128,
    token: FencingToken,
    until: Instant,
}

#[derive(Default)]
struct Model {
    now: Instant,
    newest: Option<FencingToken>,
    promises: BTreeMap<usize, Promise>,
}

impl Model {
    fn held(&self, name: usize) -> Option<&Promise> {
        self.promises
            .get(&name)
            .filter(|promise| self.now < promise.until)
    }

    /// Checks an answer against all promises so far, and takes in the new one.
    fn check(&mut self, now: Instant, command: &Command, answer: &Answer) {
        self.now = self.now.max(now);
        match (command, answer) {
            (
                &Command::Acquire {
                    name,
                    owner,
                    ttl,
                    request,
                },
                Answer::Acquire(Ok(grant)),
            ) => {
                if let Some(promise) = self.held(name) {
                    // Held already: only the retry of the request that holds it may succeed.
                    assert_eq!((promise.owner, promise.request), (owner, request));
                    assert_eq!(
                        (grant.token, grant.expires_at),
                        (promise.token, promise.until)
                    );
                } else {
                    assert!(Some(grant.token) > self.newest, "{} again", grant.token);
                    assert_eq!(grant.remaining, Duration::from_secs(ttl));
                    self.newest = Some(grant.token);
                }
                let promise = Promise {
                    owner,
                    request,
                    token: grant.token,
                    until: grant.expires_at,
                };
                self.promises.insert(name, promise);
            }
            (
                &Command::Acquire { name, .. },
                Answer::Acquire(Err(AcquireError::Held { holder, .. })),
            ) => {
                let promise = self.held(name).expect("a holder that nobody was promised");
                assert_eq!(
                    (holder.token, holder.expires_at),
                    (promise.token, promise.until)
                );
                assert_eq!(holder.owner, OWNERS[promise.owner]);
            }
            (
                &Command::Acquire {
                    name,
                    owner,
                    request,
                    ..
                },
                Answer::Acquire(Err(AcquireError::Ended { token, .. })),
            ) => {
                assert!(self.held(name).is_none());
                let ended = &self.promises[&name];
                assert_eq!(
                    (ended.owner, ended.request, ended.token),
                    (owner, request, *token)
                );
            }
            (_, Answer::Acquire(Err(AcquireError::Full { .. }))) => {
                let held = (0..NAMES.len())
                    .filter(|name| self.held(*name).is_some())
                    .count();
                assert_eq!(held, limits().max_leases as usize);
            }
            (_, Answer::Acquire(Err(refused))) => {
                assert!(matches!(refused, AcquireError::Ttl { .. }), "{refused}");
            }
            (&Command::Renew { name, .. }, Answer::Renew(Ok(grant))) => {
                let promise = self.held(name).expect("a lease was revived");
                assert_eq!(grant.token, promise.token);
                assert!(
                    grant.expires_at >= promise.until,
                    "an end was brought forward"
                );
                let renewed = Promise {
                    until: grant.expires_at,
                    ..promise.clone()
                };
                self.promises.insert(name, renewed);
            }
            (
                &Command::Renew { name, .. },
                Answer::Renew(Err(RenewError::Superseded { holder, token, .. })),
            ) => {
                let promise = self.held(name).expect("a holder that nobody was promised");
                assert_eq!(holder.token, promise.token);
                assert_ne!(*token, promise.token);
            }
            (&Command::Renew { name, .. }, Answer::Renew(Err(RenewError::Ended { .. }))) => {
                assert!(self.held(name).is_none());
            }
            (_, Answer::Renew(Err(refused))) => {
                assert!(matches!(refused, RenewError::Ttl { .. }), "{refused}");
            }
            (&Command::Release { name, .. }, Answer::Release(Ok(()))) => {
                if let Some(promise) = self.promises.get_mut(&name) {
                    promise.until = promise.until.min(self.now);
                }
            }
            (&Command::Release { name, .. }, Answer::Release(Err(refused))) => {
                let superseded = matches!(refused, ReleaseError::Superseded { .. });
                assert_eq!(self.held(name).is_some(), superseded);
            }
            (_, Answer::Expire(ended)) => {
                for expired in ended {
                    let name = NAMES.iter().position(|name| *name == expired.name).unwrap();
                    assert!(self.held(name).is_none());
                    let promise = &self.promises[&name];
                    assert_eq!(
                        (expired.token, expired.expired_at),
                        (promise.token, promise.until)
                    );
                }
                assert!(ended.is_sorted_by_key(|expired| (expired.expired_at, expired.token)));
            }
            (command, answer) => panic!("{command:?} was answered {answer:?}"),
        }
    }

    /// The holders that were promised are the holders that the table tells of, and no others.
    fn check_holders(&self, table: &LeaseTable) {
        let told: Vec<_> = table
            .leases(self.now)
            .map(|lease| (lease.name, lease.token, lease.expires_at))
            .collect();
        let promised: Vec<_> = (0..NAMES.len())
            .filter_map(|name| {
                self.held(name)
                    .map(|promise| (NAMES[name], promise.token, promise.until))
            })
            .collect();
        assert_eq!(told, promised);
        let earliest = promised.iter().map(|(_, _, until)| *until).min();
        // A hint that is never late.
        if let Some(earliest) = earliest {
            assert!(table.next_expiry().is_some_and(|next| next <= earliest));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn one_holder_growing_tokens_and_equal_replicas(
        commands in commands(), restore_at in prop::collection::vec(any::<bool>(), 120)
    ) {
        let mut table = LeaseTable::new(limits());
        let mut replica = table.clone();
        let mut model = Model::default();
        let mut seconds = 20_i64;
        for ((step, command), restore) in commands.iter().zip(restore_at) {
            seconds = (seconds + step).max(0);
            let now = Instant::from_millis(seconds.unsigned_abs() * 1_000);
            // The replica is restored from its own snapshot between any two commands.
            if restore {
                replica = LeaseTable::restore(limits(), &replica.snapshot()).unwrap();
            }
            let answer = apply(&mut table, now, command);
            prop_assert_eq!(&apply(&mut replica, now, command), &answer);
            prop_assert_eq!(replica.snapshot(), table.snapshot());
            prop_assert_eq!(&replica, &table);
            model.check(now, command, &answer);
            model.check_holders(&table);
        }
    }
}
