//! The arithmetic against counting, and what the registers keep against what clients see of them.

use alloc::vec::Vec;

use quorate_clocks::SplitMix64;

use crate::choose::ConsistencyModel::*;
use crate::choose::{QuorumError, Quorums, Registers};
use crate::{Budget, History, Operation, Register, RegisterInput, RegisterOutput, check};

/// All sets of `size` of the replicas, as bits.
fn sets(replicas: u32, size: u32) -> Vec<u32> {
    (0..1_u32 << replicas)
        .filter(|set| set.count_ones() == size)
        .collect()
}

#[test]
fn the_arithmetic_is_what_counting_says() {
    for n in 1..=6 {
        for r in 1..=n {
            for w in 1..=n {
                let quorums = Quorums::new(n, r, w).unwrap();
                let (reads, writes) = (sets(n, r), sets(n, w));
                let pairs = reads
                    .iter()
                    .flat_map(|read| writes.iter().map(move |write| read & write));
                let (mut all, mut missing) = (0_u32, 0_u32);
                for common in pairs {
                    all += 1;
                    missing += u32::from(common == 0);
                }
                assert_eq!(quorums.reads_meet_writes(), missing == 0, "{quorums}");
                let meet = |one: &u32| writes.iter().all(|other| one & other != 0);
                assert_eq!(
                    quorums.writes_meet_writes(),
                    writes.iter().all(meet),
                    "{quorums}"
                );
                let counted = f64::from(missing) / f64::from(all);
                for versions in 0..4 {
                    let chance = quorums.chance_of_missing(versions).unwrap();
                    let expected = counted.powi(versions as i32);
                    assert!((chance - expected).abs() < 1e-9, "{quorums}: {chance}");
                }
                for reached in 0..=n {
                    let down = n - reached;
                    assert_eq!(quorums.can_read(reached), down <= quorums.reads_survive());
                    assert_eq!(quorums.can_write(reached), down <= quorums.writes_survive());
                }
            }
        }
    }
}

#[test]
fn sloppy_quorums_promise_nothing() {
    let quorums = Quorums::new(3, 3, 3).unwrap().sloppy();
    assert!(!quorums.reads_meet_writes() && !quorums.writes_meet_writes());
    assert!(quorums.can_write(0) && !quorums.can_read(2));
    assert_eq!(quorums.chance_of_missing(1), None);
    assert!(
        !quorums
            .models(Registers::WriteBack)
            .contains(ReadYourWrites)
    );
}

#[test]
fn large_numbers_do_not_overflow() {
    let all = u32::MAX;
    assert!(Quorums::new(all, all, all).unwrap().reads_meet_writes());
    let none = Quorums::new(all, 1, 1).unwrap();
    assert!(none.chance_of_missing(all).unwrap() < 1.0);
    assert_eq!(
        Quorums::new(0, 1, 1),
        Err(QuorumError::Reads {
            reads: 1,
            replicas: 0
        })
    );
}

type Version = (u64, u64);

/// Where an operation of a client stands.
enum Step {
    Idle,
    /// Asking replicas, and the highest version so far.
    Asking(Vec<usize>, Version),
    /// Telling replicas.
    Telling(Vec<usize>, Version),
}

struct Client {
    step: Step,
    write: Option<u64>,
    began: u64,
}

/// What three clients see of a register on the replicas of a quorum, with steps in a random order.
fn simulated(
    quorums: (u32, u32, u32),
    registers: Registers,
    seed: u64,
) -> History<RegisterInput<u64>, RegisterOutput<u64>> {
    let mut random = SplitMix64::new(seed);
    let (n, r, w) = quorums;
    let mut replicas: Vec<(Version, Option<u64>)> = alloc::vec![((0, 0), None); n as usize];
    let mut values: alloc::collections::BTreeMap<Version, Option<u64>> =
        [((0, 0), None)].into_iter().collect();
    let mut history = History::new();
    let idle = || Client {
        step: Step::Idle,
        write: None,
        began: 0,
    };
    let mut clients: Vec<Client> = (0..3).map(|_| idle()).collect();
    let pick = |random: &mut SplitMix64, size: u32| {
        let mut all: Vec<usize> = (0..n as usize).collect();
        for at in 0..size as usize {
            let other = at + random.index(all.len() - at);
            all.swap(at, other);
        }
        all.truncate(size as usize);
        all
    };
    for now in 1..120_u64 {
        let who = random.index(3);
        let picked = (pick(&mut random, r), pick(&mut random, w));
        let client = &mut clients[who];
        let done = |client: &mut Client, output, history: &mut History<_, _>| {
            let input = client
                .write
                .map_or(RegisterInput::Read, RegisterInput::Write);
            client.step = Step::Idle;
            history.push(Operation::ok(who as u64, input, output, client.began, now));
        };
        match &mut client.step {
            Step::Idle => {
                client.began = now;
                client.write = random.one_in(2).then_some(now);
                client.step = Step::Asking(picked.0, (0, 0));
            }
            Step::Asking(left, highest) => {
                if let Some(at) = left.pop() {
                    *highest = (*highest).max(replicas[at].0);
                    continue;
                }
                let highest = *highest;
                if let Some(value) = client.write {
                    let version = (highest.0 + 1, who as u64);
                    values.insert(version, Some(value));
                    client.step = Step::Telling(picked.1, version);
                } else if registers == Registers::WriteBack {
                    client.step = Step::Telling(picked.1, highest);
                } else {
                    let output = RegisterOutput::Value(values[&highest]);
                    done(client, output, &mut history);
                }
            }
            Step::Telling(left, version) => {
                if let Some(at) = left.pop() {
                    if replicas[at].0 < *version {
                        replicas[at] = (*version, values[version]);
                    }
                    continue;
                }
                let output = match client.write {
                    Some(_) => RegisterOutput::Written,
                    None => RegisterOutput::Value(values[version]),
                };
                done(client, output, &mut history);
            }
        }
    }
    // What is still under way may have had its effect.
    for (who, client) in clients.iter().enumerate() {
        if let (Some(value), Step::Asking(..) | Step::Telling(..)) = (client.write, &client.step) {
            let input = RegisterInput::Write(value);
            history.push(Operation::unknown(who as u64, input, client.began));
        }
    }
    history
}

/// Of this many random runs, how many are linearizable.
fn linearizable(quorums: (u32, u32, u32), registers: Registers) -> (u64, u64) {
    let runs = 200;
    let holds = (0..runs)
        .filter(|&seed| {
            let history = simulated(quorums, registers, seed);
            check(&Register::new(), &history, Budget::default()).holds()
        })
        .count();
    (holds as u64, runs)
}

#[test]
fn registers_that_write_back_are_linearizable() {
    for quorums in [(3, 2, 2), (3, 1, 3), (5, 3, 3), (4, 2, 3)] {
        let (holds, runs) = linearizable(quorums, Registers::WriteBack);
        assert_eq!(holds, runs, "{quorums:?}");
    }
}

/// Without either half of the condition the same runs are not, so the test above can fail.
#[test]
fn neither_half_can_be_left_out() {
    let (holds, runs) = linearizable((3, 2, 2), Registers::Versioned);
    assert!(holds < runs, "without writing back");
    let (holds, runs) = linearizable((3, 1, 2), Registers::WriteBack);
    assert!(holds < runs, "where quorums do not meet");
}

/// Reads that begin after a write is acknowledged see it or a newer one, without writing back too.
#[test]
fn versioned_registers_are_as_fresh_as_what_was_acknowledged() {
    for seed in 0..200 {
        let history = simulated((5, 3, 3), Registers::Versioned, seed);
        // Leave out the reads that overlap a write: what is left must be linearizable.
        let operations = &history.operations;
        let calm = |read: &Operation<_, _>| {
            operations.iter().all(|write| {
                matches!(write.input, RegisterInput::Read)
                    || write.ret < read.call
                    || read.ret < write.call
            })
        };
        let kept: History<_, _> = operations
            .iter()
            .filter(|operation| !matches!(operation.input, RegisterInput::Read) || calm(operation))
            .cloned()
            .collect();
        assert!(check(&Register::new(), &kept, Budget::default()).holds());
    }
}
