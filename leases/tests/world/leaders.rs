//! The lease table as a replicated log has it: one leader at a time stamps the commands, each by its own clock, and
//! what it has not committed when it is cut off never happens.

use quorate_clocks::{Instant, LyingClock, SplitMix64};
use quorate_leases::{Ask, FencingToken, HolderRequest, LeaseClock, LeaseTable, Limits};

use super::holder::Said;
use super::{NAME, SECOND, Seen, any_drift, clock, read};

pub(crate) struct Leaders {
    table: LeaseTable,
    /// The leader's own clock, and how the table's time goes on from it.
    own: LyingClock,
    stamps: LeaseClock,
    /// Until then there is no leader.
    away_until: u64,
    /// The end of the lease before the failover, for when there is a leader again.
    promised: Option<(FencingToken, Instant)>,
    drift_ppm: u32,
    newest: FencingToken,
}

impl Leaders {
    pub(crate) fn new(random: &mut SplitMix64, drift_ppm: u32) -> Self {
        let table = LeaseTable::new(Limits::default());
        let drift = any_drift(random, drift_ppm);
        let own = clock(random, drift);
        let stamps = LeaseClock::continue_from(table.now(), read(&own, 0));
        Self {
            table,
            own,
            stamps,
            away_until: 0,
            promised: None,
            drift_ppm,
            newest: FencingToken::NONE,
        }
    }

    fn now(&self, truth: u64) -> Instant {
        self.stamps.at(read(&self.own, truth))
    }

    fn is_away(&self, truth: u64) -> bool {
        truth < self.away_until
    }

    /// Who holds the lease. While there is no leader, time stands still.
    pub(crate) fn held(&self, truth: u64) -> Option<FencingToken> {
        let now = match self.is_away(truth) {
            true => self.table.now(),
            false => self.now(truth),
        };
        Some(self.table.get(now, NAME)?.token)
    }

    /// The leader is cut off, and another comes after a while.
    pub(crate) fn fail_over(&mut self, random: &mut SplitMix64, truth: u64, seen: &mut Seen) {
        if self.is_away(truth) {
            return;
        }
        seen.failovers += 1;
        let last = self.table.now();
        if let Some(lease) = self.table.get(last, NAME) {
            seen.failovers_while_held += 1;
            self.promised = Some((lease.token, lease.expires_at));
        }
        // It did decide, by its own clock, that the lease is over, and nobody ever hears of it.
        let mut stalled = self.table.clone();
        stalled.expire(self.now(truth + SECOND));
        // The next leader has the log, from a snapshot or not, and a clock that has nothing to do with it.
        if random.one_in(2) {
            let bytes = self.table.snapshot();
            self.table = LeaseTable::restore(self.table.limits(), &bytes).expect("its own bytes");
        }
        let drift = any_drift(random, self.drift_ppm);
        self.own = clock(random, drift);
        self.away_until = truth + random.below(3 * SECOND);
        self.stamps = LeaseClock::continue_from(last, read(&self.own, self.away_until));
    }

    /// Time passes. When there is a leader again it finds every lease as it was.
    pub(crate) fn step(&mut self, truth: u64) {
        if self.is_away(truth) {
            return;
        }
        let now = self.now(truth);
        if let Some((token, expires_at)) = self.promised.take()
            && let Some(lease) = self.table.get(self.table.now(), NAME)
            && lease.token == token
        {
            assert!(lease.expires_at >= expires_at, "cut short by the failover");
        }
        for expired in self.table.expire(now) {
            assert!(expired.expired_at <= now);
        }
    }

    pub(crate) fn decide(
        &mut self,
        truth: u64,
        player: usize,
        request: HolderRequest,
        seen: &mut Seen,
    ) -> Option<Said> {
        if self.is_away(truth) {
            return None;
        }
        let now = self.now(truth);
        let owner = format!("player {player}");
        Some(match request.ask {
            Ask::Acquire { request: id, ttl } => {
                match self.table.acquire(now, NAME, &owner, ttl, id.as_u128()) {
                    Ok(grant) => {
                        assert!(grant.token >= self.newest, "a token came back");
                        seen.grants += u64::from(grant.token > self.newest);
                        self.newest = grant.token;
                        Said::Granted(grant.token, grant.remaining)
                    }
                    Err(error) => Said::Refused((&error).into()),
                }
            }
            Ask::Renew { token, ttl } => match self.table.renew(now, NAME, token, ttl) {
                Ok(grant) => Said::Granted(token, grant.remaining),
                Err(error) => Said::Refused((&error).into()),
            },
            Ask::Release { token } => {
                let _ = self.table.release(now, NAME, token);
                Said::Granted(token, core::time::Duration::ZERO)
            }
        })
    }
}
