//! Small histories: all of a kind, and many at random.

use alloc::vec;
use alloc::vec::Vec;

use super::super::{ContainerAction, Timed};
use super::oracle::{Kind, Plain, judge, linearizable};
use super::subjects::{CasRegisters, PriorityQueues, Queues, Registers, Sets, Stacks, Subject};
use crate::Quick;

/// How many histories of each kind: 1 in a normal run. To go through millions:
/// `QUORATE_QUICK_SCALE=100 cargo test --release -p quorate-consistency --lib quick`
#[allow(clippy::disallowed_methods)] // a test may be told how long to run
pub(super) fn scale() -> usize {
    let scale = std::env::var("QUORATE_QUICK_SCALE").ok();
    scale.and_then(|scale| scale.parse().ok()).unwrap_or(1)
}

/// Numbers at random, the same in every run: `SplitMix64` (Steele, Lea and Flood 2014).
pub(super) struct Rng(pub(super) u64);

impl Rng {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ mixed >> 31) % bound
    }
}

pub(super) type Action<S> = <<S as Subject>::Plain as Plain>::Action;

/// How often each answer was given.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) unsuited: usize,
    pub(super) holds: usize,
    pub(super) violated: usize,
    /// The operations in the evidence of all violations.
    pub(super) kept: usize,
    pub(super) most_kept: usize,
}

impl Tally {
    pub(super) fn add(&mut self, kind: Kind, answer: &Quick) {
        match kind {
            Kind::Unsuited => self.unsuited += 1,
            Kind::Holds => self.holds += 1,
            Kind::Violated => self.violated += 1,
        }
        if let Quick::Violated { kept } = answer {
            self.kept += kept.len();
            self.most_kept = self.most_kept.max(kept.len());
        }
    }
}

/// Judges the answer; a wrong one comes back.
pub(super) fn try_one<S: Subject>(
    history: &[Timed<Action<S>>],
    tally: &mut Tally,
) -> Result<(), alloc::string::String> {
    let answer = S::answer(history);
    let kind = judge::<S::Plain>(history, &answer)?;
    tally.add(kind, &answer);
    Ok(())
}

fn one<S: Subject>(history: &[Timed<Action<S>>], tally: &mut Tally) {
    if let Err(wrong) = try_one::<S>(history, tally) {
        let truth = linearizable::<S::Plain>(history);
        panic!(
            "{wrong}; linearizable: {truth}; {:#?} {history:#?}",
            S::answer(history)
        );
    }
}

/// All histories of `operations` operations with times below `times`, each of which may be unknown.
fn every<S: Subject>(operations: usize, times: u64, values: u32) -> Tally {
    let mut choices = Vec::new();
    for action in S::actions(values) {
        for call in 0..times {
            for ret in (call..times).map(Some).chain([None]) {
                choices.push((call, ret, action.clone()));
            }
        }
    }
    let mut tally = Tally::default();
    // Their order in the history is of no interest, so each choice is not before the last.
    let mut chosen = vec![0; operations];
    loop {
        let history: Vec<_> = chosen
            .iter()
            .enumerate()
            .map(|(at, &choice): (usize, &usize)| {
                let (call, ret, action) = choices[choice].clone();
                Timed {
                    position: 2 * at + 1,
                    call,
                    ret,
                    action,
                }
            })
            .collect();
        one::<S>(&history, &mut tally);
        let Some(at) = chosen
            .iter()
            .rposition(|&choice| choice + 1 < choices.len())
        else {
            return tally;
        };
        let next = chosen[at] + 1;
        chosen[at..].fill(next);
    }
}

/// All histories of a container in which each value is put in and taken, and some takes find nothing,
/// with times below `times`. It takes that many operations for the finer contradictions.
fn every_match<S>(values: u32, empties: u32, times: u64) -> Tally
where
    S: Subject<Plain: Plain<Action = ContainerAction<u32>>>,
{
    let mut actions = Vec::new();
    for value in 0..values {
        actions.push(ContainerAction::Put(value));
        actions.push(ContainerAction::Take(Some(value)));
    }
    actions.extend((0..empties).map(|_| ContainerAction::Take(None)));
    let spans: Vec<(u64, u64)> = (0..times)
        .flat_map(|call| (call..times).map(move |ret| (call, ret)))
        .collect();
    let mut tally = Tally::default();
    for number in 0..spans.len().pow(actions.len() as u32) {
        let mut rest = number;
        let timed = |(position, &action)| {
            let (call, ret) = spans[rest % spans.len()];
            rest /= spans.len();
            Timed {
                position,
                call,
                ret: Some(ret),
                action,
            }
        };
        let history: Vec<_> = actions.iter().enumerate().map(timed).collect();
        one::<S>(&history, &mut tally);
    }
    tally
}

/// A history at random: half of them of an object that does what it should, with a slip in some.
pub(super) fn random<S: Subject>(rng: &mut Rng, most: u64) -> Vec<Timed<Action<S>>> {
    let operations = 1 + rng.below(most);
    let values = 1 + rng.below(4) as u32;
    let actions = S::actions(values);
    let times = 2 + rng.below(3 * operations);
    let honest = rng.below(4) > 0;
    let slip = rng.below(3 * operations);
    let unknown = rng.below(3) * 4;
    let mut object = S::Plain::default();
    let mut history = Vec::new();
    for at in 0..operations {
        // The moment of the effect, and how far call and return are from it.
        let effect = at * times / operations;
        let call = effect.saturating_sub(rng.below(4));
        let ret = (rng.below(20) >= unknown).then(|| effect + rng.below(4));
        let mut action = actions[rng.below(actions.len() as u64) as usize].clone();
        if honest && at != slip {
            // One that the object answers like that now, and more likely one of a new value.
            for _ in 0..20 {
                let mut next = object.clone();
                let fresh = !history.iter().any(|timed: &Timed<Action<S>>| {
                    alloc::format!("{:?}", timed.action) == alloc::format!("{action:?}")
                });
                if next.act(&action, true) && (fresh || rng.below(8) == 0) {
                    break;
                }
                action = actions[rng.below(actions.len() as u64) as usize].clone();
            }
            let mut next = object.clone();
            if next.act(&action, true) {
                object = next;
            }
        }
        history.push(Timed {
            position: at as usize + 3,
            call,
            ret,
            action,
        });
    }
    // The order in the history says nothing.
    for at in (1..history.len()).rev() {
        history.swap(at, rng.below(at as u64 + 1) as usize);
    }
    history
}

fn many<S: Subject>(seed: u64, histories: usize, most: u64) -> Tally {
    let mut rng = Rng(seed);
    let mut tally = Tally::default();
    for _ in 0..histories {
        let history = random::<S>(&mut rng, most);
        one::<S>(&history, &mut tally);
    }
    tally
}

/// All small histories, and many at random; every answer but `Unsuited` must be right.
fn agrees<S: Subject>(seed: u64, most_unsuited: usize) {
    let mut tallies = vec![every::<S>(1, 4, 2), every::<S>(2, 4, 2)];
    if scale() > 1 {
        tallies.push(every::<S>(3, 4, 2));
        tallies.push(many::<S>(seed + 100, 3_000 * scale(), 10));
    } else {
        tallies.push(every::<S>(3, 2, 2));
    }
    if scale() >= 100 {
        tallies.push(every::<S>(4, 3, 2));
    }
    tallies.push(many::<S>(seed, 15_000 * scale(), 7));
    decides(&tallies, most_unsuited);
}

/// The same for a container, with each value put in and taken.
fn agrees_on_matches<S>(seed: u64)
where
    S: Subject<Plain: Plain<Action = ContainerAction<u32>>>,
{
    agrees::<S>(seed, 30);
    let mut tallies = vec![every_match::<S>(2, 0, 3), every_match::<S>(2, 1, 3)];
    if scale() > 1 {
        tallies.push(every_match::<S>(2, 0, 6));
        tallies.push(every_match::<S>(2, 1, 5));
        tallies.push(every_match::<S>(2, 2, 4));
        tallies.push(every_match::<S>(3, 0, 4));
    }
    decides(&tallies, 0);
}

/// It decides, and both ways.
fn decides(tallies: &[Tally], most_unsuited: usize) {
    let mut total = Tally::default();
    for tally in tallies {
        std::println!("{tally:?}");
        total.unsuited += tally.unsuited;
        total.holds += tally.holds;
        total.violated += tally.violated;
    }
    let all = total.unsuited + total.holds + total.violated;
    assert!(total.holds > all / 20, "{total:?}");
    assert!(total.violated > all / 20, "{total:?}");
    assert!(total.unsuited * 100 <= all * most_unsuited, "{total:?}");
}

#[test]
fn registers_agree_with_trying_everything() {
    agrees::<Registers>(1, 30);
}

#[test]
fn registers_with_compare_and_set_agree_with_trying_everything() {
    agrees::<CasRegisters>(2, 50);
}

#[test]
fn sets_agree_with_trying_everything() {
    agrees::<Sets>(3, 0);
}

#[test]
fn queues_agree_with_trying_everything() {
    agrees_on_matches::<Queues>(4);
}

#[test]
fn priority_queues_agree_with_trying_everything() {
    agrees_on_matches::<PriorityQueues>(5);
}

#[test]
fn stacks_agree_with_trying_everything() {
    agrees_on_matches::<Stacks>(6);
}
