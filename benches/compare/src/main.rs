//! `quorate-compare`: the same work on Quorate and on its rivals, interleaved in one run.
// A bench reads the clock; that is what it is for.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod measure;
mod raft_rs;
mod w1;

use clap::Parser;

/// Runs the same work on Quorate and on its rivals, interleaved, and prints medians, spreads and
/// ratios. Use `cargo run --release -p quorate-compare`.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Entries in a batch, each a row of the report.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64, 256])]
    batch: Vec<usize>,
    /// Bytes of payload of an entry, each a table of the report.
    #[arg(long, value_delimiter = ',', default_values_t = [16, 256, 4096])]
    payload: Vec<usize>,
    /// Members of the group.
    #[arg(long, default_value_t = 3)]
    members: u64,
    /// Runs of each peer; the report has their median.
    #[arg(long, default_value_t = 7)]
    runs: usize,
    /// Milliseconds that one run lasts, about.
    #[arg(long, default_value_t = 250)]
    millis: u64,
}

fn main() {
    let arguments = Arguments::parse();
    w1::report(&arguments);
}
