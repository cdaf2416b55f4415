//! Histories that other people recorded from real systems, with the verdicts that they published.
//!
//! They are not part of this repository. Set `QUORATE_HISTORIES` to a folder that has them and a
//! `MANIFEST.md` with a table of file, format, model and verdict; without it this test does nothing and
//! says so.
#![cfg(feature = "std")]
// The time that each check takes is printed, and nothing depends on it.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use quorate_consistency::formats::{EventModel, Format, Notation, read_awdit, read_events};
use quorate_consistency::{
    Checker, Fuel, History, Linearizability, Model, ReadLimits, Register, Strings, Together,
    Verdict, verify, verify_violation,
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
        if !["jepsen-log", "kv-edn-lines", "awdit-test"].contains(&format) {
            continue;
        }
        let path = folder.join(file);
        let guessed = guess(&path);
        let (holds, time) = match format {
            "jepsen-log" => {
                assert_eq!(guessed, Some(Format::JepsenLog), "{file}");
                examine(
                    &Register::new(),
                    &read(&Register::new(), &path, Notation::Log),
                )
            }
            "kv-edn-lines" => {
                assert_eq!(guessed, Some(Format::Edn), "{file}");
                let history = read(&Strings, &path, Notation::Edn);
                let (apart, time) = examine(&Strings, &history);
                // The same as one object, which is much harder.
                let start = Instant::now();
                let together = Checker::new(&Together(Strings), &history);
                let verdict = run_in_slices(together);
                println!("{file}: {time:?}, and {:?} as one object", start.elapsed());
                assert_eq!(verdict.holds(), apart, "{file}");
                assert_eq!(verdict.violation().is_some(), !apart, "{file}");
                (apart, time)
            }
            _ => {
                assert_eq!(guessed, Some(Format::Awdit), "{file}");
                let reader = BufReader::new(File::open(&path).unwrap());
                let transactions = read_awdit(reader, ReadLimits::default()).unwrap();
                assert!(transactions.len() > 1, "{file}");
                continue;
            }
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

fn guess(path: &Path) -> Option<Format> {
    let mut beginning = [0; 512];
    let len = File::open(path).unwrap().read(&mut beginning).unwrap();
    Format::guess(&beginning[..len])
}

fn read<M: EventModel>(model: &M, path: &Path, notation: Notation) -> History<M::Input, M::Output> {
    let reader = BufReader::new(File::open(path).unwrap());
    read_events(model, reader, notation, ReadLimits::default()).unwrap()
}

/// Runs a check to its end. What is left of a small slice is not enough to make a violation small.
fn run_in_slices<M: Model>(mut checker: Checker<'_, M>) -> Linearizability<M::Key, M::Output> {
    loop {
        if let Some(verdict) = checker.run(&mut Fuel::new(10_000)) {
            return verdict;
        }
    }
}

/// The verdict, with its evidence verified, and how long it took to come to it.
fn examine<M: Model>(model: &M, history: &History<M::Input, M::Output>) -> (bool, Duration)
where
    M::Key: std::fmt::Debug,
    M::Output: std::fmt::Debug,
{
    let start = Instant::now();
    let verdict = Checker::new(model, history).run(&mut Fuel::new(u64::MAX));
    let time = start.elapsed();
    match verdict.unwrap() {
        Verdict::Holds(order) => {
            assert_eq!(verify(model, history, &order), Ok(()));
            (true, time)
        }
        Verdict::Violated(mut violation) => {
            assert!(violation.shrink(model, history, &mut Fuel::new(10_000_000)));
            let mut fuel = Fuel::new(10_000_000);
            let verified = verify_violation(model, history, &violation, &mut fuel);
            assert_eq!(verified, Ok(()), "{:?}", violation.core);
            (false, time)
        }
        Verdict::Unknown(reason) => panic!("{reason}"),
    }
}
