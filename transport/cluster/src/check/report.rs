//! What is said of a file.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use quorate_consistency::{Linearizability, Model, Verdict};
use serde_json::{Value, json};

use super::explain::{Describe, explain};
use super::load::Loaded;

/// What is said of a file, to people and to programs.
pub(super) struct Report {
    pub(super) text: String,
    pub(super) json: Value,
}

/// What is said of a verdict.
pub(super) fn report<M>(
    model: &M,
    path: &Path,
    name: impl Fn(&M::Key) -> String,
    loaded: &Loaded<M::Input, M::Output>,
    verdict: &Linearizability<M::Key, M::Output>,
) -> Report
where
    M: Model<Input: Describe, Output: Describe>,
{
    let history = &loaded.history;
    let objects = history.operations.iter().map(|o| model.key(&o.input));
    let objects = objects.collect::<BTreeSet<_>>().len();
    let mut counted = match history.len() {
        1 => "1 operation".to_owned(),
        number => format!("{number} operations"),
    };
    if objects > 1 {
        let _ = write!(counted, " on {objects} keys");
    }
    if loaded.weaker > 0 {
        let _ = write!(counted, "; {} reads asked for less", loaded.weaker);
    }
    if loaded.is_guessed && loaded.format != quorate_consistency::formats::Format::Json {
        let _ = write!(counted, "; read as {}", loaded.format);
    }
    let mut json = json!({
        "file": path.display().to_string(),
        "format": loaded.format.to_string(),
        "operations": history.len(),
        "weaker": loaded.weaker,
        "objects": objects,
    });
    // Positions in the history mean nothing to others: they count the operations of the file from 0.
    let number = |at: &usize| loaded.numbers.get(*at).copied();
    let numbers = |all: &[usize]| all.iter().filter_map(number).collect::<Vec<_>>();
    let text = match verdict {
        Verdict::Holds(order) => {
            json["verdict"] = "holds".into();
            json["order"] = order
                .iter()
                .map(|one| json!({ "object": name(&one.key), "operations": numbers(&one.operations) }))
                .collect();
            format!("linearizable ({counted})")
        }
        Verdict::Violated(violation) => {
            let core = &violation.core;
            let blocked = violation.blocked.iter().map(|blocked| {
                json!({
                    "operation": number(&blocked.operation),
                    "allowed": blocked.allowed.as_ref().map(Describe::describe),
                })
            });
            json["verdict"] = "violated".into();
            json["violation"] = json!({
                "object": name(&violation.key),
                "kept": numbers(&core.kept),
                "perhaps": numbers(&core.perhaps),
                "is_minimal": core.is_minimal,
                "prefix": numbers(&violation.prefix),
                "blocked": blocked.collect::<Vec<_>>(),
            });
            let lines = explain(&name(&violation.key), history, violation);
            format!("NOT linearizable ({counted})\n  {}", lines.join("\n  "))
        }
        Verdict::Unknown(reason) => {
            json["verdict"] = "unknown".into();
            json["reason"] = reason.to_string().into();
            format!("undecided: {reason}")
        }
    };
    Report { text, json }
}
