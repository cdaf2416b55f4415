//! Logs that differ, answers that come late, and followers that must be found.

use quorate_raft_core::{AppendOutcome, AppendReply, Index, Message, PeerState, Position, Term};

use crate::common::{Cluster, Disk, HEARTBEAT, TIMEOUT, disk};
use crate::kit::{
    answer, append, at, in_disorder, join, matched, matched_by, run_without, seen_by,
    settle_without, three,
};

/// B-20: a delayed, short append does not remove what follows, and what a real conflict removes is replaced
/// in the same write.
///
/// Source: openraft 9540c904; raftos #26; willemt/raft #118.
#[test]
fn b_20_a_stale_append_does_not_truncate() {
    let mut cluster = Cluster::new(3);
    cluster.boot(2, disk(1, &[1, 1, 1, 1, 1]));
    let stale = append(1, at(1, 1), &[1, 1], 0);
    assert_eq!(answer(&mut cluster, 1, 2, stale), [matched(1, 3)]);
    assert_eq!(cluster.raft(2).status().last, at(5, 1));
    cluster.sync_at_once = false;
    answer(&mut cluster, 1, 2, append(2, at(3, 1), &[2], 0));
    assert_eq!(cluster.log_terms(2), [1; 5], "until it is written");
    let writes = &cluster.node(2).unsynced;
    let first = writes[0].what.entries.first().map(|entry| entry.position);
    assert_eq!((writes.len(), first), (1, Some(at(4, 2))));
}

/// B-23: where logs differ in many terms there is at most one probe for each, and each is before the last.
///
/// Source: openraft 6d53aa12; etcd-raft 3984dc6.
#[test]
fn b_23_probes_go_back_a_term_at_a_time() {
    let many = [[2; 20], [3; 20], [4; 20], [5; 20], [6; 20]].concat();
    let one = [7; 100].to_vec();
    let old = [8; 100].to_vec();
    for (leaders, followers) in [(&one, &many), (&many, &one), (&one, &one), (&old, &many)] {
        let log = |tail: &[u64]| [&[1; 10][..], tail].concat();
        let mut cluster = Cluster::new(3);
        // What the follower has more of is of a later term only if the leader's is the later one still.
        let (mine, theirs) = (log(leaders), log(followers));
        cluster.boot(1, disk(9, &[&mine[..], &[9]].concat()));
        cluster.boot(3, disk(9, &[&mine[..], &[9]].concat()));
        cluster.boot(2, disk(8, &theirs));
        cluster.pass(TIMEOUT * 2);
        cluster.tick(1);
        let mut probes: Vec<Index> = Vec::new();
        settle_without(&mut cluster, |(_, to, message)| {
            if let Message::Append(append) = message
                && *to == 2
            {
                probes.push(append.previous.index);
            }
            false
        });
        let expected = cluster.log_terms(1);
        assert_eq!(cluster.log_terms(2), expected, "without waiting for time");
        let refused = cluster.raft(1).counters().rejections;
        assert!(refused <= 7, "{refused} probes were in vain");
        let until = usize::try_from(refused).unwrap() + 1;
        assert!(probes[..until].is_sorted_by(|a, b| a > b), "{probes:?}");
    }
}

/// B-24: an answer that is late, or from another term, or to what was never sent, changes nothing.
///
/// Source: etcd-raft 91ff7cd; openraft cecb5de8, fbbf37b1 and 2bdfae5d (#1500); raftos #25; PySyncObj #167.
#[test]
fn b_24_late_answers_change_nothing() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    let old = cluster.raft(1).term();
    cluster.isolate(1);
    for _ in 0..3 {
        cluster.propose(1, "lost");
    }
    cluster.elect(2);
    cluster.heal();
    cluster.run(HEARTBEAT * 4);
    cluster.cut.push((3, 1));
    // 2 hears from nobody, and steps down.
    cluster.pass(TIMEOUT * 2);
    cluster.tick(2);
    cluster.network.clear();
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.settle();
    let before = cluster.raft(1).status();
    let last = before.last.index;
    assert_eq!(matched_by(&mut cluster, 1, 2), last);
    cluster.heal();
    let rejected = |previous: u64, hint: Position| AppendOutcome::Rejected {
        previous: Index(previous),
        hint,
    };
    // It counted in the term in which it was sent, for entries that are gone since.
    let of_old = AppendOutcome::Matched { index: last };
    let mut late = vec![(3, old, of_old)];
    for outcome in [
        rejected(1, Position::ZERO),
        rejected(2, at(u64::MAX, u64::MAX)),
        rejected(last.0, at(1, 1)),
        rejected(99, at(98, 1)),
    ] {
        late.push((2, before.term, outcome));
    }
    for (from, term, outcome) in late {
        let reply = AppendReply { term, outcome };
        cluster.deliver((from, 1, Message::AppendReply(reply)));
        // A refusal of what is acknowledged is asked about once more, and the answer says that it is late.
        cluster.settle();
        assert_eq!(cluster.raft(1).status().peers, before.peers, "{outcome:?}");
    }
    assert_eq!(cluster.raft(1).counters().doubts, 0);
    // One that is true and old takes nothing back.
    answer(&mut cluster, 2, 1, matched(before.term.0, 1));
    assert_eq!(cluster.raft(1).status().peers, before.peers);
}

/// B-25: what is sent next is always after what is known to be there, in whatever order answers come.
///
/// Source: etcd-raft 6439482 (#149); raft-rs #557; PySyncObj #167.
#[test]
fn b_25_next_is_after_matched_in_any_order_of_answers() {
    for seed in 0..40 {
        let mut cluster = Cluster::with(3, |config| {
            config.max_appends_in_flight = 4;
            config.max_append_bytes = 1;
        });
        cluster.boot(1, disk(5, &[1, 1, 4, 4, 5, 5]));
        cluster.boot(2, disk(5, &[1, 1, 2, 3, 3, 3, 3, 3]));
        cluster.boot(3, disk(5, &[1, 1, 4, 4, 5, 5]));
        cluster.cut = vec![(1, 2), (2, 1)];
        cluster.elect(1);
        cluster.heal();
        let mut proposed = 0;
        in_disorder(&mut cluster, seed, 250, |cluster| {
            if cluster.leaders() == [1] && proposed < 20 {
                proposed += 1;
                cluster.propose(1, "a");
            }
            for id in cluster.leaders() {
                for peer in cluster.raft(id).status().peers {
                    assert!(peer.matched < peer.next, "seed {seed}: {peer:?}");
                }
            }
        });
        cluster.run(TIMEOUT * 8);
        let expected = cluster.log_terms(1);
        for id in [2, 3] {
            assert_eq!(cluster.log_terms(id), expected, "seed {seed}");
        }
    }
}

/// B-28: where the log does not go back to what a follower needs, it is sent a snapshot, and no append after
/// an entry whose term is not known.
///
/// Source: etcd-raft 76f1249 and #31.
#[test]
fn b_28_no_append_is_sent_after_an_unknown_term() {
    for window in [1, 64] {
        let mut cluster = Cluster::with(3, |config| config.max_appends_in_flight = window);
        cluster.elect(1);
        cluster.run(HEARTBEAT * 2);
        for command in ["a", "b", "c", "d", "e", "f"] {
            cluster.propose(1, command);
            settle_without(&mut cluster, |(_, to, message)| {
                *to == 3 && matches!(message, Message::Append(_))
            });
        }
        assert_eq!(matched_by(&mut cluster, 1, 3), Index(1));
        cluster.node(1).compact();
        let start = cluster.raft(1).status().start;
        assert_eq!(start.index, Index(7));
        run_without(&mut cluster, HEARTBEAT * 60, |(_, to, message)| {
            if let Message::Append(append) = message
                && *to == 3
            {
                assert!(append.previous.index >= start.index && append.previous.term >= start.term);
            }
            false
        });
        assert_eq!(cluster.applied(3), ["a", "b", "c", "d", "e", "f"]);
        let snapshot = cluster.node(3).disk.snapshot.clone();
        assert_eq!(snapshot.map(|snapshot| snapshot.position), Some(start));
    }
}

/// B-29: a follower that has nothing, behind a log that was purged to its end, converges without new
/// proposals, whatever the leader thought of it before.
///
/// Source: openraft afd6508b (#1828).
#[test]
fn b_29_a_follower_behind_a_purged_log_needs_no_new_proposal() {
    for is_known in [false, true] {
        let mut cluster = Cluster::new(3);
        if is_known {
            cluster.elect(1);
        } else {
            cluster.crash(3);
            cluster.elect(1);
        }
        cluster.propose(1, "a");
        cluster.run(HEARTBEAT);
        cluster.node(1).compact();
        let status = cluster.raft(1).status();
        assert_eq!(status.start, status.last, "there is nothing to send");
        cluster.boot(3, Disk::default());
        cluster.run(HEARTBEAT * 4);
        assert_eq!(cluster.raft(1).status().last, status.last);
        assert_eq!(cluster.raft(3).status().last, status.last);
        assert_eq!(cluster.applied(3), ["a"]);
    }
}

/// B-37: a follower that has all, but was reported unreachable or got it as a snapshot, is streamed to again.
///
/// Source: etcd-raft 49bac48 and 769f8a0.
#[test]
fn b_37_a_caught_up_follower_leaves_the_probe() {
    let mut cluster = three();
    let now = cluster.now;
    cluster
        .raft(1)
        .handle_unreachable(quorate_clocks::NodeId(3), now);
    assert!(matches!(
        seen_by(&mut cluster, 1, 3),
        PeerState::Probing { .. }
    ));
    // Nobody proposes anything: what it answers to heartbeats must be enough.
    cluster.run(HEARTBEAT * 4);
    assert_eq!(seen_by(&mut cluster, 1, 3), PeerState::UpToDate);

    cluster.isolate(3);
    cluster.propose(1, "a");
    cluster.settle();
    cluster.node(1).compact();
    cluster.heal();
    cluster.run(TIMEOUT);
    assert_eq!(seen_by(&mut cluster, 1, 3), PeerState::UpToDate);
    assert!(cluster.node(3).disk.snapshot.is_some());
    // Several at once, without waiting for an answer to the first.
    let term = cluster.raft(1).term();
    for command in ["b", "c"] {
        cluster.propose(1, command);
    }
    let sent = cluster.network.iter().filter(|(_, to, message)| {
        *to == 3 && matches!(message, Message::Append(append) if append.term == term)
    });
    assert_eq!(sent.count(), 2);
    cluster.settle();
    assert_eq!(cluster.applied(3), ["a", "b", "c"]);
}

/// B-38: a new member is sent the log at once, and not with the next proposal or heartbeat.
///
/// Source: etcd-raft a57f77a.
#[test]
fn b_38_a_new_member_is_probed_at_once() {
    let mut cluster = three();
    for command in ["a", "b", "c"] {
        cluster.propose(1, command);
    }
    cluster.settle();
    join(&mut cluster, 4);
    let learner = quorate_clocks::NodeId(4);
    cluster.change(1, |change| change.learner(learner)).unwrap();
    cluster.settle();
    assert_eq!(cluster.applied(4), ["a", "b", "c"]);
    assert_eq!(cluster.raft(4).term(), Term(1));
    let last = cluster.raft(1).status().last.index;
    assert_eq!(matched_by(&mut cluster, 1, 4), last);
}
