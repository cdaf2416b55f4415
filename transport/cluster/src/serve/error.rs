//! Why a node does not start, or stopped.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use quorate_raft_log::{OpenError, WriteError};

use super::IdentityError;

/// Why a node does not start, or stopped by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The command line is wrong.
    #[error("{what}")]
    Usage {
        /// What is wrong, and what to write instead.
        what: String,
    },
    /// The data directory cannot be made or read.
    #[error("cannot use the data directory {}: {source}", dir.display())]
    DataDirectory {
        /// The directory.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The data directory is not this node's, or its identity is damaged.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The log cannot be opened. Nothing in it was changed.
    #[error("cannot open the log in {}: {source}", dir.display())]
    Log {
        /// The log's directory.
        dir: PathBuf,
        /// Why.
        source: OpenError,
    },
    /// The first record of a new log cannot be written.
    #[error("cannot begin the log in {}: {source}", dir.display())]
    Begin {
        /// The log's directory.
        dir: PathBuf,
        /// Why.
        source: WriteError,
    },
    /// The address for the other nodes cannot be listened on.
    #[error("cannot listen for nodes on {address} (--listen): {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The transport between nodes does not start.
    #[error("cannot talk to the other nodes: {source}")]
    Transport {
        /// Why.
        source: quorate_tcp::BindError,
    },
    /// The address for clients cannot be listened on.
    #[error("cannot listen for clients on {address} (--http): {source}")]
    Http {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The log does not fit the settings, or its snapshot cannot be read.
    #[error("cannot start on what the log holds: {source}")]
    Start {
        /// Why.
        source: quorate_raft_node::StartError,
    },
    /// The node stopped by itself: its disk failed, so that it can promise nothing any more.
    #[error("the node has failed: {source}")]
    Failed {
        /// Why.
        source: quorate_raft_node::Fault,
    },
    /// The server of HTTP stopped by itself.
    #[error("the HTTP server has failed: {source}")]
    HttpFailed {
        /// Why.
        source: io::Error,
    },
}

impl ServeError {
    pub(super) fn usage(what: impl Into<String>) -> Self {
        Self::Usage { what: what.into() }
    }

    /// What the process exits with, as `quorate serve --help` tells.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage { .. } => 2,
            Self::DataDirectory { .. }
            | Self::Begin { .. }
            | Self::Identity(
                IdentityError::Io { .. }
                | IdentityError::Foreign { .. }
                | IdentityError::LogLost { .. },
            )
            | Self::Log {
                source:
                    OpenError::Io { .. } | OpenError::NotADirectory { .. } | OpenError::Locked { .. },
                ..
            } => 3,
            Self::Identity(_) | Self::Log { .. } | Self::Start { .. } => 4,
            Self::Listen { .. } | Self::Http { .. } | Self::Transport { .. } => 5,
            Self::Failed { .. } | Self::HttpFailed { .. } => 6,
        }
    }
}
