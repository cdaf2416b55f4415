//! What the nodes say of themselves, and waiting for it.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::processes::{Cluster, ProcessError};
use crate::api::{Faults, Status};
use crate::client::Client;

/// How long anything that must come about may take: an election takes a second at most, so this is
/// an outage, not bad luck.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// How often the nodes are asked while something is waited for.
const POLL: Duration = Duration::from_millis(20);
/// How long one node has to answer.
const ANSWER: Duration = Duration::from_millis(500);

/// Why waiting ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum ObserveError {
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error("waited {} s for {awaited}, in vain; {seen}", PATIENCE.as_secs())]
    InVain { awaited: String, seen: String },
    #[error("node {id} did not take its faults: {detail}")]
    Faults { id: u64, detail: String },
}

/// Asks the nodes what they are.
#[derive(Debug)]
pub(super) struct Observer {
    client: Client,
}

/// The state of every node that answered.
pub(super) type View = Vec<Option<Status>>;

impl Observer {
    pub(super) fn new(addresses: Vec<String>) -> Self {
        Self {
            client: Client::new(addresses, ANSWER),
        }
    }

    /// Asks every node that can answer.
    pub(super) async fn view(&mut self, cluster: &Cluster) -> View {
        let mut view = Vec::with_capacity(cluster.len());
        for node in 0..cluster.len() {
            let asked = cluster.is_running(node) && !cluster.is_frozen(node);
            view.push(match asked {
                true => self.client.status(node).await.ok(),
                false => None,
            });
        }
        view
    }

    /// Waits until the nodes show what is awaited.
    pub(super) async fn wait<T>(
        &mut self,
        cluster: &mut Cluster,
        awaited: &str,
        found: impl Fn(&View) -> Option<T>,
    ) -> Result<T, ObserveError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            cluster.check_alive()?;
            let view = self.view(cluster).await;
            if let Some(found) = found(&view) {
                return Ok(found);
            }
            if Instant::now() >= deadline {
                return Err(ObserveError::InVain {
                    awaited: awaited.to_owned(),
                    seen: describe(&view),
                });
            }
            sleep(POLL).await;
        }
    }

    /// Waits until all nodes agree on a leader, and answers its place.
    pub(super) async fn wait_agreed(
        &mut self,
        cluster: &mut Cluster,
    ) -> Result<usize, ObserveError> {
        let leader = self
            .wait(cluster, "all nodes to follow one leader", agreed)
            .await?;
        Ok(cluster.place(leader).unwrap_or_default())
    }

    /// Waits until a node other than `old` leads, in a newer term.
    pub(super) async fn wait_new_leader(
        &mut self,
        cluster: &mut Cluster,
        old: u64,
        old_term: u64,
    ) -> Result<u64, ObserveError> {
        let awaited = format!("a leader other than node {old}");
        self.wait(cluster, &awaited, |view| {
            view.iter()
                .flatten()
                .find(|status| status.is_leader() && status.id != old && status.term > old_term)
                .map(|status| status.id)
        })
        .await
    }

    /// Cuts the links of one node, or heals them, and waits until it has taken it.
    pub(super) async fn set_faults(
        &mut self,
        cluster: &Cluster,
        node: usize,
        faults: &Faults,
    ) -> Result<(), ObserveError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // Replacing all faults twice is replacing them once: this may always be sent again.
            let outcome = self.client.set_faults(node, faults).await;
            if matches!(&outcome, crate::client::Outcome::Ok(now) if now == faults) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(ObserveError::Faults {
                    id: cluster.id(node),
                    detail: format!("{outcome:?}"),
                });
            }
            sleep(POLL).await;
        }
    }
}

/// The leader that every node names, in one term.
pub(super) fn agreed(view: &View) -> Option<u64> {
    let first = view.first()?.as_ref()?;
    let leader = first.leader?;
    let all = view.iter().all(
        |status| matches!(status, Some(s) if s.leader == Some(leader) && s.term == first.term),
    );
    let leads = view
        .iter()
        .flatten()
        .any(|status| status.id == leader && status.is_leader());
    (all && leads).then_some(leader)
}

/// One line on what the nodes said last.
fn describe(view: &View) -> String {
    let nodes = view.iter().enumerate().map(|(place, status)| match status {
        None => format!("the node at place {} does not answer", place + 1),
        Some(status) => format!(
            "node {} is {} in term {} at index {}",
            status.id, status.role, status.term, status.applied
        ),
    });
    nodes.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(id: u64, role: &str, term: u64, leader: Option<u64>) -> Option<Status> {
        let json = serde_json::json!({
            "id": id, "incarnation": 1, "cluster": "demo", "role": role, "term": term,
            "leader": leader, "leader_http": null, "last": 1, "commit": 1, "applied": 1,
            "durable": 1, "peers": [], "keys": 0, "counters": 0, "leases": 0,
            "idempotency_keys": 0, "log_time_ms": 0, "allow_faults": true,
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn nodes_agree_only_when_all_name_a_leader_that_leads_in_their_term() {
        let leader = || status(2, "leader", 4, Some(2));
        let follower = |id| status(id, "follower", 4, Some(2));
        assert_eq!(agreed(&vec![follower(1), leader(), follower(3)]), Some(2));
        assert_eq!(agreed(&vec![follower(1), leader(), None]), None);
        let older = status(3, "follower", 3, Some(2));
        assert_eq!(agreed(&vec![follower(1), leader(), older]), None);
        assert_eq!(agreed(&vec![follower(1), follower(2), follower(3)]), None);
        assert_eq!(agreed(&vec![]), None);
    }
}
