//! What goes wrong with elections.
//!
//! Nothing here counts votes or grants leases from memory, so the traps 26 and 27 have no place: who asks
//! several grantors of which each may lose its memory waits that out and counts grantors, not answers.

use std::time::Duration;
use std::vec::Vec;

use quorate_clocks::{Incarnation, Instant};
use quorate_leases::{
    Ask, Candidate, CandidateConfig, DeposedReason, Drift, ElectionEvent, EndReason, FencingToken,
    HolderConfig, LeaderEvent, LeaderView, Progress, Refusal, Ticket,
};

use super::world;

pub(crate) type Trap = (&'static str, fn());

macro_rules! traps {
    ($($name:ident),* $(,)?) => {
        pub(crate) const TRAPS: &[Trap] = &[$((stringify!($name), $name)),*];
    };
}

traps![
    trap_03_a_term_is_led_once,
    trap_05_news_of_a_newer_term_depose,
    trap_10_a_grant_of_a_term_that_is_over_elects_nobody,
    trap_10_who_lost_before_it_was_told_is_not_told,
    trap_18_who_resigned_does_not_ask_again,
    trap_19_a_leader_that_restarted_is_somebody_else,
    trap_20_observers_never_go_back,
    trap_30_it_stops_first_and_releases_after,
    trap_30_it_does_not_campaign_before_it_has_stopped,
    trap_30_a_leader_without_progress_lets_others,
    a_release_that_is_never_answered_ends_with_the_lease,
    a_leader_hands_over_and_the_others_hold_back,
    a_preferred_candidate_that_does_not_come_is_not_waited_for,
    old_and_repeated_wishes_do_not_count,
    who_waits_asks_when_it_hears_that_nobody_leads,
    trap_32_random_elections,
];

const TTL: Duration = Duration::from_secs(10);

pub(crate) fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// A lease of ten seconds of a clock that is right.
pub(crate) fn config(name: &str) -> CandidateConfig {
    CandidateConfig {
        holder: HolderConfig {
            drift: Drift::NONE,
            margin: Duration::ZERO,
            ..HolderConfig::new(TTL)
        },
        hold_back: Duration::from_secs(2),
        ..CandidateConfig::new(name, TTL)
    }
}

fn candidate(name: &str) -> Candidate {
    Candidate::new(config(name), Incarnation(1), 7).expect("a sound configuration")
}

fn asks(candidate: &mut Candidate, millis: u64) -> Option<(Ticket, Ask)> {
    let request = candidate.poll_transmit(at(millis))?;
    Some((request.ticket, request.ask))
}

/// What it asks for, which has to be the lease.
fn acquires(candidate: &mut Candidate, millis: u64) -> Ticket {
    match asks(candidate, millis) {
        Some((ticket, Ask::Acquire { .. })) => ticket,
        other => panic!("{other:?}"),
    }
}

/// One that was elected in this term by a request sent at that time, and was told.
fn leader(name: &str, term: u64, millis: u64) -> Candidate {
    let mut leader = candidate(name);
    elect(&mut leader, term, millis);
    leader
}

fn elect(candidate: &mut Candidate, term: u64, millis: u64) {
    candidate.campaign(at(millis));
    let ticket = acquires(candidate, millis);
    assert!(candidate.handle_granted(ticket, FencingToken(term), TTL, at(millis)));
    let event = candidate.poll_event();
    let elected = matches!(event, Some(ElectionEvent::Elected { term: it, .. }) if it.0 == term);
    assert!(elected, "{event:?}");
    while candidate.poll_event().is_some() {}
}

fn deposed(candidate: &mut Candidate) -> Option<DeposedReason> {
    match candidate.poll_event() {
        Some(ElectionEvent::Deposed { why, .. }) => Some(why),
        _ => None,
    }
}

/// A lease that lapsed and comes back. Nobody else has led; but what was begun was told to stop.
pub(crate) fn trap_03_a_term_is_led_once() {
    let mut ann = leader("ann", 33, 0);
    let (renewal, ask) = asks(&mut ann, 5_000).unwrap();
    assert!(matches!(ask, Ask::Renew { .. }));
    ann.handle_timeout(at(10_000));
    let why = DeposedReason::Lease(EndReason::Lapsed);
    assert_eq!(deposed(&mut ann), Some(why));
    ann.handle_stopped(FencingToken(33), at(10_000));
    ann.handle_renewed(renewal, TTL, at(10_100));
    // It is given back, and another term is asked for.
    assert!(ann.standing(at(10_100)).is_none());
    let (release, ask) = asks(&mut ann, 10_100).unwrap();
    let token = FencingToken(33);
    assert_eq!(ask, Ask::Release { token });
    ann.handle_released(release, at(10_101));
    let again = acquires(&mut ann, 10_200);
    // Not even if the grantor gives the same.
    ann.handle_granted(again, FencingToken(33), TTL, at(10_201));
    assert!(ann.standing(at(10_201)).is_none());
    let told: Vec<_> = core::iter::from_fn(|| ann.poll_event()).collect();
    let elected = |event: &ElectionEvent| matches!(event, ElectionEvent::Elected { .. });
    assert!(!told.iter().any(elected), "{told:?}");
}

/// The clock of the old leader says that there is time left.
pub(crate) fn trap_05_news_of_a_newer_term_depose() {
    let mut ann = leader("ann", 33, 0);
    ann.handle_leader(FencingToken(32), "bob", at(100)).unwrap(); // from a replica that is behind
    assert!(ann.standing(at(100)).is_some());
    ann.handle_leader(FencingToken(34), "bob", at(200)).unwrap();
    assert!(ann.standing(at(200)).is_none());
    let newest = FencingToken(34);
    assert_eq!(
        deposed(&mut ann),
        Some(DeposedReason::Superseded { newest })
    );
    // The record says that it is over.
    let mut ann = leader("ann", 33, 0);
    ann.handle_vacant(FencingToken(33), at(200));
    assert!(ann.standing(at(200)).is_none());
}

/// The grant was on its way for so long that there is another leader already.
pub(crate) fn trap_10_a_grant_of_a_term_that_is_over_elects_nobody() {
    let mut ann = candidate("ann");
    ann.campaign(at(0));
    let ticket = acquires(&mut ann, 0);
    ann.handle_leader(FencingToken(34), "bob", at(100)).unwrap();
    ann.handle_granted(ticket, FencingToken(33), TTL, at(200));
    assert!(ann.standing(at(200)).is_none());
    let leader = FencingToken(34);
    let changed = ann.poll_event();
    assert!(
        matches!(changed, Some(ElectionEvent::LeaderChanged { term, .. }) if term == leader),
        "{changed:?}"
    );
    assert_eq!(ann.poll_event(), None);
    assert_eq!(ann.standing(at(200)), None);
}

/// It was elected and deposed while nobody looked.
pub(crate) fn trap_10_who_lost_before_it_was_told_is_not_told() {
    let mut ann = candidate("ann");
    ann.campaign(at(0));
    let ticket = acquires(&mut ann, 0);
    ann.handle_granted(ticket, FencingToken(33), TTL, at(200));
    assert_eq!(ann.standing(at(200)), None); // nobody has been told
    ann.handle_timeout(at(10_000));
    let told: Vec<_> = core::iter::from_fn(|| ann.poll_event()).collect();
    assert!(
        !told
            .iter()
            .any(|event| matches!(event, ElectionEvent::Elected { .. })),
        "{told:?}"
    );
    // Nobody works in that term, so nobody has to say that it has stopped.
    let (release, ask) = asks(&mut ann, 10_000).unwrap();
    let token = FencingToken(33);
    assert_eq!(ask, Ask::Release { token });
    ann.handle_released(release, at(10_050));
    acquires(&mut ann, 10_100);
}

pub(crate) fn trap_18_who_resigned_does_not_ask_again() {
    let mut ann = candidate("ann");
    ann.campaign(at(0));
    let ticket = acquires(&mut ann, 0);
    ann.resign(at(50));
    // The grant was on its way. Nobody waits for it, and until it ends everybody else would.
    ann.handle_granted(ticket, FencingToken(33), TTL, at(100));
    let (release, ask) = asks(&mut ann, 100).unwrap();
    let token = FencingToken(33);
    assert_eq!(ask, Ask::Release { token });
    ann.handle_released(release, at(150));
    assert!(!ann.is_running());
    assert_eq!((ann.poll_timeout(), ann.poll_event()), (None, None));
    for millis in [200, 5_000, 60_000] {
        assert_eq!(asks(&mut ann, millis), None);
    }
}

/// It finds its own name in the record.
pub(crate) fn trap_19_a_leader_that_restarted_is_somebody_else() {
    let mut before = leader("ann", 33, 0);
    let mut after = Candidate::new(config("ann"), Incarnation(2), 7).unwrap();
    after.campaign(at(1_000));
    let ticket = acquires(&mut after, 1_000);
    after
        .handle_leader(FencingToken(33), "ann", at(1_001))
        .unwrap();
    let event = after.poll_event();
    let names = |event: &ElectionEvent| {
        matches!(event, ElectionEvent::LeaderChanged { leader, term }
            if &**leader == "ann" && *term == FencingToken(33))
    };
    assert!(event.as_ref().is_some_and(names), "{event:?}");
    assert_eq!(after.poll_event(), None);
    assert_eq!(after.standing(at(1_001)), None);
    // It waits for its former life like everybody else.
    let remaining = Duration::from_secs(9);
    after.handle_refused(ticket, Refusal::Held { remaining }, at(1_002));
    assert_eq!(asks(&mut after, 5_000), None);
    // And its former life learns nothing of its name either.
    before
        .handle_leader(FencingToken(40), "ann", at(2_000))
        .unwrap();
    assert!(before.standing(at(2_000)).is_none());
}

/// News by ways of different lengths.
pub(crate) fn trap_20_observers_never_go_back() {
    let mut view = LeaderView::new(255);
    let changed = |leader: &str, term| {
        Some(LeaderEvent::Changed {
            leader: leader.into(),
            term: FencingToken(term),
        })
    };
    assert_eq!(view.handle_leader(FencingToken::NONE, "eve"), Ok(false));
    assert_eq!(view.handle_leader(FencingToken(7), "ann"), Ok(true));
    assert_eq!(view.poll_event(), changed("ann", 7));
    // Older, and again, and the same term by another name.
    for (term, name) in [(5, "bob"), (7, "ann"), (7, "bob")] {
        assert_eq!(view.handle_leader(FencingToken(term), name), Ok(false));
        assert_eq!(view.poll_event(), None);
    }
    // The same name in a newer term is news.
    assert_eq!(view.handle_leader(FencingToken(8), "ann"), Ok(true));
    assert_eq!(view.poll_event(), changed("ann", 8));
    // What is over is over.
    assert!(!view.handle_vacant(FencingToken(7)));
    assert!(view.handle_vacant(FencingToken(8)));
    let after = FencingToken(8);
    assert_eq!(view.poll_event(), Some(LeaderEvent::Vacant { after }));
    assert!(!view.handle_vacant(FencingToken(8)));
    assert_eq!(view.handle_leader(FencingToken(8), "ann"), Ok(false));
    assert_eq!((view.poll_event(), view.leader()), (None, None));
    // A name that is too long is nobody's, and its term counts.
    let mut short = LeaderView::new(3);
    assert!(short.handle_leader(FencingToken(9), "carol").is_err());
    assert_eq!(
        (short.newest_term(), short.leader()),
        (FencingToken(9), None)
    );
    assert_eq!(short.handle_leader(FencingToken(8), "ann"), Ok(false));
}

/// Kubernetes' client, PR #139991: the lease was released while the callback still ran.
pub(crate) fn trap_30_it_stops_first_and_releases_after() {
    let mut ann = leader("ann", 33, 0);
    ann.resign(at(1_000));
    assert!(ann.standing(at(1_000)).is_none());
    assert_eq!(deposed(&mut ann), Some(DeposedReason::Resigned));
    // Work still runs.
    for millis in [1_000, 2_000, 4_000] {
        assert_eq!(asks(&mut ann, millis), None);
        assert_eq!(ann.poll_event(), None);
    }
    ann.handle_stopped(FencingToken(33), at(4_500));
    assert_eq!(ann.poll_event(), None);
    let (release, ask) = asks(&mut ann, 4_500).unwrap();
    let token = FencingToken(33);
    assert_eq!(ask, Ask::Release { token });
    assert_eq!(ann.poll_event(), None);
    ann.handle_released(release, at(4_600));
    let resigned = ElectionEvent::Resigned {
        term: token,
        preferred: None,
    };
    assert_eq!(ann.poll_event(), Some(resigned));
    assert_eq!(asks(&mut ann, 60_000), None);
}

/// It would be elected while it still works in the term before.
pub(crate) fn trap_30_it_does_not_campaign_before_it_has_stopped() {
    let mut ann = leader("ann", 33, 0);
    let (renewal, _) = asks(&mut ann, 5_000).unwrap();
    ann.handle_refused(renewal, Refusal::Ended, at(5_001));
    let why = DeposedReason::Lease(EndReason::Lost);
    assert_eq!(deposed(&mut ann), Some(why));
    for millis in [5_100, 9_000, 60_000] {
        assert_eq!(asks(&mut ann, millis), None);
    }
    // Of an older term.
    ann.handle_stopped(FencingToken(32), at(60_000));
    assert_eq!(asks(&mut ann, 60_000), None);
    ann.handle_stopped(FencingToken(33), at(60_000));
    acquires(&mut ann, 60_100);
}

/// LavinMQ #2151: the heartbeat was healthy, and the disk hung.
pub(crate) fn trap_30_a_leader_without_progress_lets_others() {
    let mut config = config("ann");
    config.holder.progress_within = Some(Duration::from_secs(4));
    let mut ann = Candidate::new(config, Incarnation(1), 7).unwrap();
    elect(&mut ann, 33, 0);
    ann.handle_progress(Progress(1), at(1_000));
    ann.handle_timeout(at(4_999));
    assert!(ann.standing(at(4_999)).is_some());
    ann.handle_timeout(at(5_000));
    let why = DeposedReason::Lease(EndReason::Stalled);
    assert_eq!(deposed(&mut ann), Some(why));
    ann.handle_stopped(FencingToken(33), at(5_000));
    let (release, ask) = asks(&mut ann, 5_000).unwrap();
    assert!(matches!(ask, Ask::Release { .. }));
    ann.handle_released(release, at(5_100));
    // Others who can work are to have their chance.
    assert_eq!(asks(&mut ann, 60_000), None);
    ann.campaign(at(60_000));
    acquires(&mut ann, 60_000);
}

pub(crate) fn a_release_that_is_never_answered_ends_with_the_lease() {
    let mut ann = leader("ann", 33, 0);
    ann.resign(at(1_000));
    assert!(deposed(&mut ann).is_some());
    ann.handle_stopped(FencingToken(33), at(1_000));
    assert!(asks(&mut ann, 1_000).is_some());
    ann.handle_timeout(at(10_999));
    assert_eq!(ann.poll_event(), None);
    ann.handle_timeout(at(11_000));
    assert!(matches!(
        ann.poll_event(),
        Some(ElectionEvent::Resigned { .. })
    ));
    assert_eq!(ann.poll_timeout(), None);
}

/// Ann leads. Bob and Cid wait for her, and have been told for how long.
fn three() -> [Candidate; 3] {
    let ann = leader("ann", 33, 0);
    let [bob, cid] = ["bob", "cid"].map(|name| {
        let mut waiting = candidate(name);
        waiting.campaign(at(0));
        let ticket = acquires(&mut waiting, 0);
        let remaining = TTL;
        waiting.handle_refused(ticket, Refusal::Held { remaining }, at(10));
        assert_eq!(asks(&mut waiting, 1_000), None);
        waiting
    });
    [ann, bob, cid]
}

/// Ann yields to Bob, and it is told at four seconds.
fn yields(ann: &mut Candidate) {
    assert!(ann.yield_to("bob", at(3_000)));
    assert_eq!(deposed(ann), Some(DeposedReason::Yielded));
    ann.handle_stopped(FencingToken(33), at(3_500));
    let (release, _) = asks(ann, 3_500).unwrap();
    ann.handle_released(release, at(4_000));
    let preferred = Some("bob".into());
    let term = FencingToken(33);
    assert_eq!(
        ann.poll_event(),
        Some(ElectionEvent::Resigned { term, preferred })
    );
}

pub(crate) fn a_leader_hands_over_and_the_others_hold_back() {
    let [mut ann, mut bob, mut cid] = three();
    assert!(!bob.yield_to("cid", at(2_000))); // it does not lead
    assert!(!ann.yield_to("ann", at(2_000)));
    yields(&mut ann);
    for waiting in [&mut bob, &mut cid] {
        waiting.handle_hand_over(FencingToken(33), "bob", at(4_000));
    }
    assert_eq!(asks(&mut ann, 4_000), None);
    assert_eq!(asks(&mut cid, 4_000), None);
    let ticket = acquires(&mut bob, 4_000);
    bob.handle_granted(ticket, FencingToken(34), TTL, at(4_100));
    bob.poll_event().unwrap();
    assert!(bob.standing(at(4_100)).is_some());
    // It comes after the change, and deposes nobody.
    bob.handle_hand_over(FencingToken(33), "cid", at(4_200));
    assert!(bob.standing(at(4_200)).is_some());
}

pub(crate) fn a_preferred_candidate_that_does_not_come_is_not_waited_for() {
    let [mut ann, _, mut cid] = three();
    yields(&mut ann);
    cid.handle_hand_over(FencingToken(33), "bob", at(4_000));
    for waiting in [&mut ann, &mut cid] {
        assert_eq!(waiting.poll_timeout(), Some(at(6_000)));
        assert_eq!(asks(waiting, 5_999), None);
        acquires(waiting, 6_000);
    }
    // A clock that goes back does not make it wait for longer.
    let [_, _, mut cid] = three();
    cid.handle_hand_over(FencingToken(33), "bob", at(4_000));
    cid.handle_disruption(Incarnation(2), at(1_000));
    acquires(&mut cid, 1_200);
}

pub(crate) fn old_and_repeated_wishes_do_not_count() {
    let [_, _, mut cid] = three();
    cid.handle_hand_over(FencingToken(33), "bob", at(4_000));
    // Copies of the message.
    cid.handle_hand_over(FencingToken(33), "bob", at(5_500));
    acquires(&mut cid, 6_000);
    cid.handle_hand_over(FencingToken(33), "bob", at(6_000));
    assert_eq!(asks(&mut cid, 6_050), None);
    acquires(&mut cid, 7_000);
    // There has been another leader since.
    let [_, _, mut cid] = three();
    cid.handle_leader(FencingToken(34), "dan", at(100)).unwrap();
    cid.handle_vacant(FencingToken(34), at(3_900));
    cid.handle_hand_over(FencingToken(33), "bob", at(4_000));
    acquires(&mut cid, 4_000);
}

pub(crate) fn who_waits_asks_when_it_hears_that_nobody_leads() {
    let [_, mut bob, _] = three();
    bob.handle_vacant(FencingToken(33), at(3_000));
    let ticket = acquires(&mut bob, 3_000);
    // The same news again do not make it ask again.
    bob.handle_vacant(FencingToken(33), at(3_001));
    bob.handle_vacant(FencingToken(31), at(3_002));
    assert_eq!(asks(&mut bob, 3_050), None);
    assert!(bob.handle_granted(ticket, FencingToken(34), TTL, at(3_100)));
}

/// Candidates that drift, pause, restart, resign and hand over; a network that loses, delays, doubles and
/// reorders; a fence, and observers.
pub(crate) fn trap_32_random_elections() {
    let (mut terms, mut refused) = (0, 0);
    for seed in 0..30 {
        let (these, late) = world::run(seed);
        terms += these;
        refused += late;
    }
    // There was trouble, and the fence was needed.
    assert!(
        terms > 300 && refused > 10,
        "{terms} terms, {refused} refused"
    );
}
