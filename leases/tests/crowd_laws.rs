//! The laws of sharing, waiting, delays, sessions and theft, over random commands, against a model that
//! is simple: it keeps everything in vectors, looks at all of it each time, and forgets nothing.

mod crowd_model;

use std::collections::BTreeMap;
use std::time::Duration;

use crowd_model::{Model, Said};
use proptest::prelude::*;
use quorate_clocks::Instant;
use quorate_leases::{
    Acquire, AcquireError, Acquired, Cancelled, FencingToken, LeaseEvent, LeaseTable, Limits,
    SessionId, StealError, StealPolicy, Term,
};

const NAMES: [&str; 3] = ["a", "b", "a name of more than twenty-two bytes"];
const OWNERS: [&str; 3] = ["ann", "bob", "cid"];

#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    name: usize,
    owner: usize,
    request: u128,
    is_shared: bool,
    /// Seconds, or which of the latest sessions.
    ttl: u64,
    session: Option<u64>,
    wait: Option<u64>,
    delay: u64,
}

#[derive(Clone, Copy, Debug)]
enum Command {
    Acquire(Ask),
    Steal(Ask, u64),
    Renew {
        name: usize,
        token: u64,
        ttl: u64,
    },
    Release {
        name: usize,
        token: u64,
    },
    Revoke {
        name: usize,
        token: u64,
    },
    Cancel {
        name: usize,
        owner: usize,
        request: u128,
    },
    Yield {
        name: usize,
    },
    Open {
        ttl: u64,
    },
    KeepAlive {
        session: u64,
    },
    Close {
        session: u64,
    },
    Expire,
    ExpireSome {
        max: usize,
    },
}

fn limits() -> Limits {
    Limits {
        min_ttl: Duration::from_secs(1),
        remember_for: Duration::from_secs(1_000_000),
        steal: StealPolicy::SameOwner,
        ..Limits::default()
    }
}

fn asks() -> impl Strategy<Value = Ask> {
    let session = prop_oneof![2 => Just(None), 1 => (0..3_u64).prop_map(Some)];
    let wait = prop_oneof![1 => Just(None), 2 => (1..12_u64).prop_map(Some)];
    let delay = prop_oneof![2 => Just(0), 1 => 1..4_u64];
    let who = (0..NAMES.len(), 0..OWNERS.len(), 0..4_u128);
    (who, any::<bool>(), 1..8_u64, session, wait, delay).prop_map(
        |((name, owner, request), is_shared, ttl, session, wait, delay)| Ask {
            name,
            owner,
            request,
            is_shared,
            ttl,
            session,
            wait,
            delay,
        },
    )
}

/// A command, and how far the clock moves before it, in seconds.
fn commands() -> impl Strategy<Value = Vec<(u64, Command)>> {
    let name = || 0..NAMES.len();
    let command = prop_oneof![
        10 => asks().prop_map(Command::Acquire),
        1 => (asks(), 0..4_u64).prop_map(|(ask, seen)| Command::Steal(ask, seen)),
        2 => (name(), 0..4_u64, 1..8_u64)
            .prop_map(|(name, token, ttl)| Command::Renew { name, token, ttl }),
        4 => (name(), 0..4_u64).prop_map(|(name, token)| Command::Release { name, token }),
        1 => (name(), 0..4_u64).prop_map(|(name, token)| Command::Revoke { name, token }),
        2 => (name(), 0..OWNERS.len(), 0..4_u128)
            .prop_map(|(name, owner, request)| Command::Cancel { name, owner, request }),
        1 => name().prop_map(|name| Command::Yield { name }),
        2 => (1..8_u64).prop_map(|ttl| Command::Open { ttl }),
        2 => (0..3_u64).prop_map(|session| Command::KeepAlive { session }),
        1 => (0..3_u64).prop_map(|session| Command::Close { session }),
        2 => Just(Command::Expire),
        1 => (1..4_usize).prop_map(|max| Command::ExpireSome { max }),
    ];
    let step = prop_oneof![4 => Just(0), 4 => 1..3_u64, 1 => 5..15_u64];
    prop::collection::vec((step, command), 1..100)
}

fn at(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1_000)
}

fn seconds(instant: Instant) -> u64 {
    instant.as_nanos() / 1_000_000_000
}

fn acquire(ask: &Ask, session: SessionId) -> Acquire<'static> {
    let ttl = Duration::from_secs(ask.ttl);
    let mut acquire = Acquire::new(NAMES[ask.name], OWNERS[ask.owner], ask.request, ttl);
    if ask.is_shared {
        acquire = acquire.shared();
    }
    if ask.session.is_some() {
        acquire.term = Term::Session(session);
    }
    acquire.wait = ask.wait.map(Duration::from_secs);
    acquire.lock_delay(Duration::from_secs(ask.delay))
}

fn refused(refused: &AcquireError) -> Said {
    match refused {
        AcquireError::Held { holder, .. } => Said::Held(holder.token.0),
        AcquireError::Ended { token, .. } => Said::Ended(token.0),
        AcquireError::Waiting { ahead, .. } => Said::Waiting(*ahead as usize),
        AcquireError::Delayed { until, .. } => Said::Delayed(seconds(*until)),
        AcquireError::NoSession { .. }
        | AcquireError::Full { .. }
        | AcquireError::QueueFull { .. } => Said::No,
        other => panic!("{other}"),
    }
}

/// Which session, and which token, a command is about, counted back from the latest.
fn meant(command: &Command, last_session: u64, last_token: u64) -> (u64, u64) {
    let back = |latest: u64, back: u64| (latest + 1).saturating_sub(back);
    let session = match *command {
        Command::Acquire(Ask { session, .. }) | Command::Steal(Ask { session, .. }, _) => {
            session.unwrap_or_default()
        }
        Command::KeepAlive { session } | Command::Close { session } => session,
        _ => 0,
    };
    let token = match *command {
        Command::Renew { token, .. }
        | Command::Release { token, .. }
        | Command::Revoke { token, .. }
        | Command::Steal(_, token) => token,
        _ => 0,
    };
    (back(last_session, session + 1), back(last_token, token))
}

/// What the table says.
fn told(table: &mut LeaseTable, now: u64, command: &Command, session: u64, token: u64) -> Said {
    let (now, token, session) = (at(now), FencingToken(token), SessionId(session));
    let done = |is_done: bool| if is_done { Said::Done } else { Said::No };
    match command {
        Command::Acquire(ask) => match table.acquire_with(now, &acquire(ask, session)) {
            Ok(Acquired::Granted(grant)) => Said::Granted(grant.token.0, seconds(grant.expires_at)),
            Ok(Acquired::Queued(place)) => Said::Queued(place.ahead as usize, seconds(place.until)),
            Ok(other) => panic!("{other:?}"),
            Err(error) => refused(&error),
        },
        Command::Steal(ask, _) => match table.steal(now, token, &acquire(ask, session)) {
            Ok(grant) => Said::Granted(grant.token.0, seconds(grant.expires_at)),
            Err(StealError::Refused(error)) => refused(&error),
            Err(_) => Said::No,
        },
        Command::Renew { name, ttl, .. } => {
            match table.renew(now, NAMES[*name], token, Duration::from_secs(*ttl)) {
                Ok(grant) => Said::Granted(grant.token.0, seconds(grant.expires_at)),
                Err(_) => Said::No,
            }
        }
        Command::Release { name, .. } => done(table.release(now, NAMES[*name], token).is_ok()),
        Command::Revoke { name, .. } => done(table.revoke(now, NAMES[*name], token).is_ok()),
        Command::Cancel {
            name,
            owner,
            request,
        } => done(table.cancel(now, NAMES[*name], OWNERS[*owner], *request) != Cancelled::Nothing),
        Command::Yield { name } => match table.request_yield(now, NAMES[*name]) {
            Some(newest) => Said::Held(newest.0),
            None => Said::No,
        },
        Command::Open { ttl } => Said::Session(
            table
                .open_session(now, Duration::from_secs(*ttl))
                .unwrap()
                .session
                .0,
        ),
        Command::KeepAlive { .. } => done(table.keep_alive(now, session).is_ok()),
        Command::Close { .. } => done(table.close_session(now, session).is_ok()),
        Command::Expire => {
            let ended = table.expire(now);
            Said::Expired(
                ended
                    .iter()
                    .map(|lease| (lease.token.0, seconds(lease.expired_at)))
                    .collect(),
            )
        }
        Command::ExpireSome { max } => {
            let ended = table.expire_some(now, *max);
            Said::Expired(
                ended
                    .iter()
                    .map(|lease| (lease.token.0, seconds(lease.expired_at)))
                    .collect(),
            )
        }
    }
}

/// What the model says.
fn expected(model: &mut Model, now: u64, command: &Command, session: u64, token: u64) -> Said {
    match *command {
        Command::Acquire(ask) => model.acquire(now, &ask, session),
        Command::Steal(ask, _) => model.steal(now, &ask, session, token),
        Command::Renew { name, ttl, .. } => model.renew(now, name, token, ttl),
        Command::Release { name, .. } => model.release(now, name, token),
        Command::Revoke { name, .. } => model.revoke(now, name, token),
        Command::Cancel {
            name,
            owner,
            request,
        } => model.cancel(now, name, (owner, request)),
        Command::Yield { name } => model.request_yield(now, name),
        Command::Open { ttl } => model.open(now, ttl),
        Command::KeepAlive { .. } => model.keep_alive(now, session),
        Command::Close { .. } => model.close(now, session),
        Command::Expire => model.expire(now, usize::MAX),
        Command::ExpireSome { max } => model.expire(now, max),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_table_is_the_model_and_its_replicas(
        commands in commands(), restore_at in prop::collection::vec(any::<bool>(), 100)
    ) {
        let mut table = LeaseTable::new(limits());
        let mut replica = table.clone();
        let mut model = Model::new(NAMES.len());
        let mut now = 0;
        for ((step, command), restore) in commands.iter().zip(restore_at) {
            now += step;
            let (session, token) = meant(command, model.last_session, table.last_token().0);
            // The replica is restored from its own snapshot, and sorts when it likes.
            if restore {
                replica = LeaseTable::restore(limits(), &replica.snapshot()).unwrap();
            } else {
                table.sort_ended(1);
            }
            let answer = told(&mut table, now, command, session, token);
            let other = told(&mut replica, now, command, session, token);
            prop_assert_eq!(&answer, &other);
            prop_assert_eq!(&answer, &expected(&mut model, now, command, session, token), "{:?}", command);
            prop_assert_eq!(table.snapshot(), replica.snapshot());
            for (number, name) in NAMES.iter().enumerate() {
                let holders: Vec<_> = table
                    .holders(at(now), name)
                    .map(|lease| {
                        (lease.token.0, seconds(lease.expires_at), lease.asked_to_yield)
                    })
                    .collect();
                prop_assert_eq!(holders, model.holders(now, number));
                prop_assert_eq!(table.waiting(name), model.waiting(number));
            }
            prop_assert_eq!(table.last_token().0, model.last_token);
        }
    }

    #[test]
    fn at_its_bounds_the_table_grants_no_token_twice_and_does_not_grow(
        commands in commands(), max_leases in 1..5_u32, remember_for in 0..20_u64
    ) {
        let limits = Limits {
            max_leases,
            max_waiting_per_name: 3,
            remember_for: Duration::from_secs(remember_for),
            ..limits()
        };
        let mut table = LeaseTable::new(limits);
        let (mut now, mut last_session) = (0, 0);
        let mut granted = BTreeMap::new();
        let mut asked = [None; NAMES.len()];
        for (step, command) in &commands {
            now += step;
            let before = table.last_token();
            let (session, token) = meant(command, last_session, before.0);
            if let Said::Session(session) = told(&mut table, now, command, session, token) {
                last_session = session;
            }
            // Each is of one name and one owner, for ever.
            while let Some(event) = table.poll_event() {
                if let LeaseEvent::Granted { name, owner, token, .. } = event {
                    prop_assert!(token > before && token <= table.last_token());
                    prop_assert_eq!(granted.insert(token, (name, owner)), None);
                }
            }
            if let Command::Yield { name } = *command {
                asked[name] = table.holders(at(now), NAMES[name]).last().map(|lease| lease.token);
            }
            for (name, asked) in NAMES.iter().zip(&asked) {
                let holders: Vec<_> = table.holders(at(now), name).collect();
                prop_assert!(holders.is_sorted_by(|one, other| one.token < other.token));
                for lease in holders {
                    prop_assert_eq!(lease.asked_to_yield, Some(lease.token) <= *asked);
                }
            }
            for lease in table.leases(at(now)) {
                let (name, owner) = &granted[&lease.token];
                prop_assert_eq!((name.as_str(), owner.as_str()), (lease.name, lease.owner));
            }
            let waiting: usize = NAMES.iter().map(|name| table.waiting(name)).sum();
            prop_assert!(table.leases(at(now)).count() + waiting <= max_leases as usize);
            let restored = LeaseTable::restore(limits, &table.snapshot());
            prop_assert_eq!(restored.as_ref(), Ok(&table));
        }
    }

    /// That somebody is granted what it waits for is what a sweep is for. Nothing else depends on it.
    #[test]
    fn without_a_queue_a_sweep_changes_no_answer(
        commands in commands(), sweeps in prop::collection::vec(0..3_usize, 100)
    ) {
        let mut swept = LeaseTable::new(limits());
        let mut unswept = swept.clone();
        let (mut now, mut last_session) = (0, 0);
        for ((step, command), sweep) in commands.into_iter().zip(sweeps) {
            now += step;
            let command = match command {
                Command::Acquire(ask) => Command::Acquire(Ask { wait: None, ..ask }),
                Command::Steal(ask, seen) => Command::Steal(Ask { wait: None, ..ask }, seen),
                Command::Expire | Command::ExpireSome { .. } => continue,
                command => command,
            };
            swept.expire_some(at(now), sweep);
            let (session, token) = meant(&command, last_session, swept.last_token().0);
            let answer = told(&mut swept, now, &command, session, token);
            prop_assert_eq!(&answer, &told(&mut unswept, now, &command, session, token), "{:?}", command);
            if let Said::Session(session) = answer {
                last_session = session;
            }
            for name in NAMES {
                prop_assert!(swept.holders(at(now), name).eq(unswept.holders(at(now), name)));
            }
        }
    }
}
