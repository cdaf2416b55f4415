//! Measuring side by side: every round runs every peer once, so that a slow minute of the machine
//! slows them all.

use std::time::{Duration, Instant};

/// What one peer's runs came to, in nanoseconds for each unit of work.
#[derive(Clone, Debug)]
pub(crate) struct Summary {
    pub(crate) name: String,
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

/// One peer: does some units of work each time it is called, and says how many.
pub(crate) struct Peer<'a> {
    pub(crate) name: String,
    /// Makes a fresh system and gives what does a step of work on it.
    pub(crate) start: Box<dyn Fn() -> Box<dyn FnMut() -> u64 + 'a> + 'a>,
}

/// Runs every peer `runs` times for about `span`, one after the other in each round.
pub(crate) fn interleaved(peers: &[Peer<'_>], runs: usize, span: Duration) -> Vec<Summary> {
    let mut samples = vec![Vec::with_capacity(runs); peers.len()];
    for _ in 0..runs {
        for (peer, samples) in peers.iter().zip(&mut samples) {
            let mut step = (peer.start)();
            warm_up(&mut step, span / 8);
            let started = Instant::now();
            let mut units = 0;
            while started.elapsed() < span {
                units += step();
            }
            samples.push(started.elapsed().as_nanos() as f64 / units.max(1) as f64);
        }
    }
    peers
        .iter()
        .zip(samples)
        .map(|(peer, samples)| summarize(&peer.name, samples))
        .collect()
}

fn warm_up(step: &mut dyn FnMut() -> u64, span: Duration) {
    let started = Instant::now();
    while started.elapsed() < span {
        step();
    }
}

fn summarize(name: &str, mut samples: Vec<f64>) -> Summary {
    samples.sort_unstable_by(f64::total_cmp);
    let at = |index: usize| samples.get(index).copied().unwrap_or(f64::NAN);
    Summary {
        name: name.to_owned(),
        median: at(samples.len() / 2),
        least: at(0),
        most: at(samples.len().saturating_sub(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_the_middle_and_the_ends() {
        let summary = summarize("x", vec![5.0, 1.0, 3.0]);
        assert_eq!(
            (summary.least, summary.median, summary.most),
            (1.0, 3.0, 5.0)
        );
    }

    #[test]
    fn every_peer_runs_in_every_round() {
        let order = std::cell::RefCell::new(Vec::new());
        let order_of = &order;
        let peer = |name: &'static str| Peer {
            name: name.to_owned(),
            start: Box::new(move || {
                order_of.borrow_mut().push(name);
                Box::new(|| 1)
            }),
        };
        let summaries = interleaved(&[peer("a"), peer("b")], 3, Duration::from_micros(1));
        assert_eq!(summaries.len(), 2);
        assert_eq!(*order.borrow(), ["a", "b", "a", "b", "a", "b"]);
    }
}
