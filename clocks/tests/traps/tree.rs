//! Interval tree clocks.

use quorate_clocks::{
    DecodeError, Relation, SplitMix64, TreeAmnesia, TreeEvent, TreeForkError, TreeJoinError,
    TreeReceiveError, TreeStamp,
};

fn fork(stamp: TreeStamp) -> (TreeStamp, TreeStamp) {
    stamp.fork().expect("not that deep")
}

/// The paper's comparison is right on trees in normal form only: a leaf and a node that are the same
/// function must not be different values.
#[test]
fn trap_34_trees_are_kept_in_normal_form_and_others_are_refused() {
    // Two halves that are raised by one each are the whole, raised by one.
    let (mut left, mut right) = fork(TreeStamp::seed());
    left.event().unwrap();
    right.event().unwrap();
    let mut both = left.peek();
    assert!(both.merge(&right.peek()));
    let mut whole = TreeStamp::seed();
    whole.event().unwrap();
    assert_eq!(both, whole.peek());
    assert_eq!(both.to_string(), "1");
    assert_eq!(both.to_bytes(), whole.peek().to_bytes());
    assert_eq!(both.relation(&whole.peek()), Relation::Equal);
    assert!(!both.merge(&whole.peek()), "normal form is idempotent");

    // A leaf against a node, in both directions.
    let node = left.peek();
    assert_eq!(node.to_string(), "(0,1,0)");
    assert_eq!(node.relation(&both), Relation::Before);
    assert_eq!(both.relation(&node), Relation::After);
    assert_eq!(TreeEvent::new().relation(&node), Relation::Before);
    assert_eq!(node.relation(&right.peek()), Relation::Concurrent);

    // The same function with another tree: 1 as (0,1,1), as (1,0,0), and (1,0,1) as (0,1,2).
    let halved = 0b1000_0000;
    for not_normal in [[halved, 0, 1, 1], [halved, 1, 0, 0], [halved, 0, 1, 2]] {
        let refused = TreeEvent::from_bytes(&not_normal);
        assert!(
            matches!(refused, Err(DecodeError::NotCanonical { .. })),
            "{not_normal:?}: {refused:?}"
        );
    }
    // The ids (1,1) and (0,0).
    for not_normal in [0b1010_1000, 0b1000_0000] {
        let refused = TreeStamp::from_bytes(&[not_normal, 0, 0]);
        assert!(
            matches!(refused, Err(DecodeError::NotCanonical { .. })),
            "{not_normal:#b}: {refused:?}"
        );
    }
}

/// bitwalker/swarm #141: the sum of an id and of one that was forked from it has no clause. The crate
/// `itc` 0.1.3 panics there, and when a stamp without an id ticks, which does not compile here: see
/// the example of `TreeEvent`.
#[test]
fn trap_35_a_join_undoes_a_fork_and_overlapping_ids_are_an_error() {
    let mut stamp = TreeStamp::seed();
    stamp.event().unwrap();
    let bytes = stamp.to_bytes();
    let (left, right) = fork(stamp);
    let stamp = left.join(right).unwrap();
    assert_eq!(stamp.to_bytes(), bytes);

    let (mut left, mut right) = fork(stamp);
    let (before, mine, yours) = (left.peek(), left.send().unwrap(), right.send().unwrap());
    assert_eq!(mine.relation(&yours), Relation::Concurrent);
    assert_eq!(mine.relation(&before), Relation::After);

    // The parent from a backup, with its child, its grandchild, and itself; in both orders.
    let (grandchild, _) = fork(left);
    for stamp in [&grandchild.to_bytes(), &right.to_bytes(), &bytes] {
        for child_first in [false, true] {
            let child = TreeStamp::from_bytes(stamp).unwrap();
            let parent = TreeStamp::from_bytes(&bytes).unwrap();
            let (first, second) = if child_first {
                (child, parent)
            } else {
                (parent, child)
            };
            let (first_bytes, second_bytes) = (first.to_bytes(), second.to_bytes());
            let refused = first.join(second).unwrap_err();
            assert!(refused.to_string().contains("overlap"), "{refused}");
            let TreeJoinError::Overlap { stamps } = refused else {
                panic!("{refused}")
            };
            // Both are given back unharmed.
            assert_eq!(stamps.0.to_bytes(), first_bytes);
            assert_eq!(stamps.1.to_bytes(), second_bytes);
        }
    }
}

/// bitwalker/swarm #97: ids get deeper with every fork that is not joined again.
#[test]
fn trap_36_forks_that_never_join_end_at_a_depth_and_not_in_a_stack_overflow() {
    let mut stamp = TreeStamp::seed();
    let mut forks = 0;
    let deepest = loop {
        match stamp.fork() {
            Ok((_, right)) => stamp = right,
            Err(TreeForkError::TooDeep { stamp }) => break *stamp,
            Err(other) => panic!("{other}"),
        }
        stamp.event().unwrap();
        forks += 1;
        let read = TreeStamp::from_bytes(&stamp.to_bytes()).unwrap();
        assert_eq!(read, stamp);
    };
    assert_eq!(forks, TreeStamp::MAX_DEPTH);
    assert_eq!(deepest.depth(), TreeStamp::MAX_DEPTH);
    assert!(
        deepest.to_bytes().len() < 500,
        "{}",
        deepest.to_bytes().len()
    );

    // As deep as bytes can say: a recursion over eight million levels would overflow any stack.
    let is_too_deep = |error| matches!(error, DecodeError::TooLarge { limit: 127, .. });
    let ones = vec![0xFF; 1 << 20];
    assert!(TreeEvent::from_bytes(&ones).is_err_and(is_too_deep));
    assert!(TreeStamp::from_bytes(&ones).is_err_and(is_too_deep));
    let left_leaves = vec![0b1010_1010; 1 << 20];
    assert!(TreeEvent::from_bytes(&left_leaves).is_err_and(is_too_deep));
    assert!(TreeStamp::from_bytes(&vec![0b1001_0010; 1 << 20]).is_err());
}

/// The same: members that come and go must not make the trees of those who stay grow for ever.
#[test]
fn trap_36_ten_thousand_forks_and_joins_leave_the_size_bounded() {
    const MEMBERS: usize = 16;
    let mut random = SplitMix64::new(36);
    let mut members = vec![TreeStamp::seed()];
    let mut largest = 0;
    for _ in 0..10_000 {
        let number = random.index(members.len());
        let stamp = members.swap_remove(number);
        if members.len() + 1 < MEMBERS && random.index(2) == 0 || members.is_empty() {
            let (left, right) = fork(stamp);
            members.extend([left, right]);
        } else {
            let other = members.swap_remove(random.index(members.len()));
            members.push(stamp.join(other).unwrap());
        }
        for stamp in &mut members {
            if random.index(3) == 0 {
                stamp.event().unwrap();
            }
        }
        let sender = random.index(members.len());
        let message = members[sender].send().unwrap();
        let receiver = random.index(members.len());
        members[receiver].receive(&message).unwrap();
        let sizes = members.iter().map(|stamp| stamp.to_bytes().len());
        largest = largest.max(sizes.max().unwrap_or(0));
    }
    assert!(largest < 200, "a stamp of {largest} bytes");

    // All ids together are the whole again, and then one event levels everything.
    let mut last = members.swap_remove(0);
    for stamp in members {
        last = last.join(stamp).unwrap();
    }
    last.event().unwrap();
    assert_eq!((last.depth(), last.part_count()), (0, 1));
    assert_eq!(last.history().leaf_count(), 1);
    assert!(last.to_bytes().len() < 8);
}

/// Riak #679 with trees: the stamp of a replica that lost its disk ticks again, and its events look like
/// those that others have seen.
#[test]
fn trap_27_a_stamp_that_is_older_than_what_it_let_out_is_told() {
    let (ann, mut bob) = fork(TreeStamp::seed());
    let (mut ann, mut cid) = fork(ann);
    let backup = ann.to_bytes();
    let lost = ann.send().unwrap();
    bob.receive(&lost).unwrap();

    let mut restored = TreeStamp::from_bytes(&backup).unwrap();
    let news = bob.send().unwrap();
    let refused = restored.receive(&news).unwrap_err();
    assert!(matches!(
        refused,
        TreeReceiveError::Amnesia(TreeAmnesia {
            ours: 0,
            theirs: 1,
            ..
        })
    ));
    assert!(refused.to_string().contains("older"), "{refused}");
    assert!(restored.merge(&news).is_err());
    assert_eq!(restored.to_bytes(), backup, "nothing has changed");

    // The others and the true owner are not bothered by the same message.
    assert_eq!(ann.merge(&news), Ok(true));
    assert!(cid.receive(&news).is_ok() && cid.receive(&lost).is_ok());
}

/// A stamp is as high as the one beside it after an event, to stay small. A forged height must not get
/// into the parts of others that way.
#[test]
fn forged_heights_do_not_use_up_the_counts_of_others() {
    // Nothing in the left half, and all there is in the right one.
    let forged = [&[0b1000_0000, 0, 0][..], &[0xFF; 8], &[0x01]].concat();
    let forged = TreeEvent::from_bytes(&forged).unwrap();
    let (mut left, mut right) = fork(TreeStamp::seed());
    for count in 1..100 {
        left.receive(&forged).unwrap();
        let heights = left.history().to_string();
        assert_eq!(
            heights,
            format!("({count},0,{})", (1_u64 << 57) - 1 - count)
        );
    }
    // Whose half it is, is told.
    assert!(right.receive(&forged).is_err() && right.merge(left.history()).is_err());
}
