//! Convergence: when the attacks are over, all nodes come to hold the same.

use super::{Verdict, grouped};
use crate::demo::settle::Settled;

pub(super) fn judge(settled: &Settled) -> Verdict {
    let describe = |content: Option<(u64, u64)>| match content {
        None => "does not answer".to_owned(),
        Some((_, 0)) => "holds nothing".to_owned(),
        Some((value, revision)) => format!("holds {value} at revision {revision}"),
    };
    let wrong = settled.disagreements.iter().map(|disagreement| {
        format!(
            "{}: the leader {}, and node {} {}",
            disagreement.name,
            describe(Some(disagreement.leader)),
            disagreement.node + 1,
            describe(disagreement.said)
        )
    });
    let wrong = wrong.collect();
    let mut evidence = format!(
        "all nodes agree on {} keys and counters",
        grouped(settled.agreed)
    );
    if settled.unread > 0 {
        evidence.push_str(&format!("; {} could not be read", settled.unread));
    }
    let tested = settled.agreed > 0 && settled.unread == 0;
    Verdict::new("replicas converge", evidence, tested, wrong)
        .count("agreed", settled.agreed)
        .count("unread", settled.unread)
}

#[cfg(test)]
mod tests {
    use super::super::Judgement;
    use super::*;
    use crate::demo::settle::Disagreement;

    #[test]
    fn one_node_that_differs_breaks_it_and_one_key_unread_leaves_it_open() {
        let mut settled = Settled {
            agreed: 3,
            ..Settled::default()
        };
        assert_eq!(judge(&settled).judgement, Judgement::Kept);
        settled.unread = 1;
        assert_eq!(judge(&settled).judgement, Judgement::NotTested);
        settled.disagreements.push(Disagreement {
            name: "a".into(),
            leader: (7, 12),
            node: 1,
            said: Some((0, 0)),
        });
        let verdict = judge(&settled);
        assert_eq!(verdict.judgement, Judgement::Broken);
        assert_eq!(
            verdict.details,
            ["a: the leader holds 7 at revision 12, and node 2 holds nothing"]
        );
    }
}
