//! How fast a replica answered lately.

use alloc::collections::VecDeque;
use core::time::Duration;

use quorate_clocks::Instant;

/// How many answers are remembered.
const REMEMBERED: usize = 128;

/// How fast a replica answered lately, from which follows the chance that it will answer in time: the
/// monitor of Pileus (Terry et al., "Consistency-Based Service Level Agreements for Cloud Storage", SOSP
/// 2013, section 5.1).
///
/// It remembers the last 128 answers within its window. What is not known is taken as even chances, so
/// that a replica of which nothing is known is tried now and then, and one slow answer does not condemn it
/// for ever.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::Instant;
/// use quorate_consistency::choose::Latencies;
///
/// let mut latencies = Latencies::new(Duration::from_secs(60));
/// for second in 0..8 {
///     latencies.answered(Instant::from_millis(1_000 * second), Duration::from_millis(20));
/// }
/// // A request that was given up took longer than whatever is asked about.
/// latencies.lost(Instant::from_millis(8_000));
/// let now = Instant::from_millis(9_000);
/// assert!(latencies.chance_within(Duration::from_millis(25), now) > 0.8);
/// assert!(latencies.chance_within(Duration::from_millis(15), now) < 0.1);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Latencies {
    window: Duration,
    /// When it came and how long it took; none if it never came.
    answers: VecDeque<(Instant, Option<Duration>)>,
}

impl Latencies {
    /// A replica of which nothing is known yet, and of which each answer is forgotten after the window.
    pub const fn new(window: Duration) -> Self {
        Self {
            window,
            answers: VecDeque::new(),
        }
    }

    /// An answer came at `now`, after `latency`.
    pub fn answered(&mut self, now: Instant, latency: Duration) {
        self.remember(now, Some(latency));
    }

    /// An answer was given up at `now`.
    pub fn lost(&mut self, now: Instant) {
        self.remember(now, None);
    }

    fn remember(&mut self, now: Instant, latency: Option<Duration>) {
        if self.answers.len() == REMEMBERED {
            self.answers.pop_front();
        }
        self.answers.push_back((now, latency));
    }

    /// With what chance an answer comes within `latency`: of the answers in the window, with one more that
    /// was and one more that was not (Laplace's rule of succession).
    pub fn chance_within(&self, latency: Duration, now: Instant) -> f64 {
        let (mut answers, mut in_time) = (2_u32, 1_u32);
        for &(at, took) in &self.answers {
            if now.since(at) <= self.window {
                answers += 1;
                in_time += u32::from(took.is_some_and(|took| took <= latency));
            }
        }
        f64::from(in_time) / f64::from(answers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        let mut latencies = Latencies::new(10 * SECOND);
        let start = Instant::from_millis(1);
        latencies.lost(start);
        assert!(latencies.chance_within(SECOND, start) < 0.4);
        let later = start + 11 * SECOND;
        assert!((latencies.chance_within(SECOND, later) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn only_the_last_are_remembered() {
        let mut latencies = Latencies::new(Duration::MAX);
        for _ in 0..1_000 {
            latencies.lost(Instant::ORIGIN);
        }
        for _ in 0..REMEMBERED {
            latencies.answered(Instant::ORIGIN, SECOND);
        }
        assert_eq!(latencies.answers.len(), REMEMBERED);
        assert!(latencies.chance_within(SECOND, Instant::ORIGIN) > 0.99);
    }
}
