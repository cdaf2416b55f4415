//! One who wants to lead.

use alloc::sync::Arc;
use core::time::Duration;

use quorate_clocks::{Incarnation, Instant};

use super::weakness::{Weakness, weak};
use super::{CandidateConfig, DeposedReason, LeaderNameTooLong, LeaderView};
use crate::{
    FencingToken, HolderConfigError, HolderRequest, LeaseHolder, Progress, Refusal, SafeUntil,
    Standing, Ticket,
};

/// One who stands for election, leads, and resigns: the leader is whoever holds a lease, and its term is
/// the number of the grant.
///
/// # The problem
///
/// An election is a lease, and then some. A leader that restarts finds its own name in the record, and
/// leads on without knowing what it did (PaxosLease compared owners without their incarnation; Oban
/// #1488: two nodes led for 19 days, since a renewal was matched by name). One that lost its lease for a moment
/// goes on in the same term as if nothing had been between. One that resigns gives the lease back, and
/// then stops (Kubernetes' client, PR #139991). An observer that reads from a replica which is behind goes
/// back to the leader of before.
///
/// # What it holds to
///
/// - **A term is a number**, the [token](FencingToken) of the grant. Terms grow, whoever leads; each is led
///   once, by one candidate, in one stretch. A leader whose lease lapsed is deposed, and has to be
///   elected again, in a new term, even if nobody else was.
/// - **A leader is told by its term**, never by its name. A candidate that finds its own name in the record
///   is not elected by that: it is a former life's, or another's.
/// - **It leads only while nobody else can**, within the bound on drift; that is the
///   [`LeaseHolder`]'s doing, with all its rules: every deadline counts from sending.
/// - **News of a newer term deposes**, whatever the clock says.
/// - **It stops first and releases after.** Until it is told that nothing is done in the old term, it
///   neither gives the lease back nor asks for a new one.
///
/// Against a pause between the check and the effect it can do nothing. Send the term with every effect,
/// to a [`Fence`](crate::Fence), and raise it there first: [`Armed`](crate::Armed).
///
/// # The loop
///
/// It is that of a [`LeaseHolder`], with [`ElectionEvent`](crate::ElectionEvent)s. [`campaign`](Self::campaign);
/// then [`poll_transmit`](Self::poll_transmit), send, and hand the answer back with its ticket;
/// [`poll_event`](Self::poll_event); wait until [`poll_timeout`](Self::poll_timeout), and
/// [`handle_timeout`](Self::handle_timeout).
///
/// What is asked ([`Ask`](crate::Ask)) is the same for every grantor. The caller adds the name of the election and
/// of the candidate, and carries it there. What a grantor has to keep to is said at [`LeaseHolder`]; and its tokens
/// grow from grant to grant, across restarts.
///
/// | `Ask` | [`LeaseTable`](crate::LeaseTable) | etcd | a record with a compare-and-set |
/// |---|---|---|---|
/// | `Acquire` | `acquire` | attach a key to a lease, if its create revision is 0 | write it, if it has ended by an [`Observer`](crate::Observer) |
/// | its token | of the grant | the create revision of the key | a count in the record, up by one at *every* acquisition |
/// | `Renew` | `renew` | keep the lease alive | write it, if it is still this one's |
/// | `Release` | `release` | delete the key, if that is its create revision | mark it as free, if it is still this one's |
///
/// A record that counts only when the *name* changes, as `leaseTransitions` of Kubernetes does, has no terms: who
/// restarts goes on in its own.
///
/// News of leaders come by a watch, or with the answers: hand them to [`handle_leader`](Self::handle_leader)
/// and [`handle_vacant`](Self::handle_vacant). Who only watches needs no candidate: [`LeaderView`].
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{Incarnation, Instant};
/// use quorate_leases::{
///     Ask, Candidate, CandidateConfig, DeposedReason, ElectionEvent, LeaseTable, Limits,
/// };
///
/// let mut table = LeaseTable::new(Limits::default()); // elsewhere
/// let config = CandidateConfig::new("ann", Duration::from_secs(10));
/// let mut ann = Candidate::new(config, Incarnation(1), 7)?;
///
/// /// Sends what there is, and brings the answers back.
/// fn exchange(candidate: &mut Candidate, table: &mut LeaseTable, now: Instant) {
///     while let Some(request) = candidate.poll_transmit(now) {
///         let ticket = request.ticket;
///         match request.ask {
///             Ask::Acquire { request, ttl } => {
///                 match table.acquire(now, "leader", candidate.name(), ttl, request.as_u128()) {
///                     Ok(grant) => candidate.handle_granted(ticket, grant.token, grant.remaining, now),
///                     Err(error) => candidate.handle_refused(ticket, (&error).into(), now),
///                 };
///             }
///             Ask::Renew { token, ttl } => {
///                 match table.renew(now, "leader", token, ttl) {
///                     Ok(grant) => candidate.handle_renewed(ticket, grant.remaining, now),
///                     Err(error) => candidate.handle_refused(ticket, (&error).into(), now),
///                 };
///             }
///             Ask::Release { token } => {
///                 let _ = table.release(now, "leader", token); // there, or gone already
///                 candidate.handle_released(ticket, now);
///             }
///         }
///     }
/// }
///
/// let now = Instant::from_millis(500);
/// ann.campaign(now);
/// exchange(&mut ann, &mut table, now);
/// let Some(ElectionEvent::Elected { term, safe_until }) = ann.poll_event() else { panic!() };
/// assert!(safe_until.is_safe(now));
///
/// let now = Instant::from_millis(900);
/// ann.resign(now);
/// assert!(ann.standing(now).is_none());
/// let Some(ElectionEvent::Deposed { why: DeposedReason::Resigned, .. }) = ann.poll_event() else { panic!() };
/// exchange(&mut ann, &mut table, now);
/// assert!(table.get(now, "leader").is_some()); // it may still be writing
/// ann.handle_stopped(term, now);
/// exchange(&mut ann, &mut table, now);
/// assert!(table.get(now, "leader").is_none());
/// # Ok::<(), quorate_leases::HolderConfigError>(())
/// ```
///
/// # Handing over
///
/// A leader that is to be drained, or knows of one that is better placed, [yields](Self::yield_to) to it: it
/// resigns, and the others [hold back](Self::handle_hand_over) for a while. It is a wish and no
/// appointment: the one that is preferred is elected like everybody, and if it does not come, somebody
/// else is.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Candidate {
    pub(super) name: Arc<str>,
    pub(super) hold_back: Duration,
    pub(super) holder: LeaseHolder,
    pub(super) view: LeaderView,
    /// The latest instant that a call carried.
    pub(super) now: Instant,
    /// It wants to lead.
    pub(super) running: bool,
    /// The term that it leads.
    pub(super) led: Option<Led>,
    /// The latest term that it led.
    pub(super) last: FencingToken,
    /// A term in which work may still run.
    pub(super) stopping: Option<Stopping>,
    /// Why it is about to let go.
    pub(super) cause: Option<DeposedReason>,
    /// What is to be told.
    pub(super) deposed: Option<(FencingToken, DeposedReason)>,
    /// A term that is being given back.
    pub(super) resigning: Option<Resigning>,
    /// Another candidate is preferred.
    pub(super) held_back: Option<HeldBack>,
    /// The latest term after which somebody was preferred.
    pub(super) handed_over: FencingToken,
    /// The last answer was that somebody else leads.
    pub(super) waits: bool,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Led {
    pub(super) term: FencingToken,
    pub(super) stretch: u64,
    pub(super) safe: SafeUntil,
    pub(super) told: bool,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Stopping {
    pub(super) term: FencingToken,
    pub(super) stretch: u64,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Resigning {
    pub(super) term: FencingToken,
    pub(super) preferred: Option<Arc<str>>,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct HeldBack {
    pub(super) since: Instant,
    pub(super) until: Instant,
}

impl Candidate {
    /// A candidate that does not stand for election yet. `incarnation` and `seed` are as for
    /// [`LeaseHolder::new`].
    ///
    /// # Errors
    ///
    /// [`HolderConfigError`] if the lease is configured in a way that leaves no time to lead.
    pub fn new(
        config: CandidateConfig,
        incarnation: Incarnation,
        seed: u64,
    ) -> Result<Self, HolderConfigError> {
        Ok(Self {
            name: Arc::from(config.name),
            hold_back: config.hold_back,
            holder: LeaseHolder::new(config.holder, incarnation, seed)?,
            view: LeaderView::new(config.max_name_bytes),
            now: Instant::ORIGIN,
            running: false,
            led: None,
            last: FencingToken::NONE,
            stopping: None,
            cause: None,
            deposed: None,
            resigning: None,
            held_back: None,
            handed_over: FencingToken::NONE,
            waits: false,
        })
    }

    /// Stands for election, until it [resigns](Self::resign).
    pub fn campaign(&mut self, now: Instant) {
        self.handle_timeout(now);
        self.running = true;
        self.settle();
    }

    /// Does not want to lead any more. A leader is [deposed](crate::ElectionEvent::Deposed) at once; its lease is
    /// given back when [`handle_stopped`](Self::handle_stopped) says that nothing is done in its term, and
    /// then it is told to have [resigned](crate::ElectionEvent::Resigned).
    pub fn resign(&mut self, now: Instant) {
        self.handle_timeout(now);
        self.running = weak(Weakness::ResignedCampaigns);
        self.leave(DeposedReason::Resigned, None);
    }

    /// Resigns in favour of another candidate, and stands for election again after that has had its chance.
    /// Returns whether it led, and had been told so: else nothing has changed.
    ///
    /// The caller tells the others, when it is told to have [resigned](crate::ElectionEvent::Resigned).
    pub fn yield_to(&mut self, preferred: &str, now: Instant) -> bool {
        self.handle_timeout(now);
        let leads = self.led.is_some_and(|led| led.told) && *preferred != *self.name;
        if leads {
            self.leave(DeposedReason::Yielded, Some(Arc::from(preferred)));
        }
        leads
    }

    /// Nothing that was begun in this term, or before, runs any more.
    pub fn handle_stopped(&mut self, term: FencingToken, now: Instant) {
        self.handle_timeout(now);
        if let Some(stopping) = self.stopping
            && stopping.term <= term
        {
            self.stopping = None;
            self.holder.handle_stopped(stopping.stretch, now);
            self.settle();
        }
    }

    /// The grantor's record, or somebody who has seen it, says who leads in which term. Older news do no harm.
    ///
    /// # Errors
    ///
    /// [`LeaderNameTooLong`]: the term counts all the same.
    pub fn handle_leader(
        &mut self,
        term: FencingToken,
        name: &str,
        now: Instant,
    ) -> Result<(), LeaderNameTooLong> {
        self.handle_timeout(now);
        let heard = self.view.handle_leader(term, name);
        if weak(Weakness::LeadsByName) && *name == *self.name && self.led.is_none() {
            let safe = SafeUntil::new(
                now,
                self.holder.config().ttl,
                crate::Drift::NONE,
                Duration::ZERO,
            );
            self.led = Some(Led {
                term,
                stretch: 0,
                safe,
                told: false,
            });
        }
        self.listen();
        heard.map(|_| ())
    }

    /// The grantor's record says that the term `after` is over, and nobody leads since. Who waits for that asks at
    /// once.
    ///
    /// It is the term of the record that was seen to end: of [`LeaseEvent::Released`](crate::LeaseEvent::Released) and
    /// its like. Where there is just no record, nothing is known of a term that may be newer than the look.
    pub fn handle_vacant(&mut self, after: FencingToken, now: Instant) {
        self.handle_timeout(now);
        let news = self.view.handle_vacant(after);
        if let Some(led) = self.led
            && led.term <= after
        {
            self.leave(DeposedReason::Superseded { newest: after }, None);
        } else if news {
            self.ask_now();
        }
    }

    /// The leader of the term `after` has resigned in favour of a candidate. That one asks at once; the others hold
    /// back, for as long as they are [configured](CandidateConfig::hold_back) to.
    ///
    /// Harmless when it is late or repeated.
    pub fn handle_hand_over(&mut self, after: FencingToken, to: &str, now: Instant) {
        self.handle_timeout(now);
        let old = after < self.view.newest_term() && !weak(Weakness::OldPreferenceCounts);
        let again = after <= self.handed_over
            && !weak(Weakness::CopiesProlong)
            && !weak(Weakness::OldPreferenceCounts);
        let leads = self.led.is_some_and(|led| led.term > after);
        if old || again || leads || after == FencingToken::NONE {
            return;
        }
        self.handed_over = after;
        if *to == *self.name {
            self.held_back = None;
        } else if !weak(Weakness::PreferenceIgnored) {
            self.hold_back();
        }
        self.handle_vacant(after, now);
        self.settle();
    }

    /// As [`LeaseHolder::handle_granted`].
    pub fn handle_granted(
        &mut self,
        ticket: Ticket,
        term: FencingToken,
        remaining: Duration,
        now: Instant,
    ) -> bool {
        self.handle_timeout(now);
        let used = self.holder.handle_granted(ticket, term, remaining, now);
        self.settle();
        used
    }

    /// As [`LeaseHolder::handle_renewed`].
    pub fn handle_renewed(&mut self, ticket: Ticket, remaining: Duration, now: Instant) -> bool {
        self.handle_timeout(now);
        let used = self.holder.handle_renewed(ticket, remaining, now);
        self.settle();
        used
    }

    /// As [`LeaseHolder::handle_released`].
    pub fn handle_released(&mut self, ticket: Ticket, now: Instant) -> bool {
        self.handle_timeout(now);
        let used = self.holder.handle_released(ticket, now);
        self.settle();
        used
    }

    /// As [`LeaseHolder::handle_refused`].
    pub fn handle_refused(&mut self, ticket: Ticket, refusal: Refusal, now: Instant) -> bool {
        self.handle_timeout(now);
        let used = self.holder.handle_refused(ticket, refusal, now);
        self.waits = used && matches!(refusal, Refusal::Held { .. });
        self.settle();
        used
    }

    /// As [`LeaseHolder::handle_progress`]. A leader that shows none lets go, and does not stand for election until
    /// it is told to [campaign](Self::campaign) again.
    pub fn handle_progress(&mut self, mark: Progress, now: Instant) {
        self.handle_timeout(now);
        self.holder.handle_progress(mark, now);
    }

    /// As [`LeaseHolder::handle_clocks`].
    pub fn handle_clocks(&mut self, now: Instant, other: Instant) {
        self.holder.handle_clocks(now, other);
        self.handle_timeout(now);
    }

    /// As [`LeaseHolder::handle_disruption`].
    pub fn handle_disruption(&mut self, incarnation: Incarnation, now: Instant) {
        self.holder.handle_disruption(incarnation, now);
        self.now = now;
        self.held_back = None;
        self.settle();
    }

    /// Time has passed. Harmless when early, late or repeated.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.holder.handle_timeout(now);
        self.now = now;
        self.settle();
    }

    /// As [`LeaseHolder::poll_transmit`].
    pub fn poll_transmit(&mut self, now: Instant) -> Option<HolderRequest> {
        self.handle_timeout(now);
        let request = self.holder.poll_transmit(now)?;
        if matches!(request.ask, crate::Ask::Acquire { .. }) {
            self.waits = false;
        }
        Some(request)
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) and [`poll_transmit`](Self::poll_transmit) again, if
    /// nothing else happens. Changed by every other call.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let comes_back = self.held_back.filter(|_| self.may_ask_later());
        [self.holder.poll_timeout(), comes_back.map(|it| it.until)]
            .into_iter()
            .flatten()
            .min()
    }

    /// The term that it leads at `now`, as it may act in it: from when it was told to be elected. Publish it to
    /// the threads that work, through a [`LeaseFlag`](crate::LeaseFlag).
    pub fn standing(&self, now: Instant) -> Option<Standing> {
        let led = self.led.filter(|led| led.told)?;
        let standing = self.holder.standing(now)?;
        (standing.stretch == led.stretch).then_some(standing)
    }

    /// Whether it stands for election, or leads.
    pub const fn is_running(&self) -> bool {
        self.running
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Who leads, as far as is known. Where to ask, and nothing else: that it names this candidate does not make
    /// it the leader.
    pub const fn view(&self) -> &LeaderView {
        &self.view
    }
}
