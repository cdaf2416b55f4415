//! The command itself, as a process.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use axum::http::Method;
use quorate::api::LeaseGranted;

use super::support::{Http, directory};

/// A process that is killed with its owner.
struct Process {
    child: Child,
    http: Http,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn quorate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command
        .args(arguments)
        .env("RUST_LOG", "warn")
        .env_remove("QUORATE_PLANT_BUG")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn serve(data: &Path, more: &[&str]) -> Command {
    let mut command = quorate(&["serve", "--id", "1", "--election-timeout-ms", "50"]);
    command.arg("--data").arg(data);
    for (flag, default) in [("--listen", "127.0.0.1:0"), ("--http", "127.0.0.1:0")] {
        if !more.contains(&flag) {
            command.args([flag, default]);
        }
    }
    command.args(more);
    command
}

/// Starts a node and waits for its one line.
fn start(data: &Path, more: &[&str]) -> Process {
    ready(serve(data, more))
}

fn ready(mut command: Command) -> Process {
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let http = line
        .trim()
        .rsplit_once(" http=")
        .filter(|(start, _)| start.starts_with("ready id=1 raft=127.0.0.1:"))
        .unwrap_or_else(|| panic!("{line:?}"))
        .1;
    Process {
        http: Http::new(http),
        child,
    }
}

fn signal(process: &mut Process, name: &str) -> ExitStatus {
    let id = process.child.id().to_string();
    let sent = Command::new("kill").args(["-s", name, &id]).status();
    assert!(sent.unwrap().success());
    process.child.wait().unwrap()
}

/// Runs a command that is to fail, and gives its exit code and what it said.
fn failure(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

async fn put_until_it_leads(http: &Http, value: &'static str) {
    while !http.put("/v1/kv/a", value).await.status.is_success() {}
}

#[tokio::test]
async fn it_says_when_it_is_ready_and_stops_on_a_signal() {
    let dir = directory();
    for (life, name) in (1..).zip(["TERM", "INT", "KILL"]) {
        let mut process = start(dir.path(), &[]);
        put_until_it_leads(&process.http, "1").await;
        assert_eq!(process.http.status().await.incarnation, life);
        let ended = signal(&mut process, name);
        assert_eq!(ended.success(), name != "KILL", "{name}: {ended}");
    }
    let process = start(dir.path(), &[]);
    let value = loop {
        let answer = process.http.get("/v1/kv/a").await;
        if answer.status.is_success() {
            break answer;
        }
    };
    assert_eq!(value.text(), "1");
}

/// Bugs can be planted only in binaries that are built for it.
#[tokio::test]
async fn a_bug_is_planted_only_where_that_was_compiled_in() {
    let dir = directory();
    let mut command = serve(dir.path(), &[]);
    command.env("QUORATE_PLANT_BUG", "no-fence");
    let process = ready(command);
    put_until_it_leads(&process.http, "0").await;
    let acquire = async |name: &str| -> LeaseGranted {
        let body = "{\"owner\":\"ann\",\"ttl_ms\":60000}";
        let path = format!("/v1/leases/{name}");
        process.http.post(&path, body).await.json()
    };
    let (old, new) = (acquire("old").await, acquire("new").await);
    let write = async |granted: &LeaseGranted| {
        let token = format!("{}:{}", granted.name, granted.token);
        let headers = [("fencing-token", &token[..])];
        process
            .http
            .send(Method::PUT, "/v1/kv/a", &headers, "1")
            .await
    };
    write(&new).await.ok();
    let stale = write(&old).await;
    assert_eq!(
        stale.status.is_success(),
        cfg!(feature = "planted-bugs"),
        "{stale:?}"
    );
}

#[test]
fn an_address_that_is_taken_is_named_and_the_data_directory_is_not_made() {
    let dir = directory();
    let data = dir.path().join("data");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flag in ["--listen", "--http"] {
        let (code, said) = failure(serve(&data, &[flag, &address]));
        assert_eq!(code, Some(5), "{said}");
        assert!(said.contains(&address) && said.contains(flag), "{said}");
        assert!(!data.exists());
    }
}

#[test]
fn a_data_directory_that_cannot_be_used_is_named() {
    let dir = directory();
    let file = dir.path().join("file");
    fs::write(&file, "mine").unwrap();
    let (code, said) = failure(serve(&file, &[]));
    assert_eq!(code, Some(3), "{said}");
    let named = said.contains(file.to_str().unwrap()) && said.contains("not a directory");
    assert!(named, "{said}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

#[tokio::test]
async fn a_data_directory_is_used_by_one_process_and_one_node() {
    let dir = directory();
    let mut process = start(dir.path(), &[]);
    put_until_it_leads(&process.http, "1").await;
    let (code, said) = failure(serve(dir.path(), &[]));
    assert_eq!(code, Some(3), "{said}");
    assert!(signal(&mut process, "TERM").success());

    let before = files(dir.path());
    let (code, said) = failure(serve(dir.path(), &["--peer", "2=127.0.0.1:1,127.0.0.1:2"]));
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("belongs to node 1"), "{said}");
    let (code, said) = failure(serve(dir.path(), &["--cluster", "another"]));
    assert_eq!(code, Some(3), "{said}");
    assert_eq!(files(dir.path()), before);
}

#[tokio::test]
async fn a_node_whose_log_was_taken_away_does_not_start_as_if_it_were_new() {
    let dir = directory();
    let mut process = start(dir.path(), &[]);
    put_until_it_leads(&process.http, "1").await;
    assert!(signal(&mut process, "TERM").success());
    let log = dir.path().join("log");
    let kept = dir.path().join("kept");
    fs::rename(&log, &kept).unwrap();
    let refused = || {
        let before = files(dir.path());
        let (code, said) = failure(serve(dir.path(), &[]));
        assert_eq!(code, Some(3), "{said}");
        let named = said.contains(log.to_str().unwrap()) && said.contains("put it back");
        assert!(named, "{said}");
        assert_eq!(files(dir.path()), before);
    };
    refused();
    assert!(!log.exists());
    fs::create_dir(&log).unwrap();
    refused();
    fs::remove_dir(&log).unwrap();
    fs::rename(&kept, &log).unwrap();
    let process = start(dir.path(), &[]);
    put_until_it_leads(&process.http, "2").await;
}

/// The power may fail between any two steps of a first start.
#[tokio::test]
async fn a_first_start_that_was_cut_short_can_be_repeated() {
    let dir = directory();
    let mut process = start(dir.path(), &["--peer", "2=127.0.0.1:1,127.0.0.1:2"]);
    assert!(!signal(&mut process, "KILL").success());
    // It never led, voted or wrote, and is a member all the same.
    let mut process = start(dir.path(), &["--peer", "2=127.0.0.1:1,127.0.0.1:2"]);
    assert_eq!(process.http.status().await.incarnation, 2);
    assert!(signal(&mut process, "TERM").success());

    let identity = dir.path().join("identity");
    let text = fs::read_to_string(&identity).unwrap();
    let unmarked = text.replace("log=begun\n", "");
    assert_ne!(text, unmarked);
    // Before the log had its first record.
    fs::write(&identity, &unmarked).unwrap();
    fs::remove_dir_all(dir.path().join("log")).unwrap();
    let mut process = start(dir.path(), &["--peer", "2=127.0.0.1:1,127.0.0.1:2"]);
    assert!(signal(&mut process, "TERM").success());
    assert!(fs::read_to_string(&identity).unwrap().contains("log=begun"));
    // After that, and before the mark.
    fs::write(&identity, &unmarked).unwrap();
    let mut process = start(dir.path(), &["--peer", "2=127.0.0.1:1,127.0.0.1:2"]);
    assert!(signal(&mut process, "TERM").success());
    assert!(fs::read_to_string(&identity).unwrap().contains("log=begun"));
}

#[tokio::test]
async fn a_damaged_log_is_reported_and_left_as_it_is() {
    let dir = directory();
    let mut process = start(dir.path(), &[]);
    for value in ["1", "2", "3", "4", "5", "6", "7", "8"] {
        put_until_it_leads(&process.http, value).await;
    }
    assert!(signal(&mut process, "TERM").success());
    // A bit in the middle of the largest file: whole records stand before it and after it.
    let log = dir.path().join("log");
    let (path, mut bytes) = files(&log)
        .into_iter()
        .max_by_key(|(_, bytes)| bytes.iter().filter(|byte| **byte != 0).count())
        .unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[used / 2] ^= 0x10;
    fs::write(&path, &bytes).unwrap();
    let before = files(dir.path());
    let (code, said) = failure(serve(dir.path(), &[]));
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains(log.to_str().unwrap()), "{said}");
    assert_eq!(files(dir.path()), before);
}

#[tokio::test]
async fn an_unfinished_write_at_the_logs_end_is_dropped_and_reported() {
    let dir = directory();
    let mut process = start(dir.path(), &[]);
    for value in ["1", "2", "3"] {
        put_until_it_leads(&process.http, value).await;
    }
    let last = process.http.status().await.last;
    assert!(!signal(&mut process, "KILL").success());
    let (path, mut bytes) = files(&dir.path().join("log"))
        .into_iter()
        .max_by_key(|(_, bytes)| bytes.iter().filter(|byte| **byte != 0).count())
        .unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[end] ^= 0x10;
    fs::write(&path, &bytes).unwrap();

    let mut process = start(dir.path(), &[]);
    assert!(signal(&mut process, "TERM").success());
    let mut said = String::new();
    let mut stderr = process.child.stderr.take().unwrap();
    stderr.read_to_string(&mut said).unwrap();
    let line = said
        .lines()
        .find(|line| line.contains("dropped an unfinished write"))
        .unwrap_or_else(|| panic!("{said:?}"));
    assert!(line.contains("WARN"), "{line}");
    assert!(line.contains(path.to_str().unwrap()), "{line}");
    let kept = format!("last_index={} ", last - 1);
    assert!(line.contains(&kept), "{kept}: {line}");
}

#[tokio::test]
async fn a_peer_without_an_address_for_clients_is_warned_of() {
    let dir = directory();
    let peers = ["--peer", "2=127.0.0.1:1", "--peer", "3=127.0.0.1:2,a:3"];
    let mut process = start(dir.path(), &peers);
    assert!(signal(&mut process, "TERM").success());
    let mut said = String::new();
    let mut stderr = process.child.stderr.take().unwrap();
    stderr.read_to_string(&mut said).unwrap();
    assert!(said.contains("--peer 2=127.0.0.1:1,HTTP_ADDR"), "{said}");
    assert!(!said.contains("--peer 3"), "{said}");
}

#[test]
fn a_command_line_that_is_wrong_says_how() {
    let dir = directory();
    let peer = "2=127.0.0.1:1,127.0.0.1:2";
    for (more, expected) in [
        (&["--peer", peer, "--peer", peer][..], "twice"),
        (&["--peer", "1=127.0.0.1:1"], "itself"),
        (&["--peer", "x"], "has no `=`"),
        (&["--cluster", ""], "--cluster"),
        (&["--bogus"], "--bogus"),
    ] {
        let (code, said) = failure(serve(dir.path(), more));
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(expected), "{said}");
    }
    let (code, said) = failure(quorate(&["serve"]));
    assert_eq!(code, Some(2), "{said}");
    for flag in ["--id", "--data", "--listen", "--http"] {
        assert!(said.contains(flag), "{said}");
    }
    assert!(files(dir.path()).is_empty());
}

#[test]
fn help_explains_every_command() {
    for (arguments, expected) in [
        (
            &["--help"][..],
            &["serve", "demo", "check", "--seconds"][..],
        ),
        (&["help"], &["serve", "demo", "check"]),
        (
            &["serve", "--help"],
            &[
                "--peer <ID=ADDR[,HTTP_ADDR]>",
                "EXIT CODES",
                "600 s",
                "1,000,000",
            ],
        ),
        (&["demo", "--help"], &["--seed", "--history"]),
        (&["check", "--help"], &["--model", "EXIT CODES"]),
    ] {
        let output = quorate(arguments).output().unwrap();
        assert!(output.status.success());
        let said = String::from_utf8(output.stdout).unwrap();
        for text in expected {
            assert!(said.contains(text), "{arguments:?}: {text}\n{said}");
        }
    }
}

/// Every file below a directory, with its content.
fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}
