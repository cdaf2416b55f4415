//! The test kit passes a machine that keeps the contract, and catches each way of breaking it.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quorate_clocks::{Instant, NodeId};
use quorate_transport::contract::{self, Cue, Plan, Report, Violation};
use quorate_transport::{Lane, Machine, Receipt, Transmit, Write};

/// Counts what it is asked to count, writes it down, and tells the others once it is durable.
#[derive(Clone)]
struct Tally {
    id: NodeId,
    fault: Fault,
    total: u64,
    next: Instant,
    receipt: Receipt,
    unwritten: VecDeque<(Receipt, u64)>,
    writes: VecDeque<Write<u64>>,
    out: VecDeque<Transmit<u64>>,
    events: VecDeque<Told>,
    shared: Rc<Cell<u64>>,
}

/// Which part of the contract is broken.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    ReadsAGlobal,
    SharesWithItsClone,
    MovesItsDeadline,
    KeepsItsDeadline,
    NeverEnds,
    ReusesReceipts,
    PanicsOnStrangers,
}

#[derive(Clone, Debug)]
enum Told {
    HowMuchIsOne,
    Total,
}

static GLOBAL: AtomicU64 = AtomicU64::new(0);
const BOUND: usize = 16;

impl Tally {
    fn new(id: NodeId, fault: Fault) -> Self {
        Self {
            id,
            fault,
            total: 0,
            next: Instant::from_millis(1_050),
            receipt: Receipt::default(),
            unwritten: VecDeque::new(),
            writes: VecDeque::new(),
            out: VecDeque::new(),
            events: VecDeque::new(),
            shared: Rc::default(),
        }
    }

    fn add(&mut self, count: u64) {
        if self.unwritten.len() >= BOUND {
            return;
        }
        self.total = self.total.wrapping_add(count);
        match self.fault {
            Fault::ReadsAGlobal => self.total ^= GLOBAL.fetch_add(1, Ordering::AcqRel),
            Fault::SharesWithItsClone => {
                self.shared.set(self.shared.get() + 1);
                self.total ^= self.shared.get();
            }
            _ => {}
        }
        if self.fault != Fault::ReusesReceipts || !self.total.is_multiple_of(8) {
            self.receipt = self.receipt.next();
        }
        self.unwritten.push_back((self.receipt, self.total));
        self.writes.push_back(Write {
            receipt: self.receipt,
            what: self.total,
        });
    }
}

impl Machine for Tally {
    type Message = u64;
    type Write = u64;
    type Event = Told;

    fn handle_message(&mut self, from: NodeId, message: u64, _now: Instant) {
        assert!(
            self.fault != Fault::PanicsOnStrangers || (1..=3).contains(&from.0),
            "who is {from}?"
        );
        if message > self.total {
            self.add(message - self.total);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if now < self.next {
            return;
        }
        if self.fault != Fault::KeepsItsDeadline {
            self.next = now + Duration::from_millis(50);
        }
        self.shared.set(self.shared.get() + 1);
        if self.events.len() < BOUND {
            self.events.push_back(Told::HowMuchIsOne);
        }
    }

    fn handle_written(&mut self, receipt: Receipt, _now: Instant) {
        let told = self.unwritten.partition_point(|(each, _)| *each <= receipt);
        for (_, total) in self.unwritten.drain(..told) {
            if self.out.len() < BOUND {
                self.out.push_back(Transmit {
                    to: NodeId(self.id.0 % 3 + 1),
                    lane: Lane::Log,
                    message: total,
                });
            }
            if self.events.len() < BOUND {
                self.events.push_back(Told::Total);
            }
        }
    }

    fn poll_transmit(&mut self) -> Option<Transmit<u64>> {
        let transmit = self.out.pop_front()?;
        if self.fault == Fault::NeverEnds {
            self.out.push_back(transmit.clone());
        }
        Some(transmit)
    }

    fn poll_write(&mut self) -> Option<Write<u64>> {
        self.writes.pop_front()
    }

    fn poll_event(&mut self) -> Option<Told> {
        self.events.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        if self.fault == Fault::MovesItsDeadline {
            self.shared.set(self.shared.get() + 1);
            return Some(self.next + Duration::from_nanos(self.shared.get() / 1_000));
        }
        Some(self.next)
    }
}

fn check(fault: Fault, seed: u64) -> Result<Report, Violation> {
    check_plan(fault, &Plan::new(seed))
}

fn check_plan(fault: Fault, plan: &Plan) -> Result<Report, Violation> {
    contract::check(
        plan,
        |id| Tally::new(id, fault),
        |machine, cue, _now| match cue {
            Cue::Command(random) => machine.add(random % 10),
            Cue::Event(Told::HowMuchIsOne) => machine.add(1),
            _ => {}
        },
    )
}

#[test]
fn a_machine_that_keeps_the_contract_passes_and_everything_was_tried() {
    for seed in 0..20 {
        let report = check(Fault::None, seed).unwrap();
        assert!(report.deliveries > 100, "{report:?}");
        assert!(report.transmits > 100, "{report:?}");
        assert!(report.writes > 100, "{report:?}");
        assert!(report.events > 100, "{report:?}");
        assert!(report.deadlines > 100, "{report:?}");
        assert_eq!(check(Fault::None, seed), Ok(report), "the kit itself");
    }
}

#[test]
fn a_machine_that_reads_a_global_is_caught() {
    let violation = check(Fault::ReadsAGlobal, 1).unwrap_err();
    assert!(
        matches!(violation, Violation::Diverged { .. }),
        "{violation}"
    );
}

#[test]
fn a_machine_that_shares_state_with_its_clone_is_caught() {
    let violation = check(Fault::SharesWithItsClone, 1).unwrap_err();
    assert!(
        matches!(violation, Violation::Diverged { .. }),
        "{violation}"
    );
}

#[test]
fn a_deadline_that_moves_by_itself_is_caught() {
    let violation = check(Fault::MovesItsDeadline, 1).unwrap_err();
    assert!(
        matches!(violation, Violation::DeadlineMoved { .. }),
        "{violation}"
    );
}

#[test]
fn a_deadline_that_stays_is_caught() {
    let violation = check(Fault::KeepsItsDeadline, 1).unwrap_err();
    assert!(
        matches!(violation, Violation::DeadlineStays { .. }),
        "{violation}"
    );
}

#[test]
fn a_poll_that_never_ends_is_caught() {
    let violation = check(Fault::NeverEnds, 1).unwrap_err();
    assert!(
        matches!(violation, Violation::Endless { .. }),
        "{violation}"
    );
}

#[test]
fn a_receipt_that_is_used_twice_is_caught() {
    let violation = check(Fault::ReusesReceipts, 1).unwrap_err();
    assert!(
        matches!(violation, Violation::ReceiptOrder { .. }),
        "{violation}"
    );
}

#[test]
#[should_panic(expected = "who is n")]
fn a_machine_that_panics_on_strangers_is_caught() {
    let _ = check(Fault::PanicsOnStrangers, 1);
}

#[test]
fn strangers_can_be_left_out() {
    check_plan(
        Fault::PanicsOnStrangers,
        &Plan::new(1).without_strangers().nodes(3).steps(5_000),
    )
    .unwrap();
}

/// The message is what a reader gets when the check fails: it names the step and the node.
#[test]
fn a_violation_says_where() {
    let violation = check(Fault::ReadsAGlobal, 1).unwrap_err().to_string();
    assert!(violation.starts_with("step "), "{violation}");
    assert!(violation.contains("two equal runs differ"), "{violation}");
}
