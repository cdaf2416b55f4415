//! Consistency: objects with unique values, decided without a search.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use quorate_consistency::Quick;
use quorate_consistency::quick::{
    ContainerAction, RegisterAction, SetAction, Timed, priority_queue, queue, register, set, stack,
};

/// How many clients use the object at once.
const CLIENTS: u64 = 8;

/// A seeded source of numbers: `SplitMix64` (Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ mixed >> 31) % bound
    }
}

/// A linearizable history: clients whose operations take effect at random within their times.
fn history<A>(operations: u64, mut next: impl FnMut(&mut Random, u64) -> A) -> Vec<Timed<A>> {
    let mut random = Random(1);
    // A client calls again some time after it was answered.
    let mut free = vec![0; CLIENTS as usize];
    let mut pending = Vec::new();
    for at in 0..operations {
        let client = (at % CLIENTS) as usize;
        let call = free[client] + random.below(100);
        let effect = call + random.below(1_000);
        free[client] = effect + random.below(1_000);
        pending.push((effect, call, free[client]));
    }
    pending.sort_unstable();
    (0..)
        .zip(pending)
        .map(|(at, (_, call, ret))| Timed {
            position: at as usize,
            call,
            ret: Some(ret),
            action: next(&mut random, at),
        })
        .collect()
}

/// Puts unique values in and takes them out, in the order in which `take` gives them.
fn container(
    operations: u64,
    mut put: impl FnMut(u64),
    mut take: impl FnMut() -> Option<u64>,
) -> Vec<Timed<ContainerAction<u64>>> {
    history(operations, |random, at| {
        if random.below(2) == 0 {
            let value = at.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            put(value);
            ContainerAction::Put(value)
        } else {
            ContainerAction::Take(take())
        }
    })
}

fn measure<A: Clone>(
    criterion: &mut Criterion,
    name: &str,
    make: impl Fn(u64) -> Vec<Timed<A>>,
    decide: impl Fn(Vec<Timed<A>>) -> Quick,
) {
    let mut group =
        criterion.benchmark_group(format!("consistency/decide a {name} with 8 clients"));
    group.sample_size(10);
    for operations in [10_000, 1_000_000] {
        let history = make(operations);
        group.throughput(Throughput::Elements(operations));
        group.bench_with_input(
            BenchmarkId::from_parameter(operations),
            &history,
            |bencher, history| {
                bencher.iter(|| {
                    let answer = decide(black_box(history).clone());
                    assert!(matches!(answer, Quick::Holds(_)));
                });
            },
        );
    }
    group.finish();
}

fn objects(criterion: &mut Criterion) {
    let registers = |operations| {
        let mut held = None;
        history(operations, move |random, at| {
            if random.below(3) > 0 {
                return RegisterAction::Read(held);
            }
            held = Some(at);
            RegisterAction::Write(at)
        })
    };
    measure(criterion, "register", registers, register);
    let sets = |operations| {
        let mut there = vec![false; 1_000];
        history(operations, move |random, _| {
            let value = random.below(1_000);
            let was = there[value as usize];
            let action = random.below(3);
            there[value as usize] = action == 0 || was && action == 2;
            match action {
                0 => SetAction::Insert(value, !was),
                1 => SetAction::Remove(value, was),
                _ => SetAction::Contains(value, was),
            }
        })
    };
    measure(criterion, "set", sets, set);
    let queues = |operations| {
        let inside = std::cell::RefCell::new(std::collections::VecDeque::new());
        let put = |value| inside.borrow_mut().push_back(value);
        container(operations, put, || inside.borrow_mut().pop_front())
    };
    measure(criterion, "queue", queues, queue);
    let stacks = |operations| {
        let inside = std::cell::RefCell::new(Vec::new());
        let put = |value| inside.borrow_mut().push(value);
        container(operations, put, || inside.borrow_mut().pop())
    };
    measure(criterion, "stack", stacks, stack);
    let priority_queues = |operations| {
        let inside = std::cell::RefCell::new(std::collections::BTreeSet::new());
        let put = |value| {
            inside.borrow_mut().insert(value);
        };
        container(operations, put, || inside.borrow_mut().pop_first())
    };
    measure(criterion, "priority queue", priority_queues, priority_queue);
}

criterion_group!(benches, objects);
criterion_main!(benches);
