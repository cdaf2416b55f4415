//! Consistency: checking a concurrent history, and what a session does with each request.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use quorate_consistency::session::{Op, Session, Token};
use quorate_consistency::{
    Budget, History, Operation, Outcome, Register, RegisterInput, RegisterOutput, Verdict, check,
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
    let mut group = criterion.benchmark_group("consistency/session");
    for shards in [1, 100] {
        let mut session = Session::default();
        for shard in 0..shards {
            session.observe_read(shard, 1_010 + shard * 977);
            session.observe_write(shard, 1_000 + shard * 977);
        }
        let mut bench = |what: &str, run: &mut dyn FnMut()| {
            let name = BenchmarkId::new(what, format!("{shards} shards"));
            group.bench_function(name, |bencher| bencher.iter(&mut *run));
        };
        let shard = shards / 2;
        bench("admit a read", &mut || {
            black_box(black_box(&session).admit(Op::Read, shard, 1_050)).is_serve();
        });
        let mut seen = session.clone();
        let mut index = 1_000_000;
        bench("observe a read", &mut || {
            index += 1;
            seen.observe_read(black_box(shard), index);
        });
        let bytes = session.token().to_bytes();
        let text = session.token().to_string();
        bench("encode as bytes", &mut || {
            black_box(black_box(session.token()).to_bytes());
        });
        bench("decode bytes", &mut || {
            black_box(Token::from_bytes(black_box(&bytes)).is_ok());
        });
        bench("encode as text", &mut || {
            black_box(black_box(session.token()).to_string());
        });
        bench("decode text", &mut || {
            black_box(black_box(&text).parse::<Token>().is_ok());
        });
        let mut half = session.token().clone();
        let _ = half.fit(bytes.len() / 2);
        bench("merge", &mut || {
            let mut both = session.clone();
            black_box(both.merge(black_box(&half)).is_ok());
        });
        bench("fit into half the bytes", &mut || {
            let mut token = session.token().clone();
            let _ = black_box(token.fit(bytes.len() / 2));
        });
    }
    group.finish();
}

criterion_group!(benches, linearizability, sessions);
criterion_main!(benches);
