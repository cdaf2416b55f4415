//! The watch against all that can happen to a date: it tells every jump that matters, and no other.

use std::time::Duration;

use quorate_clocks::{
    ClockEvent, ClockFault, ClockMischief, ClockWatch, DriftRate, Hands, LyingClocks, NodeId,
    WallTime,
};

const NOON: WallTime = WallTime::from_millis(1_700_000_000_000);
const NODE: NodeId = NodeId(1);
const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const THRESHOLD: Duration = Duration::from_millis(100);

fn watch(clocks: &LyingClocks, watch: &mut ClockWatch) -> Option<ClockEvent> {
    let reading = clocks.read(NODE).unwrap();
    watch.handle_time(reading.now, reading.wall)
}

/// However bad the crystal, a step of the date above the threshold is told with its size, and one below
/// is not.
#[test]
fn every_step_above_the_threshold_is_told_and_none_below() {
    let (mut told, mut silent) = (0, 0);
    for seed in 0..20 {
        let mischief = ClockMischief::new()
            .with_skew(SECOND * 86_400)
            .with_drift(DriftRate::from_ppm(50_000).unwrap())
            .with_steps(THRESHOLD * 2)
            .with_every(SECOND * 3);
        let mut clocks = LyingClocks::seeded(NOON, [NODE], &mischief, seed);
        let mut watcher = ClockWatch::new(NODE, THRESHOLD);
        watch(&clocks, &mut watcher);
        for _ in 0..300 {
            let struck = clocks.advance(SECOND / 2);
            // Forward and back, in nanoseconds.
            let by: i128 = struck
                .iter()
                .map(|struck| match struck.fault {
                    ClockFault::WallForward(by) => by.as_nanos() as i128,
                    ClockFault::WallBack(by) => -(by.as_nanos() as i128),
                    _ => 0,
                })
                .sum();
            let size = Duration::from_nanos(by.unsigned_abs() as u64);
            let near = |told: Duration| told.abs_diff(size) < MILLI;
            match watch(&clocks, &mut watcher) {
                Some(ClockEvent::WallWentForward { by: told, .. }) => {
                    assert!(by > 0 && near(told), "seed {seed}: {told:?} of {size:?}");
                }
                Some(ClockEvent::WallWentBack { by: told, .. }) => {
                    assert!(by < 0 && near(told), "seed {seed}: {told:?} of {size:?}");
                }
                Some(other) => panic!("{other}"),
                None => {
                    assert!(
                        size <= THRESHOLD + MILLI,
                        "seed {seed}: {size:?} was missed"
                    );
                    silent += usize::from(by != 0);
                    continue;
                }
            }
            assert!(size > THRESHOLD);
            told += 1;
        }
    }
    assert!(told > 50 && silent > 50, "{told} told, {silent} not");
}

/// A machine that slept: nothing has jumped where the monotonic clock counted it, or where neither did.
/// Where the date alone went on, that is a jump by as long as it slept.
#[test]
fn a_suspend_is_a_jump_only_if_the_two_clocks_disagree_on_it() {
    let ends: [(&[ClockFault], Option<Duration>); 3] = [
        (&[ClockFault::CatchUp(Hands::Both)], None),
        (&[ClockFault::Resume(Hands::Both)], None),
        (
            &[
                ClockFault::CatchUp(Hands::Wall),
                ClockFault::Resume(Hands::Monotonic),
            ],
            Some(SECOND * 3_600),
        ),
    ];
    for (faults, jump) in ends {
        let mut clocks = LyingClocks::new(NOON, [NODE]);
        let mut watcher = ClockWatch::new(NODE, THRESHOLD);
        assert_eq!(watch(&clocks, &mut watcher), None);
        clocks.strike(NODE, ClockFault::Freeze(Hands::Both));
        clocks.advance(SECOND * 3_600);
        for fault in faults {
            clocks.strike(NODE, *fault);
        }
        clocks.advance(SECOND);
        let by = match watch(&clocks, &mut watcher) {
            Some(ClockEvent::WallWentForward { by, .. }) => Some(by),
            other => {
                assert_eq!(other, None);
                None
            }
        };
        assert_eq!(by, jump, "{faults:?}");
    }
}
