//! The answer to "may I act now?", for every thread.

use core::fmt;
use core::time::Duration;

use quorate_clocks::Instant;

use super::Standing;
use crate::FencingToken;
use crate::sync::{Arc, AtomicU64, Ordering};

/// Tells any thread whether the lease is held, with one atomic load and one comparison.
///
/// # The problem
///
/// The thread that keeps the lease is not the one that works under it, and the word from the one to the
/// other is where it gets lost: a flag that was cleared a moment after it was read, an event that waits
/// behind a callback (Cilium #42920: the callback blocked, and the node went on as a leader), a boolean that
/// nobody clears because the thread that would is stuck.
///
/// # The cure
///
/// The cell holds a *deadline* and not a boolean. Whoever asks brings the time, so an event loop that hangs,
/// or is dead, cannot keep it true. And whoever works holds a [`Pass`], of one
/// [stretch](crate::Standing::stretch), that never comes back when it is over: work that slept through the
/// gap is not allowed to go on because there is a lease again.
///
/// - [`may_act`](Self::may_act): is there a lease now?
/// - [`pass`](Self::pass): begin something; its token goes with every effect.
/// - [`allows`](Self::allows): go on with it? Two loads.
///
/// A check is no fence. Between the check and the effect anything can happen, and only the resource can
/// refuse what comes too late: [`Fence`](crate::Fence).
///
/// The time that is brought has to be of the same clock as that of the [`LeaseHolder`](crate::LeaseHolder).
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{Incarnation, Instant};
/// use quorate_leases::{FencingToken, HolderConfig, HolderEvent, LeaseFlag, LeaseHolder};
///
/// let (mut publisher, flag) = LeaseFlag::new();
/// let mut holder = LeaseHolder::new(
///     HolderConfig::new(Duration::from_secs(10)), Incarnation(1), 7)?;
/// let start = Instant::from_millis(1_000);
/// holder.acquire(start);
/// let request = holder.poll_transmit(start).expect("it wants the lease");
/// holder.handle_granted(request.ticket, FencingToken(33), Duration::from_secs(10), start);
/// assert!(matches!(holder.poll_event(), Some(HolderEvent::Acquired(_))));
/// publisher.publish(holder.standing(start))?;
///
/// // In any thread.
/// let pass = flag.pass(start).expect("it is held");
/// assert_eq!(pass.token(), FencingToken(33));
/// assert!(flag.allows(&pass, Instant::from_millis(5_000)));
/// // Nobody has told the flag that the time is over.
/// assert!(!flag.allows(&pass, Instant::from_millis(11_000)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct LeaseFlag {
    cell: Arc<Cell>,
}

/// What threads meet at, in a cache line of its own: the count of flags, beside it, changes more often.
///
/// A stretch is published by: no deadline, the token, the stretch, the deadline. So who reads a deadline and
/// after it a stretch knows that the deadline is not of a later one.
#[derive(Debug)]
#[repr(align(64))]
struct Cell {
    /// The deadline, in nanoseconds; zero, before which nothing is, when nothing is held.
    until: AtomicU64,
    token: AtomicU64,
    stretch: AtomicU64,
}

/// The leave to do something in one stretch of holding. It is worth what [`LeaseFlag::allows`] says.
///
/// ```
/// use quorate_leases::LeaseFlag;
///
/// let (_publisher, flag) = LeaseFlag::new();
/// assert!(flag.pass(quorate_clocks::Instant::ORIGIN).is_none()); // nothing is held
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Pass {
    token: FencingToken,
    stretch: u64,
}

impl Pass {
    /// The number of the grant, to be sent with every effect.
    pub const fn token(&self) -> FencingToken {
        self.token
    }

    /// The number of the stretch.
    pub const fn stretch(&self) -> u64 {
        self.stretch
    }
}

impl LeaseFlag {
    /// A flag of nothing, and the one that may change that: there is one, and it is not copied.
    #[allow(clippy::new_ret_no_self)]
    pub fn new() -> (FlagPublisher, Self) {
        let cell = Arc::new(Cell {
            until: AtomicU64::new(0),
            token: AtomicU64::new(FencingToken::NONE.0),
            stretch: AtomicU64::new(0),
        });
        let publisher = FlagPublisher {
            cell: Arc::clone(&cell),
            last: None,
        };
        (publisher, Self { cell })
    }

    /// Is the lease held at `now`? One atomic load.
    ///
    /// Only for what is not begun in one stretch and ended in the next; else hold a [`pass`](Self::pass).
    #[inline]
    pub fn may_act(&self, now: Instant) -> bool {
        now.as_nanos() < self.cell.until.load(Ordering::Acquire)
    }

    /// The leave to begin something at `now`, if the lease is held.
    #[inline]
    pub fn pass(&self, now: Instant) -> Option<Pass> {
        let cell = &*self.cell;
        let stretch = cell.stretch.load(Ordering::Acquire);
        let token = FencingToken(cell.token.load(Ordering::Acquire));
        let until = cell.until.load(Ordering::Acquire);
        // Unless that is still the stretch, the three may belong to different ones. Then there was none for
        // a moment in between, and this is the answer of that moment.
        let whole = cell.stretch.load(Ordering::Acquire) == stretch;
        (whole && now.as_nanos() < until).then_some(Pass { token, stretch })
    }

    /// The same, if there is more time left than the operation takes: see
    /// [`SafeUntil::guarded`](crate::SafeUntil::guarded).
    pub fn guarded(&self, now: Instant, op_margin: Duration) -> Option<Pass> {
        self.pass(now.saturating_add(op_margin))
    }

    /// May what was begun with this pass go on at `now`?
    #[inline]
    pub fn allows(&self, pass: &Pass, now: Instant) -> bool {
        // In this order: a deadline of a later stretch is read with that stretch, or a later one.
        let until = self.cell.until.load(Ordering::Acquire);
        let stretch = self.cell.stretch.load(Ordering::Acquire);
        now.as_nanos() < until && stretch == pass.stretch
    }

    /// Ends the stretch that is published, for good: whoever asks after this has returned is refused.
    ///
    /// For a thread that knows better than the one that keeps the lease, and cannot wait for it: it has
    /// seen the machine wake up, or an effect be refused as [stale](crate::Stale). The publisher learns of it at the
    /// next [`publish`](FlagPublisher::publish). A stretch that it begins at the same moment is another, and may stay.
    pub fn revoke(&self) {
        self.cell.until.swap(0, Ordering::AcqRel);
    }
}

/// Changes what a [`LeaseFlag`] says. When it is dropped, nothing is held any more.
#[derive(Debug)]
pub struct FlagPublisher {
    cell: Arc<Cell>,
    last: Option<Published>,
}

#[derive(Clone, Copy, Debug)]
struct Published {
    stretch: u64,
    /// What the cell holds, if nobody revoked it; nothing, when somebody did or the stretch is over.
    until: Option<u64>,
}

impl FlagPublisher {
    /// Says what is held: [`LeaseHolder::standing`](crate::LeaseHolder::standing). Call it after everything
    /// that is handled, when its events were polled, and before anything is sent.
    ///
    /// When this has returned, whoever asks is told no more than that.
    ///
    /// # Errors
    ///
    /// [`Revoked`], if this stretch was [revoked](LeaseFlag::revoke), or is over: it is not published again.
    /// Tell the holder, by [`release`](crate::LeaseHolder::release) or
    /// [`handle_disruption`](crate::LeaseHolder::handle_disruption).
    pub fn publish(&mut self, standing: Option<Standing>) -> Result<(), Revoked> {
        let Some(standing) = standing else {
            self.withdraw();
            return Ok(());
        };
        let until = standing.safe.deadline().as_nanos();
        match self.last {
            Some(last) if last.stretch == standing.stretch => self.extend(last, until),
            Some(last) if last.stretch > standing.stretch => {
                self.withdraw();
                Err(Revoked {
                    stretch: standing.stretch,
                })
            }
            _ => {
                self.begin(standing, until);
                Ok(())
            }
        }
    }

    fn begin(&mut self, standing: Standing, until: u64) {
        let cell = &*self.cell;
        cell.until.swap(0, Ordering::AcqRel);
        cell.token.store(standing.token.0, Ordering::Release);
        cell.stretch.store(standing.stretch, Ordering::Release);
        cell.until.store(until, Ordering::Release);
        self.last = Some(Published {
            stretch: standing.stretch,
            until: Some(until),
        });
    }

    /// Only from what was published before: what somebody else has taken back stays so.
    fn extend(&mut self, last: Published, until: u64) -> Result<(), Revoked> {
        let stretch = last.stretch;
        let replaced = last.until.is_some_and(|before| {
            self.cell
                .until
                .compare_exchange(before, until, Ordering::AcqRel, Ordering::Acquire)
                .is_ok()
        });
        self.last = Some(Published {
            stretch,
            until: replaced.then_some(until),
        });
        replaced.then_some(()).ok_or(Revoked { stretch })
    }

    fn withdraw(&mut self) {
        self.cell.until.swap(0, Ordering::AcqRel);
        if let Some(last) = &mut self.last {
            last.until = None;
        }
    }
}

impl Drop for FlagPublisher {
    fn drop(&mut self) {
        self.withdraw();
    }
}

/// The stretch was revoked by another thread, or is over, and cannot be published again.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{Incarnation, Instant};
/// use quorate_leases::{FencingToken, HolderConfig, LeaseFlag, LeaseHolder};
///
/// let (mut publisher, flag) = LeaseFlag::new();
/// let ttl = Duration::from_secs(10);
/// let mut holder = LeaseHolder::new(HolderConfig::new(ttl), Incarnation(1), 7)?;
/// let now = Instant::from_millis(1_000);
/// holder.acquire(now);
/// let request = holder.poll_transmit(now).expect("it wants the lease");
/// holder.handle_granted(request.ticket, FencingToken(33), ttl, now);
/// assert!(holder.poll_event().is_some());
/// publisher.publish(holder.standing(now))?;
///
/// flag.revoke(); // in a thread whose write was refused
/// assert!(!flag.may_act(now));
/// let revoked = publisher.publish(holder.standing(now)).unwrap_err();
/// assert_eq!(
///     revoked.to_string(),
///     "stretch 1 of holding the lease was revoked or is over: release the lease, or begin a new stretch",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Revoked {
    /// The number of the stretch.
    pub stretch: u64,
}

impl fmt::Display for Revoked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "stretch {} of holding the lease was revoked or is over: release the lease, or begin a new stretch",
            self.stretch
        )
    }
}

impl core::error::Error for Revoked {}

#[cfg(test)]
fn standing(stretch: u64, token: u64, until: u64) -> Standing {
    let safe = crate::SafeUntil::new(
        Instant::ORIGIN,
        Duration::from_nanos(until),
        crate::Drift::NONE,
        Duration::ZERO,
    );
    Standing {
        stretch,
        token: FencingToken(token),
        safe,
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn at(nanos: u64) -> Instant {
        Instant::from_nanos(nanos)
    }

    #[test]
    fn a_stretch_is_valid_until_its_deadline_and_may_be_extended() {
        let (mut publisher, flag) = LeaseFlag::new();
        assert!(!flag.may_act(at(0)));
        publisher.publish(Some(standing(1, 33, 10))).unwrap();
        let pass = flag.pass(at(9)).unwrap();
        assert_eq!((pass.token(), pass.stretch()), (FencingToken(33), 1));
        assert!(flag.may_act(at(9)) && flag.allows(&pass, at(9)));
        assert!(!flag.may_act(at(10)) && !flag.allows(&pass, at(10)));
        assert_eq!(flag.pass(at(10)), None);
        publisher.publish(Some(standing(1, 33, 20))).unwrap();
        assert!(flag.allows(&pass, at(19)));
        assert_eq!(flag.guarded(at(15), Duration::from_nanos(4)), Some(pass));
        assert_eq!(flag.guarded(at(15), Duration::from_nanos(5)), None);
        assert_eq!(flag.guarded(at(15), Duration::MAX), None);
    }

    #[test]
    fn what_was_begun_before_a_gap_is_not_allowed_after_it() {
        let (mut publisher, flag) = LeaseFlag::new();
        publisher.publish(Some(standing(1, 33, 10))).unwrap();
        let old = flag.pass(at(5)).unwrap();
        // The same grant, resumed.
        publisher.publish(Some(standing(2, 33, 30))).unwrap();
        assert!(flag.may_act(at(5)) && !flag.allows(&old, at(5)));
        // A stretch that is over is not published again.
        assert_eq!(
            publisher.publish(Some(standing(1, 33, 40))),
            Err(Revoked { stretch: 1 })
        );
        assert!(!flag.may_act(at(5)));
    }

    #[test]
    fn what_was_withdrawn_revoked_or_left_behind_stays_so() {
        let (mut publisher, flag) = LeaseFlag::new();
        publisher.publish(Some(standing(1, 33, 10))).unwrap();
        publisher.publish(None).unwrap();
        assert!(!flag.may_act(at(5)));
        assert!(publisher.publish(Some(standing(1, 33, 10))).is_err());
        publisher.publish(Some(standing(2, 34, 10))).unwrap();
        flag.revoke();
        assert!(publisher.publish(Some(standing(2, 34, 20))).is_err());
        assert!(publisher.publish(Some(standing(2, 34, 20))).is_err());
        assert!(!flag.may_act(at(5)));
        publisher.publish(Some(standing(3, 35, 10))).unwrap();
        assert!(flag.may_act(at(5)));
        drop(publisher);
        assert!(!flag.may_act(at(5)));
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::thread::spawn;

    fn at(nanos: u64) -> Instant {
        Instant::from_nanos(nanos)
    }

    /// A renewal races with a revocation: whoever knows that it was revoked is refused, whichever of the two
    /// came first, and the publisher learns it at the latest with the next renewal.
    #[test]
    fn trap_33_no_stale_true_after_revoke_returned() {
        loom::model(|| {
            let (mut publisher, flag) = LeaseFlag::new();
            publisher.publish(Some(standing(1, 33, 10))).unwrap();
            let pass = flag.pass(at(5)).unwrap();
            let renewing = spawn(move || {
                // Refused, if it comes second.
                let _ = publisher.publish(Some(standing(1, 33, 20)));
                publisher
            });
            let revoking = {
                let flag = flag.clone();
                spawn(move || {
                    flag.revoke();
                    assert!(!flag.may_act(at(5)) && !flag.allows(&pass, at(5)));
                    assert_eq!(flag.pass(at(5)), None);
                })
            };
            // Once refused, a check is refused for ever.
            if !flag.may_act(at(5)) {
                assert!(!flag.allows(&pass, at(5)));
            }
            revoking.join().unwrap();
            assert!(!flag.may_act(at(5)) && flag.pass(at(5)).is_none());
            let mut publisher = renewing.join().unwrap();
            assert!(!flag.may_act(at(5)));
            assert!(publisher.publish(Some(standing(1, 33, 30))).is_err());
            assert!(!flag.may_act(at(5)));
        });
    }

    /// A pass is of one stretch: never the token of one with the deadline of another.
    #[test]
    fn trap_33_no_pass_is_torn() {
        loom::model(|| {
            let (mut publisher, flag) = LeaseFlag::new();
            publisher.publish(Some(standing(1, 33, 10))).unwrap();
            let next = spawn(move || {
                publisher.publish(Some(standing(2, 34, 20))).unwrap();
                publisher
            });
            if let Some(pass) = flag.pass(at(15)) {
                assert_eq!((pass.stretch(), pass.token()), (2, FencingToken(34)));
            }
            if let Some(pass) = flag.pass(at(5)) {
                assert_eq!(pass.token().0, 32 + pass.stretch());
            }
            let _publisher = next.join().unwrap();
            assert_eq!(flag.pass(at(15)).unwrap().token(), FencingToken(34));
        });
    }

    /// Work of an old stretch is refused as soon as anybody has seen the next.
    #[test]
    fn trap_33_an_old_pass_is_not_revived_by_the_next_stretch() {
        loom::model(|| {
            let (mut publisher, flag) = LeaseFlag::new();
            publisher.publish(Some(standing(1, 33, 10))).unwrap();
            let old = flag.pass(at(5)).unwrap();
            let next = spawn(move || {
                publisher.publish(Some(standing(2, 33, 20))).unwrap();
                publisher
            });
            // The deadline of the first stretch has passed: only the second's could let it go on.
            assert!(!flag.allows(&old, at(15)));
            let seen = flag.pass(at(5));
            if seen.is_none_or(|pass| pass.stretch() == 2) {
                assert!(!flag.allows(&old, at(5)));
            }
            let _publisher = next.join().unwrap();
            assert!(!flag.allows(&old, at(5)));
        });
    }

    /// Two threads ask while the publisher goes away: whoever has been refused is not let through again.
    #[test]
    fn trap_33_nothing_is_held_once_the_publisher_is_gone() {
        loom::model(|| {
            let (mut publisher, flag) = LeaseFlag::new();
            publisher.publish(Some(standing(1, 33, 10))).unwrap();
            let gone = spawn(move || drop(publisher));
            let other = {
                let flag = flag.clone();
                spawn(move || (flag.may_act(at(5)), flag.may_act(at(5))))
            };
            let first = flag.may_act(at(5));
            assert!(first || !flag.may_act(at(5)));
            let (first, second) = other.join().unwrap();
            assert!(first || !second);
            gone.join().unwrap();
            assert!(!flag.may_act(at(5)));
        });
    }
}
