//! The report: what was measured, and which promises were kept.

mod text;

use std::path::PathBuf;

use serde::Serialize;

use super::nemesis::Attack;
use super::tally::Tally;
use super::verdict::{Judgement, Verdict};

/// Everything that is reported, as it is written to `--json`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    /// The version of this program.
    pub(super) version: &'static str,
    pub(super) nodes: u64,
    /// How long the clients ran, in seconds.
    pub(super) seconds: f64,
    pub(super) seed: u64,
    /// Whether it was ended before its time.
    pub(super) interrupted: bool,
    /// Requests sent.
    pub(super) requests: u64,
    /// Operations that were not recorded because there were too many.
    pub(super) dropped: u64,
    pub(super) attacks: Vec<Attack>,
    /// An attack from which the cluster did not recover.
    pub(super) outage: Option<String>,
    pub(super) table: Vec<Line>,
    pub(super) verdicts: Vec<Verdict>,
    /// Where the recorded history is.
    pub(super) history: Option<PathBuf>,
    /// Where the nodes' logs and data are.
    pub(super) nodes_directory: Option<PathBuf>,
}

/// One line of the table: one phase, and reads at one level, or writes.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Line {
    pub(super) phase: &'static str,
    pub(super) level: &'static str,
    /// Without those that were sent to the very node that was under attack.
    pub(super) operations: u64,
    pub(super) answered: u64,
    pub(super) availability_percent: f64,
    /// Those that were sent to the node under attack.
    pub(super) victims_operations: u64,
    pub(super) victims_availability_percent: Option<f64>,
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
    pub(super) staleness_mean_ms: Option<f64>,
    pub(super) staleness_max_ms: Option<f64>,
}

/// The lines of the table, in order.
pub(super) fn table(tally: &Tally) -> Vec<Line> {
    tally
        .cells()
        .map(|(phase, row, cell)| Line {
            phase: phase.name(),
            level: row.name(),
            operations: cell.sent,
            answered: cell.answered,
            availability_percent: cell.availability_percent(),
            victims_operations: cell.sent_to_victim,
            victims_availability_percent: cell.victims_availability_percent(),
            p50_ms: cell.latency_ms(50.0),
            p99_ms: cell.latency_ms(99.0),
            staleness_mean_ms: cell.staleness_ms().map(|(mean, _)| mean),
            staleness_max_ms: cell.staleness_ms().map(|(_, max)| max),
        })
        .collect()
}

impl Report {
    /// Whether a promise was broken, or, in a run that went to its end, was not put to the test.
    pub(super) fn is_bad(&self) -> bool {
        let broken = |verdict: &Verdict| verdict.judgement == Judgement::Broken;
        let open = |verdict: &Verdict| verdict.judgement == Judgement::NotTested;
        self.outage.is_some()
            || self.verdicts.iter().any(broken)
            || (!self.interrupted && self.verdicts.iter().any(open))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn report(judgement: Judgement) -> Report {
        Report {
            version: "0.1.0",
            nodes: 3,
            seconds: 20.0,
            seed: 7,
            interrupted: false,
            requests: 12_345,
            dropped: 0,
            attacks: vec![Attack {
                phase: "leader killed",
                harm: "killed",
                was_leader: true,
                node: 2,
                at_ms: 3_000,
                next_leader: Some(1),
                failover_ms: Some(812),
                recovery_ms: 40,
            }],
            outage: None,
            table: vec![
                Line {
                    phase: "leader killed",
                    level: "linearizable",
                    operations: 10_000,
                    answered: 8_000,
                    availability_percent: 80.0,
                    victims_operations: 200,
                    victims_availability_percent: Some(12.5),
                    p50_ms: Some(1.25),
                    p99_ms: Some(250.0),
                    staleness_mean_ms: Some(0.0),
                    staleness_max_ms: Some(0.0),
                },
                Line {
                    phase: "leader killed",
                    level: "eventual",
                    operations: 10,
                    answered: 0,
                    availability_percent: 0.0,
                    victims_operations: 0,
                    victims_availability_percent: None,
                    p50_ms: None,
                    p99_ms: None,
                    staleness_mean_ms: None,
                    staleness_max_ms: None,
                },
            ],
            verdicts: vec![Verdict {
                promise: "fencing",
                judgement,
                evidence: "3 holders overslept".to_owned(),
                counts: [("pauses", 3)].into(),
                details: vec!["token 4 was let through".to_owned()],
            }],
            history: Some("/tmp/h.jsonl".into()),
            nodes_directory: None,
        }
    }

    #[test]
    fn what_was_not_tested_is_bad_unless_the_run_was_cut_short() {
        assert!(!report(Judgement::Kept).is_bad());
        assert!(report(Judgement::Broken).is_bad());
        let mut untested = report(Judgement::NotTested);
        assert!(untested.is_bad());
        untested.interrupted = true;
        assert!(!untested.is_bad());
        untested.outage = Some("no leader".to_owned());
        assert!(untested.is_bad());
    }

    #[test]
    fn the_json_names_what_it_holds() {
        let json = serde_json::to_value(report(Judgement::NotTested)).unwrap();
        assert_eq!(json["verdicts"][0]["judgement"], "not_tested");
        assert_eq!(json["verdicts"][0]["counts"]["pauses"], 3);
        assert_eq!(json["table"][0]["p99_ms"], 250.0);
        assert_eq!(json["attacks"][0]["failover_ms"], 812);
    }
}
