//! Members come and go.

use super::CausalBroadcast;
use crate::{Actor, Dot, MatrixJoinError, MatrixRemoveError, VersionVector};

impl<P: AsRef<[u8]> + Clone> CausalBroadcast<P> {
    /// Lets a member join that starts with what it had delivered: `start`.
    ///
    /// It has to start with all that is stable here, because that is forgotten. So take its snapshot
    /// from a member as late as possible, and when this is refused, a newer one, with which all have to
    /// let it join: those where it has joined already [acknowledge](Self::acknowledge) the newer start.
    /// Only then should it begin to take part.
    ///
    /// # Errors
    ///
    /// Those of [`MatrixClock::join`](crate::MatrixClock::join). Nothing has changed then.
    pub fn join(&mut self, member: Actor, start: &VersionVector) -> Result<(), MatrixJoinError> {
        self.matrix.join(member, start)
    }

    /// Lets a member leave, `last` of whose messages count, and says how many were dropped here
    /// because they do not.
    ///
    /// The group has to agree on `last`: at least what any member has delivered, and at most what
    /// some member holds, who then gives it to the others. What is missing of them is still asked
    /// for and delivered. A way to agree that works:
    ///
    /// 1. Every member that stays says how much it has [`held`](Self::held) of the leaver, and from then
    ///    on gives no message of that sender to [`receive`](Self::receive). It goes on with all others.
    /// 2. The largest of these is `last`, and every member calls this with it.
    ///
    /// If several leave together, agree on all of their numbers before the first call: a message whose
    /// cause does not count cannot count itself, so who sent it ends before it. Until all members have
    /// what counts, the next failure may take the only copy: a group that has to survive that lets
    /// everybody ask first, and agrees when all have delivered the same.
    ///
    /// # Errors
    ///
    /// Those of [`MatrixClock::remove`](crate::MatrixClock::remove): above all when one is known to
    /// have delivered more. Nothing has changed then.
    pub fn leave(&mut self, member: Actor, last: u64) -> Result<u64, MatrixRemoveError> {
        // Rows tell this of members, but not of those that have left.
        if self.matrix.is_member(member)
            && let Some((seen_by, seen)) = self.seen_in_pending(member, last)
        {
            return Err(MatrixRemoveError::Behind {
                member,
                seen_by,
                seen,
                last,
            });
        }
        let mut final_row = VersionVector::new();
        if last > 0 {
            final_row.observe(Dot {
                actor: member,
                counter: last,
            });
        }
        self.matrix.remove(member, &final_row)?;
        let mut dropped = 0;
        if let Some(inbox) = self.inboxes.get_mut(&member) {
            dropped = inbox.end_after(last);
            if inbox.is_empty() {
                self.inboxes.remove(&member);
            }
        }
        self.counts.uncounted = self.counts.uncounted.saturating_add(dropped);
        self.forget_stable();
        Ok(dropped)
    }

    /// Another sender that had delivered more messages of `member` than count, and how many.
    fn seen_in_pending(&self, member: Actor, last: u64) -> Option<(Actor, u64)> {
        let others = self.inboxes.iter().filter(|(sender, _)| **sender != member);
        let mut seen = others.flat_map(|(sender, inbox)| {
            let messages = inbox.messages();
            messages.map(|message| (*sender, message.vector().get(member)))
        });
        seen.find(|(_, seen)| *seen > last)
    }
}
