//! Counts of requests and how long they took, as Prometheus text.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::sync::{Lock, lock};

/// Upper bounds of the latency buckets, in microseconds.
const BUCKETS_MICROS: [u64; 14] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000,
];

/// One series per route, method and status: bounded, for all three come from short lists.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    series: Lock<BTreeMap<(&'static str, &'static str, u16), Series>>,
}

#[derive(Clone, Debug, Default)]
struct Series {
    count: u64,
    sum: Duration,
    /// Not cumulative; the last one is beyond all bounds.
    buckets: [u64; BUCKETS_MICROS.len() + 1],
}

impl Metrics {
    /// A request was answered.
    pub(super) fn record(
        &self,
        route: &'static str,
        method: &'static str,
        status: u16,
        took: Duration,
    ) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS_MICROS.partition_point(|bound| *bound < micros);
        let mut all = lock(&self.series);
        let series = all.entry((route, method, status)).or_default();
        series.count += 1;
        series.sum += took;
        series.buckets[bucket] += 1;
    }

    /// Appends the series as Prometheus text.
    pub(super) fn render(&self, out: &mut String) {
        let all = lock(&self.series).clone();
        head(
            out,
            "quorate_http_requests_total",
            "counter",
            "Requests answered.",
        );
        for ((route, method, status), series) in &all {
            let _ = writeln!(
                out,
                "quorate_http_requests_total{{route=\"{route}\",method=\"{method}\",status=\"{status}\"}} {}",
                series.count
            );
        }
        let name = "quorate_http_request_duration_seconds";
        head(out, name, "histogram", "Time to answer a request.");
        for ((route, method, status), series) in &all {
            let labels = format!("route=\"{route}\",method=\"{method}\",status=\"{status}\"");
            let mut below = 0;
            for (bound, count) in BUCKETS_MICROS.iter().zip(series.buckets) {
                below += count;
                let seconds = Duration::from_micros(*bound).as_secs_f64();
                let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{seconds}\"}} {below}");
            }
            let _ = writeln!(
                out,
                "{name}_bucket{{{labels},le=\"+Inf\"}} {}",
                series.count
            );
            let _ = writeln!(out, "{name}_sum{{{labels}}} {}", series.sum.as_secs_f64());
            let _ = writeln!(out, "{name}_count{{{labels}}} {}", series.count);
        }
    }
}

/// Appends the two lines in front of a metric.
pub(super) fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// Appends a metric without labels.
pub(super) fn single(out: &mut String, name: &str, kind: &str, help: &str, value: u64) {
    head(out, name, kind, help);
    let _ = writeln!(out, "{name} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_end_with_the_count() {
        let metrics = Metrics::default();
        for millis in [1, 3, 3, 9_000] {
            metrics.record("/v1/kv/{key}", "GET", 200, Duration::from_millis(millis));
        }
        let mut text = String::new();
        metrics.render(&mut text);
        let has = |line: &str| assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        let labels = "route=\"/v1/kv/{key}\",method=\"GET\",status=\"200\"";
        has(&format!("quorate_http_requests_total{{{labels}}} 4"));
        for (bound, count) in [
            ("0.0005", 0),
            ("0.001", 1),
            ("0.005", 3),
            ("5", 3),
            ("+Inf", 4),
        ] {
            has(&format!(
                "quorate_http_request_duration_seconds_bucket{{{labels},le=\"{bound}\"}} {count}"
            ));
        }
    }
}
