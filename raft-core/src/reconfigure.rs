//! A cluster that changes its members (Raft §6; thesis §4).

use alloc::vec::Vec;

use quorate_clocks::{Instant, NodeId};

use crate::progress::{Mode, Progress};
use crate::{
    Cause, ChangeError, Event, Index, Membership, MembershipChange, Payload, Position, Raft, Role,
    Transition,
};

impl Raft {
    /// Who the members are, as far as this one knows: by the newest entry of its log that says so, whether it
    /// is committed or not.
    pub const fn membership(&self) -> &Membership {
        self.log.members().current()
    }

    /// The entry that names the members. Zero for the founders, whom no entry names.
    pub const fn membership_index(&self) -> Index {
        self.log.members().index()
    }

    /// Who the members were at an entry: what belongs into a [`Snapshot`](crate::Snapshot) of the state
    /// there. None if the log does not hold that entry any more, or not yet.
    pub fn membership_at(&self, index: Index) -> Option<&Membership> {
        self.log.membership_at(index)
    }

    /// Begins a change of the members as they are now.
    pub fn change(&self) -> MembershipChange {
        MembershipChange::of(self.membership_index(), self.membership())
    }

    /// Appends a change of the members to the log of the leader.
    ///
    /// The change holds from now on, here and on each member that gets its entry. It is done when
    /// [`Event::Committed`] brings an entry with the position that is given back; through a joint membership
    /// that is only the first half, and a second entry follows, by the leader on its own or by
    /// [`leave_joint`](Self::leave_joint).
    ///
    /// A leader that is not among the new voters leads until its change is committed, hands over to the best
    /// of them, and steps down.
    ///
    /// # Errors
    ///
    /// With what is in the way. Nothing has changed then.
    pub fn change_membership(
        &mut self,
        change: &MembershipChange,
        now: Instant,
    ) -> Result<Position, ChangeError> {
        self.advance(now);
        self.may_change()?;
        let newest = self.membership_index();
        if change.base() != newest {
            let base = change.base();
            return Err(ChangeError::Stale { base, newest });
        }
        if self.membership().is_joint() {
            return Err(ChangeError::Joint);
        }
        let target = change.target().map_err(ChangeError::Invalid)?;
        self.check_target(&target, change.is_patient())?;
        let current = self.membership();
        let in_one_step = current.voters().is_one_step_from(target.voters());
        let membership = match change.transition() {
            Transition::Shortest if in_one_step => target,
            Transition::Shortest | Transition::Joint => current.joint_with(&target, true),
            Transition::JointUntilLeft => current.joint_with(&target, false),
        };
        Ok(self.append_membership(membership))
    }

    /// Leaves a joint membership, also one that the leader would leave on its own.
    ///
    /// # Errors
    ///
    /// With what is in the way. Nothing has changed then.
    pub fn leave_joint(&mut self, now: Instant) -> Result<Position, ChangeError> {
        self.advance(now);
        self.may_change()?;
        if !self.membership().is_joint() {
            return Err(ChangeError::NotJoint);
        }
        let left = self.membership().left();
        Ok(self.append_membership(left))
    }

    /// Makes these the members **without asking anybody**, to get on after most voters are lost for good.
    ///
    /// This breaks what Raft promises: whatever the lost voters had committed and this member does not hold
    /// is gone, and if they are *not* lost, there are two clusters from now on. Only people can know that
    /// they are. Of those who are left, use the one whose [`Status::last`](crate::Status::last) is the
    /// greatest, on that one alone, and start the others with empty disks.
    ///
    /// This member stands for election among the new ones when it is next called with a later time.
    ///
    /// # Errors
    ///
    /// On a leader, which has a quorum and does not need it; and when this member could not lead.
    pub fn force_membership(
        &mut self,
        membership: Membership,
        now: Instant,
    ) -> Result<Position, ChangeError> {
        self.advance(now);
        self.close_proposals();
        if self.role == Role::Leader {
            let index = self.membership_index();
            return Err(ChangeError::Pending { index });
        }
        if !membership.can_lead(self.config.id) {
            return Err(ChangeError::NoVoters);
        }
        if !self.log.has_place() {
            return Err(ChangeError::LogFull);
        }
        // A term that no leader is known to have written in.
        let term = self.hard_state.term.next();
        self.become_follower(term, None, Cause::MembershipForced);
        let position = self.append_own(Payload::Membership(membership));
        self.leader_heard = None;
        self.no_vote_until = self.now;
        self.election_at = self.now;
        self.tell_role();
        Ok(position)
    }

    /// Whether this node may change the members now, but for what the change is.
    fn may_change(&mut self) -> Result<(), ChangeError> {
        self.close_proposals();
        if self.role != Role::Leader {
            let leader = self.leader;
            return Err(ChangeError::NotLeader { leader });
        }
        if let Some(to) = self.transferring() {
            return Err(ChangeError::Transferring { to });
        }
        // An earlier leader's change may be lost or not until then: two changes that do not know of each
        // other have quorums that do not meet (Ongaro, raft-dev, July 2015).
        if self.commit < self.term_start {
            return Err(ChangeError::NotReady);
        }
        let index = self.membership_index();
        if index > self.commit {
            return Err(ChangeError::Pending { index });
        }
        if !self.log.has_place() {
            return Err(ChangeError::LogFull);
        }
        Ok(())
    }

    fn check_target(&self, target: &Membership, is_patient: bool) -> Result<(), ChangeError> {
        let current = self.membership();
        if target.voters().is_empty() {
            return Err(ChangeError::NoVoters);
        }
        if target == current {
            return Err(ChangeError::NothingChanges);
        }
        let (members, limit) = (target.members().len(), self.config.max_outbox);
        if members > limit {
            return Err(ChangeError::TooManyForOutbox { members, limit });
        }
        let last = self.log.last().index;
        for &id in target.members() {
            let is_witness = target.is_witness(id);
            if current.contains(id) && is_witness != current.is_witness(id) {
                return Err(ChangeError::WitnessForGood { id });
            }
            let is_new = target.is_voter(id) && !current.is_voter(id) && !is_witness;
            let peer = self.peers.iter().find(|peer| peer.id == id);
            let matched = peer.map_or(Index::ZERO, |peer| peer.matched);
            let lag = last.0.saturating_sub(matched.0);
            if is_new && is_patient && lag > self.config.max_promotion_lag {
                return Err(ChangeError::NotCaughtUp { id, matched, last });
            }
        }
        Ok(())
    }

    fn append_membership(&mut self, membership: Membership) -> Position {
        let position = self.append_own(Payload::Membership(membership));
        self.tell_role();
        position
    }

    /// Takes note of what the log says about the members, if it has changed.
    #[inline]
    pub(crate) fn notice_members(&mut self) {
        if self.log.take_changed_members() {
            self.members_changed();
        }
    }

    fn members_changed(&mut self) {
        self.counters.0.membership_changes += 1;
        let membership = self.membership().clone();
        let me = self.config.id;
        let others = membership.members().iter().copied();
        self.others = others.filter(|&id| id != me).collect();
        if self.role == Role::Leader {
            self.follow_members();
            if self
                .transferring()
                .is_some_and(|to| !membership.can_lead(to))
            {
                self.abort_transfer();
            }
            // Fewer may be enough now.
            self.advance_commit();
            self.advance_reads();
        }
        let index = self.membership_index();
        let changed = Event::MembershipChanged { index, membership };
        self.replace_event(
            |event| matches!(event, Event::MembershipChanged { .. }),
            changed,
        );
    }

    /// Gives every member a progress, and keeps those that there are. Whoever is removed keeps his until that
    /// is committed, so that he learns of it.
    pub(crate) fn follow_members(&mut self) {
        let membership = self.membership().clone();
        let next = self.log.last().index.next();
        for &id in &self.others {
            if !self.peers.iter().any(|peer| peer.id == id) {
                self.peers.push(Progress::new(id, next, self.now));
            }
        }
        self.peers.sort_unstable_by_key(|peer| peer.id);
        for peer in &mut self.peers {
            peer.is_witness = membership.is_witness(peer.id);
        }
    }

    /// The newest entry that names the members is committed.
    pub(crate) fn membership_committed(&mut self) {
        if self.role != Role::Leader || self.membership_index() > self.commit {
            return;
        }
        let membership = self.membership().clone();
        let gone = |peer: &Progress| !membership.contains(peer.id);
        for at in 0..self.peers.len() {
            if self.peers.get(at).is_some_and(gone) {
                self.tell_commit(at);
            }
        }
        self.peers.retain(|peer| !gone(peer));
        if membership.is_joint() {
            if membership.leaves_alone() && self.log.has_place() {
                self.append_own(Payload::Membership(membership.left()));
            }
        } else if !membership.is_voter(self.config.id) {
            self.retire();
        }
    }

    /// Steps down as one who does not vote any more, but first tells the others that this is committed: they
    /// may have no other way to learn it (thesis §4.2.2).
    fn retire(&mut self) {
        for at in 0..self.peers.len() {
            self.tell_commit(at);
        }
        let last = self.log.last().index;
        let can_lead = |peer: &&Progress| self.membership().can_lead(peer.id);
        let up_to_date = self
            .peers
            .iter()
            .filter(can_lead)
            .find(|peer| peer.matched == last);
        // Permits for reads that were given must run out first. Then a timeout brings a leader.
        if let Some(heir) = up_to_date.map(|peer| peer.id)
            && self.now >= self.permits_until
        {
            self.send_timeout_now(heir);
        }
        self.become_follower(self.hard_state.term, None, Cause::Removed);
    }

    /// Tells a follower that is not sent anything else how far the log is committed.
    fn tell_commit(&mut self, at: usize) {
        let Some(peer) = self.peers.get(at) else {
            return;
        };
        let known = self.commit.min(peer.matched);
        if matches!(peer.mode, Mode::Replicate { .. }) && known > peer.sent_commit {
            self.send_commit(at, known);
        }
    }

    /// What each voter says, or this node itself.
    pub(crate) fn reached_by_quorum<T: Copy + Default + Ord>(
        &self,
        own: T,
        of_peer: impl Fn(&Progress) -> T,
    ) -> Option<T> {
        let me = self.config.id;
        self.membership().reached(|id| {
            if id == me {
                return own;
            }
            let peer = self.peers.iter().find(|peer| peer.id == id);
            peer.map_or_else(T::default, &of_peer)
        })
    }

    /// Everybody else who votes.
    pub(crate) fn other_voters(&self) -> Vec<NodeId> {
        let votes = |id: &NodeId| self.membership().is_voter(*id);
        self.others.iter().copied().filter(votes).collect()
    }
}
