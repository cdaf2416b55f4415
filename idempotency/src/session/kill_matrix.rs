//! Each rule is broken by itself, and the traps of the integration tests have to notice.

#[path = "../../tests/session_traps/mod.rs"]
mod session_traps;

use alloc::string::String;
use core::fmt::Write;
use core::time::Duration;
use std::panic::catch_unwind;

use expect_test::expect;
use session_traps::{Replicas, TRAPS};

use super::weakness::{Weakness, Weaknesses};
use crate::{ClientSessions, SessionLimits};

#[derive(Clone, Copy)]
struct Weak(Option<Weakness>);

impl Weak {
    fn weaken(self, number: u64, mut sessions: ClientSessions) -> ClientSessions {
        sessions.weak = Weaknesses {
            broken: self.0,
            ahead: Duration::from_secs(24 * 60 * 60) * number as u32,
        };
        sessions
    }
}

impl Replicas for Weak {
    fn start(&self, number: u64, limits: SessionLimits) -> ClientSessions {
        self.weaken(number, ClientSessions::new(limits))
    }

    fn restore(&self, number: u64, snapshot: &[u8]) -> ClientSessions {
        let sessions = ClientSessions::restore(snapshot).expect("a snapshot that was taken");
        self.weaken(number, sessions)
    }
}

/// The names of the traps that notice.
fn noticed_by(replicas: Weak) -> String {
    let mut noticed = String::new();
    for (name, trap) in TRAPS {
        if catch_unwind(|| trap(&replicas)).is_err() {
            let _ = write!(noticed, " {name}");
        }
    }
    noticed
}

#[test]
fn each_broken_rule_is_noticed() {
    assert_eq!(noticed_by(Weak(None)), "");
    let mut matrix = String::new();
    for weakness in Weakness::ALL {
        let noticed = noticed_by(Weak(Some(weakness)));
        assert_ne!(noticed, "", "nothing notices {weakness:?}");
        let _ = writeln!(matrix, "{weakness:?}:{noticed}");
    }
    expect![[r#"
        LateAcknowledgementRegresses: trap_13_acknowledgement_regresses trap_15_huge_gap trap_20_restore_at_every_prefix
        CancelledStaysCounted: trap_09_live_sessions_are_not_pushed_out trap_14_acknowledgement_ahead_of_completion trap_20_restore_at_every_prefix
        CancelledCompletes: trap_14_acknowledgement_ahead_of_completion
        UnknownSessionRuns: trap_12_time_jumps_forward trap_17_ended_session_of_a_live_client trap_17_ids_are_not_given_again trap_20_restore_at_every_prefix
        LocalTime: trap_11_time_goes_backwards trap_20_restore_at_every_prefix trap_22_lagging_replica
        TimeGoesBack: trap_11_time_goes_backwards
        DroppedIsForgotten: trap_10_dropped_responses_stay_applied trap_20_restore_at_every_prefix
        SnapshotWithoutDropped: trap_10_dropped_responses_stay_applied trap_20_restore_at_every_prefix
        IdAgainAfterClose: trap_17_ids_are_not_given_again trap_20_restore_at_every_prefix
        ReplacedGoesOn: trap_17_ended_session_of_a_live_client trap_20_restore_at_every_prefix
        EndsWhileRunning: trap_09_live_sessions_are_not_pushed_out trap_14_acknowledgement_ahead_of_completion
        OpenPushesOut: trap_09_live_sessions_are_not_pushed_out
        NoWindow: trap_15_huge_gap
        NoFingerprint: trap_04_same_number_other_request
        RunsBesideItself: trap_20_restore_at_every_prefix trap_21_duplicate_while_it_runs
        RunsAfterReply: trap_04_same_number_other_request trap_09_live_sessions_are_not_pushed_out trap_10_dropped_responses_stay_applied trap_13_acknowledgement_regresses trap_15_huge_gap trap_17_ended_session_of_a_live_client trap_20_restore_at_every_prefix trap_21_duplicate_while_it_runs
        RequestsDoNotRenew: trap_17_ended_session_of_a_live_client
    "#]].assert_eq(&matrix);
}
