//! Entries per second with one durable sync per batch, beside the same bytes written without a log.
//!
//! `cargo run --release -p quorate-raft-log --example append [directory]`
//!
//! All variants take turns in the same run, for a disk is not the same disk a minute later.
//! why: an example, which measures time on real files
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::error::Error;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use bytes::Bytes;
use quorate_raft_core::{Entry, Index, Payload, Persist, Position, Term};
use quorate_raft_log::{Log, LogOptions};

const PAYLOAD_BYTES: usize = 256;
/// What an entry takes in a plain file: its payload and a header.
const RAW_ENTRY_BYTES: usize = 280;
const ROUNDS: usize = 5;
const VARIANTS: [&str; 4] = [
    "raw, growing file",
    "raw, file of zeros",
    "log, new segments",
    "log, used segments",
];

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let parent = std::env::args_os()
        .nth(1)
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = parent.join(format!("quorate-append-{}", std::process::id()));
    fs::create_dir_all(&directory)?;
    let measured = measure_all(&directory);
    fs::remove_dir_all(&directory)?;
    measured
}

fn measure_all(directory: &Path) -> Outcome<()> {
    println!("{PAYLOAD_BYTES} B entries, one fdatasync per batch, median of {ROUNDS} rounds\n");
    println!("| entries per batch | variant | entries/s | of the file of zeros |");
    println!("|---|---|---|---|");
    for (batch, batches) in [(1, 400), (64, 200), (256, 100)] {
        let mut rates = [const { Vec::new() }; VARIANTS.len()];
        let path = directory.join(format!("log-{batch}"));
        for round in 0..ROUNDS {
            let place = directory.join(format!("raw-{batch}-{round}"));
            rates[0].push(raw(&place, batch, batches, false)?);
            rates[1].push(raw(&place, batch, batches, true)?);
            rates[2].push(log(&directory.join("new"), batch, batches)?);
            fs::remove_dir_all(directory.join("new"))?;
            // Once to have segments to use again, then measured.
            if round == 0 {
                log(&path, batch, batches * 2)?;
            }
            rates[3].push(log(&path, batch, batches)?);
        }
        let medians = rates.map(|mut rates| {
            rates.sort_by(f64::total_cmp);
            rates[ROUNDS / 2]
        });
        for (name, rate) in VARIANTS.iter().zip(medians) {
            println!(
                "| {batch} | {name} | {rate:.0} | {:.2} |",
                rate / medians[1]
            );
        }
    }
    measure_open(&directory.join("open"))
}

/// Writes and syncs without a log.
fn raw(path: &Path, batch: usize, batches: usize, zeros: bool) -> Outcome<f64> {
    let file = File::create(path)?;
    let bytes = vec![1; batch * RAW_ENTRY_BYTES];
    if zeros {
        file.write_all_at(&vec![0; bytes.len() * batches], 0)?;
    }
    file.sync_all()?;
    let begun = Instant::now();
    for at in 0..batches {
        file.write_all_at(&bytes, (at * bytes.len()) as u64)?;
        file.sync_data()?;
    }
    let rate = (batch * batches) as f64 / begun.elapsed().as_secs_f64();
    fs::remove_file(path)?;
    Ok(rate)
}

/// Writes and syncs with a log, then purges it, so that the next call finds used segments.
fn log(path: &Path, batch: usize, batches: usize) -> Outcome<f64> {
    let options = LogOptions {
        segment_bytes: 2 << 20,
        ..LogOptions::default()
    };
    let (mut log, opened) = Log::open(path, options)?;
    let payload = Bytes::from(vec![1; PAYLOAD_BYTES]);
    let mut last = opened.recovered.last;
    let begun = Instant::now();
    for _ in 0..batches {
        log.write(&persist(&mut last, batch, &payload))?;
        log.sync()?;
    }
    let rate = (batch * batches) as f64 / begun.elapsed().as_secs_f64();
    log.save_snapshot(&quorate_raft_core::Snapshot {
        position: log.last(),
        membership: quorate_raft_core::Membership::default(),
        data: Bytes::new(),
    })?;
    log.purge(last)?;
    Ok(rate)
}

fn persist(last: &mut Index, batch: usize, payload: &Bytes) -> Persist {
    let entries = (0..batch)
        .map(|_| {
            *last = last.next();
            Entry {
                position: Position {
                    term: Term(1),
                    index: *last,
                },
                payload: Payload::Command(payload.clone()),
            }
        })
        .collect();
    Persist {
        entries,
        ..Persist::default()
    }
}

/// How long opening takes, with everything in the page cache.
fn measure_open(path: &Path) -> Outcome<()> {
    let (mut log, _) = Log::open(path, LogOptions::default())?;
    let payload = Bytes::from(vec![1; PAYLOAD_BYTES]);
    let mut last = Index::ZERO;
    for _ in 0..100 {
        for _ in 0..10 {
            log.write(&persist(&mut last, 100, &payload))?;
        }
        log.sync()?;
    }
    drop(log);
    let begun = Instant::now();
    let (log, _) = Log::open(path, LogOptions::default())?;
    let elapsed = begun.elapsed();
    println!(
        "\nopening {last} entries in {} segments: {:.1} ms",
        log.stats().segments,
        elapsed.as_secs_f64() * 1e3
    );
    Ok(())
}
