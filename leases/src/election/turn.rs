//! What a candidate makes of what happened.

use alloc::sync::Arc;

use super::candidate::{Candidate, HeldBack, Led, Resigning, Stopping};
use super::weakness::{Weakness, weak};
use super::{DeposedReason, ElectionEvent};
use crate::{EndReason, FencingToken, HolderEvent, Standing};

impl Candidate {
    /// The next event. Changed by every other call; empty after at most four.
    pub fn poll_event(&mut self) -> Option<ElectionEvent> {
        if let Some((term, why)) = self.deposed.take() {
            return Some(ElectionEvent::Deposed { term, why });
        }
        if let Some(resigning) = self.given_back() {
            let Resigning { term, preferred } = resigning;
            if preferred.is_some() && !weak(Weakness::AsksAgainAtOnce) {
                self.hold_back();
            }
            self.settle();
            return Some(ElectionEvent::Resigned { term, preferred });
        }
        if let Some(led) = &mut self.led
            && !led.told
        {
            led.told = true;
            return Some(ElectionEvent::Elected {
                term: led.term,
                safe_until: led.safe,
            });
        }
        self.view.poll_event().map(ElectionEvent::from)
    }

    /// Follows up what the holder of the lease has to say, and asks again when it may.
    pub(super) fn settle(&mut self) {
        while let Some(event) = self.holder.poll_event() {
            match event {
                HolderEvent::Acquired(standing) | HolderEvent::Resumed(standing) => {
                    self.begin(standing);
                }
                HolderEvent::Ended {
                    stretch,
                    token,
                    why,
                } => self.end(stretch, token, why),
            }
        }
        if let Some(back) = self.held_back
            && !weak(Weakness::HoldsBackForEver)
            && !(back.since <= self.now && self.now < back.until)
        {
            self.held_back = None;
        }
        if self.may_ask_later() && self.held_back.is_none() {
            self.holder.acquire(self.now);
        }
    }

    /// It would ask, if nobody else were preferred.
    pub(super) fn may_ask_later(&self) -> bool {
        let stopped = self.stopping.is_none() || weak(Weakness::CampaignsBeforeStopped);
        self.running && stopped && self.resigning.is_none() && !self.holder.is_wanted()
    }

    /// The lease is held.
    fn begin(&mut self, standing: Standing) {
        let term = standing.token;
        let led_before = term <= self.last && !weak(Weakness::TermGoesOn);
        let newer = self.view.is_over(term);
        if led_before || (newer && !weak(Weakness::LeadsOlderTerm)) {
            // It is given back, and the next term is asked for.
            self.holder.release(self.now);
            return;
        }
        self.last = term;
        self.led = Some(Led {
            term,
            stretch: standing.stretch,
            safe: standing.safe,
            told: false,
        });
        self.view.hear(term, Some(&self.name));
    }

    /// The stretch is over.
    fn end(&mut self, stretch: u64, term: FencingToken, why: EndReason) {
        let cause = self.cause.take();
        let led = self.led.filter(|led| led.stretch == stretch);
        let told = led.is_some_and(|led| led.told);
        if led.is_some() && (told || !weak(Weakness::ToldTooLate)) {
            self.led = None;
        }
        if told {
            let reason = cause.unwrap_or(DeposedReason::Lease(why));
            self.deposed = Some((term, reason));
            self.stopping = Some(Stopping { term, stretch });
            if weak(Weakness::ReleasesBeforeStopped) {
                self.holder.handle_stopped(stretch, self.now);
            }
        } else {
            // Nobody was told, so nobody works in it.
            self.holder.handle_stopped(stretch, self.now);
            self.resigning = None;
        }
        if why == EndReason::Stalled && !weak(Weakness::StalledCampaigns) {
            self.running = false;
        }
        // Whatever is left of the grant is given back: a term is led once.
        if !weak(Weakness::TermGoesOn) {
            self.holder.release(self.now);
        }
    }

    /// Stops to lead, if it does, and to ask.
    pub(super) fn leave(&mut self, why: DeposedReason, preferred: Option<Arc<str>>) {
        if let Some(led) = self.led {
            self.cause = Some(why);
            if matches!(why, DeposedReason::Resigned | DeposedReason::Yielded) {
                let term = led.term;
                self.resigning = Some(Resigning { term, preferred });
            }
        }
        self.holder.release(self.now);
        self.settle();
        self.cause = None;
    }

    /// A newer term than the one that it leads has been heard of.
    pub(super) fn listen(&mut self) {
        let newest = self.view.newest_term();
        if self.led.is_some_and(|led| led.term < newest) && !weak(Weakness::NewerTermIgnored) {
            self.leave(DeposedReason::Superseded { newest }, None);
        }
    }

    /// It waits for the lease to be free, and hears that it is.
    pub(super) fn ask_now(&mut self) {
        if self.waits && self.led.is_none() && self.holder.is_wanted() {
            self.waits = false;
            // A new request, for the holder is not due to repeat the old one.
            self.holder.release(self.now);
            self.settle();
        }
    }

    pub(super) fn hold_back(&mut self) {
        self.held_back = Some(HeldBack {
            since: self.now,
            until: self.now.saturating_add(self.hold_back),
        });
        if self.led.is_none() && self.holder.is_wanted() {
            self.holder.release(self.now);
            self.settle();
        }
    }

    /// The term that was resigned, once nothing of it is left at the grantor.
    fn given_back(&mut self) -> Option<Resigning> {
        let over = self.stopping.is_none()
            && !self.holder.is_wanted()
            && self.holder.poll_timeout().is_none();
        match over || weak(Weakness::ResignedBeforeReleased) {
            true => self.resigning.take(),
            false => None,
        }
    }
}
