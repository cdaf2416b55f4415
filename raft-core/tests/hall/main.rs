//! The hall of known bugs: what other implementations of Raft got wrong, replayed against this one.
//!
//! Each test is named by the number under which its bug is kept, B-01 to B-84, and says where it happened. It
//! plays the scenario, and asserts the outcome that the bug would break.
//!
//! | Room | Bugs | About |
//! |---|---|---|
//! | [`votes`] | 01 02 05–07 36 | who may vote, what a vote stands on, and which of them count |
//! | [`elections`] | 08–16 | elections that must come to an end, and those that must not begin |
//! | [`transfer`] | 17–19 72 | leaders that hand over |
//! | [`replication`] | 20 23–25 28 29 37 38 | logs that differ, late answers, followers that must be found |
//! | [`commits`] | 21 22 35 40–42 | what is committed, and what of it is handed out to apply |
//! | [`flow`] | 26 27 39 | windows and budgets, which must be given back |
//! | [`hostile`] | 30–34 | disks that lose what they had, and messages that no member would send |
//! | [`disk`] | 03 04 43–47 49–51 | disks that are slow: what is durable, and what is none any more |
//! | [`snapshots`] | 52–59 | over logs that differ, in pieces that get lost, with the members in them |
//! | [`joint`] | 63–66 | who decides in a joint membership, who leads it, and who leaves it when |
//! | [`membership`] | 61 62 68–71 73 | members that change while others lead, crash and come back |
//! | [`reads`] | 67 74–77 82–84 | reads that are confirmed by what proves nothing |
//! | [`leases`] | 78–81 | how long a lease holds, and what ends it |
//! | `tests/hall.rs` of quorate-raft-log | 48 | what a crash leaves of a write |
//! | `tests/hall.rs` of quorate-raft-node | 60 | what a driver must not forget to do |
//!
//! [`register`] checks that every number is there, once.

#[path = "../common/mod.rs"]
mod common;
mod kit;

mod commits;
mod disk;
mod elections;
mod flow;
mod hostile;
mod joint;
mod leases;
mod membership;
mod reads;
mod register;
mod replication;
mod snapshots;
mod transfer;
mod votes;
