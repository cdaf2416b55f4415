//! What operators do: voters become learners and voters again, leaders hand over, members are told to
//! stand for election. Which of it a run has is drawn from its seed.

use quorate_clocks::NodeId;
use quorate_raft_core::{Role, Transition};
use quorate_sim::{Knob, World};

use super::cluster::{Client, Cluster};

const OPERATOR: Knob = Knob::named("operator");

/// At most one deed, of those that this run has.
pub(crate) fn act(world: &mut World<Cluster>, ids: &[NodeId], turn: u64) {
    let draws = world.draws();
    let number = |what: u64, end: u64| draws.below(OPERATOR, what, what, turn, end);
    let has = |deed: u64| draws.below(OPERATOR, 0, deed, 0, 4) > 0;
    let any = |what: u64| ids[number(what, ids.len() as u64) as usize];
    let leaders = world
        .machines()
        .filter(|(_, raft)| raft.role() == Role::Leader);
    let leader = leaders
        .max_by_key(|(_, raft)| raft.term())
        .map(|(id, _)| id);
    match (number(1, 60), leader) {
        (0..=2, Some(leader)) if has(1) => {
            let transition = [
                Transition::Shortest,
                Transition::Joint,
                Transition::JointUntilLeft,
            ][number(2, 3) as usize];
            change(world, leader, [any(3), any(4)], transition);
        }
        (3, Some(leader)) if has(2) => {
            let to = any(5);
            world.call(leader, |raft, now| {
                raft.transfer_leadership(to, now).is_ok()
            });
        }
        (4, _) if has(3) => {
            world.call(any(6), |raft, now| raft.campaign(now).is_ok());
        }
        (5, _) if has(4) => {
            world.call(any(7), |raft, now| raft.forget_leader(now));
        }
        (6..=12, _) if has(5) => world.read_anywhere(any(8)),
        _ => {}
    }
}

/// Makes learners of these voters, and voters of these learners; or leaves what is joint. Two voters stay,
/// so that what is committed is never on one disk alone.
fn change(world: &mut World<Cluster>, leader: NodeId, who: [NodeId; 2], transition: Transition) {
    world.call(leader, |raft, now| {
        if raft.membership().is_joint() {
            return raft.leave_joint(now).is_ok();
        }
        let mut change = raft.change().through(transition);
        for id in who {
            let members = change.target();
            change = match members {
                Ok(members) if !members.is_voter(id) => change.voter(id),
                Ok(members) if members.voters().members().len() > 2 => change.learner(id),
                _ => change,
            };
        }
        raft.change_membership(&change, now).is_ok()
    });
}
