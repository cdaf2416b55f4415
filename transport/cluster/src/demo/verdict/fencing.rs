//! Fencing: who was stopped past its lease is refused, and no two hold it at once.

use std::collections::BTreeSet;

use super::{Verdict, grouped};
use crate::demo::plan::Phase;
use crate::demo::record::{GuardedWrite, Pause, StaleWrite, Succession};

pub(super) fn judge(pauses: &[Pause], guarded: &[GuardedWrite]) -> Verdict {
    let mut wrong = Vec::new();
    for pause in pauses {
        let Pause {
            old_token,
            new_token,
            ..
        } = *pause;
        if pause.stale_write == StaleWrite::LetThrough {
            wrong.push(format!(
                "a write with token {old_token} was let through after a write with token \
                 {new_token} ({})",
                pause.phase.name()
            ));
        }
        if new_token <= old_token {
            wrong.push(format!(
                "token {new_token} was granted after token {old_token}, and is not larger ({})",
                pause.phase.name()
            ));
        }
        if pause.overlapped {
            wrong.push(format!(
                "token {new_token} was granted while the holder of token {old_token} could still \
                 believe in its lease ({})",
                pause.phase.name()
            ));
        }
    }
    // In the order of its revisions, a key's tokens never go back.
    let mut ordered: Vec<_> = guarded.iter().collect();
    ordered.sort_by_key(|write| (&write.key, write.revision));
    for pair in ordered.windows(2) {
        if let [earlier, later] = pair
            && later.key == earlier.key
            && later.token < earlier.token
        {
            wrong.push(format!(
                "{}: revision {} was written with token {}, after revision {} with token {}",
                later.key, later.revision, later.token, earlier.revision, earlier.token
            ));
        }
    }
    let count = |such: &dyn Fn(&Pause) -> bool| pauses.iter().filter(|pause| such(pause)).count();
    let refused = count(&|pause| pause.stale_write == StaleWrite::Refused);
    let by_key = count(&|pause| {
        pause.stale_write == StaleWrite::Refused && pause.succession == Succession::OtherLease
    });
    let by_lease = refused - by_key;
    let let_through = count(&|pause| pause.stale_write == StaleWrite::LetThrough);
    let phases: BTreeSet<_> = pauses.iter().map(|pause| pause.phase).collect();
    let evidence = format!(
        "{} holders were stopped past their lease, in {} of {} phases; {} stale writes refused, {by_lease} as the lease \
         was granted again and {by_key} as the key had seen a newer token; {} let through; {} writes \
         under a lease",
        grouped(pauses.len()),
        phases.len(),
        Phase::ALL.len(),
        grouped(refused),
        grouped(let_through),
        grouped(guarded.len())
    );
    Verdict::new("fencing", evidence, by_key > 0 && by_lease > 0, wrong)
        .count("pauses", pauses.len())
        .count("phases", phases.len())
        .count("refused", refused)
        .count("refused_by_lease", by_lease)
        .count("refused_by_key", by_key)
        .count("let_through", let_through)
        .count("guarded_writes", guarded.len())
}

#[cfg(test)]
mod tests {
    use super::super::Judgement;
    use super::*;

    fn pause(stale_write: StaleWrite) -> Pause {
        Pause {
            phase: Phase::Healthy,
            succession: Succession::Holding,
            old_token: 1,
            new_token: 2,
            stale_write,
            overlapped: false,
        }
    }

    /// One pause of either kind.
    fn pauses(stale_write: StaleWrite) -> [Pause; 2] {
        let by_key = Pause {
            succession: Succession::OtherLease,
            ..pause(StaleWrite::Refused)
        };
        [by_key, pause(stale_write)]
    }

    #[test]
    fn a_stale_write_must_be_refused() {
        let judged = |stale_write| judge(&pauses(stale_write), &[]).judgement;
        assert_eq!(judged(StaleWrite::Refused), Judgement::Kept);
        assert_eq!(judged(StaleWrite::LetThrough), Judgement::Broken);
        assert_eq!(judged(StaleWrite::Unanswered), Judgement::NotTested);
        assert_eq!(judge(&[], &[]).judgement, Judgement::NotTested);
    }

    #[test]
    fn either_way_to_refuse_must_be_put_to_the_test() {
        for one in pauses(StaleWrite::Refused) {
            assert_eq!(judge(&[one], &[]).judgement, Judgement::NotTested);
        }
    }

    #[test]
    fn tokens_rise_and_leases_do_not_overlap() {
        let same = Pause {
            new_token: 1,
            ..pause(StaleWrite::Refused)
        };
        assert_eq!(judge(&[same], &[]).judgement, Judgement::Broken);
        let overlapped = Pause {
            overlapped: true,
            ..pause(StaleWrite::Refused)
        };
        assert_eq!(judge(&[overlapped], &[]).judgement, Judgement::Broken);
    }

    #[test]
    fn tokens_do_not_go_back_in_the_order_of_a_keys_writes() {
        let write = |key: &str, token, revision| GuardedWrite {
            key: key.into(),
            token,
            revision,
        };
        let pauses = pauses(StaleWrite::Refused);
        let good = [
            write("a", 1, 10),
            write("a", 2, 12),
            write("a", 2, 13),
            write("b", 1, 14),
        ];
        assert_eq!(judge(&pauses, &good).judgement, Judgement::Kept);
        let bad = [write("a", 1, 14), write("a", 2, 12), write("a", 2, 13)];
        assert_eq!(judge(&pauses, &bad).judgement, Judgement::Broken);
    }
}
