//! What goes wrong with the holder of a lease, as scenarios: run against the holder as it is, and against
//! ones with a broken rule, to see that it is noticed.

use std::time::Duration;
use std::vec::Vec;

use quorate_clocks::{Incarnation, Instant, LyingClock};
use quorate_leases::{
    Ask, Drift, EndReason, Fence, FencingToken, HolderConfig, HolderEvent, HolderRequest,
    LeaseHolder, Observer, Progress, Refusal, Standing,
};

use super::world::{MILLI, Network, SECOND, Truth, World, clock, read};

/// Where holders come from.
pub(crate) trait Make {
    fn holder(&self, config: HolderConfig, incarnation: Incarnation, seed: u64) -> LeaseHolder;
    /// Of a record that says of itself when it was written.
    fn observer(&self, drift: Drift, written_at: Instant) -> Observer<u64>;
}

macro_rules! traps {
    ($($name:ident),* $(,)?) => {
        /// All of them, by name.
        #[allow(dead_code)]
        pub(crate) const TRAPS: &[(&str, fn(&dyn Make))] = &[$((stringify!($name), $name)),*];
    };
}

traps![
    trap_05_a_renewal_after_takeover_ends_it_at_once,
    trap_09_drift_within_the_bound_keeps_two_holders_apart_and_a_percent_more_does_not,
    trap_09_an_observer_waits_out_the_drift_from_what_it_saw,
    trap_10_a_grant_that_took_too_long_is_never_held,
    trap_11_a_slow_renewal_leaves_a_gap_and_resumes_aloud,
    trap_12_a_check_is_good_for_the_margin_and_no_longer,
    trap_13_a_suspension_that_the_clock_did_not_count_ends_it,
    trap_13_many_short_suspensions_end_it_too,
    trap_13_a_suspension_that_is_tolerated_is_counted,
    trap_13_a_restored_snapshot_neither_goes_on_nor_releases,
    trap_13_a_clock_that_goes_back_ends_it,
    trap_17_a_retry_is_the_same_request_and_its_answer_another,
    trap_18_a_grant_that_nobody_waits_for_is_given_back,
    trap_30_without_progress_it_lets_go,
    trap_30_it_stops_first_and_releases_then,
    trap_32_random_schedules_keep_holders_apart,
    tiny_leases_and_refusals_do_not_make_a_hot_loop,
    attempts_fit_into_what_is_left,
    renewals_are_spread,
];

const TTL: Duration = Duration::from_secs(10);
const TOKEN: FencingToken = FencingToken(33);

pub(crate) fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

pub(crate) fn config() -> HolderConfig {
    HolderConfig {
        drift: Drift::NONE,
        margin: Duration::ZERO,
        ..HolderConfig::new(TTL)
    }
}

pub(crate) fn quick() -> Network {
    Network {
        slowest: 5 * MILLI,
        loses: 0,
    }
}

fn ask(holder: &mut LeaseHolder, now: Instant) -> HolderRequest {
    holder.poll_transmit(now).expect("it is time to ask")
}

fn begun(holder: &mut LeaseHolder) -> Standing {
    match holder.poll_event() {
        Some(HolderEvent::Acquired(standing) | HolderEvent::Resumed(standing)) => standing,
        other => panic!("nothing has begun: {other:?}"),
    }
}

fn ended(holder: &mut LeaseHolder) -> EndReason {
    match holder.poll_event() {
        Some(HolderEvent::Ended { why, .. }) => why,
        other => panic!("nothing has ended: {other:?}"),
    }
}

/// A holder that asked and was granted the lease at once.
fn granted(make: &dyn Make, config: HolderConfig, now: Instant) -> LeaseHolder {
    let mut holder = make.holder(config, Incarnation(1), 7);
    holder.acquire(now);
    let ticket = ask(&mut holder, now).ticket;
    assert!(holder.handle_granted(ticket, TOKEN, TTL, now));
    holder
}

/// Oban #1488, River #197: told that another holds the lease, it went on.
pub(crate) fn trap_05_a_renewal_after_takeover_ends_it_at_once(make: &dyn Make) {
    for refusal in [Refusal::Held { remaining: TTL }, Refusal::Ended] {
        let mut holder = granted(make, config(), at(0));
        begun(&mut holder);
        let renewal = ask(&mut holder, at(4_000));
        assert!(matches!(renewal.ask, Ask::Renew { token: TOKEN, .. }));
        assert!(holder.handle_refused(renewal.ticket, refusal, at(4_001)));
        assert_eq!(holder.standing(at(4_001)), None);
        assert_eq!(ended(&mut holder), EndReason::Lost);
        // And a service that could not decide has not said that.
        let mut holder = granted(make, config(), at(0));
        let renewal = ask(&mut holder, at(4_000));
        holder.handle_refused(renewal.ticket, Refusal::Unavailable, at(4_001));
        assert!(holder.standing(at(4_001)).is_some());
    }
}

/// The first true time after this one, within a minute, from which on something is so.
fn first(after: Truth, is_so: impl Fn(Truth) -> bool) -> Truth {
    let (mut not_yet, mut so) = (after, after + 60 * SECOND);
    assert!(!is_so(not_yet) && is_so(so));
    while so - not_yet > 1 {
        let middle = not_yet + (so - not_yet) / 2;
        match is_so(middle) {
            true => so = middle,
            false => not_yet = middle,
        }
    }
    so
}

/// The last true time at which it believes that it may act.
fn last_belief(holder: &LeaseHolder, clock: &LyingClock) -> Truth {
    first(0, |truth| holder.standing(read(clock, truth)).is_none()) - 1
}

/// Does a holder whose clock is slow believe in its lease when a grantor whose clock is fast has freed it?
/// The request took no time, which is the worst.
fn overlaps(make: &dyn Make, bound: Drift, holders: u64, grantors: u64) -> bool {
    let config = HolderConfig {
        drift: bound,
        // A clock shows whole nanoseconds.
        margin: Duration::from_nanos(3),
        ..HolderConfig::new(TTL)
    };
    let (slow, fast) = (
        clock(900 * SECOND, -(holders as i32)),
        clock(7 * SECOND, grantors as i32),
    );
    let holder = granted(make, config, read(&slow, 0));
    let last = last_belief(&holder, &slow);
    let counted = read(&fast, last).since(read(&fast, 0));
    counted >= TTL
}

/// Whatever the two clocks do within the bound, the holder stops first; and the bound is tight.
pub(crate) fn trap_09_drift_within_the_bound_keeps_two_holders_apart_and_a_percent_more_does_not(
    make: &dyn Make,
) {
    for ppm in [1, 50, 100, 200, 600, 5_000, 100_000, 300_000] {
        let bound = Drift::from_ppm(ppm).unwrap();
        let ppb = u64::from(ppm) * 1_000;
        for holders in [0, ppb / 4, ppb / 2, ppb] {
            for grantors in [0, ppb / 3, ppb] {
                assert!(!overlaps(make, bound, holders, grantors), "{bound}");
            }
        }
        let worse = ppb * 101 / 100;
        assert!(overlaps(make, bound, worse, worse), "{bound} is not tight");
    }
}

/// client-go and DynamoDB's client count from what they saw; `kube-leader-election` compares the record's
/// time with its own clock, and takes leases that are held.
pub(crate) fn trap_09_an_observer_waits_out_the_drift_from_what_it_saw(make: &dyn Make) {
    for ppm in [0, 1, 100, 600, 100_000] {
        let drift = Drift::from_ppm(ppm).unwrap();
        let ppb = ppm as i32 * 1_000;
        // The holder counts the whole time to live on a slow clock, from when it sends its write; the clock of
        // who watches is fast, and its origin is an hour later.
        let (holders, observers) = (clock(0, -ppb), clock(3_600 * SECOND, ppb));
        let written = read(&holders, SECOND);
        let mut observer = make.observer(drift, written);
        assert!(!observer.is_over(read(&observers, SECOND)));
        observer.handle_record(1, TTL, read(&observers, SECOND / 2));
        observer.handle_record(2, TTL, read(&observers, SECOND));
        // Seen again, it is no news.
        observer.handle_record(2, TTL, read(&observers, 3 * SECOND));
        let truth = first(SECOND, |truth| observer.is_over(read(&observers, truth)));
        let counted = read(&holders, truth).since(written);
        assert!(counted >= TTL, "{drift}: over after {counted:?}");
        // And no later than it has to be.
        assert!(
            counted <= TTL + Duration::from_nanos(3),
            "{drift}: {counted:?}"
        );
    }
}

/// etcd's client counted from the answer. Here the answer takes longer than the lease lasts.
pub(crate) fn trap_10_a_grant_that_took_too_long_is_never_held(make: &dyn Make) {
    let mut holder = make.holder(config(), Incarnation(1), 7);
    holder.acquire(at(0));
    let late = ask(&mut holder, at(0)).ticket;
    assert!(holder.handle_granted(late, TOKEN, TTL, at(10_000)));
    assert_eq!(holder.standing(at(10_000)), None);
    // Not even a word of it.
    assert_eq!(holder.poll_event(), None);
    // It asks whether the grant is still good, and holds it if that is answered in time.
    let renewal = ask(&mut holder, at(10_100));
    assert!(matches!(renewal.ask, Ask::Renew { token: TOKEN, .. }));
    assert!(holder.handle_renewed(renewal.ticket, TTL, at(12_000)));
    let standing = begun(&mut holder);
    assert_eq!(standing.safe.deadline(), at(20_100));
    assert_eq!(holder.standing(at(20_100)), None);

    // The last nanosecond of an answer that is just in time.
    let mut holder = make.holder(config(), Incarnation(1), 7);
    holder.acquire(at(0));
    let ticket = ask(&mut holder, at(0)).ticket;
    let last = Instant::from_nanos(at(10_000).as_nanos() - 1);
    holder.handle_granted(ticket, TOKEN, TTL, last);
    assert!(holder.standing(last).is_some() && holder.standing(at(10_000)).is_none());
}

/// Callers have aborted in the gap: what comes back is not what they had.
pub(crate) fn trap_11_a_slow_renewal_leaves_a_gap_and_resumes_aloud(make: &dyn Make) {
    let mut holder = granted(make, config(), at(0));
    let before = begun(&mut holder);
    let renewal = ask(&mut holder, at(4_000));
    // Valid to the end, in the gap not, and after the answer again: until 4 s + 10 s.
    assert!(holder.standing(at(9_999)).is_some());
    assert_eq!(holder.standing(at(10_000)), None);
    assert!(holder.handle_renewed(renewal.ticket, TTL, at(10_500)));
    let after = holder.standing(at(10_500)).expect("it is held again");
    assert_eq!(after.token, before.token);
    assert!(after.stretch > before.stretch, "it went on in silence");
    // Both are told, in their order, also to one who did not look in between.
    assert_eq!(ended(&mut holder), EndReason::Lapsed);
    assert_eq!(holder.poll_event(), Some(HolderEvent::Resumed(after)));
    assert_eq!(holder.poll_event(), None);
    assert_eq!(holder.standing(at(14_000)), None);
}

/// M. Kleppmann, 2016: the pause is between the check and the write. The margin is for what is known to take
/// time; for what is not, there is only the fence.
pub(crate) fn trap_12_a_check_is_good_for_the_margin_and_no_longer(make: &dyn Make) {
    let margin = Duration::from_millis(250);
    let config = HolderConfig { margin, ..config() };
    let holder = granted(make, config, at(0));
    let clock = clock(0, 0);
    let checked = last_belief(&holder, &clock);
    let effect = read(&clock, checked).saturating_add(margin);
    assert!(effect < at(10_000), "the margin is spent at {effect}");

    // An operation of two seconds has to begin two seconds earlier.
    let safe = holder.standing(at(0)).unwrap().safe;
    let guarded = safe.guarded(Duration::from_secs(2));
    assert!(guarded.is_safe(at(7_700)) && !guarded.is_safe(at(7_800)));
    assert!(safe.is_safe(at(7_800)));

    // A pause is longer than any margin. The check was passed, and the write comes after the successor's.
    assert!(safe.is_safe(at(9_000)));
    let (mut fence, successor) = (Fence::new(), FencingToken(34));
    fence.raise(successor).unwrap();
    assert!(fence.check_and_raise(TOKEN).is_err());
}

/// A laptop that slept, with a clock that does not count it, and one that does. Firezone #14143.
pub(crate) fn trap_13_a_suspension_that_the_clock_did_not_count_ends_it(make: &dyn Make) {
    let mut holder = make.holder(config(), Incarnation(1), 7);
    holder.handle_clocks(at(0), at(500_000));
    holder.acquire(at(0));
    let first = ask(&mut holder, at(0));
    holder.handle_clocks(at(10), at(500_010));
    assert!(holder.handle_granted(first.ticket, TOKEN, TTL, at(10)));
    begun(&mut holder);
    let renewal = ask(&mut holder, at(4_000));
    // An hour passes, and the clock shows one millisecond more.
    holder.handle_clocks(at(4_001), at(4_104_001));
    assert_eq!(holder.standing(at(4_001)), None);
    assert_eq!(ended(&mut holder), EndReason::ClocksDisagree);
    // The renewal was sent before that, so its answer counts from a time that nobody knows.
    assert!(!holder.handle_renewed(renewal.ticket, TTL, at(4_002)));
    assert_eq!(holder.standing(at(4_002)), None);
    // Only a new grant begins again.
    let again = ask(&mut holder, at(4_200));
    let (Ask::Acquire { request: old, .. }, Ask::Acquire { request: new, .. }) =
        (first.ask, again.ask)
    else {
        panic!("{:?}", again.ask);
    };
    assert_ne!(old, new);
    assert!(holder.handle_granted(again.ticket, FencingToken(34), TTL, at(4_201)));
    assert_eq!(begun(&mut holder).token, FencingToken(34));
    // What differs within the bounds is no suspension.
    holder.handle_clocks(at(5_000), at(4_105_050));
    assert!(holder.standing(at(5_000)).is_some());

    // The same in a world, where the sleeper was replaced meanwhile.
    let mut world = World::new(1, quick());
    for _ in 0..2 {
        let player = world.add(make, config(), 0);
        world.players[player].other = Some(clock(SECOND, 0));
    }
    world.run(2 * SECOND, MILLI);
    let sleeper = usize::from(!world.believes(0));
    assert!(world.believes(sleeper));
    world.sleep_uncounted(sleeper, 15 * SECOND);
    world.run(20 * SECOND, MILLI);
    assert!(world.believes(1 - sleeper));
}

/// Each is shorter than what is tolerated; together they are not.
pub(crate) fn trap_13_many_short_suspensions_end_it_too(make: &dyn Make) {
    let config = config();
    let tolerance = config.clock_tolerance.as_millis() as u64;
    let mut holder = make.holder(config, Incarnation(1), 7);
    holder.handle_clocks(at(0), at(0));
    holder.acquire(at(0));
    let ticket = ask(&mut holder, at(0)).ticket;
    holder.handle_granted(ticket, TOKEN, TTL, at(0));
    let short = tolerance * 2 / 3;
    holder.handle_clocks(at(1_000), at(1_000 + short));
    assert!(holder.standing(at(1_000)).is_some());
    holder.handle_clocks(at(2_000), at(2_000 + 2 * short));
    assert_eq!(holder.standing(at(2_000)), None);
}

/// A tenth of a second, which could as well be two threads that read two clocks, and is time all the same.
pub(crate) fn trap_13_a_suspension_that_is_tolerated_is_counted(make: &dyn Make) {
    let mut holder = make.holder(config(), Incarnation(1), 7);
    holder.handle_clocks(at(0), at(70_000));
    holder.acquire(at(0));
    let ticket = ask(&mut holder, at(0)).ticket;
    // Before the answer, and after it.
    holder.handle_clocks(at(100), at(70_200));
    holder.handle_granted(ticket, TOKEN, TTL, at(100));
    let deadline = |holder: &LeaseHolder| holder.standing(at(100)).map(|it| it.safe.deadline());
    assert_eq!(deadline(&holder), Some(at(9_900)));
    holder.handle_clocks(at(1_000), at(71_150));
    assert_eq!(deadline(&holder), Some(at(9_850)));
    // A clock that counts less has nothing to say: the other has counted.
    holder.handle_clocks(at(2_000), at(71_950));
    assert_eq!(deadline(&holder), Some(at(10_000)));
    // It may be over at once.
    holder.handle_clocks(at(9_800), at(80_000));
    assert_eq!(holder.standing(at(9_800)), None);
    assert_eq!(deadline(&holder), None);
}

/// Two machines from one snapshot believe to be the same holder. Firecracker #5575.
pub(crate) fn trap_13_a_restored_snapshot_neither_goes_on_nor_releases(make: &dyn Make) {
    let mut original = granted(make, config(), at(0));
    begun(&mut original);
    let renewal = ask(&mut original, at(4_000));
    let mut clone = original.clone();
    clone.handle_disruption(Incarnation(99), at(4_100));
    assert_eq!(clone.standing(at(4_100)), None);
    assert_eq!(ended(&mut clone), EndReason::Disrupted);
    clone.handle_stopped(u64::MAX, at(4_100));
    assert!(!clone.handle_renewed(renewal.ticket, TTL, at(4_101)));
    // What the clone sends does not touch what the original holds, and is none of its requests.
    let mut now = at(4_101);
    for _ in 0..20 {
        now = now + Duration::from_millis(500);
        if let Some(request) = clone.poll_transmit(now) {
            let Ask::Acquire { request: id, .. } = request.ask else {
                panic!("a clone sent {:?}", request.ask);
            };
            assert_eq!(id.incarnation, Incarnation(99));
        }
    }
    assert!(original.handle_renewed(renewal.ticket, TTL, at(4_200)));
    assert!(original.standing(at(13_999)).is_some());

    // The snapshot was taken while it waited for its grant, and both get the answer.
    let mut original = make.holder(config(), Incarnation(1), 7);
    original.acquire(at(0));
    let asked = ask(&mut original, at(0)).ticket;
    let mut clone = original.clone();
    clone.handle_disruption(Incarnation(99), at(5));
    assert!(original.handle_granted(asked, TOKEN, TTL, at(10)));
    assert!(!clone.handle_granted(asked, TOKEN, TTL, at(10)));
    let request = ask(&mut clone, at(200));
    assert!(matches!(request.ask, Ask::Acquire { .. }), "{request:?}");
}

/// It cannot be told by how much it is wrong now.
pub(crate) fn trap_13_a_clock_that_goes_back_ends_it(make: &dyn Make) {
    let mut holder = granted(make, config(), at(60_000));
    begun(&mut holder);
    // A little may be no more than two threads that read it at the same time. If it is more than that, it
    // counts ten milliseconds twice.
    holder.handle_timeout(at(59_990));
    let deadline =
        |holder: &LeaseHolder, now| holder.standing(at(now)).map(|it| it.safe.deadline());
    assert_eq!(deadline(&holder, 60_000), Some(at(69_990)));
    // What is asked before it goes back counts from then, and what is asked after it from what it shows.
    let before = ask(&mut holder, at(65_000)).ticket;
    holder.handle_timeout(at(64_970));
    holder.handle_timeout(at(64_960));
    assert!(holder.handle_renewed(before, TTL, at(65_010)));
    assert_eq!(deadline(&holder, 65_010), Some(at(74_960)));
    holder.handle_timeout(at(70_000));
    let after = ask(&mut holder, at(69_980)).ticket;
    assert!(holder.handle_renewed(after, TTL, at(70_010)));
    assert_eq!(deadline(&holder, 70_010), Some(at(79_980)));
    holder.handle_timeout(at(1_000));
    assert_eq!(holder.standing(at(60_000)), None);
    assert_eq!(ended(&mut holder), EndReason::ClockWentBack);
    // It goes on by what the clock shows now, and does not wait for the minute to pass again.
    let again = ask(&mut holder, at(1_500));
    assert!(matches!(again.ask, Ask::Acquire { .. }));
    assert!(holder.handle_granted(again.ticket, FencingToken(34), TTL, at(1_600)));
    assert_eq!(begun(&mut holder).safe.deadline(), at(11_500));
}

/// Ongaro's dissertation, figure 6.2: a client is locked out by its own request, whose answer was lost.
pub(crate) fn trap_17_a_retry_is_the_same_request_and_its_answer_another(make: &dyn Make) {
    let mut holder = make.holder(config(), Incarnation(1), 7);
    holder.acquire(at(0));
    let first = ask(&mut holder, at(0));
    let second = ask(&mut holder, at(3_000));
    assert_eq!(first.ask, second.ask);
    assert_ne!(first.ticket, second.ticket);
    // The answer to the first comes late, and counts from the first.
    assert!(holder.handle_granted(first.ticket, TOKEN, TTL, at(3_500)));
    assert_eq!(
        holder.standing(at(3_500)).unwrap().safe.deadline(),
        at(10_000)
    );
    // Doubled, it is nothing new.
    assert!(!holder.handle_granted(first.ticket, TOKEN, TTL, at(3_600)));
    // The answer to the second says what is left.
    let left = Duration::from_millis(6_900);
    assert!(holder.handle_granted(second.ticket, TOKEN, left, at(3_700)));
    let deadline = holder.standing(at(3_700)).unwrap().safe.deadline();
    assert_eq!(deadline, at(10_000));
    // Reordered answers to renewals: the later request decides, whenever it is answered.
    let third = ask(&mut holder, at(6_000));
    let fourth = ask(&mut holder, at(7_000));
    assert!(holder.handle_renewed(fourth.ticket, TTL, at(7_100)));
    assert!(holder.handle_renewed(third.ticket, TTL, at(7_200)));
    let deadline = holder.standing(at(7_200)).unwrap().safe.deadline();
    assert_eq!(deadline, at(17_000));
    // What no request was sent for is no answer.
    assert!(!holder.handle_renewed(quorate_leases::Ticket(1_000), TTL, at(7_300)));

    // With a grantor: the first answer is lost, and the retry is granted the same.
    let mut world = World::new(2, quick());
    let player = world.add(make, config(), 0);
    world.network.slowest = 3_600 * SECOND;
    world.network.loses = 1;
    world.run(5 * MILLI, MILLI);
    world.network = quick();
    world.run(2 * SECOND, MILLI);
    assert!(world.believes(player));
}

/// CURATOR-62: it was given up while it waited, was granted all the same, and nobody could have the lease.
pub(crate) fn trap_18_a_grant_that_nobody_waits_for_is_given_back(make: &dyn Make) {
    let mut holder = make.holder(config(), Incarnation(1), 7);
    holder.acquire(at(0));
    let ticket = ask(&mut holder, at(0)).ticket;
    holder.release(at(100));
    assert!(holder.handle_granted(ticket, TOKEN, TTL, at(200)));
    assert_eq!(holder.standing(at(200)), None);
    assert_eq!(holder.poll_event(), None);
    let given_back = ask(&mut holder, at(200));
    assert_eq!(given_back.ask, Ask::Release { token: TOKEN });
    assert!(holder.handle_released(given_back.ticket, at(201)));
    assert_eq!(holder.poll_transmit(at(60_000)), None);
    assert_eq!(holder.poll_timeout(), None);
}

/// LavinMQ #2151: the heartbeat was healthy, and the disk hung.
pub(crate) fn trap_30_without_progress_it_lets_go(make: &dyn Make) {
    let config = HolderConfig {
        progress_within: Some(Duration::from_secs(3)),
        ..config()
    };
    let mut world = World::new(3, quick());
    let worker = world.add(make, config, 0);
    for mark in 1..=20 {
        world.run(SECOND, 5 * MILLI);
        let now = world.now(worker);
        let holder = &mut world.players[worker].holder;
        holder.handle_progress(Progress(mark), now);
        assert!(holder.standing(now).is_some(), "it works");
    }
    // From here on it says the same again and again.
    world.players[worker].stops = false;
    for _ in 0..10 {
        world.run(SECOND / 2, 5 * MILLI);
        let now = world.now(worker);
        let holder = &mut world.players[worker].holder;
        holder.handle_progress(Progress(20), now);
    }
    assert!(!world.believes(worker));
    let stalled = world.players[worker].events.last();
    assert!(matches!(
        stalled,
        Some(HolderEvent::Ended {
            why: EndReason::Stalled,
            ..
        })
    ));
    // The work has not stopped, so it is not given back; it is not renewed either, and somebody else gets it.
    let other = world.add(make, HolderConfig::new(TTL), 0);
    world.run(4 * SECOND, 5 * MILLI);
    assert!(!world.believes(other), "it was given back while work ran");
    world.run(10 * SECOND, 5 * MILLI);
    assert!(world.believes(other));
    // It does not ask again by itself.
    assert!(!world.players[worker].holder.is_wanted());
}

/// Kubernetes' client, PR #139991: the lease was released before the work had returned.
pub(crate) fn trap_30_it_stops_first_and_releases_then(make: &dyn Make) {
    let mut holder = granted(make, config(), at(0));
    let standing = begun(&mut holder);
    holder.release(at(1_000));
    assert_eq!(holder.standing(at(1_000)), None);
    assert_eq!(holder.poll_transmit(at(1_000)), None, "work may still run");
    assert_eq!(ended(&mut holder), EndReason::Released);
    assert_eq!(holder.poll_transmit(at(1_500)), None, "work may still run");
    holder.handle_stopped(standing.stretch, at(2_000));
    let lost = ask(&mut holder, at(2_000));
    assert_eq!(lost.ask, Ask::Release { token: TOKEN });
    // The answer is lost, so it is sent again, but not for longer than the lease can last.
    let retry = ask(&mut holder, at(2_500));
    assert_eq!(lost.ask, retry.ask);
    assert!(holder.handle_released(retry.ticket, at(2_600)));
    assert_eq!(holder.poll_timeout(), None);

    // If it is never told, the lease runs out by itself.
    let mut holder = granted(make, config(), at(0));
    begun(&mut holder);
    holder.release(at(1_000));
    holder.handle_timeout(at(11_000));
    assert_eq!(holder.poll_transmit(at(11_000)), None);
    assert_eq!(holder.poll_timeout(), None);
}

/// Two holders and a grantor whose clocks drift as far as is allowed, a network that does anything and is cut,
/// pauses, suspensions, and holders that let go. At no moment does one believe that it may act and the grantor has freed the lease.
pub(crate) fn trap_32_random_schedules_keep_holders_apart(make: &dyn Make) {
    let mut held = 0;
    for seed in 0..24 {
        held += random_schedule(make, seed, 30);
    }
    assert!(held > 1_000, "the lease was hardly ever held: {held}");
}

/// One schedule, of so many seconds. Returns in how many tenths of a second somebody held the lease.
pub(crate) fn random_schedule(make: &dyn Make, seed: u64, seconds: u64) -> usize {
    let loses = [0, 3, 8, 30][seed as usize % 4];
    let slowest = [5, 100, 400, 2_000][seed as usize / 4 % 4] * MILLI;
    let mut world = World::new(seed, Network { slowest, loses });
    let ppb = 50_000_000;
    world.grantor = clock(77 * SECOND, [0, ppb, -ppb][seed as usize % 3]);
    let config = HolderConfig {
        drift: Drift::from_ppm(50_000).unwrap(),
        // The step in which it is looked at, by a slow clock.
        margin: Duration::from_millis(11),
        clock_tolerance: Duration::from_millis(30),
        ..HolderConfig::new(Duration::from_secs(3))
    };
    for player in 0..2 {
        let number = world.add(make, config, [-ppb, 0, ppb][(seed as usize + player) % 3]);
        let other = world.random.next_u64() % 5 * SECOND;
        let ppb = [ppb, -ppb, 0][(seed as usize + player) % 3];
        world.players[number].other = Some(clock(other, ppb));
    }
    let (mut held, mut cut) = (0, 0_u32);
    for _ in 0..seconds * 10 {
        cut = cut.saturating_sub(1);
        world.network.loses = if cut > 0 { 1 } else { loses };
        world.run(100 * MILLI, 10 * MILLI);
        held += usize::from(world.believes(0) || world.believes(1));
        let player = world.random.index(2);
        match world.random.below(60) {
            0 => world.pause(player, SECOND),
            1 => {
                let long = world.random.below(5 * SECOND);
                world.pause(player, long);
            }
            2 => {
                let long = 100 * MILLI + world.random.below(5 * SECOND);
                world.sleep_uncounted(player, long);
            }
            3 => {
                let now = world.now(player);
                world.players[player].holder.release(now);
            }
            4 => {
                let incarnation = Incarnation(world.random.next_u64());
                let now = world.now(player);
                let holder = &mut world.players[player].holder;
                holder.handle_disruption(incarnation, now);
            }
            // Nothing gets through, for longer than a lease lasts.
            5 => cut = 50,
            _ => {
                let now = world.now(player);
                world.players[player].holder.acquire(now);
            }
        }
    }
    held
}

/// rslock 0.10 renews at the validity less half a second: without a pause, when there is no more than that.
pub(crate) fn tiny_leases_and_refusals_do_not_make_a_hot_loop(make: &dyn Make) {
    let tiny = HolderConfig {
        min_pause: Duration::from_millis(5),
        ..HolderConfig::new(Duration::from_millis(40))
    };
    let pauses = |asked: &[Truth], min: Truth| {
        for pair in asked.windows(2) {
            let pause = pair[1] - pair[0];
            assert!(pause >= min, "{pause} ns between two requests");
        }
        asked.len()
    };
    // The lease is tiny, or another holds it, or each answer comes too late, or there is none.
    for slowest in [0, 2 * MILLI, 60 * MILLI] {
        for loses in [0, 1] {
            let mut world = World::new(5, Network { slowest, loses });
            world.add(make, tiny, 0);
            world.add(make, tiny, 0);
            for _ in 0..2_000 {
                world.step(MILLI);
            }
            for player in &world.players {
                let asked = pauses(&player.asked, 5 * MILLI);
                assert!((20..=400).contains(&asked), "{asked}");
            }
        }
    }
    // A grantor that answers at once that it has nothing.
    for refusal in [
        Refusal::Ended,
        Refusal::Unavailable,
        Refusal::Held {
            remaining: Duration::ZERO,
        },
    ] {
        let mut holder = make.holder(config(), Incarnation(1), 7);
        holder.acquire(at(0));
        let mut asked = Vec::new();
        for millis in 0..3_000 {
            for _ in 0..3 {
                let Some(request) = holder.poll_transmit(at(millis)) else {
                    break;
                };
                asked.push(millis * MILLI);
                holder.handle_refused(request.ticket, refusal, at(millis));
            }
        }
        assert!(pauses(&asked, 100 * MILLI) > 2);
    }
}

/// Nobody answers. There are attempts up to the end, more and more apart, and then closer again.
pub(crate) fn attempts_fit_into_what_is_left(make: &dyn Make) {
    for seed in 0..20 {
        let config = HolderConfig {
            max_pause: Duration::from_secs(60),
            ..config()
        };
        let mut holder = make.holder(config, Incarnation(1), seed);
        holder.acquire(at(0));
        let ticket = ask(&mut holder, at(0)).ticket;
        holder.handle_granted(ticket, TOKEN, TTL, at(0));
        let mut asked = Vec::new();
        for millis in 0..10_000 {
            asked.extend(holder.poll_transmit(at(millis)).map(|_| millis));
        }
        assert!((2_400..=3_300).contains(&asked[0]), "{asked:?}");
        assert!((6..40).contains(&asked.len()), "{asked:?}");
        assert!(*asked.last().unwrap() > 9_500, "{asked:?}");
        // When it is lost they become rare, and never cease.
        let mut after = Vec::new();
        for millis in 10_000..300_000 {
            after.extend(holder.poll_transmit(at(millis)).map(|_| millis));
        }
        assert!((5..40).contains(&after.len()), "{after:?}");
    }
}

/// A thousand holders that were granted their leases in one moment do not renew them in one.
pub(crate) fn renewals_are_spread(make: &dyn Make) {
    let mut tenths = [0; 100];
    for seed in 0..1_000 {
        let mut holder = make.holder(config(), Incarnation(1), seed);
        holder.acquire(at(0));
        let ticket = ask(&mut holder, at(0)).ticket;
        holder.handle_granted(ticket, TOKEN, TTL, at(0));
        let due = holder.poll_timeout().unwrap().as_nanos();
        tenths[(due / (SECOND / 10)) as usize] += 1;
    }
    let fullest = tenths.iter().max().unwrap();
    assert!(*fullest < 250, "{fullest} of 1,000 in a tenth of a second");
}
