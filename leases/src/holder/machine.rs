//! The holder of one lease.

use core::time::Duration;

use quorate_clocks::{Incarnation, Instant, SplitMix64};

use super::clocks::TwoClocks;
use super::weakness::{Weakness, Weaknesses};
use super::{
    Ask, EndReason, HolderConfig, HolderConfigError, Progress, Standing, Ticket, schedule,
};
use crate::{FencingToken, SafeUntil};

/// Attempts whose answers are still of use. An earlier one is forgotten, and so is its answer.
const ATTEMPTS: usize = 8;

/// The holder of one lease: says when to ask for it, when to renew it, when to stop, and until when to act.
///
/// # The problem
///
/// A loop that renews a lease looks like ten lines: ask, sleep, ask again. Each of them has been got wrong
/// by somebody. The deadline was counted from the answer, so the holder acted on when its successor did
/// (etcd's client, Curator's `LOST`, PaxosLease in 2012). An answer that came late was taken for that of a
/// later request. Nobody noticed that the laptop had slept. A renewal came back after the deadline, and
/// what had been told to stop went on. A lease of half a second was renewed without a pause (rslock 0.10).
/// The heartbeat was healthy while the worker hung (LavinMQ #2151). The lease was given back before the
/// work had stopped (Kubernetes' client, PR #139991).
///
/// This is that loop as a machine without I/O. It does not send, sleep or read a clock, and it is small, so
/// that all its turns can be explored.
///
/// # The loop
///
/// 1. [`acquire`](Self::acquire) once, and [`release`](Self::release) in the end.
/// 2. [`poll_transmit`](Self::poll_transmit) until it is empty. Send what it gives to the grantor **after**
///    it returned, each as a call of its own, and hand the answer back with its ticket:
///    [`handle_granted`](Self::handle_granted), [`handle_renewed`](Self::handle_renewed),
///    [`handle_released`](Self::handle_released), [`handle_refused`](Self::handle_refused). Late, doubled,
///    reordered and lost answers do no harm.
/// 3. [`poll_event`](Self::poll_event) until it is empty. Begin, and stop. Publish
///    [`standing`](Self::standing) to the threads that do the work, through a
///    [`LeaseFlag`](crate::LeaseFlag).
/// 4. Wait until [`poll_timeout`](Self::poll_timeout) or an answer, call
///    [`handle_timeout`](Self::handle_timeout), and begin again at 2.
///
/// # What it holds to
///
/// - **It may act only while nobody else can be granted the lease**, if both clocks keep the
///   [`drift`](HolderConfig::drift) and what it asks is a [`LeaseTable`](crate::LeaseTable) or keeps the same
///   rules: no grant is freed before its time to live has passed since its last renewal arrived, none is cut
///   short by a renewal, none comes back. Every deadline counts from when *its own* request was sent.
/// - **A stretch that is over does not come back.** A grant that is renewed too late begins a new one.
/// - **A jump of the clock ends it**, and all that was asked before: only an answer to a new request to
///   acquire begins again. What was held is not even released, for in a machine that was restored from a
///   snapshot it may be another that holds it.
/// - **It stops first and releases then**, once it is told that the work has stopped. If that is never
///   told, the lease runs out by itself.
/// - **It never asks faster** than every [`min_pause`](HolderConfig::min_pause), whatever is answered. (What
///   it gives back goes at once.)
///
/// Against a pause between the check and the effect it can do nothing. Only a [`Fence`](crate::Fence) can.
///
/// It is made for leases that one holds at a time: a newer grant than the one that is answered tells it that
/// the older has ended. Of a shared one it may leave a grant behind that nobody waits for, until its time has
/// passed.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{Incarnation, Instant};
/// use quorate_leases::{Ask, HolderConfig, HolderEvent, LeaseHolder, LeaseTable, Limits};
///
/// let mut table = LeaseTable::new(Limits::default()); // elsewhere
/// let config = HolderConfig::new(Duration::from_secs(10));
/// // The incarnation is one that no life of this holder has had: random, or counted on disk.
/// let mut holder = LeaseHolder::new(config, Incarnation(1), 7)?;
/// let mut now = Instant::from_millis(500);
/// holder.acquire(now);
///
/// let mut began = None;
/// while now < Instant::from_millis(60_000) {
///     while let Some(request) = holder.poll_transmit(now) {
///         now = now + Duration::from_millis(3); // the round trip
///         match request.ask {
///             Ask::Acquire { request: id, ttl } => {
///                 match table.acquire(now, "disk", "ann", ttl, id.as_u128()) {
///                     Ok(grant) => {
///                         holder.handle_granted(request.ticket, grant.token, grant.remaining, now)
///                     }
///                     Err(error) => holder.handle_refused(request.ticket, (&error).into(), now),
///                 };
///             }
///             Ask::Renew { token, ttl } => {
///                 match table.renew(now, "disk", token, ttl) {
///                     Ok(grant) => holder.handle_renewed(request.ticket, grant.remaining, now),
///                     Err(error) => holder.handle_refused(request.ticket, (&error).into(), now),
///                 };
///             }
///             Ask::Release { token } => {
///                 let _ = table.release(now, "disk", token); // there, or gone already
///                 holder.handle_released(request.ticket, now);
///             }
///         }
///     }
///     while let Some(event) = holder.poll_event() {
///         match event {
///             HolderEvent::Acquired(standing) => began = Some(standing),
///             other => panic!("{other:?}"), // it is renewed in time
///         }
///     }
///     // Work, wait, and begin again.
///     now = holder.poll_timeout().unwrap_or(now).max(now);
///     holder.handle_timeout(now);
/// }
/// let standing = holder.standing(now).expect("it is still the same");
/// assert_eq!(Some(standing.stretch), began.map(|began| began.stretch));
/// # Ok::<(), quorate_leases::HolderConfigError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct LeaseHolder {
    pub(super) config: HolderConfig,
    pub(super) random: SplitMix64,
    pub(super) incarnation: Incarnation,
    /// The latest instant that any call carried.
    pub(super) now: Instant,
    /// What the last call carried: less, when the clock has gone back by no more than is tolerated.
    pub(super) read: Instant,
    /// The latest reading of two clocks.
    pub(super) clocks: Option<TwoClocks>,
    pub(super) wanted: bool,
    /// The number of the current wish.
    pub(super) wish: u64,
    pub(super) last_ticket: u64,
    pub(super) attempts: [Option<Attempt>; ATTEMPTS],
    pub(super) last_sent: Option<Instant>,
    pub(super) next_at: Instant,
    pub(super) failures: u32,
    /// The newest token heard of.
    pub(super) newest: FencingToken,
    /// A grant that is not known to have ended.
    pub(super) token: Option<FencingToken>,
    pub(super) held: Option<Held>,
    /// How many stretches there have been.
    pub(super) stretches: u64,
    /// The stretch that was told, and why it ended.
    pub(super) told: Option<Told>,
    /// The token of the stretch before.
    pub(super) before: Option<FencingToken>,
    /// The latest stretch that was told and of which work may still run.
    pub(super) working: Option<u64>,
    pub(super) release: Option<Release>,
    mark: Option<Progress>,
    marked_at: Instant,
    pub(super) weak: Weaknesses,
}

/// A request that was sent.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Attempt {
    pub(super) ticket: Ticket,
    pub(super) ask: Ask,
    pub(super) sent_at: Instant,
    /// By how much the clock has gone back since.
    pub(super) back: Duration,
    /// What two clocks showed before that.
    pub(super) clocks: Option<TwoClocks>,
}

/// A stretch that is not over, as far as is known.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Held {
    pub(super) standing: Standing,
    /// Until when it is safe by the clock of `now` alone.
    pub(super) by_one_clock: SafeUntil,
    /// What two clocks showed before the request was sent that it counts from.
    pub(super) clocks: Option<TwoClocks>,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Told {
    pub(super) stretch: u64,
    pub(super) token: FencingToken,
    pub(super) ended: Option<EndReason>,
}

/// A grant to be given back.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Release {
    pub(super) token: FencingToken,
    pub(super) next_at: Instant,
    pub(super) failures: u32,
    /// From then on it has ended by itself.
    pub(super) until: Instant,
}

impl LeaseHolder {
    /// A holder that does not want its lease yet.
    ///
    /// - `incarnation`: one that no holder with this owner's name has had. Drawn at random, or counted in
    ///   something durable. Requests are known by it, and a request that repeats is answered as the first
    ///   time.
    /// - `seed`: of the jitter; different for each holder.
    ///
    /// # Errors
    ///
    /// [`HolderConfigError`] if the configuration leaves no time to act in, or contradicts itself.
    pub fn new(
        config: HolderConfig,
        incarnation: Incarnation,
        seed: u64,
    ) -> Result<Self, HolderConfigError> {
        config.check()?;
        Ok(Self {
            config,
            random: SplitMix64::new(seed),
            incarnation,
            now: Instant::ORIGIN,
            read: Instant::ORIGIN,
            clocks: None,
            wanted: false,
            wish: 0,
            last_ticket: 0,
            attempts: [None; ATTEMPTS],
            last_sent: None,
            next_at: Instant::ORIGIN,
            failures: 0,
            newest: FencingToken::NONE,
            token: None,
            held: None,
            stretches: 0,
            told: None,
            before: None,
            working: None,
            release: None,
            mark: None,
            marked_at: Instant::ORIGIN,
            weak: Weaknesses::NONE,
        })
    }

    /// The lease is wanted: ask for it, and keep it, until [`release`](Self::release). Does nothing when it
    /// is already.
    pub fn acquire(&mut self, now: Instant) {
        self.advance(now);
        if !self.wanted {
            self.wanted = true;
            self.begin_wish();
        }
    }

    /// The lease is not wanted any more. The stretch ends at once; the lease is given back as soon as
    /// [`handle_stopped`](Self::handle_stopped) says that nothing is done under it.
    pub fn release(&mut self, now: Instant) {
        self.advance(now);
        self.let_go(EndReason::Released);
    }

    /// Nothing that was begun in this stretch, or before, runs any more.
    pub fn handle_stopped(&mut self, stretch: u64, now: Instant) {
        self.advance(now);
        if self.working.is_some_and(|working| working <= stretch) {
            self.working = None;
        }
    }

    /// Work was done. Only a mark that is larger than every one before counts; see
    /// [`progress_within`](HolderConfig::progress_within).
    pub fn handle_progress(&mut self, mark: Progress, now: Instant) {
        self.advance(now);
        if self.mark < Some(mark) || self.weak.has(Weakness::SameMarkIsProgress) {
            self.mark = Some(mark);
            self.marked_at = self.now;
        }
    }

    /// What two clocks of this machine show, read one right after the other: the one that `now` is always
    /// read from, and one that takes suspended time differently.
    ///
    /// On Linux `CLOCK_BOOTTIME` counts it and `CLOCK_MONOTONIC` does not; where `now` counts it already, the
    /// other is what tells that there was a suspension at all. One that is too short to end the lease shortens
    /// it, by as much as the other clock has counted more.
    ///
    /// Call this before every request is sent and before every answer is handled: what is between two calls is
    /// noticed at the second.
    pub fn handle_clocks(&mut self, now: Instant, other: Instant) {
        self.advance(now);
        let clocks = TwoClocks { now, other };
        let (drift, tolerance) = (self.config.drift, self.config.clock_tolerance);
        let held = self.held.and_then(|held| held.clocks);
        let asked = self.attempts.iter().flatten().filter_map(|it| it.clocks);
        let disagree = asked
            .chain(held)
            .any(|since| clocks.disagree(since, drift, tolerance));
        if disagree && !self.weak.has(Weakness::SuspensionIgnored) {
            self.poison(EndReason::ClocksDisagree);
        }
        self.clocks = Some(clocks);
        if let Some(held) = self.held {
            let safe = self.by_both_clocks(held.by_one_clock, held.clocks);
            self.held = Some(Held {
                standing: Standing {
                    safe,
                    ..held.standing
                },
                ..held
            });
            self.lapse();
        }
    }

    /// The machine was disrupted: restored from a snapshot, cloned or moved. Its clocks may have jumped
    /// together, and there may be another that believes to be this one. Hypervisors tell it by a number that
    /// changes (`VMGENID`, VMClock's disruption marker).
    ///
    /// `incarnation` is one that has not been used, as in [`new`](Self::new); that number, for example.
    pub fn handle_disruption(&mut self, incarnation: Incarnation, now: Instant) {
        if self.weak.has(Weakness::DisruptionIgnored) {
            return self.advance(now);
        }
        // Where the clock stands now has nothing to do with where it stood.
        (self.now, self.read) = (now, now);
        self.incarnation = incarnation;
        self.poison(EndReason::Disrupted);
    }

    /// Time has passed. Harmless when early, late or repeated.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
    }

    /// What the holder may act under at `now`, if it may. Publish it, when
    /// [`poll_event`](Self::poll_event) is empty; see [`LeaseFlag`](crate::LeaseFlag).
    ///
    /// Before its beginning was polled, no work of a stretch is known of: a [release](Self::release) then
    /// waits for nobody to [stop](Self::handle_stopped).
    pub fn standing(&self, now: Instant) -> Option<Standing> {
        let standing = self.held?.standing;
        standing.safe.is_safe(now).then_some(standing)
    }

    /// Whether the lease is wanted.
    pub const fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// How it was configured.
    pub const fn config(&self) -> &HolderConfig {
        &self.config
    }

    pub(super) fn advance(&mut self, now: Instant) {
        let back = self.read.since(now);
        self.read = now;
        let tolerated = now.saturating_add(self.config.clock_tolerance);
        if tolerated < self.now && !self.weak.has(Weakness::ClockBackIgnored) {
            self.now = now;
            self.poison(EndReason::ClockWentBack);
        } else if !self.weak.has(Weakness::ToleratedIsNotCounted) {
            self.count_back(back);
        }
        self.now = self.now.max(now);
        self.lapse();
        if self.stalls_at().is_some_and(|at| self.now >= at) {
            self.let_go(EndReason::Stalled);
        }
        if self.release.is_some_and(|it| self.now >= it.until) {
            self.release = None;
        }
    }

    /// What the clock has gone back it counts once more, and the grantor does not: each deadline that it
    /// was to tell comes so much sooner.
    fn count_back(&mut self, back: Duration) {
        for attempt in self.attempts.iter_mut().flatten() {
            attempt.back = attempt.back.saturating_add(back);
        }
        if let Some(held) = &mut self.held {
            held.by_one_clock = held.by_one_clock.guarded(back);
            held.standing.safe = held.standing.safe.guarded(back);
        }
    }

    /// Ends the stretch when its time is over.
    fn lapse(&mut self) {
        if let Some(held) = self.held
            && !held.standing.safe.is_safe(self.now)
            && !self.weak.has(Weakness::ResumesInSilence)
        {
            self.end(EndReason::Lapsed);
        }
    }

    /// Until when it is safe by both clocks, as of the latest reading, if this was safe by one of them and they
    /// showed that before the request was sent.
    pub(super) fn by_both_clocks(&self, safe: SafeUntil, then: Option<TwoClocks>) -> SafeUntil {
        match (then, self.clocks) {
            (Some(then), Some(clocks)) if !self.weak.has(Weakness::ToleratedIsNotCounted) => {
                safe.guarded(clocks.more(then))
            }
            _ => safe,
        }
    }

    /// Ends the stretch, if there is one.
    pub(super) fn end(&mut self, why: EndReason) {
        let Some(held) = self.held.take() else { return };
        if let Some(told) = &mut self.told
            && told.stretch == held.standing.stretch
        {
            told.ended = Some(why);
        }
    }

    /// Begins a stretch.
    pub(super) fn begin(
        &mut self,
        token: FencingToken,
        safe: SafeUntil,
        by_one_clock: SafeUntil,
        clocks: Option<TwoClocks>,
    ) {
        self.stretches = self.stretches.saturating_add(1);
        let standing = Standing {
            stretch: self.stretches,
            token,
            safe,
        };
        self.held = Some(Held {
            standing,
            by_one_clock,
            clocks,
        });
        self.marked_at = self.now;
    }

    /// A new wish, with an identity of its own.
    pub(super) fn begin_wish(&mut self) {
        self.wish = self.wish.wrapping_add(1);
        self.token = None;
        self.failures = 0;
        self.next_at = self.now;
    }

    /// Gives the grant back, once nothing is done under it.
    pub(super) fn give_back(&mut self, token: FencingToken) {
        self.release = Some(Release {
            token,
            next_at: self.now,
            failures: 0,
            until: self.now + self.config.drift.at_most(self.config.ttl),
        });
    }

    pub(super) fn wait(&mut self, failures: u32, left: Option<Duration>) -> Duration {
        schedule::wait(&self.config, failures, left, &mut self.random, self.weak)
    }

    fn let_go(&mut self, why: EndReason) {
        self.wanted = false;
        self.end(why);
        if let Some(token) = self.token.take() {
            self.give_back(token);
        }
    }

    /// Nothing that was known of the lease is worth anything now.
    fn poison(&mut self, why: EndReason) {
        self.end(why);
        if let Some(token) = self.token
            && self.weak.has(Weakness::ReleasesAfterJump)
        {
            self.give_back(token);
        } else {
            self.release = None;
        }
        if !self.weak.has(Weakness::OldAnswersAfterJump) {
            self.attempts = [None; ATTEMPTS];
        }
        self.clocks = None;
        self.last_sent = None;
        self.begin_wish();
        // Not at once: clocks that keep jumping do not make it ask without a pause.
        self.next_at = self.now + self.config.min_pause;
    }

    pub(super) fn stalls_at(&self) -> Option<Instant> {
        let within = self.config.progress_within?;
        let stalls = self.held.is_some() && !self.weak.has(Weakness::RenewsWithoutProgress);
        stalls.then(|| self.marked_at + within)
    }
}
