//! Consistency: checking a concurrent history, and admitting a read by a session token.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use quorate_consistency::{
    Budget, History, Operation, Outcome, Register, RegisterInput, RegisterOutput, SessionToken,
    Verdict, check,
};

type Registers = History<RegisterInput<u64>, RegisterOutput<u64>>;

/// A linearizable history: `width` processes whose operations overlap, each of which takes effect
/// in the middle of its time.
fn overlapping(operations: u64, width: u64) -> Registers {
    let mut history = History::new();
    let mut value = None;
    for number in 0..operations {
        let effect = number * 10;
        let (input, output) = if number % 3 == 0 {
            value = Some(number);
            (RegisterInput::Write(number), RegisterOutput::Written)
        } else {
            (RegisterInput::Read, RegisterOutput::Value(value))
        };
        let reach = width * 5 - 1;
        history.push(Operation {
            process: number % width,
            input,
            output: Outcome::Ok(output),
            call: effect.saturating_sub(reach),
            ret: effect + reach,
        });
    }
    history
}

fn linearizability(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("consistency/check 1,000 operations of a register");
    for width in [2, 8] {
        let history = overlapping(1_000, width);
        group.throughput(Throughput::Elements(history.len() as u64));
        let name = format!("{width} at once");
        group.bench_with_input(
            BenchmarkId::from_parameter(name),
            &history,
            |bencher, history| {
                bencher.iter(|| {
                    let verdict = check(&Register::new(), black_box(history), Budget::default());
                    assert!(matches!(verdict, Verdict::Holds(_)));
                });
            },
        );
    }
    group.finish();
}

fn sessions(criterion: &mut Criterion) {
    let mut token = SessionToken::default();
    for shard in 0..4 {
        token.observe_write(shard, 1_000 + shard);
        token.observe_read(shard, 1_010 + shard);
    }
    criterion.bench_function(
        "consistency/admit a read by a token of 4 shards",
        |bencher| {
            bencher.iter(|| black_box(&token).admit(black_box(2), 1_050));
        },
    );
}

criterion_group!(benches, linearizability, sessions);
criterion_main!(benches);
