//! Fencing: who overslept its lease is refused, and no two hold it at once.

use super::{Verdict, grouped};
use crate::demo::record::{GuardedWrite, Pause, StaleWrite};

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
    // Tokens of all guarded keys come from one lease, so revisions and tokens rise together.
    let mut ordered = guarded.to_vec();
    ordered.sort_by_key(|write| write.revision);
    for pair in ordered.windows(2) {
        if let [earlier, later] = pair
            && later.token < earlier.token
        {
            wrong.push(format!(
                "revision {} was written with token {}, after revision {} with token {}",
                later.revision, later.token, earlier.revision, earlier.token
            ));
        }
    }
    let came_of_it = |stale_write| {
        let such = pauses
            .iter()
            .filter(|pause| pause.stale_write == stale_write);
        such.count()
    };
    let refused = came_of_it(StaleWrite::Refused);
    let let_through = came_of_it(StaleWrite::LetThrough);
    let evidence = format!(
        "{} holders overslept their lease; {} stale writes refused, {} let through; {} writes \
         under a lease",
        grouped(pauses.len()),
        grouped(refused),
        grouped(let_through),
        grouped(guarded.len())
    );
    Verdict::new("fencing", evidence, refused > 0, wrong)
        .count("pauses", pauses.len())
        .count("refused", refused)
        .count("let_through", let_through)
        .count("guarded_writes", guarded.len())
}

#[cfg(test)]
mod tests {
    use super::super::Judgement;
    use super::*;
    use crate::demo::plan::Phase;

    fn pause(stale_write: StaleWrite) -> Pause {
        Pause {
            phase: Phase::Healthy,
            old_token: 1,
            new_token: 2,
            stale_write,
            overlapped: false,
        }
    }

    #[test]
    fn a_stale_write_must_be_refused() {
        let judged = |stale_write| judge(&[pause(stale_write)], &[]).judgement;
        assert_eq!(judged(StaleWrite::Refused), Judgement::Kept);
        assert_eq!(judged(StaleWrite::LetThrough), Judgement::Broken);
        assert_eq!(judged(StaleWrite::Unanswered), Judgement::NotTested);
        assert_eq!(judge(&[], &[]).judgement, Judgement::NotTested);
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
    fn tokens_do_not_go_back_in_the_order_of_writes() {
        let write = |token, revision| GuardedWrite { token, revision };
        let pauses = [pause(StaleWrite::Refused)];
        let good = [write(1, 10), write(2, 12), write(2, 13)];
        assert_eq!(judge(&pauses, &good).judgement, Judgement::Kept);
        let bad = [write(1, 14), write(2, 12), write(2, 13)];
        assert_eq!(judge(&pauses, &bad).judgement, Judgement::Broken);
    }
}
