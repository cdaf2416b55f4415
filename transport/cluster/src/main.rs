//! The `quorate` command.

use clap::Parser;
use quorate::cli::Cli;

fn main() {
    let _ = Cli::parse();
}
