//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Runs a replicated key-value and lock service, attacks it, and checks what its clients saw.
///
/// Without a command it runs the demo: three real nodes on this machine, real clients, a leader that
/// is killed, links that are cut, a lease holder that is paused; and then a verdict on every promise.
#[derive(Debug, Parser)]
#[command(
    name = "quorate",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "EXAMPLES:\n  \
        quorate                          run the demo with its defaults\n  \
        quorate --seconds 20 --seed 7    a shorter one, with chosen randomness\n  \
        quorate serve --help             how to start a node\n  \
        quorate check --model kv h.jsonl check a recorded history\n\n\
        Log lines go to stderr; RUST_LOG chooses them, for example RUST_LOG=quorate=debug."
)]
pub struct Cli {
    /// What to do. The demo when it is left out.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Options of the demo, when no command is given.
    #[command(flatten)]
    pub demo: DemoArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run one durable node of the service.
    ///
    /// Serves HTTP/1.1 on --http: `PUT|GET|DELETE /v1/kv/{key}`, `POST|GET /v1/counters/{name}`,
    /// `POST|GET|PUT|DELETE /v1/leases/{name}`, `GET /v1/status`, `/healthz` and `/metrics`. A node that
    /// does not lead redirects with 307 what only the leader may answer. The answer to a write with an
    /// `Idempotency-Key` is remembered for 600 s, and for 1,000,000 keys at most: beyond that, writes
    /// with new keys answer 503 until the oldest are forgotten.
    #[command(after_help = "EXAMPLE, the first of three nodes:\n  \
        quorate serve --id 1 --data ./n1 --listen 127.0.0.1:7101 --http 127.0.0.1:8101 \\\n    \
          --peer 2=127.0.0.1:7102,127.0.0.1:8102 --peer 3=127.0.0.1:7103,127.0.0.1:8103\n\n\
        EXIT CODES: 0 stopped by SIGTERM or SIGINT; 2 the command line is wrong; 3 the data\n\
        directory cannot be used; 4 the log is damaged (nothing was overwritten); 5 an address\n\
        cannot be listened on; 6 the node failed while it ran.")]
    Serve(ServeArgs),
    /// Start a cluster, run clients, attack it, and judge what the clients saw.
    #[command(
        after_help = "EXIT CODES: 0 every promise was kept; 1 one was broken, or was not put to the \
        test; 2 the demo\ncould not run; 130 it was interrupted, and nothing was broken until then."
    )]
    Demo(DemoArgs),
    /// Hold a lease and write under it, as those clients of the demo do that are stopped meanwhile.
    #[command(hide = true)]
    Holder(HolderArgs),
    /// Check recorded histories, and say whether they are linearizable or show where not.
    ///
    /// A history is a file of JSON lines as `quorate demo --history FILE` writes it, the log of a Jepsen
    /// test, or events in EDN as Jepsen, Knossos and Porcupine write them.
    #[command(
        after_help = "A LINE of a JSON history is one operation: who asked what, from when to when, and \
        what it was told.\n  \
        {\"process\":6,\"call_ns\":400,\"return_ns\":1845,\"op\":{\"get\":{\"key\":\"a\"}},\
        \"result\":{\"ok\":{\"value\":null}}}\n\
        The documentation of the crate quorate-consistency has the whole format.\n\n\
        EXIT CODES: 0 all hold; 1 one is violated; 2 one cannot be read, or holds no operation\n\
        to check; 3 one cannot be decided within its time and memory."
    )]
    Check(CheckArgs),
}

/// How to run one node.
#[derive(Args, Clone, Debug)]
pub struct ServeArgs {
    /// This node's number, unlike that of every other.
    #[arg(long, value_name = "N")]
    pub id: u64,
    /// Where everything durable lives. Made when it does not exist; belongs to one node for ever.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Where to listen for the other nodes.
    #[arg(long, value_name = "ADDR")]
    pub listen: SocketAddr,
    /// Another node: its number, its --listen address as this node reaches it, and its --http
    /// address as clients reach it. Repeat for each. Without the last part, clients cannot be
    /// redirected to it: while it leads, this node refuses with 503 what only a leader may answer. Without any --peer the cluster is this node alone.
    #[arg(long = "peer", value_name = "ID=ADDR[,HTTP_ADDR]")]
    pub peers: Vec<Peer>,
    /// Where to listen for clients.
    #[arg(long, value_name = "ADDR")]
    pub http: SocketAddr,
    /// The cluster's name. Nodes of differently named clusters do not talk to each other.
    #[arg(long, value_name = "NAME", default_value = "quorate")]
    pub cluster: String,
    /// Take `PUT /v1/faults`, which cuts and delays this node's links. For tests only.
    #[arg(long)]
    pub allow_faults: bool,
    /// Answer every request within this time, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(10..=600_000))]
    pub request_timeout_ms: u64,
    /// A node that hears nothing from a leader for one to two of these stands for election, in
    /// milliseconds. The same on every node.
    #[arg(long, value_name = "MS", default_value_t = 500, value_parser = clap::value_parser!(u64).range(20..=60_000))]
    pub election_timeout_ms: u64,
    /// Write a snapshot after this many log entries.
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub snapshot_every: u64,
}

/// Another node, as `--peer` names it.
///
/// ```
/// use quorate::cli::Peer;
///
/// let peer: Peer = "2=10.0.0.2:7100,10.0.0.2:8100".parse().unwrap();
/// assert_eq!(peer.id, 2);
/// assert_eq!(peer.http.as_deref(), Some("10.0.0.2:8100"));
/// assert!("2=nowhere".parse::<Peer>().is_err());
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Peer {
    /// Its number.
    pub id: u64,
    /// `host:port` where it listens for nodes.
    pub raft: String,
    /// `host:port` where it listens for clients, when given.
    pub http: Option<String>,
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (id, addresses) = text
            .split_once('=')
            .ok_or("has no `=`; write ID=ADDR,HTTP_ADDR")?;
        let id = id
            .parse()
            .map_err(|_| format!("the id {id:?} is not a number"))?;
        let (raft, http) = match addresses.split_once(',') {
            Some((raft, http)) => (raft, Some(http)),
            None => (addresses, None),
        };
        Ok(Self {
            id,
            raft: host_and_port(raft)?,
            http: http.map(host_and_port).transpose()?,
        })
    }
}

fn host_and_port(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((host, port))
            if !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0) =>
        {
            Ok(text.to_owned())
        }
        _ => Err(format!("{text:?} is not host:port")),
    }
}

/// How to run the demo.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// How long the clients run, in seconds.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(4..=3_600))]
    pub seconds: u64,
    /// How many nodes. An odd number survives the most failures.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(3..=9))]
    pub nodes: u64,
    /// Chooses what the clients do, the order of the attacks, and which follower is attacked beside
    /// the leaders, when, and how. What the network and the disks make of it is not chosen. Random
    /// when left out, and printed.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Write the report to this file as JSON too.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write what the clients recorded to this file, for `quorate check`.
    #[arg(long, value_name = "FILE")]
    pub history: Option<PathBuf>,
}

/// How to hold a lease. What the holder does goes to its standard output, a line of JSON for each
/// thing; the line `release` on its standard input, or its end, ends it.
#[derive(Args, Clone, Debug)]
pub struct HolderArgs {
    /// `host:port` of each node.
    #[arg(long, value_name = "ADDR", value_delimiter = ',', required = true)]
    pub http: Vec<String>,
    /// The lease to acquire.
    #[arg(long, value_name = "NAME")]
    pub lease: String,
    /// For how long to ask for it, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 600)]
    pub ttl_ms: u64,
    /// What to write under it.
    #[arg(long, value_name = "KEY")]
    pub key: String,
    /// Tells this holder from all others of a run.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..1 << 31))]
    pub number: u64,
    /// Tells the run from all others.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub run: u64,
}

/// What to check.
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// What the recorded object is.
    #[arg(long, value_enum)]
    pub model: Model,
    /// How the histories are written. Without it, each is read as what it looks like.
    #[arg(long, value_enum)]
    pub format: Option<HistoryFormat>,
    /// What the register holds at the beginning, as it is written in the file. Nothing, if not given.
    #[arg(long, value_name = "VALUE")]
    pub initial: Option<String>,
    /// Give up on a history after this time, in seconds.
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: u64,
    /// Give up on a history that takes more memory to decide, in MiB.
    #[arg(long = "memory", value_name = "MIB", default_value_t = 1_024, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    pub memory_mib: u64,
    /// Print a JSON object for each history, with the evidence: an order of its operations, or those
    /// that contradict each other. Operations are numbered from 0 as they begin in the file.
    #[arg(long)]
    pub json: bool,
    /// Write a page for a browser that shows the history over time, with the order that explains it or
    /// what contradicts itself. For one history.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// The histories. Each is checked on its own.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// How a history is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum HistoryFormat {
    /// JSON lines, as `quorate demo --history FILE` writes them.
    Json,
    /// The log of a Jepsen test.
    JepsenLog,
    /// EDN, as Jepsen, Knossos and Elle write it, and the logs of Porcupine's key-value tests.
    Edn,
}

/// What a recorded object is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Model {
    /// One register: read, write, compare-and-set.
    Register,
    /// A map of keys to values: get, put, delete, compare-and-set.
    Kv,
    /// Registers that transactions read and write several at once.
    MultiRegister,
    /// A map of keys to strings: get, put, append.
    Strings,
    /// A number: read, add.
    Counter,
    /// A set: add, remove, contains, read all.
    Set,
    /// A queue, first in first out: enqueue, dequeue, peek, length.
    Queue,
    /// A stack, last in first out: push, pop, peek, length.
    Stack,
    /// A queue of numbers, least first: insert, delete the least, show it, length.
    PriorityQueue,
    /// A lock: acquire, release.
    Mutex,
    /// A lease with fencing tokens and the resource that it guards: acquire, renew, release, write, read.
    Lease,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_is_the_demo_and_takes_its_options() {
        let cli = Cli::try_parse_from(["quorate"]).unwrap();
        assert!(cli.command.is_none());
        assert_eq!(cli.demo.seconds, 30);
        let cli = Cli::try_parse_from(["quorate", "--seconds", "5", "--seed", "7"]).unwrap();
        assert_eq!((cli.demo.seconds, cli.demo.seed), (5, Some(7)));
    }

    #[test]
    fn a_peer_that_is_not_one_says_why() {
        for (text, expected) in [
            ("2", "has no `=`"),
            ("two=a:1", "not a number"),
            ("2=a", "not host:port"),
            ("2=a:0", "not host:port"),
            ("2=a:1,b", "not host:port"),
            ("2=:1", "not host:port"),
        ] {
            let error = text.parse::<Peer>().unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
