//! What goes wrong with stores of idempotency keys, as scenarios: run against the store as it is, and against
//! ones with a broken rule, to see that it is noticed.
//!
//! | Trap | Here | Elsewhere |
//! |---|---|---|
//! | 1-3 crashed owner, late completions | `attempts` | sessions: an attempt ends with its session |
//! | 4 same key, other request | `attempts`, `forgetting` | `session_traps` |
//! | 5-8 leases, deadlines, retention | `attempts` | |
//! | 9, 10 eviction | `room`, `forgetting` | `session_traps` |
//! | 11, 12 clocks | `attempts` | `session_traps` |
//! | 13, 14 acknowledgements | `forgetting` | `session_traps` |
//! | 15 numbers that peers choose | `forgetting` (ages) | `session_traps`, windows |
//! | 16 windows | | windows |
//! | 17 ended sessions | `forgetting` (horizons) | `session_traps` |
//! | 18 which outcomes are kept | `outcomes` | |
//! | 19 a guard that is dropped | | `shared_traps` |
//! | 20-22 replicas | `replicas` | `session_traps` |
//! | 23 damaged snapshots | | `bytes`, sessions, the fuzz targets |
//! | 24 floods of keys that collide | | unit tests of the hash and the fingerprint |
//! | 25 tenants | `room` | |
//! | 26 recovery points | `attempts` | |
//! | 27 adapters to databases | | not of this crate |

mod attempts;
mod forgetting;
mod outcomes;
mod replicas;
mod room;

use std::time::Duration;

use bytes::Bytes;
use quorate_clocks::Instant;
use quorate_idempotency::{
    Attempt, AttemptToken, Claim, ClaimError, Class, CompleteError, Completion, Fingerprint, Key,
    KeyStore, Limits, Policy, Pressure, Remember, Request,
};

pub(crate) use attempts::*;
pub(crate) use forgetting::*;
pub(crate) use outcomes::*;
pub(crate) use replicas::*;
pub(crate) use room::*;

/// Where stores come from. Each replica has a number.
pub(crate) trait Stores {
    fn start(&self, number: u64, limits: Limits, policy: Policy) -> KeyStore;
    fn restore(&self, number: u64, snapshot: &Bytes) -> KeyStore;
}

macro_rules! traps {
    ($($name:ident),* $(,)?) => {
        /// All of them, by name.
        #[allow(dead_code)]
        pub(crate) const TRAPS: &[(&str, fn(&dyn Stores))] = &[$((stringify!($name), $name)),*];

        /// Makes a test of each.
        #[allow(unused_macros)]
        macro_rules! test_traps {
            ($stores:expr) => {
                $(#[test] fn $name() { key_traps::$name(&$stores); })*
            };
        }
        #[allow(unused_imports)]
        pub(crate) use test_traps;
    };
}

traps![
    trap_01_crash_of_the_owner,
    trap_02_completion_after_takeover,
    trap_03_late_completion,
    trap_04_same_key_other_request,
    trap_05_no_lease_given,
    trap_05_no_lease_is_for_ever,
    trap_06_a_span_of_zero,
    trap_07_every_deadline_to_the_nanosecond,
    trap_08_retention_starts_at_completion,
    trap_09_a_full_store_refuses_new_keys,
    trap_09_key_bytes_are_bounded,
    trap_09_room_for_the_response_is_set_aside,
    trap_10_full_of_tombstones,
    trap_10_responses_are_dropped_first,
    trap_10_tombstones_say_that_it_was_applied,
    trap_10_what_may_run_is_never_pushed_out,
    trap_11_clock_goes_backwards,
    trap_12_clock_jumps_forward,
    trap_13_acknowledging_again,
    trap_14_acknowledged_before_it_completed,
    trap_15_a_key_of_the_future,
    trap_17_a_longer_age_takes_nothing_back,
    trap_17_aged_keys_are_known_until_they_are_too_old,
    trap_17_the_horizon_refuses_what_is_forgotten,
    trap_18_a_new_policy_leaves_what_is_stored,
    trap_18_a_success_cannot_be_made_to_run_again,
    trap_18_each_class_is_remembered_as_the_policy_says,
    trap_18_what_a_retry_could_change_is_not_replayed,
    trap_18_what_is_indeterminate_is_in_doubt,
    trap_20_lowered_limits_do_not_see_what_is_over,
    trap_20_order_does_not_show,
    trap_20_restore_at_every_prefix,
    trap_20_sweeping_decides_nothing,
    trap_20_tokens_go_on_after_a_restart,
    trap_21_failover,
    trap_22_lagging_replica,
    trap_25_a_tenant_at_its_quota,
    trap_25_room_is_made_in_the_own_scope,
    trap_26_recovery_points,
    a_failure_after_a_step_leaves_the_step,
    a_failure_after_a_takeover_leaves_the_doubt,
    a_failure_without_effect_frees_the_key,
    a_token_of_another_key_is_unknown,
    an_abandoned_key_is_forgotten_in_the_end,
    completing_twice_changes_nothing,
    extending_never_shortens,
    time_at_its_end,
    tokens_end_in_a_refusal,
];

const LEASE: Duration = Duration::from_nanos(100);
const RETAIN: Duration = Duration::from_nanos(1_000);
const PRINT: Fingerprint = Fingerprint(7);
const OTHER: Fingerprint = Fingerprint(8);

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

fn key(name: &str) -> Key {
    Key::new("tenant", name).unwrap()
}

fn body(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn policy() -> Policy {
    Policy {
        success: Remember::Replay { retain: RETAIN },
        abandoned: Duration::from_nanos(10_000),
        pressure: Pressure::Refuse,
        ..Policy::default()
    }
}

fn with_limits(stores: &dyn Stores, limits: Limits) -> KeyStore {
    stores.start(0, limits, policy())
}

fn store(stores: &dyn Stores) -> KeyStore {
    with_limits(stores, Limits::default())
}

/// An attempt, and whether it is in doubt.
#[derive(Clone, Copy, Debug)]
struct Ran {
    token: AttemptToken,
    number: u32,
    takeover: bool,
    reached: u64,
}

fn run(store: &mut KeyStore, now: u64, key: &Key) -> Ran {
    let (attempt, takeover) = match begin(store, now, key) {
        Claim::Run(attempt) => (attempt, false),
        Claim::TakeOver(in_doubt) => (in_doubt.accept(), true),
        other => panic!("{other:?}"),
    };
    let Attempt {
        token,
        number,
        reached,
        ..
    } = attempt;
    Ran {
        token,
        number,
        takeover,
        reached,
    }
}

fn claim(
    store: &mut KeyStore,
    now: u64,
    key: &Key,
    fingerprint: Fingerprint,
    lease: Duration,
) -> Result<Claim, ClaimError> {
    store.claim(at(now), Request::new(key, fingerprint).lease(lease))
}

fn begin(store: &mut KeyStore, now: u64, key: &Key) -> Claim {
    claim(store, now, key, PRINT, LEASE).unwrap()
}

fn in_progress(store: &mut KeyStore, now: u64, key: &Key, expected: u64) {
    match begin(store, now, key) {
        Claim::InProgress { until, .. } => assert_eq!(until, at(expected)),
        other => panic!("{other:?}"),
    }
}

fn complete(
    store: &mut KeyStore,
    now: u64,
    key: &Key,
    token: AttemptToken,
    response: Bytes,
) -> Result<Completion, CompleteError> {
    store.complete(at(now), key, token, Class::Success, response)
}
