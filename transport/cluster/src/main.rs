//! The `quorate` command.
// why: a command reads the clock, opens files and starts processes.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::Parser;
use quorate::cli::{Cli, Command};
use quorate::{check, demo, serve};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let command = cli.command.unwrap_or(Command::Demo(cli.demo));
    show_log(&command);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("quorate: cannot start threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    match command {
        Command::Serve(args) => runtime.block_on(serve::run(args)),
        Command::Demo(args) => runtime.block_on(demo::run(args)),
        Command::Holder(args) => runtime.block_on(demo::hold(args)),
        Command::Check(args) => check::run(args),
    }
}

/// Log lines go to stderr, as `RUST_LOG` chooses. A node tells what it does; the demo has a screen
/// of its own.
fn show_log(command: &Command) {
    let default = match command {
        Command::Serve(_) => "info",
        _ => "warn",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
}
