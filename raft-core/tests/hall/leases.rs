//! Reads on a lease: how long it holds, who gave a word for it, and what ends it.

use quorate_clocks::NodeId;
use quorate_raft_core::{Event, Message, ReadError, Role, Term};

use crate::common::{Cluster, HEARTBEAT, TIMEOUT};
use crate::kit::{answer, at, request, run_without, settle_without, three};

/// A cluster whose leader 1 has just been answered a heartbeat.
fn leased() -> Cluster {
    let mut cluster = three();
    cluster.pass(HEARTBEAT);
    cluster.tick(1);
    cluster.settle();
    cluster
}

/// B-78: the lease counts from when the answered round was sent, and not from when somebody last looked
/// whether a quorum had answered: it is over before the others elect another.
///
/// Source: etcd-raft #166; sofa-jraft #34.
#[test]
fn b_78_the_lease_counts_from_the_sending_of_the_answered_round() {
    let mut cluster = three();
    cluster.pass(HEARTBEAT);
    cluster.tick(1);
    let sent_at = cluster.now;
    // The answers take almost as long as the lease.
    cluster.pass(TIMEOUT - HEARTBEAT);
    cluster.settle();
    let now = cluster.now;
    assert!(cluster.raft(1).lease_read(now).unwrap().until < sent_at + TIMEOUT);
    let after = sent_at + TIMEOUT;
    assert_eq!(cluster.raft(1).lease_read(after), Err(ReadError::NoLease));

    // Whenever the leader is cut off, between two looks at its quorum: the lease ends before another leads.
    for steps in 0..24_u32 {
        let mut cluster = three();
        cluster.run(HEARTBEAT / 2 * steps);
        cluster.isolate(1);
        for _ in 0..TIMEOUT.as_millis() * 3 / 25 {
            cluster.run(HEARTBEAT / 4);
            let others = cluster.leaders().iter().any(|&id| id != 1);
            let now = cluster.now;
            let is_leased = cluster.raft(1).lease_read(now).is_ok();
            assert!(!(others && is_leased), "{steps}: two may be read from");
        }
        let [leader] = cluster.leaders()[..] else {
            panic!("leaders: {:?}", cluster.leaders())
        };
        assert_ne!(leader, 1);
    }
}

/// B-79: a follower that restarts keeps the word that its earlier life gave a leader.
///
/// Source: tikv #15035; braft #276.
#[test]
fn b_79_a_restarted_follower_gives_no_vote_at_once() {
    let mut cluster = leased();
    let now = cluster.now;
    assert!(cluster.raft(1).lease_read(now).is_ok());
    cluster.crash(3);
    cluster.restart(3);
    let next = cluster.raft(1).term().0 + 1;
    let request = request(next, at(99, 99));
    let is_granted = |replies: Vec<Message>| {
        replies.iter().any(|reply| match reply {
            Message::VoteReply(reply) | Message::PreVoteReply(reply) => reply.granted,
            _ => false,
        })
    };
    for message in [Message::Vote(request), Message::PreVote(request)] {
        assert!(!is_granted(answer(&mut cluster, 2, 3, message)));
    }
    cluster.pass(TIMEOUT);
    assert!(is_granted(answer(
        &mut cluster,
        2,
        3,
        Message::Vote(request)
    )));
    // Where nobody reads on a lease there is no word to keep, and a new cluster has given none.
    for (leases, has_log) in [(false, true), (true, false)] {
        let mut cluster = Cluster::with(3, |config| config.leases = leases);
        if has_log {
            cluster.elect(1);
            cluster.crash(3);
            cluster.restart(3);
        }
        assert!(is_granted(answer(
            &mut cluster,
            2,
            3,
            Message::Vote(request)
        )));
    }
}

/// B-80: a permit says until when it holds, on the clock of who reads, and nobody else leads before: a leader
/// that is paused between taking it and reading can see that it is too late.
///
/// Source: tikv #964 and #1301.
#[test]
fn b_80_a_permit_runs_out_before_another_leads() {
    let mut cluster = leased();
    let now = cluster.now;
    let permit = cluster.raft(1).lease_read(now).unwrap();
    // The leader is paused: it is told neither the time nor anything else.
    cluster.isolate(1);
    while cluster.leaders() == [1] {
        cluster.pass(HEARTBEAT / 4);
        for id in [2, 3] {
            cluster.tick(id);
        }
        cluster.settle();
        assert!(cluster.now < permit.until + TIMEOUT * 12, "another leads");
    }
    assert!(cluster.now >= permit.until);
    // It wakes up, and asks at the time that its clock shows now.
    let now = cluster.now;
    assert_eq!(cluster.raft(1).role(), Role::Leader);
    assert_eq!(cluster.raft(1).lease_read(now), Err(ReadError::NoLease));
    // A clock that jumps back after it does not bring the lease back.
    cluster.raft(1).handle_timeout(now);
    let earlier = permit.until.saturating_sub(HEARTBEAT);
    assert!(cluster.raft(1).lease_read(earlier).is_err());
}

/// B-81: while the leadership is being handed over there are no lease reads, for whoever takes it needs no
/// timeout; and those that were permitted before are current.
///
/// Source: openraft 1ef3e574 (#1747).
#[test]
fn b_81_no_lease_reads_while_the_leadership_changes_hands() {
    let mut cluster = leased();
    let now = cluster.now;
    let permit = cluster.raft(1).lease_read(now).unwrap();
    cluster.raft(1).transfer_leadership(NodeId(2), now).unwrap();
    assert_eq!(cluster.raft(1).lease_read(now), Err(ReadError::NoLease));
    let mut first_word = None;
    while cluster.leaders() == [1] {
        cluster.pass(HEARTBEAT / 4);
        for id in cluster.ids() {
            cluster.tick(id);
        }
        let now = cluster.now;
        settle_without(&mut cluster, |(_, _, message)| {
            if matches!(message, Message::TimeoutNow(_)) {
                first_word.get_or_insert(now);
            }
            false
        });
        assert_eq!(cluster.raft(1).lease_read(now).ok(), None);
        assert!(now < permit.until + TIMEOUT, "it is handed over");
    }
    assert!(first_word.is_some_and(|at| at >= permit.until));
    assert_eq!(cluster.leaders(), [2]);
    // Where no permit was given nobody waits.
    let mut cluster = leased();
    let now = cluster.now;
    cluster.raft(1).transfer_leadership(NodeId(2), now).unwrap();
    cluster.settle();
    assert_eq!(cluster.leaders(), [2]);
    // A transfer that comes to nothing leaves no lease that its late word could break.
    let mut cluster = leased();
    let now = cluster.now;
    cluster.raft(1).transfer_leadership(NodeId(2), now).unwrap();
    run_without(&mut cluster, TIMEOUT * 2, |(_, _, message)| {
        matches!(message, Message::TimeoutNow(_))
    });
    let failed = |event: &Event| matches!(event, Event::TransferFailed { .. });
    assert_eq!(crate::kit::told(&mut cluster, 1, failed), 1);
    assert_eq!(
        (cluster.leaders(), cluster.raft(1).term()),
        (vec![1], Term(1))
    );
    let now = cluster.now;
    assert_eq!(cluster.raft(1).lease_read(now), Err(ReadError::NoLease));
}
