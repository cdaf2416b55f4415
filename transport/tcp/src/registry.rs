//! Which inbound connections are the living ones.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quorate_clocks::{Incarnation, NodeId};
use quorate_transport::LaneGroup;
use tokio::sync::oneshot;

/// Lets one inbound connection live per peer and lane group.
///
/// When a host dies without a word, its connections here look alive forever. What ends them is the
/// next hello: a new connection replaces the one before it, and a new life of the peer replaces
/// everything of the old one. A hello of an older life is a ghost, and refused.
#[derive(Default)]
pub(crate) struct Registry {
    peers: Mutex<BTreeMap<NodeId, Peer>>,
}

#[derive(Default)]
struct Peer {
    incarnation: Incarnation,
    connections: BTreeMap<LaneGroup, Connection>,
    /// Tells the connections of one group apart.
    serial: u64,
}

struct Connection {
    serial: u64,
    /// Dropping it ends the connection.
    _alive: oneshot::Sender<()>,
}

impl Registry {
    /// Admits a connection, unless the peer is known to have a newer life: then that one comes back.
    pub(crate) fn admit(
        self: &Arc<Self>,
        node: NodeId,
        incarnation: Incarnation,
        group: LaneGroup,
    ) -> Result<Admission, Incarnation> {
        let mut peers = self.lock();
        let peer = peers.entry(node).or_default();
        if incarnation < peer.incarnation {
            return Err(peer.incarnation);
        }
        if incarnation > peer.incarnation {
            peer.incarnation = incarnation;
            peer.connections.clear();
        }
        peer.serial += 1;
        let serial = peer.serial;
        let (alive, replaced) = oneshot::channel();
        let connection = Connection {
            serial,
            _alive: alive,
        };
        peer.connections.insert(group, connection);
        Ok(Admission {
            registry: Arc::clone(self),
            node,
            group,
            serial,
            replaced,
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<NodeId, Peer>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right of a connection to deliver messages. Ends when it is dropped.
pub(crate) struct Admission {
    registry: Arc<Registry>,
    node: NodeId,
    group: LaneGroup,
    serial: u64,
    replaced: oneshot::Receiver<()>,
}

impl Admission {
    /// Returns when another connection took this one's place.
    pub(crate) async fn replaced(&mut self) {
        // The sender never sends: it is dropped.
        let _ = (&mut self.replaced).await;
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut peers = self.registry.lock();
        if let Some(peer) = peers.get_mut(&self.node)
            && peer
                .connections
                .get(&self.group)
                .is_some_and(|connection| connection.serial == self.serial)
        {
            peer.connections.remove(&self.group);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot::error::TryRecvError;

    use super::*;

    const PEER: NodeId = NodeId(9);

    fn lives(admission: &mut Admission) -> bool {
        admission.replaced.try_recv() == Err(TryRecvError::Empty)
    }

    #[test]
    fn a_new_connection_replaces_the_one_of_its_group_only() {
        let registry = Arc::new(Registry::default());
        let admit = |group| registry.admit(PEER, Incarnation(1), group).ok().unwrap();
        let mut first = admit(LaneGroup::Prompt);
        let mut bulk = admit(LaneGroup::Bulk);
        let mut second = admit(LaneGroup::Prompt);
        assert!(!lives(&mut first) && lives(&mut bulk) && lives(&mut second));
        // The end of the replaced one does not end its successor.
        drop(first);
        assert!(lives(&mut second));
    }

    #[test]
    fn a_newer_life_ends_the_older_one_which_cannot_come_back() {
        let registry = Arc::new(Registry::default());
        let admit = |life, group| registry.admit(PEER, Incarnation(life), group);
        let mut old = admit(1, LaneGroup::Bulk).ok().unwrap();
        let new = admit(2, LaneGroup::Prompt).ok().unwrap();
        assert!(!lives(&mut old));
        drop(new);
        assert_eq!(admit(1, LaneGroup::Prompt).err(), Some(Incarnation(2)));
        // Another peer has lives of its own.
        assert!(
            registry
                .admit(NodeId(8), Incarnation(0), LaneGroup::Bulk)
                .is_ok()
        );
    }
}
