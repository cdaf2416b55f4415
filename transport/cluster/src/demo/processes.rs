//! The nodes: real processes with durable data.

use quorate_clocks::SplitMix64;
use std::fs::{File, OpenOptions};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::ports::free_addresses;

/// The lines of a node's log that an error quotes.
const QUOTED_LINES: usize = 5;

/// Why a node could not be started, or was not there any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProcessError {
    #[error("this program's own file cannot be found, so no node can be started: {0}")]
    Program(#[source] io::Error),
    #[error("no directory can be made for the nodes' data: {0}")]
    Directory(#[source] io::Error),
    #[error("{wanted} free ports were not found on the loopback interface")]
    Ports { wanted: usize },
    #[error("node {id} could not be started as {}: {source}", program.display())]
    Spawn {
        id: u64,
        program: PathBuf,
        source: io::Error,
    },
    #[error("node {id} ended by itself, with {status}; its log {} ends with:\n{tail}", log.display())]
    Ended {
        id: u64,
        status: ExitStatus,
        log: PathBuf,
        tail: String,
    },
    #[error("node {id} cannot be sent {signal}: {source}")]
    Signal {
        id: u64,
        signal: &'static str,
        source: io::Error,
    },
}

/// Stops a process, wherever it is.
pub(super) const STOP: Signal = Signal::STOP;
/// Lets a process go on that was stopped.
pub(super) const CONT: Signal = Signal::CONT;

/// Sends a signal to a process, unless it has ended and this is known.
pub(super) fn send_signal(child: &Child, signal: Signal) -> io::Result<()> {
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
    match pid.and_then(rustix::process::Pid::from_raw) {
        Some(pid) => rustix::process::kill_process(pid, signal).map_err(io::Error::from),
        None => Ok(()),
    }
}

/// A cluster of processes on this machine. They are killed when it is dropped.
#[derive(Debug)]
pub(super) struct Cluster {
    program: PathBuf,
    members: Vec<Member>,
    // Declared last, so that the nodes are gone before their directory is.
    directory: Option<TempDir>,
}

#[derive(Debug)]
struct Member {
    id: u64,
    listen: SocketAddr,
    http: SocketAddr,
    data: PathBuf,
    log: PathBuf,
    child: Option<Child>,
    frozen: bool,
}

impl Cluster {
    /// Starts `nodes` nodes. They are not ready yet.
    pub(super) fn start(nodes: u64, random: &mut SplitMix64) -> Result<Self, ProcessError> {
        let program = std::env::current_exe().map_err(ProcessError::Program)?;
        let directory = tempfile::Builder::new()
            .prefix("quorate-demo-")
            .tempdir()
            .map_err(ProcessError::Directory)?;
        let wanted = usize::try_from(nodes).unwrap_or(usize::MAX);
        let wanted = wanted.saturating_mul(2);
        let addresses = free_addresses(wanted, random).ok_or(ProcessError::Ports { wanted })?;
        let members = (1..=nodes)
            .zip(addresses.chunks_exact(2))
            .filter_map(|(id, pair)| {
                let [listen, http] = *pair else { return None };
                Some(Member {
                    id,
                    listen,
                    http,
                    data: directory.path().join(format!("node-{id}")),
                    log: directory.path().join(format!("node-{id}.log")),
                    child: None,
                    frozen: false,
                })
            })
            .collect();
        let mut cluster = Self {
            program,
            members,
            directory: Some(directory),
        };
        for node in 0..cluster.len() {
            cluster.launch(node)?;
        }
        Ok(cluster)
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// The id of the node at a place.
    pub(super) fn id(&self, node: usize) -> u64 {
        self.members.get(node).map_or(0, |member| member.id)
    }

    /// The place of the node with an id.
    pub(super) fn place(&self, id: u64) -> Option<usize> {
        self.members.iter().position(|member| member.id == id)
    }

    /// `host:port` of every node's HTTP listener.
    pub(super) fn http_addresses(&self) -> Vec<String> {
        let addresses = self.members.iter().map(|member| member.http.to_string());
        addresses.collect()
    }

    /// Leaves logs and data behind for somebody to look at.
    pub(super) fn keep(&mut self) -> Option<PathBuf> {
        self.directory.take().map(TempDir::keep)
    }

    /// Starts a node that does not run.
    pub(super) fn launch(&mut self, node: usize) -> Result<(), ProcessError> {
        let peers: Vec<String> = self
            .members
            .iter()
            .enumerate()
            .filter(|(place, _)| *place != node)
            .map(|(_, peer)| format!("{}={},{}", peer.id, peer.listen, peer.http))
            .collect();
        let Some(member) = self.members.get_mut(node) else {
            return Ok(());
        };
        let failed = |source| ProcessError::Spawn {
            id: member.id,
            program: self.program.clone(),
            source,
        };
        let mut command = Command::new(&self.program);
        command
            .arg("serve")
            .args(["--id", &member.id.to_string()])
            .args(["--listen", &member.listen.to_string()])
            .args(["--http", &member.http.to_string()])
            .args(["--cluster", "demo"])
            .arg("--allow-faults")
            .arg("--data")
            .arg(&member.data);
        for peer in peers {
            command.args(["--peer", &peer]);
        }
        let log = append(&member.log).map_err(failed)?;
        let errors = log.try_clone().map_err(failed)?;
        command
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .kill_on_drop(true);
        // A group of its own: control-C at the terminal is for the demo alone, which first asks the
        // nodes for their last word.
        #[cfg(unix)]
        command.process_group(0);
        member.child = Some(command.spawn().map_err(failed)?);
        member.frozen = false;
        Ok(())
    }

    /// Whether a node runs, as far as this program made it run.
    pub(super) fn is_running(&self, node: usize) -> bool {
        self.members
            .get(node)
            .is_some_and(|member| member.child.is_some())
    }

    /// Whether a node is frozen.
    pub(super) fn is_frozen(&self, node: usize) -> bool {
        self.members.get(node).is_some_and(|member| member.frozen)
    }

    /// SIGKILL: the node gets to do nothing more. Returns when it is gone.
    pub(super) async fn kill(&mut self, node: usize) -> Result<(), ProcessError> {
        let Some(member) = self.members.get_mut(node) else {
            return Ok(());
        };
        if let Some(mut child) = member.child.take() {
            child.kill().await.map_err(|source| ProcessError::Signal {
                id: member.id,
                signal: "SIGKILL",
                source,
            })?;
        }
        Ok(())
    }

    /// SIGSTOP: the node stands still, and its connections stay open.
    pub(super) fn freeze(&mut self, node: usize) -> Result<(), ProcessError> {
        self.signal(node, "SIGSTOP", STOP)?;
        if let Some(member) = self.members.get_mut(node) {
            member.frozen = true;
        }
        Ok(())
    }

    /// SIGCONT: a frozen node goes on as if no time had passed.
    pub(super) fn thaw(&mut self, node: usize) -> Result<(), ProcessError> {
        self.signal(node, "SIGCONT", CONT)?;
        if let Some(member) = self.members.get_mut(node) {
            member.frozen = false;
        }
        Ok(())
    }

    fn signal(&self, node: usize, name: &'static str, signal: Signal) -> Result<(), ProcessError> {
        let Some(member) = self.members.get(node) else {
            return Ok(());
        };
        let Some(child) = &member.child else {
            return Ok(());
        };
        send_signal(child, signal).map_err(|source| ProcessError::Signal {
            id: member.id,
            signal: name,
            source,
        })
    }

    /// An error when a node ended that nobody killed.
    pub(super) fn check_alive(&mut self) -> Result<(), ProcessError> {
        for member in &mut self.members {
            let Some(child) = &mut member.child else {
                continue;
            };
            if let Ok(Some(status)) = child.try_wait() {
                member.child = None;
                return Err(ProcessError::Ended {
                    id: member.id,
                    status,
                    log: member.log.clone(),
                    tail: tail(&member.log),
                });
            }
        }
        Ok(())
    }

    /// Kills every node, and returns when all are gone.
    pub(super) async fn stop(&mut self) {
        for node in 0..self.len() {
            // What is killed already need not be killed; there is nobody to tell either way.
            let _ = self.kill(node).await;
        }
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// The last lines of a file.
fn tail(path: &Path) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let start = lines.len().saturating_sub(QUOTED_LINES);
    let lines = lines.iter().skip(start).map(|line| format!("  {line}"));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_quotes_the_end_of_a_log() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        std::fs::write(&log, "1\n2\n3\n4\n5\n6\n7\n").unwrap();
        assert_eq!(tail(&log), "  3\n  4\n  5\n  6\n  7");
        assert_eq!(tail(&directory.path().join("none")), "");
    }
}
