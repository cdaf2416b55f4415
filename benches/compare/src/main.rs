//! `quorate-compare`: the same work on Quorate and on its rivals, interleaved in one run.
// A bench reads the clock; that is what it is for.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod allocator;
mod clocks;
mod elections;
mod histories;
mod keys;
mod measure;
mod omni_paxos;
mod raft_rs;
mod reads;
mod table;
mod w1;

use clap::{Parser, Subcommand};

/// Runs the same work on Quorate and on its rivals, interleaved, and prints medians, spreads and
/// ratios. Use `cargo run --release -p quorate-compare`.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    raft: w1::Arguments,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Raft cores: entries that every member of a group has applied. What runs when nothing is said.
    Raft(w1::Arguments),
    /// Raft cores: what it takes to elect another leader.
    Elections(elections::Arguments),
    /// Raft cores: linearizable reads.
    Reads(table::Arguments),
    /// Clocks: what a stamp costs.
    Clocks(table::Arguments),
    /// Consistency: what it costs to check a history for linearizability.
    Histories(histories::Arguments),
    /// Idempotency: what it costs to know a retry.
    Keys(table::Arguments),
}

fn main() {
    let arguments = Arguments::parse();
    match arguments.what.unwrap_or(What::Raft(arguments.raft)) {
        What::Raft(arguments) => {
            allocator::keep_memory();
            w1::report(&arguments);
        }
        What::Elections(arguments) => elections::report(&arguments),
        What::Reads(arguments) => reads::report(&arguments),
        What::Clocks(arguments) => clocks::report(&arguments),
        What::Histories(arguments) => histories::report(&arguments),
        What::Keys(arguments) => keys::report(&arguments),
    }
}
