//! One who wants the lease, on a clock of its own.

use std::time::Duration;

use quorate_clocks::{Incarnation, LyingClock, SplitMix64};
use quorate_leases::{
    Ask, FencingToken, HolderConfig, HolderEvent, HolderRequest, LeaseHolder, Refusal,
};

use super::{any_drift, clock, put_to_sleep, read};

/// What a leader said.
#[derive(Clone, Copy)]
pub(crate) enum Said {
    Granted(FencingToken, Duration),
    Refused(Refusal),
}

pub(crate) struct Player {
    holder: LeaseHolder,
    clock: LyingClock,
    /// One that counts suspended time, if it looks at one.
    pub(crate) boot_clock: Option<LyingClock>,
    paused_until: u64,
    /// The token that it has raised the fence with.
    pub(crate) raised: Option<FencingToken>,
}

impl Player {
    pub(crate) fn new(
        random: &mut SplitMix64,
        config: HolderConfig,
        number: u64,
        drift_ppm: u32,
    ) -> Self {
        let drift = any_drift(random, drift_ppm);
        let clock = clock(random, drift);
        let seed = random.next_u64();
        let mut holder =
            LeaseHolder::new(config, Incarnation(number + 1), seed).expect("it is sound");
        holder.acquire(read(&clock, 0));
        Self {
            holder,
            boot_clock: Some(clock.clone()),
            clock,
            paused_until: 0,
            raised: None,
        }
    }

    /// Under which token it acts now, if it does: it believes that it may, and does not stand still.
    pub(crate) fn may_act(&self, truth: u64) -> Option<FencingToken> {
        if self.is_paused(truth) {
            return None;
        }
        let standing = self.holder.standing(read(&self.clock, truth))?;
        Some(standing.token)
    }

    pub(crate) const fn is_paused(&self, truth: u64) -> bool {
        truth < self.paused_until
    }

    pub(crate) fn pause(&mut self, until: u64) {
        self.paused_until = self.paused_until.max(until);
    }

    pub(crate) fn sleep(&mut self, truth: u64, for_long: u64) {
        self.pause(truth + for_long);
        put_to_sleep(&mut self.clock, truth, for_long);
    }

    /// It reads both clocks, as a driver does whenever it wakes up.
    fn look(&mut self, truth: u64) -> quorate_clocks::Instant {
        let now = read(&self.clock, truth);
        if let Some(boot_clock) = &self.boot_clock {
            self.holder.handle_clocks(now, read(boot_clock, truth));
        }
        now
    }

    pub(crate) fn turn(&mut self, truth: u64) -> Vec<HolderRequest> {
        if self.is_paused(truth) {
            return Vec::new();
        }
        let now = self.look(truth);
        self.holder.handle_timeout(now);
        while let Some(event) = self.holder.poll_event() {
            if let HolderEvent::Ended { stretch, .. } = event {
                self.raised = None;
                self.holder.handle_stopped(stretch, now);
            }
        }
        core::iter::from_fn(|| self.holder.poll_transmit(now)).collect()
    }

    pub(crate) fn hear(&mut self, truth: u64, request: HolderRequest, said: Said) {
        let now = self.look(truth);
        let ticket = request.ticket;
        match (said, request.ask) {
            (Said::Refused(refusal), _) => {
                self.holder.handle_refused(ticket, refusal, now);
            }
            (Said::Granted(token, remaining), Ask::Acquire { .. }) => {
                self.holder.handle_granted(ticket, token, remaining, now);
            }
            (Said::Granted(_, remaining), Ask::Renew { .. }) => {
                self.holder.handle_renewed(ticket, remaining, now);
            }
            (Said::Granted(..), Ask::Release { .. }) => {
                self.holder.handle_released(ticket, now);
            }
        }
    }

    /// It has had its turn: it gives the lease back, and asks for it again.
    pub(crate) fn let_others(&mut self, truth: u64) {
        let now = read(&self.clock, truth);
        if self.holder.standing(now).is_some() {
            self.holder.release(now);
        } else if !self.holder.is_wanted() {
            self.holder.acquire(now);
        }
    }
}
