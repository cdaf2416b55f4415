//! One operation, and what it costs everybody who can do it.

use std::time::Duration;

use crate::measure::{Peer, interleaved};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Runs of each peer; the report has their median.
    #[arg(long, default_value_t = 7)]
    runs: usize,
    /// Milliseconds that one run lasts, about.
    #[arg(long, default_value_t = 100)]
    millis: u64,
    /// Only tables whose title has this in it.
    #[arg(long, default_value = "")]
    only: String,
}

/// One operation, and everybody who can do it. The first is Quorate.
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) peers: Vec<Peer<'static>>,
}

/// Prints each table, under a line that says what is measured.
pub(crate) fn report(what: &str, tables: Vec<Table>, arguments: &Arguments) {
    println!(
        "{what}\n\
         Median (least-most) of {} interleaved runs of about {} ms. \
         The ratio is the rival's median over Quorate's.",
        arguments.runs, arguments.millis
    );
    for Table { title, peers } in tables {
        if !title.contains(&arguments.only) {
            continue;
        }
        println!("\n{title}");
        let span = Duration::from_millis(arguments.millis);
        let summaries = interleaved(&peers, arguments.runs, span);
        let ours = summaries.first().map_or(f64::NAN, |ours| ours.median);
        for summary in &summaries {
            let spread = format!("{:.2}-{:.2}", summary.least, summary.most);
            println!(
                "  {:<34} {:>9.2}  {spread:<19} {:>7.2}",
                summary.name,
                summary.median,
                summary.median / ours
            );
        }
    }
}

/// Operations between two looks at the clock.
pub(crate) const STEP: u64 = 1_000;

/// A peer that does an operation on something that it makes for every run.
pub(crate) fn peer<T: 'static, R>(
    name: &str,
    make: impl Fn() -> T + 'static,
    operation: impl Fn(&mut T) -> R + Copy + 'static,
) -> Peer<'static> {
    Peer {
        name: name.to_owned(),
        start: Box::new(move || {
            let mut subject = make();
            Box::new(move || {
                for _ in 0..STEP {
                    std::hint::black_box(operation(std::hint::black_box(&mut subject)));
                }
                STEP
            })
        }),
    }
}
