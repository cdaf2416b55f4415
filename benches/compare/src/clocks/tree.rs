//! Interval tree clocks, after the same history.

use itc::{IntervalTreeClock, LessThanOrEqual, Stamp};
use quorate_clocks::TreeStamp;

use crate::table::{Table, peer};

/// The stamps of a group in which everybody has talked to others for a while, twice.
struct Group {
    quorate: Vec<TreeStamp>,
    itc: Vec<Stamp>,
}

impl Group {
    fn new(members: usize) -> Self {
        let mut group = Self {
            quorate: vec![TreeStamp::seed()],
            itc: vec![Stamp::seed()],
        };
        while group.itc.len() < members {
            // The first in line forks, and both halves stand at its end.
            let (left, right) = group.quorate.remove(0).fork().expect("not deep");
            group.quorate.extend([left, right]);
            let (left, right) = group.itc.remove(0).fork();
            group.itc.extend([left, right]);
        }
        for round in 0..30 * members {
            let (from, to) = (round * 7 % members, round * 5 % members);
            let message = group.quorate[from].send().expect("few events");
            group.quorate[to].receive(&message).expect("few events");
            let (message, sender) = group.itc[from].send();
            group.itc[from] = sender;
            group.itc[to] = group.itc[to].receive(&message);
        }
        // The two crates agree, in the notation of the paper.
        for (quorate, itc) in group.quorate.iter().zip(&group.itc) {
            assert_eq!(
                quorate.to_string().replace(' ', ""),
                itc.to_string().replace(' ', "")
            );
        }
        group
    }

    /// The last and the first member.
    fn ends(mut self) -> (Ends<TreeStamp>, Ends<Stamp>) {
        let quorate = (self.quorate.pop(), self.quorate.swap_remove(0));
        let itc = (self.itc.pop(), self.itc.swap_remove(0));
        (
            (quorate.0.expect("two members"), quorate.1),
            (itc.0.expect("two members"), itc.1),
        )
    }
}

type Ends<S> = (S, S);

/// A stamp of ours cannot be copied, so everybody who measures gets one from a group of its own.
fn quorate(members: usize) -> impl Fn() -> Ends<TreeStamp> {
    move || Group::new(members).ends().0
}

fn itc(members: usize) -> impl Fn() -> Ends<Stamp> {
    move || Group::new(members).ends().1
}

pub(super) fn tables() -> Vec<Table> {
    [2, 8, 64].into_iter().flat_map(of_members).collect()
}

fn of_members(members: usize) -> Vec<Table> {
    let table = |name: &str, peers| Table {
        title: format!("tree of {members} members: {name}"),
        peers,
    };
    let (ours, theirs) = ("quorate TreeStamp", "itc 0.1");
    vec![
        table(
            "event",
            vec![
                peer(ours, quorate(members), |(stamp, _)| stamp.event()),
                peer(theirs, itc(members), |(stamp, _)| *stamp = stamp.event()),
            ],
        ),
        table(
            "peek",
            vec![
                peer(ours, quorate(members), |(stamp, _)| stamp.peek()),
                peer(theirs, itc(members), |(stamp, _)| stamp.peek().0),
            ],
        ),
        table(
            "compared, both ways",
            vec![
                peer(ours, quorate(members), |(a, b)| {
                    a.history().relation(b.history())
                }),
                peer(theirs, itc(members), |(a, b)| (a.leq(b), b.leq(a))),
            ],
        ),
        table(
            "includes",
            vec![
                peer(ours, quorate(members), |(a, b)| {
                    a.history().includes(b.history())
                }),
                peer(theirs, itc(members), |(a, b)| b.leq(a)),
            ],
        ),
        table(
            "a message sent and received",
            vec![
                peer(ours, quorate(members), |(a, b)| {
                    let message = a.send().ok()?;
                    b.receive(&message).ok()
                }),
                peer(theirs, itc(members), |(a, b)| {
                    let (message, sender) = a.send();
                    *a = sender;
                    *b = b.receive(&message);
                }),
            ],
        ),
        table(
            "fork and join",
            vec![
                peer(
                    ours,
                    {
                        let make = quorate(members);
                        move || Some(make().0)
                    },
                    |stamp| {
                        let (left, right) = stamp.take()?.fork().ok()?;
                        *stamp = Some(left.join(right).ok()?);
                        Some(())
                    },
                ),
                peer(theirs, itc(members), |(stamp, _)| {
                    let (left, right) = stamp.fork();
                    *stamp = left.join(&right);
                }),
            ],
        ),
    ]
}
