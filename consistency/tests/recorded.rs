//! Histories that other people recorded from real systems, with the verdicts that they published.
//!
//! They are not part of this repository. Set `QUORATE_HISTORIES` to a folder that has them and a
//! `MANIFEST.md` with a table of file, format, model and verdict; without it this test does nothing and
//! says so.

// The time that each check takes is printed, and nothing depends on it.
#![allow(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use quorate_consistency::{
    Budget, History, Model, Operation, Outcome, Register, RegisterInput, RegisterOutput, Verdict,
    check, verify,
};

#[test]
fn every_recorded_history_gets_its_published_verdict() {
    let Some(folder) = std::env::var_os("QUORATE_HISTORIES").map(PathBuf::from) else {
        eprintln!(
            "\n*** SKIPPED: set QUORATE_HISTORIES to a folder of recorded histories to check them ***\n"
        );
        return;
    };
    let manifest = std::fs::read_to_string(folder.join("MANIFEST.md")).unwrap();
    let mut took = BTreeMap::new();
    for row in manifest.lines() {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, file, format, _, published, ..] = cells[..] else {
            continue;
        };
        let (holds, time) = match format {
            "jepsen-log" => examine(&Register::new(), &register_history(&folder.join(file))),
            "kv-edn-lines" => examine(&Appended, &appended_history(&folder.join(file))),
            _ => continue,
        };
        assert_eq!(
            holds,
            published == "holds",
            "{file}: {published} was published"
        );
        took.entry(format.to_owned())
            .or_insert_with(Vec::new)
            .push((time, file.to_owned()));
    }
    for (format, mut times) in took {
        times.sort();
        let sum: Duration = times.iter().map(|(time, _)| *time).sum();
        let (slowest, file) = times.last().unwrap();
        println!(
            "{format}: {} histories in {sum:?}, the median in {:?}, the slowest ({file}) in {slowest:?}",
            times.len(),
            times[times.len() / 2].0,
        );
        assert!(times.len() >= 4, "the manifest is incomplete");
    }
}

fn examine<M: Model>(model: &M, history: &History<M::Input, M::Output>) -> (bool, Duration)
where
    M::Key: std::fmt::Debug,
    M::Output: std::fmt::Debug,
{
    let start = Instant::now();
    let verdict = check(model, history, Budget::default());
    let time = start.elapsed();
    match verdict {
        Verdict::Holds(order) => {
            assert_eq!(verify(model, history, &order), Ok(()));
            (true, time)
        }
        Verdict::Violated(_) => (false, time),
        Verdict::Unknown(reason) => panic!("{reason}"),
    }
}

/// The log of a Jepsen test of etcd: `INFO  jepsen.util - PROCESS :TYPE :FUNCTION VALUE`.
///
/// A read, a write or a compare-and-set is invoked, and then `:ok`, `:fail` or `:info` (unknown). A
/// compare-and-set that failed found another value; any other failure had no effect.
fn register_history(file: &Path) -> History<RegisterInput<i64>, RegisterOutput<i64>> {
    let text = std::fs::read_to_string(file).unwrap();
    let mut history = History::new();
    let mut open: BTreeMap<u64, usize> = BTreeMap::new();
    for (time, line) in (0..).zip(text.lines()) {
        let Some((_, event)) = line.split_once("jepsen.util - ") else {
            continue;
        };
        let mut words = event.split_whitespace();
        let mut word = || words.next().unwrap_or("");
        let Ok(process) = word().parse::<u64>() else {
            continue;
        };
        let (kind, function) = (word(), word());
        let value = words.collect::<Vec<_>>().join(" ");
        let mut numbers = value
            .trim_matches(['[', ']'])
            .split(' ')
            .filter_map(|number| number.parse::<i64>().ok());
        if kind == ":invoke" {
            let input = match function {
                ":read" => RegisterInput::Read,
                ":write" => RegisterInput::Write(numbers.next().unwrap()),
                ":cas" => RegisterInput::CompareAndSet {
                    expected: Some(numbers.next().unwrap()),
                    value: numbers.next().unwrap(),
                },
                other => panic!("{other} in {line}"),
            };
            open.insert(process, history.len());
            history.push(Operation::unknown(process, input, time));
            continue;
        }
        let at = open.remove(&process).unwrap();
        let operation = &mut history.operations[at];
        operation.output = match (kind, function) {
            (":ok", ":read") => Outcome::Ok(RegisterOutput::Value(numbers.next())),
            (":ok", ":write") => Outcome::Ok(RegisterOutput::Written),
            (":ok", ":cas") => Outcome::Ok(RegisterOutput::Swapped(true)),
            (":fail", ":cas") if value != ":timed-out" => {
                Outcome::Ok(RegisterOutput::Swapped(false))
            }
            (":fail", _) => Outcome::Failed,
            (":info", _) => continue,
            other => panic!("{other:?} in {line}"),
        };
        operation.ret = time;
    }
    history
}

/// A map of strings that are read, replaced, and appended to. A missing one is empty.
struct Appended;

#[derive(PartialEq)]
enum AppendedInput {
    Get,
    Put(String),
    Append(String),
}

impl Model for Appended {
    type Key = String;
    type State = String;
    type Input = (String, AppendedInput);
    type Output = Option<String>;

    fn key(&self, input: &Self::Input) -> String {
        input.0.clone()
    }

    fn initial(&self) -> String {
        String::new()
    }

    fn step(
        &self,
        state: &String,
        (_, input): &Self::Input,
        output: Option<&Option<String>>,
    ) -> Option<String> {
        match (input, output) {
            (AppendedInput::Get, Some(Some(value))) if value != state => None,
            (AppendedInput::Get, _) => Some(state.clone()),
            (AppendedInput::Put(value), _) => Some(value.clone()),
            (AppendedInput::Append(value), _) => Some(format!("{state}{value}")),
        }
    }
}

/// Lines of `{:process 0, :type :invoke, :f :append, :key "0", :value "x"}`.
fn appended_history(file: &Path) -> History<(String, AppendedInput), Option<String>> {
    let text = std::fs::read_to_string(file).unwrap();
    let mut history = History::new();
    let mut open: BTreeMap<u64, usize> = BTreeMap::new();
    for (time, line) in (0..).zip(text.lines()) {
        let after = |name: &str| line.split_once(name).unwrap().1;
        let word = |name: &str| after(name).split([',', '}']).next().unwrap().trim();
        let quoted = |name: &str| {
            let rest = after(name).trim_start().strip_prefix('"')?;
            Some(rest.split('"').next().unwrap().to_owned())
        };
        let process = word(":process ").parse::<u64>().unwrap();
        let function = word(":f ");
        if word(":type ") == ":invoke" {
            let value = quoted(":value ").unwrap_or_default();
            let input = match function {
                ":get" => AppendedInput::Get,
                ":put" => AppendedInput::Put(value),
                ":append" => AppendedInput::Append(value),
                other => panic!("{other} in {line}"),
            };
            open.insert(process, history.len());
            let input = (quoted(":key ").unwrap(), input);
            history.push(Operation::unknown(process, input, time));
        } else {
            let operation = &mut history.operations[open.remove(&process).unwrap()];
            let value = (function == ":get").then(|| quoted(":value ").unwrap_or_default());
            operation.output = Outcome::Ok(value);
            operation.ret = time;
        }
    }
    history
}
