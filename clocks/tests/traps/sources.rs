//! Where the time comes from: two kinds of clock that must not be confused.

use std::time::Duration;

use quorate_clocks::{
    ClockEvent, ClockWatch, HybridClock, HybridStamp, Instant, ManualClock, NodeId, PackedStamp,
    WallTime,
};

/// A laptop that slept for the night. CockroachDB #28470: the process took it for a jump, and died.
#[test]
fn trap_14_a_suspend_is_no_jump_if_the_monotonic_clock_counts_it() {
    let night = Duration::from_secs(8 * 3_600);
    let mut machine =
        ManualClock::new(Instant::ORIGIN).with_wall(WallTime::from_millis(1_700_000_000_000));
    let mut watch = ClockWatch::new(NodeId(1), Duration::from_millis(250));
    assert_eq!(watch.handle_time(machine.now(), machine.wall()), None);
    machine.advance(night);
    assert_eq!(watch.handle_time(machine.now(), machine.wall()), None);

    // With a monotonic clock that stood still meanwhile, the same night is a jump: nobody could tell
    // it from one. And so is a calendar that was set while the machine slept.
    let slept = machine.wall().saturating_add(night);
    let jump = watch.handle_time(machine.now(), slept);
    assert!(matches!(jump, Some(ClockEvent::WallWentForward { by, .. }) if by == night));
    machine.set_wall(slept);
    machine.advance(night);
    let set = machine.wall().saturating_add(2 * night);
    let jump = watch.handle_time(machine.now(), set);
    assert!(matches!(jump, Some(ClockEvent::WallWentForward { by, .. }) if by == 2 * night));
}

/// Does not compile when `$left` can be compared with, subtracted from, or made of a `$right`: the
/// name would then belong to two traits' implementations.
macro_rules! assert_apart {
    ($left:ty, $right:ty) => {{
        trait Apart<Marker> {
            fn is_apart() {}
        }
        impl<T> Apart<()> for T {}
        struct Compares;
        impl<T: PartialOrd<$right>> Apart<Compares> for T {}
        struct Equals;
        impl<T: PartialEq<$right>> Apart<Equals> for T {}
        struct Subtracts;
        impl<T: std::ops::Sub<$right>> Apart<Subtracts> for T {}
        struct Converts;
        impl<T: From<$right>> Apart<Converts> for T {}
        <$left as Apart<_>>::is_apart();
    }};
}

/// A number of milliseconds and one of microseconds, a date and a time since the start, stamps that
/// pack differently: the compiler tells them apart. The documentation of `WallTime`, `Instant` and
/// `PackedStamp` has examples that do not compile.
#[test]
fn trap_18_clocks_of_different_epochs_and_units_do_not_mix() {
    assert_apart!(Instant, WallTime);
    assert_apart!(WallTime, Instant);
    assert_apart!(HybridStamp, PackedStamp<20>);
    assert_apart!(PackedStamp<20>, HybridStamp);
    assert_apart!(HybridStamp, WallTime);
    assert_apart!(WallTime, HybridStamp);
    // No bare number is a time: its unit is in the name of what makes one of it.
    assert_apart!(Instant, u64);
    assert_apart!(WallTime, u64);
    assert_apart!(HybridStamp, u64);
    assert_eq!(WallTime::from_millis(1), WallTime::from_nanos(1_000_000));

    // Nor does a clock take the other kind: `now` has the one type that it has.
    let _: fn(&mut HybridClock, WallTime) -> Result<HybridStamp, _> = HybridClock::now;
}

/// A date before 1970 or after 2554 is not a panic, which it is for others: uhlc 0.9.0 unwraps there.
#[cfg(feature = "std")]
#[test]
fn trap_18_a_date_out_of_range_is_the_nearest_that_can_be_told() {
    use std::time::SystemTime;
    let before = SystemTime::UNIX_EPOCH - Duration::from_secs(3_600);
    assert_eq!(WallTime::from(before), WallTime::UNIX_EPOCH);
    let after = SystemTime::UNIX_EPOCH + Duration::from_secs(20_000_000_000);
    assert_eq!(WallTime::from(after), WallTime::MAX);
    let mut clock = HybridClock::new(Duration::from_millis(500));
    assert!(clock.now(WallTime::from(before)).is_ok());
    assert!(clock.now(WallTime::from(after)).is_ok());
}
