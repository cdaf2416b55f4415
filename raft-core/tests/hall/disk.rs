//! Disks that are slow: what is durable, and what was written and is none any more.
//!
//! That a write which removes entries and appends others is one, also in a crash (B-48), is shown where the
//! disk is: in the hall of quorate-raft-log.

use quorate_clocks::{Instant, NodeId};
use quorate_raft_core::{
    AppendReply, Config, Event, Heartbeat, Index, Message, Position, Raft, Role, StartError, Term,
};

use crate::common::{Cluster, HEARTBEAT, TIMEOUT, disk};
use crate::kit::{
    answer, append, at, granted, matched, matched_by, request, run_without, snapshot, sync_all,
    sync_one, three, told, word_to_stand,
};

/// B-03: a term is durable no later than its entries, and a log that is of a newer term than the stored one
/// is refused.
///
/// Source: openraft `docs/protocol/io_ordering.md`.
#[test]
fn b_03_the_term_is_durable_with_its_entries() {
    let mut cluster = Cluster::new(3);
    cluster.sync_at_once = false;
    answer(&mut cluster, 1, 2, append(5, Position::ZERO, &[5], 0));
    let writes = &cluster.node(2).unsynced;
    // One write, of which there is all after a crash, or nothing.
    assert_eq!(writes.len(), 1);
    let term = writes[0].what.hard_state.map(|state| state.term);
    assert_eq!((term, writes[0].what.entries.len()), (Some(Term(5)), 1));

    let recovered = disk(1, &[1, 5]).recover(true);
    let config = Config::new(NodeId(1), [NodeId(1)]);
    let lost = StartError::TermBehindLog {
        term: Term(1),
        last: at(2, 5),
    };
    assert_eq!(Raft::new(config, recovered, 0, Instant::ORIGIN), Err(lost));
}

/// B-04: a leader counts its own entry only once it is durable.
///
/// Source: openraft a9f696a9; etcd #14370 (437bcb8).
#[test]
fn b_04_the_leader_does_not_count_its_own_unflushed_entry() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    let before = cluster.raft(1).commit();
    cluster.crash(3);
    cluster.sync_at_once = false;
    cluster.propose(1, "a");
    cluster.settle();
    let now = cluster.now;
    cluster.node(2).sync(now);
    cluster.settle();
    assert_eq!(
        cluster.raft(1).commit(),
        before,
        "one copy of three is durable"
    );
    cluster.node(1).sync(now);
    cluster.settle();
    assert_eq!(cluster.raft(1).commit(), before.next());
}

/// A follower of which three writes are under way: entries of 1, entries of 3 in their place, and once more
/// those of 1, which leads again.
fn rewritten_twice() -> Cluster {
    let mut cluster = Cluster::new(5);
    cluster.sync_at_once = false;
    for (leader, term, terms) in [(1, 1, &[1, 1][..]), (3, 2, &[2]), (1, 3, &[1, 1])] {
        let message = append(term, Position::ZERO, terms, 0);
        assert_eq!(answer(&mut cluster, leader, 2, message), []);
    }
    assert_eq!(cluster.node(2).unsynced.len(), 3);
    cluster
}

/// B-43: the write of entries that were replaced, and are written again under the same names, proves nothing
/// about the second writing.
///
/// Source: etcd-raft `rawnode.go`, the append ABA race; raft-rs `raft_log.rs`; openraft's IOId.
#[test]
fn b_43_only_the_last_writing_of_an_entry_counts() {
    let mut cluster = rewritten_twice();
    let acknowledged = |cluster: &mut Cluster| {
        let sent = cluster.network.drain(..);
        let acknowledges = |message: &Message| match message {
            Message::AppendReply(AppendReply { term, .. }) => *term == Term(3),
            _ => false,
        };
        sent.filter(|(_, _, message)| acknowledges(message)).count()
    };
    for _ in 0..2 {
        sync_one(&mut cluster, 2);
        assert_eq!(cluster.raft(2).status().durable, Index(0));
        assert_eq!(acknowledged(&mut cluster), 0);
    }
    sync_one(&mut cluster, 2);
    assert_eq!(cluster.raft(2).status().durable, Index(2));
    assert_eq!(acknowledged(&mut cluster), 1);
}

/// B-44: whichever of the outdated writes is told to be done or is not, the last one makes the log durable,
/// and those after it go on.
///
/// Source: etcd-raft `rawnode.go`, the end of the append ABA race.
#[test]
fn b_44_outdated_writes_leave_nothing_undurable() {
    for told_of in 0..4 {
        let mut cluster = rewritten_twice();
        let now = cluster.now;
        let node = cluster.node(2);
        for (place, write) in core::mem::take(&mut node.unsynced).into_iter().enumerate() {
            node.disk.apply(write.what);
            if place == 2 || told_of >> place & 1 == 1 {
                node.raft.handle_written(write.receipt, now);
            }
        }
        cluster.drain(2);
        assert_eq!(cluster.raft(2).status().durable, Index(2));
        let sent = cluster.network.drain(..).map(|(_, _, message)| message);
        assert!(sent.into_iter().any(|message| message == matched(3, 2)));
        answer(&mut cluster, 1, 2, append(3, at(2, 1), &[3], 3));
        sync_all(&mut cluster, 2);
        assert_eq!(cluster.raft(2).status().durable, Index(3));
        assert_eq!(cluster.log_terms(2), [1, 1, 3]);
        assert_eq!(cluster.applied(2), ["1t1", "2t1", "1t3"]);
    }
}

/// B-45: a completion that comes after that of a newer write takes nothing back.
///
/// Source: openraft 2af491fb (#1960).
#[test]
fn b_45_completions_out_of_order_commit() {
    let mut cluster = Cluster::new(1);
    cluster.elect(1);
    cluster.sync_at_once = false;
    for command in ["a", "b", "c"] {
        cluster.propose(1, command);
    }
    let now = cluster.now;
    let node = cluster.node(1);
    let writes = core::mem::take(&mut node.unsynced);
    assert_eq!(writes.len(), 3);
    for write in &writes {
        node.disk.apply(write.what.clone());
    }
    // Each says that the first so many are done.
    for (place, durable) in [(1, 3), (0, 3), (2, 4), (1, 4), (0, 4)] {
        node.raft.handle_written(writes[place].receipt, now);
        let status = node.raft.status();
        let all = [status.durable, status.commit];
        assert_eq!(all, [Index(durable); 2], "after write {place}");
    }
    assert_eq!(cluster.raft(1).commit(), Index(4));
    cluster.drain(1);
    assert_eq!(cluster.applied(1), ["a", "b", "c"]);
}

/// B-46: a snapshot that comes while another is being written does not confuse what the first write proves.
///
/// Source: raft-rs 7e7322b (#417).
#[test]
fn b_46_two_snapshots_in_a_row_are_durable_in_turn() {
    let mut cluster = Cluster::new(3);
    cluster.sync_at_once = false;
    let members = cluster.raft(2).membership().clone();
    let first = || snapshot(1, at(10, 1), &members, "ten");
    let second = || snapshot(1, at(20, 1), &members, "twenty");
    assert_eq!(answer(&mut cluster, 1, 2, first()), []);
    assert_eq!(answer(&mut cluster, 1, 2, second()), []);
    for (index, state) in [(10, "ten"), (20, "twenty")] {
        sync_all(&mut cluster, 2);
        let status = cluster.raft(2).status();
        let all = [status.durable, status.applied, status.commit];
        assert_eq!(all, [Index(index); 3]);
        assert_eq!(cluster.applied(2), [state]);
        let sent = cluster.network.drain(..).map(|(_, _, message)| message);
        assert!(sent.into_iter().any(|message| message == matched(1, index)));
        // The leader sends it again.
        answer(&mut cluster, 1, 2, second());
    }
}

/// B-47: while a snapshot is being written nothing is handed out to apply, nothing is appended to it, and
/// nobody stands with it.
///
/// Source: etcd #12163; etcd-raft 8349efa and f1f74e0.
#[test]
fn b_47_nothing_happens_on_top_of_a_pending_snapshot() {
    let mut cluster = three();
    let term = cluster.raft(1).term().0;
    let members = cluster.raft(2).membership().clone();
    let Message::TimeoutNow(word) = word_to_stand(&mut cluster, 1, 2) else {
        unreachable!("it is a word to stand")
    };
    cluster.sync_at_once = false;
    cluster.node(2).events.clear();
    answer(
        &mut cluster,
        1,
        2,
        snapshot(term, at(10, term), &members, "s"),
    );
    let next = || append(term, at(10, term), &[term], 11);
    assert_eq!(answer(&mut cluster, 1, 2, next()), []);
    assert_eq!(cluster.raft(2).status().last, at(10, term));
    let word = quorate_raft_core::TimeoutNow {
        last: at(10, term),
        ..word
    };
    answer(&mut cluster, 1, 2, Message::TimeoutNow(word));
    assert_eq!(cluster.raft(2).role(), Role::Follower);
    cluster.pass(TIMEOUT * 4);
    cluster.tick(2);
    let now = cluster.now;
    let _ = cluster.raft(2).campaign(now);
    cluster.drain(2);
    assert_eq!(cluster.raft(2).role(), Role::Follower);
    assert_eq!(cluster.applied(2), [""; 0]);
    sync_all(&mut cluster, 2);
    answer(&mut cluster, 1, 2, next());
    sync_all(&mut cluster, 2);
    let place = |is_it: fn(&Event) -> bool, cluster: &mut Cluster| {
        cluster.node(2).events.iter().position(is_it)
    };
    let restored = place(|event| matches!(event, Event::Restore { .. }), &mut cluster);
    let committed = place(
        |event| matches!(event, Event::Committed { .. }),
        &mut cluster,
    );
    assert!(restored.is_some() && restored < committed);
    assert_eq!(cluster.applied(2), ["s".to_owned(), format!("1t{term}")]);
}

/// B-49: whatever comes between a decision and the poll that tells of it, nothing that was decided gets lost.
///
/// Source: etcd-raft 5fa684b.
#[test]
fn b_49_polls_may_come_whenever_they_like() {
    let heartbeat = |term, round| {
        Message::Heartbeat(Heartbeat {
            term: Term(term),
            commit: Index(0),
            round,
            mark: 0,
            mark_commit: Index(0),
        })
    };
    let inputs = [
        (1, Message::PreVote(request(1, Position::ZERO))),
        (1, Message::Vote(request(1, Position::ZERO))),
        (1, heartbeat(1, 1)),
        (1, append(1, Position::ZERO, &[1], 0)),
        (1, append(1, at(9, 1), &[1], 0)),
        (1, append(1, at(1, 1), &[1, 1], 2)),
        (3, heartbeat(2, 1)),
        (3, append(2, at(2, 1), &[2], 3)),
    ];
    let mut expected = None;
    // After which of the inputs it is polled, and whether what it wrote is durable then.
    for polled in 0..1_u32 << inputs.len() {
        for written in [0, polled, !0] {
            let mut cluster = Cluster::new(3);
            cluster.sync_at_once = false;
            let now = cluster.now;
            for (place, (from, message)) in inputs.iter().enumerate() {
                let (from, message) = (NodeId(*from), message.clone());
                cluster.raft(2).handle_message(from, message, now);
                if polled >> place & 1 == 1 {
                    cluster.drain(2);
                }
                if written >> place & 1 == 1 {
                    cluster.node(2).sync(now);
                }
            }
            cluster.drain(2);
            sync_all(&mut cluster, 2);
            let sent = cluster.network.iter();
            let mut sent: Vec<_> = sent.map(|(_, _, message)| format!("{message:?}")).collect();
            sent.sort();
            let outcome = (sent, cluster.log_terms(2), cluster.applied(2));
            assert_eq!(outcome.0.len(), inputs.len(), "{outcome:?}");
            assert_eq!(*expected.get_or_insert_with(|| outcome.clone()), outcome);
        }
    }
}

/// B-50: what a leader knew of its own disk, and of its followers, is nothing to it when it leads again.
///
/// Source: openraft a80579ef; etcd-raft checks the term of its own answers.
#[test]
fn b_50_progress_of_an_earlier_leadership_does_not_count() {
    let mut cluster = three();
    let term = cluster.raft(1).term().0;
    assert_eq!(matched_by(&mut cluster, 1, 2), Index(1));
    cluster.sync_at_once = false;
    cluster.propose(1, "lost");
    cluster.network.clear();
    // Another leader puts an entry in its place; both are on their way to the disk.
    answer(
        &mut cluster,
        2,
        1,
        append(term + 1, at(1, term), &[term + 1], 0),
    );
    cluster.pass(TIMEOUT * 2);
    cluster.tick(1);
    let next = granted(term + 2);
    for voter in [2, 3] {
        answer(&mut cluster, voter, 1, Message::PreVoteReply(next));
    }
    for voter in [2, 3] {
        answer(&mut cluster, voter, 1, Message::VoteReply(next));
    }
    assert_eq!(cluster.raft(1).role(), Role::Leader);
    for id in [2, 3] {
        assert_eq!(matched_by(&mut cluster, 1, id), Index(0));
    }
    // One of the others has all of the new log. That is a majority only with this one's disk.
    answer(&mut cluster, 2, 1, matched(term + 2, 3));
    sync_one(&mut cluster, 1);
    assert_eq!(cluster.raft(1).status().durable, Index(1));
    assert_eq!(cluster.raft(1).commit(), Index(1));
    // Nor does what a follower said in the term before.
    answer(&mut cluster, 3, 1, matched(term, 3));
    assert_eq!(cluster.raft(1).commit(), Index(1));
    sync_all(&mut cluster, 1);
    assert_eq!(cluster.raft(1).commit(), Index(3));
}

/// B-51: entries that were asked for in one leadership, and are brought in another in which they are none any
/// more, are not sent.
///
/// Source: openraft `docs/protocol/log_stream.md`; raft-rs names the term in `GetEntriesContext`.
#[test]
fn b_51_entries_read_before_a_truncation_are_not_sent_after_it() {
    let mut cluster = Cluster::with(3, |config| config.window_bytes = 0);
    cluster.elect(1);
    cluster.run(HEARTBEAT);
    cluster.isolate(3);
    for command in ["a", "b"] {
        cluster.propose(1, command);
    }
    cluster.settle();
    cluster.cut = vec![(1, 2), (2, 1)];
    for command in ["lost", "lost too"] {
        cluster.propose(1, command);
    }
    // 3 needs entries that are read from the disk, and that takes its time.
    cluster.node(1).withholds = true;
    cluster.node(1).events.clear();
    cluster.run(HEARTBEAT * 3);
    let is_load = |event: &Event| matches!(event, Event::Load { .. });
    assert_eq!(told(&mut cluster, 1, is_load), 1);
    let read = cluster.node(1).disk.entries[1..].to_vec();
    assert_eq!(cluster.log_terms(1), [1; 5]);
    // Meanwhile another leads, and then the first one again.
    cluster.heal();
    cluster.isolate(1);
    cluster.elect(2);
    cluster.propose(2, "c");
    cluster.heal();
    cluster.isolate(3);
    cluster.run(HEARTBEAT * 3);
    cluster.pass(TIMEOUT * 2);
    cluster.tick(2);
    cluster.network.clear();
    cluster.elect(1);
    assert_eq!(cluster.log_terms(1), [1, 1, 1, 2, 2, 3]);
    let now = cluster.now;
    cluster.raft(1).provide_entries(Index(2), read.into(), now);
    cluster.node(1).withholds = false;
    cluster.heal();
    let log = cluster.node(1).disk.entries.clone();
    run_without(&mut cluster, TIMEOUT, |(from, _, message)| {
        if let Message::Append(append) = message
            && *from == 1
        {
            let sent = append.entries.iter().map(|entry| entry.to_owned());
            sent.for_each(|entry| assert!(log.contains(&entry), "{entry:?} is not of its log"));
        }
        false
    });
    let expected = cluster.node(1).disk.entries.clone();
    assert_eq!(cluster.node(3).disk.entries, expected);
    for id in [1, 3] {
        assert_eq!(cluster.applied(id), ["a", "b", "c"]);
    }
}
