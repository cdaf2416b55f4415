//! `quorate serve`: a server until a signal.

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use super::{ServeError, ServeOptions, Server};
use crate::cli::ServeArgs;

/// Runs one node until SIGTERM or SIGINT, and says what to exit with. Prints one line to stdout
/// once it listens, and errors to stderr.
pub async fn run(args: ServeArgs) -> ExitCode {
    match until_signal(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quorate serve: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

async fn until_signal(args: ServeArgs) -> Result<(), ServeError> {
    let options = ServeOptions::from_args(args)?;
    let no_signals = |source| ServeError::usage(format!("cannot wait for signals: {source}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
    let mut server = Server::start(options).await?;
    println!(
        "ready id={} raft={} http={}",
        server.id().0,
        server.raft_address(),
        server.http_address()
    );
    let name = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
        error = server.failed() => {
            // It is over; the log is left as it is.
            return Err(error);
        }
    };
    tracing::info!(signal = name, "stopping");
    server.shutdown().await
}
