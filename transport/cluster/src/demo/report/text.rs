//! The report as people read it: at most 100 columns.

use std::fmt;

use super::{Line, Report};
use crate::demo::verdict::{Judgement, grouped};

/// The widest line.
const COLUMNS: usize = 100;
/// What stands before a verdict's evidence.
const INDENT: usize = 38;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requests = usize::try_from(self.requests).unwrap_or(usize::MAX);
        writeln!(
            f,
            "{} nodes, {:.1} s, {} requests, seed {}{}",
            self.nodes,
            self.seconds,
            grouped(requests),
            self.seed,
            match self.interrupted {
                true => " (interrupted: this is what there is)",
                false => "",
            }
        )?;
        writeln!(f)?;
        self.write_attacks(f)?;
        self.write_table(f)?;
        self.write_verdicts(f)
    }
}

impl Report {
    fn write_attacks(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for attack in &self.attacks {
            let role = match attack.was_leader {
                true => "leader",
                false => "follower",
            };
            write!(
                f,
                "{:>7.1} s  {role} {} (node {}): ",
                attack.at_ms as f64 / 1e3,
                attack.harm,
                attack.node,
            )?;
            if let (Some(next), Some(failover)) = (attack.next_leader, attack.failover_ms) {
                write!(f, "node {next} led after {failover} ms; ")?;
            }
            writeln!(f, "all agreed {} ms after the end", attack.recovery_ms)?;
        }
        if !self.attacks.is_empty() {
            writeln!(f)?;
        }
        Ok(())
    }

    fn write_table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<14} {:<13} {:>9} {:>9} {:>9} {:>8} {:>9} {:>12} {:>8}",
            "phase",
            "",
            "requests",
            "answered",
            "at victim",
            "p50 ms",
            "p99 ms",
            "behind: mean",
            "max"
        )?;
        let mut phase = "";
        for line in &self.table {
            let name = if line.phase == phase { "" } else { line.phase };
            phase = line.phase;
            writeln!(f, "{}", Row(name, line))?;
        }
        writeln!(
            f,
            "(answered: the service said what came of it; at victim: the same, of reads that were sent \
             to the\nvery node that was under attack, which count nowhere else but in what is behind; \
             behind: how many ms\nago a write that a read did not show had been acknowledged when the \
             read was sent)\n"
        )
    }

    fn write_verdicts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for verdict in &self.verdicts {
            let head = format!("{:<11} {}", verdict.judgement.to_string(), verdict.promise);
            writeln!(
                f,
                "{head:<INDENT$}{}",
                wrapped(&verdict.evidence, COLUMNS - INDENT, INDENT)
            )?;
            if verdict.judgement == Judgement::Kept {
                continue;
            }
            for detail in &verdict.details {
                for line in detail.lines() {
                    writeln!(f, "    {}", wrapped(line, COLUMNS - 6, 6))?;
                }
            }
        }
        if let Some(outage) = &self.outage {
            let head = format!("{:<11} recovery", Judgement::Broken.to_string());
            writeln!(
                f,
                "{head:<INDENT$}{}",
                wrapped(outage, COLUMNS - INDENT, INDENT)
            )?;
        }
        if self.dropped > 0 {
            writeln!(f, "{} operations were not recorded", self.dropped)?;
        }
        if let Some(history) = &self.history {
            writeln!(f, "\nhistory: {}", history.display())?;
        }
        if let Some(directory) = &self.nodes_directory {
            writeln!(f, "nodes' logs and data: {}", directory.display())?;
        }
        Ok(())
    }
}

/// A line of the table under its phase.
struct Row<'a>(&'a str, &'a Line);

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(phase, line) = self;
        // Rounded down: a single request without an answer must show.
        let floor = |percent: f64| (percent * 100.0).floor() / 100.0;
        let number = |value: Option<f64>, digits: usize| match value {
            Some(value) => format!("{value:.digits$}"),
            None => "-".to_owned(),
        };
        write!(
            f,
            "{phase:<14} {:<13} {:>9} {:>8.2}% {:>9} {:>8} {:>9} {:>12} {:>8}",
            line.level,
            grouped(usize::try_from(line.operations).unwrap_or(usize::MAX)),
            floor(line.availability_percent),
            match line.victims_availability_percent {
                Some(percent) => format!("{:.2}%", floor(percent)),
                None => "-".to_owned(),
            },
            number(line.p50_ms, 2),
            number(line.p99_ms, 2),
            number(line.staleness_mean_ms, 2),
            number(line.staleness_max_ms, 1),
        )
    }
}

/// Text in lines of at most `width` letters, all but the first indented.
fn wrapped(text: &str, width: usize, indent: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let fits = match lines.last() {
            Some(line) => {
                line.is_empty() || line.chars().count() + 1 + word.chars().count() <= width
            }
            None => false,
        };
        if !fits {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join(&format!("\n{:indent$}", ""))
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    #[test]
    fn no_line_is_wider_than_a_hundred_columns() {
        let mut report = report(Judgement::Broken);
        report.verdicts[0].evidence = "many words ".repeat(40);
        report.verdicts[0].details = vec!["more words ".repeat(40)];
        report.table[0].operations = 12_345_678;
        report.table[0].staleness_max_ms = Some(123_456.7);
        let text = report.to_string();
        let widest = text.lines().max_by_key(|line| line.chars().count());
        assert!(widest.unwrap().chars().count() <= COLUMNS, "{text}");
    }

    #[test]
    fn details_are_shown_when_a_promise_was_not_kept() {
        let broken = report(Judgement::Broken).to_string();
        assert!(broken.contains("BROKEN      fencing"), "{broken}");
        assert!(broken.contains("    token 4 was let through"), "{broken}");
        let kept = report(Judgement::Kept).to_string();
        assert!(kept.contains("KEPT        fencing"), "{kept}");
        assert!(!kept.contains("token 4"), "{kept}");
    }

    #[test]
    fn a_phase_is_named_once_and_what_is_not_known_is_a_dash() {
        let text = report(Judgement::Kept).to_string();
        assert_eq!(text.matches("leader killed  ").count(), 1, "{text}");
        let eventual = text.lines().find(|line| line.contains("eventual")).unwrap();
        assert!(eventual.ends_with('-'), "{eventual}");
    }

    #[test]
    fn long_text_is_wrapped_between_words() {
        assert_eq!(wrapped("aa bb cc", 5, 2), "aa bb\n  cc");
        assert_eq!(wrapped("aaaaaaaa b", 5, 0), "aaaaaaaa\nb");
    }
}
