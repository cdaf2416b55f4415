//! Proposals: who takes them, which of them wait, and what becomes of those that the core refuses.

use bytes::Bytes;
use quorate_clocks::NodeId;
use quorate_raft_core::ChangeError;

use crate::parcel::Parcel;
use crate::world::{Printed, World, ok};

impl World {
    pub(crate) fn propose(&mut self, id: u64, what: Parcel) -> Printed {
        self.node(id)?;
        match self.waiting.get_mut(&id).filter(|queue| !queue.is_empty()) {
            Some(queue) => {
                queue.push_back(what);
                ok()
            }
            None => self.propose_now(id, what),
        }
    }

    fn propose_now(&mut self, id: u64, what: Parcel) -> Printed {
        let node = self.node(id)?;
        if node.raft.role() != quorate_raft_core::Role::Leader {
            let knows = node.raft.leader().filter(|leader| leader.0 != id);
            let Some(leader) = knows else {
                return Ok("raft proposal dropped\n".to_owned());
            };
            self.network.push_back((id, leader.0, what));
            return ok();
        }
        let change = match what {
            Parcel::Proposal(data) => {
                let taken = node.raft.propose(Bytes::from(data), node.now);
                return match taken {
                    Ok(_) => ok(),
                    Err(_) => Ok("raft proposal dropped\n".to_owned()),
                };
            }
            Parcel::Change(change) => change,
            Parcel::Message(_) => return ok(),
        };
        let now = node.now;
        let taken = if change.ops.is_empty() {
            node.raft.leave_joint(now)
        } else {
            let begun = node.raft.change().through(change.through).even_if_behind();
            let wanted = change.ops.iter().fold(begun, |wanted, &(op, id)| {
                let id = NodeId(id);
                match op {
                    'v' => wanted.voter(id),
                    'l' => wanted.learner(id),
                    'w' => wanted.witness(id),
                    'r' => wanted.remove(id),
                    _ => wanted,
                }
            });
            node.raft.change_membership(&wanted, now)
        };
        match taken {
            Ok(position) => {
                self.changes.insert(position, change.text);
                ok()
            }
            // It is taken as soon as the first entry of the term is committed.
            Err(ChangeError::NotReady) => {
                self.waiting
                    .entry(id)
                    .or_default()
                    .push_back(Parcel::Change(change));
                ok()
            }
            Err(ChangeError::Transferring { .. }) => Ok("raft proposal dropped\n".to_owned()),
            // A change that may not be made becomes an entry without one.
            Err(error) => {
                let is_nothing = matches!(error, ChangeError::NothingChanges);
                let says_so = is_nothing || node.takes_any_change;
                let taken = node.raft.propose(Bytes::new(), now);
                if let (true, Ok(position)) = (says_so, taken) {
                    self.changes.insert(position, change.text);
                }
                ok()
            }
        }
    }

    /// Takes what has waited, one after the other, until one waits again.
    pub(crate) fn retry(&mut self, id: u64) -> Result<(), String> {
        let mut queue = self.waiting.remove(&id).unwrap_or_default();
        while let Some(what) = queue.pop_front() {
            self.propose_now(id, what)?;
            if let Some(again) = self.waiting.get_mut(&id) {
                again.append(&mut queue);
                break;
            }
        }
        Ok(())
    }
}
