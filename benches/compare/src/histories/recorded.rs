//! Histories that others recorded, where `QUORATE_HISTORIES` names a folder of them.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use quorate_consistency::formats::{Notation, read_events};
use quorate_consistency::{Checker, Fuel, Model, ReadLimits, Register, Strings, Together, Verdict};
use todc_utils::linearizability::WGLChecker;
use todc_utils::specifications::etcd::{EtcdSpecification, history_from_log};

/// How often each is run; the least counts.
const RUNS: usize = 5;

/// The history of ten clients that Porcupine is measured on, as one object.
const LARGEST: &str = "c10-ok.txt";

pub(super) fn report() {
    let Some(folder) = folder() else {
        println!("\nset QUORATE_HISTORIES to a folder of recorded histories to check them, too");
        return;
    };
    let logs = files(&folder.join("jepsen-log"));
    println!(
        "\n{} histories of etcd by Jepsen, the least of {RUNS} runs",
        logs.len()
    );
    let read = |path: &PathBuf| {
        let file = BufReader::new(File::open(path).expect("a recorded history"));
        read_events(&Register::new(), file, Notation::Log, ReadLimits::default())
            .expect("a recorded history")
    };
    row(
        "quorate: read and check",
        least(|| {
            logs.iter()
                .map(|path| holds(&Register::new(), &read(path)))
                .collect::<Vec<_>>()
        }),
    );
    let histories: Vec<_> = logs.iter().map(read).collect();
    let check_all = || {
        histories
            .iter()
            .map(|history| holds(&Register::new(), history))
    };
    row("quorate: check", least(|| check_all().collect::<Vec<_>>()));
    let ours: Vec<bool> = check_all().collect();
    let theirs = logs
        .iter()
        .map(|path| history_from_log(path.display().to_string()));
    let theirs: Vec<_> = theirs.collect();
    let check =
        |history: &_| WGLChecker::<EtcdSpecification>::is_linearizable(Clone::clone(history));
    let verdicts: Vec<bool> = theirs.iter().map(check).collect();
    assert_eq!(verdicts, ours, "the peers do not agree");
    row(
        "todc-utils 0.1: check",
        least(|| theirs.iter().map(check).collect::<Vec<_>>()),
    );
    println!(
        "  Porcupine 1.1, measured by itself on another machine: 397 ms on one core for 102 of them"
    );

    println!(
        "\nkey-value histories of Porcupine's tests, the least of {RUNS} runs: by key, as one object"
    );
    for path in files(&folder.join("kv")) {
        let history = read_strings(&path);
        let apart = least(|| holds(&Strings, &history));
        let together = least(|| holds(&Together(Strings), &history));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        println!(
            "  {name:<30} {:>9.3} ms {:>9.3} ms",
            millis(apart),
            millis(together)
        );
    }
    println!("  Porcupine 1.1 as above: c10 as one object 2,700-3,200 ms, with 300 MB");
    if let Some(memory) = own_memory() {
        println!("  the most memory of a process that checks {LARGEST} as one object: {memory}");
    }
}

/// Checks the largest in this process, and prints the most memory that it had.
pub(super) fn print_own_memory() {
    let Some(folder) = folder() else {
        return;
    };
    let history = read_strings(&folder.join("kv").join(LARGEST));
    std::hint::black_box(holds(&Together(Strings), &history));
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    println!("{}", peak.unwrap_or("unknown").trim());
}

/// In a process of its own, for this one has had others in it.
fn own_memory() -> Option<String> {
    let program = std::env::current_exe().ok()?;
    let output = Command::new(program)
        .args(["histories", "--own-memory"])
        .output()
        .ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn folder() -> Option<PathBuf> {
    std::env::var_os("QUORATE_HISTORIES").map(PathBuf::from)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files
}

fn read_strings(
    path: &Path,
) -> quorate_consistency::History<<Strings as Model>::Input, <Strings as Model>::Output> {
    let file = BufReader::new(File::open(path).expect("a recorded history"));
    read_events(&Strings, file, Notation::Edn, ReadLimits::default()).expect("a recorded history")
}

fn holds<M: Model>(model: &M, history: &quorate_consistency::History<M::Input, M::Output>) -> bool {
    let mut checker = Checker::new(model, history);
    loop {
        // What is left of a small slice is not enough to make a violation small, which the others do not.
        match checker.run(&mut Fuel::new(10_000)) {
            None => {}
            Some(Verdict::Holds(_)) => return true,
            Some(Verdict::Violated(_)) => return false,
            Some(Verdict::Unknown(reason)) => panic!("no verdict: {reason}"),
        }
    }
}

fn least<R>(mut run: impl FnMut() -> R) -> Duration {
    let times = (0..RUNS).map(|_| {
        let begun = Instant::now();
        std::hint::black_box(run());
        begun.elapsed()
    });
    times.min().unwrap_or_default()
}

fn row(name: &str, time: Duration) {
    println!("  {name:<30} {:>9.3} ms", millis(time));
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
